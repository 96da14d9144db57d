"""What stands on a card is decided here with a FAISS that only notes what it was asked for: there is none with a card."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from agreement import assert_agree

from mrl_search.device import Device
from mrl_search.errors import DeviceError
from mrl_search.funnel import Funnel, Stage
from mrl_search.gpu import DeviceOptions, faiss_cards, on_device, opening, planned
from mrl_search.gpu.faiss_cards import FaissFinder
from mrl_search.indexes.codecs import load_faiss
from mrl_search.retriever import search

CARD = Device("cuda", 0, "a card")


@pytest.fixture
def card(monkeypatch):
    """As much of a card as deciding takes: torch computes on the CPU, FAISS's structures stay there, too."""
    asked = []

    def on_cards(index, structure, cards, shared):
        stored, prefix = index.stored, index.prefixes.faiss
        asked.append((structure, cards, shared))
        faiss = load_faiss()
        if structure == "IVF4,SQ8":
            raise RuntimeError("Error in void faiss::gpu::f() at x.cu:1: no such code length")
        clone = faiss.IndexFlatIP(index.prefix_dim) if structure == "Flat" else prefix
        if structure == "Flat":
            clone.add(np.concatenate([block for _, block in stored.blocks(index.prefix_dim)]))
        return FaissFinder(clone, structure, 0)

    monkeypatch.setattr(opening, "faiss_cards", lambda: 1)
    monkeypatch.setattr(opening, "has_cagra", lambda: False)
    monkeypatch.setattr(opening, "on_cards", on_cards)
    monkeypatch.setattr(opening, "_free_bytes", lambda card: 80 * 2**30)
    monkeypatch.setattr(Device, "__str__", lambda device: "cpu")
    return asked


def test_torch_says_what_it_searches_in_place_of_what(device, index_of, crowded, caplog):
    on = on_device(index_of(crowded[:200], 32, factory="SQ8"), "SQ8", device, DeviceOptions(engine="torch"))
    assert (
        on.where
        == f"{device.told}, torch Flat float16; SQ8 is FAISS's; torch compares the prefixes themselves; full vectors resident"
    )
    assert "SQ8 is FAISS's" in caplog.text


def test_an_exact_prefix_is_replaced_by_nothing_and_logs_nothing(device, index_of, crowded, caplog):
    on = on_device(index_of(crowded[:200], 32), "Flat", device, DeviceOptions(engine="torch", resident=False))
    assert on.where == f"{device.told}, torch Flat float16; full vectors in host memory"
    assert not caplog.text


@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat"])
def test_faiss_finds_what_it_finds_on_the_cpu(card, index_of, crowded, factory):
    index = index_of(crowded, 32, factory=factory)
    on = on_device(index, factory, CARD)
    assert on.where == f"cpu (a card), faiss {factory}{' float16' if factory == 'Flat' else ''}; full vectors resident"
    found, expected = (some.shortlist(crowded[1:9], Stage(32, 20)) for some in (on, index))
    np.testing.assert_array_equal(found.rows, expected.rows)
    assert card == [(factory, [0], "replicas")]
    assert on.overlooks(Stage(32, 20)) == (factory != "Flat")


def test_what_faiss_refuses_after_all_is_replaced_and_its_reason_told(card, index_of, crowded):
    on = on_device(index_of(crowded, 32, factory="IVF4,SQ8"), "IVF4,SQ8", CARD)
    assert on.where.startswith("cpu (a card), faiss Flat float16; FAISS does not take IVF4,SQ8 on a card: ")
    assert [structure for structure, *_ in card] == ["IVF4,SQ8", "Flat"]


def test_codes_that_our_kernel_took_over_from_faiss_are_replaced(card, index_of, crowded):
    index = index_of(crowded, 32, factory="PQ16x4fs")
    index.prefixes.forget_faiss()  # as an index that is opened does
    on = on_device(index, "PQ16x4fs", CARD)
    assert "faiss Flat float16; PQ16x4fs is not for cards" in on.where
    exact = on_device(index_of(crowded, 32), "Flat", CARD)
    found, expected = (some.shortlist(crowded[1:9], Stage(32, 20)) for some in (on, exact))
    np.testing.assert_array_equal(found.rows, expected.rows)


def test_further_cards_share_the_prefixes(card, index_of, crowded):
    on_device(index_of(crowded, 32), "Flat", CARD, DeviceOptions(cards=(2, 1), shared="shards"))
    assert card == [("Flat", [0, 1, 2], "shards")]


