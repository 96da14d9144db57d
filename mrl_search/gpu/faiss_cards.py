"""FAISS's GPU half, where the faiss that is installed has one: what it clones, and exact float16 prefixes."""

import re
import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrl_search.gpu.choice import CAGRA, DEGREE, FLAT, MOST_FOUND
from mrl_search.gpu.scan import HALF_NOISE, ShallowError, all_of_the_best
from mrl_search.indexes import StoredVectors, VectorIndex

_LEAST_KEPT = 64  # by a graph's search, which keeps whole thirty-twos
_LOSSY, _LEAST_LOSSY = 2, 100  # rows fetched for each one wanted, and in any case, where codes are compared
_LOSSLESS = re.compile(rf"{FLAT}|{CAGRA}|IVF\d+,Flat")  # which compares prefixes themselves, as far as it looks


def faiss_cards() -> int:
    """How many cards FAISS can search on; 0 where it is built without its GPU half, or is not there at all."""
    try:
        import faiss
    except ImportError:
        return 0
    return int(faiss.get_num_gpus()) if hasattr(faiss, "GpuIndexFlat") else 0


def has_cagra() -> bool:
    """Whether this FAISS is built with cuVS and its CAGRA, as the wheel faiss-gpu-cuvs is (on aarch64 without)."""
    return hasattr(_faiss(), "GpuIndexCagra")


