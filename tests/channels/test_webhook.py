"""The webhook: what each answer means, how long it waits, whom it trusts. The other side is a server on loopback."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.channels.rest import RestChannel, open_channel
from adapters.contract import Accepted, HandOver, Place, Rejection, RetryAfter
from adapters.kit import a_delivery
from schemas.errors import Unavailable
from service.clock import utc_now

TOKEN = "token-of-a-national-system"
HOOK_TOKEN = "token-shown-to-the-webhook"

Answering = Callable[[Request], Response]


@asynccontextmanager
async def national(answering: Answering, certificate: Path | None = None) -> AsyncIterator[tuple[str, list[Request]]]:
    """The address of a server that answers so, and what it was asked."""
    requests: list[Request] = []

    async def called(request: Request) -> Response:
        await request.body()
        requests.append(request)
        return answering(request)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=[Route("/hook", called, methods=["POST"])]),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listener]))
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{listener.getsockname()[1]}/hook", requests
        server.should_exit = True
    listener.close()


def secret(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def channel_to(folder: Path, url: str, **options: object) -> RestChannel:
    files = {"token_file": secret(folder, "token", TOKEN), "webhook_token_file": secret(folder, "hook", HOOK_TOKEN)}
    return open_channel(Place("rest", folder, {"webhook_url": url, "retry_seconds": 7, **files, **options}))


async def handed_over(folder: Path, url: str, **options: object) -> HandOver:
    channel = channel_to(folder / "rest", url, **options)
    await channel.connect()
    try:
        return await channel.deliver(a_delivery(folder / "spool"))
    finally:
        await channel.close()


NEVER = (400, 406, 410, 411, 413, 414, 415, 416, 417, 422)
HAS_IT = (200, 201, 202, 204, 299, 409)
LATER = (301, 302, 307, 308, 401, 403, 404, 405, 407, 408, 421, 425, 429, 451, 500, 502, 503, 504)


@pytest.mark.parametrize("status", [*HAS_IT, *NEVER, *LATER])
async def test_what_an_answer_means(tmp_path: Path, status: int) -> None:
    expected: HandOver = RetryAfter(7.0)
    if status in HAS_IT:
        expected = Accepted()
    elif status in NEVER:
        expected = Rejection("CHANNEL_REJECTED")
    async with national(lambda _: Response(status_code=status, headers={"Location": "/hook"})) as (url, requests):
        assert await handed_over(tmp_path, url) == expected
        assert len(requests) == 1  # a redirect is not followed
        assert await handed_over(tmp_path, url) == expected
        assert len(requests) == (2 if status in LATER else 1)  # a last word is not asked for again


async def test_it_shows_its_token_and_names_the_message(tmp_path: Path) -> None:
    async with national(lambda _: Response(status_code=204)) as (url, requests):
        await handed_over(tmp_path, url)
    [request] = requests
    assert request.headers["authorization"] == f"Bearer {HOOK_TOKEN}"
    assert request.headers["idempotency-key"] == a_delivery(tmp_path / "spool").digest
    assert (await request.json())["digest"] == request.headers["idempotency-key"]


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("12", 12, 12),
        ("0", 0, 0),
        ("999999999999", 3600, 3600),
        ("-1", 7, 7),
        ("1.5", 7, 7),
        ("٣", 7, 7),
        ("soon", 7, 7),
        ("", 7, 7),
        pytest.param(timedelta(seconds=600), 300, 600, id="a date"),
        pytest.param(timedelta(seconds=-600), 0, 0, id="a date gone by"),
        pytest.param(timedelta(days=11), 3600, 3600, id="a date far off"),
    ],
)
async def test_a_time_that_is_named_is_obeyed_within_bounds(
    tmp_path: Path, header: str | timedelta, least: float, most: float
) -> None:
    if isinstance(header, timedelta):
        header = format_datetime(utc_now() + header, usegmt=True)
    async with national(
        lambda _: Response(status_code=503, headers={"Retry-After": header.encode().decode("latin-1")})
    ) as (url, _):
        answer = await handed_over(tmp_path, url)
    assert isinstance(answer, RetryAfter)
    assert least <= answer.seconds <= most


async def test_an_answer_without_end_is_cut(tmp_path: Path) -> None:
    async with national(lambda _: Response(b"x" * 10_000)) as (url, _):
        assert await handed_over(tmp_path, url, answer_bytes_max=1000) == RetryAfter(7.0)


async def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert await handed_over(tmp_path, f"http://127.0.0.1:{port}/hook") == RetryAfter(7.0)


def a_certificate(path: Path, address: str, *, days: int = 1) -> Path:
    """Certificate and key for an address in one PEM file, signed by itself; with `days` below 0 one that has ended."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    end = utc_now() + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=5))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize("case", ["trusted", "unknown", "another-host", "expired"])
async def test_only_a_trusted_certificate_is_spoken_to(tmp_path: Path, case: str) -> None:
    address = "127.0.0.2" if case == "another-host" else "127.0.0.1"
    served = a_certificate(tmp_path / "served.pem", address, days=-1 if case == "expired" else 1)
    trusted = a_certificate(tmp_path / "other.pem", address) if case == "unknown" else served
    async with national(lambda _: Response(status_code=204), served) as (url, requests):
        answer = await handed_over(tmp_path, url, webhook_authorities=trusted)
        assert answer == (Accepted() if case == "trusted" else RetryAfter(7.0))
        assert len(requests) == (1 if case == "trusted" else 0)


@pytest.mark.parametrize("spoil", ["mode", "gone", "not-ascii"])
async def test_a_token_that_cannot_be_shown_stops_it(tmp_path: Path, spoil: str) -> None:
    channel = channel_to(tmp_path / "rest", "http://127.0.0.1:9/hook")
    hook = tmp_path / "rest" / "hook"
    match spoil:
        case "mode":
            hook.chmod(0o604)
        case "gone":
            hook.unlink()
        case _:
            hook.write_text("გიორგი-გიორგი", encoding="utf-8")
    with pytest.raises(Unavailable):
        await channel.connect()
    assert isinstance(await channel.deliver(a_delivery(tmp_path / "spool")), RetryAfter)
    await channel.close()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_authorities_that_are_none_stop_it(tmp_path: Path, content: bytes | None) -> None:
    authorities = tmp_path / "ca.pem"
    if content is not None:
        authorities.write_bytes(content)
    channel = channel_to(tmp_path / "rest", "https://127.0.0.1:9/hook", webhook_authorities=authorities)
    with pytest.raises(Unavailable, match="KEY_FILE_INVALID"):
        await channel.connect()
    if content is None:
        states = {check.name: check.state for check in await channel.probe()}
        assert states["webhook_authorities"] == "KEY_FILE_INVALID"
    await channel.close()
