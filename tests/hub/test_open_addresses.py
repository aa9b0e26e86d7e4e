"""What anybody may read: the log as tiles, consistency proofs, the key directory with its proofs, schemas, health."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from keys.directory.client import DirectoryClient
from keys.proofs import merkle
from keys.proofs.tiles import parse_bundle, tiles_of
from liaison.audit.sources import open_source
from liaison.audit.verification import verify_log
from schemas import registry
from schemas.errors import CODES, Rejected
from service.problems import SECURITY_HEADERS
from tests.world import ON_SQLITE, World

Client = httpx2.AsyncClient


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


async def send(world: World, client: Client, count: int = 1) -> None:
    for _ in range(count):
        await world.accepted(client, world.seal("test-aut", "doc.alert", ["test-mda"]))


async def refused(client: Client, target: str, code: str) -> None:
    answer = await client.get(target)
    assert (answer.status_code, answer.json()["code"]) == (CODES[code].status, code), target


def size(world: World) -> int:
    assert world.hub is not None
    return world.hub.writer.size


async def test_the_checkpoint_is_the_newest(world: World, client: Client) -> None:
    first = world.log_public.verify((await client.get("/audit/2026/checkpoint")).content)
    await send(world, client, 2)
    second = world.log_public.verify((await client.get("/audit/2026/checkpoint")).content)
    assert (first.size, second.size) == (size(world) - 2, size(world))


async def test_consistency_between_all_sizes(world: World, client: Client) -> None:
    checkpoints = []
    for _ in range(6):
        checkpoints.append(world.log_public.verify((await client.get("/audit/2026/checkpoint")).content))
        await send(world, client)
    sizes = ",".join(str(one.size) for one in checkpoints)
    proofs = (await client.get(f"/v1/consistency?sizes={sizes}")).json()["proofs"]
    for old, new, proof in zip(checkpoints, checkpoints[1:], proofs, strict=False):
        merkle.verify_consistency(old.size, old.root, new.size, new.root, [bytes.fromhex(one) for one in proof])


@pytest.mark.parametrize(
    ("sizes", "code"),
    [("5", "REQUEST_INVALID"), ("", "REQUEST_INVALID"), ("5,4", "REQUEST_INVALID"), ("-1,3", "REQUEST_INVALID"),
     ("1,2,x", "REQUEST_INVALID"), (",".join(["1"] * 65), "REQUEST_INVALID"), ("1,99999", "NOT_FOUND")],
)  # fmt: skip
async def test_sizes_that_are_none(client: Client, sizes: str, code: str) -> None:
    await refused(client, f"/v1/consistency?sizes={sizes}", code)


async def test_hash_tiles_are_the_log(world: World, client: Client) -> None:
    await send(world, client, 5)
    hashes = b"".join(one[0] for one in world.hub.connection.execute("SELECT hash FROM leaf ORDER BY idx"))  # type: ignore[union-attr]
    for tile in tiles_of(size(world)):
        answer = await client.get(f"/audit/2026/{tile.path}")
        assert (answer.status_code, answer.content) == (200, hashes)


@pytest.mark.parametrize(
    "target",
    ["tile/0/000", "tile/0/001", "tile/9/000.p/1", "tile/0/000.p/0", "tile/0/000.p/256", "tile/x/000.p/1",
     "tile/0/../../keyring", "tile/entries/000.p/3"],
)  # fmt: skip
async def test_tiles_that_are_not_there_or_not_open(client: Client, target: str) -> None:
    await refused(client, f"/audit/2026/{target}", "NOT_FOUND")


async def test_another_years_log_is_nobodys(client: Client) -> None:
    await refused(client, "/audit/2025/checkpoint", "NOT_FOUND")
    await refused(client, "/audit/2025/tile/0/000.p/1", "NOT_FOUND")


async def test_entries_are_served_only_where_the_operator_opened_them(world: World) -> None:
    async with world.running(entries_open=True) as client:
        await send(world, client)
        answer = await client.get(f"/audit/2026/tile/entries/000.p/{size(world)}")
        assert len(parse_bundle(answer.content, size(world))) == size(world)


@ON_SQLITE
async def test_an_auditor_verifies_the_database(world: World) -> None:
    async with world.running() as client:
        await send(world, client, 3)
    source = open_source(str(world.data / "hub.db"))
    try:
        report = verify_log(source, world.log_public, lambda _done, _total: None)
    finally:
        source.close()
    assert report.verified
    assert report.events["SubmissionAcceptance"] == 3


async def test_the_directory_is_read_over_http_and_its_version_is_a_leaf(
    world: World, client: Client, tmp_path: Path
) -> None:
    world.update("test-geo", kinds=("doc.alert",))
    first = await client.get("/tuf/metadata/timestamp.json")  # logs the new version before it is served
    assert first.status_code == 200
    newest = world.directory.version
    wanted: dict[str, bytes] = {}
    for path in (world.data / "directory").rglob("*"):
        if path.is_file() and path.name != ".lock":
            name = path.relative_to(world.data / "directory").as_posix()
            answer = await client.get(f"/tuf/{name}")
            assert (answer.status_code, answer.content) == (200, path.read_bytes()), name
            wanted[name] = answer.content
    root = (world.data / "root.json").read_bytes()
    found = DirectoryClient(root, tmp_path / "cache", lambda path: _fetch(wanted, path)).refresh(world.clock())
    assert found.version == newest
    receipt = world.verified((await client.get(f"/tuf/proofs/{newest}")).content)
    assert (receipt.leaf.event, receipt.leaf.dir, receipt.leaf.digest) == (
        "DirectoryPublished", newest, found.snapshot_digest,
    )  # fmt: skip


def _fetch(files: dict[str, bytes], path: str) -> bytes:
    try:
        return files[path]
    except KeyError as error:
        raise Rejected("NOT_FOUND") from error


@pytest.mark.parametrize(
    "target",
    ["/tuf/metadata/9.snapshot.jso",
     "/tuf/metadata/99.root.json", "/tuf/metadata/..%2fkeyring", "/tuf/targets/hub.toml",
     "/tuf/targets/../../keyring", "/tuf/targets/registry", "/tuf/proofs/0",
     "/tuf/proofs/99", "/tuf/proofs/999999999999",
     "/schemas/ident.request/2", "/schemas/ident.rumour/1", "/tuf/metadata/.lock"],
)  # fmt: skip
async def test_what_is_not_published(client: Client, target: str) -> None:
    await refused(client, target, "NOT_FOUND")


async def test_schemas_are_those_of_the_registry(client: Client) -> None:
    for kind, entry in registry.KINDS.items():
        answer = await client.get(f"/schemas/{kind}/{entry.version}")
        assert answer.json() == registry.json_schema(kind)


async def test_every_version_is_a_leaf_also_those_published_while_nobody_looked(world: World) -> None:
    async with world.running():
        pass
    for _ in range(3):
        world.update("test-geo")
    world.suspend("TEST-AUT-GEO", "test-geo")
    async with world.running() as client:
        for version in range(1, world.directory.version + 1):
            receipt = world.verified((await client.get(f"/tuf/proofs/{version}")).content)
            assert receipt.leaf.dir == version
        assert world.hub is not None
        events = [one.leaf.event for one in world.hub.reader.leaves(-1, 100)]
        assert events.count("AgreementPublished") == 3
        assert events.count("AgreementSuspended") == 1
    world.check()


async def test_every_answer_has_safe_headers_and_metrics_name_nobody(world: World, client: Client) -> None:
    await send(world, client)
    for target in ("/livez", "/readyz", "/metrics", "/audit/2026/checkpoint", "/nowhere", "/v1/inbox", "/openapi.json"):
        answer = await client.get(target)
        for name in SECURITY_HEADERS:
            assert name.lower() in answer.headers, target
    text = (await client.get("/metrics")).text
    assert "liaison_submissions_total" in text
    assert not [partner for partner in world.partners if partner in text]


async def test_the_description_names_the_door(client: Client) -> None:
    described = json.loads((await client.get("/openapi.json")).content)
    assert "/v1/messages" in described["paths"]
    assert "/v1/parts/{sha256}" in described["paths"]
