"""What happens at each step: the loss of every width, gradients by layer and by block of dims, how far weights move."""

import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import batch_to_device
from torch import Tensor
from torch.nn.utils import get_total_norm, parameters_to_vector
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mrl_search.atomic import replacing
from mrl_search.errors import TrainingError
from mrl_search.training.noting import Noted
from mrl_search.training.train_recipe import TrainRecipe

_LAYER = re.compile(r"\blayers?\.(\d+)\.")
_PART = re.compile(r"(\d{8})\.parquet")
_PROBE = (
    "A cat sleeps on the warm roof.",
    "How many people live in Iceland?",
    "The bank raised its interest rate by a quarter of a percent.",
    "Water boils at a lower temperature in the mountains.",
    "She plays the violin in the city's orchestra.",
    "def mean(values): return sum(values) / len(values)",
    "Patients with a low vitamin D level recovered more slowly.",
    "The last train leaves at midnight",
)
"""Whose vectors say what an update does to dims: the same texts at every step, in every run and after a resumption."""
Row = dict[str, float]


class Dynamics(TrainerCallback):  # type: ignore[misc]
    """Notes a row a step, written at every checkpoint; stops a run whose loss or gradient is not finite.

    Columns: `step`, `learning rate`, `loss` (as trained: widths weighted and added), `loss@16` for each width of the
    last layer, what else the arm's method notes (`loss@2:16`, `divergence@2:16` of a sub-model),
    `gradient:layer 0` for each layer (norms, after clipping), `gradient[0:16]` for each block of dims of the full
    vectors (before clipping), `update:layer 0` for each layer (norm of what the step changed), `update[0:16]` for each
    block of dims: how far the step moved eight texts' vectors (root of the mean square, without dropout). Every weight
    moves every dim, so no part of the weights could say that.
    """

    def __init__(
        self,
        recipe: TrainRecipe,
        model: SentenceTransformer,
        noted: Noted,
        folder: Path,
        tell: Callable[[int, Row], None],
    ) -> None:
        self._noted, self._folder, self._tell = noted, folder, tell
        self._or_in_float32 = "" if recipe.precision == "float32" else ", or in float32"
        full = model.get_embedding_dimension()
        self._blocks = list(pairwise((0, *(width for width in recipe.widths if width < full), full)))
        self._layers = _by_layer(model)
        self._squares = torch.zeros(full)
        self._row: Row = {}
        self._rows: list[Row] = []
        self._model = model
        self._before: dict[str, Tensor] = {}
        self._vectors: Tensor | None = None  # of the probe, before the step
        self._began = 0.0
        self.seconds: list[float] = []  # of each step of this process; no part of the record, which is the same twice
        model[-1].register_forward_hook(self._watch)

    def _watch(self, module: Any, features: Any, output: dict[str, Tensor]) -> None:
        vectors = output["sentence_embedding"]
        if vectors.requires_grad:
            vectors.register_hook(self._add)  # type: ignore[no-untyped-call]

    def _add(self, gradient: Tensor) -> None:
        self._squares = self._squares.to(gradient.device) + gradient.detach().float().square().sum(dim=0)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Drops what was noted after the checkpoint that is gone on from."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for step, path in _parts(self._folder):
            if step > state.global_step:
                path.unlink()

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The clock of a step begins."""
        if self._vectors is None:
            self._vectors = _probed(self._model)
        self._began = time.perf_counter()

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        optimizer: Any = None,
        **_: Any,
    ) -> None:
        """Losses and gradients of the step; raises TrainingError, before a weight changes, if one is not finite.

        In float16 losses are scaled, and a step whose gradients overflow is left out for a smaller scale: it is in the
        record with gradients that are not finite, and moves nothing.
        """
        self._row = {"step": state.global_step + 1} | self._noted.row()
        gradients = {name: [p.grad for p in some if p.grad is not None] for name, some in self._layers.items()}
        self._row |= _norms("gradient", gradients)
        squares = self._squares.cpu()
        for start, stop in self._blocks:
            self._row[f"gradient[{start}:{stop}]"] = float(squares[start:stop].sum().sqrt()) / _scale(optimizer)
        self._squares.zero_()
        strange = [name for name, value in self._row.items() if not math.isfinite(value)]
        if args.fp16:
            strange = [name for name in strange if not name.startswith("gradient")]
        if strange:
            raise TrainingError(
                f"step {state.global_step + 1}: {strange[0]} is {self._row[strange[0]]}; no weight was changed by it; "
                f"the last checkpoint is kept, if there is one; begin anew with a lower learning_rate"
                f"{self._or_in_float32}, and another --out"
            )
        self._before = {layer: parameters_to_vector(some).detach() for layer, some in self._layers.items()}

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """How far the step moved each layer's weights, and the probe's vectors."""
        after = {layer: parameters_to_vector(some).detach() for layer, some in self._layers.items()}
        self._row |= _norms("update", {layer: [after[layer] - before] for layer, before in self._before.items()})
        self._before = {}
        moved = _probed(self._model)
        if self._vectors is not None:
            squares = (moved - self._vectors).square().mean(dim=0)
            for start, stop in self._blocks:
                self._row[f"update[{start}:{stop}]"] = float(squares[start:stop].sum().sqrt())
        self._vectors = moved

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        lr_scheduler: Any = None,
        **_: Any,
    ) -> None:
        """The row is whole; the scheduler has already moved on, so the rate is the next step's."""
        self._row["learning rate"] = float(lr_scheduler.get_last_lr()[0])
        self._rows.append(self._row)
        self.seconds.append(time.perf_counter() - self._began)
        self._tell(state.global_step, self._row)
        # before the checkpoint of this step is there: one without its rows would leave a gap in the curve gone on with
        if state.global_step % args.save_steps == 0 or state.global_step >= state.max_steps:
            self._write(state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Adds the last step's loss of each width to what TensorBoard and its like are given."""
        if logs is not None and "loss" in logs:
            logs.update({name: value for name, value in self._row.items() if name.startswith("loss@")})

    def _write(self, step: int) -> None:
        """Writes the rows since the last checkpoint, under the number of this step."""
        if self._rows:
            write_rows(self._rows, self._folder / f"{step:08d}.parquet")
            self._rows = []


def joined(folder: Path) -> list[Row]:
    """All rows noted in a folder of parts, by step."""
    return [row for _, path in _parts(folder) for row in read_rows(path)]


def read_rows(path: Path) -> list[Row]:
    """The rows of one Parquet file."""
    from pyarrow import parquet

    rows: list[Row] = parquet.read_table(path).to_pylist()
    return rows


def write_rows(rows: list[Row], path: Path) -> None:
    """One Parquet file of the rows, all or nothing."""
    import pyarrow
    from pyarrow import parquet

    with replacing(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)


def _parts(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if found := _PART.fullmatch(path.name):
            yield int(found[1]), path


def _probed(model: SentenceTransformer) -> Tensor:
    """(8, D) on the CPU, of the model as it is used and not as it is trained."""
    training = model.training
    model.eval()
    with torch.no_grad():
        features = batch_to_device(model.preprocess(list(_PROBE)), model.device)
        vectors: Tensor = model(features)["sentence_embedding"].float().cpu()
    model.train(training)
    return vectors


def _scale(optimizer: Any) -> float:
    """What the loss was multiplied by: accelerate's optimizer holds torch's GradScaler in float16, and else None."""
    scaler = getattr(optimizer, "scaler", None)
    return float(scaler.get_scale()) if scaler is not None else 1.0


def _by_layer(model: SentenceTransformer) -> dict[str, list[Tensor]]:
    """Weights that are trained, by `layer N`; those of no layer by what they stand in."""
    layers: dict[str, list[Tensor]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            found = _LAYER.search(name)
            layers[f"layer {found[1]}" if found else _outside(name)].append(parameter)
    return dict(layers)


def _outside(name: str) -> str:
    return "embeddings" if "embeddings" in name else name.split(".")[-2]


def _norms(what: str, layers: dict[str, list[Tensor]]) -> Row:
    """`what:layer` → the norm of all its numbers together. A card is waited for once, not for each of them."""
    device = next((tensors[0].device for tensors in layers.values() if tensors), torch.device("cpu"))
    norms = torch.stack([get_total_norm(tensors).to(device) for tensors in layers.values()])
    return {f"{what}:{layer}": norm for layer, norm in zip(layers, norms.tolist(), strict=True)}
