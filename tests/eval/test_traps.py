import numpy as np
import pytest

from mrl_search.eval.encoded import Encoded
from mrl_search.eval.traps import judged_traps, machine_traps, vector_traps
from mrl_search.indexes import StoredVectors
from mrl_search.vectors import unit


def encoded(vectors):
    vectors = unit(vectors.astype(np.float32))
    return Encoded("enc", [str(row) for row in range(len(vectors))], StoredVectors(vectors, "float32"), vectors[:2])


@pytest.mark.parametrize(("count", "dim"), [(3000, 384), (300, 768), (150, 16)])
def test_random_vectors_are_told_from_those_with_structure(count, dim):
    random = np.random.default_rng(count)
    noise = random.standard_normal((count, dim))
    assert "look random" in vector_traps(encoded(noise))[0]
    topics = random.standard_normal((10, dim))[random.integers(10, size=count)]
    assert vector_traps(encoded(noise + topics)) == []
    assert vector_traps(encoded(noise * np.linspace(2, 0.2, dim))) == []  # some dims hold more than others


def test_few_vectors_say_nothing():
    assert vector_traps(encoded(np.random.default_rng(0).standard_normal((50, 8)))) == []


def test_judgements_of_documents_that_are_not_there_are_told():
    qrels = {"q": {"a": 1, "gone": 2, "never": 0}, "p": {"b": 0}}
    notes = judged_traps(qrels, ["a", "b"])
    assert notes == [
        "1 of 2 judged queries have no relevant document; they count 0",
        "1 of 2 relevant documents are not in the corpus; nothing can find them, and recall counts them as missed",
    ]
    assert judged_traps({"q": {"a": 1}}, ["a"]) == []


@pytest.mark.parametrize(("load", "told"), [(3.0, 1), (2.4, 0)])
def test_times_of_a_busy_machine_are_marked(monkeypatch, load, told):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0, 0))
    assert len(machine_traps()) == told
