"""What is promised: levels, certificates, plans."""

import numpy as np
import pytest

from mrl_search.errors import FunnelError, GuaranteeError
from mrl_search.funnel import Funnel
from mrl_search.guarantee import certificates, checked_proof, parsed, promised, with_candidates
from mrl_search.indexes import Calibration, Codec, StoredVectors, VectorIndex, build_prefix, exact
from mrl_search.vectors import unit


def calibration(recall, k, candidates, confidence=0.95):
    return Calibration(recall, confidence, k, f"8:{candidates},32:{k}", 500, 0.99, "queries")


def walked(index, queries, funnel):
    """Every stage and what it kept."""
    first, *rest = Funnel.parse(funnel).stages
    hits = index.shortlist(queries, first, in_order=not rest)
    stages = [(first, hits)]
    for stage in rest:
        hits = index.rerank(queries, hits, stage)
        stages.append((stage, hits))
    return stages


@pytest.mark.parametrize(("text", "level"), [("exact", "exact"), ("0.99", 0.99), (".5", 0.5), (0.9, 0.9)])
def test_a_guarantee_is_exact_or_a_recall(text, level):
    assert parsed(text) == level


@pytest.mark.parametrize("text", ["", "Exact", "1", "1.0", "0", "0.0", "99%", "nan", "-.5", 1.0, 0.0, float("nan")])
def test_anything_else_is_no_guarantee(text):
    with pytest.raises(GuaranteeError):
        parsed(text)


def test_a_recall_is_kept_by_the_cheapest_calibration_of_at_least_as_much():
    known = (calibration(0.9, 10, 100), calibration(0.95, 10, 80), calibration(0.99, 10, 300), calibration(0.99, 5, 20))
    assert promised(known, 0.9, 10) is known[1]
    assert promised(known, 0.99, 10) is known[2]
    unsure = calibration(0.9, 10, 50, confidence=0.5)
    assert promised((*known, unsure), 0.9, 10) is known[1]  # a weaker promise never stands in for a stronger one
    assert promised((unsure,), 0.9, 10) is unsure
    with pytest.raises(GuaranteeError, match=r"0\.999 for 10 answers was not calibrated .*guarantee 0\.999 --k 10"):
        promised(known, 0.999, 10)
    with pytest.raises(GuaranteeError, match="nothing was"):
        promised((), 0.9, 10)


def test_candidates_narrow_geometrically():
    assert str(with_candidates(Funnel.parse("64:200,256:50,768:10"), 1_000)) == "64:1000,256:100,768:10"
    with pytest.raises(GuaranteeError, match="nothing to calibrate"):
        with_candidates(Funnel.parse("768:10"), 50)


def test_a_proof_needs_scores_of_the_stored_width():
    checked_proof(Funnel.parse("8:20,32:5"), 32)
    with pytest.raises(FunnelError, match="let the funnel 8:5 end at 32"):
        checked_proof(Funnel.parse("8:5"), 32)


def test_the_bound_of_what_a_prefix_dropped_by_hand():
    # query (.6, .8): the prefix (.6) has cosine 1 with row 0 and row 1; row 2, at cosine -1, is dropped.
    # its bound, had it cosine 1 at most: 1; with the last kept, 1: √(.36 · 1 + .64) = 1, and row 0 scores 1
    rows = unit(np.array([[0.6, 0.8], [0.8, 0.6], [-1, 0]], np.float32))
    stored = StoredVectors(rows, "float32")
    index = VectorIndex(stored, build_prefix(stored, 1, Codec("Flat")))
    found = certificates(index, rows[:1], walked(index, rows[:1], "1:2,2:1"))
    assert not found.certified[0]
    assert found.gaps[0] == pytest.approx(0, abs=2e-5)


def test_a_certificate_is_never_wrong_and_a_wide_prefix_earns_it(clustered):
    order = np.argsort(-np.square(clustered).sum(axis=0))
    skewed = unit(clustered[:, order] * np.float32(0.8) ** np.arange(32, dtype=np.float32))
    stored = StoredVectors(skewed, "float32")
    index = VectorIndex(stored, build_prefix(stored, 24, Codec("Flat")))
    queries = unit(skewed[:100] + 0.02 * np.random.default_rng(3).standard_normal((100, 32)).astype(np.float32))
    true = exact(stored, queries, [32], 5)[32]
    for funnel in ("24:6,32:5", "24:20,32:5", "24:100,28:20,32:5"):
        stages = walked(index, queries, funnel)
        certified, gaps = certificates(index, queries, stages)
        assert (certified == (gaps <= 0)).all()
        assert (stages[-1][1].rows[certified] == true.rows[certified]).all()
    assert certified.mean() > 0.5


def test_of_what_codes_left_out_nothing_is_known(clustered):
    stored = StoredVectors(clustered, "float32")
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("PQ8x4fs")))
    stages = walked(index, clustered[:3], "16:50,32:4")
    found = certificates(index, clustered[:3], stages)
    assert not found.certified.any()
    assert found.gaps == pytest.approx(1 - stages[-1][1].scores[:, -1], abs=2e-5)


def test_what_compared_everything_is_certified(clustered):
    stored = StoredVectors(clustered, "float32")
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("Flat")))
    for funnel in ("32:4", "16:600,32:4"):
        found = certificates(index, clustered[:3], walked(index, clustered[:3], funnel))
        assert found.certified.all()
        assert np.isneginf(found.gaps).all()


def test_an_order_by_a_narrower_width_is_never_certified(clustered):
    stored = StoredVectors(clustered, "float32")
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("Flat")))
    assert not certificates(index, clustered[:3], walked(index, clustered[:3], "16:600")).certified.any()
