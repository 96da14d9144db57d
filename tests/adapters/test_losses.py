"""Each loss beside a naive version that sums over pairs, one at a time."""

import math

import numpy as np
import pytest
import torch

from mrl_search.adapters.losses import contrastive_loss, near_loss, pair_loss, rank_loss

WIDTHS = (2, 3)


@pytest.fixture
def rows():
    random = torch.Generator().manual_seed(3)
    return [torch.randn((4, 3), generator=random) for _ in range(2)]


def cosine(first, second, width=3):
    first, second = (np.asarray(side[:width], np.float64) for side in (first, second))
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_the_pair_loss_is_the_mean_change_of_the_cosines_of_all_pairs_summed_over_widths(rows):
    before, after = rows
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    wanted = sum(
        np.mean([abs(cosine(before[i], before[j]) - cosine(after[i], after[j], width)) for i, j in pairs])
        for width in WIDTHS
    )
    assert float(pair_loss(before, after, WIDTHS)) == pytest.approx(wanted, abs=1e-6)


def test_the_pair_loss_of_two_rows_by_hand():
    before = torch.tensor([[1.0, 0, 0], [0, 1, 0]])  # cosine 0
    after = torch.tensor([[3.0, 4, 0], [4, 3, 0]])  # cosine 24 / 25
    assert float(pair_loss(before, after, (3,))) == pytest.approx(0.96)
    assert float(pair_loss(before, after, (1, 3))) == pytest.approx(1.96)  # by one dim they are the same


def test_the_near_loss_looks_at_each_row_s_own_neighbours(rows):
    before, after = rows
    near = torch.tensor([[1, 2], [2, 3], [3, 0], [0, 1]])
    wanted = sum(
        np.mean(
            [
                abs(cosine(before[i], before[j]) - cosine(after[i], after[j], width))
                for i in range(4)
                for j in near[i].tolist()
            ]
        )
        for width in WIDTHS
    )
    found = near_loss((before, before[near]), (after, after[near]), WIDTHS)
    assert float(found) == pytest.approx(wanted, abs=1e-6)


def test_the_rank_loss_compares_each_positive_with_all_others(rows):
    queries, positives = rows
    wanted = sum(
        np.mean(
            [
                math.log1p(math.exp(cosine(queries[i], positives[k], width) - cosine(queries[i], positives[i], width)))
                for i in range(4)
                for k in range(4)
                if k != i
            ]
        )
        for width in WIDTHS
    )
    assert float(rank_loss(queries, positives, WIDTHS)) == pytest.approx(wanted, abs=1e-6)


def test_the_contrastive_loss_is_the_cross_entropy_of_scaled_cosines(rows):
    queries, positives = rows
    wanted = 0.0
    for width in WIDTHS:
        for i in range(4):
            logits = [20 * cosine(queries[i], positives[k], width) for k in range(4)]
            wanted += (math.log(sum(math.exp(logit) for logit in logits)) - logits[i]) / 4
    assert float(contrastive_loss(queries, positives, WIDTHS, 20.0)) == pytest.approx(wanted, abs=1e-5)


def test_nothing_is_lost_where_nothing_changed(rows):
    before, _ = rows
    assert float(pair_loss(before, 2 * before, (3,))) == pytest.approx(0, abs=1e-6)
    assert float(near_loss((before, before[:, None]), (before, before[:, None]), (3,))) == pytest.approx(0, abs=1e-6)
