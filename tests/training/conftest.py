"""A small model and small data to train on."""

import json

import numpy as np
import pytest

WORDS = [f"word{number}" for number in range(60)]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a two-layer BERT of 16 dims with dropout, mean pooling and normalisation, weights by a fixed seed."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    bert = tmp_path_factory.mktemp("bert")
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(["[PAD]", "[UNK]", *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=2 + len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(bert)
    told = {"pad_token": "[PAD]", "unk_token": "[UNK]", "model_max_length": 32}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **told).save_pretrained(bert)
    model = SentenceTransformer(modules=[Transformer(str(bert)), Pooling(16), Normalize()], device="cpu")
    folder = tmp_path_factory.mktemp("tiny")
    model.save(str(folder), create_model_card=False)
    return folder


@pytest.fixture
def pairs(tmp_path):
    """`pairs.jsonl`: 200 pairs that share three of five words, and each a score and a label; returns its folder."""
    random = np.random.default_rng(2)
    with (tmp_path / "pairs.jsonl").open("w") as file:
        for number in range(200):
            shared, first, second = (random.choice(WORDS, size).tolist() for size in (3, 2, 2))
            record = {
                "query": " ".join(shared + first),
                "positive": " ".join(second + shared),
                "score": number % 6,
                "label": number % 3,
            }
            file.write(json.dumps(record) + "\n")
    return tmp_path
