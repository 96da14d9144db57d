"""The routes of the API: each checks what was asked, asks the engine, and says what it found."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from mrl_search.data import BadRecordError, to_document
from mrl_search.retriever import Answer
from mrl_search.serve.desk import public_name
from mrl_search.serve.engine import Asked, Engine, Outcome
from mrl_search.serve.guard import UNTIL
from mrl_search.serve.metrics import CONTENT_TYPE
from mrl_search.serve.models import (
    ChangeAnswer,
    DocumentModel,
    EmbeddingModel,
    EmbeddingsAnswer,
    EmbeddingsRequest,
    ErrorAnswer,
    Health,
    IndexesAnswer,
    IndexModel,
    RemoveRequest,
    SearchAnswer,
    SearchRequest,
    UpsertRequest,
    as_base64,
    vectors_of,
)
from mrl_search.serve.refusals import RefusalError
from mrl_search.serve.searching import Found
from mrl_search.serve.served import ServedIndex
from mrl_search.trace import StageTrace
from mrl_search.vectors import prefix

_TOLD = {
    400: "It is not JSON, or not HTTP.",
    401: "A key is missing, or unknown.",
    403: "The key may not do this, or the page that asks may not.",
    404: "There is nothing of this name.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "It cannot be done as it was asked.",
    429: "Too many wait, or this key asks too often; see Retry-After.",
    500: "A fault of the server.",
    503: "It cannot be done now; see Retry-After, if there is one.",
    504: "It was not done in time.",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": told} for status, told in _TOLD.items()
}
# of records that hold commands, too, and the names of files
_TUNED = ("k", "target", "recall", "low", "high", "asked", "latency_ms_p50", "latency_ms_p95", "time")
_CALIBRATED = ("recall", "confidence", "k", "funnel", "queries", "found")
router = APIRouter(responses=REFUSALS)


def engine_of(request: Request) -> Engine:
    """The engine of the app that a request came to."""
    engine: Engine = request.app.state.engine
    return engine


def _sent(answer: BaseModel, status: int = 200) -> Response:
    """Written once: FastAPI would check and convert what is already of its type."""
    return Response(answer.model_dump_json(exclude_none=True), status, media_type="application/json")


@router.post("/v1/search", response_model=SearchAnswer, tags=["search"], summary="Search an index")
async def search(asked: SearchRequest, request: Request) -> Response:
    """Searches for texts or vectors; results come in the order of the queries."""
    content = await searched(engine_of(request), asked, request.scope.get(UNTIL))
    return Response(content, media_type="application/json")


async def searched(engine: Engine, asked: SearchRequest, until: float | None) -> bytes:
    """A SearchAnswer as JSON. until: see `Search`. Raises RefusalError and MRLSearchError."""
    limits = engine.settings.limits
    texts = [asked.query] if asked.query is not None else asked.queries
    count = len(texts if texts is not None else asked.vectors or ())
    _at_most("queries", count, limits.queries)
    for text in texts or ():
        _readable("a query", text, limits.text_characters)
    vectors = vectors_of(asked.vectors) if asked.vectors is not None else None
    told = Asked(
        texts, vectors, asked.k, asked.funnel, asked.guarantee, asked.where, asked.hybrid, asked.explain,
        asked.partial, until, asked.texts,
    )  # fmt: skip
    return to_json(_search_answer(await engine.search(asked.index, told), texts, with_texts=asked.texts))


def _search_answer(outcome: Outcome, texts: Sequence[str] | None, *, with_texts: bool) -> dict[str, Any]:
    """As SearchAnswer; plain, since models of all its parts would take as long as everything else here."""
    results = []
    for place, found in enumerate(outcome.found):
        told: dict[str, Any] = {"query": texts[place]} if texts is not None else {}
        told["answers"] = [_answer(rank, one, with_texts=with_texts) for rank, one in enumerate(found.answers, 1)]
        if found.certified is not None:
            told |= {"certified": found.certified}
        if found.gap is not None:
            told |= {"bound_gap": found.gap}
        if found.stages:
            told |= {"stages": [_stage(stage, found) for stage in found.stages]}
        results.append(told)
    return {
        "index": outcome.name,
        "funnel": str(outcome.plan.funnel),
        "documents": outcome.documents,
        "encode_ms": round(outcome.encode_ms, 3),
        "search_ms": round(outcome.search_ms, 3),
        **({"partial": True, "missing": missing} if (missing := outcome.missing) else {}),
        "results": results,
    }


def _answer(rank: int, answer: Answer, *, with_texts: bool) -> dict[str, Any]:
    told = {"rank": rank, "id": answer.id, "score": answer.score, "title": answer.title}
    return told | {"text": answer.text, "metadata": dict(answer.metadata)} if with_texts else told


def _stage(stage: StageTrace, found: Found) -> dict[str, Any]:
    """Its own best, as many as there are answers, and the answers, by rank."""
    answers = {answer.id for answer in found.answers}
    ranks = [
        {"id": identifier, "rank": rank, "score": score}
        for identifier, (rank, score) in stage.ranks.items()
        if rank <= len(answers) or identifier in answers
    ]
    return {"stage": stage.name, "kept": len(stage.ranks), "time_ms": round(stage.time_ms, 3), "ranks": ranks}


@router.post("/v1/documents", response_model=ChangeAnswer, tags=["documents"], summary="Add or replace documents")
async def upsert(asked: UpsertRequest, request: Request) -> Response:
    """Writes all of them, or none; they are on disk and found when this is answered."""
    engine = engine_of(request)
    _at_most("documents", len(asked.documents), engine.settings.limits.documents)
    most = engine.settings.limits.document_characters
    documents = tuple(_document(one, place, most) for place, one in enumerate(asked.documents))
    index = await engine.upsert(asked.index, documents)
    return _sent(_changed(index, len(documents), 0, ()))


def _document(given: DocumentModel, place: int, most: int) -> Any:
    if len(given.title) + len(given.text) > most:
        raise RefusalError(413, "document_too_long", f"document {place} has more than {most:,} characters")
    record = {"_id": given.id, "title": given.title, "text": given.text, "metadata": given.metadata}
    try:
        return to_document(record, f"document {place}")
    except BadRecordError as error:
        raise RefusalError(422, "bad_document", f"document {place}: {error}") from None


@router.delete("/v1/documents", response_model=ChangeAnswer, tags=["documents"], summary="Delete documents")
async def remove(asked: RemoveRequest, request: Request) -> Response:
    """Deletes by ids, by a filter, or both; they are found no more when this is answered."""
    engine = engine_of(request)
    _at_most("ids", len(asked.ids), 10 * engine.settings.limits.documents)
    index, done = await engine.remove(asked.index, tuple(asked.ids), asked.where)
    return _sent(_changed(index, 0, done.removed, done.missing))


def _changed(index: ServedIndex, written: int, removed: int, missing: Sequence[str]) -> ChangeAnswer:
    documents = len(index.retriever)
    return ChangeAnswer(index=index.name, written=written, removed=removed, missing=list(missing), documents=documents)


@router.post("/v1/embeddings", response_model=EmbeddingsAnswer, tags=["embeddings"], summary="Encode texts")
async def embeddings(asked: EmbeddingsRequest, request: Request) -> Response:
    """As OpenAI's, `dimensions` included: the first so many coordinates, scaled to length 1 again."""
    engine = engine_of(request)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    if not texts:
        raise RefusalError(422, "input_empty", "input holds no texts")
    _at_most("inputs", len(texts), engine.settings.limits.inputs)
    for text in texts:
        _readable("an input", text, engine.settings.limits.text_characters)
    desk = engine.desk(asked.model)
    dim = asked.dimensions or desk.encoder.dim
    if dim > desk.encoder.dim:
        raise RefusalError(422, "dimensions_too_many", f"asked for {dim} of {desk.encoder.dim} dimensions")
    encode = desk.queries if asked.input_type == "query" else desk.documents
    rows = prefix(await encode(texts), dim)
    is_text = asked.encoding_format == "base64"
    data = [
        EmbeddingModel.model_construct(index=place, embedding=as_base64(row) if is_text else row.tolist())
        for place, row in enumerate(rows)
    ]
    return _sent(EmbeddingsAnswer.model_construct(model=asked.model, data=data))


