"""A deadline that a court can count again, and every byte of it that may not be another."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.agreements import calendars
from schemas.agreements.certificate import Certificate, Receipt, certify, decode, encode, recheck
from schemas.agreements.clocks import Question
from schemas.agreements.profile import Profile, load
from schemas.agreements.text import canonical
from schemas.errors import Rejected

RECEIPT = Receipt("ContentHandover", "2026/123", "ab" * 32)
KAZ = load("BENELUX-KAZ-2015")
CONSENT = datetime.fromisoformat("2026-12-15T10:00:00+01:00")
QUESTIONS = [
    ("BENELUX-KAZ-2015", Question("td_limit", CONSENT)),
    ("BENELUX-KAZ-2015", Question("reply_limit", CONSENT, asked_at=CONSENT, requested="NLD")),
    ("BENELUX-KAZ-2015", Question("transfer_limit", CONSENT, extension_days=20)),
    ("BENELUX-KAZ-2015", Question("notice_lead", CONSENT, done_at=datetime(2026, 12, 1, tzinfo=UTC))),
    ("EU-UKR", Question("reply_limit", CONSENT, procedure="accelerated")),
    ("BENELUX-SRB-2013", Question("reply_limit", CONSENT)),
]


@pytest.fixture
def certificate() -> Certificate:
    return certify(KAZ, Question("td_limit", CONSENT), RECEIPT)


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_a_certificate_holds_wherever_it_is_read(name: str, question: Question) -> None:
    made = certify(load(name), question, RECEIPT)
    read = decode(encode(made))
    assert read == made
    assert encode(read) == encode(made)
    found = recheck(read, load)
    assert found.due is not None
    assert found.due.isoformat() == made.result["due"]


def test_it_says_which_text_which_receipt_and_which_days(certificate: Certificate) -> None:
    members = json.loads(encode(certificate))
    assert members["texts"] == [
        {"id": "BENELUX-KAZ-2015", "version": 1, "sha256": load("BENELUX-KAZ-2015").texts[0].digest}
    ]
    assert members["receipt"] == {"event": "ContentHandover", "index": "2026/123", "sha256": "ab" * 32}
    assert members["question"]["at"] == "2026-12-15T09:00:00Z"
    assert members["question"]["requested"] == "KAZ"
    assert members["calendar"]["days"]["2026-12-16"] is False
    assert members["calendar"]["zone"] == "Asia/Almaty"
    assert members["result"]["due"] == "2026-12-23"
    assert members["v"] == 1
    assert encode(certificate) == canonical(members)


def test_a_protocol_pins_both_its_texts_and_an_unread_override_is_named() -> None:
    serbia = certify(load("BENELUX-SRB-2013"), Question("interview_limit", CONSENT), RECEIPT)
    assert [text.id for text in serbia.texts] == ["BENELUX-SRB-2013", "EU-SRB"]
    ukraine = certify(load("EU-UKR"), Question("reply_limit_fast", CONSENT), RECEIPT)
    assert [one.effect for one in ukraine.unread] == ["no_public_holidays"]
    assert certify(load("EU-UKR"), Question("reply_limit", CONSENT), RECEIPT).unread == ()


def test_it_is_counted_again_without_our_calendar(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(state: str) -> None:
        raise AssertionError(state)

    monkeypatch.setattr(calendars, "calendar", gone)
    monkeypatch.setattr(calendars, "_holidays", gone)
    assert recheck(decode(encode(certificate)), load).due == date(2026, 12, 23)


def test_where_nothing_is_due_nothing_is_certified() -> None:
    with pytest.raises(Rejected, match="FIELD_RANGE"):
        certify(load("EU-BLR"), Question("reply_limit", CONSENT), RECEIPT)


@pytest.mark.parametrize("field", ["at", "asked_at", "done_at"])
def test_a_fraction_of_a_second_would_not_come_back(field: str) -> None:
    more: dict[str, Any] = {"at": CONSENT} | {field: CONSENT.replace(microsecond=1)}
    with pytest.raises(ValueError, match="whole seconds"):
        certify(KAZ, Question("reply_limit", **more), RECEIPT)


# -- what does not hold


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/texts/0/sha256", "cd" * 32),
        ("/texts/0/id", "EU-MDA"),
        ("/question/step", "notice_lead"),
        ("/question/step", "nothing"),
        ("/question/at", "2026-12-14T09:00:00Z"),
        ("/question/extension_days", 1),
        ("/question/procedure", "slow"),
        ("/question/requested", "NLD"),
        ("/question/requested", "AUT"),
        ("/calendar/zone", "Europe/Kyiv"),
        ("/calendar/days/2026-12-16", True),
        ("/calendar/days/2026-12-24", True),
        ("/result/due", "2026-12-22"),
        ("/result/n", 4),
        ("/result/verified", False),
        ("/result/tacit_consent_from", "2026-12-24"),
    ],
)
def test_a_certificate_that_does_not_follow_is_refused(certificate: Certificate, path: str, value: Any) -> None:
    with pytest.raises(Rejected, match=r"PROOF_INVALID|NO_AGREEMENT"):
        recheck(decode(_spoiled(certificate, path, value)), load)


def test_a_day_left_out_is_refused(certificate: Certificate) -> None:
    days = {day: works for day, works in certificate.days.items() if day != date(2026, 12, 18)}
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        recheck(replace(certificate, days=days), load)


def test_words_of_another_release_are_no_other_result(certificate: Certificate) -> None:
    other = replace(certificate, result=dict(certificate.result) | {"steps": ["another way to say it"]})
    assert recheck(other, load).due == date(2026, 12, 23)


def test_an_override_added_afterwards_takes_the_verification_away() -> None:
    made = certify(load("EU-UKR"), Question("reply_limit_fast", CONSENT), RECEIPT)
    assert recheck(replace(made, unread=()), load).due is not None  # a draft is not verified either way
    text = replace(KAZ.texts[0])
    profile = Profile((text,))
    kept = certify(profile, Question("td_limit", CONSENT), RECEIPT)
    override = calendars.Override("KAZ", "working_day", date(2026, 12, 17), None, "x", verified=False)
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        recheck(replace(kept, unread=(override,)), load)
    later = replace(override, first=date(2027, 1, 1))
    assert recheck(replace(kept, unread=(later,)), load).verified


# -- what is no certificate


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/v", 2),
        ("/surprise", 1),
        ("/texts", []),
        ("/texts", {}),
        ("/texts/0/version", True),
        ("/texts/0/version", "1"),
        ("/texts/0/sha256", "AB" * 32),
        ("/receipt/index", ""),
        ("/receipt/event", 7),
        ("/receipt/sha256", "ab"),
        ("/receipt/more", 1),
        ("/question/at", "2026-12-15T09:00:00+00:00"),
        ("/question/at", "2026-12-15T25:00:00Z"),
        ("/question/at", None),
        ("/question/requested", None),
        ("/question/requested", "kaz"),
        ("/question/extension_days", "1"),
        ("/calendar/days", []),
        ("/calendar/days/2026-02-30", True),
        ("/calendar/days/20261216", True),
        ("/calendar/days/2026-12-16", 0),
        ("/calendar/holidays", None),
        ("/calendar/unread", [{}]),
        ("/calendar/unread", {}),
        ("/result", None),
    ],
)
def test_what_is_not_written_so_is_no_certificate(certificate: Certificate, path: str, value: Any) -> None:
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        decode(_spoiled(certificate, path, value))


@pytest.mark.parametrize(
    "change", [{"effect": "holiday"}, {"source": 1}, {"from": "soon"}, {"to": "never"}, {"state": "ukraine"}]
)
def test_an_override_is_read_as_strictly(change: dict[str, object]) -> None:
    made = json.loads(encode(certify(load("EU-UKR"), Question("reply_limit_fast", CONSENT), RECEIPT)))
    made["calendar"]["unread"][0] |= {"to": "2030-01-01"}
    assert decode(canonical(made)).unread[0].last == date(2030, 1, 1)
    made["calendar"]["unread"][0] |= change
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        decode(canonical(made))


def test_too_many_days_are_refused_before_they_are_read(certificate: Certificate) -> None:
    days = {f"{year}-01-{day:02}": True for year in range(1800, 2000) for day in range(1, 29)}
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        decode(_spoiled(certificate, "/calendar/days", days))


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-1], lambda raw: raw + b" ", lambda raw: b" " + raw, lambda _: b"[]"]
)
def test_other_bytes_are_no_certificate(certificate: Certificate, spoil: Any) -> None:
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        decode(spoil(encode(certificate)))


def test_a_member_twice_is_no_certificate(certificate: Certificate) -> None:
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        decode(encode(certificate).replace(b'"v":1', b'"v":1,"v":1'))


def _spoiled(certificate: Certificate, path: str, value: Any) -> bytes:
    members: Any = json.loads(encode(certificate))
    at = members
    *parents, last = path.strip("/").split("/")
    for name in parents:
        at = at[int(name) if isinstance(at, list) else name]
    at[last] = value
    return canonical(members)
