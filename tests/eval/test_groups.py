import json
import sys
from dataclasses import replace

import pytest

from mrl_search.cache import cache_root
from mrl_search.data import load_dataset
from mrl_search.encoders import EncoderSpec
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate
from mrl_search.eval import groups as module
from mrl_search.eval.groups import Group, fingerprint, remembered


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """A source tree as it was committed."""
    monkeypatch.setattr(module, "commit", lambda: "abc")


def made(log, name="a"):
    def make(runs):
        log.append(name)
        if runs is not None:
            (runs / "run.trec").write_text(name)
        return Group((), notes=(name,))

    return make


def test_what_was_asked_before_is_not_made_again():
    log = []
    assert remembered({"rotation": "pca"}, None, made(log)).notes == ("a",)
    assert remembered({"rotation": "pca"}, None, made(log, "b")).notes == ("a",)
    assert remembered({"rotation": "none"}, None, made(log, "c")).notes == ("c",)
    assert log == ["a", "c"]


def test_what_was_timed_on_a_busy_machine_is_not_kept_but_its_runs_are_given(tmp_path):
    log = []

    def busy(runs):
        return replace(made(log)(runs), busy=True)

    for _ in range(2):
        remembered({"k": 1}, tmp_path, busy)
    assert log == ["a", "a"]
    assert (tmp_path / "run.trec").read_text() == "a"
    assert not any((cache_root() / "evaluations").iterdir())


def test_runs_come_with_it_and_are_made_where_they_were_not(tmp_path):
    log = []
    remembered({"k": 1}, None, made(log, "without"))
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        remembered({"k": 1}, tmp_path / place, made(log, "with"))
        assert (tmp_path / place / "run.trec").read_text() == "with"
    assert log == ["without", "with"]
    (next((cache_root() / "evaluations").iterdir()) / "run.trec").unlink()  # half of it is gone
    remembered({"k": 1}, tmp_path / "two", made(log, "again"))
    assert log[-1] == "again"


@pytest.mark.parametrize("state", ["abc+dirty", "def"])
def test_other_code_does_not_answer_for_it(monkeypatch, state):
    log = []
    remembered({"k": 1}, None, made(log))
    monkeypatch.setattr(module, "commit", lambda: state)
    remembered({"k": 1}, None, made(log))
    remembered(None, None, made(log))
    assert len(log) == 3


def test_what_is_broken_is_made_again():
    log = []
    remembered({"k": 1}, None, made(log))
    (next((cache_root() / "evaluations").iterdir()) / "group.json").write_text("{")
    remembered({"k": 1}, None, made(log))
    assert len(log) == 2


def test_what_a_killed_grid_left_half_written_is_swept_by_the_next(tmp_path):
    (tmp_path / "cache/evaluations/.0123.abc.unfinished").mkdir(parents=True)
    (tmp_path / "cache/evaluations/.0123.abc.unfinished/run.trec").touch()
    remembered({"k": 1}, None, made([]))
    (there,) = (cache_root() / "evaluations").iterdir()
    assert not there.name.startswith(".")


@pytest.fixture
def collection(tmp_path):
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    documents = "".join(json.dumps({"_id": str(n), "text": f"number {n} of {n % 7}"}) + "\n" for n in range(60))
    (folder / "corpus.jsonl").write_text(documents)
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "number 7"}\n{"_id": "p", "text": "number 8"}\n')
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t7\t1\np\t8\t1\n")
    return folder


def test_a_grid_that_was_interrupted_goes_on_where_it_stopped(collection, tmp_path, monkeypatch):
    recipe = EvalRecipe(
        f"dir:{collection}", encoders=(EncoderSpec("hashing:32"),), dims=(8,), rotations=("none", "pca")
    )
    evaluating = sys.modules["mrl_search.eval.evaluate"]
    real, seen = evaluating.rows, []

    def failing(encoded, *told):
        seen.append(encoded.kind)
        if encoded.kind == "pca" and seen.count("pca") == 1:
            raise KeyboardInterrupt
        return real(encoded, *told)

    monkeypatch.setattr(evaluating, "rows", failing)
    monkeypatch.setattr(evaluating, "machine_traps", list)
    options = EvalOptions(runs=tmp_path / "runs")
    with pytest.raises(KeyboardInterrupt):
        evaluate(recipe, options)
    assert not (tmp_path / "runs").exists()
    found = evaluate(recipe, options)
    assert seen == ["none", "pca", "pca"]
    assert len(list((tmp_path / "runs").iterdir())) == len(found.reports) == 6
    assert evaluate(recipe, options).reports == found.reports  # times and all
    assert seen == ["none", "pca", "pca"]


def test_a_fingerprint_is_of_all_that_is_judged(collection):
    def now():
        return fingerprint(load_dataset(f"dir:{collection}"))

    first = now()
    assert now() == first
    (collection / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t7\t1\np\t8\t2\n")
    assert now() != first
