"""Where a cluster's documents come from: whatever `open_corpus` reads, and files at URLs that fsspec knows."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from mrl_search.atomic import replacing
from mrl_search.cache import cache_root
from mrl_search.data import Corpus, open_corpus
from mrl_search.errors import ClusterError
from mrl_search.scale.storage import place, reaching


@contextmanager
def corpus_at(source: str | Path | Corpus) -> Iterator[Corpus]:
    """The corpus that is meant by `source`; of a URL a copy, which goes when the block ends well.

    Where it does not, the copy stays, for whoever tries again: such a corpus' source is the URL and what the server
    says of the file now, so that one that was replaced is another. Raises CorpusError as `open_corpus`, ClusterError
    where the URL cannot be reached, or names a folder.
    """
    if isinstance(source, Corpus):
        yield source
        return
    source = str(source)
    url = place(source)
    if isinstance(url, Path):
        yield open_corpus(str(url) if "://" in source else source)
        return
    with reaching(url) as (files, root):
        told = files.info(root)
        if told["type"] == "directory":
            raise ClusterError(f"{url} is a folder; name one file of documents in it")
        state = sha256(repr(sorted(told.items())).encode()).hexdigest()[:16]
        path = cache_root() / "corpora" / sha256(f"{url} {state}".encode()).hexdigest()[:16] / _name(url)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                files.get_file(root, str(temporary))
    yield replace(open_corpus(str(path)), source=f"{url} {state}")
    shutil.rmtree(path.parent, ignore_errors=True)


def _name(url: str) -> str:
    """The file's own, without what a signed URL says behind it."""
    return url.partition("?")[0].rpartition("/")[2]
