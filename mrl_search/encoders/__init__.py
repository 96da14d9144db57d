"""Texts in, unit vectors out: the encoders, and a cache in front of them."""

from mrl_search.encoders.adapted import AdaptedEncoder
from mrl_search.encoders.cached import CachedEncoder, cached
from mrl_search.encoders.depths import LayerStates, cut_layers, first_layer, layer_count
from mrl_search.encoders.encoder import Encoder, EncoderSpec, check_lengths, checked
from mrl_search.encoders.known_server import demand_known_server
from mrl_search.encoders.load import load_encoder
from mrl_search.encoders.sentence import SentenceEncoder, layer_normed, load_model
from mrl_search.encoders.wrapped import WrappedEncoder

__all__ = [
    "AdaptedEncoder",
    "CachedEncoder",
    "Encoder",
    "EncoderSpec",
    "LayerStates",
    "SentenceEncoder",
    "WrappedEncoder",
    "cached",
    "check_lengths",
    "checked",
    "cut_layers",
    "demand_known_server",
    "first_layer",
    "layer_count",
    "layer_normed",
    "load_encoder",
    "load_model",
]
