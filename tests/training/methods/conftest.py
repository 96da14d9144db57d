"""What tests of the methods share: a batch, the vectors of every depth of the tiny model, naive losses."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from mrl_search.encoders import EncoderSpec, load_encoder, load_model
from mrl_search.training import Source, TrainRecipe

TEXTS = [["word1 word2", "word3", "word4 word5 word6", "word7"], ["word2", "word3 word8", "word5", "word9 word7"]]
SCALE = 10.0


class Batch:
    """Four pairs and the tiny model, without dropout."""

    def __init__(self, folder):
        self.folder, self.model = folder, load_model(str(folder)).eval()

    def features(self):
        return [self.model.preprocess(side) for side in TEXTS]

    def recipe(self, arm, **told):
        return TrainRecipe(str(self.folder), (Source("d"),), (arm,), 1, batch=4, scale=SCALE, **told)

    def vectors(self, layers, dim=16):
        """The unit prefixes of both columns by the model without its later layers."""
        encoder = load_encoder(EncoderSpec(str(self.folder), layers=layers))
        sides = [encoder.encode_queries(side)[:, :dim].astype(np.float64) for side in TEXTS]
        return [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]

    def scores(self, layers, dim):
        first, second = self.vectors(layers, dim)
        return first @ second.T

    def info_nce(self, layers, dim):
        scores = SCALE * self.scores(layers, dim)
        return float(np.mean(logsumexp(scores, axis=1) - np.diag(scores)))

    def gradients(self, loss):
        """Name → gradient of every weight of the encoder."""
        self.model.zero_grad()
        loss.backward()
        return {name: p.grad.clone() for name, p in self.model.named_parameters() if p.grad is not None}


def divergence(wanted, told):
    """KL of the softmaxes along the rows, (b, m), meaned over the rows."""
    first, second = (values - logsumexp(values, axis=1, keepdims=True) for values in (wanted, told))
    return float(np.mean((np.exp(first) * (first - second)).sum(axis=1)))


@pytest.fixture
def batch(tiny):
    torch.manual_seed(0)
    return Batch(tiny)


@pytest.fixture
def kl():
    return divergence
