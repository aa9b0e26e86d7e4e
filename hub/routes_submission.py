"""POST /v1/messages: containers, statements, and batches of both. The hot way, so bare ASGI in front of everything.

Guarantees that no body is read past its limit, that every answer is a receipt or a problem document, that an address
whose submissions keep failing before their signatures verify is slowed (429), and that a batch's items are judged each
for itself. It looks at the clock and the directory once a request; what a message is worth is `hub.intake`'s business.
"""

import asyncio
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import evidence, intake
from hub.intake import Outcome
from hub.operations import traces
from hub.wiring import Hub
from keys.container import CONTAINER_BYTES_MAX
from keys.directory.directory import Directory
from keys.proofs.receipt import RECEIPT_TYPE
from keys.signing import CONTAINER_TYPE, STATEMENT_TYPE
from keys.statements import STATEMENT_BYTES_MAX
from schemas.errors import CODES, Rejected, Unavailable
from service import batch as batches
from service.failpoints import reach
from service.logs import log
from service.problems import PROBLEM_TYPE, SECURITY_HEADERS, problem_bytes
from service.tracing import Span

PATH = "/v1/messages"
_ITEMS_A_TURN = 8
"""Items of a batch verified before others get their turn, the log's writer among them: some two milliseconds."""

_LIMITS = {
    CONTAINER_TYPE.encode(): CONTAINER_BYTES_MAX,
    STATEMENT_TYPE.encode(): STATEMENT_BYTES_MAX,
    batches.BATCH_TYPE.encode(): batches.BATCH_BYTES_MAX,
}
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_RECEIPT = [(b"content-type", RECEIPT_TYPE.encode()), *_HEADERS]
_PROBLEM = [(b"content-type", PROBLEM_TYPE.encode()), *_HEADERS]
_RESULTS = [(b"content-type", batches.RESULT_TYPE.encode()), *_HEADERS]


class Door:
    """Takes submissions; every other request goes on to `app`."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub
        self._turn = asyncio.Lock()
        """Whose batch is verified now. All at once they would reach the log's writer together, and then wait for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        retry_after: float | None = None
        try:
            with self._hub.tracing.span("hub.intake", "server", traces.sent(self._hub, scope["headers"])) as span:
                status, headers, body = await self._answer(scope, receive, span)
        except _Gone:
            return
        except Rejected as refusal:
            status, headers, body = refusal.status, _PROBLEM, problem_bytes(refusal.code, refusal.path)
        except Unavailable as error:
            status, headers, body = error.status, _PROBLEM, problem_bytes(error.code)
            retry_after = error.retry_after_seconds
        except Exception as error:  # noqa: BLE001 - nothing may go on to the server, which would show it
            log.error("unforeseen", error)
            status, headers, body = 500, _PROBLEM, problem_bytes("INTERNAL")
        reach("hub.respond.before")
        length = [(b"content-length", str(len(body)).encode())]
        if retry_after is not None:
            length.append((b"retry-after", str(max(1, int(retry_after))).encode()))
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive, span: Span) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        hub = self._hub
        kind, length = _head(scope["headers"])
        limit = _LIMITS.get(kind)
        if limit is None:
            raise Rejected("MEDIA_TYPE")
        if length is not None and length > limit:
            raise Rejected("CONTAINER_LIMIT")
        address = scope["client"][0] if scope.get("client") else ""
        hub.failures.check(address, hub.monotonic())
        body = await _body(receive, limit, hub.settings.body_seconds)
        directory = await hub.directories.fresh()
        if kind == batches.BATCH_TYPE.encode():
            return 200, _RESULTS, await self._batch(body, directory, address, span)
        item = batches.STATEMENT if kind == STATEMENT_TYPE.encode() else batches.CONTAINER
        outcome = await self._begin(item, body, directory, address)
        status, answer = self._finish(item, outcome, span)
        return status, _RECEIPT if outcome.code is None else _PROBLEM, answer

    async def _batch(self, body: bytes, directory: Directory, address: str, span: Span) -> bytes:
        pending: list[tuple[int, asyncio.Future[Outcome] | Rejected | Unavailable]] = []
        items = batches.decode_batch(body)
        async with self._turn:
            for at, (item, raw) in enumerate(items):
                if at % _ITEMS_A_TURN == _ITEMS_A_TURN - 1:
                    await asyncio.sleep(0)
                try:
                    future = self._begin(item, raw, directory, address)
                    future.add_done_callback(_seen)
                    pending.append((item, future))
                except (Rejected, Unavailable) as error:
                    pending.append((item, error))
        span.set(count=len(pending))
        results: list[tuple[int, bytes]] = []
        for item, begun in pending:
            try:
                if isinstance(begun, Rejected | Unavailable):
                    raise begun
                results.append(self._finish(item, await begun, span))
            except Rejected as refusal:
                results.append((refusal.status, problem_bytes(refusal.code, refusal.path)))
            except Unavailable as error:
                results.append((error.status, problem_bytes(error.code)))
        return batches.encode_results(results)

    def _begin(self, item: int, raw: bytes, directory: Directory, address: str) -> "asyncio.Future[Outcome]":
        """Read and verified, and handed to the log's writer."""
        hub = self._hub
        try:
            if item == batches.STATEMENT:
                statement = evidence.read(hub, raw, directory, hub.clock)
                source, tokens = statement.signed.statement.source, len(statement.signed.statement.entries)
                hub.quotas.spend(source, hub.monotonic(), tokens)
                return evidence.enqueue(hub, statement)
            verified = intake.read(hub, raw, directory, hub.clock())
            hub.quotas.spend(verified.container.header.source, hub.monotonic())
            return intake.enqueue(hub, verified)
        except Rejected as refusal:
            hub.failures.take(address, hub.monotonic())
            hub.metrics.turned_away.inc()
            hub.metrics.refusal(refusal.code)
            raise

    def _finish(self, item: int, outcome: Outcome, span: Span) -> tuple[int, bytes]:
        metrics = self._hub.metrics
        if outcome.code is not None:
            metrics.refused.inc()
            metrics.refusal(outcome.code)
            return outcome.status, problem_bytes(outcome.code, outcome.path, outcome.receipt)
        if outcome.status == intake.OK:
            metrics.repeated.inc()
        elif item == batches.STATEMENT:
            metrics.statements.inc()
        else:
            metrics.accepted.inc()
            if outcome.index is not None:
                traces.accepted(self._hub, outcome.index, span)
        return outcome.status, outcome.receipt


