"""A party suspends an agreement: new traffic ends at once, data is put right all the same, and the cases show it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product

import httpx2
import pytest

import liaison.cli
from hub.cases.reading import case_of
from hub.cases.rebuilding import compare, rebuild
from hub.cases.suspension import suspended, turns
from hub.clockkeeper import keep
from hub.console.pages import Show
from hub.wiring import Hub
from keys.sealing import Sealed
from schemas import lifecycles, registry
from schemas.agreements.agreement import PASSES_SUSPENSION
from schemas.errors import CODES
from tests.cases.readmission import NAME, Told, agreed, begun
from tests.world import ROLES, World, agreement

Client = httpx2.AsyncClient
EVERYTHING = sorted({role for roles in ROLES.values() for role in roles})


def all_kinds(world: World, version: int = 2) -> None:
    """Austria and Moldova have agreed on every kind, on Georgia's times."""
    kinds = {
        name: tuple(product(sorted(set(EVERYTHING) & rule.sender_roles), EVERYTHING))
        for name, rule in lifecycles.RULES.items()
    }
    purposes = sorted({purpose for entry in registry.KINDS.values() for purpose in entry.purposes})
    world.agree(
        agreement(
            NAME,
            version,
            kinds={name: pairs for name, pairs in kinds.items() if pairs},
            purposes=tuple(purposes),
            profile="EU-GEO",
        )
    )


@pytest.fixture
def world(hub_world: World) -> World:
    all_kinds(hub_world)
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


def seal(world: World, source: str, kind: str, to: str, parent: Sealed | None = None, **changes: object) -> Sealed:
    role = next(role for role in ROLES[source] if role in lifecycles.RULES[kind].sender_roles)
    payload = registry.example(kind) | changes
    return world.seal(source, payload, [to], parent=parent, agreement=NAME, role=role)


async def refused(world: World, client: Client, sealed: Sealed) -> None:
    answer = await world.post(client, sealed)
    found = answer.json()
    assert (found["code"], found["path"]) == ("AGREEMENT_SUSPENDED", "/ixmagr")
    assert answer.status_code == CODES["AGREEMENT_SUSPENDED"].status


def hub_of(world: World) -> Hub:
    assert world.hub is not None
    found = compare(world.hub.reader, world.hub.at_rest)
    assert found.equal, found
    return world.hub


# -- the door


async def test_new_traffic_ends_at_once(world: World, client: Client) -> None:
    request = seal(world, "test-aut", "ident.request", "test-mda")
    await world.accepted(client, request)
    world.suspend(NAME, "test-mda")
    await refused(world, client, seal(world, "test-aut", "ident.request", "test-mda"))
    for source, kind, to in (
        ("test-mda", "ident.reply", "test-aut"), ("test-aut", "case.withdraw", "test-mda"),
        ("test-mda", "use.report.request", "test-aut"), ("test-mda", "error.report", "test-aut"),
    ):  # fmt: skip
        await refused(world, client, seal(world, source, kind, to, request))


@pytest.mark.parametrize("action", ["RECTIFY", "ERASE", "MASK", "COMPLETE"])
@pytest.mark.parametrize("by", ["test-aut", "test-mda"])
async def test_data_is_put_right_all_the_same(world: World, client: Client, by: str, action: str) -> None:
    request = seal(world, "test-aut", "ident.request", "test-mda")
    await world.accepted(client, request)
    world.suspend(NAME, by)
    value = {"value": "TESTOVA"} if action in {"RECTIFY", "COMPLETE"} else {}
    for source, to in (("test-aut", "test-mda"), ("test-mda", "test-aut")):
        example = {name: one for name, one in registry.example("data.correction").items() if name != "value"}
        correction = world.seal(
            source, example | {"action": action} | value, [to], parent=request, agreement=NAME, role=ROLES[source][0]
        )
        await world.accepted(client, correction)
        await world.accepted(client, seal(world, to, "data.correction.done", source, correction))


async def test_what_passes_is_no_way_around_the_rest(world: World, client: Client) -> None:
    """A correction must still be one of its case, and of a kind that the agreement has."""
    request = seal(world, "test-aut", "ident.request", "test-mda")
    await world.accepted(client, request)
    world.suspend(NAME, "test-aut")
    stranger = world.seal("test-geo", "data.correction", ["test-aut"], parent=request, agreement=NAME, role="MIG")
    assert (await world.post(client, stranger)).json()["code"] == "NO_AGREEMENT"
    unknown = seal(world, "test-aut", "ident.request", "test-mda")
    orphan = seal(world, "test-aut", "data.correction", "test-mda", unknown)
    assert (await world.post(client, orphan)).json()["code"] == "WRONG_CASE"
    agreed(world, None, version=3)
    world.suspend(NAME, "test-aut")
    unlisted = seal(world, "test-aut", "data.correction", "test-mda", request)
    assert (await world.post(client, unlisted)).json()["code"] == "KIND_NOT_ALLOWED"


