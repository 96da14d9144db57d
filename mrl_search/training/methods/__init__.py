"""Ways of training several sizes of one encoder, (layers, dims), at once: one file each, a loss like any other.

The way of one layer, MRL, is sentence-transformers' MatryoshkaLoss and stands in `objective`.
"""

from mrl_search.training.methods.adaptive_layer import adaptive_layer, matryoshka_2d
from mrl_search.training.methods.smae import Smae
from mrl_search.training.methods.starbucks import Starbucks
from mrl_search.training.methods.two_d import TwoD

__all__ = ["Smae", "Starbucks", "TwoD", "adaptive_layer", "matryoshka_2d"]
