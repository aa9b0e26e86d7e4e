"""The key directory as edges fetch it, each version's proof of being in the log, and the published schemas.

A version is in the log before its timestamp is served, so that whoever fetches it finds the proof.
"""

import re

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from hub.wiring import Hub
from keys.directory.client import TARGETS_BYTES_MAX
from keys.proofs.receipt import RECEIPT_TYPE
from schemas import registry
from schemas.errors import Rejected, Unavailable

_METADATA = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,120}\.json", re.ASCII)
_TARGET = re.compile(r"([0-9A-Za-z_-]{1,80}/){0,4}[0-9a-f]{64}\.[0-9A-Za-z_-][0-9A-Za-z._-]{0,80}", re.ASCII)
_TIMESTAMP = "timestamp.json"
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


def router(hub: Hub) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["directory"])

    @routes.get("/tuf/metadata/{name}", response_class=Response)
    async def metadata(name: str) -> Response:
        """A TUF metadata file."""
        if _METADATA.fullmatch(name) is None:
            raise Rejected("NOT_FOUND")
        if name == _TIMESTAMP:
            await hub.directories.fresh()
        return _file(hub, f"metadata/{name}", fixed=name != _TIMESTAMP)

    @routes.get("/tuf/targets/{path:path}", response_class=Response)
    async def target(path: str) -> Response:
        """A target file, named by its digest."""
        if _TARGET.fullmatch(path) is None:
            raise Rejected("NOT_FOUND")
        return _file(hub, f"targets/{path}", fixed=True)

    @routes.get("/tuf/proofs/{version}", response_class=Response)
    async def proof(version: int) -> Response:
        """The receipt of the leaf that logged this version of the directory."""
        if not 0 < version < 1 << 62:
            raise Rejected("NOT_FOUND")
        await hub.directories.fresh()
        return Response(hub.reader.receipt(hub.reader.directory_leaf(version)), media_type=RECEIPT_TYPE)

    @routes.get("/schemas/{kind}/{version}")
    async def schema(kind: str, version: int) -> Response:
        """The published JSON Schema of a message kind."""
        known = registry.KINDS.get(kind)
        if known is None or version != known.version:
            raise Rejected("NOT_FOUND")
        return JSONResponse(registry.json_schema(kind), media_type="application/schema+json")

    return routes


def _file(hub: Hub, path: str, *, fixed: bool) -> Response:
    try:
        with (hub.settings.directory_folder / path).open("rb") as source:
            body = source.read(TARGETS_BYTES_MAX + 1)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Rejected("NOT_FOUND") from error
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    return Response(body, media_type="application/json", headers=_IMMUTABLE if fixed else None)
