"""Reading a zone: every fault found, every field that can be trusted as far as it goes.

Guarantees that nothing is raised for what the lines hold, that no finding holds a value, and that a field in which a
fault was found is not among the fields read. Fields with a check digit of their own are told apart from those without:
of a zone that does not hold, nothing else can be shown to anyone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from schemas.codes import states
from schemas.errors import CODES, Finding, Severity
from schemas.mrz.dates import read_birth, read_expiry
from schemas.mrz.digits import holds
from schemas.mrz.holder import ZoneName, read_name
from schemas.mrz.layout import LAYOUTS, Layout, Place, digit_after, text_at
from schemas.mrz.sticker import is_sticker, read_sticker

LINES: Final = "/lines"
"""Where the lines stand in the block that holds a zone; findings point there."""

_SIGNS = re.compile(r"[A-Z0-9<]*", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z<]", re.ASCII)
_STATE = re.compile(r"[A-Z]{3}|[A-Z]{2}<|[A-Z]<<", re.ASCII)
_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9<]*", re.ASCII)

_CHECKED = frozenset({"number", "birth_date", "expires_on"})
"""Fields with a check digit of their own in every format; TD3's optional data is another."""


@dataclass(frozen=True, slots=True, repr=False)
class Mrz:
    """A zone as read.

    Attributes:
        format: TD1, TD2, TD3, MRVA or MRVB.
        findings: what is wrong, with pointers from the block that holds `lines`.
        fields: name -> text, number or flag, each without a fault of its own: `document_code`, `issuer` and
            `nationality` (DEU for D), `number`, `birth_date` (a partial date), `sex` (M, F, X, or < for unspecified),
            `expires_on`, `surname`, `given`, `name_maybe_truncated`, `century_inferred` (the dates it was inferred
            for), `optional`, `optional_2`; on a Schengen sticker `visa_type`, `ltv`, `entries`, `duration_days` and
            `valid_from` (month and day).
        proven: the names of those whose own check digit holds.
        name: the holder's name; None where it could not be read.
    """

    format: str
    findings: tuple[Finding, ...]
    fields: Mapping[str, object]
    proven: frozenset[str]
    name: ZoneName | None

    @property
    def valid(self) -> bool:
        """Whether nothing but warnings was found."""
        return all(found.severity != "error" for found in self.findings)

    @property
    def shown(self) -> Mapping[str, object]:
        """The fields that may be shown: all of a valid zone, else those that their own check digit proves."""
        if self.valid:
            return self.fields
        return MappingProxyType({name: value for name, value in self.fields.items() if name in self.proven})

    def __repr__(self) -> str:
        return f"Mrz(format={self.format!r}, findings={self.findings!r})"


def detect_format(lines: Sequence[str]) -> str | None:
    """The format that lines of this number, length and first letter can only be; None when there is none.

    Lines of a wrong length are taken for the format they come nearest to, so that it is the length that is refused.
    """
    if len(lines) == 3:
        return "TD1"
    if len(lines) != 2:
        return None
    wide = max(map(len, lines)) > 40
    if lines[0].startswith("V"):
        return "MRVA" if wide else "MRVB"
    return "TD3" if wide else "TD2"


def parse_mrz(lines: Sequence[str], format: str, *, today: date) -> Mrz:  # noqa: A002 - the word of Doc 9303
    """Read a zone.

    Args:
        lines: as printed, from the top.
        format: TD1, TD2, TD3, MRVA or MRVB.
        today: the civil date for which centuries are inferred.

    Raises:
        KeyError: there is no such format.
    """
    layout = LAYOUTS[format]
    misfit = tuple(_misfit(lines, layout))
    if misfit:
        return Mrz(format, misfit, MappingProxyType({}), frozenset(), None)
    return _Reader(format, layout, lines, today).read()


def _misfit(lines: Sequence[str], layout: Layout) -> Iterator[Finding]:
    """What makes lines unreadable at all: number, length, characters that no zone has."""
    if len(lines) != layout.lines:
        yield _finding(None, "MRZ_LENGTH")
        return
    for number, line in enumerate(lines):
        if len(line) != layout.length:
            yield _finding(number, "MRZ_LENGTH")
        if _SIGNS.fullmatch(line) is None:
            yield _finding(number, "MRZ_CHARSET")


def _finding(line: int | None, code: str, severity: Severity | None = None) -> Finding:
    path = LINES if line is None else f"{LINES}/{line}"
    return Finding(path, code, severity or CODES[code].severity)


