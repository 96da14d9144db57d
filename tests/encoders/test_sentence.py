"""Any sentence-transformers model, tried on small ones made on the spot and on the packaged one."""

import json
import shutil

import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import EncoderError

WORDS = ["query", "document", "red", "fox", "dog", "doll", ":", "[UNK]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved sentence-transformers model of eight random word vectors, with prompts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    weights = np.random.default_rng(3).standard_normal((len(WORDS), 12)).astype(np.float32) + 1
    model = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=weights)],
        prompts={"query": "query: ", "document": "document: "},
        device="cpu",
    )
    path = tmp_path_factory.mktemp("model")
    model.save(str(path), create_model_card=False)
    return path


def mean_of(folder, words):
    """The unit mean of the words' vectors, by hand."""
    weights = np.random.default_rng(3).standard_normal((len(WORDS), 12)).astype(np.float32) + 1
    mean = weights[[WORDS.index(word) for word in words]].mean(axis=0)
    return mean / np.linalg.norm(mean)


def load(folder, **told):
    return load_encoder(EncoderSpec(str(folder), **told))


def test_queries_and_documents_get_the_prompts_the_model_declares(folder):
    encoder = load(folder)
    np.testing.assert_allclose(
        encoder.encode_queries(["red fox"])[0], mean_of(folder, ["query", ":", "red", "fox"]), atol=1e-6
    )
    np.testing.assert_allclose(
        encoder.encode_documents(["dog"])[0], mean_of(folder, ["document", ":", "dog"]), atol=1e-6
    )


def test_a_prompt_that_is_given_replaces_the_models(folder):
    encoder = load(folder, query_prompt="", document_prompt="doll ")
    np.testing.assert_allclose(encoder.encode_queries(["red"])[0], mean_of(folder, ["red"]), atol=1e-6)
    np.testing.assert_allclose(encoder.encode_documents(["red"])[0], mean_of(folder, ["doll", "red"]), atol=1e-6)


def test_a_narrower_width_is_the_renormalised_prefix(folder):
    whole, cut = load(folder).encode_queries(["red fox"]), load(folder, dim=5).encode_queries(["red fox"])
    np.testing.assert_allclose(cut[0], whole[0, :5] / np.linalg.norm(whole[0, :5]), atol=1e-6)


def test_layer_norm_comes_before_the_cut(folder):
    torch = pytest.importorskip("torch")
    whole = torch.from_numpy(load(folder).encode_queries(["red fox"]))
    normed = torch.nn.functional.layer_norm(whole, (12,))[:, :5]
    expected = torch.nn.functional.normalize(normed).numpy()
    # LayerNorm forgets the length the raw vector had, but for its eps of 1e-5
    np.testing.assert_allclose(load(folder, dim=5, layer_norm=True).encode_queries(["red fox"]), expected, atol=1e-3)


@pytest.mark.parametrize("asked", [{}, {"dim": 5}, {"layer_norm": True, "dim": 7}, {"query_prompt": "fox "}])
def test_queries_that_stay_on_the_device_are_the_others(folder, asked):
    encoder, texts = load(folder, **asked), ["red fox", "dog", "doll fox fox"]
    found = encoder.queries_on_device(texts)
    np.testing.assert_allclose(found, encoder.encode_queries(texts), atol=1e-6)
    assert encoder.queries_on_device([]).shape == (0, encoder.dim)


def test_a_width_beyond_the_models_is_refused_with_both_numbers(folder):
    with pytest.raises(EncoderError, match="gives 12 dims, asked for 99; ask for at most 12"):
        load(folder, dim=99)


def test_the_identity_changes_with_weights_prompts_and_width(folder):
    base = load(folder).identity
    assert base == load(folder).identity
    others = [load(folder, query_prompt="x"), load(folder, dim=5), load(folder, layer_norm=True)]
    assert len({base, *(encoder.identity for encoder in others)}) == 4


def test_no_text_gives_no_row(folder):
    assert load(folder).encode_queries([]).shape == (0, 12)


def test_trained_widths_are_read_from_the_model_card(folder):
    assert load(folder).trained_dims == ()
    card = '---\ntags:\n- sentence-transformers\n---\n```json\n{"matryoshka_dims": [\n 12,\n 6,\n 3\n ]}\n```\n'
    (folder / "README.md").write_text(card)
    assert load(folder).trained_dims == (3, 6, 12)
    (folder / "README.md").unlink()


def test_a_folder_that_is_not_there_says_so():
    with pytest.raises(EncoderError, match="there is no model folder /no/such/model"):
        load_encoder(EncoderSpec("/no/such/model"))


def test_a_folder_without_a_model_says_what_an_encoder_may_be(tmp_path):
    with pytest.raises(EncoderError, match="cannot load the encoder .*wanted minilm-768, hashing:DIM"):
        load_encoder(EncoderSpec(str(tmp_path)))


def test_code_that_a_model_folder_brings_is_not_run(folder, tmp_path):
    shutil.copytree(folder, brings := tmp_path / "model")
    (brings / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: ...\n")
    modules = json.loads((brings / "modules.json").read_text())
    modules[0]["type"] = "evil.Evil"
    (brings / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        load(brings)
    assert not (tmp_path / "ran").exists()


def test_the_packaged_model_needs_no_hub():
    encoder = load_encoder(EncoderSpec("all-MiniLM-L6-v2"))
    vectors = encoder.encode_documents(["a fox", "a red fox", "tax law"])
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > 0.7 > vectors[0] @ vectors[2]
