"""What two national systems write about returns: invented people, documents and dates, as payloads.

As in `inputs`: everything is made up and says so. What is said of one case stands in its order.
"""

from datetime import date, datetime, timedelta

from liaison.demo.inputs import Payload, names, safeguards

PROFILE = "TEST-PROFILE-AUT-MDA"
"""The profile made for tests: no shipped one gives consent by silence."""
EXTENSION_DAYS = 6
_CROSSING = "MD-TEST-AIR"
_DOCUMENT_DAYS = 240


def application(today: date, number: int, surname: str, given: str) -> Payload:
    """Austria asks Moldova to take back one of its nationals."""
    return {
        "kind": "readm.application",
        "purpose_code": "READM",
        "case_ref": f"AT-RET-TEST-{number:04}",
        "agreement_id": PROFILE,
        "variant": "own_national",
        "procedure": "normal",
        "person": {
            "id": "p1",
            "identities": [{"type": "primary", "parts": names(surname, given, "statement")}],
            "birth_date": {"value": "1990-04-17", "qualifier": "exact"},
            "sex": "M",
            "nationalities": [{"code": "MDA", "basis": "declared"}],
            "languages": ["ro"],
        },
        "evidence": [{"code": "NAT.PRIMA_FACIE.OWN_STATEMENT"}, {"code": "NAT.PRIMA_FACIE.LANGUAGE"}],
        "unlawful_stay_since": (today - timedelta(days=40)).isoformat(),
        "interview_request": True,
        "handling": "H2",
        "safeguards": safeguards(today, language="ro"),
    }


def acknowledgement(application_id: str, at: datetime) -> Payload:
    """Moldova has it, and it is complete."""
    return _reply("readm.ack", application_id) | {"received_at": _instant(at), "complete": True}


def extension_request(application_id: str) -> Payload:
    """Moldova asks for more time, before the end."""
    asked = {"which": "REPLY", "reason": "FACTUAL", "days": EXTENSION_DAYS}
    return _reply("readm.extension.request", application_id) | asked


def extension_answer(request_id: str) -> Payload:
    """Austria grants it."""
    return _reply("readm.extension.answer", request_id) | {"outcome": "GRANTED"}


def interview_plan(application_id: str, at: datetime) -> Payload:
    """The consulate will speak with the person by video."""
    planned = {"mode": "VIDEO", "at": _instant(at), "place": "Test centre, room 4", "interpreter": False}
    return _reply("readm.interview.plan", application_id) | planned


def interview_result(application_id: str) -> Payload:
    """It has: the person is a national."""
    basis = ["NAT.PRIMA_FACIE.OWN_STATEMENT", "NAT.PRIMA_FACIE.LANGUAGE"]
    return _reply("readm.interview.result", application_id) | {"outcome": "CONFIRMED", "basis": basis}


def decision(application_id: str) -> Payload:
    """Moldova takes the person back."""
    return _reply("readm.decision", application_id) | {"outcome": "ACCEPTED", "persons_covered": ["p1"]}


def document_request(decision_id: str) -> Payload:
    """Austria asks for a document to travel on."""
    return _reply("readm.td.request", decision_id) | {"td_kind": "LAISSEZ_PASSER"}


def document_issued(request_id: str, today: date) -> Payload:
    """The consulate issues it."""
    issued = {"td_kind": "LAISSEZ_PASSER", "td": _document(today), "delivered_to": "Test return unit, desk 2"}
    return _reply("readm.td.issued", request_id) | issued


def transfer_notice(decision_id: str, today: date, at: datetime) -> Payload:
    """Austria says when and where the person will come."""
    return _reply("transfer.notice", decision_id) | {
        "consent_ref": {"decision": decision_id, "on": today.isoformat()},
        "persons": ["p1"],
        "td": _document(today),
        "at": _instant(at),
        "bcp": _CROSSING,
        "mode": "AIR",
        "carrier_ref": "TEST 123",
        "medical_escort": False,
        "safeguards": {"nonrefoulement_checked": {"on": today.isoformat(), "by_role": "RET"}},
    }


def transfer_acknowledgement(notice_id: str, at: datetime) -> Payload:
    """The border police expects the person."""
    return _reply("transfer.ack", notice_id) | {"received_at": _instant(at), "official": "Test duty officer"}


def transfer_result(notice_id: str, at: datetime) -> Payload:
    """The person was handed over."""
    handed_over = {"at": _instant(at), "bcp": _CROSSING}
    return _reply("transfer.result", notice_id) | {"outcome": "HANDED_OVER", "handed_over": handed_over}


def tacit_claim(application_id: str, received_at: str, due_on: str) -> Payload:
    """Austria claims consent by silence: receipt and last day as the deadline's certificate has them."""
    return _reply("readm.tacit.claim", application_id) | {
        "application_ref": application_id,
        "received_at": received_at,
        "due_at": due_on,
        "profile_version": "1",
    }


def _document(today: date) -> Payload:
    return {
        "doc_type": "td.laissez_passer",
        "number": "LPTEST01",
        "issuer": "MDA",
        "issued_on": today.isoformat(),
        "expires_on": (today + timedelta(days=_DOCUMENT_DAYS)).isoformat(),
        "possession": "held",
    }


def _reply(kind: str, answered: str) -> Payload:
    return {"kind": kind, "purpose_code": "READM", "in_reply_to": answered, "handling": "H2"}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
