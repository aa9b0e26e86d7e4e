"""One reading only: what two readers could understand differently is refused, and so is what nests without bound."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.strict_json import JSON_DEPTH_MAX, loads


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'"\\ud800"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"",
        b"{",
        b'{"a":1} x',
        b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"' + b"[" * 100_000,
        b'["' * 50_000,
        b'"\\' * 50_000,
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        loads(data)
    assert refusal.value.code == "JSON_INVALID"


def test_the_deepest_that_is_read() -> None:
    deepest = b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX
    assert json.dumps(loads(deepest)).encode() == deepest


@pytest.mark.parametrize("text", ["[" * 100, "{[" * 100, '"[' * 100, "\\[" * 100, "]" * 100, "\n[" * 40])
def test_brackets_inside_strings_do_not_count(text: str) -> None:
    data = json.dumps({"a": text, "b": [text, {"c": text}]}, ensure_ascii=False).encode()
    assert loads(data) == json.loads(data)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    data = json.dumps([[{}] for _ in range(1000)]).encode()
    assert loads(data) == json.loads(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=60,
)


@settings(max_examples=200, deadline=None)
@given(value=VALUES, depth=st.integers(1, 6))
def test_depth_against_a_walk(value: Any, depth: int) -> None:
    def deep(inner: Any) -> int:
        if isinstance(inner, dict | list):
            return 1 + max((deep(one) for one in (inner.values() if isinstance(inner, dict) else inner)), default=0)
        return 0

    data = json.dumps(value).encode()
    if deep(value) > depth:
        with pytest.raises(Rejected):
            loads(data, depth_max=depth)
    else:
        assert loads(data, depth_max=depth) == value
