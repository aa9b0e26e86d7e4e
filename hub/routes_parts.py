"""Detached parts over HTTP: uploaded before the message that names them, fetched by those it is from and to.

Both are signed requests. An upload's signature covers the digest in its address, so it is checked before a byte is
read; its length must be announced. One range is served (`bytes=a-b`); any other is answered with the whole.
"""

import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from hub.callers import caller
from hub.wiring import Hub
from schemas.errors import Rejected

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)


def router(hub: Hub) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["parts"])

    @routes.put("/v1/parts/{sha256}", status_code=201, response_class=Response)
    async def put(sha256: str, request: Request) -> Response:
        """Upload a part: 201, or 200 when it lies here already."""
        digest = _digest(sha256)
        length = request.headers.get("content-length", "")
        if _LENGTH.fullmatch(length) is None:
            raise Rejected("REQUEST_INVALID")
        if int(length) > hub.settings.part_bytes_max:
            raise Rejected("CONTAINER_LIMIT")
        partner = await caller(hub, request, digest)
        known = hub.parts.length(digest)
        if known is not None and known != int(length):
            raise Rejected("PART_DIGEST")
        new = await hub.parts.take(
            partner,
            digest,
            int(length),
            request.stream(),
            seconds=int(hub.clock().timestamp()),
            timeout_seconds=hub.settings.part_seconds,
        )
        hub.metrics.part_bytes.inc(int(length) if new else 0)
        return Response(status_code=201 if new else 200)

    @routes.get("/v1/parts/{sha256}", response_class=Response)
    async def get(sha256: str, request: Request) -> Response:
        """A part, for those an accepted message that names it is from or to."""
        digest = _digest(sha256)
        partner = await caller(hub, request)
        length = hub.parts.length(digest)
        if length is None or not hub.parts.readable_by(partner, digest):
            raise Rejected("NOT_FOUND")
        start, end = _range(request.headers.get("range", ""), length)
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}
        partial = end - start != length
        if partial:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{length}"

        async def chunks() -> AsyncIterator[bytes]:
            for chunk in hub.parts.read(digest, start, end - start):
                yield chunk

        return StreamingResponse(
            chunks(), status_code=206 if partial else 200, media_type="application/octet-stream", headers=headers
        )

    return routes


def _digest(sha256: str) -> bytes:
    if _SHA256.fullmatch(sha256) is None:
        raise Rejected("NOT_FOUND")
    return bytes.fromhex(sha256)


def _range(header: str, length: int) -> tuple[int, int]:
    """Start and end of what is asked for; the whole for what we do not serve (RFC 9110 section 14.2 allows it)."""
    found = _RANGE.fullmatch(header)
    if found is None:
        return 0, length
    start = int(found.group(1))
    last = int(found.group(2)) if found.group(2) else length - 1
    if start > last or start >= length:
        return 0, length
    return start, min(last + 1, length)
