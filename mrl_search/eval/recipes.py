"""What to evaluate, and what should come out."""

import hashlib
import math
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import RecipeError
from mrl_search.eval import measures as _measures
from mrl_search.funnel import Funnel
from mrl_search.fusion import Fusion
from mrl_search.indexes import DTYPES, EXACT
from mrl_search.recipe import read_recipe
from mrl_search.rotations import KINDS

DEEPEST = 1_000
"""Candidates that are looked at as distractors are added."""
_LONGEST = 100  # letters of a file's name
_SELF_ANSWERING = ("arguana", "quora")  # their queries are documents too; BEIR leaves these out of the answers


@dataclass(frozen=True)
class Expected:
    """A figure that one row of the table must show: `value` within `tolerance`, or `at_least` that much.

    rotation, prefix, dtype: as the recipe names them, where it has several; None for the first.
    """

    encoder: str
    funnel: str
    measure: str
    value: float | None = None
    tolerance: float = 0.0005
    at_least: float | None = None
    rotation: str | None = None
    prefix: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.at_least is None):
            raise RecipeError(
                f"expected {self.measure} of {self.funnel}: give either value (and tolerance) or at_least"
            )
        if not all(map(math.isfinite, (self.value or 0.0, self.tolerance, self.at_least or 0.0))):
            raise RecipeError(f"expected {self.measure} of {self.funnel}: a figure must be finite, found {self}")

    def met_by(self, found: float) -> bool:
        """Whether a measured figure is what was expected."""
        if self.value is not None:
            return abs(found - self.value) <= self.tolerance
        return found >= (self.at_least or 0.0)

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.tolerance:.4f}" if self.value is not None else f"at least {self.at_least:.4f}"


