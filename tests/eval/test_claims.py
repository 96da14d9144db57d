from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_report import EVALUATION
from test_standing import row

from mrl_search.errors import RecipeError
from mrl_search.eval import ComparedArm, Difference, Kept, Measured, Share, Study, claims_ledger

ROOT = Path(__file__).resolve().parents[2]
NOISE = np.random.default_rng(0).normal(0, 0.02, 60)
FULL = [0.5 + 0.3 * (query % 2) for query in range(60)]
ROWS = (
    row("a", "64:10", FULL),
    row("a", "16:10", [value - 0.1 + noise for value, noise in zip(FULL, NOISE, strict=True)]),
    row("a", "16:10", [value + noise / 100 for value, noise in zip(FULL, NOISE, strict=True)], "pca"),
)

CLAIMS = """
[[claims]]
text = "Rotated prefixes are better"
source = "someone"
evidence = [
  {results = ["r.json"], left = {encoder = "a", funnel = "16:10", rotation = "pca"}, right = {encoder = "a", funnel = "16:10"}},
]
[[claims]]
text = "A quarter of the width keeps 98 %"
source = "someone else"
evidence = [
  {results = ["r.json"], left = {encoder = "a", funnel = "16:10"}, right = {encoder = "a", funnel = "64:10"}, keeps = 0.98},
  {results = ["r.json"], left = {encoder = "a", funnel = "16:10", rotation = "pca"}, right = {encoder = "a", funnel = "64:10"}, keeps = 0.98},
]
"""


@pytest.fixture
def ledger(tmp_path):
    replace(EVALUATION, measures=("nDCG@10",), reports=ROWS).write(tmp_path / "r.json")

    def write(text):
        (tmp_path / "claims.toml").write_text(text)
        return claims_ledger(tmp_path / "claims.toml")

    return write


def test_a_claim_is_weighed_with_numbers_for_and_against(ledger):
    text = ledger(CLAIMS)
    better, keeps = text.split("## ")[1:]
    assert "**Holds here**: 1 for." in better
    assert "| for | r | a pca 16:10 | a 16:10 | nDCG@10 |" in better
    assert "p 0.0001 | better |" in better
    assert "**Holds in part**: 1 for, 1 against." in keeps
    assert "| against | r | a 16:10 | a 64:10 |" in keeps
    assert "≥ 98 %" in keeps


def test_what_chance_may_have_made_is_undecided(ledger):
    swapped = CLAIMS.replace(
        'rotation = "pca"}, right = {encoder = "a", funnel = "16:10"}}',
        'rotation = "pca"}, right = {encoder = "a", funnel = "64:10"}}',
    )
    assert "**Undecided**: 1 undecided." in ledger(swapped).split("## ")[1]


def test_one_piece_of_evidence_may_be_of_many_widths_and_results(ledger):
    many = """
[[claims]]
text = "t"
source = "s"
[[claims.evidence]]
results = ["r.json", "r.json"]
dims = [16, 64]
left = { encoder = "a", funnel = "{dim}:10" }
right = { encoder = "a", funnel = "64:10" }
keeps = 0.9
"""
    text = ledger(many)
    assert [line.split("|")[3].strip() for line in text.splitlines() if "| r |" in line] == ["a 16:10", "a 64:10"] * 2


TRAINED = """
[[claims]]
text = "A quarter of the width keeps {keeps}"
source = "s"
[[claims.trained]]
results = ["s.json"]
dataset = "pairs"
measure = "Spearman"
arm = "mrl"
dims = [4]
{wanted}
"""


@pytest.fixture
def trained(ledger, tmp_path):
    measured = [("baseline", 4, 0.6), ("baseline", 16, 0.8), ("mrl", 4, 0.72), ("mrl", 16, 0.75)]
    Study(
        recipe={},
        sources=(),
        overlaps={},
        measured=tuple(Measured("pairs", "Spearman", "none", arm, 0, dim, mean) for arm, dim, mean in measured),
        compared=(ComparedArm("pairs", "Spearman", "none", "mrl", 4, Difference(0.12, 0.1, 0.14, 0.001, 1.0, 0.01)),),
        step_seconds={},
        provenance={},
        kept=(Kept("pairs", "Spearman", "none", "mrl", 4, Share(0.96, 0.95, 0.97)),),
    ).write(tmp_path / "s.json")
    return ledger


def test_what_a_trained_arm_keeps_is_weighed_by_the_interval_of_its_study(trained):
    text = trained(TRAINED.format(keeps="94 %", wanted="keeps = 0.94"))
    assert "| for | s: pairs | mrl 4 | mrl 16 | Spearman | 0.7200 | 0.7500 | 96.0 % [95.0, 97.0] | ≥ 94 % |" in text
    assert "**Undecided**" in trained(TRAINED.format(keeps="96 %", wanted="keeps = 0.96"))
    assert "**Does not hold**" in trained(TRAINED.format(keeps="98 %", wanted="keeps = 0.98"))


def test_a_trained_arm_is_weighed_beside_the_first_by_the_test_of_its_study(trained):
    text = trained(TRAINED.format(keeps="more", wanted=""))
    assert (
        "| for | s: pairs | mrl 4 | baseline 4 | Spearman | 0.7200 | 0.6000 | +0.1200 [+0.1000, +0.1400], p 0.0010"
        in text
    )


def test_an_arm_that_was_not_measured_is_named(trained):
    text = TRAINED.format(keeps="98 %", wanted="keeps = 0.98").replace("dims = [4]", "dims = [8]")
    with pytest.raises(RecipeError, match=r"s\.json has no share kept of the arm mrl at 8 dims: pairs, Spearman, none"):
        trained(text)


@pytest.mark.slow
def test_the_published_ledger_is_what_the_results_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert claims_ledger(Path("eval/claims.toml")) + "\n" == (ROOT / "eval/results/claims.md").read_text()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("keeps = 97.0", "keeps is a share above 0 and at most 1, found 97.0"),
        ("keeps = nan", "keeps is a share"),
        ("dims = [16]", "dims and {dim} in a funnel go together"),
    ],
)
def test_evidence_that_cannot_be_meant_is_refused(ledger, change, reason):
    with pytest.raises(RecipeError, match=reason):
        ledger(CLAIMS.replace('funnel = "16:10"}},', 'funnel = "16:10"}, ' + change + "},", 1))


def test_a_row_or_result_that_is_not_there_is_named(ledger):
    with pytest.raises(RecipeError, match="r.json has no row b 16:10 with nDCG@10"):
        ledger(CLAIMS.replace('right = {encoder = "a", funnel = "16:10"}', 'right = {encoder = "b", funnel = "16:10"}'))
    with pytest.raises(RecipeError, match="cannot read the result"):
        ledger(CLAIMS.replace("r.json", "none.json"))
