"""Past one machine: an index in shards, asked as one; built, changed and served by Ray where that is wanted.

Nothing heavy is imported before something is opened or built; docs/scale.md says what holds and what it costs.
"""

from typing import TYPE_CHECKING, Any

from mrl_search.scale.terms import Terms, on_terms, terms

if TYPE_CHECKING:
    from mrl_search.scale.building import build_cluster
    from mrl_search.scale.cluster import ClusterManifest, is_cluster, read_cluster
    from mrl_search.scale.opened import ClusterIndex, open_any, open_cluster
    from mrl_search.scale.work import working_on

_HOMES = {
    "ClusterIndex": "opened",
    "ClusterManifest": "cluster",
    "build_cluster": "building",
    "is_cluster": "cluster",
    "open_any": "opened",
    "open_cluster": "opened",
    "read_cluster": "cluster",
    "working_on": "work",
}
__all__ = [
    "ClusterIndex",
    "ClusterManifest",
    "Terms",
    "build_cluster",
    "is_cluster",
    "on_terms",
    "open_any",
    "open_cluster",
    "read_cluster",
    "terms",
    "working_on",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
