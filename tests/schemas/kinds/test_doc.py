"""Alerts, questions to the issuer, and answers."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]


def codes(found: set[tuple[str, str]]) -> set[str]:
    return {code for code, _ in found}


# -- doc.alert


def test_an_alert_number_bears_the_senders_letters(changed: Changed, errors: Errors) -> None:
    alert = changed("doc.alert")
    assert errors(alert, sender_state="AUT") == set()
    assert errors(alert, sender_state="MDA") == {("SENDER_NOT_ISSUER", "/alert_no")}


def test_a_pseudo_document_has_a_claimed_issuer_and_no_real_one(
    changed: Changed, errors: Errors, removed: object
) -> None:
    pseudo = {"/fraud_types": ["PSEUDO"]}
    assert errors(changed("doc.alert", pseudo)) == {
        ("FIELD_MISSING", "/document_model/claimed_issuer"),
        ("FIELD_UNKNOWN", "/document_model/issuer"),
    }
    complete = {**pseudo, "/document_model/issuer": removed, "/document_model/claimed_issuer": "Republic of Nowhere"}
    assert errors(changed("doc.alert", complete)) == set()
    assert errors(changed("doc.alert", {**complete, "/document_model/series": removed})) == set()


def test_a_real_document_has_no_claimed_issuer(changed: Changed, errors: Errors) -> None:
    found = errors(changed("doc.alert", {"/document_model/claimed_issuer": "Nowhere"}))
    assert found == {("FIELD_UNKNOWN", "/document_model/claimed_issuer")}


@pytest.mark.parametrize(("level", "refused"), [(1, False), (2, False), (3, True)])
def test_an_undetermined_fraud_was_in_no_laboratory(
    level: int, refused: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(changed("doc.alert", {"/fraud_types": ["UNDETERMINED"], "/finding_level": level}))
    assert (("FIELD_RANGE", "/finding_level") in found) is refused


@pytest.mark.parametrize(
    ("fraud", "masks", "seen", "accepted"),
    [
        ("FORGED.DATAPAGE_SUB", ["UT1234567"], 5, False),
        ("IMPOSTOR", ["UT1234567"], 5, False),
        ("STOLEN_BLANK", ["UT1234567", "UT1234568"], 1, True),
        ("COUNTERFEIT", ["UT1234567"], 2, True),
        ("COUNTERFEIT", ["UT1234567"], 1, False),
        ("COUNTERFEIT", ["UT1234567", "UT1234568"], 9, False),
        ("COUNTERFEIT", ["UT12*****"], 1, True),
    ],
)
def test_full_numbers(  # noqa: PLR0917 - a table of cases
    fraud: str, masks: list[str], seen: int, accepted: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    found = errors(
        changed(
            "doc.alert",
            {"/fraud_types": [fraud], "/number_masks": masks, "/seen_count": seen, "/number_ranges": removed},
        )
    )
    if accepted:
        assert found == set()
    else:
        assert found == {("FIELD_PATTERN", f"/number_masks/{index}") for index in range(len(masks))}


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("UT1200000", "UT1299999", set()),
        ("UT 120-0000", "ut1299999", set()),
        ("UT1299999", "UT1200000", {("FIELD_RANGE", "/number_ranges/0/to")}),
        ("UT12", "UT1299999", {("FIELD_RANGE", "/number_ranges/0/to")}),
        ("UT1200000", "UT1200000", {("FIELD_PATTERN", "/number_ranges/0")}),
        ("UT12_0000", "UT1299999", {("FIELD_PATTERN", "/number_ranges/0/from")}),
    ],
)
def test_number_ranges(first: str, last: str, found: set[tuple[str, str]], changed: Changed, errors: Errors) -> None:
    result = errors(changed("doc.alert", {"/number_ranges": [{"from": first, "to": last}]}))
    assert result == found or (first == "UT12_0000" and found <= result)


def test_nationalities_are_named_for_cohorts_only(changed: Changed, errors: Errors) -> None:
    assert errors(changed("doc.alert", {"/nationalities": ["UTO"], "/seen_count": 5})) == set()
    for nationalities, seen in ((["UTO"], 4), (["UTO", "MDA"], 9)):
        found = errors(changed("doc.alert", {"/nationalities": nationalities, "/seen_count": seen}))
        assert found == {("FIELD_RANGE", "/nationalities")}


@pytest.mark.parametrize("left_out", ["portrait", "name", "number"])
def test_every_image_of_an_alert_is_masked(left_out: str, changed: Changed, errors: Errors) -> None:
    masked = [part for part in ("portrait", "name", "number") if part != left_out]
    assert errors(changed("doc.alert", {"/images/0/masked": masked})) == {("FIELD_MISSING", "/images/0/masked")}


@pytest.mark.parametrize("media_type", ["application/vnd.ansi-nist-itl", "image/x-wsq", "application/pdf", "image/png"])
def test_alerts_carry_pictures_alone(media_type: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("doc.alert", {"/images/0/media_type": media_type})) == {
        ("ATTACH_TYPE", "/images/0/media_type")
    }


def test_attachment_sizes(changed: Changed, errors: Errors) -> None:
    most = 8 * 1024 * 1024
    image = registry.example("doc.alert")["images"][0]
    assert errors(changed("doc.alert", {"/images/0/size": most})) == set()
    assert errors(changed("doc.alert", {"/images/0/size": most + 1})) == {("ATTACH_SIZE", "/images/0/size")}
    three = [{**image, "id": f"i{number}", "size": most} for number in range(3)]
    assert errors(changed("doc.alert", {"/images": three})) == set()
    four = [*three, {**image, "id": "i4", "size": 2 * 1024 * 1024}]
    assert errors(changed("doc.alert", {"/images": four})) == {("ATTACH_SIZE", "/images/3/size")}


def test_an_alert_knows_no_person(changed: Changed, errors: Errors) -> None:
    for name in ("person", "holder_as_printed", "safeguards", "in_reply_to"):
        assert errors(changed("doc.alert", {f"/{name}": {}})) == {("FIELD_UNKNOWN", f"/{name}")}


# -- doc.verify.request


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("UT1234567", True),
        ("ut 123-4567", True),
        ("UT\N{NO-BREAK SPACE}1234567", True),
        ("UT12345678901234567890", False),
        ("UT/1234567", False),
        ("UT1234567\n", False),
        ("ÜT1234567", False),
        ("--", False),
    ],
)
def test_document_numbers(written: str, accepted: bool, changed: Changed, errors: Errors, removed: object) -> None:
    payload = changed(
        "doc.verify.request",
        {"/document/number": written, "/document/mrz": removed, "/holder_as_printed": removed},
    )
    assert (("FIELD_PATTERN", "/document/number") not in errors(payload)) is accepted


def test_numbers_are_brought_to_one_form_on_the_way_out(changed: Changed, removed: object) -> None:
    payload = changed("doc.verify.request", {"/document/number": "ut 123-4567", "/document/number_raw": removed})
    written = registry.load(registry.dump(payload))
    assert written["document"]["number"] == "UT1234567"
    assert written["document"]["number_raw"] == "ut 123-4567"
    assert registry.dump(written) == registry.dump(payload)
    assert payload["document"]["number"] == "ut 123-4567"


@pytest.mark.parametrize(
    ("questions", "found"),
    [
        (["DATA_MATCH"], set()),
        (["PHOTO_MATCH"], set()),
        (["ISSUED", "STATUS"], {("SG8", "/holder_as_printed")}),
        (["NUMBER_FORMAT", "AUTHORITY_EXISTS"], {("SG8", "/holder_as_printed")}),
    ],
)
def test_the_holder_is_named_only_to_be_compared(
    questions: list[str], found: set[tuple[str, str]], changed: Changed, errors: Errors
) -> None:
    assert errors(changed("doc.verify.request", {"/questions": questions})) == found


@pytest.mark.parametrize(
    ("reason", "purposes"),
    [
        ("VISA_APPLICATION", {"VISAVER", "DOCFRAUD"}),
        ("RETURN", {"RETURN_ID", "READM", "TRANSIT"}),
        ("BORDER", {"DOCFRAUD", "VISAVER", "OVERSTAY_EU", "LE"}),
        ("INVESTIGATION", {"LE", "DOCFRAUD"}),
    ],
)
def test_a_reason_fits_the_purpose(reason: str, purposes: set[str], changed: Changed, errors: Errors) -> None:
    for purpose in ("DOCFRAUD", "VISAVER", "OVERSTAY_EU", "RETURN_ID", "READM", "TRANSIT", "LE"):
        found = errors(changed("doc.verify.request", {"/reason": reason, "/purpose_code": purpose}))
        assert found == (set() if purpose in purposes else {("SG7", "/reason")}), purpose


@pytest.mark.parametrize(
    ("purpose", "reason", "refused"),
    [
        ("RETURN_ID", "RETURN", False),
        ("VISAVER", "BORDER", False),
        ("LE", "INVESTIGATION", False),
        ("DOCFRAUD", "BORDER", True),
        ("READM", "RETURN", True),
        ("OVERSTAY_EU", "BORDER", True),
    ],
)
def test_photographs_are_compared_for_three_purposes(
    purpose: str, reason: str, refused: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(
        changed(
            "doc.verify.request",
            {"/purpose_code": purpose, "/reason": reason, "/questions": ["ISSUED", "PHOTO_MATCH"]},
        )
    )
    assert found == ({("SG7", "/questions/1")} if refused else set())


@pytest.mark.parametrize("purpose", ["STAT", "ADMIN", "DP", "CIVILVER"])
def test_a_document_check_serves_no_other_purpose(purpose: str, changed: Changed, errors: Errors) -> None:
    assert ("SG7", "/purpose_code") in errors(changed("doc.verify.request", {"/purpose_code": purpose}))


def test_fingerprints_do_not_travel_with_a_document_check(changed: Changed, errors: Errors) -> None:
    found = errors(changed("doc.verify.request", {"/document/copy/0/media_type": "image/x-wsq"}))
    assert found == {("ATTACH_TYPE", "/document/copy/0/media_type")}


# -- doc.verify.reply


def request(**members: object) -> dict[str, Any]:
    return {**registry.example("doc.verify.request"), **members}


def test_an_answer_for_each_question_and_no_other(changed: Changed, errors: Errors) -> None:
    reply = changed("doc.verify.reply")
    assert errors(reply, parent=request(questions=["ISSUED", "STATUS", "DATA_MATCH"])) == set()
    assert errors(reply, parent=request(questions=["ISSUED", "STATUS", "DATA_MATCH", "NUMBER_FORMAT"])) == {
        ("FIELD_MISSING", "/answers/NUMBER_FORMAT")
    }
    assert errors(reply, parent=request(questions=["ISSUED", "DATA_MATCH"])) == {("FIELD_UNKNOWN", "/answers/STATUS")}


def test_a_reply_names_what_it_answers_unless_that_lies_beside_it(
    changed: Changed, errors: Errors, removed: object
) -> None:
    reply = changed("doc.verify.reply", {"/in_reply_to": removed})
    assert errors(reply) == {("FIELD_MISSING", "/in_reply_to")}
    assert errors(reply, parent=request()) == set()


def test_a_reply_to_something_else_is_refused(changed: Changed, errors: Errors) -> None:
    found = errors(changed("doc.verify.reply"), parent=registry.example("ident.request"))
    assert ("UNKNOWN_PARENT", "/in_reply_to") in found
    assert errors(changed("doc.alert"), parent=request()) == {("UNKNOWN_PARENT", "/kind")}


def test_a_reply_keeps_the_purpose_of_the_question(changed: Changed, errors: Errors) -> None:
    found = errors(changed("doc.verify.reply", {"/purpose_code": "DOCFRAUD"}), parent=request())
    assert found == {("SG7", "/purpose_code")}


@pytest.mark.parametrize(
    ("answers", "accepted"),
    [
        ({"DATA_MATCH": "NO"}, True),
        ({"DATA_MATCH": "PARTIAL"}, True),
        ({"PHOTO_MATCH": "NO"}, True),
        ({"DATA_MATCH": "YES"}, False),
        ({"ISSUED": "NO"}, False),
    ],
)
def test_fields_mismatch_only_where_matching_was_asked(
    answers: dict[str, str], accepted: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(changed("doc.verify.reply", {"/answers": answers}))
    assert found == (set() if accepted else {("SG8", "/mismatch_fields")})


def test_only_the_issuer_answers_for_a_document(changed: Changed, errors: Errors) -> None:
    document = {**registry.example("doc.verify.request")["document"], "issuer": "MDA"}
    parent = request(document=document)
    assert errors(changed("doc.verify.reply"), parent=parent, sender_state="MDA") == set()
    assert errors(changed("doc.verify.reply"), parent=parent, sender_state="GEO") == {("SENDER_NOT_ISSUER", "/kind")}
    assert errors(changed("doc.verify.reply"), parent=request(), sender_state="GEO") == set()


@pytest.mark.parametrize(
    ("answers", "step"),
    [
        ({"ISSUED": "YES", "STATUS": "CANNOT_SAY"}, "answered"),
        ({"ISSUED": "NO"}, "answered"),
        ({"ISSUED": "CANNOT_SAY", "STATUS": "REFUSED"}, "cannot_say"),
    ],
)
def test_the_step_of_a_reply(answers: dict[str, str], step: str, changed: Changed) -> None:
    assert registry.header_members(changed("doc.verify.reply", {"/answers": answers})).step == step
