"""mrl-search train."""

from pathlib import Path

import click

from mrl_search.cli.options import device_option


@click.command("train")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--pair", is_flag=True, help="Train every arm with every seed, measure all, and write one result.")
@click.option("--arm", metavar="NAME", help="Which arm to train.  [default: the only one]")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Seeds 0 … N-1 instead of the recipe's.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Instead of the recipe's.")
@click.option("--data", type=click.Path(path_type=Path), help="Where the recipe's paths begin.  [default: .]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where models and checkpoints go.  [default: training/models/RECIPE]",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("training/results"),
    show_default=True,
    help="Where --pair writes its result.",
)
@click.option("--table", "as_table", is_flag=True, help="Print a result, a .json in the place of RECIPE, as Markdown.")
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard's event files.")
@click.option("--compile", "compiled", is_flag=True, help="torch.compile the model; unmeasured on a card.")
@device_option
def train_command(
    recipe: Path,
    pair: bool,
    arm: str | None,
    seeds: int | None,
    steps: int | None,
    data: Path | None,
    out: Path | None,
    results: Path,
    as_table: bool,
    tensorboard: bool,
    compiled: bool,
    device: str,
) -> None:
    """Train the encoders of RECIPE, a TOML file; run it again to go on after an interruption."""
    import dataclasses

    from mrl_search.training import TrainOptions, curves, plot, prepared, read_train_recipe, study, table, train_arm

    if as_table:
        click.echo(_markdown(recipe))
        return
    wanted = read_train_recipe(recipe)
    wanted = dataclasses.replace(
        wanted,
        seeds=wanted.seeds if seeds is None else tuple(range(seeds)),
        steps=wanted.steps if steps is None else steps,
    )
    if pair and arm is not None:
        raise click.UsageError("--pair trains every arm; leave out --arm")
    if not pair and arm is None and len(wanted.arms) > 1:
        names = ", ".join(each.name for each in wanted.arms)
        raise click.UsageError(f"{recipe} has the arms {names}; choose one with --arm, or train all with --pair")
    root, folder = data or Path(), out or Path("training/models") / recipe.stem
    options = TrainOptions(progress=True, tensorboard=tensorboard, device=device, compile=compiled)
    if pair:
        results.mkdir(parents=True, exist_ok=True)  # fails now, and not after the work
        found = study(wanted, root, folder, options)
        found.write(results / f"{recipe.stem}.json")
        plot(curves(wanted, folder), results / f"{recipe.stem}.png")
        click.echo(table(found))
        click.echo(f"\nresult: {results / recipe.stem}.json\nmodels: {folder}", err=True)
        return
    chosen = wanted.arm(arm) if arm is not None else wanted.arms[0]
    examples = prepared(wanted, root, options)
    for seed in wanted.seeds:
        made = train_arm(wanted, chosen, seed, examples, folder / f"{chosen.name}-seed{seed}", options)
        click.echo(made / "model")


def _markdown(result: Path) -> str:
    """Raises RecipeError for a file that is no result."""
    from mrl_search.training import Study, markdown

    return markdown(Study.read(result))
