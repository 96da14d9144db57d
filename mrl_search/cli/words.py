"""mrl-search words."""

import json
import time
from pathlib import Path

import click


@click.command("words")
@click.argument("index", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def words_command(index: Path, as_json: bool) -> None:
    """Index the words of INDEX for `query --hybrid`, if an older version built it.

    `build`, `add` and `compact` do that by themselves.
    """
    from mrl_search.indexes import add_words, find_index, read_manifest
    from mrl_search.progress import bar

    start, folder = time.perf_counter(), find_index(index)
    documents = read_manifest(folder)[0].documents
    with bar(None, "indexing words", "documents", shown=True) as progress:
        add_words(folder, progress.update)
    seconds = time.perf_counter() - start
    facts = {"index": str(folder), "documents": documents, "seconds": round(seconds, 3)}
    told = f"{folder}: the words of {documents:,} documents are indexed; {seconds:.2f} s"
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else told)
