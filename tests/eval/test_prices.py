from dataclasses import replace

import pytest
from test_report import COST, EVALUATION, REPORT

from mrl_search.errors import RecipeError
from mrl_search.eval import Prices, read_prices


def test_a_month_is_bytes_and_cores_by_the_list():
    full = replace(REPORT, funnel="768:10", cost=replace(COST, latency_ms_mean=2.0, macs_per_query=768_000))
    row = replace(REPORT, cost=replace(COST, ram_bytes=2**30))
    evaluation = replace(EVALUATION, reports=(full, row))
    prices = Prices(documents=2**30, queries_per_second=10, replicas=3, ram=2, disk=0.5, core=20, load=0.5)
    milliseconds = 1.6 + 64 * (2**30 - 1000) * 2 / 768_000
    cores = milliseconds / 1000 * 10 / 0.5
    assert prices.monthly(row, evaluation) == pytest.approx(3 * (2 + 256 * 2 + 3072 * 0.5) + 20 * cores)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("load = 0.0", "load must be a number above 0, found 0.0"),
        ("load = 7.0", "load is a share of a core"),
        ("core = nan", "core must be a number above 0, found nan"),
        ("ram = -5.0", "ram must be"),
        ("documents = 0", "documents must be"),
    ],
)
def test_nonsense_is_no_price_list(tmp_path, line, reason):
    (tmp_path / "prices.toml").write_text(line)
    with pytest.raises(RecipeError, match=reason):
        read_prices(tmp_path / "prices.toml")


def test_a_list_may_leave_out_what_stays_as_it_is(tmp_path):
    (tmp_path / "prices.toml").write_text("ram = 5.0\n")
    assert read_prices(tmp_path / "prices.toml") == Prices(ram=5.0)
    (tmp_path / "prices.toml").write_text("rum = 5.0\n")
    with pytest.raises(RecipeError, match="unknown key 'rum'"):
        read_prices(tmp_path / "prices.toml")
