import re
from pathlib import Path

import pytest

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import FunnelError, MeasureError, RecipeError
from mrl_search.eval import EvalRecipe, Evaluation, Expected, read_eval_recipe
from mrl_search.eval.hybrid import hybrid_name
from mrl_search.eval.lexical import NAME
from mrl_search.fusion import Fusion

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "eval" / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_in_the_repository_reads_and_expects_rows_it_will_have(path):
    recipe = read_eval_recipe(path)
    names = {spec.name for spec in recipe.encoders}
    both = {hybrid_name(name, Fusion.parse(fusion)) for name in names for fusion in recipe.hybrid}
    assert {one.encoder for one in recipe.expected} <= names | both | ({NAME} if recipe.reads_words else set())
    assert {one.measure for one in recipe.expected} <= set(recipe.measures)


EVALUATIONS = [
    path for path in sorted((ROOT / "eval" / "results").glob("*.json")) if not path.stem.startswith("geometry")
]


@pytest.mark.parametrize("path", EVALUATIONS, ids=lambda path: path.stem)
def test_every_result_in_the_repository_reads_and_names_its_commit(path):
    evaluation = Evaluation.from_json(path.read_text(encoding="utf-8"), str(path))
    assert evaluation.reports
    assert evaluation.provenance["commit"]
    assert evaluation.command.startswith("mrl-search eval")


def test_the_command_says_all_that_is_not_default():
    recipe = EvalRecipe(
        "scifact",
        encoders=(EncoderSpec("a b", query_prompt="query: "), EncoderSpec("c", query_prompt="query: ")),
        dims=(64, 128),
        funnels=("64:200,768:10",),
        measures=("AP",),
        prefixes=("SQ8", "Flat"),
        rotations=("none", "pca"),
        drop_self=False,
    )
    assert recipe.command() == (
        "mrl-search eval --dataset scifact --split test --encoder 'a b' --encoder c --query-prompt 'query: ' "
        "--dims 64,128 --funnel 64:200,768:10 --measure AP --prefix SQ8 --prefix Flat --rotation none --rotation pca --keep-self"
    )
    assert EvalRecipe("scifact").command() == "mrl-search eval --dataset scifact --split test --encoder minilm-768"


@pytest.mark.parametrize(
    ("dataset", "told", "drops"),
    [
        ("arguana", None, True),
        ("hf:mteb/Quora", None, True),
        ("dir:x/quora/", None, True),
        ("scifact", None, False),
        ("scifact", True, True),
        ("arguana", False, False),
    ],
)
def test_a_query_s_own_document_is_dropped_for_arguana_and_quora_unless_told_otherwise(dataset, told, drops):
    assert EvalRecipe(dataset, drop_self=told).drops_self is drops


def test_what_is_expected_is_either_a_value_or_a_bound():
    exact, bound = Expected("e", "f", "AP", value=0.5, tolerance=0.01), Expected("e", "f", "AP", at_least=0.5)
    assert [exact.met_by(x) for x in (0.489, 0.491, 0.509, 0.511)] == [False, True, True, False]
    assert [bound.met_by(x) for x in (0.499, 0.5, 0.9)] == [False, True, True]
    for told in ({}, {"value": 0.5, "at_least": 0.5}):
        with pytest.raises(RecipeError, match="give either value"):
            Expected("e", "f", "AP", **told)


def test_a_recipe_with_a_bad_funnel_or_measure_is_refused_when_it_is_read():
    with pytest.raises(FunnelError):
        EvalRecipe("scifact", funnels=("64",))
    with pytest.raises(MeasureError):
        EvalRecipe("scifact", measures=("nonsense",))


@pytest.mark.parametrize(
    "twice",
    [{"rotations": ("pca", "pca")}, {"prefixes": ("Flat", "Flat")}, {"encoders": (EncoderSpec("a"), EncoderSpec("a"))}],
)
def test_a_row_of_the_grid_is_asked_for_once(twice):
    with pytest.raises(RecipeError, match=f"one of the {next(iter(twice))} is named twice"):
        EvalRecipe("scifact", **twice)


@pytest.mark.parametrize("nothing", [{"rotations": ()}, {"prefixes": ()}, {"encoders": ()}])
def test_a_grid_with_a_side_of_nothing_is_refused(nothing):
    with pytest.raises(RecipeError, match="name at least one encoder, one rotation"):
        EvalRecipe("scifact", **nothing)


def test_no_command_line_says_different_options_for_two_encoders():
    mixed = EvalRecipe("scifact", encoders=(EncoderSpec("a", query_prompt="q: "), EncoderSpec("b")))
    assert mixed.command().startswith("a recipe file")


@pytest.mark.parametrize("measures", [("MRR@10", "RR@10"), ("Recall@100", "R@100"), ("AP", "AP"), ()])
def test_two_names_of_one_measure_are_refused(measures):
    with pytest.raises(MeasureError, match="each once"):
        EvalRecipe("scifact", measures=measures)


def test_results_are_named_after_dataset_split_and_encoders():
    encoders = (EncoderSpec("minilm-768"), EncoderSpec("org/some model"))
    assert EvalRecipe("scifact").name == "scifact-test-minilm-768"
    assert re.fullmatch(
        "my-set-test-minilm-768-some-model-[0-9a-f]{8}", EvalRecipe("dir:/x/my set/", encoders=encoders).name
    )
    others = [EvalRecipe("scifact", dims=(64,)), EvalRecipe("scifact", distractors="5"), EvalRecipe("dir:scifact")]
    assert len({one.name for one in [EvalRecipe("scifact"), *others]}) == 4
