"""Statements: what an edge says about messages it took, signed, never sealed.

One DSSE v1 JSON envelope with both signatures of the authority's pair over PAE(type, payload). The payload is closed:
id, source, time, event and 1 to 512 entries of {digest, index of the acceptance, code on a negative event}. There is no
free text, so nothing about a person can get in (settled.md, Statement). A statement's digest is SHA-256 of its payload.

Whether the pair is valid, and whether `source` may say this, is for intake.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keys import signing
from keys.envelopes import (
    ENVELOPE_BYTES_MAX,
    Envelope,
    closed_object,
    read_envelope,
    sign_envelope,
    verify_envelope,
    word,
)
from keys.suite import Signatures, SigningPair, SigningPublic
from schemas import strict_json
from schemas.envelope import format_instant, parse_instant
from schemas.errors import CODES, Rejected

ENTRIES_MAX = 512
STATEMENT_BYTES_MAX = ENVELOPE_BYTES_MAX
INDEX_LIMIT = 2**53  # what every JSON reader still counts exactly
POSITIVE_EVENTS = frozenset({"ContentHandover", "ContentAccessTracking"})
NEGATIVE_EVENTS = frozenset({"ContentHandoverFailure"})
EVENTS = POSITIVE_EVENTS | NEGATIVE_EVENTS

_PARTNER = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message the statement is about: SHA-256(M) in hex, its acceptance's index, a code if it failed."""

    digest: str
    index: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said: by `source` at `time`, that `event` happened to each entry's message."""

    id: str
    source: str
    time: datetime
    event: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement as received, read but not yet verified."""

    raw: bytes = field(repr=False)
    statement: Statement
    envelope: Envelope

    @property
    def payload(self) -> bytes:
        """What is signed."""
        return self.envelope.payload

    @property
    def signatures(self) -> Signatures:
        """Both of them."""
        return self.envelope.signatures

    @property
    def ed25519_id(self) -> str:
        """As named beside them."""
        return self.envelope.ed25519_id

    @property
    def mldsa65_id(self) -> str:
        """As named beside them."""
        return self.envelope.mldsa65_id

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload: what the leaves name."""
        return hashlib.sha256(self.payload).digest()


def sign_statement(pair: SigningPair, statement: Statement) -> bytes:
    """The signed envelope, ready to post. Raises as `parse_statement` does: what nobody would read is not signed."""
    members = {
        "id": statement.id,
        "source": statement.source,
        "time": format_instant(statement.time),
        "event": statement.event,
        "list": [
            {"digest": entry.digest, "index": entry.index} | ({"code": entry.code} if entry.code else {})
            for entry in statement.entries
        ],
    }
    payload = json.dumps(members, separators=(",", ":")).encode()
    _statement(payload)
    return sign_envelope(pair, signing.STATEMENT_TYPE, payload)


def parse_statement(raw: bytes) -> SignedStatement:
    """Read an envelope and its payload.

    Raises:
        Rejected: CONTAINER_LIMIT when too large, CONTAINER_MALFORMED for any other form than the one above.
    """
    found = read_envelope(raw, signing.STATEMENT_TYPE)
    return SignedStatement(raw=raw, statement=_statement(found.payload), envelope=found)


def verify_statement(signed: SignedStatement, public: SigningPublic) -> None:
    """Both signatures are by `public`, and it is the pair named beside them, or Rejected(SIGNATURE_INVALID)."""
    verify_envelope(signed.envelope, public)


def _statement(payload: bytes) -> Statement:
    found = strict_json.loads(payload, code="CONTAINER_MALFORMED", depth_max=3)
    members = closed_object(found, "id", "source", "time", "event", "list")
    event, listed, time = members["event"], members["list"], members["time"]
    if not (isinstance(event, str) and isinstance(time, str) and isinstance(listed, list)) or event not in EVENTS:
        raise Rejected("CONTAINER_MALFORMED")
    if not 1 <= len(listed) <= ENTRIES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    try:
        at = parse_instant(time)
    except ValueError as error:
        raise Rejected("CONTAINER_MALFORMED") from error
    if format_instant(at) != time:
        raise Rejected("CONTAINER_MALFORMED")
    entries = tuple(_entry(one, negative=event in NEGATIVE_EVENTS) for one in listed)
    if len({entry.digest for entry in entries}) != len(entries):
        raise Rejected("CONTAINER_MALFORMED")
    return Statement(word(members["id"], _UUID7), word(members["source"], _PARTNER), at, event, entries)


def _entry(found: object, *, negative: bool) -> Entry:
    members = closed_object(found, "digest", "index", *(("code",) if negative else ()))
    index, code = members["index"], members.get("code")
    if type(index) is not int or not 0 <= index < INDEX_LIMIT:
        raise Rejected("CONTAINER_MALFORMED")
    if negative and (not isinstance(code, str) or code not in CODES):
        raise Rejected("CONTAINER_MALFORMED")
    return Entry(word(members["digest"], _DIGEST), index, str(code) if negative else None)


def runs(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Entries cut into runs that one statement can hold."""
    return [tuple(entries[first : first + ENTRIES_MAX]) for first in range(0, len(entries), ENTRIES_MAX)]
