"""The edge's own addresses: the door the hub pushes to, and what an operator's tools ask.

A push is signed with the hub's request key as the directory has it, its body included; 204 is said only once its items
are durable. Nothing of it is believed for the push's sake: items prove themselves (`adapters.edge.receiver`).
"""

import asyncio
import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from adapters.edge import gauges, metrics
from adapters.edge.readiness import check_all, held
from adapters.edge.receiver import take
from adapters.edge.wiring import Edge
from keys.requests import verify_request
from schemas.errors import Rejected
from service.failpoints import reach
from service.multipart import read_multipart
from service.tracing import HEADER

DELIVERIES = "/v1/deliveries"


def router(edge: Edge) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post(DELIVERIES, status_code=204, response_class=Response)
    async def deliveries(request: Request) -> Response:
        """Take what the hub delivers."""
        body = await _body(request, edge.settings.push_bytes_max, edge.settings.body_seconds)
        hub = edge.directories.current.hub

        def key_of(key_id: str) -> bytes:
            if key_id != hub.request_key_id:
                raise Rejected("KEY_UNKNOWN")
            return hub.request_key

        verify_request(
            "POST",
            edge.settings.url.rstrip("/") + DELIVERIES,
            request.headers,
            key_of=key_of,
            body_sha256=hashlib.sha256(body).digest() if body else None,
            now=edge.now(),
            nonces=edge.nonces,
        )
        parts = read_multipart(request.headers.get("content-type", ""), body)
        await take(edge, parts, trace=request.headers.get(HEADER, ""))
        reach("edge.push.before_answer")
        return Response(status_code=204)

    @routes.get("/livez", response_class=PlainTextResponse)
    async def livez() -> Response:
        """The process runs."""
        return PlainTextResponse("ok\n")

    @routes.get("/readyz")
    async def readyz() -> Response:
        """The edge can work: 200, else 503."""
        found = await check_all(edge)
        ready = all(state == "ok" for state in found.values())
        answer = {"ready": ready, "checks": dict(found), "held": held(edge), **edge.settings.told_clock()}
        return JSONResponse(answer, 200 if ready else 503)

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def numbers() -> Response:
        """Counters in Prometheus' text form."""
        held(edge)
        edge.metrics.looked.show(gauges.look(edge))
        return Response(edge.metrics.text(), media_type=metrics.CONTENT_TYPE)

    return routes


async def _body(request: Request, bytes_max: int, seconds: float) -> bytes:
    if request.headers.get("content-encoding") is not None:
        raise Rejected("MEDIA_TYPE")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    raise Rejected("CONTAINER_LIMIT")
    except TimeoutError as error:
        raise Rejected("REQUEST_INVALID") from error
    return bytes(body)
