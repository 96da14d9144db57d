import sqlite3

import numpy as np
import pytest

from mrl_search.encoders import CachedEncoder, EncoderSpec, load_encoder
from mrl_search.errors import EncoderError


class Counting:
    """The hashing encoder, remembering what it was asked."""

    trained_dims = ()

    def __init__(self, identity="counting v1", dim=16):
        self._encoder = load_encoder(EncoderSpec(f"hashing:{dim}"))
        self.spec, self.identity, self.dim = EncoderSpec("counting"), identity, dim
        self.asked = []

    def encode_documents(self, texts):
        self.asked += texts
        return self._encoder.encode_documents(texts)

    def encode_queries(self, texts):
        return self.encode_documents([f"query {text}" for text in texts])


def test_a_text_is_encoded_once_even_by_another_process_later(tmp_path):
    first, second = Counting(), Counting()
    once = CachedEncoder(first, tmp_path).encode_documents(["a", "b", "a"])
    again = CachedEncoder(second, tmp_path).encode_documents(["b", "c", "a"])
    assert (first.asked, second.asked) == (["a", "b"], ["c"])
    assert (again[[2, 0]] == once[:2]).all()


def test_queries_and_documents_do_not_share_vectors(tmp_path):
    cached = CachedEncoder(Counting(), tmp_path)
    assert not (cached.encode_documents(["a"]) == cached.encode_queries(["a"])).all()


def test_encoders_of_another_identity_do_not_share_vectors(tmp_path):
    CachedEncoder(Counting("one"), tmp_path).encode_documents(["a"])
    other = Counting("two")
    CachedEncoder(other, tmp_path).encode_documents(["a"])
    assert other.asked == ["a"]


def test_what_was_encoded_before_a_failure_is_kept(tmp_path):
    encoder = Counting()
    cached = CachedEncoder(encoder, tmp_path)
    cached.encode_documents(["a"])
    encoder._encoder = None
    with pytest.raises(AttributeError):
        cached.encode_documents(["b"])
    fresh = Counting()
    CachedEncoder(fresh, tmp_path).encode_documents(["a", "b"])
    assert fresh.asked == ["b"]


def test_vectors_of_another_width_are_encoded_anew(tmp_path):
    CachedEncoder(Counting(dim=16), tmp_path).encode_documents(["a"])
    assert CachedEncoder(Counting(dim=8), tmp_path).encode_documents(["a"]).shape == (1, 8)


def test_many_texts_and_none(tmp_path):
    cached = CachedEncoder(Counting(), tmp_path)
    texts = [str(number) for number in range(1203)]
    assert (cached.encode_documents(texts) == cached.encode_documents(texts)).all()
    assert cached.encode_documents([]).shape == (0, 16)


def test_a_damaged_cache_says_how_to_go_on(tmp_path):
    cached = CachedEncoder(Counting(), tmp_path)
    cached.encode_documents(["a"])
    file = next(tmp_path.glob("*.sqlite"))
    file.write_bytes(b"garbage" * 1000)
    with pytest.raises(EncoderError, match="cannot be used: .*delete it"):
        cached.encode_documents(["a"])


def test_the_cache_file_names_its_encoder(tmp_path):
    CachedEncoder(Counting("an identity"), tmp_path).encode_documents(["a"])
    with sqlite3.connect(next(tmp_path.glob("*.sqlite"))) as database:
        assert database.execute("SELECT identity FROM encoder").fetchall() == [("an identity",)]
    database.close()


def test_vectors_come_back_bit_for_bit(tmp_path):
    cached = CachedEncoder(Counting(), tmp_path)
    fresh = cached.encode_documents(["some words"])
    assert fresh.tobytes() == cached.encode_documents(["some words"]).tobytes()
    assert fresh.dtype == np.float32


def test_what_is_no_unit_vector_is_never_remembered(tmp_path):
    encoder = Counting()
    encoder._encoder = type(
        "Broken", (), {"encode_documents": lambda self, texts: np.full((len(texts), 16), np.nan, np.float32)}
    )()
    with pytest.raises(EncoderError, match="returned NaN"):
        CachedEncoder(encoder, tmp_path).encode_documents(["a"])
    assert np.isfinite(CachedEncoder(Counting(), tmp_path).encode_documents(["a"])).all()
