"""Base64 with one spelling a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import strict_base64
from schemas.errors import Rejected


@given(st.binary(max_size=64))
def test_what_was_written_is_read(data: bytes) -> None:
    text = strict_base64.encode(data)
    assert strict_base64.decode(text, code="PROOF_INVALID") == data
    assert strict_base64.decode(text.encode(), code="PROOF_INVALID") == data


@pytest.mark.parametrize(("data", "text"), [(b"", ""), (b"A", "QQ=="), (b"AB", "QUI="), (b"\xfb\xff", "+/8=")])
def test_the_spellings_of_rfc_4648_are_read(data: bytes, text: str) -> None:
    assert strict_base64.encode(data) == text
    assert strict_base64.decode(text, code="PROOF_INVALID") == data


@pytest.mark.parametrize(
    "text",
    ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "Q_==", "é===", "=", "QQ===", b"\xff\xff\xff\xff", b"QR=="],
)
def test_another_spelling_is_refused_with_the_code_of_its_place(text: str | bytes) -> None:
    with pytest.raises(Rejected) as refused:
        strict_base64.decode(text, code="STATEMENT_INVALID")
    assert refused.value.code == "STATEMENT_INVALID"
    assert str(text) not in str(refused.value)
