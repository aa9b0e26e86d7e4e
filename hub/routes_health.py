"""What an operator's tools ask: does it run, can it work, what has it counted and looked up."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from hub import metrics
from hub.operations.gauges import Sources, look, unnamed
from hub.readiness import ADVISORY, check_all
from hub.wiring import Hub
from schemas.errors import Unavailable
from service.gauges import Number

_NUMBERS_A_TURN = 24
"""Numbers looked up before requests get their turn: a few milliseconds."""


def router(hub: Hub) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["health"])
    last: list[tuple[float, Response]] = []
    looked_at = [float("-inf")]

    @routes.get("/livez", response_class=PlainTextResponse)
    async def livez() -> Response:
        """The process runs."""
        return PlainTextResponse("ok\n")

    @routes.get("/readyz")
    async def readyz() -> Response:
        """The hub can take messages: 200, else 503; looked at anew at most once a second."""
        now = hub.monotonic()
        if not last or now - last[0][0] >= 1:
            found = check_all(hub)
            ready = all(state == "ok" for name, state in found.items() if name not in ADVISORY)
            answer = {"ready": ready, "checks": dict(found), **hub.settings.told_clock()}
            last[:] = [(now, JSONResponse(answer, 200 if ready else 503))]
        return last[0][1]

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def numbers() -> Response:
        """Counters, and what was looked up within `gauge_look_seconds`, in Prometheus' text form."""
        now = hub.monotonic()
        if now - looked_at[0] >= hub.settings.gauge_look_seconds:
            looked_at[0] = now
            await _look(hub)
        return Response(hub.metrics.text(), media_type=metrics.CONTENT_TYPE)

    return routes


async def _look(hub: Hub) -> None:
    try:
        directory = hub.directories.current
    except Unavailable:
        directory = None
    checks = check_all(hub)
    found = [Number("liaison_ready", float(state == "ok"), {"check": name}) for name, state in checks.items()]
    connection = hub.connection if checks["database"] == "ok" else None
    for at, number in enumerate(look(Sources(connection, directory, hub.settings, hub.clock())), 1):
        found.append(number)
        if at % _NUMBERS_A_TURN == 0:
            await asyncio.sleep(0)
    hub.metrics.looked.show(found if hub.settings.metrics_partners else unnamed(found))
