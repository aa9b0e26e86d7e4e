"""What fails around the hub: the disk, another process, an address or a partner that asks too much, hostile texts."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import httpx2
import pytest

from hub import retention
from hub.app import create_app
from hub.leases import Lease
from hub.log import highwater
from hub.readiness import check_all
from hub.wiring import Hub
from keys.container import parse_container
from keys.sealing import Sealed
from keys.signing import CONTAINER_TYPE, STATEMENT_TYPE
from schemas.errors import Fault, Rejected
from service import batch as batches
from service.problems import PROBLEM_TYPE, SECURITY_HEADERS
from tests.world import ON_SQLITE, World, lifespan, sha256

Client = httpx2.AsyncClient
CANARY = "canary-7f3a"


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


def hub_of(world: World) -> Hub:
    assert world.hub is not None
    return world.hub


def request(world: World) -> Sealed:
    return world.seal("test-aut", "ident.request", ["test-mda"])


def counts(world: World) -> dict[str, int]:
    connection = hub_of(world).connection
    names = ("leaf", "message", "recipient", "idempotency", "side", "case_key", "statement", "checkpoint")
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608


async def unavailable(world: World, client: Client, body: Sealed | bytes) -> None:
    answer = await world.post(client, body)
    assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1


# -- the store


@ON_SQLITE
async def test_a_locked_database_takes_nothing_and_then_the_same_bytes(world: World, client: Client) -> None:
    hub_of(world).connection.execute("PRAGMA busy_timeout = 1")
    sent = request(world)
    index = (await world.accepted(client, sent)).index
    before = counts(world)
    other = sqlite3.connect(hub_of(world).settings.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    message, statement = request(world), world.statement("test-mda", "ContentHandover", [(sent, index)])
    await unavailable(world, client, message)
    await unavailable(world, client, statement)
    assert counts(world) == before
    other.execute("ROLLBACK")
    other.close()
    hub = hub_of(world)
    assert check_all(hub)["database"] == "STORE_UNAVAILABLE", "a row can be written, and no batch was yet"
    world.clock.advance(seconds=hub.settings.commit_failed_seconds)
    assert check_all(hub)["database"] == "ok", "who is sent nothing cannot show that it could"
    await world.accepted(client, message)
    assert check_all(hub)["database"] == "ok"
    assert (await world.post(client, statement)).status_code == 201


@ON_SQLITE
async def test_a_full_disk_takes_nothing_and_then_the_same_bytes(world: World, client: Client) -> None:
    connection = hub_of(world).connection
    await world.accepted(client, request(world))
    before = counts(world)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    sealed = [request(world) for _ in range(40)]
    answers = await asyncio.gather(*(world.post(client, one) for one in sealed))
    refused = [one for one, answer in zip(sealed, answers, strict=True) if answer.status_code == 503]
    assert refused
    assert counts(world)["message"] == before["message"] + len(sealed) - len(refused)
    connection.execute("PRAGMA max_page_count = 1000000")
    for one in refused:
        await world.accepted(client, one)


async def test_a_part_that_cannot_be_written(world: World, client: Client) -> None:
    parts = world.data / "parts"
    parts.rmdir()
    parts.write_bytes(b"")  # no folder any more
    body = b"x" * 1000
    target = "/v1/parts/" + sha256(body)
    answer = await client.put(target, content=body, headers=world.signed_headers("test-aut", "PUT", target, body))
    assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
    parts.unlink()
    parts.mkdir()
    answer = await client.put(target, content=body, headers=world.signed_headers("test-aut", "PUT", target, body))
    assert answer.status_code == 201


async def test_readiness_tells_each_thing_for_itself(world: World, client: Client, engine: str) -> None:
    hub = hub_of(world)
    assert set(check_all(hub).values()) == {"ok"}
    world.clock.advance(days=2)
    assert {name: state for name, state in check_all(hub).items() if state != "ok"} == {
        "directory": "DIRECTORY_INVALID"
    }
    world.clock.advance(days=-3)
    assert check_all(hub)["clock"] == "CLOCK_AHEAD"
    world.clock.advance(days=1)
    read_only, as_before = (
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
        if engine == "sqlite"
        else ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    )
    hub.connection.execute(read_only)
    assert check_all(hub)["database"] != "ok"
    world.monotonic.now += 5
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    hub.connection.execute(as_before)
    assert (await client.get("/livez")).status_code == 200


async def test_a_directory_that_does_not_verify_is_not_used(world: World, client: Client) -> None:
    hub = hub_of(world)
    metadata = hub.settings.directory_folder / "metadata"
    version, sealed = hub.directories.current.version, [request(world), request(world)]
    good = (metadata / "timestamp.json").read_bytes()
    (metadata / "timestamp.json").write_bytes(good.replace(b'"version"', b'"Version"', 1) + b" ")
    await world.accepted(client, sealed[0])  # judged by the version it has, while that is good
    assert hub.directories.current.version == version
    assert check_all(hub)["directory"] == "DIRECTORY_INVALID"
    (metadata / "timestamp.json").write_bytes(good)
    await world.accepted(client, sealed[1])
    assert check_all(hub)["directory"] == "ok"


async def test_a_directory_past_its_time_takes_nothing(world: World, client: Client) -> None:
    sealed = request(world)
    world.clock.advance(days=2)
    answer = await world.post(client, sealed)
    assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
    await hub_of(world).directories.renew()
    await world.accepted(client, sealed)


async def test_a_database_of_another_log_is_not_opened(world: World) -> None:
    world.open().close()
    with pytest.raises(Rejected, match="CHECKPOINT_INVALID at /high-water"):
        world.open(year=2027)
    (world.data / highwater.NAME).unlink()
    with pytest.raises(Fault):
        world.open(year=2027)


async def test_expired_containers_go_and_the_log_stays(world: World, client: Client) -> None:
    sealed = request(world)
    receipt = await world.accepted(client, sealed)
    hub = hub_of(world)
    await world.travel(days=16)
    first = retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)
    assert first == {"containers": 0, "repeats": 1, "parts": 0}
    await world.travel(days=2)
    second = retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)
    assert second == {"containers": 1, "repeats": 0, "parts": 0}
    assert hub.reader.leaf(receipt.index).raw == receipt.leaf_bytes
    answer = await world.post(client, sealed)  # its repeat is not known any more, but it has expired too
    assert answer.status_code == 410


# -- who asks too much


async def test_one_partners_flood_is_its_own(world: World) -> None:
    async with world.running(messages_per_second=1, messages_burst=5) as client:
        answers = [await world.post(client, request(world)) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 3
        assert answers[-1].json()["code"] == "RATE_LIMITED"
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await world.post(client, world.seal("test-geo", "doc.alert", ["test-aut"]))).status_code == 201
        items = batches.encode_batch([(0, request(world).container) for _ in range(2)])
        answer = await client.post("/v1/messages", content=items, headers={"Content-Type": batches.BATCH_TYPE})
        assert [status for status, _ in batches.decode_results(answer.content)] == [429, 429]
        world.monotonic.now += 3
        assert (await world.post(client, request(world))).status_code == 201
    world.check()


async def test_a_flood_of_signed_requests_is_its_callers_own(world: World) -> None:
    async with world.running(requests_per_second=1, requests_burst=3) as client:
        statuses = [(await world.get(client, "test-mda", "/v1/inbox")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await world.get(client, "test-geo", "/v1/inbox")).status_code == 200


async def test_an_address_that_keeps_failing_is_slowed(world: World) -> None:
    async with world.running(failures_per_minute=3) as client:
        statuses = [(await world.post(client, b"junk", CONTAINER_TYPE)).status_code for _ in range(5)]
        assert statuses == [400, 400, 400, 429, 429]
        assert (await client.get("/v1/inbox")).status_code == 429
        world.monotonic.now += 60
        assert (await world.post(client, request(world))).status_code == 201


async def test_a_queue_that_is_full_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.log.writer.QUEUE_ENTRIES_MAX", 4)
    async with world.running() as client:
        answers = await asyncio.gather(*(world.post(client, request(world)) for _ in range(12)))
        codes = [answer.status_code for answer in answers]
        assert set(codes) <= {201, 503}
        assert codes.count(201) >= 4
        assert {answer.json()["code"] for answer in answers if answer.status_code == 503} <= {"BUSY"}
    world.check()


# -- nothing a caller sent is repeated


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("POST", "/v1/messages", {"Content-Type": CANARY}, b""),
        ("POST", "/v1/messages", {"Content-Type": CONTAINER_TYPE}, CANARY.encode()),
        (
            "POST",
            "/v1/messages",
            {"Content-Type": STATEMENT_TYPE},
            b'{"%b": "%b"}' % (CANARY.encode(), CANARY.encode()),
        ),
        ("POST", "/v1/messages", {"Content-Type": batches.BATCH_TYPE}, CANARY.encode()),
        ("GET", f"/v1/inbox?{CANARY}={CANARY}", {}, b""),
        ("GET", "/v1/inbox", {"Signature": CANARY, "Signature-Input": CANARY}, b""),
        ("GET", f"/v1/parts/{CANARY}", {}, b""),
        ("PUT", f"/v1/parts/{CANARY}", {"Content-Length": "1"}, b"x"),
        ("GET", f"/v1/consistency?sizes={CANARY}", {}, b""),
        ("GET", "/v1/consistency", {}, b""),
        ("GET", f"/audit/{CANARY}/checkpoint", {}, b""),
        ("GET", f"/audit/2026/tile/{CANARY}", {}, b""),
        ("GET", f"/tuf/metadata/{CANARY}", {}, b""),
        ("GET", f"/tuf/targets/{CANARY}", {}, b""),
        ("GET", f"/tuf/proofs/{CANARY}", {}, b""),
        ("GET", f"/schemas/{CANARY}/{CANARY}", {}, b""),
        ("GET", f"/{CANARY}", {}, b""),
        (CANARY.upper().replace("-", ""), "/v1/leaves", {}, b""),
    ],
)
async def test_a_problem_document_never_echoes(  # noqa: PLR0917 - the table's columns
    client: Client, method: str, target: str, headers: dict[str, str], body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.request(method, target, content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert CANARY not in (answer.text + str(answer.headers)).lower().replace(CANARY.replace("-", ""), CANARY)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err
    assert CANARY not in (await client.get("/metrics")).text


@ON_SQLITE
async def test_what_a_sender_chose_stands_nowhere_in_the_clear(world: World, client: Client) -> None:
    """The case handle, the message's id and the body; the header is in the container while that is in transit."""
    sealed = request(world)
    await world.accepted(client, sealed)
    header = parse_container(sealed.container).header
    hub = hub_of(world)
    assert retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)["containers"] == 0
    hub.connection.execute("UPDATE message SET container = NULL")
    assert isinstance(hub.connection, sqlite3.Connection)
    text = "\n".join(hub.connection.iterdump())
    for value in (header.case_handle, header.id, header.basis):
        assert value not in text
        assert value.encode().hex().upper() not in text


async def test_an_unforeseen_error_is_said_without_its_words(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr("hub.intake.read", broken)
    answer = await world.post(client, request(world))
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    said = capsys.readouterr()
    assert CANARY not in answer.text + said.out + said.err


async def test_a_hub_without_its_delivery_does_not_look_alive(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: Hub, _lease: Lease) -> None:
        raise Fault(CANARY)

    monkeypatch.setattr("hub.relay.run", broken)
    ended = asyncio.Event()
    async with lifespan(create_app(world.open(), failed=ended.set)):
        await ended.wait()
    said = capsys.readouterr().err
    assert '"task.failed"' in said
    assert "test_failures.py" in said  # where, not what
    assert CANARY not in said
