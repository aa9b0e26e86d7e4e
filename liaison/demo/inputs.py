"""What the three national systems write: invented people, documents and findings, as payloads.

Persons, numbers and texts are made up; names say so (TEST, PROBE, SPECIMEN). Dates lie in the months before the day the
demonstration runs, so that rules about time hold whenever that is.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, TypeAlias

Payload: TypeAlias = dict[str, Any]

ALERT_IMAGE = "datapage-masked.jpg"
OVERSTAYS = 24
"""Rows of the CSV file; one of them is bad."""
BAD_ROW = 9
"""From 0: its stay ends before it begins."""

_GIVEN = ("NINO", "GIORGI", "ANA", "LEVAN", "MARIAM", "DAVIT")
_SURNAMES = ("TESTADZE", "PROBASHVILI", "SPECIMENIA", "MUSTERIDZE")


def ident_request(today: date) -> Payload:
    """Austria's return unit asks Moldova who somebody without papers is."""
    return {
        "kind": "ident.request",
        "purpose_code": "RETURN_ID",
        "case_ref": "AT-RET-TEST-0001",
        "person": {
            "id": "p1",
            "identities": [{"type": "primary", "parts": names("TESTARU", "ION", "statement")}],
            "birth_date": {"value": "1990-04", "qualifier": "declared"},
            "birth_place": {"country": "MDA", "locality": "Chișinău", "locality_latin": "CHISINAU"},
            "sex": "M",
            "nationalities": [{"code": "MDA", "basis": "declared"}],
            "languages": ["ro"],
        },
        "presumed_nationality": "MDA",
        "evidence": [{"code": "NAT.PRIMA_FACIE.OWN_STATEMENT"}, {"code": "NAT.PRIMA_FACIE.LANGUAGE"}],
        "interview_wanted": True,
        "questions": ["NATIONALITY", "IDENTITY"],
        "handling": "H2",
        "safeguards": safeguards(today, language="ro"),
    }


def ident_reply(request: Mapping[str, Any], request_id: str) -> Payload:
    """Moldova has found the person in its register."""
    person = {**request["person"], "birth_date": {"value": "1990-04-17", "qualifier": "exact"}}
    person["identities"] = [{"type": "primary", "parts": names("TESTARU", "ION", "registry")}]
    person["nationalities"] = [{"code": "MDA", "basis": "documented"}]
    return {
        "kind": "ident.reply",
        "purpose_code": "RETURN_ID",
        "in_reply_to": request_id,
        "outcome": "CONFIRMED",
        "verified_identity": person,
        "handling": "H2",
    }


def doc_alert(today: date, image: bytes) -> Payload:
    """Georgia warns of a substituted data page; the masked image travels beside the payload."""
    return {
        "kind": "doc.alert",
        "purpose_code": "DOCFRAUD",
        "alert_no": f"GE-DOC-{today.year}-00017",
        "fraud_types": ["FORGED.DATAPAGE_SUB"],
        "finding_level": 3,
        "document_model": {"doc_type": "passport.ordinary", "issuer": "GEO", "series": "TEST-2019"},
        "number_masks": ["12TS*****"],
        "detection_points": [
            {
                "feature": "datapage_joint",
                "genuine": "stitched hinge",
                "false": "glued edge, thread cut",
                "light": "oblique",
                "page": "data",
            },
            {"feature": "mrz_check_digit", "genuine": "birth check digit 7", "false": "birth check digit 4"},
        ],
        "route_code": "EASTERN_LAND",
        "bcp_kind": "land",
        "images": [
            {
                "id": "image-1",
                "media_type": "image/jpeg",
                "size": len(image),
                "sha256": hashlib.sha256(image).hexdigest(),
                "role": "datapage",
                "masked": ["portrait", "name", "number", "mrz"],
            }
        ],
        "evaluation": {"source": "A", "info": "1"},
        "handling": "H2",
        "tlp": "AMBER",
        "valid_until": (today + timedelta(days=730)).isoformat(),
    }


def doc_verify_request() -> Payload:
    """Moldova holds a passport that fits the alert, and asks the issuer."""
    return {
        "kind": "doc.verify.request",
        "purpose_code": "DOCFRAUD",
        "case_ref": "MD-DOC-TEST-0042",
        "document": {
            "doc_type": "passport.ordinary",
            "issuer": "GEO",
            "number": "12TS34567",
            "possession": "held",
        },
        "questions": ["ISSUED", "STATUS", "NUMBER_FORMAT"],
        "reason": "INVESTIGATION",
        "urgency": "B",
        "handling": "H0",
    }


def doc_verify_reply(request_id: str) -> Payload:
    """Georgia never issued it."""
    return {
        "kind": "doc.verify.reply",
        "purpose_code": "DOCFRAUD",
        "in_reply_to": request_id,
        "answers": {"ISSUED": "NO", "STATUS": "CANNOT_SAY", "NUMBER_FORMAT": "YES"},
        "handling": "H0",
    }


