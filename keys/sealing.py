"""Seal a message to its recipients, and open it: from plaintext to container and back.

The header, naming sender and recipients, is hashed into every wrap and every part's context and lies under both
signatures, so neither a recipient nor a stranger can pass the sealed text on under another name (formats.md B.2).
Attachments are streamed: of a detached one no more than `CHUNK_BYTES` is held at a time. Part 0 is padded with spaces
to a size class, so that lengths betray less. A part is detached when it is above 128 KiB sealed, or when the container
has no room for it.

Whether the sender's keys and the recipients' are valid is for the key directory; whether the payload may be said at all
is for `schemas`. What is opened is what the sender sealed; that it is true is nobody's guarantee.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    PARTS_MAX,
    Container,
    PartEntry,
    Stanza,
    encode_container,
    encode_manifest,
    parse_container,
)
from keys.suite import (
    CONTENT_KEY_BYTES,
    ED25519_SIGNATURE_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    KemPrivate,
    KemPublic,
    Signatures,
    SigningPair,
    labelled_digest,
)
from schemas.envelope import Header, encode_header
from schemas.errors import Rejected, Unavailable

CHUNK_BYTES = 256 * 1024
PAYLOAD_CLASSES = (512, 2048, 8192, 32 * 1024, 128 * 1024)
NO_SIGNATURES = Signatures(bytes(ED25519_SIGNATURE_BYTES), bytes(MLDSA65_SIGNATURE_BYTES))

_INDEX = Struct(">I")


@dataclass(frozen=True, slots=True)
class DetachedPart:
    """A sealed part to upload before the message: its ciphertext's SHA-256 (hex), length and file."""

    sha256: str
    length: int
    path: Path


@dataclass(frozen=True, slots=True)
class Sealed:
    """A container ready to post, its digest SHA-256(M), and the parts that travel beside it.

    `signed` is the digest of both signatures, as the leaf of its acceptance will name it.
    """

    container: bytes = field(repr=False)
    digest: bytes
    detached: tuple[DetachedPart, ...]
    signed: bytes


def padded_length(length: int) -> int:
    """The size class of a payload of `length` bytes; past the last class, whole multiples of it (docs/adr/0013)."""
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

    Detached parts lie durable in `spool`, each named by its digest, when this returns. After a crash in between, files
    lie there that nothing names: whoever owns the spool removes those at its next start.

    Args:
        header: names the recipients and these keys' ids, in the order of `recipients`, and the ids of `pair`.
        recipients: one key each.
        body: the payload's JSON, unpadded.
        attachments: files, in the order in which the payload lists them.
        pair: the sender's; its ids stand in the header.
        spool: a folder on durable disk, where detached ciphertexts are written.

    Raises:
        Rejected: CONTAINER_LIMIT when a part or the message is too large, RECIPIENTS_MISMATCH when the header names
            other keys than these, KEY_UNKNOWN when nothing can be sealed to one; nothing is left in `spool` then.
        Unavailable: STORE_UNAVAILABLE when the spool cannot be written or an attachment cannot be read.
    """
    if [key.key_id for key in recipients] != [recipient.kem_key_id for recipient in header.recipients]:
        raise Rejected("RECIPIENTS_MISMATCH", "/ixmto")
    if (pair.public.ed25519_id, pair.public.mldsa65_id) != (header.ed25519_id, header.mldsa65_id):
        raise Rejected("KEY_UNKNOWN", "/ixmfrom")
    if len(attachments) >= PARTS_MAX or len(body) > CONTAINER_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
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
    inline, detached = [first], list[DetachedPart]()
    manifest = encode_manifest(header_bytes, stanzas, [entries[0]] * (1 + len(attachments)))
    room = CONTAINER_BYTES_MAX - len(encode_container(manifest, NO_SIGNATURES, inline))
    left = MESSAGE_BYTES_MAX - len(first)
    try:
        for index, path in enumerate(attachments, start=1):
            part = _seal_file(path, content_key, _part_context(header_hash, index), spool, min(left, PART_BYTES_MAX))
            detached.append(part)
            left -= part.length
            apart = part.length > min(INLINE_BYTES_MAX, room)
            entries.append(PartEntry(apart, part.length, bytes.fromhex(part.sha256)))
            if not apart:
                room -= part.length
                inline.append(part.path.read_bytes())
                detached.pop().path.unlink()
        if detached:
            _sync_folder(spool)
        manifest = encode_manifest(header_bytes, stanzas, entries)
        signatures = signing.sign(pair, signing.CONTAINER_TYPE, manifest, signing.CONTAINER_CONTEXT)
        container = encode_container(manifest, signatures, inline)
        parse_container(container)  # what no recipient would read is not sent
    except BaseException as error:
        for part in detached:
            part.path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Unavailable("STORE_UNAVAILABLE") from error
        raise
    return Sealed(container, hashlib.sha256(manifest).digest(), tuple(detached), signatures.digest)


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


def _seal_file(path: Path, content_key: bytes, context: bytes, spool: Path, bytes_max: int) -> DetachedPart:
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as source, tempfile.NamedTemporaryFile(dir=spool, suffix=".part", delete=False) as sink:
        temporary = Path(sink.name)
        try:
            for sealed in _sealed_chunks(source, Cobblestone256Encryptor(content_key, context), bytes_max):
                digest.update(sealed)
                length += sink.write(sealed)
            sink.flush()
            os.fsync(sink.fileno())
            target = spool / digest.hexdigest()
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return DetachedPart(digest.hexdigest(), length, target)


def _sealed_chunks(source: BinaryIO, sealer: Cobblestone256Encryptor, bytes_max: int) -> Iterator[bytes]:
    length, more = 0, True
    while more:
        chunk = source.read(CHUNK_BYTES)
        more = bool(chunk)
        sealed = sealer.update(chunk) if more else sealer.finalize()
        length += len(sealed)
        if length > bytes_max:
            raise Rejected("CONTAINER_LIMIT")
        yield sealed


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
