"""The container: bytes to manifest, stanzas, parts and signatures, and back. Pure; no key is needed to read its form.

Layout in docs/container.md (formats.md B.3 as changed by settled.md). Everything is a length and then so many bytes;
nothing may be missing or follow. The header is kept as the bytes that were signed and never written again.

`parse_container` guarantees form, limits, that header and stanzas name the same keys in the same order, and the digest
of every inline part. It leaves to `verify_container` who signed, to the key directory whether those keys were valid,
and to the recipient's edge what a sealed part says. Every count and length is checked before anything is made of it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct

from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, verify
from keys.suite import (
    ED25519_SIGNATURE_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    SUITE,
    WRAPPED_KEY_BYTES,
    Signatures,
    SigningPublic,
)
from schemas.envelope import HEADER_BYTES_MAX, RECIPIENTS_MAX, Header, parse_header
from schemas.errors import Rejected

MAGIC = b"IXM1"
CONTAINER_BYTES_MAX = 900_000
MANIFEST_BYTES_MAX = 256 * 1024
PARTS_MAX = 256
PART_BYTES_MAX = 8 * 1024 * 1024
MESSAGE_BYTES_MAX = 25 * 1024 * 1024
INLINE_BYTES_MAX = 128 * 1024

_U16, _U32 = Struct(">H"), Struct(">I")
_STANZA_HEAD = Struct(">B32sH")
_PART = Struct(">BQ32s")
_INLINE, _DETACHED = 0, 1


@dataclass(frozen=True, slots=True)
class Stanza:
    """The content key, sealed to one recipient's key. `key_id` is 32 bytes."""

    key_id: bytes
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartEntry:
    """One part's ciphertext: where it lies, its length in bytes and its SHA-256."""

    detached: bool
    length: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Container:
    """A container's members, read but not yet verified: `verify_container` is the next step.

    Its `repr` shows the digest alone, for the header names sender, case and recipients.
    """

    raw: bytes
    manifest: bytes
    digest: bytes
    header_bytes: bytes
    header: Header
    stanzas: tuple[Stanza, ...]
    parts: tuple[PartEntry, ...]
    signatures: Signatures
    body_at: int

    def __repr__(self) -> str:
        return f"Container({self.digest.hex()[:16]})"

    def inline(self, index: int) -> memoryview:
        """The ciphertext of the inline part `index`. Raises ValueError for a detached one."""
        if self.parts[index].detached:
            raise ValueError("a detached part is not in the container")
        start = self.body_at + sum(part.length for part in self.parts[:index] if not part.detached)
        return memoryview(self.raw)[start : start + self.parts[index].length]


