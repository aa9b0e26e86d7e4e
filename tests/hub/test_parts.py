"""Detached parts: whole and durable or not there, for their parties alone, bounded in bytes and time."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from hub import retention
from hub.parts import Parts
from keys.sealing import Sealed
from schemas.errors import CODES, Unavailable
from tests.world import World, sha256

Client = httpx2.AsyncClient


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running(parts_quota_bytes=30 * 1024**2) as found:
        yield found
    world.check()


def with_image(world: World, folder: Path, *to: str, size: int = 300_000) -> Sealed:
    image = folder / os.urandom(4).hex()
    image.write_bytes(os.urandom(size))
    return world.seal("test-geo", "doc.alert", list(to or ("test-aut",)), attachments=[image])


async def put(
    world: World, client: Client, partner: str, body: bytes, *, named: str | None = None, length: int | None = None
) -> httpx2.Response:
    target = f"/v1/parts/{named or sha256(body)}"
    signed = world.partners[partner]
    from keys.requests import sign_request  # noqa: PLC0415 - the digest signed is not always the body's

    headers = sign_request(
        signed.request_key, "PUT", world.url + target, digest=named or sha256(body), now=world.clock()
    )
    if length is not None:
        headers["Content-Length"] = str(length)
    return await client.put(target, content=body, headers=headers)


def refused(answer: httpx2.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (CODES[code].status, code)


def lying(world: World) -> list[str]:
    return sorted(path.name for path in (world.data / "parts").iterdir())


async def test_a_part_is_taken_once_and_again(world: World, client: Client) -> None:
    body = os.urandom(200_000)
    assert (await put(world, client, "test-aut", body)).status_code == 201
    assert (await put(world, client, "test-aut", body)).status_code == 200
    assert (await put(world, client, "test-mda", body)).status_code == 200
    assert lying(world) == [sha256(body)]
    assert (world.data / "parts" / sha256(body)).read_bytes() == body


async def test_only_parties_of_a_message_that_names_it_may_fetch_it(
    world: World, client: Client, tmp_path: Path
) -> None:
    sealed = with_image(world, tmp_path)
    (part,) = sealed.detached
    target = f"/v1/parts/{part.sha256}"
    await world.upload(client, "test-geo", sealed)
    for partner in world.partners:
        refused(await world.get(client, partner, target), "NOT_FOUND")  # nothing names it yet, not even its uploader's
    await world.accepted(client, sealed)
    for partner in ("test-geo", "test-aut"):
        answer = await world.get(client, partner, target)
        assert (answer.status_code, sha256(answer.content)) == (200, part.sha256)
    foreign = await world.get(client, "test-mda", target)
    missing = await world.get(client, "test-mda", f"/v1/parts/{'0' * 64}")
    refused(foreign, "NOT_FOUND")
    assert foreign.content == missing.content


async def test_ranges(world: World, client: Client, tmp_path: Path) -> None:
    sealed = with_image(world, tmp_path)
    (part,) = sealed.detached
    await world.upload(client, "test-geo", sealed)
    await world.accepted(client, sealed)
    whole, target = part.path.read_bytes(), f"/v1/parts/{part.sha256}"
    for range_, start, end in (
        ("bytes=0-9", 0, 10),
        ("bytes=100000-", 100_000, len(whole)),
        ("bytes=5-99999999", 5, len(whole)),
        (f"bytes={len(whole) - 1}-{len(whole) - 1}", len(whole) - 1, len(whole)),
    ):
        answer = await world.get(client, "test-aut", target, Range=range_)
        assert (answer.status_code, answer.content) == (206, whole[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    for range_ in ("bytes=-5", "bytes=9-3", f"bytes={len(whole)}-", "bytes=0-1,3-4", "items=0-1", "bytes=a-b"):
        answer = await world.get(client, "test-aut", target, Range=range_)
        assert (answer.status_code, answer.content) == (200, whole)


@pytest.mark.parametrize("wrong", ["other bytes", "cut short", "longer"])
async def test_bytes_that_are_not_those_announced(world: World, client: Client, wrong: str) -> None:
    body = os.urandom(100_000)
    sent = {"other bytes": os.urandom(100_000), "cut short": body[:-1], "longer": body + b"x"}[wrong]
    refused(await put(world, client, "test-aut", sent, named=sha256(body), length=len(body)), "PART_DIGEST")
    assert lying(world) == []
    assert (await put(world, client, "test-aut", body)).status_code == 201


async def test_a_known_part_with_another_length(world: World, client: Client) -> None:
    body = os.urandom(1000)
    await put(world, client, "test-aut", body)
    refused(await put(world, client, "test-aut", b"x", named=sha256(body), length=1), "PART_DIGEST")


async def test_length_must_be_announced_and_bounded(world: World, client: Client) -> None:
    target = f"/v1/parts/{sha256(b'')}"

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    headers = world.signed_headers("test-aut", "PUT", target, b"x")
    refused(await client.put(target, content=chunks(), headers=headers), "REQUEST_INVALID")
    big = await client.put(target, content=b"x", headers={**headers, "Content-Length": str(9 * 1024**2)})
    refused(big, "CONTAINER_LIMIT")


@pytest.mark.parametrize("name", ["0" * 63, "0" * 65, "A" * 64, "..%2f..%2fkeyring", "g" * 64])
async def test_only_digests_are_names(world: World, client: Client, name: str) -> None:
    target = f"/v1/parts/{name}"
    refused(await world.get(client, "test-aut", target), "NOT_FOUND")
    headers = world.signed_headers("test-aut", "PUT", target, b"x")
    refused(await client.put(target, content=b"x", headers=headers), "NOT_FOUND")


async def test_unsigned_wrongly_signed_and_replayed_requests(world: World, client: Client) -> None:
    body = os.urandom(100)
    target = f"/v1/parts/{sha256(body)}"
    refused(await client.put(target, content=body), "REQUEST_UNSIGNED")
    refused(await client.get(target), "REQUEST_UNSIGNED")
    headers = world.signed_headers("test-aut", "PUT", target, body)
    assert (await client.put(target, content=body, headers=headers)).status_code == 201
    refused(await client.put(target, content=body, headers=headers), "REQUEST_UNSIGNED")
    other = world.signed_headers("test-aut", "PUT", f"/v1/parts/{'0' * 64}", body)
    refused(await client.put(target, content=body, headers=other), "REQUEST_UNSIGNED")
    world.clock.advance(minutes=-6)
    old = world.signed_headers("test-aut", "GET", target)
    world.clock.advance(minutes=6)
    refused(await client.get(target, headers=old), "REQUEST_UNSIGNED")


async def test_a_partners_quota_is_its_own(world: World, client: Client) -> None:
    for _ in range(4):
        assert (await put(world, client, "test-aut", os.urandom(7 * 1024**2))).status_code == 201
    over = await put(world, client, "test-aut", os.urandom(7 * 1024**2))
    refused(over, "RATE_LIMITED")
    assert int(over.headers["retry-after"]) > 60
    assert (await put(world, client, "test-mda", os.urandom(7 * 1024**2))).status_code == 201


async def test_an_upload_that_fails_gives_its_quota_back(world: World, client: Client) -> None:
    for _ in range(6):
        refused(
            await put(world, client, "test-aut", os.urandom(7 * 1024**2), named="0" * 64, length=7 * 1024**2),
            "PART_DIGEST",
        )
    assert (await put(world, client, "test-aut", os.urandom(7 * 1024**2))).status_code == 201


async def test_an_upload_that_never_ends_is_ended(world: World) -> None:
    async with world.running(part_seconds=0.05) as client:
        body = os.urandom(1000)
        target = f"/v1/parts/{sha256(body)}"
        never = asyncio.Event()

        async def trickle() -> AsyncIterator[bytes]:
            yield body[:1]
            await never.wait()

        headers = {**world.signed_headers("test-aut", "PUT", target, body), "Content-Length": "1000"}
        refused(await client.put(target, content=trickle(), headers=headers), "REQUEST_INVALID")
        assert lying(world) == []


async def test_parts_nobody_names_go_after_a_day_and_named_ones_stay(
    world: World, client: Client, tmp_path: Path
) -> None:
    sealed = with_image(world, tmp_path)
    await world.upload(client, "test-geo", sealed)
    await world.accepted(client, sealed)
    await put(world, client, "test-aut", b"unnamed")
    hub = world.hub
    assert hub is not None
    assert retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)["parts"] == 0
    world.clock.advance(hours=25)
    assert retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)["parts"] == 1
    assert lying(world) == [sealed.detached[0].sha256]


async def test_a_part_goes_with_its_message(world: World, client: Client, tmp_path: Path) -> None:
    sealed = with_image(world, tmp_path)
    await world.upload(client, "test-geo", sealed)
    receipt = await world.accepted(client, sealed)
    hub = world.hub
    assert hub is not None
    world.clock.advance(days=18)
    assert retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)["containers"] == 1
    assert lying(world) == []
    assert hub.reader.inbox("test-aut", -1, limit=9, bytes_max=9)[0].container is None
    assert hub.reader.leaf(receipt.index).leaf.event == "SubmissionAcceptance"
    await hub.directories.renew()
    refused(await world.get(client, "test-aut", f"/v1/parts/{sealed.detached[0].sha256}"), "NOT_FOUND")


QUOTA = 1000


@asynccontextmanager
async def two_processes(world: World, quota_bytes: int = QUOTA) -> AsyncIterator[tuple[Parts, Parts]]:
    """The parts of two processes that share a database and a folder, their writers running."""
    hubs = []
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(world.running(processes=2))
            assert world.hub is not None
            hubs.append(world.hub)
        one, other = (
            Parts(hub.settings.parts_folder, hub.connection, hub.writer, quota_bytes=quota_bytes, processes=2)
            for hub in hubs
        )
        yield one, other


async def taken(parts: Parts, partner: str, body: bytes, until: asyncio.Event | None = None) -> str:
    """What became of a part whose last byte comes only with the event."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:-1]
        if until is not None:
            await until.wait()
        yield body[-1:]

    digest = bytes.fromhex(sha256(body))
    try:
        new = await parts.take(partner, digest, len(body), chunks(), seconds=1, timeout_seconds=600)
    except Unavailable as error:
        return error.code
    return "new" if new else "known"


