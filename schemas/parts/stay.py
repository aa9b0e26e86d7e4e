"""A stay: when and where somebody came in and went out, on what title, and who recorded it (domain.md 11.0, 3.1)."""

from typing import Annotated

from schemas.codes import states
from schemas.errors import Finding, Rejected, Severity
from schemas.parts.block import Block, matching
from schemas.parts.coded import listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import Moment, not_in_future
from schemas.parts.node import Findings, Node, moment
from schemas.parts.sources import SourceSystem
from schemas.stay import TITLES, VisaTerms, account
from schemas.stay import Stay as DatedStay

BorderPoint = Annotated[str, matching("^[A-Z]{2}[A-Z0-9-]{1,18}$")]
"""A border crossing point: its state's ISO 3166-1 alpha-2 code, then UN/LOCODE or the partner's own code."""


class Crossing(Block):
    """One crossing of a border."""

    at: Moment
    bcp: BorderPoint | None = None


class Stay(Block):
    """One stay; without an exit it lasts to the day of detection."""

    entry: Crossing | None = None
    exit: Crossing | None = None
    under: Annotated[str, listed(*TITLES)]
    source_system: SourceSystem


def check_stays(stays: Node, detected: Node, context: CheckContext) -> Findings:
    """STAY_ORDER for a stay that ends before it begins, FIELD_MISSING for one without both ends."""
    for stay in stays.items:
        entry, out = stay["entry"], stay["exit"]
        if isinstance(stay.value, dict) and not entry.present and not out.present:
            yield entry.finding("FIELD_MISSING")
        if out.present:
            yield from crossing_order(entry["at"], out["at"])
        elif entry["at"].day is not None and detected.day is not None and entry["at"].day > detected.day:
            yield entry["at"].finding("STAY_ORDER")
        for crossing in (entry, out):
            yield from not_in_future(crossing["at"], context)
            yield from check_border_point(crossing["bcp"])


def crossing_order(entry: Node, out: Node) -> Findings:
    """STAY_ORDER at the exit, judged by instants where both are given, else by civil dates."""
    came, left = moment(entry), moment(out)
    if came is not None and left is not None:
        late = left < came
    else:
        late = entry.day is not None and out.day is not None and out.day < entry.day
    if late:
        yield out.finding("STAY_ORDER")


def check_border_point(point: Node, state: str | None = None) -> Findings:
    """CODE_UNKNOWN when a crossing point's first two letters are no state, SENDER_NOT_ISSUER when not this one."""
    if point.text is None or len(point.text) <= 2:
        return
    if not states.is_alpha2(point.text[:2]):
        yield point.finding("CODE_UNKNOWN")
    elif state is not None and states.alpha2(state) != point.text[:2]:
        yield point.finding("SENDER_NOT_ISSUER")


def _entered(stay: Node) -> str | None:
    """The state a stay began in, where it says so and the territory's history knows that state."""
    state = states.from_alpha2((stay["entry"]["bcp"].text or "")[:2])
    return state if state is not None and any(states.binding(text, state) for text in ("EU", "SCHENGEN")) else None


def check_overstay(computed: Node, stays: Node, detected: Node, terms: VisaTerms | None, *, exact: bool) -> Findings:
    """STAY_RECOMPUTE where the overstay claimed is not the one the stays give.

    Nothing is found without stays, or where their form does not let them be counted: that is another finding. A stay
    without entry cannot be counted: a warning, and the figures are left alone. One that began in a state which was not
    in the territory counts from when it was.

    Args:
        computed: `first_overstay_day` and `days` as claimed.
        stays: the list of stays.
        detected: an open stay lasts to this day.
        terms: the visa's, None without one.
        exact: the terms were in force all the time; otherwise a difference is a warning.
    """
    if not stays.items:
        return
    dated = []
    for stay in stays.items:
        entry, left = stay["entry"]["at"].day, stay["exit"]["at"].day
        if not stay["entry"].present and left is not None:
            yield stay["entry"].finding("STAY_RECOMPUTE", "warning")
            return
        if not stay["exit"].present:
            left = detected.day
        if entry is None or left is None or stay["under"].text not in TITLES:
            return
        dated.append(DatedStay(entry, max(entry, left), stay["under"].text, _entered(stay)))
    try:
        found = account(dated, max(stay.exit or stay.entry for stay in dated), terms)
    except Rejected as error:
        yield Finding(stays.path, error.code)
        return
    severity: Severity = "error" if exact else "warning"
    claimed, days = computed["first_overstay_day"], computed["days"]
    if claimed.day is not None and claimed.day != found.first_overstay_day:
        yield claimed.finding("STAY_RECOMPUTE", severity)
    if days.number is not None and days.number != found.overstay_days:
        yield days.finding("STAY_RECOMPUTE", severity)