def overstay_notices(today: date) -> Iterator[Payload]:
    """Austria's migration office reports departures after too long a stay, recorded by stamps; one row is bad."""
    for number in range(OVERSTAYS):
        entry = today - timedelta(days=170 - number)
        over = 3 + number
        notice = _overstay(today, number, entry, over)
        if number == BAD_ROW:
            notice["stays"][0]["exit"]["at"] = (entry - timedelta(days=1)).isoformat()
        yield notice


def overstay_table(today: date, recipient: str) -> bytes:
    """The same notices as the migration office's own table: CSV, read by adapters/partners/test-aut/overstay.toml."""
    rows = [_row(notice, recipient) for notice in overstay_notices(today)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _row(notice: Payload, recipient: str) -> dict[str, str]:
    person, stay, safeguards = notice["person"], notice["stays"][0], notice["safeguards"]
    surname, given = (part["value"] for part in person["identities"][0]["parts"])
    return {
        "recipient": recipient,
        "case_ref": notice["case_ref"],
        "surname": surname,
        "given": given,
        "born": person["birth_date"]["value"],
        "sex": {"M": "male", "F": "female"}[person["sex"]],
        "nationality": person["nationalities"][0]["code"],
        "issuer": notice["document"]["issuer"],
        "number": notice["document"]["number"],
        "entry": stay["entry"]["at"],
        "exit": stay["exit"]["at"],
        "first_overstay_day": notice["computed"]["first_overstay_day"],
        "days": str(notice["computed"]["days"]),
        "detected": notice["detected_at"],
        "decided": safeguards["return_decision"]["issued_on"],
        "informed": safeguards["subject_informed"]["on"],
        "language": safeguards["subject_informed"]["language"],
        "checked": safeguards["nonrefoulement_checked"]["on"],
    }


def overstay_reply(notice_id: str) -> Payload:
    """Georgia takes note."""
    return {
        "kind": "visa.overstay.reply",
        "purpose_code": "RETURN_ID",
        "in_reply_to": notice_id,
        "outcome": "NOTED",
        "handling": "H0",
    }


def unlawful_notice(today: date) -> Payload:
    """A stay from the entry/exit system for a state outside it, and none of the safeguards: it must not leave."""
    notice = _overstay(today, OVERSTAYS, today - timedelta(days=150), 12)
    notice["stays"][0]["source_system"] = "EES"
    del notice["safeguards"]
    return notice


def _overstay(today: date, number: int, entry: date, over: int) -> Payload:
    surname, given = _SURNAMES[number % len(_SURNAMES)], _GIVEN[number % len(_GIVEN)]
    left = entry + timedelta(days=90 + over - 1)
    return {
        "kind": "visa.overstay.notice",
        "purpose_code": "RETURN_ID",
        "case_ref": f"AT-MIG-TEST-{number:04d}",
        "person": {
            "identities": [{"type": "primary", "parts": names(surname, given, "mrz")}],
            "birth_date": {"value": f"{1970 + number}-05-{1 + number:02d}", "qualifier": "exact"},
            "sex": "F" if number % 2 == 0 else "M",
            "nationalities": [{"code": "GEO", "basis": "documented"}],
        },
        "document": {
            "doc_type": "passport.ordinary",
            "issuer": "GEO",
            "number": f"77TS{10000 + number}",
            "possession": "held",
        },
        "stays": [
            {
                "entry": {"at": entry.isoformat()},
                "exit": {"at": left.isoformat()},
                "under": "visa_free",
                "source_system": "stamp",
            }
        ],
        "computed": {
            "first_overstay_day": (entry + timedelta(days=90)).isoformat(),
            "days": over,
            "rule_version": "90-180",
        },
        "status": "DEPARTED",
        "detected_at": left.isoformat(),
        "handling": "H1",
        "safeguards": safeguards(today, language="ka"),
    }


def names(surname: str, given: str, as_on: str) -> list[dict[str, str]]:
    """The parts of a name in Latin letters, and where it was read or heard."""
    return [
        {"kind": "surname", "value": surname, "script": "Latn", "as_on": as_on},
        {"kind": "given", "value": given, "script": "Latn", "as_on": as_on},
    ]


def safeguards(today: date, language: str) -> Payload:
    """What lets data about a return leave: the decision, the information given, the ground, the look at the risk."""
    return {
        "return_decision": {
            "issued_on": (today - timedelta(days=20)).isoformat(),
            "authority": "AT-TEST-RETURNS",
            "enforceable": True,
            "suspended": False,
            "suspensive_appeal": False,
        },
        "subject_informed": {"on": (today - timedelta(days=19)).isoformat(), "language": language},
        "transfer_ground": "GDPR46_READMISSION",
        "nonrefoulement_checked": {"on": (today - timedelta(days=10)).isoformat(), "by_role": "RET"},
    }
