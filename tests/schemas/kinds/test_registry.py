"""What the registry tells edges: bytes, header members, disagreement with the header, files."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import registry
from schemas.envelope import Header, LogHead, Recipient, Reference
from schemas.errors import Finding, Rejected

Changed = Callable[..., dict[str, Any]]

ID = "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b27"
AT = datetime(2026, 4, 1, 12, tzinfo=UTC)


def header_for(payload: Mapping[str, object], **changes: Any) -> Header:
    members = registry.header_members(payload)
    replies = bool(registry.kind(members.kind).replies_to)
    header = Header(
        id="01936f2e-7c3a-7b41-9d52-3f0a6c8e1b28",
        source="test-aut",
        kind=members.kind,
        case_handle="0" * 32,
        time=AT,
        dataschema=members.dataschema,
        recipients=(Recipient("test-mda", "0" * 64),),
        ed25519_id="0" * 64,
        mldsa65_id="0" * 64,
        expires=AT + timedelta(days=1),
        directory_version=1,
        log=LogHead("hub.example/audit/2026", 0, "0" * 64),
        agreement="TEST-AUT-MDA",
        basis="art. 3",
        purpose=members.purpose,
        role="RET",
        reference=Reference("test-mda", str(payload.get("in_reply_to", ID)), "0" * 64) if replies else None,
        step=members.step,
        facts=members.facts,
    )
    return replace(header, **changes)


def test_a_header_made_from_the_payload_agrees_with_it(kind: str) -> None:
    payload = registry.example(kind)
    assert registry.header_findings(header_for(payload), payload) == []


@pytest.mark.parametrize(
    ("kind", "changes", "finding"),
    [
        ("ident.request", {"purpose": "LE"}, Finding("/purpose_code", "HEADER_MISMATCH")),
        ("ident.request", {"kind": "doc.alert"}, Finding("/kind", "HEADER_MISMATCH")),
        ("ident.request", {"step": "answered"}, Finding("/kind", "HEADER_MISMATCH")),
        ("ident.request", {"facts": {"urgency": "A"}}, Finding("/urgency", "HEADER_MISMATCH")),
        ("doc.verify.request", {"facts": {"urgency": "C"}}, Finding("/urgency", "HEADER_MISMATCH")),
        ("doc.verify.request", {"facts": {}}, Finding("/urgency", "HEADER_MISMATCH")),
        ("doc.alert", {"facts": {"valid_until": "2030-01-01"}}, Finding("/valid_until", "HEADER_MISMATCH")),
        ("doc.verify.reply", {"reference": None}, Finding("/in_reply_to", "HEADER_MISMATCH")),
        (
            "doc.verify.reply",
            {"reference": Reference("test-mda", ID[:-1] + "8", "0" * 64)},
            Finding("/in_reply_to", "HEADER_MISMATCH"),
        ),
        (
            "ident.request",
            {"dataschema": "https://schemas.liaison.example/ident.request/2"},
            Finding("/kind", "UNSUPPORTED_VERSION"),
        ),
    ],
)
def test_a_header_that_says_otherwise(kind: str, changes: dict[str, Any], finding: Finding) -> None:
    payload = registry.example(kind)
    assert registry.header_findings(header_for(payload, **changes), payload) == [finding]


@pytest.mark.parametrize("payload", [None, [], {}, {"kind": "ident.riddle"}, {"kind": ["ident.request"]}])
def test_a_payload_that_cannot_be_read_disagrees(payload: object) -> None:
    header = header_for(registry.example("ident.request"))
    assert registry.header_findings(header, payload) == [Finding("/kind", "HEADER_MISMATCH")]


def test_a_reply_takes_its_parents_purpose(changed: Changed, removed: object) -> None:
    reply = changed("ident.reply", {"/purpose_code": removed})
    with pytest.raises(Rejected, match="FIELD_MISSING at /purpose_code"):
        registry.header_members(reply)
    assert registry.header_members(reply, parent=registry.example("ident.request")).purpose == "RETURN_ID"
    assert registry.header_members(changed("doc.alert", {"/purpose_code": removed})).purpose == "DOCFRAUD"


def test_an_unknown_kind_is_refused() -> None:
    for ask in (registry.kind, registry.example, registry.json_schema):
        with pytest.raises(Rejected, match="KIND_UNKNOWN"):
            ask("ident.riddle")
    with pytest.raises(Rejected, match="KIND_UNKNOWN"):
        registry.header_members({"kind": "ident.riddle"})


def test_bytes_and_back(kind: str) -> None:
    payload = registry.example(kind)
    raw = registry.dump(payload)
    assert registry.load(raw) == payload
    assert registry.load(raw + b"   ") == payload
    assert registry.dump(registry.load(raw)) == raw


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "JSON_INVALID"),
        (b'{"kind":"a","kind":"b"}', "JSON_INVALID"),
        (b'{"kind":NaN}', "JSON_INVALID"),
        (b'{"kind":"\\ud800"}', "JSON_INVALID"),
        (b"\xff", "JSON_INVALID"),
        (b"[" * 100 + b"]" * 100, "JSON_INVALID"),
        (b"[]", "FIELD_TYPE"),
        (b'"x"', "FIELD_TYPE"),
        (b" " * (128 * 1024) + b"{}", "FIELD_LENGTH"),
    ],
)
def test_bytes_that_are_no_payload(raw: bytes, code: str) -> None:
    with pytest.raises(Rejected, match=code):
        registry.load(raw)


def test_a_payload_no_container_takes_is_refused_on_the_way_out() -> None:
    with pytest.raises(Rejected, match="FIELD_LENGTH"):
        registry.dump({"kind": "doc.alert", "case_ref": "x" * 128 * 1024})


def test_texts_leave_in_nfc() -> None:
    decomposed = "Chis\u0327ina\u0306u"
    written = json.loads(registry.dump({"kind": "doc.alert", "case_ref": decomposed, "list": [decomposed]}))
    assert written["list"] == [written["case_ref"]]
    assert written["case_ref"] != decomposed
    assert len(written["case_ref"]) == len(decomposed) - 2


def test_a_periods_dates_keep_their_hyphens() -> None:
    written = registry.normalise(registry.example("doc.alert"))
    assert written["period"] == {"from": "2026-01-05", "to": "2026-02-15"}


def test_an_example_is_a_fresh_copy() -> None:
    registry.example("doc.alert")["kind"] = "changed"
    assert registry.example("doc.alert")["kind"] == "doc.alert"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(kind=st.sampled_from(sorted(registry.KINDS)), data=st.data())
def test_any_json_gives_findings_and_never_an_error(kind: str, data: st.DataObject) -> None:
    payload = registry.example(kind)
    for name in data.draw(st.lists(st.sampled_from(sorted(payload)), max_size=4)):
        if name != "kind":
            payload[name] = data.draw(_JSON)
    context = registry.CheckContext(
        at=AT, sender_state="AUT", recipient_states=("MDA",), parent=data.draw(st.none() | st.just(payload)), live=True
    )
    found = registry.check(payload, context)
    assert found == sorted(set(found))


@given(_JSON)
def test_any_json_at_all(value: Any) -> None:
    assert not registry.valid(registry.check(value, registry.CheckContext(at=AT)))


def test_what_a_kind_answers_in_words() -> None:
    words = {name: registry.kind(name).relation for name in registry.KINDS}
    assert words["doc.alert"] == "opens a case"
    assert words["doc.alert.feedback"] == "doc.alert, doc.alert.update"
    assert words["error.report"] == words["data.correction"] == "any message of a case"
    assert words["case.withdraw"] == words["use.report.request"] == "a message of one's own"


def test_a_notice_without_person_has_its_kinds_own_purpose_and_others_must_say_it() -> None:
    for name, entry in registry.KINDS.items():
        payload = {member: value for member, value in registry.example(name).items() if member != "purpose_code"}
        if not entry.replies_to and not entry.about_person:
            assert registry.header_members(payload).purpose == entry.purposes[0]
        else:
            with pytest.raises(Rejected) as refusal:
                registry.header_members(payload)
            assert (refusal.value.code, refusal.value.path) == ("FIELD_MISSING", "/purpose_code")
