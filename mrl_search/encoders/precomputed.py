"""Stands where an encoder would, in an index built from vectors alone."""

from collections.abc import Sequence

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.errors import EncoderError
from mrl_search.vectors import Vectors

NAME = "precomputed"


class PrecomputedEncoder:
    """Knows a width and encodes nothing; such an index is searched with vectors."""

    identity = NAME
    trained_dims: tuple[int, ...] = ()

    def __init__(self, spec: EncoderSpec) -> None:
        if spec.dim is None:
            raise EncoderError("precomputed vectors have no encoder to load; give --vectors FILE, or name an encoder")
        self.spec = spec
        self.dim = spec.dim

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Raises EncoderError: there is nothing to encode with."""
        raise EncoderError(
            "this index was built from precomputed vectors and names no encoder; "
            "search it with --vectors queries.npy, or rebuild it with --vectors and --encoder"
        )

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Raises EncoderError: there is nothing to encode with."""
        return self.encode_queries(texts)
