"""Verdicts on vectors whose structure is known."""

import json

import numpy as np
import pytest
from planted import planted, static_encoder

from mrl_search.builder import BuildOptions, build
from mrl_search.encoders import EncoderSpec
from mrl_search.errors import VectorsError
from mrl_search.tuning import Diagnosis, Subject, diagnosis, diagnosis_table, doctor
from mrl_search.vectors import unit


def judged(vectors, trained=()):
    return diagnosis(Subject("these", "vectors", f"{len(vectors)} rows", vectors, trained))


def test_planted_widths_are_mrl_with_those_trained_widths():
    found = judged(planted(128, (32, 64), 1.5))
    assert found.verdict == "MRL"
    assert [step.dim for step in found.steps] == [32, 64]
    assert found.order.low > 0.5


def test_the_same_dims_in_random_order_are_not_mrl():
    vectors = planted(128, (32, 64), 1.5)
    found = judged(np.ascontiguousarray(vectors[:, np.random.default_rng(3).permutation(128)]))
    assert (found.verdict, found.steps) == ("not MRL", ())
    assert found.rotation in ("pca", "learned")  # which brings the order back
    assert found.dims[0] < 128


def test_of_random_vectors_there_is_nothing_to_cut():
    found = judged(unit(np.random.default_rng(0).standard_normal((1_500, 64)).astype(np.float32)))
    assert found.verdict == "nothing to cut: random vectors"
    assert (found.rotation, found.dims) == ("none", (64,))
    assert found.in_half_the_axes < 0.55


def test_an_encoder_trained_by_matryoshka_loss_is_mrl_at_its_width(tmp_path, leafy_texts):
    folder = static_encoder((16, 64), tmp_path / "mrl")
    found = doctor(EncoderSpec(str(folder)), texts=str(leafy_texts), sample=1_500, cache=False)
    assert found.verdict == "MRL"
    assert [step.dim for step in found.steps] == [16]
    assert found.declared == ()  # it has no model card: the width is seen in its vectors
    assert found.unit is True


@pytest.mark.slow
def test_an_encoder_trained_at_full_width_alone_is_not_mrl(tmp_path, leafy_texts):
    folder = static_encoder((64,), tmp_path / "full")
    found = doctor(EncoderSpec(str(folder)), texts=str(leafy_texts), sample=1_500, cache=False)
    assert found.verdict == "not MRL"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "minilm-768"])
def test_all_minilm_is_not_mrl(name):
    found = doctor(name, sample=1_000)
    assert (found.verdict, found.steps) == ("not MRL", ())
    assert found.rotation in ("pca", "learned")


def test_full_width_finds_everything_and_curves_do_not_leave_0_to_1():
    found = judged(planted(64, (16,), 1.5, rows=500))
    assert found.widths[-1].dim == 64
    assert found.widths[-1].own.value == 1
    assert all(0 <= row.own.low <= row.own.value <= row.own.high <= 1 for row in found.widths)
    assert found.candidates == 10  # 2 % of 500
    assert (found.queries, found.documents) == (100, 400)


def test_layer_norm_is_no_help_where_the_offset_that_it_takes_away_says_something():
    random = np.random.default_rng(0)
    offsets = 2 * random.standard_normal((600, 1))  # by which rows are near one another at full width
    found = judged(unit((random.standard_normal((600, 64)) + offsets).astype(np.float32)))
    assert not found.layer_norm_helps
    assert found.layer_norm.high < 0


def test_raw_lengths_of_a_file_are_told(tmp_path):
    path = tmp_path / "v.npy"
    vectors = planted(32, (8,), 1.5, rows=300)
    np.save(path, vectors)
    assert doctor(str(path)).unit is True
    np.save(path, 3 * vectors)
    found = doctor(str(path))
    assert found.unit is False
    assert found.lengths == pytest.approx((3, 3))
    assert "no, raw vectors are 3 to 3 long" in diagnosis_table(found)


def test_an_index_is_looked_at_in_the_axes_of_its_encoder(corpus, tmp_path):
    vectors = planted(64, (16,), 2.0, rows=1_200)
    np.save(tmp_path / "v.npy", vectors)
    source = corpus(*({"_id": str(row), "text": "x"} for row in range(len(vectors))))
    options = BuildOptions(vectors=tmp_path / "v.npy", rotation="random", force=True)
    folder = build(source, tmp_path / "i", dims=(16, 64), options=options)
    found = doctor(str(folder))
    assert (found.kind, found.verdict, [step.dim for step in found.steps]) == ("index", "MRL", [16])


def test_too_few_rows_are_an_error(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(20, dtype=np.float32))
    with pytest.raises(VectorsError, match="gives 20 vectors; wanted at least 100"):
        doctor(str(tmp_path / "v.npy"))


@pytest.mark.parametrize("value", [0, 1])
def test_of_equal_vectors_there_is_nothing_to_say(tmp_path, value):
    np.save(tmp_path / "v.npy", np.full((200, 16), value, np.float32))
    with pytest.raises(VectorsError, match="all vectors are equal; there is nothing to judge by"):
        doctor(str(tmp_path / "v.npy"))


def test_a_diagnosis_is_json_and_back(tmp_path):
    found = judged(planted(32, (8,), 1.5, rows=300))
    assert Diagnosis.from_json(found.to_json(), "here") == found
    assert json.loads(found.to_json())["verdict"] == found.verdict
