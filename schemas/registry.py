"""Kind -> model, rules, published schema, example: the one place that knows all kinds.

`check` gives every finding for a payload: form, rules between fields, safeguards. A payload is valid when none of them
is an error. Nothing here decides whether two partners may exchange the kind (agreements) or whether the step comes in
order (life cycles); `header_members` says what the blind hub is told so that it can.

Bytes: `load` reads a payload strictly, `dump` writes it compactly, document numbers and names in the form of domain.md
11.6. What was signed is the bytes; nobody re-encodes a payload that was received.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas import names, strict_json
from schemas.envelope import Header
from schemas.errors import Finding, Rejected
from schemas.kinds import (
    case_v1,
    civil_v1,
    correction_v1,
    directory_v1,
    doc_v1,
    error_v1,
    exit_v1,
    ident_v1,
    readm_v1,
    stat_v1,
    subject_v1,
    transfer_v1,
    transit_v1,
    visa_v1,
)
from schemas.kinds.kind import Kind, at
from schemas.parts.attachment import check_attachments, is_attachment
from schemas.parts.block import FINDINGS_MAX, structure
from schemas.parts.context import CheckContext
from schemas.parts.document import normalise_number
from schemas.parts.everywhere import check_texts
from schemas.parts.node import Findings, Node
from schemas.parts.safeguards import check_safeguards
from schemas.safeguards.rules import check_all

__all__ = [
    "KINDS", "AttachmentRef", "CheckContext", "HeaderMembers", "Kind", "attachments", "check", "dump", "example",
    "header_findings", "header_members", "json_schema", "kind", "load", "normalise", "valid",
]  # fmt: skip

_BESIDE_PURPOSES = frozenset({"DP", "ADMIN"})
"""Purposes of their own that messages beside a case may have: data protection, and the working of the service."""

PAYLOAD_BYTES_MAX = 128 * 1024
"""The largest class a payload is padded to (settled.md, Container)."""

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        entry.name: entry
        for family in (
            doc_v1,
            civil_v1,
            visa_v1,
            exit_v1,
            ident_v1,
            readm_v1,
            transfer_v1,
            transit_v1,
            case_v1,
            correction_v1,
            subject_v1,
            directory_v1,
            stat_v1,
            error_v1,
        )
        for entry in family.KINDS
    }
)


@dataclass(frozen=True, slots=True)
class HeaderMembers:
    """What the sender's edge puts into the signed header; `in_reply_to` is its own business."""

    kind: str
    dataschema: str
    purpose: str
    step: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AttachmentRef:
    """One Attachment block: where it stands, and the file it means. `sha256` of the plaintext, lower-case hex."""

    path: str
    sha256: str
    media_type: str
    size: int


def kind(name: str) -> Kind:
    """The kind of this name. Raises Rejected KIND_UNKNOWN."""
    try:
        return KINDS[name]
    except KeyError:
        raise Rejected("KIND_UNKNOWN", "/kind") from None


def check(payload: object, context: CheckContext) -> list[Finding]:
    """Everything that is to be said about a payload, by pointer.

    Args:
        payload: the decoded JSON object with its `kind`.
        context: now, the parties, the parent.
    """
    root = Node(payload)
    if not isinstance(payload, dict):
        return [root.finding("FIELD_TYPE")]
    name = root["kind"]
    if not name.present:
        return [name.finding("FIELD_MISSING")]
    if name.text is None:
        return [name.finding("FIELD_TYPE")]
    if name.text not in KINDS:
        return [name.finding("KIND_UNKNOWN")]
    entry = KINDS[name.text]
    found: dict[Finding, None] = {}
    for source in (
        structure(entry.validate, payload, reading=context.reading),
        check_texts(root, context),
        entry.rules(root, context),
        check_attachments(root, fingerprints=entry.fingerprints),
        check_safeguards(root["safeguards"], context),
        _relation(entry, root, context),
        check_all(root, context),
    ):
        for finding in source:
            found[finding] = None
            if len(found) >= FINDINGS_MAX:
                return sorted(found)
    return sorted(found)


def valid(findings: list[Finding]) -> bool:
    """Whether none of the findings is an error."""
    return all(finding.severity != "error" for finding in findings)


def load(raw: bytes) -> dict[str, Any]:
    """A payload's bytes, read; padding with spaces is allowed.

    Raises:
        Rejected: JSON_INVALID; FIELD_TYPE when it is no object; FIELD_LENGTH when no container takes as much.
    """
    if len(raw) > PAYLOAD_BYTES_MAX:
        raise Rejected("FIELD_LENGTH", "")
    value = strict_json.loads(raw)
    if not isinstance(value, dict):
        raise Rejected("FIELD_TYPE", "")
    return value


