"""A deadline certificate that an authority made and signed itself, with what proves it: one file, checked offline.

The certificate is counted and written as the hub's are (`schemas.agreements.certificate`), from the authority's own
case file. With it stand the receipt of the leaf that started the clock, the recipient's own signed statement where
that was a hand-over, and a DSSE envelope in which the authority's pair signs the certificate's SHA-256, its own id
and the time.

Guarantees that `check` takes nothing on trust but the log's keys, a version of the key directory and the texts: nothing
in the file is the hub's word but the start's place and time in the log. What it does not prove is that the time was
not ended otherwise, by an answer for one: it says until when there was time.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from keys.directory.directory import Directory
from keys.envelopes import Envelope, closed_object, read_envelope, sign_envelope, verify_envelope, word
from keys.proofs.checkpoint import LogPublic
from keys.proofs.deadline import INVALID, Started, read_parts, started
from keys.statements import parse_statement, verify_statement
from keys.suite import SigningPair
from schemas import strict_json
from schemas.agreements.profile import Profile
from schemas.envelope import format_instant, parse_instant
from schemas.errors import Rejected

VERSION = 2
MEDIA_TYPE = "application/vnd.liaison.deadline.v1+json"

_PARTNER = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_TIME = re.compile(r"[0-9TZ:-]{20}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OwnDeadline:
    """A file's parts, unverified: the certificate, the receipt of what began it, the hand-over's statement, our own.

    `word` is empty where no hand-over began it.
    """

    certificate: bytes
    began: bytes
    word: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a certificate, when, and with which pair."""

    partner: str
    at: datetime
    ed25519_id: str
    mldsa65_id: str


@dataclass(frozen=True, slots=True)
class CheckedOwnDeadline:
    """A deadline that holds, as its signer counted it."""

    started: Started
    signer: Signer
    word: str | None = field(default=None)
    """Whose signed hand-over started it; None where a message did."""

    def as_json(self) -> dict[str, object]:
        """The object that `liaison audit certificate` prints."""
        signer, ends_at = self.signer, self.started.due.ends_at
        return {
            **self.started.as_json(),
            "said": None,
            "signed": {
                "partner": signer.partner,
                "at": signer.at,
                "ed25519": signer.ed25519_id,
                "mldsa65": signer.mldsa65_id,
                "ended": ends_at is not None and signer.at >= ends_at,
            },
            "handed_over_by": self.word,
        }


def sign(certificate: bytes, *, began: bytes, word_: bytes, partner: str, pair: SigningPair, now: datetime) -> bytes:
    """The file's bytes.

    Args:
        certificate: as `certificate.encode` writes it.
        began: the receipt of the leaf that started the clock.
        word_: the signed statement that the leaf names; empty where it names none.
        partner: who signs.
        pair: its pair.
        now: aware.
    """
    payload = json.dumps(
        {
            "certificate": hashlib.sha256(certificate).hexdigest(),
            "source": partner,
            "time": format_instant(now.replace(microsecond=0)),
        },
        separators=(",", ":"),
    ).encode()
    parts = {
        "certificate": certificate,
        "began": began,
        "word": word_,
        "signed": sign_envelope(pair, MEDIA_TYPE, payload),
    }
    members = {name: base64.b64encode(part).decode() for name, part in parts.items()}
    return json.dumps({"v": VERSION, **members}, separators=(",", ":"), sort_keys=True).encode()


def decode(raw: bytes) -> OwnDeadline:
    """A file's parts, read strictly. Raises Rejected(PROOF_INVALID)."""
    return OwnDeadline(**read_parts(raw, VERSION, "certificate", "began", "word", "signed"))


def is_own(raw: bytes) -> bool:
    """Whether this is such a file, and not the hub's; it may still not hold."""
    try:
        decode(raw)
    except Rejected:
        return False
    return True


def signed_at(own: OwnDeadline) -> datetime:
    """When it was signed, as it says; for which a directory is asked for. Raises Rejected(PROOF_INVALID)."""
    return _read(own)[1].at


def check(
    own: OwnDeadline, public: LogPublic, directory: Directory, load: Callable[[str, int], Profile]
) -> CheckedOwnDeadline:
    """The deadline holds.

    Args:
        own: as decoded.
        public: the log's keys, which the auditor trusts.
        directory: a version of the key directory that has the keys of that time.
        load: a profile by id and version, as `certificate.recheck` takes it.

    Raises:
        Rejected: PROOF_INVALID or CHECKPOINT_INVALID; KEY_UNKNOWN, KEY_INACTIVE or SIGNATURE_INVALID for a signature
            that is not by who it says; NO_AGREEMENT when `load` has no such text.
    """
    # 1. what it says follows from what it holds, and its start stands in the log
    found = started(own.certificate, own.began, public, load)
    leaf = found.began.leaf
    # 2. a party of that message signed it, after it began
    envelope, signer = _read(own)
    if signer.partner not in {leaf.source, *leaf.to} or signer.at < found.certificate.question.at:
        raise Rejected(INVALID, "/signed")
    verify_envelope(envelope, directory.signing_public(signer.partner, signer.ed25519_id, signer.mldsa65_id, signer.at))
    # 3. a hand-over is its recipient's own word
    if leaf.statement is None:
        if own.word:
            raise Rejected(INVALID, "/word")
        return CheckedOwnDeadline(found, signer)
    _check_word(own.word, found, directory)
    return CheckedOwnDeadline(found, signer, leaf.source)


def _check_word(raw: bytes, found: Started, directory: Directory) -> None:
    leaf = found.began.leaf
    try:
        signed = parse_statement(raw)
    except Rejected as refusal:
        raise Rejected(INVALID, "/word") from refusal
    statement = signed.statement
    entry = statement.entries[leaf.pos or 0] if (leaf.pos or 0) < len(statement.entries) else None
    if entry is None or signed.digest.hex() != leaf.statement:
        raise Rejected(INVALID, "/word")
    if (statement.source, statement.event, entry.digest, entry.index) != (
        leaf.source,
        leaf.event,
        leaf.digest,
        leaf.prev,
    ):
        raise Rejected(INVALID, "/word")
    public = directory.signing_public(statement.source, signed.ed25519_id, signed.mldsa65_id, leaf.at)
    verify_statement(signed, public)


def _read(own: OwnDeadline) -> tuple[Envelope, Signer]:
    try:
        envelope = read_envelope(own.signed, MEDIA_TYPE)
        found = closed_object(
            strict_json.loads(envelope.payload, code=INVALID, depth_max=1), "certificate", "source", "time"
        )
        digest, source = word(found["certificate"], _DIGEST), word(found["source"], _PARTNER)
        at = parse_instant(word(found["time"], _TIME))
    except (Rejected, ValueError) as error:
        raise Rejected(INVALID, "/signed") from error
    if digest != hashlib.sha256(own.certificate).hexdigest():
        raise Rejected(INVALID, "/signed")
    return envelope, Signer(source, at, envelope.ed25519_id, envelope.mldsa65_id)
