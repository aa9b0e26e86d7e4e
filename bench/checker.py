"""Judges a history of what clients saw against the log as anybody reads it: was anything lost, twice, out of order?

    python bench/checker.py HISTORY --log URL --log-key FILE       # prints JSON; exit 3 when something is wrong

Knows nothing of the hub, the edges or their tables: it reads lines that clients wrote, and a log's tiles over HTTP. Of
ours it uses what every auditor has (`keys.proofs`: signatures and inclusion proofs); the tree it hashes itself. The
rules are A1 to A6, A8 and A9 of a log's auditor: each receipt holds in the log as it is now; every head anybody was
ever shown is a root of this one log; a message has one acceptance, was handed over once to each recipient and says
so once; a case keeps its order; nothing is there that nobody sent, and nothing that was refused.

Lines of a history, in the order in which things happened:

    {"what": "sent", "by", "id", "to", "case", "content", "parent"}      must not be lost; "digest" where it is known
    {"what": "receipt", "by", "id", "text"}                              in Base64; the first may say which digest it is
    {"what": "refused", "by", "id", "digest"}                            for good
    {"what": "delivered", "to", "id", "digest", "index", "content"}      to a national system
    {"what": "head", "text"}                                             a checkpoint that somebody was shown
"""

import argparse
import base64
import hashlib
import json
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from keys.proofs.checkpoint import Checkpoint, LogPublic
from keys.proofs.receipt import CheckpointCache, VerifiedReceipt, verify_receipt
from schemas.errors import Rejected

WIDTH = 256
FETCH_SECONDS = 30
ACCEPTED, HANDED_OVER, FAILED = "SubmissionAcceptance", "ContentHandover", "ContentHandoverFailure"
OF_A_MESSAGE = frozenset(
    {"ContentConsignment", "ContentConsignmentFailure", "ConsignmentRedriven", HANDED_OVER, FAILED}
)
OF_A_CASE = frozenset({"ClockWarned", "ClockExpired"})
OF_THE_HUB = frozenset(
    {"LogOpened", "DirectoryPublished", "AgreementPublished", "BackupMade", "LogRestored", "SubmissionRejection"}
)
RULES = (
    "lost", "twice", "out_of_order", "altered", "unproved", "forked", "foreign", "undecided", "refused_and_accepted",
)  # fmt: skip

Line: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """Every leaf, and the newest head that was signed over them."""

    leaves: Sequence[bytes]
    head: bytes


