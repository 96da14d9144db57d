import numpy as np
import pytest

from mrl_search.eval import cost as costs
from mrl_search.eval.cost import measured, timed
from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, sketched
from mrl_search.retriever import search
from mrl_search.rotation import Rotation


def test_cost_counts_what_the_funnel_reads_and_times_what_it_takes(clustered):
    stored = StoredVectors(clustered, "float32")
    index = VectorIndex(stored, build_prefix(stored, 8, Codec("Flat")))
    cost = measured(index, clustered[:20], Funnel.parse("8:50,32:10"))[1]
    assert cost.macs_per_query == 600 * 8 + 50 * 32
    assert 8 * 4 <= cost.ram_bytes_per_document < 8 * 4 + 1  # and FAISS's header
    assert cost.disk_bytes_per_document == 32 * 4
    assert 0 < cost.latency_ms_p50 <= cost.latency_ms_p95
    assert measured(index, clustered[:20], Funnel.parse("8:50"))[1].disk_bytes_per_document == 0


def test_cost_has_the_rotation_in_it(clustered):
    stored = StoredVectors(clustered, "float32")
    index = VectorIndex(stored, build_prefix(stored, 8, Codec("Flat")))
    turn = Rotation(np.eye(32, dtype=np.float32), "pca")
    plain, turned = (measured(index, clustered[:20], Funnel.parse("8:50,32:10"), r)[1] for r in (None, turn))
    assert turned.macs_per_query - plain.macs_per_query == 32 * 32
    assert (turned.ram_bytes, plain.ram_bytes) == (4 * 32 * 32, 0)
    assert turned.ram_bytes_per_document == plain.ram_bytes_per_document == pytest.approx(4 * 8, abs=0.2)


def test_cost_has_the_sketches_in_what_is_on_disk(clustered):
    stored = StoredVectors(clustered, "float32")
    index = VectorIndex(stored, build_prefix(stored, 8, Codec("Flat")), sketched(stored))
    assert measured(index, clustered[:20], Funnel.parse("8:50,32:10"))[1].disk_bytes_per_document == 32 * 4 + 40


def test_slow_queries_are_timed_twenty_times_only(monkeypatch):
    monkeypatch.setattr(costs, "_LONGEST", 0.0)
    asked = []
    timed(lambda first, last: asked.append((first, last)), 100)
    assert len(asked) == 5 + 20 + 1


def test_after_each_single_query_what_it_mapped_may_be_let_go_of():
    log = []
    timed(lambda first, last: log.append("asked"), 3, lambda: log.append("let go"))
    assert log == ["asked"] * 3 + ["asked", "let go"] * 3 + ["asked"]


def test_few_queries_tell_the_median_of_even_times_and_more_are_timed_of_uneven_ones(monkeypatch):
    def count(latencies):
        clock = iter([*np.repeat(np.cumsum([0, *latencies]) / 1000, 2)[1:].tolist(), 1e6, 1e6 + 1])
        monkeypatch.setattr(costs.time, "perf_counter", lambda: next(clock))
        asked = []
        timed(lambda first, last: asked.append(first), 200)
        return len(asked) - 5 - 1

    assert count([1.0] * 200) == 50
    assert count([1.0, 2.0] * 100) == 200
    assert count([1.0, 2.0] * 25 + [1.0] * 150) == 100


def test_what_is_timed_all_at_once_is_what_was_found(clustered):
    index = VectorIndex(StoredVectors(clustered, "float32"))
    hits, _ = measured(index, clustered[:20], Funnel.parse("32:3"))
    assert hits.rows.tolist() == search(index, clustered[:20], Funnel.parse("32:3")).rows.tolist()
