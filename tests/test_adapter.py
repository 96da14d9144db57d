"""Applied as by hand, written and read, and everything that may be wrong with the files."""

import json

import numpy as np
import pytest
from safetensors.numpy import save

from mrl_search.adapter import ABOUT, WEIGHTS, Adapter, Fitted, from_bytes, read_adapter, write_adapter
from mrl_search.errors import AdapterError, RecipeError, VectorsError

FITTED = Fitted("linear-mrl", 3, (1, 2), "some-encoder")


def linear(matrix=((0, 2, 0), (1, 0, 0), (0, 0, 1))):
    return Adapter(FITTED, {"matrix": np.array(matrix, np.float32)})


def residual():
    tensors = {
        "inward": np.array([[1, 0, 0], [0, -1, 0]], np.float32),
        "inward_bias": np.array([0, 0.5], np.float32),
        "outward": np.array([[0, 0], [0, 1], [2, 0]], np.float32),
        "outward_bias": np.array([0, 0, 0.1], np.float32),
    }
    return Adapter(FITTED, tensors)


def test_a_matrix_is_applied_to_unit_rows_and_the_result_brought_to_length_1():
    # (3, 4, 0) / 5 = (.6, .8, 0) becomes (1.6, .6, 0), of length 1.70880
    assert linear().apply(np.array([[3, 4, 0], [0, 0, 9]], np.float32)).tolist() == [
        pytest.approx([0.93633, 0.35112, 0], abs=1e-5),
        [0, 0, 1],
    ]


def test_a_residual_adds_to_what_comes_in():
    # (.6, .8, 0): hidden max(0, (.6, -.3)) = (.6, 0), outward (0, 0, 1.2), bias .1: (.6, .8, 1.3), of length 1.64012
    (row,) = residual().apply(np.array([[3, 4, 0]], np.float32)).tolist()
    assert row == pytest.approx([0.36583, 0.48777, 0.79263], abs=1e-5)


def both():
    return Adapter(FITTED, {**residual().tensors, **linear().tensors})


def test_a_residual_behind_a_matrix_sees_what_that_gives():
    turned = linear().apply(np.array([[3, 4, 0]], np.float32))
    # (1.6, .6, 0), not scaled in between: hidden max(0, (1.6, -.1)) = (1.6, 0), outward (0, 0, 3.2), bias .1
    wanted = np.array([1.6, 0.6, 3.3]) / np.linalg.norm([1.6, 0.6, 3.3])
    assert both().apply(np.array([[3, 4, 0]], np.float32))[0] == pytest.approx(wanted, abs=1e-5)
    assert turned[0, 2] == 0


@pytest.mark.parametrize("adapter", [linear(), residual(), both()])
def test_a_row_of_zeros_stays_one_and_copies_stay_copies(adapter):
    rows = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    rows[[10, 55, 99]], rows[7] = rows[0], 0
    found = adapter.apply(rows)
    assert not found[7].any()
    assert (found[[10, 55, 99]] == found[0]).all()


def test_another_width_is_refused():
    with pytest.raises(VectorsError, match="the adapter takes 3 dims, the vectors have 4"):
        linear().apply(np.zeros((1, 4), np.float32))


@pytest.mark.parametrize("adapter", [linear(), residual(), both()])
def test_what_was_written_is_read_again(adapter, tmp_path):
    write_adapter(adapter, tmp_path / "a", {"note": "ä"})
    again = read_adapter(tmp_path / "a")
    assert (again.fitted, again.digest) == (FITTED, adapter.digest)
    assert all((again.tensors[name] == tensor).all() for name, tensor in adapter.tensors.items())
    told = json.loads((tmp_path / "a" / ABOUT).read_text())
    assert (told["note"], told["sha256"]) == ("ä", adapter.digest)


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"matrix": np.eye(2, dtype=np.float32)}, "do not fit together"),
        ({"matrix": np.eye(3)}, "finite float32"),
        ({"matrix": np.full((3, 3), np.inf, np.float32)}, "finite float32"),
        ({"other": np.eye(3, dtype=np.float32)}, r"found \['other'\]"),
        ({**residual().tensors, "outward": np.zeros((3, 1), np.float32)}, "do not fit together"),
        ({**residual().tensors, "inward_bias": np.float32(1).reshape(())}, "do not fit together"),
    ],
)
def test_tensors_that_make_no_adapter_are_refused(tensors, why):
    with pytest.raises(AdapterError, match=why):
        Adapter(FITTED, tensors)


@pytest.mark.parametrize("widths", [(2, 1), (3,), (0,)])
def test_widths_that_do_not_grow_below_the_full_one_are_refused(widths):
    with pytest.raises(RecipeError, match="3 dims and the widths"):
        Fitted("smec", 3, widths, "x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 20,
        save({"matrix": np.eye(3, dtype=np.float32)}),
        save({"matrix": np.eye(3, dtype=np.float32)}, metadata={"adapter": "[" * 100_000}),
    ],
    ids=["empty", "no-header", "no-metadata", "nested"],
)
def test_other_files_are_refused(content):
    with pytest.raises(AdapterError, match="here is no adapter"):
        from_bytes(content, "here")


def test_a_cut_file_is_refused():
    with pytest.raises(AdapterError, match="here is no adapter"):
        from_bytes(linear().to_bytes()[:-4], "here")


def test_a_folder_without_an_adapter_says_how_to_make_one(tmp_path):
    with pytest.raises(AdapterError, match="there is no adapter in .*; fit one: mrl-search adapt METHOD --out"):
        read_adapter(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"size": 1}', "[" * 100_000])
def test_a_description_that_is_none_is_refused(tmp_path, text):
    write_adapter(linear(), tmp_path / "a", {})
    (tmp_path / "a" / ABOUT).write_text(text)
    with pytest.raises(AdapterError, match="does not describe an adapter"):
        read_adapter(tmp_path / "a")


@pytest.mark.parametrize("more", [b"", b"x"])
def test_weights_that_are_not_those_described_are_refused(tmp_path, more):
    write_adapter(linear(), tmp_path / "a", {})
    content = (tmp_path / "a" / WEIGHTS).read_bytes()
    (tmp_path / "a" / WEIGHTS).write_bytes(content[: -1 - len(more)] + b"!" + more)
    with pytest.raises(AdapterError, match="is not the file that adapter.json describes"):
        read_adapter(tmp_path / "a")
