import pytest
from test_report import COST

from mrl_search.errors import RecipeError
from mrl_search.eval import Prices, read_prices
from mrl_search.funnel import Funnel


def test_a_month_is_bytes_and_cores_by_the_list():
    funnel = Funnel.parse("64:200,768:10")
    prices = Prices(documents=2**30, queries_per_second=10, replicas=3, ram=2, disk=0.5, core=20, load=0.5)
    grown = (COST.macs_per_query + 64 * (2**30 - 1000)) / COST.macs_per_query
    cores = 0.0016 * grown * 10 / 0.5
    assert prices.monthly(COST, funnel, 1000) == pytest.approx(3 * (256 * 2 + 3072 * 0.5) + 20 * cores)


def test_a_list_may_leave_out_what_stays_as_it_is(tmp_path):
    (tmp_path / "prices.toml").write_text("ram = 5.0\n")
    assert read_prices(tmp_path / "prices.toml") == Prices(ram=5.0)
    (tmp_path / "prices.toml").write_text("rum = 5.0\n")
    with pytest.raises(RecipeError, match="unknown key 'rum'"):
        read_prices(tmp_path / "prices.toml")
