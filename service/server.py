"""A program's HTTP server: uvicorn on uvloop and httptools, ended in order.

Guarantees that any address but loopback is served with TLS alone, that port 0 takes a free one and says which, that the
readiness line is printed once the application has started, and that on SIGTERM or Ctrl-C requests under way are
finished (for at most `drain_seconds`) before the application's own end. There is no access log: it would name what is
asked for.
"""

import asyncio
import gc
import ipaddress
import json
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from schemas.errors import Rejected, Unavailable

BACKLOG = 2048
CONCURRENCY_MAX = 1024
KEEP_ALIVE_SECONDS = 75
DRAIN_SECONDS = 5
_LOOK_SECONDS = 0.02
COLLECT_AFTER = (50_000, 20, 100)
"""Objects of each age before Python looks for cycles: at its default a tenth of a busy edge's time went there."""


@dataclass(frozen=True, slots=True)
class TLS:
    """PEM files of the server's certificate chain and private key."""

    certificate: Path
    key: Path


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    name: str,
    tls: TLS | None = None,
    concurrency_max: int = CONCURRENCY_MAX,
    drain_seconds: int = DRAIN_SECONDS,
    listener: socket.socket | None = None,
    linger_seconds: float = 0,
    ready: Callable[[str], None] | None = None,
    ending: Callable[[], None] | None = None,
) -> None:
    """Serve until told to end.

    Args:
        app: an ASGI application with lifespan.
        host: an IP address or `localhost`.
        port: 0 means any free one.
        name: of the program, for the readiness line.
        tls: demanded unless `host` is loopback.
        concurrency_max: requests at a time; more are answered 503.
        drain_seconds: how long requests under way may take once told to end.
        listener: one that is bound already, instead of a new one for `host` and `port`.
        linger_seconds: how long connections on which nobody asks anything stay open once told to end. While others
            answer on the same socket, none of their requests then meets a connection that is just being closed.
        ready: told the base URL once the application has started; default prints
            `{"ready": "hub", "url": "http://127.0.0.1:8000"}` on standard output.
        ending: called in the event loop once told to end, before requests under way are waited for: what waits for
            news by itself (a long poll) should be answered.

    Raises:
        Rejected: TLS_REQUIRED.
        Unavailable: UNREACHABLE when the address cannot be bound, or the application did not start.
    """
    check_address(host, tls)
    listener = listener or bind(host, port)
    url = address_of(listener, host, tls)
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=concurrency_max,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain_seconds,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
        ssl_context_factory=_modern if tls else None,
    )
    server = _Server(config, url, ready or partial(say_ready, name), ending, linger_seconds)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()
    if not server.started:
        raise Unavailable("UNREACHABLE")


def tls_of(certificate: Path | None, key: Path | None) -> TLS | None:
    """What two settings ask for: both files, or plain HTTP. Raises Rejected(TLS_REQUIRED) for one without the other."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise Rejected("TLS_REQUIRED", "/tls_certificate" if certificate is None else "/tls_key")
    return TLS(certificate, key)


def check_address(host: str, tls: TLS | None) -> None:
    """Plain HTTP is for loopback alone (settled.md, Delivery), or Rejected(TLS_REQUIRED)."""
    if tls is None and not is_loopback(host):
        raise Rejected("TLS_REQUIRED")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def say_ready(name: str, url: str, **more: int) -> None:
    """The line on standard output by which a program's starter knows that it answers, and where."""
    sys.stdout.write(json.dumps({"ready": name, "url": url, **more}) + "\n")
    sys.stdout.flush()


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        url: str,
        ready: Callable[[str], None],
        ending: Callable[[], None] | None,
        linger_seconds: float,
    ) -> None:
        super().__init__(config)
        self._url = url
        self._ready = ready
        self._ending = ending
        self._linger_seconds = linger_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._ending is not None:
            self._ending()
        if self._linger_seconds:
            await self._linger()
        await super().shutdown(sockets)

    async def _linger(self) -> None:
        """Nobody new comes in; who is here is told with the next answer to come again elsewhere, or has gone quiet."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        for connection in list(self.server_state.connections):
            if not _is_idle(connection):
                connection.shutdown()  # with the answer under way
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_seconds):
                while self.server_state.connections:  # noqa: ASYNC110 - uvicorn's own set
                    await asyncio.sleep(_LOOK_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()  # what a program holds for its whole life is not walked again at every collection
            gc.set_threshold(*COLLECT_AFTER)
            self._ready(self._url)


def _is_idle(connection: Any) -> bool:
    return connection.cycle is None or connection.cycle.response_complete


def address_of(listener: socket.socket, host: str, tls: TLS | None) -> str:
    """The base URL of what is served there."""
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{listener.getsockname()[1]}"


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address; 0 takes a free port. Raises Unavailable(UNREACHABLE)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable("UNREACHABLE") from error
    listener.set_inheritable(True)
    return listener


def _modern(_config: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
