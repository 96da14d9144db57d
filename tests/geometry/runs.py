"""Runs of the trainer whose curves are known."""

import numpy as np

from mrl_search.training.dynamics import write_rows

STEPS = np.arange(1.0, 201)


def falling(after, noise=0.0, seed=0):
    """10 until step `after`, 1 from then on."""
    return np.where(after > STEPS, 10.0, 1.0) + noise * np.random.default_rng(seed).standard_normal(200)


def run(folder, name, widths=(4, 16), seed=0, gradient=1.0):
    rows = [
        {
            "step": float(step),
            **{f"loss@{width}": float(falling(_end(width), 0.1, seed)[int(step) - 1]) for width in widths},
            "gradient:layer 0": gradient,
            "gradient:unused": 0.0,
            "gradient[0:4]": 2 * gradient,
            "gradient[4:16]": 3.0,
            "update:layer 0": 0.5,
        }
        for step in STEPS
    ]
    (folder / name).mkdir()
    write_rows(rows, folder / name / "dynamics.parquet")
    return folder / name


def _end(size):
    """The step at which the loss of a size, "layers:dim" or a dim, has fallen."""
    return 40 + int(str(size).rpartition(":")[2])
