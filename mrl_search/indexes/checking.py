"""Whether an index is what was committed, and what of it can be made good without losing anything."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.amend import write_bounds
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.codecs import Codec
from mrl_search.indexes.kept_adapter import read_adapter
from mrl_search.indexes.layout import FileRecord, Layout, Segment, explained, orphans, sweep, sync_folder, verify
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.postings import forget_words, segments_of_damaged_words, write_stored_words
from mrl_search.indexes.reader import committed, read_rotation
from mrl_search.indexes.schema import LIVING, SUMMED, UNREADABLE
from mrl_search.indexes.segment_files import SegmentFiles
from mrl_search.indexes.stored import map_vectors
from mrl_search.indexes.sums import damaged

_PREFIX, _SKETCHES, _BOUNDS, _WORDS, _ORPHAN = "prefix", "sketches", "bounds", "words", "orphan"


class Finding(NamedTuple):
    """Something that is not as it should be. cure: what --repair would do; empty where nothing of ours can.

    is_mended: whether it was done. ids: of the documents that have to be added again.
    """

    problem: str
    cure: str = ""
    is_mended: bool = False
    ids: tuple[str, ...] = ()


class _Found(NamedTuple):
    finding: Finding
    kind: str = ""
    segment: int = 0


def check(folder: Path | str, *, repair: bool = False) -> list[Finding]:
    """What is wrong with an index: every file is read to its end, every count compared with every other.

    repair: makes anew what can be made from the vectors (prefix index, sketches, bounds) and the texts (words), and
    removes folders that nothing names; vectors, texts and rotations cannot be made anew. Takes the write lock for that.
    Raises IndexStoreError where there is no index, or its catalog cannot be read at all.
    """
    layout = Layout(Path(folder))
    if not repair:
        catalog = Catalog.read(layout.catalog)
        try:
            return [found.finding for found in _all(catalog, layout)]
        finally:
            catalog.close()
    Catalog.read(layout.catalog).close()  # says so where there is no index; opening for writing would make one
    with explained(layout.folder):
        catalog = Catalog.write(layout.catalog)
        try:
            found = list(_all(catalog, layout))
            hopeless = [one for one in found if not one.finding.cure]
            if not hopeless:
                _mend(catalog, layout, found)
        finally:
            catalog.close()
    return [one.finding._replace(is_mended=bool(one.finding.cure) and not hopeless) for one in found]


def _all(catalog: Catalog, layout: Layout) -> Iterator[_Found]:
    try:
        told = [told for (told,) in catalog.connection.execute("PRAGMA integrity_check")]
    except UNREADABLE as error:
        told = [str(error)]
    if told != ["ok"]:
        yield _Found(Finding(f"{layout.catalog}: {' '.join('; '.join(told).split())}"))
        return
    try:
        manifest, segments = committed(catalog, layout)
    except IndexStoreError as error:
        yield _Found(Finding(str(error)))
        return
    try:
        read_adapter(catalog, manifest)
    except IndexStoreError as error:
        yield _Found(Finding(str(error)))
    yield from _files(layout, manifest, segments)
    for segment in segments:
        yield from _vectors(catalog, layout, manifest, segment)
        yield from _rows(catalog, segment)
    yield from _strays(catalog)
    yield from _texts(catalog)
    for number in segments_of_damaged_words(catalog.connection):
        finding = Finding(f"the words of segment {number} are damaged", "make them anew from the texts")
        yield _Found(finding, _WORDS, number)
    for path in orphans(layout, catalog.folders(manifest)):
        yield _Found(Finding(f"{path} is named by nothing that was committed", "remove it"), _ORPHAN)


def _files(layout: Layout, manifest: Manifest, segments: tuple[Segment, ...]) -> Iterator[_Found]:
    try:
        read_rotation(layout, manifest)
    except IndexStoreError as error:
        yield _Found(Finding(str(error)))
    for segment in segments:
        yield from _file(layout.prefix(segment.number), segment.prefix, _PREFIX, segment.number)
    if (sketches := manifest.sketches) is not None:
        record = FileRecord(sketches.size, sketches.sha256)
        yield from _file(layout.sketches(sketches.segment), record, _SKETCHES, sketches.segment)
    if (bounds := manifest.bounds) is not None:
        for path, size, sha256 in zip(layout.bounds(bounds.segment), bounds.sizes, bounds.sha256, strict=True):
            yield from _file(path, FileRecord(size, sha256), _BOUNDS, bounds.segment)


def _file(path: Path, record: FileRecord, kind: str, segment: int) -> Iterator[_Found]:
    """kind: empty where the file cannot be made anew."""
    try:
        verify(path, record, digest=True)
    except IndexStoreError as error:
        cure = "make it anew from the vectors" if kind else ""
        problem, _, _ = str(error).partition("; ")
        yield _Found(Finding(problem if cure else f"{problem}; build the index again", cure), kind, segment)
    except OSError as error:
        yield _Found(Finding(f"{path} cannot be read: {error}"))


def _vectors(catalog: Catalog, layout: Layout, manifest: Manifest, segment: Segment) -> Iterator[_Found]:
    """Vectors that are not what was committed: the documents' they are, where the file has checksums of its rows."""
    path = layout.vectors(segment.number)
    found = list(_file(path, segment.vectors, "", segment.number))
    rows = list[int]()
    with contextlib.suppress(IndexStoreError):  # which is found already
        if found and (sums := map_vectors(path, segment.documents, manifest.dim, manifest.dtype).sums) is not None:
            rows = sums.unsound()
    if not rows:
        yield from found
        return
    asked = "SELECT id FROM documents WHERE segment = ? AND row = ?"
    ids = tuple(str(one) for row in rows for (one,) in catalog.read_rows(asked, segment.number, row))
    told = f"add {_named(ids)} again, all together, then compact" if ids else "they are of deleted documents; compact"
    yield _Found(Finding(f"{path} is damaged in {len(rows):,} rows: {told}", ids=ids))


