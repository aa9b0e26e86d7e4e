"""The inputs are what they are said to be: good ones pass every check, bad ones fail for the reason meant."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from liaison.demo import inputs
from schemas import registry
from schemas.errors import Finding

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
