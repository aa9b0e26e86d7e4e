"""The case projection made anew from the log alone (leaves and side records), and compared with the stored one.

Guarantees that one state of the log is read (one transaction), that nothing but `leaf`, `side` and `case_key` is looked
at to make the rows, and that a case whose key was destroyed becomes a tombstone. The log is walked once to tell which
leaf belongs to which case, then the cases by their leaves; of either no more than a stretch is in memory, and of the
whole a row an hour and an agreement.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from hub.cases import suspension
from hub.cases.case import Case, after
from hub.cases.projection import WRITE_CLOCK, clock_rows_of, row_of
from hub.cases.reading import CLOCK_COLUMNS, told
from hub.log.batch import SECONDS_AN_HOUR
from hub.store.engine import many, snapshot, transaction
from hub.store.reading import Reader
from keys.at_rest import AtRest
from keys.proofs.leaf import parse_leaf
from schemas.errors import Fault
from service.failpoints import reach

DIFFERENCES_MAX = 100
TABLES = ("case_state", "case_party", "case_clock", "case_leaf", "leaf_count", *suspension.TABLES)
_LEAVES_AT_ONCE = 1000
_CASES_AT_ONCE = 1000
_ROW_MAX = 2**62
_LEAVES = (
    "SELECT l.idx, l.bytes, s.case_row FROM leaf l LEFT JOIN side s ON s.idx = l.idx WHERE l.idx > ? "
    "ORDER BY l.idx LIMIT ?"
)
_SEALED = "SELECT l.idx, l.bytes, s.case_row FROM leaf l JOIN side s ON s.idx = l.idx WHERE l.idx"
_LINKS = "SELECT case_row, idx FROM case_leaf WHERE idx >= ? AND idx <= ? AND case_row"
_LINKED = (
    "SELECT c.case_row, c.idx, l.bytes, s.case_row FROM case_leaf c LEFT JOIN leaf l ON l.idx = c.idx "
    "LEFT JOIN side s ON s.idx = c.idx WHERE (c.case_row, c.idx) > (?, ?) AND c.case_row < ? "
    "ORDER BY c.case_row, c.idx LIMIT ?"
)
_STATE_COLUMNS = "row_id, parties, procedure, state, last_idx, handed_over_at, clock, basis, due_at"
_STORED = {
    "case_state": f"SELECT {_STATE_COLUMNS} FROM case_state",  # noqa: S608 - constants
    "case_clock": f"SELECT {CLOCK_COLUMNS} FROM case_clock",  # noqa: S608
    "case_agreement": "SELECT row_id, agreement FROM case_agreement",
}
_STORED_PARTY = "SELECT row_id, partner, due_at FROM case_party WHERE partner = ? AND row_id >= ? AND row_id < ?"
_WRITE = {
    "case_state": f"INSERT INTO case_state ({_STATE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
    "case_party": "INSERT INTO case_party (row_id, partner, due_at) VALUES (?, ?, ?)",
    "case_clock": WRITE_CLOCK,
    "case_agreement": suspension.WRITE_CASE,
}
"""The tables that have a case's rows, the case first in each."""


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
    """As `compare`, inside a transaction of the caller's.

    Raises:
        Fault: a side record does not open, or the log's leaves make no case.
    """
    connection = reader.connection
    differing: set[int] = set()
    log = _Log()
    for window in log.windows(reader):
        rows = sorted({row for row, _ in window})
        bounds = (window[0][1], window[-1][1]) if window else (0, 0)
        differing |= {row for row, _ in set(window).difference(many(connection, _LINKS, rows, *bounds))}
    complete = not differing
    partners = [partner for (partner,) in connection.execute("SELECT DISTINCT partner FROM case_party").fetchall()]
    erased = 0
    for low, high in _stretches(log.leaves):
        made = _made(reader, at_rest, low, high, complete=complete)
        stored = {
            table: connection.execute(f"{statement} WHERE row_id >= ? AND row_id < ?", (low, high)).fetchall()
            for table, statement in _STORED.items()
        }
        stored["case_party"] = [
            row for partner in partners for row in connection.execute(_STORED_PARTY, (partner, low, high)).fetchall()
        ]
        differing |= made.strange
        for table, rows_made in made.rows.items():
            differing |= {row[0] for row in set(rows_made).symmetric_difference(map(tuple, stored[table]))}
        erased += made.erased
    agreements = {
        (agreement, index, bool(held))
        for agreement, index, held in connection.execute("SELECT agreement, idx, suspended FROM agreement_leaf")
    }
    counts = {(hour, event): count for hour, event, count in connection.execute("SELECT * FROM leaf_count")}
    return Rebuilt(
        leaves=log.leaves,
        cases=log.cases,
        erased=erased,
        equal=not differing and counts == dict(log.counts) and agreements == log.agreements,
        differing=tuple(sorted(differing)[:DIFFERENCES_MAX]),
        written=False,
    )


