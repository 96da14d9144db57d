import sysconfig
from collections import Counter
from itertools import islice

import pytest

from mrl_search.data import Tolerance, load_dataset, open_corpus
from mrl_search.data.stdlib_docs import _SENTENCE_END

SAMPLE = '''"""A module of three docstrings.

Here "\\d" is an odd escape."""
if True:
    class Box:
        """Holds other things."""

        @property
        def size(self):
            """How many things there are."""

        @size.setter
        def size(self, value):
            """Throws things out to fit."""

        async def open(self):
            """Too short."""
            def inner():
                """Found however deep it lies."""
'''


@pytest.fixture(scope="module")
def stdlib():
    return {document.id: document for document in open_corpus("pydoc:stdlib").read(Tolerance())}


@pytest.fixture(scope="module")
def known():
    return load_dataset("pydoc:stdlib")


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """The documents of a standard library of our own making."""
    for name in ("test", "site-packages", "pkg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('"""The package called this."""')
    (tmp_path / "z.py").write_text(SAMPLE)
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "bytes.py").write_bytes(b"'\xff'")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return list(open_corpus("pydoc:stdlib").read(Tolerance()))


def test_every_docstring_of_three_words_is_a_document_in_the_order_of_files_and_lines(sample):
    assert [document.id for document in sample] == [
        "z",
        "z.Box",
        "z.Box.size",
        "z.Box.size#2",
        "z.Box.open.inner",
        "pkg",
    ]


def test_a_name_defined_again_is_numbered_in_the_id_and_not_in_the_title(sample):
    assert (sample[3].id, sample[3].title, sample[3].text) == (
        "z.Box.size#2",
        "z.Box.size",
        "Throws things out to fit.",
    )


def test_a_document_says_what_it_describes_and_where_that_is(sample):
    assert sample[5].metadata == {"kind": "module", "file": "pkg/__init__.py"}
    assert sample[1].metadata == {"kind": "class", "file": "z.py"}
    assert sample[2].metadata == {"kind": "function", "file": "z.py"}


def test_the_standard_library_gives_thousands_of_documents(stdlib):
    assert len(stdlib) >= 5000
    assert stdlib["asyncio.tasks.Task.cancel"].text.startswith("Request that this task cancel itself.\n\nThis")


def test_the_standard_library_is_called_stdlib():
    assert open_corpus("pydoc:stdlib").name == "stdlib"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Return it. Then more.", "Return it."),
        ("Is it? Yes.", "Is it?"),
        ("No full stop\n\nThen more.", "No full stop"),
        ("Runs over\ntwo lines. More.", "Runs over\ntwo lines."),
        ("See os.path for e.g. joining. More.", "See os.path for e.g. joining."),
    ],
)
def test_a_sentence_ends_at_its_full_stop_or_with_its_paragraph(text, first):
    assert _SENTENCE_END.split(text, maxsplit=1)[0] == first


def test_500_known_items_are_asked_for_each_with_one_answer_in_the_corpus(known):
    ids = {document.id for document in known.corpus.read(Tolerance())}
    assert len(known.queries) == len(known.qrels) == 500
    assert all(list(judged.values()) == [1] and judged.keys() <= ids for judged in known.qrels.values())


def test_a_query_and_its_document_are_the_two_parts_of_one_docstring(known, stdlib):
    documents = {document.id: document for document in known.corpus.read(Tolerance())}
    for key, query in known.queries.items():
        (answer,) = known.qrels[key]
        assert f"{query} {documents[answer].text}".split() == stdlib[answer].text.split()


def test_no_name_leaks_through_a_title(known):
    assert all(document.title == "" for document in known.corpus.read(Tolerance()))


def test_no_query_and_no_document_of_the_known_items_stands_there_twice(known):
    texts = Counter(document.text for document in known.corpus.read(Tolerance()))
    assert max(texts.values()) == max(Counter(map(str.casefold, known.queries.values())).values()) == 1


def test_parts_too_short_are_no_known_items(known):
    assert min(len(query.split()) for query in known.queries.values()) >= 4
    assert min(len(document.text.split()) for document in known.corpus.read(Tolerance())) >= 12


def test_the_documents_are_the_same_in_the_same_order_each_time(stdlib):
    again = islice(open_corpus("pydoc:stdlib").read(Tolerance()), 500)
    assert list(again) == list(islice(stdlib.values(), 500))