def test_torch_shares_nothing_among_cards(device, index_of, crowded):
    with pytest.raises(DeviceError, match="several cards share an index by FAISS alone"):
        on_device(index_of(crowded[:200], 32), "Flat", device, DeviceOptions(engine="torch", cards=(1,)))


def test_memory_is_looked_at_first(card, index_of, crowded, monkeypatch):
    monkeypatch.setattr(opening, "_free_bytes", lambda card: 2**20)
    with pytest.raises(DeviceError, match="no prefix fits"):
        on_device(index_of(crowded, 32), "Flat", CARD)
    assert not card


def test_vectors_stay_on_the_host_where_they_do_not_fit(card, index_of, crowded, monkeypatch):
    # 3,000 × 32 · 2 are 192,000 bytes, and 3,000 × 96 · 4 are 1,152,000
    monkeypatch.setattr(opening, "_free_bytes", lambda card: 2 * 2**30 + 1_000_000)
    assert on_device(index_of(crowded, 32), "Flat", CARD).where.endswith("full vectors in host memory")


def test_where_others_are_to_have_theirs_no_more_than_a_share_of_the_card_is_taken(
    card, index_of, crowded, monkeypatch
):
    monkeypatch.setattr(opening, "_all_bytes", lambda card: 4 * (2 * 2**30 + 1_000_000))  # as above, of a quarter
    on = on_device(index_of(crowded, 32), "Flat", CARD, DeviceOptions(share=0.25))
    assert on.where.endswith("full vectors in host memory")
    assert on_device(index_of(crowded, 32), "Flat", CARD, DeviceOptions(share=0.5)).where.endswith("resident")


def test_where_faiss_finds_too_few_rows_on_a_card_all_are_compared(card, index_of, crowded, caplog):
    index = index_of(crowded, 32)
    on = on_device(index, "Flat", CARD)
    for stage in (Stage(32, 1400), Stage(32, 2900)):  # the first asks for no more than it needs to begin with
        assert_agree(on.shortlist(crowded[1:4], stage), index.shortlist(crowded[1:4], stage))
    told = "on cpu: all vectors are compared where FAISS finds too few rows on a card"
    assert [record.message for record in caplog.records].count(told) == 1


def test_more_copies_than_faiss_finds_on_a_card_still_come_in_row_order(card, index_of, crowded):
    index = index_of(np.tile(crowded[1:2], (2100, 1)), 32)
    hits = search(on_device(index, "Flat", CARD), crowded[1:2], Funnel.parse("32:200,96:10"))
    assert hits.rows.tolist() == [list(range(10))]


def test_a_faiss_without_its_gpu_half_sees_no_card(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", SimpleNamespace(get_num_gpus=lambda: 0))
    assert faiss_cards.faiss_cards() == 0
    monkeypatch.setitem(__import__("sys").modules, "faiss", SimpleNamespace(get_num_gpus=lambda: 2, GpuIndexFlat=1))
    assert faiss_cards.faiss_cards() == 2
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    assert faiss_cards.faiss_cards() == 0


def test_on_the_cpu_torch_stands_for_everything():
    assert planned("PQ64x4fs", Device()).engine == "torch"


@pytest.mark.parametrize(
    ("device", "dim", "triton", "fused"),
    [
        (Device(), 64, True, None),  # no card
        (Device("cuda"), 64, False, None),
        (Device("cuda"), 96, True, None),  # a width that the kernels do not take
        (Device("cuda"), 64, True, False),
    ],
)
def test_a_plain_product_finds_groups_where_the_fused_kernels_cannot_or_shall_not(
    device, dim, triton, fused, monkeypatch
):
    monkeypatch.setattr(opening, "find_spec", lambda name: triton or None)
    monkeypatch.setitem(sys.modules, "mrl_search.gpu.fused", SimpleNamespace(GROUPS=1, WIDTHS=(64,), demand_fusible=1))
    assert opening._groups(dim, (device, DeviceOptions(fused=fused))) is None


def test_the_fused_kernels_are_taken_on_a_card_that_has_triton(monkeypatch):
    fused = SimpleNamespace(GROUPS="kernels", WIDTHS=(64,), demand_fusible=lambda dim: None)
    monkeypatch.setattr(opening, "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "mrl_search.gpu.fused", fused)
    assert opening._groups(64, (Device("cuda"), DeviceOptions())) == "kernels"
