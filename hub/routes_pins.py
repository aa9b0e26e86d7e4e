"""By which profile a case of the caller's counts, with what opens the commitment in the leaf that opened it.

An edge pins a profile of its own release (docs/adr/0079); here it sees the hub's. Guarantees that only a party of the
case is told, and that a case of others, an erased one and none are the same NOT_FOUND. The salt tells a party nothing
that it does not know: case, id and pin are all that the leaf commits to.
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub.callers import caller
from hub.wiring import Hub
from schemas.errors import Rejected

_INDEX = re.compile(r"[0-9]{1,15}", re.ASCII)


def routes(hub: Hub) -> list[BaseRoute]:
    """The route."""

    async def pin(request: Request) -> Response:
        """`GET /v1/pins/INDEX`, the acceptance that opened the case."""
        partner = await caller(hub, request)
        index = request.path_params["index"]
        if _INDEX.fullmatch(index) is None:
            raise Rejected("NOT_FOUND")
        state = hub.reader.case_state(int(index))
        side = hub.reader.side(int(index)) if state is not None and partner in state.parties else None
        if side is None:
            raise Rejected("NOT_FOUND")
        return JSONResponse({"pin": side.values.get("value"), "salt": side.salt.hex()})

    return [Route("/v1/pins/{index}", pin, methods=["GET"])]
