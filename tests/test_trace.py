import numpy as np
from test_retriever import folder  # noqa: F401  the fixture

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
