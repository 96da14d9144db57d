"""FAISS's GPU half, pretended by its CPU half: same interface, same answers, and it notes how it was asked."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mrl_search.gpu import faiss_cards
from mrl_search.gpu.faiss_cards import FaissFinder, on_cards
from mrl_search.gpu.scan import ShallowError
from mrl_search.indexes.codecs import load_faiss
from mrl_search.vectors import unit


@pytest.fixture
def faiss(monkeypatch):
    """The FAISS that is here, and beside it the names of its GPU half, each of which makes a CPU index.

    `cards`: what each exact part was made with. `clones`: structure, options and cards of each clone.
    """
    real = load_faiss()
    half = SimpleNamespace(**vars(real), cards=[], clones=[], searches=[])

    def flat(resources, dim, settings):
        half.cards.append((settings.device, settings.useFloat16, settings.use_cuvs))
        return real.IndexFlatIP(dim)

    def clone(index, options, cards):
        half.clones.append((options.useFloat16, options.shard, cards))
        return index

    class Cagra(real.IndexFlatIP):
        def __init__(self, resources, dim, metric, settings):
            assert metric == real.METRIC_INNER_PRODUCT
            super().__init__(dim)
            half.cards.append((settings.device, settings.graph_degree))

        def train(self, rows):
            self.add(rows)  # as GpuIndexCagra.h says of it

        def search_c(self, count, asked, wanted, scores, rows, parameters):
            half.searches.append((wanted, parameters.itopk_size))
            super().search_c(count, asked, wanted, scores, rows, None)

    half.StandardGpuResources = object
    half.GpuIndexFlatConfig = half.GpuIndexCagraConfig = half.SearchParametersCagra = SimpleNamespace
    half.GpuMultipleClonerOptions = SimpleNamespace
    half.GpuIndexFlatIP, half.GpuIndexCagra, half.index_cpu_to_gpus_list = flat, Cagra, clone
    monkeypatch.setattr(faiss_cards, "_faiss", lambda: half)
    return half


def queries(crowded):
    return torch.tensor(unit(crowded[7:27:2, :32]))


def best_of(index, asked, k):
    """The rows of the k best, by a plain product; none of these queries has equals there."""
    prefixes = np.concatenate([block for _, block in index.stored.blocks(32)])
    return np.argsort(-(asked.numpy() @ prefixes.T), axis=1, kind="stable")[:, :k]


def holds(found, wanted):
    return all(set(one) <= set(other) for one, other in zip(wanted.tolist(), found.tolist(), strict=True))


def test_exact_prefixes_are_float16_on_the_card_that_is_asked_for_and_not_cuvs_s(faiss, index_of, crowded):
    index, asked = index_of(crowded, 32), queries(crowded)
    finder = on_cards(index, "Flat", [3], "replicas")
    assert faiss.cards == [(3, True, False)]
    assert (finder.is_exhaustive, finder.dim, finder.nbytes) == (True, 32, 3000 * (32 * 2 + 4))
    assert holds(finder.candidates(asked, 10), best_of(index, asked, 10))


@pytest.mark.parametrize("shared", ["replicas", "shards"])
def test_several_cards_find_what_one_finds(faiss, index_of, crowded, shared):
    index, asked = index_of(crowded, 32), queries(crowded)
    finder = on_cards(index, "Flat", [0, 1, 2], shared)
    assert [card for card, *_ in faiss.cards] == [0, 1, 2]
    whole = finder._index
    parts = [whole.at(part).ntotal for part in range(whole.count())]
    assert parts == ([3000] * 3 if shared == "replicas" else [1000] * 3)
    assert whole.ntotal == 3000
    assert holds(finder.candidates(asked, 10), best_of(index, asked, 10))


def test_shards_are_cut_wherever_blocks_of_rows_end(faiss, index_of, crowded, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    finder = on_cards(index := index_of(crowded[:1001], 32), "Flat", [0, 1, 2], "shards")
    whole = finder._index
    assert [whole.at(part).ntotal for part in range(3)] == [333, 334, 334]
    asked = queries(crowded)
    assert holds(finder.candidates(asked, 4), best_of(index, asked, 4))


@pytest.mark.parametrize("shared", ["replicas", "shards"])
def test_a_clone_keeps_its_tables_in_float16_and_is_shared_as_is_asked(faiss, index_of, crowded, shared):
    finder = on_cards(index_of(crowded, 32, factory="IVF4,SQ8"), "IVF4,SQ8", [0, 1], shared)
    assert faiss.clones == [(True, shared == "shards", [0, 1])]
    assert not finder.is_exhaustive


@pytest.mark.parametrize(
    ("factory", "wanted"), [("IVF4,Flat", 10), ("IVF4,SQ8", 100), ("PCA8,IVF4,Flat", 100), ("IVF4,PQ8", 100)]
)
def test_of_codes_and_of_shortened_prefixes_more_rows_are_fetched(faiss, index_of, crowded, factory, wanted):
    finder = on_cards(index_of(crowded, 32, factory=factory), factory, [0], "replicas")
    assert finder.candidates(queries(crowded), 10).shape == (10, wanted)
    assert finder.candidates(queries(crowded), 60).shape == (10, 60 if wanted == 10 else 120)


def test_a_graph_is_built_of_all_rows_and_keeps_as_many_as_are_wanted_while_it_searches(faiss, index_of, crowded):
    index, asked = index_of(crowded, 32, factory="HNSW8"), queries(crowded)
    finder = on_cards(index, "CAGRA", [2, 3], "replicas")
    assert faiss.cards == [(2, 64)]
    assert (finder.is_exhaustive, finder.nbytes) == (False, 3000 * (32 * 4 + 64 * 4))
    np.testing.assert_array_equal(finder.candidates(asked, 5), best_of(index, asked, 5))
    finder.candidates(asked, 200)
    assert faiss.searches == [(5, 64), (200, 224)]  # whole thirty-twos, 64 at least


def test_more_rows_than_a_card_finds_are_told_to_be_too_many(faiss, index_of, crowded):
    finder = on_cards(index_of(crowded, 32, factory="IVF4,Flat"), "IVF4,Flat", [0], "replicas")
    assert finder.candidates(queries(crowded), 2048).shape == (10, 2048)
    with pytest.raises(ShallowError):
        finder.candidates(queries(crowded), 2049)


def test_no_query_is_no_error(faiss, index_of, crowded):
    for factory in ("Flat", "IVF4,Flat"):
        finder = on_cards(index_of(crowded, 32, factory=factory), factory, [0], "replicas")
        assert len(finder.candidates(torch.empty(0, 32), 5)) == 0


def test_queries_may_lie_in_strides(faiss, index_of, crowded):
    finder = on_cards(index_of(crowded, 32, factory="IVF4,Flat"), "IVF4,Flat", [0], "replicas")
    asked = queries(crowded)
    strided = asked.repeat_interleave(2, dim=1)[:, ::2]
    assert not strided.is_contiguous()
    assert torch.equal(finder.candidates(strided, 7), finder.candidates(asked, 7))


def test_whether_this_faiss_has_cagra_is_asked_of_itself(faiss, monkeypatch):
    assert faiss_cards.has_cagra()
    del faiss.GpuIndexCagra
    assert not faiss_cards.has_cagra()


@pytest.mark.gpu
@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat", "IVF4,PQ8", "IVF4,SQ8"])
def test_a_card_finds_what_faiss_finds_on_the_cpu(index_of, crowded, factory):
    if not (torch.cuda.is_available() and faiss_cards.faiss_cards()):
        pytest.skip("there is no CUDA card that both torch and FAISS see here")
    index, asked = index_of(crowded, 32, factory=factory), queries(crowded)
    found = on_cards(index, factory, [0], "replicas").candidates(asked.cuda(), 10)
    assert found.is_cuda
    expected = FaissFinder(index.prefixes.faiss, factory, 0).candidates(asked, 10)
    overlap = [
        len(set(one) & set(other)) / 10 for one, other in zip(expected[:, :10].tolist(), found.tolist(), strict=True)
    ]
    assert np.mean(overlap) > 0.95
