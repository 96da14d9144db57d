"""mrl-search diff."""

from pathlib import Path

import click

from mrl_search.cli.options import DimsType, encoding_device_option, geometry_outputs


@click.command("diff")
@click.argument("first", metavar="ENCODER_A")
@click.argument("second", metavar="ENCODER_B")
@click.option("--texts", metavar="CORPUS", help="What both encode, as for build.  [default: pydoc:stdlib]")
@click.option("--sample", type=click.IntRange(min=100), default=2000, show_default=True, help="Texts at most.")
@click.option("--dims", type=DimsType(), default=(), help="Widths, as 16,64,384.  [default: powers of two from 8]")
@click.option("--crosscoder", is_flag=True, help="Train a shared dictionary: what only one of them has; 10,000 texts.")
@geometry_outputs
@encoding_device_option
def diff_command(
    first: str,
    second: str,
    texts: str | None,
    sample: int,
    dims: tuple[int, ...],
    crosscoder: bool,
    outs: tuple[Path, ...],
    as_json: bool,
    device: str,
) -> None:
    """Compare two trained encoders: every layer, every prefix, every matrix of weights.

    Both are sentence-transformers models of one architecture, by name or folder. Other seeds of the trainer's folders
    (…/ARM-seedN/model) are found beside them, and are the noise that differences are set against.
    """
    from mrl_search.geometry import Compared, CrosscoderRecipe, check_outs, diff, shown_diff, write_shown
    from mrl_search.tuning import TEXTS

    check_outs(outs)
    recipe = CrosscoderRecipe() if crosscoder else None
    found = shown_diff(diff(first, second, Compared(texts or TEXTS, sample, dims, recipe, device, progress=True)))
    for out in outs:
        write_shown(found, out)
    click.echo(found.result.to_json() if as_json else found.table)