def dump(payload: Mapping[str, object]) -> bytes:
    """The payload's bytes: normalised, compact, UTF-8. Raises Rejected FIELD_LENGTH when no container takes them."""
    raw = json.dumps(normalise(payload), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(raw) > PAYLOAD_BYTES_MAX:
        raise Rejected("FIELD_LENGTH", "")
    return raw


def normalise(payload: Mapping[str, object]) -> dict[str, Any]:
    """A copy with texts in NFC, document numbers bare, and what was printed kept in `number_raw` (domain.md 11.6)."""
    copy: dict[str, Any] = _composed(dict(payload))
    _bare_numbers(copy)
    return copy


def header_members(payload: Mapping[str, object], *, parent: Mapping[str, object] | None = None) -> HeaderMembers:
    """What the header says of a valid payload.

    Args:
        payload: with its `kind`.
        parent: the payload answered, whose purpose a reply takes when it states none.

    Raises:
        Rejected: KIND_UNKNOWN; FIELD_MISSING when no purpose is known.
    """
    root = Node(dict(payload))
    entry = kind(root["kind"].text or "")
    purpose = root["purpose_code"].text
    if purpose is None and parent is not None:
        purpose = Node(dict(parent))["purpose_code"].text
    if purpose is None and not entry.replies_to and not entry.about_person:
        purpose = entry.purposes[0]
    if purpose is None:
        raise Rejected("FIELD_MISSING", "/purpose_code")
    facts = {fact: text for fact, member in entry.facts.items() if (text := at(root, member).text) is not None}
    return HeaderMembers(entry.name, entry.schema_id, purpose, entry.step(root), MappingProxyType(facts))


def header_findings(header: Header, payload: object) -> list[Finding]:
    """HEADER_MISMATCH wherever the signed header and the sealed payload disagree; UNSUPPORTED_VERSION.

    Raises nothing: a payload that cannot be read disagrees.
    """
    root = Node(payload)
    name = root["kind"]
    if name.text not in KINDS or name.text != header.kind:
        return [name.finding("HEADER_MISMATCH")]
    entry = KINDS[name.text]
    if header.dataschema != entry.schema_id:
        return [name.finding("UNSUPPORTED_VERSION")]
    found = []
    purpose = root["purpose_code"]
    if purpose.present and purpose.value != header.purpose:
        found.append(purpose.finding("HEADER_MISMATCH"))
    reference = root["in_reply_to"]
    answered = header.reference.id if header.reference is not None else None
    if (reference.present or entry.replies_to) and reference.text != answered and (reference.present or not answered):
        found.append(reference.finding("HEADER_MISMATCH"))
    if header.step is not None and header.step != entry.step(root):
        found.append(name.finding("HEADER_MISMATCH"))
    for fact in dict.fromkeys((*entry.facts, *header.facts)):
        node = at(root, entry.facts.get(fact, fact))
        if header.facts.get(fact) != (node.text if fact in entry.facts else None):
            found.append(node.finding("HEADER_MISMATCH"))
    return found


def attachments(payload: Mapping[str, object]) -> list[AttachmentRef]:
    """Every file a valid payload names, in document order; one file may be named more than once."""
    return [
        AttachmentRef(
            node.path,
            node["sha256"].text or "",
            node["media_type"].text or "",
            node["size"].number or 0,
        )
        for node in Node(payload).walk()
        if is_attachment(node)
    ]


def json_schema(name: str) -> dict[str, Any]:
    """The published schema of a kind, JSON Schema 2020-12. Raises Rejected KIND_UNKNOWN."""
    from schemas.publication import published  # noqa: PLC0415 - generating costs more than checking

    return published(kind(name))


def example(name: str) -> dict[str, Any]:
    """The golden example of a kind, a fresh copy. Raises Rejected KIND_UNKNOWN."""
    return deepcopy(_example(kind(name).file_name))


@cache
def _example(file_name: str) -> dict[str, Any]:
    return load((Path(__file__).parent / "examples" / file_name).read_bytes())


def _relation(entry: Kind, root: Node, context: CheckContext) -> Findings:
    """How the payload stands to its parent and to the purpose stated outside it."""
    if entry.replies_to:
        if context.parent is None and not root["in_reply_to"].present:
            yield root["in_reply_to"].finding("FIELD_MISSING")
        if context.parent is not None and Node(context.parent)["kind"].text not in entry.replies_to:
            yield root["in_reply_to"].finding("UNKNOWN_PARENT")
        elif _purposes_differ(entry, root, context):
            yield root["purpose_code"].finding("SG7")  # an answer serves the purpose of the question
    elif context.parent is not None:
        yield root["kind"].finding("UNKNOWN_PARENT")
    purpose = root["purpose_code"]
    if context.purpose is not None and purpose.present and purpose.value != context.purpose:
        yield purpose.finding("HEADER_MISMATCH")


def _purposes_differ(entry: Kind, root: Node, context: CheckContext) -> bool:
    asked, answered = Node(context.parent)["purpose_code"], root["purpose_code"]
    if entry.beside and answered.text in _BESIDE_PURPOSES:
        return False
    return asked.present and answered.present and asked.value != answered.value


def _composed(value: Any) -> Any:
    match value:
        case str():
            return value if value.isascii() else names.normalise(value)
        case dict():
            return {name: _composed(inner) for name, inner in value.items()}
        case list():
            return [_composed(inner) for inner in value]
    return value


def _bare_numbers(value: Any) -> None:
    if isinstance(value, list):
        for inner in value:
            _bare_numbers(inner)
    elif isinstance(value, dict):
        for name in ("number", "sticker_number", "visa_number", "document_number", "from", "to"):
            written = value.get(name)
            if isinstance(written, str) and not (name in {"from", "to"} and _is_period(value)):
                bare = normalise_number(written)
                if bare != written and name == "number":
                    value.setdefault("number_raw", written)
                value[name] = bare
        for inner in list(value.values()):
            _bare_numbers(inner)


def _is_period(value: Mapping[str, object]) -> bool:
    """A period's `from` and `to` are dates, whose hyphens stay."""
    return any(isinstance(value.get(name), str) and str(value[name])[4:5] == "-" for name in ("from", "to"))
