"""A partner's own cases: a list, and one case whole. Who asks is a required argument; whose a case is, is judged here.

Guarantees that a case of others and one that does not exist are the same NOT_FOUND, that every list is an indexed
search below the viewer's partner that looks at a bounded number of rows, and that what is shown was folded from durable
leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias

from hub.cases.case import ERASED, Case, after
from hub.cases.clocks import CaseClock
from hub.cases.projection import CaseRow, ClockRow
from hub.store.engine import guarded, of_partner
from hub.store.reading import Reader
from keys.proofs.leaf import Leaf, parse_leaf
from schemas.envelope import Header, parse_header
from schemas.errors import Fault, Rejected

LEAVES_PER_CASE_MAX = 10_000
ROWS_LOOKED_AT_MAX = 5_000
"""By one search: one whose filter fits few cases gives what it found so far, and a cursor to go on from."""

Order: TypeAlias = Literal["due", "newest"]
CLOCK_COLUMNS = "row_id, clock, basis, due_on, requested, known, indicative, due_at, stage"
COLUMNS = "s.row_id, s.parties, s.procedure, s.state, s.last_idx, s.handed_over_at, s.clock, s.basis, s.due_at"

_DUE = (
    "SELECT row_id FROM case_party WHERE partner = ? AND due_at IS NOT NULL AND (due_at, row_id) > (?, ?) "
    "ORDER BY due_at, row_id LIMIT ?"
)
_NEWEST = "SELECT row_id FROM case_party WHERE partner = ? AND row_id < ? ORDER BY row_id DESC LIMIT ?"
_ROWS_AT_ONCE = 250
_ROW_MAX = 2**62
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list of cases: after the case of this row, in order of `due` after this end of a clock."""

    row: int
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a partner's cases, and where to go on; None when there are no more."""

    rows: tuple[CaseRow, ...]
    after: Cursor | None


def cases_of(
    reader: Reader,
    viewer: str,
    *,
    limit: int,
    order: Order = "newest",
    begin: Cursor | None = None,
    state: str | None = None,
    partner: str | None = None,
) -> Page:
    """At most `limit` of the viewer's cases.

    Args:
        reader: the hub's.
        viewer: the partner whose cases these are.
        limit: of the page.
        order: `due` gives only those with a running clock, what is due first first; `newest` all, the latest first.
        begin: where the page before ended; None for the first.
        state: only cases that stand there.
        partner: only cases with this other party.
    """
    last = begin
    found: list[CaseRow] = []
    looked_at = 0
    while looked_at < ROWS_LOOKED_AT_MAX:
        rows = _next(reader, viewer, order, last, _ROWS_AT_ONCE)
        for row in rows:
            looked_at += 1
            if (state is None or row.state == state) and (partner is None or partner in row.parties):
                if len(found) == limit:
                    return Page(tuple(found), last)
                found.append(row)
            last = Cursor(row.row, row.due_at)
        if len(rows) < _ROWS_AT_ONCE:
            return Page(tuple(found), None)
    return Page(tuple(found), last)


def all_cases(reader: Reader, *, limit: int) -> tuple[CaseRow, ...]:
    """The latest cases, whosoever they are: for the operator's commands alone, who sees no more of them than this."""
    with guarded():
        rows = reader.connection.execute(
            f"SELECT {COLUMNS} FROM case_state s ORDER BY s.row_id DESC LIMIT ?",  # noqa: S608 - of this module alone
            (limit,),
        ).fetchall()
    return tuple(map(case_row, rows))


def case_of(reader: Reader, viewer: str, row: int) -> tuple[Case, str]:
    """One of the viewer's cases, folded from its leaves, and its handle, which no page shows.

    Raises:
        Rejected: NOT_FOUND for a case of others, an unknown row, and one that was erased.
    """
    listed = _row(reader, viewer, row) if 0 <= row < _ROW_MAX else None
    if listed is None or listed.state == ERASED:
        raise Rejected("NOT_FOUND")
    case = fold(reader, row)
    if case.erased:
        raise Rejected("NOT_FOUND")
    side = reader.side(row)
    if side is None:
        raise Rejected("NOT_FOUND")
    return case, parse_header(side.header).case_handle


def fold(reader: Reader, row: int) -> Case:
    """The case of this row, whoever asks; its caller has judged that."""
    with guarded():
        leaves = reader.connection.execute(
            "SELECT c.idx, l.bytes FROM case_leaf c JOIN leaf l ON l.idx = c.idx WHERE c.case_row = ? "
            "ORDER BY c.idx LIMIT ?",
            (row, LEAVES_PER_CASE_MAX),
        ).fetchall()
    case: Case | None = None
    for index, raw in leaves:
        leaf = parse_leaf(raw)
        case = after(case, index, leaf, *told(reader, index, leaf))
    if case is None:
        raise Fault("a case has no leaves")
    return case