class _Gone(Exception):
    """The client has gone away while its body was read."""


def _seen(future: "asyncio.Future[Outcome]") -> None:
    """Its error is looked at even when the client goes away before its turn."""
    if not future.cancelled():
        future.exception()


def _head(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, int | None]:
    kind, length = b"", None
    for name, value in headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 16 else None
        elif name == b"content-encoding":
            raise Rejected("MEDIA_TYPE")
    return kind, length


async def _body(receive: Receive, limit: int, seconds: float) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _within(message, 0, limit)
    try:
        async with asyncio.timeout(seconds):
            pieces = [_within(message, 0, limit)]
            size = len(pieces[0])
            while message.get("more_body"):
                message = await receive()
                pieces.append(_within(message, size, limit))
                size += len(pieces[-1])
    except TimeoutError as error:
        raise Rejected("REQUEST_INVALID") from error
    return b"".join(pieces)


def _within(message: Message, before: int, limit: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise _Gone
    piece: bytes = message.get("body", b"")
    if before + len(piece) > limit:
        raise Rejected("CONTAINER_LIMIT")
    return piece


_STATUSES = sorted({str(CODES[code].status) for code in ("HEADER_INVALID", "SIGNATURE_INVALID", "NO_AGREEMENT")})


def describe(paths: dict[str, object]) -> None:
    """Add this address to an OpenAPI document's `paths`: the framework does not see it."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    problem = {"description": "A problem document; `receipt` proves a logged refusal.", "content": {PROBLEM_TYPE: {}}}
    paths[PATH] = {
        "post": {
            "operationId": "submit",
            "summary": "Submit a container, a statement, or a batch of both.",
            "requestBody": {
                "required": True,
                "content": {CONTAINER_TYPE: binary, STATEMENT_TYPE: binary, batches.BATCH_TYPE: binary},
            },
            "responses": {
                "201": {"description": "Accepted; the receipt.", "content": {RECEIPT_TYPE: binary}},
                "200": {
                    "description": "Accepted before, the same receipt; or a batch's results.",
                    "content": {RECEIPT_TYPE: binary, batches.RESULT_TYPE: binary},
                },
                "default": problem,
            },
        }
    }
