import pytest
import torch
from torch import nn

from mrl_search.training.noting import Parts, PerWidth, Whole


class Given(nn.Module):
    """Gives what it is told to."""

    def forward(self, value):
        return torch.tensor(value, requires_grad=True)


def test_parts_are_those_noted_last_as_plain_numbers():
    parts = Parts()
    parts.note("loss", torch.tensor(1.0))
    parts.note("loss", torch.tensor(2.0))
    parts.note("drawn layer", 3)
    assert parts.row() == {"loss": 2.0, "drawn layer": 3.0}


def test_widths_come_the_widest_first_and_the_loss_is_their_weighed_sum():
    loss = Given()
    noted = PerWidth(loss, (4, 8), (0.5, 2.0))
    for value in (1.0, 3.0, 9.0):  # at 8 dims, at 4, and again of an earlier layer
        loss(value)
    assert noted.row() == {"loss": 0.5 * 3 + 2 * 1, "loss@4": 3.0, "loss@8": 1.0}
    loss(5.0)
    loss(6.0)
    assert noted.row()["loss@8"] == 5.0


def test_the_whole_of_a_library_s_loss_stands_beside_the_last_layers_parts():
    inner, outer = Given(), Given()
    whole = Whole(outer, PerWidth(inner, (4,), (1.0,)))
    inner(2.0)
    outer(7.0)
    assert whole.row() == {"loss": 7.0, "loss@4": 2.0}


def test_a_whole_alone_has_one_column():
    outer = Given()
    whole = Whole(outer)
    outer(7.0)
    assert whole.row() == {"loss": pytest.approx(7.0)}
