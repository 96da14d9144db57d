"""Which words of a batch are hidden from a model that is to guess them, and what stands in their place."""

from typing import Any

import torch
from torch import Tensor

from mrl_search.errors import TrainingError

_FEW, _MANY = 0.2, 0.4
_MASKED, _OTHER = 0.8, 0.1  # the rest stays as it is


class HiddenWords:
    """Whole words, in two shares of which one holds the other (2410.13230's `smae/data.py`, BERT's 80, 10 and 10 %).

    A word is a token with those after it that begin with ##. Special tokens are never hidden. Raises TrainingError for
    a tokenizer without a mask.
    """

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.mask_token_id is None:
            raise TrainingError("the base's tokenizer has no mask token, which hidden words are replaced by")
        self._mask, self._count = tokenizer.mask_token_id, len(tokenizer)
        names = tokenizer.convert_ids_to_tokens(list(range(self._count)))
        self._goes_on = torch.tensor([name.startswith("##") for name in names])
        self._special = torch.zeros(self._count, dtype=torch.bool)
        self._special[list(tokenizer.all_special_ids)] = True

    def drawn(self, words: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """(b, t) twice: tokens that are hidden of a fifth of each text, and of two fifths, these among them.

        words: ids; there: 1, of padding 0. Each share is rounded, one token at least; a word that does not fit in ends
        it.
        """
        plain = there.bool() & ~self._special.to(words.device)[words]
        starts = plain & ~self._goes_on.to(words.device)[words]
        word = torch.where(plain, starts.cumsum(dim=1), 0)  # 0 is none
        luck = torch.rand(len(words), words.shape[1] + 1).to(words.device)  # of each word
        luck[:, 0] = 2.0  # above all that are drawn
        rank = luck.gather(1, word).argsort(dim=1, stable=True).argsort(dim=1)  # (b, t) a word's tokens side by side
        last = torch.zeros_like(luck, dtype=rank.dtype).scatter_reduce(1, word, rank, "amax").gather(1, word)
        count = there.sum(dim=1, keepdim=True)
        few, many = (plain & (last < (share * count).round().clamp_min(1)) for share in (_FEW, _MANY))
        return few, many

    def replaced(self, words: Tensor, hidden: Tensor) -> Tensor:
        """The ids with the mask, or a word drawn from all, in the place of hidden ones; one of ten stays."""
        luck = torch.rand(words.shape).to(words.device)
        others = torch.randint(self._count, words.shape).to(words.device)
        told = torch.where(luck < _MASKED, self._mask, torch.where(luck < _MASKED + _OTHER, others, words))
        return torch.where(hidden, told, words)
