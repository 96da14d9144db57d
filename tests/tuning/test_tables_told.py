"""Tables for a terminal."""

from mrl_search.eval import Estimate
from mrl_search.tuning.tables import interval


def test_an_interval_is_short_and_one_of_no_width_a_number():
    assert interval(Estimate(0.9531, 0.941, 0.9642)) == "0.953 [0.941, 0.964]"
    assert interval(Estimate(1.0, 1.0, 1.0)) == "1.000"
    assert interval(Estimate(0.01, -0.002, 0.02), sign=True) == "+0.010 [-0.002, +0.020]"
