"""Past one machine: an index in shards, asked as one; built, changed and served by Ray where that is wanted.

Nothing heavy is imported before something is opened or built; docs/scale.md says what holds and what it costs.
"""

from typing import TYPE_CHECKING, Any

from mrl_search.terms import Terms, on_terms, terms

if TYPE_CHECKING:
    from mrl_search.scale.building import build_cluster
    from mrl_search.scale.cluster import ClusterManifest, is_cluster, read_cluster
    from mrl_search.scale.opened import ClusterIndex, find_cluster, open_any, open_cluster
    from mrl_search.scale.resharding import merge_shards, move_shard, split_shard
    from mrl_search.scale.store import AnyStore
    from mrl_search.scale.tending import calibrate_cluster, compact_cluster, prove_cluster, tune_cluster
    from mrl_search.scale.updating import add_to_cluster, delete_from_cluster
    from mrl_search.scale.work import working_on

_HOMES = {
    "AnyStore": "store",
    "ClusterIndex": "opened",
    "ClusterManifest": "cluster",
    "add_to_cluster": "updating",
    "build_cluster": "building",
    "calibrate_cluster": "tending",
    "compact_cluster": "tending",
    "delete_from_cluster": "updating",
    "find_cluster": "opened",
    "is_cluster": "cluster",
    "merge_shards": "resharding",
    "move_shard": "resharding",
    "open_any": "opened",
    "open_cluster": "opened",
    "prove_cluster": "tending",
    "read_cluster": "cluster",
    "split_shard": "resharding",
    "tune_cluster": "tending",
    "working_on": "work",
}
__all__ = [
    "AnyStore",
    "ClusterIndex",
    "ClusterManifest",
    "Terms",
    "add_to_cluster",
    "build_cluster",
    "calibrate_cluster",
    "compact_cluster",
    "delete_from_cluster",
    "find_cluster",
    "is_cluster",
    "merge_shards",
    "move_shard",
    "on_terms",
    "open_any",
    "open_cluster",
    "prove_cluster",
    "read_cluster",
    "split_shard",
    "terms",
    "tune_cluster",
    "working_on",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
