"""The hub on a Kafka that asks for certificates: with its own it works, with any other it does not, and says little."""

import asyncio
import gc
import logging
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import errors as kafka_errors
from aiokafka.client import AIOKafkaClient

from hub.broker.cluster import Address, tls_of
from hub.broker.cluster import Cluster as Questions
from hub.broker.contract import INBOX_PREFIX, OUTBOUND, Record
from hub.broker.topics import wanted_grants
from schemas.errors import Rejected, Unavailable
from tests.hub.called_edge import called_edge, until
from tests.kafka_rights.authority import Authority
from tests.kafka_rights.conftest import HUB, Kafka
from tests.world import World

pytestmark = pytest.mark.real

MDA = INBOX_PREFIX + "test-mda"
SECRET = b"what-nobody-may-read-in-an-error"


async def test_with_its_certificate_the_hub_publishes_and_reads(made: World, kafka: Kafka) -> None:
    async with called_edge(made, "test-geo") as edge, made.running() as client:
        indices = []
        for _ in range(3):
            sealed = made.seal("test-aut", "doc.alert", ["test-mda", "test-geo"])
            indices.append((await made.accepted(client, sealed)).index)
        await until(lambda: edge.taken == indices)
        topic = await kafka.questions.topic(MDA)
        assert topic is not None
        async with asyncio.timeout(60):
            while await kafka.questions.ends(topic) != {0: 3}:
                pass
    made.check()


async def test_a_right_that_is_taken_away_stops_the_broker_alone_until_it_is_granted_again(
    made: World, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.broker.cluster.OPERATOR_SECONDS", 0.2)  # of patience between two tries
    lost = [one for one in wanted_grants(made.settings()) if one.principal == HUB]
    async with called_edge(made, "test-geo") as edge, made.running(kafka_publish_seconds=2.0) as client:
        for one in lost:
            await kafka.revoke(one)
        assert made.hub is not None
        with pytest.raises(Unavailable, match="BROKER_RIGHTS"):
            await made.hub.broker.publish(OUTBOUND, [Record(b"k", SECRET)])
        sealed = made.seal("test-aut", "doc.alert", ["test-geo"])
        index = (await made.accepted(client, sealed)).index  # the hub goes on accepting
        assert edge.taken == []
        for one in lost:
            await kafka.questions.allow(one)
        await until(lambda: edge.taken == [index])


WRONG = {
    "another-authority": "UNREACHABLE",
    "expired": "UNREACHABLE",
    "unknown-server": "UNREACHABLE",
    "another-host": "UNREACHABLE",
    "partner": "BROKER_RIGHTS",
    "stranger": "BROKER_RIGHTS",
    "plaintext": "UNREACHABLE",  # the last: for good
}


def shown(made: World, kafka: Kafka, other: Authority, whose: str) -> dict[str, object]:
    """What the settings say instead."""
    match whose:
        case "another-authority":
            certificate, key = other.certify("hub")
        case "expired":
            certificate, key = kafka.authority.certify("expired", days=-1)
        case "unknown-server":
            return {"kafka_tls_authorities": other.file}
        case "another-host":
            return {"kafka_bootstrap": kafka.bootstrap.replace("127.0.0.1", "localhost")}  # not in its certificate
        case "plaintext":
            settings = made.data / "hub.toml"
            lines = settings.read_text().splitlines(keepends=True)
            settings.write_text("".join(line for line in lines if not line.startswith("kafka_tls_")))
            return {}
        case _:
            certificate, key = kafka.files("test-mda" if whose == "partner" else whose)
    return {"kafka_tls_certificate": certificate, "kafka_tls_key": key}


async def test_with_anything_else_it_neither_publishes_nor_reads_and_nothing_leaks(
    made: World, kafka: Kafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # what a program sends on of its libraries
    more: dict[str, object] = {"roles": "api", "kafka_request_seconds": 2.0, "kafka_publish_seconds": 4.0}
    for whose, code in WRONG.items():
        given = shown(made, kafka, Authority(tmp_path / "other"), whose)
        async with made.running(**given, **more):
            assert made.hub is not None
            for topic in (OUTBOUND, MDA):
                with pytest.raises(Unavailable) as publishing:
                    await made.hub.broker.publish(topic, [Record(b"k", SECRET)])
                refusals = [publishing.value]
                if (whose, topic) != ("partner", MDA):  # that it may read: test_partner.py
                    with pytest.raises(Unavailable) as reading:
                        await made.hub.broker.fetch(topic, {}, limit=1, wait_seconds=0)
                    refusals.append(reading.value)
                assert {refusal.code for refusal in refusals} == {code}, whose
                said = f"{refusals} {caplog.text}"
                assert SECRET.decode() not in said
                assert "PRIVATE" not in said
                known = await kafka.questions.topic(topic)
                assert known is not None
                assert set((await kafka.questions.ends(known)).values()) == {0}


async def test_without_a_certificate_nobody_is_spoken_to(kafka: Kafka) -> None:
    client = AIOKafkaClient(
        bootstrap_servers=kafka.bootstrap,
        security_protocol="SSL",
        ssl_context=kafka.authority.context(None, None),
        request_timeout_ms=5000,
    )
    with pytest.raises(kafka_errors.KafkaConnectionError):
        await client.bootstrap()
    await client.close()


def test_files_that_cannot_be_used_stop_the_start_and_no_terminal_is_asked(hub_world: World, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.certify("hub", passphrase=b"not to be asked for")
    for authorities, path in (
        (authority.file, key),  # locked
        (authority.file, authority.file),  # no key
        (authority.file, tmp_path / "none"),
        (key, key),
        (tmp_path / "none", key),
    ):
        with pytest.raises(Rejected, match="TLS_REQUIRED"):
            hub_world.open(
                kafka_bootstrap="kafka.example:9093",
                kafka_tls_authorities=authorities,
                kafka_tls_certificate=certificate,
                kafka_tls_key=path,
            )


# -- a server that stops half-way


@asynccontextmanager
async def half_way(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port where the first question is answered as Kafka would (which requests it knows), and no other."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(4096)
        body = question[8:12] + struct.pack(">hihhhhhh", 0, 2, 3, 0, 5, 18, 0, 0)
        writer.write(struct.pack(">i", len(body)) + body)
        await over.wait()
        writer.transport.abort()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield port
        over.set()


@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_that_comes_half_way_leaves_no_connection_open(tmp_path: Path, tls: bool) -> None:
    """A connection that is left open warns when it is collected, and a warning fails the test."""
    authority, context = Authority(tmp_path), None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
        context.load_cert_chain(*authority.certify("kafka"))
    shown = tls_of(authority.file, *authority.certify("hub")) if tls else None
    async with half_way(context) as port:
        for publish_seconds, request_seconds in ((0.2, 60.0), (60.0, 0.2)):  # whose patience ends first
            cluster = Questions(Address(f"127.0.0.1:{port}", shown, request_seconds, publish_seconds))
            for ask in (cluster.topic(OUTBOUND), cluster.grants()):
                with pytest.raises(Unavailable, match="UNREACHABLE"):
                    await ask
            waiting = asyncio.ensure_future(cluster.topic(OUTBOUND))
            await asyncio.wait([waiting], timeout=0.1)
            waiting.cancel()
            with pytest.raises((asyncio.CancelledError, Unavailable)):
                await waiting
            await cluster.close()
    gc.collect()
