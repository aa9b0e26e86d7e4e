"""The clocks of an agreement at the hub: waiting, indicative, running out, ended; each said once, whatever happens."""

import asyncio
import json
import os
import signal
import sys
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

import liaison.cli
from hub.cases.case import Case
from hub.cases.clocks import CaseClock
from hub.cases.reading import agreed_clocks, cases_of, next_clock
from hub.cases.rebuilding import compare, rebuild
from hub.clockkeeper import keep
from hub.console.pages import Show
from schemas.agreements import certificate, profile
from schemas.agreements.calendars import day_ends_at
from schemas.errors import Unavailable
from tests.cases.readmission import Told, agreed, begun
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
PROFILE = "EU-GEO"  # 12 calendar days, 3 months: the state asked is no party, so Georgia's days stand for it


@pytest.fixture
def world(hub_world: World) -> World:
    agreed(hub_world, PROFILE)
    return hub_world


def clock(case: Case, name: str = "reply_limit") -> CaseClock:
    return next(one for one in case.agreed if one.name == name)


async def received(world: World, client: httpx2.AsyncClient) -> Told:
    told = await begun(world, client)
    await told.receive()
    return told


async def at(told: Told, moment: datetime) -> int:
    """The keeper's look at this instant."""
    told.world.clock.now = moment
    await told.world.travel()
    return await keep(told.hub)


def end(told: Told, name: str = "reply_limit") -> datetime:
    found = clock(told.case, name).ends_at
    assert found is not None
    return found


# -- what is shown


async def test_a_clock_waits_for_the_receipt_and_is_indicative(world: World) -> None:
    async with world.running() as client:
        told = await begun(world, client)
        assert told.case.pin == "EU-GEO/1/GEO"
        found = clock(told.case)
        assert (found.started, found.basis, found.indicative, found.known) == (False, "CD", True, True)
        await told.receive()
        found = clock(told.case)
        assert (found.due, found.requested, found.indicative) == (date(2026, 4, 13), "GEO", True)
        assert found.ends_at == day_ends_at(date(2026, 4, 13), "GEO")
        (row,) = cases_of(told.hub.reader, "test-mda", limit=9, order="due").rows
        assert row.clock == "ack"  # ours ends first
        stored = agreed_clocks(told.hub.reader, [row.row])[row.row]
        assert [(one.clock, one.due_on, one.indicative) for one in stored] == [("reply_limit", "2026-04-13", True)]
        await told.say("test-mda", "readm.ack")
        (row,) = cases_of(told.hub.reader, "test-aut", limit=9, order="due").rows
        assert next_clock(row, agreed_clocks(told.hub.reader, [row.row])[row.row]) == CaseClock(
            "reply_limit", "CD", found.due, found.ends_at, requested="GEO", indicative=True
        )
    world.check()


async def test_without_a_profile_only_our_own_clocks_run(hub_world: World) -> None:
    agreed(hub_world, None)
    async with hub_world.running() as client:
        told = await received(hub_world, client)
        assert (told.case.pin, told.case.agreed) == (None, ())
        assert await at(told, hub_world.clock() + timedelta(days=400)) == 0
        assert told.said() == []