@router.get("/v1/models", tags=["embeddings"], summary="The encoders there are")
async def models(request: Request) -> dict[str, Any]:
    """As OpenAI's."""
    names = engine_of(request).models()
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "mrl-search"} for name in names]}


@router.get("/v1/models/{name:path}", tags=["embeddings"], summary="Whether there is an encoder")
async def model(name: str, request: Request) -> dict[str, Any]:
    """As OpenAI's."""
    return {"id": engine_of(request).desk(name).name, "object": "model", "owned_by": "mrl-search"}


@router.get("/v1/indexes", response_model=IndexesAnswer, tags=["indexes"], summary="The indexes there are")
async def indexes(request: Request) -> Response:
    """What each index says of itself."""
    engine = engine_of(request)
    for one in engine.indexes.values():
        await one.catch_up()
    told = [_index(one, one.name in engine.settings.tunings) for one in engine.indexes.values()]
    return _sent(IndexesAnswer(indexes=told, read_only=engine.settings.read_only))


def _index(index: ServedIndex, has_tuning: bool) -> IndexModel:
    stored = index.retriever.stored
    manifest = stored.manifest
    told = manifest.told()
    tuned = {name: told["tuned"][name] for name in _TUNED} if "tuned" in told else None
    calibrations = [{name: one[name] for name in _CALIBRATED} for one in told.get("calibrations", ())]
    return IndexModel(
        name=index.name,
        documents=manifest.documents,
        dims=list(manifest.dims),
        dtype=manifest.dtype,
        prefix=manifest.prefix,
        funnel=manifest.funnel,
        encoder=public_name(index.retriever.encoder.spec),
        rotation=manifest.rotation.kind if manifest.rotation is not None else None,
        tuned=tuned,
        calibrations=calibrations,
        has_bounds=stored.has_bounds,
        segments=stored.segment_count,
        deleted_rows=stored.deleted_rows,
        ram_bytes=stored.vectors.prefix_bytes,
        searched_on=index.retriever.where,
        has_tuning=has_tuning,
    )


