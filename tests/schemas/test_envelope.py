"""The signed header: read back as written, and refused by the member at fault, whose value is never repeated."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from schemas import envelope
from schemas.envelope import Header, LogHead, Recipient, Reference
from schemas.errors import Rejected

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
LEAST = Header(
    id="01936f2e-7c3a-7b41-9d52-3f0a6c8e1b28",
    source="test-aut",
    kind="ident.request",
    case_handle="0123456789abcdef" * 2,
    time=AT,
    dataschema="https://schemas.liaison.example/ident.request/1",
    recipients=(Recipient("test-mda", "a" * 64),),
    ed25519_id="b" * 64,
    mldsa65_id="c" * 64,
    expires=AT + timedelta(days=30),
    directory_version=0,
    log=LogHead("hub.example:8443/audit/2026", 0, "d" * 64),
    agreement="TEST-AUT-MDA",
    basis="art. 3",
    purpose="RETURN_ID",
    role="RET",
)
WHOLE = replace(
    LEAST,
    recipients=(Recipient("test-mda", "a" * 64), Recipient("test-geo", "e" * 64)),
    expires=AT + timedelta(seconds=1),
    directory_version=4_000_000_000,
    reference=Reference("test-mda", "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b27", "f" * 64),
    step="asked",
    facts={"procedure": "accelerated", "event_on": "2026-04-20T06:00:00+02:00"},
    test=True,
)
FULL_MEMBERS = frozenset(json.loads(envelope.encode_header(WHOLE)))


def _raw(changes: Mapping[str, Any] | None = None, header: Header = WHOLE) -> bytes:
    members = json.loads(envelope.encode_header(header)) | dict(changes or {})
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def _refused(raw: bytes) -> tuple[str, str | None]:
    with pytest.raises(Rejected) as refused:
        envelope.parse_header(raw)
    return refused.value.code, refused.value.path


@pytest.mark.parametrize("header", [LEAST, WHOLE], ids=["least", "whole"])
def test_a_header_is_read_as_it_was_written(header: Header) -> None:
    read = envelope.parse_header(envelope.encode_header(header))
    assert read == header
    assert read.recipient_ids == tuple(recipient.partner for recipient in header.recipients)
    assert envelope.encode_header(read) == envelope.encode_header(header)


def test_the_bytes_are_one_line_in_a_fixed_order() -> None:
    assert envelope.encode_header(LEAST).startswith(b'{"specversion":"1.0","id":"01936f2e-')
    assert b"\n" not in envelope.encode_header(WHOLE)
    assert not {"ixmref", "ixmstep", "ixmfacts", "ixmtest"} & set(json.loads(envelope.encode_header(LEAST)))


def test_facts_that_were_read_cannot_be_changed() -> None:
    facts: Any = envelope.parse_header(_raw()).facts
    with pytest.raises(TypeError):
        facts["urgency"] = "high"


@pytest.mark.parametrize("name", sorted(FULL_MEMBERS - {"ixmref", "ixmstep", "ixmfacts", "ixmtest"}))
def test_a_mandatory_member_is_missed_by_name(name: str) -> None:
    assert _refused(_raw({name: None})) == ("HEADER_INVALID", f"/{name}")


@pytest.mark.parametrize("name", ["ixmref", "ixmstep", "ixmfacts", "ixmtest"])
def test_an_optional_member_is_not_missed(name: str) -> None:
    envelope.parse_header(_raw({name: None}))


@pytest.mark.parametrize("name", sorted(FULL_MEMBERS))
@pytest.mark.parametrize("value", [1, True, [], {}, "", "\n", "x" * 300, "é"])
def test_a_member_of_another_form_is_refused_at_its_place(name: str, value: object) -> None:
    found = _refused(_raw({name: value}))
    nested = isinstance(value, list | dict)  # deeper than a header is: refused before any member is looked at
    assert found == ("HEADER_INVALID", None if nested else f"/{name}")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"name of a person": "x"}, ("HEADER_INVALID", None)),
        ({"time": "2026-02-30T12:00:00Z"}, ("HEADER_INVALID", "/time")),
        ({"time": "2026-04-01T12:00:00+00:00"}, ("HEADER_INVALID", "/time")),
        ({"time": "2026-04-01T12:00:00.5Z"}, ("HEADER_INVALID", "/time")),
        ({"ixmexp": "2026-04-01T24:00:00Z"}, ("HEADER_INVALID", "/ixmexp")),
        ({"ixmexp": "2026-04-01T12:00:00Z"}, ("HEADER_INVALID", "/ixmexp")),
        ({"ixmexp": "2026-03-31T12:00:00Z"}, ("HEADER_INVALID", "/ixmexp")),
        ({"ixmexp": "2026-05-01T12:00:01Z"}, ("HEADER_INVALID", "/ixmexp")),
        ({"ixmto": f"test-mda/{'a' * 64},test-mda/{'b' * 64}"}, ("RECIPIENTS_MISMATCH", "/ixmto")),
        ({"ixmto": f"test-mda/{'a' * 64}, test-geo/{'b' * 64}"}, ("HEADER_INVALID", "/ixmto")),
        ({"ixmto": f"test-mda/{'A' * 64}"}, ("HEADER_INVALID", "/ixmto")),
        ({"ixmdir": "01"}, ("HEADER_INVALID", "/ixmdir")),
        ({"ixmlog": f"hub:-1:{'d' * 64}"}, ("HEADER_INVALID", "/ixmlog")),
        ({"ixmtest": "0"}, ("HEADER_INVALID", "/ixmtest")),
        ({"datacontenttype": "application/jsonx"}, ("HEADER_INVALID", "/datacontenttype")),
        ({"ixmfacts": "colour=red"}, ("HEADER_INVALID", "/ixmfacts")),
        ({"ixmfacts": "urgency=high,urgency=low"}, ("HEADER_INVALID", "/ixmfacts")),
        ({"ixmfacts": "urgency="}, ("HEADER_INVALID", "/ixmfacts")),
        ({"id": "01936f2e-7c3a-4b41-9d52-3f0a6c8e1b28"}, ("HEADER_INVALID", "/id")),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, str], found: tuple[str, str | None]) -> None:
    assert _refused(_raw(changes)) == found


@pytest.mark.parametrize("raw", [b"", b"[]", b'"x"', b"null", b"{", b'{"id":"a","id":"b"}', b"\xff"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    assert _refused(raw) == ("HEADER_INVALID", None)


def test_a_header_may_not_grow_beyond_its_limit() -> None:
    padded = envelope.encode_header(LEAST).ljust(envelope.HEADER_BYTES_MAX)
    assert envelope.parse_header(padded) == LEAST
    assert _refused(padded + b" ") == ("CONTAINER_LIMIT", None)


def test_recipients_have_a_limit() -> None:
    def to(number: int) -> bytes:
        return _raw({"ixmto": ",".join(f"p{index}/{'a' * 64}" for index in range(number))})

    assert len(envelope.parse_header(to(envelope.RECIPIENTS_MAX)).recipients) == envelope.RECIPIENTS_MAX
    assert _refused(to(envelope.RECIPIENTS_MAX + 1)) == ("HEADER_INVALID", "/ixmto")


def test_an_instant_is_written_in_utc_and_never_guessed() -> None:
    east = datetime(2026, 4, 1, 1, 30, tzinfo=timezone(timedelta(hours=3)))
    assert envelope.format_instant(east) == "2026-03-31T22:30:00Z"
    assert envelope.parse_instant("2026-03-31T22:30:00Z") == east
    with pytest.raises(ValueError, match="zone"):
        envelope.format_instant(east.replace(tzinfo=None))


@pytest.mark.parametrize(
    "text", ["2026-03-31", "2026-03-31T22:30Z", "2026-03-31T22:30:00+00:00", " 2026-03-31T22:30:00Z"]
)
def test_an_instant_has_one_form(text: str) -> None:
    with pytest.raises(ValueError, match="one form"):
        envelope.parse_instant(text)
