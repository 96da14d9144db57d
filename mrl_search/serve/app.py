"""The web application: routes, the page, and the gate around them."""

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mrl_search.errors import MRLSearchError
from mrl_search.provenance import version
from mrl_search.serve.admission import Admission
from mrl_search.serve.engine import Engine
from mrl_search.serve.guard import Guard
from mrl_search.serve.page import page
from mrl_search.serve.rates import Rates
from mrl_search.serve.refusals import RefusalError, not_as_described, refusal_of
from mrl_search.serve.routes import router
from mrl_search.serve.settings import Settings
from mrl_search.serve.shortcut import Shortcut


def create_app(settings: Settings, engine: Engine, admission: Admission, rates: Rates) -> Guard:
    """An ASGI application over an engine, which others open and close."""
    return Guard(Shortcut(described_app(settings, engine), engine), settings, engine, admission, rates)


def described_app(settings: Settings, engine: Engine) -> FastAPI:
    """All routes and their description, without the gate."""
    app = FastAPI(
        title="mrl-search",
        version=version(),
        summary="Adaptive (Matryoshka) retrieval: shortlist by a short prefix, rerank by longer ones.",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,  # to an address as the server sees it, which a proxy's callers may not reach
    )
    app.state.engine = engine
    app.include_router(router)
    app.include_router(page)
    app.add_exception_handler(RequestValidationError, _not_as_described)
    app.add_exception_handler(HTTPException, _not_found)
    for kind in (RefusalError, MRLSearchError, Exception):
        app.add_exception_handler(kind, _refused)
    _describe_keys(app, wanted=settings.keys is not None)
    return app


def _describe_keys(app: FastAPI, *, wanted: bool) -> None:
    """Puts the keys into the OpenAPI description."""
    made = app.openapi

    def described() -> dict[str, Any]:
        told = made()
        if wanted:
            told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            told["security"] = [{"key": []}]
        return told

    app.openapi = described  # type: ignore[method-assign]


async def _refused(request: Request, error: Exception) -> Response:
    return _answer(request, refusal_of(error))


async def _not_as_described(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [{**fault, "loc": fault["loc"][1:]} for fault in error.errors()]  # without "body", or "query"
    return _answer(request, not_as_described(faults))


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {400: "json_invalid", 404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "http_error")
    refusal = RefusalError(error.status_code, code, str(error.detail))
    answer = _answer(request, refusal)
    answer.headers.update(dict(error.headers or {}))
    described = request.app.openapi()["paths"].get(request.url.path)
    if error.status_code == 405 and described:  # Starlette names the methods of the first of several routes
        methods = {*map(str.upper, described), *(["HEAD"] if "get" in described else [])}
        answer.headers["allow"] = ", ".join(sorted(methods))
    return answer


def _answer(request: Request, refusal: RefusalError) -> Response:
    request.scope["mrl_search.code"] = refusal.code  # for the guard's notes
    content = json.dumps(refusal.content, ensure_ascii=False)
    return Response(content, refusal.status, refusal.headers, media_type="application/json")
