"""A deadline certificate that an authority makes from its own case file and signs: held against all that is not so."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

import liaison.cli
from adapters.contract import Taken
from adapters.edge import certificates
from adapters.edge.wiring import Edge
from keys.directory.directory import Directory
from keys.proofs import deadline
from keys.proofs.checkpoint import LogPublic, LogSigner
from keys.proofs.own_deadline import CheckedOwnDeadline, OwnDeadline, check, decode, is_own, signed_at
from schemas.agreements import profile
from schemas.errors import Rejected
from tests.edge.conftest import Rig, deliver, follow, send, taken
from tests.edge.test_cases import apply, parties, passed, safe


@dataclass
class Made:
    """A readmission that arrived, both edges with its leaves, and the keys an auditor has."""

    rig: Rig
    austria: Edge
    moldova: Edge
    application: Taken

    @property
    def public(self) -> LogPublic:
        return self.rig.world.log_public

    @property
    def directory(self) -> Directory:
        return self.rig.world.directory

    def file(self, edge: Edge, clock: str = "reply_limit", case: str = "") -> bytes:
        return certificates.made(
            edge.connection,
            self.public,
            partner=edge.partner,
            pair=edge.pair,
            case=case or self.application.case_handle,
            clock=clock,
            now=self.rig.world.clock(),
        )

    def checked(self, raw: bytes) -> CheckedOwnDeadline:
        return check(decode(raw), self.public, self.directory, profile.load)


@pytest.fixture
async def made(rig: Rig) -> Made:
    austria, moldova = await parties(rig, "EU-MDA")
    application = await apply(rig, austria, moldova)
    for edge in (austria, moldova):
        await follow(edge)
    return Made(rig, austria, moldova, application)


async def test_both_sides_come_to_the_same_day_and_sign_it(made: Made) -> None:
    found = [made.checked(made.file(edge)) for edge in (made.austria, made.moldova)]
    assert [one.signer.partner for one in found] == ["test-aut", "test-mda"]
    assert found[0].started.certificate == found[1].started.certificate
    for one in found:
        shown = one.as_json()
        assert (shown["verified"], shown["said"], shown["handed_over_by"]) == (True, None, "test-mda")
        assert one.started.began_proven
        assert one.started.certificate.receipt.event == "ContentHandover"


async def test_it_says_that_the_time_had_ended_once_it_has(made: Made) -> None:
    ends_at = made.checked(made.file(made.austria)).started.due.ends_at
    assert ends_at is not None
    for at, ended in ((ends_at - timedelta(seconds=1), False), (ends_at, True)):
        made.rig.world.clock.now = at
        await made.rig.world.travel()
        shown = made.checked(made.file(made.austria)).as_json()["signed"]
        assert isinstance(shown, dict)
        assert shown["ended"] is ended


async def test_a_later_step_is_certified_from_the_message_that_started_it(made: Made) -> None:
    await passed(made.moldova, made.austria, "readm.decision", in_reply_to=made.application.id)
    await follow(made.austria)
    found = made.checked(made.file(made.austria, "transfer_limit"))
    assert found.started.certificate.receipt.event == "readm.decision"
    assert (found.word, found.as_json()["handed_over_by"]) == (None, None)
    assert made.checked(made.file(made.austria)).started.due.due is not None  # the reply's time can still be shown


@pytest.mark.parametrize("clock", ["transfer_limit", "td_validity", "error_limit", "notice_lead", "ack", "", "x"])
async def test_what_does_not_run_or_is_no_clock_of_a_case(made: Made, clock: str) -> None:
    with pytest.raises(Rejected, match="NOT_FOUND"):
        made.file(made.austria, clock)


async def test_another_case_or_a_receipt_not_seen_yet(made: Made) -> None:
    with pytest.raises(Rejected, match="NOT_FOUND"):
        made.file(made.austria, case="0" * 32)
    new = await passed(made.austria, made.moldova, "ident.request", "test-mda")
    with pytest.raises(Rejected, match="NOT_FOUND"):
        made.file(made.austria, case=new.case_handle)


async def test_before_the_hand_over_there_is_none(rig: Rig) -> None:
    austria, moldova = await parties(rig, "EU-MDA")
    application = await apply(rig, austria, moldova)
    waiting = Made(rig, austria, moldova, application)
    with pytest.raises(Rejected, match="NOT_FOUND"):
        waiting.file(austria)  # it has not looked at the leaf yet
    await follow(austria)
    assert waiting.checked(waiting.file(austria)).word == "test-mda"


def resigned(one: OwnDeadline, **members: str) -> OwnDeadline:
    """The payload of our envelope says something else; nobody signed that."""
    envelope = json.loads(one.signed)
    payload = json.loads(base64.b64decode(envelope["payload"])) | members
    envelope["payload"] = base64.b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode()
    return replace(one, signed=json.dumps(envelope).encode())


CHANGES: dict[str, Callable[[OwnDeadline], OwnDeadline]] = {
    "another's name": lambda one: resigned(one, source="test-mda"),
    "a stranger's name": lambda one: resigned(one, source="test-geo"),
    "another time": lambda one: resigned(one, time="2026-05-01T00:00:00Z"),
    "before it began": lambda one: resigned(one, time="2025-05-01T00:00:00Z"),
    "no time": lambda one: resigned(one, time="2026-05-01"),
    "another certificate": lambda one: resigned(one, certificate="0" * 64),
    "no certificate": lambda one: resigned(one, certificate="x"),
    "a member more": lambda one: resigned(one, note="x"),
    "another count": lambda one: replace(one, certificate=one.certificate.replace(b'"n":', b'"n":1')),
    "no word": lambda one: replace(one, word=b""),
    "another word": lambda one: replace(one, word=one.signed),
    "a word cut": lambda one: replace(one, word=one.word[:-9]),
    "no start": lambda one: replace(one, began=b""),
    "no signature": lambda one: replace(one, signed=b"{}"),
    "a statement for a signature": lambda one: replace(one, signed=one.word),
}


async def test_what_was_put_together_otherwise_does_not_hold(made: Made) -> None:
    one = decode(made.file(made.austria))
    second = await apply_again(made)
    others = (
        replace(one, signed=second.signed),
        replace(one, began=second.began),
        replace(one, word=second.word),
        replace(one, certificate=second.certificate),
        replace(one, certificate=second.certificate, began=second.began),
    )
    for changed in (*others, *(change(one) for change in CHANGES.values())):
        with pytest.raises(Rejected, match=r"PROOF_INVALID|SIGNATURE_INVALID|KEY_UNKNOWN|CHECKPOINT_INVALID"):
            check(changed, made.public, made.directory, profile.load)


async def apply_again(made: Made) -> OwnDeadline:
    """The certificate of a second case between the same two, a day later."""
    await made.rig.world.travel(days=1)
    for edge in (made.austria, made.moldova):
        await edge.directories.refresh()
    again = await taken(
        made.austria, "readm.application", "test-mda", name="again", agreement_id="EU-MDA", safeguards=safe(made.rig)
    )
    await send(made.austria)
    await deliver(made.moldova)
    await follow(made.austria)
    return decode(made.file(made.austria, case=again.case_handle))


async def test_other_keys_vouch_for_nothing(made: Made) -> None:
    one = decode(made.file(made.austria))
    log: LogPublic = LogSigner(made.rig.world.settings().origin, b"1" * 32, b"2" * 32).public
    with pytest.raises(Rejected, match=r"CHECKPOINT_INVALID|PROOF_INVALID"):
        check(one, log, made.directory, profile.load)
    stranger = replace(made.directory, keys={})
    with pytest.raises(Rejected, match="KEY_UNKNOWN"):
        check(one, made.public, stranger, profile.load)


def test_the_two_files_are_never_taken_for_each_other() -> None:
    for raw in (b"", b"{}", b'{"v":2}', b'{"v":1,"certificate":"","began":"","said":""}'):
        assert not is_own(raw)
    own = b'{"v":2,"certificate":"","began":"","signed":"","word":""}'
    assert is_own(own)
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        signed_at(decode(own))
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        deadline.decode(own)


async def test_the_audit_command_needs_a_directory_and_nothing_else(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.json"
    file.write_bytes(made.file(made.austria))
    key = made.rig.world.data / "log.vkey"
    words = ["audit", "certificate", str(file), "--log-key", str(key), "--json"]
    assert liaison.cli.main(words) == 2
    folder = str(made.rig.world.settings().directory_folder)
    capsys.readouterr()
    assert liaison.cli.main([*words, "--directory", folder]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["signed"]["partner"], shown["signed"]["ended"], shown["step"]) == ("test-aut", False, "reply_limit")
    found = json.loads(file.read_bytes())
    file.write_text(json.dumps(found | {"word": ""}))
    assert liaison.cli.main([*words, "--directory", folder]) == 3
    assert json.loads(capsys.readouterr().out) == {"verified": False, "code": "PROOF_INVALID"}


async def test_the_edges_command_writes_what_holds_and_nothing_else(made: Made, tmp_path: Path) -> None:
    folder, file = str(made.austria.settings.folder), tmp_path / "own.json"
    case, key = made.application.case_handle, str(made.rig.world.data / "log.vkey")

    def run(handle: str, clock: str) -> int:
        words = ["edge", "certificate", folder, handle, clock, str(file), "--log-key", key, "--json"]
        return int(liaison.cli.main(words))

    for handle, clock in ((case, "x"), ("0" * 32, "reply_limit"), (case, "transfer_limit")):
        assert run(handle, clock) != 0
        assert not file.exists()
    assert run(case, "reply_limit") == 0
    raw = file.read_bytes()
    assert run(case, "reply_limit") != 0
    assert file.read_bytes() == raw
    assert decode(raw).certificate == decode(made.file(made.austria)).certificate
    assert made.checked(raw).signer.partner == "test-aut"
