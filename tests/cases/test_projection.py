"""What is stored of a case is what the log says of it, after every step; whatever is changed in it is found."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

import liaison.cli
from hub.cases.case import ERASED, acting, after, handover_due, withheld
from hub.cases.projection import project, row_of
from hub.cases.reading import ROWS_LOOKED_AT_MAX, Cursor, case_of, cases_of, fold
from hub.cases.rebuilding import TABLES, Rebuilt, compare, rebuild
from hub.log.batch import Batch
from hub.log.batch import Sealed as Sealed_
from hub.settings import load_settings
from hub.wiring import Hub, open_log
from keys.container import parse_container
from keys.proofs.leaf import Leaf
from keys.sealing import Sealed
from schemas import registry
from schemas.errors import Fault, Rejected
from tests.world import NOW, ON_SQLITE, World

URGENT = {**registry.example("doc.verify.request"), "urgency": "A"}
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


def opened(world: World) -> Hub:
    assert world.hub is not None
    return world.hub


def check(world: World) -> Rebuilt:
    """The stored rows equal the fold, case by case and all together."""
    hub = opened(world)
    found = compare(hub.reader, hub.at_rest)
    assert found.equal
    for partner in world.partners:
        for row in cases_of(hub.reader, partner, limit=1000).rows:
            assert row == row_of(fold(hub.reader, row.row))
    return found


async def request(world: World, client: httpx2.AsyncClient, **facts: str) -> tuple[Sealed, int]:
    sealed = world.seal("test-aut", {**registry.example("doc.verify.request"), **facts}, ["test-mda"])
    return sealed, (await world.accepted(client, sealed)).index


async def test_the_row_is_the_fold_after_every_step(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        assert check(world).cases == 0
        ident = world.seal("test-aut", "ident.request", ["test-mda"])
        first = (await world.accepted(client, ident)).index
        check(world)
        verify, second = await request(world, client, urgency="A")
        check(world)
        alert = world.seal("test-geo", "doc.alert", ["test-aut", "test-mda"])
        await world.upload(client, "test-geo", alert)
        third = (await world.accepted(client, alert)).index
        check(world)
        world.clock.advance(minutes=5)
        await world.state(client, "test-mda", "ContentHandoverFailure", [(ident, first, "OPEN_FAILED")])
        check(world)
        world.clock.advance(minutes=5)
        await world.state(client, "test-mda", "ContentHandover", [(ident, first), (verify, second), (alert, third)])
        check(world)
        await world.state(client, "test-aut", "ContentHandover", [(alert, third)])
        check(world)
        reply = world.seal("test-mda", "ident.reply", ["test-aut"], parent=ident)
        fourth = (await world.accepted(client, reply)).index
        check(world)
        await world.state(client, "test-aut", "ContentHandover", [(reply, fourth)])
        await world.state(client, "test-aut", "ContentAccessTracking", [(reply, fourth)])
        found = check(world)
        assert (found.cases, found.erased, found.written) == (3, 0, False)
        rows = cases_of(opened(world).reader, "test-mda", limit=9).rows
        states = {row.row: (row.procedure, row.state) for row in rows}
        assert states == {
            first: ("identification", "answered"), second: ("document_check", "requested"), third: ("alert", "issued"),
        }  # fmt: skip
    world.check()


async def test_a_clock_is_not_started_before_the_recipients_own_word(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        sealed, index = await request(world, client, urgency="A")
        reader = opened(world).reader
        case, _ = case_of(reader, "test-aut", index)
        assert case.clock is not None
        assert not case.clock.started
        assert case.next_actors == ("test-mda",)
        world.clock.advance(hours=3)
        await world.state(client, "test-mda", "ContentHandoverFailure", [(sealed, index, "OPEN_FAILED")])
        assert cases_of(reader, "test-aut", limit=9, order="due").rows == ()
        world.clock.advance(hours=3)
        handed_over = world.clock()
        await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        case, _ = case_of(reader, "test-aut", index)
        assert case.clock is not None
        assert case.clock.due == handed_over + timedelta(hours=2)
        (row,) = cases_of(reader, "test-mda", limit=9, order="due").rows
        assert row.due_at == int((handed_over + timedelta(hours=2)).timestamp())
        check(world)


async def test_a_clock_waits_for_the_last_of_several_recipients(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        alert = world.seal("test-geo", "doc.alert", ["test-aut", "test-mda"])
        await world.upload(client, "test-geo", alert)
        index = (await world.accepted(client, alert)).index
        await world.state(client, "test-mda", "ContentHandover", [(alert, index)])
        reader = opened(world).reader
        case, _ = case_of(reader, "test-geo", index)
        assert case.messages[0].handed_over_at is None
        assert [withheld(rung) for rung in case.messages[0].rungs] == [True, False]
        world.clock.advance(minutes=1)
        await world.state(client, "test-aut", "ContentHandover", [(alert, index)])
        case, _ = case_of(reader, "test-geo", index)
        assert case.messages[0].handed_over_at == world.clock()
        check(world)


async def test_the_hand_over_deadline_is_the_setting_or_the_urgency(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        reader = opened(world).reader
        for urgency, expected in (("A", 2 * HOUR), ("B", DAY), ("C", DAY)):
            _, index = await request(world, client, urgency=urgency)
            case, _ = case_of(reader, "test-aut", index)
            assert handover_due(case, case.messages[0], DAY) == NOW + expected
            assert handover_due(case, case.messages[0], HOUR) == NOW + HOUR
        ident = world.seal("test-aut", "ident.request", ["test-mda"])
        index = (await world.accepted(client, ident)).index
        reply = world.seal("test-mda", "ident.reply", ["test-aut"], parent=ident)
        await world.accepted(client, reply)
        case, _ = case_of(reader, "test-aut", index)
        assert [handover_due(case, message, DAY) for message in case.messages] == [NOW + DAY] * 2


async def test_a_case_of_others_is_as_unknown_as_none(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        _, index = await request(world, client)
        reader = opened(world).reader
        assert case_of(reader, "test-aut", index)[0].row == index
        for viewer, row in (("test-geo", index), ("nobody", index), ("test-aut", index + 1), ("test-aut", 0),
                            ("test-aut", 2**63), ("test-aut", -1)):  # fmt: skip
            with pytest.raises(Rejected) as refusal:
                case_of(reader, viewer, row)
            assert (refusal.value.code, refusal.value.path) == ("NOT_FOUND", None)
        assert cases_of(reader, "test-geo", limit=9).rows == ()


async def test_a_list_goes_on_where_it_ended(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        reader, indices = opened(world).reader, []
        for urgency in "CBABC":
            sealed, index = await request(world, client, urgency=urgency)
            await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
            indices.append(index)
        ident = world.seal("test-aut", "ident.request", ["test-mda"])
        indices.append((await world.accepted(client, ident)).index)
        for order, expected in (
            ("newest", indices[::-1]),
            ("due", [indices[at] for at in (2, 1, 3, 0, 4)]),
        ):
            found: list[int] = []
            begin: Cursor | None = None
            while True:
                page = cases_of(reader, "test-aut", limit=2, order=order, begin=begin)  # type: ignore[arg-type]
                found += [row.row for row in page.rows]
                begin = page.after
                if begin is None:
                    break
                assert len(page.rows) == 2
            assert found == expected
        assert len(cases_of(reader, "test-aut", limit=9, partner="test-mda").rows) == 6
        assert cases_of(reader, "test-aut", limit=9, partner="test-geo").rows == ()
        assert len(cases_of(reader, "test-aut", limit=9, state="requested").rows) == 6
        assert cases_of(reader, "test-aut", limit=9, state="answered").rows == ()


@ON_SQLITE
async def test_a_list_is_an_indexed_search_of_bounded_length(hub_world: World) -> None:
    """No plan walks a table, or sorts more than the page's own rows."""
    world = hub_world
    async with world.running() as client:
        await request(world, client, urgency="B")
        connection = opened(world).connection
        assert isinstance(connection, sqlite3.Connection)
        plans = []
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        for order in ("due", "newest"):
            cases_of(opened(world).reader, "test-aut", limit=9, order=order)
        case_of(opened(world).reader, "test-aut", cases_of(opened(world).reader, "test-aut", limit=1).rows[0].row)
        connection.set_trace_callback(None)
        for statement in statements:
            plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert len(statements) >= 5
    assert any("case_party_due" in plan for plan in plans)
    assert not [plan for plan in plans if plan.startswith("SCAN") and plan not in {"SCAN p", "SCAN (subquery-1)"}]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE case_state SET state = 'answered'",
        "UPDATE case_state SET parties = 'test-aut,test-geo'",
        "UPDATE case_state SET due_at = due_at + 1",
        "UPDATE case_state SET handed_over_at = NULL",
        "UPDATE case_state SET clock = NULL",
        "UPDATE case_state SET last_idx = 0",
        "UPDATE case_party SET due_at = 0",
        "UPDATE case_party SET partner = 'test-geo' WHERE partner = 'test-mda'",
        "DELETE FROM case_party WHERE partner = 'test-mda'",
        "DELETE FROM case_state",
        "DELETE FROM case_leaf",
        "UPDATE case_leaf SET case_row = 0",
        "INSERT INTO case_leaf SELECT case_row, 0 FROM case_leaf LIMIT 1",
        "UPDATE leaf_count SET count = count + 1",
        "DELETE FROM leaf_count",
        "INSERT INTO leaf_count VALUES (0, 'LogOpened', 1)",
    ],
)
async def test_a_changed_projection_is_found_and_made_right(hub_world: World, tampering: str) -> None:
    world = hub_world
    async with world.running() as client:
        sealed, index = await request(world, client, urgency="B")
        await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        hub = opened(world)
        before = {table: hub.connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608
        assert compare(hub.reader, hub.at_rest).equal
        world.spoil(tampering)
        found = compare(hub.reader, hub.at_rest)
        assert not found.equal
        assert not found.written
        assert set(found.differing) <= {index, 0}
        repaired = rebuild(hub.reader, hub.at_rest)
        assert (repaired.equal, repaired.written) == (False, True)
        assert compare(hub.reader, hub.at_rest).equal
        for table, rows in before.items():
            assert hub.connection.execute(f"SELECT * FROM {table}").fetchall() == rows, table  # noqa: S608


async def test_a_key_that_another_process_destroyed_is_forgotten_here_too(hub_world: World) -> None:
    world = hub_world
    async with world.running(processes=2, case_key_seconds_max=0.02) as client:
        _, index = await request(world, client)
        _, other = await request(world, client)
        hub = opened(world)
        with closing(world.open(processes=2)) as elsewhere:
            for one in (hub, elsewhere):
                assert one.reader.case_key(index) is not None
            elsewhere.connection.execute("UPDATE case_key SET wrapped = NULL WHERE row_id = ?", (index,))
            elsewhere.reader.forget_case_key(index)
            assert elsewhere.reader.case_key(index) is None
        while hub.reader._case_keys:  # noqa: ASYNC110 - nobody is told of what is forgotten
            await asyncio.sleep(0.01)
        assert hub.reader.case_key(index) is None
        assert hub.reader.side(index) is None
        assert hub.reader.case_key(other) is not None


async def test_an_erased_case_is_a_tombstone(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        sealed, index = await request(world, client, urgency="A")
        await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        _, other = await request(world, client)
        hub = opened(world)
        hub.connection.execute("UPDATE case_key SET wrapped = NULL WHERE row_id = ?", (index,))
        hub.reader.forget_case_key(index)
        found = rebuild(hub.reader, hub.at_rest)
        assert (found.cases, found.erased, found.differing) == (2, 1, (index,))
        assert compare(hub.reader, hub.at_rest).equal
        row = cases_of(hub.reader, "test-mda", limit=9).rows[-1]
        assert (row.row, row.parties, row.procedure, row.state) == (
            index, ("test-aut", "test-mda"), "document_check", ERASED,
        )  # fmt: skip
        assert (row.clock, row.due_at) == (None, None)
        with pytest.raises(Rejected) as refusal:
            case_of(hub.reader, "test-aut", index)
        assert refusal.value.code == "NOT_FOUND"
        case = fold(hub.reader, index)
        assert case.closed
        assert (case.clock, case.next_actors) == (None, ())
        assert handover_due(case, case.messages[0], DAY) == NOW + DAY
        assert case_of(hub.reader, "test-aut", other)[0].state == "requested"
        reply = world.seal("test-mda", "doc.verify.reply", ["test-aut"], parent=sealed)
        answer = await world.post(client, reply)
        assert answer.json()["code"] == "WRONG_CASE"
        await world.state(client, "test-mda", "ContentAccessTracking", [(sealed, index)])
        assert compare(hub.reader, hub.at_rest).equal


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (Leaf("ContentHandover", NOW, source="test-mda", prev=3), "begin"),
        (Leaf("SubmissionAcceptance", NOW, source="test-aut", to=("test-mda",), type="no.such_kind"), "kind"),
        (Leaf("SubmissionAcceptance", NOW, to=("test-mda",), type="ident.request"), "kind"),
    ],
)
def test_what_makes_no_case(leaf: Leaf, words: str) -> None:
    with pytest.raises(Fault, match=words):
        after(None, 7, leaf, None)


