"""Deliveries and submissions for the kit: invented, with marks by which they would be found where they may not be."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.contract import Delivery, ReceivedFile

CANARY = "ZYXOMMA-4711"
ACCEPTED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECIPIENT = "test-mda"


def written(payload: Mapping[str, Any], to: Sequence[str] = (RECIPIENT,), **members: object) -> bytes:
    """A submission as folder and REST take it."""
    return json.dumps({"to": list(to), "payload": payload, **members}, ensure_ascii=False).encode()


def a_payload(**members: object) -> dict[str, Any]:
    """Decoded JSON with a `kind` and the canary."""
    return {"kind": "ident.request", "case_ref": CANARY, **members}


def a_delivery(
    folder: Path,
    number: int = 1,
    *,
    payload: Mapping[str, Any] | None = None,
    files: Sequence[bytes] = (),
    accepted_at: datetime = ACCEPTED_AT,
) -> Delivery:
    """A delivery whose files lie in `folder`.

    Args:
        folder: made if it is not there.
        number: another one, another digest.
        payload: default `a_payload()`.
        files: contents, each a JPEG by name.
        accepted_at: by the hub's clock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    received = []
    for content in files:
        sha256 = hashlib.sha256(content).hexdigest()
        path = folder / sha256
        path.write_bytes(content)
        received.append(ReceivedFile(sha256, "image/jpeg", len(content), path))
    return Delivery(
        digest=hashlib.sha256(b"delivery %d" % number).hexdigest(),
        id=f"018f0000-0000-7000-8000-{number:012d}",
        source="test-aut",
        kind="ident.request",
        case_handle=f"{number:032x}",
        agreement="TEST-AUT-MDA",
        purpose="RETURN_ID",
        accepted_at=accepted_at,
        index=number,
        payload=json.dumps(payload if payload is not None else a_payload(), ensure_ascii=False).encode(),
        receipt=b"c2sp.org/tlog-proof@v1\n",
        files=received,
    )


def unreadable_json(bytes_max: int) -> dict[str, bytes]:
    """What no channel that takes JSON may pass on: name -> data. `bytes_max` is the channel's limit."""
    return {
        "empty": b"",
        "not-json": b"kind: ident.request " + CANARY.encode(),
        "latin-1": '{"kind": "ident.request", "case_ref": "Chișinău Köln"}'.encode("utf-16"),
        "half": written(a_payload())[:-9],
        "member-twice": b'{"kind": "ident.request", "kind": "ident.reply"}',
        "not-a-number": b'{"kind": "ident.request", "count": NaN}',
        "lone-surrogate": b'{"kind": "ident.request", "case_ref": "\\ud800"}',
        "too-deep": b'{"kind": "ident.request", "deep": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        "list": b"[]",
        "no-kind": b'{"payload": {}}',
        "unknown-member": b'{"payload": {"kind": "ident.request"}, "priority": "' + CANARY.encode() + b'"}',
        "recipient": b'{"payload": {"kind": "ident.request"}, "to": ["../' + CANARY.encode() + b'"]}',
        "oversize": written(a_payload(filler="x" * bytes_max)),
    }
