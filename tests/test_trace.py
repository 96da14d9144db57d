import json

import numpy as np
from test_retriever import folder  # noqa: F401  the fixture

from mrl_search.builder import BuildOptions, build
from mrl_search.funnel import Funnel
from mrl_search.retriever import open_retriever
from mrl_search.trace import traced_search


def test_each_stage_keeps_its_own_scores_and_ranks(folder):  # noqa: F811
    with open_retriever(folder) as retriever:
        query = retriever.encode(["number 3"])
        found = traced_search(retriever, query, Funnel.parse("16:12,64:4"))
        alone = retriever.search_vectors(query, funnel=Funnel.parse("16:12"))[0]
    first = found.stages[0]
    assert [(rank, np.float32(score)) for rank, score in first.ranks.values()] == [
        (rank, np.float32(answer.score)) for rank, answer in enumerate(alone, 1)
    ]
    assert list(first.ranks) == [answer.id for answer in alone]


def test_what_a_search_need_not_score_is_scored_to_be_shown_and_the_answers_are_the_same(tmp_path):
    lines = [json.dumps({"_id": f"d{n}", "text": f"number {n} of {n % 7} and {n % 11}"}) for n in range(600)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    options = BuildOptions(prefix="IVF8,PQ8x4fsr,Refine(SQ4)", rotation="none")
    source = str(tmp_path / "corpus.jsonl")
    with open_retriever(
        build(source, tmp_path / "i", dims=(16, 64), encoder="hashing:64", options=options)
    ) as retriever:
        query = retriever.encode(["number 3 of 3 and 3"])
        found = traced_search(retriever, query, Funnel.parse("16:40,64:5"))
        answers = retriever.search_vectors(query, funnel="16:40,64:5")[0]
    assert [answer.id for answer in found.answers] == [answer.id for answer in answers]
    scores = [score for _, score in found.stages[0].ranks.values()]
    assert len(scores) == 40
    assert scores == sorted(scores, reverse=True)
    assert np.isfinite(scores).all()
