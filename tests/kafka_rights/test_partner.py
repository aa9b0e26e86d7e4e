"""A partner that reads its inbox topic with the program of docs/connect-a-partner.md, and what it may not do."""

import asyncio
import itertools
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from hub.broker.cluster import Cluster as Questions
from hub.broker.contract import INBOX_PREFIX, OUTBOUND
from keys.container import parse_container, verify_container
from keys.proofs.receipt import RECEIPT_TYPE
from keys.sealing import Sealed
from keys.signing import CONTAINER_TYPE
from schemas.errors import Unavailable
from service.multipart import read_multipart
from tests.kafka_rights.conftest import Kafka, grant
from tests.test_architecture import ROOT
from tests.world import World

pytestmark = pytest.mark.real

MDA, GEO = INBOX_PREFIX + "test-mda", INBOX_PREFIX + "test-geo"
UNGRANTED = 29
UNGRANTED_ERRORS = (kafka_errors.TopicAuthorizationFailedError, kafka_errors.ClusterAuthorizationFailedError)
NODE = 1
Item = tuple[str, dict[str, bytes], int]


class EnoughError(Exception):
    """The reader has all that it wants."""


@pytest.fixture(scope="module")
def read_inbox() -> Callable[..., Awaitable[None]]:
    """The documented program, as it stands there."""
    page = (ROOT / "docs" / "connect-a-partner.md").read_text(encoding="utf-8")
    [program] = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/connect-a-partner.md", "exec"), names)  # noqa: S102 - our own page
    reader: Callable[..., Awaitable[None]] = names["read_inbox"]
    return reader


@pytest.fixture
def tls(kafka: Kafka) -> ssl.SSLContext:
    return kafka.authority.context(*kafka.files("test-mda"))


def security(tls: ssl.SSLContext, kafka: Kafka) -> dict[str, Any]:
    return {"bootstrap_servers": kafka.bootstrap, "security_protocol": "SSL", "ssl_context": tls}


async def sent(world: World, client: httpx2.AsyncClient, *to: str) -> tuple[Sealed, int]:
    sealed = world.seal("test-aut", "doc.alert", list(to))
    return sealed, (await world.accepted(client, sealed)).index


async def test_it_finds_what_the_inbox_gives_and_only_its_word_is_a_hand_over(
    made: World, kafka: Kafka, tls: ssl.SSLContext, read_inbox: Callable[..., Awaitable[None]]
) -> None:
    found: list[Item] = []

    async def keep(digest: str, item: dict[str, bytes], following: int) -> None:
        found.append((digest, item, following))
        if len(found) == 3:
            raise EnoughError

    async def opened(client: httpx2.AsyncClient) -> list[tuple[str, str, bytes]]:
        """What the inbox says is not done; asking for it moves nothing."""
        answer = await made.get(client, "test-mda", "/v1/inbox?open=1")
        parts = read_multipart(answer.headers["Content-Type"], answer.content)
        return [(part.content_id, part.media_type, part.body) for part in parts]

    async with made.running() as client:
        messages = [await sent(made, client, "test-mda", "test-geo") for _ in range(3)]
        await sent(made, client, "test-geo")  # of no concern to the reader
        with pytest.raises(EnoughError):
            await read_inbox(kafka.bootstrap, tls, MDA, 0, keep)
        assert [digest for digest, _, _ in found] == [sealed.digest.hex() for sealed, _ in messages]
        for (digest, item, following), (sealed, index) in zip(found, messages, strict=True):
            assert list(item) == [RECEIPT_TYPE, CONTAINER_TYPE]
            receipt = made.verified(item[RECEIPT_TYPE])
            assert (receipt.index, receipt.leaf.digest) == (index, digest)
            assert item[CONTAINER_TYPE] == sealed.container
            container = parse_container(item[CONTAINER_TYPE])
            verify_container(container, made.partners["test-aut"].pair.public)
            assert following <= len(messages)
        assert made.hub is not None
        indices = {index for _, index in messages}
        about = [leaf.leaf.event for leaf in made.hub.reader.leaves(-1, 100) if leaf.leaf.prev in indices]
        assert about == []  # published is no consignment, and read no hand-over
        asked = await opened(client)
        assert [(digest, body) for digest, media_type, body in asked if media_type == CONTAINER_TYPE] == [
            (digest, item[CONTAINER_TYPE]) for digest, item, _ in found
        ]
        await made.state(client, "test-mda", "ContentHandover", messages[:1])
        left = {digest for digest, _, _ in await opened(client)}
        assert left == {sealed.digest.hex() for sealed, _ in messages[1:]}
        again = list(found)
        found.clear()
        with pytest.raises(EnoughError):  # a second reader is given the same again
            await read_inbox(kafka.bootstrap, tls, MDA, 0, keep)
        assert found == again
        with pytest.raises(kafka_errors.OffsetOutOfRangeError):  # a topic that lost what it had
            await read_inbox(kafka.bootstrap, tls, MDA, 99, keep)
    made.check()


