"""A graph is pretended: what it records is run anew at each replay, and writes into the buffers of the first run."""

import logging

import numpy as np
import pytest
import torch
from agreement import assert_agree

from mrl_search.device import Device
from mrl_search.funnel import Funnel
from mrl_search.gpu import DeviceIndex, DeviceOptions, on_device, opening
from mrl_search.gpu.replay import Replays, recording_on
from mrl_search.gpu.rows import Resident
from mrl_search.gpu.scan import Groups, Scan
from mrl_search.retriever import search
from mrl_search.vectors import unit


class Graphs:
    """Records as CUDA does: results stay where the recording put them, and no replay makes new ones."""

    def __init__(self):
        self.recorded, self.replayed = 0, 0

    def __call__(self, work):
        self.recorded += 1
        results = work()

        def replay():
            self.replayed += 1
            for place, value in zip(results, work(), strict=True):
                place.copy_(value)

        return replay, results


def doubled(given):
    return (2 * given,)


def test_the_second_call_is_recorded_and_the_third_replayed():
    graphs = Graphs()
    replays = Replays(graphs)
    found = [replays("double", doubled, torch.tensor([float(n)]))[0].item() for n in range(4)]
    assert found == [0, 2, 4, 6]
    assert (graphs.recorded, graphs.replayed, len(replays)) == (1, 3, 1)


def test_what_came_out_is_not_overwritten_by_the_next_replay():
    replays = Replays(Graphs())
    found = [replays("double", doubled, torch.tensor([float(n)]))[0] for n in range(5)]
    assert [one.item() for one in found] == [0, 2, 4, 6, 8]


def test_what_was_given_is_not_written_to():
    replays, given = Replays(Graphs()), [torch.tensor([float(n)]) for n in range(4)]
    for one in given:
        replays("double", doubled, one)
    assert [one.item() for one in given] == [0, 1, 2, 3]


def test_another_shape_or_name_is_another_graph():
    graphs = Graphs()
    replays = Replays(graphs)
    for _ in range(3):
        for name, count in (("a", 1), ("a", 2), ("b", 1)):
            assert replays(name, doubled, torch.ones(count))[0].tolist() == [2] * count
    assert graphs.recorded == len(replays) == 3


def test_only_so_many_are_kept_those_used_last():
    graphs = Graphs()
    replays = Replays(graphs, most=2)
    for name in ("a", "a", "b", "b", "a", "c", "c"):  # c takes the place of b
        replays(name, doubled, torch.ones(1))
    assert (graphs.recorded, len(replays)) == (3, 2)
    replays("a", doubled, torch.ones(1))
    assert graphs.recorded == 3


def test_without_a_card_the_work_itself_is_called():
    assert recording_on(Device()) is None
    replays = Replays(None)
    assert [replays("double", doubled, torch.ones(1))[0].item() for _ in range(3)] == [2, 2, 2]
    assert len(replays) == 0


def test_what_cannot_be_recorded_is_called_and_not_tried_again(caplog):
    tried = []

    def refuse(work):
        tried.append(work)
        raise RuntimeError("operation not permitted when stream is capturing")

    replays = Replays(refuse)
    with caplog.at_level(logging.WARNING):
        assert [replays("double", doubled, torch.ones(1))[0].item() for _ in range(5)] == [2] * 5
    assert len(tried) == 1
    assert "no CUDA graph of a small batch's search: operation not permitted" in caplog.text


@pytest.fixture
def graphs(monkeypatch, device):
    """A card's own graphs where there is one, counted by nobody."""
    pretended = Graphs()
    if not device.is_cuda:
        monkeypatch.setattr(opening, "recording_on", lambda device: pretended)
    return pretended


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_a_replayed_funnel_finds_bit_for_bit_what_the_two_verbs_find(device, graphs, index_of, crowded, dtype):
    on = on_device(index_of(crowded, 32, dtype), "Flat", device, DeviceOptions(engine="torch"))
    queries = unit(np.random.default_rng(4).standard_normal((60, 96)).astype(np.float32) + crowded[:60])
    queries[7] = 0
    for text in ("32:200,96:10", "32:25", "32:500,64:100,96:7", "32:5000,96:4000"):
        first, *rest = (funnel := Funnel.parse(text)).stages
        for some in np.split(queries, 15):
            expected = on.shortlist(some, first)
            for stage in rest:
                expected = on.rerank(some, expected, stage)
            found = on.funnelled(some, funnel)
            np.testing.assert_array_equal(found.rows, expected.rows)
            np.testing.assert_array_equal(found.scores, expected.scores)
    if not device.is_cuda:
        assert (graphs.recorded, graphs.replayed) == (4, 56)


