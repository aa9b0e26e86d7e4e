"""The channel's addresses, for the national system alone: whoever shows the token.

Guarantees that nothing is looked at before the token has been compared (in constant time), that every body is bounded
in bytes and time, and that every refusal is a problem document without a value.
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from adapters.channels.disk import chunks, open_regular
from adapters.channels.rest.journal import Journal, Word
from adapters.channels.rest.offers import Offers
from adapters.channels.rest.options import RestOptions
from adapters.channels.rest.posted import PostedSubmissions
from adapters.channels.rest.staging import Staging
from adapters.channels.submissions import named_files, outline
from adapters.contract import Held, Refused
from schemas import strict_json
from schemas.errors import CODES, LiaisonError, Rejected
from service.problems import problem, problem_for

WAIT_SECONDS_MAX = 30.0
AT_ONCE_MAX = 100
WORD_BYTES_MAX = 4096
_KEY = re.compile(r"[!-~]{1,200}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?", re.ASCII)

Endpoint = Callable[[Request], Awaitable[Response]]


class Desk(Protocol):
    """What the addresses need of the channel."""

    @property
    def options(self) -> RestOptions:
        """Its limits."""

    @property
    def token_digest(self) -> bytes | None:
        """SHA-256 of the token; None until it could be read."""

    @property
    def journal(self) -> Journal:
        """What it remembers."""

    @property
    def staging(self) -> Staging:
        """Uploaded attachments."""

    @property
    def posted(self) -> PostedSubmissions:
        """Submissions on their way in."""

    @property
    def offers(self) -> Offers:
        """Deliveries on their way out."""


class Addresses:
    """The routes of one channel."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Sequence[BaseRoute]:
        """All of them; whatever else is asked for is not found."""
        digest = "/v1/deliveries/{digest}"
        return [
            Route("/v1/submissions", self._guarded(self._submit), methods=["POST"]),
            Route("/v1/submissions/{id}", self._guarded(self._state), methods=["GET"]),
            Route("/v1/attachments/{sha256}", self._guarded(self._attach), methods=["PUT"]),
            Route("/v1/deliveries", self._guarded(self._lease), methods=["GET"]),
            Route(f"{digest}/ack", self._guarded(self._acknowledge), methods=["POST"]),
            Route(f"{digest}/reject", self._guarded(self._reject), methods=["POST"]),
            Route(digest + "/files/{sha256}", self._guarded(self._file), methods=["GET"]),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if self._desk.token_digest is None:
                return problem("BUSY", retry_after_seconds=self._desk.options.retry_seconds)  # not open, or no more
            if not self._known(request):
                return problem("TOKEN_INVALID", headers={"WWW-Authenticate": "Bearer"})
            if request.method == "HEAD":
                return problem("METHOD_NOT_ALLOWED")  # it would lease what nobody sees
            try:
                return await endpoint(request)
            except ClientDisconnect:
                return problem("REQUEST_INVALID")  # nobody reads it
            except LiaisonError as error:
                return problem_for(error)

        return guarded

    def _known(self, request: Request) -> bool:
        expected = self._desk.token_digest
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(token.strip().encode("latin-1")).digest()
        return expected is not None and scheme.lower() == "bearer" and hmac.compare_digest(given, expected)

    async def _submit(self, request: Request) -> Response:
        """202 once it lies durable in the outbox; a problem with findings when it will not be sent."""
        key = request.headers.get("idempotency-key", "")
        if _KEY.fullmatch(key) is None:
            raise Rejected("INPUT_NAME")
        asked = outline(await self._body(request, self._desk.options.submission_bytes_max))
        if asked.attachments:
            raise Rejected("FIELD_UNKNOWN", "/attachments")  # here files have no names but their digests
        files = {
            sha256: path
            for sha256, _ in named_files(asked.payload)
            if (path := self._desk.staging.find(sha256)) is not None
        }
        word = await self._desk.posted.post(asked.submission(key, (), files))
        if isinstance(word, Refused):
            where = word.findings[0].path if word.findings else None
            return problem(word.code, where, findings=word.findings)
        said: dict[str, object] = {"id": word.id, "case_handle": word.case_handle}
        if isinstance(word, Held) and word.findings:
            findings = [finding.as_json() for finding in word.findings]
            said |= {"state": "held", "code": word.findings[0].code, "findings": findings}
        return _json(said, 202)

    async def _state(self, request: Request) -> Response:
        """Where a submission stands."""
        found = self._desk.journal.state(request.path_params["id"])
        if found is None:
            raise Rejected("NOT_FOUND")
        return _json(found)

    async def _attach(self, request: Request) -> Response:
        """Upload an attachment: 201, or 200 when it lies here already."""
        sha256 = _digest(request, "sha256")
        length = request.headers.get("content-length", "")
        if _NUMBER.fullmatch(length) is None:
            raise Rejected("REQUEST_INVALID")
        if int(length) > self._desk.options.attachment_bytes_max:
            raise Rejected("ATTACH_SIZE")
        new = await self._desk.staging.take(
            sha256, int(length), request.stream(), seconds=self._desk.options.body_seconds
        )
        return Response(status_code=201 if new else 200)

    async def _lease(self, request: Request) -> Response:
        """Up to `max` deliveries, waiting up to `wait` seconds for the first."""
        asked = request.query_params
        wait, most = asked.get("wait", "0"), asked.get("max", "10")
        if not asked.keys() <= {"wait", "max"} or not _SECONDS.fullmatch(wait) or not _NUMBER.fullmatch(most):
            raise Rejected("REQUEST_INVALID")
        if not 1 <= int(most) <= AT_ONCE_MAX:
            raise Rejected("REQUEST_INVALID")
        found = await self._desk.offers.lease(int(most), min(float(wait), WAIT_SECONDS_MAX))
        head = b'{"lease_seconds":%d,"deliveries":[' % int(self._desk.options.lease_seconds)
        return Response(head + b",".join(found) + b"]}", media_type="application/json")

    async def _acknowledge(self, request: Request) -> Response:
        """The national system has it. 204, also when it said so before."""
        digest = _digest(request, "digest")
        await self._body(request, WORD_BYTES_MAX, empty=True)
        self._desk.offers.settle(digest, Word("accepted"))
        return Response(status_code=204)

    async def _reject(self, request: Request) -> Response:
        """The national system can never use it, for the reason `code`. 204, also when it said so before."""
        digest = _digest(request, "digest")
        body = await self._body(request, WORD_BYTES_MAX, empty=True)
        said = strict_json.loads(body) if body else {}
        if not isinstance(said, dict) or not said.keys() <= {"code"}:
            raise Rejected("FIELD_UNKNOWN")
        code = said.get("code", "CHANNEL_REJECTED")
        if not isinstance(code, str) or code not in CODES:
            raise Rejected("CODE_UNKNOWN", "/code")
        self._desk.offers.settle(digest, Word("rejected", code))
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        """An attachment of a delivery that was given out and not yet acknowledged."""
        delivery = self._desk.offers.delivery(_digest(request, "digest"))
        wanted = _digest(request, "sha256")
        file = next((file for file in delivery.files if file.sha256 == wanted), None)
        if file is None:
            raise Rejected("NOT_FOUND")
        try:
            source = open_regular(file.path)
        except (OSError, Rejected) as error:
            raise Rejected("NOT_FOUND") from error

        async def streamed() -> AsyncIterator[bytes]:
            with source:
                async for chunk in chunks(source):
                    yield chunk

        return StreamingResponse(streamed(), media_type=file.media_type, headers={"Content-Length": str(file.size)})

    async def _body(self, request: Request, bytes_max: int, *, empty: bool = False) -> bytes:
        announced = request.headers.get("content-length", "0")
        if _NUMBER.fullmatch(announced) is None or int(announced) > bytes_max:
            raise Rejected("INPUT_LIMIT")
        found = bytearray()
        try:
            async with asyncio.timeout(self._desk.options.body_seconds):
                async for chunk in request.stream():
                    found += chunk
                    if len(found) > bytes_max:
                        raise Rejected("INPUT_LIMIT")
        except TimeoutError as error:
            raise Rejected("REQUEST_INVALID") from error
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not (empty and not found):
            raise Rejected("MEDIA_TYPE")
        return bytes(found)


def _digest(request: Request, name: str) -> str:
    found: str = request.path_params[name]
    if _SHA256.fullmatch(found) is None:
        raise Rejected("NOT_FOUND")
    return found


def _json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status_code=status, media_type="application/json")