async def test_it_may_keep_its_place_in_the_group_of_its_topic_and_in_no_other(
    made: World, kafka: Kafka, tls: ssl.SSLContext
) -> None:
    async def first(group: str) -> int:
        consumer = AIOKafkaConsumer(
            MDA, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", **security(tls, kafka)
        )
        try:
            await consumer.start()
            record = await consumer.getone()
            await consumer.commit()
        finally:
            await consumer.stop()
        return int(record.offset)

    async with made.running() as client:
        for _ in range(2):
            await sent(made, client, "test-mda")
        assert [await first(MDA), await first(MDA)] == [0, 1]
        for other in (GEO, "hub.v1.inbox.test-mda2", "mine"):
            with pytest.raises(kafka_errors.GroupAuthorizationFailedError):
                await first(other)


async def test_it_reads_nothing_else(made: World, kafka: Kafka, tls: ssl.SSLContext) -> None:
    client = AIOKafkaClient(**security(tls, kafka))
    await client.bootstrap()
    try:
        for topic, error in ((MDA, 0), (GEO, UNGRANTED), (OUTBOUND, UNGRANTED), ("hub.v1.nothing", UNGRANTED)):
            answer = await client.send(NODE, FetchRequest(0, 0, 1000, 0, [(topic, [(0, 0, 1000)])]))
            [(name, [(_, found, *_)])] = answer.topics
            assert (name, found) == (topic, error)
    finally:
        await client.close()
    with pytest.raises(Unavailable, match="BROKER_RIGHTS"):
        await asked(kafka, lambda cluster: cluster.topic(GEO))
    assert made.hub is None


async def published(producer: AIOKafkaProducer, topic: str) -> None:
    await producer.start()
    await producer.send_and_wait(topic, b"a forged item", partition=0)


async def test_it_writes_nowhere(made: World, kafka: Kafka, tls: ssl.SSLContext) -> None:
    for topic, idempotent in itertools.product((MDA, GEO, OUTBOUND), (False, True)):
        producer = AIOKafkaProducer(acks="all", enable_idempotence=idempotent, **security(tls, kafka))
        try:
            with pytest.raises(UNGRANTED_ERRORS):
                await published(producer, topic)
        finally:
            await producer.stop()
        known = await kafka.questions.topic(topic)
        assert known is not None
        assert set((await kafka.questions.ends(known)).values()) == {0}
    assert made.hub is None


async def asked(kafka: Kafka, ask: Callable[[Questions], Awaitable[Any]]) -> None:
    cluster = Questions(kafka.address("test-mda"))
    try:
        await ask(cluster)
    finally:
        await cluster.close()


async def test_it_makes_grants_and_looks_up_nothing(made: World, kafka: Kafka) -> None:
    more = grant("User:CN=test-mda", "read", "topic", GEO)
    for ask in (
        lambda cluster: cluster.create("hub.v1.inbox.another", 1, 1, {}),
        lambda cluster: cluster.create(MDA, 1, 1, {}),
        lambda cluster: cluster.allow(more),
        lambda cluster: cluster.grants(),
        lambda cluster: cluster.broker_settings(),
        lambda cluster: cluster.settings(MDA),
        lambda cluster: cluster.topic(GEO),
    ):
        with pytest.raises(Unavailable, match="BROKER_RIGHTS"):
            await asked(kafka, ask)
    assert await kafka.questions.topic("hub.v1.inbox.another") is None
    assert more not in (await kafka.questions.grants() or ())
    assert made.hub is None


async def test_two_readers_do_not_wait_for_each_other(
    made: World, kafka: Kafka, read_inbox: Callable[..., Awaitable[None]]
) -> None:
    """Each of its own topic; what is addressed to both comes to both."""
    taken: dict[str, str] = {}

    async def read(partner: str) -> None:
        async def keep(digest: str, _: dict[str, bytes], __: int) -> None:
            taken[partner] = digest
            raise EnoughError

        files = kafka.files(partner)
        with pytest.raises(EnoughError):
            await read_inbox(kafka.bootstrap, kafka.authority.context(*files), INBOX_PREFIX + partner, 0, keep)

    async with made.running() as client:
        sealed, _ = await sent(made, client, "test-mda", "test-geo")
        async with asyncio.TaskGroup() as group:
            for partner in ("test-mda", "test-geo"):
                group.create_task(read(partner))
    assert taken == dict.fromkeys(("test-mda", "test-geo"), sealed.digest.hex())
