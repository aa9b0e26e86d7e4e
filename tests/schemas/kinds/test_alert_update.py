"""What follows an alert: amendments, confirmation, withdrawal, feedback; and what issuers say of their documents."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

UPDATE, FEEDBACK, STATUS, SPECIMEN = (
    "doc.alert.update",
    "doc.alert.feedback",
    "doc.status.notice",
    "doc.specimen.notice",
)
BARE = ("finding_level", "detection_points", "techniques", "seen_count")


@pytest.fixture
def alert(changed: Changed) -> dict[str, Any]:
    return changed("doc.alert", {"/finding_level": 2})


@pytest.fixture
def bare(changed: Changed, removed: object) -> Callable[..., dict[str, Any]]:
    """bare(action, changes) -> an update that says nothing but its action and the changes."""

    def make(action: str, changes: dict[str, object] | None = None) -> dict[str, Any]:
        return changed(UPDATE, {**{f"/{name}": removed for name in BARE}, "/action": action, **(changes or {})})

    return make


# -- doc.alert.update


@pytest.mark.parametrize(("before", "after", "accepted"), [(1, 2, True), (2, 3, True), (3, 3, False), (3, 2, False)])
def test_a_confirmation_raises_the_level(  # noqa: PLR0917 - a table of cases
    before: int, after: int, accepted: bool, bare: Callable[..., dict[str, Any]], changed: Changed, errors: Errors
) -> None:
    found = errors(bare("CONFIRM", {"/finding_level": after}), parent=changed("doc.alert", {"/finding_level": before}))
    assert found == (set() if accepted else {("FIELD_RANGE", "/finding_level")})


def test_a_confirmation_says_the_level(bare: Callable[..., dict[str, Any]], errors: Errors) -> None:
    assert errors(bare("CONFIRM")) == {("FIELD_MISSING", "/finding_level")}


def test_an_amendment_changes_something(bare: Callable[..., dict[str, Any]], errors: Errors) -> None:
    assert errors(bare("AMEND")) == {("FIELD_MISSING", "/detection_points")}
    assert errors(bare("AMEND", {"/route_code": "CAUCASUS"})) == set()


def test_a_withdrawal_leaves_no_detail(
    bare: Callable[..., dict[str, Any]], errors: Errors, alert: dict[str, Any]
) -> None:
    assert errors(bare("WITHDRAW"), parent=alert) == set()
    for name in ("finding_level", "detection_points", "seen_count", "fraud_types"):
        found = errors(bare("WITHDRAW", {f"/{name}": registry.example("doc.alert")[name]}), parent=alert)
        assert found == {("FIELD_UNKNOWN", f"/{name}")}


def test_an_update_is_of_the_alert_it_names(changed: Changed, errors: Errors, alert: dict[str, Any]) -> None:
    other = {"/alert_no": "AT-DOC-2026-09999"}
    assert errors(changed(UPDATE, other), parent=alert) == {("WRONG_CASE", "/alert_no")}
    assert errors(changed(FEEDBACK, other), parent=alert) == {("WRONG_CASE", "/alert_no")}
    assert errors(changed(UPDATE), sender_state="MDA") == {("SENDER_NOT_ISSUER", "/alert_no")}


def test_what_results_holds_as_an_alert_would(
    bare: Callable[..., dict[str, Any]], changed: Changed, errors: Errors, alert: dict[str, Any]
) -> None:
    full_number = bare("AMEND", {"/number_masks": ["UT1234567"]})
    assert errors(full_number, parent=alert) == {("FIELD_PATTERN", "/number_masks/0")}
    assert errors(full_number) == {("FIELD_PATTERN", "/number_masks/0")}, "without the alert, the strictest"
    stolen = {**alert, "fraud_types": ["STOLEN_BLANK"]}
    assert errors(full_number, parent=stolen) == set()
    undetermined = bare("CONFIRM", {"/finding_level": 3})
    assert errors(undetermined, parent={**alert, "fraud_types": ["UNDETERMINED"]}) == {
        ("FIELD_RANGE", "/finding_level")
    }
    few = bare("AMEND", {"/nationalities": ["UTO", "MDA"]})
    assert errors(few, parent={**alert, "seen_count": 9}) == {("FIELD_RANGE", "/nationalities")}
    assert errors(few, parent={**alert, "seen_count": 10}) == set()
    naked = bare("AMEND", {"/images": changed("doc.alert")["images"], "/images/0/masked": ["portrait"]})
    assert errors(naked, parent=alert) == {("FIELD_MISSING", "/images/0/masked")}


def test_what_the_alert_itself_has_wrong_is_not_the_updates_fault(
    bare: Callable[..., dict[str, Any]], errors: Errors, alert: dict[str, Any]
) -> None:
    assert errors(bare("AMEND", {"/route_code": "CAUCASUS"}), parent={**alert, "number_masks": ["UT1234567"]}) == set()


def test_an_alerts_last_day_is_fixed(changed: Changed, errors: Errors) -> None:
    assert errors(changed(UPDATE, {"/valid_until": "2030-01-01"})) == {("FIELD_UNKNOWN", "/valid_until")}


@pytest.mark.parametrize(
    ("action", "step"), [("AMEND", "amended"), ("CONFIRM", "confirmed"), ("WITHDRAW", "withdrawn")]
)
def test_the_step_is_the_action(action: str, step: str, bare: Callable[..., dict[str, Any]]) -> None:
    assert registry.header_members(bare(action)).step == step


def test_an_update_answers_an_alert(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(UPDATE, {"/in_reply_to": removed})) == {("FIELD_MISSING", "/in_reply_to")}
    assert errors(changed(UPDATE), parent=registry.example("ident.request")) >= {("UNKNOWN_PARENT", "/in_reply_to")}


# -- doc.alert.feedback


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/seen": False}, {("FIELD_UNKNOWN", "/count"), ("FIELD_UNKNOWN", "/same_technique")}),
        ({"/count": 0}, {("FIELD_RANGE", "/count")}),
        ({"/person": {"sex": "M"}}, {("FIELD_UNKNOWN", "/person")}),
        ({"/safeguards": {}}, {("FIELD_UNKNOWN", "/safeguards")}),
    ],
)
def test_feedback(changes: dict[str, object], found: set[tuple[str, str]], changed: Changed, errors: Errors) -> None:
    assert errors(changed(FEEDBACK, changes)) == found


def test_feedback_says_how_often(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(FEEDBACK, {"/count": removed})) == {("FIELD_MISSING", "/count")}
    unseen = {"/seen": False, "/count": removed, "/same_technique": removed}
    assert errors(changed(FEEDBACK, unseen)) == set()


def test_remarks_are_guarded(changed: Changed, errors: Errors) -> None:
    found = errors(changed(FEEDBACK, {"/remarks": "holder sought asylum"}), recipient_states=("MDA",))
    assert found == {("FREETEXT_HOLD", "/remarks")}


# -- doc.status.notice


NUMBER = {"/number": "UT 8000001", "/status": "LOST"}


@pytest.mark.parametrize("status", ["LOST", "STOLEN", "REVOKED", "INVALID", "FOUND", "STOLEN_BLANK"])
def test_one_number_may_have_any_status(status: str, changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(STATUS, {**NUMBER, "/range": removed, "/status": status})) == set()


@pytest.mark.parametrize("status", ["LOST", "STOLEN", "REVOKED", "INVALID", "FOUND"])
def test_a_range_is_of_stolen_blanks(status: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(STATUS, {"/status": status})) == {("FIELD_UNKNOWN", "/range")}


def test_a_number_or_a_range(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(STATUS, {"/number": "UT8000001"})) == {("FIELD_UNKNOWN", "/range")}
    assert errors(changed(STATUS, {"/range": removed})) == {("FIELD_MISSING", "/number")}
    for end in ("UT8000000", "UT80005000"):
        assert errors(changed(STATUS, {"/range/to": end})) == {("FIELD_RANGE", "/range/to")}
    assert errors(changed(STATUS, {"/since": "2026-04-03"})) == {("FIELD_RANGE", "/since")}


@pytest.mark.parametrize(("kind", "path"), [(STATUS, "/issuer"), (SPECIMEN, "/document_model/issuer")])
def test_only_the_issuer_says_it(kind: str, path: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(kind, {path: "MDA"}), sender_state="AUT") == {("SENDER_NOT_ISSUER", path)}
    assert errors(changed(kind, {path: "AUT"}), sender_state="AUT") == set()
    assert errors(changed(kind), sender_state="AUT") == set(), "the specimen state stands for any"
    assert ("CODE_UNKNOWN", path) in errors(changed(kind), sender_state="AUT", live=True)


def test_a_notices_number_is_kept_as_printed(changed: Changed, removed: object) -> None:
    sent = registry.normalise(changed(STATUS, {**NUMBER, "/range": removed}))
    assert (sent["number"], sent["number_raw"]) == ("UT8000001", "UT 8000001")


# -- doc.specimen.notice


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/withdrawn_on": "2026-01-31"}, ("FIELD_RANGE", "/withdrawn_on")),
        ({"/images/0/media_type": "application/pdf"}, ("ATTACH_TYPE", "/images/0/media_type")),
        ({"/document_model/claimed_issuer": "Nowhere"}, ("FIELD_UNKNOWN", "/document_model/claimed_issuer")),
        ({"/features/0": "x" * 301}, ("FIELD_LENGTH", "/features/0")),
        ({"/features/0": "  "}, ("FIELD_LENGTH", "/features/0")),
        ({"/features": []}, ("FIELD_LENGTH", "/features")),
    ],
)
def test_a_specimen(changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors) -> None:
    assert errors(changed(SPECIMEN, changes)) == {found}


def test_a_series_may_be_announced(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(SPECIMEN, {"/valid_from": "2027-01-01"})) == set()
    assert errors(changed(SPECIMEN, {"/withdrawn_on": "2026-12-31", "/images": removed})) == set()
