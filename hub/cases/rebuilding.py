"""The case projection made anew from the log alone (leaves and side records), and compared with the stored one.

Guarantees that one state of the log is read (one transaction), that nothing but `leaf`, `side` and `case_key` is looked
at to make the rows, and that a case whose key was destroyed becomes a tombstone. Memory grows with the number of cases
and leaves, not with what messages hold.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field

from hub.cases import suspension
from hub.cases.case import Case, after
from hub.cases.projection import WRITE_CLOCK, CaseRow, ClockRow, clock_rows_of, row_of
from hub.cases.reading import CLOCK_COLUMNS, COLUMNS, case_row, clock_row, told
from hub.log.batch import SECONDS_AN_HOUR
from hub.store.engine import snapshot, transaction
from hub.store.reading import Reader
from keys.at_rest import AtRest
from keys.proofs.leaf import parse_leaf
from schemas.errors import Fault
from service.failpoints import reach

DIFFERENCES_MAX = 100
_LEAVES_AT_ONCE = 1000
_LEAVES = (
    "SELECT l.idx, l.bytes, s.case_row FROM leaf l LEFT JOIN side s ON s.idx = l.idx WHERE l.idx > ? "
    "ORDER BY l.idx LIMIT ?"
)
TABLES = ("case_state", "case_party", "case_clock", "case_leaf", "leaf_count", *suspension.TABLES)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the log gives, beside what was stored. `differing` names at most `DIFFERENCES_MAX` cases by their rows."""

    leaves: int
    cases: int
    erased: int
    equal: bool
    differing: tuple[int, ...]
    written: bool

    def as_json(self) -> dict[str, object]:
        """The object that `liaison hub rebuild` prints."""
        return {
            "leaves": self.leaves,
            "cases": self.cases,
            "erased": self.erased,
            "equal": self.equal,
            "differing": list(self.differing),
            "written": self.written,
        }


def compare(reader: Reader, at_rest: AtRest) -> Rebuilt:
    """The stored projection against the log; nothing is written. Also while the hub runs."""
    with snapshot(reader.connection):
        return compare_here(reader, at_rest)


def compare_here(reader: Reader, at_rest: AtRest) -> Rebuilt:
    """As `compare`, inside a transaction of the caller's."""
    return _compared(reader, _folded(reader, at_rest), written=False)


def rebuild(reader: Reader, at_rest: AtRest) -> Rebuilt:
    """The stored projection is what the log gives; what differed before is said. One transaction: all or nothing.

    Raises:
        Unavailable: STORE_UNAVAILABLE; the projection is as it was.
        Fault: a side record does not open, or the log's leaves make no case.
    """
    connection = reader.connection
    with transaction(connection):
        made = _folded(reader, at_rest)
        found = _compared(reader, made, written=True)
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - of this module alone
        for row in made.rows.values():
            connection.execute(
                "INSERT INTO case_state (row_id, parties, procedure, state, last_idx, handed_over_at, clock, basis, "
                "due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _columns(row),
            )
            connection.executemany(
                "INSERT INTO case_party (partner, row_id, due_at) VALUES (?, ?, ?)",
                [(partner, row.row, row.due_at) for partner in row.parties],
            )
        connection.executemany(WRITE_CLOCK, [astuple(one) for one in made.clocks])
        connection.executemany("INSERT INTO case_leaf (idx, case_row) VALUES (?, ?)", made.case_of.items())
        connection.executemany(suspension.WRITE_CASE, made.agreement_of.items())
        connection.executemany(suspension.WRITE_AGREEMENT, sorted(made.agreements))
        connection.executemany(
            "INSERT INTO leaf_count (hour, event, count) VALUES (?, ?, ?)",
            [(*key, count) for key, count in made.counts.items()],
        )
        reach("hub.cases.rebuilt")
    return found


@dataclass(slots=True)
class _Folded:
    leaves: int
    rows: dict[int, CaseRow]
    case_of: dict[int, int]
    counts: Counter[tuple[int, str]]
    clocks: set[ClockRow] = field(default_factory=set)
    agreement_of: dict[int, str] = field(default_factory=dict)
    agreements: set[tuple[str, int, bool]] = field(default_factory=set)


