import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec, checked, load_encoder
from mrl_search.errors import EncoderError

ENCODER = load_encoder(EncoderSpec("hashing:2"))


def test_unit_rows_and_rows_of_zeros_pass_as_they_are():
    vectors = np.array([[0.6, 0.8], [0, 0]], np.float32)
    assert checked(vectors, 2, ENCODER) is vectors


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        ([[0.6, 0.8]], r"returned \(1, 2\) for 2 texts, wanted \(2, 2\)"),
        ([[0.6, 0.8], [np.inf, 0]], "returned NaN or infinity"),
        ([[0.6, 0.8], [0.61, 0.8]], "returned a vector of length 1.01, wanted 1"),
    ],
)
def test_anything_else_is_the_encoders_fault(vectors, reason):
    with pytest.raises(EncoderError, match=f"hashing:2 {reason}"):
        checked(np.array(vectors, np.float32), 2, ENCODER)
