"""The worked examples of the domain text, completed where it shortens them, come out as it says."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Errors = Callable[..., set[tuple[str, str]]]
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PERSON = {
    "identities": [
        {
            "type": "primary",
            "parts": [
                {"kind": "surname", "value": "PRYKLADENKO", "script": "Latn", "as_on": "mrz"},
                {"kind": "given", "value": "OLENA", "script": "Latn", "as_on": "mrz"},
            ],
        }
    ],
    "birth_date": {"value": "1991-03-07", "qualifier": "exact"},
    "sex": "F",
    "nationalities": [{"code": "UKR", "basis": "documented"}],
}
ALERT = {
    "kind": "doc.alert",
    "alert_no": "MD-DOC-2026-00017",
    "fraud_types": ["FORGED.DATAPAGE_SUB"],
    "finding_level": 3,
    "document_model": {"doc_type": "passport.ordinary", "issuer": "UTO", "series": "UT-2019"},
    "number_masks": ["UT12*****"],
    "detection_points": [
        {
            "feature": "datapage_joint",
            "genuine": "stitched hinge",
            "false": "glued edge, thread cut",
            "light": "oblique",
            "page": "data",
        },
        {
            "feature": "mrz_check_digit",
            "genuine": "birth cd 7",
            "false": "birth 940229, cd 7 (should be 4; 1994 has no 29 Feb)",
        },
    ],
    "route_code": "EASTERN_LAND",
    "images": [
        {
            "id": "i1",
            "media_type": "image/jpeg",
            "size": 1000,
            "role": "datapage",
            "sha256": "0" * 64,
            "masked": ["portrait", "name", "number"],
        }
    ],
    "evaluation": {"source": "A", "info": "1"},
    "handling": "H2",
    "tlp": "AMBER",
    "valid_until": "2028-11-23",
}
REQUEST = {
    "kind": "doc.verify.request",
    "purpose_code": "VISAVER",
    "document": {
        "doc_type": "passport.ordinary",
        "issuer": "UTO",
        "number": "UT1234567",
        "possession": "held",
        "mrz": {
            "format": "TD3",
            "lines": [
                "P<UTOTESTOVYI<<IVAN<ALEKSANDR<<<<<<<<<<<<<<<",
                "UT12345675UTO8402297M3101159<<<<<<<<<<<<<<<2",
            ],
        },
    },
    "questions": ["ISSUED", "STATUS", "DATA_MATCH"],
    "reason": "VISA_APPLICATION",
    "urgency": "B",
}
REPLY = {
    "kind": "doc.verify.reply",
    "answers": {"ISSUED": "YES", "STATUS": "YES", "DATA_MATCH": "NO"},
    "record_status": "VALID",
    "mismatch_fields": ["birth_date"],
}
NOTICE: dict[str, Any] = {
    "kind": "visa.overstay.notice",
    "purpose_code": "OVERSTAY_EU",
    "person": PERSON,
    "document": {"doc_type": "passport.ordinary", "issuer": "UKR", "number": "XX123456", "possession": "held"},
    "visa": {
        "sticker_number": "AUT123456",
        "issuer": "AUT",
        "type": "C",
        "valid_from": "2026-10-01",
        "valid_until": "2026-11-30",
        "entries": "2",
        "duration_days": 30,
        "status": "issued",
    },
    "stays": [
        {
            "entry": {"at": "2026-10-05"},
            "exit": {"at": "2026-10-20"},
            "under": "visa",
            "source_system": "EES",
        },
        {
            "entry": {"at": "2026-11-02"},
            "exit": {"at": "2026-11-20"},
            "under": "visa",
            "source_system": "EES",
        },
    ],
    "computed": {"first_overstay_day": "2026-11-16", "days": 5, "rule_version": "..."},
    "status": "DEPARTED",
    "detected_at": "2026-11-20",
}


def test_the_alert(errors: Errors) -> None:
    assert errors(ALERT, at=AT) == set()
    assert errors(ALERT, at=AT, sender_state="MDA", recipient_states=("AUT", "GEO")) == set()


def test_the_document_check_and_its_answer(errors: Errors) -> None:
    assert errors(REQUEST, at=AT) == set()
    assert errors(REPLY, at=AT, parent=REQUEST) == set()


def test_the_overstay_notice(errors: Errors) -> None:
    assert errors(NOTICE, at=AT) == set()
    assert errors(NOTICE, at=AT, sender_state="DEU", recipient_states=("AUT",)) == set()
    found = errors(NOTICE, at=AT, sender_state="AUT", recipient_states=("UKR",))
    assert {("SG5", "/stays/0"), ("SG5", "/stays/1"), ("SG2", "/safeguards/return_decision")} <= found


def test_a_shortened_notice_still_shows_what_must_not_leave(errors: Errors) -> None:
    short = {name: value for name, value in NOTICE.items() if name not in {"person", "document", "detected_at"}}
    found = errors(short, at=AT, sender_state="AUT", recipient_states=("UKR",))
    assert {"SG5", "SG2", "FIELD_MISSING"} <= {code for code, _ in found}


def test_the_visa_of_the_specimen_lines(errors: Errors) -> None:
    lines = ["VCAUTPRYKLADENKO<<OLENA<<<<<<<<<<<<<", "AUT1234564UKR9103074F2611309<2301001"]
    visa = {**NOTICE["visa"], "mrz": {"format": "MRVB", "lines": lines}}
    assert errors({**NOTICE, "visa": visa}, at=AT) == set()
    found = errors({**NOTICE, "visa": {**visa, "entries": "1"}}, at=AT)
    assert found == {("VISA_MRZ_MISMATCH", "/visa/entries")}


MISUSE = {
    "kind": "visa.misuse.notice",
    "purpose_code": "VISAVER",
    "misuse_types": ["FALSE_SUPPORTING_DOCS", "PURPOSE_DEVIATION"],
    "visa": {
        "sticker_number": "D12345678",
        "issuer": "DEU",
        "type": "C",
        "ltv": True,
        "valid_from": "2026-12-01",
        "valid_until": "2026-12-31",
        "entries": "1",
        "duration_days": 15,
        "status": "annulled",
    },
    "person": PERSON,
    "document": NOTICE["document"],
    "decision": {
        "outcome": "ANNULLED",
        "grounds": ["INFO_UNRELIABLE"],
        "authority": "DE-BPOL-TEST",
        "place": "Berlin",
        "date": "2026-12-02",
        "form_version": "2019/1155",
    },
    "supporting_docs": [{"kind": "employer_letter", "false": True}],
}
ROW = {
    "kind": "stat.submission",
    "quarter": "2026-Q3",
    "indicator": "FALSE_DOC",
    "citizenship": "UTO",
    "sex": "U",
    "age_band": "18-34",
    "route": "EASTERN_LAND",
    "bcp_kind": "land",
    "doc_type": "passport.ordinary",
    "fraud_type": "IMPOSTOR",
    "count": 7,
}


def test_the_notice_of_misuse(errors: Errors) -> None:
    after = datetime(2026, 12, 3, 12, tzinfo=UTC)
    assert errors(MISUSE, at=after) == set()
    assert errors(MISUSE, at=after, sender_state="AUT", recipient_states=("DEU",)) == set()
    assert errors(MISUSE, at=AT) == {("FIELD_RANGE", "/decision/date")}, "before it was decided"


def test_the_row_of_statistics_and_its_release(errors: Errors) -> None:
    assert errors(ROW, at=AT) == set()
    release: dict[str, Any] = {"kind": "stat.release", "quarter": "2026-Q3", "indicator": "FALSE_DOC", "partners": 2}
    assert errors({**release, "cells": [{"route": "EASTERN_LAND", "shown": "5"}]}, at=AT) == set()
    seven, few = {"route": "EASTERN_LAND", "shown": "7"}, {"route": "CAUCASUS", "shown": "<5"}
    assert errors({**release, "cells": [seven]}, at=AT) == {("FIELD_RANGE", "/cells/0/shown")}
    others = [{"route": "BLACK_SEA", "shown": "20"}, {"route": "CHANNEL", "shown": "25"}]
    assert errors({**release, "cells": [few, *others]}, at=AT) == {("FIELD_RANGE", "/cells/0/shown")}
    others[0]["shown"] = "HIDDEN"
    assert errors({**release, "cells": [few, *others]}, at=AT) == set()
