"""One arm, one seed: from a base model to a folder that sentence-transformers loads."""

import dataclasses
import json
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from sentence_transformers.base.training_args import BatchSamplers
from transformers import PrinterCallback, set_seed
from transformers.integrations import TensorBoardCallback

from mrl_search.atomic import held, replacing
from mrl_search.device import Device
from mrl_search.encoders import cut_layers, load_model
from mrl_search.errors import MissingPackageError, TrainingError
from mrl_search.progress import bar
from mrl_search.provenance import provenance
from mrl_search.training.beginning import rotate
from mrl_search.training.card import add_section, made_from
from mrl_search.training.checkpoints import WholeTrainer
from mrl_search.training.dynamics import Dynamics, Row, joined, write_rows
from mrl_search.training.facts import facts_of
from mrl_search.training.objective import objective
from mrl_search.training.train_recipe import Arm, TrainRecipe
from mrl_search.training.training_device import check_precision, deterministic, training_device
from mrl_search.training.training_set import TrainingSet, columns

MODEL, CURVES, FACTS, CARD = "model", "dynamics.parquet", "training.json", "README.md"
_CHECKPOINTS, _PARTS, _EVENTS = "checkpoints", "dynamics", "tensorboard"
_LOGGED_EVERY = 10  # steps, for TensorBoard; our own record has every step


@dataclasses.dataclass(frozen=True)
class TrainOptions:
    """How to train, as against what.

    tensorboard: also write its event files, into `tensorboard/` of each run. device: what trains, and what encodes
    and searches as it is measured, as `chosen_device` takes it. compile: the trainer's own torch.compile of the model;
    it rounds otherwise, so such a run is another one. It was not tried on a card.
    """

    progress: bool = False
    tensorboard: bool = False
    device: str | Device = "auto"
    compile: bool = False


def train_arm(
    recipe: TrainRecipe, arm: Arm, seed: int, data: TrainingSet, folder: Path, options: TrainOptions | None = None
) -> Path:
    """Trains one encoder and returns its folder; one that is whole already is left as it is.

    A run that was stopped goes on from its last whole checkpoint along the same curve: same batches, same dropout. What
    differs in anything but `arm` shares seeds, batches and their order, steps and precision.
    Writes `model/` (a sentence-transformers folder), `dynamics.parquet` (see Dynamics) and, last, `training.json`.
    Raises TrainingError when the folder holds another run, one of another process, or a whole one without the event
    files that are wanted, and when a loss is not finite.
    """
    if find_spec("accelerate") is None:
        raise MissingPackageError("accelerate", "training", "train")
    options = options or TrainOptions()
    device = training_device(options.device)
    events = [_event_files(folder)] if options.tensorboard else []
    check_precision(recipe.precision, device)
    facts = facts_of(recipe, arm, seed, data, compiled=options.compile)
    if _is_done(folder, facts):
        if options.tensorboard and not (folder / _EVENTS).exists():
            raise TrainingError(
                f"{folder} was trained without --tensorboard; delete it to train anew, or leave --tensorboard out"
            )
        return folder
    set_seed(seed)
    model = load_model(recipe.base, device=device)
    if arm.depth:
        cut_layers(model, arm.depth)
    tokens = model.max_seq_length
    model.max_seq_length = recipe.max_tokens
    _tell_card(model, recipe.base)
    if arm.rotation != "none":
        rotate(model, recipe, arm, data, device)
    dataset = Dataset.from_dict(columns(recipe, data))
    loss, noted = objective(recipe, arm, model, _labels(data))
    with _started(folder, facts):  # not before: a recipe that cannot be trained leaves nothing behind
        with bar(recipe.steps, f"training {arm.name}, seed {seed}", "steps", shown=options.progress) as progress:
            dynamics = Dynamics(recipe, model, noted, folder / _PARTS, _teller(progress))
            trainer = WholeTrainer(
                model=model,
                args=_arguments(recipe, seed, folder, device, options),
                train_dataset=dataset,
                loss=loss,
                callbacks=events,
            )
            trainer.remove_callback(PrinterCallback)
            trainer.callback_handler.callbacks.insert(0, dynamics)  # before TensorBoard's, which logs what it adds
            with deterministic(device):
                trainer.train_on(folder / _CHECKPOINTS)
            if not trainer.state.global_step:
                shutil.rmtree(folder)
                raise TrainingError(_no_batch(recipe, len(dataset)))
        model.max_seq_length = tokens  # what is short in training need not be short in use
        _finish(model, folder, facts | {"step_seconds": _median(dynamics.seconds)}, device)
    return folder


