import numpy as np
import pytest

from mrl_search.fidelity import nearest
from mrl_search.rotation import Rotation
from mrl_search.rotations import choice, fit
from mrl_search.rotations.choice import _recall, choose
from mrl_search.rotations.goal import Goal, Recipe
from mrl_search.vectors import unit

SHORT = Recipe(steps=20, pool=256, anchors=64)


def last_first(rows=600, dim=16):
    """Clusters that differ in the last four coordinates, while the first twelve are weak noise."""
    random = np.random.default_rng(0)
    noise = 0.1 * random.standard_normal((rows, dim - 4))
    return unit(np.hstack([noise, random.standard_normal((rows, 4))]).astype(np.float32))


def first_first(rows=600):
    """As `last_first`, but already in the best order."""
    return np.ascontiguousarray(last_first(rows)[:, ::-1])


def test_auto_takes_what_finds_more_and_gives_the_figures():
    rotation, kind, why = fit("auto", last_first(), [4])
    assert kind == rotation.kind == "pca"
    assert why.startswith("held-out recall of the top 10 in 12 candidates at 4 dims: none .")  # 2% of 600
    assert ", pca ." in why


def test_auto_takes_none_where_nothing_helps_and_says_so():
    rotation, kind, why = fit("auto", first_first(), [4])
    assert (rotation, kind) == (None, "none")
    assert why.endswith("; nothing gains more than .002")
    assert "none ." in why


@pytest.mark.parametrize(
    ("shares", "taken"),
    [
        ([0.9, 0.950, 0.950, 0.951, 0.951], "block-pca"),  # which leaves what was trained as it is
        ([0.9, 0.910, 0.910, 0.950, 0.950], "pca"),  # trained widths that are not good are none
    ],
)
def test_an_encoder_with_trained_widths_is_turned_inside_its_blocks_if_that_does(monkeypatch, shares, taken):
    monkeypatch.setattr(choice, "_recall", lambda *_: shares.pop(0))
    monkeypatch.setattr(choice, "rotation_of", lambda kind, *_: Rotation(np.eye(16, dtype=np.float32), kind))
    rotation, why = choose(last_first(2_000), Goal((12,), (8,)))
    assert rotation.kind == taken
    assert "block-pca .9" in why


def test_that_every_asked_width_was_trained_is_no_proof_that_it_is_good():
    rotation, kind, why = fit("auto", last_first(), [4, 8], [4, 8, 12])
    assert kind == rotation.kind == "pca"
    assert "block" not in why  # which leaves such prefixes as they are
    assert fit("auto", first_first(), [4], [4, 8, 12]).kind == "none"


def test_too_few_documents_are_left_alone():
    assert fit("auto", last_first(99), [4]) == (None, "none", "99 documents are too few to measure a gain with")


@pytest.mark.parametrize(
    ("shares", "taken"),
    [
        ([0.900, 0.950, 0.951], "pca"),  # learned gains too little on pca
        ([0.900, 0.950, 0.953], "learned"),
        ([0.900, 0.9005, 0.903], "learned"),
        ([0.900, 0.901, 0.902], "none"),
    ],
)
def test_a_less_simple_kind_must_gain_more_than_two_thousandths(monkeypatch, shares, taken):
    monkeypatch.setattr(choice, "_recall", lambda *_: shares.pop(0))
    monkeypatch.setattr(choice, "rotation_of", lambda kind, *_: Rotation(np.eye(16, dtype=np.float32), kind))
    rotation, why = choose(last_first(2_000), Goal((4,)))
    assert (rotation.kind if rotation else "none") == taken
    assert "none .900, pca .9" in why


def test_learning_takes_two_thousand_rows_and_its_gain_is_on_rows_it_did_not_see(monkeypatch):
    fitted_to = []
    monkeypatch.setattr(choice, "_recall", lambda *_: 0.5)

    def seen(kind, documents, goal):
        fitted_to.append((kind, len(documents)))
        return Rotation(np.eye(16, dtype=np.float32), kind)

    monkeypatch.setattr(choice, "rotation_of", seen)
    for rows in (1_999, 2_000, 10_000):
        choose(last_first(rows), Goal((4,)))
    # a fifth is held out, at most 1,000
    assert fitted_to == [("pca", 1_600), ("pca", 1_600), ("learned", 1_600), ("pca", 9_000), ("learned", 9_000)]


def test_the_choice_is_the_same_every_time():
    sample = last_first(2_000)
    first, second = (choose(sample, Goal((3, 6), seed=4, recipe=SHORT)) for _ in range(2))
    assert first[1] == second[1]
    assert (first[0].matrix == second[0].matrix).all()


def test_recall_is_the_mean_share_of_true_rows_among_the_candidates():
    # by the first coordinate of two, signs only: rows 0 and 1 tie at 1, row 2 is -1
    documents = np.array([[0.6, 0.8], [0.8, -0.6], [-0.6, 0.8]], np.float32)
    query = np.array([[0.6, 0.8]], np.float32)  # inner products 1, 0, .28
    true = nearest(query, documents, 2)
    assert sorted(true[0]) == [0, 2]
    assert _recall(query, documents, true, None, (1,), 2) == 0.5
    swapped = Rotation(np.array([[0, 1], [1, 0]], np.float32), "pca")
    assert _recall(query, documents, true, swapped, (1,), 2) == 1.0
