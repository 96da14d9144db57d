import subprocess
import sys

import numpy as np
import pytest

from mrl_search.errors import RotationError
from mrl_search.rotations import KINDS, fit
from mrl_search.vectors import unit

SAMPLE = unit(np.random.default_rng(0).standard_normal((120, 16)).astype(np.float32))


def test_none_is_nothing_and_gives_no_reason():
    assert fit("none", SAMPLE, [4]) == (None, "none", "")


@pytest.mark.parametrize("kind", ["pca", "auto"])
def test_without_a_prefix_nothing_is_fitted(kind):
    assert fit(kind, SAMPLE, []) == (None, "none", "there is no prefix to gain from it")


def test_a_fixed_kind_is_named_and_needs_no_reason():
    rotation, kind, why = fit("pca", SAMPLE, [4])
    assert (rotation.kind, kind, why) == ("pca", "pca", "")


def test_a_block_kind_keeps_the_trained_widths_it_is_given():
    rotation, kind, _ = fit("block-pca", SAMPLE, [4], [8, 16])
    assert kind == "block-pca"
    assert not rotation.matrix[:8, 8:].any()


@pytest.mark.parametrize(
    ("kind", "sample", "widths", "trained", "message"),
    [
        ("best", SAMPLE, [4], [], f"there is no rotation 'best'; choose one of {', '.join(KINDS)}"),
        ("none", SAMPLE, [16], [], "the prefix widths must grow and lie between 1 and 15, found [16]"),
        ("block-pca", SAMPLE, [4], [8, 8], "the trained widths must grow and lie between 1 and 15, found [8, 8]"),
        (
            "block-learned",
            SAMPLE,
            [4],
            [16],
            "block-learned keeps the widths an encoder was trained to be cut at, and this one names none; take learned",
        ),
        ("pca", SAMPLE[:0], [4], [], "a rotation of kind pca is fitted to at least 1 vectors, found 0"),
        ("pca", SAMPLE * np.inf, [4], [], "the vectors that a rotation should be fitted to are not all finite"),
    ],
    ids=["kind", "widths", "trained", "no-blocks", "no-rows", "infinite"],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(kind, sample, widths, trained, message):
    with pytest.raises(RotationError) as error:
        fit(kind, sample, widths, trained)
    assert str(error.value) == message


def test_pca_works_without_torch():
    code = (
        "import sys, numpy as np; from mrl_search.rotations import fit;"
        "fit('pca', np.eye(8, dtype=np.float32), [4]); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
