"""Embeddings from an OpenAI-compatible endpoint: `openai:MODEL@URL`, or `openai:MODEL` for the default URL.

The openai client does the retrying: connection errors, time-outs, 408, 409,
429 and 5xx, after the server's `retry-after` up to 120 s, else with exponential
back-off (3.52, `_base_client.py`, `_should_retry`). It never looks at
`x-ratelimit-*`, so a spent limit is waited out here.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.errors import EncoderError, MissingPackageError
from mrl_search.vectors import Vectors, unit

if TYPE_CHECKING:
    from openai import APIError, OpenAI

_MAX_TEXTS = 128
_MAX_CHARS = 200_000  # OpenAI refuses more than 300,000 tokens in one request
_NAME = re.compile(r"openai:(?!@http)(?P<model>@?[^@]+(?:@[\w.-]+)?)(?:@(?P<url>https?://.*))?")
_URL = re.compile(r"https?://([\w-]{1,63}(\.[\w-]{1,63})*|\[[\da-fA-F:]+\])(:\d{1,5})?(/[^\s@?#]*)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def load_openai(spec: EncoderSpec) -> "OpenAIEncoder":
    """The encoder that `spec.name` names; nothing is sent yet.

    The key is OPENAI_API_KEY; without one a placeholder is sent, if a URL was given (here or as OPENAI_BASE_URL).
    Raises EncoderError for a name, URL, key or setting that cannot work.
    """
    try:
        import openai
    except ImportError:
        raise MissingPackageError("openai", "an openai: encoder", "openai") from None
    model, url = _model_and_url(spec.name)
    if spec.layer_norm or spec.precision != "auto" or spec.layers is not None:
        raise EncoderError(f"only the server of {model!r} sets layer_norm, precision or layers; leave them out")
    timeout = openai.Timeout(120.0, connect=5.0)
    client = openai.OpenAI(api_key=_key(url), base_url=url, timeout=timeout, max_retries=6)  # 24 s of back-off in all
    return OpenAIEncoder(spec, model, client)


class OpenAIEncoder:
    """One model behind one endpoint; an empty text is sent as one space, since OpenAI refuses empty input."""

    trained_dims: tuple[int, ...] = ()

    def __init__(self, spec: EncoderSpec, model: str, client: "OpenAI") -> None:
        self.spec = spec
        self._model = model
        self._client = client
        self._resume_at = 0.0  # by time.monotonic

    @property
    def identity(self) -> str:
        """Model, URL, dimensions and prompts; which weights the server has under that name cannot be seen from here."""
        return (
            f"openai:{self._model} url={self._client.base_url} dimensions={self.spec.dim} "
            f"query_prompt={self.spec.query_prompt or ''!r} document_prompt={self.spec.document_prompt or ''!r}"
        )

    @cached_property
    def dim(self) -> int:
        """The width the spec asks for; if none, the width of the server's answer to one short text."""
        return self._answer(["width"]).shape[1] if self.spec.dim is None else self.spec.dim

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows; raises EncoderError when the server fails or its answer does not fit."""
        return self._encode([(self.spec.query_prompt or "") + text for text in texts])

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows; raises EncoderError when the server fails or its answer does not fit."""
        return self._encode([(self.spec.document_prompt or "") + text for text in texts])

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in _batches(texts):
            answer = self._answer([text or " " for text in texts[rows]])  # (b, width)
            if answer.shape[1] != self.dim:
                ignored = "" if self.spec.dim is None else " ignored `dimensions`:"
                raise EncoderError(
                    f"{self._client.base_url}{ignored} found {answer.shape[1]} dims, wanted {self.dim}; "
                    f"ask for the width that {self._model!r} has, or for a model that can shorten its vectors"
                )
            vectors[rows] = answer
        return unit(vectors)

    def _answer(self, texts: list[str]) -> Vectors:
        """(n, width) rows of any length, in the order of the texts; one request."""
        import openai

        time.sleep(max(0.0, self._resume_at - time.monotonic()))
        try:
            answer = self._client.embeddings.with_raw_response.create(
                input=texts,
                model=self._model,
                encoding_format="float",  # many servers do not know the client's own default, base64
                extra_body=None if self.spec.dim is None else {"dimensions": self.spec.dim},
            )
        except openai.APIError as error:  # `from None`: its text, which may quote the key, stays out of tracebacks
            raise _explained(error, self._client, self._model) from None
        except UnicodeEncodeError as error:
            raise EncoderError(f"a text cannot be UTF-8 ({error.reason}); repair or remove it") from None
        self._resume_at = time.monotonic() + rate_limit_wait_s(answer.headers)
        return _vectors(answer.text, len(texts), str(self._client.base_url))


