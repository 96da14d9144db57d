import numpy as np
import torch

from mrl_search.gpu.order import best, off_device
from mrl_search.hits import best as best_on_the_cpu


def test_score_down_then_row_up_and_nothing_last():
    scores = torch.tensor([[0.5, 0.9, 0.5, -0.1, 7.0]])
    rows = torch.tensor([[9, 4, 2, 1, -1]])
    found = off_device(*best(scores, rows, 6))
    assert found.rows.tolist() == [[4, 2, 9, 1, -1, -1]]
    np.testing.assert_array_equal(found.scores, np.float32([[0.9, 0.5, 0.5, -0.1, -np.inf, -np.inf]]))


def test_zero_has_no_sign():
    assert best(torch.tensor([[0.0, -0.0]]), torch.tensor([[8, 3]]), 2)[1].tolist() == [[3, 8]]


def test_no_line_and_no_column_are_no_error():
    assert best(torch.empty(0, 4), torch.empty(0, 4, dtype=torch.int64), 2)[1].shape == (0, 2)
    assert best(torch.empty(2, 0), torch.empty(2, 0, dtype=torch.int64), 2)[1].tolist() == [[-1, -1]] * 2


def test_it_is_the_order_of_the_cpu(device):
    random = np.random.default_rng(0)
    scores = random.choice(np.linspace(-1, 1, 15), (40, 60)).astype(np.float32)
    rows = np.argsort(random.random((40, 4000)), axis=1)[:, :60].astype(np.int64)
    rows[random.random(rows.shape) < 0.2] = -1
    expected = best_on_the_cpu(scores, rows, 25)
    found = off_device(*best(torch.tensor(scores, device=str(device)), torch.tensor(rows, device=str(device)), 25))
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.scores, expected.scores)