@dataclass(slots=True)
class Verdict:
    """What is wrong, by rule; and what was looked at."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: {rule: [] for rule in RULES})
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.wrong.values())

    def as_json(self) -> dict[str, Any]:
        """Counts, and the first of each kind of wrong."""
        return {
            "good": self.good,
            **{rule: len(found) for rule, found in self.wrong.items()},
            "first": {rule: found[:3] for rule, found in self.wrong.items() if found},
            "seen": dict(self.seen),
        }


def judge(history: Iterable[Line], log: Log, public: LogPublic) -> Verdict:
    """The whole of it."""
    return _Judgement(list(history), log, public).run()


class _Judgement:
    """One `judge`."""

    def __init__(self, history: list[Line], log: Log, public: LogPublic) -> None:
        self.history = history
        self.log = log
        self.public = public
        self.verdict = Verdict()
        self.cache = CheckpointCache()
        self.parsed = [json.loads(leaf) for leaf in log.leaves]
        self.accepted: dict[str, list[int]] = defaultdict(list)
        for index, leaf in enumerate(self.parsed):
            if leaf["event"] == ACCEPTED:
                self.accepted[leaf["digest"]].append(index)
        self.sent = {line["id"]: line for line in history if line["what"] == "sent"}
        self.digests = {name: line["digest"] for name, line in self.sent.items() if "digest" in line}
        """Of each message, by its id: as its sender said, or its first receipt."""

    def run(self) -> Verdict:
        """Rule by rule."""
        self._proofs()
        self._messages()
        self._deliveries()
        self._order()
        self._nothing_else()
        for line in self.history:
            self.verdict.seen[line["what"]] += 1
        self.verdict.seen["leaves"] = len(self.parsed)
        return self.verdict

    def say(self, rule: str, words: str) -> None:
        """Something is wrong."""
        self.verdict.wrong[rule].append(words)

    def _proofs(self) -> None:
        """A1 and A2: each receipt's leaf stands where it said; every head is a root of these leaves."""
        heads: list[tuple[str, Checkpoint]] = []
        for name, text in (("the head", self.log.head), *self._shown()):
            try:
                heads.append((name, self.cache.verify(text, self.public)))
            except Rejected:
                self.say("unproved", name)
        for line in self.history:
            if line["what"] == "receipt":
                receipt = self._receipt(line)
                if receipt is not None:
                    heads.append((f"the receipt of {line['id']}", receipt.checkpoint))
        found = roots(self.log.leaves, {head.size for _, head in heads})
        for name, head in heads:
            if found.get(head.size) != head.root:
                self.say("forked", f"{name} of size {head.size}")

    def _shown(self) -> Iterable[tuple[str, bytes]]:
        for number, line in enumerate(self.history):
            if line["what"] == "head":
                yield f"a head, line {number + 1}", line["text"].encode()

    def _receipt(self, line: Line) -> VerifiedReceipt | None:
        try:
            receipt = verify_receipt(base64.b64decode(line["text"]), self.public, self.cache)
        except Rejected:
            self.say("unproved", line["id"])
            return None
        index, digest = receipt.index, receipt.leaf.digest or ""
        if index >= len(self.log.leaves) or self.log.leaves[index] != receipt.leaf_bytes:
            self.say("forked", f"the receipt of {line['id']} at {index}")
        if digest != self.digests.setdefault(line["id"], digest):
            self.say("altered", line["id"])
        if self.sent.get(line["id"]) is None:
            self.say("foreign", f"a receipt of {line['id']}")
        return receipt

    def _messages(self) -> None:
        """A3, A6 and A9: one acceptance each, with one word of each recipient; none of what was refused."""
        words: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
        for leaf in self.parsed:
            if leaf["event"] in {HANDED_OVER, FAILED}:
                words[leaf["prev"], leaf["source"]][leaf["event"]] += 1
        for name, line in self.sent.items():
            at = self.accepted.get(self.digests.get(name, ""), [])
            if not at:
                self.say("lost", f"{name} is not in the log")
            elif len(at) > 1:
                self.say("twice", f"{name} at {at}")
            else:
                leaf = self.parsed[at[0]]
                if (leaf["source"], list(leaf["to"])) != (line["by"], list(line["to"])):
                    self.say("altered", f"{name} in its leaf")
                for partner in line["to"]:
                    said = words[at[0], partner]
                    if said.total() != 1 or said[FAILED]:
                        self.say("undecided", f"{name} at {partner}: {dict(said)}")
        for line in self.history:
            if line["what"] == "refused" and line["digest"] in self.accepted:
                self.say("refused_and_accepted", line["id"])

    def _deliveries(self) -> None:
        """A4: each to each recipient once, as it was sent, and to nobody else."""
        times: Counter[tuple[str, str]] = Counter()
        for line in self.history:
            if line["what"] != "delivered":
                continue
            name, to = line["id"], line["to"]
            times[name, to] += 1
            sent = self.sent.get(name)
            if sent is None or to not in sent["to"]:
                self.say("foreign", f"{name} came to {to}")
            elif line["content"] != sent["content"] or line["digest"] != self.digests.get(name):
                self.say("altered", f"{name} at {to}")
            elif [line["index"]] != self.accepted[line["digest"]]:
                self.say("forked", f"{name} came to {to} with another place")
        for name, line in self.sent.items():
            for to in line["to"]:
                if not times[name, to]:
                    self.say("lost", f"{name} never came to {to}")
        for (name, to), count in times.items():
            if count > 1:
                self.say("twice", f"{name} came {count} times to {to}")

    def _order(self) -> None:
        """A5: a case's messages of one sender are accepted as they were sent, and come to each recipient so."""
        last: dict[tuple[str, str, str], int] = {}
        for line in self.history:
            sent = self.sent.get(line.get("id", ""))
            if sent is None or line["what"] not in {"sent", "delivered"}:
                continue
            index = self._index(line["id"])
            key = (line["what"], line["by"] if line["what"] == "sent" else line["to"], sent["case"])
            if index < last.get(key, -1):
                self.say("out_of_order", f"{line['id']} {line['what']}")
            last[key] = max(index, last.get(key, -1))
            parent = sent.get("parent")
            if line["what"] == "sent" and parent is not None and not -1 < self._index(parent) < index:
                self.say("out_of_order", f"{line['id']} before what it answers")

    def _index(self, name: str) -> int:
        return next(iter(self.accepted.get(self.digests.get(name, ""), [])), -1)

    def _nothing_else(self) -> None:
        """A8: each leaf is of a message that somebody sent, or of the hub itself."""
        ours = {self.digests[name] for name in self.sent if name in self.digests}
        for index, leaf in enumerate(self.parsed):
            event = leaf["event"]
            if event == ACCEPTED:
                if leaf["digest"] not in ours:
                    self.say("foreign", f"an acceptance at {index}")
            elif event in OF_A_MESSAGE:
                about = self.parsed[leaf["prev"]] if 0 <= leaf.get("prev", -1) < index else {}
                partner = leaf["source"] if event in {HANDED_OVER, FAILED} else leaf["to"][0]
                if about.get("event") != ACCEPTED or partner not in about["to"] or leaf["digest"] != about["digest"]:
                    self.say("foreign", f"{event} at {index}")
            elif event not in OF_THE_HUB | OF_A_CASE:
                self.say("foreign", f"{event} at {index}")


