"""Which segments an `add` writes anew, so that they stay few."""

from collections.abc import Sequence

_SMALL = 1_000  # documents, which are written anew in a few milliseconds
_SMALL_BYTES = 4 * 2**20  # of the catalog, where they are long: whose words are read anew in a few tenths of a second
_TIMES = 3
_LARGEST = 100_000  # documents of a segment that an `add` makes out of others; beyond, only `compact` does


def carried(sizes: Sequence[int], incoming: int, bytes_each: int = 0) -> int:
    """How many of the last segments are written anew together with so many documents that come in.

    sizes: documents of each segment, in order. bytes_each: of the catalog, which a document takes. A segment is taken
    along if it is no larger than three times what follows it, or small: the logarithmic method (Bentley and Saxe 1980),
    whose segments shrink to a third and less from the first to the last. Only the last are merged, so that rows stay in
    the order in which documents came.
    """
    small = min(_SMALL, _SMALL_BYTES // max(1, bytes_each))
    count, together = 0, incoming
    for size in reversed(sizes):
        if size > max(_TIMES * together, small) or (size and size + together > _LARGEST):
            break
        count, together = count + 1, together + size
    return count