async def test_the_quota_holds_over_several_processes(world: World) -> None:
    """Each is within it when they begin to arrive; together they are not. Another partner has its own."""
    async with two_processes(world) as both:
        go = asyncio.Event()
        bodies = [os.urandom(size) for size in (700, 600)]
        async with asyncio.TaskGroup() as group:
            arriving = [group.create_task(taken(both[at], "test-aut", body, go)) for at, body in enumerate(bodies)]
            foreign = group.create_task(taken(both[1], "test-mda", os.urandom(QUOTA), go))
            for _ in range(20):
                await asyncio.sleep(0)
            go.set()
        found = [one.result() for one in arriving]
        assert foreign.result() == "new"
        assert sorted(found) == ["RATE_LIMITED", "new"]
        kept = [len(body) for body, result in zip(bodies, found, strict=True) if result == "new"]
        used = int(both[0]._connection.execute("SELECT sum(length) FROM part WHERE partner = 'test-aut'").fetchone()[0])
        assert used == sum(kept) <= QUOTA
        assert len(lying(world)) == len(kept) + 1, "what had no room left no file"
        for parts in both:  # what is here is here whatever the quota, and nothing more comes
            for body, result in zip(bodies, found, strict=True):
                if result == "new":
                    assert await taken(parts, "test-aut", body) == "known"
            assert await taken(parts, "test-aut", os.urandom(QUOTA - used + 1)) == "RATE_LIMITED"


async def test_what_is_arriving_in_one_process_is_its_part_of_the_quota(world: World) -> None:
    async with two_processes(world) as (one, other), asyncio.TaskGroup() as group:
        go = asyncio.Event()
        first = group.create_task(taken(one, "test-aut", os.urandom(600), go))  # one alone may be larger
        for _ in range(20):
            await asyncio.sleep(0)
        assert await taken(one, "test-aut", os.urandom(1)) == "RATE_LIMITED"
        assert await taken(one, "test-mda", os.urandom(600)) == "new", "another partner is none the worse"
        assert await taken(other, "test-aut", os.urandom(100)) == "new"
        go.set()
        assert await first == "new"
        assert await taken(one, "test-aut", os.urandom(300)) == "new"
