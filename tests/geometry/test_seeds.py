from pathlib import Path

import pytest

from mrl_search.geometry.seeds import apart, arm, by_arm, label, labels, siblings, told_seeds


@pytest.mark.parametrize(
    ("name", "told", "of"),
    [
        ("models/stsb/mrl-seed0/model", "mrl-seed0", "mrl"),
        ("models/stsb/mrl-mean-seed12", "mrl-mean-seed12", "mrl-mean"),
        ("minilm-768", "minilm-768", "minilm-768"),
        ("some/folder/model", "some/folder/model", "some/folder/model"),
    ],
)
def test_what_the_trainer_wrote_is_called_by_arm_and_seed(name, told, of):
    assert (label(name), arm(label(name))) == (told, of)


def test_arms_of_one_name_in_two_recipes_are_told_apart_and_are_not_seeds_of_each_other():
    told = labels(["models/stsb/mrl-seed0/model", "models/cuts/mrl-seed0/model"])
    assert told == ["stsb/mrl-seed0", "cuts/mrl-seed0"]
    assert [arm(one) for one in told] == ["stsb/mrl", "cuts/mrl"]
    assert labels(["models/stsb/mrl-seed0", "minilm-768"]) == ["mrl-seed0", "minilm-768"]


def test_a_reader_is_told_which_arms_have_several_seeds_and_which_have_one():
    (told,) = told_seeds(["a-seed0", "b-seed0", "a-seed1"])
    assert told == "noise is of seeds, 2 of a; of so few it may well be larger; that of b, of one seed, is not known"
    (alone,) = told_seeds(["a-seed0", "b-seed0"])
    assert "how far seeds alone move these figures is not known" in alone


def test_siblings_are_other_seeds_of_the_arm_in_order(tmp_path):
    for name in ("mrl-seed10", "mrl-seed2", "mrl-seed0", "mrl-mean-seed1", "baseline-seed1"):
        (tmp_path / name / "model").mkdir(parents=True)
    assert [path.name for path in siblings(tmp_path / "mrl-seed0")] == ["mrl-seed2", "mrl-seed10"]
    assert siblings(tmp_path / "mrl-seed0" / "model")[0] == tmp_path / "mrl-seed2" / "model"
    assert siblings(Path("minilm-768")) == []


def test_noise_is_the_largest_difference_of_two_seeds_of_one_arm():
    assert apart({"a-seed0": 1.0, "a-seed1": 1.5, "b-seed0": 9.0, "b-seed1": 9.2}) == 0.5


def test_of_one_seed_each_there_is_no_noise_to_be_known():
    assert apart({"a-seed0": 1.0, "b-seed0": 9.0}) is None


def test_arms_come_as_they_are_named():
    assert by_arm(["b-seed0", "a-seed0", "b-seed1"]) == {"b": ["b-seed0", "b-seed1"], "a": ["a-seed0"]}
