"""What stands before an encoder and goes by its name."""

from mrl_search.encoders.encoder import Encoder, EncoderSpec


class WrappedEncoder:
    """All of an Encoder but encoding: name, identity and widths are the wrapped one's."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def spec(self) -> EncoderSpec:
        """The wrapped encoder's."""
        return self._encoder.spec

    @property
    def identity(self) -> str:
        """The wrapped encoder's."""
        return self._encoder.identity

    @property
    def dim(self) -> int:
        """The wrapped encoder's."""
        return self._encoder.dim

    @property
    def trained_dims(self) -> tuple[int, ...]:
        """The wrapped encoder's."""
        return self._encoder.trained_dims
