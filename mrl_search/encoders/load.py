"""From an encoder's name to the encoder."""

from collections.abc import Sequence
from dataclasses import replace

from mrl_search.device import AUTO, Device, chosen_device
from mrl_search.encoders import hashing, minilm, precomputed
from mrl_search.encoders.adapted import AdaptedEncoder
from mrl_search.encoders.encoder import Encoder, EncoderSpec
from mrl_search.errors import EncoderError


def load_encoder(spec: EncoderSpec, device: str | Device = AUTO, beside: Sequence[EncoderSpec] = ()) -> Encoder:
    """The encoder a spec describes; weights may load only when the first text is encoded.

    `minilm-768`, `hashing:DIM`, `openai:MODEL@URL`, `precomputed` (an index of
    vectors alone), and anything else as a sentence-transformers name or folder.
    device: where a model of ours computes, as `chosen_device` takes it.
    beside: others that will be wanted; those that differ in `layers` alone come from the same pass, for the cache.
    A spec with an adapter gives an AdaptedEncoder, whose adapter is read now; raises AdapterError as that.
    Raises EncoderError when it cannot be loaded, or has no use for a prompt it was given.
    """
    if spec.adapter is not None:
        bare = replace(spec, adapter=None)
        return AdaptedEncoder(load_encoder(bare, device, [replace(one, adapter=None) for one in beside]), spec.adapter)
    if spec.name == minilm.NAME:
        _refuse_options(spec)
        return minilm.MiniLMEncoder(spec, chosen_device(device))
    if spec.name.startswith("hashing:"):
        _refuse_options(spec)
        if spec.precision != "auto":
            raise EncoderError(f"{spec.name} computes in whole numbers; leave out --precision {spec.precision}")
        return hashing.HashingEncoder(spec)
    if spec.name == precomputed.NAME:
        return precomputed.PrecomputedEncoder(spec)
    if spec.name.startswith("openai:"):
        from mrl_search.encoders.openai_endpoint import load_openai

        return load_openai(spec)
    from mrl_search.encoders.sentence import SentenceEncoder

    alike = {other.layers for other in beside if replace(other, layers=spec.layers) == spec}
    return SentenceEncoder(spec, chosen_device(device), alike)


def _refuse_options(spec: EncoderSpec) -> None:
    """Raises EncoderError for what would be ignored."""
    told = (spec.query_prompt, spec.document_prompt, spec.layer_norm or None, spec.dim, spec.layers)
    if any(value is not None for value in told):
        raise EncoderError(
            f"{spec.name} takes no prompts, LayerNorm, layers or dim; leave those out (a build cuts by --dims)"
        )
