"""Checkpoints that hold all that is trained: the model, as the library keeps it, and what a loss has of its own."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformerTrainer
from torch import Tensor

from mrl_search.errors import TrainingError

_OWN = "loss.safetensors"


class WholeTrainer(SentenceTransformerTrainer):  # type: ignore[misc]
    """The library's trainer, which checkpoints the model alone, with a card that nobody reads.

    A classifier or a head of the loss would begin anew. Raises TrainingError for a checkpoint without one.
    """

    def train_on(self, folder: Path) -> None:
        """Trains to the end, from the last whole checkpoint of the folder where there is one."""
        step, path = last_checkpoint(folder)
        if step < self.args.max_steps:
            self.train(resume_from_checkpoint=path)
        else:  # the library would train a step more before it saw the end
            self._load_from_checkpoint(str(path))
            self.state.global_step = step

    def _save(self, output_dir: str, state_dict: dict[str, Tensor] | None = None) -> None:
        self.model.save_pretrained(output_dir, create_model_card=False)
        if own := self._own():
            kept = {name: weight.detach().cpu().contiguous() for name, weight in own.items()}
            save_file(kept, f"{output_dir}/{_OWN}")

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        super()._load_from_checkpoint(checkpoint_path)
        if own := self._own():
            path = Path(checkpoint_path) / _OWN
            if not path.is_file():
                raise TrainingError(f"{path.parent} holds nothing of what the loss itself has learned; delete it")
            kept = load_file(path)
            with torch.no_grad():
                for name, weight in own.items():
                    weight.copy_(kept[name])

    def _own(self) -> dict[str, Tensor]:
        """The loss's weights that are not the model's, by name."""
        of_model = {id(weight) for weight in self.model.parameters()}
        return {name: weight for name, weight in self.loss.named_parameters() if id(weight) not in of_model}


def last_checkpoint(folder: Path) -> tuple[int, str | None]:
    """(step, path) of the last one that is whole, (0, None) without one. The trainer writes its state last."""
    found: list[tuple[int, str | None]] = [(0, None)]
    for path in folder.glob("checkpoint-*"):
        try:
            state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found.append((int(state["global_step"]), str(path)))
    return max(found, key=lambda one: one[0])
