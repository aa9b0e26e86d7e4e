"""A deadline certificate with what proves it: one file that a court checks offline.

The certificate (`schemas.agreements.certificate`) says which text, what started the clock, how it was counted. With
it stand receipts of the log: of the leaf that started the clock, and of the clock keeper's leaf whose `digest` is the
certificate's, by which the log's keys sign it.

Guarantees that `check` takes nothing on trust but the log's keys and the texts it is given: each receipt holds, the
leaves are those the certificate names, the result follows from what it holds, and a time that was said to have ended
had ended when that was said. It does not open headers: where what starts the clock is a day that a message names
(an acknowledgement, a hand-over, a claim), the leaf proves the message, and the day is its sender's word.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from keys.proofs.checkpoint import LogPublic
from keys.proofs.leaf import Leaf
from keys.proofs.receipt import VerifiedReceipt, verify_receipt
from schemas import strict_base64, strict_json
from schemas.agreements import certificate as certificates
from schemas.agreements.certificate import Certificate
from schemas.agreements.clocks import Due
from schemas.agreements.profile import Profile, for_tests
from schemas.errors import Rejected

VERSION = 1
INVALID = "PROOF_INVALID"
FILE_BYTES_MAX = 2 * 1024 * 1024
SAID = frozenset({"ClockWarned", "ClockExpired", "ClockCertified"})


@dataclass(frozen=True, slots=True)
class ProvedDeadline:
    """A file's parts, unverified: the certificate, the receipt of what began it, that of what was said of it."""

    certificate: bytes
    began: bytes
    said: bytes


@dataclass(frozen=True, slots=True)
class Started:
    """A count that holds, whoever says it: it follows from what it rests on, and its start stands in the log.

    Attributes:
        certificate: as decoded.
        due: counted again.
        began: the leaf that started the clock.
        began_proven: whether the instant is that leaf's own; else the word of the message it stands for.
    """

    certificate: Certificate
    due: Due
    began: VerifiedReceipt
    began_proven: bool

    def as_json(self) -> dict[str, object]:
        """What `liaison audit certificate` prints of it."""
        question = self.certificate.question
        return {
            "verified": True,
            "step": question.step,
            "due": self.due.due,
            "test": any(for_tests(one.id) for one in self.certificate.texts),
            "indicative": "PROFILE_UNVERIFIED" in self.due.warnings or not self.due.verified,
            "requested": self.due.requested,
            "began": {
                "event": self.certificate.receipt.event,
                "index": self.began.index,
                "at": question.at,
                "proven": self.began_proven,
            },
            "texts": [{"id": one.id, "version": one.version, "sha256": one.digest} for one in self.certificate.texts],
            "calendar": dict(self.certificate.sources),
            "steps": list(self.due.steps),
        }


@dataclass(frozen=True, slots=True)
class CheckedDeadline:
    """A deadline that holds, by the log's word; `said` is the leaf with which the log says so."""

    started: Started
    said: VerifiedReceipt

    @property
    def ended_at(self) -> datetime | None:
        """When the log said that the time had ended; None when it only warned."""
        return self.said.leaf.at if self.said.leaf.event == "ClockExpired" else None

    def as_json(self) -> dict[str, object]:
        """The object that `liaison audit certificate` prints."""
        said = {"event": self.said.leaf.event, "index": self.said.index, "at": self.said.leaf.at}
        return {**self.started.as_json(), "said": said}


def encode(proved: ProvedDeadline) -> bytes:
    """The file's bytes."""
    members: dict[str, object] = {"v": VERSION}
    for name in ("certificate", "began", "said"):
        members[name] = base64.b64encode(getattr(proved, name)).decode()
    return json.dumps(members, separators=(",", ":"), sort_keys=True).encode()


def decode(raw: bytes) -> ProvedDeadline:
    """A file's parts, read strictly. Raises Rejected(PROOF_INVALID)."""
    return ProvedDeadline(**read_parts(raw, VERSION, "certificate", "began", "said"))


def read_parts(raw: bytes, version: int, *names: str) -> dict[str, bytes]:
    """The parts of these names, and no others, of a file of this version. Raises Rejected(PROOF_INVALID)."""
    if len(raw) > FILE_BYTES_MAX:
        raise Rejected(INVALID)
    found = strict_json.loads(raw, code=INVALID, depth_max=1)
    if not isinstance(found, dict) or found.keys() != {"v", *names} or found["v"] != version:
        raise Rejected(INVALID)
    return {name: _base64(found[name]) for name in names}


def started(certificate: bytes, began: bytes, public: LogPublic, load: Callable[[str, int], Profile]) -> Started:
    """The certificate's result follows from what it holds, and what started the clock stands in the log.

    Raises:
        Rejected: as `check`.
    """
    found = certificates.decode(certificate)
    due = certificates.recheck(found, load)
    proof = verify_receipt(began, public)
    year, _, index = found.receipt.index.partition("/")
    if str(proof.index) != index or not proof.checkpoint.origin.endswith(f"/{year}"):
        raise Rejected(INVALID, "/receipt/index")
    leaf = proof.leaf
    named = leaf.type if leaf.event == "SubmissionAcceptance" else leaf.event
    if named != found.receipt.event or (leaf.statement or leaf.digest) != found.receipt.digest:
        raise Rejected(INVALID, "/receipt")
    return Started(found, due, proof, found.question.at == leaf.at)


def check(proved: ProvedDeadline, public: LogPublic, load: Callable[[str, int], Profile]) -> CheckedDeadline:
    """The deadline holds.

    Args:
        proved: as decoded.
        public: the log's keys, which the auditor trusts.
        load: a profile by id and version, as `certificate.recheck` takes it.

    Raises:
        Rejected: PROOF_INVALID or CHECKPOINT_INVALID; NO_AGREEMENT when `load` has no such text.
    """
    # 1. what it says follows from what it holds, and its start stands in the log
    found = started(proved.certificate, proved.began, public, load)
    # 2. the log said so, of this case and clock
    said = verify_receipt(proved.said, public)
    if said.leaf.event not in SAID or said.leaf.digest != hashlib.sha256(proved.certificate).hexdigest():
        raise Rejected(INVALID, "/said")
    if found.began.index >= said.index or not _of_one_case(found.began.leaf, said.leaf):
        raise Rejected(INVALID, "/said")
    if said.leaf.event == "ClockExpired" and (found.due.ends_at is None or said.leaf.at < found.due.ends_at):
        raise Rejected(INVALID, "/said")
    return CheckedDeadline(found, said)


def _of_one_case(began: Leaf, said: Leaf) -> bool:
    """The hand-over of the very message that opened the case, or a message between the same parties."""
    if began.event == "ContentHandover":
        return began.prev == said.prev and began.source in said.to
    return {began.source, *began.to} <= set(said.to)


def _base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Rejected(INVALID)
    return strict_base64.decode(value, code=INVALID)
