"""When steps are due: the worked examples, what has no date, what comes too late, and silence."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.agreements.calendars import NationalCalendar, Override
from schemas.agreements.clocks import STEPS, Due, Question, check_tacit_claim, due
from schemas.agreements.profile import FOLDER, Profile, ids, load
from schemas.agreements.text import parse_text
from schemas.errors import CODES, Rejected

ALMATY = timezone(timedelta(hours=5))
KAZ = load("BENELUX-KAZ-2015")


def made(name: str = "BENELUX-KAZ-2015", *, first: str | None = "2016-01-01", **keys: Any) -> Profile:
    """A profile like one we ship, with a first day and other values, each as if read in the text."""
    raw = json.loads((FOLDER / f"{name}.v1.json").read_text(encoding="utf-8"))
    raw["in_force_on"]["value"] = first
    for key, value in keys.items():
        raw["keys"][key] = {"value": value, "stated": "so", "tag": "V", "verified": True}
    return Profile((parse_text(raw),))


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+01:00")


def on(name: str | Profile, step: str, day: str, **more: Any) -> Due:
    found = load(name) if isinstance(name, str) else name
    return due(found, Question(step, noon(day), **more))


def refused(name: str | Profile, step: str, day: str, **more: Any) -> tuple[str, str | None]:
    with pytest.raises(Rejected) as caught:
        on(name, step, day, **more)
    return caught.value.code, caught.value.path


# -- the worked examples of domain.md 4.4 and 13


@pytest.mark.parametrize(
    ("name", "step", "day", "more", "expected"),
    [
        ("EU-SRB", "reply_limit", "2026-12-22", {}, "2027-01-01"),
        ("EU-SRB", "reply_limit", "2026-12-22", {"extension_days": 6}, "2027-01-07"),
        ("EU-SRB", "reply_extension", "2026-12-22", {}, "2027-01-07"),
        ("BENELUX-KAZ-2015", "reply_limit", "2026-11-23", {}, "2026-12-14"),
        ("EU-MDA", "reply_limit", "2026-11-27", {"procedure": "accelerated"}, "2026-12-01"),
        ("EU-MDA", "reply_limit_fast", "2026-11-27", {}, "2026-12-01"),
        ("BENELUX-SRB-2013", "interview_limit", "2026-11-23", {}, "2026-11-26"),
        ("BENELUX-SRB-2013", "interview_result_limit", "2026-11-26", {}, "2026-12-01"),
        ("BENELUX-MDA-2013", "interview_limit", "2026-11-23", {}, "2026-11-26"),
        ("EU-ALB", "transfer_limit", "2026-11-30", {}, "2027-02-28"),
        # the case of section 13: five working days less Independence Day, one month from the lapse, three months after
        ("BENELUX-KAZ-2015", "td_limit", "2026-12-15", {}, "2026-12-23"),
        ("BENELUX-KAZ-2015", "transfer_limit", "2026-12-14", {}, "2027-01-14"),
        ("BENELUX-KAZ-2015", "notice_lead", "2027-01-12", {}, "2027-01-05"),
        ("BENELUX-KAZ-2015", "error_limit", "2027-01-12", {}, "2027-04-12"),
        ("BENELUX-KAZ-2015", "submit_limit", "2026-09-14", {}, "2027-09-14"),
        ("BENELUX-KAZ-2015", "td_validity_min", "2026-12-22", {}, "2027-06-22"),
        # the transit of section 13
        ("BENELUX-SRB-2013", "transit_lead", "2026-12-09", {}, "2026-12-01"),
        ("BENELUX-SRB-2013", "transit_reply_limit", "2026-12-01", {}, "2026-12-06"),
    ],
)
def test_worked_examples(name: str, step: str, day: str, more: Mapping[str, Any], expected: str) -> None:
    found = on(name, step, day, **more)
    assert found.due == date.fromisoformat(expected)
    assert found.steps[-1].startswith(f"{expected} runs to 24:00 in ")


def test_a_rolled_end_and_an_extension_from_the_end_before_it_rolled() -> None:
    serbia = made("EU-SRB", roll="next_working_day", reply_extension={"n": 6, "basis": "CD"})
    assert on(serbia, "reply_limit", "2026-12-22").due == date(2027, 1, 4)
    # the extended end of 7 January is itself a holiday there
    assert on(serbia, "reply_limit", "2026-12-22", extension_days=6).due == date(2027, 1, 8)


def test_five_working_days_over_christmas() -> None:
    austria = on("EU-MDA", "td_limit", "2026-12-23", requested="AUT")
    assert austria.due == date(2026, 12, 29)  # three of them: 24, 28, 29
    off = on(made(td_limit={"n": 5, "basis": "WD"}), "td_limit", "2026-12-23", requested="LUX")
    assert off.due == date(2026, 12, 31)
    assert "2026-12-25 is no working day: Christmas Day" in off.steps


@pytest.mark.parametrize("name", ["EU-UKR", "EU-GEO"])
def test_a_receipt_at_night_is_of_the_next_day_further_east(name: str) -> None:
    found = due(load(name), Question("reply_limit", datetime(2026, 11, 23, 22, 30, tzinfo=UTC)))
    assert found.start == date(2026, 11, 24)
    assert f"{found.start} in " in found.steps[1]


def test_a_transit_application_of_the_first_of_december_is_in_time() -> None:
    at = datetime.fromisoformat("2026-12-09T06:00:00+01:00")
    found = due(load("BENELUX-SRB-2013"), Question("transit_lead", at, done_at=noon("2026-12-01")))
    assert found.warnings == ("PROFILE_UNVERIFIED",)


# -- what is printed


def test_the_object_has_these_members_in_this_order() -> None:
    found = on(KAZ, "reply_limit", "2026-11-23").as_json()
    assert list(found) == ["due", "n", "basis", "verified", "steps"]
    assert found["due"] == "2026-12-14"
    assert (found["n"], found["basis"], found["verified"]) == (21, "CD", True)
    with_silence = on(made(), "reply_limit", "2026-11-23").as_json()
    assert list(with_silence) == ["due", "n", "basis", "verified", "tacit_consent_from", "steps"]
    assert with_silence["tacit_consent_from"] == "2026-12-15"


@pytest.mark.parametrize(
    ("name", "step", "n", "basis", "verified"),
    [
        ("BENELUX-KAZ-2015", "submit_limit", 12, "M", True),
        ("BENELUX-KAZ-2015", "transit_reply_limit", 0, "CD", True),
        ("BENELUX-SRB-2013", "interview_limit", 3, "WD", True),
        ("BENELUX-SRB-2013", "reply_limit", 10, "CD", False),
        ("BENELUX-SRB-2013", "ack_sla", 1, "WD", False),
        ("EU-LKA", "td_limit", 14, "CD", False),  # the text was read, the profile is a draft all the same
        ("EU-RUS", "reply_extension", 35, "CD", False),
        ("EU-TUR", "reply_extension", 35, "CD", False),
        ("EU-UKR", "reply_extension", 16, "CD", False),
        ("EU-PAK", "reply_extension", 30, "CD", False),
    ],
)
def test_the_number_is_the_profiles(name: str, step: str, n: int, basis: str, verified: bool) -> None:
    found = on(name, step, "2026-11-23")
    assert (found.n, found.basis, found.verified) == (n, basis, verified)


def test_immediately_is_the_day_itself() -> None:
    assert on(KAZ, "transit_reply_limit", "2026-11-23").due == date(2026, 11, 23)


def test_how_it_was_counted_can_be_followed() -> None:
    said = on(KAZ, "td_limit", "2026-12-15").steps
    assert any('"5 WD" (BENELUX-KAZ-2015 version 1, verified, tag V)' in line for line in said)
    assert "2026-12-16 is no working day: Independence Day" in said
    assert not any("weekend" in line for line in said)
    assert any(
        "Of the second renewal on." in line for line in on("BENELUX-SRB-2013", "td_renew_limit", "2026-12-15").steps
    )


@pytest.mark.parametrize(
    ("name", "day", "ends_at"),
    [
        ("BENELUX-KAZ-2015", "2026-11-23", "2026-12-14T19:00:00+00:00"),
        ("EU-UKR", "2026-07-01", "2026-07-15T21:00:00+00:00"),  # summer time
        ("EU-UKR", "2026-10-20", "2026-11-03T22:00:00+00:00"),  # it ended on the way
    ],
)
def test_the_last_day_ends_at_midnight_there(name: str, day: str, ends_at: str) -> None:
    assert on(name, "reply_limit", day).ends_at == datetime.fromisoformat(ends_at)
    assert on("EU-BLR", "reply_limit", day).ends_at is None


def test_five_clocks_can_be_made_longer_or_say_so_themselves() -> None:
    longer = {"submit_limit", "reply_limit", "reply_extension", "transfer_limit", "transfer_extension"}
    assert {key for key, step in STEPS.items() if step.extends} == longer


# -- what nobody knows


@pytest.mark.parametrize(
    ("name", "step", "more"),
    [
        ("EU-BLR", "reply_limit", {}),  # ?
        ("EU-LKA", "reply_limit", {}),  # 15 days ?
        ("EU-GEO", "submit_limit", {}),  # 6 m ?
        ("EU-HKG", "transfer_limit", {}),  # 3 m ?
        ("EU-ALB", "reply_limit", {"procedure": "accelerated"}),  # -
        ("EU-ALB", "interview_limit", {}),  # no such key
        ("EU-ALB", "submit_limit", {"procedure": "accelerated"}),
        ("BENELUX-KAZ-2015", "reply_limit", {"procedure": "airport"}),  # no period of its own
        ("BENELUX-KAZ-2015", "reply_extension", {}),  # none
        ("BENELUX-KAZ-2015", "transfer_extension", {}),  # without a bound
        ("EU-ALB", "reply_extension", {}),
        ("EU-ALB", "reply_limit", {"extension_days": 1}),
        ("EU-ALB", "transfer_limit", {"extension_days": 1}),
        ("EU-ALB", "submit_limit", {"extension_days": 1}),
        ("EU-MDA", "reply_extension", {"procedure": "accelerated"}),
        ("EU-LKA", "ack_sla", {}),  # in 2027 nobody knows the holidays there
    ],
)
def test_what_nobody_knows_has_no_date(name: str, step: str, more: Mapping[str, Any]) -> None:
    day = "2026-12-31" if (name, step) == ("EU-LKA", "ack_sla") else "2026-11-23"
    found = on(name, step, day, **more)
    assert found.due is None
    assert found.tacit_consent_from is None
    assert found.as_json()["due"] is None


def test_a_lead_in_years_nobody_knows_has_no_date() -> None:
    lanka = made("EU-LKA", notice_lead={"n": 3, "basis": "WD"})
    assert on(lanka, "notice_lead", "2027-01-12").due is None
    assert on(lanka, "notice_lead", "2026-11-12").due is not None


@pytest.mark.parametrize("name", ids())
def test_no_profile_we_ship_gives_consent_by_silence(name: str) -> None:
    for step in STEPS:
        for procedure in ("normal", "accelerated", "airport"):
            found = on(name, step, "2026-11-23", procedure=procedure)
            assert found.tacit_consent_from is None
            assert "PROFILE_UNVERIFIED" in found.warnings


# -- refusals


def test_a_step_before_the_first_day_is_refused_and_on_it_is_not() -> None:
    assert refused("EU-GEO", "reply_limit", "2011-02-28") == ("PROFILE_INACTIVE", "/agreement")
    assert on("EU-GEO", "reply_limit", "2011-03-01").due is not None


@pytest.mark.parametrize("step", STEPS)
def test_a_suspended_profile_counts_nothing(step: str) -> None:
    suspended = Profile((replace(KAZ.texts[0], status="suspended"),))
    assert refused(suspended, step, "2026-11-23") == ("PROFILE_INACTIVE", "/agreement")


def test_a_protocol_over_a_suspended_agreement_counts_nothing() -> None:
    top, below = load("BENELUX-SRB-2013").texts
    assert refused(Profile((top, replace(below, status="suspended"))), "interview_limit", "2026-11-23")[0] == (
        "PROFILE_INACTIVE"
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"asked_at": noon("2027-01-02")}, "LATE_EXTENSION"),
        ({"asked_at": datetime(2027, 1, 1, 23, 0, tzinfo=UTC)}, "LATE_EXTENSION"),  # midnight in Belgrade
        ({"asked_at": noon("2027-01-02"), "extension_days": 7}, "LATE_EXTENSION"),
        ({"extension_days": 7}, "EXTENSION_TOO_LONG"),
        ({"extension_days": 0}, "FIELD_RANGE"),
        ({"extension_days": -1}, "FIELD_RANGE"),
        ({"extension_days": 3651}, "FIELD_RANGE"),
        ({"asked_at": noon("2026-12-21")}, "FIELD_RANGE"),
        ({"procedure": "slow"}, "CODE_UNKNOWN"),
        ({"requested": "UKR"}, "NO_AGREEMENT"),
        ({"requested": "EU"}, "NO_AGREEMENT"),
        ({"procedure": "accelerated", "extension_days": 1}, "EXTENSION_TOO_LONG"),
    ],
)
def test_what_a_reply_in_serbia_cannot_have(more: Mapping[str, Any], code: str) -> None:
    assert refused("EU-SRB", "reply_limit", "2026-12-22", **more)[0] == code


def test_the_last_instant_of_the_last_day_is_in_time() -> None:
    late = datetime(2027, 1, 1, 22, 59, 59, tzinfo=UTC)  # 23:59:59 in Belgrade
    assert on("EU-SRB", "reply_limit", "2026-12-22", extension_days=6, asked_at=late).due == date(2027, 1, 7)


def test_the_longest_and_earliest_of_what_may_be_asked_is_answered() -> None:
    at = noon("2026-12-14")
    assert due(KAZ, Question("transfer_limit", at, extension_days=3650, asked_at=at)).due == date(2037, 1, 11)
    assert due(KAZ, Question("td_validity_min", datetime(1990, 1, 1, tzinfo=UTC))).due == date(1990, 7, 1)
    assert due(KAZ, Question("td_validity_min", datetime(2099, 12, 31, tzinfo=UTC))).due == date(2100, 6, 30)


def test_an_extension_of_a_rolled_end_may_be_asked_for_until_then() -> None:
    serbia = made("EU-SRB", roll="next_working_day", reply_extension={"n": 6, "basis": "CD"})
    assert on(serbia, "reply_limit", "2026-12-22", extension_days=2, asked_at=noon("2027-01-04")).due == date(
        2027, 1, 4
    )
    assert refused(serbia, "reply_limit", "2026-12-22", asked_at=noon("2027-01-05"))[0] == "LATE_EXTENSION"


@pytest.mark.parametrize(("name", "days"), [("EU-RUS", 35), ("EU-TUR", 35), ("EU-UKR", 16), ("EU-PAK", 30)])
def test_to_so_many_days_is_the_whole_period(name: str, days: int) -> None:
    assert (
        on(name, "reply_limit", "2026-11-23", extension_days=days).due == on(name, "reply_extension", "2026-11-23").due
    )
    assert refused(name, "reply_limit", "2026-11-23", extension_days=days + 1)[0] == "EXTENSION_TOO_LONG"


def test_what_the_text_does_not_extend_cannot_be_and_what_an_obstacle_extends_can() -> None:
    assert refused(KAZ, "reply_limit", "2026-11-23", extension_days=1)[0] == "EXTENSION_TOO_LONG"
    assert refused(KAZ, "td_limit", "2026-11-23", extension_days=1)[0] == "EXTENSION_TOO_LONG"
    assert on(KAZ, "transfer_limit", "2026-12-14", extension_days=100).due == date(2027, 4, 24)
    assert on(KAZ, "submit_limit", "2026-09-14", extension_days=30).due == date(2027, 10, 14)


def test_an_extension_in_working_days_is_counted_in_them() -> None:
    found = on(made(reply_extension={"n": 3, "basis": "WD"}), "reply_limit", "2026-11-23", extension_days=3)
    assert found.due == date(2026, 12, 18)  # 15, 17, 18 December


@pytest.mark.parametrize(
    ("name", "step", "start", "done", "code"),
    [
        ("BENELUX-KAZ-2015", "notice_lead", "2027-01-12", "2027-01-06", "LEAD_TOO_SHORT"),
        ("BENELUX-KAZ-2015", "transit_lead", "2027-01-12", "2027-01-10", "LEAD_TOO_SHORT"),
        ("BENELUX-MDA-2013", "notice_lead", "2027-01-13", "2027-01-13", "LEAD_TOO_SHORT"),
        ("BENELUX-KAZ-2015", "error_limit", "2027-01-12", "2027-04-13", "OUT_OF_TIME"),
    ],
)
def test_a_notice_or_claim_that_comes_too_late_is_refused(
    name: str, step: str, start: str, done: str, code: str
) -> None:
    assert refused(name, step, start, done_at=noon(done)) == (code, "/done_at")
    in_time = on(name, step, start).due
    assert in_time is not None
    assert on(name, step, start, done_at=noon(in_time.isoformat())).due == in_time


@pytest.mark.parametrize(
    ("name", "step", "start", "done", "code"),
    [
        ("BENELUX-SRB-2013", "transit_lead", "2026-12-09", "2026-12-02", "LEAD_TOO_SHORT"),  # preferred, not demanded
        ("BENELUX-KAZ-2015", "submit_limit", "2026-09-14", "2027-09-15", "OUT_OF_TIME"),
        ("BENELUX-KAZ-2015", "td_limit", "2026-12-15", "2026-12-24", "OUT_OF_TIME"),
    ],
)
def test_what_is_late_but_not_lost_is_a_warning(name: str, step: str, start: str, done: str, code: str) -> None:
    found = on(name, step, start, done_at=noon(done))
    assert found.warnings == ("PROFILE_UNVERIFIED", code)
    assert found.due is not None


@pytest.mark.parametrize("field", ["at", "asked_at", "done_at"])
def test_an_instant_without_a_zone_or_of_another_age_is_refused(field: str) -> None:
    def asked(at: datetime) -> Question:
        more: dict[str, Any] = {"at": noon("2026-11-23")} | {field: at}
        return Question("reply_limit", **more)

    with pytest.raises(ValueError, match="zone"):
        due(KAZ, asked(datetime(2026, 11, 23)))  # noqa: DTZ001 - what is tested
    for year in (1989, 2100):
        with pytest.raises(Rejected, match="FIELD_RANGE"):
            due(KAZ, asked(datetime(year, 11, 23, tzinfo=UTC)))


@pytest.mark.parametrize("step", ["", "reply", "td_validity", "silence", "roll", "REPLY_LIMIT"])
def test_what_is_no_clock_is_refused(step: str) -> None:
    assert refused(KAZ, step, "2026-11-23") == ("CODE_UNKNOWN", "/step")


def test_every_code_of_a_clock_is_explained() -> None:
    for code in (
        "PROFILE_UNVERIFIED", "PROFILE_INACTIVE", "LATE_EXTENSION", "EXTENSION_TOO_LONG", "LEAD_TOO_SHORT",
        "OUT_OF_TIME", "TACIT_TOO_EARLY", "TACIT_NOT_PROVIDED", "SENDER_ROLE", "STEP_NOT_ALLOWED",
    ):  # fmt: skip
        assert code in CODES


def test_whether_the_end_was_moved_is_said() -> None:
    assert "the end is not moved" in on(KAZ, "reply_limit", "2026-11-23").steps
    serbia = made("EU-SRB", roll="next_working_day")
    assert "moved to a working day: 2027-01-04" in on(serbia, "reply_limit", "2026-12-22").steps
    assert "the end is not moved" in on(serbia, "reply_limit", "2026-12-18").steps


# -- overrides nobody read


def test_a_date_that_rests_on_an_unread_override_is_not_verified() -> None:
    ukraine = made("EU-UKR", td_limit={"n": 2, "basis": "WD"})
    ukraine = Profile((replace(ukraine.texts[0], status="verified"),))
    found = on(ukraine, "td_limit", "2026-08-21")
    assert found.due == date(2026, 8, 25)
    assert not found.verified
    assert any("2136-IX" in line for line in found.steps)
    in_calendar_days = on(ukraine, "td_renew_limit", "2026-08-21")
    assert not any("2136-IX" in line for line in in_calendar_days.steps)


# -- silence


def claim(profile: Profile, at: str = "2026-12-15", **more: Any) -> Due:
    question = more.pop("question", Question("reply_limit", noon("2026-11-23")))
    arguments: dict[str, Any] = {"claimant": "NLD", "claimed_at": noon(at), "receipt_proven": True} | more
    return check_tacit_claim(profile, question, **arguments)


def test_silence_is_claimed_on_the_first_working_day_after_the_end() -> None:
    assert claim(made()).due == date(2026, 12, 14)
    assert claim(made(), at="2027-03-01").tacit_consent_from == date(2026, 12, 15)


def test_silence_at_an_end_that_could_roll_waits_until_it_has() -> None:
    friday = Question("reply_limit", noon("2026-12-11"))  # 21 days on is 1 January, a holiday; the 4th is one moved
    found = due(made(), friday)
    assert found.due == date(2027, 1, 1)
    assert found.tacit_consent_from == date(2027, 1, 6)  # the end rolls to the 5th
    for day in ("2027-01-02", "2027-01-04", "2027-01-05"):
        with pytest.raises(Rejected, match="TACIT_TOO_EARLY"):
            claim(made(), at=day, question=friday)
    assert claim(made(), at="2027-01-06", question=friday) == found


@pytest.mark.parametrize("step", [step for step in STEPS if step != "reply_limit"])
def test_no_other_clock_ends_in_consent(step: str) -> None:
    profile = made(reply_extension={"n": 6, "basis": "CD"})
    assert on(profile, step, "2026-11-23").tacit_consent_from is None


def test_a_fast_reply_ends_in_consent_as_a_normal_one_does() -> None:
    profile = made(reply_limit_fast={"n": 2, "basis": "WD"})
    for found in (
        on(profile, "reply_limit_fast", "2026-11-23"),
        on(profile, "reply_limit", "2026-11-23", procedure="airport"),
    ):
        assert (found.due, found.tacit_consent_from) == (date(2026, 11, 25), date(2026, 11, 26))


def test_silence_is_judged_by_the_clock_of_the_state_that_was_silent() -> None:
    before = datetime(2026, 12, 14, 23, 59, tzinfo=ALMATY)
    with pytest.raises(Rejected, match="TACIT_TOO_EARLY"):
        claim(made(), claimed_at=before)
    assert claim(made(), claimed_at=before + timedelta(minutes=1)).due == date(2026, 12, 14)


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"claimant": "KAZ"}, "SENDER_ROLE", "/claimant"),  # the state that was silent
        ({"claimant": "AUT"}, "SENDER_ROLE", "/claimant"),
        ({"claimant": "EU"}, "SENDER_ROLE", "/claimant"),
        ({"claimant": ""}, "SENDER_ROLE", "/claimant"),
        ({"receipt_proven": False}, "TACIT_TOO_EARLY", "/received_at"),
        ({"extension_pending": True}, "TACIT_TOO_EARLY", "/claimed_at"),
        ({"case_suspended": True}, "STEP_NOT_ALLOWED", None),
        ({"claimed_at": noon("2026-12-14")}, "TACIT_TOO_EARLY", "/claimed_at"),
        ({"question": Question("td_limit", noon("2026-11-23"))}, "TACIT_NOT_PROVIDED", "/step"),
        ({"question": Question("reply_extension", noon("2026-11-23"))}, "TACIT_NOT_PROVIDED", "/step"),
        ({"question": Question("reply_limit", noon("2026-11-23"), procedure="airport")}, "TACIT_NOT_PROVIDED", None),
        ({"question": Question("reply_limit", noon("2015-11-23"))}, "PROFILE_INACTIVE", "/agreement"),
    ],
)
def test_silence_is_no_consent_where_a_condition_is_missing(
    more: Mapping[str, Any], code: str, path: str | None
) -> None:
    with pytest.raises(Rejected) as caught:
        claim(made(), **more)
    assert (caught.value.code, caught.value.path) == (code, path)


class _EveryDayWorked:
    """A table of days in which none is off."""

    def is_working_day(self, day: date) -> bool:
        return day > date.min

    def day_off(self, day: date) -> str | None:
        return None if self.is_working_day(day) else "never"

    def covers(self, day: date) -> bool:
        return self.is_working_day(day)

    def unread(self, first: date, last: date) -> tuple[Override, ...]:
        return () if first <= last else self.unread(last, first)


def test_a_claim_is_judged_by_the_days_it_is_given() -> None:
    """Its own table, not the calendar of today's release: 1 January is off there, and here it is worked."""
    friday = Question("reply_limit", noon("2026-12-11"))
    assert claim(made(), at="2027-01-06", question=friday).tacit_consent_from == date(2027, 1, 6)
    found = claim(made(), at="2027-01-02", question=friday, days=_EveryDayWorked())
    assert found.tacit_consent_from == date(2027, 1, 2)


