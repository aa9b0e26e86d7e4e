"""Statistics, version 1: counts without persons (domain.md 8 and 11.4, kinds 57 and 58).

A `stat.submission` is one flat row; the same row sent again replaces the earlier one. A `stat.release` is what is shown
to others. Its disclosure control is checked here: cells of 1 to 4 are `<5`, others are rounded to base 5, no hidden
cell can be computed from its line, at least two partners contributed, and no nationality is crossed with crossing
points and ages. Who counts what is the statistics unit's affair.
"""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from schemas.codes.tables import table
from schemas.kinds.kind import Kind, always
from schemas.parts.block import Block, many, matching
from schemas.parts.coded import Nationality, closed, coded
from schemas.parts.context import CheckContext
from schemas.parts.message import Message
from schemas.parts.node import Findings, Node

BASE = 5
HIDDEN = frozenset({"<5", "HIDDEN"})
"""Shown for a cell of 1 to 4; for one that is hidden so that those cannot be computed."""

_DIMENSIONS = table("stat_dimension").rows

OF_INDICATOR: Mapping[str, str] = MappingProxyType(
    {name: row.says["indicator"] for name, row in _DIMENSIONS.items() if "indicator" in row.says}
)
"""Dimension -> the one indicator that has it; one that is not named here belongs to all."""

CUBE = frozenset(name for name, row in _DIMENSIONS.items() if "cube" in row.says)
"""Dimensions that are not released together: few persons would be left in a cell."""

Quarter = Annotated[str, matching("^[0-9]{4}-Q[1-4]$")]
Indicator = Annotated[str, coded("stat_indicator")]
Sex = Annotated[str, closed("sex")]
AgeBand = Annotated[str, coded("age_band")]
Shown = Annotated[str, matching("^(0|[1-9][0-9]{0,9}|<5|HIDDEN)$")]


class Dimensions(Block):
    """What a count can be broken down by: the rows of the list `stat_dimension`, and no other."""

    citizenship: Nationality | None = None
    sex: Sex | None = None
    age_band: AgeBand | None = None
    route: Annotated[str, coded("route")] | None = None
    bcp_kind: Annotated[str, closed("bcp_kind")] | None = None
    doc_type: Annotated[str, coded("document_type")] | None = None
    fraud_type: Annotated[str, coded("fraud_type")] | None = None
    return_type: Annotated[str, coded("return_type")] | None = None
    assistance: Annotated[str, closed("assistance")] | None = None
    agreement_kind: Annotated[str, coded("agreement_kind")] | None = None


class StatSubmission(Message, Dimensions):
    """One count of a quarter."""

    kind: Literal["stat.submission"]
    quarter: Quarter
    indicator: Indicator
    count: Annotated[int, Field(ge=0, le=100_000_000)]


class Cell(Dimensions):
    """One cell of a release, as it is shown."""

    shown: Shown


class StatRelease(Message):
    """What is shown to others of a quarter's counts."""

    kind: Literal["stat.release"]
    quarter: Quarter
    indicator: Indicator
    partners: Annotated[int, Field(ge=2, le=1000)]
    cells: Annotated[list[Cell], many(longest=1000, shortest=1)]
    total: Shown | None = None


def check_stat_submission(message: Node, context: CheckContext) -> Findings:
    """A quarter that has ended; dimensions that the indicator has."""
    yield from _ended(message["quarter"], context)
    yield from _dimensions(message, message["indicator"])


def check_stat_release(message: Node, context: CheckContext) -> Findings:
    """Disclosure control; see the module's head."""
    yield from _ended(message["quarter"], context)
    cells = message["cells"].items
    for cell in cells:
        yield from _dimensions(cell, message["indicator"])
        if all(cell[name].present for name in CUBE):
            yield cell["citizenship"].finding("FIELD_UNKNOWN")
    for shown in (*(cell["shown"] for cell in cells), message["total"]):
        if shown.text is not None and shown.text.isdecimal() and int(shown.text) % BASE:
            yield shown.finding("FIELD_RANGE")
    yield from _alone(cells)


def _ended(quarter: Node, context: CheckContext) -> Findings:
    """FIELD_RANGE for a quarter that is not over."""
    text = quarter.text
    if text is None or len(text) != 7 or not (text[:4] + text[6]).isdecimal() or text[6] not in "1234":
        return
    year, after = int(text[:4]), int(text[6]) * 3 + 1
    following = (year, after) if after <= 12 else (year + 1, 1)
    if following > (context.latest_day.year, context.latest_day.month):
        yield quarter.finding("FIELD_RANGE")


def _dimensions(row: Node, indicator: Node) -> Findings:
    for name, owner in OF_INDICATOR.items():
        if row[name].present and indicator.text is not None and indicator.text != owner:
            yield row[name].finding("FIELD_UNKNOWN")


def _alone(cells: list[Node]) -> Findings:
    """FIELD_RANGE at a cell that is the only hidden one of its line: it would be the total less the others."""
    for dimension in Dimensions.model_fields:
        lines: dict[tuple[str | None, ...], list[Node]] = defaultdict(list)
        for cell in cells:
            if cell[dimension].present:
                others = tuple(cell[name].text for name in Dimensions.model_fields if name != dimension)
                lines[others].append(cell["shown"])
        for line in lines.values():
            hidden = [shown for shown in line if shown.text in HIDDEN]
            if len(hidden) == 1 and len(line) > 1:
                yield hidden[0].finding("FIELD_RANGE")


KINDS = (
    Kind("stat.submission", StatSubmission, check_stat_submission, always("notified")),
    Kind("stat.release", StatRelease, check_stat_release, always("notified")),
)
