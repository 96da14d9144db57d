"""FAISS's GPU half, where the faiss that is installed has one: what it clones, and exact float16 prefixes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrl_search.errors import DeviceError
from mrl_search.gpu.choice import CAGRA, FLAT, MOST_FOUND
from mrl_search.gpu.scan import HALF_NOISE, all_of_the_best
from mrl_search.indexes import StoredVectors, VectorIndex

_LEAST_KEPT = 64  # by a graph's search, which keeps whole thirty-twos
_LOSSY, _LEAST_LOSSY = 2, 100  # rows fetched for each one wanted, and in any case, where codes are compared


def faiss_cards() -> int:
    """How many cards FAISS can search on; 0 where it is built without its GPU half, or is not there at all."""
    try:
        import faiss
    except ImportError:
        return 0
    return int(faiss.get_num_gpus()) if hasattr(faiss, "GpuIndexFlat") else 0


def has_cagra() -> bool:
    """Whether this FAISS is built with cuVS, which has CAGRA (the wheel faiss-gpu-cuvs is)."""
    return hasattr(_faiss(), "GpuIndexCagra")


class FaissFinder:
    """A FAISS index on one card or several.

    Its queries and rows go through the host's memory: FAISS takes torch's tensors only where it patches itself.
    """

    def __init__(self, index: Any, structure: str, nbytes: int) -> None:
        self._index = index
        self.is_exhaustive = structure == FLAT
        self._is_graph = structure == CAGRA
        self._is_lossless = self.is_exhaustive or structure.endswith("Flat") or self._is_graph
        self.dim, self.nbytes = int(index.d), nbytes

    def candidates(self, queries: Tensor, k: int) -> Tensor:
        """See Finder. Raises DeviceError where more rows are wanted than FAISS finds on a card."""
        size = int(self._index.ntotal)
        if self.is_exhaustive:
            return all_of_the_best(self._find, size, queries, k, HALF_NOISE)
        wanted = k if self._is_lossless else max(_LOSSY * k, _LEAST_LOSSY)
        return self._find(queries, min(wanted, size))[1]

    def _find(self, queries: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
        if wanted > MOST_FOUND:
            raise DeviceError(
                f"FAISS finds {MOST_FOUND:,} rows of a query on a card, {wanted:,} are needed to leave none out: "
                "keep fewer in the first stage, or open the index with engine='torch'"
            )
        asked = np.ascontiguousarray(queries.cpu().numpy())
        scores, rows = self._index.search(asked, wanted, params=self._parameters(wanted))
        return torch.from_numpy(scores).to(queries.device), torch.from_numpy(rows).to(queries.device)

    def _parameters(self, wanted: int) -> Any:
        """CAGRA keeps 64 rows while it searches unless told otherwise, however many are wanted of it."""
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
        return FaissFinder(_exact(stored, dim, cards, shared), FLAT, 2 * dim * len(stored))
    if structure == CAGRA:
        return FaissFinder(_graph(stored, dim, cards[0]), CAGRA, 4 * dim * len(stored))
    prefix = index.prefixes.faiss if index.prefixes is not None else None
    return FaissFinder(_spread(prefix, cards, shared), structure, int(_faiss().serialize_index(prefix).nbytes))


def _exact(stored: StoredVectors, dim: int, cards: list[int], shared: str) -> Any:
    """Prefixes in float16."""
    faiss = _faiss()
    if len(cards) > 1:
        index = faiss.IndexFlatIP(dim)
    else:
        settings = faiss.GpuIndexFlatConfig()
        settings.device, settings.useFloat16 = cards[0], True
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), dim, settings)
    for _, block in stored.blocks(dim):
        index.add(block)
    return _spread(index, cards, shared) if len(cards) > 1 else index


def _graph(stored: StoredVectors, dim: int, card: int) -> Any:
    """cuVS's CAGRA over float32 prefixes."""
    faiss = _faiss()
    settings = faiss.GpuIndexCagraConfig()
    settings.device = card
    index = faiss.GpuIndexCagra(faiss.StandardGpuResources(), dim, faiss.METRIC_INNER_PRODUCT, settings)
    index.train(np.concatenate([block for _, block in stored.blocks(dim)]))
    return index


def _spread(index: Any, cards: list[int], shared: str) -> Any:
    """A CPU index on the cards, with float16 wherever FAISS has the choice."""
    faiss = _faiss()
    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16 = True
    options.shard = shared == "shards"
    return faiss.index_cpu_to_gpus_list(index, options, cards)


def _faiss() -> Any:
    import faiss

    return faiss