def test_whom_a_life_cycle_means() -> None:
    parties = ("test-aut", "test-mda", "test-geo")
    assert acting("opener", parties) == ("test-aut",)
    assert acting("recipients", parties) == ("test-mda", "test-geo")
    assert acting(None, parties) == ()


async def test_a_step_that_no_life_cycle_knows_makes_no_case(hub_world: World) -> None:
    world = hub_world
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    header = parse_container(sealed.container).header
    leaf = Leaf("SubmissionAcceptance", NOW, source="test-aut", to=("test-mda",), type="ident.request")
    case = after(None, 7, leaf, header)
    assert (case.row, case.state, case.last) == (7, "requested", 7)
    with pytest.raises(Fault, match="step"):
        after(None, 7, leaf, replace(header, step="answered"))
    with pytest.raises(Fault, match="step"):
        after(case, 8, leaf, replace(header, step=None))


def test_a_message_climbs_its_ladder() -> None:
    def said(event: str, at: int, **members: Any) -> Leaf:
        return Leaf(event, NOW + at * HOUR, prev=7, **members)

    case = after(
        None,
        7,
        Leaf("SubmissionAcceptance", NOW, source="test-geo", to=("test-aut", "test-mda"), type="doc.alert"),
        None,
    )
    case = after(case, 8, said("ContentConsignmentFailure", 1, to=("test-mda",), code="UNREACHABLE"), None)
    untouched, parked = case.messages[0].rungs
    assert (untouched.reached, untouched.index) == ("accepted", 7)
    assert (parked.reached, parked.code, parked.index, withheld(parked)) == ("parked", "UNREACHABLE", 8, True)
    case = after(case, 9, said("ContentConsignment", 2, to=("test-mda",)), None)
    case = after(case, 10, said("ContentHandoverFailure", 3, source="test-mda", code="OPEN_FAILED"), None)
    failed = case.messages[0].rungs[1]
    assert (failed.reached, failed.code, failed.consigned_at, withheld(failed)) == (
        "failed", "OPEN_FAILED", NOW + 2 * HOUR, False,
    )  # fmt: skip
    case = after(case, 11, said("ContentHandover", 4, source="test-mda"), None)
    for at in (5, 6):
        case = after(case, 7 + at, said("ContentAccessTracking", at, source="test-mda"), None)
    done = case.messages[0].rungs[1]
    assert (done.reached, done.code, done.handed_over_at, done.opened_at) == (
        "handed_over", None, NOW + 4 * HOUR, NOW + 5 * HOUR,
    )  # fmt: skip
    for other in (Leaf("CaseViewed", NOW, source="test-aut", prev=7), Leaf("ContentHandover", NOW, source="x", prev=7),
                  Leaf("ContentHandover", NOW, source="test-aut", prev=6)):  # fmt: skip
        assert after(case, 20, other, None) == case


