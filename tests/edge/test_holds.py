"""A text that may say too much: held here, told by code and place, released or refused by a person with a reason."""

import json
from typing import Any

import pytest

from adapters.contract import Held, Refused, Taken
from adapters.edge import intake, journal, progress, startup
from adapters.edge.readiness import held as measured
from adapters.edge.release import Decision, refuse, release
from adapters.edge.tables import create
from adapters.edge.wiring import Edge
from liaison.cli import main
from schemas.errors import Fault, Finding, Rejected, Unavailable
from service.sqlite import guarded, open_database, transaction
from tests.edge.conftest import Rig, channel, deliver, offer, rows, send, submission, taken

TELLING = "asylum 4711"
WHY = "Our own file number, no statement about the person."
FOUND = (Finding("/case_ref", "FREETEXT_HOLD"),)


async def hold(edge: Edge, name: str = "one", **changes: Any) -> Held:
    """A question whose file number is held."""
    settlement = await offer(edge, "ident.request", "test-mda", name=name, case_ref=TELLING, **changes)
    assert isinstance(settlement, Held), settlement
    return settlement


def journalled(edge: Edge) -> list[tuple[str, str, str]]:
    """Event, name and code of each row of the journal."""
    return rows(edge, "SELECT event, by, code FROM journal ORDER BY seq")


async def told(edge: Edge) -> list[tuple[str, str | None]]:
    """What the channel was told since the last time."""
    while await progress.tell_some(edge):
        pass
    reports = channel(edge).reports
    found: list[tuple[str, str | None]] = [(one.state, one.code) for one in reports]
    reports.clear()
    return found


# -- held


async def test_held_it_is_durable_told_and_not_sent(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    settlement = await hold(austria)
    assert isinstance(settlement, Taken)
    assert settlement.findings == FOUND
    assert TELLING not in repr(settlement)
    await progress.tell_some(austria)
    [report] = channel(austria).reports
    assert (report.state, report.code, report.findings) == ("held", "FREETEXT_HOLD", FOUND)
    await send(austria)
    assert rows(austria, "SELECT id, state, sealed FROM outbox") == [(settlement.id, "held", None)]
    assert journalled(austria) == [("held", "", "FREETEXT_HOLD")]
    assert "/v1/messages" not in (rig.between.paths if rig.between else [])


async def test_offered_again_it_is_the_same(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    first = await hold(austria)
    assert await hold(austria) == first
    other = await offer(austria, "ident.request", "test-mda", case_ref="asylum 4712")
    assert isinstance(other, Refused)
    assert other.code == "DUPLICATE_DIFFERS"
    assert rows(austria, "SELECT count(*) FROM hold") == [(1,)]
    refuse(austria, first.id, by="Ana", reason=WHY)
    again = await offer(austria, "ident.request", "test-mda", case_ref=TELLING)
    assert again == Taken(first.id, first.case_handle)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"in_reply_to": "0192f0a0-0000-7000-8000-000000000001"}, "FIELD_UNKNOWN"),
        ({"unheard_of": "x"}, "FIELD_UNKNOWN"),
        ({"presumed_nationality": "XXB"}, None),
    ],
)
async def test_what_has_another_fault_too_is_refused_for_that(
    rig: Rig, changes: dict[str, Any], code: str | None
) -> None:
    austria = await rig.edge("test-aut")
    settlement = await offer(austria, "ident.request", "test-mda", case_ref=TELLING, **changes)
    assert isinstance(settlement, Refused)
    assert settlement.code != "FREETEXT_HOLD"
    assert code is None or settlement.code == code
    assert rows(austria, "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM journal)") == [(0, 0)]


