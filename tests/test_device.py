import subprocess
import sys

import pytest

from mrl_search import device
from mrl_search.device import CPU, Device, chosen_device
from mrl_search.errors import DeviceError


@pytest.fixture
def cards(monkeypatch):
    """A machine whose torch sees these cards."""

    def see(*names):
        monkeypatch.setattr(device, "_has_driver", lambda: bool(names))
        monkeypatch.setattr(device, "_cards", lambda: list(names))

    return see


def test_auto_is_the_first_card_where_there_is_one_and_else_the_cpu(cards):
    cards("H100", "H200")
    assert chosen_device("auto") == Device("cuda", 0, "H100")
    cards()
    assert chosen_device() == CPU


def test_a_driver_without_a_card_that_torch_can_use_leaves_auto_at_the_cpu(monkeypatch):
    monkeypatch.setattr(device, "_has_driver", lambda: True)
    monkeypatch.setattr(device, "_cards", list)
    assert chosen_device("auto") == CPU


def test_a_card_is_chosen_by_number_and_cuda_is_the_first(cards):
    cards("H100", "H200")
    assert str(chosen_device("cuda:1")) == "cuda:1"
    assert chosen_device("cuda") == chosen_device("cuda:0")
    assert chosen_device("cuda:1").told == "cuda:1 (H200)"
    assert (str(CPU), CPU.told) == ("cpu", "cpu")


def test_what_was_chosen_before_comes_back_as_it_is():
    assert chosen_device(Device("cuda", 7)) == Device("cuda", 7)


@pytest.mark.parametrize("asked", ["gpu", "cuda:", "cuda:x", "CUDA", "", "cuda:-1", "cpu:0"])
def test_what_is_no_device_is_refused_with_those_there_are(asked):
    with pytest.raises(DeviceError, match="there is no device .*; choose auto, cpu, cuda, or a card by number"):
        chosen_device(asked)


def test_a_card_that_is_not_there_is_refused_with_those_that_are(cards):
    cards("H100")
    with pytest.raises(DeviceError, match=r"no card cuda:3; torch sees cuda:0 \(H100\)"):
        chosen_device("cuda:3")


def test_a_torch_without_cuda_is_named_with_the_way_out(cards, monkeypatch):
    import torch

    cards()
    monkeypatch.setattr("mrl_search.device._has_driver", lambda: False)
    with pytest.raises(DeviceError, match="there is no NVIDIA driver; take --device cpu"):
        chosen_device("cuda")  # another torch would be of no use
    monkeypatch.setattr("mrl_search.device._has_driver", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(DeviceError, match=r"--device cuda needs a torch that was built with CUDA.*take --device cpu"):
        chosen_device("cuda")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(DeviceError, match=r"torch sees no card \(nvidia-smi, CUDA_VISIBLE_DEVICES\)"):
        chosen_device("cuda")


def test_where_there_is_no_driver_auto_does_not_load_torch():
    code = (
        "import sys; from mrl_search import device; device._has_driver = lambda: False;"
        "print(device.chosen_device(), 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["cpu", "False"]
