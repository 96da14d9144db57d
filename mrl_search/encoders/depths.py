"""A transformer's first layers as encoders of their own, several of them from one pass."""

from collections.abc import Collection, Sequence
from typing import Any

from mrl_search.errors import EncoderError

_LAST_NORMS = ("final_norm", "norm", "ln_f", "final_layer_norm")
"""What models that normalise before each layer call the norm after the last; a sub-model has it after its own last."""


def keep_depths(model: Any, wanted: Collection[int | None]) -> dict[int | None, int]:
    """Cuts a SentenceTransformer after its deepest wanted layer; it then gives the vectors of all depths side by side.

    wanted: numbers of layers, None for all. Returns the place of each among the vectors. The sub-model of n layers is
    the model without those after the n-th; pooling and all that follows stay (2D Matryoshka, 2402.14776, §3).
    Raises EncoderError for more layers than there are, and for a model whose layers cannot be told.
    """
    holder, name, layers = _stack(model)
    counts = {asked: len(layers) if asked is None else asked for asked in wanted}
    depths = sorted(set(counts.values()))
    if not 1 <= depths[0] <= depths[-1] <= len(layers):
        raise EncoderError(f"the model has {len(layers)} layers, asked for {depths[-1]}; ask for 1 to {len(layers)}")
    if len(depths) > 1:
        _side_by_side(model, depths)
    setattr(holder, name, layers[: depths[-1]])
    return {asked: depths.index(count) for asked, count in counts.items()}


def _stack(model: Any) -> tuple[Any, str, Any]:
    """(module, attribute, list of layers): the one list of as many modules as the model's configuration has layers."""
    from torch.nn import ModuleList

    transformer = getattr(model[0], "model", None)
    count = getattr(getattr(transformer, "config", None), "num_hidden_layers", None)
    found = [
        (holder, name, layers)
        for holder in (transformer.modules() if transformer is not None else ())
        for name, layers in holder.named_children()
        if isinstance(layers, ModuleList) and len(layers) == count
    ]
    if len(found) != 1:
        raise EncoderError("cannot tell the model's layers from its other parts; leave layers out")
    return found[0]


class LayerStates:
    """Notes, in every pass of a SentenceTransformer, what some of its layers give.

    depths: ascending numbers of layers. A sub-model that ends at one of them has the norm after its last layer that the
    whole model has after its own. Raises EncoderError as `keep_depths`.
    """

    def __init__(self, model: Any, depths: Sequence[int]) -> None:
        holder, _, layers = _stack(model)
        self._depths = tuple(depths)
        self._last_norm = next(
            (norm for name in _LAST_NORMS if (norm := getattr(holder, name, None)) is not None), None
        )
        self._noted: dict[int, Any] = {}
        for depth in self._depths:
            layers[depth - 1].register_forward_hook(self._noting(depth))

    def _noting(self, depth: int) -> Any:
        def note(_module: Any, _given: Any, states: Any) -> None:
            self._noted[depth] = states[0] if isinstance(states, tuple) else states  # (b, t, D)

        return note

    def taken(self) -> list[Any]:
        """The last pass's token embeddings at each depth, (b, t, D), in order; forgets them."""
        states = [self._noted.pop(depth) for depth in self._depths]
        return states if self._last_norm is None else [self._last_norm(state) for state in states]


def layer_count(model: Any) -> int:
    """How many layers the transformer of a SentenceTransformer has. Raises EncoderError where they cannot be told."""
    return len(_stack(model)[2])


def first_layer(model: Any) -> Any:
    """The first layer of a SentenceTransformer's transformer, a module. Raises as `layer_count`."""
    return _stack(model)[2][0]


def cut_layers(model: Any, count: int) -> None:
    """Takes the layers after the first so many from a SentenceTransformer, and from what its configuration says.

    So what is saved of it loads as it was. Raises EncoderError as `keep_depths`.
    """
    keep_depths(model, {count})
    model[0].model.config.num_hidden_layers = count


def _side_by_side(model: Any, depths: Sequence[int]) -> None:
    """Puts all after the transformer into one module that is run on what each wanted layer gives."""
    import torch

    shallow = LayerStates(model, depths[:-1])
    rest = torch.nn.Sequential(*list(model)[1:])

    class EveryDepth(torch.nn.Module):
        """The sentence embeddings of all depths, the shallowest first: (b, depths · D)."""

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            states = [*shallow.taken(), features["token_embeddings"]]
            found = [rest({**features, "token_embeddings": state})["sentence_embedding"] for state in states]
            return {**features, "sentence_embedding": torch.cat(found, dim=1)}

    for name in list(model._modules)[1:]:
        del model._modules[name]
    model.add_module("every_depth", EveryDepth())
