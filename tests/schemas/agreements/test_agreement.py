"""What an agreement allows, and everything it does not: reading, permitting, and filling in for an edge."""

import json
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agreements.agreement import Agreement, Fit, agreement_json, fitting, parse_agreement, permit
from schemas.errors import Rejected

TODAY = date(2026, 11, 25)
CANARY = "Zz-Canary-77"

AGREEMENT = Agreement(
    id="TEST-AUT-MDA",
    version=3,
    parties=("AUT", "MDA"),
    kinds={
        "ident.request": (("RET", "MIG"), ("RET", "CON"), ("MIG", "MIG")),
        "ident.reply": (("MIG", "RET"),),
        "doc.verify.request": (),
    },
    purposes=("RETURN_ID", "READM"),
    legal_bases=("Art. 6(1)", "Protocol Art. 2"),
    profile=None,
    status="in_force",
    in_force_on=date(2026, 1, 1),
)

ASKED: Mapping[str, Any] = {
    "kind": "ident.request",
    "sender_state": "AUT",
    "sender_role": "RET",
    "recipient_state": "MDA",
    "recipient_roles": ("VIS", "MIG"),
    "purpose": "RETURN_ID",
    "basis": "Art. 6(1)",
    "on": TODAY,
}


def members(**changes: object) -> dict[str, object]:
    return {**agreement_json(AGREEMENT), **changes}


# -- reading


@pytest.mark.parametrize(
    "agreement",
    [
        AGREEMENT,
        replace(AGREEMENT, profile="EU-MDA", status="suspended", in_force_on=None),
        replace(AGREEMENT, parties=("MDA", "GEO", "AUT"), kinds={}, purposes=(), legal_bases=()),
    ],
)
def test_an_agreement_is_read_back_as_written(agreement: Agreement) -> None:
    written = json.loads(json.dumps(agreement_json(agreement)))
    assert parse_agreement(written) == agreement
    assert agreement_json(parse_agreement(written)) == written


def test_an_agreement_cannot_be_changed() -> None:
    read = parse_agreement(members())
    with pytest.raises(FrozenInstanceError):
        read.status = "suspended"  # type: ignore[misc]
    with pytest.raises(TypeError):
        read.kinds["doc.alert"] = (("DOC", "DOC"),)  # type: ignore[index]


@pytest.mark.parametrize("found", [None, [], "{}", 7, True])
def test_an_agreement_is_an_object(found: object) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_agreement(found)
    assert (refusal.value.code, refusal.value.path) == ("FIELD_TYPE", "")


