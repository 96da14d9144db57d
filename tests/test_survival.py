"""What a build warns of, and what it refuses."""

import logging

import numpy as np
import pytest

from mrl_search.builder import BuildOptions, build
from mrl_search.errors import DimensionError
from mrl_search.survival import fit_and_judge, survival
from mrl_search.vectors import unit


def noise(rows=1_500, dim=64):
    return unit(np.random.default_rng(0).standard_normal((rows, dim)).astype(np.float32))


def fading(rows=1_500, dim=64):
    """Coordinates that fall by a quarter each: the first say nearly all."""
    return unit((np.random.default_rng(0).standard_normal((rows, dim)) * 0.75 ** np.arange(dim)).astype(np.float32))


def test_a_cut_that_loses_most_is_refused_with_the_evidence():
    wanted = (
        r"the first 4 of 64 dims lose too much: of the exact ten nearest, 0\.\d+ \(± 0\.0\d+\) are among 200 candidates"
    )
    with pytest.raises(DimensionError, match=wanted) as raised:
        fit_and_judge("none", noise(), (4, 64), (), force=False)
    assert "for 150 held-out of 1,350 documents" in str(raised.value)
    assert str(raised.value).endswith("; nothing was built; --force builds it all the same")


def test_force_goes_on_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert fit_and_judge("none", noise(), (4, 64), (), force=True).kind == "none"
    assert "the first 4 of 64 dims lose too much" in caplog.text


def test_a_cut_that_survives_is_not_spoken_of(caplog):
    with caplog.at_level(logging.WARNING):
        fit_and_judge("pca", fading(), (16, 64), (), force=False)
    assert caplog.text == ""


def test_a_weak_cut_says_which_dims_would_do():
    vectors = noise(2_000)
    found = survival(vectors[:200], vectors[200:], None, (16, 64))
    assert 0.5 < found.share < 0.95
    assert found.enough == 64 or survival(vectors[:200], vectors[200:], None, (found.enough, 64)).share >= 0.95
    assert f"--dims {found.enough},64" in str(found) or "--dims 64" in str(found)


def test_few_documents_are_not_judged():
    assert fit_and_judge("none", noise(900), (1, 64), (), force=False).rotation is None


def test_a_build_that_is_refused_leaves_nothing_and_force_builds_it(corpus, tmp_path):
    np.save(tmp_path / "v.npy", noise(1_200, 32))
    source = corpus(*({"_id": str(row), "text": "x"} for row in range(1_200)))
    told = {"vectors": tmp_path / "v.npy", "rotation": "none"}
    with pytest.raises(DimensionError, match="the first 2 of 32 dims lose too much"):
        build(source, tmp_path / "i", dims=(2, 32), options=BuildOptions(**told))
    assert not (tmp_path / "i").exists()
    assert build(source, tmp_path / "i", dims=(2, 32), options=BuildOptions(**told, force=True)).is_dir()
