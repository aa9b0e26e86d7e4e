"""Cases, corrections, reports of use, persons' own requests, a partner's particulars, errors."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry
from schemas.errors import CODES, Finding
from schemas.kinds.error_v1 import LOCAL

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

ID = "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b27"
OTHER = "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b31"
STRANGE = "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b99"


# -- cases


@pytest.mark.parametrize("name", ["reason", "text", "person", "safeguards", "suspended_because", "remarks"])
@pytest.mark.parametrize("kind", ["case.withdraw", "case.status.query", "case.status.report"])
def test_why_is_never_said(kind: str, name: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(kind, {f"/{name}": "x"})) == {("FIELD_UNKNOWN", f"/{name}")}


def test_a_withdrawal_refers_to_what_opened_the_case(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed("case.withdraw", {"/in_reply_to": removed})) == {("FIELD_MISSING", "/in_reply_to")}
    assert errors(changed("case.withdraw"), parent=registry.example("ident.request")) == set()
    for parent in ("ident.reply", "doc.alert", "misuse.pattern.report", "case.withdraw"):
        assert ("UNKNOWN_PARENT", "/in_reply_to") in errors(changed("case.withdraw"), parent=registry.example(parent))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/domain": "ASYLUM"}, ("CODE_UNKNOWN", "/domain")),
        ({"/state": "Suspended by the court"}, ("FIELD_PATTERN", "/state")),
        ({"/flags/0": "SUSPENDED_NON_REFOULEMENT"}, ("CODE_UNKNOWN", "/flags/0")),
        ({"/flags": ["LATE", "OVERDUE", "SUSPENDED", "LATE"]}, ("FIELD_LENGTH", "/flags")),
        ({"/next_clock/basis": "M"}, ("CODE_UNKNOWN", "/next_clock/basis")),
        ({"/next_clock/due": "2026-02-30"}, ("FIELD_PATTERN", "/next_clock/due")),
        ({"/counts/sent": -1}, ("FIELD_RANGE", "/counts/sent")),
        ({"/purpose_code": "RETURN_ID"}, ("SG7", "/purpose_code")),
        ({"/case_ref": "asylum 4711"}, ("FREETEXT_HOLD", "/case_ref")),
    ],
)
def test_where_a_case_stands(
    changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors
) -> None:
    assert found in errors(changed("case.status.report", changes), recipient_states=("MDA",))


# -- data.correction


@pytest.mark.parametrize(
    ("action", "needs"), [("RECTIFY", True), ("COMPLETE", True), ("ERASE", False), ("MASK", False)]
)
def test_a_value_where_one_is_put_in(
    action: str, needs: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    with_value = errors(changed("data.correction", {"/action": action}))
    without = errors(changed("data.correction", {"/action": action, "/value": removed}))
    assert with_value == (set() if needs else {("FIELD_UNKNOWN", "/value")})
    assert without == ({("FIELD_MISSING", "/value")} if needs else set())


@pytest.mark.parametrize("path", ["stays", "/", "/a//b", "/a b", "/" + "x" * 65, "/x" * 17, "/person/ä"])
def test_a_place_is_a_pointer(path: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("data.correction", {"/targets/0/path": path})) == {("FIELD_PATTERN", "/targets/0/path")}


def test_a_whole_message_is_erased_but_not_rewritten(changed: Changed, errors: Errors, removed: object) -> None:
    whole = {"/targets/0/path": ""}
    assert errors(changed("data.correction", whole)) == {("FIELD_PATTERN", "/targets/0/path")}
    for action in ("ERASE", "MASK"):
        assert errors(changed("data.correction", {**whole, "/action": action, "/value": removed})) == set()


@pytest.mark.parametrize(
    ("path", "action", "there"),
    [
        ("/stays/1/exit/at", "RECTIFY", True),
        ("/stays/2/exit/at", "RECTIFY", False),
        ("/stays/x/exit/at", "RECTIFY", False),
        ("/person/sex/x", "ERASE", False),
        ("/person", "ERASE", True),
        ("/exemption_claimed", "MASK", False),
        ("/exemption_claimed", "COMPLETE", True),
    ],
)
def test_what_is_put_right_is_there(  # noqa: PLR0917 - a table of cases
    path: str, action: str, there: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    value = {} if action in {"RECTIFY", "COMPLETE"} else {"/value": removed}
    correction = changed("data.correction", {"/targets/0/path": path, "/action": action, **value})
    assert errors(correction, parent=registry.example("visa.overstay.notice")) == (
        set() if there else {("FIELD_RANGE", "/targets/0/path")}
    )
    assert errors(correction) == set(), "of a message that is not at hand nothing is known"


def test_a_correction_is_no_way_around_the_safeguards(changed: Changed, errors: Errors) -> None:
    for value, code in (("XXB", "SG1"), ("TEMP_PROTECTION", "SG1"), ("applied for asylum", "FREETEXT_HOLD")):
        found = errors(changed("data.correction", {"/value": value}), recipient_states=("MDA",))
        assert (code, "/value") in found
    assert errors(changed("data.correction", {"/value": "applied for asylum"}), recipient_states=("DEU",)) == set()
    held = errors(changed("data.correction", {"/value": "hepatitis"}), recipient_states=("DEU",))
    assert held == {("FREETEXT_HOLD", "/value")}


@pytest.mark.parametrize(
    "parent", ["visa.overstay.notice", "ident.reply", "doc.alert", "data.correction", "stat.submission"]
)
def test_anything_may_have_to_be_put_right(parent: str, changed: Changed, errors: Errors, removed: object) -> None:
    correction = changed("data.correction", {"/targets/0/path": "", "/action": "ERASE", "/value": removed})
    assert errors(correction, parent=registry.example(parent)) == set()


@pytest.mark.parametrize(
    ("purpose", "accepted"), [("OVERSTAY_EU", True), ("DP", True), ("ADMIN", True), ("LE", False), ("RETURN_ID", False)]
)
def test_a_correction_serves_the_purpose_of_the_data_or_its_protection(
    purpose: str, accepted: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(
        changed("data.correction", {"/purpose_code": purpose}), parent=registry.example("visa.overstay.notice")
    )
    assert found == (set() if accepted else {("SG7", "/purpose_code")})


# -- data.correction.done


DONE = "data.correction.done"


def test_one_result_a_place(changed: Changed, errors: Errors, removed: object) -> None:
    parent = registry.example("data.correction")
    assert errors(changed(DONE), parent=parent) == set()
    assert errors(changed(DONE, {"/targets/1": removed}), parent=parent) == {("FIELD_MISSING", "/targets")}
    elsewhere = errors(changed(DONE, {"/targets/1/path": "/person"}), parent=parent)
    assert elsewhere == {("FIELD_UNKNOWN", "/targets/1"), ("FIELD_MISSING", "/targets")}
    again = {"message_id": ID, "path": "/stays/1/exit/at", "outcome": "NOT_HELD"}
    twice = errors(changed(DONE, {"/targets/2": again}), parent=parent)
    assert twice == {("FIELD_UNKNOWN", "/targets/0"), ("FIELD_UNKNOWN", "/targets/2")}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/targets/1/outcome": "DONE"}, ("FIELD_UNKNOWN", "/targets/1/legal_hold")),
        ({"/targets/0/outcome": "LEGAL_HOLD"}, ("FIELD_MISSING", "/targets/0/legal_hold")),
        ({"/targets/1/legal_hold/until": "2026-03-31"}, ("FIELD_RANGE", "/targets/1/legal_hold/until")),
        ({"/targets/0/outcome": "REFUSED"}, ("CODE_UNKNOWN", "/targets/0/outcome")),
    ],
)
def test_a_legal_hold(changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors) -> None:
    assert errors(changed(DONE, changes)) == {found}


# -- use.report


def test_who_asks_about_use_refers_to_one_of_the_messages(changed: Changed, errors: Errors) -> None:
    assert errors(changed("use.report.request", {"/message_ids": [OTHER]})) == {("FIELD_MISSING", "/message_ids")}
    assert errors(changed("use.report.request", {"/message_ids": [ID]})) == set()


def test_use_is_told_of_what_was_asked(changed: Changed, errors: Errors, removed: object) -> None:
    parent = registry.example("use.report.request")
    assert errors(changed("use.report"), parent=parent) == set()
    assert errors(changed("use.report", {"/message_ids/1": removed}), parent=parent) == {
        ("FIELD_MISSING", "/message_ids")
    }
    found = errors(changed("use.report", {"/message_ids/2": STRANGE}), parent=parent)
    assert found == {("FIELD_UNKNOWN", "/message_ids/2")}


@pytest.mark.parametrize(
    ("result", "uses", "found"),
    [
        ("HELPED", ["IDENTITY_CHECK"], set()),
        ("HELPED", [], {("FIELD_LENGTH", "/uses")}),
        ("DID_NOT_HELP", [], {("FIELD_LENGTH", "/uses")}),
        ("PENDING", [], set()),
        ("NOT_USED", [], set()),
        ("NOT_USED", ["IDENTITY_CHECK"], {("FIELD_UNKNOWN", "/uses")}),
        ("HELPED", ["SURVEILLANCE"], {("CODE_UNKNOWN", "/uses/0")}),
    ],
)
def test_uses_and_result(
    result: str, uses: list[str], found: set[tuple[str, str]], changed: Changed, errors: Errors
) -> None:
    assert errors(changed("use.report", {"/result": result, "/uses": uses})) == found


# -- subject.request


@pytest.mark.parametrize(("received", "late"), [("2026-03-25", False), ("2026-03-24", True), ("2026-04-01", False)])
def test_a_request_is_passed_on_within_seven_days(
    received: str, late: bool, changed: Changed, findings: Callable[..., list[Finding]]
) -> None:
    found = findings(changed("subject.request", {"/received_at": received}))
    assert found == ([Finding("/received_at", "OUT_OF_TIME", "warning")] if late else [])


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/received_at": "2026-04-03"}, ("FIELD_RANGE", "/received_at")),
        ({"/right": "COMPENSATION"}, ("CODE_UNKNOWN", "/right")),
        ({"/subject_proof_hash": "passport UT1234567"}, ("FIELD_PATTERN", "/subject_proof_hash")),
        ({"/case_hints/0": "x" * 61}, ("FIELD_LENGTH", "/case_hints/0")),
        ({"/person": {}}, ("FIELD_UNKNOWN", "/person")),
        ({"/purpose_code": "LE"}, ("SG7", "/purpose_code")),
    ],
)
def test_a_persons_request(
    changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors
) -> None:
    assert errors(changed("subject.request", changes)) == {found}


def test_the_hub_is_told_the_day_and_nothing_else() -> None:
    members = registry.header_members(registry.example("subject.request"))
    assert (members.step, dict(members.facts)) == ("requested", {"event_on": "2026-03-30"})


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/outcome": "ANSWERED"}, {("FIELD_UNKNOWN", "/forwarded")}),
        ({"/outcome": "NOT_HELD"}, {("FIELD_UNKNOWN", "/forwarded")}),
        ({"/outcome": "REFUSED"}, {("FIELD_UNKNOWN", "/forwarded"), ("FIELD_MISSING", "/refused")}),
        ({"/forwarded/on": "2026-03-29"}, {("FIELD_RANGE", "/forwarded/on")}),
        ({"/forwarded/on": "2026-04-03"}, {("FIELD_RANGE", "/forwarded/on")}),
        ({"/forwarded/to": "ZZZ"}, {("CODE_UNKNOWN", "/forwarded/to")}),
        ({"/reason": "x"}, {("FIELD_UNKNOWN", "/reason")}),
    ],
)
def test_what_became_of_it(
    changes: dict[str, object], found: set[tuple[str, str]], changed: Changed, errors: Errors
) -> None:
    assert errors(changed("subject.request.outcome", changes), parent=registry.example("subject.request")) == found


def test_a_refusal_is_written_down(changed: Changed, errors: Errors, removed: object) -> None:
    refused = {"/outcome": "REFUSED", "/forwarded": removed, "/refused": {"on": "2026-04-01"}}
    assert errors(changed("subject.request.outcome", refused)) == set()
    assert errors(changed("subject.request.outcome", {**refused, "/refused": {}})) == {("FIELD_MISSING", "/refused/on")}


# -- directory.update


def test_something_is_told(changed: Changed, errors: Errors, removed: object) -> None:
    nothing = {f"/{name}": removed for name in ("authorities", "bcps", "holidays", "contact_desk")}
    assert errors(changed("directory.update", nothing)) == {("FIELD_MISSING", "/authorities")}
    assert errors(changed("directory.update", {**nothing, "/holidays": []})) == {("FIELD_MISSING", "/authorities")}
    assert errors(changed("directory.update", {**nothing, "/holidays": [{"date": "2026-05-09"}]})) == set()
    assert errors(changed("directory.update", {**nothing, "/contact_desk": {"phone": "+43100000001"}})) == set()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/approved_by": ["officer-12"]}, ("FIELD_LENGTH", "/approved_by")),
        ({"/approved_by/1": "officer-12"}, ("FIELD_RANGE", "/approved_by/1")),
        ({"/approved_by/1": "A name"}, ("FIELD_PATTERN", "/approved_by/1")),
        ({"/bcps/0/code": "QQVIE"}, ("CODE_UNKNOWN", "/bcps/0/code")),
        ({"/bcps/0/code": "MDLEU-LAND"}, ("SENDER_NOT_ISSUER", "/bcps/0/code")),
        ({"/bcps/1": {"code": "ATVIE-AIR", "kind": "air"}}, ("FIELD_RANGE", "/bcps/1/code")),
        ({"/holidays/1": {"date": "2026-05-01"}}, ("FIELD_RANGE", "/holidays/1/date")),
        ({"/authorities/0/roles/0": "ADMIN"}, ("CODE_UNKNOWN", "/authorities/0/roles/0")),
        ({"/authorities/0/key_ids/0": "AB"}, ("FIELD_PATTERN", "/authorities/0/key_ids/0")),
        ({"/contact_desk/email": "Jane Doe <desk@liaison.example>"}, ("FIELD_PATTERN", "/contact_desk/email")),
        ({"/contact_desk/phone": "ask for Jane"}, ("FIELD_PATTERN", "/contact_desk/phone")),
        ({"/contact_desk/name": "Jane Doe"}, ("FIELD_UNKNOWN", "/contact_desk/name")),
    ],
)
def test_particulars(changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors) -> None:
    assert errors(changed("directory.update", changes), sender_state="AUT") == {found}


# -- error.report


@pytest.mark.parametrize("code", sorted(LOCAL))
def test_what_a_safeguard_found_is_told_to_nobody(code: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("error.report", {"/code": code})) == {("SG1", "/code")}


def test_every_other_code_may_be_told(changed: Changed, errors: Errors) -> None:
    assert {"SG1", "SG14", "FREETEXT_HOLD"} <= LOCAL
    for code in CODES.keys() - LOCAL:
        assert errors(changed("error.report", {"/code": code})) == set(), code
    assert errors(changed("error.report", {"/code": "MOON_PHASE"})) == {("CODE_UNKNOWN", "/code")}
    assert errors(changed("error.report", {"/code": "MOON_PHASE"}), reading=True) == set(), "a newer sender may know it"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/path": "/document/number/UT 1234567"}, ("FIELD_PATTERN", "/path")),
        ({"/message_id": OTHER}, ("WRONG_CASE", "/message_id")),
        ({"/value": "UT1234567"}, ("FIELD_UNKNOWN", "/value")),
        ({"/text": "number UT1234567 is wrong"}, ("FIELD_UNKNOWN", "/text")),
    ],
)
def test_no_value_is_echoed(
    changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors
) -> None:
    assert errors(changed("error.report", changes)) == {found}


@pytest.mark.parametrize("parent", sorted(registry.KINDS))
def test_an_error_may_be_reported_of_anything(parent: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("error.report"), parent=registry.example(parent)) == set()
