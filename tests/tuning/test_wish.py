"""Which of measured funnels is chosen, and what builds another."""

import dataclasses

from mrl_search.eval import Estimate
from mrl_search.indexes import EncoderRecord, Manifest
from mrl_search.indexes.manifest import AdapterRecord
from mrl_search.tuning import Wish
from mrl_search.tuning.points import Point
from mrl_search.tuning.wish import build_command, fastest_meeting, front


def point(recall=0.99, p50=1.0, ram=10.0, p95=None):
    return Point("Flat", None, "8:20,32:10", Estimate(recall, recall, recall), p50, p95 or 2 * p50, ram)


def manifest(encoder, dtype="float32"):
    return Manifest("i", 100, 0, 0, (16, 32), dtype, "SQ8", "16:20,32:10", encoder, {})


def test_the_fastest_of_those_that_meet_all_wishes_is_chosen():
    slow, quick, loose = point(0.995, 3.0), point(0.99, 2.0), point(0.9, 1.0)
    assert fastest_meeting([slow, quick, loose], Wish(0.99), 100) == (quick, None)
    assert fastest_meeting([slow, quick, loose], Wish(0.99, p95_ms=3.0), 100) == (None, loose)  # all that is in time
    assert fastest_meeting([slow, quick], Wish(0.99, p95_ms=1.0), 100) == (None, quick)  # nothing is: the fastest
    assert fastest_meeting([quick], Wish(0.99, ram_bytes=500), 100)[0] is None  # 1,000 bytes


def test_the_front_leaves_out_what_another_beats():
    better, worse, smaller = point(0.99, 1.0, 10), point(0.98, 2.0, 10), point(0.98, 2.0, 5)
    assert front([worse, better, smaller], None) == [better, smaller]


def test_the_chosen_one_is_shown_even_if_another_structure_beats_it():
    ours, theirs = point(0.99, 2.0), point(0.995, 1.0)
    assert front([ours, theirs], ours) == [theirs, ours]


def test_a_build_is_told_the_encoder_with_its_prompts_and_the_index_to_replace():
    encoder = EncoderRecord("some/model", "x", layers=6, query_prompt="ask: ", layer_norm=True, precision="float32")
    told = build_command(point(), manifest(encoder, dtype="int8"), "indexes/my corpus")
    assert told == (
        "mrl-search build CORPUS --index 'indexes/my corpus' --encoder some/model:layers=6 --query-prompt 'ask: ' "
        "--layer-norm --precision float32 --dims 8,32 --prefix Flat --dtype int8 --force"
    )


def test_what_was_adapted_is_to_be_adapted_again():
    adapted = dataclasses.replace(manifest(EncoderRecord("m", "x")), adapter=AdapterRecord("smec", (8,), 1, "0"))
    assert "--encoder m --adapter DIR --dims" in build_command(point(), adapted, "i")


def test_vectors_that_were_brought_are_to_be_brought_again():
    told = build_command(point(), manifest(EncoderRecord("precomputed", "x")), "i")
    assert "--vectors FILE.npy" in told
    assert "--encoder" not in told
