"""Seal a message to its recipients, and open it: from plaintext to container and back.

The header, naming sender and recipients, is hashed into every wrap and every part's context and lies under both
signatures, so neither a recipient nor a stranger can pass the sealed text on under another name (formats.md B.2).
Attachments are streamed: no more than `CHUNK_BYTES` of one is held at a time. Part 0 is padded with spaces to a size
class, so that lengths betray less.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import BinaryIO

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from keys import signing
from keys.container import (
    CONTAINER_BYTES_MAX,
    INLINE_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    PART_BYTES_MAX,
    Container,
    PartEntry,
    Stanza,
    encode_container,
    encode_manifest,
)
from keys.suite import CONTENT_KEY_BYTES, KemPrivate, KemPublic, SigningPair, labelled_digest
from schemas.envelope import Header, encode_header
from schemas.errors import Rejected

CHUNK_BYTES = 256 * 1024
PAYLOAD_CLASSES = (512, 2048, 8192, 32 * 1024, 128 * 1024)

_INDEX = Struct(">I")


@dataclass(frozen=True, slots=True)
class DetachedPart:
    """A sealed part to upload before the message: its ciphertext's SHA-256 (hex), length and file."""

    sha256: str
    length: int
    path: Path


@dataclass(frozen=True, slots=True)
class Sealed:
    """A container ready to post, its digest SHA-256(M), and the parts that travel beside it."""

    container: bytes
    digest: bytes
    detached: tuple[DetachedPart, ...]


