"""`rotation`: what a build fits, as an adapter; orthogonal, so full-width cosines stay.

The kinds `random` and `permuted` make a prefix a random projection and a random choice of dims: what others must beat.
"""

import numpy as np

from mrl_search.adapters.material import Material, Settings
from mrl_search.progress import Bar
from mrl_search.rotations import fit
from mrl_search.vectors import Vectors


def rotation(material: Material, settings: Settings, progress: Bar) -> dict[str, Vectors]:
    """`rotations.fit` of the kind that the settings name, to the documents. Raises RotationError as that."""
    fitted = fit(settings.kind, material.texts, settings.widths, seed=settings.seed)
    progress.update(settings.steps)
    turned = fitted.rotation
    return {"matrix": np.eye(material.dim, dtype=np.float32) if turned is None else turned.matrix}
