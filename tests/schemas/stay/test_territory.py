"""The territory as it was, limited visas, bilateral waivers, and a naive count day by day over all of them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agreements import calendars
from schemas.codes import states
from schemas.stay import Apart, Breach, Stay, VisaTerms, Waiver, account
from schemas.stay.days import TITLES, UNCOUNTED
from schemas.stay.territory import internal


def stay(period: str, state: str | None = None, under: str = "visa_free", exit_state: str | None = None) -> Stay:
    entry, _, left = period.partition("..")
    return Stay(date.fromisoformat(entry), date.fromisoformat(left) if left else None, under, state, exit_state)


# -- the territory


@pytest.mark.parametrize(
    ("state", "period", "used"),
    [
        ("HRV", "2022-12-20..2022-12-31", 0),
        ("HRV", "2022-12-20..2023-01-01", 1),
        ("HRV", "2023-01-01..2023-01-10", 10),
        ("BGR", "2024-03-01..2024-03-30", 0),
        ("BGR", "2024-03-01..2024-03-31", 1),
        ("ROU", "2024-03-30..2024-04-02", 3),
        ("ROU", "2024-12-30..2025-01-02", 4),
        ("CYP", "2026-01-01..2026-01-10", 0),
        ("IRL", "2026-01-01..2026-01-10", 0),
        ("MDA", "2026-01-01..2026-01-10", 0),
        ("AUT", "2026-01-01..2026-01-10", 10),
        ("CHE", "2026-01-01..2026-01-10", 10),
        (None, "2022-12-20..2022-12-31", 12),
    ],
)
def test_days_count_from_when_the_state_came_in(state: str | None, period: str, used: int) -> None:
    one = stay(period, state)
    assert one.exit is not None
    assert account([one], one.exit).used == used


def test_a_stay_that_began_before_is_no_overstay_of_the_whole() -> None:
    found = account([stay("2023-12-01..2024-06-28", "BGR")], date(2024, 6, 28))
    assert (found.used, found.overstay_days) == (90, 0)
    later = account([stay("2023-12-01..2024-06-29", "BGR")], date(2024, 6, 29))
    assert later.breaches == (Breach("90_180", date(2024, 6, 29), 1),)


def test_what_a_state_counted_by_itself_is_an_account_apart() -> None:
    found = account([stay("2023-12-01..2024-04-02", "BGR"), stay("2024-05-01", "CYP")], date(2024, 5, 10))
    assert found.used == 3
    assert found.apart == (
        Apart("BGR", 121, None, 31, date(2024, 2, 29)),
        Apart("CYP", 10, 81, 0, None),
    )


def test_what_remained_in_a_state_is_known_while_it_counted_by_itself() -> None:
    stays = [stay("2024-03-01", "BGR")]
    assert account(stays, date(2024, 3, 30)).apart == (Apart("BGR", 30, 61, 0, None),)
    assert account(stays, date(2024, 3, 31)).apart == (Apart("BGR", 30, None, 0, None),)


def test_only_states_that_counted_have_an_account_apart() -> None:
    days = [stay("2026-01-01..2026-01-05", state) for state in ("IRL", "MDA", "AUT", "HRV", None)]
    assert account(days, date(2026, 1, 5)).apart == ()
    permit = stay("2026-01-01..2026-01-05", "CYP", "residence_permit")
    assert account([permit], date(2026, 1, 5)).apart == ()


def test_nobody_counts_a_day_twice() -> None:
    """A state has no account of its own once its days count with the others'."""
    assert not states.bound("OWN_90_180", date(2026, 11, 25)) & states.bound("SCHENGEN", date(2026, 11, 25))
    for state in ("BGR", "ROU", "HRV"):
        apart, joined = states.binding("OWN_90_180", state), states.binding("SCHENGEN", state)
        assert apart is not None
        assert joined is not None
        assert apart.valid_to is not None
        assert apart.valid_to + timedelta(days=1) == joined.valid_from


