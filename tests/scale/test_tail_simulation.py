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


def test_alone_a_query_takes_its_stages_and_what_asking_costs(tail):
    taken = tail.Simulation(tail.Setup(shards=5), [[2.0], [3.0]], [0.1]).run(10)
    # 0.05 to send to each: the last at 0.25, whose answer comes after 2 more, and is taken in 0.05; then the same with 3
    assert taken == pytest.approx([2.3 + 3.3] * 10)


def test_what_asking_costs_is_not_less_than_asking_for_nothing_costs(tail):
    taken = tail.Simulation(tail.Setup(shards=4), [[0.0]], [2.0]).run(3)
    assert taken == pytest.approx([8.0] * 3)


def test_shards_that_share_cores_wait_for_one_another(tail):
    taken = tail.Simulation(tail.Setup(shards=4, cores=2), [[2.0], [3.0]], [0.0]).run(3)
    assert taken.tolist() == [10.0] * 3  # 4 questions on 2 cores: twice 2, twice 3


def test_the_last_shard_decides(tail):
    service, overhead = [[1.0] * 99 + [100.0]], [0.0]
    slow = [
        np.mean(tail.Simulation(tail.Setup(n), service, overhead).run(size) >= 100)
        for n, size in ((1, 3_000), (100, 600))
    ]
    assert slow == pytest.approx([0.01, 1 - 0.99**100], abs=0.06)  # 1 in 100, and 63 of 100


def test_a_hedge_overtakes_what_is_late(tail):
    service, overhead = [[1.0] * 99 + [100.0]], [0.0]
    hedged = tail.Simulation(tail.Setup(20, replicas=2, rate=1.0, hedge_ms=2.0), service, overhead).run(400)
    alone = tail.Simulation(tail.Setup(20, replicas=2, rate=1.0), service, overhead).run(400)
    assert np.percentile(alone, 90) >= 100
    assert np.percentile(hedged, 99) == 3.0  # asked again after 2, answered in 1


def test_a_queue_is_that_of_theory(tail):
    # M/D/1 at a load of .5: a wait of 0.5 services on average (Pollaczek and Khinchine), so 1.5 in all
    taken = tail.Simulation(tail.Setup(shards=1, rate=500.0), [[1.0]], [0.0]).run(10_000)
    assert taken.mean() == pytest.approx(1.5, abs=0.08)


def test_an_asker_that_holds_a_core_keeps_a_shard_waiting(tail):
    # one core: 1 to send to each of two, then each in 2, then 1 to take from each; nothing goes on beside
    setup = tail.Setup(shards=2, cores=1, asking_share=1.0)
    assert tail.Simulation(setup, [[2.0]], [2.0]).run(3) == pytest.approx([8.0] * 3)
    # with a second core the first shard is at work while the second is sent to: 1 + 2, beside 1 + 1 + 2, then its 1
    setup = tail.Setup(shards=2, cores=2, asking_share=1.0)
    assert tail.Simulation(setup, [[2.0]], [2.0]).run(3) == pytest.approx([5.0] * 3)


def test_askers_share_what_shards_can_do(tail):
    # 3 askers of one shard that takes 2: whoever asks waits for the two others
    taken = tail.Simulation(tail.Setup(shards=1, askers=3), [[2.0]], [0.0]).run(30)
    assert taken[3:] == pytest.approx([6.0] * 27)
