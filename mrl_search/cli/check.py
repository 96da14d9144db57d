"""mrl-search check."""

import json
from pathlib import Path

import click


@click.command("check")
@click.argument("index", required=False, type=click.Path(path_type=Path))
@click.option("--repair", is_flag=True, help="Do what loses nothing: make anew what the vectors give, sweep the rest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_command(index: Path | None, repair: bool, as_json: bool) -> None:
    """Read every file of INDEX, compare all it says of itself, and say what is wrong. Exit code 1 if anything is.

    The index built last if none is named.
    """
    from mrl_search.indexes import check, find_index

    folder = find_index(index)
    findings = check(folder, repair=repair)
    left = [finding for finding in findings if not finding.is_mended]
    if as_json:
        facts = {"index": str(folder), "findings": [finding._asdict() for finding in findings], "is_sound": not left}
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        for finding in findings:
            cure = "mended" if finding.is_mended else finding.cure and f"--repair would {finding.cure}"
            click.echo(f"{finding.problem} [{cure or '--repair cannot mend it'}]")
        click.echo(
            f"{folder}: {'sound' if not left else f'{len(left):,} finding' + 's' * (len(left) != 1)}", err=bool(left)
        )
    if left:
        raise SystemExit(1)