@dataclass(frozen=True)
class EvalRecipe:
    """One evaluation: every encoder at every width, exactly, and through every funnel.

    dataset: as `load_dataset` takes it. dims: empty for 64, 128, 256 … up to the encoder's width.
    funnels: in text form; None for the encoder's default shortlist of 200 reranked to the depth, `()` for none.
    prefixes: FAISS factory strings of the funnels' first stage, or auto; every funnel is walked with each.
    rotations: of `rotations.KINDS`, fitted to the documents as `build` does; all the above is measured after each.
    dtypes: formats that vectors are rounded to, as `build` stores them; all the above is measured in each.
    bm25: a row of BM25 (`lexical`) after the encoders'.
    hybrid: ways to fuse BM25 with what ends at an encoder's full width, as `Fusion.parse` takes them; BM25 has its
    own row then too.
    distractors: documents added to the corpus, as `inflated` takes them; every width is measured as they are added.
    drop_self: take out a document with the query's own id; None: for arguana and quora only.
    """

    dataset: str
    split: str = "test"
    encoders: tuple[EncoderSpec, ...] = (EncoderSpec("minilm-768"),)
    dims: tuple[int, ...] = ()
    funnels: tuple[str, ...] | None = None
    measures: tuple[str, ...] = _measures.DEFAULT
    prefixes: tuple[str, ...] = (EXACT,)
    rotations: tuple[str, ...] = ("none",)
    dtypes: tuple[str, ...] = ("float32",)
    bm25: bool = False
    hybrid: tuple[str, ...] = ()
    distractors: str | None = None
    drop_self: bool | None = None
    expected: tuple[Expected, ...] = ()

    def __post_init__(self) -> None:
        for funnel in self.funnels or ():
            Funnel.parse(funnel)
        if len({Fusion.parse(fusion) for fusion in self.hybrid}) < len(self.hybrid):
            raise RecipeError(f"one way of --hybrid is named twice: {', '.join(self.hybrid)}; name each once")
        for rotation in self.rotations:
            if rotation not in KINDS:
                raise RecipeError(f"unknown rotation {rotation!r}; choose one of {', '.join(KINDS)}")
        for dtype in self.dtypes:
            if dtype not in DTYPES:
                raise RecipeError(f"unknown dtype {dtype!r}; choose one of {', '.join(DTYPES)}")
        if not (self.rotations and self.prefixes and self.encoders and self.dtypes):
            raise RecipeError("name at least one encoder, one rotation (or none), one prefix (or Flat) and one dtype")
        for side in ("encoders", "rotations", "prefixes", "dtypes"):
            if len(set(getattr(self, side))) < len(getattr(self, side)):
                raise RecipeError(f"one of the {side} is named twice; name each once")
        _measures.demand_distinct(self.measures)
        if self.distractors is not None and self.depth + self.drops_self > DEEPEST:
            raise RecipeError(f"with distractors no measure can look deeper than {DEEPEST - self.drops_self:,}")

    @property
    def depth(self) -> int:
        """How many documents a query must be given for every measure to be full."""
        return max(_measures.cutoff(name) for name in self.measures)

    @property
    def reads_words(self) -> bool:
        """Whether BM25 is asked, for itself or for a hybrid."""
        return self.bm25 or bool(self.hybrid)

    @property
    def name(self) -> str:
        """What to call its results, fit for a file name: dataset, split and encoders, and of all else a digest."""
        dataset = re.split("[:/]", self.dataset.rstrip("/"))[-1]
        words = (dataset, self.split, *(spec.name.rstrip("/").rpartition("/")[2] for spec in self.encoders))
        name = re.sub(r"[^\w.+-]", "-", "-".join(words), flags=re.ASCII)[:_LONGEST].lstrip(".-") or "results"
        asked = replace(self, expected=())
        is_told = (self.dataset, self.split, *(spec.label for spec in self.encoders)) == words
        if is_told and asked == EvalRecipe(self.dataset, self.split, self.encoders):
            return name
        return f"{name}-{hashlib.sha256(repr(asked).encode()).hexdigest()[:8]}"

    @property
    def drops_self(self) -> bool:
        """Whether a document with the query's own id is no answer (BEIR's rule for ArguAna and Quora)."""
        if self.drop_self is not None:
            return self.drop_self
        return re.split("[:/]", self.dataset.rstrip("/"))[-1].lower() in _SELF_ANSWERING

    def command(self) -> str:
        """The command line that evaluates the same, if there is one: options are the same for all encoders there."""
        if (
            len({replace(spec, name="", layers=None, adapter=None) for spec in self.encoders}) > 1
            or self.encoders[0].dim is not None
        ):
            return "a recipe file: no command line gives each encoder its own options"
        words = ["mrl-search", "eval", "--dataset", self.dataset, "--split", self.split]
        for spec in self.encoders:
            layers = "" if spec.layers is None else f":layers={spec.layers}"
            adapter = "" if spec.adapter is None else f":adapter={spec.adapter}"
            words += ["--encoder", f"{spec.name}{layers}{adapter}"]
        first = self.encoders[0]
        words += ["--query-prompt", first.query_prompt] if first.query_prompt is not None else []
        words += ["--document-prompt", first.document_prompt] if first.document_prompt is not None else []
        words += ["--layer-norm"] if first.layer_norm else []
        words += ["--precision", first.precision] if first.precision != "auto" else []
        words += ["--dims", ",".join(map(str, self.dims))] if self.dims else []
        for funnel in self.funnels or ():
            words += ["--funnel", funnel]
        words += ["--no-funnel"] if self.funnels == () else []
        for name in self.measures if self.measures != _measures.DEFAULT else ():
            words += ["--measure", name]
        for prefix in self.prefixes if self.prefixes != (EXACT,) else ():
            words += ["--prefix", prefix]
        for rotation in self.rotations if self.rotations != ("none",) else ():
            words += ["--rotation", rotation]
        for dtype in self.dtypes if self.dtypes != ("float32",) else ():
            words += ["--dtype", dtype]
        words += ["--distractors", self.distractors] if self.distractors is not None else []
        words += ["--bm25"] if self.bm25 else []
        for fusion in self.hybrid:
            words += ["--hybrid", fusion]
        words += ["--drop-self" if self.drop_self else "--keep-self"] if self.drop_self is not None else []
        return shlex.join(words)


def read_eval_recipe(path: Path) -> EvalRecipe:
    """A recipe file; raises RecipeError (or what its funnels and measures raise) when it is not right."""
    return read_recipe(path, EvalRecipe)
