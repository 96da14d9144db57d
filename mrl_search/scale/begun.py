"""A build of a cluster that has begun: of what, to where, and that nobody else's files are there."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mrl_search.adapter import Adapter
from mrl_search.atomic import held, promised
from mrl_search.builder import BuildOptions
from mrl_search.data import Corpus
from mrl_search.encoders import AdaptedEncoder, Encoder
from mrl_search.errors import ClusterError, IndexBusyError
from mrl_search.scale.cluster import WORK, explained, is_cluster
from mrl_search.scale.routing import Ranges
from mrl_search.scale.storage import Storage
from mrl_search.scale.turning import is_ours
from mrl_search.vectors import Vectors

_PARTIAL = re.compile(r"\..*\.partial")  # what a killed process was writing
_PART = re.compile(r"\d{4,}|[0-9a-f]{16}|read\.json|\..*\.partial")  # of what it read, right below `work`


@dataclass(frozen=True)
class Build:
    """A build that has begun. key: what of its parts only the same build may take. storage: where the cluster lies,
    if the folder is that of copies."""

    folder: Path
    storage: Storage | None
    corpus: Corpus
    widths: tuple[int, ...]
    encoder: Encoder
    given: Vectors | None
    options: BuildOptions
    ranges: Sequence[Ranges]
    version: int
    key: str

    @property
    def bare(self) -> Encoder:
        """What encodes, without the adapter behind it."""
        return self.encoder.base if isinstance(self.encoder, AdaptedEncoder) else self.encoder

    @property
    def adapter(self) -> Adapter | None:
        """What its vectors pass through, if anything."""
        return self.encoder.adapter if isinstance(self.encoder, AdaptedEncoder) else None

    @property
    def work(self) -> Path:
        """Where its parts lie; in object storage no build finds another's there, as nobody is locked out."""
        return self.folder / WORK if self.storage is None else self.folder / WORK / self.key


def shard_name(build: Build, number: int) -> str:
    """Under which a shard of this version lies; in object storage of this build, as another may go on beside it."""
    name = f"shards/{build.version:06d}-{number:04d}"
    return name if build.storage is None else f"{name}-{build.key}"


def key_of(corpus: Corpus, encoder: Encoder, options: BuildOptions, shards: int, version: int) -> str:
    """Of the corpus as it is now, of what encodes it, and of how it is cut."""
    files = [Path(corpus.source), *([options.vectors] if options.vectors is not None else [])]
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.is_file()]
    told = [corpus.source, stats, encoder.identity, asdict(encoder.spec), options.skip_bad, shards, version]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]


def demand_free(folder: Path, storage: Storage | None, *, force: bool) -> None:
    """Raises ClusterError where something is that is not to be replaced."""
    where: Path | str = folder if storage is None else storage.url
    if is_cluster(folder):
        if not force:
            raise ClusterError(f"{where} already holds a cluster; --force replaces it, --index DIR builds elsewhere")
        return
    names = storage.top() if storage is not None else {one.name for one in folder.glob("*")}
    is_known = all(name in (WORK, "shards") or is_ours(name) or _PARTIAL.fullmatch(name) for name in names)
    if not is_known or not all(_PART.fullmatch(one.name) for one in (folder / WORK).glob("*")):
        raise ClusterError(f"{where} is not empty and holds no cluster; empty it, or name another folder with --index")


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """The folder, made if need be, is this build's alone; one that was made and stays empty goes again."""
    try:
        with promised(folder), held(folder), explained(folder):
            yield
    except BlockingIOError as error:
        raise IndexBusyError(f"another process is writing to {folder}; wait for it to finish") from error
