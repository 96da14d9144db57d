"""What was found, as files: JSON, Markdown, a page that needs nothing else, pictures."""

import html
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mrl_search.atomic import replacing
from mrl_search.errors import RecipeError
from mrl_search.results import Result
from mrl_search.tuning import new_figure, write_figure

_PICTURES = (".png", ".svg")
_ENDINGS = (".json", ".md", ".html", *_PICTURES)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ margin: 0 auto; max-width: 80rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif }}
pre {{ overflow-x: auto; font: 0.8rem/1.4 ui-monospace, monospace }}
figure {{ margin: 1rem 0; background: #fff }} figure svg {{ width: 100%; height: auto }}
</style></head>
<body><h1>{title}</h1><figure>{picture}</figure><pre>{table}</pre></body></html>
"""
_SECTION = """<section><h2>{title}</h2>
<figure class="picture" role="img" aria-label="{title}">{picture}</figure>
<details><summary>In figures</summary>
<div class="wide" role="region" aria-label="In figures: {title}" tabindex="0"><pre>{table}</pre></div>
</details></section>
"""


class Shown(NamedTuple):
    """A result as it may be written. figure: draws it when it is asked for."""

    result: Result
    title: str
    table: str
    markdown: str
    figure: Callable[[], Any]


def check_outs(paths: Sequence[Path]) -> None:
    """Raises RecipeError for an ending that `write_shown` does not know, and MissingPackageError without matplotlib for
    a picture."""
    for path in paths:
        if path.suffix.lower() not in _ENDINGS:
            raise RecipeError(f"cannot write {path}: wanted one of {', '.join(_ENDINGS)}")
        if path.suffix.lower() in (".html", *_PICTURES):
            new_figure(path.with_suffix(".svg"))


def write_shown(shown: Shown, path: Path) -> None:
    """Writes one file, all or nothing, in the format its ending names. Raises as `check_outs`."""
    check_outs([path])
    ending = path.suffix.lower()
    if ending == ".json":
        shown.result.write(path)
    elif ending in _PICTURES:
        write_figure(shown.figure(), path)
    else:
        text = shown.markdown + "\n" if ending == ".md" else _page(shown)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def made_by(provenance: Mapping[str, object]) -> str:
    """One sentence of Markdown: the command, commit and machine that a page came from."""
    command = str(provenance["command"]).replace("__main__.py", "mrl-search", 1)  # of python -m mrl_search
    return f"Made by `{command}` at commit {provenance['commit']}, on {provenance['machine']}."


def section(shown: Shown) -> str:
    """Title, picture and table as a part of a page that asks for nothing. Raises as `check_outs`."""
    return _SECTION.format(title=html.escape(shown.title), picture=_svg(shown), table=html.escape(shown.table))


def _page(shown: Shown) -> str:
    return _PAGE.format(title=html.escape(shown.title), picture=_svg(shown), table=html.escape(shown.table))


def _svg(shown: Shown) -> str:
    """Without what a file begins with."""
    buffer = io.StringIO()
    shown.figure().savefig(buffer, format="svg")
    picture = buffer.getvalue()
    return picture[picture.index("<svg") :]
