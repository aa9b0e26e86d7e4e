"""Outgoing HTTP: one aiohttp session a program, bounded in time, bytes and connections.

Guarantees that every call ends within its timeout, that no answer is read past `bytes_max`, that redirects are not
followed (a request is signed for one address), that no cookie is kept and no proxy variable of the environment is
obeyed. aiohttp's errors become Unavailable(UNREACHABLE); what a status means is the caller's business.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import aiohttp

from schemas.errors import Rejected, Unavailable

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 60.0
CONNECTIONS_MAX = 32
CHUNK_BYTES = 64 * 1024
Session = aiohttp.ClientSession


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The Content-Type as sent, or empty."""
        return self.headers.get("content-type", "")


@asynccontextmanager
async def open_session(
    *, authorities: Path | None = None, connections_max: int = CONNECTIONS_MAX
) -> AsyncIterator[Session]:
    """A session for as long as the block runs.

    Args:
        authorities: PEM file of the certification authorities to trust; None means the system's.
        connections_max: over all hosts.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections_max, ssl=_trust(authorities) if authorities else _trust_of_system()
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "liaison"},
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
    ) as session:
        yield session


def _trust(authorities: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@cache
def _trust_of_system() -> ssl.SSLContext:
    """Read once a process: more than a hundred certificates, of which most sessions see none."""
    return _trust(None)


async def call(
    session: Session,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    bytes_max: int,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Send a request and read the whole answer.

    Raises:
        Unavailable: UNREACHABLE; whether the request arrived is not known.
        Rejected: CONTAINER_LIMIT when the answer is longer than `bytes_max`.
    """
    with _unreachable():
        async with (
            asyncio.timeout(seconds),
            session.request(method, url, headers=headers, data=body, allow_redirects=False) as answer,
        ):
            return Answer(answer.status, _headers(answer), await _bounded(answer, bytes_max))


async def upload(
    session: Session, url: str, path: Path, *, headers: Mapping[str, str], seconds: float = TOTAL_SECONDS
) -> Answer:
    """PUT a file, streamed, with its Content-Length. Raises as `call` does."""
    length = path.stat().st_size  # noqa: ASYNC240 - a local file, as every read of it below

    async def chunks() -> AsyncIterator[bytes]:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                yield chunk

    with _unreachable():
        async with (
            asyncio.timeout(seconds),
            session.put(
                url, data=chunks(), headers={**headers, "Content-Length": str(length)}, allow_redirects=False
            ) as answer,
        ):
            return Answer(answer.status, _headers(answer), await _bounded(answer, CHUNK_BYTES))


async def download(
    session: Session,
    url: str,
    sink: BinaryIO,
    *,
    headers: Mapping[str, str],
    bytes_max: int,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """GET into `sink`, streamed; only a 2xx answer's body goes there, any other is in `Answer.body`.

    Raises:
        Unavailable: UNREACHABLE, also in the middle: what stands in `sink` may be cut short.
        Rejected: CONTAINER_LIMIT.
    """
    with _unreachable():
        async with (
            asyncio.timeout(seconds),
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            if not 200 <= answer.status < 300:
                return Answer(answer.status, _headers(answer), await _bounded(answer, CHUNK_BYTES))
            length = 0
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                length += len(chunk)
                if length > bytes_max:
                    raise Rejected("CONTAINER_LIMIT")
                sink.write(chunk)
            return Answer(answer.status, _headers(answer), b"")


class _unreachable:  # noqa: N801 - used as a `with` word, and half the cost of a generator's
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
            raise Unavailable("UNREACHABLE") from error


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


async def _bounded(answer: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    if (answer.content_length or 0) > bytes_max:
        raise Rejected("CONTAINER_LIMIT")
    found = bytearray()
    async for chunk in answer.content.iter_any():
        found += chunk
        if len(found) > bytes_max:
            raise Rejected("CONTAINER_LIMIT")
    return bytes(found)
