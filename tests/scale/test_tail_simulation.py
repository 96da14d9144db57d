"""The simulation of benchmarks/ray_tail.py, where its answer can be worked out by hand."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "ray_tail.py"


@pytest.fixture(scope="module")
def tail():
    spec = importlib.util.spec_from_file_location("ray_tail", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tail):
    def taken(queries, service, *, shards, ask=0.0, merge=0.0, call=0.0, delay=(0.0,), background=0.0, **setup):
        demands = tail.Demands(service, ask, merge, call, delay, background)
        return tail.Simulation(tail.Setup(shards, **setup), demands).run(queries)

    return taken


def test_alone_a_query_takes_its_stages_and_what_asking_costs(run):
    taken = run(10, [[2.0], [3.0]], shards=5, ask=0.1)
    # 0.05 to send to each: the last at 0.25, whose answer comes after 2 more, and is taken in 0.05; then the same with 3
    assert taken == pytest.approx([2.3 + 3.3] * 10)


def test_what_asking_costs_is_not_less_than_asking_for_nothing_costs(run):
    assert run(3, [[0.0]], shards=4, ask=2.0) == pytest.approx([8.0] * 3)


def test_delays_merging_and_calls_come_on_top(run):
    # 1 on the way, 2 + 0.5 in the shard, 1 on the way back, 0.25 to merge
    assert run(3, [[2.0]], shards=3, call=0.5, delay=[2.0], merge=0.25) == pytest.approx([4.75] * 3)


def test_shards_share_the_cores_there_are(run):
    taken = run(3, [[2.0], [3.0]], shards=4, cores=2)
    assert taken == pytest.approx([10.0] * 3)  # 4 on 2 cores, half a core each: twice 2, twice 3
    # of one shard a second core is of no use; of three each gets 2/3
    assert run(2, [[2.0]], shards=1, cores=2) == pytest.approx([2.0] * 2)
    assert run(2, [[2.0]], shards=3, cores=2) == pytest.approx([3.0] * 2)


def test_nobody_works_while_a_call_is_on_its_way(run):
    # one core: both shards' calls are on their way for 1, together; then both work for 2 on it; then 1 back
    assert run(2, [[2.0]], shards=2, cores=1, delay=[2.0]) == pytest.approx([6.0] * 2)


def test_what_ray_holds_is_nobody_elses(run):
    # 1.5 cores for two that want 3 each: three quarters of a core, 4 long
    assert run(2, [[3.0]], shards=2, cores=2, background=0.5) == pytest.approx([4.0] * 2)


def test_an_asker_that_works_keeps_a_shard_waiting(run):
    # one core: 1 to send to the first; then its 2 beside 1 to send to the second, half a core each: sent at 3, the
    # first shard has 1 left, beside the second's 2: done at 5, the second has 1 left, beside taking 1: at 7 both are
    # done, and the last 1 is taken at 8; the sum of all there is to do
    assert run(3, [[2.0]], shards=2, cores=1, ask=2.0) == pytest.approx([8.0] * 3)
    # with a second core: sent at 1 and 2, done at 3 and 4, taken at 4 and 5
    assert run(3, [[2.0]], shards=2, cores=2, ask=2.0) == pytest.approx([5.0] * 3)


def test_askers_share_what_shards_can_do(run):
    # 3 askers of one shard that takes 2: whoever asks waits for the two others
    assert run(30, [[2.0]], shards=1, askers=3)[3:] == pytest.approx([6.0] * 27)


def test_askers_are_threads_of_one_python(run):
    # 2 askers of a shard that takes nothing, on as many cores as they like: each waits for the other's 3 to merge
    assert run(10, [[0.0]], shards=1, askers=2, merge=3.0)[2:] == pytest.approx([6.0] * 8)


def test_the_last_shard_decides(run):
    service = [[1.0] * 99 + [100.0]]
    slow = [np.mean(run(size, service, shards=n) >= 100) for n, size in ((1, 3_000), (100, 600))]
    assert slow == pytest.approx([0.01, 1 - 0.99**100], abs=0.06)  # 1 in 100, and 63 of 100


def test_a_hedge_overtakes_what_is_late(run):
    service = [[1.0] * 99 + [100.0]]
    hedged = run(400, service, shards=20, replicas=2, rate=1.0, hedge_ms=2.0)
    alone = run(400, service, shards=20, replicas=2, rate=1.0)
    assert np.percentile(alone, 90) >= 100
    assert np.percentile(hedged, 99) == pytest.approx(3.0)  # asked again after 2, answered in 1


def test_a_queue_is_that_of_theory(run):
    # M/D/1 at a load of .5: a wait of 0.5 services on average (Pollaczek and Khinchine), so 1.5 in all
    assert run(10_000, [[1.0]], shards=1, rate=500.0).mean() == pytest.approx(1.5, abs=0.08)


def test_a_call_waits_as_long_as_the_median_says(tail):
    # one shard that takes 3, and a wait whose median is ln 2 of its mean: 3 + 2 ln 2
    setup, demands = tail.Setup(shards=1), tail.Demands([[3.0]])
    assert tail.fitted(setup, demands, 3 + 2 * np.log(2), queries=20_000).wait == pytest.approx(2.0, abs=0.1)
    assert tail.fitted(setup, demands, 1.0, queries=1).wait == pytest.approx(0.0, abs=0.01)
