"""A two-layer BERT of 16 dims with dropout, mean pooling and normalisation, weights by a fixed seed."""

WORDS = [f"word{number}" for number in range(60)]


def saved(bert, folder, words, **special):
    """Writes it: bert, a folder for its transformer; folder, for the whole; special: tokens of the tokenizer by name."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(["[PAD]", "[UNK]", *words])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=2 + len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(bert)
    told = {"pad_token": "[PAD]", "unk_token": "[UNK]", "model_max_length": 32, **special}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **told).save_pretrained(bert)
    model = SentenceTransformer(modules=[Transformer(str(bert)), Pooling(16), Normalize()], device="cpu")
    model.save(str(folder), create_model_card=False)
    return folder