async def test_what_may_not_go_for_another_reason_is_not_held_for_it(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    offered = submission(austria, "ident.request", "test-mda", case_ref=TELLING)
    for path in offered.attachments.values():
        path.write_bytes(b"another")
    settlement = await intake.submit(austria, "memory", offered)
    assert isinstance(settlement, Refused)
    assert settlement.code == "ATTACH_HASH"


async def test_where_nobody_looks_it_is_refused(rig: Rig) -> None:
    austria = await rig.edge("test-aut", held_max=1)
    await hold(austria)
    settlement = await offer(austria, "ident.request", "test-mda", name="two", case_ref=TELLING)
    assert settlement == Refused("FREETEXT_HOLD", FOUND)
    assert rows(austria, "SELECT count(*) FROM outbox") == [(1,)]


async def test_a_held_message_is_no_part_of_its_case_and_stops_no_other(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    assert austria.cases.earlier(held.case_handle) == ()
    await taken(austria, "ident.request", "test-mda", name="two")
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox ORDER BY seq") == [("held",), ("accepted",)]


async def test_its_files_stay_as_long_as_it_is_held(rig: Rig) -> None:
    austria = await rig.edge("test-aut", tidy_seconds=0.000001)
    held = await hold(austria)
    startup.tidy(austria)
    files = {path.name for path in austria.settings.attachments.iterdir()}
    assert files == set(austria.holds.find(held.id).plan.attachments) != set()
    refuse(austria, held.id, by="Ana", reason=WHY)
    startup.tidy(austria)
    assert list(austria.settings.attachments.iterdir()) == []


# -- released


async def test_released_by_another_process_it_goes_and_is_handed_over(rig: Rig) -> None:
    """The recipient's rules would hold the text too; they do not lose what the sender's officer has released."""
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    held = await hold(austria)
    assert await told(austria) == [("held", "FREETEXT_HOLD")]
    async with rig.reopened("test-aut") as office:
        assert release(office, held.id, by="Ana  Berger", reason=WHY) == Decision(held.id, "released")
    assert await told(austria) == [("queued", None)]
    await send(austria)
    assert await told(austria) == [("accepted", None)]
    await deliver(moldova)
    [delivery] = channel(moldova).delivered.values()
    assert (delivery.id, delivery.case_handle) == (held.id, held.case_handle)
    assert json.loads(delivery.payload)["case_ref"] == TELLING
    assert rows(moldova, "SELECT state, code FROM inbox") == [("handed_over", None)]
    assert moldova.metrics.text().count(b"liaison_edge_released_there_total 1.0") == 1
    assert journalled(austria) == [("held", "", "FREETEXT_HOLD"), ("released", "Ana Berger", "")]
    assert rows(austria, "SELECT count(*) FROM hold") == [(0,)]


async def test_what_was_decided_is_decided(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    release(austria, held.id, by="Ana", reason=WHY)
    for decide in (release, refuse):
        for message_id in (held.id, "0192f0a0-0000-7000-8000-000000000001", "", "x"):
            with pytest.raises(Rejected, match="NOT_FOUND"):
                decide(austria, message_id, by="Ana", reason=WHY)
    assert len(journalled(austria)) == 2


async def test_a_message_that_meanwhile_may_not_go_is_refused(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    rig.world.suspend("TEST-AUT-MDA", "test-mda")
    await rig.world.travel()
    await austria.directories.refresh()
    decision = release(austria, held.id, by="Ana", reason=WHY)
    assert (decision.state, decision.code) == ("refused", "NO_AGREEMENT")
    await send(austria)
    assert rows(austria, "SELECT state, code FROM outbox") == [("refused", "NO_AGREEMENT")]
    assert journalled(austria)[1:] == [("stopped", "Ana", "NO_AGREEMENT")]
    assert await told(austria) == [("refused", "NO_AGREEMENT")]


async def test_a_message_whose_file_is_gone_is_refused(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    for path in austria.settings.attachments.iterdir():
        path.unlink()
    assert release(austria, held.id, by="Ana", reason=WHY).code == "ATTACH_HASH"


async def test_a_text_that_nobody_was_shown_is_not_released_with_the_others(rig: Rig) -> None:
    """The rules have become stricter since it was held."""
    austria = await rig.edge("test-aut", release_by_two=True)
    held = await hold(austria)
    release(austria, held.id, by="Ana", reason=WHY)
    austria.connection.execute("UPDATE hold SET places = '[\"/person/note\"]'")
    await told(austria)
    assert release(austria, held.id, by="Ben", reason=WHY) == Decision(held.id, "held", "FREETEXT_HOLD", FOUND)
    assert await told(austria) == [("held", "FREETEXT_HOLD")]
    assert rows(austria, "SELECT places, agreed_by FROM hold") == [('["/case_ref"]', None)]
    assert release(austria, held.id, by="Ben", reason=WHY).state == "agreed"


async def test_without_a_directory_or_a_trusted_log_nothing_is_released(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    austria.monitor.broken = True
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        release(austria, held.id, by="Ana", reason=WHY)
    austria.monitor.broken = False
    rig.world.clock.advance(days=400)
    with pytest.raises(Rejected, match="DIRECTORY_INVALID"):
        release(austria, held.id, by="Ana", reason=WHY)
    assert rows(austria, "SELECT state FROM outbox") == [("held",)]
    assert len(journalled(austria)) == 1
    assert refuse(austria, held.id, by="Ana", reason=WHY).state == "refused"  # that needs neither


# -- refused


async def test_refused_it_is_never_sent_and_the_reason_stays_here(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    async with rig.reopened("test-aut") as office:
        assert refuse(office, held.id, by="Ana", reason="Zyxomma says no.") == Decision(
            held.id, "refused", "FREETEXT_HOLD", FOUND
        )
    await send(austria)
    await progress.tell_some(austria)
    [report] = channel(austria).reports
    assert (report.state, report.code, report.receipt) == ("refused", "FREETEXT_HOLD", None)
    assert "Zyxomma" not in repr(report) + repr(journal.entries(austria.connection, held.id))
    [entry, _] = journal.entries(austria.connection, held.id)
    assert (entry.event, entry.by, entry.reason, entry.places) == ("refused", "Ana", "Zyxomma says no.", ["/case_ref"])


@pytest.mark.parametrize(
    ("by", "reason", "code", "path"),
    [
        ("", WHY, "FIELD_MISSING", "/by"),
        (" \t\n", WHY, "FIELD_MISSING", "/by"),
        ("Ana", "", "REASON_REQUIRED", "/reason"),
        ("Ana", " \n ", "REASON_REQUIRED", "/reason"),
        ("A" * 201, WHY, "FIELD_LENGTH", "/by"),
        ("Ana", "x" * 2001, "FIELD_LENGTH", "/reason"),
        ("Ana\u202egreB", WHY, "NAME_CONTROL_CHAR", "/by"),
        ("Ana", "\x1b[2J fine", "NAME_CONTROL_CHAR", "/reason"),
        ("Ana", "nul\x00", "NAME_CONTROL_CHAR", "/reason"),
        ("Ana\udcff", WHY, "NAME_CONTROL_CHAR", "/by"),
    ],
)
async def test_a_decision_needs_a_name_and_a_reason(rig: Rig, by: str, reason: str, code: str, path: str) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    for decide in (release, refuse):
        with pytest.raises(Rejected) as refused:
            decide(austria, held.id, by=by, reason=reason)
        assert (refused.value.code, refused.value.path) == (code, path)
    assert rows(austria, "SELECT state FROM outbox") == [("held",)]
    assert len(journalled(austria)) == 1


# -- by two


async def test_by_two_it_needs_two_different_people(rig: Rig) -> None:
    austria = await rig.edge("test-aut", release_by_two=True)
    held = await hold(austria)
    assert release(austria, held.id, by="Ana Berger", reason=WHY) == Decision(held.id, "agreed")
    for same in ("Ana Berger", "ana  berger", " ANA BERGER ", "\uff21na Berger"):
        with pytest.raises(Rejected, match="SAME_PERSON"):
            release(austria, held.id, by=same, reason=WHY)
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("held",)]
    assert release(austria, held.id, by="Ben Cole", reason=WHY).state == "released"
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("accepted",)]
    assert journalled(austria)[1:] == [("agreed", "Ana Berger", ""), ("released", "Ben Cole", "")]


async def test_by_two_one_can_still_refuse(rig: Rig) -> None:
    austria = await rig.edge("test-aut", release_by_two=True)
    held = await hold(austria)
    release(austria, held.id, by="Ana", reason=WHY)
    assert refuse(austria, held.id, by="Ana", reason="On second thoughts, no.").state == "refused"


# -- the journal


async def test_a_change_of_the_journal_shows(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    for name in ("one", "two", "three"):
        refuse(austria, (await hold(austria, name)).id, by="Ana", reason=WHY)
    connection = austria.connection
    assert journal.check(connection).rows == 6
    assert journal.check(connection).broken_at is None
    for statement in ("UPDATE journal SET by = 'Ben'", "DELETE FROM journal", "DELETE FROM journal WHERE seq = 6"):
        with pytest.raises(Fault), guarded():
            connection.execute(statement)
    connection.execute("DROP TRIGGER journal_stays")
    connection.execute("DROP TRIGGER journal_is_whole")
    for statement, place in (
        ("UPDATE journal SET reason = 'Another.' WHERE seq = 2", 2),
        ("UPDATE journal SET at = at - 86400 WHERE seq = 4", 4),
        ("UPDATE journal SET by = 'Ben' WHERE seq = 6", 6),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 3", 3),
        ("DELETE FROM journal WHERE seq = 1", 1),
        ("DELETE FROM journal WHERE seq = 5", 5),
        ("DELETE FROM journal WHERE seq = 6", 6),
        ("DELETE FROM journal", 1),
        ("INSERT INTO journal SELECT 7, at, event, message, by, reason, code, places, hash FROM journal LIMIT 1", 7),
        ("DELETE FROM meta WHERE name = 'journal_head'", 7),
    ):
        connection.execute("SAVEPOINT before")
        connection.execute(statement)
        assert journal.check(connection).broken_at == place, statement
        connection.execute("ROLLBACK TO before")
        connection.execute("RELEASE before")
    assert journal.check(connection).broken_at is None


async def test_a_decision_that_cannot_be_journalled_is_none(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    austria.connection.execute("CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'no'); END")
    for decide in (release, refuse):
        with pytest.raises(Fault):
            decide(austria, held.id, by="Ana", reason=WHY)
    assert rows(austria, "SELECT state, told FROM outbox") == [("held", 0)]
    with pytest.raises(Fault):
        await offer(austria, "ident.request", "test-mda", name="two", case_ref=TELLING)
    assert rows(austria, "SELECT count(*) FROM outbox") == [(1,)]


async def test_while_another_process_writes_nothing_is_decided(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    held = await hold(austria)
    other = open_database(austria.settings.database)
    with transaction(other), pytest.raises(Unavailable):
        release(austria, held.id, by="Ana", reason=WHY)
    other.close()
    assert release(austria, held.id, by="Ana", reason=WHY).state == "released"


async def test_a_database_of_before_gets_the_tables(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    for statement in (
        "DROP TABLE hold", "DROP TABLE journal", "DROP TABLE case_start", "DROP INDEX inbox_overstay_reply",
        "PRAGMA user_version = 1",
    ):  # fmt: skip
        austria.connection.execute(statement)
    create(austria.connection)
    assert (await hold(austria)).findings == FOUND


async def test_cases_of_before_are_kept_and_say_what_they_know(rig: Rig) -> None:
    connection = (await rig.edge("test-aut")).connection
    for statement in (
        "DROP TABLE case_start", "DROP INDEX inbox_overstay_reply",
        "CREATE TABLE case_start (case_handle TEXT PRIMARY KEY, pin TEXT, received_at INTEGER) WITHOUT ROWID",
        "INSERT INTO case_start VALUES ('00', 'EU-MDA/1/MDA', 7)", "PRAGMA user_version = 3",
    ):  # fmt: skip
        connection.execute(statement)
    create(connection)
    row = connection.execute("SELECT pin, received_at, received_receipt, hub_pin, born FROM case_start").fetchone()
    assert row == ("EU-MDA/1/MDA", 7, None, None, None)


# -- what an operator sees


async def test_the_commands_show_places_and_on_demand_texts(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    austria = await rig.edge("test-aut")
    folder = str(austria.settings.folder)

    def command(*words: str, expected: int = 0) -> Any:
        capsys.readouterr()
        assert main(["edge", *words, "--json"]) == expected
        said = capsys.readouterr()
        assert TELLING not in said.err
        return json.loads(said.out)

    assert command("holds", folder) == []
    held = await hold(austria)
    [shown] = command("holds", folder)
    assert TELLING not in json.dumps(shown)
    assert (shown["id"], shown["kind"], shown["recipients"]) == (held.id, "ident.request", ["test-mda"])
    assert (shown["places"], shown["since"], shown["agreed_by"]) == (["/case_ref"], "2026-04-01T12:00:00Z", None)
    assert command("holds", folder, "--show", held.id)["texts"] == [{"place": "/case_ref", "text": TELLING}]
    assert command("holds", folder, "--show", "unknown", expected=4) == {"code": "NOT_FOUND"}
    status = command("status", folder)
    assert (status["sent"], status["held"], status["held_overdue"]) == (0, 1, 1)  # the world's clock is long past
    assert main(["edge", "status", folder]) == 0
    assert "Held longer than 24 hours: 1" in capsys.readouterr().err
    assert command("outbox", folder)[0]["state"] == "held"
    refuse(austria, held.id, by="Ana", reason=WHY)
    status = command("status", folder)
    assert (status["held"], status["held_overdue"], status["held_since"]) == (0, 0, None)
    assert (status["journal_rows"], status["journal_broken_at"]) == (2, None)
    assert WHY not in json.dumps(status)
    [decided, before] = command("journal", folder)
    assert (decided["event"], decided["by"], decided["reason"]) == ("refused", "Ana", WHY)
    assert (before["event"], before["at"], before["message"]) == ("held", "2026-04-01T12:00:00Z", held.id)
    assert command("journal", folder, held.id, "--limit", "1") == [decided]
    assert command("journal", folder, "unknown") == []
    austria.connection.execute("DROP TRIGGER journal_stays")
    austria.connection.execute("UPDATE journal SET by = 'Ben'")
    assert command("status", folder, expected=3)["journal_broken_at"] == 1
    assert [row["by"] for row in command("journal", folder, expected=3)] == ["Ben", "Ben"]


async def test_the_edge_counts_what_waits(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    assert measured(austria) == {"count": 0, "oldest_seconds": 0}
    held = await hold(austria)
    await hold(austria, "two")
    rig.world.clock.advance(hours=2)
    assert measured(austria) == {"count": 2, "oldest_seconds": 7200}
    assert b"liaison_edge_held 2.0" in austria.metrics.text()
    assert b"liaison_edge_held_oldest_seconds 7200.0" in austria.metrics.text()
    refuse(austria, held.id, by="Ana", reason=WHY)
    assert measured(austria)["count"] == 1