def test_the_state_asked_is_the_one_outside_the_union_on_that_day() -> None:
    text = replace(made(first="2010-01-01").texts[0], parties=("BEL", "HRV"))
    assert due(Profile((text,)), Question("reply_limit", noon("2013-06-30"))).requested == "HRV"
    with pytest.raises(Rejected) as caught:
        due(Profile((text,)), Question("reply_limit", noon("2013-07-01")))
    assert (caught.value.code, caught.value.path) == ("NO_AGREEMENT", "/requested")


@pytest.mark.parametrize(
    "profile",
    [
        KAZ,  # the day it entered into force is not known
        made(silence="no_effect"),
        made(silence=None),
        Profile((replace(made().texts[0], status="draft"),)),
        *(load(name) for name in ids() if load(name).value("reply_limit") is not None and name.startswith("EU-")),
    ],
    ids=lambda one: f"{one.id} {one.status}",
)
def test_silence_is_no_consent_under_such_a_profile(profile: Profile) -> None:
    question = Question("reply_limit", noon("2026-11-23"))
    claimant = "NLD"
    with pytest.raises(Rejected, match="TACIT_NOT_PROVIDED"):
        check_tacit_claim(profile, question, claimant=claimant, claimed_at=noon("2027-11-23"), receipt_proven=True)


