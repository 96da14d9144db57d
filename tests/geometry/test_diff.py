import shutil

import pytest

from mrl_search.errors import EncoderError, VectorsError
from mrl_search.geometry import Compared, CrosscoderRecipe, Diff, diff, shown_diff


def test_it_is_json_and_back_without_loss(diffed):
    assert Diff.from_json(diffed.to_json(), "here") == diffed


def test_a_model_beside_itself_is_alike_in_all(twins, texts):
    name = str(twins / "baseline-seed0/model")
    same = diff(name, name, Compared(texts)).pair
    assert [one.cka for one in same.layers] == pytest.approx([1, 1])
    assert [one.procrustes for one in same.layers] == pytest.approx([0, 0], abs=1e-5)
    assert [one.overlap for one in same.prefixes] == [1.0] * len(same.prefixes)
    assert same.matrices == ()


def test_what_was_moved_differs_at_every_layer_and_width(diffed):
    assert diffed.texts == 150
    assert [one.layers for one in diffed.pair.layers] == [1, 2]
    assert [one.dim for one in diffed.pair.prefixes] == [4, 8, 16]
    assert all(0 < one.cka < 1 for one in (*diffed.pair.layers, *diffed.pair.prefixes))
    assert all(one.change > 0 for one in diffed.pair.matrices)


def test_other_seeds_beside_the_models_are_the_noise(diffed):
    (pair,) = diffed.seeds
    assert (pair.first, pair.second) == ("mrl-seed0", "mrl-seed1")
    assert "1 pair of seeds of one arm" in diffed.notes[0]


def test_without_another_seed_the_noise_is_said_to_be_unknown(twins, texts, tmp_path):
    for name in ("baseline-seed0", "mrl-seed0"):
        shutil.copytree(twins / name, tmp_path / name)
    alone = diff(str(tmp_path / "baseline-seed0" / "model"), str(tmp_path / "mrl-seed0" / "model"), Compared(texts))
    assert alone.seeds == ()
    assert "how far seeds alone move these figures is not known" in alone.notes[0]


def test_models_of_other_architectures_are_refused(twins, tmp_path, texts):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(twins / "mrl-seed0/model"), device="cpu")
    model[0].model.encoder.layer = model[0].model.encoder.layer[:1]
    model[0].model.config.num_hidden_layers = 1
    model.save(str(tmp_path / "short"), create_model_card=False)
    with pytest.raises(EncoderError, match="only models of one architecture"):
        diff(str(twins / "mrl-seed0/model"), str(tmp_path / "short"), Compared(texts))


def test_a_crosscoder_comes_with_it_where_it_is_asked_for(twins, texts):
    name = str(twins / "baseline-seed0/model")
    recipe = CrosscoderRecipe(latents=32, k=4, steps=20, batch=64)
    asked = diff(name, str(twins / "mrl-seed0/model"), Compared(texts, 150, crosscoder=recipe))
    assert asked.crosscoded.latents == 32
    assert Diff.from_json(asked.to_json(), "here") == asked
    assert "crosscoder: of 32 latents" in shown_diff(asked).table
    assert "of 150 texts a crosscoder finds little; it wants 10,000" in asked.notes


def test_few_texts_are_refused(tmp_path):
    (tmp_path / "few.txt").write_text("word1\nword2\n")
    with pytest.raises(VectorsError, match="gives 2 texts; wanted at least 100"):
        diff("a", "b", Compared(str(tmp_path / "few.txt")))
