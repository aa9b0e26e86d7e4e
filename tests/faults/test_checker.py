"""The checker of the randomised run finds what it is for: each history or log that was doctored, by the rule it breaks.

Logs are signed anew with their own key: what is found is never a mere broken signature, unless that is the matter.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from bench.checker import Log, judge, roots
from keys.proofs import merkle
from keys.proofs.checkpoint import LogSigner
from keys.proofs.leaf import Leaf, encode_leaf
from keys.proofs.receipt import encode_receipt

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SIGNER = LogSigner("hub.test/audit/2026", b"1" * 32, b"2" * 32)
STRANGER = LogSigner("hub.test/audit/2026", b"3" * 32, b"4" * 32)

Doctor: TypeAlias = Callable[["Told"], None]


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def head(leaves: Sequence[bytes], size: int, signer: LogSigner = SIGNER) -> bytes:
    return signer.sign(size, roots(leaves, {size})[size], NOW)


@dataclass
class Told:
    """A case of a question, an answer and an answer to that, and one of an alert to two; all is well with them."""

    leaves: list[Leaf] = field(default_factory=lambda: [Leaf("LogOpened", NOW)])
    lines: list[dict[str, Any]] = field(default_factory=list)
    head: bytes = b""

    def __post_init__(self) -> None:
        self.message("question", "aut", ["mda"], case="question")
        self.message("answer", "mda", ["aut"], case="question", parent="question")
        self.message("thanks", "aut", ["mda"], case="question", parent="answer")
        self.message("alert", "geo", ["aut", "mda"], case="alert")
        for at in (1, len(self.leaves) - 1, len(self.leaves)):
            self.lines.append({"what": "head", "text": head(self.encoded, at).decode()})
        for index, leaf in enumerate(self.leaves):
            if leaf.event == "SubmissionAcceptance":
                self.receipt(self.name(index), index)
        self.lines.append({"what": "refused", "by": "geo", "id": "bad", "digest": digest_of("bad")})

    @property
    def encoded(self) -> list[bytes]:
        return [encode_leaf(leaf) for leaf in self.leaves]

    def name(self, index: int) -> str:
        return next(str(one["id"]) for one in self.lines if digest_of(one.get("id", "")) == self.leaves[index].digest)

    def message(self, name: str, by: str, to: list[str], *, case: str, parent: str | None = None) -> None:
        """Sent, accepted, and handed over to each with its word."""
        sent = {"what": "sent", "by": by, "id": name, "to": to, "case": case, "parent": parent}
        self.lines.append({**sent, "content": name})
        index = len(self.leaves)
        self.leaves.append(Leaf("SubmissionAcceptance", NOW, digest=digest_of(name), source=by, to=tuple(to)))
        for partner in to:
            came = {"what": "delivered", "to": partner, "id": name, "index": index, "content": name}
            self.lines.append({**came, "digest": digest_of(name)})
            said = Leaf("ContentHandover", NOW, digest=digest_of(name), source=partner, prev=index)
            self.leaves.append(said)

    def receipt(self, name: str, index: int, leaves: list[bytes] | None = None) -> None:
        """Of this leaf, under a head of the whole."""
        encoded = leaves or self.encoded
        hashes = [merkle.leaf_hash(leaf) for leaf in encoded]
        levels = {(0, at): hash_ for at, hash_ in enumerate(hashes)}

        def node(level: int, at: int) -> bytes:
            if level:
                return merkle.node_hash(node(level - 1, 2 * at), node(level - 1, 2 * at + 1))
            return levels[0, at]

        path = merkle.inclusion_path(index, len(encoded), node)
        text = encode_receipt(encoded[index], index, path, head(encoded, len(encoded)))
        self.lines.append({"what": "receipt", "by": "x", "id": name, "text": base64.b64encode(text).decode()})

    def line(self, what: str, name: str, to: str = "") -> dict[str, Any]:
        """The first line of a kind about a message, and where it says so, to this recipient."""
        found = [one for one in self.lines if (one["what"], one.get("id")) == (what, name)]
        return next(one for one in found if not to or one["to"] == to)

    def index(self, name: str) -> int:
        return next(at for at, leaf in enumerate(self.leaves) if leaf.digest == digest_of(name))

    def wrong(self) -> dict[str, int]:
        """How often each rule was broken."""
        encoded = self.encoded
        log = Log(encoded, self.head or head(encoded, len(encoded)))
        found = judge(self.lines, log, SIGNER.public).wrong
        return {rule: len(words) for rule, words in found.items() if words}


def test_nothing_is_wrong_where_nothing_is() -> None:
    assert Told().wrong() == {}


def not_in_the_log(told: Told) -> None:
    """Taken by an edge, which said so to its national system; the hub never had it."""
    told.message("forgotten", "aut", ["mda"], case="forgotten")
    told.lines.remove(told.line("delivered", "forgotten"))
    del told.leaves[-2:]


def not_delivered(told: Told) -> None:
    told.lines.remove(told.line("delivered", "alert", to="mda"))


def dropped_from_the_log(told: Told) -> None:
    del told.leaves[told.index("alert") :]


def delivered_twice(told: Told) -> None:
    told.lines.append(told.line("delivered", "alert", to="mda"))


def accepted_twice(told: Told) -> None:
    told.leaves.append(told.leaves[told.index("answer")])


def handed_over_in_another_order(told: Told) -> None:
    first, second = told.line("delivered", "question"), told.line("delivered", "thanks")
    at, other = told.lines.index(first), told.lines.index(second)
    told.lines[at], told.lines[other] = second, first


def accepted_in_another_order(told: Told) -> None:
    """What one sent second in a case became an earlier leaf, and everybody was told so."""
    first, second = told.line("sent", "question"), {**told.line("sent", "thanks"), "parent": None}
    told.lines.remove(told.line("sent", "thanks"))
    told.lines.insert(told.lines.index(first), second)


def accepted_before_its_question(told: Told) -> None:
    told.line("sent", "question")["parent"] = "thanks"


def other_content(told: Told) -> None:
    told.line("delivered", "question")["content"] = "another"


def other_recipients_in_the_leaf(told: Told) -> None:
    told.line("sent", "question")["to"] = ["geo"]


def a_receipt_of_another_message(told: Told) -> None:
    told.line("sent", "alert")["digest"] = digest_of("another")


def two_receipts_that_differ(told: Told) -> None:
    told.receipt("question", told.index("answer"))


def a_head_of_another_log(told: Told) -> None:
    """Of the same size, with the same keys, shown to somebody else."""
    other = [*told.encoded[:-1], told.encoded[0]]
    told.lines.append({"what": "head", "text": head(other, len(other)).decode()})


def a_receipt_in_another_log(told: Told) -> None:
    """Its leaf stands where it says, but beside others."""
    other = told.encoded
    other[-1] = other[0]
    told.receipt("question", told.index("question"), other)


def a_log_that_went_back(told: Told) -> None:
    told.head = head(told.encoded, 3)
    del told.leaves[3:]


def a_leaf_changed(told: Told) -> None:
    told.leaves[0] = replace(told.leaves[0], at=NOW.replace(year=2025))


def delivered_from_another_place(told: Told) -> None:
    told.line("delivered", "question")["index"] = 5


def a_leaf_that_nobody_sent(told: Told) -> None:
    told.leaves.append(Leaf("SubmissionAcceptance", NOW, digest=digest_of("of nobody"), source="aut", to=("mda",)))


def a_word_of_who_is_no_recipient(told: Told) -> None:
    index = told.index("question")
    told.leaves.append(Leaf("ContentHandover", NOW, digest=digest_of("question"), source="geo", prev=index))


def a_word_about_nothing(told: Told) -> None:
    told.leaves.append(Leaf("ContentConsignment", NOW, digest=digest_of("question"), to=("mda",), prev=0))


def an_event_that_nobody_did(told: Told) -> None:
    told.leaves.append(Leaf("AgreementSuspended", NOW))


def delivered_though_nobody_sent_it(told: Told) -> None:
    told.lines.append({**told.line("delivered", "question"), "id": "of nobody"})


def delivered_to_another(told: Told) -> None:
    told.lines.append({**told.line("delivered", "question"), "to": "geo"})


def a_receipt_that_nobody_asked_for(told: Told) -> None:
    told.lines.append({**told.line("receipt", "question"), "id": "of nobody"})


def no_word_of_it(told: Told) -> None:
    told.leaves.pop()


def a_word_twice(told: Told) -> None:
    told.leaves.append(told.leaves[-1])


def said_to_have_failed(told: Told) -> None:
    told.leaves[-1] = replace(told.leaves[-1], event="ContentHandoverFailure", code="OPEN_FAILED")


def refused_and_in_the_log(told: Told) -> None:
    told.line("refused", "bad")["digest"] = digest_of("alert")


def a_strangers_head(told: Told) -> None:
    told.head = head(told.encoded, len(told.leaves), STRANGER)


def a_strangers_head_shown(told: Told) -> None:
    told.lines.append({"what": "head", "text": head(told.encoded, 3, STRANGER).decode()})


def a_receipt_that_does_not_hold(told: Told) -> None:
    line = told.line("receipt", "question")
    raw = base64.b64decode(line["text"]).replace(b"index 1\n", b"index 2\n")
    line["text"] = base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("doctor", "rule"),
    [
        (not_in_the_log, "lost"),
        (not_delivered, "lost"),
        (dropped_from_the_log, "lost"),
        (dropped_from_the_log, "forked"),
        (delivered_twice, "twice"),
        (accepted_twice, "twice"),
        (handed_over_in_another_order, "out_of_order"),
        (accepted_in_another_order, "out_of_order"),
        (accepted_before_its_question, "out_of_order"),
        (other_content, "altered"),
        (other_recipients_in_the_leaf, "altered"),
        (a_receipt_of_another_message, "altered"),
        (two_receipts_that_differ, "altered"),
        (a_head_of_another_log, "forked"),
        (a_receipt_in_another_log, "forked"),
        (a_log_that_went_back, "forked"),
        (a_leaf_changed, "forked"),
        (delivered_from_another_place, "forked"),
        (a_leaf_that_nobody_sent, "foreign"),
        (a_word_of_who_is_no_recipient, "foreign"),
        (a_word_about_nothing, "foreign"),
        (an_event_that_nobody_did, "foreign"),
        (delivered_though_nobody_sent_it, "foreign"),
        (delivered_to_another, "foreign"),
        (a_receipt_that_nobody_asked_for, "foreign"),
        (no_word_of_it, "undecided"),
        (a_word_twice, "undecided"),
        (said_to_have_failed, "undecided"),
        (refused_and_in_the_log, "refused_and_accepted"),
        (a_strangers_head, "unproved"),
        (a_strangers_head_shown, "unproved"),
        (a_receipt_that_does_not_hold, "unproved"),
    ],
)
def test_what_was_doctored_is_found(doctor: Doctor, rule: str) -> None:
    told = Told()
    doctor(told)
    assert rule in told.wrong()


def test_roots_are_those_of_the_proofs() -> None:
    leaves = [str(at).encode() for at in range(70)]
    tree = merkle.CompactRange()
    expected = {0: merkle.EMPTY_ROOT}
    for leaf in leaves:
        tree.append(merkle.leaf_hash(leaf))
        expected[tree.size] = tree.root()
    assert roots(leaves, set(expected)) == expected
    assert roots(leaves, {71}) == {0: merkle.EMPTY_ROOT}
