"""The signed header: the little that the blind hub is told about a message.

A header is one JSON object whose members are all strings (settled.md, Header). It is kept, hashed and signed as the
bytes the sender wrote and is never serialised again; `parse_header` only reads it. Attribute names follow CloudEvents
1.0, so that a gateway can map one to one; the hub's own begin with `ixm`.

What the header says must agree with the payload; the recipient's edge checks that (HEADER_MISMATCH), for the hub
cannot.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from schemas import strict_json
from schemas.errors import Rejected

HEADER_BYTES_MAX = 16 * 1024
RECIPIENTS_MAX = 64
LIFETIME_MAX = timedelta(days=30)
PAYLOAD_TYPE = "application/json"

FACTS = ("urgency", "procedure", "variant", "event_on", "known_on", "valid_until")
"""Names that `ixmfacts` may give: what the hub's clocks need to know and cannot read in the sealed payload."""

_MANDATORY = (
    "specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype", "ixmto", "ixmfrom",
    "ixmexp", "ixmdir", "ixmlog", "ixmagr", "ixmbasis", "ixmpurpose", "ixmrole",
)  # fmt: skip
_OPTIONAL = ("ixmref", "ixmstep", "ixmfacts", "ixmtest")
_MEMBERS = frozenset(_MANDATORY + _OPTIONAL)

_PARTNER = r"[a-z0-9-]{1,40}"
_UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_DIGEST = r"[0-9a-f]{64}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_INSTANT = re.compile(_TIME, re.ASCII)
_FACT_VALUE = r"[A-Za-z0-9_.:+-]{1,40}"

_PATTERNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.ASCII)
    for name, pattern in {
        "specversion": r"1\.0",
        "id": _UUID7,
        "source": _PARTNER,
        "type": r"[a-z]+(\.[a-z_]+){1,3}",
        "subject": r"[0-9a-f]{32}",
        "time": _TIME,
        "dataschema": r"[!-~]{1,200}",
        "datacontenttype": re.escape(PAYLOAD_TYPE),
        "ixmto": rf"{_PARTNER}/{_DIGEST}(,{_PARTNER}/{_DIGEST}){{0,{RECIPIENTS_MAX - 1}}}",
        "ixmfrom": rf"{_DIGEST},{_DIGEST}",
        "ixmexp": _TIME,
        "ixmref": rf"{_PARTNER}/{_UUID7}/{_DIGEST}",
        "ixmdir": r"(0|[1-9][0-9]{0,9})",
        "ixmlog": rf"[!-~]{{1,200}}:(0|[1-9][0-9]{{0,17}}):{_DIGEST}",
        "ixmagr": r"[A-Z0-9][A-Z0-9-]{1,62}",
        "ixmbasis": r"[ -~]{1,120}",
        "ixmpurpose": r"[A-Z_]{2,20}",
        "ixmrole": r"[A-Z]{2,6}",
        "ixmstep": r"[a-z_]{1,40}",
        "ixmfacts": rf"[a-z_]+={_FACT_VALUE}(,[a-z_]+={_FACT_VALUE}){{0,7}}",
        "ixmtest": r"1",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient and the key the content key was sealed to. `kem_key_id` is 64 lower-case hex digits."""

    partner: str
    kem_key_id: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The message answered: who sent it, its id, and SHA-256(M) as 64 lower-case hex digits."""

    source: str
    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class LogHead:
    """The last checkpoint the sender verified, carried as gossip against a split view. `root` is 64 hex digits."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header's members, read. Times are aware UTC, whole seconds; ids and digests lower-case hex."""

    id: str
    source: str
    kind: str
    case_handle: str
    time: datetime
    dataschema: str
    recipients: tuple[Recipient, ...]
    ed25519_id: str
    mldsa65_id: str
    expires: datetime
    directory_version: int
    log: LogHead
    agreement: str
    basis: str
    purpose: str
    role: str
    reference: Reference | None = None
    step: str | None = None
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    test: bool = False

    @property
    def recipient_ids(self) -> tuple[str, ...]:
        """The partners it is for, in stanza order."""
        return tuple(recipient.partner for recipient in self.recipients)


def parse_header(raw: bytes) -> Header:
    """Read a header.

    Args:
        raw: the header's bytes as they stand in the manifest.

    Raises:
        Rejected: HEADER_INVALID with the member at fault, or CONTAINER_LIMIT.
    """
    if len(raw) > HEADER_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    members = strict_json.loads(raw, code="HEADER_INVALID", depth_max=1)
    if not isinstance(members, dict):
        raise Rejected("HEADER_INVALID")
    for name in _MANDATORY:
        if name not in members:
            raise Rejected("HEADER_INVALID", f"/{name}")
    text: dict[str, str] = {}
    for name, value in members.items():
        if name not in _MEMBERS:
            raise Rejected("HEADER_INVALID")  # an unknown name is the sender's text: it is not repeated
        if not isinstance(value, str) or _PATTERNS[name].fullmatch(value) is None:
            raise Rejected("HEADER_INVALID", f"/{name}")
        text[name] = value
    recipients = tuple(Recipient(*entry.split("/")) for entry in text["ixmto"].split(","))
    if len({recipient.partner for recipient in recipients}) != len(recipients):
        raise Rejected("RECIPIENTS_MISMATCH", "/ixmto")
    time, expires = _instant(text, "time"), _instant(text, "ixmexp")
    if not time < expires <= time + LIFETIME_MAX:
        raise Rejected("HEADER_INVALID", "/ixmexp")
    ed25519_id, mldsa65_id = text["ixmfrom"].split(",")
    origin, size, root = text["ixmlog"].rsplit(":", 2)
    return Header(
        id=text["id"],
        source=text["source"],
        kind=text["type"],
        case_handle=text["subject"],
        time=time,
        dataschema=text["dataschema"],
        recipients=recipients,
        ed25519_id=ed25519_id,
        mldsa65_id=mldsa65_id,
        expires=expires,
        directory_version=int(text["ixmdir"]),
        log=LogHead(origin, int(size), root),
        agreement=text["ixmagr"],
        basis=text["ixmbasis"],
        purpose=text["ixmpurpose"],
        role=text["ixmrole"],
        reference=Reference(*text["ixmref"].split("/")) if "ixmref" in text else None,
        step=text.get("ixmstep"),
        facts=_facts(text.get("ixmfacts")),
        test="ixmtest" in text,
    )


def encode_header(header: Header) -> bytes:
    """The bytes a sender signs: one line of JSON, members in a fixed order. `parse_header` reads them back."""
    members = {
        "specversion": "1.0",
        "id": header.id,
        "source": header.source,
        "type": header.kind,
        "subject": header.case_handle,
        "time": format_instant(header.time),
        "dataschema": header.dataschema,
        "datacontenttype": PAYLOAD_TYPE,
        "ixmto": ",".join(f"{r.partner}/{r.kem_key_id}" for r in header.recipients),
        "ixmfrom": f"{header.ed25519_id},{header.mldsa65_id}",
        "ixmexp": format_instant(header.expires),
        "ixmdir": str(header.directory_version),
        "ixmlog": f"{header.log.origin}:{header.log.size}:{header.log.root}",
        "ixmagr": header.agreement,
        "ixmbasis": header.basis,
        "ixmpurpose": header.purpose,
        "ixmrole": header.role,
    }
    if header.reference is not None:
        members["ixmref"] = f"{header.reference.source}/{header.reference.id}/{header.reference.digest}"
    if header.step is not None:
        members["ixmstep"] = header.step
    if header.facts:
        members["ixmfacts"] = ",".join(f"{name}={value}" for name, value in header.facts.items())
    if header.test:
        members["ixmtest"] = "1"
    return json.dumps(members, separators=(",", ":")).encode()


def format_instant(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, `Z`. Raises ValueError for a naive time: a zone is never guessed."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """The instant written as `format_instant` writes it. Raises ValueError for any other form."""
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("an instant is written in one form alone")
    return datetime.fromisoformat(text)  # strptime takes thirty times as long, twice a message


def _instant(text: Mapping[str, str], name: str) -> datetime:
    try:
        return parse_instant(text[name])
    except ValueError as error:
        raise Rejected("HEADER_INVALID", f"/{name}") from error


def _facts(text: str | None) -> Mapping[str, str]:
    if text is None:
        return MappingProxyType({})
    pairs = [entry.partition("=") for entry in text.split(",")]
    facts = {name: value for name, _, value in pairs}
    if len(facts) != len(pairs) or any(name not in FACTS for name in facts):
        raise Rejected("HEADER_INVALID", "/ixmfacts")
    return MappingProxyType(facts)
