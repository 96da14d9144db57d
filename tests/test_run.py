from pathlib import Path

import numpy as np
import pytest

from mrl_search.errors import RunError
from mrl_search.run import Run, ScoredDoc, ranked, read_run


def test_a_ranking_is_score_down_then_id_up():
    assert [d.id for d in ranked(["b", "c", "a"], [0.5, 0.9, 0.5])] == ["c", "a", "b"]


def test_a_written_run_reads_back_in_the_same_order_though_scores_are_equal(tmp_path):
    # trec_eval would put "b" before "a" among equals; the file must not leave it the choice
    run = Run("mine", {"q1": [ScoredDoc("a", 0.5), ScoredDoc("b", 0.5), ScoredDoc("c", 0.5)], "q2": []})
    run.write(tmp_path / "run.trec")
    assert [d.id for d in read_run(tmp_path / "run.trec").ranking["q1"]] == ["a", "b", "c"]


def test_written_scores_are_the_true_ones_but_for_the_last_bit_of_equals(tmp_path):
    Run("mine", {"q": [ScoredDoc("a", 0.5), ScoredDoc("b", 0.5)]}).write(tmp_path / "run.trec")
    fields = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    assert fields[0] == ["q", "Q0", "a", "1", "0.5", "mine"]
    assert np.float32(fields[1][4]) == np.nextafter(np.float32(0.5), np.float32(-1))


def test_a_foreign_run_is_read_as_trec_eval_reads_it(tmp_path):
    (tmp_path / "run").write_text("q Q0 a 9 1.0 x\nq Q0 c 1 0.5 x\nq Q0 b 2 1.000000001 x\n")
    # ranks are ignored; as float32 a and b tie, and the higher id comes first
    assert [d.id for d in read_run(tmp_path / "run").ranking["q"]] == ["b", "a", "c"]


def test_ranks_written_as_scores_are_refused_since_they_read_backwards(tmp_path):
    rising = "".join(f"{query} Q0 a 1 1 x\n{query} Q0 b 2 2 x\n" for query in "pqr")
    (tmp_path / "run").write_text(rising + "s Q0 a 1 2 x\ns Q0 b 2 1 x\n")
    with pytest.raises(RunError, match="all scores rise with the ranks of 3 of 4 queries, p for one"):
        read_run(tmp_path / "run")


@pytest.mark.parametrize(
    "lines",
    [
        "q Q0 a 1 1 x\nq Q0 b 2 2 x\np Q0 a 1 2 x\np Q0 c 2 1 x\n",  # one query falls
        "q Q0 a 1 1 x\np Q0 a 1 2 x\n",  # nothing rises
        "q Q0 a - 1 x\nq Q0 b - 2 x\n",  # no ranks
        "q Q0 a 0 1 x\nq Q0 b 0 2 x\n",  # ranks nobody filled in
    ],
)
def test_other_runs_are_read_by_their_scores(tmp_path, lines):
    (tmp_path / "run").write_text(lines)
    assert read_run(tmp_path / "run").ranking


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("q Q0 a 1 0.5", "found 5 fields, wanted 6"),
        ("q Q0 a 1 high x", "the score 'high' is not a number"),
        ("q Q0 a 1 nan x", "the score nan is not finite"),
        ("q Q0 d 1 0.5 x", "the document d appears twice for the query q"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, reason):
    (tmp_path / "run").write_text(f"q Q0 d 1 1 x\n{line}\n")
    with pytest.raises(RunError, match=f"line 2: {reason}"):
        read_run(tmp_path / "run")


def test_a_byte_order_mark_is_no_part_of_the_first_query(tmp_path):
    (tmp_path / "run").write_bytes(b"\xef\xbb\xbfq Q0 a 1 2 x\nq Q0 b 2 1 x\n")
    assert list(read_run(tmp_path / "run").ranking) == ["q"]


def test_an_id_with_white_space_cannot_be_written_and_leaves_nothing(tmp_path):
    with pytest.raises(RunError, match="the document id 'two words' is not one word"):
        Run("mine", {"q": [ScoredDoc("two words", 1.0)]}).write(tmp_path / "run.trec")
    assert list(Path(tmp_path).glob("*run*")) == []
