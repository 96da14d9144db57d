import click
import pytest

from mrl_search.cli.options import DimsType, FunnelType, encoder_spec
from mrl_search.encoders import EncoderSpec
from mrl_search.funnel import Funnel


def test_widths_are_numbers_between_commas():
    assert DimsType().convert("64,768", None, None) == (64, 768)
    assert DimsType().convert((1, 2), None, None) == (1, 2)
    for text in ("", "64,", "64;768", "a"):
        with pytest.raises(click.BadParameter, match="wanted for instance 64,768"):
            DimsType().convert(text, None, None)


def test_a_funnel_is_read_or_refused_with_the_reason():
    assert FunnelType().convert("64:200,768:10", None, None) == Funnel.parse("64:200,768:10")
    with pytest.raises(click.BadParameter, match="the widths must grow"):
        FunnelType().convert("64:1,64:1", None, None)


def test_no_encoder_is_needed_beside_vectors_unless_one_is_named(tmp_path):
    assert encoder_spec(None, tmp_path) is None
    assert encoder_spec(None, None) == EncoderSpec("minilm-768")
    assert encoder_spec("m", tmp_path, query_prompt="q: ") == EncoderSpec("m", query_prompt="q: ")
