"""What it means that a device found what the CPU finds."""

import numpy as np

CLOSE = 1e-6


def assert_agree(found, expected):
    """The same scores to 1e-6, equals by row, and the same rows but where others are as close as that.

    Both round sums of float32, each in its own order, so that vectors that are no copies may change places there.
    """
    np.testing.assert_allclose(found.scores, expected.scores, atol=CLOSE)
    ties = (np.diff(found.scores, axis=1) == 0) & (found.rows[:, 1:] >= 0)
    assert (np.diff(found.rows, axis=1)[ties] > 0).all()
    differ = found.rows != expected.rows
    for query, place in np.argwhere(differ):
        scores = expected.scores[query]
        near = np.count_nonzero(np.abs(scores - scores[place]) <= CLOSE)
        is_last = abs(scores[place] - scores[-1]) <= CLOSE  # its neighbour may be the one that was left out
        assert near > 1 or is_last, f"query {query}, place {place}"
    assert differ.sum() <= 1 + 0.01 * differ.size
