"""The busiest route, answered before FastAPI, whose layers take longer than a search among 200,000 documents.

The same checks by the same models, and the same answers: FastAPI has the route too, and describes it.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pydantic import ValidationError

from mrl_search.serve.engine import Engine
from mrl_search.serve.guard import UNTIL
from mrl_search.serve.models import SearchRequest
from mrl_search.serve.refusals import not_as_described
from mrl_search.serve.routes import searched

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Shortcut:
    """ASGI: answers POST /v1/search, whose body comes in one message, and leaves all else to the app.

    Raises RefusalError and MRLSearchError, for the guard to answer.
    """

    def __init__(self, app: App, engine: Engine) -> None:
        self._app, self._engine = app, engine

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] != "/v1/search" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            asked = SearchRequest.model_validate_json((await receive())["body"])
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            raise not_as_described(faults) from None
        content = await searched(self._engine, asked, scope.get(UNTIL))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
