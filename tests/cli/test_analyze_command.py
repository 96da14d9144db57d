import json

import numpy as np
from click.testing import CliRunner

from mrl_search.cli import main
from mrl_search.geometry import Analysis
from mrl_search.vectors import unit


def invoke(*words):
    return CliRunner().invoke(main, ["analyze", *map(str, words)])


def vectors(path, seed=0):
    np.save(path, unit(np.random.default_rng(seed).standard_normal((200, 16)).astype(np.float32)))
    return path


def test_a_file_of_vectors_is_measured_at_the_widths_asked_for(tmp_path):
    done = invoke(vectors(tmp_path / "v.npy"), "--dims", "2,8")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split() == ["dims", "2", "8", "16"]


def test_json_is_the_result_and_files_are_written_beside_it(tmp_path):
    done = invoke(
        vectors(tmp_path / "a.npy"),
        vectors(tmp_path / "b.npy", 1),
        "--json",
        "--out",
        tmp_path / "r.json",
        "--out",
        tmp_path / "r.md",
    )
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["subjects"]) == 2
    assert Analysis.read(tmp_path / "r.json").to_json() == done.stdout.rstrip("\n") + "\n"
    assert (tmp_path / "r.md").read_text().startswith("# Geometry")


def test_an_encoder_is_measured_on_texts_and_its_pairs(corpus, tmp_path):
    texts = corpus(*({"_id": str(n), "text": f"word{n} word{n % 7}"} for n in range(150)))
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps({"query": f"word{n}", "positive": f"word{n} more"}) + "\n" for n in range(9)))
    done = invoke("hashing:32", "--texts", texts, "--pairs", pairs, "--no-cache")
    assert done.exit_code == 0, done.output
    assert "alignment" in done.stdout


def test_what_cannot_be_written_is_said_before_work(tmp_path):
    done = invoke(tmp_path / "not-there.npy", "--out", "a.pdf")
    assert (done.exit_code, "cannot write a.pdf" in done.output) == (1, True)