@router.get("/v1/indexes/{name}/tuning", tags=["indexes"], summary="What `tune --json` said of an index")
async def tuning(name: str, request: Request) -> dict[str, Any]:
    """Its points, for the page's explorer. 404 unless the server was given it."""
    engine = engine_of(request)
    engine.index(name)
    if name not in engine.settings.tunings:
        raise RefusalError(404, "tuning_not_found", "the server was not given what `tune --json` printed; see --tuning")
    told: dict[str, Any] = engine.settings.tunings[name]  # type: ignore[assignment]
    return told


@router.get("/healthz", response_model=Health, tags=["health"], summary="Whether the process answers")
async def healthz() -> Health:
    """Always ok: a process that does not answer is not."""
    return Health(status="ok")


@router.get("/readyz", response_model=Health, tags=["health"], summary="Whether searches would be answered")
async def readyz(request: Request) -> Response:
    """503 before all indexes are open, and once the server shuts down."""
    ready = engine_of(request).is_ready
    return _sent(Health(status="ok" if ready else "starting"), 200 if ready else 503)


@router.get("/metrics", tags=["health"], summary="Counters, for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """In Prometheus' text format."""
    return Response(engine_of(request).metrics.text(), headers={"content-type": CONTENT_TYPE})


def _at_most(what: str, count: int, most: int) -> None:
    if count > most:
        raise RefusalError(422, f"too_many_{what}", f"{count:,} {what} in one request; at most {most:,} are taken")


def _readable(what: str, text: str, most: int) -> None:
    if not text.strip():
        raise RefusalError(422, "text_empty", f"{what} is empty")
    if len(text) > most:
        raise RefusalError(422, "text_too_long", f"{what} has {len(text):,} characters; at most {most:,} are taken")
