"""Where each field stands in the five formats (domain.md 2.1; Doc 9303 parts 4 to 7).

A place is (line, first, last), counted as Doc 9303 prints it: positions from 1, both ends included; lines from 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

Place: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One format.

    Attributes:
        lines, length: its size.
        first_letters: what the document code can begin with.
        number, birth, expiry: the places of the three checked fields; the digit follows at once.
        optional: the places of optional data.
        optional_digit: the place of the digit over the (last) optional data; TD3 alone has one.
        composite, composite_digit: what the last digit covers, and where it stands; visas have none.
        long_numbers: a number of more than nine characters goes on in the optional data.
    """

    lines: int
    length: int
    first_letters: str
    names: Place
    number: Place
    nationality: Place
    birth: Place
    sex: Place
    expiry: Place
    optional: tuple[Place, ...]
    optional_digit: Place | None = None
    composite: tuple[Place, ...] = ()
    composite_digit: Place | None = None
    long_numbers: bool = False
    code: Place = (0, 1, 2)
    issuer: Place = (0, 3, 5)


def _two_lines(length: int, first_letters: str, *, optional: int, **more: object) -> Layout:
    """TD2, TD3 and both visas share their second line up to position 28."""
    return Layout(
        lines=2,
        length=length,
        first_letters=first_letters,
        names=(0, 6, length),
        number=(1, 1, 9),
        nationality=(1, 11, 13),
        birth=(1, 14, 19),
        sex=(1, 21, 21),
        expiry=(1, 22, 27),
        optional=((1, 29, optional),),
        **more,  # type: ignore[arg-type]  # the members of Layout that differ
    )


LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {
        "TD1": Layout(
            lines=3,
            length=30,
            first_letters="ACI",
            names=(2, 1, 30),
            number=(0, 6, 14),
            nationality=(1, 16, 18),
            birth=(1, 1, 6),
            sex=(1, 8, 8),
            expiry=(1, 9, 14),
            optional=((0, 16, 30), (1, 19, 29)),
            composite=((0, 6, 30), (1, 1, 7), (1, 9, 15), (1, 19, 29)),
            composite_digit=(1, 30, 30),
            long_numbers=True,
        ),
        "TD2": _two_lines(
            36,
            "ACI",
            optional=35,
            composite=((1, 1, 10), (1, 14, 20), (1, 22, 35)),
            composite_digit=(1, 36, 36),
            long_numbers=True,
        ),
        "TD3": _two_lines(
            44,
            "P",
            optional=42,
            optional_digit=(1, 43, 43),
            composite=((1, 1, 10), (1, 14, 20), (1, 22, 43)),
            composite_digit=(1, 44, 44),
        ),
        "MRVA": _two_lines(44, "V", optional=44),
        "MRVB": _two_lines(36, "V", optional=36),
    }
)

FORMATS: Final = frozenset(LAYOUTS)


def text_at(lines: Sequence[str], place: Place) -> str:
    """What stands at a place."""
    line, first, last = place
    return lines[line][first - 1 : last]


def digit_after(place: Place) -> Place:
    """The place of the check digit that follows a field."""
    line, _, last = place
    return line, last + 1, last + 1