def roots(leaves: Sequence[bytes], sizes: AbstractSet[int]) -> dict[int, bytes]:
    """The root (RFC 6962) of the first so many leaves, for each of these sizes that there is."""
    found = {0: hashlib.sha256(b"").digest()}
    peaks: list[bytes] = []
    for size, leaf in enumerate(leaves, 1):
        node, rest = hashlib.sha256(b"\0" + leaf).digest(), size
        while rest % 2 == 0:
            node, rest = hashlib.sha256(b"\1" + peaks.pop() + node).digest(), rest // 2
        peaks.append(node)
        if size in sizes:
            root = peaks[-1]
            for left in reversed(peaks[:-1]):
                root = hashlib.sha256(b"\1" + left + root).digest()
            found[size] = root
    return found


def read_log(url: str) -> Log:
    """The log at an address, as C2SP tlog-tiles lays it out."""
    head = _fetch(f"{url}/checkpoint")
    size = int(head.split(b"\n")[1])
    leaves: list[bytes] = []
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        thousands, rest = divmod(number, 1000)
        place = f"x{thousands:03}/{rest:03}" if thousands else f"{rest:03}"
        raw = _fetch(f"{url}/tile/entries/{place}{f'.p/{width}' if width < WIDTH else ''}")
        at = 0
        for _ in range(width):
            length = int.from_bytes(raw[at : at + 2], "big")
            leaves.append(raw[at + 2 : at + 2 + length])
            at += 2 + length
        if at != len(raw):
            raise SystemExit(f"the entries of tile {number} are not as long as they say")
    return Log(leaves, head)


def read_history(path: Path) -> list[Line]:
    """The lines of a history."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - the caller's own address
        raw: bytes = answer.read()
        return raw


def main() -> None:
    """Read, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("history", type=Path)
    parser.add_argument("--log", required=True, help="URL of the log")
    parser.add_argument("--log-key", type=Path, required=True, help="the log's verifier keys")
    options = parser.parse_args()
    public = LogPublic.from_vkeys(options.log_key.read_text(encoding="utf-8").splitlines())
    verdict = judge(read_history(options.history), read_log(options.log.rstrip("/")), public)
    json.dump(verdict.as_json(), sys.stdout)
    sys.stdout.write("\n")
    sys.exit(0 if verdict.good else 3)


if __name__ == "__main__":
    main()
