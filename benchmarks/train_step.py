"""What Matryoshka training costs: steps of the arms of a recipe in turn, on the same batches, and their ratio.

    python benchmarks/train_step.py training/recipes/minilm-pairs.toml --data ../shared/data

A step is a forward, the losses of all widths, a backward and AdamW; reading and noting are not in it.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from mrl_search.encoders import load_model
from mrl_search.provenance import commit, machine
from mrl_search.training import read_train_recipe
from mrl_search.training.objective import objective
from mrl_search.training.training_set import training_set


def stepper(recipe, arm):
    """A function that does one step of an arm on a batch of examples and returns its seconds."""
    model = load_model(recipe.base)
    model.max_seq_length = recipe.max_tokens
    model.train()
    loss, noted = objective(recipe, arm, model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate)

    def step(examples):
        features = [model.preprocess([example[side] for example in examples]) for side in (0, 1)]
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            value = loss(features, None)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - start
        noted.row()
        return seconds

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", type=int, default=30)
    told = parser.parse_args()
    recipe = read_train_recipe(told.recipe)
    examples = training_set(recipe, told.data).examples
    steppers = {arm.name: stepper(recipe, arm) for arm in recipe.arms}
    taken = {name: [] for name in steppers}
    order = np.random.default_rng(0).permutation(len(examples))
    for number in range(told.steps + 2):
        batch = [examples[row] for row in order[number * recipe.batch : (number + 1) * recipe.batch]]
        for name, step in steppers.items():
            seconds = step(batch)
            if number >= 2:  # the first ones warm up
                taken[name].append(seconds)
    print(f"{machine()}, commit {commit()}; {told.steps} steps of {recipe.batch} pairs, {recipe.precision}")
    first = np.array(next(iter(taken.values())))
    for name, seconds in taken.items():
        ratios = np.array(seconds) / first
        print(f"{name:<12} median {np.median(seconds):.3f} s, {np.median(ratios):.3f} × the first's")


if __name__ == "__main__":
    main()
