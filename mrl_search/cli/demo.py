"""mrl-search demo."""

import time
from pathlib import Path

import click

from mrl_search.cli.options import device_option, program

SOURCE = "pydoc:stdlib"
_QUESTIONS = (
    "run a coroutine and cancel it after a timeout",
    "turn a dictionary into a JSON string",
    "keep only the most recently used results of a function",
)


@click.command("demo")
@click.option("--encoder", default="minilm-768", show_default=True, metavar="NAME", help="As for build.")
@click.option("--index", type=click.Path(path_type=Path), help="Folder of the index.  [default: indexes/stdlib]")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("eval/results"), show_default=True, help="Where results go."
)
@device_option
def demo_command(encoder: str, index: Path | None, out: Path, device: str) -> None:
    """Index Python's own documentation, ask it three questions, and measure the funnel on it.

    The documents are the docstrings of the standard library that runs this; the
    judged queries are their first sentences, each of which must find the rest
    of its docstring. Nothing is downloaded. A few minutes on two cores.
    """
    from mrl_search.cli import show
    from mrl_search.encoders import EncoderSpec
    from mrl_search.eval import EvalOptions, EvalRecipe, evaluate, table
    from mrl_search.indexes import ROOT
    from mrl_search.retriever import open_retriever
    from mrl_search.trace import traced_search

    start = time.perf_counter()
    click.secho(f"1. mrl-search build {SOURCE}", bold=True)
    folder = _built(index or ROOT / "stdlib", encoder, device)
    with open_retriever(folder, device=device) as retriever:
        retriever.warm_up()
        click.echo(f"{folder}: {len(retriever):,} docstrings, {time.perf_counter() - start:.0f} s")
        for step, question in enumerate(_QUESTIONS, 2):
            click.secho(f'\n{step}. mrl-search query "{question}" --k 3', bold=True)
            found = traced_search(retriever, retriever.encode([question]), retriever.funnel_for(3))
            click.echo(show.answers(question, found.answers))
            click.echo(f"({found.time_ms:.1f} ms, funnel {found.funnel})")
    click.secho(f"\n{len(_QUESTIONS) + 2}. mrl-search eval --dataset {SOURCE}", bold=True)
    click.echo("known-item search: the first sentence of a docstring must find the rest of it, without its name\n")
    recipe = EvalRecipe(SOURCE, encoders=(EncoderSpec(encoder),))
    evaluation = evaluate(recipe, EvalOptions(runs=out / "runs" / "demo", progress=True, device=device))
    evaluation.write(out / "demo.json")
    click.echo(table(evaluation))
    click.echo(
        f"\nYours now: the index {folder}, the results {out / 'demo.json'}.\n"
        f'Ask more: {program()} query "..." --index {folder}\n'
        f"Your own documents: {program()} build corpus.jsonl --dims 64,768"
    )


def _built(folder: Path, encoder: str, device: str) -> Path:
    """The demo's index: the one of an earlier demo if it is there, never anything else's place."""
    from mrl_search.builder import BuildOptions, build
    from mrl_search.errors import IndexStoreError
    from mrl_search.indexes import read_manifest

    if (folder / "index.sqlite").exists():
        manifest, _ = read_manifest(folder)
        if (manifest.name, manifest.encoder.name) != ("stdlib", encoder):
            raise IndexStoreError(
                f"{folder} holds {manifest.name} encoded by {manifest.encoder.name}; name another folder with --index"
            )
        click.echo(f"{folder} is there already")
        return folder
    return build(SOURCE, folder, encoder=encoder, options=BuildOptions(progress=True, device=device))