@pytest.mark.parametrize(
    ("state", "border", "first"),
    [
        ("BGR", "air", date(2024, 3, 31)),
        ("BGR", "sea", date(2024, 3, 31)),
        ("BGR", "land", date(2025, 1, 1)),
        ("ROU", "land", date(2025, 1, 1)),
        ("HRV", "land", date(2023, 1, 1)),
        ("HRV", "sea", date(2023, 1, 1)),
        ("HRV", "air", date(2023, 3, 26)),
        ("AUT", "land", date(1997, 12, 1)),
    ],
)
def test_borders_became_internal_by_kind(state: str, border: str, first: date) -> None:
    assert internal(state, border, first)  # type: ignore[arg-type]
    assert not internal(state, border, first - timedelta(days=1))  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["CYP", "MDA", "ZZZ"])
def test_borders_of_others_are_external(state: str) -> None:
    assert not internal(state, "air", date(2026, 11, 25))


# -- a visa of limited territory

LIMITED = VisaTerms(date(2026, 10, 1), date(2026, 11, 30), limited_territory=True, territory=frozenset({"AUT", "DEU"}))
DAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("stays", "breach", "judged"),
    [
        ([stay("2026-10-01..2026-10-05", "AUT", "visa")], None, True),
        ([stay("2026-10-01..2026-10-05", "FRA", "visa")], Breach("TERRITORY", date(2026, 10, 1), 5), True),
        ([stay("2026-10-01..2026-10-05", None, "visa")], None, False),
        ([stay("2026-10-01..2026-10-05", "AUT", "visa", "FRA")], Breach("TERRITORY", date(2026, 10, 5), 1), True),
        ([stay("2026-10-01..2026-10-05", None, "visa", "ITA")], Breach("TERRITORY", date(2026, 10, 5), 1), False),
        ([stay("2026-10-01..2026-10-05", "FRA", "visa", "FRA")], Breach("TERRITORY", date(2026, 10, 1), 5), True),
        ([stay("2026-10-01..2026-10-05", "FRA")], None, True),  # not under this visa
        ([], None, True),
    ],
)
def test_where_a_limited_visa_does_not_hold(stays: list[Stay], breach: Breach | None, judged: bool) -> None:
    found = account(stays, DAY, LIMITED)
    assert found.breaches == (() if breach is None else (breach,))
    assert (found.territory_judged, found.limited_territory) == (judged, True)
    assert found.overstay_days == (0 if breach is None else breach.days)


def test_nothing_is_judged_where_the_states_are_not_known() -> None:
    found = account([stay("2026-10-01..2026-10-05", "FRA", "visa")], DAY, replace(LIMITED, territory=None))
    assert (found.breaches, found.territory_judged, found.limited_territory) == ((), None, True)
    assert account([], DAY).territory_judged is None


def test_days_of_its_own_are_where_the_visa_holds() -> None:
    earlier = stay("2026-07-01..2026-09-28")
    own = replace(LIMITED, own_days=True)
    inside = [earlier, stay("2026-10-05..2026-10-06", "DEU", "visa")]
    assert account(inside, date(2026, 10, 6), own).overstay_days == 0
    outside = [earlier, stay("2026-10-05..2026-10-06", "FRA", "visa")]
    assert {breach.rule: breach.days for breach in account(outside, date(2026, 10, 6), own).breaches} == {
        "90_180": 2,
        "TERRITORY": 2,
    }
    unknown = [earlier, stay("2026-10-05..2026-10-06", None, "visa")]
    assert account(unknown, date(2026, 10, 6), own).overstay_days == 0


@pytest.mark.parametrize(
    ("first", "second", "entries"),
    [
        ("AUT", "DEU", 1),  # went on to another state
        ("AUT", "AUT", 2),  # left, and came back
        (None, "DEU", 2),
        ("AUT", None, 2),
    ],
)
def test_going_on_to_another_state_is_no_entry(first: str | None, second: str | None, entries: int) -> None:
    stays = [stay("2026-10-01..2026-10-05", first, "visa"), stay("2026-10-05..2026-10-09", second, "visa")]
    assert account(stays, DAY, LIMITED).entries_used == entries


def test_only_a_stay_that_ended_that_day_is_gone_on_from() -> None:
    stays = [
        stay("2026-10-01..2026-10-03", "DEU", "visa"),
        stay("2026-10-02..2026-10-05", "AUT", "visa"),
        stay("2026-10-05..2026-10-09", "DEU", "visa"),
    ]
    assert account(stays, DAY, LIMITED).entries_used == 1


