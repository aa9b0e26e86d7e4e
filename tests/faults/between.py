"""Stands between edges and a real hub on the hub's public address: passes everything on, remembers it, and can lie.

A real HTTP server of the standard library, in threads of its own (the test itself waits synchronously). What it changes
is what a hub, or somebody who holds its key, could answer; it has no key of anybody.
"""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from tests.faults.cluster import Cluster, cluster, founded
from tests.ports import free_ports

FORWARD_SECONDS = 60.0
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the hub's answer to it. Names of headers are in lower case."""

    method: str
    target: str
    asked: Mapping[str, str]
    request: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str]
    answer: bytes = field(repr=False)

    def saying(self, answer: bytes, status: int = 200, **headers: str) -> "Exchange":
        """The same with another answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, answer=answer, status=status, headers={**self.headers, **named})


Lie: TypeAlias = Callable[[Exchange], Exchange | None]
"""What is answered instead; None: the connection is cut without an answer."""


class Between:
    """The server's state. Tests set `port` and `lie`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lie: Lie | None = None
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []

    def exchanges(self, method: str, prefix: str) -> list[Exchange]:
        """What was asked and truly answered until now."""
        with self._lock:
            return [one for one in self._exchanges if one.method == method and one.target.startswith(prefix)]

    def everything(self) -> list[Exchange]:
        """All of it."""
        with self._lock:
            return list(self._exchanges)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Exchange | None:
        """The hub's answer, or the lie told instead; None when there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=FORWARD_SECONDS)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name not in _HOP or name == "host":
                    connection.putheader(name, value)
            if body or method in {"POST", "PUT"}:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        named = {name.lower(): value for name, value in answer.getheaders()}
        found = Exchange(method, target, headers, body, answer.status, named, raw)
        with self._lock:
            self._exchanges.append(found)
        return self.lie(found) if self.lie is not None else found


@contextmanager
def between(public: int, port: int) -> Iterator[Between]:
    """Serves the port `public` of loopback, for a hub that listens at `port`."""
    state = Between(port)

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass()

        def do_POST(self) -> None:
            self._pass()

        def do_PUT(self) -> None:
            self._pass()

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            asked = {name.lower(): value for name, value in self.headers.items()}
            found = state.answer(self.command, self.path, asked, body)
            if found is None:
                self.close_connection = True
                return
            self.send_response_only(found.status)
            for name, value in found.headers.items():
                if name not in _HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(found.answer)))
            self.end_headers()
            self.wfile.write(found.answer)

        def log_message(self, *_: object) -> None:
            """Nothing: the test says what it found."""

    class Server(ThreadingHTTPServer):
        """Ends without waiting for long polls; a caller that was killed is no error."""

        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """A connection that broke off."""

    with Server(("127.0.0.1", public), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def watched(folder: Path, **environment: Mapping[str, str]) -> Iterator[tuple[Cluster, Between]]:
    """A cluster whose edges reach the hub through `Between`; nothing runs yet."""
    [port] = free_ports(1)
    given = {**environment, "hub": {**environment.get("hub", {}), "LIAISON_HUB_PORT": str(port)}}
    with between(int(founded().url.rpartition(":")[2]), port) as hub, cluster(folder, **given) as found:
        yield found, hub
