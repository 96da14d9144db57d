"""All adapters of a recipe, every seed, on one frozen encoder: fitted, measured at every width, and compared."""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from mrl_search.adapter import ABOUT, write_adapter
from mrl_search.adapters import Material
from mrl_search.adapting import fit_and_judge, material_of, told
from mrl_search.data import Dataset, Example, Tolerance, load_dataset
from mrl_search.device import chosen_device
from mrl_search.encoders import Encoder, EncoderSpec, cached, load_encoder
from mrl_search.eval import EvalOptions, EvalRecipe, Measured, Study, evaluate
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.training.adapter_recipe import NONE, AdapterArm, AdapterRecipe
from mrl_search.training.measuring import NDCG, compared, kept
from mrl_search.training.sizes import Size
from mrl_search.training.training_set import TrainingSet, judged_examples, training_set

_NOTHING = TrainingSet((), (), {})


def adapter_study(recipe: AdapterRecipe, encoder: str, root: Path, out: Path, device: str = "auto") -> Study:
    """Fits every arm with every seed to each collection, into `out/COLLECTION/ARM-seedN/`, and measures all of them.

    What is whole in `out` is not fitted again; what needs the recipe's pairs alone is fitted once for all collections.
    root: where the recipe's paths begin. A study's `step_seconds` are here means over a fit. Queries' values are left
    out of `measured`, when they have served for the comparisons: they would be megabytes.
    Raises as `training_set`, `fit_adapter` and `evaluate`.
    """
    place = chosen_device(device)
    data = training_set(recipe.reading(encoder), root) if recipe.data else _NOTHING
    plain = cached(load_encoder(_spec(recipe, encoder), place))
    measured: list[Measured] = []
    seconds: dict[str, float] = {}
    notes: list[str] = []
    with bar(len(recipe.judged.datasets) * len(recipe.runs()), encoder, "adapters", shown=True) as shown:
        for name in recipe.judged.datasets:
            collection = _Collection(recipe, plain, data.examples, name, root)
            for arm, seed in recipe.runs():
                shared = arm.is_of_pairs_alone
                folder = out / ("pairs" if shared else name) / f"{arm.name}-seed{seed}"
                if arm.method != NONE:
                    about = _fitted(collection, arm, seed, encoder, folder)
                    seconds[f"{name}/{folder.name}"] = float(about["seconds"]) / recipe.steps
                    notes.append(f"{name}, {folder.name}: {about['told']}")
                measured += _measured(collection, arm, seed, encoder, folder, device)
                shown.update(1)
    return Study(
        recipe=dataclasses.asdict(recipe),
        sources=data.sources,
        overlaps=data.overlaps,
        measured=tuple(dataclasses.replace(one, per_query=()) for one in measured),
        compared=(
            *compared(measured, partial(_first, recipe, measured), recipe.judged.margin),
            *compared(measured, partial(_named, recipe, measured), recipe.judged.margin),
        ),
        step_seconds=seconds,
        provenance=provenance(place.told),
        kept=tuple(kept(measured)),
        notes=tuple(notes),
    )


def _first(recipe: AdapterRecipe, measured: Sequence[Measured], arm: str) -> dict[Size, str]:
    """Size → the first arm, with which every other is compared."""
    first = recipe.arms[0].name
    return {} if arm == first else {Size(one.layers, one.dim): first for one in measured}


def _named(recipe: AdapterRecipe, measured: Sequence[Measured], arm: str) -> dict[Size, str]:
    """Size → the arm that the recipe names to compare this one with beside the first."""
    (against,) = (one.against for one in recipe.arms if one.name == arm)
    return {Size(one.layers, one.dim): against for one in measured} if against else {}


@dataclasses.dataclass(frozen=True)
class _Collection:
    """A judged collection, and what the encoder makes of it and of the pairs; encoded when first needed."""

    recipe: AdapterRecipe
    encoder: Encoder
    pairs: tuple[Example, ...]
    name: str
    root: Path

    def read(self, split: str) -> Dataset:
        return load_dataset(self.name, split, self.root / self.recipe.judged.folder)

    @cached_property
    def documents(self) -> Material:
        texts = [document.content for document in self.read("test").corpus.read(Tolerance(0))]
        return material_of(self.encoder, texts, (), progress=True)

    @cached_property
    def data(self) -> Material:
        return material_of(self.encoder, (), self.pairs, progress=True)

    @cached_property
    def judged(self) -> Material:
        """Pairs of the collection's own split "train"."""
        return material_of(self.encoder, (), list(judged_examples(self.read("train"))), progress=True)

    def material(self, arm: AdapterArm) -> Material:
        """What the arm is fitted to."""
        documents = self.documents.documents
        if not arm.pairs:
            return self.documents
        pairs = self.data if arm.pairs == "data" else self.judged
        return Material(documents, pairs.queries, pairs.positives)


def _fitted(collection: _Collection, arm: AdapterArm, seed: int, encoder: str, folder: Path) -> dict[str, float | str]:
    """`seconds` it took and what the gate `told` of it; fitted now unless it is there."""
    if not (folder / ABOUT).exists():
        settings = collection.recipe.settings(arm, seed)
        material = collection.material(arm)
        start = time.perf_counter()
        adapter, verdict = fit_and_judge(arm.method, material, settings, encoder, progress=True)
        seconds = time.perf_counter() - start
        word = "passes" if verdict.passes else "would be refused"
        write_adapter(adapter, folder, {"seconds": seconds, "told": f"{word}: {verdict}", **told(settings, verdict)})
    about: dict[str, float | str] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return about


def _measured(
    collection: _Collection, arm: AdapterArm, seed: int, encoder: str, folder: Path, device: str
) -> Iterator[Measured]:
    """nDCG@10 of exact search at every width, after each rotation."""
    recipe = collection.recipe
    spec = _spec(recipe, encoder)
    wanted = EvalRecipe(
        collection.name,
        encoders=(spec if arm.method == NONE else dataclasses.replace(spec, adapter=str(folder)),),
        dims=recipe.widths,
        funnels=(),
        measures=(NDCG,),
        rotations=recipe.judged.rotations,
    )
    options = EvalOptions(data=collection.root / recipe.judged.folder, device=device)
    for report in evaluate(wanted, options).reports:
        dim = int(report.funnel.partition(":")[0])
        values = tuple(round(value, 6) for _, value in sorted(report.per_query[NDCG].items()))
        yield Measured(collection.name, NDCG, report.rotation, arm.name, seed, dim, float(np.mean(values)), values)


def _spec(recipe: AdapterRecipe, encoder: str) -> EncoderSpec:
    return EncoderSpec.named(encoder, precision=recipe.judged.precision)
