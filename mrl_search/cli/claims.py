"""mrl-search claims."""

from pathlib import Path

import click


@click.command("claims")
@click.argument("file", type=click.Path(path_type=Path))
def claims_command(file: Path) -> None:
    """Weigh FILE's claims against results; prints Markdown."""
    from mrl_search.eval import claims_ledger

    click.echo(claims_ledger(file))
