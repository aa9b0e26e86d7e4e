"""The worked case of domain.md 13: an application to Kazakhstan, silence, a claim, a document, a hand-over; a transit.

The days are those of the text. Kazakhstan's holiday of 16 December is a calendar's matter and not counted here.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.parts.context import Earlier
from tests.schemas.kinds.profiles import KAZAKHSTAN, StandIn

Errors = Callable[..., set[tuple[str, str]]]
PROFILE = StandIn()
OUT = {"sender_state": "NLD", "recipient_states": ("KAZ",), "profile": PROFILE}
BACK = {"sender_state": "KAZ", "recipient_states": ("NLD",), "profile": PROFILE}

APPLICATION_ID = "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b27"
CLAIM_ID = "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b28"

APPLICATION: dict[str, Any] = {
    "kind": "readm.application",
    "purpose_code": "READM",
    "agreement_id": "BENELUX-KAZ-2015",
    "variant": "own_national",
    "procedure": "normal",
    "person": {
        "identities": [
            {
                "type": "primary",
                "parts": [
                    {"kind": "surname", "value": "ӘДІЛБЕКТЕСТ", "script": "Cyrl", "as_on": "registry"},
                    {"kind": "surname", "value": "ADILBEKTEST", "script": "Latn", "as_on": "mrz"},
                    {"kind": "given", "value": "NURLAN", "script": "Latn", "as_on": "mrz"},
                ],
            }
        ],
        "birth_date": {"value": "1987", "qualifier": "declared"},
        "sex": "M",
        "nationalities": [{"code": "KAZ", "basis": "presumed"}],
    },
    "evidence": [{"code": "NAT.PRIMA_FACIE.COPY_PASSPORT"}, {"code": "NAT.PRIMA_FACIE.OWN_STATEMENT"}],
    "unlawful_stay_since": "2026-09-14",
    "interview_request": True,
    "safeguards": {
        "return_decision": {
            "issued_on": "2026-10-20",
            "authority": "Sample Return Service",
            "enforceable": True,
            "suspended": False,
            "suspensive_appeal": False,
        },
        "subject_informed": {"on": "2026-10-20", "language": "kk"},
        "transfer_ground": "GDPR46_READMISSION",
        "nonrefoulement_checked": {"on": "2026-11-20", "by_role": "RET"},
    },
}
ACK = {"kind": "readm.ack", "in_reply_to": APPLICATION_ID, "received_at": "2026-11-23", "complete": True}
DECISION = {
    "kind": "readm.decision",
    "in_reply_to": APPLICATION_ID,
    "outcome": "REFUSED",
    "persons_covered": ["p1"],
    "reasons": [{"code": "EVIDENCE_DISPROVED", "text": "number range never issued"}],
}
CLAIM = {
    "kind": "readm.tacit.claim",
    "in_reply_to": APPLICATION_ID,
    "application_ref": APPLICATION_ID,
    "received_at": "2026-11-23",
    "due_at": "2026-12-14",
    "profile_version": "1",
}
NOTICE: dict[str, Any] = {
    "kind": "transfer.notice",
    "in_reply_to": CLAIM_ID,
    "consent_ref": {"tacit_claim": CLAIM_ID, "on": "2026-12-15"},
    "persons": ["p1"],
    "td": {
        "doc_type": "td.laissez_passer",
        "issuer": "KAZ",
        "number": "LP0001234",
        "expires_on": "2027-06-22",
        "possession": "held",
    },
    "at": "2027-01-12T10:35:00+05:00",
    "bcp": "KZNQZ-AIR",
    "mode": "AIR",
    "carrier_ref": "XX123",
    "escorts": [{"name": "ESCORT A", "passport": "NLD-X000001", "authorisation": "RET-2026-77"}],
    "medical_escort": False,
    "needs": [],
    "safeguards": {"nonrefoulement_checked": {"on": "2027-01-04", "by_role": "RET"}},
}
TRANSIT = {
    "kind": "transit.application",
    "purpose_code": "TRANSIT",
    "person": APPLICATION["person"],
    "destination": "GEO",
    "other_transit_states": ["TUR"],
    "modes": ["AIR"],
    "bcp": "SRBEG-AIR",
    "at": "2026-12-09T06:00:00+01:00",
    "escorts": [],
    "guarantee_onward": True,
    "known_refusal_ground": False,
    "safeguards": {"nonrefoulement_checked": {"on": "2026-11-20", "by_role": "RET"}},
}


def on(day: str, hour: int = 9) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


APPLIED = (Earlier(payload=APPLICATION, id=APPLICATION_ID),)
ACKNOWLEDGED = (*APPLIED, Earlier(payload=ACK))
CLAIMED = (*ACKNOWLEDGED, Earlier(payload=CLAIM, id=CLAIM_ID))


def test_the_application(errors: Errors) -> None:
    assert errors(APPLICATION, at=on("2026-11-23"), **OUT) == set()


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ("return_decision", "SG2"),
        ("subject_informed", "SG3"),
        ("transfer_ground", "SG6"),
        ("nonrefoulement_checked", "SG13"),
    ],
)
def test_what_it_must_state_to_a_third_country(member: str, code: str, errors: Errors) -> None:
    stated = {name: value for name, value in APPLICATION["safeguards"].items() if name != member}
    payload = {**APPLICATION, "safeguards": stated}
    assert errors(payload, at=on("2026-11-23"), **OUT) == {(code, f"/safeguards/{member}")}
    assert errors(payload, at=on("2026-11-23"), sender_state="NLD", recipient_states=("DEU",)) == set()


def test_it_cannot_do_without_the_block(errors: Errors) -> None:
    payload = {name: value for name, value in APPLICATION.items() if name != "safeguards"}
    assert ("FIELD_MISSING", "/safeguards") in errors(payload, at=on("2026-11-23"))


def test_the_acknowledgement_and_a_refusal(errors: Errors) -> None:
    assert errors(ACK, at=on("2026-11-23"), parent=APPLICATION, earlier=APPLIED, **BACK) == set()
    assert errors(DECISION, at=on("2026-12-01"), parent=APPLICATION, earlier=ACKNOWLEDGED, **BACK) == set()
    found = errors({**DECISION, "persons_covered": ["p2"]}, at=on("2026-12-01"), parent=APPLICATION, **BACK)
    assert found == {("PERSON_NOT_IN_APPLICATION", "/persons_covered/0")}


@pytest.mark.parametrize(("day", "code"), [("2026-12-14", "TACIT_TOO_EARLY"), ("2026-12-15", None)])
def test_silence_is_claimed_on_the_day_after(day: str, code: str | None, errors: Errors) -> None:
    found = errors(CLAIM, at=on(day), parent=APPLICATION, earlier=ACKNOWLEDGED, **OUT)
    assert found == ({(code, "/due_at")} if code else set())


def test_as_long_as_nobody_read_when_it_entered_into_force_silence_is_nothing(errors: Errors) -> None:
    uncertain = OUT | {"profile": replace(PROFILE, certain=False)}
    found = errors(CLAIM, at=on("2026-12-15"), parent=APPLICATION, earlier=ACKNOWLEDGED, **uncertain)
    assert found == {("TACIT_NOT_PROVIDED", "/kind")}


def test_the_notice(errors: Errors) -> None:
    assert errors(NOTICE, at=on("2027-01-06"), parent=CLAIM, earlier=CLAIMED, **OUT) == set()


@pytest.mark.parametrize(
    ("changes", "day", "found"),
    [
        ({}, "2027-01-07", {("LEAD_TOO_SHORT", "/at")}),
        ({"at": "2027-01-14T23:00:00+05:00"}, "2027-01-06", set()),
        ({"at": "2027-01-15T00:30:00+05:00"}, "2027-01-06", {("WINDOW_EXPIRED", "/at")}),
        ({"persons": ["p1", "c1"]}, "2027-01-06", {("PERSON_NOT_IN_APPLICATION", "/persons/1")}),
        ({"bcp": "NLAMS-AIR"}, "2027-01-06", {("FIELD_RANGE", "/bcp")}),
        ({"safeguards": {}}, "2027-01-06", {("SG13", "/safeguards/nonrefoulement_checked")}),
    ],
)
def test_the_notice_refused(changes: dict[str, Any], day: str, found: set[tuple[str, str]], errors: Errors) -> None:
    assert errors({**NOTICE, **changes}, at=on(day), parent=CLAIM, earlier=CLAIMED, **OUT) == found


def test_errors_are_claimed_for_three_months(errors: Errors) -> None:
    claim = {
        "kind": "readm.error.claim",
        "in_reply_to": CLAIM_ID,
        "handed_over_at": "2027-01-12",
        "ground": "NOT_NATIONAL",
        "evidence": [{"code": "NAT.PRIMA_FACIE.OTHER"}],
    }
    assert errors(claim, at=on("2027-04-12"), **BACK) == set()
    assert errors(claim, at=on("2027-04-13"), **BACK) == {("OUT_OF_TIME", "/handed_over_at")}


def test_the_transit(errors: Errors) -> None:
    serbia = StandIn(
        id="BENELUX-SRB-2013",
        parties=("NLD", "SRB"),
        keys={**KAZAKHSTAN, "transit_lead": {"n": 7, "basis": "CD"}, "transit_reply_limit": {"n": 5, "basis": "CD"}},
        preferred_leads=frozenset({"transit_lead"}),
    )
    parties = {"sender_state": "NLD", "recipient_states": ("SRB",), "profile": serbia}
    assert errors(TRANSIT, at=on("2026-12-01"), **parties) == set()
    assert serbia.due("transit_reply_limit", on("2026-12-01")) == on("2026-12-06").date()
