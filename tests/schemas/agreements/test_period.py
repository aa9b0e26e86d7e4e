"""Days, working days, months and leads, against a calendar walked one day at a time."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.agreements.period import (
    NO_EXTENSION,
    Extension,
    Period,
    last_day,
    latest_arrival,
    next_working_day,
    parse_extension,
    parse_period,
)
from schemas.errors import Rejected

DAYS = st.dates(date(1995, 1, 1), date(2090, 12, 31))


class Week:
    """Saturdays, Sundays and these days are off."""

    def __init__(self, *off: date) -> None:
        self.off = set(off)

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.off


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    around = draw(DAYS)
    return Week(*(around + timedelta(days=offset) for offset in draw(st.sets(st.integers(-40, 40), max_size=25))))


# -- the oracle: nothing but a walk from day to day


def _walk(start: date, days: int) -> date:
    day = start
    for _ in range(abs(days)):
        day = date.fromordinal(day.toordinal() + (1 if days > 0 else -1))
    return day


def _naive_end(start: date, n: int, basis: str, calendar: Week) -> date:
    if basis == "CD":
        return _walk(start, n)
    if basis == "WD":
        day, found = start, 0
        while found < n:
            day = _walk(day, 1)
            found += day not in calendar.off and day.isoweekday() <= 5
        return day
    # months: walk on until the month is the n-th one, then to the day number, or to the month's last day
    day, months = start, 0
    while months < n:
        following = _walk(day, 1)
        months += following.month != day.month
        day = following
    while day.day != start.day:
        following = _walk(day, 1)
        if following.month != day.month:
            break
        day = following
    return day


def _naive_full_days(first: date, event: date, basis: str, calendar: Week) -> int:
    count, day = 0, _walk(first, 1)
    while day < event:
        count += basis == "CD" or (day not in calendar.off and day.isoweekday() <= 5)
        day = _walk(day, 1)
    return count


@given(DAYS, st.integers(0, 120), st.sampled_from(["CD", "WD", "M"]), weeks())
def test_an_end_is_where_a_walk_ends(start: date, n: int, basis: str, calendar: Week) -> None:
    number = n if basis != "M" else n % 37
    assert last_day(start, Period(number, basis), calendar) == _naive_end(start, number, basis, calendar)  # type: ignore[arg-type]


@given(DAYS, st.integers(1, 60), st.sampled_from(["CD", "WD"]), weeks())
def test_a_lead_leaves_so_many_full_days_between_and_a_day_later_does_not(
    event: date, n: int, basis: str, calendar: Week
) -> None:
    latest = latest_arrival(event, Period(n, basis), calendar)  # type: ignore[arg-type]
    assert _naive_full_days(latest, event, basis, calendar) == n
    assert _naive_full_days(_walk(latest, 1), event, basis, calendar) == n - 1


@given(DAYS, weeks())
def test_a_day_is_moved_to_the_first_working_day_and_no_further(day: date, calendar: Week) -> None:
    moved = next_working_day(day, calendar)
    assert calendar.is_working_day(moved)
    while day < moved:
        assert not calendar.is_working_day(day)
        day = _walk(day, 1)
    assert day == moved


# -- the worked examples of domain.md 4.4


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        ("2026-12-22", Period(10, "CD"), "2027-01-01"),
        ("2027-01-01", Period(6, "CD"), "2027-01-07"),
        ("2026-11-23", Period(21, "CD"), "2026-12-14"),
        ("2026-11-27", Period(2, "WD"), "2026-12-01"),
        ("2026-11-23", Period(3, "WD"), "2026-11-26"),
        ("2026-11-26", Period(3, "WD"), "2026-12-01"),
        ("2026-12-23", Period(5, "WD"), "2026-12-31"),
        ("2026-11-30", Period(3, "M"), "2027-02-28"),
        ("2027-11-30", Period(3, "M"), "2028-02-29"),
        ("2026-12-14", Period(1, "M"), "2027-01-14"),
        ("2026-01-31", Period(1, "M"), "2026-02-28"),
        ("2026-02-28", Period(1, "M"), "2026-03-28"),
        ("2026-11-30", Period(12, "M"), "2027-11-30"),
        ("2026-11-30", Period(1, "M"), "2026-12-30"),
        ("2026-12-31", Period(11, "M"), "2027-11-30"),
        ("2026-11-23", Period(0, "CD"), "2026-11-23"),
    ],
)
def test_worked_examples(start: str, period: Period, end: str) -> None:
    calendar = Week(date(2026, 12, 25), date(2026, 12, 26))
    assert last_day(date.fromisoformat(start), period, calendar).isoformat() == end


def test_a_rolled_end_of_the_worked_example() -> None:
    new_year = Week(date(2027, 1, 1), date(2027, 1, 2))
    assert next_working_day(date(2027, 1, 1), new_year) == date(2027, 1, 4)


def test_a_lead_may_begin_on_a_sunday() -> None:
    assert latest_arrival(date(2026, 11, 26), Period(3, "WD"), Week()) == date(2026, 11, 22)


def test_a_lead_in_months_is_nobodys() -> None:
    with pytest.raises(ValueError, match="number of days"):
        latest_arrival(date(2026, 11, 26), Period(1, "M"), Week())


# -- as written


@pytest.mark.parametrize(
    ("value", "period", "words"),
    [
        ({"n": 21, "basis": "CD"}, Period(21, "CD"), "21 calendar days"),
        ({"n": 3, "basis": "WD"}, Period(3, "WD"), "3 working days"),
        ({"n": 1, "basis": "WD"}, Period(1, "WD"), "1 working days"),
        ({"n": 1200, "basis": "CD"}, Period(1200, "CD"), "1200 calendar days"),
        ("P100Y", Period(1200, "M"), "1200 months"),
        ("P1Y", Period(12, "M"), "12 months"),
        ("P3M", Period(3, "M"), "3 months"),
        ("immediately", Period(0, "CD"), "immediately"),
    ],
)
def test_a_period_is_read_as_profiles_write_it(value: object, period: Period, words: str) -> None:
    found = parse_period(value, "")
    assert found == period
    assert found.words == words


@pytest.mark.parametrize(
    ("value", "code", "at"),
    [
        ("P1W", "FIELD_PATTERN", ""), ("P1Y6M", "FIELD_PATTERN", ""), ("p1m", "FIELD_PATTERN", ""),
        ("P٣M", "FIELD_PATTERN", ""), ("", "FIELD_PATTERN", ""), ("P0M", "FIELD_RANGE", ""),
        ("P101Y", "FIELD_RANGE", ""), (3, "FIELD_TYPE", ""), (None, "FIELD_TYPE", ""),
        ({"n": 3}, "FIELD_MISSING", "/basis"), ({"basis": "CD"}, "FIELD_MISSING", "/n"), ({}, "FIELD_MISSING", "/n"),
        ({"n": "3", "basis": "CD"}, "FIELD_TYPE", "/n"), ({"n": True, "basis": "CD"}, "FIELD_TYPE", "/n"),
        ({"n": 3, "basis": "M"}, "CODE_UNKNOWN", "/basis"), ({"n": 0, "basis": "CD"}, "FIELD_RANGE", "/n"),
        ({"n": 1201, "basis": "CD"}, "FIELD_RANGE", "/n"), ({"n": 3, "basis": "CD", "more": 1}, "FIELD_UNKNOWN", ""),
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(value: object, code: str, at: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_period(value, "/here")
    assert (caught.value.code, caught.value.path) == (code, f"/here{at}")


@pytest.mark.parametrize(
    ("value", "words", "basis"),
    [
        ({"n": 6, "basis": "WD"}, "by 6 working days", "WD"),
        ({"to": {"n": 60, "basis": "CD"}}, "to 60 calendar days in all", "CD"),
        ("while_obstacle", "while the obstacle lasts", "CD"),
    ],
)
def test_an_extension_says_its_bound_and_its_unit(value: object, words: str, basis: str) -> None:
    found = parse_extension(value, "")
    assert (found.words, found.basis) == (words, basis)


def test_the_rest_of_a_whole_period_is_the_longest_extension() -> None:
    assert Extension(None, Period(60, "CD")).rest(Period(25, "CD")) == Period(35, "CD")
    assert Extension(None, Period(60, "CD")).rest(Period(11, "WD")) == Period(60, "CD")
    assert Extension(Period(6, "CD"), None).rest(Period(10, "CD")) == Period(6, "CD")
    assert NO_EXTENSION.words == "none"


@pytest.mark.parametrize(
    ("value", "code", "at"),
    [
        ("while", "CODE_UNKNOWN", ""),
        ({"to": "for ever"}, "FIELD_PATTERN", "/to"),
        ({"to": {"n": 0, "basis": "CD"}}, "FIELD_RANGE", "/to/n"),
        ({"to": {"n": 6, "basis": "CD"}, "n": 1}, "FIELD_UNKNOWN", ""),
        ({}, "FIELD_MISSING", "/n"),
        (None, "FIELD_TYPE", ""),
    ],
)
def test_what_is_no_extension_is_refused(value: object, code: str, at: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_extension(value, "/here")
    assert (caught.value.code, caught.value.path) == (code, f"/here{at}")
