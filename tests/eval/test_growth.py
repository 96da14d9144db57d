import json

import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import RecipeError
from mrl_search.eval import EvalOptions, EvalRecipe, Evaluation, evaluate, table
from mrl_search.eval.growth import _curve, _needed, sizes

HASHING = (EncoderSpec("hashing:64"),)


@pytest.fixture
def growing_recipe(tmp_path):
    """Of 20 documents and 60 distractors, one of which is about the first query."""
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    own = [{"_id": str(number), "text": f"number {number} of {number % 7}"} for number in range(20)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in own))
    queries = [{"_id": str(number), "text": f"number {number}"} for number in range(8)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    judged = "".join(f"{number}\t{number}\t1\n" for number in range(8))
    (folder / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    hay = tmp_path / "hay.txt"
    hay.write_text("".join(f"straw {number} in a stack\n" for number in range(59)) + "number 1\n")
    return EvalRecipe(
        f"dir:{folder}", encoders=HASHING, dims=(16,), funnels=("16:30,64:10",), measures=("nDCG@10",),
        distractors=str(hay),
    )  # fmt: skip


@pytest.fixture
def grown(growing_recipe):
    return evaluate(growing_recipe)


def test_growth_on_a_card_is_that_on_the_cpu(growing_recipe, grown, pretended_card):
    card = evaluate(growing_recipe, EvalOptions(device=pretended_card, cache=False))
    assert card.growth == grown.growth


def test_every_width_at_every_size_and_rows_among_all(grown):
    assert grown.documents == 80
    assert [(one.encoder, one.rotation, one.dim) for one in grown.growth] == [
        ("hashing:64", "none", 64),
        ("hashing:64", "none", 16),
    ]
    for one in grown.growth:
        assert one.documents == (20, 40, 80)
        assert one.curves[0].mean[-1] == grown.find("hashing:64", f"{one.dim}:10").mean["nDCG@10"]
    full, narrow = grown.growth
    assert full.needed == (10, 10, 10)  # the full width needs what is asked of it
    assert all(count > 10 for count in narrow.needed)
    assert full.curves[0].mean[1] > full.curves[0].mean[2]  # the last distractor is nearer than what is judged


def test_growth_survives_json_and_is_in_the_table(grown):
    assert Evaluation.from_json(grown.to_json(), "here") == grown
    text = table(grown)
    assert "a lower bound" in text
    assert "candidates by that width that hold .99 of the full width's ten best" in text
    assert "at 8,000" in text


def test_sizes_double_from_the_collections_own_to_all():
    assert sizes(10, 75) == [10, 20, 40, 75]
    assert sizes(10, 85) == [10, 20, 40, 85]
    assert sizes(10, 10) == [10]
    assert sizes(10, 11) == [10, 11]


def test_the_candidates_needed_are_counted_over_all_queries():
    best = np.array([[7, 8], [9, -1]])
    candidates = np.array([[7, 1, 8, 2], [1, 2, 3, 9]])
    assert _needed(best, candidates) == 4  # three places, .99 of them are three: the 1st, the 3rd and the 4th
    assert _needed(best, candidates[:, :3]) is None
    assert _needed(np.tile(np.arange(100), (1, 1)), np.array([[*range(99), -1]])) == 99  # one of 100 may be missing


def test_what_falls_by_a_tenth_goes_on_so_from_the_last_size():
    values = np.array([[1.0, 0.6], [0.9, 0.54], [0.81, 0.486]])
    curve = _curve("nDCG@10", values, [100, 1_000, 10_000])
    assert curve.mean == pytest.approx((0.8, 0.72, 0.648))
    assert (curve.per_decade.value, curve.per_decade.low) == pytest.approx((-0.1, -0.1))
    assert [some.value for some in curve.expected] == pytest.approx([0.5832, 0.52488])
    assert curve.expected[0].low < 0.5832 < curve.expected[0].high
    falling = _curve("nDCG@10", np.array([[0.9, 0.1], [0.1, 0.0]]), [10, 100])
    assert 0 < falling.expected[1].value < falling.expected[0].value < 0.05  # falls, and is never below 0
    nothing = _curve("nDCG@10", np.array([[0.9], [0.0]]), [10, 100])
    assert nothing.expected[0].value == 0


def test_of_one_size_nothing_is_told_of_more():
    assert _curve("nDCG@10", np.array([[0.9, 0.7]]), [10]).per_decade.value == 0


def test_a_measure_deeper_than_the_candidates_is_refused():
    with pytest.raises(RecipeError, match="no measure can look deeper than 1,000"):
        EvalRecipe("scifact", measures=("Recall@2000",), distractors="10")


def test_the_command_names_the_distractors():
    assert "--distractors hay.txt:5" in EvalRecipe("scifact", distractors="hay.txt:5").command()
