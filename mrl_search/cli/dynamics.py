"""mrl-search dynamics."""

from pathlib import Path

import click

from mrl_search.cli.options import geometry_outputs


@click.command("dynamics")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@geometry_outputs
def dynamics_command(runs: tuple[Path, ...], outs: tuple[Path, ...], as_json: bool) -> None:
    """Compare how runs of the trainer went: losses of every width, gradients, updates, and when each width converged.

    RUN is a folder that `train` wrote, training/models/RECIPE/ARM-seedN. Other seeds of its arm are found beside it.
    """
    from mrl_search.geometry import check_outs, courses, dynamics, shown_dynamics, write_shown

    check_outs(outs)
    found = dynamics(runs)
    shown = shown_dynamics(found, courses(runs))
    for out in outs:
        write_shown(shown, out)
    click.echo(found.to_json() if as_json else shown.table)
