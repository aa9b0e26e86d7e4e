"""Which cases a suspended agreement touches: from the leaf of the suspension, and of the version that ends it.

A case is touched by the agreement that its opening message names (its header's `ixmagr`), while it is open. It stands
where it stood, and the agreement's times run on (domain.md 12); the flag says that nothing new is taken for it, and
nothing here knows why. Guarantees that the two tables follow from leaves and side records alone, as
`hub.cases.rebuilding` makes them anew, and that one statement of a leaf flags every case of its agreement at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.log.batch import Batch
from hub.store.engine import guarded
from hub.store.reading import Reader
from keys.proofs.leaf import Leaf, parse_leaf

AGREEMENTS, SUSPENSIONS = "agreements/", "suspensions/"
EVENTS = frozenset({"AgreementPublished", "AgreementSuspended"})
SUSPENDED = "AGREEMENT_SUSPENDED"
"""The code of a leaf that publishes a version which is suspended all the same."""

WRITE_AGREEMENT = "INSERT INTO agreement_leaf (agreement, idx, suspended) VALUES (?, ?, ?)"
WRITE_CASE = "INSERT INTO case_agreement (row_id, agreement) VALUES (?, ?)"
TABLES = ("case_agreement", "agreement_leaf")
_NOW = (
    "SELECT l.suspended FROM case_agreement c JOIN agreement_leaf l ON l.agreement = c.agreement "
    "WHERE c.row_id = ? ORDER BY l.idx DESC LIMIT 1"
)
_DURING = (
    "SELECT a.idx, a.suspended, l.bytes FROM case_agreement c JOIN agreement_leaf a ON a.agreement = c.agreement "
    "JOIN leaf l ON l.idx = a.idx WHERE c.row_id = ? AND a.idx > c.row_id ORDER BY a.idx LIMIT 1000"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """The agreement of a case was suspended, or is in force again, since the leaf at `index`."""

    index: int
    at: datetime
    suspended: bool


def agreement_of(path: str) -> str:
    """The agreement that a file of the directory is about."""
    return path.split("/")[1].removesuffix(".json")


def row_of(index: int, leaf: Leaf, path: str) -> tuple[str, int, bool]:
    """The row of `agreement_leaf` that belongs to a leaf of `EVENTS`; `path` is what it commits to."""
    return agreement_of(path), index, leaf.event == "AgreementSuspended" or leaf.code == SUSPENDED


def logged(batch: Batch, index: int, path: str) -> None:
    """The leaf just added at `index` is written with the batch."""
    batch.write(WRITE_AGREEMENT, row_of(index, parse_leaf(batch.leaves[index - batch.first]), path))


def suspended(reader: Reader, rows: Sequence[int]) -> frozenset[int]:
    """Which of these cases were opened on an agreement that is suspended now; whether one is open, the caller knows."""
    with guarded():
        return frozenset(
            row
            for row in rows
            if (found := reader.connection.execute(_NOW, (row,)).fetchone()) is not None and found[0]
        )


def turns(reader: Reader, row: int) -> tuple[Turn, ...]:
    """What became of a case's agreement since the case was opened, in order."""
    with guarded():
        found = reader.connection.execute(_DURING, (row,)).fetchall()
    made: list[Turn] = []
    for index, held, raw in found:
        if bool(held) != (made[-1].suspended if made else False):
            made.append(Turn(index, parse_leaf(raw).at, bool(held)))
    return tuple(made)
