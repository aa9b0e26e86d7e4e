"""Statements: what an edge says about messages it took, signed, never sealed.

One DSSE v1 JSON envelope with both signatures of the authority's pair over PAE(type, payload). The payload is closed:
id, source, time, event and 1 to 512 entries of {digest, index of the acceptance, code on a negative event}. There is no
free text, so nothing about a person can get in (settled.md, Statement). A statement's digest is SHA-256 of its payload.

The key ids beside the signatures are DSSE's hints and are not signed; `verify_statement` demands that they are those of
the pair it is given. Whether the pair is valid, and whether `source` may say this, is for intake.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keys import signing
from keys.suite import (
    ED25519_SIGNATURE_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    Signatures,
    SigningPair,
    SigningPublic,
)
from schemas import strict_base64, strict_json
from schemas.envelope import format_instant, parse_instant
from schemas.errors import CODES, Rejected

ENTRIES_MAX = 512
STATEMENT_BYTES_MAX = 256 * 1024
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
    payload: bytes = field(repr=False)
    signatures: Signatures = field(repr=False)
    ed25519_id: str
    mldsa65_id: str

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
    signatures = signing.sign(pair, signing.STATEMENT_TYPE, payload, signing.STATEMENT_CONTEXT)
    envelope = {
        "payload": strict_base64.encode(payload),
        "payloadType": signing.STATEMENT_TYPE,
        "signatures": [
            {"keyid": pair.public.ed25519_id, "sig": strict_base64.encode(signatures.ed25519)},
            {"keyid": pair.public.mldsa65_id, "sig": strict_base64.encode(signatures.mldsa65)},
        ],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def parse_statement(raw: bytes) -> SignedStatement:
    """Read an envelope and its payload.

    Raises:
        Rejected: CONTAINER_LIMIT when too large, CONTAINER_MALFORMED for any other form than the one above.
    """
    if len(raw) > STATEMENT_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    envelope = _members(
        strict_json.loads(raw, code="CONTAINER_MALFORMED", depth_max=3), "payload", "payloadType", "signatures"
    )
    slots = envelope["signatures"]
    if envelope["payloadType"] != signing.STATEMENT_TYPE or not isinstance(slots, list) or len(slots) != 2:
        raise Rejected("CONTAINER_MALFORMED")
    ed25519, mldsa65 = (_members(slot, "keyid", "sig") for slot in slots)
    payload = _unb64(envelope["payload"])
    signatures = Signatures(_unb64(ed25519["sig"]), _unb64(mldsa65["sig"]))
    if (len(signatures.ed25519), len(signatures.mldsa65)) != (ED25519_SIGNATURE_BYTES, MLDSA65_SIGNATURE_BYTES):
        raise Rejected("CONTAINER_MALFORMED")
    return SignedStatement(
        raw=raw,
        statement=_statement(payload),
        payload=payload,
        signatures=signatures,
        ed25519_id=_text(ed25519["keyid"], _DIGEST),
        mldsa65_id=_text(mldsa65["keyid"], _DIGEST),
    )


def verify_statement(signed: SignedStatement, public: SigningPublic) -> None:
    """Both signatures are by `public`, and it is the pair named beside them, or Rejected(SIGNATURE_INVALID)."""
    if (signed.ed25519_id, signed.mldsa65_id) != (public.ed25519_id, public.mldsa65_id):
        raise Rejected("SIGNATURE_INVALID")
    signing.verify(public, signed.signatures, signing.STATEMENT_TYPE, signed.payload, signing.STATEMENT_CONTEXT)


def _statement(payload: bytes) -> Statement:
    found = strict_json.loads(payload, code="CONTAINER_MALFORMED", depth_max=3)
    members = _members(found, "id", "source", "time", "event", "list")
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
    return Statement(_text(members["id"], _UUID7), _text(members["source"], _PARTNER), at, event, entries)


def _entry(found: object, *, negative: bool) -> Entry:
    members = _members(found, "digest", "index", *(("code",) if negative else ()))
    index, code = members["index"], members.get("code")
    if type(index) is not int or not 0 <= index < INDEX_LIMIT:
        raise Rejected("CONTAINER_MALFORMED")
    if negative and (not isinstance(code, str) or code not in CODES):
        raise Rejected("CONTAINER_MALFORMED")
    return Entry(_text(members["digest"], _DIGEST), index, str(code) if negative else None)


def _members(value: object, *names: str) -> dict[str, object]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise Rejected("CONTAINER_MALFORMED")
    return value


def _text(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Rejected("CONTAINER_MALFORMED")
    return value


def _unb64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Rejected("CONTAINER_MALFORMED")
    return strict_base64.decode(value, code="CONTAINER_MALFORMED")


def runs(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Entries cut into runs that one statement can hold."""
    return [tuple(entries[first : first + ENTRIES_MAX]) for first in range(0, len(entries), ENTRIES_MAX)]