def test_overlapping_visa_stays_end_with_the_last_of_them() -> None:
    """A short stay inside a long one does not move the end back: what begins before that end is the same entry."""
    stays = [
        stay("2026-10-01..2026-10-20", under="visa"),
        stay("2026-10-03..2026-10-05", under="visa"),
        stay("2026-10-10..2026-10-15", under="visa"),
    ]
    assert account(stays, DAY, replace(LIMITED, entries=1)).entries_used == 1


def test_a_visa_of_its_own_days_and_a_waiver_free_their_days_together() -> None:
    stays = [
        stay("2026-07-01..2026-09-28"),
        stay("2026-09-29..2026-09-30", under="bilateral_waiver"),
        stay("2026-10-05..2026-10-06", under="visa"),
    ]
    assert account(stays, date(2026, 10, 6), replace(LIMITED, own_days=True)).overstay_days == 0


# -- bilateral waivers

WAIVER = Waiver("DEU-UTO-1962", "DEU", date(1962, 5, 1), True, date(2026, 4, 8), date(2026, 4, 10), date(2026, 5, 9))
NINETY = stay("2026-01-10..2026-04-09", "DEU")
LONGER = stay("2026-04-10..2026-05-09", "DEU", "bilateral_waiver")


def waived(*stays: Stay, waiver: Waiver = WAIVER, on: date = date(2026, 5, 9)) -> tuple[int, tuple[str, ...]]:
    found = account([NINETY, *stays], on, extension=waiver)
    assert found.waiver is not None
    return found.overstay_days, found.waiver.objections


def test_a_waiver_that_holds_frees_its_days_and_uses_them() -> None:
    found = account([NINETY, LONGER], date(2026, 5, 9), extension=WAIVER)
    assert (found.used, found.overstay_days, found.remaining) == (120, 0, 1)
    assert found.waiver is not None
    assert (found.waiver.holds, found.waiver.objections, found.waiver.request_until) == (True, (), date(2026, 4, 9))


def test_what_remains_under_a_waiver_is_what_was_granted() -> None:
    stays = [NINETY, stay("2026-04-10", "DEU", "bilateral_waiver")]
    assert account(stays, date(2026, 4, 15), extension=WAIVER).remaining == 25
    assert account(stays, date(2026, 4, 15), extension=replace(WAIVER, notified=False)).remaining == 0
    assert account([], date(2026, 4, 15), extension=WAIVER).remaining == 90
    visa = VisaTerms(date(2026, 1, 1), date(2026, 4, 9), duration_days=90)
    assert account(stays, date(2026, 4, 15), visa, WAIVER).remaining == 25
    assert account(stays, date(2026, 5, 10), visa, WAIVER).remaining == 0


def test_ordinary_days_and_granted_ones_follow_each_other() -> None:
    assert account([NINETY], date(2026, 4, 9), extension=WAIVER).remaining == 31
    gap = replace(WAIVER, first=date(2026, 4, 11))
    assert account([NINETY], date(2026, 4, 9), extension=gap).remaining == 1


@pytest.mark.parametrize(
    ("changed", "objections"),
    [
        ({"concluded_on": date(1995, 3, 25)}, ()),
        ({"concluded_on": date(1995, 3, 26)}, ("AGREEMENT_LATE",)),
        ({"state": "CYP"}, ("AGREEMENT_LATE",)),
        ({"notified": False}, ("NOT_NOTIFIED",)),
        ({"requested_on": date(2026, 4, 9)}, ()),
        ({"requested_on": date(2026, 4, 10)}, ("REQUESTED_LATE",)),
        (
            {"concluded_on": date(2026, 1, 1), "notified": False, "requested_on": date(2026, 5, 1)},
            ("AGREEMENT_LATE", "NOT_NOTIFIED", "REQUESTED_LATE"),
        ),
    ],
)
def test_a_waiver_that_does_not_hold_frees_no_day(changed: dict[str, object], objections: tuple[str, ...]) -> None:
    waiver = replace(WAIVER, **changed)  # type: ignore[arg-type]
    assert waived(LONGER, waiver=waiver) == (30 if objections else 0, objections)