def rate_limit_wait_s(headers: Mapping[str, str]) -> float:
    """How long to hold the next request: the `x-ratelimit-reset-*` of every `x-ratelimit-remaining-*` that is 0.

    At most 120 s. A reset that is no duration (`6m0s`, `250ms`, `1.5`) counts
    as 0: if the limit is still spent then, the client retries the 429.
    """
    spent = [kind for kind in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{kind}") == "0"]
    return min(max((_seconds(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in spent), default=0), 120.0)


def _seconds(duration: str) -> float:
    duration += "s" if duration[-1:].isdigit() else ""
    known = re.fullmatch(f"(?:{_DURATION.pattern})+", duration)
    return sum(float(count) * _SECONDS[scale] for count, scale in _DURATION.findall(duration)) if known else 0.0


def _model_and_url(name: str) -> tuple[str, str | None]:
    """A model may itself hold an @ (`@cf/baai/bge-m3`, `embedding@001`), but not a URL without http."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise EncoderError("found an encoder name without model or http, wanted openai:MODEL@http://HOST:PORT/v1")
    url = match["url"] or os.environ.get("OPENAI_BASE_URL")
    if url is not None and not _URL.fullmatch(url):  # not shown: it may hold a password
        raise EncoderError(f"the URL for {match['model']!r} is not http://HOST:PORT/PATH alone; keep keys out of it")
    return match["model"], url


def _key(url: str | None) -> str:
    key = os.environ.get("OPENAI_API_KEY") or (url and "no-key-was-set")  # the client insists on one
    if not key:
        raise EncoderError("OPENAI_API_KEY is not set; export it, or name a local server: openai:MODEL@http://HOST/v1")
    if not re.fullmatch(r"[!-~]+", key):  # the client would fail in words that quote it
        raise EncoderError("OPENAI_API_KEY holds a blank, a line end or a non-ASCII letter; export the key alone")
    return key


def _batches(texts: Sequence[str]) -> Iterator[slice]:
    """Consecutive rows of at most 128 texts and 200,000 characters; a longer text goes alone."""
    start = chars = 0
    for row, text in enumerate(texts):
        if row > start and (row - start == _MAX_TEXTS or chars + len(text) > _MAX_CHARS):
            yield slice(start, row)
            start, chars = row, 0
        chars += len(text)
    if texts:
        yield slice(start, len(texts))


def _vectors(answer: str, n: int, url: str) -> Vectors:
    """(n, width) by `index`, read from the JSON: the client's own types took 0.32 s for 128 × 1536, this 0.06 s."""
    try:
        items = sorted(json.loads(answer)["data"], key=itemgetter("index"))
        with np.errstate(over="ignore"):
            vectors = np.array([item["embedding"] for item in items], dtype=np.float32)  # (n, width) if equally wide
    except (ValueError, TypeError, KeyError):
        raise EncoderError(f"{url} returned no vectors of one width; correct the URL, which ends as in /v1") from None
    if [item["index"] for item in items] != list(range(n)):
        raise EncoderError(f"{url} returned {len(items)} vectors, wanted one for each of {n} texts; mend the server")
    if vectors.ndim != 2 or not vectors.size or not np.isfinite(vectors).all():
        raise EncoderError(
            f"{url} returned vectors empty, nested or not finite, wanted finite numbers; mend the server"
        )
    return vectors


def _explained(error: "APIError", client: "OpenAI", model: str) -> EncoderError:
    """The client's last error in one line; the key, should the server repeat it, replaced."""
    words = error.body.get("message", error.body) if isinstance(error.body, dict) else error.body or error.__cause__
    said = " ".join(str(words or error.message).replace(client.api_key, "OPENAI_API_KEY").split())[:300]
    tries = 1 + int(error.request.headers.get("x-stainless-retry-count", 0))
    status: int | None = getattr(error, "status_code", None)
    if status is None:
        told = f"no answer from {client.base_url} after {tries} tries ({said}); start the server or correct the URL"
    elif status in (401, 403):
        told = f"{client.base_url} answered {status}; set OPENAI_API_KEY to a key that may use {model!r}"
    elif status == 404:
        told = f"{client.base_url} answered 404 ({said}); correct the model {model!r} or the URL, which ends as in /v1"
    elif status in (408, 409, 429) or status >= 500:
        told = f"{client.base_url} still answered {status} ({said}) at try {tries}; wait, then run it again"
    else:
        told = f"{client.base_url} refused {model!r} with {status} ({said}); correct that and run it again"
    return EncoderError(told)
