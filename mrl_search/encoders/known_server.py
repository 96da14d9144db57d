"""To whom the key of an endpoint may be sent because an index says so."""

import os
from urllib.parse import urlsplit

from mrl_search.errors import EncoderError

_HERE = ("localhost", "127.0.0.1", "::1")
_OPENAI = "https://api.openai.com"


def demand_known_server(name: str) -> None:
    """Raises EncoderError where an index names a server for $OPENAI_API_KEY that its user has not named.

    name: of the index's encoder. Known are OpenAI's own server, this machine, and $OPENAI_BASE_URL: who sends others an
    index could else have their keys sent to him. Without a key, only queries are sent.
    """
    _, _, url = name.partition("@http")
    url = url and f"http{url}"
    known = os.environ.get("OPENAI_BASE_URL", "")
    if not url or not os.environ.get("OPENAI_API_KEY") or url.rstrip("/") == known.rstrip("/"):
        return
    place = urlsplit(url)
    if place.hostname in _HERE or f"{place.scheme}://{place.netloc}" == _OPENAI:
        return
    raise EncoderError(
        f"this index sends your OPENAI_API_KEY, and what you ask, to {url}; if you trust that server, "
        f"export OPENAI_BASE_URL={url}"
    )
