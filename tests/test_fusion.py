import pytest

from mrl_search.errors import FusionError
from mrl_search.fusion import Fusion
from mrl_search.run import ScoredDoc


def listed(**scores):
    return [ScoredDoc(name, score) for name, score in scores.items()]


NEAR, SAID = listed(a=0.8, b=0.5, c=-0.1), listed(c=6.0, b=3.0, d=1.5)


def told(fusion, k=4):
    return [(document.id, pytest.approx(document.score)) for document in Fusion.parse(fusion)(NEAR, SAID, k)]


def test_reciprocal_ranks_are_added():
    assert told("rrf") == [("c", 1 / 61 + 1 / 63), ("b", 2 / 62), ("a", 1 / 61), ("d", 1 / 63)]


def test_scores_are_scaled_from_the_least_possible_to_the_highest_and_added_by_share():
    # cosines from -1 to .8: a 1, b 1.5 / 1.8, c .9 / 1.8; words from 0 to 6: c 1, b .5, d .25
    b = 0.75 * 1.5 / 1.8 + 0.25 * 0.5
    assert told("0.25") == [("a", 0.75), ("b", b), ("c", 0.75 * 0.5 + 0.25), ("d", 0.25 * 0.25)]


def test_the_ends_are_one_side_alone():
    assert [name for name, _ in told("0", 3)] == ["a", "b", "c"]
    assert [name for name, _ in told("1", 3)] == ["c", "b", "d"]


def test_equals_come_by_id_and_no_more_than_k():
    fused = Fusion()(listed(b=0.5), listed(a=2.0), 2)
    assert [document.id for document in fused] == ["a", "b"]
    assert len(Fusion()(NEAR, SAID, 2)) == 2


def test_a_side_that_found_nothing_leaves_the_other_as_it_was():
    assert [document.id for document in Fusion(0.3)(NEAR, [], 5)] == ["a", "b", "c"]
    assert [document.id for document in Fusion()([], SAID, 5)] == ["c", "b", "d"]
    assert Fusion(0.3)([], [], 5) == []


def test_scores_that_are_all_the_least_count_nothing():
    assert Fusion(0.0)(listed(a=-1.0), listed(b=1.0), 2) == listed(a=0.0, b=0.0)


@pytest.mark.parametrize("text", ["rrf", "0.3", "0", "1"])
def test_text_and_back(text):
    assert str(Fusion.parse(text)) == text


@pytest.mark.parametrize("text", ["", "RRF2", "1.2", "-0.1", "nan", "0,3"])
def test_what_is_no_fusion_is_refused(text):
    with pytest.raises(FusionError, match=r"between 0 and 1"):
        Fusion.parse(text)