def told(reader: Reader, index: int, leaf: Leaf) -> tuple[Header | None, str | None]:
    """The signed header of the message accepted at `index`, and the pin of the case that it opened.

    Both None for other leaves, and once its case was erased.
    """
    side = reader.side(index) if leaf.event == "SubmissionAcceptance" else None
    return (None, None) if side is None else (parse_header(side.header), side.values.get("value"))


def agreed_clocks(reader: Reader, rows: Sequence[int]) -> dict[int, tuple[ClockRow, ...]]:
    """The agreement's clocks of these cases, the first to end first; whose cases they are, the caller has judged."""
    found: dict[int, tuple[ClockRow, ...]] = {}
    with guarded():
        for row in rows:
            listed = reader.connection.execute(
                f"SELECT {CLOCK_COLUMNS} FROM case_clock WHERE row_id = ? ORDER BY due_at IS NULL, due_at, clock",  # noqa: S608 - of this module alone
                (row,),
            ).fetchall()
            found[row] = tuple(map(clock_row, listed))
    return found


def clock_row(row: Sequence[object]) -> ClockRow:
    """A row of `CLOCK_COLUMNS`, read."""
    first, last = row[:5], row[7:]
    return ClockRow(*first, bool(row[5]), bool(row[6]), *last)  # type: ignore[arg-type, call-arg]


def next_clock(row: CaseRow, agreed: Sequence[ClockRow]) -> CaseClock | None:
    """What is due next in a case, as stored; `agreed` are the agreement's clocks of it."""
    if row.clock is None or row.basis is None:
        return None
    stored = next((one for one in agreed if one.clock == row.clock), None)
    if stored is not None:
        return agreed_clock(stored)
    if row.due_at is None:
        return CaseClock(row.clock, row.basis, None, None)
    ends_at = datetime.fromtimestamp(row.due_at, UTC)
    return CaseClock(row.clock, row.basis, ends_at if row.basis == "H" else (ends_at - _A_DAY).date(), ends_at)


def agreed_clock(stored: ClockRow) -> CaseClock:
    """An agreement's clock, as stored."""
    return CaseClock(
        stored.clock,
        stored.basis,
        None if stored.due_on is None else date.fromisoformat(stored.due_on),
        None if stored.due_at is None else datetime.fromtimestamp(stored.due_at, UTC),
        known=stored.known,
        requested=stored.requested or None,
        indicative=stored.indicative,
        stage=stored.stage,  # type: ignore[arg-type]
    )


def not_handed_over(reader: Reader, rows: Sequence[int]) -> frozenset[int]:
    """Which of these cases have a message whose recipient's edge has not yet said what became of it."""
    with guarded():
        return frozenset(
            row
            for row in rows
            if reader.connection.execute(
                "SELECT 1 FROM case_leaf c JOIN recipient r ON r.idx = c.idx "
                "WHERE c.case_row = ? AND r.state IN ('accepted', 'consigned') LIMIT 1",
                (row,),
            ).fetchone()
        )


def _next(reader: Reader, viewer: str, order: Order, last: Cursor | None, limit: int) -> list[CaseRow]:
    if order == "due":
        inner = _DUE
        begin: tuple[int, ...] = (-1, -1) if last is None else (last.due_at or 0, last.row)
        sort = "s.due_at, s.row_id"
    else:
        inner, begin, sort = _NEWEST, (_ROW_MAX if last is None else last.row,), "s.row_id DESC"
    with of_partner(reader.connection, viewer):
        rows = reader.connection.execute(
            f"SELECT {COLUMNS} FROM ({inner}) p JOIN case_state s ON s.row_id = p.row_id ORDER BY {sort}",  # noqa: S608 - of this module alone
            (viewer, *begin, limit),
        ).fetchall()
    return [case_row(row) for row in rows]


def _row(reader: Reader, viewer: str, row: int) -> CaseRow | None:
    with of_partner(reader.connection, viewer):
        found = reader.connection.execute(
            f"SELECT {COLUMNS} FROM case_party p JOIN case_state s ON s.row_id = p.row_id "  # noqa: S608 - as above
            "WHERE p.partner = ? AND p.row_id = ?",
            (viewer, row),
        ).fetchone()
    return None if found is None else case_row(found)


def case_row(row: Sequence[object]) -> CaseRow:
    """A row of `COLUMNS`, read."""
    return CaseRow(row[0], tuple(str(row[1]).split(",")), *row[2:])  # type: ignore[arg-type]
