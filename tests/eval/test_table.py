from test_report import EVALUATION

from mrl_search.eval import table


def test_the_table_shows_every_column_and_a_dash_where_the_funnel_is_too_short():
    row = table(EVALUATION).splitlines()[3]
    assert row.split() == [
        "enc",
        "64:200,768:10",
        "0.5000",
        "–",
        "98.0",
        "[95.0,",
        "101.0]",
        "0.0200",
        "worse",
        "256+3,072",
        "1.23M",
        "1.50",
        "3.50",
    ]
