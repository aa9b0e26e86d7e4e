"""Cases in which clocks run that the keeper keeps are folded anew from the log when a batch moves one.

Their clocks hang on several messages of the case (receipt, extension, consent), so the row is made by the very fold a
rebuild makes it by; other cases, whose one clock hangs on the opening message alone, are written by `projection`.
Guarantees that the rows say what the leaves of earlier batches and of this one say together.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.cases import projection
from hub.cases.case import Case, after
from hub.cases.reading import fold
from hub.log.batch import Batch
from hub.store.engine import many
from hub.store.reading import Reader
from keys.proofs.leaf import Leaf, parse_leaf
from schemas.agreements.pinned import PROCEDURES
from schemas.envelope import Header
from schemas.errors import Fault

_IS_THERE = "SELECT 1 FROM case_leaf WHERE case_row = ? LIMIT 1"
_CASE_OF = "SELECT case_row FROM message WHERE idx = ?"
_KEPT = "SELECT DISTINCT row_id FROM case_clock WHERE row_id"
_OPENED = "SELECT row_id, procedure, state, clock, due_at, parties FROM case_state WHERE row_id"
"""Both look many rows up at once."""


@dataclass(slots=True)
class Moved:
    """The cases that a batch moves; part of it."""

    rows: set[int] = field(default_factory=set)
    accepted: dict[int, tuple[int, Header, str | None]] = field(default_factory=dict)
    reader: Reader | None = None

    def accept(self, index: int, row: int, header: Header, pin: str | None) -> None:
        """The message that this batch accepts at `index` is one of this case's; `pin` is that of one it opens."""
        self.accepted[index] = (row, header, pin)

    def touch(self, reader: Reader, row: int) -> None:
        """A leaf of this batch changes the case."""
        self.reader = reader
        self.rows.add(row)

    def flush(self, batch: Batch) -> None:
        """Each case is folded and written once."""
        if self.reader is None:
            return
        added = self._added(batch)
        for row in self.rows:
            projection.write(batch, _folded(batch, self.reader, row, added[row]))

    def _added(self, batch: Batch) -> "defaultdict[int, list[_Added]]":
        """This batch's leaves of these cases, in their order."""
        found: defaultdict[int, list[_Added]] = defaultdict(list)
        for index, raw in enumerate(batch.leaves, batch.first):
            leaf = parse_leaf(raw)
            if index in self.accepted:
                row, header, pin = self.accepted[index]
                found[row].append((index, leaf, header, pin))
            elif leaf.prev is not None and leaf.prev < batch.first:
                known = batch.connection.execute(_CASE_OF, (leaf.prev,)).fetchone()
                if known is not None and known[0] in self.rows:
                    found[known[0]].append((index, leaf, None, None))
        return found


_Added = tuple[int, Leaf, Header | None, str | None]


def correction_handed_over(batch: Batch, reader: Reader, index: int) -> None:
    """A recipient has handed over the correction accepted at `index`: its time to answer starts."""
    (row,) = batch.connection.execute(_CASE_OF, (index,)).fetchone()
    batch.companion(Moved).touch(reader, row)


def openings_handed_over(batch: Batch, reader: Reader, indices: Sequence[int]) -> None:
    """Every recipient has handed over the messages accepted at `indices`: clocks of cases they opened start."""
    opened = {row[0]: row[1:] for row in many(batch.connection, _OPENED, indices)}
    kept = {row for (row,) in many(batch.connection, _KEPT, list(opened))}
    moved = [row for row, found in opened.items() if found[0] in PROCEDURES or row in kept]
    for row in moved:
        batch.companion(Moved).touch(reader, row)
        del opened[row]
    projection.handed_over(batch, reader, opened)


def _folded(batch: Batch, reader: Reader, row: int, added: list[_Added]) -> Case:
    case = fold(reader, row) if batch.connection.execute(_IS_THERE, (row,)).fetchone() is not None else None
    for index, leaf, header, pin in added:
        case = after(case, index, leaf, header, pin)
    if case is None:
        raise Fault("a case was moved by no leaf")
    return case
