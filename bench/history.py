"""Writes down what clients of a site saw, line by line, for `bench.checker`: sent, receipts, deliveries, heads.

Watches the two national systems of `tests.faults.national` from outside and asks the edges for their receipts by
command. A line more than the checker reads: `at`, seconds since the beginning, and `fault` lines of who did what.
"""

import base64
import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from liaison.demo.commands import command
from tests.faults.cluster import AUT, MDA, Cluster


class History:
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._begun = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def say(self, what: str, **members: Any) -> None:
        """One line more."""
        self._file.write(json.dumps({"at": round(self.now, 4), "what": what, **members}) + "\n")

    def close(self) -> None:
        """Every line is in the file."""
        self._file.close()


class Watcher:
    """Of both national systems, from their beginning."""

    def __init__(self, found: Cluster, history: History) -> None:
        self._found = found
        self._history = history
        self._cases: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self.newest = -1.0
        """When the newest of what was handed over was sent."""
        self._sent = {AUT: 0, MDA: 0}
        self._got = {AUT: 0, MDA: 0}

    def look(self) -> None:
        """What there is since the last look."""
        for system in (self._found.files, self._found.calls):
            for one in system.seen.sent[self._sent[system.partner] :]:
                self._sent[system.partner] += 1
                self._since[one.id] = self._history.now
                parent = one.payload.get("in_reply_to")
                case = self._cases[one.id] = self._cases.get(str(parent), one.id)
                self._history.say(
                    "sent", by=one.system, id=one.id, to=one.to, case=case, parent=parent, content=content(one.payload)
                )
            for came in system.seen.got[self._got[system.partner] :]:
                self._got[system.partner] += 1
                self._delivered(system.partner, came.message)

    def finish(self) -> None:
        """Also what came again after it was acknowledged, and every receipt that the edges keep of what they sent."""
        self.look()
        for system in (self._found.files, self._found.calls):
            recorded = Counter(came.digest for came in system.seen.got)
            messages = {came.digest: came.message for came in system.seen.got}
            for digest in (system.seen.given - recorded).elements():
                self._delivered(system.partner, messages[digest])
        for partner in (AUT, MDA):
            with tempfile.TemporaryDirectory() as folder:
                command("edge", "receipt", self._found.world.edge(partner), "--all", "--out", Path(folder, "all"))
                for path in sorted(Path(folder, "all").glob("*.sent.receipt")):
                    text = base64.b64encode(path.read_bytes()).decode()
                    self._history.say("receipt", by=partner, id=path.name.partition(".")[0], text=text)

    def _delivered(self, to: str, message: Mapping[str, Any]) -> None:
        self.newest = max(self.newest, self._since.get(message["id"], -1.0))
        named = {name: message[name] for name in ("id", "digest", "index")}
        self._history.say("delivered", to=to, content=content(message["payload"]), **named)


def content(payload: Mapping[str, Any]) -> str:
    """Of a payload nothing but this."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