async def test_a_case_keeps_the_profile_it_began_with(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        agreed(world, "EU-UKR", version=3)
        await told.say("test-mda", "readm.ack")
        assert told.case.pin == "EU-GEO/1/GEO"


async def test_the_list_of_cases_tells_the_clocks(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with world.running() as client:
        await received(world, client)
    assert liaison.cli.main(["hub", "cases", str(world.data), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    (found,) = listed["agreed"]
    assert (found["name"], found["due_on"], found["requested"], found["indicative"], found["stage"]) == (
        "reply_limit", "2026-04-13", "GEO", True, "running",
    )  # fmt: skip


# -- what is said


async def test_each_leaf_comes_once_and_the_case_moves(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
        for moment in (ends_at - timedelta(hours=73), ends_at - timedelta(hours=72), ends_at - timedelta(seconds=1)):
            await at(told, moment)
        assert told.said() == [("ClockWarned", "reply_limit")]
        assert told.case.state == "sent"
        assert clock(told.case).stage == "warned"
        for moment in (ends_at, ends_at, ends_at + timedelta(days=90)):
            await at(told, moment)
        assert told.said() == [("ClockWarned", "reply_limit"), ("ClockExpired", "reply_limit")]
        assert told.case.state == "silent_expired"
        assert [(said.stage, said.ends_at) for said in told.case.said] == [("warned", ends_at), ("expired", ends_at)]
        assert told.clock_leaves()[1].to == ("test-aut", "test-mda")
    world.check()


async def test_the_running_hub_looks_by_itself(world: World) -> None:
    async with world.running(clock_look_seconds=0.01) as client:
        told = await received(world, client)
        world.clock.now = end(told)
        while not told.said():  # noqa: ASYNC110 - a look at the log, which rings no bell
            await asyncio.sleep(0)
        assert told.said() == [("ClockExpired", "reply_limit")]


async def test_a_clock_that_ran_out_unseen_is_not_warned_of(world: World) -> None:
    async with world.running(clock_warn_ahead_hours=0) as client:
        told = await received(world, client)
        await at(told, end(told) - timedelta(seconds=1))
        assert told.said() == []
        await at(told, end(told) + timedelta(days=1))
        assert told.said() == [("ClockExpired", "reply_limit")]


async def test_a_clock_set_forward_and_back_says_nothing_twice(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
        await at(told, ends_at + timedelta(days=1))
        for days in (-30, 2, -1, 30):
            await at(told, ends_at + timedelta(days=days))
        assert told.said() == [("ClockExpired", "reply_limit")]
        assert told.case.state == "silent_expired"
    world.check()


async def test_a_restart_and_another_process_say_nothing_twice(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
        await at(told, ends_at - timedelta(hours=1))
    async with world.running() as client:
        told = Told(world, client, told.opening, told.row)
        await at(told, ends_at)
    first, second = world.open(), world.open()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(hub.writer.run()) for hub in (first, second)]
            for hub in (first, second, first):
                await keep(hub)
            for task in tasks:
                task.cancel()
        world.hub = first
        assert Told(world, client, told.opening, told.row).said() == [
            ("ClockWarned", "reply_limit"), ("ClockExpired", "reply_limit"),
        ]  # fmt: skip
    finally:
        first.close()
        second.close()
    world.check()


async def test_two_processes_that_look_at_once_say_it_once(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
    world.clock.now = ends_at
    first, second = world.open(), world.open()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(hub.writer.run()) for hub in (first, second)]
            async with asyncio.TaskGroup() as looks:
                for hub in (first, second):
                    looks.create_task(keep(hub))
            for task in tasks:
                task.cancel()
        world.hub = first
        assert Told(world, client, told.opening, told.row).said() == [("ClockExpired", "reply_limit")]
    finally:
        first.close()
        second.close()
    world.check()


async def test_a_full_log_leaves_it_to_the_next_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
        with monkeypatch.context() as patched:
            patched.setattr("hub.log.writer.QUEUE_ENTRIES_MAX", 0)
            with pytest.raises(Unavailable):
                await at(told, ends_at)
        assert told.said() == []
        await keep(told.hub)
        assert told.said() == [("ClockExpired", "reply_limit")]


async def test_an_answer_before_the_end_ends_the_clock(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
        await told.say("test-mda", "readm.decision")
        assert [one.name for one in told.case.agreed] == ["transfer_limit"]
        await at(told, ends_at)
        assert told.said() == []
        await at(told, end(told, "transfer_limit"))
        assert told.case.state == "window_expired"
        assert told.said()[-1] == ("ClockExpired", "transfer_limit")
    world.check()


async def test_a_longer_time_is_another_end_and_is_said_again(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        request = await told.say("test-mda", "readm.extension.request", which="REPLY", until="2026-04-30", days=None)
        await at(told, end(told))
        assert told.case.state == "silent_expired"
        await told.say("test-aut", "readm.extension.answer", parent=request, until="2026-04-30")
        assert told.case.state == "verifying"
        found = clock(told.case)
        assert (found.due, found.stage, found.indicative) == (date(2026, 4, 30), "running", True)
        await at(told, end(told))
        assert told.said() == [("ClockExpired", "reply_limit")] * 2
        assert told.clock_leaves()[1].digest is None  # a day that was agreed on, not counted
    world.check()


async def test_a_decision_after_silence_was_claimed_is_late_and_changes_nothing(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        await at(told, end(told))
        await told.say("test-aut", "readm.tacit.claim")
        assert told.case.state == "tacit_claimed"
        await told.say("test-mda", "readm.decision", outcome="REFUSED")
        case = told.case
        assert (case.state, case.messages[-1].late) == ("tacit_claimed", True)
    world.check()


async def test_a_transit_is_not_allowed_by_silence(world: World) -> None:
    async with world.running() as client:
        told = await begun(world, client, "transit.application")
        await told.receive()
        ends_at = end(told, "transit_reply_limit")
        await at(told, ends_at)
        assert told.said() == [("ClockExpired", "transit_reply_limit")]
        assert told.case.state == "applied"
        assert clock(told.case, "transit_reply_limit").stage == "expired"


async def test_pages_show_the_times_and_what_was_said(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
        await at(told, ends_at - timedelta(hours=1))
        show = Show(told.hub.directories.current, "test-aut", world.clock(), timedelta(hours=24))
        shown = show.case(told.case)
        assert [(one.name, one.words, one.urgency) for one in shown.agreed] == [
            ("Reply due by the agreement", "13 Apr 2026, end of day in GEO, indicative", "soon")
        ]
        assert shown.timeline[0].name == "Time is running out: Reply due by the agreement"
        await at(told, ends_at)
        shown = show.case(told.case)
        assert shown.timeline[0].name == "Time has ended: Reply due by the agreement"
        assert shown.state == "No answer in time"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE case_clock SET due_at = due_at + 1",
        "UPDATE case_clock SET due_on = '2026-04-14'",
        "UPDATE case_clock SET stage = 'running'",
        "UPDATE case_clock SET indicative = false",
        "DELETE FROM case_clock",
        "UPDATE case_state SET state = 'verifying'",
    ],
)
async def test_what_is_changed_in_a_stored_clock_is_found_and_made_anew(world: World, change: str) -> None:
    async with world.running() as client:
        told = await received(world, client)
        await at(told, end(told) - timedelta(hours=1))
        hub = told.hub
        hub.connection.execute(change)
        assert compare(hub.reader, hub.at_rest).differing == (told.row,)
        assert not rebuild(hub.reader, hub.at_rest).equal
        assert clock(told.case).stage == "warned"


async def test_a_stored_end_that_is_not_the_logs_ends_nothing_and_is_written_anew(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        told.hub.connection.execute("UPDATE case_clock SET due_at = ?", (int(world.clock().timestamp()),))
        await keep(told.hub)
        assert told.said() == []
        assert clock(told.case).due == date(2026, 4, 13)  # and the stored row is equal again


# -- what it rests on


async def test_the_leaf_names_a_certificate_that_holds(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        await at(told, end(told))
        (leaf,) = told.clock_leaves()
        index = told.case.said[0].index
        side = told.hub.reader.side(index)
        assert side is not None
        text = side.values["value"].encode()
        assert leaf.digest == sha256(text).hexdigest()
        found = certificate.decode(text)
        assert certificate.recheck(found, profile.load).due == date(2026, 4, 13)
        assert found.receipt.event == "ContentHandover"


# -- a crash


async def test_killed_before_the_commit_it_is_done_by_the_next(world: World) -> None:
    async with world.running() as client:
        told = await received(world, client)
        ends_at = end(told)
    program = (
        "import asyncio, sys\n"
        "from datetime import datetime\n"
        "from pathlib import Path\n"
        "from hub.clockkeeper import keep\n"
        "from hub.settings import load_settings\n"
        "from hub.wiring import open_hub\n"
        "hub = open_hub(load_settings(Path(sys.argv[1])), clock=lambda: datetime.fromisoformat(sys.argv[2]))\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(hub.writer.run())\n"
        "    await keep(hub)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    arguments = [sys.executable, "-c", program, str(world.data), ends_at.isoformat()]
    once = [("ClockExpired", "reply_limit")]
    for point, code, expected in (
        ("hub.clockkeeper.added", -signal.SIGKILL, []),
        ("hub.append.before_commit", -signal.SIGKILL, []),
        ("", 0, once),
        ("", 0, once),
    ):
        environment = {**os.environ, "LIAISON_HUB_CLOCK_AHEAD_HOURS_MAX": "0"}
        environment |= {"LIAISON_FAILPOINT": point} if point else {}
        process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, env=environment)
        assert await process.wait() == code
        world.hub = world.open()
        said = Told(world, client, told.opening, told.row).said()
        world.hub.close()
        assert said == expected
    world.check()