@pytest.mark.parametrize("name", sorted(set(agreement_json(AGREEMENT))))
def test_every_member_but_the_profile_is_mandatory(name: str) -> None:
    found = members()
    del found[name]
    with pytest.raises(Rejected) as refusal:
        parse_agreement(found)
    assert (refusal.value.code, refusal.value.path) == ("FIELD_MISSING", f"/{name}")


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({CANARY: 1}, "FIELD_UNKNOWN", ""),
        ({"kind": "ident.request"}, "FIELD_UNKNOWN", ""),
        ({"id": 7}, "FIELD_TYPE", "/id"),
        ({"id": CANARY}, "FIELD_PATTERN", "/id"),
        ({"id": "X"}, "FIELD_PATTERN", "/id"),
        ({"id": "TEST-AUT-MDA\n"}, "FIELD_PATTERN", "/id"),
        ({"id": "T" * 64}, "FIELD_PATTERN", "/id"),
        ({"version": "1"}, "FIELD_TYPE", "/version"),
        ({"version": True}, "FIELD_TYPE", "/version"),
        ({"version": 1.0}, "FIELD_TYPE", "/version"),
        ({"version": 0}, "FIELD_RANGE", "/version"),
        ({"version": 10**9}, "FIELD_RANGE", "/version"),
        ({"parties": "AUT"}, "FIELD_TYPE", "/parties"),
        ({"parties": []}, "FIELD_LENGTH", "/parties"),
        ({"parties": ["AUT"]}, "FIELD_LENGTH", "/parties"),
        ({"parties": ["AUT", "AUT"]}, "FIELD_RANGE", "/parties/1"),
        ({"parties": ["AUT", "MD"]}, "FIELD_PATTERN", "/parties/1"),
        ({"parties": ["aut", "MDA"]}, "FIELD_PATTERN", "/parties/0"),
        ({"parties": ["AUT", None]}, "FIELD_TYPE", "/parties/1"),
        ({"kinds": []}, "FIELD_TYPE", "/kinds"),
        ({"kinds": {CANARY: []}}, "FIELD_PATTERN", "/kinds"),
        ({"kinds": {"ident": []}}, "FIELD_PATTERN", "/kinds"),
        ({"kinds": {f"ident.{'a' * length}": [] for length in range(1, 202)}}, "FIELD_LENGTH", "/kinds"),
        ({"kinds": {"ident.request": {}}}, "FIELD_TYPE", "/kinds/ident.request"),
        ({"kinds": {"ident.request": [["RET", "MIG"]] * 201}}, "FIELD_LENGTH", "/kinds/ident.request"),
        ({"kinds": {"ident.request": ["RET"]}}, "FIELD_TYPE", "/kinds/ident.request/0"),
        ({"kinds": {"ident.request": [["RET"]]}}, "FIELD_LENGTH", "/kinds/ident.request/0"),
        ({"kinds": {"ident.request": [["RET", "MIG", "CON"]]}}, "FIELD_LENGTH", "/kinds/ident.request/0"),
        ({"kinds": {"ident.request": [["RET", "*"]]}}, "FIELD_PATTERN", "/kinds/ident.request/0/1"),
        ({"kinds": {"ident.request": [[None, "MIG"]]}}, "FIELD_TYPE", "/kinds/ident.request/0/0"),
        ({"kinds": {"ident.request": [["RET", "MIG"]] * 2}}, "FIELD_RANGE", "/kinds/ident.request/1"),
        ({"purposes": {}}, "FIELD_TYPE", "/purposes"),
        ({"purposes": ["READM", "readm"]}, "FIELD_PATTERN", "/purposes/1"),
        ({"purposes": ["READM", "READM"]}, "FIELD_RANGE", "/purposes/1"),
        ({"legal_bases": [""]}, "FIELD_PATTERN", "/legal_bases/0"),
        ({"legal_bases": [" Art. 6"]}, "FIELD_PATTERN", "/legal_bases/0"),
        ({"legal_bases": ["Art.\N{NO-BREAK SPACE}6"]}, "FIELD_PATTERN", "/legal_bases/0"),
        ({"legal_bases": ["A" * 121]}, "FIELD_PATTERN", "/legal_bases/0"),
        ({"legal_bases": [6]}, "FIELD_TYPE", "/legal_bases/0"),
        ({"profile": "eu-mda"}, "FIELD_PATTERN", "/profile"),
        ({"profile": 1}, "FIELD_TYPE", "/profile"),
        ({"status": "draft"}, "CODE_UNKNOWN", "/status"),
        ({"status": True}, "FIELD_TYPE", "/status"),
        ({"in_force_on": "2026-02-30"}, "FIELD_PATTERN", "/in_force_on"),
        ({"in_force_on": "20260101"}, "FIELD_PATTERN", "/in_force_on"),
        ({"in_force_on": "2026-01-01T00:00:00Z"}, "FIELD_PATTERN", "/in_force_on"),
        ({"in_force_on": 20260101}, "FIELD_TYPE", "/in_force_on"),
    ],
)
def test_what_is_no_agreement_is_refused_by_name(changes: dict[str, object], code: str, path: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_agreement(members(**changes))
    assert (refusal.value.code, refusal.value.path) == (code, path)
    assert CANARY not in str(refusal.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(name=st.sampled_from([*agreement_json(AGREEMENT), "profile"]), value=_JSON)
def test_a_member_of_any_form_is_read_back_or_refused(name: str, value: object) -> None:
    refusal, read = None, None
    try:
        read = parse_agreement(members(**{name: value}))
    except Rejected as error:
        refusal = error
    if read is not None:
        assert parse_agreement(agreement_json(read)) == read
    else:
        assert refusal is not None
        assert refusal.path is not None
        assert refusal.path.startswith(f"/{name}")


# -- permitting


def test_what_is_written_is_permitted() -> None:
    permit(AGREEMENT, **ASKED)
    permit(AGREEMENT, **{**ASKED, "on": AGREEMENT.in_force_on})
    permit(AGREEMENT, **{**ASKED, "sender_state": "MDA", "recipient_state": "AUT"})


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"sender_state": "GEO"}, "NO_AGREEMENT", "/ixmagr"),
        ({"recipient_state": "GEO"}, "NO_AGREEMENT", "/ixmagr"),
        ({"recipient_state": "AUT"}, "NO_AGREEMENT", "/ixmagr"),
        ({"on": date(2025, 12, 31)}, "NO_AGREEMENT", "/ixmagr"),
        ({"kind": "doc.alert"}, "KIND_NOT_ALLOWED", "/type"),
        ({"kind": "doc.verify.request"}, "KIND_NOT_ALLOWED", "/type"),
        ({"kind": "Ident.request"}, "KIND_NOT_ALLOWED", "/type"),
        ({"sender_role": "BG"}, "KIND_NOT_ALLOWED", "/ixmrole"),
        ({"sender_role": ""}, "KIND_NOT_ALLOWED", "/ixmrole"),
        ({"sender_role": "MIG", "recipient_roles": ("CON",)}, "KIND_NOT_ALLOWED", "/ixmto"),
        ({"recipient_roles": ("RET",)}, "KIND_NOT_ALLOWED", "/ixmto"),
        ({"recipient_roles": ()}, "KIND_NOT_ALLOWED", "/ixmto"),
        ({"purpose": "LE"}, "PURPOSE_NOT_ALLOWED", "/ixmpurpose"),
        ({"basis": "Art. 6"}, "BASIS_NOT_ALLOWED", "/ixmbasis"),
        ({"basis": "art. 6(1)"}, "BASIS_NOT_ALLOWED", "/ixmbasis"),
    ],
)
def test_everything_else_is_refused(changes: dict[str, object], code: str, path: str) -> None:
    with pytest.raises(Rejected) as refusal:
        permit(AGREEMENT, **{**ASKED, **changes})
    assert (refusal.value.code, refusal.value.path, refusal.value.status) == (code, path, 403)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"parties": ()}, "NO_AGREEMENT"),
        ({"in_force_on": None}, "NO_AGREEMENT"),
        ({"status": "suspended", "in_force_on": None}, "NO_AGREEMENT"),
        ({"status": "suspended"}, "AGREEMENT_SUSPENDED"),
        ({"status": "ended"}, "AGREEMENT_SUSPENDED"),
        ({"kinds": {}}, "KIND_NOT_ALLOWED"),
        ({"kinds": {"ident.request": ()}}, "KIND_NOT_ALLOWED"),
        ({"purposes": ()}, "PURPOSE_NOT_ALLOWED"),
        ({"legal_bases": ()}, "BASIS_NOT_ALLOWED"),
    ],
)
def test_an_empty_list_and_an_unknown_status_refuse(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as refusal:
        permit(replace(AGREEMENT, **changes), **ASKED)
    assert refusal.value.code == code


def test_a_correction_passes_a_suspension_where_it_is_allowed_at_all() -> None:
    kinds = {"data.correction": (("RET", "MIG"),), "ident.request": (("RET", "MIG"),)}
    suspended = replace(AGREEMENT, kinds=kinds, status="suspended")
    permit(suspended, **{**ASKED, "kind": "data.correction"})
    for kind, code in (("data.correction.done", "KIND_NOT_ALLOWED"), ("ident.request", "AGREEMENT_SUSPENDED")):
        with pytest.raises(Rejected) as refusal:
            permit(suspended, **{**ASKED, "kind": kind})
        assert refusal.value.code == code


# -- filling in for an edge


def ways(*agreements: Agreement, **changes: Any) -> tuple[Fit, ...]:
    asked = {name: value for name, value in ASKED.items() if name not in {"sender_role", "basis"}}
    return fitting(agreements, **{**asked, "sender_roles": ("RET",), **changes})


def test_one_way_is_one_answer() -> None:
    narrow = replace(AGREEMENT, legal_bases=("Art. 6(1)",))
    (way,) = ways(narrow)
    assert way == Fit("TEST-AUT-MDA", "RET", "Art. 6(1)") == ("TEST-AUT-MDA", "RET", "Art. 6(1)")


def test_every_way_is_named_in_one_order() -> None:
    second = replace(AGREEMENT, id="TEST-A", legal_bases=("Art. 9",))
    found = ways(AGREEMENT, second, sender_roles=("RET", "MIG", "RET"))
    assert found == ways(second, AGREEMENT, sender_roles=("MIG", "RET"))
    assert [(way.agreement, way.role, way.basis) for way in found] == [
        ("TEST-A", "MIG", "Art. 9"),
        ("TEST-A", "RET", "Art. 9"),
        ("TEST-AUT-MDA", "MIG", "Art. 6(1)"),
        ("TEST-AUT-MDA", "MIG", "Protocol Art. 2"),
        ("TEST-AUT-MDA", "RET", "Art. 6(1)"),
        ("TEST-AUT-MDA", "RET", "Protocol Art. 2"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "ident.unheard"},
        {"kind": "doc.alert"},
        {"purpose": "LE"},
        {"sender_state": "GEO"},
        {"recipient_state": "AUT"},
        {"sender_roles": ()},
        {"sender_roles": ("BG", "VIS")},
        {"recipient_roles": ()},
        {"on": AGREEMENT.in_force_on and AGREEMENT.in_force_on - timedelta(days=1)},
    ],
)
def test_where_nothing_fits_there_is_no_way(changes: dict[str, Any]) -> None:
    assert ways(AGREEMENT, **changes) == ()


