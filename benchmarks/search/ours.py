"""This package, behind the same interface as its peers."""

import numpy as np

from mrl_search.builder import BuildOptions, build
from mrl_search.funnel import Funnel
from mrl_search.indexes import measure_index, open_index
from mrl_search.retriever import search
from search.data import SHORTLIST_DIM
from search.method import Method

_GRID = (  # of the cells, and candidates; a build sets all cells by itself
    (0.03, 50),
    (0.04, 60),
    (0.05, 75),
    (0.06, 75),
    (0.07, 75),
    (0.08, 75),
    (0.1, 100),
    (0.12, 100),
    (0.16, 120),
    (0.16, 150),
    (0.16, 200),
    (0.2, 150),
    (0.2, 200),
    (0.2, 250),
    (0.2, 300),
    (0.25, 150),
    (0.25, 200),
    (0.25, 250),
    (0.25, 300),
    (0.33, 200),
    (0.33, 300),
    (0.5, 200),
    (0.5, 300),
    (1.0, 300),
)


class Ours(Method):
    """RAM: the prefix index, its ids and the rotation; vectors are mapped from disk, as `mrl-search info` says."""

    module, package = "mrl_search", "mrl-search"

    def __init__(self, dtype="float32"):
        self.name = Ours.name if dtype == "float32" else f"{Ours.name} {dtype}"
        self.dtype = dtype

    name = "mrl-search"

    def build(self, vectors, folder, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        ids, given, self.folder = folder / "ids.txt", folder / "vectors.npy", folder / "index"
        ids.write_text("".join(f"{row}\n" for row in range(len(vectors))), encoding="utf-8")
        np.save(given, vectors)
        options = BuildOptions(vectors=given, rotation="learned", dtype=self.dtype)
        build(f"ids:{ids}", self.folder, dims=(SHORTLIST_DIM, vectors.shape[1]), options=options)
        given.unlink()
        self.stored = open_index(self.folder)

    def settings(self):
        cells = self.stored.vectors.cells
        for part, shortlist in _GRID:
            yield {"probes": max(1, round(cells * part)), "shortlist": shortlist}

    def batch(self, k, setting, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        index = self.stored.vectors.with_probes(setting["probes"])
        funnel = Funnel.parse(f"{SHORTLIST_DIM}:{setting['shortlist']},{index.dim}:{k}")
        return lambda queries: search(index, self.stored.turned(queries), funnel).rows

    def sizes(self):
        manifest, each = measure_index(self.folder)
        return each.ram * manifest.documents, each.disk * manifest.documents
