from hypothesis import given
from hypothesis import strategies as st

from mrl_search.indexes.tokens import tokens


def test_words_are_small_stemmed_and_without_stop_words():
    assert tokens("The red FOXES ran: foxes, in the forest!") == ["red", "fox", "ran", "fox", "forest"]


def test_single_letters_and_rows_of_signs_are_no_words():
    assert tokens("a b 7 x9 été " + "A" * 65) == ["x9", "été"]
    assert tokens("A" * 64) == ["a" * 64]


def test_what_is_no_letter_divides():
    assert tokens('"red"*NEAR(blue)\0green-2020 🦊 snake_case') == ["red", "near", "blue", "green", "2020", "snake_cas"]


@given(st.text())
def test_any_text_has_words(text):
    assert all(isinstance(word, str) and word for word in tokens(text))
