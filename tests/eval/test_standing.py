from dataclasses import replace

from test_report import COST

from mrl_search.eval import Report, holm
from mrl_search.eval.standing import standing


def row(encoder, funnel, values, rotation="none"):
    per_query = {"nDCG@10": {str(query): value for query, value in enumerate(values)}}
    return Report(
        encoder, funnel, rotation, mean={"nDCG@10": sum(values) / len(values)}, per_query=per_query, cost=COST
    )


FULL = [0.1 * (query % 10) + 0.05 for query in range(40)]
ROWS = [
    row("a", "64:10", FULL),
    row("a", "16:10", [value / 2 for value in FULL]),
    row("a", "64:10", FULL, "pca"),
    row("a", "16:20,64:10", FULL, "pca"),
    row("b", "32:10", [value / 4 for value in FULL]),
    row("bm25", "bm25:10", [value + 0.1 for value in FULL]),
]


def test_every_row_stands_beside_its_own_full_width_and_bm25_beside_the_first():
    full, half, turned, same, other, bm25 = standing(ROWS, "nDCG@10")
    assert [one.kept.share for one in (full, half, turned, same, other)] == [1.0, 0.5, 1.0, 1.0, 1.0]
    assert [one.difference for one in (full, turned, other)] == [None, None, None]
    assert half.difference.mean == -sum(FULL) / 80
    assert same.difference.mean == 0
    assert bm25.difference.mean > 0.09
    tested = [half, same, bm25]
    assert [one.p_holm for one in tested] == holm([one.difference.p_different for one in tested])


def test_a_row_without_the_measure_and_a_single_query_stay_untested():
    short = replace(ROWS[1], per_query={}, mean={})
    assert standing([ROWS[0], short], "nDCG@10")[1] == short
    assert standing([short], "nDCG@10") == [short]
    one, two = standing([row("a", "64:10", [0.5]), row("a", "16:10", [0.25])], "nDCG@10")
    assert (two.kept.share, two.difference, two.p_holm) == (0.5, None, None)
    assert one.kept.share == 1.0
