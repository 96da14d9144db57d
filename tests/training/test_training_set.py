import gzip
import json

import pytest

from mrl_search.errors import CorpusError, TrainingError
from mrl_search.training import Arm, Judged, Source, TrainRecipe
from mrl_search.training.training_set import columns, training_set


def recipe_of(*sources, **told):
    return TrainRecipe("b", tuple(Source(*source) for source in sources), (Arm("baseline", (16,)),), 1, **told)


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def judged(tmp_path):
    """A BEIR folder `tests/tiny` with the split test, and train, of three documents."""
    folder = tmp_path / "tests" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    write(folder / "corpus.jsonl", *({"_id": f"d{n}", "title": "On", "text": f"text {n}"} for n in range(3)))
    write(folder / "queries.jsonl", *({"_id": f"q{n}", "text": f"Question {n}"} for n in range(3)))
    head = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "test.tsv").write_text(head + "q0\td0\t1\nq0\td1\t0\n")
    (folder / "qrels" / "train.tsv").write_text(head + "q1\td1\t2\nq1\td0\t1\nq1\td2\t0\n")
    return Judged(datasets=("tiny",), folder="tests")


def test_sources_come_in_order_as_many_as_asked_for_with_their_digest(tmp_path):
    write(tmp_path / "a.jsonl", *({"query": f"q{n}", "positive": f"p{n}"} for n in range(5)))
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write(json.dumps({"anchor": "x", "positive": "y"}) + "\n")
    data = training_set(recipe_of(("a.jsonl", 2), ("b.jsonl.gz",)), tmp_path)
    assert [example[:2] for example in data.examples] == [("q0", "p0"), ("q1", "p1"), ("x", "y")]
    assert [(source["path"], source["examples"]) for source in data.sources] == [("a.jsonl", 2), ("b.jsonl.gz", 1)]
    assert len({source["sha256"] for source in data.sources}) == 2


def test_a_judged_folder_gives_the_pairs_of_its_train_split_only(tmp_path, judged):
    data = training_set(recipe_of(("dir:tests/tiny",)), tmp_path)
    assert [example[:2] for example in data.examples] == [("Question 1", "On text 1"), ("Question 1", "On text 0")]


def test_what_is_tested_on_is_counted_and_its_pairs_are_left_out(tmp_path, judged):
    pairs = [("question  0", "ON text 0"), ("other", "On text 0"), ("Question 0", "other"), ("Question 0", "On text 1")]
    write(tmp_path / "a.jsonl", *({"query": query, "positive": positive} for query, positive in pairs))
    data = training_set(recipe_of(("a.jsonl",), judged=judged), tmp_path)
    assert [example[:2] for example in data.examples] == pairs[1:]
    assert data.overlaps == {
        "tiny": {"test queries": 1, "relevant test documents": 1, "of": 1, "pairs left out": 1},
    }


def test_raw_text_is_any_corpus_one_column_of_it(tmp_path, judged):
    (tmp_path / "a.txt").write_text("one line\n\nand another\n")
    arm = Arm("smae", (4, 16), method="smae", layers=(1, 2))
    sources = (Source("a.txt"), Source("tests/tiny", 2), Source("pydoc:stdlib", 1))
    recipe = TrainRecipe("b", sources, (arm,), 1, loss="masked")
    data = training_set(recipe, tmp_path)
    assert columns(recipe, data)["first"][:4] == ["one line", "and another", "On text 0", "On text 1"]
    assert list(columns(recipe, data)) == ["first"]
    assert [source["examples"] for source in data.sources] == [2, 2, 1]


def test_columns_are_what_the_loss_takes(tmp_path):
    told = {"query": "q", "positive": "p", "negative": "n", "score": 2, "label": 1}
    write(tmp_path / "a.jsonl", told, told | {"label": 0})

    def of(**told):
        recipe = recipe_of(("a.jsonl",), **told)
        return columns(recipe, training_set(recipe, tmp_path))

    texts = {"first": ["q", "q"], "second": ["p", "p"]}
    assert of() == texts | {"negative": ["n", "n"]}
    assert of(loss="cosent") == texts | {"score": [2.0, 2.0]}
    assert of(loss="softmax") == texts | {"label": [1, 0]}


def test_a_classifier_needs_two_labels(tmp_path):
    write(tmp_path / "a.jsonl", {"query": "q", "positive": "p", "label": 1})
    with pytest.raises(TrainingError, match="all examples have the label 1; loss = 'softmax' tells labels apart"):
        training_set(recipe_of(("a.jsonl",), loss="softmax"), tmp_path)


def test_negatives_are_of_all_or_of_none(tmp_path):
    write(tmp_path / "a.jsonl", {"query": "q", "positive": "p", "negative": "n"}, {"query": "q", "positive": "p"})
    recipe = recipe_of(("a.jsonl",))
    with pytest.raises(TrainingError, match="1 of 2 examples have a negative; wanted all or none"):
        columns(recipe, training_set(recipe, tmp_path))


@pytest.mark.parametrize(("loss", "lacks"), [("cosent", "score"), ("softmax", "label")])
def test_a_loss_says_what_the_data_lacks(tmp_path, loss, lacks):
    write(tmp_path / "a.jsonl", {"query": "q", "positive": "p"})
    with pytest.raises(TrainingError, match=f"a.jsonl, example 1: has no {lacks}"):
        training_set(recipe_of(("a.jsonl",), loss=loss), tmp_path)


def test_a_source_without_examples_says_so(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(CorpusError, match=r"a\.jsonl holds no examples"):
        training_set(recipe_of(("a.jsonl",)), tmp_path)


def test_scifact_shares_documents_between_train_and_test(shared_data):
    recipe = recipe_of(("dir:beir/scifact",), judged=Judged(datasets=("scifact",), folder="beir"))
    found = training_set(recipe, shared_data).overlaps["scifact"]
    assert (found["relevant test documents"], found["of"]) == (181, 283)
    assert found["pairs left out"] == 2


def test_scored_pairs_that_are_trained_on_are_counted_in_either_order(tmp_path):
    write(tmp_path / "a.jsonl", {"query": "One", "positive": "two"}, {"query": "three", "positive": "four"})
    scored = [("two", "one"), ("three", "five"), ("six", "seven")]
    write(tmp_path / "s.jsonl", *({"sentence1": a, "sentence2": b, "score": 1} for a, b in scored))
    data = training_set(recipe_of(("a.jsonl",), judged=Judged(sts=("s.jsonl",))), tmp_path)
    assert data.overlaps == {"s.jsonl": {"test pairs": 1, "of pairs": 3, "test sentences": 3, "of sentences": 6}}
