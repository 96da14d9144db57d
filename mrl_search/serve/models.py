"""What requests and answers look like; from this the OpenAPI description is made."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, Strict, model_validator

from mrl_search.serve.refusals import RefusalError
from mrl_search.vectors import Vectors

_MOST_NUMBERS = 65_536  # dims; far more than an encoder gives
_T = TypeVar("_T")
Several = Annotated[list[_T], Field(fail_fast=True)]
"""A list whose first fault is told, and no other: of 16 MiB of faults the tale would take gigabytes."""

Vector = Several[FiniteFloat] | str


class _Request(BaseModel):
    """A slip in a field's name is refused, not ignored; once, however many there are."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})

    @model_validator(mode="after")
    def _knows_all(self) -> Self:
        if unknown := self.__pydantic_extra__:
            raise ValueError(f"there is no field {next(iter(unknown))[:50]!r}")
        return self


def _example(**told: Any) -> ConfigDict:
    return ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False, "examples": [told]})


class SearchRequest(_Request):
    """One `query`, several `queries`, or `vectors`; all else has a default."""

    model_config = _example(query="how is the white matter of newborns imaged", k=3, explain=True)

    index: str | None = Field(None, description="Its name; may be left out where only one is served.")
    query: str | None = Field(None, min_length=1, description="One text.")
    queries: Several[str] | None = Field(None, min_length=1, description="Several texts.")
    vectors: Several[Vector] | None = Field(
        None,
        min_length=1,
        description="Query vectors of any length, as numbers or as base64 of little-endian float32.",
    )
    k: int | None = Field(None, ge=1, le=2**31, description="Answers; by default as many as the funnel leaves.")
    funnel: str | None = Field(None, max_length=1_000, description="Stages, as `64:200,768:10`.")
    where: str | None = Field(None, max_length=20_000, description="A filter, as `year >= 2020 AND lang = 'en'`.")
    guarantee: Literal["exact"] | Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="`exact`, or a recall that the index was calibrated for."
    )
    hybrid: Annotated[str, Field(max_length=20)] | Annotated[FiniteFloat, Strict()] | None = Field(  # true is no share
        None, description="By words, too: `rrf`, or their share, as 0.2."
    )
    explain: bool = Field(False, description="Tell what each stage kept, its time, and what is proven.")
    partial: bool = Field(False, description="Of a cluster: answer without shards that do not, and name them.")
    texts: bool = Field(True, description="Whether answers hold texts and metadata, or only ids, scores and titles.")

    @model_validator(mode="after")
    def _one_of_three(self) -> "SearchRequest":
        if sum(one is not None for one in (self.query, self.queries, self.vectors)) != 1:
            raise ValueError("give one of query, queries and vectors")
        if self.vectors is not None and self.hybrid is not None:
            raise ValueError("hybrid needs texts, not vectors")
        return self


class AnswerModel(BaseModel):
    """A document found. score: its cosine with the query at the funnel's last width; of a hybrid, what was fused."""

    rank: int
    id: str
    score: float
    title: str
    text: str | None = None
    metadata: dict[str, JsonValue] | None = None


class RankModel(BaseModel):
    """Where a document stood after a stage."""

    id: str
    rank: int
    score: float


class StageModel(BaseModel):
    """What a stage left of one query: how many, in what time, and where the answers and its own best stood."""

    stage: str
    kept: int
    time_ms: float
    ranks: list[RankModel]


class ResultModel(BaseModel):
    """What one query found, best first. certified, bound_gap: with `explain` or `guarantee` only."""

    query: str | None = None
    answers: list[AnswerModel]
    certified: bool | None = None
    bound_gap: float | None = Field(
        None, description="How far above the last answer a document not compared could lie."
    )
    stages: list[StageModel] | None = None


class SearchAnswer(BaseModel):
    """Results in the order of the queries. Times hold the wait in a queue, and whatever else went along in a batch.

    partial, missing: only where shards did not answer, which the request allowed; nothing is certified then.
    """

    index: str
    funnel: str
    documents: int
    encode_ms: float
    search_ms: float
    partial: Literal[True] | None = None
    missing: list[str] | None = None
    results: list[ResultModel]


class DocumentModel(_Request):
    """A document as it is written; title or text must say something."""

    model_config = _example(id="4983", title="Newborn white matter", text="Diffusion tensor imaging …")

    id: str = Field(min_length=1, max_length=512)
    title: str = ""
    text: str = ""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> "DocumentModel":
        if not (self.title.strip() or self.text.strip()):
            raise ValueError("title or text must say something")
        return self


