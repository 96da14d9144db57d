import tempfile

import numpy as np
import pytest

from mrl_search.data import load_dataset
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import DatasetError
from mrl_search.eval import encoded as module
from mrl_search.eval.encoded import Fitting, distinct_ids, encode, rotated, stored_as
from mrl_search.indexes import packed
from mrl_search.sampling import drawn

ENCODER = load_encoder(EncoderSpec("hashing:64"))


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "set/qrels").mkdir(parents=True)
    (tmp_path / "set/corpus.jsonl").write_text(
        "".join(f'{{"_id": "d{n}", "text": "number {n} of {n % 7}"}}\n' for n in range(300))
    )
    (tmp_path / "set/queries.jsonl").write_text('{"_id": "q", "text": "number 7"}\n{"_id": "p", "text": "number 8"}\n')
    (tmp_path / "set/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td7\t1\np\td8\t1\n")
    return load_dataset(f"dir:{tmp_path / 'set'}", "test", None)


def test_vectors_are_the_encoder_s_in_order_and_lie_in_a_file_without_a_name(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("mrl_search.eval.encoded._ROWS", 100)
    found = encode(dataset, distinct_ids(dataset), ENCODER)
    assert isinstance(found.documents.data, np.memmap)
    assert list((tmp_path / "scratch").iterdir()) == []
    texts = [document.content for document in dataset.corpus.read(None)]
    np.testing.assert_array_equal(found.documents.data, ENCODER.encode_documents(texts))
    np.testing.assert_array_equal(found.queries, ENCODER.encode_queries(["number 7", "number 8"]))
    assert found.ids == [f"d{n}" for n in range(300)]


def test_turning_keeps_every_cosine_and_the_first_vectors(dataset, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    plain = encode(dataset, distinct_ids(dataset), ENCODER)
    before = np.array(plain.documents.data)
    turned = rotated(plain, "pca", Fitting([16]))
    np.testing.assert_array_equal(plain.documents.data, before)
    assert np.abs(turned.documents.data - before).max() > 0.1
    np.testing.assert_allclose(turned.turned @ turned.documents.data.T, plain.queries @ before.T, atol=1e-5)
    assert rotated(plain, "none", Fitting([16])) is plain


def test_a_rotation_is_fitted_to_the_rows_that_are_drawn(dataset, monkeypatch):
    plain = encode(dataset, distinct_ids(dataset), ENCODER)
    given = []
    real = module.fit
    monkeypatch.setattr(
        module, "fit", lambda kind, sample, *told, **more: given.append(sample) or real(kind, sample, *told, **more)
    )
    monkeypatch.setattr("mrl_search.sampling.SAMPLED", 50)
    rotated(plain, "pca", Fitting([16]))
    np.testing.assert_array_equal(given[0], plain.documents.data[drawn(300)])
    assert given[0].shape == (50, 64)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_a_format_rounds_the_documents_as_a_build_does(dataset, monkeypatch, dtype):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    plain = encode(dataset, distinct_ids(dataset), ENCODER)
    rounded = stored_as(plain, dtype)
    np.testing.assert_array_equal(rounded.documents.data, packed(np.array(plain.documents.data), dtype))
    assert (rounded.documents.dtype, rounded.documents.lets_go) == (dtype, True)
    assert stored_as(plain, "float32") is plain


def test_two_documents_of_one_id_cannot_be_judged(tmp_path, dataset):
    with (tmp_path / "set/corpus.jsonl").open("a") as file:
        file.write('{"_id": "d7", "text": "again"}\n')
    with pytest.raises(DatasetError, match="two documents with the id 'd7'"):
        distinct_ids(dataset)
