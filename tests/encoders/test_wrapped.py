"""What stands before an encoder goes by its name."""

from mrl_search.encoders import EncoderSpec, WrappedEncoder, load_encoder


def test_name_identity_and_widths_are_the_wrapped_one_s():
    inner = load_encoder(EncoderSpec("hashing:64"))
    outer = WrappedEncoder(inner)
    assert (outer.spec, outer.identity, outer.dim) == (inner.spec, inner.identity, 64)
    assert outer.trained_dims == inner.trained_dims
