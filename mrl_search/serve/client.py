"""A client of the API that waits and tries again where that may help."""

import base64
import contextlib
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mrl_search.document import Document
from mrl_search.errors import MissingPackageError, ServeError
from mrl_search.retriever import Answer
from mrl_search.terms import terms
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    import httpx2

_AGAIN = {408, 429, 502, 503, 504}
_FIRST_SECONDS, _MOST_SECONDS = 0.25, 30.0
_DOCUMENTS, _QUERIES = 500, 64  # of one request
_TOO_MUCH = {"too_many_answers", "answer_too_long"}  # for one request


class Written(NamedTuple):
    """What a change did; documents: that there are now."""

    written: int
    removed: int
    missing: tuple[str, ...]
    documents: int


class _RefusedError(ServeError):
    """code: as the server says it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """Searches and changes indexes of a server; a context manager.

    url: as `https://host:8000`. key: of the server's, if it has any. retries: how often a request is sent again when
    the server is busy or away, after what Retry-After says, else after a time that doubles. All requests may be sent
    twice: a document that is written again is the same document. timeout: seconds, of one try.
    Methods raise ServeError for what the server refuses, and when the last try failed.
    """

    def __init__(self, url: str, key: str | None = None, *, retries: int = 5, timeout: float = 30.0) -> None:
        try:
            import httpx2
        except ImportError as error:
            raise MissingPackageError("httpx2", "a client", "serve") from error
        if key is not None and not key.isascii():
            raise ServeError("the key holds characters that no key has; was it copied whole?")
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._retries = retries
        self._failed = httpx2.TransportError
        self._http: httpx2.Client = httpx2.Client(base_url=url, headers=headers, timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives its connections back."""
        self._http.close()

    def search(self, texts: Sequence[str], /, k: int | None = None, **told: Any) -> list[list[Answer]]:
        """As `Retriever.search`, on the caller's `Terms`, too.

        told: index, funnel, guarantee, where, hybrid; and `texts=False` for answers without texts and metadata.
        """
        return self._found("queries", list(texts), {"k": k, **told})

    def search_vectors(self, queries: Vectors, k: int | None = None, **told: Any) -> list[list[Answer]]:
        """As `Retriever.search_vectors`, for (q, D) query vectors."""
        coded = [base64.b64encode(row.tobytes()).decode("ascii") for row in np.asarray(queries, "<f4")]
        return self._found("vectors", coded, {"k": k, **told})

    def upsert(self, documents: Iterable[Document], index: str | None = None) -> Written:
        """Writes documents, some hundred at a time; those of a request that was answered are on disk."""
        done, rest = Written(0, 0, (), 0), iter(documents)
        while some := list(islice(rest, _DOCUMENTS)):
            rows = [
                {"id": one.id, "title": one.title, "text": one.text, "metadata": dict(one.metadata)} for one in some
            ]
            told = self.ask("POST", "/v1/documents", {"index": index, "documents": rows})
            done = done._replace(written=done.written + told["written"], documents=told["documents"])
        return done

    def delete(self, ids: Iterable[str] = (), *, where: str | None = None, index: str | None = None) -> Written:
        """Deletes documents by ids, by a filter, or both."""
        if isinstance(ids, str):  # a str is an iterable of str, too
            raise TypeError("wanted a list of ids, found one id; put it in a list: [id]")
        told = self.ask("DELETE", "/v1/documents", {"index": index, "ids": list(ids), "where": where})
        return Written(told["written"], told["removed"], tuple(told["missing"]), told["documents"])

    def indexes(self) -> list[dict[str, Any]]:
        """What each index says of itself."""
        found: list[dict[str, Any]] = self.ask("GET", "/v1/indexes")["indexes"]
        return found

    def ask(self, method: str, path: str, told: dict[str, Any] | None = None) -> Any:
        """One request of any kind; what is None in it is left out. The answer's JSON."""
        body = None if told is None else {name: value for name, value in told.items() if value is not None}
        for wait in (*self._waits(), None):
            try:
                answer = self._http.request(method, path, json=body, headers=_deadline())
            except self._failed as error:
                if wait is None or _is_over():
                    raise ServeError(f"{self._http.base_url} does not answer: {error}") from error
                time.sleep(wait)
                continue
            if answer.is_success:
                return _read(answer, path)
            if wait is None or not _may_help(answer) or _is_over():
                message, code = _told(answer)
                raise _RefusedError(f"{path} was refused with {answer.status_code}: {message}", code)
            time.sleep(max(wait, _told_to_wait(answer, wait)))  # many who are told the same would come together again
        raise AssertionError  # the last try returns or raises

    def _waits(self) -> Iterator[float]:
        """Seconds between tries; a random part keeps clients that were refused together from coming together."""
        for again in range(self._retries):
            yield min(_MOST_SECONDS, _FIRST_SECONDS * 2**again) * random.uniform(0.5, 1)  # noqa: S311

    def _found(self, name: str, queries: list[str], told: dict[str, Any]) -> list[list[Answer]]:
        found: list[list[Answer]] = []
        for start in range(0, len(queries), _QUERIES):
            found += self._found_together(name, queries[start : start + _QUERIES], told)
        return found

    def _found_together(self, name: str, queries: list[str], told: dict[str, Any]) -> list[list[Answer]]:
        """Of one request, or of two with half of the queries each where the server will not tell so much at once."""
        now = terms()
        try:
            answer = self.ask("POST", "/v1/search", {name: queries, **told, "partial": now.partial or None})
        except _RefusedError as error:
            if error.code not in _TOO_MUCH or len(queries) < 2:
                raise
            half = len(queries) // 2
            return [one for some in (queries[:half], queries[half:]) for one in self._found_together(name, some, told)]
        now.missing.update(answer.get("missing", ()))
        return [[_answer(one) for one in result["answers"]] for result in answer["results"]]


def _answer(told: dict[str, Any]) -> Answer:
    return Answer(told["score"], told["id"], told["title"], told.get("text", ""), told.get("metadata", {}))


def _deadline() -> dict[str, str]:
    """What the server is told of the caller's deadline, if there is one."""
    left = terms().seconds_left
    return {} if left is None else {"x-timeout-ms": str(max(1, round(1000 * left)))}


def _is_over() -> bool:
    return terms().seconds_left == 0


def _may_help(answer: "httpx2.Response") -> bool:
    """Whether to ask again. A 500 in other words than the API's is that of a proxy whose server was lost meanwhile:
    Ray Serve's, of each request that was with a process that died."""
    return answer.status_code in _AGAIN or (answer.status_code == 500 and not answer.text.startswith("{"))


def _read(answer: "httpx2.Response", path: str) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise ServeError(
            f"{path} was answered with what is not JSON; is there another server at {answer.url}?"
        ) from error


def _told_to_wait(answer: "httpx2.Response", otherwise: float) -> float:
    """A proxy says it in whole seconds only, or as a date, which is not read."""
    for name, a_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        with contextlib.suppress(KeyError, ValueError):
            return min(_MOST_SECONDS, max(0.0, float(answer.headers[name]) / a_second))
    return otherwise


def _told(answer: "httpx2.Response") -> tuple[str, str]:
    """Message and code of a refusal."""
    try:
        error = answer.json()["error"]
        return str(error["message"]), str(error.get("code", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason_phrase, ""
