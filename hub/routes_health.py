"""What an operator's tools ask: does it run, can it work, what has it counted."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from hub import metrics
from hub.readiness import ADVISORY, check_all
from hub.wiring import Hub


def router(hub: Hub) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["health"])
    last: list[tuple[float, Response]] = []

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
        """Counters in Prometheus' text form."""
        return Response(hub.metrics.text(), media_type=metrics.CONTENT_TYPE)

    return routes
