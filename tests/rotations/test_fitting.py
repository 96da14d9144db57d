import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.errors import RotationError
from mrl_search.rotations import KINDS, fit
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


def test_only_a_block_that_an_asked_width_cuts_is_learned():
    sample = some(0)
    learned = rotation_of("block-learned", sample, Goal((6,), (4, 8), recipe=SHORT)).matrix
    principal = rotation_of("block-pca", sample, Goal((6,), (4, 8))).matrix
    same = [
        bool((learned[part, part] == principal[part, part]).all()) for part in (slice(4), slice(4, 8), slice(8, 16))
    ]
    assert same == [True, False, True]


def test_pca_is_the_eigendecomposition_of_the_uncentred_second_moment():
    sample = some(1)
    strengths, columns = np.linalg.eigh(sample.astype(np.float64).T @ sample)
    found = fit("pca", sample, [4]).rotation.matrix
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


def test_none_is_nothing_and_gives_no_reason():
    assert fit("none", some(0), [4]) == (None, "none", "")


@pytest.mark.parametrize("kind", ["pca", "auto"])
def test_without_a_prefix_nothing_is_fitted(kind):
    assert fit(kind, some(0), []) == (None, "none", "there is no prefix to gain from it")


def test_a_fixed_kind_is_named_and_needs_no_reason():
    rotation, kind, why = fit("pca", some(0), [4])
    assert (rotation.kind, kind, why) == ("pca", "pca", "")


def test_the_whole_width_may_stand_among_the_trained_ones_and_is_no_cut():
    assert fit("block-pca", some(0), [4], [8, 16]).kind == "block-pca"
    with pytest.raises(RotationError, match="names none"):
        fit("block-pca", some(0), [4], [16])


@pytest.mark.parametrize(
    ("kind", "widths", "trained", "message"),
    [
        ("best", [4], [], f"there is no rotation 'best'; choose one of {', '.join(KINDS)}"),
        ("pca", [16], [], "the prefix widths must grow and lie between 1 and 15, found [16]"),
        ("pca", [0, 4], [], "the prefix widths must grow and lie between 1 and 15, found [0, 4]"),
        ("pca", [8, 4], [], "the prefix widths must grow and lie between 1 and 15, found [8, 4]"),
        ("block-pca", [4], [8, 8], "the trained widths must grow and lie between 1 and 15, found [8, 8]"),
        (
            "block-learned",
            [4],
            [],
            "block-learned keeps the widths an encoder was trained to be cut at, and this one names none; take learned",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(kind, widths, trained, message):
    with pytest.raises(RotationError) as error:
        fit(kind, some(0), widths, trained)
    assert str(error.value) == message


def test_too_few_rows_are_refused_with_both_numbers():
    with pytest.raises(RotationError, match="of kind learned is fitted to at least 20 vectors, found 19"):
        fit("learned", some(0, rows=19), [4])
    with pytest.raises(RotationError, match="of kind pca is fitted to at least 1 vectors, found 0"):
        fit("pca", some(0)[:0], [4])


def test_vectors_that_are_no_finite_float32_rows_are_refused():
    broken = some(0)
    broken[3, 3] = np.nan
    with pytest.raises(RotationError, match="not all finite"):
        fit("pca", broken, [4])
    with pytest.raises(RotationError, match=r"float32 rows, found float64 of shape \(120, 16\)"):
        fit("pca", some(0).astype(np.float64), [4])


def test_pca_works_without_torch():
    code = (
        "import sys, numpy as np; from mrl_search.rotations import fit;"
        "fit('pca', np.eye(8, dtype=np.float32), [4]); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
