"""The inputs are what they are said to be: good ones pass every check, bad ones fail for the reason meant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from liaison.demo import inputs, returns_inputs
from liaison.demo.world import ANSWERING, ASKING
from schemas import registry
from schemas.agreements.clocks import Question, due
from schemas.agreements.pinned import Pinned
from schemas.agreements.profile import load
from schemas.errors import Finding
from schemas.parts.context import Earlier

DAYS = (date(2026, 11, 24), date(2027, 3, 1), date(2028, 2, 29), date(2031, 12, 31))
ID = "0192f0a0-0000-7000-8000-000000000001"


def _check(payload: Any, day: date, sender: str, *recipients: str, parent: Any = None) -> list[Finding]:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    context = registry.CheckContext(at=at, sender_state=sender, recipient_states=recipients, parent=parent)
    return [finding for finding in registry.check(payload, context) if finding.severity == "error"]


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_what_is_to_be_sent_passes_every_check(day: date) -> None:
    request = inputs.ident_request(day)
    assert _check(request, day, "AUT", "MDA") == []
    assert _check(inputs.ident_reply(request, ID), day, "MDA", "AUT", parent=request) == []
    assert _check(inputs.doc_alert(day, b"image"), day, "GEO", "AUT", "MDA") == []
    question = inputs.doc_verify_request()
    assert _check(question, day, "MDA", "GEO") == []
    assert _check(inputs.doc_verify_reply(ID), day, "GEO", "MDA", parent=question) == []
    notices = list(inputs.overstay_notices(day))
    assert len(notices) == inputs.OVERSTAYS
    good = [notice for number, notice in enumerate(notices) if number != inputs.BAD_ROW]
    assert [finding for notice in good for finding in _check(notice, day, "AUT", "GEO")] == []
    assert _check(inputs.overstay_reply(ID), day, "GEO", "AUT", parent=good[0]) == []


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_bad_row_fails_for_the_order_of_its_stay(day: date) -> None:
    bad = list(inputs.overstay_notices(day))[inputs.BAD_ROW]
    assert "STAY_ORDER" in {finding.code for finding in _check(bad, day, "AUT", "GEO")}


def test_what_must_not_leave_lacks_every_safeguard_asked_for() -> None:
    found = _check(inputs.unlawful_notice(DAYS[0]), DAYS[0], "AUT", "GEO")
    assert {finding.code for finding in found} >= {"SG2", "SG3", "SG4", "SG5", "SG6"}


def _told(day: date, *payloads: tuple[str, Any], at: datetime | None = None) -> list[str]:
    """The codes found in a case's messages, each (sender, payload), in their order; the first is the parent of all."""
    found: list[str] = []
    earlier: list[Earlier] = []
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for sender, payload in payloads:
        context = registry.CheckContext(
            at=at or noon,
            sender_state=sender,
            recipient_states=("MDA" if sender == "AUT" else "AUT",),
            parent=next((one.payload for one in earlier if one.payload["kind"] == ANSWERED[payload["kind"]]), None),
            earlier=tuple(earlier),
            received_at=noon,
            profile=Pinned(load(returns_inputs.PROFILE), "MDA"),
        )
        found += [one.code for one in registry.check(payload, context) if one.severity == "error"]
        earlier.append(Earlier(payload=payload))
    return found


ANSWERED = dict.fromkeys(ASKING + ANSWERING, "readm.application") | {
    "readm.application": "",
    "readm.extension.answer": "readm.extension.request",
    "readm.td.request": "readm.decision",
    "readm.td.issued": "readm.td.request",
    "transfer.notice": "readm.decision",
    "transfer.ack": "transfer.notice",
    "transfer.result": "transfer.notice",
}


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_return_passes_every_check_up_to_its_day(day: date) -> None:
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    crossing = now + timedelta(days=6)
    said = [
        ("AUT", returns_inputs.application(day, 1, "TESTARU", "ION")),
        ("MDA", returns_inputs.acknowledgement(ID, now)),
        ("MDA", returns_inputs.extension_request(ID)),
        ("AUT", returns_inputs.extension_answer(ID)),
        ("MDA", returns_inputs.interview_plan(ID, now)),
        ("MDA", returns_inputs.interview_result(ID)),
        ("MDA", returns_inputs.decision(ID)),
        ("AUT", returns_inputs.document_request(ID)),
        ("MDA", returns_inputs.document_issued(ID, day)),
        ("AUT", returns_inputs.transfer_notice(ID, day, crossing)),
        ("MDA", returns_inputs.transfer_acknowledgement(ID, now)),
    ]
    assert {payload["kind"] for _, payload in said} == {*ASKING, *ANSWERING} - {"readm.tacit.claim", "transfer.result"}
    assert _told(day, *said) == []
    result = ("AUT", returns_inputs.transfer_result(ID, crossing))
    assert _told(day, *said, result) == ["FIELD_RANGE"]  # nobody is handed over tomorrow
    assert _told(day, said[0], result, at=crossing) == []


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_silence_can_be_claimed_within_days_and_not_at_once(day: date) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    counted = due(load(returns_inputs.PROFILE), Question("reply_limit", noon))
    assert counted.due is not None
    assert counted.tacit_consent_from is not None
    assert counted.tacit_consent_from - day <= timedelta(days=13)  # the directory outlives it, and the log's warning
    application = ("AUT", returns_inputs.application(day, 2, "PROBARU", "PETRU"))
    claimed = ("AUT", returns_inputs.tacit_claim(ID, noon.isoformat(), counted.due.isoformat()))
    assert "TACIT_TOO_EARLY" in _told(day, application, claimed)
    claimable = datetime(*counted.tacit_consent_from.timetuple()[:3], 12, tzinfo=UTC)
    assert _told(day, application, claimed, at=claimable) == []
