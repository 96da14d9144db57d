"""Vectors whose structure is known, and an encoder trained to be cut."""

import numpy as np

from mrl_search.vectors import unit

LEAVES, WORDS = 512, 2368


def planted(dim, widths, fall, rows=1_500):
    """Unit vectors in clusters, whose coordinates are `fall` times smaller behind each of the widths."""
    random = np.random.default_rng(0)
    sizes = np.diff((0, *widths, dim))
    scales = np.repeat(np.float64(fall) ** -np.arange(len(sizes)), sizes)
    centres = np.repeat(random.standard_normal((rows // 30 + 1, dim)), 30, axis=0)[:rows]
    return unit((centres + 0.7 * random.standard_normal((rows, dim))) * scales)


def texts(random, leaves):
    """(n, 6) words: three of a leaf's four, two of its branch's, one of its stem's; 8 leaves a branch, 8 branches a stem."""
    count = len(leaves)
    return np.concatenate(
        [
            4 * leaves[:, None] + random.integers(0, 4, (count, 3)),
            4 * LEAVES + 4 * (leaves // 8)[:, None] + random.integers(0, 4, (count, 2)),
            4 * LEAVES + 256 + 8 * (leaves // 64)[:, None] + random.integers(0, 8, (count, 1)),
        ],
        axis=1,
    )


def static_encoder(dims, folder, steps=200):
    """The folder of a bag of words of 64 dims, trained on pairs of texts of one leaf by MatryoshkaLoss at those dims."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    vocabulary = {**{f"w{number}": number for number in range(WORDS)}, "[UNK]": WORDS}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    torch.manual_seed(5)
    random = np.random.default_rng(2)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=64), Normalize()], device="cpu")
    loss = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model), list(dims))
    adam = torch.optim.Adam(model.parameters(), lr=5e-2)
    for _ in range(steps):
        leaves = random.integers(LEAVES, size=128)
        pair = (texts(random, leaves) for _ in range(2))
        features = [
            {"input_ids": torch.from_numpy(words.ravel()), "offsets": torch.arange(0, words.size, 6)} for words in pair
        ]
        value = loss(features, None)
        adam.zero_grad()
        value.backward()
        adam.step()
    model.save(str(folder), create_model_card=False)
    return folder
