"""A hub on a real Apache Kafka: topics made by its command, inbox topics, and a Kafka that lost everything."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub import relay
from hub.broker.contract import INBOX_PREFIX, OUTBOUND
from hub.broker.outbound import decode
from hub.broker.rebuilding import Rebuilt, rebuild
from hub.settings import load_settings
from hub.wiring import Hub, open_hub, open_log
from keys.proofs.receipt import RECEIPT_TYPE
from keys.sealing import Sealed
from keys.signing import CONTAINER_TYPE
from liaison.cli import main
from schemas.errors import Rejected, Unavailable
from service.multipart import read_entity
from tests.hub.called_edge import CalledEdge, called_edge, until
from tests.kafka import Cluster
from tests.world import World

Client = httpx2.AsyncClient
PARTITIONS = 3


@pytest.fixture
def world(hub_world: World, kafka: Cluster) -> World:
    configure(
        hub_world,
        f'kafka_bootstrap = "{kafka.bootstrap}"',
        "kafka_replicas = 1",
        "kafka_in_sync_min = 1",
        f"kafka_partitions = {PARTITIONS}",
        "relay_idle_seconds = 0.05",
        "kafka_publish_seconds = 10.0",
        "[kafka_inboxes]",
        'test-mda = "User:CN=test-mda"',
    )
    return hub_world


@pytest.fixture
async def edge(world: World) -> AsyncIterator[CalledEdge]:
    async with called_edge(world, "test-geo") as found:
        yield found


def configure(world: World, *lines: str) -> None:
    with (world.data / "hub.toml").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def hub_of(world: World) -> Hub:
    assert world.hub is not None
    return world.hub


async def command(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    """As an operator types it; it has an event loop of its own."""
    capsys.readouterr()
    code = await asyncio.to_thread(main, ["hub", "broker", *map(str, words), "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


async def make_topics(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = await command(capsys, "check", world.data, "--create")
    assert [finding["what"] for finding in said["findings"]] == ["kafka_principal"]  # rights: test_kafka_rights.py


async def send(world: World, client: Client, *to: str) -> tuple[Sealed, int]:
    sealed = world.seal("test-aut", "doc.alert", list(to))
    return sealed, (await world.accepted(client, sealed)).index


async def inbox(world: World, partner: str = "test-mda") -> list[tuple[int, bytes]]:
    """What a reader of the topic finds: index and container of each record, its receipt verified."""
    found = []
    for one in await hub_of(world).broker.fetch(INBOX_PREFIX + partner, {}, limit=512, wait_seconds=0):
        receipt, container = read_entity(one.record.value)
        assert (receipt.media_type, container.media_type) == (RECEIPT_TYPE, CONTAINER_TYPE)
        assert receipt.content_id == container.content_id == one.record.key.hex()
        found.append((world.verified(receipt.body).index, container.body))
    return found


async def filled(world: World, count: int) -> list[tuple[int, bytes]]:
    """So many records; and what came beside them because it was just being published when Kafka lost everything."""
    while True:
        with suppress(Unavailable):  # perhaps it was just filled again
            found = await inbox(world)
            if len(found) >= count:
                return found


async def rebuilt(world: World) -> Rebuilt:
    with open_log(world.settings(), clock=world.clock) as opened:
        return await rebuild(world.settings(), opened, "operator")


async def test_what_is_wrong_with_the_topics_is_said_and_nothing_is_changed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = await command(capsys, "check", world.data)
    assert code == 3
    assert said["made"] == []
    missing = {finding["where"] for finding in said["findings"] if finding["found"] == "missing"}
    assert missing == {OUTBOUND, INBOX_PREFIX + "test-mda"}
    code, said = await command(capsys, "check", world.data, "--create")
    assert sorted(said["made"]) == sorted(missing)
    assert await command(capsys, "check", world.data, "--create") == (3, {**said, "made": []})
    assert [(finding["what"], finding["found"]) for finding in said["findings"]] == [("kafka_principal", "not named")]
    stricter = world.data / "hub.toml"
    stricter.write_text(
        stricter.read_text()
        .replace("kafka_partitions = 3", "kafka_partitions = 5")
        .replace("kafka_replicas = 1", "kafka_replicas = 2\nretention_days = 8")
        .replace("kafka_in_sync_min = 1", "kafka_in_sync_min = 2")
    )
    code, said = await command(capsys, "check", world.data, "--create")
    assert code == 3
    assert said["made"] == []
    found = {(finding["where"], finding["what"]) for finding in said["findings"]}
    differs = ("min.insync.replicas", "replicas", "retention.ms")
    assert {(OUTBOUND, what) for what in (*differs, "partitions")} <= found
    assert {(INBOX_PREFIX + "test-mda", what) for what in differs} <= found


async def test_a_partner_with_an_inbox_topic_finds_the_same_bytes_and_owes_the_same_evidence(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await make_topics(world, capsys)
    async with world.running() as client:
        sent = [await send(world, client, "test-mda", "test-geo") for _ in range(3)]
        await send(world, client, "test-geo")  # of no concern to the reader
        found = await filled(world, 3)
        assert found == [(index, sealed.container) for sealed, index in sent]
        of_it = [leaf.leaf.event for leaf in hub_of(world).reader.leaves(-1, 100) if leaf.leaf.prev == sent[0][1]]
        assert of_it == []  # published is not taken, and read is not handed over
        await world.state(client, "test-mda", "ContentHandover", sent[:1])
        hub = hub_of(world)
        open_ = hub.reader.inbox("test-mda", -1, limit=9, bytes_max=10**8, open_only=True)
        assert [item.index for item in open_] == [index for _, index in sent[1:]]
        await until(lambda: relay.position(hub, INBOX_PREFIX + "test-mda") > sent[2][1])
    async with world.running() as client:
        await send(world, client, "test-geo")
        size = hub_of(world).writer.size
        await until(lambda: relay.position(hub_of(world)) == size)
        assert len(await inbox(world)) == 3  # a restart publishes none of them again
    world.check()


async def test_a_first_start_goes_past_what_is_handed_over_and_delivers_what_is_accepted_then(
    world: World, edge: CalledEdge, capsys: pytest.CaptureFixture[str]
) -> None:
    """The relay has messages to look at and none to publish: nothing it writes speaks of another broker."""
    await make_topics(world, capsys)
    partners = ("test-mda", "test-geo")
    async with world.running(roles="api") as client:  # partners ask for their inbox, nobody publishes
        done = [await send(world, client, *partners) for _ in range(3)]
        for partner in partners:
            await world.state(client, partner, "ContentHandover", done)
    assert (relay.position(hub_of(world)), edge.taken) == (0, [])
    async with world.running(roles="api,relay") as client:
        sent = [await send(world, client, *partners)]
        topics = (OUTBOUND, INBOX_PREFIX + "test-mda")
        await until(lambda: min(relay.position(hub_of(world), topic) for topic in topics) > sent[0][1])
        assert await inbox(world) == [(index, sealed.container) for sealed, index in sent]
    async with world.running() as client:
        sent.append(await send(world, client, *partners))
        assert await filled(world, 2) == [(index, sealed.container) for sealed, index in sent]
        await until(lambda: edge.taken == [index for _, index in sent])
    world.check()


async def test_a_kafka_that_lost_everything_is_filled_from_the_log_and_each_message_arrives_once(
    world: World, kafka: Cluster, edge: CalledEdge, capsys: pytest.CaptureFixture[str]
) -> None:
    await make_topics(world, capsys)
    async with world.running() as client:
        sent = [await send(world, client, "test-mda", "test-geo") for _ in range(4)]
        await filled(world, 4)
        await until(lambda: len(edge.taken) == 4)
        await world.state(client, "test-mda", "ContentHandover", sent[:2])
        kafka.wipe()
        sent.append(await send(world, client, "test-mda", "test-geo"))  # the hub accepts without its broker
        code, said = await command(capsys, "check", world.data)
        assert (code, len(said["findings"])) == (3, 3)
        await make_topics(world, capsys)
        with pytest.raises(Unavailable, match="BROKER_POSITION"):
            await retried(hub_of(world))
        assert edge.taken[:4] == [index for _, index in sent[:4]]
        assert (await rebuilt(world)).messages == 5  # beside the running hub; test-geo has handed over nothing
        owed = [(index, sealed.container) for sealed, index in sent[2:]]  # the rest is handed over
        await until(lambda: relay.position(hub_of(world), INBOX_PREFIX + "test-mda") > owed[-1][0])
        found = await filled(world, len(owed))
        assert found[-3:] == owed
        assert set(found[:-3]) <= set(owed)  # what was just being published met the new topic; a repeat may come too
        await until(lambda: len(edge.taken) == 5)
        sent.append(await send(world, client, "test-mda", "test-geo"))
        await filled(world, len(found) + 1)
        await until(lambda: len(edge.taken) == 6)
        assert edge.taken == [index for _, index in sent]  # each once
        said_so = [one.leaf for one in hub_of(world).reader.leaves(-1, 100) if one.leaf.event == "BrokerRebuilt"]
        assert [sorted(leaf.c) for leaf in said_so] == [["actor"]]
    world.check()


async def retried(hub: Hub) -> None:
    """Read until Kafka answers again; what it says then."""
    while True:
        try:
            await hub.broker.fetch(OUTBOUND, {}, limit=1, wait_seconds=0)
        except Unavailable as error:
            if error.code != "UNREACHABLE":
                raise


async def test_a_hub_that_leaves_kafka_is_told_to_rebuild_and_then_loses_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await make_topics(world, capsys)
    async with world.running() as client:
        await send(world, client, "test-mda")
        await filled(world, 1)
    settings = world.data / "hub.toml"
    settings.write_text(settings.read_text().replace("kafka_bootstrap", "# kafka_bootstrap"))
    with pytest.raises(Unavailable, match="BROKER_POSITION"):
        open_hub(load_settings(world.data))
    assert (await rebuilt(world)).messages == 1
    async with world.running() as client:
        await send(world, client, "test-mda")
        seen: list[int] = []
        while len(seen) < 2:
            await asyncio.sleep(0)  # the relay's turn
            fetched = await hub_of(world).broker.fetch(OUTBOUND, {}, limit=9, wait_seconds=1)
            seen = [decode(one.record).index for one in fetched]
    world.check()


async def test_a_hub_without_kafka_has_no_topics_to_check(hub_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert await command(capsys, "check", hub_world.data) == (0, {"made": [], "findings": []})
    hub_world.open().close()
    code, said = await command(capsys, "rebuild", hub_world.data)
    assert (code, said["messages"]) == (0, 0)


@pytest.mark.parametrize(
    "lines",
    [
        ['kafka_bootstrap = "kafka.example:9092"'],
        ['kafka_bootstrap = "127.0.0.1:9092,kafka.example:9092"'],
        ['kafka_bootstrap = "127.0.0.1:9092"', 'kafka_tls_key = "key.pem"'],
        ['kafka_bootstrap = "127.0.0.1:9092"', 'kafka_tls_certificate = "c.pem"', 'kafka_tls_key = "key.pem"'],
        ['kafka_bootstrap = "127.0.0.1"'],
        ['kafka_bootstrap = "127.0.0.1:x"'],
    ],
)
def test_half_of_what_tls_needs_and_another_host_without_it_are_refused(hub_world: World, lines: list[str]) -> None:
    configure(hub_world, *lines)
    with pytest.raises(Rejected, match=r"TLS_REQUIRED|FIELD_PATTERN"):
        open_hub(hub_world.settings())


async def test_a_kafka_that_is_not_there_is_unreachable_for_the_command_and_no_matter_for_the_hub(
    hub_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(hub_world, 'kafka_bootstrap = "127.0.0.1:1"', "kafka_publish_seconds = 1.0")
    assert (await command(capsys, "check", hub_world.data))[0] == 5
    async with hub_world.running() as client:
        await send(hub_world, client, "test-mda")
    assert (await command(capsys, "rebuild", hub_world.data))[0] == 5
