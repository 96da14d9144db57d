"""Reading a FAISS file that may mean harm: its checksum says who wrote it, not that he meant well."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.codecs import load_faiss, reason

_PARSING = threading.Lock()  # FAISS's limits are the whole process's


def read_faiss(path: Path) -> Any:
    """FAISS's index in a file whose checksum has been verified. Raises IndexStoreError for what FAISS refuses.

    No array may be longer than the file, and of nothing may there be more than the file has bytes. Tables that FAISS
    would work out beside them, up to 16 GiB, are not made: distances between codes and Euclidean ones need them, not
    ours. Lists that are said to lie in a file of their own would be looked for in this folder only, and are refused.
    FAISS's reader of mapped files is not used: 1.15.1 crashes where one ends early (IO_FLAG_MMAP_IFC; at 26 of 1,616
    lengths of an `IVF16,Flat`).
    """
    faiss = load_faiss()
    flags = faiss.IO_FLAG_READ_ONLY | faiss.IO_FLAG_ONDISK_SAME_DIR
    flags |= faiss.IO_FLAG_PQ_SKIP_SDC_TABLE | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
    try:
        size = path.stat().st_size
    except OSError as error:  # a writer may have removed it by now
        raise IndexStoreError(f"{path} cannot be read: {error.strerror or error}; build the index again") from error
    try:
        with _limited(faiss, size + 1):
            index = faiss.read_index(str(path), flags)
        _refuse_lists_elsewhere(faiss, index)
        _refuse_dims_elsewhere(faiss, index)
    except (RuntimeError, MemoryError) as error:
        raise IndexStoreError(f"FAISS cannot read {path}: {reason(error)}") from error
    return index


@contextlib.contextmanager
def _limited(faiss: Any, most: int) -> Iterator[None]:
    """FAISS refuses to read more than this of anything; before 1.14 it had no such limits."""
    kinds = [kind for kind in ("vector_byte", "loop") if hasattr(faiss, f"set_deserialization_{kind}_limit")]
    with _PARSING:
        before = {kind: getattr(faiss, f"get_deserialization_{kind}_limit")() for kind in kinds}
        try:
            for kind in kinds:
                getattr(faiss, f"set_deserialization_{kind}_limit")(most)
            yield
        finally:
            for kind, limit in before.items():
                getattr(faiss, f"set_deserialization_{kind}_limit")(limit)


def _refuse_dims_elsewhere(faiss: Any, index: Any) -> None:
    """Raises RuntimeError unless every transform before an index takes dims that there are; FAISS does not look."""
    index = faiss.downcast_index(index)
    for inner in ("index", "base_index"):
        if hasattr(index, inner):
            _refuse_dims_elsewhere(faiss, getattr(index, inner))
    turns = range(index.chain.size()) if hasattr(index, "chain") else ()
    for turn in (faiss.downcast_VectorTransform(index.chain.at(place)) for place in turns):
        if isinstance(turn, faiss.RemapDimensionsTransform):
            taken = faiss.vector_to_array(turn.map)
            if len(taken) != turn.d_out or not ((taken >= -1) & (taken < turn.d_in)).all():  # -1: a zero
                raise RuntimeError(f"a transform of {turn.d_in} dims takes others")
        elif isinstance(turn, faiss.LinearTransform) and turn.A.size() != turn.d_in * turn.d_out:
            raise RuntimeError(f"a transform of {turn.d_in} to {turn.d_out} dims has {turn.A.size()} weights")


def _refuse_lists_elsewhere(faiss: Any, index: Any) -> None:
    """Raises RuntimeError unless the lists of an IVF are in memory."""
    inside = faiss.try_extract_index_ivf(index)
    lists = faiss.downcast_InvertedLists(inside.invlists) if inside is not None else None
    if lists is not None and not isinstance(lists, faiss.ArrayInvertedLists | faiss.BlockInvertedLists):
        raise RuntimeError(f"its lists are {type(lists).__name__}, wanted ones in memory")
