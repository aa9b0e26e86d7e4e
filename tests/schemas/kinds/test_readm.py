"""Readmission: the application's blocks, what the requested state says of it, silence, documents, errors."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding
from schemas.parts.context import Earlier
from tests.schemas.kinds.profiles import KAZAKHSTAN, StandIn

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
Findings = Callable[..., list[Finding]]

APPLICATION = "readm.application"
TO_KAZAKHSTAN = {"sender_state": "NLD", "recipient_states": ("KAZ",)}
PROFILE = StandIn()


def keys(**changes: Any) -> StandIn:
    return replace(PROFILE, keys={**KAZAKHSTAN, **changes})


def held(*kinds: str, **changes: Any) -> tuple[Earlier, ...]:
    """The golden examples of these kinds as a case's messages, with changes to the last."""
    payloads = [registry.example(kind) for kind in kinds]
    payloads[-1].update(changes)
    return tuple(Earlier(payload=payload) for payload in payloads)


# -- the application: persons


def test_the_applicant_is_p1(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(APPLICATION, {"/person/id": "p2"})) == {("FIELD_RANGE", "/person/id")}
    assert errors(changed(APPLICATION, {"/person/id": removed, "/children/0/id": removed})) == set()


def test_nobody_shares_an_id(changed: Changed, errors: Errors) -> None:
    assert errors(changed(APPLICATION, {"/spouse/id": "p1"})) == {("FIELD_RANGE", "/spouse/id")}
    twice = changed(APPLICATION)
    twice["children"].append(dict(twice["children"][0]))
    assert errors(twice) == {("FIELD_RANGE", "/children/1/id")}
    del twice["children"][0]["id"]
    assert errors(twice) == {("FIELD_RANGE", "/children/1/id")}  # the first is c1 by its place


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("married", None),
        ("partnership", None),
        ("single", "FIELD_RANGE"),
        ("widowed", "FIELD_RANGE"),
        (None, "FIELD_MISSING"),
    ],
)
def test_a_spouse_needs_the_applicant_married(
    status: str | None, code: str | None, changed: Changed, errors: Errors, removed: object
) -> None:
    found = errors(changed(APPLICATION, {"/person/civil_status": status or removed}))
    assert found == ({(code, "/person/civil_status")} if code else set())
    alone = changed(APPLICATION, {"/person/civil_status": status or removed, "/spouse": removed})
    assert errors(alone) == set()


@pytest.mark.parametrize(("born", "minor"), [("2008-04-01", False), ("2008-04-02", True), ("2008", True)])
def test_children_are_minors(born: str, minor: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(APPLICATION, {"/children/0/birth_date/value": born}))
    assert found == (set() if minor else {("FIELD_RANGE", "/children/0/birth_date/value")})


@pytest.mark.parametrize(("status", "accepted"), [("single", True), ("married", False), ("partnership", False)])
def test_children_are_unmarried(status: str, accepted: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(APPLICATION, {"/children/0/civil_status": status}))
    assert found == (set() if accepted else {("FIELD_RANGE", "/children/0/civil_status")})


def test_every_person_of_the_family_is_checked(changed: Changed, errors: Errors) -> None:
    for place in ("/person", "/spouse", "/children/0"):
        found = errors(changed(APPLICATION, {f"{place}/birth_date/value": "2027-01-01"}))
        assert ("FIELD_RANGE", f"{place}/birth_date/value") in found


# -- the application: what the variant and the procedure ask for


@pytest.mark.parametrize("variant", ["own_national", "former_national", "tcn", "stateless", "family_member"])
def test_who_is_no_national_came_from_there(variant: str, changed: Changed, errors: Errors, removed: object) -> None:
    found = errors(changed(APPLICATION, {"/variant": variant, "/entry_facts": removed}))
    assert found == ({("FIELD_MISSING", "/entry_facts")} if variant in {"tcn", "stateless"} else set())


@pytest.mark.parametrize("procedure", ["normal", "accelerated", "airport"])
def test_the_accelerated_procedure_counts_from_the_apprehension(
    procedure: str, changed: Changed, errors: Errors, removed: object
) -> None:
    found = errors(changed(APPLICATION, {"/procedure": procedure, "/apprehension": removed}))
    assert found == ({("FIELD_MISSING", "/apprehension")} if procedure == "accelerated" else set())


@pytest.mark.parametrize("path", ["/unlawful_stay_since", "/apprehension/at", "/entry_facts/at"])
def test_nothing_happened_tomorrow(path: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(APPLICATION, {path: "2026-04-03"})) == {("FIELD_RANGE", path)}


