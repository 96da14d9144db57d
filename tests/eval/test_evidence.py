import pytest

from mrl_search.errors import RecipeError
from mrl_search.eval import ComparedArm, Difference, Kept, Measured, Share, Study, evidence
from mrl_search.eval.evidence import Evidence, Trained
from mrl_search.eval.report import Row

GAINED, HELD = Difference(0.1, 0.05, 0.15, 0.001, 1.0, 0.01), Share(0.9, 0.85, 0.95)
WHERE = ("set", "nDCG@10", "pca")


@pytest.fixture
def study(tmp_path):
    """Two seeds of two arms at 4 and 16 dims, after a rotation; returns the folder of s.json."""
    means = {("base", 4): (0.4, 0.6), ("base", 16): (0.8, 0.8), ("mrl", 4): (0.5, 0.7), ("mrl", 16): (0.6, 0.8)}
    Study(
        recipe={},
        sources=(),
        overlaps={},
        measured=tuple(
            Measured(*WHERE, arm, seed, dim, mean)
            for (arm, dim), seeds in means.items()
            for seed, mean in enumerate(seeds)
        ),
        compared=(ComparedArm(*WHERE, "mrl", 4, GAINED),),
        step_seconds={},
        provenance={},
        kept=(Kept(*WHERE, "mrl", 4, HELD),),
    ).write(tmp_path / "s.json")
    return tmp_path


def test_an_arm_stands_beside_the_first_arm_with_the_means_of_the_seeds(study):
    (found,) = Trained(("s.json",), "set", "mrl", (4,), "pca").found(study)
    assert (found.left, found.right) == ("mrl pca 4", "base pca 4")
    assert found.means == pytest.approx((0.6, 0.5))
    assert (found.difference, found.share) == (GAINED, None)


def test_what_an_arm_keeps_stands_beside_its_own_widest(study):
    (found,) = Trained(("s.json",), "set", "mrl", (4,), "pca", keeps=0.8).found(study)
    assert (found.left, found.right) == ("mrl pca 4", "mrl pca 16")
    assert found.means == pytest.approx((0.6, 0.7))
    assert (found.difference, found.share) == (None, HELD)


def test_of_a_study_of_depths_the_whole_depth_is_taken_and_the_rival_that_was_compared_with(study):
    import dataclasses

    found = Study.read(study / "s.json")
    deep = [dataclasses.replace(one, layers=6) for one in found.measured]
    shallow = [dataclasses.replace(one, layers=1, mean=0.1) for one in found.measured]
    compared = (
        ComparedArm(*WHERE, "mrl", 4, dataclasses.replace(GAINED, mean=-1.0), 1, "small"),
        ComparedArm(*WHERE, "mrl", 4, GAINED, 6, "base"),
    )
    dataclasses.replace(found, measured=(*shallow, *deep), compared=compared).write(study / "s.json")
    evidence._study.cache_clear()
    (told,) = Trained(("s.json",), "set", "mrl", (4,), "pca").found(study)
    assert (told.left, told.right, told.difference) == ("mrl pca 4", "base pca 4", GAINED)
    assert told.means == pytest.approx((0.6, 0.5))


def test_another_rotation_is_not_taken_for_it(study):
    with pytest.raises(RecipeError, match="no comparison with its first arm of the arm mrl at 4 dims"):
        list(Trained(("s.json",), "set", "mrl", (4,), "none").found(study))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Trained(("s.json",), "set", "mrl", ()), "names one width at least"),
        (lambda: Trained((), "set", "mrl", (4,)), "names one result at least"),
        (lambda: Trained(("s.json",), "set", "mrl", (4,), keeps=1.5), "a share above 0 and at most 1"),
        (
            lambda: Evidence(("r.json",), Row("a", "{dim}:10"), Row("a", "64:10")),
            "dims and {dim} in a funnel go together",
        ),
    ],
)
def test_evidence_that_says_nothing_is_refused(make, reason):
    with pytest.raises(RecipeError, match=reason):
        make()
