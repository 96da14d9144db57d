"""Adaptive (Matryoshka) retrieval: shortlist by a short prefix of each embedding, rerank by longer ones.

    import mrl_search

    mrl_search.build("corpus.jsonl", dims=(64, 768))
    with mrl_search.open("indexes/corpus") as retriever:
        for answer in retriever.search(["what is a Matryoshka embedding?"], k=10)[0]:
            print(f"{answer.score:.3f} {answer.id} {answer.title}")

Importing this loads neither torch nor faiss; each name loads what it needs when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrl_search.builder import BuildOptions, build
    from mrl_search.document import Document
    from mrl_search.encoders import Encoder, EncoderSpec
    from mrl_search.encoding import load_encoder
    from mrl_search.errors import MRLSearchError
    from mrl_search.eval import EvalOptions, EvalRecipe, evaluate
    from mrl_search.funnel import Funnel
    from mrl_search.indexes import check
    from mrl_search.living import AddOptions, add, compact, delete
    from mrl_search.retriever import Answer, Retriever
    from mrl_search.retriever import open_retriever as open  # noqa: A004
    from mrl_search.run import Run

_HOMES = {
    "AddOptions": ("living", "AddOptions"),
    "Answer": ("retriever", "Answer"),
    "BuildOptions": ("builder", "BuildOptions"),
    "Document": ("document", "Document"),
    "Encoder": ("encoders", "Encoder"),
    "EncoderSpec": ("encoders", "EncoderSpec"),
    "EvalOptions": ("eval", "EvalOptions"),
    "EvalRecipe": ("eval", "EvalRecipe"),
    "Funnel": ("funnel", "Funnel"),
    "MRLSearchError": ("errors", "MRLSearchError"),
    "Retriever": ("retriever", "Retriever"),
    "Run": ("run", "Run"),
    "add": ("living", "add"),
    "build": ("builder", "build"),
    "check": ("indexes", "check"),
    "compact": ("living", "compact"),
    "delete": ("living", "delete"),
    "evaluate": ("eval", "evaluate"),
    "load_encoder": ("encoding", "load_encoder"),
    "open": ("retriever", "open_retriever"),
}

__all__ = [
    "AddOptions",
    "Answer",
    "BuildOptions",
    "Document",
    "Encoder",
    "EncoderSpec",
    "EvalOptions",
    "EvalRecipe",
    "Funnel",
    "MRLSearchError",
    "Retriever",
    "Run",
    "add",
    "build",
    "check",
    "compact",
    "delete",
    "evaluate",
    "load_encoder",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