@pytest.mark.parametrize("key", ["reply_limit", "silence"])
def test_silence_is_no_consent_by_a_key_nobody_read(key: str) -> None:
    text = made().texts[0]
    unread = replace(text.keys[key], tag="K", verified=False)
    profile = Profile((replace(text, keys={**text.keys, key: unread}),))
    with pytest.raises(Rejected, match="TACIT_NOT_PROVIDED"):
        claim(profile)


def test_silence_after_an_extension_counts_from_the_extended_end_and_only_if_that_was_read() -> None:
    profile = made(reply_extension={"n": 6, "basis": "CD"})
    question = Question("reply_limit", noon("2026-11-23"), extension_days=3)
    assert due(profile, question).tacit_consent_from == date(2026, 12, 18)
    text = profile.texts[0]
    unread = replace(text.keys["reply_extension"], tag="K", verified=False)
    assert due(Profile((replace(text, keys={**text.keys, "reply_extension": unread}),)), question).due == date(
        2026, 12, 17
    )
    assert (
        due(Profile((replace(text, keys={**text.keys, "reply_extension": unread}),)), question).tacit_consent_from
        is None
    )


def test_silence_is_no_consent_over_days_an_override_nobody_read_has_touched() -> None:
    unread = NationalCalendar(
        "KAZ", (Override("KAZ", "working_day", date(2026, 12, 16), date(2026, 12, 16), "x", False),)
    )
    found = due(made(), Question("reply_limit", noon("2026-11-24")), unread)
    assert found.due == date(2026, 12, 15)
    assert found.verified  # the end itself is in calendar days
    assert found.tacit_consent_from is None
    assert due(made(), Question("reply_limit", noon("2026-11-23")), unread).tacit_consent_from == date(2026, 12, 15)


