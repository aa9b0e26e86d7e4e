"""The folder channel's options, and the folders they stand for."""

from dataclasses import dataclass
from pathlib import Path

from adapters.channels.options import Count, Options, Seconds
from schemas.parts.attachment import ATTACHMENT_BYTES_MAX

OUTGOING = ("out", "out/done", "out/refused", "out/state")
INCOMING = ("in", "done", "rejected")


class FolderOptions(Options):
    """`[channels.NAME.options]`."""

    base: Path | None = None
    """Default: the channel's own folder in the edge's data directory. Edge and national system both write here."""
    mapping: Path | None = None
    """Default: `mapping` in the base folder."""
    poll_seconds: Seconds = 1.0
    """How often `out` is looked at while nothing lies there."""
    retry_seconds: Seconds = 10.0
    """After a disk that is full or gone."""
    submission_bytes_max: Count = 1024**2
    table_bytes_max: Count = 16 * 1024**2
    table_rows_max: Count = 50_000
    cell_characters_max: Count = 4000
    attachment_bytes_max: Count = ATTACHMENT_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things lie.

    Attributes:
        base: holds all but perhaps `mapping`.
        mapping: one TOML file a table.
    """

    base: Path
    mapping: Path

    @property
    def out(self) -> Path:
        """What the national system wants sent."""
        return self.base / "out"

    @property
    def done(self) -> Path:
        """What of it was taken."""
        return self.base / "out" / "done"

    @property
    def refused(self) -> Path:
        """What was not, with reasons."""
        return self.base / "out" / "refused"

    @property
    def state(self) -> Path:
        """What became of what was taken."""
        return self.base / "out" / "state"

    @property
    def incoming(self) -> Path:
        """Deliveries."""
        return self.base / "in"

    @property
    def rejected(self) -> Path:
        """Deliveries that the national system moved here because it cannot use them."""
        return self.base / "rejected"

    @property
    def handled(self) -> Path:
        """Deliveries that it moved here because it has them."""
        return self.base / "done"

    def make(self) -> None:
        """Every folder is there. Raises OSError."""
        for name in (*OUTGOING, *INCOMING):
            (self.base / name).mkdir(parents=True, exist_ok=True)
