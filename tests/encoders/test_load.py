import pytest

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.encoders.hashing import HashingEncoder
from mrl_search.encoders.minilm import MiniLMEncoder
from mrl_search.encoders.precomputed import PrecomputedEncoder


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (EncoderSpec("minilm-768"), MiniLMEncoder),
        (EncoderSpec("hashing:8"), HashingEncoder),
        (EncoderSpec("precomputed", dim=5), PrecomputedEncoder),
    ],
)
def test_a_name_leads_to_its_encoder_which_keeps_the_spec(spec, kind):
    encoder = load_encoder(spec)
    assert type(encoder) is kind
    assert encoder.spec == spec
