import json

import numpy as np
import pytest
from scipy import stats

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import CorpusError
from mrl_search.training.sts import scored_pairs, similarities, spearman
from mrl_search.vectors import prefix

ENCODER = load_encoder(EncoderSpec("hashing:64"))


def test_cosines_are_of_normalised_prefixes():
    first, second = ["red fox runs", "tax law"], ["a red fox", "law of tax"]
    found = similarities(ENCODER, (first, second), (16, 64), "none")
    for dim, cosines in found.items():
        sides = (prefix(ENCODER.encode_queries(side), dim) for side in (first, second))
        assert cosines == pytest.approx(np.einsum("nd,nd->n", *sides), abs=1e-6)


def test_a_rotation_leaves_full_width_cosines():
    random = np.random.default_rng(1)
    first, second = ([" ".join(f"w{n}" for n in random.integers(0, 40, 5)) for _ in range(200)] for _ in range(2))
    plain, turned = (similarities(ENCODER, (first, second), (16, 64), kind) for kind in ("none", "pca"))
    assert turned[64] == pytest.approx(plain[64], abs=1e-5)
    assert np.abs(turned[16] - plain[16]).max() > 0.01


def test_spearman_is_the_correlation_of_ranks_with_ties_at_their_mean():
    cosines, scores = np.array([0.1, 0.9, 0.4, 0.4]), np.array([0.0, 5.0, 3.0, 2.0])
    wanted = stats.pearsonr(*map(stats.rankdata, (cosines, scores))).statistic
    assert spearman(cosines, scores) == pytest.approx([wanted])


def test_resamples_are_correlated_as_if_each_were_ranked_anew():
    random = np.random.default_rng(5)
    cosines, scores = random.integers(0, 12, 40) / 12, random.integers(0, 6, 40).astype(float)
    drawn = random.integers(0, 40, (20, 40))
    counts = np.stack([np.bincount(rows, minlength=40) for rows in drawn]).astype(float)
    wanted = [stats.spearmanr(cosines[rows], scores[rows]).statistic for rows in drawn]
    assert spearman(cosines, scores, counts) == pytest.approx(wanted)


def test_a_file_without_scores_is_refused(tmp_path):
    (tmp_path / "s.jsonl").write_text(json.dumps({"sentence1": "a", "sentence2": "b"}) + "\n")
    with pytest.raises(CorpusError, match=r"s\.jsonl: wanted two scored pairs or more"):
        scored_pairs(tmp_path / "s.jsonl")
