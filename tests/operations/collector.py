"""A collector on loopback: takes what the real exporter sends and shows it as plain rows."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Row:
    """One span as the collector has it. `context` and `links` are (trace id, span id), hex."""

    service: str
    name: str
    context: tuple[str, str]
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    failed: bool
    events: int


@dataclass
class Collector:
    """What came, and the bytes it came in."""

    url: str = ""
    rows: list[Row] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> list[Row]:
        """The spans of this name."""
        return [row for row in self.rows if row.name == name]

    def follows(self, row: Row, name: str) -> list[Row]:
        """The spans of this name that a span links to."""
        return [other for other in self.named(name) if other.context in row.links]


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector for as long as the block runs; a thread of its own, as another program would be."""
    found = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip  # noqa: PLC0415 - rarely

                body = gzip.decompress(body)
            found.raw.append(body)
            found.rows.extend(_rows(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Door)
    found.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _rows(body: bytes) -> Iterator[Row]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    for resource in request.resource_spans:
        service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Row(
                    service,
                    span.name,
                    (span.trace_id.hex(), span.span_id.hex()),
                    span.parent_span_id.hex(),
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    {one.key: _value(one.value) for one in span.attributes},
                    span.status.code == 2,
                    len(span.events),
                )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [one.int_value for one in value.array_value.values]
    return getattr(value, kind)
