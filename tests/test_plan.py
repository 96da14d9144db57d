import pytest
from test_retriever import folder, retriever  # noqa: F401  fixtures

from mrl_search.errors import FunnelError, FusionError, GuaranteeError


def test_a_hybrid_asks_both_sides_for_a_hundred_and_answers_k(retriever):  # noqa: F811
    assert str(retriever.plan(hybrid="rrf").funnel) == "16:200,64:100"
    assert retriever.plan(hybrid="rrf").hybrid.k == 10
    assert str(retriever.plan(k=3, hybrid=0.2)) == "16:200,64:100,words=0.2"
    assert retriever.plan(k=3, hybrid=0.2).hybrid.k == 3
    assert str(retriever.plan(k=150, hybrid="0.2").funnel) == "16:3000,64:150"


def test_a_funnel_that_is_given_says_how_many_both_sides_find(retriever):  # noqa: F811
    plan = retriever.plan(k=3, funnel="16:20,64:12", hybrid=1)
    assert (str(plan.funnel), plan.hybrid.k) == ("16:20,64:12", 3)
    assert retriever.plan(funnel="16:20,64:12", hybrid=1).hybrid.k == 12
    with pytest.raises(FunnelError, match="leaves 12 answers, asked for 13"):
        retriever.plan(k=13, funnel="16:20,64:12", hybrid=1)


def test_what_cannot_be_promised_or_fused_is_refused(retriever):  # noqa: F811
    for guarantee in ("exact", 0.99):
        with pytest.raises(GuaranteeError, match="of words and vectors together none can be given"):
            retriever.plan(guarantee=guarantee, hybrid="rrf")
    with pytest.raises(FusionError, match="wanted rrf, or the share of words"):
        retriever.plan(hybrid="best")
    with pytest.raises(FusionError, match="found '2', wanted rrf"):
        retriever.plan(hybrid=2)
