"""A mapping: how one row of an authority's table becomes one payload (adapters/README.md).

    kind = "visa.overstay.notice"      of every row
    to = ["test-geo"]                  or `to_column = "authority"`
    ignore = ["remarks"]               columns that are not sent
    [constants]                        pointer -> value
    "/purpose_code" = "RETURN_ID"
    [columns.surname]                  column -> where its cells go
    at = "/person/identities/0/parts/0/value"
    type = "text"                      text | int | bool | date | list
    required = true

Guarantees that a mapping can only place cells: it has no expressions, reads nothing and runs nothing. A cell that
looks like a formula is a text like any other. An empty cell leaves its member out. Where cells of a list are left out
the list closes up, and objects that only constants would fill stay: the kind's own rules judge them.
"""

import re
import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from adapters.channels.disk import open_regular
from adapters.channels.options import Options, load
from adapters.channels.submissions import decoded
from schemas.errors import Finding, Rejected

MAPPING_BYTES_MAX = 256 * 1024
LIST_PLACES_MAX = 100
_POINTER = re.compile(r"(/([^/~]|~[01])+)+")
_PLACE = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_INT = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Pointer = Annotated[str, Field(max_length=200)]
Scalar: TypeAlias = bool | int | str
Cell: TypeAlias = Scalar | list[str]


class Column(Options):
    """Where a column's cells go and what they are."""

    at: Pointer
    type: Literal["text", "int", "bool", "date", "list"] = "text"
    required: bool = False
    format: str = Field(default="%Y-%m-%d", max_length=40)
    """Of a date, as `strptime` has it; what is sent is `YYYY-MM-DD`."""
    separator: str = Field(default="|", min_length=1, max_length=3)
    """Between the entries of a list."""
    codes: Table[str, Scalar] | None = None
    """The authority's own words -> the kind's codes; a word that is not there is refused."""

    @field_validator("at")
    @classmethod
    def _at_is_a_pointer(cls, at: str) -> str:
        """RFC 6901, not the whole, list places below the limit."""
        return _pointer(at)