class _Reader:
    """Takes bytes off the front; what is not there is CONTAINER_MALFORMED."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise Rejected("CONTAINER_MALFORMED")
        found = self.data[self.at : end]
        self.at = end
        return found

    def u16(self) -> int:
        value: int = _U16.unpack(self.take(2))[0]
        return value

    def u32(self) -> int:
        value: int = _U32.unpack(self.take(4))[0]
        return value

    def end(self) -> None:
        if self.at != len(self.data):
            raise Rejected("CONTAINER_MALFORMED")


def parse_container(raw: bytes) -> Container:
    """Read a container; every inline part's digest is checked, no signature is.

    Raises:
        Rejected: CONTAINER_LIMIT, CONTAINER_MALFORMED, SUITE_UNSUPPORTED, HEADER_INVALID, RECIPIENTS_MISMATCH,
            PART_DIGEST.
    """
    if len(raw) > CONTAINER_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    outer = _Reader(raw)
    magic = outer.take(4)
    if magic != MAGIC:
        raise Rejected("SUITE_UNSUPPORTED" if magic.startswith(b"IXM") else "CONTAINER_MALFORMED")
    length = outer.u32()
    if length > MANIFEST_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    manifest = outer.take(length)
    signatures = Signatures(_slot(outer, ED25519_SIGNATURE_BYTES), _slot(outer, MLDSA65_SIGNATURE_BYTES))

    inner = _Reader(manifest)
    length = inner.u32()
    if length > HEADER_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    header_bytes = inner.take(length)
    stanzas = _stanzas(inner)
    parts = _parts(inner)
    inner.end()

    header = parse_header(header_bytes)
    if [stanza.key_id.hex() for stanza in stanzas] != [recipient.kem_key_id for recipient in header.recipients]:
        raise Rejected("RECIPIENTS_MISMATCH")
    body_at = at = outer.at
    if len(raw) - at != sum(part.length for part in parts if not part.detached):
        raise Rejected("CONTAINER_MALFORMED")
    view = memoryview(raw)
    for part in parts:
        if not part.detached:
            if hashlib.sha256(view[at : at + part.length]).digest() != part.sha256:
                raise Rejected("PART_DIGEST")
            at += part.length
    digest = hashlib.sha256(manifest).digest()
    return Container(raw, manifest, digest, header_bytes, header, stanzas, parts, signatures, body_at)


def verify_container(container: Container, public: SigningPublic) -> None:
    """Both signatures over the manifest are by `public`, or Rejected(SIGNATURE_INVALID)."""
    verify(public, container.signatures, CONTAINER_TYPE, container.manifest, CONTAINER_CONTEXT)


def encode_manifest(header_bytes: bytes, stanzas: Sequence[Stanza], parts: Sequence[PartEntry]) -> bytes:
    """The signed bytes M."""
    pieces = [_U32.pack(len(header_bytes)), header_bytes, _U16.pack(len(stanzas))]
    for stanza in stanzas:
        pieces += [_STANZA_HEAD.pack(SUITE, stanza.key_id, len(stanza.wrapped)), stanza.wrapped]
    pieces.append(_U16.pack(len(parts)))
    pieces += [_PART.pack(int(part.detached), part.length, part.sha256) for part in parts]
    return b"".join(pieces)


def encode_container(manifest: bytes, signatures: Signatures, inline: Sequence[bytes]) -> bytes:
    """The whole container; `inline` are the ciphertexts of the inline parts in manifest order."""
    return b"".join([MAGIC, _U32.pack(len(manifest)), manifest, signatures.block, *inline])


def _slot(reader: _Reader, length: int) -> bytes:
    if reader.u16() != length:
        raise Rejected("CONTAINER_MALFORMED")
    return reader.take(length)


def _stanzas(reader: _Reader) -> tuple[Stanza, ...]:
    count = reader.u16()
    if not 1 <= count <= RECIPIENTS_MAX:
        raise Rejected("CONTAINER_LIMIT" if count else "CONTAINER_MALFORMED")
    stanzas = []
    for _ in range(count):
        suite, key_id, length = _STANZA_HEAD.unpack(reader.take(_STANZA_HEAD.size))
        if suite != SUITE:
            raise Rejected("SUITE_UNSUPPORTED")
        if length != WRAPPED_KEY_BYTES:
            raise Rejected("CONTAINER_MALFORMED")
        stanzas.append(Stanza(key_id, reader.take(length)))
    return tuple(stanzas)


def _parts(reader: _Reader) -> tuple[PartEntry, ...]:
    count = reader.u16()
    if not 1 <= count <= PARTS_MAX:
        raise Rejected("CONTAINER_LIMIT" if count else "CONTAINER_MALFORMED")
    parts = []
    total = 0
    for index in range(count):
        place, length, sha256 = _PART.unpack(reader.take(_PART.size))
        if place not in (_INLINE, _DETACHED) or (index == 0 and place != _INLINE):
            raise Rejected("CONTAINER_MALFORMED")
        if place == _INLINE and index > 0 and length > INLINE_BYTES_MAX:
            raise Rejected("CONTAINER_MALFORMED")
        total += length
        if length > PART_BYTES_MAX or total > MESSAGE_BYTES_MAX:
            raise Rejected("CONTAINER_LIMIT")
        parts.append(PartEntry(place == _DETACHED, length, sha256))
    return tuple(parts)
