"""An adapter: what turns the vectors of a frozen encoder into vectors that bear being cut.

This room checks, applies, reads and writes; `adapters` fits. Unlike a rotation, an adapter may change full-width
cosines. Everything about it that a search needs is in one safetensors file, which an index keeps a copy of.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mrl_search.atomic import filling
from mrl_search.errors import AdapterError, RecipeError, VectorsError
from mrl_search.recipe import from_table
from mrl_search.vectors import Vectors, unit

WEIGHTS, ABOUT = "adapter.safetensors", "adapter.json"
"""The files of an adapter's folder: what is applied, and what people want to know of it."""

_LARGEST = 2**28  # bytes; 8,192 dims squared
_KEY = "adapter"  # of the safetensors file's metadata
_LINEAR = "matrix"
_RESIDUAL = ("inward", "inward_bias", "outward", "outward_bias")


@dataclass(frozen=True)
class Fitted:
    """What an adapter is, beside its numbers.

    method: of `adapters.METHODS`. dim: the width of what goes in and comes out. widths: those it was fitted to be cut
    at, ascending, below dim; perhaps none. encoder: the name of the one whose vectors it was fitted to, `precomputed`
    where nobody said.
    """

    method: str
    dim: int
    widths: tuple[int, ...]
    encoder: str

    def __post_init__(self) -> None:
        grows = all(short < long for short, long in zip((0, *self.widths), (*self.widths, self.dim), strict=True))
        if not (self.method and self.encoder and grows):
            raise RecipeError(f"an adapter of {self.dim} dims and the widths {list(self.widths)} cannot be")


@dataclass(frozen=True)
class Adapter:
    """tensors: float32, of a linear part, a residual one, or both, applied in this order.

    Linear: `matrix` (D, D), y = matrix · x. Residual: `inward` (H, D), `inward_bias` (H,), `outward` (D, H) and
    `outward_bias` (D,), y = x + outward · max(0, inward · x + inward_bias) + outward_bias.
    Raises AdapterError for other names, shapes, types, and numbers that are not finite.
    """

    fitted: Fitted
    tensors: Mapping[str, Vectors]

    def __post_init__(self) -> None:
        dim, found = self.fitted.dim, {name: tensor.shape for name, tensor in self.tensors.items()}
        hidden = (*found.get("inward_bias", ()), 0)[0]
        shapes = ((dim, dim), (hidden, dim), (hidden,), (dim, hidden), (dim,))
        wanted = dict(zip((_LINEAR, *_RESIDUAL), shapes, strict=True))
        if set(found) not in ({_LINEAR}, {*_RESIDUAL}, {*wanted}):
            raise AdapterError(f"an adapter holds {_LINEAR}, or {', '.join(_RESIDUAL)}, or all; found {list(found)}")
        if found != {name: wanted[name] for name in found}:
            raise AdapterError(f"the tensors of an adapter of {dim} dims do not fit together: {found}")
        for name, tensor in self.tensors.items():
            if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
                raise AdapterError(f"the {name} of an adapter must be finite float32 numbers")

    @property
    def dim(self) -> int:
        """The width D of what goes in and comes out."""
        return self.fitted.dim

    @cached_property
    def digest(self) -> str:
        """sha256 of its file: the same numbers, fitted to the same, have the same."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def apply(self, vectors: Vectors) -> Vectors:
        """(n, D) unit rows, of (n, D) rows that are brought to length 1 first; a row of zeros stays one.

        Row by row, as `Rotation.apply`: a product of matrices rounds a row by its place among the others, and copies
        would not stay copies. Raises VectorsError for another width.
        """
        if vectors.shape[1] != self.dim:
            raise VectorsError(f"the adapter takes {self.dim} dims, the vectors have {vectors.shape[1]}")
        rows, adapted = unit(vectors), np.zeros(vectors.shape, np.float32)
        tensors = self.tensors
        for row, vector in enumerate(rows):
            if not vector.any():
                continue
            adapted[row] = tensors[_LINEAR] @ vector if _LINEAR in tensors else vector
            if "inward" in tensors:
                hidden = tensors["inward"] @ adapted[row] + tensors["inward_bias"]
                adapted[row] += tensors["outward"] @ np.maximum(hidden, 0) + tensors["outward_bias"]
        return unit(adapted)

    def to_bytes(self) -> bytes:
        """The file: safetensors, with what it is as JSON in its metadata."""
        from safetensors.numpy import save

        told = {"method": self.fitted.method, "dim": self.fitted.dim, "widths": list(self.fitted.widths)}
        told |= {"encoder": self.fitted.encoder}
        tensors = {name: np.ascontiguousarray(self.tensors[name]) for name in sorted(self.tensors)}
        return bytes(save(tensors, metadata={_KEY: json.dumps(told, ensure_ascii=False)}))


def from_bytes(content: bytes, where: str) -> Adapter:
    """The inverse of `to_bytes`. Raises AdapterError, beginning with `where`, for anything else."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors: dict[str, Any] = load(content)  # checks that header and sizes agree
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        told = json.loads(header["__metadata__"][_KEY])
        return Adapter(from_table(told, Fitted, where), tensors)
    except (RecursionError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        told = f"it has no {error}" if isinstance(error, KeyError) else error  # RecipeError and AdapterError among them
        raise AdapterError(f"{where} is no adapter: {told}") from error


def write_adapter(adapter: Adapter, folder: Path, about: Mapping[str, object]) -> None:
    """Writes the folder's two files, all or nothing. about: JSON values for people; see `ABOUT`."""
    content = adapter.to_bytes()
    told = {"method": adapter.fitted.method, "size": len(content), "sha256": adapter.digest, **about}
    with filling(folder) as temporary:
        (temporary / WEIGHTS).write_bytes(content)
        text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / ABOUT).write_text(text + "\n", encoding="utf-8")


def read_adapter(folder: Path) -> Adapter:
    """What `write_adapter` left. Raises AdapterError for a folder that is none, and for files that are damaged."""
    path = folder / WEIGHTS
    try:
        told = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        wanted = (told["size"], told["sha256"])
        size = path.stat().st_size
        content = path.read_bytes() if size == wanted[0] <= _LARGEST else b""
    except OSError as error:
        raise AdapterError(
            f"there is no adapter in {folder} ({error.strerror}); fit one: mrl-search adapt METHOD --out {folder}"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        told = f"it has no {error}" if isinstance(error, KeyError) else error
        raise AdapterError(f"{folder / ABOUT} does not describe an adapter: {told}; fit it again") from error
    if (size, hashlib.sha256(content).hexdigest()) != wanted:
        raise AdapterError(f"{path} is not the file that {ABOUT} describes; fit the adapter again")
    return from_bytes(content, str(path))
