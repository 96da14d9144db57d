"""The words of a text, as BM25 counts them: of documents and of questions alike."""

import re
from collections.abc import Callable
from functools import cache

_WORD = re.compile(r"\w\w+")  # two letters or digits at least
_LONGEST = 64  # letters; what is longer is base64 or a row of signs, and would be a word of its own each time
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
        "this to was will with",
    )
)
"""Lucene's list for English, the one that published BM25 figures of BEIR's sets were made with."""


@cache
def _stemmed() -> Callable[[list[str]], list[str]]:
    import Stemmer

    stem: Callable[[list[str]], list[str]] = Stemmer.Stemmer("english").stemWords
    return stem


def tokens(text: str) -> list[str]:
    """Its words in order, in small letters, without English stop words, and stemmed by Snowball's English stemmer.

    Any text will do; what is no letter, digit or _ divides words. A script without spaces has no words to divide.
    """
    words = [word for word in _WORD.findall(text.lower()) if word not in _STOP and len(word) <= _LONGEST]
    return _stemmed()(words)
