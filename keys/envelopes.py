"""DSSE v1 JSON envelopes: a payload of a media type, with both signatures of an authority's pair.

The key ids beside the signatures are DSSE's hints and are not signed; `verify_envelope` demands that they are those of
the pair it is given. The media type is signed and must be the one asked for: no text of one kind passes as another.
"""

import json
import re
from dataclasses import dataclass, field

from keys import signing
from keys.suite import (
    ED25519_SIGNATURE_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    Signatures,
    SigningPair,
    SigningPublic,
)
from schemas import strict_base64, strict_json
from schemas.errors import Rejected

ENVELOPE_BYTES_MAX = 256 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as received, read but not yet verified."""

    raw: bytes = field(repr=False)
    media_type: str
    payload: bytes = field(repr=False)
    signatures: Signatures = field(repr=False)
    ed25519_id: str
    mldsa65_id: str


def sign_envelope(pair: SigningPair, media_type: str, payload: bytes) -> bytes:
    """The signed envelope's bytes."""
    signatures = signing.sign(pair, media_type, payload, signing.STATEMENT_CONTEXT)
    envelope = {
        "payload": strict_base64.encode(payload),
        "payloadType": media_type,
        "signatures": [
            {"keyid": pair.public.ed25519_id, "sig": strict_base64.encode(signatures.ed25519)},
            {"keyid": pair.public.mldsa65_id, "sig": strict_base64.encode(signatures.mldsa65)},
        ],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def read_envelope(raw: bytes, media_type: str) -> Envelope:
    """Read an envelope of this media type.

    Raises:
        Rejected: CONTAINER_LIMIT when too large, CONTAINER_MALFORMED for any other form.
    """
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    envelope = closed_object(
        strict_json.loads(raw, code="CONTAINER_MALFORMED", depth_max=3), "payload", "payloadType", "signatures"
    )
    slots = envelope["signatures"]
    if envelope["payloadType"] != media_type or not isinstance(slots, list) or len(slots) != 2:
        raise Rejected("CONTAINER_MALFORMED")
    ed25519, mldsa65 = (closed_object(slot, "keyid", "sig") for slot in slots)
    payload = _unb64(envelope["payload"])
    signatures = Signatures(_unb64(ed25519["sig"]), _unb64(mldsa65["sig"]))
    if (len(signatures.ed25519), len(signatures.mldsa65)) != (ED25519_SIGNATURE_BYTES, MLDSA65_SIGNATURE_BYTES):
        raise Rejected("CONTAINER_MALFORMED")
    return Envelope(
        raw=raw,
        media_type=media_type,
        payload=payload,
        signatures=signatures,
        ed25519_id=word(ed25519["keyid"], _DIGEST),
        mldsa65_id=word(mldsa65["keyid"], _DIGEST),
    )


def verify_envelope(envelope: Envelope, public: SigningPublic) -> None:
    """Both signatures are by `public`, and it is the pair named beside them, or Rejected(SIGNATURE_INVALID)."""
    if (envelope.ed25519_id, envelope.mldsa65_id) != (public.ed25519_id, public.mldsa65_id):
        raise Rejected("SIGNATURE_INVALID")
    signing.verify(public, envelope.signatures, envelope.media_type, envelope.payload, signing.STATEMENT_CONTEXT)


def closed_object(value: object, *names: str) -> dict[str, object]:
    """An object with exactly these members, or Rejected(CONTAINER_MALFORMED)."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise Rejected("CONTAINER_MALFORMED")
    return value


def word(value: object, pattern: re.Pattern[str]) -> str:
    """A text of this pattern, or Rejected(CONTAINER_MALFORMED)."""
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Rejected("CONTAINER_MALFORMED")
    return value


def _unb64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Rejected("CONTAINER_MALFORMED")
    return strict_base64.decode(value, code="CONTAINER_MALFORMED")
