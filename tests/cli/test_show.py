from mrl_search.cli.show import answers, snippet
from mrl_search.retriever import Answer


def test_the_snippet_is_the_sentence_that_shares_most_with_the_query():
    text = "Foxes live here. The red fox is quick! Whales do not."
    assert snippet("quick RED fox", text) == "The red fox is quick!"
    assert snippet("nothing shared", text) == "Foxes live here."
    assert snippet("x", "") == ""


def test_what_a_document_holds_cannot_steer_the_terminal():
    shown = answers("x", [Answer(0.5, "id", "a\x1b[2Jtitle\n", "b\x07\u202etext", {})])
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown


def test_nothing_found_says_so():
    assert answers("x", []) == "nothing found"
