"""The README under test: its commands run, its Python runs, its length keeps, its links lead somewhere."""

import json
import re
import runpy
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from mrl_search.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(mrl-search .*?)(?:\s+#.*)?$", "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S)), re.M)


@pytest.fixture
def reader_s_folder(tmp_path, monkeypatch):
    """Where a reader stands: a small corpus, queries, a tiny collection called scifact, and the recipes."""
    monkeypatch.chdir(tmp_path)
    documents = [
        {
            "_id": str(n),
            "title": f"title {n}",
            "text": f"number {n} of the white matter",
            "year": 1980 + n,
            "lang": "en",
        }
        for n in range(120)
    ]
    queries = [{"_id": f"q{n}", "text": f"number {n}"} for n in range(3)]
    for folder in (Path(), Path("data/scifact")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
        (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    Path("data/scifact/qrels").mkdir()
    judgements = "".join(f"q{n}\t{n}\t1\n" for n in range(3))
    Path("data/scifact/qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judgements}")
    Path("eval").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "recipes").mkdir(parents=True)
    recipe = (ROOT / "eval/recipes/scifact.toml").read_text()
    low = re.sub(r"(value|at_least) = .*", "at_least = 0.0", recipe)  # the tiny collection scores as it likes
    Path("eval/recipes/scifact.toml").write_text(re.sub(r"tolerance = .*", "", low))
    Path("eval/claims.toml").write_text("claims = []\n")
    monkeypatch.setenv("MRL_SEARCH_DATA", str(tmp_path / "data"))
    return tmp_path


def test_every_command_of_the_readme_runs_in_the_order_it_is_shown(reader_s_folder):
    # the corpus stands in a BEIR-like folder, so name the index as the README does
    (reader_s_folder / "queries.jsonl").rename(reader_s_folder / "q")
    for command in COMMANDS:
        command = command.replace("$runs", re.findall("^runs=(.*)$", README, re.M)[0])
        words = shlex.split(command.partition(" > ")[0])[1:]
        if words == ["query"]:
            continue  # asks on a terminal: tests/cli/test_cli.py
        if "--queries" in words:
            (reader_s_folder / "q").rename(reader_s_folder / "queries.jsonl")
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, f"{command}\n{result.output}"


SCALE = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
LIVING = (ROOT / "docs/living-index.md").read_text(encoding="utf-8")


@pytest.fixture
def living(reader_s_folder):
    """An index called corpus, and what comes and goes."""
    for name in ("queries.jsonl", "eval"):
        Path(name).unlink()
    Path("more.jsonl").write_text('{"_id": "1", "text": "new"}\n{"_id": "more", "text": "newer"}\n')
    Path("new.txt").write_text("a\nb\n")
    np.save("new.npy", np.eye(64, dtype=np.float32)[:2])
    Path("gone.txt").write_text("3\n4\n")
    words = ["build", "corpus.jsonl", "--encoder", "hashing:64", "--dims", "16,64"]
    assert CliRunner().invoke(main, words).exit_code == 0


def test_every_command_of_the_living_index_runs_in_the_order_it_is_shown(living):
    (commands,) = re.findall(r"```sh\n(.*?)```", LIVING, re.S)
    for command in re.findall(r"^mrl-search (.*?)(?:\s*#.*)?$", commands, re.M):
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, f"{command}\n{result.output}"


def test_the_python_of_the_living_index_runs(living, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", LIVING, re.S)
    exec(compile(code, "living-index.md", "exec"), {})
    assert capsys.readouterr().out == "2 1 121\n"


def test_the_commands_and_the_python_of_a_cluster_run(living, capsys):
    commands, _ = re.findall(r"```sh\n(.*?)```", SCALE, re.S)  # the others want a bucket
    for command in re.findall(r"^mrl-search (.*?)(?:\s*#.*)?$", commands, re.M):
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, f"{command}\n{result.output}"
    (code,) = re.findall(r"```python\n(.*?)```", SCALE, re.S)
    exec(compile(code, "scale.md", "exec"), {})
    assert capsys.readouterr().out == "3 set()\n"


HYBRID = (ROOT / "docs/hybrid.md").read_text(encoding="utf-8")


def test_the_commands_and_the_python_of_words_and_vectors_run(living, capsys):
    Path("queries.jsonl").write_text('{"_id": "q", "text": "number 7"}\n')
    (commands,) = re.findall(r"```sh\n(.*?)```", HYBRID, re.S)
    for command in re.findall(r"^mrl-search (.*?)(?:\s*#.*)?$", commands, re.M):
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, f"{command}\n{result.output}"
    (code,) = re.findall(r"```python\n(.*?)```", HYBRID, re.S)
    exec(compile(code, "hybrid.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_python_of_the_readme_runs(reader_s_folder, capsys):
    (reader_s_folder / "queries.jsonl").unlink()
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert "nDCG@10" in capsys.readouterr().out


def test_every_verb_and_every_option_but_the_rare_ones_is_in_the_readme():
    rare = {"--out", "--split", "--measure", "--no-funnel", "--data", "--drop-self", "--keep-self", "--layer-norm",
            "--query-prompt", "--document-prompt", "--precision", "--no-cache", "--no-runs", "--k"}  # fmt: skip
    for verb, command in main.commands.items():
        pages = {
            "train": "training/README.md",
            "doctor": "docs/tuning.md",
            "tune": "docs/tuning.md",
            "analyze": "docs/geometry.md",
        }
        pages |= dict.fromkeys(["add", "delete", "compact", "check", "info"], "docs/living-index.md")
        pages |= {"query": "docs/living-index.md", "words": "docs/hybrid.md", "adapt": "docs/adapters.md"}
        pages |= dict.fromkeys(["diff", "dynamics"], "docs/geometry.md")
        pages |= dict.fromkeys(["serve", "keys"], "docs/operations.md")
        told = SCALE + README + ((ROOT / pages[verb]).read_text(encoding="utf-8") if verb in pages else "")
        assert f"mrl-search {verb}" in told or f"make {verb}" in told
        options = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
        assert not {name for name in options - rare if name not in told}


def test_the_readme_is_short():
    assert len(re.sub(r"```.*?```", "", README, flags=re.S).split()) < 900


@pytest.mark.parametrize(
    "page", ["README.md", "SECURITY.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]
)
def test_every_link_leads_to_a_file(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize(("page", "most"), [("docs/bad-input.md", 30), ("SECURITY.md", 10)])
def test_every_test_that_the_docs_name_exists(page, most):
    rows = re.findall(r"`(tests/\S+?)::(\w+)", (ROOT / page).read_text(encoding="utf-8"))
    assert len(rows) > most
    for path, name in rows:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def test_the_table_of_serving_is_that_of_its_runs():
    printed = runpy.run_path(str(ROOT / "benchmarks/serve_table.py"))["table"]()
    assert printed in (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
