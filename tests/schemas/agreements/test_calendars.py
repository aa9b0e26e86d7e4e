"""What day it is there, and whether anybody works."""

import json
import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.agreements import calendars
from schemas.agreements.calendars import (
    FILE,
    NationalCalendar,
    Override,
    calendar,
    civil_date,
    known_states,
    parse_override,
    sources,
    zone,
)
from schemas.agreements.profile import ids, load
from schemas.codes import states
from schemas.errors import Rejected

TODAY = date(2026, 11, 25)
ROW = {
    "state": "KAZ", "effect": "day_off", "from": "2026-12-18", "to": "2026-12-18", "source": "A decree",
    "dated": "2026-12-01", "verified": True,
}  # fmt: skip


# -- zones


def test_every_party_and_every_member_state_has_a_zone_and_a_calendar() -> None:
    parties = {party for name in ids() for party in load(name).parties} - {"EU"}
    members = {code for code in known_states() if states.bound_by("EU", code, TODAY)}
    assert parties <= known_states()
    assert len(members) == 27
    for state in known_states():
        assert zone(state).key
        assert calendar(state).covers(TODAY)


def test_an_instant_is_another_day_further_east() -> None:
    at = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
    assert civil_date(at, "AUT") == date(2026, 11, 23)
    assert civil_date(at, "UKR") == civil_date(at, "GEO") == date(2026, 11, 24)
    assert civil_date(at.astimezone(zone("KAZ")), "AUT") == date(2026, 11, 23)


def test_zones_come_from_the_package_and_not_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    calendars._zone.cache_clear()
    assert civil_date(datetime(2026, 7, 1, 21, 30, tzinfo=UTC), "UKR") == date(2026, 7, 2)
    assert zone("UKR").utcoffset(datetime(2026, 7, 1)) == timedelta(hours=3)  # noqa: DTZ001 - the zone is what is asked


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        civil_date(datetime(2026, 11, 23), "UKR")  # noqa: DTZ001 - what is tested


@pytest.mark.parametrize("state", ["XXX", "", "UTO", "EU", "kaz", "../KAZ"])
def test_a_state_without_a_zone_is_refused(state: str) -> None:
    for ask in (zone, calendar):
        with pytest.raises(Rejected) as caught:
            ask(state)
        assert (caught.value.code, caught.value.path) == ("CODE_UNKNOWN", "/requested")


# -- working days


@pytest.mark.parametrize(
    ("state", "day", "works"),
    [
        ("KAZ", "2026-12-16", False),  # a holiday
        ("KAZ", "2026-12-17", True),
        ("KAZ", "2027-01-04", False),  # moved from a Saturday
        ("SRB", "2027-01-01", False),
        ("SRB", "2027-01-07", False),  # Orthodox Christmas
        ("MDA", "2026-11-28", False),  # a Saturday
        ("BLR", "2026-04-25", True),  # a Saturday that is worked
        ("UKR", "2021-08-24", False),  # before the war a holiday
        ("UKR", "2026-08-24", True),  # no day off while martial law lasts
        ("UKR", "2026-08-22", False),  # a Saturday all the same
        ("HKG", "2026-11-28", True),  # Saturdays are working days there
    ],
)
def test_days_that_are_worked_and_days_that_are_not(state: str, day: str, works: bool) -> None:
    when = date.fromisoformat(day)
    found = calendar(state)
    assert found.is_working_day(when) is works
    assert (found.day_off(when) is None) is works


def test_a_worked_saturday_is_known_when_it_is_the_first_day_asked() -> None:
    calendars._holidays.cache_clear()
    assert calendar("BLR").is_working_day(date(2026, 4, 25))


def test_a_day_off_says_why() -> None:
    assert calendar("KAZ").day_off(date(2026, 12, 16)) == "Independence Day"
    assert calendar("KAZ").day_off(date(2026, 12, 19)) == calendars.WEEKEND


def test_a_year_nobody_knows_is_said_to_be_so() -> None:
    assert calendar("LKA").covers(date(2026, 12, 31))
    assert not calendar("LKA").covers(date(2027, 1, 1))
    assert calendar("KAZ").covers(date(1991, 1, 1))
    assert not calendar("KAZ").covers(date(1990, 12, 31))


# -- overrides


def test_the_table_says_that_it_is_not_verified_and_ukraines_row_has_dates_and_a_source() -> None:
    content = json.loads(FILE.read_text(encoding="utf-8"))
    assert content["verified"] is False
    (row,) = content["overrides"]
    found = parse_override(row)
    assert (found.state, found.effect, found.last, found.verified) == ("UKR", "no_public_holidays", None, False)
    assert "2136-IX" in found.source
    assert calendar("UKR").overrides == (found,)
    assert calendar("KAZ").overrides == ()


def test_the_day_before_and_the_first_day_of_the_suspension() -> None:
    first = calendar("UKR").overrides[0].first
    ended = NationalCalendar("UKR", (Override("UKR", "no_public_holidays", first, date(2026, 12, 31), "x", True),))
    assert not ended.is_working_day(date(2022, 3, 8))  # Women's Day, before
    assert ended.is_working_day(date(2026, 12, 25))  # the last Christmas in it
    assert not ended.is_working_day(date(2027, 3, 8))  # after its end the holidays are back
    assert ended.unread(date(2022, 1, 1), date(2030, 1, 1)) == ()


def test_a_day_off_by_decree_and_a_day_worked_by_decree_win_over_all() -> None:
    found = NationalCalendar(
        "KAZ",
        (
            Override("KAZ", "day_off", date(2026, 12, 17), date(2026, 12, 18), "A decree", True),
            Override("KAZ", "working_day", date(2026, 12, 19), date(2026, 12, 19), "A decree", False),
        ),
    )
    assert found.day_off(date(2026, 12, 17)) == "day off by override"
    assert not found.is_working_day(date(2026, 12, 18))
    assert found.is_working_day(date(2026, 12, 19))
    assert found.is_working_day(date(2026, 12, 21))
    assert [one.effect for one in found.unread(date(2026, 12, 1), date(2026, 12, 19))] == ["working_day"]
    assert found.unread(date(2026, 12, 20), date(2027, 12, 19)) == ()
    assert found.unread(date(2026, 12, 1), date(2026, 12, 18)) == ()
    assert len(found.unread(date(2026, 12, 19), date(2027, 1, 1))) == 1


def test_an_override_is_read_with_its_days() -> None:
    found = parse_override(ROW)
    assert found.holds_on(date(2026, 12, 18))
    assert not found.holds_on(date(2026, 12, 17))
    assert not found.holds_on(date(2026, 12, 19))
    assert parse_override(ROW | {"effect": "working_day", "to": None}).holds_on(date(2090, 1, 1))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"effect": "holiday"}, ValueError),
        ({"from": "2026-02-30"}, ValueError),
        ({"dated": "soon"}, ValueError),
        ({"to": "never"}, ValueError),
        ({"to": None}, ValueError),  # days off without an end: no working day would follow
    ],
)
def test_an_override_that_says_nothing_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_override(ROW | change)


@pytest.mark.parametrize("name", sorted(ROW))
def test_an_override_without_a_member_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        parse_override({key: value for key, value in ROW.items() if key != name})


def test_the_releases_counted_with_are_named() -> None:
    assert set(sources()) == {"holidays", "tzdata"}
    assert sources()["holidays"] == "0.108"
