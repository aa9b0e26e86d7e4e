"""What a form consists of, before anybody lays it out: boxes with numbered entries, tables, ticks, footnotes.

Guarantees that nothing here is markup: every text is shown as it stands, whatever signs it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Style: TypeAlias = Literal["plain", "surname", "code", "note"]
"""A surname is underlined, as the forms ask; a code, and a note on where something is from, stand smaller."""


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """Some text in one style."""

    text: str
    style: Style = "plain"


Line: TypeAlias = tuple[Run, ...]
"""What stands on one line of an entry or cell."""

Lines: TypeAlias = tuple[Line, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One numbered entry. Without lines it shows a dash: the message says nothing, and nobody writes it in later."""

    label: str
    lines: Lines = ()


@dataclass(frozen=True, slots=True, repr=False)
class Blank:
    """A dotted line to be filled in by hand: what no message says, such as the addressee's designation."""

    label: str


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Rows of cells under headings; without rows it shows a dash. `widths` in per cent; none: all the same."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Lines, ...], ...]
    widths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Group:
    """Entries under a heading inside a box: one child of several."""

    heading: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Photograph:
    """The place of the photograph, which travels beside the message and is not printed."""

    lines: Lines


Part: TypeAlias = Entry | Blank | Table | Group | Photograph


@dataclass(frozen=True, slots=True, repr=False)
class Box:
    """A lettered block of the form. `letter` is empty where the form has none."""

    letter: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A box to tick, and whether it is."""

    label: str
    ticked: bool


@dataclass(frozen=True, slots=True, repr=False)
class Head:
    """Who writes to whom, where and when: not in the payload, so given by whoever prints, or left dotted."""

    authority: str | None = None
    place: str | None = None
    day: str | None = None
    addressee: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """A whole form.

    Attributes:
        title, under: what it is, and what it rests on.
        head: sender, addressee, place and day.
        references: labelled references, the sender's own first.
        ticks: boxes to tick in the header.
        boxes: in the official order.
        signatures: who signs.
        footnotes: sign -> what has to be said of a designation.
        marks: handling and classification, shown on every page.
        source: the kind and the digest of the message printed.
    """

    title: str
    under: Line
    head: Head
    references: tuple[Entry, ...]
    ticks: tuple[Tick, ...]
    boxes: tuple[Box, ...]
    signatures: tuple[str, ...]
    footnotes: Mapping[str, str]
    marks: str
    source: str