def padded_length(length: int) -> int:
    """The size class of a payload of `length` bytes; past the last class, whole multiples of it."""
    for size in PAYLOAD_CLASSES:
        if length <= size:
            return size
    return -(-length // PAYLOAD_CLASSES[-1]) * PAYLOAD_CLASSES[-1]


def seal(
    header: Header,
    recipients: Sequence[KemPublic],
    body: bytes,
    attachments: Sequence[Path],
    pair: SigningPair,
    *,
    spool: Path,
) -> Sealed:
    """Seal and sign a message.

    Args:
        header: names the recipients and these keys' ids, in the order of `recipients`.
        recipients: one key each.
        body: the payload's JSON, unpadded.
        attachments: files, in the order in which the payload lists them.
        pair: the sender's; its ids stand in the header.
        spool: a folder on durable disk, where detached ciphertexts are written.

    Raises:
        Rejected: CONTAINER_LIMIT when a part or the message is too large.
    """
    header_bytes = encode_header(header)
    header_hash = labelled_digest("ixm/v1/header", header_bytes)
    content_key = os.urandom(CONTENT_KEY_BYTES)
    stanzas = [
        Stanza(bytes.fromhex(key.key_id), key.wrap(content_key, _wrap_info(header_hash, bytes.fromhex(key.key_id))))
        for key in recipients
    ]
    sealer = Cobblestone256Encryptor(content_key, _part_context(header_hash, 0))
    first = sealer.update(body.ljust(padded_length(len(body)), b" ")) + sealer.finalize()
    entries = [PartEntry(detached=False, length=len(first), sha256=hashlib.sha256(first).digest())]
    inline, detached = [first], []
    for index, path in enumerate(attachments, start=1):
        part = _seal_file(path, content_key, _part_context(header_hash, index), spool)
        apart = part.length > INLINE_BYTES_MAX
        entries.append(PartEntry(apart, part.length, bytes.fromhex(part.sha256)))
        if apart:
            detached.append(part)
        else:
            inline.append(part.path.read_bytes())
            part.path.unlink()
    if any(entry.length > PART_BYTES_MAX for entry in entries) or sum(e.length for e in entries) > MESSAGE_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    manifest = encode_manifest(header_bytes, stanzas, entries)
    signatures = signing.sign(pair, signing.CONTAINER_TYPE, manifest, signing.CONTAINER_CONTEXT)
    container = encode_container(manifest, signatures, inline)
    if len(container) > CONTAINER_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    return Sealed(container, hashlib.sha256(manifest).digest(), tuple(detached))


class Opened:
    """A message opened by one of its recipients. Holds the content key: drop it soon; `repr` never shows it."""

    def __init__(self, container: Container, content_key: bytes, body: bytes) -> None:
        self._container = container
        self._content_key = content_key
        self.body = body

    def part(self, index: int, source: BinaryIO, sink: BinaryIO) -> str:
        """Open part `index`, streaming; returns the plaintext's SHA-256 in hex.

        What stands in `sink` before this returns is authentic but perhaps cut short: publish it only afterwards.

        Raises:
            Rejected: PART_DIGEST when the ciphertext is not the one named, OPEN_FAILED when it does not open.
        """
        entry = self._container.parts[index]
        opener = Cobblestone256Decryptor(
            self._content_key, _part_context(labelled_digest("ixm/v1/header", self._container.header_bytes), index)
        )
        cipher, plain, length = hashlib.sha256(), hashlib.sha256(), 0
        try:
            while chunk := source.read(CHUNK_BYTES):
                length += len(chunk)
                if length > entry.length:
                    raise Rejected("PART_DIGEST")
                cipher.update(chunk)
                text = opener.update(chunk)
                plain.update(text)
                sink.write(text)
            if length != entry.length or cipher.digest() != entry.sha256:
                raise Rejected("PART_DIGEST")
            text = opener.finalize()
        except (InvalidTag, ValueError) as error:
            raise Rejected("OPEN_FAILED") from error
        plain.update(text)
        sink.write(text)
        return plain.hexdigest()

    def __repr__(self) -> str:
        return f"Opened({self._container.digest.hex()[:16]})"


def open_container(container: Container, kems: Mapping[str, KemPrivate], partner: str) -> Opened:
    """Open the body of a verified container.

    Args:
        container: parsed, and verified by `verify_container`: opening alone proves no sender.
        kems: the recipient's private keys by key id; an old one still opens what was sealed to it.
        partner: the recipient's partner id.

    Raises:
        Rejected: RECIPIENTS_MISMATCH when not addressed to `partner`, OPEN_FAILED when no key of ours opens it.
    """
    header_hash = labelled_digest("ixm/v1/header", container.header_bytes)
    for recipient, stanza in zip(container.header.recipients, container.stanzas, strict=True):  # noqa: B007 - used below
        if recipient.partner == partner:
            break
    else:
        raise Rejected("RECIPIENTS_MISMATCH")
    kem = kems.get(recipient.kem_key_id)
    if kem is None:
        raise Rejected("OPEN_FAILED")
    content_key = kem.unwrap(stanza.wrapped, _wrap_info(header_hash, stanza.key_id))
    opener = Cobblestone256Decryptor(content_key, _part_context(header_hash, 0))
    try:
        body = opener.update(container.inline(0)) + opener.finalize()
    except (InvalidTag, ValueError) as error:
        raise Rejected("OPEN_FAILED") from error
    return Opened(container, content_key, body.rstrip(b" "))


def _wrap_info(header_hash: bytes, key_id: bytes) -> bytes:
    return b"ixm/v1/cek\0" + header_hash + key_id


def _part_context(header_hash: bytes, index: int) -> bytes:
    return b"ixm/v1/part\0" + header_hash + _INDEX.pack(index)


def _seal_file(path: Path, content_key: bytes, context: bytes, spool: Path) -> DetachedPart:
    sealer = Cobblestone256Encryptor(content_key, context)
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as source, tempfile.NamedTemporaryFile(dir=spool, suffix=".part", delete=False) as sink:
        while chunk := source.read(CHUNK_BYTES):
            sealed = sealer.update(chunk)
            digest.update(sealed)
            length += sink.write(sealed)
        sealed = sealer.finalize()
        digest.update(sealed)
        length += sink.write(sealed)
        sink.flush()
        os.fsync(sink.fileno())
    target = spool / digest.hexdigest()
    Path(sink.name).rename(target)
    return DetachedPart(digest.hexdigest(), length, target)
