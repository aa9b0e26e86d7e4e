"""One row a case: what intake asks and what a list shows. Written in the transaction of the leaf that changes it.

Guarantees that the row says what the fold of the case's leaves says (`hub.cases.case`; tests compare after every step,
`liaison hub rebuild --check` on any database) and that it holds no handle, message id or fact: parties, procedure,
state and the next clock alone (settled.md, Rebuilding). A crash leaves leaf and row both, or neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any

from hub.cases.case import Case
from hub.cases.clocks import CaseClock
from hub.log.batch import Batch
from hub.store.reading import Reader
from schemas import lifecycles
from schemas.envelope import parse_header

WRITE_CASE = (
    "INSERT INTO case_state (row_id, parties, procedure, state, last_idx, clock, basis, due_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (row_id) DO UPDATE SET state = excluded.state, "
    "last_idx = excluded.last_idx, clock = excluded.clock, basis = excluded.basis, due_at = excluded.due_at"
)
WRITE_PARTY = (
    "INSERT INTO case_party (partner, row_id, due_at) VALUES (?, ?, ?) "
    "ON CONFLICT (partner, row_id) DO UPDATE SET due_at = excluded.due_at"
)
WRITE_CLOCK = "INSERT INTO case_clock VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_WRITE_WHOLE = (
    "INSERT INTO case_state (row_id, parties, procedure, state, last_idx, handed_over_at, clock, basis, due_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (row_id) DO UPDATE SET state = excluded.state, "
    "last_idx = excluded.last_idx, handed_over_at = excluded.handed_over_at, clock = excluded.clock, "
    "basis = excluded.basis, due_at = excluded.due_at"
)
_CLEAR_CLOCKS = "DELETE FROM case_clock WHERE row_id = ?"
_HANDED_OVER = "UPDATE case_state SET handed_over_at = ? WHERE row_id = ?"
_HANDED_OVER_AT = "SELECT handed_over_at FROM case_state WHERE row_id = ?"
_STARTED = "UPDATE case_state SET due_at = ? WHERE row_id = ?"
_STARTED_PARTY = "UPDATE case_party SET due_at = ? WHERE row_id = ? AND partner = ?"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A row of `case_state`. Instants are whole seconds since 1970; see the table's comments."""

    row: int
    parties: tuple[str, ...]
    procedure: str
    state: str
    last: int
    handed_over_at: int | None
    clock: str | None
    basis: str | None
    due_at: int | None


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A row of `case_clock`: a clock that the keeper keeps, as it is listed. Instants are whole seconds since 1970."""

    row: int
    clock: str
    basis: str
    due_on: str | None
    requested: str
    known: bool
    indicative: bool
    due_at: int | None
    stage: str


def row_of(case: Case) -> CaseRow:
    """The row that belongs to a case."""
    clock, handed_over_at = case.clock, case.messages[0].handed_over_at
    return CaseRow(
        case.row,
        case.parties,
        case.procedure,
        case.state,
        case.last,
        None if handed_over_at is None else int(handed_over_at.timestamp()),
        *clock_columns(clock),
    )


def clock_rows_of(case: Case) -> tuple[ClockRow, ...]:
    """The rows of the clocks that the keeper keeps which belong to a case."""
    return tuple(
        ClockRow(
            case.row,
            one.name,
            one.basis,
            None if one.due is None else one.due.isoformat(),
            one.requested or "",
            one.known,
            one.indicative,
            None if one.ends_at is None else int(one.ends_at.timestamp()),
            one.stage,
        )
        for one in case.kept
    )


def write(batch: Batch, case: Case) -> None:
    """All rows of a case are written with the batch, as its fold has them."""
    row = row_of(case)
    batch.write(_WRITE_WHOLE, (row.row, ",".join(row.parties), *(getattr(row, name) for name in CaseRow.__slots__[2:])))
    batch.write(_CLEAR_CLOCKS, (row.row,))
    for clock in clock_rows_of(case):
        batch.write(WRITE_CLOCK, astuple(clock))
    for partner in row.parties:
        batch.write(WRITE_PARTY, (partner, row.row, row.due_at))


def clock_columns(clock: CaseClock | lifecycles.Clock | None) -> tuple[str | None, str | None, int | None]:
    """Name, basis and end of a clock, as stored."""
    if clock is None:
        return None, None, None
    return clock.name, clock.basis, None if clock.ends_at is None else int(clock.ends_at.timestamp())


def project(
    batch: Batch,
    reader: Reader,
    row: int,
    *,
    parties: tuple[str, ...],
    procedure: str,
    state: str,
    last: int,
    facts: Mapping[str, str] | None,
) -> None:
    """The case's rows are written with the batch, as its messages have left it.

    Args:
        batch: the one that accepted them.
        reader: reads what earlier batches wrote.
        row: the case's.
        parties: the opener first.
        procedure: the case's.
        state: where it stands now.
        last: the index of its last message's acceptance.
        facts: of the opening message when this batch accepted it; None for a case that was there before.
    """
    clock = None
    if not lifecycles.PROCEDURES[procedure].states[state].closed:
        handed_over_at = None
        if facts is None:
            facts = _opening_facts(reader, row)
            found = batch.connection.execute(_HANDED_OVER_AT, (row,)).fetchone()
            handed_over_at = None if found[0] is None else datetime.fromtimestamp(found[0], UTC)
        clock = lifecycles.next_clock(procedure, state, facts, handed_over_at)
    columns = clock_columns(clock)
    batch.write(WRITE_CASE, (row, ",".join(parties), procedure, state, last, *columns))
    for partner in parties:
        batch.write(WRITE_PARTY, (partner, row, columns[2]))


def handed_over(batch: Batch, reader: Reader, opened: Mapping[int, Sequence[Any]]) -> None:
    """Every recipient has handed over the opening messages of these cases: the clocks that waited for it start.

    Written at once, for later members of the batch must see it.

    Args:
        batch: the one with the last hand-over of each.
        reader: reads what earlier batches wrote.
        opened: the case's row -> its procedure, state, clock, due time and parties, as they are stored.
    """
    connection = batch.connection
    started, of_parties = [], []
    for row, (procedure, state, clock, due, parties) in opened.items():
        if clock is None or due is not None:
            continue  # no clock of the case waits for this
        _, _, due_at = clock_columns(lifecycles.next_clock(procedure, state, _opening_facts(reader, row), batch.at))
        started.append((due_at, row))
        of_parties += [(due_at, row, partner) for partner in parties.split(",")]
    connection.executemany(_HANDED_OVER, [(batch.seconds, row) for row in opened])
    connection.executemany(_STARTED, started)
    connection.executemany(_STARTED_PARTY, of_parties)


def _opening_facts(reader: Reader, row: int) -> Mapping[str, str]:
    """What the opening message's header told; nothing once the case's key is destroyed."""
    side = reader.side(row)
    return {} if side is None else parse_header(side.header).facts
