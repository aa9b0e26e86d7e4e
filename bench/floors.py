"""The floors: what this machine gives at best for each thing the hub cannot do without.

Each floor does one of the hub's duties and nothing else, over the same bytes, in the same run as the hub is measured:
checking the two signatures, carrying the body over HTTP, and putting the bytes durably on disk in groups.
"""

import sqlite3
import tempfile
import time
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keys.container import parse_container, verify_container
from keys.suite import SigningPublic


def dual_verification(containers: list[bytes], public: SigningPublic) -> float:
    """Containers parsed and both signatures verified, per second of one core's time."""
    begun = time.process_time()
    for raw in containers:
        verify_container(parse_container(raw), public)
    return len(containers) / (time.process_time() - begun)


def sqlite_commits(containers: list[bytes], group: int) -> float:
    """Rows of these bytes per second, synchronous=FULL, WAL, `group` rows a commit."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder, "floor.sqlite"), isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=16000")
        connection.execute("CREATE TABLE floor (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        begun = time.perf_counter()
        for first in range(0, len(containers), group):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO floor (bytes) VALUES (?)", ((raw,) for raw in containers[first : first + group])
            )
            connection.execute("COMMIT")
        elapsed = time.perf_counter() - begun
        connection.close()
    return len(containers) / elapsed


def bare_route_app() -> Starlette:
    """A Starlette application with one route that reads the body and answers 201: the HTTP floor."""

    async def take(request: Request) -> Response:
        await request.body()
        return Response(status_code=201)

    async def ready(_: Request) -> Response:
        return Response()

    return Starlette(routes=[Route("/v1/messages", take, methods=["POST"]), Route("/", ready)])
