"""Everything mrl-search raises on purpose.

    MRLSearchError
    ├── DimensionError       a width that does not exist              (ValueError)
    ├── FunnelError          a funnel that cannot be walked           (ValueError)
    ├── FilterError          a filter that cannot be read             (ValueError)
    ├── FusionError          a way to fuse two rankings that is none  (ValueError)
    ├── CorpusError          a corpus or query file that cannot be read (ValueError)
    ├── DatasetError         a test collection that cannot be found or read (ValueError)
    ├── VectorsError         precomputed vectors that do not fit      (ValueError)
    ├── DeviceError          a card that is not there, or too small   (RuntimeError)
    ├── EncoderError         an encoder that cannot be loaded or used (RuntimeError)
    ├── RotationError        a rotation that is none, or cannot be fitted (ValueError)
    ├── AdapterError         an adapter that is none, does not fit, or loses too much (ValueError)
    ├── GuaranteeError       a guarantee that cannot be given         (ValueError)
    ├── IndexStoreError      an index that cannot be found, opened or written (RuntimeError)
    │   ├── IndexBusyError   another process writes to it             (RuntimeError)
    │   └── IndexChangedError  it is not what it was when it was opened (RuntimeError)
    ├── ClusterError         a cluster that cannot be built, read or changed (RuntimeError)
    │   └── ShardsMissingError  shards that did not answer, and without which there is no answer (RuntimeError)
    ├── RunError             a TREC run that cannot be read or written (ValueError)
    ├── MeasureError         a measure that ir-measures does not know (ValueError)
    ├── RecipeError          a recipe with unknown or missing keys    (ValueError)
    ├── ServeError           a server that may not start as it is told, or that refused (RuntimeError)
    ├── TrainingError        a training that cannot begin or go on    (RuntimeError)
    └── MissingPackageError  an optional package is not installed     (ImportError)

Each also is the builtin it refines, so callers may catch either. A message
says what was found, what was wanted and, where there is one, the next command.
"""

from collections.abc import Sequence


class MRLSearchError(Exception):
    """The root of the tree; the command line prints it as one line and exits with 1."""


class DimensionError(MRLSearchError, ValueError):
    """A width outside what the vectors, the encoder or the index have."""


class FunnelError(MRLSearchError, ValueError):
    """A funnel that does not parse, does not narrow, or does not fit the index."""


class FilterError(MRLSearchError, ValueError):
    """A filter on metadata that the grammar does not have."""


class FusionError(MRLSearchError, ValueError):
    """A way to make one ranking of two that does not exist."""


class CorpusError(MRLSearchError, ValueError):
    """A corpus or query file with a bad line, an unknown format, or no documents."""


class DatasetError(MRLSearchError, ValueError):
    """A test collection that was not found, or whose parts do not belong together."""


class VectorsError(MRLSearchError, ValueError):
    """Precomputed vectors of the wrong shape, type or number, or with NaN in them."""


class DeviceError(MRLSearchError, RuntimeError):
    """A device that does not exist, that torch cannot use, or whose memory is too small for what is asked of it."""


class EncoderError(MRLSearchError, RuntimeError):
    """An encoder that cannot be loaded, does not answer, or is not the one an index was built with."""


class RotationError(MRLSearchError, ValueError):
    """A matrix that is no rotation, a kind that does not exist, or one that these vectors cannot be fitted with."""


class AdapterError(MRLSearchError, ValueError):
    """A folder that holds no adapter, vectors it was not fitted to, or one that loses too much at full width."""


class GuaranteeError(MRLSearchError, ValueError):
    """A guarantee that is none, that an index was not prepared for, or that its funnel cannot keep."""


class IndexStoreError(MRLSearchError, RuntimeError):
    """An index directory that is missing, damaged, in use, in the way, or of another format."""


class IndexBusyError(IndexStoreError):
    """An index that another process writes to; a reader is not kept from it."""


class IndexChangedError(IndexStoreError):
    """An index that was changed since it was opened; opened again, it answers."""


class ClusterError(MRLSearchError, RuntimeError):
    """A cluster that is missing, damaged, or whose shards do not fit together."""


class ShardsMissingError(ClusterError):
    """Shards that did not answer, where all were asked for; `missing` names them."""

    def __init__(self, message: str, missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class RunError(MRLSearchError, ValueError):
    """A TREC run or qrels file that breaks the format."""


class MeasureError(MRLSearchError, ValueError):
    """A measure whose name ir-measures does not know, or that it cannot compute here."""


class RecipeError(MRLSearchError, ValueError):
    """A recipe with an unknown key, a missing key, or a value of the wrong type."""


class ServeError(MRLSearchError, RuntimeError):
    """A server that may not start as it is told, a key that does not exist, or what a server refused."""


class TrainingError(MRLSearchError, RuntimeError):
    """Data that a loss cannot be trained on, a loss that is not finite, or a folder with another run."""


class MissingPackageError(MRLSearchError, ImportError):
    """A package that this feature needs is not installed; the message gives the pip command."""

    def __init__(self, package: str, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package}, which is not installed; run: pip install 'mrl-search[{extra}]'"
        )
