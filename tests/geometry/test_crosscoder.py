import numpy as np
import pytest

from mrl_search.geometry.crosscoder import CrosscoderRecipe, Dictionary, crosscoded, scalings, sides

QUICK = CrosscoderRecipe(latents=48, k=3, steps=300, batch=256, rate=3e-3)


@pytest.fixture(scope="module")
def planted():
    """Texts of three concepts out of 24 each; the second model has six more, of which a text has one or none."""
    random = np.random.default_rng(0)
    concepts, own, dim, count = 24, 6, 32, 1_500
    codes = np.zeros((count, concepts + own))
    for row in range(count):
        codes[row, random.choice(concepts, 3, replace=False)] = random.uniform(0.5, 1.5, 3)
        if random.random() < 0.5:
            codes[row, concepts + random.integers(own)] = random.uniform(1, 2)
    first, second = (random.standard_normal((concepts + own, dim)) for _ in range(2))
    first[concepts:] = 0
    return (codes @ first).astype(np.float32), (codes @ second).astype(np.float32), codes


@pytest.fixture(scope="module")
def found(planted):
    first, second, _ = planted
    return crosscoded(first, second, [f"text {row}" for row in range(len(first))], QUICK)


def test_concepts_of_one_model_alone_are_found_and_are_surely_so(found):
    assert found.explained[0] > 0.7
    assert found.explained[1] > 0.7
    assert found.surely_second >= 4
    assert found.first == 0


def test_texts_shown_of_a_latent_are_those_that_have_the_concept(found, planted):
    codes = planted[2]
    shown = next(one for one in found.exclusive if one.share > 0.9 and one.by_error < 0.2)
    rows = [int(text.split()[1]) for text in shown.texts]
    concept = codes[rows[0], 24:].argmax()
    assert all(codes[row, 24 + concept] > 0 for row in rows)


def test_a_model_beside_itself_has_nothing_of_its_own(planted):
    first, _, _ = planted
    same = crosscoded(first, first, ["text"] * len(first), QUICK)
    assert (same.first, same.second) == (0, 0)
    assert same.shared == same.alive


def test_sides_go_from_0_of_the_first_alone_to_1_of_the_second_alone():
    first, second = np.array([[3.0, 4], [1, 0], [0, 0]]), np.array([[0.0, 0], [0, 1], [2, 0]])
    assert sides(first, second).tolist() == [0.0, 0.5, 1.0]


def dictionary(first_has, other_decoders):
    """Three texts, one latent of the second model alone along x; `first_has` of it stands in the first's vectors."""
    codes = np.array([[1.0, 1], [2, 2], [0, 0]])
    decoders = (np.array([[0.0, 0], other_decoders]), np.array([[1.0, 0], [0, 0]]))
    second = codes[:, :1] * np.array([[1.0, 0]])
    return Dictionary(codes, decoders, (np.zeros(2), np.zeros(2)), (first_has * second, second))


def test_a_latent_that_was_shrunk_away_is_found_in_the_other_model_s_errors():
    error, reconstruction = scalings(dictionary(0.8, [0.0, 0]), np.array([1.0, 0.5]))
    assert error[0] == pytest.approx(0.8)
    assert reconstruction[0] == pytest.approx(0)


def test_a_latent_that_another_stands_in_for_is_found_in_the_reconstruction():
    error, reconstruction = scalings(dictionary(0.8, [0.8, 0]), np.array([1.0, 0.0]))
    assert error[0] == pytest.approx(0)
    assert reconstruction[0] == pytest.approx(0.8)


def test_a_latent_that_the_other_model_lacks_is_nowhere():
    error, reconstruction = scalings(dictionary(0.0, [0.0, 0]), np.array([1.0, 0.5]))
    assert (error[0], reconstruction[0]) == (0, 0)
