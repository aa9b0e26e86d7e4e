"""A partner that signed a longer log than there is: an alarm until somebody judged it, and nobody else is stopped."""

from pathlib import Path

import pytest

from hub.log.claims import dismissed, standing
from liaison.cli import main
from schemas.envelope import LogHead
from schemas.errors import Rejected
from tests.world import World


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


def head(world: World, size: int) -> LogHead:
    return LogHead(world.log_public.origin, size, "ab" * 32)


async def test_a_longer_log_is_an_alarm_until_it_is_judged(world: World) -> None:
    async with world.running() as client:
        hub = world.hub
        assert hub is not None
        size = hub.writer.size
        sealed = world.seal("test-aut", "doc.alert", ["test-mda"], log=head(world, size + 1))
        for _ in range(2):
            answer = await world.post(client, sealed)
            assert (answer.status_code, answer.json()["code"]) == (503, "LOG_BEHIND")
            assert int(answer.headers["retry-after"]) > 0
        assert hub.writer.size == size
        claim = standing(hub.connection)
        assert claim is not None
        assert (claim.partner, claim.size, claim.had, claim.digest) == ("test-aut", size + 1, size, sealed.digest.hex())
        world.monotonic.now += 2
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["log"]) == (503, "LOG_BEHIND")
        await world.accepted(client, world.seal("test-geo", "doc.alert", ["test-mda"]))
    async with world.running() as client:
        assert (await client.get("/readyz")).status_code == 503, "a start forgets nothing"
        assert world.hub is not None
        leaf = await world.hub.writer.submit(dismissed("operator"))
        found = world.hub.reader.leaf(leaf).leaf
        assert (found.event, found.source, found.digest) == ("ClaimDismissed", "test-aut", sealed.digest.hex())
        world.monotonic.now += 2
        assert (await client.get("/readyz")).json()["checks"]["log"] == "ok"
        await world.accepted(client, sealed)  # the log has grown past what it claims
        with pytest.raises(Rejected):
            await world.hub.writer.submit(dismissed("operator"))
    world.check()


async def test_what_is_no_claim_of_a_longer_log(world: World) -> None:
    async with world.running() as client:
        hub = world.hub
        assert hub is not None
        for log in (head(world, hub.writer.size), LogHead("other.example/audit/2026", 10**9, "ab" * 32)):
            await world.accepted(client, world.seal("test-aut", "doc.alert", ["test-mda"], log=log))
        assert standing(hub.connection) is None


async def test_the_operators_command(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with world.running() as client:
        await world.post(client, world.seal("test-aut", "doc.alert", ["test-mda"], log=head(world, 10**6)))
    data = str(world.data)
    assert main(["hub", "behind", data]) == 3
    assert "test-aut" in capsys.readouterr().out
    assert main(["hub", "behind", data, "--dismiss"]) == 0
    assert main(["hub", "behind", data]) == 0
    assert main(["hub", "behind", data, "--dismiss"]) == 4
    assert main(["hub", "behind", str(tmp_path / "nothing")]) == 4