def test_a_union_state_that_was_silent_is_claimed_against_by_the_other_side_alone() -> None:
    question = Question("reply_limit", noon("2026-11-23"), requested="NLD")
    assert claim(made(), question=question, claimant="KAZ").requested == "NLD"
    with pytest.raises(Rejected, match="SENDER_ROLE"):
        claim(made(), question=question, claimant="BEL")


# -- against an independent walk


class Week:
    """Weekends and these days are off; asked by the day, like a calendar on a wall."""

    def __init__(self, off: frozenset[date]) -> None:
        self.off = off

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.off

    def day_off(self, day: date) -> str | None:
        return None if self.is_working_day(day) else "off"

    def covers(self, day: date) -> bool:
        return day.year > 0

    def unread(self, first: date, last: date) -> tuple[Override, ...]:
        assert first <= last
        return ()


INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
OFF = st.frozensets(st.dates(date(2025, 1, 1), date(2040, 6, 1)), max_size=60)


@given(INSTANTS, OFF, st.tuples(st.integers(1, 40), st.sampled_from(["CD", "WD"])), st.integers(0, 30), st.booleans())
def test_a_clock_ends_where_a_walk_ends_and_silence_never_before(
    at: datetime, off: frozenset[date], period: tuple[int, str], longer: int, rolls: bool
) -> None:
    n, basis = period
    profile = made(
        reply_limit={"n": n, "basis": basis, "from": "receipt"},
        reply_extension={"n": 30, "basis": "CD"},
        roll="next_working_day" if rolls else "none",
    )
    week = Week(off | frozenset({(at + timedelta(days=n)).date()}))
    found = due(profile, Question("reply_limit", at, extension_days=longer or None), week)

    day = (at + timedelta(hours=5)).date()  # Almaty since 2024
    left = n
    while left:
        day += timedelta(days=1)
        if basis == "CD" or week.is_working_day(day):
            left -= 1
    for _ in range(longer):
        day += timedelta(days=1)
    rolled = day
    while not week.is_working_day(rolled):
        rolled += timedelta(days=1)
    after = rolled + timedelta(days=1)
    while not week.is_working_day(after):
        after += timedelta(days=1)

    assert found.due == (rolled if rolls else day)
    assert found.tacit_consent_from == after
    assert after > found.due
    assert all(found.asked[one] == week.is_working_day(one) for one in found.asked)


