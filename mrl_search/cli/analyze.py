"""mrl-search analyze."""

from pathlib import Path
from typing import Any

import click

from mrl_search.cli.options import DimsType, encoder_options, encoder_spec, encoding_device_option, geometry_outputs


@click.command("analyze")
@click.argument("subjects", metavar="ENCODER|INDEX|FILE.npy...", nargs=-1, required=True)
@click.option("--texts", metavar="CORPUS", help="What to encode, as for build.  [default: --dataset's, pydoc:stdlib]")
@click.option("--sample", type=click.IntRange(min=100), default=5000, show_default=True, help="Rows at most.")
@click.option("--dims", type=DimsType(), default=(), help="Widths, as 16,64,768.  [default: powers of two from 8]")
@click.option("--pairs", type=click.Path(path_type=Path), help="Pairs that belong together, as to train: alignment.")
@click.option("--dataset", metavar="NAME", help="A judged collection, as for eval: what each dim does for its ranking.")
@click.option("--split", default="test", show_default=True, help="Of the collection.")
@click.option("--data", type=click.Path(path_type=Path), help="A folder that holds the collection.")
@geometry_outputs
@encoding_device_option
@encoder_options
def analyze_command(
    subjects: tuple[str, ...],
    texts: str | None,
    sample: int,
    dims: tuple[int, ...],
    pairs: Path | None,
    dataset: str | None,
    split: str,
    data: Path | None,
    outs: tuple[Path, ...],
    as_json: bool,
    no_cache: bool,
    device: str,
    **told: Any,
) -> None:
    """Measure the geometry of vectors at every width: isotropy, collapse, intrinsic dimension, hubs, neighbours.

    Of several subjects the others are set against the first, over the same texts. Folders of the trainer
    (…/ARM-seedN/model) that differ in their seed alone are one arm, and say how much seeds differ.
    """
    from mrl_search.geometry import Asked, analyze, check_outs, shown_analysis, write_shown

    check_outs(outs)  # what cannot be written is said before minutes of work
    specs = [spec for name in subjects if (spec := encoder_spec(name, None, **told)) is not None]
    asked = Asked(texts, sample, pairs, dataset, split, data, cache=not no_cache, progress=True, device=device)
    found = shown_analysis(analyze(specs, asked, dims))
    for out in outs:
        write_shown(found, out)
    click.echo(found.result.to_json() if as_json else found.table)
