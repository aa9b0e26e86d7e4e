"""JSON as the signed formats need it: one reading only.

Python's reader keeps the last of two members with one name; another reader keeps the first, and the two would then
verify one signature over two meanings. So duplicates, non-finite numbers, lone surrogates and unbounded nesting are
refused here, before anything looks at the content (RFC 8259 section 4 leaves all of these to the reader).
"""

import json
import re
from functools import cache
from typing import NoReturn

from schemas.errors import Rejected

JSON_DEPTH_MAX = 32

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left of one at the end: it always matches, so that no text makes it look twice."""
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def loads(data: bytes, *, code: str = "JSON_INVALID", depth_max: int = JSON_DEPTH_MAX) -> object:
    """The value `data` stands for, read in the one way all readers agree on.

    Args:
        data: UTF-8, without a byte order mark.
        code: the refusal's code, for callers whose format has one of its own.
        depth_max: deepest nesting of arrays and objects, counted from 1.

    Raises:
        Rejected: not UTF-8, not JSON, a member twice, NaN or Infinity, a lone surrogate, or nested too deeply.
    """
    if _too_deep(data, depth_max):
        raise Rejected(code)
    try:
        text = data.decode("utf-8")
        value: object = _decoder(code).decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped lone surrogate cannot be encoded
    except (ValueError, RecursionError) as error:
        raise Rejected(code) from error
    return value


@cache
def _decoder(code: str) -> json.JSONDecoder:
    """One a code, for making one costs as much as reading a leaf."""

    def refuse(_: str) -> NoReturn:
        raise Rejected(code)

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Rejected(code)
        return found

    return json.JSONDecoder(object_pairs_hook=members, parse_constant=refuse)


def _too_deep(data: bytes, depth_max: int) -> bool:
    # Brackets inside strings are counted too while few; only a text with more than that is looked at exactly.
    if data.count(b"[") + data.count(b"{") <= depth_max:
        return False
    depth = 0
    for byte in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            if depth > depth_max:
                return True
        else:
            depth -= 1
    return False
