"""One file of `out/` while it is dealt with: what it asks for, what became of it, and where it goes.

Order of its end, each step repeatable: reasons, then ids, then attachments, then the file itself. A crash in between
leaves the file in `out/`; it is read again, the edge recognises what it has taken, and the end is reached anew. A file
that was replaced under its name meanwhile is another one and stays.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.channels.disk import FILE_MODE, move_aside
from adapters.channels.folder.options import Folders
from adapters.channels.mapping import Mapping
from adapters.contract import Refused, Settlement, Submission, Taken, Unreadable
from keys.directory.durable_file import write_durably
from schemas.errors import Finding
from service.failpoints import reach

FINDINGS_SHOWN_MAX = 50
REASON = ".reason.json"
TAKEN = ".taken.json"


@dataclass(slots=True)
class Dropped:
    """A file of `out/`.

    Attributes:
        name: in `out/`.
        kept_as: its name where it goes; another one when its own is not fit to be repeated.
        seen: what tells this file from another under the same name.
        items: what is still to be offered.
        attachments: files of `out/` that go with it.
        mapping: of a table.
        waiting: offered, not settled.
    """

    name: str
    kept_as: str
    seen: tuple[int, int, int]
    items: Iterator[Submission | Unreadable] = field(default_factory=lambda: iter(()))
    attachments: tuple[Path, ...] = ()
    mapping: Mapping | None = None
    waiting: set[str] = field(default_factory=set)
    offered_all: bool = False
    _ahead: Submission | Unreadable | None = None
    _taken: dict[str, Taken] = field(default_factory=dict)
    _refused: dict[str, Refused] = field(default_factory=dict)

    def record(self, external_id: str, settlement: Settlement) -> None:
        """What became of one of its submissions; the first word stands."""
        self.waiting.discard(external_id)
        if external_id in self._taken or external_id in self._refused:
            return
        match settlement:
            case Taken():
                self._taken[external_id] = settlement
            case Refused():
                self._refused[external_id] = settlement

    def pull(self) -> Submission | Unreadable | None:
        """What is to be offered next. With the last one `offered_all` is true: its settlement ends the file."""
        item = self._ahead or next(self.items, None)
        self._ahead = next(self.items, None)
        self.offered_all = self._ahead is None
        return item

    @property
    def settled(self) -> bool:
        """Whether nothing is left to offer or to wait for."""
        return self.offered_all and not self.waiting

    def put_away(self, folders: Folders) -> None:
        """It lies in `done` if anything of it was taken, else in `refused`. Raises Unavailable, OSError; repeatable."""
        if self._refused:
            reasons = {name: self._reason(refused) for name, refused in self._refused.items()}
            self._write(folders.refused / (self.kept_as + REASON), reasons)
        if self._taken:
            ids = {name: {"id": one.id, "case_handle": one.case_handle} for name, one in self._taken.items()}
            self._write(folders.done / (self.kept_as + TAKEN), ids)
        reach("channel.folder.reasons_written")
        target = folders.done if self._taken or not self._refused else folders.refused
        for path in self.attachments if self._taken else ():  # a mended submission will find them where they lie
            if path.parent == folders.out:
                move_aside(path, target, path.name)
        path = folders.out / self.name
        reach("channel.folder.before_move")
        if seen(path) == self.seen:
            move_aside(path, target, self.kept_as)
        reach("channel.folder.moved")

    def _write(self, path: Path, words: dict[str, dict[str, Any]]) -> None:
        """What is said of the file itself beside its name, what is said of its rows in a list `rows`."""
        content: dict[str, Any] = {"file": self.kept_as}
        for external_id, said in words.items():
            _, mark, number = external_id.rpartition("#")  # no file's name has one
            if mark:
                content.setdefault("rows", []).append({"row": int(number), **said})
            else:
                content |= said
        write_durably(path, json.dumps(content, indent=1).encode() + b"\n", FILE_MODE)

    def _reason(self, refused: Refused) -> dict[str, Any]:
        return {
            "code": refused.code,
            "findings": [self._finding(one) for one in refused.findings[:FINDINGS_SHOWN_MAX]],
        }

    def _finding(self, finding: Finding) -> dict[str, str]:
        column = self.mapping.column_at(finding.path) if self.mapping else None
        return finding.as_json() | ({"column": column} if column else {})


def seen(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from another one under the same name; None when nothing is there."""
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns


def refusal(code: str, path: str | None = None, findings: Sequence[Finding] = ()) -> Refused:
    """A refusal by the channel itself."""
    return Refused(code, tuple(findings) or (Finding(path or "", code),))
