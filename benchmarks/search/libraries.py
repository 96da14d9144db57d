"""Peers that are vector-search libraries: FAISS, hnswlib, usearch, ScaNN and Intel's SVS."""

from pathlib import Path

import numpy as np

from search.method import Method, grid, lists_for, shares, size_of

_WIDTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)  # of a graph's search, all at least k


class Faiss(Method):
    """RAM and disk: the size of the index's own file, which holds what memory holds."""

    module, package = "faiss", "faiss-cpu"

    def batch(self, k, setting, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        search, parameters = self.index.search, self.parameters(**setting)
        return lambda queries: search(queries, k, params=parameters)[1]

    def sizes(self):
        import faiss

        path = self.folder / "index.faiss"
        faiss.write_index(self.index, str(path))
        return size_of(path), size_of(path)


class FaissHNSW(Faiss):
    name = "FAISS HNSW32"

    def build(self, vectors, folder, threads):
        import faiss

        self.folder = folder
        faiss.omp_set_num_threads(threads)
        self.index = faiss.index_factory(vectors.shape[1], "HNSW32,Flat", faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 200
        self.index.add(vectors)
        self.parameters = faiss.SearchParametersHNSW

    def settings(self):
        return grid(efSearch=_WIDTHS)


class FaissIVFPQ(Faiss):
    """4-bit PQ in registers (fast scan), then the best k·k_factor again with the vectors themselves."""

    name = "FAISS IVF-PQ4fs + refine"

    def build(self, vectors, folder, threads):
        import faiss

        self.folder, self.lists, dim = folder, lists_for(len(vectors)), vectors.shape[1]
        faiss.omp_set_num_threads(threads)
        factory = f"IVF{self.lists},PQ{dim // 4}x4fs,RFlat"
        self.index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
        sample = np.random.default_rng(0).permutation(len(vectors))[: 64 * self.lists]  # FAISS wants 39 a list
        self.index.train(vectors[np.sort(sample)])
        self.index.add(vectors)

    def settings(self):
        return grid(nprobe=shares(self.lists, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32), k_factor=(5, 10, 20, 40))

    def parameters(self, nprobe, k_factor):
        import faiss

        lists = faiss.SearchParametersIVF(nprobe=nprobe)
        return faiss.IndexRefineSearchParameters(k_factor=k_factor, base_index_params=lists)


class Hnswlib(Method):
    """RAM and disk: the size of its own file, which is its memory written out."""

    name, module, package = "hnswlib", "hnswlib", "hnswlib"

    def build(self, vectors, folder, threads):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), M=32, ef_construction=200, random_seed=0)
        self.index.add_items(vectors, num_threads=threads)

    def settings(self):
        return grid(ef=_WIDTHS)

    def batch(self, k, setting, threads):
        self.index.set_ef(setting["ef"])
        return lambda queries: self.index.knn_query(queries, k, num_threads=threads)[0]

    def sizes(self):
        return self.index.index_file_size(), self.index.index_file_size()


class Usearch(Method):
    """RAM and disk: its serialised length (`memory_usage` counts what its arenas have merely reserved).

    Its 8-bit types are left out: none finds more than .94 of the true 10 among 4,000 sentences, at any width.
    """

    module, package = "usearch", "usearch"

    def __init__(self, dtype, metric):
        self.options = {"dtype": dtype, "metric": metric, "connectivity": 32, "expansion_add": 200}
        self.name = f"usearch {dtype}"

    def build(self, vectors, folder, threads):
        from usearch.index import Index

        self.index = Index(ndim=vectors.shape[1], **self.options)
        self.index.add(np.arange(len(vectors)), vectors, threads=threads)

    def settings(self):
        return grid(expansion_search=_WIDTHS)

    def one(self, k, setting):
        search = self.batch(k, setting, threads=1)  # given one query, it answers with one list
        return lambda query: search(query)

    def batch(self, k, setting, threads):
        self.index.expansion_search = setting["expansion_search"]
        return lambda queries: self.index.search(queries, k, threads=threads).keys

    def sizes(self):
        return self.index.serialized_length, self.index.serialized_length


class Scann(Method):
    """RAM and disk: its serialised files: the float32 vectors for the reordering, the codes, the tree."""

    name, module, package = "ScaNN", "scann", "scann"

    def build(self, vectors, folder, threads):
        from scann import scann_ops_pybind

        self.folder, self.leaves = folder, max(1, round(2 * np.sqrt(len(vectors))))
        builder = scann_ops_pybind.builder(vectors, 10, "dot_product")
        builder = builder.tree(self.leaves, num_leaves_to_search=self.leaves // 20 + 1, training_sample_size=100_000)
        builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)
        self.searcher = builder.set_n_training_threads(threads).build()

    def settings(self):
        return grid(leaves=shares(self.leaves, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64), reorder=(30, 60, 120, 240))

    def one(self, k, setting):
        self.searcher.set_num_threads(1)
        return lambda query: self.searcher.search(query, k, setting["reorder"], setting["leaves"])[0]

    def batch(self, k, setting, threads):
        self.searcher.set_num_threads(threads)
        search = self.searcher.search_batched_parallel
        return lambda queries: search(queries, k, setting["reorder"], setting["leaves"])[0]

    def sizes(self):
        self.searcher.serialize(str(self.folder))
        return size_of(self.folder), size_of(self.folder)


class Vamana(Method):
    """Intel's SVS over float32 or float16. RAM and disk: its saved graph and vectors."""

    module, package = "svs", "scalable-vs"

    def __init__(self, dtype):
        self.dtype, self.name = dtype, f"SVS Vamana {dtype}"

    def build(self, vectors, folder, threads):
        import svs

        self.folder = folder
        graph = svs.VamanaBuildParameters(alpha=0.95, graph_max_degree=64, window_size=128)
        data = self.stored(vectors)
        self.index = svs.Vamana.build(graph, data, svs.DistanceType.MIP, num_threads=threads)

    def stored(self, vectors):
        return vectors.astype(self.dtype, copy=False)

    def settings(self):
        return grid(window=(10, *_WIDTHS))

    def batch(self, k, setting, threads):
        self.index.num_threads = threads
        self.index.search_window_size = setting["window"]
        return lambda queries: self.index.search(queries, k)[0]

    def sizes(self):
        parts = [self.folder / part for part in ("config", "graph", "data")]
        self.index.save(*map(str, parts))
        return sum(map(size_of, parts)), sum(map(size_of, parts))


class LeanVec(Vamana):
    """SVS's own way with long vectors: walks the graph by D/4 dims, found by PCA, and reranks by all."""

    def __init__(self):
        super().__init__("LeanVec 8x8")

    def obstacle(self):
        cpuinfo = Path("/proc/cpuinfo")
        if not (cpuinfo.exists() and "GenuineIntel" in cpuinfo.read_text(encoding="utf-8")):
            # asked beforehand, because elsewhere SVS prints a line and ends the process
            return "SVS runs LVQ and LeanVec only on Intel's processors, and this is not one"
        return super().obstacle()

    def stored(self, vectors):
        import svs

        path, dim = self.folder / "vectors.fvecs", vectors.shape[1]
        svs.write_vecs(vectors, str(path))
        loader = svs.VectorDataLoader(str(path), svs.DataType.float32, dims=dim)
        return svs.LeanVecLoader(loader, dim // 4, svs.LeanVecKind.lvq8, svs.LeanVecKind.lvq8)
