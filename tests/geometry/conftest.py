"""An analysis of arms whose geometry is known, and a diff of models that were moved apart."""

import numpy as np
import pytest
from arm_vectors import arm_vectors

from mrl_search.encoders import EncoderSpec
from mrl_search.geometry import Asked, Compared, analyze, diff


@pytest.fixture(scope="session")
def analysis(tmp_path_factory):
    """Of a baseline of even dims, an arm whose dims fall steeply, and one whose dims fall less."""
    folder = tmp_path_factory.mktemp("arms")
    specs = []
    for place, (name, falling) in enumerate((("baseline", 1), ("two", 0.1), ("five", 0.3))):
        np.save(folder / f"{name}.npy", arm_vectors(falling, place))
        specs.append(EncoderSpec(str(folder / f"{name}.npy")))
    return analyze(specs, Asked(sample=1_200), (4, 8))


@pytest.fixture(scope="session")
def twins(tiny, tmp_path_factory):
    """ARM-seedN/model of two arms; of the second arm two seeds. Every matrix of a model is moved at random."""
    import torch
    from sentence_transformers import SentenceTransformer

    root = tmp_path_factory.mktemp("study")
    for place, (name, size) in enumerate((("baseline-seed0", 0.0), ("mrl-seed0", 0.05), ("mrl-seed1", 0.01))):
        model = SentenceTransformer(str(tiny), device="cpu")
        torch.manual_seed(place)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += size * torch.randn_like(parameter)
        model.save(str(root / name / "model"), create_model_card=False)
    return root


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("".join(f"word{n % 60} word{n * 7 % 59} word{n * n % 47}\n" for n in range(160)))
    return str(path)


@pytest.fixture(scope="session")
def diffed(twins, texts):
    return diff(str(twins / "baseline-seed0/model"), str(twins / "mrl-seed0/model"), Compared(texts, 150, (4, 8)))
