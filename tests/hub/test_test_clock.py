"""A clock that is ahead, and a profile made for tests: of use among test authorities alone, and never unseen."""

from datetime import timedelta

import httpx2
import pytest

from hub.cases.reading import fold
from hub.settings import load_settings
from hub.wiring import open_log
from keys.sealing import Sealed
from keys.signing import CONTAINER_TYPE
from schemas.errors import Rejected
from service.clock import utc_now
from tests.cases.readmission import NAME, agreed, begun
from tests.cli.test_hub import serve_refused
from tests.world import World, agreement

PROFILE = "TEST-PROFILE-AUT-MDA"
AHEAD = {"test_clock_ahead_seconds": 5 * 86_400}
REAL = ("test-aut", "test-mda")


async def refused(world: World, client: httpx2.AsyncClient, sealed: Sealed, path: str) -> None:
    found = (await world.post(client, sealed, CONTAINER_TYPE)).json()
    assert (found["code"], found["path"]) == ("TEST_NOT_ALLOWED", path)


# -- the clock


def test_a_live_hub_has_the_machines_clock(hub_world: World) -> None:
    with pytest.raises(Rejected) as caught:
        hub_world.settings(live=True, **AHEAD)
    assert (caught.value.code, caught.value.path) == ("FIELD_RANGE", "/test_clock_ahead_seconds")


def test_a_live_hub_does_not_start_with_another(hub_world: World) -> None:
    with (hub_world.data / "hub.toml").open("a") as file:
        file.write("test_clock_ahead_seconds = 86400\n")
    code, said = serve_refused(hub_world.data, "--live")
    assert code == 4
    assert "test_clock_ahead_seconds" in said
    assert not (hub_world.data / "hub.db").exists()


@pytest.mark.parametrize("seconds", [-1, 366 * 86_400 + 1, "tomorrow"])
def test_a_clock_is_never_behind_nor_years_ahead(hub_world: World, seconds: object) -> None:
    with pytest.raises(Rejected, match="FIELD_RANGE"):
        load_settings(hub_world.data, test_clock_ahead_seconds=seconds)


def test_a_hub_of_real_authorities_does_not_start_with_it(hub_world: World) -> None:
    hub_world.update("test-mda", test=False)
    stamp = hub_world.data / "directory" / "metadata" / "timestamp.json"
    before = stamp.read_bytes()
    hub_world.clock.advance(days=5)
    with pytest.raises(Rejected) as caught:
        hub_world.open(**AHEAD)
    assert stamp.read_bytes() == before  # nothing was signed by that clock
    hub_world.open().close()
    with pytest.raises(Rejected, match="TEST_NOT_ALLOWED"), open_log(hub_world.settings(**AHEAD)):
        pass
    assert (caught.value.code, caught.value.path) == ("TEST_NOT_ALLOWED", "/test_clock_ahead_seconds")
    hub_world.open().close()


async def test_real_authorities_that_come_later_are_refused(hub_world: World) -> None:
    async with hub_world.running(**AHEAD) as client:
        for partner in REAL:
            hub_world.update(partner, test=False)
        await refused(hub_world, client, hub_world.seal(REAL[0], "ident.request", [REAL[1]], test=False), "/ixmtest")
    async with hub_world.running() as client:
        await hub_world.accepted(client, hub_world.seal(REAL[0], "ident.request", [REAL[1]], test=False))


async def test_readiness_and_pages_say_so(hub_world: World) -> None:
    async with hub_world.running(**AHEAD) as client:
        assert (await client.get("/readyz")).json()["test_clock_ahead_seconds"] == AHEAD["test_clock_ahead_seconds"]
        assert "clock is 5 days ahead of the true time" in (await client.get("/console/")).text
    async with hub_world.running() as client:
        assert "test_clock_ahead_seconds" not in (await client.get("/readyz")).json()
        assert "ahead of the true time" not in (await client.get("/console/")).text


def test_hub_and_commands_go_by_it(hub_world: World) -> None:
    ahead = timedelta(days=5)
    settings = hub_world.settings(**AHEAD)
    assert ahead <= settings.clock() - utc_now() + timedelta(minutes=1) <= ahead + timedelta(minutes=2)
    hub_world.open().close()
    with open_log(settings) as opened:
        assert opened.writer.last_at <= settings.clock()
    assert hub_world.settings().clock is utc_now


# -- the profile


async def test_test_authorities_count_by_it(hub_world: World) -> None:
    agreed(hub_world, PROFILE)
    async with hub_world.running() as client:
        told = await begun(hub_world, client)
        await told.receive()
        assert fold(told.hub.reader, told.row).pin == f"{PROFILE}/1/MDA"
        [clock] = told.case.agreed
        assert (clock.name, clock.indicative) == ("reply_limit", False)


async def test_real_authorities_may_agree_on_it_and_send_nothing(hub_world: World) -> None:
    agreed(hub_world, PROFILE)
    hub_world.agree(agreement("TEST-AUT-GEO", version=2, profile=PROFILE))
    for partner in (*REAL, "test-geo"):
        hub_world.update(partner, test=False)
    async with hub_world.running(live=True) as client:
        for kind, to, name in (
            ("readm.application", "test-mda", NAME),
            ("visa.overstay.notice", "test-geo", "TEST-AUT-GEO"),
        ):
            sealed = hub_world.seal("test-aut", kind, [to], agreement=name, test=False)
            await hub_world.upload(client, "test-aut", sealed)
            await refused(hub_world, client, sealed, "/ixmagr")
