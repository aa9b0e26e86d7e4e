"""Form: what is missing, unknown, null, of another type, too long, too large, or no code of its list."""

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import registry
from schemas.errors import CODES, Finding

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

CANARY = "ZZCANARY77"


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, f"{path}/{index}")


def test_the_example_is_valid_without_parties(kind: str, findings: Callable[..., list[Finding]]) -> None:
    assert findings(registry.example(kind)) == []


def test_an_unknown_member_is_refused_in_every_block(kind: str, errors: Errors) -> None:
    example = registry.example(kind)
    blocks = [path for path, value in places(example) if isinstance(value, dict)]
    assert "" in blocks
    for path in blocks:
        payload = copy.deepcopy(example)
        place: Any = payload
        for step in path.split("/")[1:]:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place["asylum_status"] = "x"
        assert ("FIELD_UNKNOWN", f"{path}/asylum_status") in errors(payload), path


def test_null_is_never_a_value(kind: str, changed: Changed, errors: Errors) -> None:
    for path, _ in places(registry.example(kind)):
        if path not in {"", "/kind"}:
            assert ("FIELD_TYPE", path) in errors(changed(kind, {path: None})), path


def test_another_type_is_refused_everywhere(kind: str, changed: Changed, errors: Errors) -> None:
    for path, value in places(registry.example(kind)):
        if path in {"", "/kind"}:
            continue
        for other in (7, True, "text", ["x"], {"x": "y"}, 1.0):
            if type(other) is not type(value) and not (path.endswith("/evidence") and isinstance(other, dict)):
                found = errors(changed(kind, {path: other}))
                assert any(code == "FIELD_TYPE" and at == path for code, at in found), (path, other, found)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("doc.alert", "/alert_no"),
        ("doc.alert", "/fraud_types"),
        ("doc.alert", "/finding_level"),
        ("doc.alert", "/document_model"),
        ("doc.alert", "/document_model/doc_type"),
        ("doc.alert", "/document_model/issuer"),
        ("doc.alert", "/document_model/series"),
        ("doc.alert", "/detection_points"),
        ("doc.alert", "/detection_points/0/feature"),
        ("doc.alert", "/detection_points/0/genuine"),
        ("doc.alert", "/detection_points/0/false"),
        ("doc.alert", "/evaluation"),
        ("doc.alert", "/evaluation/source"),
        ("doc.alert", "/evaluation/info"),
        ("doc.alert", "/handling"),
        ("doc.alert", "/tlp"),
        ("doc.alert", "/valid_until"),
        ("doc.alert", "/images/0/id"),
        ("doc.alert", "/images/0/media_type"),
        ("doc.alert", "/images/0/size"),
        ("doc.alert", "/images/0/sha256"),
        ("doc.alert", "/images/0/role"),
        ("doc.alert", "/images/0/masked"),
        ("doc.verify.request", "/purpose_code"),
        ("doc.verify.request", "/document"),
        ("doc.verify.request", "/document/doc_type"),
        ("doc.verify.request", "/document/number"),
        ("doc.verify.request", "/document/issuer"),
        ("doc.verify.request", "/document/possession"),
        ("doc.verify.request", "/document/mrz/format"),
        ("doc.verify.request", "/document/mrz/lines"),
        ("doc.verify.request", "/holder_as_printed/parts"),
        ("doc.verify.request", "/questions"),
        ("doc.verify.request", "/reason"),
        ("doc.verify.request", "/urgency"),
        ("doc.verify.reply", "/answers"),
        ("doc.verify.reply", "/in_reply_to"),
        ("ident.request", "/purpose_code"),
        ("ident.request", "/person"),
        ("ident.request", "/person/identities"),
        ("ident.request", "/person/identities/0/type"),
        ("ident.request", "/person/identities/0/parts"),
        ("ident.request", "/person/identities/0/parts/0/kind"),
        ("ident.request", "/person/identities/0/parts/0/value"),
        ("ident.request", "/person/identities/0/parts/0/script"),
        ("ident.request", "/person/identities/0/parts/0/as_on"),
        ("ident.request", "/person/birth_date"),
        ("ident.request", "/person/birth_date/value"),
        ("ident.request", "/person/birth_place/country"),
        ("ident.request", "/person/sex"),
        ("ident.request", "/person/nationalities"),
        ("ident.request", "/person/nationalities/0/code"),
        ("ident.request", "/person/nationalities/0/basis"),
        ("ident.request", "/presumed_nationality"),
        ("ident.request", "/evidence/0/code"),
        ("ident.request", "/interview_wanted"),
        ("ident.request", "/questions"),
        ("ident.request", "/safeguards/return_decision/issued_on"),
        ("ident.request", "/safeguards/return_decision/authority"),
        ("ident.request", "/safeguards/return_decision/enforceable"),
        ("ident.request", "/safeguards/return_decision/suspended"),
        ("ident.request", "/safeguards/return_decision/suspensive_appeal"),
        ("ident.request", "/safeguards/subject_informed/on"),
        ("ident.request", "/safeguards/subject_informed/language"),
        ("ident.reply", "/outcome"),
        ("ident.reply", "/in_reply_to"),
        ("visa.overstay.notice", "/purpose_code"),
        ("visa.overstay.notice", "/person"),
        ("visa.overstay.notice", "/document"),
        ("visa.overstay.notice", "/visa/sticker_number"),
        ("visa.overstay.notice", "/visa/issuer"),
        ("visa.overstay.notice", "/visa/type"),
        ("visa.overstay.notice", "/visa/valid_from"),
        ("visa.overstay.notice", "/visa/valid_until"),
        ("visa.overstay.notice", "/visa/entries"),
        ("visa.overstay.notice", "/visa/duration_days"),
        ("visa.overstay.notice", "/visa/status"),
        ("visa.overstay.notice", "/stays/0/entry/at"),
        ("visa.overstay.notice", "/stays/0/under"),
        ("visa.overstay.notice", "/stays/0/source_system"),
        ("visa.overstay.notice", "/computed"),
        ("visa.overstay.notice", "/computed/first_overstay_day"),
        ("visa.overstay.notice", "/computed/days"),
        ("visa.overstay.notice", "/computed/rule_version"),
        ("visa.overstay.notice", "/status"),
        ("visa.overstay.notice", "/detected_at"),
        ("visa.overstay.reply", "/outcome"),
        ("visa.overstay.reply", "/in_reply_to"),
        ("visa.overstay.reply", "/exit_recorded"),
        ("visa.overstay.reply", "/exit_recorded/date"),
        ("visa.overstay.reply", "/exit_recorded/bcp"),
    ],
)
def test_what_must_stand_there(kind: str, path: str, changed: Changed, errors: Errors, removed: object) -> None:
    assert ("FIELD_MISSING", path) in errors(changed(kind, {path: removed}))


