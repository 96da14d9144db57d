"""mrl-search doctor."""

from pathlib import Path
from typing import Any

import click

from mrl_search.cli.options import encoder_options, encoder_spec, encoding_device_option


@click.command("doctor")
@click.argument("subject", metavar="ENCODER|INDEX")
@click.option("--texts", metavar="CORPUS", help="What to encode, as for build.  [default: pydoc:stdlib, or nothing]")
@click.option(
    "--sample", type=click.IntRange(min=100), metavar="N", help="Rows at most.  [default: 2000, or 10000 read]"
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the curve: a .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@encoding_device_option
@encoder_options
def doctor_command(
    subject: str,
    texts: str | None,
    sample: int | None,
    plot: Path | None,
    as_json: bool,
    no_cache: bool,
    device: str,
    **told: Any,
) -> None:
    """Say whether vectors may be cut, where, and after which rotation.

    ENCODER is as for build, encoding docstrings unless --texts says otherwise; INDEX a folder or name, whose stored
    vectors are looked at; or a file of vectors, .npy.
    """
    from mrl_search.tuning import diagnosis_table, doctor, new_figure, plot_diagnosis

    if plot is not None:
        new_figure(plot)  # what cannot be drawn is said before minutes of work
    spec = encoder_spec(subject, None, **told)
    assert spec is not None  # a name was given
    found = doctor(spec, texts=texts, sample=sample, cache=not no_cache, progress=True, device=device)
    click.echo(found.to_json() if as_json else diagnosis_table(found))
    if plot is not None:
        plot_diagnosis(found, plot)
