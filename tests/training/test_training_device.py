"""Which device trains."""

import os

import pytest
import torch

from mrl_search.device import Device
from mrl_search.errors import DeviceError
from mrl_search.training.training_device import deterministic, training_device


def test_several_cards_are_refused_with_the_way_to_one(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    with pytest.raises(DeviceError, match="torch sees 3; set CUDA_VISIBLE_DEVICES=2, and take --device cuda"):
        training_device(Device("cuda", 2))


def test_a_card_is_told_to_be_deterministic_before_it_multiplies(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert training_device(Device("cuda", 0)) == Device("cuda", 0)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.parametrize("card", [True, False])
def test_a_card_repeats_its_steps_and_torch_is_left_as_it_was(card):
    with deterministic(Device("cuda", 0) if card else Device()):
        assert torch.are_deterministic_algorithms_enabled() is card
        assert torch.utils.deterministic.fill_uninitialized_memory is not card
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
