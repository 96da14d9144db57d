"""SMAE: what an encoder is pre-trained by on raw text, before Starbucks: every size guesses hidden words."""

import copy
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize
from torch import Tensor, nn
from torch.nn import functional

from mrl_search.encoders import first_layer
from mrl_search.errors import TrainingError
from mrl_search.training.methods.hidden_words import HiddenWords
from mrl_search.training.methods.sub_models import Features, SubModels
from mrl_search.training.noting import Parts
from mrl_search.training.train_recipe import Arm


class Smae(nn.Module):
    """Starbucks Masked Autoencoding (2410.13230, §3.2), as `smae/modelling.py` of ielab/Starbucks computes it:

        L = Σ_(l,d) w · ½ [ masked(h_(l,d)) + rebuilt(z_(l,d)) ]

    h_(l,d) are the first d dims of the token states of the first l layers, of a text of which a fifth is hidden: each
    hidden word is guessed from its own. z_(l,d) are those of the whole text's vector: a decoder of one layer, at first
    the encoder's own first, sees a text of which two fifths are hidden, with z in the place of its first token, and
    guesses them. So the vector must hold what the words around do not say. Guesses are a cross-entropy over the
    vocabulary, of one head for all: a matrix whose first d columns take d dims, GELU, LayerNorm, the word embeddings.
    w = 1 / |sizes| there, `mean = true` here. Head and decoder are thrown away at the end.
    Where it departs: z is what the base pools by, before it is brought to length 1, where they take the first token,
    which is the same of a base that pools by it; the head begins anew, as sentence-transformers' bases come without.
    """

    def __init__(self, model: SentenceTransformer, arm: Arm) -> None:
        super().__init__()
        self.model = model
        bert = model[0].model
        if not hasattr(bert, "embeddings"):
            raise TrainingError(f"the arm {arm.name} needs a base of BERT's make, whose word embeddings stand apart")
        self._hidden = HiddenWords(model.tokenizer)
        self._decoder = copy.deepcopy(first_layer(model))  # before anything is hung on it
        width, wide = bert.config.hidden_size, bert.config.vocab_size
        self._dense, self._norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        nn.init.normal_(self._dense.weight, std=bert.config.initializer_range)
        nn.init.zeros_(self._dense.bias)
        self._offset = nn.Parameter(torch.zeros(wide))
        self._sizes = tuple(zip(arm.layers, arm.dims, arm.scaled_weights, strict=True))
        self._sub_models = SubModels(model, arm.layers, arm.name)
        self._pooling = [module for module in tuple(model)[1:] if not isinstance(module, Normalize)]
        self.noted = Parts()

    def forward(self, features: Features, labels: Tensor | None) -> Tensor:
        """The sum over all sizes; what is hidden is drawn from torch's own generator, whose state checkpoints keep."""
        (column,) = features
        words, there = column["input_ids"], column["attention_mask"]
        few, many = self._hidden.drawn(words, there)
        given = self.model({**column, "input_ids": self._hidden.replaced(words, few)})
        states = self._sub_models.states(given)
        embedded = self.model[0].model.embeddings(input_ids=self._hidden.replaced(words, many))  # (b, t, D)
        total = torch.zeros((), device=words.device)
        for layers, dim, weight in self._sizes:
            masked = self._guessed(states[layers][few][:, :dim], words[few])
            code = self._transformed(self._pooled(given, states[layers])[:, :dim])  # (b, D)
            seen = torch.cat([code[:, None].to(embedded.dtype), embedded[:, 1:]], dim=1)
            rebuilt = self._guessed(self._decoded(seen, there)[many], words[many])
            self.noted.note(f"masked@{layers}:{dim}", masked)
            self.noted.note(f"rebuilt@{layers}:{dim}", rebuilt)
            total = total + weight * (masked + rebuilt) / 2
        self.noted.note("loss", total)
        return total

    def get_config_dict(self) -> dict[str, Any]:
        """For sentence-transformers' model card; no widths, as vectors are not compared yet."""
        return {"sizes": [list(size) for size in self._sizes]}

    def _pooled(self, given: dict[str, Any], states: Tensor) -> Tensor:
        features = {**given, "token_embeddings": states}
        for module in self._pooling:
            features = module(features)
        vectors: Tensor = features["sentence_embedding"]
        return vectors

    def _decoded(self, embedded: Tensor, there: Tensor) -> Tensor:
        """(b, t, D) of (b, t, D), each token beside all that are no padding."""
        far = torch.finfo(embedded.dtype).min * (1 - there[:, None, None].to(embedded.dtype))  # (b, 1, 1, t)
        found = self._decoder(embedded, attention_mask=far)
        states: Tensor = found[0] if isinstance(found, tuple) else found
        return states

    def _transformed(self, states: Tensor) -> Tensor:
        """(m, D) of the first d dims of states, (m, d)."""
        told = functional.linear(states, self._dense.weight[:, : states.shape[1]], self._dense.bias)
        normed: Tensor = self._norm(functional.gelu(told))
        return normed

    def _guessed(self, states: Tensor, words: Tensor) -> Tensor:
        """The mean cross-entropy of (m,) words by (m, d) states; 0 where nothing was hidden."""
        logits = functional.linear(self._transformed(states), self.model[0].model.embeddings.word_embeddings.weight)
        return functional.cross_entropy(logits + self._offset, words, reduction="sum") / max(1, len(words))
