"""Which of the full width's neighbours prefixes find."""

import numpy as np

from mrl_search import fidelity
from mrl_search.fidelity import cut, held, nearest
from mrl_search.rotation import Rotation
from mrl_search.vectors import unit


def test_the_share_of_true_rows_among_the_nearest_is_per_query_and_per_count():
    # by the first coordinate alone the cosines with rows 0, 1, 2 are .6, .8, -.6
    documents = np.array([[0.6], [0.8], [-0.6]], np.float32)
    queries = np.array([[1.0], [-1.0]], np.float32)
    true = np.array([[0, 2], [2, 1]])
    # of the first: row 1 alone is the best, rows 1 and 0 the best two. of the second: 2, then 2 and 0
    assert held(queries, documents, true, (1, 2, 3)).tolist() == [[0.0, 0.5], [0.5, 0.5], [1.0, 1.0]]


def test_a_copy_at_the_edge_counts_as_found():
    documents = np.array([[1.0], [0.5], [0.5]], np.float32)
    assert held(np.ones((1, 1), np.float32), documents, np.array([[0, 2]]), (2,)).tolist() == [[1.0]]


def test_it_is_what_counting_common_rows_gives_and_blocks_make_no_difference(monkeypatch):
    vectors = unit(np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32))
    queries, documents = vectors[:20], vectors[20:]
    true = nearest(queries, documents, 5)
    shares = []
    for size in (128, 7):
        monkeypatch.setattr(fidelity, "_QUERIES", size)
        assert (np.sort(nearest(queries, documents, 5)) == np.sort(true)).all()
        shares.append(held(queries[:, :4], documents[:, :4], true, (5, 9)))
    found = [nearest(queries[:, :4], documents[:, :4], k) for k in (5, 9)]
    naive = [[len(np.intersect1d(*rows)) / 5 for rows in zip(true, some, strict=True)] for some in found]
    np.testing.assert_allclose(shares, [naive, naive])


def test_a_cut_is_a_prefix_in_the_axes_of_the_rotation():
    swapped = Rotation(np.array([[0, 1], [1, 0]], np.float32), "pca")
    assert cut(np.array([[0.6, 0.8]], np.float32), swapped, 1).tolist() == [[1.0]]
    assert cut(np.array([[-0.6, 0.8]], np.float32), None, 1).tolist() == [[-1.0]]
