"""Types for codes: short closed lists by their members, states by the dated table.

A code outside its list is CODE_UNKNOWN whatever it looks like: no list is guessed at, no case folded. Lists with a
source of their own (document types, fraud, evidence, exemptions) are dated data in `schemas.codes`.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from schemas.codes import states
from schemas.codes.lists import load
from schemas.parts.block import refuse


@dataclass(frozen=True, slots=True)
class Listed:
    """Beside `str` in an annotation: the text is one of these codes."""

    known: Container[str]
    shown: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.shown)}

    def check(self, code: str) -> str:
        """The code. Raises CODE_UNKNOWN."""
        if code not in self.known:
            raise refuse("CODE_UNKNOWN")
        return code


def listed(*codes: str) -> Listed:
    """One of these codes."""
    return Listed(frozenset(codes), codes)


def coded(name: str) -> Listed:
    """A code of the dated list of this name."""
    known = load(name)
    return Listed(known, tuple(sorted(known)))


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
