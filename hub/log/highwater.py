"""The newest checkpoint that the data directory remembers: a log behind it, or another one, is not gone on with.

A database that was emptied, replaced by an older copy, or failed over to a standby that lacks what was committed looks
whole in itself, and a hub that went on with it would sign a second history. Guarantees that no hub opens, and no
command appends to, a log that does not begin with the state remembered here. The file is written after what it speaks
of is durable, renamed into its place, and lags behind by up to `high_water_seconds`: what was lost within that time is
found by partners' claims (`hub.log.claims`), not here.

Hosts that share the data directory share the file; whoever has the role `clock` writes it, and each at its start and
end. Nobody writes an older state over a newer one knowingly; two that write at the same moment may leave the older of
two states that were both true, until the next is written.
"""

from pathlib import Path

from hub.store.engine import Connection, snapshot
from hub.store.tiles import stored_tile
from keys.directory.durable_file import write_durably
from keys.proofs.checkpoint import Checkpoint, LogPublic
from keys.proofs.merkle import EMPTY_ROOT, consistency_path, verify_consistency
from keys.proofs.tiles import TileNodes
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.logs import log

NAME = "high-water"
_BYTES_MAX = 64 * 1024
_HEAD = "SELECT size, root FROM head WHERE one = 1"


class HighWater:
    """The file of one data directory, and what its log's signatures verify under."""

    def __init__(self, folder: Path, public: LogPublic) -> None:
        self._file = folder / NAME
        self._public = public

    def check(self, connection: Connection) -> None:
        """The log in this database begins with what is remembered. Before anything is appended to it.

        Raises:
            Rejected: LOG_BEHIND, it is shorter; LOG_INCONSISTENT, it is another one; CHECKPOINT_INVALID, the file is
                not what this log signed.
            Unavailable: file or database cannot be read.
        """
        seen = self._seen()
        if seen is None:
            return
        with snapshot(connection):
            size, root = connection.execute(_HEAD).fetchone() or (0, EMPTY_ROOT)
            nodes = TileNodes(lambda level, number: stored_tile(connection, level, number))
            path = consistency_path(seen.size, size, nodes) if size > seen.size else []
        if size < seen.size:
            raise _refused("LOG_BEHIND", size, seen.size)
        try:
            verify_consistency(seen.size, seen.root, size, bytes(root), path)
        except Rejected as refusal:
            raise _refused(refusal.code, size, seen.size) from None

    def keep(self, checkpoint: bytes) -> bool:
        """This state, which is durable, is remembered unless a newer one is; returns whether it was written.

        Raises:
            Rejected: CHECKPOINT_INVALID, the file is not what this log signed.
            Unavailable: STORE_UNAVAILABLE.
        """
        seen = self._seen()
        if seen is not None and self._public.verify(checkpoint).size <= seen.size:
            return False
        reach("hub.highwater.begin")
        write_durably(self._file, checkpoint, 0o600)
        return True

    def try_to_keep(self, checkpoint: bytes) -> None:
        """As `keep`; what cannot be written now is said, and written another time."""
        try:
            self.keep(checkpoint)
        except (Rejected, Unavailable) as error:
            log.error("log.not_remembered", error, code=error.code)

    def _seen(self) -> Checkpoint | None:
        try:
            with self._file.open("rb") as source:
                text = source.read(_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE") from error
        try:
            return self._public.verify(text)
        except Rejected:
            raise Rejected("CHECKPOINT_INVALID", f"/{NAME}") from None


def _refused(code: str, size: int, seen: int) -> Rejected:
    log.error("log.behind", size=size, count=seen, code=code)
    return Rejected(code, f"/{NAME}")
