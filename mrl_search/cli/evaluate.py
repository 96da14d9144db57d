"""mrl-search eval."""

import dataclasses
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mrl_search.atomic import promised
from mrl_search.cli.options import DimsType, FunnelType, device_option, encoder_options, encoder_spec
from mrl_search.funnel import Funnel

if TYPE_CHECKING:
    from mrl_search.eval import EvalRecipe


@click.command("eval")
@click.option("--dataset", metavar="NAME", help="A BEIR name as scifact, dir:PATH, hf:NAME, or pydoc:stdlib.")
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file, instead of the options above --data.")
@click.option("--split", default="test", show_default=True, help="Which judgements.")
@click.option("--encoder", "encoders", multiple=True, metavar="NAME", help="As for build; repeat to compare several.")
@click.option("--dims", type=DimsType(), help="Widths to search exactly.  [default: 64, 128, 256 … full]")
@click.option("--funnel", "funnels", type=FunnelType(), multiple=True, help="A funnel to walk; repeat for several.")
@click.option("--no-funnel", is_flag=True, help="Only exact search.")
@click.option(
    "--measure",
    "measures",
    multiple=True,
    metavar="NAME",
    help="ir-measures' names.  [default: nDCG@10 Recall@100 MRR@10]",
)
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    default=["Flat"],
    metavar="FACTORY",
    help="FAISS factory string of the first stage, or auto; repeat for several.",
)
@click.option(
    "--rotation",
    "rotations",
    multiple=True,
    default=["none"],
    metavar="KIND",
    help="As for build; everything is measured after it; repeat for several.",
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    default=["float32"],
    metavar="FORMAT",
    help="As for build; everything is measured in it; repeat for several.",
)
@click.option("--bm25", is_flag=True, help="A row of BM25 too.")
@click.option(
    "--hybrid",
    multiple=True,
    metavar="rrf|SHARE",
    help="BM25 and vectors fused: by reciprocal ranks, or with that share of words, as 0.2; repeat for several.",
)
@click.option(
    "--distractors",
    metavar="FILE|N",
    help="Documents to add that nobody judged: a corpus as for build, FILE:N for its first N, N for docstrings.",
)
@click.option(
    "--drop-self/--keep-self",
    default=None,
    help="Leave out the document with the query's id.  [default: only for arguana and quora]",
)
@click.option("--data", type=click.Path(path_type=Path), help="A folder that holds NAME/.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("eval/results"), show_default=True, help="Where results go."
)
@click.option("--check", "checked", is_flag=True, help="Compare with the recipe's expected figures; exit 1 on a miss.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of the table.")
@click.option("--no-runs", is_flag=True, help="Write no TREC runs.")
@encoder_options
@device_option
@click.pass_context
def eval_command(
    context: click.Context,
    /,
    recipe: Path | None,
    data: Path | None,
    out: Path,
    checked: bool,
    as_json: bool,
    no_runs: bool,
    no_cache: bool,
    device: str,
    **flags: Any,
) -> None:
    """Measure every width and funnel of one or more encoders on a judged dataset."""
    from mrl_search.eval import EvalOptions, check, evaluate, read_eval_recipe, table

    _demand_one_source(context, recipe, checked)
    wanted = read_eval_recipe(recipe) if recipe is not None else _from_flags(**flags)
    if checked and not wanted.expected:
        raise click.UsageError(f"{recipe} expects no figures; add [[expected]] tables to it")
    name = recipe.stem if recipe is not None else wanted.name
    runs = None if no_runs else out / "runs" / name
    with promised(out):  # fails now, and not after the work
        options = EvalOptions(data=data, runs=runs, cache=not no_cache, progress=True, device=device)
        evaluation = evaluate(wanted, options)
        evaluation = dataclasses.replace(evaluation, command=_command(evaluation.command, recipe, data))
        evaluation.write(out / f"{name}.json")
    click.echo(evaluation.to_json() if as_json else table(evaluation))
    click.echo(f"\nresults: {out / name}.json\nruns: {runs or 'not written'}\nagain: {evaluation.command}", err=True)
    verdicts = check(evaluation, wanted.expected) if checked else []
    for verdict in verdicts:
        click.echo(verdict)
    if any(verdict.startswith("FAIL") for verdict in verdicts):
        raise click.exceptions.Exit(1)


def _demand_one_source(context: click.Context, recipe: Path | None, checked: bool) -> None:
    """Raises UsageError unless either --dataset and its options, or --recipe, says what to evaluate."""
    given = {
        parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    }
    if recipe is None and "--dataset" not in given:
        raise click.UsageError("give either --dataset NAME or --recipe FILE")
    also = sorted(given - {"--recipe", "--data", "--out", "--check", "--json", "--no-runs", "--no-cache", "--device"})
    if recipe is not None and also:
        raise click.UsageError(f"the recipe says all of that; leave out {', '.join(also)}, or --recipe")
    if checked and recipe is None:
        raise click.UsageError("--check compares with a recipe's expected figures; give --recipe FILE")


def _command(command: str, recipe: Path | None, data: Path | None) -> str:
    """What to type, here, to have the same again."""
    words = f"mrl-search eval --recipe {shlex.quote(str(recipe))}" if recipe is not None else command
    root = os.environ.get("MRL_SEARCH_DATA")
    before = f"MRL_SEARCH_DATA={shlex.quote(root)} " if root else ""
    return f"{before}{words}" + (f" --data {shlex.quote(str(data))}" if data is not None else "")


def _from_flags(
    dataset: str,
    split: str,
    encoders: tuple[str, ...],
    dims: tuple[int, ...] | None,
    funnels: tuple[Funnel, ...],
    **flags: Any,
) -> "EvalRecipe":
    from mrl_search.eval import EvalRecipe

    if flags["no_funnel"] and funnels:
        raise click.UsageError("--funnel and --no-funnel exclude one another")
    told = {name: flags[name] for name in ("query_prompt", "document_prompt", "adapter", "layer_norm", "precision")}
    chosen = {"measures": flags["measures"]} if flags["measures"] else {}
    return EvalRecipe(
        dataset,
        split=split,
        encoders=tuple(filter(None, (encoder_spec(name, None, **told) for name in encoders or (None,)))),
        dims=dims or (),
        funnels=tuple(map(str, funnels)) if funnels or flags["no_funnel"] else None,
        prefixes=flags["prefixes"],
        rotations=flags["rotations"],
        dtypes=flags["dtypes"],
        bm25=flags["bm25"],
        hybrid=flags["hybrid"],
        distractors=flags["distractors"],
        drop_self=flags["drop_self"],
        **chosen,
    )
