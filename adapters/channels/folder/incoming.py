"""The way in: files of `out/`, oldest first, each read once, offered, and put away.

Guarantees that every file which asks for anything ends in `done` or `refused`, and that a file offered twice bears the
same name both times; a file that asks for nothing (an attachment nobody has named yet, a `.part`, a hidden one) stays
where it lies. Whoever writes here owes one thing: write under another name, then rename. A file that changes while it
is read is left for the next look; one that is written to more slowly than that cannot be told from a whole one.
"""

import asyncio
import hashlib
import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.channels import mapping as mappings
from adapters.channels import tables
from adapters.channels.disk import PART, digest_of, open_regular
from adapters.channels.folder.dropped import REASON, TAKEN, Dropped, refusal, seen
from adapters.channels.folder.options import FolderOptions, Folders
from adapters.channels.submissions import Outline, named_files, outline, partners
from adapters.contract import Inbound, Refused, Settlement, Submission, Unreadable
from schemas.errors import Finding, Rejected, Unavailable

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,119}", re.ASCII)
OURS = frozenset({"done", "refused", "state"})
READ = (".json", ".csv")


@dataclass(frozen=True, slots=True)
class _Offered:
    """An `Inbound` of a file."""

    submission: Submission
    source: "Incoming"
    file: Dropped

    async def settle(self, settlement: Settlement) -> None:
        """Recorded; with the last one the file is put away. Raises Unavailable; may be repeated."""
        self.file.record(self.submission.external_id, settlement)
        self.source.put_away_settled()