@pytest.mark.parametrize(
    ("kind", "optional"),
    [
        (
            "doc.alert",
            "purpose_code case_ref number_masks number_ranges techniques route_code bcp_kind period images",
        ),
        ("doc.verify.request", "case_ref holder_as_printed handling classification"),
        ("doc.verify.reply", "purpose_code record_status mismatch_fields fog_suspected breeder_check_suggested"),
        ("ident.request", "case_ref evidence biometrics safeguards handling"),
        ("ident.reply", "purpose_code verified_identity handling"),
        ("visa.overstay.notice", "case_ref handling classification"),
        ("visa.overstay.reply", "purpose_code case_ref handling"),
    ],
)
def test_what_may_be_left_out(kind: str, optional: str, changed: Changed, errors: Errors, removed: object) -> None:
    for name in optional.split():
        assert errors(changed(kind, {f"/{name}": removed})) == set(), name


@pytest.mark.parametrize(
    ("kind", "path", "value", "code"),
    [
        ("doc.alert", "/fraud_types", [], "FIELD_LENGTH"),
        ("doc.alert", "/fraud_types/0", "FORGED.EVERYTHING", "CODE_UNKNOWN"),
        ("doc.alert", "/fraud_types/0", "forged.datapage_sub", "CODE_UNKNOWN"),
        ("doc.alert", "/finding_level", 0, "FIELD_RANGE"),
        ("doc.alert", "/finding_level", 4, "FIELD_RANGE"),
        ("doc.alert", "/alert_no", "MD-DOC-26-17", "FIELD_PATTERN"),
        ("doc.alert", "/alert_no", "MD-DOC-2026-00017\n", "FIELD_PATTERN"),
        ("doc.alert", "/alert_no", "QQ-DOC-2026-00017", "CODE_UNKNOWN"),
        ("doc.alert", "/alert_no", "AT-DOC-2027-00017", "FIELD_RANGE"),
        ("doc.alert", "/document_model/doc_type", "passport", "CODE_UNKNOWN"),
        ("doc.alert", "/document_model/issuer", "ZZZ", "CODE_UNKNOWN"),
        ("doc.alert", "/document_model/last_issue_year", 2018, "FIELD_RANGE"),
        ("doc.alert", "/number_masks/0", "ut12**", "FIELD_PATTERN"),
        ("doc.alert", "/techniques/0", "MAGIC", "CODE_UNKNOWN"),
        ("doc.alert", "/route_code", "MOON", "CODE_UNKNOWN"),
        ("doc.alert", "/bcp_kind", "LAND", "CODE_UNKNOWN"),
        ("doc.alert", "/period/to", "2026-01-04", "FIELD_RANGE"),
        ("doc.alert", "/period/to", "2026-05-04", "FIELD_RANGE"),
        ("doc.alert", "/seen_count", 0, "FIELD_RANGE"),
        ("doc.alert", "/evaluation/source", "D", "CODE_UNKNOWN"),
        ("doc.alert", "/evaluation/info", "5", "CODE_UNKNOWN"),
        ("doc.alert", "/handling", "H4", "CODE_UNKNOWN"),
        ("doc.alert", "/tlp", "WHITE", "CODE_UNKNOWN"),
        ("doc.alert", "/valid_until", "2026-03-31", "FIELD_RANGE"),
        ("doc.alert", "/valid_until", "2036-03-31", "FIELD_RANGE"),
        ("doc.alert", "/valid_until", "2028-02-30", "FIELD_PATTERN"),
        ("doc.alert", "/valid_until", "2028-3-1", "FIELD_PATTERN"),
        ("doc.alert", "/detection_points", [], "FIELD_LENGTH"),
        ("doc.alert", "/detection_points/0/feature", "x" * 61, "FIELD_LENGTH"),
        ("doc.alert", "/detection_points/0/feature", "", "FIELD_LENGTH"),
        ("doc.alert", "/detection_points/0/feature", "   ", "FIELD_LENGTH"),
        ("doc.alert", "/images/0/sha256", "A" * 64, "FIELD_PATTERN"),
        ("doc.alert", "/images/0/size", 0, "FIELD_RANGE"),
        ("doc.alert", "/images/0/masked/0", "face", "CODE_UNKNOWN"),
        ("doc.verify.request", "/questions", [], "FIELD_LENGTH"),
        ("doc.verify.request", "/questions/0", "WHO", "CODE_UNKNOWN"),
        ("doc.verify.request", "/reason", "CURIOSITY", "CODE_UNKNOWN"),
        ("doc.verify.request", "/urgency", "D", "CODE_UNKNOWN"),
        ("doc.verify.request", "/purpose_code", "FISHING", "CODE_UNKNOWN"),
        ("doc.verify.request", "/document/issuer", "D", "CODE_UNKNOWN"),
        ("doc.verify.request", "/document/issuer", "uto", "CODE_UNKNOWN"),
        ("doc.verify.request", "/document/possession", "lost", "CODE_UNKNOWN"),
        ("doc.verify.request", "/document/issued_on", "2031-01-16", "FIELD_RANGE"),
        ("doc.verify.request", "/document/expires_on", "2020-01-15", "FIELD_RANGE"),
        ("doc.verify.request", "/document/expires_on", "1900-01-01", "DATE_PLACEHOLDER"),
        ("doc.verify.request", "/document/issued_on", "2021-00-00", "DATE_PLACEHOLDER"),
        ("doc.verify.request", "/document/mrz/format", "TD9", "CODE_UNKNOWN"),
        ("doc.verify.request", "/document/mrz/lines", ["P<UTO"], "FIELD_LENGTH"),
        ("doc.verify.request", "/document/chip/pa", "maybe", "CODE_UNKNOWN"),
        ("doc.verify.request", "/document/mrz_mismatch_reason", "x" * 201, "FIELD_LENGTH"),
        ("doc.verify.reply", "/answers/ISSUED", "MAYBE", "CODE_UNKNOWN"),
        ("doc.verify.reply", "/answers/COLOUR", "YES", "FIELD_UNKNOWN"),
        ("doc.verify.reply", "/answers", {}, "FIELD_LENGTH"),
        ("doc.verify.reply", "/record_status", "MISLAID", "CODE_UNKNOWN"),
        ("doc.verify.reply", "/mismatch_fields/0", "1984-02-28", "CODE_UNKNOWN"),
        ("doc.verify.reply", "/in_reply_to", "<request>", "FIELD_PATTERN"),
        ("ident.request", "/person/identities", [], "FIELD_LENGTH"),
        ("ident.request", "/person/identities/0/type", "main", "CODE_UNKNOWN"),
        ("ident.request", "/person/identities/0/parts/0/script", "cyrl", "CODE_UNKNOWN"),
        ("ident.request", "/person/identities/0/parts/0/value", "x" * 121, "FIELD_LENGTH"),
        ("ident.request", "/person/identities/0/parts/0/language", "not a language", "FIELD_PATTERN"),
        ("ident.request", "/person/sex", "W", "CODE_UNKNOWN"),
        ("ident.request", "/person/sex", "<", "CODE_UNKNOWN"),
        ("ident.request", "/person/nationalities", [], "FIELD_LENGTH"),
        ("ident.request", "/person/nationalities/0/code", "ZZZ", "CODE_UNKNOWN"),
        ("ident.request", "/person/nationalities/0/basis", "guessed", "CODE_UNKNOWN"),
        ("ident.request", "/person/civil_status", "engaged", "CODE_UNKNOWN"),
        ("ident.request", "/person/physical/height_cm", 49, "FIELD_RANGE"),
        ("ident.request", "/person/physical/height_cm", 251, "FIELD_RANGE"),
        ("ident.request", "/person/physical/marks", "x" * 201, "FIELD_LENGTH"),
        ("ident.request", "/person/address_in_rds", "x" * 201, "FIELD_LENGTH"),
        ("ident.request", "/person/source_system", "INTERPOL", "CODE_UNKNOWN"),
        ("ident.request", "/presumed_nationality", "ZZZ", "CODE_UNKNOWN"),
        ("ident.request", "/evidence/0/code", "NAT.PROOF.RUMOUR", "CODE_UNKNOWN"),
        ("ident.request", "/evidence/0/note", "x" * 301, "FIELD_LENGTH"),
        ("ident.request", "/questions/0", "RELIGION", "CODE_UNKNOWN"),
        ("ident.request", "/safeguards/transfer_ground", "BECAUSE", "CODE_UNKNOWN"),
        ("ident.request", "/safeguards/subject_informed/language", "Ukrainian!", "FIELD_PATTERN"),
        ("ident.request", "/safeguards/needs/0", "a long story", "CODE_UNKNOWN"),
        ("ident.reply", "/outcome", "PERHAPS", "CODE_UNKNOWN"),
        ("ident.reply", "/verified_identity/sex", "?", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/visa/type", "B", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/visa/entries", 2, "FIELD_TYPE"),
        ("visa.overstay.notice", "/visa/entries", "3", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/visa/duration_days", 91, "FIELD_RANGE"),
        ("visa.overstay.notice", "/visa/duration_days", 0, "FIELD_RANGE"),
        ("visa.overstay.notice", "/visa/status", "ISSUED", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/stays/0/under", "VISA", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/stays/0/source_system", "diary", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/stays/0/entry/at", "2026-02-05T09:40:00", "FIELD_PATTERN"),
        ("visa.overstay.notice", "/stays/0/entry/at", "2026-02-30T09:40:00Z", "FIELD_PATTERN"),
        ("visa.overstay.notice", "/stays/0/entry/at", "2026-02-05T25:40:00Z", "FIELD_PATTERN"),
        ("visa.overstay.notice", "/stays/0/entry/bcp", "vienna", "FIELD_PATTERN"),
        ("visa.overstay.notice", "/stays/0/entry/bcp", "QQVIE", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/computed/days", 0, "FIELD_RANGE"),
        ("visa.overstay.notice", "/status", "GONE", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/exemption_claimed", "FRIENDSHIP", "CODE_UNKNOWN"),
        ("visa.overstay.notice", "/detected_at", "2026-04-03", "FIELD_RANGE"),
        ("visa.overstay.reply", "/outcome", "noted", "CODE_UNKNOWN"),
    ],
)
def test_what_a_field_may_not_hold(  # noqa: PLR0917 - a table of cases
    kind: str, path: str, value: object, code: str, changed: Changed, errors: Errors
) -> None:
    assert (code, path) in errors(changed(kind, {path: value}))


@pytest.mark.parametrize(
    ("payload", "code", "path"),
    [
        ([], "FIELD_TYPE", ""),
        ("ident.request", "FIELD_TYPE", ""),
        (None, "FIELD_TYPE", ""),
        ({}, "FIELD_MISSING", "/kind"),
        ({"kind": 7}, "FIELD_TYPE", "/kind"),
        ({"kind": "ident.riddle"}, "KIND_UNKNOWN", "/kind"),
    ],
)
def test_what_is_no_message(payload: object, code: str, path: str, errors: Errors) -> None:
    assert errors(payload) == {(code, path)}


def test_a_name_that_no_field_could_have_is_not_repeated(changed: Changed, errors: Errors) -> None:
    payload = changed("doc.alert")
    payload[f"{CANARY} was here"] = "x"
    payload["x" * 65] = "x"
    found = errors(payload)
    assert ("FIELD_UNKNOWN", "") in found
    assert CANARY not in str(found)


def test_findings_are_bounded(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    payload = changed("doc.alert")
    payload.update({f"field{number}": None for number in range(5000)})
    assert len(findings(payload)) <= 200


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_finding_repeats_a_value(data: st.DataObject) -> None:
    """Any leaf replaced by a canary, in any kind: the findings' codes are known and never show it."""
    kind = data.draw(st.sampled_from(sorted(registry.KINDS)))
    payload = registry.example(kind)
    leaves = [path for path, value in places(payload) if not isinstance(value, dict | list) and path != "/kind"]
    path = data.draw(st.sampled_from(leaves))
    value = data.draw(
        st.sampled_from([CANARY, f"{CANARY}\u202e", {CANARY: 1}, [CANARY], 10**9, -1, f"{CANARY} asylum"])
    )
    place: Any = payload
    *way, last = path.split("/")[1:]
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    context = registry.CheckContext(
        at=datetime(2026, 4, 1, tzinfo=UTC), sender_state="AUT", recipient_states=("MDA",), live=True
    )
    found = registry.check(payload, context)
    assert all(entry.code in CODES for entry in found)
    if not isinstance(value, dict):
        assert CANARY not in repr(found)
