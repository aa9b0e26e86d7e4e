"""Signed HTTP requests: who is calling, proved by RFC 9421 with the caller's Ed25519 request key.

One profile: signature parameters `created`, `keyid`, `nonce`, `alg`, `tag="liaison"`; components `@method`,
`@target-uri` and, when there is a body, `content-digest` with one SHA-256 (RFC 9530). `verify_request` accepts exactly
that, in its canonical spelling: more components or fewer, another order, parameters on them, a second signature are
refused, so that every accepted signature means the same and has one form.

Guarantees that method, whole address and body are the caller's, that the signature was made within five minutes of now,
and that one nonce is taken once. What the caller may do is for whoever asks. Nonces are kept in memory: a restart
forgets them, which is why every signed request of ours is one whose repetition changes nothing (settled.md, Intake).
"""

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from keys.suite import RequestKey
from schemas import strict_base64
from schemas.errors import Rejected, Unavailable

TAG = "liaison"
FRESH = timedelta(minutes=5)
NONCE_KEPT = timedelta(minutes=10)
NONCES_PER_KEY_MAX = 50_000
SIGNATURE_HEADERS = ("signature-input", "signature", "content-digest")
SIGNATURE_HEADER_BYTES_MAX = 2048
URL_BYTES_MAX = 4096

Headers: TypeAlias = Mapping[str, str]
KeyOf: TypeAlias = Callable[[str], bytes]

_WITHOUT_BODY = ("@method", "@target-uri")
_WITH_BODY = ("@method", "@target-uri", "content-digest")
_PARAMETERS = frozenset({"created", "keyid", "alg", "nonce", "tag"})
_KEY_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


