import torch

from mrl_search.adapters.material import generator
from mrl_search.adapters.smec import gates, nearest_held, selected_first


def test_the_largest_logits_come_first_each_group_in_its_old_order():
    assert selected_first(torch.tensor([0.0, 3, 1, 2]), 2).tolist() == [1, 3, 0, 2]


def test_equal_logits_keep_the_first_places():
    assert selected_first(torch.zeros(4), 2).tolist() == [0, 1, 2, 3]


def test_gates_open_as_many_as_are_kept_and_pass_gradients_to_all():
    logits = torch.zeros(6, requires_grad=True)
    opened = gates(logits, 2, generator(0))
    assert sorted(opened.round().tolist()) == [0, 0, 0, 0, 1, 1]
    (opened * torch.arange(6.0)).sum().backward()
    assert (logits.grad != 0).all()


def test_a_logit_far_above_the_noise_is_always_kept():
    logits = torch.tensor([0.0, 1, 0, 0])  # times 50, beside noise that is hardly ever above 15
    draws = generator(0)
    assert all(gates(logits, 1, draws).round().tolist() == [0, 1, 0, 0] for _ in range(50))


def test_a_row_is_not_its_own_neighbour_and_what_is_held_twice_is_one():
    texts = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0.9, 0.1], [0.5, 0.5], [0, 1]]), dim=1)
    memory = torch.tensor([3, 0, 1, 0, 1, 2])
    assert nearest_held(texts, torch.tensor([0, 3]), memory)[:, :3].tolist() == [[1, 2, 3], [2, 1, 0]]
    assert nearest_held(texts, torch.tensor([0, 1]), torch.tensor([0, 1])).tolist() == [[1], [0]]
