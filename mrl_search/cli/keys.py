"""mrl-search keys."""

from pathlib import Path

import click

_SCOPES = ("read", "write")
_file = click.option(
    "--file", "path", type=click.Path(path_type=Path, dir_okay=False), default="keys.json", show_default=True,
    help="Where the keys' hashes are kept.",
)  # fmt: skip


@click.group("keys")
def keys_command() -> None:
    """Make, list and revoke the API keys of a server; it notices within seconds."""


@keys_command.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), default=("read",), show_default=True)
@_file
def create_command(name: str, scopes: tuple[str, ...], path: Path) -> None:
    """Make a key called NAME and print it; it is shown this once."""
    from mrl_search.serve import create_key

    click.echo(create_key(path, name, scopes))


@keys_command.command("list")
@_file
def list_command(path: Path) -> None:
    """Names, scopes and ages of all keys."""
    from mrl_search.serve import read_keys

    for key in read_keys(path):
        click.echo(f"{key.name}\t{','.join(key.scopes)}\t{key.created}")


@keys_command.command("revoke")
@click.argument("name")
@_file
def revoke_command(name: str, path: Path) -> None:
    """Take the key called NAME away."""
    from mrl_search.serve import revoke_key

    revoke_key(path, name)
    click.echo(f"{name} was revoked", err=True)
