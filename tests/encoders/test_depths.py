"""Shallow sub-models, alone and several in one pass, beside models whose layers were taken away by hand."""

import numpy as np
import pytest

from mrl_search.encoders import CachedEncoder, EncoderSpec, load_encoder, load_model
from mrl_search.errors import EncoderError

TEXTS = ["word1 word2 word3", "word4", "word5 word6 word7 word8 word2"]


@pytest.fixture(scope="module")
def normed(tmp_path_factory, tiny):
    """A three-layer ModernBERT, which has a norm after its last layer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

    bert = tmp_path_factory.mktemp("modern")
    torch.manual_seed(7)
    config = ModernBertConfig(
        vocab_size=62,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        **{f"{name}_token_id": 0 for name in ("pad", "bos", "eos", "cls", "sep")},
    )
    ModernBertModel(config).save_pretrained(bert)
    PreTrainedTokenizerFast.from_pretrained(tiny).save_pretrained(bert)
    model = SentenceTransformer(modules=[Transformer(str(bert)), Pooling(16)], device="cpu")
    folder = tmp_path_factory.mktemp("normed")
    model.save(str(folder), create_model_card=False)
    return folder


def by_hand(folder, count):
    """Unit vectors of the model without the layers after the first so many."""
    model = load_model(str(folder))
    inner = model[0].model
    if hasattr(inner, "encoder"):
        inner.encoder.layer = inner.encoder.layer[:count]
    else:
        inner.layers = inner.layers[:count]
    return model.encode(TEXTS, normalize_embeddings=True)


def loaded(folder, layers=None, beside=()):
    return load_encoder(
        EncoderSpec(str(folder), layers=layers), beside=[EncoderSpec(str(folder), layers=n) for n in beside]
    )


@pytest.mark.parametrize("model", ["tiny", "normed"])
def test_a_sub_model_is_the_model_without_its_later_layers(model, request):
    folder = request.getfixturevalue(model)
    assert loaded(folder, 1).encode_documents(TEXTS) == pytest.approx(by_hand(folder, 1), abs=1e-6)


@pytest.mark.parametrize(("model", "every"), [("tiny", (1, 2)), ("normed", (1, 2, 3))])
def test_one_pass_gives_every_depth(model, every, request):
    folder = request.getfixturevalue(model)
    together = loaded(folder, 1, every[1:]).encode_depths("document", TEXTS)
    assert len(together) == len(every)
    for count in every:
        alone = loaded(folder, count)
        assert together[alone.identity] == pytest.approx(by_hand(folder, count), abs=1e-6)


def test_all_layers_keep_the_identity_they_had_and_other_depths_have_their_own(tiny):
    whole, shallow = loaded(tiny), loaded(tiny, 1)
    assert loaded(tiny, None, (1,)).identity == whole.identity != shallow.identity
    assert loaded(tiny, 1, (2,)).identity == shallow.identity


def test_the_cache_keeps_what_the_pass_gave_of_other_depths(tiny, tmp_path, monkeypatch):
    first = CachedEncoder(loaded(tiny, None, (1,)), tmp_path)
    first.encode_documents(TEXTS)
    later = loaded(tiny, 1)
    monkeypatch.setattr(later, "encode_depths", None)
    assert CachedEncoder(later, tmp_path).encode_documents(TEXTS) == pytest.approx(by_hand(tiny, 1), abs=1e-6)


def test_no_texts_have_no_vectors_at_any_depth(tiny):
    assert {rows.shape for rows in loaded(tiny, 1, (2,)).encode_depths("query", []).values()} == {(0, 16)}


def test_a_name_may_end_in_its_layers():
    assert EncoderSpec.named("some/model:layers=3", precision="float32") == EncoderSpec(
        "some/model", layers=3, precision="float32"
    )
    assert EncoderSpec.named("openai:m@http://x:80/v1") == EncoderSpec("openai:m@http://x:80/v1")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("{tiny}:layers=3", "the model has 2 layers, asked for 3; ask for 1 to 2"),
        ("{tiny}:layers=0", "asked for the first 0 layers; ask for at least 1"),
        ("{tiny}:layers=two", "found 'two' after layers=, wanted a whole number"),
        ("minilm-768:layers=3", "minilm-768 takes no prompts, LayerNorm, layers or dim"),
        ("openai:m@http://localhost:1/v1:layers=3", "only the server of 'm' sets layer_norm, precision or layers"),
    ],
)
def test_layers_that_cannot_be_had_are_refused(tiny, name, reason, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(EncoderError, match=reason):
        load_encoder(EncoderSpec.named(name.format(tiny=tiny)))


def test_a_model_without_layers_is_refused(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    static = StaticEmbedding(tokenizer, embedding_weights=np.ones((1, 4), np.float32))
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path), create_model_card=False)
    with pytest.raises(EncoderError, match="cannot tell the model's layers from its other parts; leave layers out"):
        load_encoder(EncoderSpec(str(tmp_path), layers=1))