def rebuild(reader: Reader, at_rest: AtRest) -> Rebuilt:
    """The stored projection is what the log gives; what differed before is said. One transaction: all or nothing.

    Raises:
        Unavailable: STORE_UNAVAILABLE; the projection is as it was.
        Fault: a side record does not open, or the log's leaves make no case.
    """
    connection = reader.connection
    with transaction(connection):
        found = compare_here(reader, at_rest)
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - of this module alone
        log = _Log()
        for window in log.windows(reader):
            connection.executemany("INSERT INTO case_leaf (case_row, idx) VALUES (?, ?)", window)
        for low, high in _stretches(log.leaves):
            for table, rows in _made(reader, at_rest, low, high, complete=True).rows.items():
                connection.executemany(_WRITE[table], rows)
        connection.executemany(suspension.WRITE_AGREEMENT, sorted(log.agreements))
        connection.executemany(
            "INSERT INTO leaf_count (hour, event, count) VALUES (?, ?, ?)",
            [(*key, count) for key, count in log.counts.items()],
        )
        reach("hub.cases.rebuilt")
    return replace(found, written=True)


@dataclass(slots=True)
class _Log:
    """One walk over the log, and what it told so far."""

    leaves: int = 0
    cases: int = 0
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    agreements: set[tuple[str, int, bool]] = field(default_factory=set)

    def windows(self, reader: Reader) -> Iterator[list[tuple[int, int]]]:
        """Which leaf belongs to which case, (case, leaf) in order of the leaves; a list for few leaves at a time."""
        last = -1
        while rows := reader.connection.execute(_LEAVES, (last, _LEAVES_AT_ONCE)).fetchall():
            yield self._window(reader, rows)
            last = rows[-1][0]

    def _window(self, reader: Reader, rows: list[Any]) -> list[tuple[int, int]]:
        leaves = [(index, parse_leaf(raw), row) for index, raw, row in rows]
        accepted = {index: row for index, leaf, row in leaves if leaf.event == "SubmissionAcceptance"}
        if None in accepted.values():
            raise Fault("an accepted message has no side record")
        earlier = sorted({leaf.prev for _, leaf, _ in leaves if leaf.prev is not None and leaf.prev < leaves[0][0]})
        accepted |= {
            index: row
            for index, raw, row in many(reader.connection, _SEALED, earlier)
            if parse_leaf(raw).event == "SubmissionAcceptance"
        }
        links = []
        for index, leaf, _ in leaves:
            self.counts[int(leaf.at.timestamp()) // SECONDS_AN_HOUR, leaf.event] += 1
            about = index if index in accepted else leaf.prev
            if about is not None and about <= index and about in accepted:
                links.append((accepted[about], index))
            elif leaf.event in suspension.EVENTS and (side := reader.side(index)) is not None:
                self.agreements.add(suspension.row_of(index, leaf, side.values["value"]))
        self.leaves += len(leaves)
        self.cases += sum(row == index for row, index in links)
        return links


@dataclass(slots=True)
class _Made:
    """The rows of a stretch of cases. `strange` are those to which leaves are counted that are not theirs."""

    rows: Mapping[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {table: [] for table in _WRITE})
    strange: set[int] = field(default_factory=set)
    erased: int = 0

    def add(self, case: Case, agreement: str | None) -> None:
        """Its rows."""
        row = row_of(case)
        self.rows["case_state"].append((row.row, ",".join(row.parties), *astuple(row)[2:]))
        self.rows["case_party"] += [(row.row, partner, row.due_at) for partner in row.parties]
        self.rows["case_clock"] += map(astuple, clock_rows_of(case))
        if agreement is not None:
            self.rows["case_agreement"].append((row.row, agreement))
        self.erased += case.erased


def _stretches(leaves: int) -> Iterator[tuple[int, int]]:
    """Bounds between which few cases lie each; no row is outside all of them."""
    return pairwise((-_ROW_MAX, *range(_CASES_AT_ONCE, leaves, _CASES_AT_ONCE), _ROW_MAX))


def _made(reader: Reader, at_rest: AtRest, low: int, high: int, *, complete: bool) -> _Made:
    """The cases from `low` up to `high`. Unless `case_leaf` is complete, one that makes no case is only strange."""
    made = _Made()
    for row, linked in groupby(_linked(reader, low, high), itemgetter(0)):
        try:
            _fold(reader, at_rest, made, row, linked)
        except Fault:
            if complete:
                raise
            made.strange.add(row)
    return made


def _linked(reader: Reader, low: int, high: int) -> Iterator[Any]:
    """These cases' leaves in order, few at a time: the case, index and bytes, and what its side record lies under."""
    last = (low, -_ROW_MAX)
    while rows := reader.connection.execute(_LINKED, (*last, high, _LEAVES_AT_ONCE)).fetchall():
        yield from rows
        last = rows[-1][:2]


def _fold(reader: Reader, at_rest: AtRest, made: _Made, row: int, linked: Iterator[Any]) -> None:
    case: Case | None = None
    agreement: str | None = None
    messages: set[int] = set()
    for _, index, raw, side_row in linked:
        leaf = None if raw is None else parse_leaf(raw)
        message = leaf is not None and leaf.event == "SubmissionAcceptance"
        if leaf is None or (side_row != row if message else leaf.prev not in messages):
            made.strange.add(row)
            continue
        header, pin = told(reader, index, leaf)
        key = None if header is None else reader.case_key(row)
        if header is not None and (key is None or key[1] != at_rest.lookup("case", header.case_handle)):
            raise Fault("a message lies in another's case")
        if case is None:
            if row != index:
                raise Fault("a case does not begin with a message")
            agreement = None if header is None else header.agreement
        if message:
            messages.add(index)
        case = after(case, index, leaf, header, pin)
    if case is not None:
        made.add(case, agreement)