def test_fingerprints_or_the_reason_for_none(changed: Changed, errors: Errors, removed: object) -> None:
    why = "/no_biometrics_reason"
    assert errors(changed(APPLICATION, {why: "NOT_TAKEN"})) == {("FIELD_UNKNOWN", why)}
    assert errors(changed(APPLICATION, {why: "NOT_TAKEN", "/biometrics": removed})) == set()
    assert errors(changed(APPLICATION, {why: "NO_TIME", "/biometrics": removed})) == {("CODE_UNKNOWN", why)}


@pytest.mark.parametrize(
    ("path", "value"),
    [("/special/danger/0", "dangerous"), ("/special/danger/0", "ARMED"), ("/special/needs/0", "needs insulin")],
)
def test_special_circumstances_are_codes(path: str, value: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(APPLICATION, {path: value})) == {("CODE_UNKNOWN", path)}
    assert ("SG10" in {code for code, _ in errors(changed(APPLICATION, {path: value}), **TO_KAZAKHSTAN)}) is (
        "needs" in path
    )


def test_fingerprints_may_travel(changed: Changed, errors: Errors) -> None:
    for media_type in ("application/vnd.ansi-nist-itl", "image/x-wsq"):
        assert errors(changed(APPLICATION, {"/biometrics/media_type": media_type})) == set()


# -- the application: the agreement's profile


def test_the_example_under_its_profile(changed: Changed, findings: Findings) -> None:
    payload = changed(APPLICATION, {"/agreement_id": PROFILE.id})
    assert findings(payload, profile=PROFILE) == [Finding("/apprehension/at", "OUT_OF_TIME", "warning")]
    payload["apprehension"]["at"] = "2026-03-27"
    assert findings(payload, profile=PROFILE, **TO_KAZAKHSTAN) == []


@pytest.mark.parametrize(
    ("changes", "parties"),
    [
        ({"id": "EU-GEO"}, {}),
        ({"first_day": date(2026, 4, 2)}, {}),
        ({}, {"sender_state": "AUT"}),
        ({}, {"recipient_states": ("MDA",)}),
    ],
)
def test_a_profile_that_does_not_hold_here(
    changes: dict[str, Any], parties: dict[str, Any], changed: Changed, errors: Errors
) -> None:
    payload = changed(APPLICATION, {"/agreement_id": "BENELUX-KAZ-2015"})
    found = errors(payload, profile=replace(PROFILE, **changes), **(TO_KAZAKHSTAN | parties))
    assert ("PROFILE_INACTIVE", "/agreement_id") in found


def test_an_unverified_profile_is_a_warning(changed: Changed, findings: Findings) -> None:
    payload = changed(APPLICATION, {"/agreement_id": PROFILE.id})
    found = findings(payload, profile=replace(PROFILE, certain=False))
    assert Finding("/agreement_id", "PROFILE_UNVERIFIED", "warning") in found
    assert registry.valid(found)


@pytest.mark.parametrize("variant", ["own_national", "tcn", "stateless"])
@pytest.mark.parametrize("clause", [True, None])
def test_nationals_of_others_need_the_clause_in_force(
    variant: str, clause: bool | None, changed: Changed, errors: Errors
) -> None:
    payload = changed(APPLICATION, {"/agreement_id": PROFILE.id, "/variant": variant})
    refused = variant != "own_national" and clause is None
    found = errors(payload, profile=keys(tcn_in_force=clause))
    assert found == ({("PROFILE_INACTIVE", "/variant")} if refused else set())


@pytest.mark.parametrize(
    ("variant", "since", "late"),
    [("tcn", "2025-04-01", False), ("tcn", "2025-03-31", True), ("own_national", "2024-03-31", False)],
)
def test_an_application_out_of_time_is_a_warning(
    variant: str, since: str, late: bool, changed: Changed, findings: Findings
) -> None:
    changes = {"/agreement_id": PROFILE.id, "/variant": variant, "/unlawful_stay_since": since}
    found = findings(changed(APPLICATION, changes | {"/procedure": "normal"}), profile=PROFILE)
    assert found == ([Finding("/unlawful_stay_since", "OUT_OF_TIME", "warning")] if late else [])


def test_a_period_nobody_knows_finds_nothing(changed: Changed, findings: Findings) -> None:
    payload = changed(APPLICATION, {"/agreement_id": PROFILE.id})
    assert findings(payload, profile=keys(submit_limit_fast=None)) == []