def test_large_batches_and_full_width_are_not_replayed(device, graphs, index_of, crowded):
    on = on_device(index_of(crowded, 32), "Flat", device, DeviceOptions(engine="torch"))
    for _ in range(3):
        search(on, crowded[:33], Funnel.parse("32:20,96:5"))
        search(on, crowded[:2], Funnel.parse("96:5"))
    assert len(on._replays) == 0


@pytest.mark.parametrize("options", [DeviceOptions(resident=False), DeviceOptions(graphs=False)])
def test_vectors_on_the_host_are_not_replayed_nor_what_shall_not_be(device, graphs, index_of, crowded, options):
    on = on_device(index_of(crowded, 32), "Flat", device, options)
    assert on._replays is None
    search(on, crowded[:2], Funnel.parse("32:20,96:5"))


def test_where_one_try_is_not_enough_the_rounds_decide(device, graphs, index_of, monkeypatch):
    vectors = np.tile(np.eye(96, dtype=np.float32)[:1], (500, 1))  # all alike: only all 500 hold the first ten
    on = on_device(index_of(vectors, 32), "Flat", device, DeviceOptions(engine="torch"))
    queries = unit(np.random.default_rng(1).standard_normal((3, 96)))
    rows, whole = on._finder.try_once(torch.tensor(queries[:, :32], device=str(device)), 20)
    assert rows.shape == (3, 20 + 32)
    assert not whole.any()
    for _ in range(3):
        assert (search(on, queries, Funnel.parse("32:20,96:10")).rows == np.arange(10)).all()


def test_one_try_holds_the_first_rows_for_a_query_of_zeros(device):
    scan = Scan(torch.tensor(unit(np.random.default_rng(2).standard_normal((90, 8))), device=str(device)))
    rows, whole = scan.try_once(torch.zeros(2, 8, device=str(device)), 3)
    assert rows[:, :3].tolist() == [[0, 1, 2]] * 2
    assert whole.all()


def test_replayed_or_not_it_is_what_the_cpu_finds(device, graphs, index_of, crowded):
    index, funnel = index_of(crowded, 32), Funnel.parse("32:200,96:10")
    on = on_device(index, "Flat", device)
    for query in unit(crowded[1:200:20]):
        assert_agree(search(on, query[None], funnel), search(index, query[None], funnel))


def test_nothing_that_is_recorded_asks_the_device_for_a_number(index_of, crowded):
    # torch's meta device has none: what would wait for one, or make a shape of one, fails
    index = index_of(crowded, 32)
    vectors = Resident.of(torch.empty(3000, 96, device="meta"))
    maxima, within = torch.empty(7, 94, device="meta"), torch.empty(7, 32 * 94, device="meta")
    for groups in (None, Groups(lambda *_: maxima, lambda *asked: within[:, : 32 * asked[2].shape[1]], 0.0)):
        scan = Scan(torch.empty(3000, 32, device="meta", dtype=torch.float16), groups)
        on = DeviceIndex(index, vectors, scan, (Device(), "meta"))
        for text in ("32:200,64:50,96:10", "32:5", "32:5000,96:4000"):
            results = on._tried(torch.empty(7, 96, device="meta"), funnel := Funnel.parse(text))
            k = min(funnel.k, 3000)
            assert [result.shape for result in results] == [(7, k), (7, k), (7,)]


@pytest.mark.gpu
def test_a_card_records_graphs(index_of, crowded):
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA card here")
    from mrl_search.device import chosen_device

    on = on_device(index_of(crowded, 32), "Flat", chosen_device("cuda"), DeviceOptions(engine="torch"))
    for _ in range(3):
        search(on, crowded[:1], Funnel.parse("32:20,96:5"))
    assert len(on._replays) == 1
