"""Peers that are databases, embedded in this process: Qdrant Edge and LanceDB."""

import os

import numpy as np

from mrl_search.vectors import prefix
from search.data import SHORTLIST_DIM
from search.method import Method, grid, size_of

_POINTS = 1_000  # sent at a time


class Qdrant(Method):
    """HNSW over int8 codes held in RAM, then the vectors themselves.

    It holds the GIL while it searches, so a batch is its own batch call, which uses one thread for our one segment.
    RAM and disk: all its files; it loads codes and graph, and maps the vectors.
    """

    name, module, package = "Qdrant Edge", "qdrant_edge", "qdrant-edge-py"

    def build(self, vectors, folder, threads):
        import qdrant_edge as edge

        self.folder = folder
        int8 = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, memory=edge.Memory.Pinned)
        one_segment = {"default_segment_number": 1, "max_segment_size": 1_000_000_000}
        config = edge.EdgeConfig(
            vectors=self.columns(edge, vectors, int8),
            hnsw_config=edge.HnswIndexConfig(32, 200, full_scan_threshold=10, max_indexing_threads=threads),
            max_search_threads=threads,
            wal_enabled=False,
            optimizers=edge.EdgeOptimizersConfig(indexing_threshold=100, **one_segment),
        )
        self.shard = edge.EdgeShard.create(str(folder), config)
        for start in range(0, len(vectors), _POINTS):
            columns = self.values(vectors[start : start + _POINTS])
            points = [edge.Point(start + row, value) for row, value in enumerate(columns)]
            self.shard.update(edge.UpdateOperation.upsert_points(points))
        self.shard.optimize()
        self.shard.flush()

    def columns(self, edge, vectors, int8):
        return edge.EdgeVectorParams(vectors.shape[1], edge.Distance.Dot, quantization_config=int8)

    def values(self, vectors):
        return vectors

    def settings(self):
        pairs = ((16, 1), (32, 2), (48, 2), (64, 3), (96, 3), (128, 4), (192, 4), (256, 4), (512, 4), (768, 8))
        return [{"hnsw_ef": ef, "oversampling": times} for ef, times in pairs]

    def request(self, k, setting):
        import qdrant_edge as edge

        codes = edge.QuantizationSearchParams(rescore=True, oversampling=float(setting["oversampling"]))
        walk = edge.SearchParams(hnsw_ef=setting["hnsw_ef"], quantization=codes)
        return lambda query: edge.QueryRequest(limit=k, query=edge.Query.Nearest(query), params=walk)

    def one(self, k, setting):
        request = self.request(k, setting)
        return lambda query: [point.id for point in self.shard.query(request(query))]

    def batch(self, k, setting, threads):
        import qdrant_edge as edge

        request = self.request(k, setting)

        def search(queries):
            answers = self.shard.query_batch(edge.QueryBatchRequest([request(query) for query in queries]))
            return [[point.id for point in answer] for answer in answers]

        return search

    def sizes(self):
        return size_of(self.folder), size_of(self.folder)


class QdrantFunnel(Qdrant):
    """Qdrant's `prefetch`: shortlist by HNSW over int8 codes of a 128-dim prefix, rescore by the whole vectors.

    pca: the prefix is taken after a rotation to principal axes, which costs each query 128·D.
    """

    def __init__(self, pca):
        self.pca, self.name = pca, f"Qdrant Edge funnel{' PCA' if pca else ''} {SHORTLIST_DIM}"

    def columns(self, edge, vectors, int8):
        self.axes = _principal_axes(vectors) if self.pca else np.eye(vectors.shape[1], dtype=np.float32)
        self.axes = np.ascontiguousarray(self.axes[:, :SHORTLIST_DIM])
        no_graph = edge.HnswIndexConfig(0, 4, full_scan_threshold=10)
        return {
            "prefix": edge.EdgeVectorParams(SHORTLIST_DIM, edge.Distance.Dot, quantization_config=int8),
            "full": edge.EdgeVectorParams(vectors.shape[1], edge.Distance.Dot, hnsw_config=no_graph),
        }

    def values(self, vectors):
        shorts = prefix(vectors @ self.axes, SHORTLIST_DIM)
        return [{"prefix": short, "full": full} for short, full in zip(shorts, vectors, strict=True)]

    def settings(self):
        return grid(prefetch=(25, 50, 100, 200, 400, 800, 1600), ef_per_prefetch=(1, 2))

    def request(self, k, setting):
        import qdrant_edge as edge

        count, pca, axes = setting["prefetch"], self.pca, self.axes
        codes = edge.QuantizationSearchParams(rescore=False)
        walk = edge.SearchParams(hnsw_ef=count * setting["ef_per_prefetch"], quantization=codes)

        def request(query):
            short = query @ axes if pca else query[:SHORTLIST_DIM]  # its length does not change the order
            shortlist = edge.Prefetch(limit=count, query=edge.Query.Nearest(short, using="prefix"), params=walk)
            return edge.QueryRequest(limit=k, query=edge.Query.Nearest(query, using="full"), prefetches=[shortlist])

        return request


class LanceDB(Method):
    """IVF_HNSW_SQ in one partition, as its documentation recommends, with and without refining.

    RAM: its index files, which it reads into its index cache; the vectors stay on disk. Disk: all its files.
    """

    name, module, package = "LanceDB IVF_HNSW_SQ", "lancedb", "lancedb"

    def build(self, vectors, folder, threads):
        # read once, at its first use; 1 answers sooner than 2, to one caller as to two. The build has but one, too
        os.environ["LANCE_CPU_THREADS"] = "1"
        import lancedb
        import pyarrow as pa
        from lancedb.index import HnswSq

        self.folder = folder
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        table = pa.table({"id": np.arange(len(vectors)), "vector": lists})
        self.table = lancedb.connect(str(folder)).create_table("documents", table)
        kind = HnswSq(distance_type="dot", num_partitions=1, m=32, ef_construction=200)
        self.table.create_index("vector", config=kind)

    def settings(self):
        pairs = ((16, 1), (32, 1), (48, 2), (64, 2), (96, 2), (128, 4), (256, 4), (512, 8))
        return [{"ef": ef, "refine_factor": times} for ef, times in pairs]

    def one(self, k, setting):
        def search(query):
            asked = self.table.search(query).limit(k).select(["id", "_distance"])
            return asked.ef(setting["ef"]).refine_factor(setting["refine_factor"]).to_arrow()["id"].to_numpy()

        return search

    def sizes(self):
        return sum(size_of(indexes) for indexes in self.folder.rglob("_indices")), size_of(self.folder)


def _principal_axes(vectors):
    """(D, D), the axes of greatest second moment first, of at most 50,000 rows."""
    sample = vectors[np.sort(np.random.default_rng(0).permutation(len(vectors))[:50_000])]
    _, axes = np.linalg.eigh(sample.T @ sample)
    return axes[:, ::-1]