class Incoming:
    """The files of one channel."""

    def __init__(self, options: FolderOptions, folders: Folders) -> None:
        self._options = options
        self._folders = folders
        self._names: deque[str] = deque()
        self._open: dict[str, Dropped] = {}
        self._current: Dropped | None = None
        self._stopped = False

    def restart(self) -> None:
        """Nothing is known but what lies on disk: what was not settled is offered again."""
        self._names.clear()
        self._open.clear()
        self._current = None
        self._stopped = False

    def stop(self) -> None:
        """Nothing new is offered."""
        self._stopped = True

    async def next(self) -> Inbound | Unreadable:
        """What the next file asks for; waits. Raises Unavailable when the folder cannot be read or written."""
        while True:
            if self._stopped:
                await asyncio.get_running_loop().create_future()
            with _disk(self._options.retry_seconds):
                found = await self._look()
            if found is not None:
                return found
            await asyncio.sleep(self._options.poll_seconds)  # nothing tells us of a file: a rename rings no bell

    async def _look(self) -> Inbound | Unreadable | None:
        self.put_away_settled()
        looked = False
        while True:
            if self._current is not None:
                current, item = self._current, self._current.pull()
                if current.offered_all:
                    self._current = None
                if item is not None:
                    return self._offer(current, item)
                self.put_away_settled()
            if not self._names and not looked:
                looked = True
                self._names.extend(self._waiting())
            if not self._names:
                return None
            name = self._names.popleft()
            if name in self._open:
                continue
            dropped, unreadable = await self._read(name)
            if dropped is None:
                continue
            self._open[name] = dropped
            if unreadable is not None:
                self.put_away_settled()
                return unreadable
            self._current = dropped

    def _offer(self, file: Dropped, item: Submission | Unreadable) -> Inbound | Unreadable:
        if isinstance(item, Unreadable):
            file.record(item.external_id, Refused(item.findings[0].code, item.findings))
            self.put_away_settled()
            return item
        file.waiting.add(item.external_id)
        return _Offered(item, self, file)

    def put_away_settled(self) -> None:
        """Every file with nothing left to do is where it belongs. Raises Unavailable; nothing is forgotten."""
        with _disk(self._options.retry_seconds):
            for name, file in list(self._open.items()):
                if file.settled:
                    file.put_away(self._folders)
                    del self._open[name]

    def _waiting(self) -> list[str]:
        """Names in `out/` that ask for something, oldest first.

        Of hundreds of names the kernel shows a portion at a time, and may show one that came meanwhile without another
        that was there before it. So what is newer than all of one listing is left for the next look.
        """
        first = self._listed()
        if not first:
            return []  # most looks end here
        newest, _ = max(first)
        return [name for at, name in sorted(self._listed()) if at <= newest]

    def _listed(self) -> list[tuple[int, str]]:
        found = []
        with os.scandir(self._folders.out) as entries:
            for entry in entries:
                if entry.name in OURS or entry.name in self._open or entry.name.startswith("."):
                    continue
                if entry.name.endswith(PART):
                    continue
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(about.st_mode) or entry.name.lower().endswith(READ):
                    found.append((about.st_mtime_ns, entry.name))
        return found

    async def _read(self, name: str) -> tuple[Dropped | None, Unreadable | None]:
        """The file with what it asks for; with the reason when that is nothing at all. None: gone, or growing."""
        path = self._folders.out / name
        before = seen(path)
        if before is None:
            return None, None
        fit = NAME.fullmatch(name) is not None and not name.endswith((REASON, TAKEN))
        dropped = Dropped(name, name if fit else _opaque(name), before)
        try:
            _check_name(fit=fit)
            data = self._bytes(path)
            if seen(path) != before:
                return None, None
            if name.lower().endswith(".json"):
                await self._message(dropped, path, data)
            else:
                self._table(dropped, path, data)
        except FileNotFoundError:
            return None, None
        except Rejected as error:
            refused = refusal(error.code, error.path)
            dropped.record(dropped.kept_as, refused)
            dropped.offered_all = True
            return dropped, Unreadable(dropped.kept_as, refused.findings)
        return dropped, None

    def _bytes(self, path: Path) -> bytes:
        table = not path.name.lower().endswith(".json")
        bytes_max = self._options.table_bytes_max if table else self._options.submission_bytes_max
        with open_regular(path) as source:
            data = source.read(bytes_max + 1)
        if len(data) > bytes_max:
            raise Rejected("INPUT_LIMIT")
        return data

    async def _message(self, dropped: Dropped, path: Path, data: bytes) -> None:
        asked = outline(data)
        to: tuple[str, ...] = ()
        if "@" in path.stem:
            found = partners(path.stem.rpartition("@")[2])
            if found is None:
                raise Rejected("INPUT_NAME")
            to = found
        files = await self._attachments(asked)
        dropped.items = iter((asked.submission(dropped.name, to, files),))
        dropped.attachments = tuple(files.values())

    def _table(self, dropped: Dropped, path: Path, data: bytes) -> None:
        file = mappings.mapping_for(self._folders.mapping, path.stem)
        dropped.mapping = mapping = mappings.read_mapping(file)
        found = tables.rows(
            data,
            mapping,
            rows_max=self._options.table_rows_max,
            cell_characters_max=self._options.cell_characters_max,
        )
        dropped.items = _submissions(dropped.name, mapping, found)

    async def _attachments(self, asked: Outline) -> dict[str, Path]:
        """SHA-256 -> file, by the names listed, or where none is listed by digests as names."""
        if asked.attachments:
            found = {}
            for place, name in enumerate(asked.attachments):
                if NAME.fullmatch(name) is None:
                    raise Rejected("INPUT_NAME", f"/attachments/{place}")
                path = self._find(name)
                if path is None:
                    raise Rejected("ATTACH_MISSING", f"/attachments/{place}")
                found[await digest_of(path, self._options.attachment_bytes_max)] = path
            return found
        named = dict(named_files(asked.payload))
        by_digest = {sha256: path for sha256 in named if (path := self._find_digest(sha256)) is not None}
        for sha256, path in by_digest.items():
            if await digest_of(path, self._options.attachment_bytes_max) != sha256:
                raise Rejected("ATTACH_HASH", named[sha256])
        return by_digest

    def _find(self, name: str) -> Path | None:
        """In `out/`, or where an earlier submission, or this one before a crash, took it."""
        paths = (self._folders.out / name, self._folders.done / name)
        return next((path for path in paths if os.path.lexists(path)), None)

    def _find_digest(self, sha256: str) -> Path | None:
        for folder in (self._folders.out, self._folders.done):
            for path in (folder / sha256, *sorted(folder.glob(f"{sha256}.*"))):
                if os.path.lexists(path) and not path.name.endswith(PART):
                    return path
        return None


def _submissions(
    name: str, mapping: mappings.Mapping, found: tuple[tables.Row, ...]
) -> Iterator[Submission | Unreadable]:
    for row in found:
        external_id = f"{name}#{row.number}"
        mapped = mappings.apply(mapping, row.cells)
        to = mapping.to if mapped.to is None else partners(mapped.to)
        if to is None:
            yield Unreadable(external_id, (*mapped.findings, Finding("/to", "FIELD_PATTERN")))
        elif mapped.findings:
            yield Unreadable(external_id, mapped.findings)
        else:
            yield Submission(
                external_id,
                mapped.payload,
                to,
                agreement=mapping.agreement,
                basis=mapping.basis,
                role=mapping.role,
            )


def _check_name(*, fit: bool) -> None:
    if not fit:
        raise Rejected("INPUT_NAME")


def _opaque(name: str) -> str:
    """A name for what has one that is not to be repeated: it may hold anything, also direction marks and newlines."""
    return f"name-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"


class _disk:  # noqa: N801 - used as a `with` word
    """OSError is Unavailable: nothing is lost, it is tried again."""

    def __init__(self, retry_seconds: float) -> None:
        self._retry_seconds = retry_seconds

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if isinstance(error, OSError):
            raise Unavailable("STORE_UNAVAILABLE", self._retry_seconds) from error