@given(INSTANTS, OFF, st.sampled_from(["notice_lead", "transit_lead"]))
def test_a_lead_is_kept_by_arriving_on_its_last_day_and_broken_the_day_after(
    at: datetime, off: frozenset[date], step: str
) -> None:
    week = Week(off)
    found = due(KAZ, Question(step, at), week)
    assert found.due is not None
    event = (at + timedelta(hours=5)).date()
    between = [found.due + timedelta(days=one) for one in range(1, (event - found.due).days)]
    counted = [day for day in between if found.basis == "CD" or week.is_working_day(day)]
    assert len(counted) == found.n
    noon_there = datetime(found.due.year, found.due.month, found.due.day, 12, tzinfo=ALMATY)
    assert due(KAZ, Question(step, at, done_at=noon_there), week).due == found.due
    if noon_there + timedelta(days=1) < at:
        with pytest.raises(Rejected, match="LEAD_TOO_SHORT"):
            due(KAZ, Question(step, at, done_at=noon_there + timedelta(days=1)), week)


# -- refusals stand at the question they are about


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (Question("no_such_step", noon("2026-11-23")), ("CODE_UNKNOWN", "/step")),
        (
            Question("reply_limit", noon("2026-11-23"), procedure="hasty"),  # type: ignore[arg-type]  # not known
            ("CODE_UNKNOWN", "/procedure"),
        ),
        (Question("reply_limit", noon("1500-11-23")), ("FIELD_RANGE", "/from")),
        (Question("reply_limit", noon("2026-11-23"), asked_at=noon("9000-11-23")), ("FIELD_RANGE", "/asked_at")),
        (Question("reply_limit", noon("2026-11-23"), done_at=noon("9000-11-23")), ("FIELD_RANGE", "/done_at")),
        (Question("reply_limit", noon("2026-11-23"), asked_at=noon("2026-11-22")), ("FIELD_RANGE", "/asked_at")),
        (Question("reply_limit", noon("2026-11-23"), extension_days=0), ("FIELD_RANGE", "/extension_days")),
        (Question("reply_limit", noon("2026-11-23"), extension_days=100_000), ("FIELD_RANGE", "/extension_days")),
    ],
)
def test_a_question_is_refused_where_it_is_wrong(question: Question, found: tuple[str, str]) -> None:
    with pytest.raises(Rejected) as caught:
        due(KAZ, question)
    assert (caught.value.code, caught.value.path) == found