def _rows(catalog: Catalog, segment: Segment) -> Iterator[_Found]:
    """Every row is one document's or one tombstone's."""
    number, rows = segment.number, segment.documents
    dead = catalog.tombstones(number)
    count, least, most = catalog.connection.execute(
        "SELECT count(*), min(row), max(row) FROM documents WHERE segment = ?", (number,)
    ).fetchone()
    try:
        segment.checked([least, most] if count else [])
        segment.checked(dead)
    except IndexStoreError as error:
        yield _Found(Finding(str(error)))
        return
    if count + len(dead) != rows:
        told = f"segment {number} has {rows:,} rows, {count:,} documents and {len(dead):,} deleted ones"
        yield _Found(Finding(f"{told}; they do not agree"))
    elif dead:
        ((both,),) = catalog.connection.execute(
            "SELECT count(*) FROM tombstones JOIN documents USING (segment, row) WHERE segment = ?", (number,)
        )
        if both:
            yield _Found(Finding(f"segment {number}: {both:,} rows are a document's and deleted"))


def _strays(catalog: Catalog) -> Iterator[_Found]:
    for table in ("documents", "tombstones") if catalog.format >= LIVING else ("documents",):
        ((count,),) = catalog.connection.execute(
            f"SELECT count(*) FROM {table} WHERE segment NOT IN (SELECT number FROM segments)"  # noqa: S608
        )
        if count:
            yield _Found(Finding(f"{count:,} {table} are of segments that are not there"))
    ((count,),) = catalog.connection.execute(
        "SELECT count(*) FROM documents WHERE metadata != '' AND NOT json_valid(metadata)"
    )
    if count:
        yield _Found(Finding(f"the metadata of {count:,} documents is not JSON"))


def _texts(catalog: Catalog) -> Iterator[_Found]:
    """Documents that are not what was committed."""
    ids = damaged(catalog.read_rows) if catalog.format >= SUMMED else []
    if ids:
        yield _Found(Finding(f"{len(ids):,} documents are damaged ({_named(ids)}); add them again", ids=tuple(ids)))


def _named(ids: Sequence[str]) -> str:
    """The first of them, for people."""
    return ", ".join(map(repr, ids[:5])) + ", … (--json names all)" * (len(ids) > 5)


def _mend(catalog: Catalog, layout: Layout, found: list[_Found]) -> None:
    """Does what every finding's cure says, in one commit."""
    manifest, segments = committed(catalog, layout)
    by_number = {segment.number: segment for segment in segments}
    broken = {(one.kind, one.segment) for one in found}
    sweep(layout, catalog.folders(manifest))
    for kind, number in sorted(broken):
        if kind in (_PREFIX, _SKETCHES):
            manifest = _made_anew(catalog, layout, manifest, (kind, by_number[number]))
        elif kind == _BOUNDS:
            manifest = replace(manifest, bounds=write_bounds(layout, manifest, by_number[number]))
        elif kind == _WORDS:
            forget_words(catalog.connection, [number])
            write_stored_words(catalog.connection, number, by_number[number].documents)
    catalog.commit(manifest)


def _made_anew(catalog: Catalog, layout: Layout, manifest: Manifest, what: tuple[str, Segment]) -> Manifest:
    """The file is written beside the damaged one and then takes its place; readers keep what they have mapped."""
    kind, segment = what
    path = layout.prefix(segment.number) if kind == _PREFIX else layout.sketches(segment.number)
    aside = path.with_name(f"{path.name}.damaged")
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
    try:
        files = SegmentFiles.of(layout, segment, manifest)
        if kind == _PREFIX:
            codec = Codec(segment.codec or manifest.prefix)
            catalog.finish_segment(segment._replace(prefix=files.write_prefix(manifest.prefix_dim, codec)))
        else:
            manifest = replace(manifest, sketches=files.write_sketches())
    except BaseException:
        if aside.exists():
            aside.replace(path)
        raise
    shutil.rmtree(aside) if aside.is_dir() else aside.unlink(missing_ok=True)
    sync_folder(path.parent)
    return manifest
