"""Clocks that do not wait for a hand-over: a person's own request, an alert that was confirmed."""

from datetime import UTC, date, datetime

import pytest

from schemas.errors import Rejected
from schemas.lifecycles import RULES, Clock, check_facts, next_clock
from schemas.lifecycles.clocks import next_month, readable


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-03-30", date(2026, 4, 30)),
        ("2026-01-31", date(2026, 2, 28)),
        ("2028-01-31", date(2028, 2, 29)),
        ("2026-12-15", date(2027, 1, 15)),
        ("2026-12-31", date(2027, 1, 31)),
        ("2026-03-30T23:30:00-05:00", date(2026, 4, 30)),
        ("2026-11-23T22:30:00Z", date(2026, 12, 23)),
    ],
)
def test_the_month_of_a_persons_request_began_when_the_person_asked(asked: str, due: date) -> None:
    for handed_over in (None, datetime(2026, 5, 1, tzinfo=UTC)):
        assert next_clock("subject_request", "requested", {"event_on": asked}, handed_over) == Clock("answer", "M", due)


def test_an_answered_request_has_no_clock() -> None:
    assert next_clock("subject_request", "answered", {"event_on": "2026-03-30"}) is None
    assert next_clock("subject_request", "withdrawn", {"event_on": "2026-03-30"}) is None
    for facts in ({}, {"event_on": "soon"}, {"event_on": "2026-02-30"}):
        assert next_clock("subject_request", "requested", facts) is None


@pytest.mark.parametrize("value", ["2026-03-30", "2026-03-30T10:00:00+02:00"])
def test_a_day_or_an_instant_is_readable(value: str) -> None:
    assert readable("event_on", value)
    check_facts(RULES["subject.request"], {"event_on": value})


@pytest.mark.parametrize("facts", [{}, {"event_on": "2026-13-01"}, {"event_on": "2026-03-30", "urgency": "A"}])
def test_other_facts_are_refused(facts: dict[str, str]) -> None:
    with pytest.raises(Rejected) as refusal:
        check_facts(RULES["subject.request"], facts)
    assert (refusal.value.code, refusal.value.path) == ("HEADER_INVALID", "/ixmfacts")


def test_a_confirmed_alert_runs_to_the_same_day() -> None:
    facts = {"valid_until": "2028-11-23"}
    assert next_clock("alert", "confirmed", facts) == next_clock("alert", "issued", facts)
    assert next_clock("alert", "withdrawn", facts) is None


def test_a_month_after_the_last_day_of_each_month() -> None:
    assert [next_month(date(2026, month, 28)).day for month in range(1, 13)] == [28] * 12
    assert [next_month(date(2026, month, day)).day for month, day in ((3, 31), (5, 31), (8, 31), (10, 31))] == [
        30, 30, 30, 30,
    ]  # fmt: skip