def _tell_card(model: SentenceTransformer, base: str) -> None:
    """What sentence-transformers would ask the hub for."""
    card = model.model_card_data
    card.local_files_only = True
    if not Path(base).is_dir():
        card.base_model = base if "/" in base else f"sentence-transformers/{base}"  # as sentence-transformers reads it


def _no_batch(recipe: TrainRecipe, count: int) -> str:
    texts = "different texts" if recipe.loss == "contrastive" else "examples"
    return f"{count:,} examples give no batch of {recipe.batch} {texts}; give more, or lower batch"


def _median(seconds: Sequence[float]) -> float:
    """0 where an earlier process did all steps, and this one only finished what it left."""
    return round(statistics.median(seconds), 4) if seconds else 0.0


def _event_files(folder: Path) -> TensorBoardCallback:
    """The trainer's own integration, which would write among the checkpoints, and these are swept at the end."""
    if find_spec("tensorboard") is None and find_spec("tensorboardX") is None:
        raise MissingPackageError("tensorboardX", "--tensorboard", "train")
    events = TensorBoardCallback()
    events.logging_dir = str(folder / _EVENTS)
    return events


def _arguments(
    recipe: TrainRecipe, seed: int, folder: Path, device: Device, options: TrainOptions
) -> SentenceTransformerTrainingArguments:
    on_gpu = device.is_cuda
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder / _CHECKPOINTS),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.learning_rate,
        warmup_steps=round(recipe.warmup * recipe.steps),
        max_grad_norm=recipe.clip,
        seed=seed,
        data_seed=seed,
        use_cpu=not on_gpu,
        bf16=recipe.precision == "bfloat16",
        fp16=recipe.precision == "float16",
        torch_compile=options.compile,
        # a text that stands twice in a batch would be its own negative
        batch_sampler=BatchSamplers.NO_DUPLICATES if recipe.loss == "contrastive" else BatchSamplers.BATCH_SAMPLER,
        dataloader_drop_last=True,
        dataloader_pin_memory=on_gpu,
        save_steps=recipe.save_every,
        save_total_limit=2,
        logging_steps=_LOGGED_EVERY,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
    )


def _is_done(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether this very run is whole in the folder. Raises TrainingError where it holds another."""
    started = folder / "run.json"
    if started.exists() and json.loads(started.read_text(encoding="utf-8"))["digest"] != facts["digest"]:
        raise TrainingError(
            f"{folder} holds a run of another recipe, data, arm or seed; delete it, or choose another with --out"
        )
    return started.exists() and (folder / FACTS).exists()


@contextmanager
def _started(folder: Path, facts: dict[str, Any]) -> Iterator[None]:
    """Notes which run the folder holds, and holds it. Raises TrainingError where another does."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder):
            _is_done(folder, facts)
            _write_json(folder / "run.json", facts)
            yield
    except BlockingIOError:
        raise TrainingError(f"another process trains in {folder}; wait for it, or choose another with --out") from None


def _finish(model: SentenceTransformer, folder: Path, facts: dict[str, Any], device: Device) -> None:
    """Puts the model in place, then the curves, then the facts, which make it whole; sweeps the checkpoints."""
    temporary = folder / f".{MODEL}.partial"
    for path in (temporary, folder / MODEL):
        shutil.rmtree(path, ignore_errors=True)
    facts = {**facts, "provenance": provenance(device.told)}
    model.save_pretrained(str(temporary))
    add_section(temporary / CARD, "what made it", made_from(facts))
    temporary.replace(folder / MODEL)
    write_rows(joined(folder / _PARTS), folder / CURVES)
    _write_json(folder / FACTS, facts)
    for name in (_CHECKPOINTS, _PARTS):
        shutil.rmtree(folder / name, ignore_errors=True)


def _labels(data: TrainingSet) -> int:
    return max((example.label for example in data.examples if example.label is not None), default=-1) + 1


def _teller(progress: Any) -> Callable[[int, Row], None]:
    """Moves the bar to the step, with the loss of each width behind it."""

    def tell(step: int, row: Row) -> None:
        progress.set_postfix({name: f"{value:.3f}" for name, value in row.items() if name.startswith("loss")})
        progress.update(step - progress.n)

    return tell


def _write_json(path: Path, what: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(what, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
