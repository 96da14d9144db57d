from mrl_search.training import Arm, Source, TrainRecipe
from mrl_search.training.facts import facts_of
from mrl_search.training.training_set import TrainingSet

MRL, SMALL = Arm("mrl", (4, 16)), Arm("small", (4,), depth=1)
RECIPE = TrainRecipe("b", (Source("d"),), (MRL, SMALL), 1)
DATA = TrainingSet((), ({"path": "d", "examples": 3, "sha256": "aa"},), {})


def told(arm=MRL, seed=0, **more):
    return facts_of(RECIPE, arm, seed, DATA, **more)


def test_an_arm_without_method_or_rotation_is_the_run_it_was_before_there_were_any():
    assert told()["arm"] == {"name": "mrl", "dims": [4, 16], "weights": [], "mean": False, "layers": False}


def test_a_cut_arm_and_one_of_a_method_and_another_seed_or_compiler_are_other_runs():
    twod = Arm("mrl", (4, 16), method="2dmse")
    others = [told(), told(SMALL), told(twod), told(seed=1), told(compiled=True)]
    assert len({one["digest"] for one in others}) == len(others)
    assert told(SMALL)["arm"]["depth"] == 1
    assert told(twod)["arm"]["method"] == "2dmse"


def test_what_is_judged_and_how_often_is_saved_decide_no_weight():
    assert not {"arms", "seeds", "judged", "save_every"} & set(told()["recipe"])
