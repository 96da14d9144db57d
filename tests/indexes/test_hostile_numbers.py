"""Vectors and sketches that are no numbers, or noise, lead no kernel astray: hits are rows of the index, none twice."""

import numpy as np
import pytest

from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, sketched
from mrl_search.indexes.sketches import Sketches
from mrl_search.retriever import search

FILLS = {
    "NaN": np.float32(np.nan),
    "infinity": np.float32(np.inf),
    "the largest": np.float32(3e38),
    "nothing": np.float32(0),
}


def spoiled(held, fill):
    """The same shape and type, of other bytes."""
    if fill == "noise":
        return np.frombuffer(np.random.default_rng(0).bytes(held.nbytes), held.dtype).reshape(held.shape).copy()
    return np.full((len(held), held[0].nbytes // 4), FILLS[fill]).view(held.dtype)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("what", ["vectors", "sketches"])
@pytest.mark.parametrize("fill", ["noise", *FILLS])
def test_numbers_that_are_none_lead_to_rows_of_the_index_or_to_none(stored, what, fill):
    prefixes, sketches = build_prefix(stored, 16, Codec("IVF8,PQ8x4fsr,Refine(SQ4)")), sketched(stored)
    vectors = stored
    if what == "vectors":
        vectors = StoredVectors(spoiled(stored.data, fill), "float32")
    else:
        sketches = Sketches(spoiled(sketches.codes, fill), sketches.levels)
    index = VectorIndex(vectors, prefixes, sketches)
    for funnel in ("16:200,72:10", "72:10", "16:3000,40:700,72:100", "16:10"):
        hits = search(index, stored.data[:20], Funnel.parse(funnel))
        assert ((hits.rows >= -1) & (hits.rows < 3_000)).all()
        for query in range(20):
            found = hits.of(query)[1].tolist()
            assert len(set(found)) == len(found)
