"""Arms that begin in rotated axes."""

import numpy as np
import pytest
import torch
from pyarrow import parquet

from mrl_search.encoders import EncoderSpec, load_encoder, load_model
from mrl_search.errors import RecipeError, TrainingError
from mrl_search.rotations import fit
from mrl_search.training import Arm, Source, TrainRecipe, train_arm
from mrl_search.training.beginning import rotate
from mrl_search.training.dynamics import Dynamics
from mrl_search.training.training_set import training_set

MRL, TURNED = Arm("mrl", (4, 8, 16)), Arm("turned", (4, 8, 16), rotation="pca")


def recipe_of(base, **told):
    settings = {"data": (Source("pairs.jsonl"),), "arms": (MRL, TURNED), "steps": 4, "batch": 8, "save_every": 2}
    return TrainRecipe(**({"base": str(base), "learning_rate": 1e-3} | settings | told))


@pytest.fixture(scope="module")
def turned(tiny, shared_data_folder):
    """The folder of a run that is only looked at."""
    recipe = recipe_of(tiny)
    return train_arm(recipe, TURNED, 0, training_set(recipe, shared_data_folder), shared_data_folder / "turned")


def rows_of(folder):
    return parquet.read_table(folder / "dynamics.parquet").to_pylist()


@pytest.mark.parametrize("kind", ["pca", "learned"])
def test_before_the_first_step_vectors_are_the_bases_by_a_rotation_of_the_training_texts(tiny, pairs, kind):
    recipe = recipe_of(tiny)
    data = training_set(recipe, pairs)
    model = load_model(str(tiny))
    rotate(model, recipe, Arm("turned", (4, 8, 16), rotation=kind), data)
    texts = list(dict.fromkeys(text for example in data.examples for text in example[:2]))
    base = load_encoder(EncoderSpec(str(tiny))).encode_documents(texts)
    wanted = fit(kind, base, (4, 8)).rotation.apply(base)
    np.testing.assert_allclose(model.encode(texts), wanted, atol=1e-5)


def test_a_twin_in_other_axes_begins_with_the_same_full_width_loss_and_dropout(tiny, pairs, turned):
    recipe = recipe_of(tiny)
    plain = rows_of(train_arm(recipe, MRL, 0, training_set(recipe, pairs), pairs / "mrl"))
    rows = rows_of(turned)
    assert rows[0]["loss@16"] == pytest.approx(plain[0]["loss@16"], rel=1e-4)
    assert rows[0]["loss@4"] != pytest.approx(plain[0]["loss@4"], rel=1e-4)
    assert rows[2]["update:linear"] > 0  # the layer is trained as others are


def test_a_run_that_began_in_other_axes_goes_on_along_its_curve(tiny, pairs, turned, monkeypatch):
    recipe = recipe_of(tiny)
    data = training_set(recipe, pairs)

    def stopping(self, args, state, control, **told):
        if state.global_step == 3:
            raise KeyboardInterrupt
        return as_ever(self, args, state, control, **told)

    as_ever = Dynamics.on_step_begin
    monkeypatch.setattr(Dynamics, "on_step_begin", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_arm(recipe, TURNED, 0, data, pairs / "again")
    monkeypatch.undo()
    again = train_arm(recipe, TURNED, 0, data, pairs / "again")
    assert rows_of(again) == rows_of(turned)


def test_what_began_in_other_axes_loads_in_sentence_transformers(turned):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(turned / "model"), truncate_dim=4, device="cpu")
    assert model.encode(["word1 word2"]).shape == (1, 4)
    assert "beginning in pca axes" in (turned / "model" / "README.md").read_text()


def test_a_depth_of_what_began_in_other_axes_is_turned_too(turned):
    assert load_encoder(EncoderSpec(str(turned / "model"), layers=1)).encode_documents(["word1 word2"]).shape == (1, 16)


def test_torchs_generator_is_left_as_it_was(tiny, pairs):
    recipe = recipe_of(tiny)
    data, model = training_set(recipe, pairs), load_model(str(tiny))
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    rotate(model, recipe, TURNED, data)
    assert torch.rand(1) == wanted


def test_an_arm_without_a_narrower_width_has_nothing_to_turn_for(tiny, pairs):
    recipe = recipe_of(tiny)
    with pytest.raises(TrainingError, match="no width below 16"):
        rotate(load_model(str(tiny)), recipe, Arm("full", (16,), rotation="pca"), training_set(recipe, pairs))


def test_a_rotation_that_looks_at_nothing_is_refused():
    with pytest.raises(RecipeError, match="choose one of none, pca, learned"):
        Arm("odd", (4, 8), rotation="random")