@pytest.mark.parametrize(
    ("state", "ninetieth", "until"),
    [
        ("DEU", "2026-03-29", "2026-03-27"),  # a Sunday
        ("DEU", "2026-04-06", "2026-04-02"),  # Easter Monday, after Good Friday
        ("POL", "2026-04-06", "2026-04-03"),  # Good Friday is worked there
        ("UTO", "2026-04-06", "2026-04-06"),  # a state without a calendar has its weekends
        ("UTO", "2026-04-05", "2026-04-03"),
    ],
)
def test_it_is_asked_for_on_the_last_working_day(state: str, ninetieth: str, until: str) -> None:
    last = date.fromisoformat(ninetieth)
    stays = [
        Stay(last - timedelta(days=89), last),
        Stay(last + timedelta(days=1), last + timedelta(days=3), "bilateral_waiver"),
    ]
    found = account(stays, last + timedelta(days=3), extension=replace(WAIVER, state=state)).waiver
    assert found is not None
    assert found.request_until == date.fromisoformat(until)


def test_nothing_was_asked_too_late_while_the_ninety_are_not_used_up() -> None:
    found = account(
        [stay("2026-04-10..2026-04-20", "DEU", "bilateral_waiver")],
        date(2026, 4, 20),
        extension=replace(WAIVER, requested_on=date(2026, 4, 20)),
    )
    assert found.waiver is not None
    assert (found.waiver.objections, found.waiver.request_until) == ((), None)
    assert found.overstay_days == 0


@pytest.mark.parametrize(
    ("longer", "overstay"),
    [
        (replace(LONGER, state=None), 0),
        (replace(LONGER, state="AUT"), 30),
        (replace(LONGER, exit_state="DEU"), 0),
        (replace(LONGER, exit_state="AUT"), 1),
        (replace(LONGER, exit=date(2026, 5, 11)), 2),
        (replace(LONGER, under="visa_free"), 30),
    ],
)
def test_stay_and_exit_are_in_that_state_alone(longer: Stay, overstay: int) -> None:
    assert waived(longer, on=date(2026, 5, 11)) == (overstay, ())


def test_the_record_may_name_another_way_out() -> None:
    by_austria = replace(WAIVER, exit_via="AUT")
    assert waived(replace(LONGER, exit_state="AUT"), waiver=by_austria)[0] == 0
    assert waived(replace(LONGER, exit_state="DEU"), waiver=by_austria)[0] == 1


def test_days_before_the_first_one_granted_are_an_overstay() -> None:
    assert waived(LONGER, waiver=replace(WAIVER, first=date(2026, 4, 12))) == (2, ())


def test_an_exit_that_is_still_to_come_goes_through_no_state() -> None:
    assert waived(replace(LONGER, exit_state="AUT"), on=date(2026, 5, 8)) == (0, ())


# -- a naive count, day by day, over states, limited visas and waivers

FIRST = date(2023, 9, 1)
STATES = (None, "AUT", "FRA", "BGR", "CYP", "MDA")
JOINED = {"BGR": date(2024, 3, 31), "AUT": date(1997, 12, 1), "FRA": date(1995, 3, 26)}
_DAYS = st.integers(0, 420).map(lambda step: FIRST + timedelta(days=step))


@st.composite
def _stay(draw: st.DrawFn) -> Stay:
    entry = draw(_DAYS)
    left = draw(st.none() | st.integers(0, 150).map(lambda length: entry + timedelta(days=length)))
    through = draw(st.sampled_from(STATES)) if left is not None else None
    return Stay(entry, left, draw(st.sampled_from(TITLES)), draw(st.sampled_from(STATES)), through)


@st.composite
def _waiver(draw: st.DrawFn) -> Waiver:
    first = draw(_DAYS)
    return Waiver(
        agreement_id="X",
        state=draw(st.sampled_from(("AUT", "FRA", "BGR", "CYP"))),
        concluded_on=draw(st.sampled_from((date(1980, 1, 1), date(1996, 6, 1), date(2024, 3, 31)))),
        notified=draw(st.integers(0, 5)) > 0,
        requested_on=draw(_DAYS),
        first=first,
        last=first + timedelta(days=draw(st.integers(0, 90))),
        exit_via=draw(st.sampled_from(("", "AUT"))),
    )


def _within(one: date, of: Stay) -> bool:
    return of.entry <= one <= (of.exit or date.max)


def _in_territory(one: date, state: str | None) -> bool:
    return state is None or (state in JOINED and JOINED[state] <= one)