def test_only_what_puts_data_right_passes() -> None:
    assert {"data.correction", "data.correction.done"} == PASSES_SUSPENSION
    assert set(lifecycles.RULES) >= PASSES_SUSPENSION
    assert all(lifecycles.RULES[kind].beside for kind in PASSES_SUSPENSION)


# -- what is shown


def page(world: World, told: Told) -> tuple[bool, list[str]]:
    hub = hub_of(world)
    show = Show(hub.directories.current, "test-aut", world.clock(), timedelta(hours=24))
    case, _ = case_of(hub.reader, "test-aut", told.row)
    shown = show.case(case, turns(hub.reader, told.row))
    return shown.suspended, [one.name for one in shown.timeline if "agreement" in one.name]


async def look(world: World) -> None:
    assert world.hub is not None
    await world.hub.directories.fresh()


async def test_its_cases_show_it_from_the_leaf_on_and_no_others(world: World, client: Client) -> None:
    told = await begun(world, client)
    other = await world.accepted(client, world.seal("test-geo", "doc.alert", ["test-aut"]))
    assert page(world, told) == (False, [])
    world.suspend(NAME, "test-mda")
    await look(world)
    hub = hub_of(world)
    assert suspended(hub.reader, [told.row, other.index, 0, 10**9]) == {told.row}
    (turn,) = turns(hub.reader, told.row)
    leaf = hub.reader.leaf(turn.index).leaf
    assert (leaf.event, turn.suspended, turn.at) == ("AgreementSuspended", True, leaf.at)
    assert page(world, told) == (True, ["The agreement was suspended"])
    assert turns(hub.reader, other.index) == ()


async def test_the_state_stands_and_the_times_run_on(world: World, client: Client) -> None:
    told = await begun(world, client)
    await told.receive()
    ends_at = told.case.agreed[0].ends_at
    assert ends_at is not None
    world.suspend(NAME, "test-mda")
    await look(world)
    assert told.case.state == "sent"
    world.clock.now = ends_at
    await world.travel()
    await keep(told.hub)
    assert (told.case.state, page(world, told)[0]) == ("silent_expired", True)


async def test_a_newer_version_that_all_sign_ends_it(world: World, client: Client) -> None:
    told = await begun(world, client)
    world.suspend(NAME, "test-mda")
    await look(world)
    world.suspend(NAME, "test-aut")
    await look(world)
    all_kinds(world, 3)
    await look(world)
    assert page(world, told) == (False, ["The agreement is in force again", "The agreement was suspended"])
    await world.accepted(client, seal(world, "test-mda", "readm.ack", "test-aut", told.opening))
    world.suspend(NAME, "test-aut")
    await look(world)
    assert page(world, told)[0]


async def test_what_nobody_looked_at_in_between_is_told_in_the_order_that_is_true(world: World, client: Client) -> None:
    told = await begun(world, client)
    world.suspend(NAME, "test-mda")
    all_kinds(world, 3)
    await look(world)
    assert page(world, told)[0] is False
    all_kinds(world, 4)
    world.suspend(NAME, "test-mda")
    await look(world)
    assert page(world, told)[0] is True
    leaves = [one.leaf for one in hub_of(world).reader.leaves(-1, 1000) if one.leaf.event.startswith("Agreement")]
    assert [(leaf.event, leaf.code) for leaf in leaves[-4:]] == [
        ("AgreementSuspended", None), ("AgreementPublished", None),
        ("AgreementPublished", "AGREEMENT_SUSPENDED"), ("AgreementSuspended", None),
    ]  # fmt: skip


async def test_a_closed_case_shows_nothing(world: World, client: Client) -> None:
    told = await begun(world, client)
    await told.say("test-mda", "readm.decision", outcome="REFUSED")
    world.suspend(NAME, "test-mda")
    await look(world)
    assert page(world, told)[0] is False


async def test_the_list_shows_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with world.running() as client:
        told = await begun(world, client)
        closed = await begun(world, client)
        await closed.say("test-mda", "readm.decision", outcome="REFUSED")
        world.suspend(NAME, "test-mda")
        await look(world)
    assert liaison.cli.main(["hub", "cases", str(world.data), "--json"]) == 0
    listed = {one["row"]: one["suspended"] for one in json.loads(capsys.readouterr().out)}
    assert listed == {told.row: True, closed.row: False}


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM agreement_leaf", "UPDATE agreement_leaf SET suspended = false", "DELETE FROM case_agreement",
        "UPDATE case_agreement SET agreement = 'TEST-DOCFRAUD-3'",
        "UPDATE agreement_leaf SET idx = idx + 1000 WHERE suspended",
    ],
)  # fmt: skip
async def test_what_is_changed_is_found_and_made_anew(world: World, client: Client, change: str) -> None:
    told = await begun(world, client)
    world.suspend(NAME, "test-mda")
    await look(world)
    hub = hub_of(world)
    hub.connection.execute(change)
    assert not compare(hub.reader, hub.at_rest).equal
    assert not rebuild(hub.reader, hub.at_rest).equal
    assert page(world, told)[0] is True
