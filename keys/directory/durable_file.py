"""Files that are either the old or the new, never half of one."""

import os
import tempfile
from pathlib import Path

from schemas.errors import Unavailable


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """`path` holds `data`, also after a power cut; a crash in between leaves the old file and a `.tmp` beside it.

    Raises:
        Unavailable: STORE_UNAVAILABLE, nothing was changed.
    """
    written: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(written, path)  # noqa: PTH105 - both names are ours
        written = None
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    finally:
        if written is not None:
            Path(written).unlink(missing_ok=True)