class _Reader:
    """One reading; fields and findings come together in the order of Doc 9303."""

    def __init__(self, name: str, layout: Layout, lines: Sequence[str], today: date) -> None:
        self._format = name
        self._layout = layout
        self._lines = lines
        self._today = today
        self._findings: list[Finding] = []
        self._fields: dict[str, object] = {}
        self._proven: set[str] = set()

    def read(self) -> Mrz:
        layout = self._layout
        self._code()
        self._state("issuer", layout.issuer, states.is_issuer)
        name = self._name()
        rest = self._number()
        self._state("nationality", layout.nationality, states.is_nationality)
        self._date("birth_date", layout.birth, "MRZ_CD_BIRTH", read_birth(self._at(layout.birth), self._today))
        self._sex()
        self._date("expires_on", layout.expiry, "MRZ_CD_EXPIRY", read_expiry(self._at(layout.expiry), self._today))
        self._optional(rest)
        if layout.composite_digit is not None:
            covered = "".join(self._at(place) for place in layout.composite)
            if not holds(covered, self._at(layout.composite_digit)):
                self._wrong(layout.composite_digit, "MRZ_CD_COMPOSITE")
        inferred = [date_ for date_ in ("birth_date", "expires_on") if date_ in self._fields]
        self._fields["century_inferred"] = [date_ for date_ in inferred if self._fields[date_] != "XXXX-XX-XX"]
        return Mrz(
            self._format,
            tuple(dict.fromkeys(self._findings)),
            MappingProxyType(self._fields),
            frozenset(self._proven),
            name,
        )

    def _at(self, place: Place) -> str:
        return text_at(self._lines, place)

    def _wrong(self, place: Place, code: str) -> None:
        self._findings.append(_finding(place[0], code))

    def _code(self) -> None:
        written = self._at(self._layout.code)
        official = self._layout.first_letters == "ACI"
        if (
            _CODE.fullmatch(written) is None
            or written[0] not in self._layout.first_letters
            or (official and written[1] == "V")
        ):
            self._wrong(self._layout.code, "MRZ_CHARSET")
        else:
            self._fields["document_code"] = written.rstrip("<")

    def _state(self, name: str, place: Place, known: Callable[[str], bool]) -> None:
        written = self._at(place)
        code = written.rstrip("<")
        if _STATE.fullmatch(written) is None:
            self._wrong(place, "MRZ_CHARSET")
            return
        # DEU stands outside zones alone; a state that is no more still stands on old documents
        if states.in_zone(code) != code or not (known(code) or states.is_issuer(code)):
            self._wrong(place, "NON_ICAO_CODE")
        self._fields[name] = states.from_zone(code)

    def _name(self) -> ZoneName | None:
        name = read_name(self._at(self._layout.names))
        if name is None:
            self._wrong(self._layout.names, "MRZ_CHARSET")
            return None
        self._fields["surname"] = name.surname
        if name.given:
            self._fields["given"] = name.given
        self._fields["name_maybe_truncated"] = name.maybe_truncated
        return name

    def _number(self) -> int:
        """Reads the number; how many characters of the optional data belong to it."""
        layout = self._layout
        written, digit, rest = self._at(layout.number), self._at(digit_after(layout.number)), 0
        if layout.long_numbers and digit == "<" and not written.endswith("<"):
            tail = self._at(layout.optional[0]).partition("<")[0]
            written, digit, rest = written + tail[:-1], tail[-1:], len(tail)
        if _NUMBER.fullmatch(written) is None:
            self._wrong(layout.number, "MRZ_CHARSET")
        elif not digit or not holds(written, digit):
            self._wrong(layout.number, "MRZ_CD_NUMBER")
        else:
            self._keep("number", written.replace("<", ""))
        return rest

    def _date(self, name: str, place: Place, code: str, found: str | None) -> None:
        digit = self._at(digit_after(place))
        checked = holds(self._at(place), digit, empty=True)
        if not checked:
            self._wrong(place, code)
        if found is None:
            self._wrong(place, "MRZ_DATE")
        if checked and found is not None:
            self._keep(name, found)

    def _sex(self) -> None:
        written = self._at(self._layout.sex)
        if written not in "MFX<":
            self._wrong(self._layout.sex, "MRZ_CHARSET")
            return
        if written == "X":
            self._wrong(self._layout.sex, "MRZ_SEX_X")
        self._fields["sex"] = written

    def _optional(self, used: int) -> None:
        layout = self._layout
        if self._format == "MRVB" and is_sticker(self._at(layout.code), self._at(layout.issuer), self._today):
            self._fields["visa_type"] = self._at(layout.code)[1]
            for name, value in read_sticker(self._at(layout.optional[0])):
                if value is None:
                    self._wrong(layout.optional[0], name)
                else:
                    self._fields[name] = value
            return
        for index, place in enumerate(layout.optional):
            written = self._at(place)[used if index == 0 else 0 :]
            if layout.optional_digit is not None and not holds(written, self._at(layout.optional_digit), empty=True):
                self._wrong(layout.optional_digit, "MRZ_CD_OPTIONAL")
                continue
            if written.strip("<"):
                name = "optional" if index == 0 else f"optional_{index + 1}"
                self._fields[name] = written.strip("<")
                if layout.optional_digit is not None:
                    self._proven.add(name)

    def _keep(self, name: str, value: object) -> None:
        self._fields[name] = value
        self._proven.add(name)
