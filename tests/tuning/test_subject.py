"""What the doctor looks at."""

import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import EncoderError, VectorsError
from mrl_search.tuning.subject import drawn_texts, subject


def test_every_text_is_as_likely_to_be_drawn_as_any_other(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"text {number}\n" for number in range(1_000)))
    kept = sorted(int(text.split()[1]) for text in drawn_texts(str(path), 300))
    assert len(set(kept)) == 300
    assert 400 < np.mean(kept) < 600  # 500 ± 17


def test_fewer_texts_than_asked_for_are_all_taken(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("a b\nc d\n")
    assert drawn_texts(str(path), 300) == ["a b", "c d"]


def test_an_encoder_is_examined_on_a_file_of_texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"text number {number}\n" for number in range(150)))
    found = subject("hashing:32", texts=str(path), sample=120)
    assert (found.kind, found.vectors.shape, found.lengths) == ("encoder", (120, 32), None)
    assert found.rows_of == f"120 texts of {path}"


def test_nan_in_a_file_is_an_error(tmp_path):
    vectors = np.ones((200, 16), np.float32)
    vectors[7, 3] = np.nan
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(VectorsError, match="holds NaN, infinity, or numbers that are too large to square"):
        subject(str(tmp_path / "v.npy"))


def test_numbers_too_large_to_square_are_an_error(tmp_path):
    np.save(tmp_path / "v.npy", np.full((200, 16), 1e200))
    with pytest.raises(VectorsError, match="too large to square"):
        subject(str(tmp_path / "v.npy"))


def test_an_adapter_is_for_an_encoder_s_name(built, tmp_path):
    np.save(tmp_path / "v.npy", np.eye(200, dtype=np.float32))
    for what in (built, tmp_path / "v.npy"):
        with pytest.raises(EncoderError, match="--adapter stands behind an encoder"):
            subject(EncoderSpec(str(what), adapter="a"))
