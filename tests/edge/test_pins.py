"""Hub and edge each pin a profile: a difference shows, and a hub that says another pin than its log's is found out."""

import json
from collections.abc import Mapping

import pytest

from adapters.contract import Taken
from adapters.edge import pins, status
from adapters.edge.wiring import Edge
from schemas.errors import Rejected
from tests.edge.conftest import Lie, Rig, codes, rows
from tests.edge.test_cases import apply, parties, passed


async def started(rig: Rig, profile: str | None = "EU-MDA") -> tuple[Edge, Edge, Taken]:
    austria, moldova = await parties(rig, profile)
    return austria, moldova, await apply(rig, austria, moldova)


def differs(edge: Edge) -> list[bool]:
    listed = (*status.outgoing(edge.connection, 9), *status.incoming(edge.connection, 9))
    return [bool(one["pin_differs"]) for one in listed]


async def test_the_same_pin_shows_nothing(rig: Rig) -> None:
    austria, moldova, _ = await started(rig)
    for edge in (austria, moldova):
        await pins.look(edge)
        assert rows(edge, "SELECT pin, hub_pin FROM case_start") == [("EU-MDA/1/MDA", "EU-MDA/1/MDA")]
        assert (differs(edge), status.counts(edge.connection)["pins_differ"], codes(edge)) == ([False], 0, [])


@pytest.mark.parametrize("pin", ["EU-MDA/2/MDA", "EU-UKR/1/UKR", None])
async def test_another_pin_shows_beside_every_message_of_the_case(rig: Rig, pin: str | None) -> None:
    """As an edge of another release would have it."""
    austria, moldova, application = await started(rig)
    austria.connection.execute("UPDATE case_start SET pin = ?", (pin,))
    assert differs(austria) == [False]  # until the hub was asked
    await pins.look(austria)
    await passed(moldova, austria, "readm.ack", in_reply_to=application.id)
    other = await passed(austria, moldova, "ident.request", "test-mda")
    listed = {str(one["case_handle"]): one["pin_differs"] for one in status.outgoing(austria.connection, 9)}
    assert listed == {application.case_handle: True, other.case_handle: False}
    assert [one["pin_differs"] for one in status.incoming(austria.connection, 9)] == [True]
    assert status.counts(austria.connection)["pins_differ"] == 1
    assert codes(austria) == []  # nobody did wrong


async def test_a_hub_that_pinned_nothing_is_not_asked(rig: Rig) -> None:
    austria, _, _ = await started(rig, None)
    await pins.look(austria)
    assert rig.between is not None
    assert not [path for path in rig.between.paths if path.startswith("/v1/pins")]
    assert rows(austria, "SELECT pin, hub_pin FROM case_start") == [(None, "")]
    austria.connection.execute("UPDATE case_start SET pin = 'EU-MDA/1/MDA'")
    assert differs(austria) == [True]


def answering(change: Mapping[str, object]) -> Lie:
    def lie(status_: int, body: bytes) -> tuple[int, bytes]:
        return status_, json.dumps({**json.loads(body), **change}).encode()

    return lie


@pytest.mark.parametrize(
    "change",
    [
        {"pin": "EU-MDA/2/MDA"}, {"pin": ""}, {"pin": None}, {"pin": 1}, {"salt": "00" * 32}, {"salt": "x"},
        {"salt": None}, {"pin": "EU-MDA/1/MDA "},
    ],
)  # fmt: skip
async def test_a_pin_that_the_log_does_not_commit_to_is_an_alarm(rig: Rig, change: Mapping[str, object]) -> None:
    austria, _, _ = await started(rig)
    rig.lies["/v1/pins"] = answering(change)
    await pins.look(austria)
    await pins.look(austria)
    assert codes(austria) == ["PIN_INVALID"]
    assert rows(austria, "SELECT hub_pin FROM case_start") == [(None,)]
    del rig.lies["/v1/pins"]
    await pins.look(austria)
    assert rows(austria, "SELECT hub_pin FROM case_start") == [("EU-MDA/1/MDA",)]


async def test_only_a_party_is_told_and_only_of_a_case(rig: Rig) -> None:
    austria, _, _ = await started(rig)
    georgia = await rig.edge("test-geo")
    ((index,),) = rows(austria, "SELECT idx FROM outbox")
    assert (await austria.hub.pin(index))[0] == "EU-MDA/1/MDA"
    for edge, asked in ((georgia, index), (austria, index + 1), (austria, 10**14), (georgia, 0)):
        with pytest.raises(Rejected, match="NOT_FOUND"):
            await edge.hub.pin(asked)
    assert rig.world.hub is not None
    rig.world.hub.connection.execute("UPDATE case_key SET wrapped = NULL")
    rig.world.hub.reader.forget_case_key(index)
    with pytest.raises(Rejected, match="NOT_FOUND"):
        await austria.hub.pin(index)
    await pins.look(austria)
    assert codes(austria) == []
