"""The profile a case began with, as rules ask it: days where they can be counted, None elsewhere, never an error."""

from datetime import UTC, date, datetime

import pytest

from schemas.agreements.pinned import Pinned, pin, pinned
from schemas.agreements.profile import load
from schemas.errors import Rejected

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEST = "TEST-PROFILE-AUT-MDA"
KAZ = Pinned(load("BENELUX-KAZ-2015"))


def test_a_civil_date_and_an_instant_of_it_end_on_the_same_day() -> None:
    assert KAZ.due("reply_limit", DAY) == KAZ.due("reply_limit", NOON) == date(2026, 12, 14)
    assert (KAZ.id, KAZ.version, KAZ.certain) == ("BENELUX-KAZ-2015", 1, False)
    assert KAZ.binds("NLD", DAY)
    assert not KAZ.binds("AUT", DAY)
    assert KAZ.active_on(DAY)
    assert KAZ.value("no_such_key") is None
    assert not KAZ.preferred("transfer_limit")
    assert not Pinned(load("EU-GEO")).tcn_in_force(DAY)


@pytest.mark.parametrize(
    ("key", "days"),
    [("no_such_step", 0), ("reply_limit", 4000), ("reply_limit", -1)],
)
def test_what_cannot_be_counted_has_no_day(key: str, days: int) -> None:
    assert KAZ.due(key, DAY, extension_days=days) is None


def test_an_extension_is_allowed_refused_or_unknown() -> None:
    srb = Pinned(load("EU-SRB"))
    assert srb.extendable("reply_limit", DAY, 3) is True
    assert srb.extendable("reply_limit", DAY, 400) is False
    assert srb.extendable("no_such_step", DAY, 5) is None


def test_silence_is_no_consent_under_an_uncertain_profile_whoever_claims() -> None:
    for claimant in (None, "NLD"):
        with pytest.raises(Rejected, match="TACIT_NOT_PROVIDED"):
            KAZ.check_tacit_claim(DAY, claimant=claimant, claimed_at=datetime(2027, 6, 1, tzinfo=UTC))
    with pytest.raises(Rejected, match="SENDER_ROLE"):
        KAZ.check_tacit_claim(DAY, claimant="KAZ", claimed_at=datetime(2027, 6, 1, tzinfo=UTC))


def test_a_case_pins_the_newest_version_and_the_state_asked() -> None:
    assert pin("EU-GEO", "GEO", DAY, test=False) == "EU-GEO/1/GEO"
    assert pin("EU-GEO", "AUT", DAY, test=True) == "EU-GEO/1/AUT"
    assert pin("EU-GEO", "MDA", DAY, test=False) == "EU-GEO/1/GEO"  # no party: the one outside the Union stands for it
    found = pinned("EU-GEO/1/GEO")
    assert found is not None
    assert (found.profile, found.requested) == (load("EU-GEO"), "GEO")


@pytest.mark.parametrize("profile", [None, "NO-SUCH", ""])
def test_without_a_profile_there_is_no_pin(profile: str | None) -> None:
    assert pin(profile, "GEO", DAY, test=False) is None


def test_a_profile_made_for_tests_is_one_among_tests_alone() -> None:
    assert pin(TEST, "MDA", DAY, test=True) == f"{TEST}/1/MDA"
    assert pin(TEST, "MDA", DAY, test=False) is None


@pytest.mark.parametrize(
    ("claimant", "at", "code"),
    [
        ("MDA", datetime(2026, 12, 1, tzinfo=UTC), "SENDER_ROLE"),
        ("GEO", datetime(2026, 12, 1, tzinfo=UTC), "SENDER_ROLE"),
        ("AUT", datetime(2026, 11, 27, 12, tzinfo=UTC), "TACIT_TOO_EARLY"),  # the last day for an answer
        ("AUT", datetime(2026, 11, 29, 12, tzinfo=UTC), "TACIT_TOO_EARLY"),  # a Sunday
    ],
)
def test_under_it_too_silence_is_claimed_by_one_side_and_after_its_end(claimant: str, at: datetime, code: str) -> None:
    found = pinned(f"{TEST}/1/MDA")
    assert found is not None
    received = date(2026, 11, 25)
    with pytest.raises(Rejected, match=code):
        found.check_tacit_claim(received, claimant=claimant, claimed_at=at)
    found.check_tacit_claim(received, claimant="AUT", claimed_at=datetime(2026, 11, 30, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "text", [None, "", "EU-GEO", "EU-GEO/0/GEO", "EU-GEO/9/GEO", "NO-SUCH/1/GEO", "EU-GEO/1/geo", "EU-GEO/1/GEO\n"]
)
def test_what_is_no_pin_we_know_pins_nothing(text: str | None) -> None:
    assert pinned(text) is None
