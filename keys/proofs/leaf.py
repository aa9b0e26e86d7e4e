"""A leaf: the exact bytes of one JSON object, hashed as stored, for ever (settled.md, Leaf).

Members `v, event, at, digest, sig, source, to, type, prev, code, statement, pos, dir, c`; absent ones are left out. No
member names a person or a case: what could is a commitment in `c`, HMAC-SHA-256 under a salt that can be destroyed.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas import strict_json
from schemas.envelope import format_instant, parse_instant
from schemas.errors import Rejected

LEAF_VERSION = 1
LEAF_BYTES_MAX = 65_535
SALT_BYTES = 32

EVENTS = frozenset(
    {
        "LogOpened",
        "SubmissionAcceptance",
        "SubmissionRejection",
        "ContentConsignment",
        "ContentConsignmentFailure",
        "ConsignmentRedriven",
        "BrokerRebuilt",
        "ContentHandover",
        "ContentHandoverFailure",
        "ContentAccessTracking",
        "DirectoryPublished",
        "AgreementPublished",
        "AgreementSuspended",
        "CaseViewed",
        "ClockWarned",
        "ClockExpired",
        "ClockCertified",
        "ClockConfirmed",
        "SignInLinked",
        "SignedIn",
        "SignedOut",
        "BackupMade",
        "LogRestored",
        "ClaimDismissed",
    }
)
_COMMITTED = frozenset({"case", "id", "actor", "value"})
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PARTNER = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.]{1,60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry. Digests and commitments are 64 lower-case hex digits; `prev` and `pos` are indices from 0."""

    event: str
    at: datetime
    digest: str | None = None
    sig: str | None = None
    source: str | None = None
    to: tuple[str, ...] = ()
    type: str | None = None
    prev: int | None = None
    code: str | None = None
    statement: str | None = None
    pos: int | None = None
    dir: int | None = None
    c: Mapping[str, str] = field(default_factory=dict)


def encode_leaf(leaf: Leaf) -> bytes:
    """The bytes that are hashed and stored. Raises ValueError past `LEAF_BYTES_MAX`: our own mistake."""
    members: dict[str, object] = {"v": LEAF_VERSION, "event": leaf.event, "at": format_instant(leaf.at)}
    for name in ("digest", "sig", "source"):
        if (value := getattr(leaf, name)) is not None:
            members[name] = value
    if leaf.to:
        members["to"] = list(leaf.to)
    for name in ("type", "prev", "code", "statement", "pos", "dir"):
        if (value := getattr(leaf, name)) is not None:
            members[name] = value
    if leaf.c:
        members["c"] = dict(leaf.c)
    encoded = json.dumps(members, separators=(",", ":")).encode()
    if len(encoded) > LEAF_BYTES_MAX:
        raise ValueError("a leaf is longer than allowed")
    return encoded


def parse_leaf(raw: bytes) -> Leaf:
    """Read a leaf; strict, so that no two readers take one leaf for two things.

    Raises:
        Rejected: PROOF_INVALID.
    """
    if len(raw) > LEAF_BYTES_MAX:
        raise Rejected("PROOF_INVALID")
    found = strict_json.loads(raw, code="PROOF_INVALID", depth_max=2)
    if not isinstance(found, dict) or found.pop("v", None) != LEAF_VERSION:
        raise Rejected("PROOF_INVALID")
    event, at = found.pop("event", None), found.pop("at", None)
    to, committed = found.pop("to", []), found.pop("c", {})
    try:
        time = parse_instant(at)
    except (TypeError, ValueError) as error:
        raise Rejected("PROOF_INVALID") from error
    proper = (
        event in EVENTS
        and isinstance(to, list)
        and all(isinstance(one, str) and _PARTNER.fullmatch(one) for one in to)
        and isinstance(committed, dict)
        and set(committed) <= _COMMITTED
        and all(isinstance(one, str) and _HEX.fullmatch(one) for one in committed.values())
        and all(_proper(name, value) for name, value in found.items())
    )
    if not proper:
        raise Rejected("PROOF_INVALID")
    return Leaf(event=event, at=time, to=tuple(to), c=committed, **found)


def commitment(salt: bytes, value: str) -> str:
    """HMAC-SHA-256 under the leaf's salt (32 bytes), hex: says nothing once the salt is destroyed."""
    return hmac.new(salt, value.encode(), hashlib.sha256).hexdigest()


def _proper(name: str, value: object) -> bool:
    if name in ("digest", "sig", "statement"):
        return isinstance(value, str) and _HEX.fullmatch(value) is not None
    if name in ("prev", "pos", "dir"):
        return type(value) is int and value >= 0
    if name == "source":
        return isinstance(value, str) and _PARTNER.fullmatch(value) is not None
    return name in ("type", "code") and isinstance(value, str) and _WORD.fullmatch(value) is not None
