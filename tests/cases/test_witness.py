"""A hub's clock that was set forward ends nothing for good: partners' signatures bear the time out, or an operator."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx2
import pytest

import liaison.cli
from hub.cases.clocks import CaseClock
from hub.clockkeeper import keep
from hub.readiness import ADVISORY, check_all
from hub.witness import Confirmed
from tests.cases.readmission import Told, agreed, begun
from tests.world import World

EXPIRED = [("ClockExpired", "reply_limit")]


@pytest.fixture
async def told(hub_world: World) -> AsyncIterator[Told]:
    """A case whose answer is due, at a hub that believes its clock a day ahead of its partners."""
    agreed(hub_world, "EU-GEO")
    async with hub_world.running(clock_ahead_hours_max=24) as client:
        found = await begun(hub_world, client)
        await found.receive()
        yield found
    hub_world.check()


def end(told: Told) -> CaseClock:
    (found,) = told.case.agreed
    return found


async def forward(told: Told) -> int:
    """The machine's clock alone is past the end."""
    ends_at = end(told).ends_at
    assert ends_at is not None
    told.world.clock.now = ends_at
    await told.world.travel()
    return await keep(told.hub)


async def poll(told: Told, partner: str = "test-mda") -> httpx2.Response:
    headers = told.world.signed_headers(partner, "GET", "/v1/inbox?open=1")
    return await told.client.get("/v1/inbox?open=1", headers=headers)


async def test_a_clock_set_forward_ends_nothing_and_says_so(told: Told) -> None:
    assert await forward(told) == 0
    assert (told.said(), told.case.state) == ([], "sent")
    assert check_all(told.hub)["times"] == "CLOCK_AHEAD"
    assert b"liaison_clocks_held 1.0" in told.hub.metrics.text()
    answer = (await told.client.get("/readyz")).json()
    assert (answer["ready"], answer["checks"]["times"]) == (True, "CLOCK_AHEAD")
    assert {"times"} == ADVISORY


async def test_set_right_again_nothing_was_lost(told: Told) -> None:
    before = told.world.clock.now
    await forward(told)
    told.world.clock.now = before
    assert await keep(told.hub) == 0
    assert check_all(told.hub)["times"] == "ok"
    assert told.said() == []


async def test_a_partners_signed_request_bears_the_clock_out(told: Told) -> None:
    await forward(told)
    assert (await poll(told)).status_code == 200
    await keep(told.hub)
    assert told.said() == EXPIRED
    assert check_all(told.hub)["times"] == "ok"


async def test_a_request_signed_by_the_right_time_is_no_word_for_a_wrong_clock(told: Told) -> None:
    headers = told.world.signed_headers("test-mda", "GET", "/v1/inbox?open=1")
    await forward(told)
    assert (await told.client.get("/v1/inbox?open=1", headers=headers)).status_code == 401
    await keep(told.hub)
    assert told.said() == []


async def test_a_message_of_the_true_time_does_not_bear_a_wrong_clock_out(told: Told) -> None:
    before = told.world.clock.now
    sealed = told.world.seal("test-aut", "ident.request", ["test-mda"], time=before, agreement="TEST-AUT-GEO")
    await forward(told)
    await told.world.post(told.client, sealed)
    await keep(told.hub)
    assert told.said() == []


async def test_a_partners_clock_ahead_of_ours_is_believed_no_further_than_ours(told: Told) -> None:
    ahead = told.world.clock.now + timedelta(days=9)
    sealed = told.world.seal("test-aut", "readm.application", ["test-mda"], time=ahead, agreement="TEST-AUT-MDA")
    assert (await told.world.post(told.client, sealed)).json()["code"] == "CLOCK_AHEAD"
    await forward(told)
    assert told.said() == []


async def test_what_has_passed_since_is_counted_by_the_clock_that_nobody_sets(told: Told) -> None:
    ends_at = end(told).ends_at
    assert ends_at is not None
    told.world.monotonic.now += (ends_at - told.world.clock.now).total_seconds()
    await forward(told)
    assert told.said() == EXPIRED


@pytest.mark.parametrize(("ahead", "said"), [(timedelta(hours=24), EXPIRED), (timedelta(hours=24, seconds=1), [])])
async def test_where_the_line_is(told: Told, ahead: timedelta, said: list[tuple[str, str]]) -> None:
    ends_at = end(told).ends_at
    vouched = told.hub.witness.latest()
    assert ends_at is not None
    assert vouched is not None
    told.world.monotonic.now += (ends_at - ahead - vouched).total_seconds()
    await forward(told)
    assert told.said() == said


@pytest.mark.parametrize(("ahead", "said"), [(timedelta(hours=23), EXPIRED), (timedelta(days=2), [])])
async def test_the_word_outlives_a_restart(hub_world: World, ahead: timedelta, said: list[tuple[str, str]]) -> None:
    agreed(hub_world, "EU-GEO")
    async with hub_world.running(clock_ahead_hours_max=24) as client:
        told = await begun(hub_world, client)
        await told.receive()
        ends_at = end(told).ends_at
        assert ends_at is not None
        hub_world.clock.now = ends_at - ahead
        await hub_world.travel()
        hub_world.monotonic.now += 300  # the word is kept this often
        assert (await poll(told)).status_code == 200
    async with hub_world.running(clock_ahead_hours_max=24) as client:
        told = Told(hub_world, client, told.opening, told.row)
        await forward(told)
        await keep(told.hub)  # the hub's own first look may have said something in that batch
        assert [one for one in told.said() if one[0] == "ClockExpired"] == said


async def test_an_operator_vouches_for_it_and_the_log_says_so(told: Told) -> None:
    await forward(told)
    index = await told.hub.writer.submit(Confirmed("operator"))
    await keep(told.hub)
    leaf = told.hub.reader.leaf(index).leaf
    assert (leaf.event, set(leaf.c)) == ("ClockConfirmed", {"actor"})
    assert told.said() == EXPIRED


async def test_the_command_is_a_leaf(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["hub", "confirm-clock", str(told.world.data), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert told.hub.reader.leaf(shown["leaf"]).leaf.event == "ClockConfirmed"
    await told.world.travel()
    assert told.world.clock() < datetime.fromisoformat(shown["at"])  # the world's clock is not the machine's


async def test_many_ends_share_a_batch_in_their_order(hub_world: World) -> None:
    agreed(hub_world, "EU-GEO")
    async with hub_world.running() as client:
        cases = [await begun(hub_world, client) for _ in range(5)]
        for one in cases:
            await one.receive()
        ends_at = end(cases[0]).ends_at
        assert ends_at is not None
        hub_world.clock.now = ends_at
        await hub_world.travel()
        hub = cases[0].hub
        before = hub.connection.execute("SELECT count(*) FROM checkpoint").fetchone()[0]
        await asyncio.gather(keep(hub), keep(hub))
        assert hub.connection.execute("SELECT count(*) FROM checkpoint").fetchone()[0] == before + 1
        said = [one.leaf.prev for one in hub.reader.leaves(-1, 1000) if one.leaf.event == "ClockExpired"]
        assert said == [one.row for one in cases]
        assert {one.case.state for one in cases} == {"silent_expired"}
    hub_world.check()
