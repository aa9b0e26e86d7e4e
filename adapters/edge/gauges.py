"""The numbers of an edge that are looked up: how old what waits is, what ends soon. Read at each scrape, bounded."""

import os
from collections.abc import Callable, Iterator

from adapters.edge.wiring import Edge
from keys.tls import expires_at
from schemas.errors import LiaisonError
from service.gauges import Number
from service.sqlite import guarded

_WAITS = {
    "liaison_edge_unsent_oldest_seconds": (
        "SELECT at FROM outbox WHERE state = 'waiting' ORDER BY seq LIMIT 1",
        "SELECT at FROM outbox WHERE state = 'sealed' ORDER BY seq LIMIT 1",
    ),
    "liaison_edge_unhanded_oldest_seconds": (
        "SELECT came_at FROM inbox WHERE state = 'received' ORDER BY idx LIMIT 1",
        "SELECT min(came_at) FROM (SELECT came_at FROM inbox WHERE state = 'ready' LIMIT 1000)",
    ),
    "liaison_edge_unsaid_oldest_seconds": ("SELECT at FROM statement WHERE state = 'sealed' ORDER BY at LIMIT 1",),
}
_UNSEEN = "SELECT code, count(*) FROM alarm WHERE seen = 0 GROUP BY code"


def look(edge: Edge) -> list[Number]:
    """Every number that can be had."""
    found: list[Number] = []
    looks: tuple[Callable[[Edge], Iterator[Number]], ...] = (_waits, _alarms, _keys, _certificate, _disk)
    for each in looks:
        try:
            found.extend(each(edge))
        except (LiaisonError, OSError):
            continue  # what it looked at is down, which /readyz says
    return found


def _waits(edge: Edge) -> Iterator[Number]:
    now = int(edge.seconds())
    for name, queries in _WAITS.items():
        with guarded():
            rows = [edge.connection.execute(query).fetchone() for query in queries]
        yield Number(name, max((max(0, now - row[0]) for row in rows if row and row[0] is not None), default=0))


def _alarms(edge: Edge) -> Iterator[Number]:
    with guarded():
        rows = edge.connection.execute(_UNSEEN).fetchall()
    for code, count in rows:
        yield Number("liaison_edge_alarms_unseen", count, {"code": code})


def _keys(edge: Edge) -> Iterator[Number]:
    for use, until in edge.directories.current.last_valid(edge.partner).items():
        yield Number("liaison_edge_key_expires_timestamp_seconds", until.timestamp(), {"use": use})


def _certificate(edge: Edge) -> Iterator[Number]:
    file = edge.settings.tls_certificate
    if file is not None:
        yield Number("liaison_edge_certificate_expires_timestamp_seconds", expires_at(file.read_bytes()).timestamp())


def _disk(edge: Edge) -> Iterator[Number]:
    about = os.statvfs(edge.settings.folder)
    yield Number("liaison_edge_disk_free_bytes", about.f_bavail * about.f_frsize)