class FaissFinder:
    """A FAISS index on one card or several.

    On one card queries and rows stay there: FAISS is told the stream that torch works on, and where the tensors lie, as
    its contrib/torch_utils.py does (which patches FAISS's classes for the whole process, and is not used). Several
    cards, and a transform that FAISS leaves on the CPU, are asked through the host's memory. One search at a time: a
    GPU index has one scratch memory.
    """

    def __init__(self, index: Any, structure: str, nbytes: int) -> None:
        self._index = index
        self.is_exhaustive = structure == FLAT
        self._is_graph = structure == CAGRA
        self._is_lossless = _LOSSLESS.fullmatch(structure) is not None
        self.dim, self.nbytes = int(index.d), nbytes
        self._one_at_a_time = threading.Lock()

    def candidates(self, queries: Tensor, k: int) -> Tensor:
        """See Finder: FAISS finds MOST_FOUND rows of a query on a card, and no more."""
        size = int(self._index.ntotal)
        if self.is_exhaustive:
            return all_of_the_best(self._find, size, queries, k, HALF_NOISE, MOST_FOUND)
        if min(k, size) > MOST_FOUND:
            raise ShallowError
        wanted = k if self._is_lossless else max(_LOSSY * k, _LEAST_LOSSY)
        return self._find(queries, min(wanted, size, MOST_FOUND))[1]

    def _find(self, queries: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
        there = queries.device
        if queries.is_cuda and not hasattr(self._index, "getResources"):
            queries = queries.cpu()
        asked = queries.contiguous()
        scores = torch.empty((len(asked), wanted), device=asked.device)
        rows = torch.empty((len(asked), wanted), dtype=torch.int64, device=asked.device)
        if len(asked):
            self._search(asked, scores, rows)
        return scores.to(there), rows.to(there)

    def _search(self, asked: Tensor, scores: Tensor, rows: Tensor) -> None:
        """Writes what is found into scores and rows: tensors all in the host's memory, or all on the index's card."""
        faiss, wanted = _faiss(), scores.shape[1]
        with self._one_at_a_time:
            if asked.is_cuda:
                stream = torch.cuda.current_stream(asked.device).cuda_stream
                resources = self._index.getResources()
                resources.setDefaultStream(asked.device.index, faiss.cast_integer_to_cudastream_t(stream))
            self._index.search_c(
                len(asked),
                faiss.cast_integer_to_float_ptr(asked.data_ptr()),
                wanted,
                faiss.cast_integer_to_float_ptr(scores.data_ptr()),
                faiss.cast_integer_to_idx_t_ptr(rows.data_ptr()),
                self._parameters(wanted),
            )

    def _parameters(self, wanted: int) -> Any:
        """CAGRA keeps `itopk_size` rows while it searches, 64 unless told otherwise, however many are wanted of it."""
        if not self._is_graph:
            return None
        parameters = _faiss().SearchParametersCagra()
        parameters.itopk_size = -(-max(wanted, _LEAST_KEPT) // 32) * 32
        return parameters


def on_cards(index: VectorIndex, structure: str, cards: list[int], shared: str) -> FaissFinder:
    """A structure on the cards: a clone of the CPU's prefix index, or exact prefixes or CAGRA's graph made anew.

    index: with prefixes. shared: `replicas` or `shards`, of several cards; CAGRA stands on the first.
    Raises RuntimeError, FAISS's own, for what it does not take.
    """
    stored, dim = index.stored, index.prefix_dim
    if structure == FLAT:
        return FaissFinder(_exact(stored, dim, cards, shared), FLAT, (2 * dim + 4) * len(stored))
    if structure == CAGRA:
        return FaissFinder(_graph(stored, dim, cards[0]), CAGRA, 4 * (dim + DEGREE) * len(stored))
    prefix = index.prefixes.faiss if index.prefixes is not None else None
    return FaissFinder(_cloned(prefix, cards, shared), structure, int(_faiss().serialize_index(prefix).nbytes))


def _exact(stored: StoredVectors, dim: int, cards: list[int], shared: str) -> Any:
    """Prefixes in float16: all on every card, or an equal share of the rows on each, in order.

    FAISS's cloner would send a replica's float32 prefixes at once (impl/FlatIndex.cu, `add`), from a copy in the host's
    memory; block by block neither is needed.
    """
    edges = np.linspace(0, len(stored), len(cards) + 1).astype(np.int64).tolist()
    indexes = [_empty(dim, card) for card in cards]
    for start, block in stored.blocks(dim):
        for part, index in enumerate(indexes):
            first, last = (0, len(stored)) if shared == "replicas" else edges[part : part + 2]
            some = block[max(0, first - start) : max(0, last - start)]
            if len(some):
                index.add(some)
    if len(indexes) == 1:
        return indexes[0]
    faiss = _faiss()
    if shared == "replicas":
        whole = faiss.IndexReplicas(dim)
        for index in indexes:
            whole.addIndex(index)
    else:
        whole = faiss.IndexShards(dim, True, True)  # in threads; a shard's rows count on from those before
        for index in indexes:
            whole.add_shard(index)
    return whole


def _empty(dim: int, card: int) -> Any:
    """Products of float16 are added up in float32 (utils/MatrixMult-inl.cuh), within HALF_NOISE; so not by cuVS."""
    faiss = _faiss()
    settings = faiss.GpuIndexFlatConfig()
    settings.device, settings.useFloat16, settings.use_cuvs = card, True, False
    return faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), dim, settings)


def _graph(stored: StoredVectors, dim: int, card: int) -> Any:
    """cuVS's CAGRA over float32 prefixes, built anew by its default, IVF-PQ.

    `GpuIndexCagra.copyFrom` takes the CPU's twin alone, an IndexHNSWCagra, whose lowest level is such a graph; an
    IndexHNSWFlat, which `HNSW32` is, it does not take. `train` builds, and copies all rows to the card
    (GpuIndexCagra.h, `store_dataset`).
    """
    faiss = _faiss()
    settings = faiss.GpuIndexCagraConfig()
    settings.device, settings.graph_degree = card, DEGREE
    index = faiss.GpuIndexCagra(faiss.StandardGpuResources(), dim, faiss.METRIC_INNER_PRODUCT, settings)
    index.train(np.concatenate([block for _, block in stored.blocks(dim)]))
    return index


def _cloned(index: Any, cards: list[int], shared: str) -> Any:
    """A CPU index on the cards; PQ's tables in float16, without which 64 codes do not fit (GpuIndexIVFPQ.cu)."""
    faiss = _faiss()
    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16 = True
    options.shard = shared == "shards"
    return faiss.index_cpu_to_gpus_list(index, options, cards)


def _faiss() -> Any:
    import faiss

    return faiss
