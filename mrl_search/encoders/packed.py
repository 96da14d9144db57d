"""Texts side by side in one row, without padding: on the CPU, every token that is computed is one of a text.

Sorted by length, 16 questions of SciFact in a batch are still a third of padding at 32 texts a call and two thirds at
16 (padded 1.35 and 1.64 times what they hold); linear layers, which do not look beyond a token, are four fifths of a
small transformer's time. Only attention must know where a text ends.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

ATTENTION = "mrl_search_packed"
"""What `attn_implementation` a model has to be loaded with; `register_attention` makes it known."""


class Run(NamedTuple):
    """Texts of one length, side by side from a token on."""

    first: int
    texts: int
    tokens: int


def register_attention() -> None:
    """Makes ATTENTION known to transformers; more than once does no harm."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)


def packed_states(model: Any, ids: Sequence[Sequence[int]]) -> "Tensor":
    """(tokens of all texts, width): the model's last states, text after text. model: a BERT loaded with ATTENTION.

    Faster, the longer the runs of texts of one length are.
    """
    import torch

    row = torch.tensor([token for text in ids for token in text])[None]  # (1, t)
    places = torch.cat([torch.arange(len(text)) for text in ids])[None]
    states: Tensor = model(
        input_ids=row, position_ids=places, token_type_ids=torch.zeros_like(row), runs=_runs([*map(len, ids)])
    ).last_hidden_state[0]
    return states


def _runs(lengths: Sequence[int]) -> list[Run]:
    found, first = [], 0
    for tokens, some in groupby(lengths):
        texts = len(list(some))
        found.append(Run(first, texts, tokens))
        first += texts * tokens
    return found


def _attend(
    module: object, query: "Tensor", key: "Tensor", value: "Tensor", mask: None, *, runs: Sequence[Run], **told: Any
) -> "tuple[Tensor, None]":
    """Attention inside each text, as transformers wants it: (1, heads, t, d) three times; gives (1, t, heads, d)."""
    import torch

    out = torch.empty_like(query.transpose(1, 2))
    for first, texts, tokens in runs:
        some = slice(first, first + texts * tokens)
        shape = (query.shape[1], texts, tokens, query.shape[3])
        q, k, v = (one[0, :, some].reshape(shape).transpose(0, 1) for one in (query, key, value))
        found = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, scale=told["scaling"]
        )  # (texts, h, tokens, d)
        out[0, some] = found.transpose(1, 2).flatten(0, 1)
    return out, None
