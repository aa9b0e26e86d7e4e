"""The log as anyone may read it: checkpoint, tiles (C2SP tlog-tiles), consistency proofs.

Hash tiles say nothing about anyone and are open; entry bundles say who wrote to whom and are served only where the
operator opened them. The year stands in the log's name, so another year's address is nobody's.
"""

from itertools import pairwise

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from hub.wiring import Hub
from keys.proofs.merkle import HASH_BYTES
from keys.proofs.tiles import TILE_WIDTH, check_width, encode_bundle, parse_path
from schemas.errors import Rejected

SIZES_MAX = 64
_SIZE_DIGITS_MAX = 15
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


def router(hub: Hub) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["log"])

    def check(year: int) -> None:
        if year != hub.settings.year:
            raise Rejected("NOT_FOUND")

    @routes.get("/audit/{year}/checkpoint", response_class=PlainTextResponse)
    async def checkpoint(year: int) -> Response:
        """The newest signed state of the log."""
        check(year)
        return PlainTextResponse(hub.reader.checkpoint()[1])

    @routes.get("/audit/{year}/tile/{path:path}", response_class=Response)
    async def tile(year: int, path: str) -> Response:
        """A tile of the log; full ones never change."""
        check(year)
        found = parse_path(f"tile/{path}")
        check_width(found, hub.reader.size())
        if found.level is None:
            if not hub.settings.entries_open:
                raise Rejected("NOT_FOUND")
            body = encode_bundle(hub.reader.bundle(found.number, found.width))
        else:
            body = hub.reader.tile(found.level, found.number)[: found.width * HASH_BYTES]
        full = found.width == TILE_WIDTH
        return Response(body, media_type="application/octet-stream", headers=_IMMUTABLE if full else None)

    @routes.get("/v1/consistency")
    async def consistency(sizes: str) -> Response:
        """Proofs that each of the rising sizes continues the one before: hashes in hex."""
        listed = _sizes(sizes)
        proofs = [[hash_.hex() for hash_ in hub.reader.consistency(old, new)] for old, new in pairwise(listed)]
        return JSONResponse({"proofs": proofs})

    return routes


def _sizes(text: str) -> list[int]:
    pieces = text.split(",", SIZES_MAX)
    if not 2 <= len(pieces) <= SIZES_MAX or not all(
        piece.isascii() and piece.isdigit() and len(piece) <= _SIZE_DIGITS_MAX for piece in pieces
    ):
        raise Rejected("REQUEST_INVALID")
    listed = [int(piece) for piece in pieces]
    if listed != sorted(listed):
        raise Rejected("REQUEST_INVALID")
    return listed
