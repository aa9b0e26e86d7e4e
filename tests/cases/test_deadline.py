"""A deadline certificate of a case: made at the hub, checked with nothing but the log's keys and the texts."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import liaison.cli
from hub.certificates import Certified, proved
from hub.clockkeeper import keep
from hub.console.pages import Show
from keys.proofs.checkpoint import LogPublic, LogSigner
from keys.proofs.deadline import FILE_BYTES_MAX, ProvedDeadline, check, decode, encode
from schemas.agreements import profile
from schemas.agreements.profile import Profile
from schemas.errors import Rejected
from tests.cases.readmission import Told, agreed, begun
from tests.world import ON_SQLITE, World


@pytest.fixture
async def made(hub_world: World) -> tuple[World, Told, ProvedDeadline, ProvedDeadline]:
    """Two cases whose time has ended, and their certificates."""
    agreed(hub_world, "EU-GEO")
    async with hub_world.running() as client:
        cases = [await begun(hub_world, client) for _ in range(2)]
        for told in cases:
            await told.receive()
        hub_world.clock.now = cases[0].case.agreed[0].ends_at or hub_world.clock.now
        await hub_world.travel()
        await keep(cases[0].hub)
        first, second = (proved(told.hub.reader, told.row, "reply_limit") for told in cases)
    return hub_world, cases[0], first, second


Made = tuple[World, Told, ProvedDeadline, ProvedDeadline]


def test_it_holds_offline(made: Made) -> None:
    world, _, first, _ = made
    found = check(decode(encode(first)), world.log_public, profile.load)
    assert found.started.began_proven
    assert found.ended_at == world.clock()
    assert found.started.due.due is not None
    shown = found.as_json()
    assert (shown["verified"], shown["indicative"], shown["requested"]) == (True, True, "GEO")
    assert found.started.certificate.receipt.event == "ContentHandover"


@pytest.mark.parametrize(
    "changed",
    [
        lambda first, second: replace(first, said=second.said),
        lambda first, second: replace(first, began=second.began),
        lambda first, second: replace(first, certificate=second.certificate),
        lambda first, second: replace(first, began=second.began, certificate=second.certificate),
        lambda first, _: replace(first, said=first.began),
        lambda first, _: replace(first, began=first.said),
        lambda first, _: replace(first, certificate=first.certificate.replace(b'"n":12', b'"n":11')),
        lambda first, _: replace(first, certificate=first.certificate.replace(b"2026-04-13", b"2026-04-12")),
        lambda first, _: replace(first, certificate=b"{}"),
        lambda first, _: replace(first, said=b""),
        lambda first, _: replace(first, began=first.began[:-40]),
    ],
)
def test_what_was_put_together_otherwise_does_not_hold(
    made: Made, changed: Callable[[ProvedDeadline, ProvedDeadline], ProvedDeadline]
) -> None:
    world, _, first, second = made
    with pytest.raises(Rejected, match=r"PROOF_INVALID|CHECKPOINT_INVALID"):
        check(changed(first, second), world.log_public, profile.load)


def test_another_logs_keys_do_not_vouch_for_it(made: Made) -> None:
    world, _, first, _ = made
    other: LogPublic = LogSigner(world.settings().origin, b"1" * 32, b"2" * 32).public
    with pytest.raises(Rejected, match=r"CHECKPOINT_INVALID|PROOF_INVALID"):
        check(first, other, profile.load)


def test_another_text_is_not_the_one_it_was_counted_by(made: Made) -> None:
    world, _, first, _ = made

    def other(_: str, version: int) -> Profile:
        return profile.load("EU-UKR", version)

    with pytest.raises(Rejected, match="PROOF_INVALID"):
        check(first, world.log_public, other)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", b'{"v":1}', b"x" * (FILE_BYTES_MAX + 1),
        b'{"v":2,"certificate":"","began":"","said":""}', b'{"v":1,"certificate":1,"began":"","said":""}',
        b'{"v":1,"certificate":"*","began":"","said":""}', b'{"v":1,"certificate":"","began":"","said":"","x":""}',
    ],
)  # fmt: skip
def test_what_is_no_such_file(raw: bytes) -> None:
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        decode(raw)


def test_nothing_is_made_of_what_was_not_said(made: Made) -> None:
    world, told, _, _ = made
    hub = world.open()
    try:
        assert proved(hub.reader, told.row, "reply_limit", viewer="test-mda").certificate
        for row, clock, viewer in (
            (told.row, "transfer_limit", None), (told.row, "reply_limit", "test-geo"), (0, "reply_limit", None),
            (10**9, "reply_limit", None), (told.row, "reply_limit/", "test-aut"),
        ):  # fmt: skip
            with pytest.raises(Rejected, match="NOT_FOUND"):
                proved(hub.reader, row, clock, viewer)
    finally:
        hub.close()


def run(*words: object) -> int:
    return int(liaison.cli.main([*map(str, words), "--json"]))


@ON_SQLITE
def test_the_commands(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, told, _, _ = made
    file = tmp_path / "deadline.json"
    assert run("hub", "certificate", world.data, told.row, "reply_limit", file) == 0
    assert run("hub", "certificate", world.data, told.row, "reply_limit", file) == 1
    assert run("hub", "certificate", world.data, told.row, "td_limit", tmp_path / "other") != 0
    assert not (tmp_path / "other").exists()
    key = world.data / "log.vkey"
    assert run("audit", "verify", world.data / "hub.db", "--log-key", key) == 0
    capsys.readouterr()
    assert run("audit", "certificate", file, "--log-key", key) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["verified"], shown["step"], shown["due"]) == (True, "reply_limit", "2026-04-13")
    assert [one["id"] for one in shown["texts"]] == ["EU-GEO"]
    file.write_bytes(file.read_bytes().replace(b'"v":1', b'"v":3'))
    assert run("audit", "certificate", file, "--log-key", key) == 3
    assert json.loads(capsys.readouterr().out) == {"verified": False, "code": "PROOF_INVALID"}


# -- on demand, before the clock keeper has spoken


def certified_of(told: Told) -> list[tuple[str, str | None]]:
    return [said for said in told.said() if said[0] == "ClockCertified"]


async def test_a_running_clock_is_certified_when_asked_for_and_once(hub_world: World) -> None:
    agreed(hub_world, "EU-GEO")
    async with hub_world.running() as client:
        told = await begun(hub_world, client)
        await told.receive()
        before = told.case
        hub, year = told.hub, hub_world.settings().year
        first = await hub.writer.submit(Certified(hub.reader, told.row, "reply_limit", year))
        assert first is not None
        assert await hub.writer.submit(Certified(hub.reader, told.row, "reply_limit", year)) is None
        assert certified_of(told) == [("ClockCertified", "reply_limit")]
        case = told.case
        assert (case.state, case.agreed, case.clock) == (before.state, before.agreed, before.clock)
        found = check(proved(hub.reader, told.row, "reply_limit"), hub_world.log_public, profile.load)
        assert (found.said.index, found.ended_at) == (first, None)
        # the keeper still says what it has to say, and that is the last word
        hub_world.clock.now = case.agreed[0].ends_at or hub_world.clock.now
        await hub_world.travel()
        await keep(hub)
        assert told.said()[-1] == ("ClockExpired", "reply_limit")
        found = check(proved(hub.reader, told.row, "reply_limit"), hub_world.log_public, profile.load)
        assert found.ended_at == hub_world.clock()
        shown = Show(hub.directories.current, "test-aut", hub_world.clock(), timedelta(hours=24)).case(told.case)
        assert "Deadline certified: Reply due by the agreement" in {one.name for one in shown.timeline}
    hub_world.check()


@pytest.mark.parametrize(
    ("clock", "received"), [("reply_limit", False), ("transfer_limit", True), ("ack", True), ("", True)]
)
async def test_what_does_not_run_is_not_certified(hub_world: World, clock: str, received: bool) -> None:
    agreed(hub_world, "EU-GEO")
    async with hub_world.running() as client:
        told = await begun(hub_world, client)
        if received:
            await told.receive()
        work = Certified(told.hub.reader, told.row, clock, 2026)
        with pytest.raises(Rejected, match="NOT_FOUND"):
            await told.hub.writer.submit(work)
        assert told.said() == []
        with pytest.raises(Rejected, match="NOT_FOUND"):
            await told.hub.writer.submit(Certified(told.hub.reader, 10**6, "reply_limit", 2026))


async def test_the_command_certifies_what_runs(
    hub_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agreed(hub_world, "EU-GEO")
    async with hub_world.running() as client:
        told = await begun(hub_world, client)
        await told.receive()
    file = tmp_path / "running.json"
    assert run("hub", "certificate", hub_world.data, told.row, "reply_limit", file) == 0
    capsys.readouterr()
    assert run("audit", "certificate", file, "--log-key", hub_world.data / "log.vkey") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["said"]["event"], shown["due"]) == ("ClockCertified", "2026-04-13")
    assert run("hub", "rebuild", hub_world.data, "--check") == 0
