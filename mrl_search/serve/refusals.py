"""What is answered instead of what was asked for: a status, a code for programs, one line for people.

The shape is OpenAI's, `{"error": {"message", "type", "code"}}`, so that its clients show the message.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mrl_search.errors import (
    FilterError,
    FunnelError,
    FusionError,
    GuaranteeError,
    IndexBusyError,
    MRLSearchError,
    ShardsMissingError,
    VectorsError,
)

_LOG = logging.getLogger(__name__)
_ASKED_WRONGLY = (FilterError, FunnelError, FusionError, GuaranteeError, VectorsError)
_TOLD_FAULTS = 5
_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:/[^\s/:;,'\"]+)+/?")


class RefusalError(Exception):
    """An answer that is none. retry_seconds: after which the same may be answered. closes: the connection."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_seconds: float | None = None, closes: bool = False
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_seconds, self.closes = retry_seconds, closes

    @property
    def content(self) -> dict[str, Any]:
        """What is sent as JSON."""
        kind = "invalid_request_error" if self.status < 500 and self.status != 429 else "server_error"
        return {"error": {"message": self.message, "type": kind, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Besides the content's."""
        told = {}
        if self.retry_seconds is not None:
            told["retry-after"] = str(max(1, round(self.retry_seconds + 0.499)))
            told["retry-after-ms"] = str(max(1, round(1000 * self.retry_seconds)))  # OpenAI's clients heed it
        if self.closes:
            told["connection"] = "close"
        if self.status == 401:
            told["www-authenticate"] = "Bearer"
        return told


def busy(retry_seconds: float) -> RefusalError:
    """The queue is full."""
    return RefusalError(429, "overloaded", "too many requests wait already", retry_seconds=retry_seconds)


def refusal_of(error: Exception) -> RefusalError:
    """What a request is told of an error. What is not its fault is logged here, and told without details."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, IndexBusyError):
        return RefusalError(503, "index_busy", "another process is writing to the index; try again", retry_seconds=1)
    if isinstance(error, ShardsMissingError):
        _LOG.warning("%s", error)
        told = f"no answer from {', '.join(error.missing)}; try again, or take what the other shards find: partial"
        return RefusalError(503, "shards_missing", told, retry_seconds=1)
    if isinstance(error, _ASKED_WRONGLY):
        return RefusalError(422, _code(error), without_paths(" ".join(str(error).split())))
    _LOG.error("a request failed", exc_info=error)
    if isinstance(error, MRLSearchError):
        return RefusalError(503, _code(error), "the index or its encoder cannot be used now; the server's log says why")
    return RefusalError(500, "internal_error", "something went wrong; the server's log says what")


def not_as_described(faults: Sequence[Mapping[str, Any]]) -> RefusalError:
    """What pydantic found: where and why, without repeating what was sent."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return RefusalError(400, "json_invalid", "the body is not JSON")
    said = [(fault["loc"], fault["msg"].removeprefix("Value error, ")) for fault in faults[:_TOLD_FAULTS]]
    told = [f"{'.'.join(map(str, place)) or 'body'}: {message}"[:200] for place, message in said]
    return RefusalError(422, "request_invalid", "; ".join(told))


def without_paths(message: str) -> str:
    """The message with what looks like a file's path replaced: readers need not know where things lie."""
    return _PATH.sub("…", message)


def _code(error: Exception) -> str:
    """FunnelError as funnel_error."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
