"""Our own clocks: what runs, from when, until when."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.lifecycles import PROCEDURES, Clock, correction, next_clock
from schemas.lifecycles.clocks import CLOCKS, add_working_days, next_month

WEDNESDAY = datetime(2026, 11, 25, 22, 30, tzinfo=UTC)


def answer(urgency: str, handed_over_at: datetime | None) -> Clock | None:
    return next_clock("document_check", "requested", {"urgency": urgency}, handed_over_at)


@pytest.mark.parametrize(("urgency", "basis"), [("A", "H"), ("B", "H"), ("C", "WD")])
def test_until_the_hand_over_a_clock_is_not_started(urgency: str, basis: str) -> None:
    clock = answer(urgency, None)
    assert clock is not None
    assert (clock.name, clock.basis, clock.due, clock.started, clock.ends_at) == ("answer", basis, None, False, None)
    assert not clock.expired(datetime(9999, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("urgency", "due"),
    [
        ("A", datetime(2026, 11, 26, 0, 30, tzinfo=UTC)),
        ("B", datetime(2026, 11, 26, 22, 30, tzinfo=UTC)),
        ("C", date(2026, 12, 2)),
    ],
)
def test_the_hand_over_starts_it(urgency: str, due: object) -> None:
    clock = answer(urgency, WEDNESDAY)
    assert clock is not None
    assert clock.started
    assert clock.due == due


@pytest.mark.parametrize(
    ("handed_over", "due"),
    [
        ("2026-11-20T23:59:59+00:00", "2026-11-27"),  # a Friday
        ("2026-11-21T00:00:00+00:00", "2026-11-27"),  # the Saturday after
        ("2026-11-22T12:00:00+00:00", "2026-11-27"),
        ("2026-11-23T00:00:00+00:00", "2026-11-30"),
        ("2026-11-21T01:00:00+03:00", "2026-11-27"),  # still Friday in UTC
        ("2026-12-24T09:00:00+00:00", "2026-12-31"),  # Christmas is no holiday here yet
    ],
)
def test_working_days_are_monday_to_friday_in_utc(handed_over: str, due: str) -> None:
    clock = answer("C", datetime.fromisoformat(handed_over))
    assert clock is not None
    assert clock.due == date.fromisoformat(due)


def test_a_clock_runs_out_at_its_end_and_not_before() -> None:
    hours, days = answer("A", WEDNESDAY), answer("C", WEDNESDAY)
    assert hours is not None
    assert days is not None
    second = timedelta(seconds=1)
    end = datetime(2026, 11, 26, 0, 30, tzinfo=UTC)
    assert (hours.expired(end - second), hours.expired(end)) == (False, True)
    midnight = datetime(2026, 12, 3, tzinfo=UTC)
    assert (days.ends_at, days.expired(midnight - second), days.expired(midnight)) == (midnight, False, True)
    assert not days.expired(midnight.replace(tzinfo=timezone(timedelta(hours=1))))


def test_an_instant_without_zone_is_no_instant() -> None:
    for urgency in "ABC":
        with pytest.raises(ValueError, match="zone"):
            answer(urgency, datetime(2026, 11, 25, 12))  # noqa: DTZ001 - what is refused


def test_an_alert_runs_to_its_date_at_once() -> None:
    clock = next_clock("alert", "issued", {"valid_until": "2028-11-23"})
    assert clock == Clock("validity", "CD", date(2028, 11, 23))
    assert clock.started
    assert clock.ends_at == datetime(2028, 11, 24, tzinfo=UTC)
    assert clock == next_clock("alert", "issued", {"valid_until": "2028-11-23"}, WEDNESDAY)


def test_the_last_day_of_the_calendar_ends_too() -> None:
    clock = next_clock("alert", "issued", {"valid_until": "9999-12-31"})
    assert clock is not None
    assert clock.ends_at == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("procedure", "state", "facts"),
    [
        ("document_check", "requested", {}),
        ("document_check", "requested", {"urgency": "D"}),
        ("document_check", "requested", {"valid_until": "2028-11-23"}),
        ("document_check", "answered", {"urgency": "A"}),
        ("document_check", "cannot_say", {"urgency": "A"}),
        ("alert", "issued", {}),
        ("alert", "issued", {"valid_until": "2028-02-30"}),
        ("alert", "issued", {"valid_until": "2028-W08-3"}),
        ("identification", "requested", {"urgency": "A"}),
        ("overstay", "notified", {"valid_until": "2028-11-23"}),
        ("readmission", "verifying", {"urgency": "A"}),
    ],
)
def test_nothing_else_has_a_clock_of_ours(procedure: str, state: str, facts: dict[str, str]) -> None:
    assert next_clock(procedure, state, facts, WEDNESDAY) is None


def test_the_words_name_every_clock_and_no_closed_state_has_one() -> None:
    facts = {"urgency": "A", "valid_until": "2028-11-23", "event_on": "2026-11-23"}
    for name, procedure in PROCEDURES.items():
        for state, where in procedure.states.items():
            clock = next_clock(name, state, facts, WEDNESDAY)
            assert not where.closed or clock is None
            assert (clock is None) is ((name, state) not in CLOCKS)
            assert clock is None or CLOCKS[name, state].startswith(f"`{clock.name}`:")


@settings(deadline=None)
@given(day=st.dates(date(1990, 1, 1), date(2100, 1, 1)), count=st.integers(0, 60))
def test_working_days_against_a_naive_count(day: date, count: int) -> None:
    end = add_working_days(day, count)
    between = [day + timedelta(days=step) for step in range(1, (end - day).days + 1)]
    assert sum(one.isoweekday() <= 5 for one in between) == count
    assert not between or end.isoweekday() <= 5


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 12, 31), date(2027, 1, 31)),
        (date(2026, 12, 1), date(2027, 1, 1)),
        (date(2026, 11, 30), date(2026, 12, 30)),
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2028, 1, 30), date(2028, 2, 29)),
    ],
)
def test_a_month_ends_in_the_next_one_also_over_new_year(day: date, due: date) -> None:
    assert next_month(day) == due
    clock = next_clock("subject_request", "requested", {"event_on": day.isoformat()}, None)
    assert clock == Clock("answer", "M", due)


def test_a_clock_bears_its_name_however_it_is_counted() -> None:
    assert answer("C", WEDNESDAY) == Clock("answer", "WD", date(2026, 12, 2))
    assert answer("A", WEDNESDAY) == Clock("answer", "H", WEDNESDAY + timedelta(hours=2))
    assert next_clock("subject_request", "requested", {}, WEDNESDAY) is None
    assert next_clock("document_check", "requested", {}, WEDNESDAY) is None


@given(began=st.datetimes(timezones=st.timezones()).filter(lambda at: 1900 < at.year < 2100))
def test_a_correction_is_answered_within_seven_days(began: datetime) -> None:
    found = correction(began)
    assert (found.name, found.basis) == ("correction", "CD")
    assert found.due == began.astimezone(UTC).date() + timedelta(days=7)
    assert found.ends_at is not None
    assert timedelta(days=7) < found.ends_at - began <= timedelta(days=8)


def test_a_correction_that_nobody_has_is_not_owed_yet() -> None:
    assert correction(None).due is None
    with pytest.raises(ValueError, match="zone"):
        correction(datetime(2026, 4, 1))  # noqa: DTZ001 - that is what must not pass
