import numpy as np
import pytest
import torch
from agreement import assert_agree

from mrl_search.errors import DeviceError, FunnelError
from mrl_search.funnel import Funnel, Stage
from mrl_search.gpu import DeviceOptions, on_device
from mrl_search.hits import Hits
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, bounded, build_prefix, exact
from mrl_search.retriever import search
from mrl_search.vectors import unit


@pytest.mark.parametrize("resident", [True, False], ids=["resident", "on the host"])
@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("funnel", ["32:200,96:10", "32:25", "96:10", "32:500,64:100,96:7", "32:5000,96:4000"])
def test_it_finds_what_the_cpu_finds(device, index_of, crowded, funnel, count, resident):
    index = index_of(crowded, 32)
    on = on_device(index, "Flat", device, DeviceOptions(resident=resident))
    queries = unit(np.random.default_rng(8).standard_normal((count, 96))) + unit(crowded[: 5 * count : 5])
    assert_agree(search(on, queries, Funnel.parse(funnel)), search(index, queries, Funnel.parse(funnel)))


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_it_finds_what_the_cpu_finds_in_every_format(device, index_of, crowded, dtype):
    index = index_of(crowded, 32, dtype)
    on, funnel = on_device(index, "Flat", device), Funnel.parse("32:200,96:10")
    assert_agree(search(on, crowded[::300], funnel), search(index, crowded[::300], funnel))


def test_what_a_card_fails_at_is_said_in_one_line(device, index_of, crowded, monkeypatch):
    on = on_device(index_of(crowded, 32), "Flat", device)

    def failing(*told):
        raise torch.OutOfMemoryError("CUDA out of memory.\n Tried to allocate 20.00 GiB")

    monkeypatch.setattr("mrl_search.gpu.index.scored", failing)
    for verb in (
        lambda: on.shortlist(crowded[:1], Stage(32, 5)),
        lambda: on.rerank(crowded[:1], Hits(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int64)), Stage(96, 1)),
        lambda: on.funnelled(crowded[:1], Funnel.parse("32:50,96:3")),
    ):
        with pytest.raises(DeviceError, match=r"failed: CUDA out of memory. Tried .*; ask fewer queries at a time"):
            verb()


def test_a_query_of_zeros_gets_the_first_rows(device, index_of, crowded):
    on = on_device(index_of(crowded, 32), "Flat", device)
    hits = search(on, np.zeros((2, 96), np.float32), Funnel.parse("32:50,96:3"))
    assert hits.rows.tolist() == [[0, 1, 2]] * 2
    assert hits.scores.tolist() == [[0, 0, 0]] * 2


def test_no_query_is_no_error(device, index_of, crowded):
    on = on_device(index_of(crowded, 32), "Flat", device)
    assert search(on, np.empty((0, 96), np.float32), Funnel.parse("32:50,96:3")).rows.shape == (0, 3)


@pytest.mark.parametrize("funnel", ["768:10", "64:200,768:10", "64:10"])
def test_copies_tie_and_come_in_row_order(device, index_of, funnel):
    random = np.random.default_rng(5)
    vectors = np.tile(random.standard_normal((1, 768)).astype(np.float32), (500, 1))
    on = on_device(index_of(vectors, 64), "Flat", device)
    hits = search(on, unit(random.standard_normal((30, 768))), Funnel.parse(funnel))
    assert (hits.rows == np.arange(10)).all()


def test_without_prefixes_every_width_is_searched_exactly(device, crowded):
    index = VectorIndex(StoredVectors(unit(crowded), "float32"))
    on = on_device(index, "Flat", device)
    for funnel in map(Funnel.parse, ("17:30,96:5", "96:9")):
        assert_agree(search(on, crowded[:7], funnel), search(index, crowded[:7], funnel))
    assert "exact over full vectors" in on.where


def test_widths_that_cannot_be_walked_are_refused_as_on_the_cpu(device, index_of, crowded):
    on = on_device(index_of(crowded, 32), "Flat", device)
    with pytest.raises(FunnelError, match="start at 32"):
        on.shortlist(crowded[:1], Stage(48, 5))
    with pytest.raises(FunnelError, match="wider than the queries"):
        on.shortlist(crowded[:1, :20], Stage(32, 5))
    with pytest.raises(FunnelError, match="this index stores 96"):
        on.rerank(crowded[:1], on.shortlist(crowded[:1], Stage(32, 5)), Stage(128, 5))


def test_bytes_are_counted_where_they_lie(device, index_of, crowded):
    index = index_of(crowded, 32)
    itemsize = 2 if device.is_cuda else 4
    resident = on_device(index, "Flat", device, DeviceOptions(engine="torch"))
    assert (resident.prefix_bytes, resident.vector_bytes) == (3000 * (32 * itemsize + 96 * 4), 0)
    host = on_device(index, "Flat", device, DeviceOptions(engine="torch", resident=False))
    assert (host.prefix_bytes, host.vector_bytes) == (3000 * 32 * itemsize, 3000 * 96 * 4)
    assert (len(host), host.dim, host.prefix_dim, host.sketch_bytes) == (3000, 96, 32, 0)


@pytest.mark.parametrize("has_bounds", [True, False])
def test_a_proof_gives_the_cpu_s_answers_and_scores_whatever_score_a_device_gave(
    device, index_of, crowded, monkeypatch, has_bounds
):
    monkeypatch.setattr("mrl_search.indexes.proving._LEAST", len(crowded))  # nothing is left to a comparison of all
    stored = index_of(crowded, 32).stored
    prefixes = build_prefix(stored, 32, Codec("Flat"))
    on = on_device(VectorIndex(stored, prefixes, bounds=bounded(stored) if has_bounds else None), "Flat", device)
    queries = unit(crowded[1:900:30] + np.float32(0.2))
    hits = search(on, queries, Funnel.parse("32:15,96:10"))
    expected = exact(stored, queries, [96], 10)[96]
    assert (hits.rows != expected.rows).any()  # there is something to prove
    for error in (0, 1e-6, 1e-2):  # a floor that is too high would leave the tenth out, and all beside it
        proven = on.proven(queries, Hits(hits.scores + np.float32(error), hits.rows))
        np.testing.assert_array_equal(proven.rows, expected.rows)
        np.testing.assert_array_equal(proven.scores, expected.scores)


@pytest.mark.parametrize("factory", ["Flat", "PQ16x4fs"])
def test_prefixes_themselves_overlook_nothing_though_they_stand_for_codes(device, index_of, crowded, factory):
    index = index_of(crowded, 32, factory=factory)
    on = on_device(index, factory, device, DeviceOptions(engine="torch"))
    assert index.overlooks(Stage(32, 9)) == (factory != "Flat")
    assert not on.overlooks(Stage(32, 9))
    assert not on.overlooks(Stage(96, 9))


def test_what_is_stored_is_at_hand_as_on_the_cpu(device, index_of, crowded):
    index = index_of(crowded, 32)
    on = on_device(index, "Flat", device)
    on.let_go()
    assert on.stored is index.stored
    assert (on.sketches, on.bounds) == (None, None)
    assert on.with_probes(3) is on
    np.testing.assert_array_equal(on.take(np.array([7, 2])), index.take(np.array([7, 2])))