class UpsertRequest(_Request):
    """Documents, each put in the place of one with its id. All of them are written, or none."""

    model_config = _example(documents=[{"id": "4983", "title": "Newborn white matter", "text": "Diffusion tensor …"}])

    index: str | None = None
    documents: Several[DocumentModel] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_different(self) -> "UpsertRequest":
        if len({one.id for one in self.documents}) < len(self.documents):
            raise ValueError("two documents have one id")
        return self


class RemoveRequest(_Request):
    """Ids, or a filter whose documents go, or both."""

    model_config = _example(ids=["4983"])

    index: str | None = None
    ids: Several[Annotated[str, Field(max_length=512)]] = Field(default_factory=list)
    where: str | None = Field(None, max_length=20_000)

    @model_validator(mode="after")
    def _says_what(self) -> "RemoveRequest":
        if not self.ids and self.where is None:
            raise ValueError("give ids, or where")
        return self


class ChangeAnswer(BaseModel):
    """What a change did. It is on disk, and searches find it, when this is answered.

    written: documents of the request. removed: that went. missing: ids that no document had.
    """

    index: str
    written: int
    removed: int
    missing: list[str]
    documents: int


class EmbeddingsRequest(_Request):
    """As OpenAI's; `input_type` says which side of the encoder is meant, if it has two."""

    model_config = _example(model="minilm-768", input=["white matter"], dimensions=64)

    model: str
    input: str | Several[str] = Field(description="Texts; tokens are not taken.")
    dimensions: int | None = Field(None, ge=1, le=_MOST_NUMBERS, description="The first so many, at unit length again.")
    encoding_format: Literal["float", "base64"] = "float"
    input_type: Literal["query", "document"] = "document"
    user: str | None = None


class EmbeddingModel(BaseModel):
    """One text's vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class UsageModel(BaseModel):
    """OpenAI's clients want it; tokens are not counted, so it is 0."""

    prompt_tokens: int = 0
    total_tokens: int = 0


class EmbeddingsAnswer(BaseModel):
    """In the order of the input."""

    object: Literal["list"] = "list"
    model: str
    data: list[EmbeddingModel]
    usage: UsageModel = UsageModel()


class IndexModel(BaseModel):
    """What an index says of itself."""

    name: str
    documents: int
    dims: list[int]
    dtype: str
    prefix: str
    funnel: str
    encoder: str
    rotation: str | None = None
    tuned: dict[str, JsonValue] | None = None
    calibrations: list[dict[str, JsonValue]]
    has_bounds: bool
    segments: int
    deleted_rows: int
    ram_bytes: int
    searched_on: str
    has_tuning: bool


class IndexesAnswer(BaseModel):
    """All indexes, in the order they were named. read_only: whether documents may be changed here."""

    indexes: list[IndexModel]
    read_only: bool


class Health(BaseModel):
    """Whether it is so."""

    status: Literal["ok", "starting"]


class ErrorDetail(BaseModel):
    """message: for people. code: for programs."""

    message: str
    type: str
    code: str


class ErrorAnswer(BaseModel):
    """What is answered instead."""

    error: ErrorDetail


def vectors_of(given: Sequence[Vector]) -> Vectors:
    """(q, D) float32. Raises RefusalError for several widths, for what is not base64 of float32, and for NaN."""
    rows = [_row(one) for one in given]
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1 or not 0 < widths[0] <= _MOST_NUMBERS:
        raise RefusalError(422, "vectors_error", f"the vectors have {', '.join(map(str, widths))} dims; send one width")
    vectors = np.concatenate(rows).reshape(len(rows), -1)
    if not np.isfinite(vectors).all():
        raise RefusalError(422, "vectors_error", "a vector holds NaN, infinity, or a number too large for float32")
    return vectors


def _row(given: Vector) -> Vectors:
    if not isinstance(given, str):
        with np.errstate(over="ignore"):  # infinity is then refused
            return np.array(given, np.float64).astype(np.float32)
    try:
        return np.frombuffer(binascii.a2b_base64(given, strict_mode=True), dtype="<f4")
    except (binascii.Error, ValueError):
        raise RefusalError(422, "vectors_error", "a vector is no base64 of little-endian float32") from None


def as_base64(vector: Vectors) -> str:
    """A row as `_row` reads it, and OpenAI's clients do."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
