"""mrl-search adapt."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from mrl_search.cli.options import DimsType, device_option, program


@click.command("adapt")
@click.argument("method", required=False)
@click.argument("corpus", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="The adapter's folder.  [default: adapters/METHOD]")
@click.option("--encoder", metavar="NAME", help="What encodes, or encoded, the texts.  [default: minilm-768]")
@click.option("--pairs", multiple=True, metavar="FILE", help="Queries with what answers them, as train takes them.")
@click.option("--vectors", type=click.Path(path_type=Path), help="Documents' vectors (.npy) in the place of CORPUS.")
@click.option(
    "--pair-vectors",
    type=click.Path(path_type=Path),
    nargs=2,
    help="Vectors (.npy) of queries and of their answers, in step, in the place of --pairs.",
)
@click.option("--dims", type=DimsType(), help="Widths to be cut at.  [default: 16,32,64,128,256 below the full one]")
@click.option("--kind", default="learned", show_default=True, help="Of a rotation: learned, pca, random, permuted.")
@click.option("--start", default="identity", show_default=True, help="What others begin as; or pca, principal axes.")
@click.option("--steps", type=click.IntRange(min=1), default=400, show_default=True, help="Of each stage.")
@click.option("--batch", type=click.IntRange(min=2), default=128, show_default=True, help="Rows, or pairs, a step.")
@click.option("--rate", type=float, default=1e-3, show_default=True, help="The highest learning rate.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--margin",
    type=float,
    help="What full width may lose on held-out rows.  [default: .01 of MRR@10; .1 without pairs]",
)
@click.option("--force", is_flag=True, help="Write it even if it loses more; replace one that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what adapter.json holds.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write the embedding cache.")
@click.option("--compare", type=click.Path(path_type=Path), metavar="RECIPE", help="Fit and measure all its arms.")
@click.option("--data", type=click.Path(path_type=Path), help="Of --compare: where its paths begin.  [default: .]")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("training/results"),
    show_default=True,
    help="Of --compare: where results go, one for each encoder.",
)
@device_option
@click.pass_context
def adapt_command(
    context: click.Context,
    /,
    method: str | None,
    corpus: str | None,
    compare: Path | None,
    data: Path | None,
    results: Path,
    as_json: bool,
    **told: Any,
) -> None:
    """Fit an adapter to an encoder's vectors, so that they bear being cut; build and eval take it as --adapter.

    METHOD is rotation, matryoshka-adaptor, smec, linear-mrl or linear-baseline; the last two need pairs, the first
    takes none. CORPUS is read as build reads it.
    """
    if compare is not None:
        _compare(context, compare, data or Path(), results, **told)
        return
    if method is None:
        raise click.UsageError("name a METHOD, or give --compare RECIPE")
    _demand_of_use(context, method)
    _fit(method, corpus, as_json=as_json, **told)


def _demand_of_use(context: click.Context, method: str) -> None:
    """Raises UsageError for options that would be ignored."""
    idle = {"data": "--compare", "results": "--compare"}
    idle |= {"start": "methods that are trained"} if method == "rotation" else {"kind": "the method rotation"}
    for name in sorted(idle.keys() & _typed(context)):
        raise click.UsageError(f"--{name} is an option of {idle[name]}; leave it out")


def _typed(context: click.Context) -> set[str]:
    """The names of the parameters that stand on the command line."""
    typed = click.core.ParameterSource.COMMANDLINE
    return {name for name in context.params if context.get_parameter_source(name) is typed}


def _fit(
    method: str,
    corpus: str | None,
    *,
    as_json: bool,
    out: Path | None,
    encoder: str | None,
    pairs: tuple[str, ...],
    vectors: Path | None,
    pair_vectors: tuple[Path, Path] | None,
    dims: tuple[int, ...] | None,
    **told: Any,
) -> None:
    from mrl_search.adapter import ABOUT
    from mrl_search.adapters import Settings
    from mrl_search.adapting import AdaptOptions, Sources, adapt
    from mrl_search.encoders import EncoderSpec

    settings = Settings(dims or (), *(told[name] for name in ("steps", "batch", "rate", "seed", "kind", "start")))
    options = AdaptOptions(
        encoder=EncoderSpec.named(encoder) if encoder is not None else None,
        settings=settings,
        margin=told["margin"],
        force=told["force"],
        cache=not told["no_cache"],
        progress=True,
        device=told["device"],
    )
    sources = Sources(corpus, pairs, vectors, pair_vectors)
    done = adapt(method, sources, out or Path("adapters") / method, options)
    if as_json:
        about = json.loads((done.folder / ABOUT).read_text(encoding="utf-8"))
        click.echo(json.dumps({"adapter": str(done.folder), **about}, ensure_ascii=False))
        return
    click.echo(f"{done.folder}: {method}, {done.adapter.dim} dims, to be cut at {_listed(done.adapter.fitted.widths)}")
    click.echo(str(done.verdict), err=True)
    click.echo(f"next: {program()} build CORPUS --adapter {done.folder}", err=True)


def _listed(widths: tuple[int, ...]) -> str:
    return ", ".join(map(str, widths))


def _compare(context: click.Context, path: Path, data: Path, results: Path, **told: Any) -> None:
    from mrl_search.training import table
    from mrl_search.training.adapter_recipe import read_adapter_recipe
    from mrl_search.training.adapter_study import adapter_study

    given = _typed(context)
    if also := given - {"compare", "data", "results", "out", "encoder", "seed", "steps", "device"}:
        raise click.UsageError(f"the recipe says all of that; leave out {', '.join(sorted(also))}")
    recipe = read_adapter_recipe(path)
    recipe = dataclasses.replace(
        recipe,
        encoders=(told["encoder"],) if "encoder" in given else recipe.encoders,
        seeds=(told["seed"],) if "seed" in given else recipe.seeds,
        steps=told["steps"] if "steps" in given else recipe.steps,
    )
    results.mkdir(parents=True, exist_ok=True)  # fails now, and not after the work
    for encoder in recipe.encoders:
        out = (told["out"] or Path("training/models") / path.stem) / Path(encoder).name
        found = adapter_study(recipe, encoder, data, out, device=told["device"])
        result = results / f"{path.stem}-{Path(encoder).name}.json"
        found.write(result)
        click.echo(table(found))
        click.echo(f"\nresult: {result}\nadapters: {out}", err=True)
