"""A comparison of adapters small enough for a test."""

from mrl_search.training import Judged, Source
from mrl_search.training.adapter_recipe import AdapterArm, AdapterRecipe

WIDTHS = (4, 8)
ARMS = (
    AdapterArm("rotation", "rotation"),
    AdapterArm("truncate", "none"),
    AdapterArm("pca", "rotation", "pca"),
    AdapterArm("linear", "linear-mrl", pairs="data", against="truncate"),
    AdapterArm("judged", "matryoshka-adaptor", pairs="judged"),
)


def recipe_of(base, **told):
    return AdapterRecipe(
        encoders=(str(base),),
        data=(Source("pairs.jsonl"),),
        arms=ARMS,
        widths=WIDTHS,
        steps=3,
        batch=8,
        seeds=(0, 1),
        judged=Judged(("tiny",), folder="beir", rotations=("none",), margin=0.05, precision="float32"),
        **told,
    )
