"""From an encoder's name to the encoder."""

from mrl_search.encoders import hashing, minilm, precomputed
from mrl_search.encoders.encoder import Encoder, EncoderSpec
from mrl_search.errors import EncoderError


def load_encoder(spec: EncoderSpec) -> Encoder:
    """The encoder a spec describes; weights may load only when the first text is encoded.

    `minilm-768`, `hashing:DIM`, `openai:MODEL@URL`, `precomputed` (an index of
    vectors alone), and anything else as a sentence-transformers name or folder.
    Raises EncoderError when it cannot be loaded, or has no use for a prompt it was given.
    """
    if spec.name == minilm.NAME:
        _refuse_prompts(spec)
        return minilm.MiniLMEncoder(spec)
    if spec.name.startswith("hashing:"):
        _refuse_prompts(spec)
        return hashing.HashingEncoder(spec)
    if spec.name == precomputed.NAME:
        return precomputed.PrecomputedEncoder(spec)
    if spec.name.startswith("openai:"):
        from mrl_search.encoders.openai_endpoint import load_openai

        return load_openai(spec)
    from mrl_search.encoders.sentence import SentenceEncoder

    return SentenceEncoder(spec)


def _refuse_prompts(spec: EncoderSpec) -> None:
    if spec.query_prompt is not None or spec.document_prompt is not None or spec.layer_norm:
        raise EncoderError(f"{spec.name} takes neither prompts nor LayerNorm; leave those options out")
