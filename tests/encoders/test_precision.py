import pytest
import torch

from mrl_search.device import Device
from mrl_search.encoders.precision import chosen_precision, torch_dtype
from mrl_search.errors import EncoderError


@pytest.mark.parametrize(
    ("able", "chosen"), [({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16"), ({}, "float32")]
)
def test_auto_is_bfloat16_only_where_the_processor_multiplies_it(monkeypatch, able, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert chosen_precision("auto") == chosen


@pytest.mark.parametrize(
    ("capability", "chosen"),
    [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16"), ((7, 0), "float16"), ((6, 1), "float32")],
)
def test_auto_on_a_card_is_what_its_tensor_cores_multiply(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: capability if number == 1 else (0, 0))
    assert chosen_precision("auto", Device("cuda", 1)) == chosen


def test_what_was_asked_for_is_used():
    assert torch_dtype(chosen_precision("bfloat16")) is torch.bfloat16
    assert torch_dtype(chosen_precision("float16")) is torch.float16
    assert torch_dtype(chosen_precision("float32")) is torch.float32


def test_another_word_is_refused():
    with pytest.raises(
        EncoderError, match="unknown precision 'float8'; choose one of auto, float32, bfloat16, float16"
    ):
        chosen_precision("float8")
