"""Days of stay: the examples W1 to W12 of domain.md 3.1, the visa's terms, and a naive count day by day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.stay import DAYS_MAX, Account, Breach, Stay, VisaTerms, account
from schemas.stay.days import TITLES, UNCOUNTED


def stays(*periods: str, under: str = "visa_free") -> list[Stay]:
    """`2026-01-10..2026-04-09`; without an end the stay still goes on."""
    found = []
    for period in periods:
        entry, _, left = period.partition("..")
        found.append(Stay(date.fromisoformat(entry), date.fromisoformat(left) if left else None, under))
    return found


def on(day: str, *periods: str) -> Account:
    return account(stays(*periods), date.fromisoformat(day))


W1 = "2026-01-10..2026-04-09"
W4 = ("2026-01-01..2026-01-30", "2026-03-01..2026-04-29")


def test_w1_ninety_days_are_no_overstay() -> None:
    found = on("2026-04-09", W1)
    assert (found.used, found.overstay_days, found.first_overstay_day, found.breaches) == (90, 0, None, ())


def test_w2_the_ninety_first_is_one() -> None:
    found = on("2026-04-10", "2026-01-10..2026-04-10")
    assert (found.used, found.overstay_days, found.first_overstay_day) == (91, 1, date(2026, 4, 10))
    assert found.breaches == (Breach("90_180", date(2026, 4, 10), 1),)


def test_w3_one_day_is_one_day() -> None:
    assert on("2026-05-05", "2026-05-05..2026-05-05").used == 1


@pytest.mark.parametrize(
    ("day", "used", "remaining", "until"),
    [
        ("2026-04-29", 90, 1, "2026-04-29"),  # the last of them, on which one is still there
        ("2026-04-30", 90, 0, None),
        ("2026-05-01", 90, 0, None),
        ("2026-06-29", 90, 0, None),
        ("2026-06-30", 89, 30, "2026-07-29"),
        ("2026-07-29", 60, 90, "2026-10-26"),
    ],
)
def test_w4_what_remains(day: str, used: int, remaining: int, until: str | None) -> None:
    found = on(day, *W4)
    expected = None if until is None else date.fromisoformat(until)
    assert (found.used, found.remaining, found.stay_until, found.overstay_days) == (used, remaining, expected, 0)


def test_w4_an_entry_refused_and_one_allowed() -> None:
    assert on("2026-06-29", *W4, "2026-06-29").first_overstay_day == date(2026, 6, 29)
    assert on("2026-07-29", *W4, "2026-06-30").overstay_days == 0
    assert on("2026-07-30", *W4, "2026-06-30").first_overstay_day == date(2026, 7, 30)


def test_w5_one_day_more() -> None:
    found = on("2026-04-30", W4[0], "2026-03-01..2026-04-30")
    assert (found.first_overstay_day, found.overstay_days) == (date(2026, 4, 30), 1)


def test_w6_never_above_89_although_136_in_all() -> None:
    periods = ("2026-01-01..2026-03-01", "2026-06-01..2026-08-15")
    days = [date(2026, 1, 1) + timedelta(days=step) for step in range(227)]
    assert max(account(stays(*periods), day).used for day in days) == 89
    assert on("2026-08-15", *periods).overstay_days == 0


def test_w7_ninety_days_of_absence_reset() -> None:
    early = on("2026-07-08", W1, "2026-07-08")
    assert (early.first_overstay_day, early.remaining) == (date(2026, 7, 8), 0)
    assert (on("2026-07-08", W1).remaining, on("2026-07-09", W1).remaining) == (0, 90)


def test_w8_one_day_too_early_makes_every_day_an_overstay() -> None:
    assert on("2026-09-27", "2026-01-01..2026-03-31", "2026-06-30..2026-09-27").overstay_days == 0
    found = on("2026-09-26", "2026-01-01..2026-03-31", "2026-06-29..2026-09-26")
    assert (found.first_overstay_day, found.overstay_days) == (date(2026, 6, 29), 90)


def test_w9_a_day_of_exit_and_re_entry_counts_once() -> None:
    assert on("2026-02-20", "2026-02-01..2026-02-10", "2026-02-10..2026-02-20").used == 20


def test_w10_days_under_a_permit_do_not_count() -> None:
    for title in UNCOUNTED:
        permit = stays("2026-02-01..2026-05-31", under=title)
        found = account([*permit, *stays("2026-06-01..2026-08-29")], date(2026, 8, 29))
        assert (found.used, found.overstay_days) == (90, 0)


def test_w11_a_leap_year() -> None:
    found = on("2028-04-13", "2028-01-15..2028-04-13")
    assert (found.used, found.overstay_days) == (90, 0)


# -- the visa

VISA = VisaTerms(date(2026, 10, 1), date(2026, 11, 30), entries=2, duration_days=30)
W12 = ("2026-10-05..2026-10-20", "2026-11-02..2026-11-20")


def with_visa(day: str, *periods: str, visa: VisaTerms = VISA) -> Account:
    return account(stays(*periods, under=visa.title), date.fromisoformat(day), visa)


def test_w12_the_days_on_the_sticker() -> None:
    found = with_visa("2026-11-20", *W12)
    assert (found.used, found.first_overstay_day, found.overstay_days) == (35, date(2026, 11, 16), 5)
    assert found.breaches == (Breach("DURATION", date(2026, 11, 16), 5),)
    assert (found.entries_used, found.remaining, found.stay_until) == (2, 0, None)


def test_w12_a_third_entry_breaches_the_entries_too() -> None:
    found = with_visa("2026-11-26", *W12, "2026-11-25..2026-11-26")
    assert {breach.rule: breach.first_day for breach in found.breaches} == {
        "DURATION": date(2026, 11, 16),
        "ENTRIES": date(2026, 11, 25),
    }
    assert (found.entries_used, found.overstay_days) == (3, 7)


def test_a_third_entry_alone_is_a_breach_from_its_first_day() -> None:
    found = with_visa("2026-10-08", "2026-10-01..2026-10-02", "2026-10-03..2026-10-04", "2026-10-07")
    assert found.breaches == (Breach("ENTRIES", date(2026, 10, 7), 2),)
    assert found.first_overstay_day == date(2026, 10, 7)
    assert found.remaining == 0


def test_a_return_on_the_day_of_exit_is_an_entry_and_one_stay_recorded_twice_is_not() -> None:
    assert with_visa("2026-10-09", "2026-10-01..2026-10-05", "2026-10-05..2026-10-09").entries_used == 2
    assert with_visa("2026-10-09", "2026-10-01..2026-10-05", "2026-10-01..2026-10-05").entries_used == 1
    assert with_visa("2026-10-09", "2026-10-01..2026-10-05", "2026-10-02..2026-10-05").entries_used == 1


def test_as_many_entries_as_one_likes() -> None:
    days = [f"2026-10-{day:02d}..2026-10-{day:02d}" for day in range(1, 21, 2)]
    found = with_visa("2026-10-20", *days, visa=replace(VISA, entries=None))
    assert (found.entries_used, found.overstay_days, found.remaining) == (10, 0, 20)


@pytest.mark.parametrize(
    ("period", "first", "days"),
    [
        ("2026-11-20..2026-11-30", None, 0),
        ("2026-11-20..2026-12-01", date(2026, 12, 1), 1),
        ("2026-12-05..2026-12-06", date(2026, 12, 5), 2),
        ("2026-09-29..2026-10-02", date(2026, 9, 29), 2),
        ("2026-09-01..2026-09-20", None, 0),  # under an earlier visa
    ],
)
def test_the_holder_leaves_by_midnight_of_the_last_day(period: str, first: date | None, days: int) -> None:
    found = with_visa("2026-12-31", period)
    assert (found.first_overstay_day, found.overstay_days) == (first, days)
    assert {breach.rule for breach in found.breaches} == ({"VALIDITY"} if days else set())


@pytest.mark.parametrize(
    ("day", "periods", "remaining"),
    [
        ("2026-09-30", (), 0),
        ("2026-10-01", (), 30),
        ("2026-11-20", (), 11),
        ("2026-11-30", (), 1),
        ("2026-12-01", (), 0),
        ("2026-10-21", W12[:1], 14),
        ("2026-10-20", W12[:1], 15),  # while one is still there the day counts once
        ("2026-10-10", ("2026-10-01..2026-10-02", "2026-10-04..2026-10-05"), 0),  # both entries are made
        ("2026-10-05", ("2026-10-01..2026-10-02", "2026-10-04"), 27),  # the second one goes on
    ],
)
def test_what_remains_under_a_visa(day: str, periods: tuple[str, ...], remaining: int) -> None:
    assert with_visa(day, *periods).remaining == remaining


def test_a_visa_does_not_lengthen_the_ninety_days() -> None:
    earlier = stays("2026-07-01..2026-09-28")
    found = account([*earlier, *stays("2026-10-05..2026-10-06", under="visa")], date(2026, 10, 6), VISA)
    assert found.breaches == (Breach("90_180", date(2026, 10, 5), 2),)
    assert found.remaining == 0


def test_a_visa_of_limited_territory_may_have_days_of_its_own() -> None:
    both = [*stays("2026-07-01..2026-09-28"), *stays("2026-10-05..2026-10-06", under="visa")]
    limited = replace(VISA, limited_territory=True)
    assert account(both, date(2026, 10, 6), limited).overstay_days == 2
    found = account(both, date(2026, 10, 6), replace(limited, own_days=True))
    assert (found.overstay_days, found.used, found.remaining, found.limited_territory) == (0, 92, 29, True)
    assert not account(both, date(2026, 10, 6), VISA).limited_territory


def test_its_own_days_are_still_limited() -> None:
    found = with_visa("2026-11-20", *W12, visa=replace(VISA, limited_territory=True, own_days=True))
    assert found.breaches == (Breach("DURATION", date(2026, 11, 16), 5),)


def test_a_long_stay_visa_is_judged_by_its_validity_alone() -> None:
    national = VisaTerms(date(2026, 1, 1), date(2026, 6, 30), long_stay=True)
    found = with_visa("2026-07-02", "2026-01-01", visa=national)
    assert (found.used, found.first_overstay_day, found.overstay_days) == (0, date(2026, 7, 1), 2)
    assert with_visa("2026-05-01", "2026-01-01", visa=national).remaining == 61


def test_a_bilateral_waiver_is_no_breach_but_uses_days() -> None:
    waived = [*stays(W1), *stays("2026-04-10..2026-05-09", under="bilateral_waiver")]
    found = account(waived, date(2026, 5, 9))
    assert (found.used, found.overstay_days, found.remaining) == (120, 0, 0)
    after = account([*waived, *stays("2026-05-10..2026-05-11")], date(2026, 5, 11))
    assert (after.first_overstay_day, after.overstay_days) == (date(2026, 5, 10), 2)


# -- the form of stays


def test_an_open_stay_lasts_to_the_day_judged() -> None:
    found = on("2026-04-10", "2026-01-10")
    assert (found.used, found.overstay_days) == (91, 1)
    assert on("2026-01-09", "2026-01-10").used == 0


def test_what_lies_after_the_day_judged_is_not_there_yet() -> None:
    found = on("2026-02-01", "2026-01-10..2026-06-01", "2026-07-01..2026-07-02")
    assert (found.used, found.overstay_days) == (23, 0)


def test_an_exit_that_another_zone_writes_a_day_earlier_is_a_stay_of_a_day() -> None:
    assert on("2026-02-28", "2026-02-20..2026-02-19").used == 1


def test_no_stay_uses_nothing() -> None:
    found = on("2026-02-28")
    assert (found.used, found.remaining, found.stay_until) == (0, 90, date(2026, 5, 28))


def test_the_ends_of_the_calendar() -> None:
    assert account([], date.max).stay_until == date.max
    assert account(stays("9999-12-01"), date.max).used == 31
    assert account(stays("0001-01-01"), date(1, 2, 1)).used == 32


def test_more_days_than_anybody_lives_are_not_counted() -> None:
    first = date(1900, 1, 1)
    assert account([Stay(first)], first + timedelta(days=DAYS_MAX - 1)).used == 180
    for many in ([Stay(first)], [Stay(first, first + timedelta(days=9)), Stay(first + timedelta(days=5))]):
        with pytest.raises(Rejected) as refusal:
            account(many, first + timedelta(days=DAYS_MAX))
        assert (refusal.value.code, refusal.value.path) == ("FIELD_RANGE", "/stays")
    with pytest.raises(Rejected):
        account([Stay(date.min, date.max)], date.max)


# -- a naive count, day by day

FIRST = date(2026, 1, 1)
_DAYS = st.integers(0, 420).map(lambda step: FIRST + timedelta(days=step))


@st.composite
def _stay(draw: st.DrawFn, titles: tuple[str, ...] = TITLES) -> Stay:
    entry = draw(_DAYS)
    left = draw(st.none() | st.integers(0, 150).map(lambda length: entry + timedelta(days=length)))
    return Stay(entry, left, draw(st.sampled_from(titles)))


def naive_present(found: list[Stay], day: date, titles: set[str]) -> bool:
    return any(stay.under in titles and stay.entry <= day <= (stay.exit or date.max) for stay in found)


def naive_used(found: list[Stay], day: date, as_of: date, added: int = 0) -> int:
    """Days present in the 180 that end with `day`; from `as_of` on the `added` days and no others."""
    titles = set(TITLES) - UNCOUNTED
    window = [day - timedelta(days=back) for back in range(180)]
    return sum(
        (one <= as_of and naive_present(found, one, titles)) or as_of <= one < as_of + timedelta(days=added)
        for one in window
    )


@settings(deadline=None)
@given(found=st.lists(_stay(), max_size=6), day=_DAYS)
def test_against_a_naive_count(found: list[Stay], day: date) -> None:
    result = account(found, day)
    past = [FIRST + timedelta(days=step) for step in range((day - FIRST).days + 1)]
    counting, waived = set(TITLES) - UNCOUNTED, {"bilateral_waiver"}
    over = [
        one
        for one in past
        if naive_present(found, one, counting)
        and not naive_present(found, one, waived)
        and naive_used(found, one, day) > 90
    ]
    assert result.used == naive_used(found, day, day)
    assert result.overstay_days == len(over)
    assert result.first_overstay_day == (over[0] if over else None)
    remaining = 0
    while naive_used(found, day + timedelta(days=remaining), day, remaining + 1) <= 90:
        remaining += 1
    assert result.remaining == remaining


@settings(deadline=None)
@given(
    found=st.lists(_stay(("visa", "visa_free")), max_size=5),
    day=_DAYS,
    first=st.integers(0, 200),
    length=st.integers(0, 200),
    duration=st.none() | st.integers(1, 90),
)
def test_a_visas_days_against_a_naive_count(
    found: list[Stay], day: date, first: int, length: int, duration: int | None
) -> None:
    terms = VisaTerms(FIRST + timedelta(days=first), FIRST + timedelta(days=first + length), duration_days=duration)
    result = account(found, day, terms)
    past = [FIRST + timedelta(days=step) for step in range((day - FIRST).days + 1)]
    own = [
        stay
        for stay in found
        if stay.under == "visa" and stay.entry <= day and (stay.exit is None or stay.exit >= terms.valid_from)
        if min(day, stay.exit or day) >= terms.valid_from
    ]
    held = [one for one in past if naive_present(own, one, {"visa"})]
    breached = {one for one in held if not terms.valid_from <= one <= terms.valid_until}
    breached |= set(held[duration:] if duration else [])
    breached |= {
        one for one in past if naive_present(found, one, {"visa", "visa_free"}) and naive_used(found, one, day) > 90
    }
    assert result.overstay_days == len(breached)
    assert result.first_overstay_day == min(breached, default=None)


@settings(deadline=None)
@given(found=st.lists(_stay(), max_size=6), day=_DAYS, order=st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(found: list[Stay], day: date, order: object) -> None:
    visa = VisaTerms(FIRST, FIRST + timedelta(days=300), entries=2, duration_days=60)
    shuffled = [*found, *found]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert account(shuffled, day, visa) == account(found, day, visa)
