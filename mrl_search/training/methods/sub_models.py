"""Vectors of sub-models of the encoder that is trained, all from one pass through its layers."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.merged_forward import embed_columns
from torch import Tensor, nn
from torch.nn import functional

from mrl_search.encoders import LayerStates, layer_count
from mrl_search.errors import TrainingError

Features = Iterable[dict[str, Tensor]]


class SubModels:
    """Runs all that follows the transformer on what each wanted layer gives.

    depths: ascending, and the last is the model's own. Raises TrainingError where it is not, EncoderError for a model
    whose layers cannot be told.
    """

    def __init__(self, model: SentenceTransformer, depths: Sequence[int], arm: str) -> None:
        if depths[-1] != (count := layer_count(model)):
            raise TrainingError(
                f"the layers of the arm {arm} end at {depths[-1]}, the base has {count}; end at {count}"
            )
        self._depths = tuple(depths)
        self._shallow = LayerStates(model, depths[:-1])
        self._rest = tuple(model)[1:]

    def columns(self, model: nn.Module, features: Features) -> dict[int, list[Tensor]]:
        """Depth → the (b, D) vectors of each column of texts.

        model: what the trainer has made of the one that this was made with. Columns go through it as they do in
        sentence-transformers' own losses, so that arms draw the same dropout.
        """

        def every_depth(column: dict[str, Any]) -> dict[str, Tensor]:
            given = model(column)
            found = [self._followed(given, state) for state in self._shallow.taken()]
            return {"sentence_embedding": torch.cat([*found, given["sentence_embedding"]], dim=1)}

        sides = embed_columns(every_depth, features)
        parts = [side.chunk(len(self._depths), dim=1) for side in sides]
        return {depth: [part[place] for part in parts] for place, depth in enumerate(self._depths)}

    def states(self, given: dict[str, Any]) -> dict[int, Tensor]:
        """Depth → the (b, t, D) token states of the pass that gave this, before any pooling."""
        return dict(zip(self._depths, [*self._shallow.taken(), given["token_embeddings"]], strict=True))

    def _followed(self, given: dict[str, Any], state: Tensor) -> Tensor:
        features = {**given, "token_embeddings": state}
        for module in self._rest:
            features = module(features)
        vectors: Tensor = features["sentence_embedding"]
        return vectors


def cut(columns: Sequence[Tensor], dim: int) -> list[Tensor]:
    """The first dims of each column's vectors, at unit length: (b, dim)."""
    return [functional.normalize(column[:, :dim], dim=-1) for column in columns]
