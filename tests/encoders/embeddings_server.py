"""A server that embeds texts as OpenAI's does, on 127.0.0.1, and misbehaves as it is told."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.encoders.openai_endpoint import OpenAIEncoder, load_openai

KEY = "sk-secret-123"
WIDTH = 8


def raw_vector(text: str) -> list[float]:
    """What the server answers for a text: the first 8 bytes of its sha256, less 100, not of unit length."""
    return [byte - 100.0 for byte in hashlib.sha256(text.encode()).digest()[:WIDTH]]


def unit_vector(text: str, dim: int = WIDTH) -> np.ndarray:
    vector = np.array(raw_vector(text)[:dim])
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class EmbeddingsServer(ThreadingHTTPServer):
    """POST /v1/embeddings for the model `small`; its attributes say how it misbehaves and what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.failures: list[tuple[int, str, dict[str, str]]] = []  # (status, message, headers), one a request
        self.headers: dict[str, str] = {}
        self.honours_dimensions = True
        self.edit = lambda data: data  # the last word on the list of embeddings
        self.body: bytes | None = None  # in place of any answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def sent(self) -> list[list[str]]:
        return [request["input"] for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: EmbeddingsServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append(request)
        self.server.authorizations.append(self.headers["authorization"])
        if self.server.failures:
            status, message, headers = self.server.failures.pop(0)
            self.reply(status, {"error": {"message": message}}, headers)
        elif self.path != "/v1/embeddings" or request["model"] != "small":
            self.reply(404, {"error": {"message": "no such thing"}}, {})
        else:
            self.reply(200, {"object": "list", "data": self.server.edit(self.embeddings(request))}, self.server.headers)

    def embeddings(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        width = request.get("dimensions", WIDTH) if self.server.honours_dimensions else WIDTH
        return [{"index": i, "embedding": raw_vector(text)[:width]} for i, text in enumerate(request["input"])]

    def reply(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        content = self.server.body or json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def encoder_at(server: EmbeddingsServer, **spec: Any) -> OpenAIEncoder:
    return load_openai(EncoderSpec(f"openai:small@{server.url}", **spec))
