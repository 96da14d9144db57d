import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.errors import RotationError
from mrl_search.rotations.blocks import rotation_of
from mrl_search.rotations.goal import Goal, Recipe
from mrl_search.vectors import prefix, unit

SHORT = Recipe(steps=20, pool=128, anchors=32)
FITTED = ["pca", "learned", "block-pca", "block-learned"]


def some(seed, rows=120, dim=16):
    """Unit rows, their later coordinates as strong as their first."""
    random = np.random.default_rng(seed)
    mixed = random.standard_normal((rows, dim)) * np.linspace(1, 3, dim) @ random.standard_normal((dim, dim))
    return unit(mixed.astype(np.float32))


def cosines(vectors, dim):
    cut = prefix(vectors, dim)
    return cut @ cut.T


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("kind", FITTED)
def test_a_rotation_is_orthogonal_and_keeps_every_full_width_cosine(kind, seed):
    sample = some(seed)
    rotation = rotation_of(kind, sample, Goal((4, 6), (4, 8), recipe=SHORT))
    wide = rotation.matrix.astype(np.float64)
    np.testing.assert_allclose(wide @ wide.T, np.eye(16), atol=1e-5)
    np.testing.assert_allclose(cosines(rotation.apply(sample), 16), cosines(sample, 16), atol=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("kind", ["block-pca", "block-learned"])
def test_a_block_kind_keeps_the_cosines_of_every_trained_prefix(kind, seed):
    sample = some(seed)
    turned = rotation_of(kind, sample, Goal((6,), (4, 8), recipe=SHORT)).apply(sample)
    for trained in (4, 8, 16):
        np.testing.assert_allclose(cosines(turned, trained), cosines(sample, trained), atol=1e-5)
    assert np.abs(cosines(turned, 6) - cosines(sample, 6)).max() > 1e-3


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("kind", ["block-pca", "block-learned"])
def test_a_block_kind_keeps_the_length_of_every_trained_prefix(kind, seed):
    sample = some(seed)
    turned = rotation_of(kind, sample, Goal((6,), (4, 8), recipe=SHORT)).apply(sample)
    for trained in (4, 8, 16):
        lengths = np.linalg.norm(sample[:, :trained], axis=1)
        np.testing.assert_allclose(np.linalg.norm(turned[:, :trained], axis=1), lengths, atol=1e-5)


@pytest.mark.parametrize("trained", [(1,), (15,), (4, 8), (3, 4, 11)])
@pytest.mark.parametrize("kind", ["block-pca", "block-learned"])
def test_a_block_kind_mixes_no_coordinates_across_a_trained_cut(kind, trained):
    matrix = rotation_of(kind, some(4), Goal((2, 6), trained, recipe=SHORT)).matrix
    block = np.searchsorted(trained, np.arange(16), side="right")
    assert not matrix[block[:, None] != block].any()
    for number in range(len(trained) + 1):
        inside = matrix[np.ix_(block == number, block == number)]
        np.testing.assert_allclose(inside @ inside.T, np.eye(len(inside)), atol=1e-5)


@pytest.mark.parametrize("kind", ["pca", "learned"])
def test_a_kind_without_blocks_takes_no_notice_of_trained_widths(kind):
    with_cuts, without = (rotation_of(kind, some(5), Goal((6,), cuts, recipe=SHORT)).matrix for cuts in ((4, 8), ()))
    assert (with_cuts == without).all()
    assert with_cuts[:4, 4:].any()


@pytest.mark.parametrize("kind", ["block-pca", "block-learned"])
def test_inside_a_block_the_strongest_axis_comes_first(kind):
    turned = rotation_of(kind, some(6), Goal((2,), (4, 8), recipe=SHORT)).apply(some(6))
    strengths = (turned.astype(np.float64) ** 2).sum(axis=0)
    for start, stop in ((4, 8), (8, 16)):  # no asked width cuts these, so the learned kind leaves them principal
        assert (np.diff(strengths[start:stop]) <= 0).all()


def test_only_a_block_that_an_asked_width_cuts_is_learned():
    sample = some(0)
    learned = rotation_of("block-learned", sample, Goal((6,), (4, 8), recipe=SHORT)).matrix
    principal = rotation_of("block-pca", sample, Goal((6,), (4, 8))).matrix
    same = [
        bool((learned[part, part] == principal[part, part]).all()) for part in (slice(4), slice(4, 8), slice(8, 16))
    ]
    assert same == [True, False, True]


def test_an_asked_width_that_is_a_trained_cut_leaves_nothing_to_learn():
    learned = rotation_of("block-learned", some(0), Goal((4, 8), (4, 8), recipe=SHORT)).matrix
    assert (learned == rotation_of("block-pca", some(0), Goal((4, 8), (4, 8))).matrix).all()


def test_pca_is_the_eigendecomposition_of_the_uncentred_second_moment():
    sample = some(1)
    strengths, columns = np.linalg.eigh(sample.astype(np.float64).T @ sample)
    found = rotation_of("pca", sample, Goal((4,))).matrix
    for row, axis in zip(found, columns.T[np.argsort(-strengths)], strict=True):
        np.testing.assert_allclose(row, axis * np.sign(axis[np.abs(axis).argmax()]), atol=1e-4)


@pytest.mark.parametrize("kind", FITTED)
def test_the_same_arguments_give_the_same_matrix(kind):
    first, second = (rotation_of(kind, some(2), Goal((6,), (4, 8), 5, SHORT)).matrix for _ in range(2))
    assert (first == second).all()


def test_the_sample_is_left_as_it_was():
    sample = some(3)
    before = sample.copy()
    rotation_of("block-learned", sample, Goal((6,), (4, 8), recipe=SHORT))
    assert (sample == before).all()


def test_only_axes_learned_over_the_whole_width_are_made_of_few_reflections():
    found = {kind: rotation_of(kind, some(7), Goal((3, 6), (8,), recipe=SHORT)).reflections for kind in FITTED}
    assert found == {"pca": 0, "learned": 6, "block-pca": 0, "block-learned": 0}


@pytest.mark.parametrize("kind", ["pca", "learned"])
def test_a_block_kind_without_trained_widths_is_refused_and_names_the_kind_to_take(kind):
    with pytest.raises(RotationError, match=f"^block-{kind} keeps .* and this one names none; take {kind}$"):
        rotation_of(f"block-{kind}", some(0), Goal((4,)))


@pytest.mark.parametrize(("kind", "least"), [("pca", 1), ("block-pca", 1), ("learned", 20), ("block-learned", 20)])
def test_too_few_rows_are_refused_with_both_numbers(kind, least):
    goal = Goal((4,), (8,), recipe=SHORT)
    with pytest.raises(RotationError, match=f"of kind {kind} is fitted to at least {least} vectors, found {least - 1}"):
        rotation_of(kind, some(0)[: least - 1], goal)
    assert rotation_of(kind, some(0)[:least], goal).kind == kind