def test_fingerprints_where_the_protocol_expects_them(changed: Changed, errors: Errors, removed: object) -> None:
    profile = keys(biometrics="as_a_rule")
    bare = {"/agreement_id": PROFILE.id, "/biometrics": removed}
    assert errors(changed(APPLICATION, bare), profile=profile) == {("REASON_REQUIRED", "/no_biometrics_reason")}
    said = {**bare, "/no_biometrics_reason": "UNDER_AGE"}
    assert errors(changed(APPLICATION, said), profile=profile) == set()
    assert errors(changed(APPLICATION, bare), profile=PROFILE) == set()


@pytest.mark.parametrize(
    ("worth", "expires", "refused"),
    [
        ("proof", "2026-03-31", False),
        ("prima_facie", "2026-03-31", True),
        ("initiates", "2026-03-31", True),
        ("prima_facie", "2026-04-01", False),
        (None, "2026-03-31", False),
    ],
)
def test_what_an_expired_document_is_worth(  # noqa: PLR0917 - a table of cases
    worth: str | None, expires: str, refused: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    changes = {
        "/agreement_id": PROFILE.id,
        "/evidence/0/code": "NAT.PROOF.PASSPORT",
        "/evidence/0/document/possession": "held",
        "/evidence/0/document/mrz": removed,
        "/evidence/0/document/expires_on": expires,
    }
    found = errors(changed(APPLICATION, changes), profile=keys(expired_document=worth))
    assert found == ({("FIELD_RANGE", "/evidence/0/code")} if refused else set())


# -- acknowledgement and questions


def test_an_acknowledgement_says_what_is_missing(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed("readm.ack", {"/missing": removed})) == {("REASON_REQUIRED", "/missing")}
    assert errors(changed("readm.ack", {"/complete": True})) == {("FIELD_UNKNOWN", "/missing")}
    assert errors(changed("readm.ack", {"/complete": True, "/missing": removed})) == set()
    assert errors(changed("readm.ack", {"/complete": True, "/missing": []})) == set()
    assert errors(changed("readm.ack", {"/missing/0": "his mother"})) == {("CODE_UNKNOWN", "/missing/0")}
    assert errors(changed("readm.ack", {"/received_at": "2026-04-03"})) == {("FIELD_RANGE", "/received_at")}


def test_a_question_wants_its_answer_from_today(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed("readm.info.request", {"/due": "2026-03-31"})) == {("FIELD_RANGE", "/due")}
    for due in ("2026-04-01", removed):
        assert errors(changed("readm.info.request", {"/due": due})) == set()


def test_a_supply_gives_something(changed: Changed, errors: Errors, removed: object) -> None:
    bare = {"/attachments": removed, "/evidence": removed}
    assert errors(changed("readm.info.supply", bare)) == {("FIELD_MISSING", "/attachments")}
    assert errors(changed("readm.info.supply", {**bare, "/evidence": []})) == {("FIELD_MISSING", "/attachments")}
    for one in bare:
        assert errors(changed("readm.info.supply", {one: removed})) == set()


def test_sg8_fingerprints_only_for_who_asked_for_them(changed: Changed, errors: Errors) -> None:
    supply = changed("readm.info.supply", {"/attachments/0/media_type": "application/vnd.ansi-nist-itl"})
    asked = changed("readm.info.request")
    assert errors(supply) == set()
    assert errors(supply, parent=asked) == set()
    asked["items"] = ["EVIDENCE_COPY"]
    assert errors(supply, parent=asked) == {("SG8", "/attachments/0")}


# -- more time

EXTENSION = "readm.extension.request"


def test_more_time_in_days_or_until_a_day(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(EXTENSION, {"/days": removed})) == {("FIELD_MISSING", "/days")}
    assert errors(changed(EXTENSION, {"/until": "2026-05-01"})) == {("FIELD_UNKNOWN", "/until")}
    assert errors(changed(EXTENSION, {"/days": removed, "/until": "2026-05-01"})) == set()


@pytest.mark.parametrize(
    ("received", "late"), [("2026-03-11", False), ("2026-03-10", True), ("2026-03-11T02:00:00+05:00", False)]
)
def test_more_time_is_asked_for_before_the_end(received: str, late: bool, changed: Changed, errors: Errors) -> None:
    case = held(APPLICATION, "readm.ack", received_at=received)
    found = errors(changed(EXTENSION), earlier=case, profile=keys(reply_extension={"n": 6}))
    assert found == ({("LATE_EXTENSION", "/which")} if late else set())


@pytest.mark.parametrize(("days", "most", "refused"), [(6, 6, False), (7, 6, True), (1, None, True)])
def test_no_more_time_than_the_agreement_gives(
    days: int, most: int | None, refused: bool, changed: Changed, errors: Errors
) -> None:
    case = held(APPLICATION, "readm.ack", received_at="2026-03-20")
    profile = keys(reply_extension=None if most is None else {"n": most})
    found = errors(changed(EXTENSION, {"/days": days}), earlier=case, profile=profile)
    assert found == ({("EXTENSION_TOO_LONG", "/days")} if refused else set())


@pytest.mark.parametrize(("until", "refused"), [("2026-04-16", False), ("2026-04-17", True), ("2026-04-10", False)])
def test_until_is_counted_from_the_original_end(
    until: str, refused: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    case = held(APPLICATION, "readm.ack", received_at="2026-03-20")  # 21 days: 2026-04-10
    payload = changed(EXTENSION, {"/days": removed, "/until": until})
    found = errors(payload, earlier=case, profile=keys(reply_extension={"n": 6}))
    assert found == ({("EXTENSION_TOO_LONG", "/until")} if refused else set())


def test_until_the_end_itself_asks_for_nothing(changed: Changed, errors: Errors, removed: object) -> None:
    case = held(APPLICATION, "readm.ack", received_at="2026-03-20")
    payload = changed(EXTENSION, {"/days": removed, "/until": "2026-04-10"})
    assert errors(payload, earlier=case, profile=PROFILE) == set()


def test_more_time_for_transfer_and_submission(changed: Changed, errors: Errors) -> None:
    lapsed = held(APPLICATION, "readm.tacit.claim", due_at="2026-02-28")
    found = errors(changed(EXTENSION, {"/which": "TRANSFER"}), earlier=lapsed, profile=PROFILE)
    assert found == {("LATE_EXTENSION", "/which")}
    old = held(APPLICATION, unlawful_stay_since="2025-03-01")
    found = errors(changed(EXTENSION, {"/which": "SUBMIT"}), earlier=old, profile=keys(submit_extension={"n": 30}))
    assert found == {("LATE_EXTENSION", "/which")}


@pytest.mark.parametrize("which", ["REPLY", "TRANSFER", "SUBMIT"])
def test_without_the_earlier_messages_no_time_is_counted(which: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(EXTENSION, {"/which": which, "/days": 300}), profile=PROFILE) == set()


def test_an_extension_granted(changed: Changed, errors: Errors, removed: object) -> None:
    answer = "readm.extension.answer"
    assert errors(changed(answer, {"/outcome": "REFUSED"})) == {("FIELD_UNKNOWN", "/until")}
    assert errors(changed(answer, {"/outcome": "REFUSED", "/until": removed})) == set()
    assert errors(changed(answer, {"/outcome": "NOTED"})) == set()
    asked = changed(EXTENSION, {"/days": removed, "/until": "2026-04-13"})
    assert errors(changed(answer), parent=asked) == {("EXTENSION_TOO_LONG", "/until")}
    assert errors(changed(answer, {"/until": "2026-04-13"}), parent=asked) == set()


# -- the decision

DECISION = "readm.decision"


def test_a_refusal_has_reasons(changed: Changed, errors: Errors, removed: object) -> None:
    refused = {"/outcome": "REFUSED", "/conditions": removed}
    assert errors(changed(DECISION, {**refused, "/reasons": removed})) == {("REASON_REQUIRED", "/reasons")}
    assert errors(changed(DECISION, {**refused, "/reasons": []})) == {("REASON_REQUIRED", "/reasons")}
    assert errors(changed(DECISION, {**refused, "/reasons": [{"code": "OUT_OF_TIME"}]})) == set()
    assert errors(changed(DECISION, {**refused, "/reasons": [{"code": "OTHER"}]})) == {
        ("REASON_REQUIRED", "/reasons/0/text")
    }


def test_conditions_are_said(changed: Changed, errors: Errors, findings: Findings, removed: object) -> None:
    assert findings(changed(DECISION, {"/conditions": removed})) == [
        Finding("/conditions", "REASON_REQUIRED", "warning")
    ]
    for outcome in ("ACCEPTED", "REFUSED"):
        assert errors(changed(DECISION, {"/outcome": outcome})) == {("FIELD_UNKNOWN", "/conditions")}
    assert errors(changed(DECISION, {"/outcome": "ACCEPTED", "/conditions": removed})) == set()


def test_only_persons_of_the_application_are_covered(changed: Changed, errors: Errors) -> None:
    parent = registry.example(APPLICATION)
    assert errors(changed(DECISION), parent=parent) == set()
    found = errors(changed(DECISION, {"/persons_covered/1": "s2"}), parent=parent)
    assert found == {("PERSON_NOT_IN_APPLICATION", "/persons_covered/1")}
    assert errors(changed(DECISION, {"/persons_covered/1": "s2"})) == set()  # nobody knows
    for block in (parent["person"], parent["spouse"], parent["children"][0]):
        del block["id"]
    assert errors(changed(DECISION), parent=parent) == set()
    assert errors(changed(DECISION, {"/persons_covered/1": "p1"}), parent=parent) == {
        ("FIELD_RANGE", "/persons_covered/1")
    }


# -- the interview


@pytest.mark.parametrize(("at", "late"), [("2026-03-27T10:00:00+05:00", False), ("2026-03-28", True)])
def test_an_interview_is_held_in_time(at: str, late: bool, changed: Changed, findings: Findings) -> None:
    case = held(APPLICATION, "readm.ack", received_at="2026-03-24")
    found = findings(changed("readm.interview.plan", {"/at": at}), earlier=case, profile=PROFILE)
    assert found == ([Finding("/at", "OUT_OF_TIME", "warning")] if late else [])
    assert findings(changed("readm.interview.plan", {"/at": at}), profile=PROFILE) == []


@pytest.mark.parametrize(
    ("basis", "accepted"),
    [
        (["NAT.PRIMA_FACIE.LANGUAGE"], False),
        (["NAT.PRIMA_FACIE.LANGUAGE", "NAT.PRIMA_FACIE.LANGUAGE"], False),
        (["NAT.PRIMA_FACIE.LANGUAGE_TEST"], True),
        (["NAT.PRIMA_FACIE.LANGUAGE", "NAT.PRIMA_FACIE.OWN_STATEMENT"], True),
    ],
)
def test_language_alone_confirms_nobody(basis: list[str], accepted: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed("readm.interview.result", {"/basis": basis}))
    assert found == (set() if accepted else {("FIELD_RANGE", "/outcome")})
    for outcome in ("NOT_CONFIRMED", "INCONCLUSIVE"):
        assert errors(changed("readm.interview.result", {"/basis": basis, "/outcome": outcome})) == set()


def test_a_confirmation_rests_on_something(changed: Changed, errors: Errors, removed: object) -> None:
    result = "readm.interview.result"
    assert errors(changed(result, {"/basis": []})) == {("FIELD_MISSING", "/basis")}
    assert errors(changed(result, {"/basis": removed})) == {("FIELD_MISSING", "/basis")}
    assert errors(changed(result, {"/basis/0": "NAT.RUMOUR"})) == {("CODE_UNKNOWN", "/basis/0")}
    nobody = {"/outcome": "NO_SHOW"}
    assert errors(changed(result, nobody)) == {("FIELD_UNKNOWN", "/basis"), ("FIELD_UNKNOWN", "/language_indication")}
    assert errors(changed(result, {**nobody, "/basis": [], "/language_indication": removed})) == set()


@pytest.mark.parametrize(("at", "late"), [("2026-03-27", False), ("2026-03-26", True)])
def test_an_interviews_result_in_time(at: str, late: bool, changed: Changed, findings: Findings) -> None:
    case = held(APPLICATION, "readm.interview.plan", at=at)
    found = findings(changed("readm.interview.result"), earlier=case, profile=PROFILE)
    assert found == ([Finding("/outcome", "OUT_OF_TIME", "warning")] if late else [])


# -- silence

CLAIM = "readm.tacit.claim"
MARCH = {"/received_at": "2026-03-05", "/due_at": "2026-03-26"}


def silent(**changes: Any) -> dict[str, Any]:
    case = held(APPLICATION, "readm.ack", received_at="2026-03-05")
    case[0].payload["procedure"] = "normal"  # type: ignore[index]  # a fresh example
    return {"earlier": case, "profile": PROFILE, **TO_KAZAKHSTAN} | changes


def test_consent_by_silence(changed: Changed, errors: Errors) -> None:
    assert errors(changed(CLAIM, MARCH), **silent()) == set()


def test_nobody_claims_it_without_a_profile(changed: Changed, errors: Errors) -> None:
    assert errors(changed(CLAIM, MARCH), **silent(profile=None)) == {("TACIT_NOT_PROVIDED", "/kind")}
    assert errors(changed(CLAIM, MARCH), **TO_KAZAKHSTAN) == {("TACIT_NOT_PROVIDED", "/kind")}


@pytest.mark.parametrize("profile", [replace(PROFILE, certain=False), keys(silence=None), keys(silence="refusal")])
def test_nor_under_one_that_is_unverified_or_gives_none(profile: StandIn, changed: Changed, errors: Errors) -> None:
    assert ("TACIT_NOT_PROVIDED", "/kind") in errors(changed(CLAIM, MARCH), **silent(profile=profile))


def test_nor_one_who_says_so_while_a_text_is_uncertain(changed: Changed, errors: Errors) -> None:
    profile = replace(PROFILE, certain=False, silent_from=date(2026, 3, 27))
    assert ("TACIT_NOT_PROVIDED", "/kind") in errors(changed(CLAIM, MARCH), **silent(profile=profile))


@pytest.mark.parametrize(
    ("at", "early"), [(datetime(2026, 3, 26, 23, tzinfo=UTC), True), (datetime(2026, 3, 27, tzinfo=UTC), False)]
)
def test_not_before_the_day_after(at: datetime, early: bool, changed: Changed, errors: Errors) -> None:
    assert (("TACIT_TOO_EARLY", "/due_at") in errors(changed(CLAIM, MARCH), at=at, **silent())) is early
    assert (("TACIT_TOO_EARLY", "/due_at") in errors(changed(CLAIM, MARCH), at=at)) is early


def test_not_before_a_profiles_own_first_day(changed: Changed, errors: Errors) -> None:
    rolling = replace(PROFILE, silent_from=date(2026, 4, 2))
    assert errors(changed(CLAIM, MARCH), **silent(profile=rolling)) == {("TACIT_TOO_EARLY", "/due_at")}


def test_the_day_is_the_one_counted(changed: Changed, errors: Errors) -> None:
    found = errors(changed(CLAIM, {**MARCH, "/due_at": "2026-03-25"}), **silent())
    assert found == {("FIELD_RANGE", "/due_at")}
    found = errors(changed(CLAIM, {**MARCH, "/due_at": "2026-03-01"}))
    assert found == {("FIELD_RANGE", "/due_at")}  # before the receipt
    assert errors(changed(CLAIM, {**MARCH, "/received_at": "2026-04-03"})) >= {("FIELD_RANGE", "/received_at")}


def test_the_fast_procedure_has_its_own_time(changed: Changed, errors: Errors) -> None:
    context = silent()
    context["earlier"][0].payload["procedure"] = "accelerated"
    assert errors(changed(CLAIM, {**MARCH, "/due_at": "2026-03-09"}), **context) == set()
    assert errors(changed(CLAIM, MARCH), **context) == {("FIELD_RANGE", "/due_at")}


def test_the_version_is_the_one_the_case_began_with(changed: Changed, errors: Errors) -> None:
    assert errors(changed(CLAIM, {**MARCH, "/profile_version": "2"}), **silent()) == {
        ("PROFILE_INACTIVE", "/profile_version")
    }


def test_not_after_a_decision(changed: Changed, errors: Errors) -> None:
    context = silent()
    context["earlier"] += held("readm.decision")
    assert errors(changed(CLAIM, MARCH), **context) == {("TACIT_NOT_PROVIDED", "/kind")}


def test_not_while_an_extension_is_unanswered(changed: Changed, errors: Errors) -> None:
    context = silent()
    context["earlier"] += held(EXTENSION)
    assert errors(changed(CLAIM, MARCH), **context) == {("TACIT_TOO_EARLY", "/due_at")}
    context["earlier"] += held("readm.extension.answer", outcome="REFUSED")
    assert errors(changed(CLAIM, MARCH), **context) == set()


@pytest.mark.parametrize(
    ("asked", "answered", "due", "codes"),
    [
        ({"days": 6}, {"outcome": "GRANTED"}, "2026-04-01", {"TACIT_TOO_EARLY"}),
        ({"days": 5}, {"outcome": "NOTED"}, "2026-03-31", set()),
        ({"days": 5}, {"outcome": "NOTED"}, "2026-03-26", {"FIELD_RANGE"}),
        ({"until": "2026-03-30"}, {"outcome": "GRANTED"}, "2026-03-26", {"TACIT_TOO_EARLY"}),
        ({"days": 5}, {"outcome": "GRANTED", "until": "2026-03-30"}, "2026-03-26", {"TACIT_TOO_EARLY"}),
        ({"which": "TRANSFER", "days": 6}, {"outcome": "GRANTED"}, "2026-03-26", set()),
    ],
)
def test_an_extension_moves_the_day(  # noqa: PLR0917 - a table of cases
    asked: dict[str, Any], answered: dict[str, Any], due: str, codes: set[str], changed: Changed, errors: Errors
) -> None:
    request, answer = registry.example(EXTENSION), registry.example("readm.extension.answer")
    del request["days"], answer["until"]
    context = silent()
    context["earlier"] += (Earlier(payload=request | asked), Earlier(payload=answer | answered))
    found = errors(changed(CLAIM, {**MARCH, "/due_at": due}), **context)
    assert {code for code, _ in found} == codes


def test_a_receipt_proven_by_a_signed_hand_over(changed: Changed, errors: Errors) -> None:
    context = silent(earlier=held(APPLICATION, procedure="normal"))
    assert errors(changed(CLAIM, MARCH), **context) == {("SG9", "/received_at")}
    received = datetime(2026, 3, 4, 22, tzinfo=UTC)  # 5 March there
    assert errors(changed(CLAIM, MARCH), received_at=received, **context) == set()


def test_a_claim_whose_receipt_cannot_be_read(changed: Changed, errors: Errors) -> None:
    payload = changed(CLAIM, {**MARCH, "/received_at": "last week"})
    assert errors(payload, **silent(earlier=())) == {("FIELD_PATTERN", "/received_at")}


# -- travel documents


@pytest.mark.parametrize(
    ("kind", "doc_type", "fits"),
    [
        ("NATIONAL", "passport.ordinary", True),
        ("NATIONAL", "passport.emergency", True),
        ("NATIONAL", "id.national", True),
        ("NATIONAL", "td.laissez_passer", False),
        ("LAISSEZ_PASSER", "td.laissez_passer", True),
        ("LAISSEZ_PASSER", "passport.ordinary", False),
        ("EU_RETURN", "td.eu_return", True),
        ("EU_RETURN", "td.laissez_passer", False),
    ],
)
def test_a_document_is_of_its_kind(kind: str, doc_type: str, fits: bool, changed: Changed, errors: Errors) -> None:
    for name in ("readm.td.issued", "readm.td.request"):
        changes = {"/td_kind": kind, "/td/doc_type": doc_type, "/td/expires_on": "2026-09-30"}
        assert errors(changed(name, changes)) == (set() if fits else {("FIELD_RANGE", "/td/doc_type")})


@pytest.mark.parametrize(
    ("substitute", "taken"),
    [("requesting_party_td", True), ("eu_td", True), ("common_td", True), ("expired_td", False), (None, False)],
)
def test_an_own_document_where_the_agreement_takes_it(
    substitute: str | None, taken: bool, changed: Changed, errors: Errors
) -> None:
    own = {"/td_kind": "EU_RETURN", "/td/doc_type": "td.eu_return", "/td/expires_on": "2026-09-30"}
    found = errors(changed("readm.td.request", own), profile=keys(td_substitute=substitute))
    assert found == (set() if taken else {("PROFILE_INACTIVE", "/td_kind")})


def test_a_request_is_for_a_document_or_of_one(changed: Changed, errors: Errors, removed: object) -> None:
    request = "readm.td.request"
    assert errors(changed(request, {"/td": removed})) == set()
    assert errors(changed(request, {"/td_kind": "EU_RETURN", "/td": removed})) == {("FIELD_MISSING", "/td")}
    expired = {"/td_kind": "EU_RETURN", "/td/doc_type": "td.eu_return"}
    assert errors(changed(request, expired)) == {("TD_EXPIRES_BEFORE_TRANSFER", "/td/expires_on")}


@pytest.mark.parametrize(
    ("expires", "code"),
    [
        ("2026-09-30", None),
        ("2026-09-29", "FIELD_RANGE"),
        ("2026-03-31", "TD_EXPIRES_BEFORE_TRANSFER"),
        (None, "FIELD_MISSING"),
    ],
)
def test_a_document_is_valid_as_long_as_the_agreement_asks(
    expires: str | None, code: str | None, changed: Changed, errors: Errors, removed: object
) -> None:
    found = errors(changed("readm.td.issued", {"/td/expires_on": expires or removed}), profile=PROFILE)
    assert ((code, "/td/expires_on") in found) if code else found == set()
    known = errors(changed("readm.td.issued", {"/td/expires_on": "2026-09-01"}), profile=keys(td_validity_min=None))
    assert known == set()


# -- the communication

SHORT = "readm.communication"


def test_only_a_valid_document_at_hand_saves_the_application(changed: Changed, errors: Errors, removed: object) -> None:
    bare = {"/td/mrz": removed}
    assert errors(changed(SHORT, {"/td/possession": "copy"})) == {("FIELD_RANGE", "/td/possession")}
    assert errors(changed(SHORT, {**bare, "/td/expires_on": "2026-04-08"})) == {
        ("TD_EXPIRES_BEFORE_TRANSFER", "/td/expires_on")
    }
    assert errors(changed(SHORT, {**bare, "/td/expires_on": "2026-04-09"})) == set()
    assert errors(changed(SHORT, {**bare, "/td/expires_on": removed})) == {("FIELD_MISSING", "/td/expires_on")}
    assert errors(changed(SHORT, {"/visa": removed, "/permit": removed})) == set()


def test_the_transfer_it_announces(changed: Changed, errors: Errors, findings: Findings) -> None:
    assert errors(changed(SHORT, {"/transfer/bcp": "QQPRY"})) == {("CODE_UNKNOWN", "/transfer/bcp")}
    assert ("FIELD_RANGE", "/transfer/bcp") in errors(changed(SHORT, {"/transfer/bcp": "RSBEG-AIR"}), **TO_KAZAKHSTAN)
    soon = changed(SHORT, {"/transfer/at": "2026-04-06"})
    assert errors(soon, profile=PROFILE) == {("LEAD_TOO_SHORT", "/transfer/at")}
    assert errors(changed(SHORT, {"/transfer/at": "2026-04-07"}), profile=PROFILE) == set()
    gently = replace(PROFILE, preferred_leads=frozenset({"notice_lead"}))
    assert findings(soon, profile=gently) == [Finding("/transfer/at", "LEAD_TOO_SHORT", "warning")]


# -- errors

ERROR = "readm.error.claim"


@pytest.mark.parametrize(("handed_over", "late"), [("2026-01-01", False), ("2025-12-31", True)])
def test_an_error_is_claimed_in_time(handed_over: str, late: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(ERROR, {"/handed_over_at": handed_over}), profile=PROFILE)
    assert found == ({("OUT_OF_TIME", "/handed_over_at")} if late else set())
    assert errors(changed(ERROR, {"/handed_over_at": handed_over})) == set()


def test_it_is_about_the_hand_over_on_record(changed: Changed, errors: Errors) -> None:
    case = held(APPLICATION, "transfer.result")
    assert errors(changed(ERROR), earlier=case) == set()
    found = errors(changed(ERROR, {"/handed_over_at": "2026-03-30"}), earlier=case)
    assert found == {("FIELD_RANGE", "/handed_over_at")}
    found = errors(changed(ERROR, {"/handed_over_at": "2026-04-03"}))
    assert found == {("FIELD_RANGE", "/handed_over_at")}
    assert errors(changed(ERROR, {"/evidence": []})) == {("FIELD_LENGTH", "/evidence")}


def test_a_rejection_has_its_reason(changed: Changed, errors: Errors, removed: object) -> None:
    answer = "readm.error.answer"
    assert errors(changed(answer, {"/reason": removed})) == {("REASON_REQUIRED", "/reason")}
    assert errors(changed(answer, {"/reason": removed, "/outcome": "ACCEPTED"})) == set()


# -- what the hub is told


@pytest.mark.parametrize(
    ("kind", "changes", "step"),
    [
        (APPLICATION, {}, "applied"),
        ("readm.ack", {}, "acknowledged_incomplete"),
        ("readm.ack", {"/complete": True}, "acknowledged"),
        (DECISION, {"/outcome": "ACCEPTED"}, "accepted"),
        (DECISION, {}, "accepted"),
        (DECISION, {"/outcome": "REFUSED"}, "refused"),
        ("readm.extension.answer", {}, "extension_granted"),
        ("readm.extension.answer", {"/outcome": "NOTED"}, "extension_granted"),
        ("readm.extension.answer", {"/outcome": "REFUSED"}, "extension_refused"),
        ("readm.td.request", {}, "td_requested"),
        ("readm.td.request", {"/td_kind": "EU_RETURN"}, "td_substituted"),
        ("readm.error.answer", {}, "error_rejected"),
        ("readm.error.answer", {"/outcome": "ACCEPTED"}, "taken_back"),
    ],
)
def test_the_step(kind: str, changes: dict[str, object], step: str, changed: Changed) -> None:
    assert registry.header_members(changed(kind, changes)).step == step


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (APPLICATION, {"procedure": "accelerated", "variant": "own_national", "known_on": "2026-01-14"}),
        ("readm.ack", {"event_on": "2026-03-26T09:12:00+02:00"}),
        ("readm.info.request", {"valid_until": "2026-04-08"}),
        (EXTENSION, {}),
        ("readm.extension.answer", {"valid_until": "2026-04-14"}),
        (CLAIM, {"event_on": "2026-03-26"}),
        ("readm.td.issued", {"valid_until": "2026-09-30"}),
        (SHORT, {"event_on": "2026-04-09T11:20:00+02:00"}),
        (DECISION, {}),
    ],
)
def test_the_facts(kind: str, facts: dict[str, str]) -> None:
    assert registry.header_members(registry.example(kind)).facts == facts
