import shutil

import pytest

from mrl_search.errors import EncoderError, VectorsError
from mrl_search.geometry import Compared, CrosscoderRecipe, Diff, diff, shown_diff, write_shown


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("".join(f"word{n % 60} word{n * 7 % 59} word{n * n % 47}\n" for n in range(160)))
    return str(path)


@pytest.fixture(scope="module")
def found(twins, texts):
    return diff(str(twins / "baseline-seed0/model"), str(twins / "mrl-seed0/model"), Compared(texts, 150, (4, 8)))


def test_it_is_json_and_back_without_loss(found):
    assert Diff.from_json(found.to_json(), "here") == found


def test_a_model_beside_itself_is_alike_in_all(twins, texts):
    name = str(twins / "baseline-seed0/model")
    same = diff(name, name, Compared(texts)).pair
    assert [one.cka for one in same.layers] == pytest.approx([1, 1])
    assert [one.procrustes for one in same.layers] == pytest.approx([0, 0], abs=1e-5)
    assert [one.overlap for one in same.prefixes] == [1.0] * len(same.prefixes)
    assert same.matrices == ()


def test_what_was_moved_differs_at_every_layer_and_width(found):
    assert found.texts == 150
    assert [one.layers for one in found.pair.layers] == [1, 2]
    assert [one.dim for one in found.pair.prefixes] == [4, 8, 16]
    assert all(0 < one.cka < 1 for one in (*found.pair.layers, *found.pair.prefixes))
    assert all(one.change > 0 for one in found.pair.matrices)


def test_other_seeds_beside_the_models_are_the_noise(found):
    (pair,) = found.seeds
    assert (pair.first, pair.second) == ("mrl-seed0", "mrl-seed1")
    assert "1 pairs of seeds of one arm" in found.notes[0]


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


def test_few_texts_are_refused(tmp_path):
    (tmp_path / "few.txt").write_text("word1\nword2\n")
    with pytest.raises(VectorsError, match="gives 2 texts; wanted at least 100"):
        diff("a", "b", Compared(str(tmp_path / "few.txt")))


def test_the_table_has_ranges_over_seeds_and_every_format_is_written(found, tmp_path):
    shown = shown_diff(found)
    assert shown.table.startswith("mrl-seed0 beside baseline-seed0: 150 texts of")
    assert shown.table.count("[") > len(found.pair.matrices)
    for ending in ("json", "md", "html", "png", "svg"):
        write_shown(shown, tmp_path / f"diff.{ending}")
    assert "## prefixes\n\n| dims | cca |" in (tmp_path / "diff.md").read_text()
