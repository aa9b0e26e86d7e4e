"""Ages, lags and expiries: of a running hub, on each of its databases."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from hub.backup.making import BACKUP_AT
from hub.operations.gauges import BACKUP, Sources, first_since, look
from hub.store.engine import transaction
from hub.store.tables import SET_META
from hub.wiring import Hub
from tests.world import NOW, World

Client = httpx2.AsyncClient
HOUR = 3600


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running(gauge_look_seconds=0, metrics_partners=True) as found:
        yield found


def hub_of(world: World) -> Hub:
    assert world.hub is not None
    return world.hub


PUBLISHED = 'liaison_relay_oldest_seconds{topic="hub.v1.outbound"}'


async def read(client: Client) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    return {name: float(value) for name, value in re.findall(r"^(liaison_\S+) (\S+)$", text, re.MULTILINE)}


def of(name: str, partner: str = "test-mda") -> str:
    return f'liaison_{name}{{partner="{partner}"}}'


async def test_a_hub_without_work_has_nothing_that_waits(world: World, client: Client) -> None:
    found = await read(client)
    for name in ("delivery_oldest_seconds", "delivery_backlog", "evidence_overdue", "parked_now"):
        assert {found[of(name, partner)] for partner in world.partners} == {0.0}
    assert found[PUBLISHED] == found["liaison_clock_behind_seconds"] == 0.0
    assert found["liaison_backup_timestamp_seconds"] == 0.0
    assert {found[f'liaison_ready{{check="{name}"}}'] for name in ("database", "disk", "directory", "clock")} == {1.0}
    assert found["liaison_parked_room"] == 1000.0
    assert not any(name.startswith("liaison_certificate") for name in found)


async def test_what_waits_grows_older_until_it_is_handed_over(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    receipt = await world.accepted(client, sealed)
    await world.travel(hours=1)
    found = await read(client)
    assert (found[of("delivery_oldest_seconds")], found[of("delivery_backlog")]) == (HOUR, 1.0)
    assert found[of("evidence_overdue")] == 0.0
    await world.get(client, "test-mda", f"/v1/inbox?after=2026/{receipt.index}")  # consigned: it lies there
    assert (await read(client))[of("delivery_oldest_seconds")] == 0.0
    await world.travel(hours=24)
    found = await read(client)
    assert (found[of("evidence_overdue")], found[of("evidence_overdue", "test-geo")]) == (1.0, 0.0)
    await world.state(client, "test-mda", "ContentHandover", [(sealed, receipt.index)])
    assert (await read(client))[of("evidence_overdue")] == 0.0


async def test_a_failure_is_a_word_too(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    receipt = await world.accepted(client, sealed)
    await world.state(client, "test-mda", "ContentHandoverFailure", [(sealed, receipt.index, "OPEN_FAILED")])
    await world.travel(hours=30)
    assert (await read(client))[of("evidence_overdue")] == 0.0


async def test_what_nobody_can_take_any_more_is_not_counted_for_ever(world: World, client: Client) -> None:
    await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
    await world.travel(days=20)
    assert (await read(client))[of("evidence_overdue")] == 1.0
    await world.travel(days=11)
    found = await read(client)
    assert found[of("evidence_overdue")] == found[of("delivery_oldest_seconds")] == 0.0


async def test_counting_ends(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.operations.gauges._BACKLOG", _limited("_BACKLOG"))
    for _ in range(3):
        await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
    assert (await read(client))[of("delivery_backlog")] == 2.0


def _limited(name: str) -> str:
    from hub.operations import gauges  # noqa: PLC0415 - its statement, with another limit

    statement: str = getattr(gauges, name)
    assert "LIMIT 1000" in statement
    return statement.replace("LIMIT 1000", "LIMIT 2")


async def test_the_first_leaf_since_an_instant(world: World, client: Client) -> None:
    hub = hub_of(world)
    start = hub.writer.size
    for _ in range(5):
        await world.travel(hours=2)
        await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
    for at in (NOW + timedelta(hours=hours) for hours in (-200, 0, 1, 3, 4, 10, 200)):
        times = [one.leaf.at for one in hub.reader.leaves(-1, 1000)]
        wanted = next((index for index, time in enumerate(times) if time >= at), hub.writer.size)
        assert first_since(hub.connection, at) == wanted
    assert start < hub.writer.size


async def test_a_clock_that_was_set_back(world: World, client: Client) -> None:
    await world.travel(minutes=10)
    await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
    world.clock.advance(minutes=-3)
    assert (await read(client))["liaison_clock_behind_seconds"] == 180.0


async def test_what_the_relay_has_not_published(world: World) -> None:
    hub = world.open()
    try:
        with transaction(hub.connection):
            hub.connection.execute("INSERT INTO case_key (row_id, lookup) VALUES (0, ?)", (b"x",))
            hub.connection.execute(
                "INSERT INTO message (idx, digest, identity, source, kind, case_row, expires_at) "
                "VALUES (0, ?, ?, 'test-aut', 'doc.alert', 0, 0)",
                (b"d", b"i"),
            )
        world.clock.advance(seconds=90)
        found = {one.name: one.value for one in look(_sources(hub, world))}
        assert found["liaison_relay_oldest_seconds"] == 90.0
    finally:
        hub.close()


async def test_a_backup_is_noted(world: World, client: Client) -> None:
    hub = hub_of(world)
    assert BACKUP == BACKUP_AT
    for at in (NOW, NOW + timedelta(days=1)):
        with transaction(hub.connection):
            hub.connection.execute(SET_META, (BACKUP_AT, str(int(at.timestamp())).encode()))
        assert (await read(client))["liaison_backup_timestamp_seconds"] == at.timestamp()


async def test_ends_of_keys_roles_and_agreements(world: World, client: Client) -> None:
    found = await read(client)
    keys = {name for name in found if name.startswith("liaison_key_expires")}
    assert len(keys) == 3 * len(world.partners)
    for partner, records in world.directory.keys.items():
        for record in records:
            name = f'liaison_key_expires_timestamp_seconds{{partner="{partner}",use="{record.use}"}}'
            assert found[name] == record.not_after.timestamp()
    roles = {name for name in found if name.startswith("liaison_metadata_expires")}
    wanted = {"root", "registrar", *(f"partner-{partner}" for partner in world.partners)}
    assert roles == {f'liaison_metadata_expires_timestamp_seconds{{role="{role}"}}' for role in wanted}
    agreements = {name for name in found if name.startswith("liaison_agreement_expires")}
    assert len(agreements) == len(world.directory.agreements)
    assert found["liaison_directory_valid_until_timestamp_seconds"] == world.directory.valid_until.timestamp()


def test_without_a_database_what_needs_none_is_told(world: World) -> None:
    hub = world.open()
    try:
        names = {one.name for one in look(_sources(hub, world, connected=False))}
    finally:
        hub.close()
    assert {"liaison_disk_free_bytes", "liaison_key_expires_timestamp_seconds"} <= names
    assert not names & {"liaison_relay_oldest_seconds", "liaison_parked_room", "liaison_backup_timestamp_seconds"}


async def test_a_database_that_fails_is_told_and_the_rest_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.operations.gauges._META", "SELECT value FROM no_such_table WHERE name = ?")
    found = await read(client)
    assert "liaison_clock_behind_seconds" in found
    assert "liaison_relay_oldest_seconds" not in found
    assert "liaison_delivery_backlog" not in found


async def test_numbers_are_looked_up_now_and_then(world: World) -> None:
    async with world.running(gauge_look_seconds=10) as client:
        assert (await read(client))["liaison_backup_timestamp_seconds"] == 0.0
        hub = hub_of(world)
        with transaction(hub.connection):
            hub.connection.execute(SET_META, (BACKUP_AT, str(int(NOW.timestamp())).encode()))
        assert (await read(client))["liaison_backup_timestamp_seconds"] == 0.0
        world.monotonic.now += 10
        assert (await read(client))["liaison_backup_timestamp_seconds"] == NOW.timestamp()


async def test_no_label_names_a_case_a_message_or_a_person(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    await world.accepted(client, sealed)
    text = (await client.get("/metrics")).text
    labels = set(re.findall(r'([a-z_]+)="', text))
    assert labels == {"outcome", "code", "le", "side", "topic", "check", "partner", "use", "role", "agreement"}


async def test_unless_told_so_no_partner_is_named_and_the_worst_of_all_stands(world: World) -> None:
    async with world.running(gauge_look_seconds=0) as client:
        for hours, partner in ((1, "test-mda"), (2, "test-mda"), (3, "test-geo")):
            await world.accepted(client, world.seal("test-aut", "doc.alert", [partner]))
            await world.travel(hours=hours)
        found = await read(client)
        text = (await client.get("/metrics")).text
        directory = world.directory
    assert not [name for name in (*world.partners, *directory.agreements) if name in text]
    assert found["liaison_delivery_oldest_seconds"] == 6 * HOUR
    assert found["liaison_delivery_backlog"] == 3.0
    ends = [record.not_after for records in directory.keys.values() for record in records if record.use == "kem"]
    assert found['liaison_key_expires_timestamp_seconds{use="kem"}'] == min(ends).timestamp()
    partners = [until for role, until in directory.expires.items() if role.startswith("partner-")]
    name = 'liaison_metadata_expires_timestamp_seconds{role="partner"}'
    assert found[name] == min(partners).timestamp()


def _sources(hub: Hub, world: World, *, connected: bool = True) -> Sources:
    return Sources(hub.connection if connected else None, hub.directories.current, hub.settings, world.clock())
