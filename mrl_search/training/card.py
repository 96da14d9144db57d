"""What a model's card says beyond sentence-transformers' own: the per-width table, and what made it."""

import re
from pathlib import Path
from typing import Any

from mrl_search.atomic import replacing

_BEGIN, _END = "<!-- mrl-search {name} -->", "<!-- /mrl-search {name} -->"


def add_section(card: Path, name: str, text: str) -> None:
    """Puts a section at the end of a card, in place of one of the same name."""
    begin, end = _BEGIN.format(name=name), _END.format(name=name)
    before = card.read_text(encoding="utf-8") if card.exists() else ""
    kept = re.sub(f"\n*{re.escape(begin)}.*?{re.escape(end)}\n*", "\n", before, flags=re.DOTALL).rstrip()
    with replacing(card) as temporary:
        temporary.write_text(f"{kept}\n\n{begin}\n{text.strip()}\n{end}\n", encoding="utf-8")


def _summed(arm: dict[str, Any]) -> str:
    """What the arm's loss is the sum of, in words."""
    if arm.get("method", "mrl") != "mrl":
        layers = f" and the layers {arm['layers']}" if arm["layers"] else ""
        return f"method `{arm['method']}`, of the widths {arm['dims']}{layers}"
    cut = f"the base's first {arm['depth']} layers, and " if arm.get("depth") else ""
    return f"{cut}the losses of the widths {arm['dims']} are added up" + (", averaged" if arm["mean"] else "")


def made_from(facts: dict[str, Any]) -> str:
    """Recipe, data and code of one run, for a card."""
    recipe, arm, made = facts["recipe"], facts["arm"], facts["provenance"]
    told = {name: value for name, value in recipe.items() if name != "data" and value not in (None, "")}
    lines = [
        "## What made it",
        f"Arm `{arm['name']}` of a twin study: {_summed(arm)}"
        + (f", beginning in {arm['rotation']} axes of the training texts" if "rotation" in arm else "")
        + f"; seed {facts['seed']}.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in told.items()),
        *(
            f"| data | {s['path']}: {s['examples']:,} examples, sha256 {str(s['sha256'])[:16]}… |"
            for s in facts["data"]
        ),
        f"| commit | {made['commit'] or 'unknown'} |",
        f"| machine | {made['machine']} |",
        f"| packages | {', '.join(f'{name} {version}' for name, version in made['packages'].items())} |",
    ]
    return "\n".join(lines)
