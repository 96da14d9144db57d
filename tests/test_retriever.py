import json

import numpy as np
import pytest

from mrl_search.builder import build
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import EncoderError, FunnelError, IndexStoreError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.retriever import open_retriever
from mrl_search.trace import traced_search


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty documents about a number each, by the hashing encoder."""
    path = tmp_path_factory.mktemp("retriever")
    lines = (
        json.dumps({"_id": f"d{n:02}", "title": f"t{n}", "text": f"number {n} of some", "n": n}) for n in range(30)
    )
    (path / "corpus.jsonl").write_text("\n".join(lines))
    return build(str(path / "corpus.jsonl"), path / "i", dims=(16, 64), encoder="hashing:64")


@pytest.fixture
def retriever(folder):
    with open_retriever(folder) as opened:
        yield opened


def test_answers_carry_all_that_the_corpus_said(retriever):
    answer = retriever.search(["number 7"], k=1)[0][0]
    assert (answer.id, answer.title, answer.text, answer.metadata) == ("d07", "t7", "number 7 of some", {"n": 7})


def test_k_makes_the_index_s_own_funnel_wide_enough(retriever):
    assert str(retriever.funnel_for()) == "16:200,64:10"
    assert str(retriever.funnel_for(25)) == "16:500,64:25"
    assert len(retriever.search(["number"], k=25)[0]) == 25


def test_k_shortens_a_given_funnel_but_cannot_lengthen_it(retriever):
    funnel = Funnel.parse("16:20,64:10")
    assert str(retriever.funnel_for(3, funnel)) == "16:20,64:3"
    with pytest.raises(FunnelError, match="leaves 10 answers, asked for 11; let its last stage keep 11"):
        retriever.funnel_for(11, funnel)
    with pytest.raises(FunnelError, match="asked for 0 answers"):
        retriever.funnel_for(0)


def test_no_text_and_more_answers_than_documents(retriever):
    assert retriever.search([]) == []
    assert len(retriever.search(["number"], k=1000)[0]) == 30


def test_a_run_ranks_as_search_does(retriever):
    vectors = retriever.encode(["number 3", "some"])
    run = retriever.run(dict(zip(["q1", "q2"], vectors, strict=True)), k=5)
    answers = retriever.search(["number 3", "some"], k=5)
    assert [[d.id for d in docs] for docs in run.ranking.values()] == [[a.id for a in some] for some in answers]
    assert retriever.run({}).ranking == {}


def test_a_trace_ends_with_the_answers_and_keeps_every_stage(retriever):
    vectors = retriever.encode(["number 3"])
    found = traced_search(retriever, vectors, Funnel.parse("16:12,64:4"))
    assert found.answers == retriever.search_vectors(vectors, funnel=found.funnel)[0]
    assert [len(stage.ranks) for stage in found.stages] == [12, 4]
    assert [found.stages[1].ranks[answer.id][0] for answer in found.answers] == [1, 2, 3, 4]
    assert found.time_ms > 0


def test_exact_search_needs_no_prefix(retriever):
    exact = retriever.search(["number 3"], funnel=Funnel.parse("64:30"))
    assert [a.id for a in exact[0]] == [a.id for a in retriever.search(["number 3"], k=30)[0]]


@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        (np.ones(64, np.float32), r"of shape \(queries, dims\), found \(64,\)"),
        (np.array([[1] * 64, [np.nan] * 64], np.float32), r"in row 1 \(from 0\) holds NaN"),
    ],
)
def test_queries_that_are_no_vectors_are_refused(retriever, queries, reason):
    with pytest.raises(VectorsError, match=reason):
        retriever.search_vectors(queries)


class Other:
    """Claims to be the same encoder, but is not."""

    spec, identity, dim, trained_dims = EncoderSpec("other"), "other", 64, ()

    def encode_queries(self, texts):
        return -load_encoder(EncoderSpec("hashing:64")).encode_queries(texts)

    encode_documents = encode_queries


def test_another_encoder_than_the_builders_is_found_out_by_the_probe(folder):
    with (
        open_retriever(folder, Other()) as retriever,
        pytest.raises(EncoderError, match=r"differently than when this index was built \(cosine -1.000"),
    ):
        retriever.search(["text"])


def test_an_encoder_of_another_width_is_refused(folder):
    with (
        open_retriever(folder, load_encoder(EncoderSpec("hashing:32"))) as retriever,
        pytest.raises(EncoderError, match="built with 64 dims by hashing:64, this encoder has 32"),
    ):
        retriever.search(["text"])


def test_one_text_instead_of_a_list_is_refused(retriever):
    with pytest.raises(TypeError, match="found one text; put it in a list"):
        retriever.search("number 7")


class Nearly:
    """The encoder of the index, turned by an angle whose cosine is given."""

    spec, identity, dim, trained_dims = EncoderSpec("nearly"), "nearly", 64, ()

    def __init__(self, cosine):
        self.cosine = cosine

    def encode_queries(self, texts):
        vectors = load_encoder(EncoderSpec("hashing:64")).encode_queries(texts)
        aside = np.roll(vectors, 1, axis=1)
        aside -= (aside * vectors).sum(axis=1, keepdims=True) * vectors
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        return self.cosine * vectors + np.sqrt(1 - self.cosine**2, dtype=np.float32) * aside

    encode_documents = encode_queries


def test_rounding_passes_the_probe_and_another_prompt_does_not(folder):
    with open_retriever(folder, Nearly(np.float32(0.9995))) as retriever:
        assert retriever.search(["number 3"], k=1)
    with (
        open_retriever(folder, Nearly(np.float32(0.99))) as retriever,
        pytest.raises(EncoderError, match="cosine 0.990"),
    ):
        retriever.search(["number 3"])


def test_the_text_form_of_a_funnel_will_do(retriever):
    assert len(retriever.search(["number 3"], funnel="16:20,64:4")[0]) == 4


def test_scores_are_cosines_whatever_the_length_of_a_query_vector(retriever):
    query = retriever.encode(["number 3"])
    one, other = (retriever.search_vectors(length * query, k=3)[0] for length in (1.0, 250.0))
    assert [answer.score for answer in one] == pytest.approx([answer.score for answer in other], abs=1e-6)


def test_warming_up_changes_no_answer(retriever):
    retriever.warm_up()
    before = retriever.search(["red fox"], k=2)
    retriever.warm_up()
    assert retriever.search(["red fox"], k=2) == before


def test_a_closed_index_says_so(folder):
    retriever = open_retriever(folder)
    retriever.close()
    with pytest.raises(IndexStoreError, match="was closed; open it again"):
        retriever.search(["a"])
