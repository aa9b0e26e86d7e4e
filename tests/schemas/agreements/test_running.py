"""Which clocks run in a case, from headers and instants alone: never too early, and an answer whatever was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import lifecycles
from schemas.agreements.calendars import day_ends_at
from schemas.agreements.pinned import PROCEDURES, Pinned, pinned
from schemas.agreements.profile import Profile, ids, load
from schemas.agreements.running import Running, running
from schemas.agreements.text import Key

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """A message as headers tell it."""

    kind: str
    step: str
    at: datetime = AT
    facts: Mapping[str, str] = field(default_factory=dict)
    index: int = 1
    late: bool = False
    handed_over: tuple[datetime, int] | None = None


APPLIED = Said("readm.application", "applied", facts={"procedure": "normal"}, handed_over=(AT, 5))
WAITING = replace(APPLIED, handed_over=None)


def profile(name: str, **keys: Any) -> Pinned:
    """A shipped profile in which these keys say something else."""
    (top, *rest) = load(name).texts
    changed = {key: Key(key, value, "as the test has it", "V", verified=True, note=None) for key, value in keys.items()}
    return Pinned(Profile((replace(top, keys={**top.keys, **changed}), *rest)), load(name).requested(AT.date()))


def one(profile: Pinned, key: str, *messages: Said) -> Running:
    (found,) = running(profile, [key], messages)
    return found


UKR = profile("EU-UKR")  # 10 working days, to 30 calendar days in all; 90 calendar days for the transfer


def test_a_reply_waits_for_the_receipt() -> None:
    assert one(UKR, "reply_limit", WAITING).stand == "not_started"
    found = one(UKR, "reply_limit", APPLIED)
    assert (found.stand, found.began, found.due) == ("running", ("ContentHandover", 5), date(2026, 12, 7))
    assert found.ends_at == day_ends_at(date(2026, 12, 7), "UKR")


def test_an_acknowledgement_starts_it_where_the_profile_asks_for_one_or_nothing_else_is_known() -> None:
    later = Said("readm.ack", "acknowledged", facts={"event_on": "2026-11-25T10:00:00+02:00"}, index=7)
    assert one(UKR, "reply_limit", APPLIED, later).began == ("ContentHandover", 5)
    assert one(UKR, "reply_limit", WAITING, later).began == ("readm.ack", 7)
    asks = profile("EU-UKR", receipt_proof="ack")
    assert one(asks, "reply_limit", APPLIED).stand == "not_started"
    found = one(asks, "reply_limit", APPLIED, later)
    assert found.due == date(2026, 12, 9)
    by_date = replace(later, facts={"event_on": "2026-11-25"})
    assert one(asks, "reply_limit", APPLIED, by_date).due == found.due


@pytest.mark.parametrize("told", ["2026-11-25T29:00:00Z", "2026-11-25T10:00", "2026-11-25T10:00:00+29:00"])
def test_an_hour_that_there_is_not_leaves_the_day(told: str) -> None:
    asks = profile("EU-UKR", receipt_proof="ack")
    later = Said("readm.ack", "acknowledged", facts={"event_on": told})
    assert one(asks, "reply_limit", APPLIED, later).due == date(2026, 12, 9)


def test_an_accelerated_procedure_has_its_own_time() -> None:
    fast = replace(APPLIED, facts={"procedure": "accelerated"})
    assert one(UKR, "reply_limit", fast).due == date(2026, 11, 25)


def asked(until: str | None = None) -> Said:
    return Said("readm.extension.request", "extension_requested", facts={} if until is None else {"valid_until": until})


def granted(until: str | None = None) -> Said:
    return Said("readm.extension.answer", "extension_granted", facts={} if until is None else {"valid_until": until})


@pytest.mark.parametrize(
    ("messages", "due"),
    [
        ((asked("2026-12-18"),), date(2026, 12, 7)),  # not answered: the clock runs
        ((asked("2026-12-18"), granted("2026-12-17")), date(2026, 12, 17)),
        ((asked("2026-12-18"), granted()), date(2026, 12, 18)),
        ((asked(), granted()), date(2026, 12, 23)),  # by days that no header tells: the longest there is
        ((asked("2027-06-30"), granted()), date(2026, 12, 23)),  # beyond what is allowed
        ((asked("9999-12-31"), granted()), date(2026, 12, 23)),
        ((asked("2026-12-01"), granted()), date(2026, 12, 7)),
    ],
)
def test_an_extension_is_counted_as_far_as_it_was_granted_and_may_go(messages: tuple[Said, ...], due: date) -> None:
    assert one(UKR, "reply_limit", APPLIED, *messages).due == due


def test_an_extension_nobody_knows_the_length_of_has_no_end_unless_a_day_was_agreed() -> None:
    georgia = profile("EU-GEO")
    found = one(georgia, "reply_limit", APPLIED, asked(), granted())
    assert (found.stand, found.due, found.ends_at) == ("unknown", None, None)
    found = one(georgia, "reply_limit", APPLIED, asked("2026-12-18"), granted())
    assert (found.stand, found.due, found.question) == ("running", date(2026, 12, 18), None)


def test_what_was_granted_for_the_reply_is_none_for_the_transfer() -> None:
    decided = Said("readm.decision", "accepted", at=AT + timedelta(days=3), index=9)
    before = one(UKR, "transfer_limit", APPLIED, asked("2026-12-18"), granted(), decided)
    assert before == one(UKR, "transfer_limit", APPLIED, decided)
    assert before.began == ("readm.decision", 9)
    after = one(UKR, "transfer_limit", APPLIED, decided, asked("2027-04-30"), granted())
    assert (after.due or date.min) > (before.due or date.max)


def test_a_transfer_after_silence_counts_from_the_end_that_passed() -> None:
    claim = Said("readm.tacit.claim", "tacit_claimed", AT + timedelta(days=60), {"event_on": "2026-12-07"})
    late = Said("readm.decision", "accepted", AT + timedelta(days=61), late=True)
    found = one(UKR, "transfer_limit", APPLIED, claim, late)
    assert found.due == date(2027, 3, 7)
    assert one(profile("EU-GEO"), "td_limit", APPLIED, claim, late).began == ("readm.tacit.claim", 1)
    assert one(UKR, "transfer_limit", APPLIED).stand == "not_started"


def test_a_travel_documents_day_is_told() -> None:
    issued = [Said("readm.td.issued", "td_issued", facts={"valid_until": day}) for day in ("2026-12-01", "2027-01-31")]
    found = one(UKR, "td_validity", APPLIED, *issued)
    assert (found.due, found.ends_at, found.question) == (
        date(2027, 1, 31),
        day_ends_at(date(2027, 1, 31), "UKR"),
        None,
    )
    last = replace(issued[0], facts={"valid_until": "9999-12-31"})
    assert one(UKR, "td_validity", APPLIED, last).stand == "unknown"
    assert running(UKR, ["td_validity"], [APPLIED]) == ()


def test_a_claim_of_error_counts_from_the_hand_over_of_the_person() -> None:
    albania = profile("EU-ALB")
    assert one(albania, "error_limit", APPLIED).stand == "not_started"
    handed = Said("transfer.result", "handed_over", AT, {"event_on": "2026-11-20T23:30:00+01:00"})
    assert one(albania, "error_limit", APPLIED, handed).due == date(2027, 2, 20)
    assert one(albania, "error_limit", APPLIED, replace(handed, facts={})).due == date(2027, 2, 23)
    assert running(UKR, ["error_limit"], [APPLIED, handed]) == ()  # nobody knows the number


def test_a_transit_is_answered_after_its_receipt_and_lasts_from_its_consent() -> None:
    georgia = profile("EU-GEO")
    applied = Said("transit.application", "applied", handed_over=(AT, 5))
    assert one(georgia, "transit_reply_limit", applied).due == date(2026, 11, 28)
    assert one(georgia, "transit_limit", applied).stand == "not_started"
    consented = Said("transit.decision", "consented", AT)
    assert one(georgia, "transit_limit", applied, consented).due == date(2026, 12, 23)


def test_an_instant_before_the_profile_held_has_no_end() -> None:
    early = replace(APPLIED, handed_over=(datetime(2005, 1, 1, tzinfo=UTC), 5))
    found = one(profile("EU-GEO"), "reply_limit", early)
    assert (found.stand, found.indicative) == ("unknown", True)


_DAYS = st.dates().map(date.isoformat) | st.just("9999-12-31") | st.just("0001-01-01")
_FACTS = st.fixed_dictionaries(
    {}, optional={"event_on": _DAYS | _DAYS.map(lambda day: f"{day}T29:59:59-29:00"), "valid_until": _DAYS}
)
_STEPS = sorted(
    {step for name in PROCEDURES for rule in lifecycles.PROCEDURES[name].rules.values() for step in rule.steps}
)


@given(
    name=st.sampled_from([name for name in ids() if pinned(f"{name}/1/AUT") is not None]),
    procedure=st.sampled_from(["normal", "accelerated", "airport"]),
    told=st.lists(
        st.tuples(st.sampled_from(["readm.ack", "readm.decision"]), st.sampled_from(_STEPS), _FACTS), max_size=6
    ),
)
def test_whatever_headers_tell_there_is_an_answer(
    name: str, procedure: str, told: list[tuple[str, str, dict[str, str]]]
) -> None:
    found = pinned(f"{name}/1/AUT")
    assert found is not None
    messages = [
        replace(APPLIED, facts={"procedure": procedure}),
        *(Said(kind, step, AT, facts) for kind, step, facts in told),
    ]
    for name_ in PROCEDURES:
        for state in lifecycles.PROCEDURES[name_].states.values():
            for clock in running(found, state.clocks, messages):
                assert (clock.due is None) == (clock.ends_at is None) == (clock.stand != "running")
