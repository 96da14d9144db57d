import shutil
import sys
from pathlib import Path

import pytest

from mrl_search.errors import DimensionError, EncoderError, VectorsError
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
    assert "noise is of seeds, mrl-seed0 and mrl-seed1" in diffed.notes[0]


def test_without_another_seed_the_noise_is_said_to_be_unknown(twins, texts, tmp_path):
    for name in ("baseline-seed0", "mrl-seed0"):
        shutil.copytree(twins / name, tmp_path / name)
    alone = diff(str(tmp_path / "baseline-seed0" / "model"), str(tmp_path / "mrl-seed0" / "model"), Compared(texts))
    assert alone.seeds == ()
    assert "how far seeds alone move these figures is not known" in alone.notes[0]


@pytest.fixture
def unencoded(monkeypatch):
    """Fails a test that encodes."""

    def refuse(*_, **__):
        raise AssertionError("encoded before both models were known to correspond")

    monkeypatch.setattr(sys.modules["mrl_search.geometry.diff"], "encoded", refuse)


def changed(folder, made, change):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    change(model)
    model.save(str(made), create_model_card=False)
    return str(made)


def shallower(model):
    model[0].model.encoder.layer = model[0].model.encoder.layer[:1]
    model[0].model.config.num_hidden_layers = 1


def test_models_of_other_depths_are_refused_before_anything_is_encoded(twins, tmp_path, texts, unencoded):
    short = changed(twins / "mrl-seed0/model", tmp_path / "short", shallower)
    with pytest.raises(EncoderError, match=r"mrl-seed0 has 2 layers of 16 dims and .*short has 1 layers of 16 dims"):
        diff(str(twins / "mrl-seed0/model"), short, Compared(texts))


def test_models_of_other_words_are_refused_by_the_matrix_that_differs(twins, tmp_path, texts, unencoded):
    more = changed(
        twins / "mrl-seed0/model", tmp_path / "more", lambda model: model[0].model.resize_token_embeddings(70)
    )
    with pytest.raises(EncoderError, match=r"word_embeddings\.weight of \(62, 16\) and .* of \(70, 16\); only models"):
        diff(str(twins / "mrl-seed0/model"), more, Compared(texts))


def test_a_second_model_that_is_not_there_is_told_before_anything_is_encoded(twins, tmp_path, texts, unencoded):
    with pytest.raises(EncoderError, match="there is no model folder"):
        diff(str(twins / "mrl-seed0/model"), str(tmp_path / "none"), Compared(texts))


def test_widths_that_are_not_there_are_told_before_anything_is_encoded(twins, texts, unencoded):
    name = str(twins / "mrl-seed0/model")
    with pytest.raises(DimensionError, match="asked for the first 32 of 16 dims"):
        diff(name, name, Compared(texts, dims=(32,)))


def test_weights_that_are_no_numbers_are_refused(twins, tmp_path, texts, unencoded):
    def broken(model):
        model[0].model.embeddings.word_embeddings.weight.data[3] = float("nan")

    name = changed(twins / "mrl-seed0/model", tmp_path / "broken", broken)
    with pytest.raises(EncoderError, match=r"has NaN or infinity in .*word_embeddings\.weight"):
        diff(str(twins / "mrl-seed0/model"), name, Compared(texts))


def test_a_model_of_one_vector_for_all_texts_is_refused(twins, tmp_path, texts):
    def dead(model):
        norm = model[0].model.encoder.layer[-1].output.LayerNorm
        norm.weight.data[:], norm.bias.data[:] = 0, 1

    name = changed(twins / "mrl-seed0/model", tmp_path / "dead", dead)
    with pytest.raises(EncoderError, match="has one vector for all texts after 2 layers"):
        diff(str(twins / "mrl-seed0/model"), name, Compared(texts))


def test_two_seeds_of_one_arm_are_said_to_differ_by_what_seeds_do_and_are_not_their_own_noise(twins, texts):
    found = diff(str(twins / "mrl-seed0/model"), str(twins / "mrl-seed1/model"), Compared(texts, 150))
    assert found.seeds == ()
    assert found.notes == ("both are seeds of one arm: what is told of them is what seeds alone do",)


def test_a_run_that_has_no_model_yet_is_no_other_seed(twins, texts, tmp_path):
    shutil.copytree(twins / "baseline-seed0", tmp_path / "baseline-seed0")
    (tmp_path / "baseline-seed1").mkdir()
    name = str(tmp_path / "baseline-seed0" / "model")
    assert diff(name, name, Compared(texts)).seeds == ()


def test_copies_of_texts_are_left_out_and_told(twins, texts, tmp_path):
    twice = tmp_path / "twice.txt"
    lines = Path(texts).read_text().splitlines()[:120]
    twice.write_text("\n".join([*lines, *lines[:20]]) + "\n")
    name = str(twins / "baseline-seed0/model")
    found = diff(name, name, Compared(str(twice)))
    assert found.texts == 120
    assert "20 of 140 texts are copies of others and were left out" in found.notes
    twice.write_text("\n".join(lines[:60] * 3) + "\n")
    with pytest.raises(VectorsError, match="gives 60 different texts; wanted at least 100"):
        diff(name, name, Compared(str(twice)))


def test_a_crosscoder_comes_with_it_where_it_is_asked_for(twins, texts):
    name = str(twins / "baseline-seed0/model")
    recipe = CrosscoderRecipe(latents=32, k=4, steps=20, batch=64)
    asked = diff(name, str(twins / "mrl-seed0/model"), Compared(texts, 150, crosscoder=recipe))
    assert asked.crosscoded.latents == 32
    assert Diff.from_json(asked.to_json(), "here") == asked
    assert "crosscoder: of 32 latents" in shown_diff(asked).table
    assert "of 150 texts a crosscoder finds little; it wants 10,000" in asked.notes
    assert [one.latents for one in asked.crosscoded_seeds] == [32]  # what two seeds have alone is noise
    assert "Of two seeds of one arm, one alone has: mrl-seed0 and mrl-seed1 " in shown_diff(asked).table


def test_few_texts_are_refused(tmp_path):
    (tmp_path / "few.txt").write_text("word1\nword2\n")
    with pytest.raises(VectorsError, match="gives 2 texts; wanted at least 100"):
        diff("a", "b", Compared(str(tmp_path / "few.txt")))