class NonceStore(Protocol):
    """Remembers nonces for at least `NONCE_KEPT` after they were seen."""

    def spend(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Whether the nonce was new; from now on it is not. Raises Unavailable(BUSY) when it cannot remember more."""


class MemoryNonces:
    """Nonces in memory, bounded for each key: one caller's flood does not stop another's calls."""

    def __init__(self, per_key_max: int = NONCES_PER_KEY_MAX) -> None:
        self._per_key_max = per_key_max
        self._seen: dict[str, OrderedDict[str, datetime]] = {}

    def spend(self, key_id: str, nonce: str, now: datetime) -> bool:
        """As `NonceStore.spend`. `now` should not go back; a clock set back makes old nonces last longer."""
        seen = self._seen.setdefault(key_id, OrderedDict())
        while seen and next(iter(seen.values())) < now - NONCE_KEPT:
            seen.popitem(last=False)
        if nonce in seen:
            return False
        if len(seen) >= self._per_key_max:
            raise Unavailable("RATE_LIMITED", retry_after_seconds=60)
        seen[nonce] = now
        return True


def sign_request(
    key: RequestKey,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    digest: str | None = None,
    now: datetime,
) -> dict[str, str]:
    """The headers to add to a request.

    Args:
        key: the caller's.
        method: upper case.
        url: the whole address as the other side knows itself, with its query, percent-encoded.
        body: the bytes sent; empty or None when there is no body, or when `digest` is given.
        digest: hex SHA-256 of a body that is streamed.
        now: aware; becomes `created`.
    """
    message = _Message(method, url, {})
    if body:
        message.headers["Content-Digest"] = _content_digest(hashlib.sha256(body).digest())
    elif digest is not None:
        message.headers["Content-Digest"] = _content_digest(bytes.fromhex(digest))
    HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_Resolver(private=key)).sign(
        message,
        key_id=key.key_id,
        created=now,
        nonce=secrets.token_urlsafe(18),
        label=TAG,
        tag=TAG,
        covered_component_ids=_WITH_BODY if message.headers else _WITHOUT_BODY,
        use_existing_digest=bool(message.headers),
    )
    return message.headers


def verify_request(
    method: str,
    url: str,
    headers: Headers,
    *,
    key_of: KeyOf,
    body_sha256: bytes | None,
    now: datetime,
    nonces: NonceStore,
) -> str:
    """Who signed the request: the key id, of which `key_of` gave the public key.

    Args:
        method: as received.
        url: the whole address: our own public origin, then path and query as received.
        headers: as received; names in any case.
        key_of: the raw public key (32 bytes) of a key id, or Rejected.
        body_sha256: of the body received; None when it is empty or there is none.
        now: aware.
        nonces: where this one is spent, after everything else held.

    Raises:
        Rejected: REQUEST_UNSIGNED; or what `key_of` raises.
        Unavailable: RATE_LIMITED, from `nonces`.
    """
    received = {name.lower(): value for name, value in headers.items() if name.lower() in SIGNATURE_HEADERS}
    if len(url) > URL_BYTES_MAX or any(len(value) > SIGNATURE_HEADER_BYTES_MAX for value in received.values()):
        raise Rejected("REQUEST_UNSIGNED")
    if body_sha256 is None:
        received.pop("content-digest", None)
    elif received.get("content-digest") != _content_digest(body_sha256):
        raise Rejected("REQUEST_UNSIGNED")
    verifier = _Verifier(_Resolver(key_of=key_of), now)
    try:
        found = verifier.verify(_Message(method, url, received), max_age=FRESH, expect_tag=TAG)
    except HTTPMessageSignaturesException as error:
        raise _refusal(error) from error
    covered = tuple(f'"{name}"' for name in (_WITHOUT_BODY if body_sha256 is None else _WITH_BODY))
    if len(found) != 1 or tuple(found[0].covered_components)[:-1] != covered:  # the last is @signature-params
        raise Rejected("REQUEST_UNSIGNED")
    parameters = found[0].parameters
    if set(parameters) != _PARAMETERS or parameters["tag"] != TAG:
        raise Rejected("REQUEST_UNSIGNED")
    inputs = found[0].covered_components['"@signature-params"']
    if received["signature-input"] != f"{found[0].label}={inputs}":
        raise Rejected("REQUEST_UNSIGNED")
    _check_spelling(received["signature"], found[0].label)
    key_id, nonce = str(parameters["keyid"]), str(parameters["nonce"])
    if _NONCE.fullmatch(nonce) is None or not nonces.spend(key_id, nonce, now):
        raise Rejected("REQUEST_UNSIGNED")
    return key_id


@dataclass(slots=True)
class _Message:
    """What the library wants of a request."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class _Resolver(HTTPSignatureKeyResolver):
    def __init__(self, *, key_of: KeyOf | None = None, private: RequestKey | None = None) -> None:
        self._key_of = key_of
        self._private = private

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        if self._key_of is None or _KEY_ID.fullmatch(key_id) is None:
            return None
        return Ed25519PublicKey.from_public_bytes(self._key_of(key_id))

    def resolve_private_key(self, key_id: str) -> Any:
        if self._private is None or key_id != self._private.key_id:
            raise KeyError("no such key")
        return self._private.private


class _Verifier(HTTPMessageVerifier):
    """The library's verifier, told the time instead of asking the machine's clock."""

    def __init__(self, resolver: _Resolver, now: datetime) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=resolver)
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        created = sig_input.params.get("created")
        if type(created) is not int or max_age is None:
            raise HTTPMessageSignaturesException
        try:
            at = datetime.fromtimestamp(created, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise HTTPMessageSignaturesException from error
        if not self._now - max_age <= at <= self._now + max_age:
            raise HTTPMessageSignaturesException


def _refusal(error: BaseException) -> Rejected:
    """What `key_of` raised inside the library, if that is the cause; else REQUEST_UNSIGNED."""
    cause = error.__cause__
    return cause if isinstance(cause, Rejected) else Rejected("REQUEST_UNSIGNED")


def _check_spelling(signature: str, label: str) -> None:
    """The field holds one signature, spelt in the one way: lenient base64 has several for the same bytes."""
    head, tail = f"{label}=:", ":"
    if not (signature.startswith(head) and signature.endswith(tail)):
        raise Rejected("REQUEST_UNSIGNED")
    strict_base64.decode(signature[len(head) : -len(tail)], code="REQUEST_UNSIGNED")


def _content_digest(sha256: bytes) -> str:
    return f"sha-256=:{strict_base64.encode(sha256)}:"
