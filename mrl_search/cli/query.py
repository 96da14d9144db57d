"""mrl-search query."""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mrl_search.cli.options import FunnelType, FusionType, GuaranteeType, PlaceType, device_option, ray_option
from mrl_search.document import has_surrogate
from mrl_search.errors import MRLSearchError
from mrl_search.funnel import Funnel

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mrl_search.plan import Plan
    from mrl_search.retriever import Retriever
    from mrl_search.scale import Terms


@click.command("query")
@click.argument("text", required=False)
@click.option("--index", type=PlaceType(), help="Folder of the index, its name under indexes/, or a cluster's URL.")
@click.option(
    "--k", type=click.IntRange(min=1), metavar="N", help="How many answers.  [default: what the funnel leaves]"
)
@click.option("--funnel", type=FunnelType(), help="Stages, as 64:200,768:10; the index's own by default.")
@click.option(
    "--guarantee",
    type=GuaranteeType(),
    help="exact: prove the answers against all documents; 0.99: that recall, if the index was calibrated for it.",
)
@click.option(
    "--where", metavar="EXPR", help="Only documents whose metadata pass, as \"year >= 2020 AND lang = 'en'\"."
)
@click.option(
    "--hybrid",
    type=FusionType(),
    help="By words, too: fused by reciprocal ranks, or with that share of words, as 0.2.",
)
@click.option(
    "--explain", is_flag=True, help="Show every answer's rank and score after each stage, and each stage's time."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or one a line for several queries.")
@click.option("--queries", metavar="FILE", help="Answer every query of FILE (or -); prints a TREC run.")
@click.option(
    "--vectors", type=click.Path(path_type=Path), help="Query vectors (.npy) instead of texts; prints a TREC run."
)
@ray_option
@click.option("--partial", is_flag=True, help="Of a cluster: take what is found without shards that do not answer.")
@click.option(
    "--deadline", type=click.FloatRange(min=0, min_open=True), metavar="MS", help="Of a cluster: wait no longer."
)
@device_option
def query_command(
    text: str | None,
    index: Path | str | None,
    k: int | None,
    funnel: Funnel | None,
    guarantee: str | float | None,
    where: str | None,
    hybrid: str | None,
    explain: bool,
    as_json: bool,
    queries: str | None,
    vectors: Path | None,
    ray: str | None,
    partial: bool,
    deadline: float | None,
    device: str,
) -> None:
    """Search an index for TEXT; without TEXT, ask on the terminal.

    With no --index: the only index under indexes/, or the one built last.
    """
    _demand_something_to_ask(text, queries, vectors)
    if explain and (queries is not None or vectors is not None):
        raise click.UsageError("--explain is for one TEXT")
    if hybrid is not None and queries is None and vectors is not None:
        raise click.UsageError("--hybrid needs texts; name their file with --queries")
    from mrl_search.cli import show
    from mrl_search.data import read_queries
    from mrl_search.scale import Terms, on_terms, open_any

    seconds = None if deadline is None else deadline / 1000
    with on_terms(Terms(seconds, partial)) as terms, open_any(index, device, ray) as retriever:
        plan = retriever.plan(k, funnel, guarantee, where, hybrid)
        retriever.index(where)  # a filter that cannot be read says so before a model is loaded, as do words that lack
        if plan.hybrid is not None:
            retriever.stored.check_words()
        if plan.proof and len(retriever) and not retriever.stored.has_bounds:
            folder = retriever.stored.folder
            first = "" if retriever.stored.is_whole else f"`mrl-search compact {folder}` and then "
            click.echo(
                f"this index has no bounds, so all its vectors are compared; {first}"
                f"`mrl-search guarantee exact --index {folder}` makes proofs several times as fast",
                err=True,
            )
        if queries is not None or vectors is not None:
            texts = read_queries(queries) if queries is not None else None
            names, matrix = query_vectors(retriever, texts, vectors)
            with terms.counted():
                if plan.hybrid is not None:
                    run = retriever.hybrid_run(texts or {}, matrix, plan)
                else:
                    run = retriever.run(dict(zip(names, matrix, strict=True)), k, funnel, guarantee, where)
            for line in show.run_as_json(run) if as_json else run.lines():
                click.echo(line, nl=False)
            _say_what_is_missing(terms)
        elif text is not None:
            _answer(retriever, text, plan, explain=explain, as_json=as_json)
        else:
            _converse(retriever, plan, explain=explain, as_json=as_json)


def _demand_something_to_ask(text: str | None, queries: str | None, vectors: Path | None) -> None:
    given = [
        name for name, value in (("TEXT", text), ("--queries", queries), ("--vectors", vectors)) if value is not None
    ]
    if len(given) > 1 and given != ["--queries", "--vectors"]:
        raise click.UsageError(f"{' and '.join(given)} exclude one another")
    if not given and not sys.stdin.isatty():
        raise click.UsageError("give TEXT, or --queries FILE, or run on a terminal to be asked")
    if text is not None and not text.strip():
        raise click.UsageError("TEXT is empty")
    if text is not None and has_surrogate(text):
        raise click.UsageError("TEXT is not UTF-8")


def _answer(retriever: "Retriever", text: str, plan: "Plan", *, explain: bool, as_json: bool) -> None:
    from mrl_search.cli import show
    from mrl_search.scale import terms
    from mrl_search.trace import traced_hybrid, traced_search

    retriever.warm_up()  # loads model and kernels, which is no part of the query's time
    start = time.perf_counter()
    vectors = retriever.encode([text])
    encode_ms = 1000 * (time.perf_counter() - start)
    with terms().counted():  # what was opened, loaded and encoded is no part of a deadline
        if plan.hybrid is not None:
            found = traced_hybrid(retriever, text, vectors, plan)
        else:
            found = traced_search(retriever, vectors, plan.funnel, proof=plan.proof, where=plan.where)
    if terms().missing:
        found = replace(found, certificate=None)  # who is silent may know better
    if as_json:
        where = retriever.index(plan.where).where if explain else None
        click.echo(show.as_json(text, found, encode_ms, where, plan, sorted(terms().missing)))
        return
    if explain:
        click.echo(show.explanation(found, retriever.index(plan.where).where))
    else:
        click.echo(show.answers(text, found.answers))
    documents = f"{len(retriever):,} documents of {retriever.stored.folder}"
    click.echo(show.timing(found, encode_ms, documents, plan.promise))
    _say_what_is_missing(terms())


def _say_what_is_missing(of: "Terms") -> None:
    if of.missing:
        click.echo(f"partial: without {', '.join(sorted(of.missing))}", err=True)


def _converse(retriever: "Retriever", plan: "Plan", *, explain: bool, as_json: bool) -> None:
    """Asks until the end of input; an error ends a question, not the conversation."""
    import readline  # noqa: F401  its import gives input() editing and history

    click.echo(f"{len(retriever):,} documents in {retriever.stored.folder}; Ctrl-D ends", err=True)
    while True:
        try:
            text = input("query> ").strip()
        except (EOFError, KeyboardInterrupt):
            click.echo(err=True)
            return
        try:
            if text:
                _answer(retriever, text, plan, explain=explain, as_json=as_json)
        except MRLSearchError as error:
            click.echo(f"Error: {error}", err=True)


def query_vectors(
    retriever: "Retriever", texts: "Mapping[str, str] | None", vectors: Path | None
) -> tuple[list[str], "NDArray[np.floating[Any]]"]:
    """Names and vectors of all queries (text by name); vectors without texts are named by their rows."""
    from mrl_search.errors import VectorsError
    from mrl_search.vectors import load_vectors, wide

    if vectors is not None:
        matrix = wide(load_vectors(vectors))
        names = list(texts) if texts is not None else [str(row) for row in range(len(matrix))]
        if len(names) != len(matrix):
            raise VectorsError(f"{vectors} holds {len(matrix)} vectors for {len(names)} queries; they must be in step")
    else:
        names = list(texts or {})
        matrix = retriever.encode(list((texts or {}).values()))
    return names, matrix
