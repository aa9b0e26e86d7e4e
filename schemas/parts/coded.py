"""Types for codes: short closed lists by their members, states by the dated table.

A code outside its list is CODE_UNKNOWN whatever it looks like: no list is guessed at, no case folded. Lists with a
source of their own (document types, fraud, evidence, exemptions) are dated data in `schemas.codes`.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from schemas.codes import states
from schemas.codes.lists import load
from schemas.parts.block import refuse


def listed(*codes: str) -> Any:
    """A type: one of these codes."""
    return _of(frozenset(codes), list(codes))


def coded(name: str) -> Any:
    """A type: a code of the dated list of this name."""
    known = load(name)
    return _of(known, sorted(known))


def _of(known: Any, shown: list[str]) -> Any:
    def check(code: str) -> str:
        if code not in known:
            raise refuse("CODE_UNKNOWN")
        return code

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "enum": shown})]


_ALPHA3 = {"type": "string", "pattern": "^[A-Z]{3}$"}


def _state(code: str) -> str:
    if not states.is_state(code):
        raise refuse("CODE_UNKNOWN")
    return code


def _issuer(code: str) -> str:
    # D is Germany's code inside machine-readable lines only (domain.md 11.0); everywhere else it is DEU
    if len(code) != 3 or not states.is_issuer(code):
        raise refuse("CODE_UNKNOWN")
    return code


def _nationality(code: str) -> str:
    if len(code) != 3 or not states.is_nationality(code):
        raise refuse("CODE_UNKNOWN")
    return code


def _alpha3(code: str) -> str:
    if len(code) != 3 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise refuse("CODE_UNKNOWN")
    return code


State = Annotated[str, AfterValidator(_state), WithJsonSchema(_ALPHA3)]
"""A state that exists today (or UTO, the specimen state)."""

Issuer = Annotated[str, AfterValidator(_issuer), WithJsonSchema(_ALPHA3)]
"""Who issues documents: states and the organisations of Doc 9303 part 3."""

Nationality = Annotated[str, AfterValidator(_nationality), WithJsonSchema(_ALPHA3)]
"""A nationality, or one of the codes for having none."""

DatedState = Annotated[str, AfterValidator(_alpha3), WithJsonSchema(_ALPHA3)]
"""A state of its time (SUN, YUG); the rules of the block that holds it look the date up."""
