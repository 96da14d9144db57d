"""An index whose bytes were changed gives right answers or one clear error; nothing else, and nothing for long."""

import random
import shutil

import living_model as model
import numpy as np
import pytest

from mrl_search.errors import MRLSearchError
from mrl_search.funnel import Funnel
from mrl_search.indexes import add_bounds, check, open_index, words_of
from mrl_search.retriever import search

DOCUMENTS = {f"id{number}": str(number) for number in range(40)}


@pytest.fixture
def index(tmp_path):
    """Two segments, deleted rows and bounds, in a catalog of one file."""
    folder = tmp_path / "index"
    model.start(folder, DOCUMENTS)
    add_bounds(folder)
    model.put(folder, {"id3": "50", "new": "51"}, merges=False)
    model.remove(folder, ["id5"])
    return folder


def answered(folder):
    """What a funnel, a proof and a filter find, the documents behind it, and scores by words. Or the error."""
    try:
        stored = open_index(folder)
    except MRLSearchError as error:
        return str(error)
    try:
        hits = search(stored.vectors, model.QUERIES, Funnel.parse("4:30,8:10"))
        filtered = search(stored.among("title = '' AND id >= 'id2'"), model.QUERIES, Funnel.parse("4:30,8:10"))
        rows = np.hstack([hits.rows, stored.vectors.proven(model.QUERIES, hits).rows, filtered.rows])
        found = stored.documents(sorted(set(rows[rows >= 0].tolist())))
        words = words_of(stored.catalog, stored.segments, folder).scores("7 50 12").tolist()
        return rows, {row: (one.id, one.text) for row, one in found.items()}, words
    except MRLSearchError as error:
        return str(error)
    finally:
        stored.close()


def damaged(path, drawn):
    """Flips some bits, cuts the end off, or writes over a piece."""
    held = bytearray(path.read_bytes())
    kind = drawn.choice(["flip", "flip", "flip", "cut", "over"])
    if kind == "cut":
        del held[drawn.randrange(len(held)) :]
    elif kind == "over":
        first = drawn.randrange(len(held))
        held[first : first + drawn.randint(1, 64)] = drawn.randbytes(min(64, len(held) - first))[: len(held) - first]
    else:
        for _ in range(drawn.choice([1, 1, 3])):
            held[drawn.randrange(len(held))] ^= 1 << drawn.randrange(8)
    path.write_bytes(held)


def is_same(found, wanted):
    return not isinstance(found, str) and np.array_equal(found[0], wanted[0]) and found[1:] == wanted[1:]


def lacks_a_word(found, wanted, index):
    """Whether all is right but scores by words, of which SQLite does not find one any more, as `check` says."""
    return is_same((*found[:2], wanted[2]), wanted) and bool(check(index))


def fuzzed(index, times, seed):
    """How often there was an error, the right answer, or one that lacks a word; there may be nothing else."""
    wanted = answered(index)
    whole = {path: path.read_bytes() for path in sorted(index.rglob("*")) if path.is_file()}
    drawn, counts = random.Random(seed), {"error": 0, "right": 0, "lacks a word": 0}
    for _ in range(times):
        path = drawn.choice(list(whole))
        damaged(path, drawn)
        found = answered(index)
        if isinstance(found, str):
            counts["error"] += 1
        elif is_same(found, wanted):
            counts["right"] += 1
        else:
            assert lacks_a_word(found, wanted, index), path
            counts["lacks a word"] += 1
        shutil.rmtree(index)
        for name, held in whole.items():
            name.parent.mkdir(parents=True, exist_ok=True)
            name.write_bytes(held)
    return counts


def test_damage_gives_one_clear_error_or_the_right_answer(index):
    counts = fuzzed(index, 60, 0)
    assert sum(counts.values()) == 60
    assert counts["error"] > 20


@pytest.mark.slow
def test_ten_thousand_damages_give_clear_errors_or_right_answers(index):
    counts = fuzzed(index, 10_000, 1)
    print(counts)
    assert sum(counts.values()) == 10_000
