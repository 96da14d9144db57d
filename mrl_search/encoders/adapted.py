"""An encoder and an adapter behind it: an encoder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mrl_search.adapter import Adapter, read_adapter
from mrl_search.encoders.encoder import Encoder, EncoderSpec
from mrl_search.errors import AdapterError
from mrl_search.vectors import Vectors

_UNNAMED = "precomputed"


class AdaptedEncoder:
    """Queries and documents pass through the adapter alike. The widths it was fitted for are its trained ones.

    folder: where the adapter is, as the spec names it. Raises AdapterError for an adapter of another width, or one that
    was fitted to the vectors of an encoder of another name, or of another number of its layers. Of a folder its own
    name counts, not where it lies; of an API the model's, not the URL.
    """

    def __init__(self, base: Encoder, folder: str, adapter: Adapter | None = None) -> None:
        self.base = base
        self.adapter = read_adapter(Path(folder)) if adapter is None else adapter
        self._folder = folder
        fitted, name = self.adapter.fitted, base.spec.typed
        if fitted.dim != base.dim:
            raise AdapterError(f"the adapter {folder} takes {fitted.dim} dims, {name} gives {base.dim}")
        if _own_name(fitted.encoder) != _own_name(name) and _UNNAMED not in (fitted.encoder, name):
            raise AdapterError(
                f"the adapter {folder} was fitted to vectors of {fitted.encoder}, not of {name}; "
                f"fit one to these: mrl-search adapt {fitted.method} --encoder {name}"
            )

    @property
    def spec(self) -> EncoderSpec:
        """The base's, with the adapter's folder."""
        return replace(self.base.spec, adapter=self._folder)

    @property
    def identity(self) -> str:
        """The base's, and what the adapter's numbers are, wherever they lie."""
        return f"{self.base.identity} adapter={self.adapter.digest}"

    @property
    def dim(self) -> int:
        """The base's."""
        return self.base.dim

    @property
    def trained_dims(self) -> tuple[int, ...]:
        """What the adapter was fitted to be cut at, and nothing of what the base was."""
        return self.adapter.fitted.widths

    @property
    def texts_at_a_time(self) -> int | None:
        """The base's, if it says so."""
        return getattr(self.base, "texts_at_a_time", None)

    @property
    def is_shared(self) -> bool:
        """Whether several threads may encode at once; the base's, if it says so."""
        return getattr(self.base, "is_shared", False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for queries."""
        return self.adapter.apply(self.base.encode_queries(texts))

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for documents."""
        return self.adapter.apply(self.base.encode_documents(texts))

    def behind(self, base: Encoder) -> "AdaptedEncoder":
        """The same adapter behind another form of the base, as one with a cache."""
        return AdaptedEncoder(base, self._folder, self.adapter)


def _own_name(encoder: str) -> str:
    """What stays of a name wherever the model lies, and whoever serves it.

    `train` calls the folder of every model `model`; that of the run tells them apart.
    """
    if encoder.startswith("openai:"):
        return encoder.partition("@http")[0]
    parts = Path(encoder).parts or (encoder,)
    return "/".join(parts[-2:] if parts[-1].partition(":")[0] == "model" else parts[-1:])
