"""The folder channel: files in, files out, in one base folder that edge and national system share.

    out/             the national system drops here: NAME.json, NAME.csv, attachments
    out/done/        what was taken, with NAME.taken.json: the ids
    out/refused/     what was not; NAME.reason.json says why, by code, place and row, never by value
    out/state/       what became of each that was taken
    in/              deliveries: <digest>.json, and attachments as <digest>/<sha256>.<ext>
    done/ rejected/  where the national system moves <digest>.json once it has it, or cannot use it
    mapping/         one TOML file a table

Guarantees exactly-once hand-over by these names (settled.md, Delivery and edges), and that one channel alone works on a
base folder: two would send the same file twice. Where the file system has no locks (some shares) that is the operator's
to see to.
"""

import errno
import fcntl
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters.channels.disk import FILE_MODE
from adapters.channels.folder.incoming import Incoming
from adapters.channels.folder.options import FolderOptions, Folders
from adapters.channels.folder.outgoing import Outgoing
from adapters.channels.mapping import read_mapping
from adapters.channels.options import load
from adapters.contract import Check, Delivery, HandOver, Inbound, Manifest, Place, Progress, Unreadable
from keys.directory.durable_file import write_durably
from schemas.errors import Rejected, Unavailable

DELIVERIES_AT_ONCE = 32
"""They share a sync."""
LOCK = ".liaison-channel.lock"
MANIFEST = Manifest("folder", "1", frozenset({"in", "out"}), deliveries_at_once=DELIVERIES_AT_ONCE)
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,119}(#[0-9]{1,7})?", re.ASCII)


class FolderChannel:
    """See the module."""

    def __init__(self, options: FolderOptions, place: Place) -> None:
        base = options.base or place.folder
        self._folders = Folders(base, options.mapping or base / "mapping")
        self._options = options
        self._incoming = Incoming(options, self._folders)
        self._outgoing = Outgoing(options, self._folders)
        self._lock: int | None = None

    @property
    def manifest(self) -> Manifest:
        """What it is."""
        return MANIFEST

    async def connect(self) -> None:
        """The folders are there, and ours alone. Raises Unavailable: STORE_UNAVAILABLE, BUSY while another has them."""
        try:
            self._folders.make()
            if self._lock is None:
                self._lock = _locked(self._folders.base / LOCK)
            self._outgoing.clean()
        except OSError as error:
            self._unlock()
            code = "BUSY" if isinstance(error, BlockingIOError) else "STORE_UNAVAILABLE"
            raise Unavailable(code, self._options.retry_seconds) from error
        self._incoming.restart()

    async def receive(self) -> Inbound | Unreadable:
        """The next message of a file, oldest file first, rows in order."""
        return await self._incoming.next()

    async def deliver(self, delivery: Delivery) -> HandOver:
        """The message lies in `in/`, or a file of its name lies in `in/`, `done/` or `rejected/` already."""
        return await self._outgoing.hand_over(delivery)

    async def report(self, progress: Progress) -> None:
        """`out/state/<name>.json` says where the submission stands, recipient by recipient; its receipt lies beside it.

        Raises:
            Unavailable: STORE_UNAVAILABLE.
        """
        if _EXTERNAL_ID.fullmatch(progress.external_id) is None:
            return  # not from a file of ours
        name = progress.external_id.removesuffix(".json")
        path = self._folders.state / f"{name}.json"
        known = self._known(progress, path)
        if progress.partner is None:
            for name_of in ("code", "findings"):  # of a state that is over
                known.pop(name_of, None)
            known |= {"state": progress.state}
            if progress.code is not None:
                known["code"] = progress.code
            if progress.findings:
                known["findings"] = [one.as_json() for one in progress.findings]
        else:
            known["recipients"][progress.partner] = {"state": progress.state} | (
                {"code": progress.code} if progress.code is not None else {}
            )
        if progress.receipt is not None and progress.partner is None:
            write_durably(self._folders.state / f"{name}.receipt", progress.receipt, FILE_MODE)
        write_durably(path, json.dumps(known, indent=1).encode() + b"\n", FILE_MODE)

    def _known(self, progress: Progress, path: Path) -> dict[str, Any]:
        fresh: dict[str, Any] = {"id": progress.id, "state": "accepted", "recipients": {}}
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return fresh
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE", self._options.retry_seconds) from error
        except ValueError:
            return fresh  # somebody else wrote here
        whole = isinstance(found, dict) and found.get("id") == progress.id and isinstance(found.get("recipients"), dict)
        return found if whole else fresh

    async def probe(self) -> Sequence[Check]:
        """Each folder, and each mapping by its place in the alphabet: its name is the authority's own."""
        checks = []
        for name, path in (("out", self._folders.out), ("in", self._folders.incoming)):
            usable = path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK)
            checks.append(Check(name, "ok" if usable else "STORE_UNAVAILABLE"))
        for number, path in enumerate(sorted(self._folders.mapping.glob("*.toml")), 1):
            try:
                read_mapping(path)
            except Rejected as error:
                checks.append(Check(f"mapping-{number}", error.code))
            else:
                checks.append(Check(f"mapping-{number}", "ok"))
        return checks

    async def drain(self) -> None:
        """No file is offered any more."""
        self._incoming.stop()

    async def close(self) -> None:
        """The folders are another's to use."""
        self._incoming.stop()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _locked(path: Path) -> int:
    """A descriptor that holds the lock until it is closed, also by a crash. Raises BlockingIOError, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            os.close(descriptor)
            raise
    return descriptor


def open_channel(place: Place) -> FolderChannel:
    """The channel of a place. Raises Rejected for an option that is not one."""
    return FolderChannel(load(FolderOptions, place.options), place)