@pytest.mark.parametrize("handed_over", [False, True])
async def test_a_message_that_leaves_a_case_open_keeps_its_clock(hub_world: World, handed_over: bool) -> None:
    """No life cycle of this version has such a step; the projection is written as if one had."""
    world = hub_world
    async with world.running() as client:
        sealed, index = await request(world, client, urgency="B")
        if handed_over:
            await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        hub = opened(world)

        def work(batch: Batch) -> Callable[[Sealed_], None]:
            project(
                batch, hub.reader, index, parties=("test-aut", "test-mda"), procedure="document_check",
                state="requested", last=index, facts=None,
            )  # fmt: skip
            return lambda _: None

        before = hub.connection.execute("SELECT * FROM case_state").fetchall()
        world.clock.advance(hours=1)
        await hub.writer.submit(work)
        assert hub.connection.execute("SELECT * FROM case_state").fetchall() == before
        check(world)


async def test_a_search_that_fits_little_ends_and_goes_on(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        _, index = await request(world, client)
        hub = opened(world)
        rows = [(row,) for row in range(1000, 1000 + ROWS_LOOKED_AT_MAX + 100)]
        world.spoil(
            "INSERT INTO case_state (row_id, parties, procedure, state, last_idx) VALUES (?, 'test-aut,x', 'alert', "
            "'issued', 0)",
            "INSERT INTO case_party VALUES ('test-aut', ?, NULL)",
            rows=rows,
        )
        page = cases_of(hub.reader, "test-aut", limit=9, state="requested")
        assert (page.rows, page.after is None) == ((), False)
        page = cases_of(hub.reader, "test-aut", limit=9, state="requested", begin=page.after)
        assert ([row.row for row in page.rows], page.after) == ([index], None)


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ("DELETE FROM side", "no side record"),
        ("UPDATE side SET sealed = substr(sealed, 2)", "does not open"),
        ("DELETE FROM leaf WHERE idx = (SELECT max(row_id) FROM case_key)", "begin"),
        (
            "DELETE FROM leaf WHERE idx = (SELECT max(row_id) FROM case_key); UPDATE case_key SET wrapped = NULL",
            "begin",
        ),
    ],
)
async def test_a_log_that_makes_no_cases(hub_world: World, spoiled: str, words: str) -> None:
    world = hub_world
    async with world.running() as client:
        sealed, index = await request(world, client)
        await world.accepted(client, world.seal("test-mda", "doc.verify.reply", ["test-aut"], parent=sealed))
        hub = opened(world)
        before = {table: hub.connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608
        world.spoil(*spoiled.split(";"))
        hub.reader.forget_case_key(index)
        for make in (compare, rebuild):
            with pytest.raises(Fault, match=words):
                make(hub.reader, hub.at_rest)
        for table, rows in before.items():
            assert hub.connection.execute(f"SELECT * FROM {table}").fetchall() == rows  # noqa: S608
        hub.connection.execute("UPDATE head SET size = size")  # no transaction was left open


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    def run(*words: str | Path) -> tuple[int, Any]:
        code = liaison.cli.main([*map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


async def test_the_command_proves_it_equal(hub_world: World, command: Callable[..., tuple[int, Any]]) -> None:
    world = hub_world
    async with world.running() as client:
        sealed, index = await request(world, client, urgency="A")
        await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        code, found = command("hub", "rebuild", world.data, "--check")  # beside the running hub
        assert (code, found["equal"], found["cases"], found["written"]) == (0, True, 1, False)
    world.spoil("UPDATE case_state SET state = 'answered'")
    code, found = command("hub", "rebuild", world.data, "--check")
    assert (code, found["equal"], found["differing"]) == (3, False, [index])
    code, found = command("hub", "rebuild", world.data)
    assert (code, found["equal"], found["written"]) == (0, False, True)
    code, found = command("hub", "rebuild", world.data, "--check")
    assert (code, found["equal"]) == (0, True)
    code, listed = command("hub", "cases", world.data)
    assert code == 0
    assert [(one["row"], one["state"], one["clock"]["name"], one["next"]) for one in listed] == [
        (index, "requested", "answer", ["test-mda"])
    ]
    assert listed[0]["clock"]["due"] == "2026-04-01T14:00:00Z"
    world.check()


@ON_SQLITE
async def test_a_database_without_a_projection_gets_one(hub_world: World, tmp_path: Path) -> None:
    """A copy whose projection was lost whole: the log alone brings it back."""
    world = hub_world
    async with world.running() as client:
        for _ in range(3):
            await request(world, client)
    copy = tmp_path / "copy"
    shutil.copytree(world.data, copy)
    with sqlite3.connect(copy / "hub.db") as database:
        for table in TABLES:
            database.execute(f"DELETE FROM {table}")  # noqa: S608
    database.close()
    with open_log(load_settings(copy)) as opened_log:
        assert rebuild(opened_log.reader, opened_log.at_rest).differing != ()
        assert compare(opened_log.reader, opened_log.at_rest).equal
        assert len(cases_of(opened_log.reader, "test-aut", limit=9).rows) == 3
