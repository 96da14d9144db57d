"""The web page: files of this package, sent as they are, under a policy that allows nothing else."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from mrl_search.serve.refusals import RefusalError

page = APIRouter(include_in_schema=False)
_KINDS = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@page.get("/")
async def index() -> Response:
    """The page itself."""
    return _sent("index.html")


@page.get("/favicon.ico")
async def icon() -> Response:
    """Browsers ask for it unasked."""
    return _sent("icon.svg")


@page.get("/assets/{name}")
async def asset(name: str) -> Response:
    """A file of the page."""
    return _sent(name)


def _sent(name: str) -> Response:
    content = _contents().get(name)
    if content is None:
        raise RefusalError(404, "not_found", "there is no such file")
    kind = _KINDS[name.rpartition(".")[2]]
    headers = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
    return Response(content, headers=headers, media_type=kind)


@cache
def _contents() -> dict[str, bytes]:
    """All files by name: what is not among them is not sent, whatever the name looks like."""
    folder = files("mrl_search.serve") / "assets"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _KINDS}