@settings(deadline=None, max_examples=150)
@given(
    found=st.lists(_stay(), max_size=6),
    day=_DAYS,
    waiver=st.none() | _waiver(),
    visa=st.none() | st.tuples(_DAYS, st.integers(0, 200), st.booleans()),
)
def test_against_a_naive_count(
    found: list[Stay], day: date, waiver: Waiver | None, visa: tuple[date, int, bool] | None
) -> None:
    held = frozenset({"AUT", "BGR"})
    terms = None
    if visa is not None:
        until = visa[0] + timedelta(days=visa[1])
        terms = VisaTerms(visa[0], until, limited_territory=True, own_days=visa[2], territory=held)
    result = account(found, day, terms, waiver)

    past = [FIRST + timedelta(days=step) for step in range((day - FIRST).days + 1)]
    counting = [one for one in found if one.under not in UNCOUNTED]

    def there(one: date, stays: list[Stay]) -> bool:
        return any(_within(one, each) and _in_territory(one, each.state) for each in stays)

    def used(one: date) -> int:
        return sum(there(one - timedelta(days=back), counting) for back in range(180) if one - timedelta(back) <= day)

    over = [one for one in past if there(one, counting) and used(one) > 90]
    claimed = [one for one in counting if one.under == "bilateral_waiver"]
    under = [
        one
        for one in found
        if terms is not None
        and one.under == "visa"
        and any(_within(each, one) and _in_territory(each, one.state) and each >= terms.valid_from for each in past)
    ]
    holds = waiver is not None
    if waiver is not None:
        joined = JOINED.get(waiver.state)
        holds = joined is not None and waiver.concluded_on < joined and waiver.notified
        needed = [one for one in over if there(one, claimed)]
        if needed:
            limit = max(one for one in past if one < needed[0] and there(one, counting))
            while not calendars.calendar(waiver.state).is_working_day(limit):
                limit -= timedelta(days=1)
            holds = holds and waiver.requested_on <= limit
        assert result.waiver is not None
        assert result.waiver.holds is holds

    def covered(one: date, each: Stay) -> bool:
        if not (_within(one, each) and _in_territory(one, each.state)):
            return False
        if waiver is None:
            return True
        wrong_way = one == each.exit and each.exit_state not in {None, waiver.exit_via or waiver.state}
        in_state = each.state is None or each.state == waiver.state
        return holds and waiver.first <= one <= waiver.last and in_state and not wrong_way

    def own_day(one: date) -> bool:
        if terms is None or not terms.own_days:
            return False
        return any(each.state is None or each.state in held for each in under if there(one, [each]))

    breached = {one for one in over if not any(covered(one, each) for each in claimed) and not own_day(one)}
    if terms is not None:
        for one in past:
            of_visa = [each for each in under if there(one, [each])]
            outside = any(each.state is not None and each.state not in held for each in of_visa)
            left = any(one == each.exit and each.exit_state is not None for each in of_visa)
            wrong_way = left and any(
                one == each.exit and each.exit_state is not None and each.exit_state not in held for each in of_visa
            )
            if of_visa and (outside or wrong_way or not terms.valid_from <= one <= terms.valid_until):
                breached.add(one)
    assert result.used == used(day)
    assert result.overstay_days == len(breached)
    assert result.first_overstay_day == min(breached, default=None)


@settings(deadline=None, max_examples=50)
@given(found=st.lists(_stay(), max_size=6), day=_DAYS)
def test_accounts_apart_against_a_naive_count(found: list[Stay], day: date) -> None:
    result = {one.state: one for one in account(found, day).apart}
    for state, last in (("BGR", date(2024, 3, 30)), ("CYP", date.max)):
        here = [one for one in found if one.state == state and one.under not in UNCOUNTED]
        days = [
            one
            for one in (FIRST + timedelta(days=step) for step in range((day - FIRST).days + 1))
            if one <= last and any(_within(one, each) for each in here)
        ]
        over = [one for one in days if sum(timedelta(0) <= one - each < timedelta(days=180) for each in days) > 90]
        assert (state in result) is bool(days)
        if days:
            assert result[state].used == sum(day - each < timedelta(days=180) for each in days)
            assert result[state].overstay_days == len(over)
            assert result[state].first_overstay_day == (over[0] if over else None)
