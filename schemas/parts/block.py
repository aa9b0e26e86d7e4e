"""What every block of a payload has in common, and the way from pydantic's errors to our codes.

Guarantees that unknown members, null, and values of another type are refused everywhere (a number is never read as a
text or the other way round), and that a finding holds the pointer to the fault and never the value. Rules between
fields are not here: models say what form a field has, `schemas.parts.node` reads the same payload for the rules, so
that a payload with a fault of form still gets all its other findings.
"""

import re
from collections.abc import Iterator
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic.types import StringConstraints
from pydantic_core import ErrorDetails, PydanticCustomError

from schemas.errors import CODES, Finding

FINDINGS_MAX = 200
"""Findings reported for one payload; a hostile one could have tens of thousands."""

_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

CODE_NEW = "code_new"
"""The error of a code that is not in a list which may grow within a version."""

_NEW = frozenset({"extra_forbidden", CODE_NEW})
"""What an older reader of the same version may meet: a member or a code that it does not know yet."""

_BY_TYPE = {
    "missing": "FIELD_MISSING",
    "extra_forbidden": "FIELD_UNKNOWN",
    "string_too_short": "FIELD_LENGTH",
    "string_too_long": "FIELD_LENGTH",
    "too_short": "FIELD_LENGTH",
    "too_long": "FIELD_LENGTH",
    "string_pattern_mismatch": "FIELD_PATTERN",
    "greater_than_equal": "FIELD_RANGE",
    "less_than_equal": "FIELD_RANGE",
    "literal_error": "CODE_UNKNOWN",
    CODE_NEW: "CODE_UNKNOWN",
}


class Block(BaseModel):
    """A JSON object with known members only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True, hide_input_in_errors=True)


class Validator(Protocol):
    """What of a pydantic model or adapter is used here."""

    def __call__(self, payload: object, /) -> object:
        """Raise ValidationError unless the payload has the form."""


def refuse(code: str) -> PydanticCustomError:
    """The error a field's validator raises; `structure` turns it back into the code."""
    return PydanticCustomError(code, "refused")  # no template: it would show the value


def text_of(longest: int, shortest: int = 1) -> StringConstraints:
    """A text of so many characters."""
    return StringConstraints(min_length=shortest, max_length=longest)


def matching(pattern: str) -> StringConstraints:
    """A text of this form. The pattern is one that Rust, Python and ECMAScript read alike; anchor it."""
    return StringConstraints(pattern=pattern)


def many(longest: int, shortest: int = 0) -> FieldInfo:
    """A list of so many items."""
    field: FieldInfo = Field(min_length=shortest, max_length=longest)
    return field


def structure(validate: Validator, payload: object, *, reading: bool = False) -> Iterator[Finding]:
    """The faults of form, in no particular order.

    Args:
        validate: raises pydantic's ValidationError.
        payload: decoded JSON.
        reading: what may be new to an older reader of the same version is a warning (docs/adr/0064).
    """
    yield from _nulls(payload, "")
    try:
        validate(payload)
    except ValidationError as error:
        for number, detail in enumerate(error.errors(include_url=False, include_context=False)):
            if number == FINDINGS_MAX:
                return
            yield Finding(_pointer(detail), _code(detail), "warning" if reading and detail["type"] in _NEW else "error")


def escape(name: str) -> str:
    """One step of an RFC 6901 pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _code(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in CODES:
        return kind
    if kind == "literal_error" and not isinstance(detail["input"], str):
        return "FIELD_TYPE"
    return _BY_TYPE.get(kind, "FIELD_TYPE")


def _pointer(detail: ErrorDetails) -> str:
    steps = list(detail["loc"])
    if detail["type"] == "extra_forbidden" and _FIELD_NAME.fullmatch(str(steps[-1])) is None:
        steps.pop()  # not a name of any field: the sender's text, which is not repeated
    return "".join(f"/{escape(str(step))}" for step in steps if not (isinstance(step, str) and step.startswith("<")))


def _nulls(value: object, path: str) -> Iterator[Finding]:
    """Where null stands: absence is written by leaving the member out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if inner is None:
                yield Finding(f"{path}/{escape(name)}" if _FIELD_NAME.fullmatch(name) else path, "FIELD_TYPE")
            elif isinstance(inner, dict | list):
                yield from _nulls(inner, f"{path}/{escape(name)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if inner is None:
                yield Finding(f"{path}/{index}", "FIELD_TYPE")
            elif isinstance(inner, dict | list):
                yield from _nulls(inner, f"{path}/{index}")
