"""Types for codes: of a dated list that may grow, of a dated list that is closed, of the few that a field alone has.

A code outside its list is CODE_UNKNOWN whatever it looks like: no list is guessed at, no case folded. Lists that more
than one field has, or that have a source of their own, are dated data in `schemas.codes`; states too.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.codes import states
from schemas.codes.lists import load, ordered
from schemas.parts.block import CODE_NEW, refuse


@dataclass(frozen=True, slots=True)
class Listed:
    """Beside `str` in an annotation: the text is one of these codes.

    `lists` names the dated lists the codes are from, which may grow within a version (docs/adr/0064); the published
    schema says so as `x-code-lists`. Any other list is closed: a new code is a new version of the kind. Where it is
    dated data all the same, `table` names it, and the schema as `x-code-table`, which binds nobody (docs/adr/0090).
    """

    known: Container[str]
    shown: tuple[str, ...]
    lists: tuple[str, ...] = ()
    table: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        named = {"x-code-lists": list(self.lists), "x-code-table": self.table}
        return {"type": "string", "enum": list(self.shown), **{name: value for name, value in named.items() if value}}

    def check(self, code: str) -> str:
        """The code. Raises CODE_UNKNOWN, or CODE_NEW where the list may have grown."""
        if code not in self.known:
            raise refuse(CODE_NEW if self.lists else "CODE_UNKNOWN")
        return code


def listed(*codes: str) -> Listed:
    """One of these codes."""
    return Listed(frozenset(codes), codes)


def closed(name: str) -> Listed:
    """A code of the dated list of this name; a version of a kind has it as it stands, for codes decide something."""
    return Listed(load(name), ordered(name), table=name)


def coded(*names: str) -> Listed:
    """A code of one of the dated lists of these names."""
    known = frozenset[str]().union(*map(load, names))
    return Listed(known, tuple(sorted(known)), names)


_ALPHA3 = {"type": "string", "pattern": "^[A-Z]{3}$"}


def _unknown(code: str) -> PydanticCustomError:
    """States come and go: one that is written as a state is may be newer than our table."""
    return refuse(
        CODE_NEW if len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() else "CODE_UNKNOWN"
    )


def _state(code: str) -> str:
    if not states.is_state(code):
        raise _unknown(code)
    return code


def _issuer(code: str) -> str:
    # D is Germany's code inside machine-readable lines only (domain.md 11.0); everywhere else it is DEU
    if len(code) != 3 or not states.is_issuer(code):
        raise _unknown(code)
    return code


def _nationality(code: str) -> str:
    if len(code) != 3 or not states.is_nationality(code):
        raise _unknown(code)
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