def test_a_role_that_may_not_send_the_kind_is_no_way_whatever_the_agreement_says() -> None:
    generous = replace(AGREEMENT, kinds={"ident.request": (("VIS", "MIG"),), "ident.unheard": (("VIS", "MIG"),)})
    assert ways(generous, sender_roles=("VIS",)) == ()
    assert ways(generous, sender_roles=("VIS",), kind="ident.unheard") == ()


_ROLES = st.sampled_from(["RET", "MIG", "CON", "VIS", "BG"])


@settings(deadline=None)
@given(
    sender_roles=st.sets(_ROLES),
    recipient_roles=st.sets(_ROLES),
    kind=st.sampled_from(["ident.request", "ident.reply", "doc.alert"]),
    purpose=st.sampled_from(["RETURN_ID", "READM", "LE"]),
)
def test_every_way_is_permitted(sender_roles: set[str], recipient_roles: set[str], kind: str, purpose: str) -> None:
    found = ways(AGREEMENT, kind=kind, purpose=purpose, sender_roles=sender_roles, recipient_roles=recipient_roles)
    for way in found:
        assert way.role in sender_roles
        permit(
            AGREEMENT,
            **{
                **ASKED,
                "kind": kind,
                "purpose": purpose,
                "recipient_roles": recipient_roles,
                "sender_role": way.role,
                "basis": way.basis,
            },
        )
