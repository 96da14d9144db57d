"""The published figures, encoded anew from the real collections: `make test-slow`, some minutes."""

from pathlib import Path

import pytest

from mrl_search.eval import EvalOptions, check, evaluate, read_eval_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "eval" / "recipes").glob("*.toml"))
EXPECTING = [path for path in RECIPES if read_eval_recipe(path).expected]


@pytest.mark.slow
@pytest.mark.parametrize("path", EXPECTING, ids=lambda path: path.stem)
def test_every_recipe_gives_the_figures_it_expects(path, shared_data):
    recipe = read_eval_recipe(path)
    verdicts = check(evaluate(recipe, EvalOptions(data=shared_data / "beir")), recipe.expected)
    assert [verdict for verdict in verdicts if not verdict.startswith("OK")] == []