class Mapping(Options):
    """One mapping file."""

    kind: str = Field(pattern=r"^[a-z]{1,20}(\.[a-z]{1,20}){1,4}$")
    to: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")], ...] = ()
    to_column: str | None = None
    ignore: tuple[str, ...] = ()
    agreement: str | None = None
    basis: str | None = None
    role: str | None = None
    constants: Table[Pointer, Scalar | list[Scalar]] = Field(default_factory=dict)
    columns: Table[str, Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _places_fit(self) -> "Mapping":
        """No place twice, none inside another: each payload could be read in one way only."""
        places = [_pointer(at) for at in self.constants] + [column.at for column in self.columns.values()] + ["/kind"]
        below = {tuple(at.split("/")) for at in places}
        if len(below) != len(places):
            raise ValueError
        if any(steps[:length] in below for steps in below for length in range(2, len(steps))):
            raise ValueError
        lists: dict[tuple[str, ...], bool] = {}
        for steps in below:
            for length in range(1, len(steps)):
                is_place = _PLACE.fullmatch(steps[length]) is not None
                if lists.setdefault(steps[:length], is_place) != is_place:
                    raise ValueError
        return self

    def names(self) -> frozenset[str]:
        """Every column that a table may have."""
        own = {self.to_column} if self.to_column else set()
        return frozenset({*self.columns, *self.ignore, *own})

    def needed(self) -> frozenset[str]:
        """Every column that a table must have."""
        own = {self.to_column} if self.to_column else set()
        return frozenset({*(name for name, column in self.columns.items() if column.required), *own})

    def column_at(self, path: str) -> str | None:
        """The column a finding's pointer leads to, for a reason that speaks of the table."""
        found = [name for name, column in self.columns.items() if f"{path}/".startswith(f"{column.at}/")]
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a row became: a payload and its recipients' text, or what is wrong with its cells."""

    payload: dict[str, Any] = field(repr=False)
    to: str | None = field(repr=False)
    findings: tuple[Finding, ...]


def read_mapping(path: Path) -> Mapping:
    """The mapping in a file. Raises Rejected(MAPPING_INVALID), at the member that is wrong if it is one."""
    try:
        return load(Mapping, tomllib.loads(decoded(_bounded(path))))
    except (OSError, tomllib.TOMLDecodeError, Rejected) as error:
        where = error.path if isinstance(error, Rejected) else None
        raise Rejected("MAPPING_INVALID", where) from error


def _bounded(path: Path) -> bytes:
    with open_regular(path) as source:
        raw = source.read(MAPPING_BYTES_MAX + 1)
    if len(raw) > MAPPING_BYTES_MAX:
        raise Rejected("INPUT_LIMIT")
    return raw


def mapping_for(folder: Path, stem: str) -> Path:
    """The mapping of a table: the longest `<prefix>.toml` whose prefix is `stem`, or begins it before `-` or `_`.

    Raises:
        Rejected: MAPPING_INVALID when there is none.
    """
    try:
        prefixes = [path.stem for path in folder.glob("*.toml")]
    except OSError:
        prefixes = []
    fitting = [
        prefix for prefix in prefixes if prefix and (stem == prefix or stem.startswith((f"{prefix}-", f"{prefix}_")))
    ]
    if not fitting:
        raise Rejected("MAPPING_INVALID")
    return folder / f"{max(fitting, key=len)}.toml"


def apply(mapping: Mapping, row: Table[str, str]) -> Mapped:
    """The payload of a row: column name -> cell."""
    payload: dict[str, Any] = {}
    findings = []
    for at, constant in mapping.constants.items():
        _place(payload, at, constant)
    for name, column in mapping.columns.items():
        cell = row.get(name, "")
        if not cell.strip():
            if column.required:
                findings.append(Finding(column.at, "FIELD_MISSING"))
            continue
        try:
            _place(payload, column.at, _converted(cell, column))
        except Rejected as refusal:
            findings.append(Finding(column.at, refusal.code))
    closed = _closed(payload)
    to = row.get(mapping.to_column, "").strip() if mapping.to_column else None
    return Mapped({"kind": mapping.kind, **closed}, to, tuple(findings))


def _converted(cell: str, column: Column) -> Cell:
    if _CONTROL.search(cell):
        raise Rejected("NAME_CONTROL_CHAR")
    text = cell.strip()
    if column.codes is not None and column.type != "list":
        if text not in column.codes:
            raise Rejected("CODE_UNKNOWN")
        return column.codes[text]
    match column.type:
        case "text":
            return text
        case "int":
            if _INT.fullmatch(text) is None:
                raise Rejected("FIELD_TYPE")
            return int(text)
        case "bool":
            if text.lower() not in _BOOLS:
                raise Rejected("FIELD_TYPE")
            return _BOOLS[text.lower()]
        case "date":
            return _date(text, column.format).isoformat()
        case "list":
            entries = [entry.strip() for entry in text.split(column.separator) if entry.strip()]
            if column.codes is None:
                return entries
            if not set(entries) <= column.codes.keys():
                raise Rejected("CODE_UNKNOWN")
            return [str(column.codes[entry]) for entry in entries]


def _date(text: str, form: str) -> date:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day on paper, of no zone
    except ValueError as error:
        raise Rejected("FIELD_PATTERN") from error


def _pointer(at: str) -> str:
    steps = at.split("/")[1:]
    if _POINTER.fullmatch(at) is None or any(int(step) >= LIST_PLACES_MAX for step in steps if _PLACE.fullmatch(step)):
        raise ValueError
    return at


class _Row(dict[int, Any]):
    """A list under construction: place -> value, so that places left out close up in the end."""


def _place(payload: dict[str, Any], at: str, value: object) -> None:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in at.split("/")[1:]]
    here: dict[Any, Any] = payload
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        key: int | str = int(step) if isinstance(here, _Row) else step
        if following is None:
            here[key] = value
            return
        here = here.setdefault(key, _Row() if _PLACE.fullmatch(following) else {})


def _closed(value: Any) -> Any:
    if isinstance(value, _Row):
        return [_closed(value[place]) for place in sorted(value)]
    if isinstance(value, dict):
        return {name: _closed(inner) for name, inner in value.items()}
    return value
