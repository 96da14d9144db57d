"""Texts in, unit vectors out: the encoders, and a cache in front of them."""

from mrl_search.encoders.adapted import AdaptedEncoder
from mrl_search.encoders.cached import CachedEncoder, cached
from mrl_search.encoders.encoder import Encoder, EncoderSpec, check_lengths, checked
from mrl_search.encoders.load import load_encoder
from mrl_search.encoders.sentence import SentenceEncoder, layer_normed, load_model

__all__ = [
    "AdaptedEncoder",
    "CachedEncoder",
    "Encoder",
    "EncoderSpec",
    "SentenceEncoder",
    "cached",
    "check_lengths",
    "checked",
    "layer_normed",
    "load_encoder",
    "load_model",
]
