"""The two forms of a submission, and its files."""

import json
from pathlib import Path

import pytest

from adapters.channels.submissions import named_files, outline, partners
from schemas.errors import Rejected

A, B = "a" * 64, "b" * 64


def test_the_payload_alone() -> None:
    assert outline(b'\xef\xbb\xbf{"kind": "ident.reply", "in_reply_to": "x"}').payload["in_reply_to"] == "x"


def test_the_object_around_it() -> None:
    asked = outline(
        json.dumps(
            {"to": ["test-geo"], "payload": {"kind": "k"}, "agreement": "A-1", "basis": "Art. 3", "role": "MIG"}
        ).encode()
    )
    assert (asked.to, asked.agreement, asked.basis, asked.role) == (("test-geo",), "A-1", "Art. 3", "MIG")
    assert asked.payload == {"kind": "k"}


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (b"\xff", "INPUT_ENCODING", None),
        (b"{", "JSON_INVALID", None),
        (b"{} {}", "JSON_INVALID", None),
        (b'"kind"', "FIELD_TYPE", None),
        (b"{}", "FIELD_MISSING", "/kind"),
        (b'{"payload": []}', "FIELD_TYPE", ""),
        (b'{"payload": {"kind": 1}, "too": []}', "FIELD_UNKNOWN", None),
        (b'{"payload": {"kind": 1}, "to": "test-geo"}', "FIELD_TYPE", "/to"),
        (b'{"payload": {"kind": 1}, "to": [1]}', "FIELD_TYPE", "/to"),
        (b'{"payload": {"kind": 1}, "to": ["test-geo", "test-geo"]}', "FIELD_PATTERN", "/to"),
        (b'{"payload": {"kind": 1}, "to": ["Test"]}', "FIELD_PATTERN", "/to"),
        (b'{"payload": {"kind": 1}, "to": ["test-geo\\n"]}', "FIELD_PATTERN", "/to"),
        (json.dumps({"payload": {"kind": 1}, "to": [f"p{n}" for n in range(101)]}).encode(), "FIELD_LENGTH", "/to"),
        (b'{"payload": {"kind": 1}, "role": 7}', "FIELD_TYPE", "/role"),
        (b'{"payload": {"kind": 1}, "basis": "a\\u0000"}', "FIELD_PATTERN", "/basis"),
        (b'{"payload": {"kind": 1}, "agreement": ""}', "FIELD_PATTERN", "/agreement"),
        (b'{"payload": {"kind": 1}, "attachments": ["\\u202e"]}', "FIELD_PATTERN", "/attachments"),
    ],
)
def test_any_other_is_refused(text: bytes, code: str, path: str | None) -> None:
    with pytest.raises(Rejected) as refused:
        outline(text)
    assert (refused.value.code, refused.value.path) == (code, path)


def test_files_are_matched_one_to_one() -> None:
    asked = outline(json.dumps({"kind": "k", "images": [{"sha256": A}], "x/y": {"sha256": B}}).encode())
    assert dict(named_files(asked.payload)) == {A: "/images/0/sha256", B: "/x~1y/sha256"}
    both = {A: Path("a"), B: Path("b")}
    assert asked.submission("n", ("test-geo",), both).attachments == both
    with pytest.raises(Rejected) as refused:
        asked.submission("n", (), {A: Path("a")})
    assert (refused.value.code, refused.value.path) == ("ATTACH_MISSING", "/x~1y/sha256")
    with pytest.raises(Rejected, match="ATTACH_HASH"):
        asked.submission("n", (), {**both, "c" * 64: Path("c")})


def test_recipients_of_the_text_win_over_those_of_the_name() -> None:
    assert outline(b'{"to": ["test-geo"], "payload": {"kind": 1}}').submission("n", ("x",), {}).to == ("test-geo",)
    assert outline(b'{"kind": 1}').submission("n", ("x",), {}).to == ("x",)


@pytest.mark.parametrize("text", ["", "a+", "a+a", "A", "a b", "a,b", "../a", "a" * 41])
def test_a_list_of_partners_has_one_form(text: str) -> None:
    assert partners(text) is None


def test_a_list_of_partners() -> None:
    assert partners("test-geo+test-mda") == ("test-geo", "test-mda")