def _folded(reader: Reader, at_rest: AtRest) -> _Folded:
    made = _Folded(0, {}, {}, Counter())
    cases: dict[int, Case] = {}
    messages: dict[int, int] = {}
    by_lookup: dict[bytes, int] = {}
    for index, raw, side_row in _leaves(reader):
        leaf = parse_leaf(raw)
        made.leaves += 1
        made.counts[int(leaf.at.timestamp()) // SECONDS_AN_HOUR, leaf.event] += 1
        header, pin = told(reader, index, leaf)
        if leaf.event == "SubmissionAcceptance":
            if side_row is None:
                raise Fault("an accepted message has no side record")
            row = side_row
            if header is not None:
                row = by_lookup.setdefault(at_rest.lookup("case", header.case_handle), index)
                if row == index:
                    made.agreement_of[row] = header.agreement
            messages[index] = row
        elif leaf.prev in messages:
            row = messages[leaf.prev]
        else:
            side = reader.side(index) if leaf.event in suspension.EVENTS else None
            if side is not None:
                made.agreements.add(suspension.row_of(index, leaf, side.values["value"]))
            continue
        made.case_of[index] = row
        case = cases.get(row)
        if case is None and row != index:
            raise Fault("a case does not begin with a message")
        cases[row] = after(case, index, leaf, header, pin)
    made.rows = {row: row_of(case) for row, case in cases.items()}
    made.clocks = {one for case in cases.values() for one in clock_rows_of(case)}
    return made


def _leaves(reader: Reader) -> Iterator[tuple[int, bytes, int | None]]:
    """Every leaf with the case that its side record is sealed under; few at a time."""
    last = -1
    while rows := reader.connection.execute(_LEAVES, (last, _LEAVES_AT_ONCE)).fetchall():
        yield from rows
        last = rows[-1][0]


def _compared(reader: Reader, made: _Folded, *, written: bool) -> Rebuilt:
    connection = reader.connection
    differing = set(_differing_rows(reader, made))
    parties = {(partner, row.row, row.due_at) for row in made.rows.values() for partner in row.parties}
    stored = set(connection.execute("SELECT partner, row_id, due_at FROM case_party"))
    differing |= {row for _, row, _ in parties ^ stored}
    clocks = set(map(clock_row, connection.execute(f"SELECT {CLOCK_COLUMNS} FROM case_clock")))  # noqa: S608 - a constant
    differing |= {one.row for one in made.clocks ^ clocks}
    links = dict(made.case_of)
    for case, index in connection.execute("SELECT case_row, idx FROM case_leaf"):
        if links.pop(index, None) != case:
            differing.add(case)
    differing |= set(links.values())
    agreement_of = dict(connection.execute("SELECT row_id, agreement FROM case_agreement").fetchall())
    differing |= {row for row, _ in made.agreement_of.items() ^ agreement_of.items()}
    agreements = {
        (agreement, index, bool(held))
        for agreement, index, held in connection.execute("SELECT agreement, idx, suspended FROM agreement_leaf")
    }
    counts = {(hour, event): count for hour, event, count in connection.execute("SELECT * FROM leaf_count")}
    return Rebuilt(
        leaves=made.leaves,
        cases=len(made.rows),
        erased=sum(row.state == "erased" for row in made.rows.values()),
        equal=not differing and counts == dict(made.counts) and agreements == made.agreements,
        differing=tuple(sorted(differing)[:DIFFERENCES_MAX]),
        written=written,
    )


def _differing_rows(reader: Reader, made: _Folded) -> Iterator[int]:
    stored = {
        row[0]: case_row(row)
        for row in reader.connection.execute(f"SELECT {COLUMNS} FROM case_state s")  # noqa: S608 - a constant
    }
    for row in made.rows.keys() | stored.keys():
        if made.rows.get(row) != stored.get(row):
            yield row


def _columns(row: CaseRow) -> tuple[object, ...]:
    return (row.row, ",".join(row.parties), *(getattr(row, name) for name in CaseRow.__slots__[2:]))
