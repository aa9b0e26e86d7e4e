"""Makes containers.json: containers to try a reader with, most of them to be refused.

    python tests/vectors/make_containers.py

Written once; the bytes are committed, for sealing and ML-DSA signing are random and another run makes other bytes that
mean the same. Keys come from fixed texts and belong to nobody. Where the form allows it a wrong container is properly
signed, so that a reader cannot refuse it for its signature alone.

Each vector: `name`, `expect` ("accepted" or the code of docs/container.md), `partner` whose key opens it, `why`;
`container` in base64, or `from` another vector with `splice` = [position, bytes to remove, hex to insert] done to it;
`detached` part ciphertexts by digest; for accepted ones `body` and the SHA-256 of each attachment in `parts`.
"""

import base64
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from struct import pack
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from cryptography.cobblestone import Cobblestone256Encryptor  # noqa: E402 - found through the line above

from keys.container import PART_BYTES_MAX  # noqa: E402
from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, sign  # noqa: E402
from keys.suite import KemPrivate, Signatures, SigningPair, labelled_digest  # noqa: E402
from schemas.envelope import Header, LogHead, Recipient, encode_header  # noqa: E402


def seed(name: str) -> bytes:
    return hashlib.sha256(b"liaison container vectors: " + name.encode()).digest()


PAIR = SigningPair.from_seeds(seed("sender ed25519"), seed("sender mldsa65"))
THIEF = SigningPair.from_seeds(seed("thief ed25519"), seed("thief mldsa65"))
KEMS = {name: KemPrivate.from_seed(seed(name)) for name in ("test-mda", "test-geo")}
BODY = b'{"kind":"ident.request","note":"Arthur of Utopia"}'


def header(*to: str, pair: SigningPair = PAIR, **changes: Any) -> Header:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    made = Header(
        id="0192f0a0-0000-7000-8000-000000000001",
        source="test-uto",
        kind="ident.request",
        case_handle="00112233445566778899aabbccddeeff",
        time=at,
        dataschema="https://schemas.liaison.example/ident.request/1",
        recipients=tuple(Recipient(name, KEMS[name].public.key_id) for name in to or ("test-mda",)),
        ed25519_id=pair.public.ed25519_id,
        mldsa65_id=pair.public.mldsa65_id,
        expires=at + timedelta(days=30),
        directory_version=7,
        log=LogHead("hub.liaison.example/audit/2026", 0, hashlib.sha256(b"").hexdigest()),
        agreement="TEST-UTO",
        basis="Art. 7",
        purpose="IDENT",
        role="RET",
        test=True,
    )
    return replace(made, **changes)


class Message:
    """A container under construction: every piece can be wrong."""

    def __init__(self, head: Header | bytes, to: Sequence[str] = ("test-mda",), plain: Sequence[bytes] = ()) -> None:
        self.head = head if isinstance(head, bytes) else encode_header(head)
        self.hash = labelled_digest("ixm/v1/header", self.head)
        self.content_key = os.urandom(32)
        self.stanzas = [self.stanza(name) for name in to]
        self.parts = [self.seal(index, text) for index, text in enumerate(plain or [BODY.ljust(512)])]
        self.detached: set[int] = set()
        self.tail = b""
        self.counts: dict[str, int] = {}

    def stanza(self, name: str, suite: int = 1, key_id: bytes | None = None) -> bytes:
        public = KEMS[name].public
        named = bytes.fromhex(public.key_id)
        wrapped = public.wrap(self.content_key, b"ixm/v1/cek\0" + self.hash + named)
        return pack(">B32sH", suite, key_id or named, len(wrapped)) + wrapped

    def seal(self, index: int, text: bytes, context_index: int | None = None) -> bytes:
        number = index if context_index is None else context_index
        sealer = Cobblestone256Encryptor(self.content_key, b"ixm/v1/part\0" + self.hash + pack(">I", number))
        return sealer.update(text) + sealer.finalize()

    def entry(self, index: int) -> bytes:
        part = self.parts[index]
        return pack(">BQ", index in self.detached, len(part)) + hashlib.sha256(part).digest()

    def manifest(self, entries: Sequence[bytes] | None = None) -> bytes:
        listed = [self.entry(index) for index in range(len(self.parts))] if entries is None else entries
        stanzas, parts = self.counts.get("stanzas", len(self.stanzas)), self.counts.get("parts", len(listed))
        pieces = [pack(">I", len(self.head)), self.head, pack(">H", stanzas), *self.stanzas, pack(">H", parts), *listed]
        return b"".join([*pieces, self.tail])

    def container(self, manifest: bytes | None = None, signatures: Signatures | None = None) -> bytes:
        text = self.manifest() if manifest is None else manifest
        made = signatures or sign(PAIR, CONTAINER_TYPE, text, CONTAINER_CONTEXT)
        inline = [part for index, part in enumerate(self.parts) if index not in self.detached]
        return b"".join([b"IXM1", pack(">I", len(text)), text, made.block, *inline])


VECTORS: list[dict[str, Any]] = []


def vector(name: str, expect: str, why: str, container: bytes, *, partner: str = "test-mda", **more: Any) -> None:
    VECTORS.append(
        {"name": name, "expect": expect, "why": why, "partner": partner}
        | more
        | {"container": base64.b64encode(container).decode()}
    )


def splice(name: str, expect: str, why: str, cut: tuple[int, int, bytes], *, partner: str = "test-mda") -> None:
    at, remove, insert = cut
    done = {"from": "plain", "splice": [at, remove, insert.hex()]}
    VECTORS.append({"name": name, "expect": expect, "why": why, "partner": partner} | done)


def accepted() -> bytes:
    plain = Message(header()).container()
    shown: dict[str, Any] = {"body": BODY.decode(), "parts": []}
    vector("plain", "accepted", "one recipient, one part", plain, **shown)
    two = Message(header("test-mda", "test-geo"), ("test-mda", "test-geo")).container()
    vector("second recipient", "accepted", "each recipient has a stanza", two, partner="test-geo", **shown)
    texts = [BODY.ljust(512), b"a note", b"", b"z" * 16_500]
    message = Message(header(), plain=texts)
    message.detached = {3}
    digests = [hashlib.sha256(text).hexdigest() for text in texts[1:]]
    beside = {hashlib.sha256(message.parts[3]).hexdigest(): base64.b64encode(message.parts[3]).decode()}
    more: dict[str, Any] = {"body": BODY.decode(), "parts": digests, "detached": beside}
    vector("attachments", "accepted", "inline, empty, and detached in two chunks", message.container(), **more)
    return plain


def spliced(plain: bytes) -> None:
    length = int.from_bytes(plain[4:8], "big")
    slots = 8 + length
    for name, expect, why, at, remove, insert in (
        ("next suite", "SUITE_UNSUPPORTED", "another magic is another suite", 3, 1, b"2"),
        ("other magic", "CONTAINER_MALFORMED", "not a container", 0, 1, b"J"),
        (
            "manifest too long",
            "CONTAINER_LIMIT",
            "a length above the limit, without the bytes",
            4,
            4,
            pack(">I", 262_145),
        ),
        ("empty manifest", "CONTAINER_MALFORMED", "everything shifts", 4, 4, pack(">I", 0)),
        ("one byte more", "CONTAINER_MALFORMED", "nothing may follow", len(plain), 0, b"\0"),
        ("one byte less", "CONTAINER_MALFORMED", "the body is cut", len(plain) - 1, 1, b""),
        ("no body", "CONTAINER_MALFORMED", "everything after the signatures is gone", slots + 3377, 1 << 20, b""),
        ("slot of 63", "CONTAINER_MALFORMED", "a signature of another length", slots, 3, pack(">H", 63)),
        ("no second slot", "CONTAINER_MALFORMED", "ML-DSA left out", slots + 66, 3311, b""),
        ("ed25519 of zeros", "SIGNATURE_INVALID", "one signature is not enough", slots + 2, 64, bytes(64)),
        ("mldsa65 of zeros", "SIGNATURE_INVALID", "one signature is not enough", slots + 68, 3309, bytes(3309)),
        ("body changed", "PART_DIGEST", "one bit of the ciphertext", len(plain) - 1, 1, bytes([plain[-1] ^ 1])),
        ("header changed", "SIGNATURE_INVALID", "another case handle", plain.index(b"00112233"), 1, b"1"),
    ):
        splice(name, expect, why, (at, remove, insert))
    splice("not addressed", "RECIPIENTS_MISMATCH", "the reader is not in ixmto", (0, 0, b""), partner="test-geo")


def signed() -> None:
    """Wrong, and properly signed by the sender all the same."""
    text = encode_header(header())
    for name, why, head in (
        ("member twice", "two readings of one header", text.replace(b'"source"', b'"source":"test-geo","source"')),
        ("unknown member", "the list of members is closed", text.replace(b'"ixmtest":"1"', b'"ixmother":"1"')),
        ("member a number", "all members are texts", text.replace(b'"ixmdir":"7"', b'"ixmdir":7')),
        ("header not an object", "a list", b"[]"),
        ("header not utf-8", "a lone byte", text.replace(b"Art. 7", b"Art. \xff")),
    ):
        vector(name, "HEADER_INVALID", why, Message(head).container())

    both = header("test-mda", "test-geo")
    swapped = Message(both, ("test-geo", "test-mda"))
    vector("stanzas swapped", "RECIPIENTS_MISMATCH", "stanzas stand in ixmto's order", swapped.container())
    vector("stanza missing", "RECIPIENTS_MISMATCH", "one stanza for each recipient", Message(both).container())
    other = Message(header())
    other.stanzas = [other.stanza("test-mda", key_id=bytes(32))]
    vector("stanza of another key", "RECIPIENTS_MISMATCH", "key ids are equal", other.container())
    twice = Message(header("test-mda", "test-mda"), ("test-mda", "test-mda"))
    vector("partner twice", "RECIPIENTS_MISMATCH", "each partner once", twice.container())
    suite = Message(header())
    suite.stanzas = [suite.stanza("test-mda", suite=2)]
    vector("stanza of suite 2", "SUITE_UNSUPPORTED", "version 1 takes suite 1 alone", suite.container())

    for name, expect, counts in (
        ("no stanza", "CONTAINER_MALFORMED", {"stanzas": 0}),
        ("65 stanzas", "CONTAINER_LIMIT", {"stanzas": 65}),
        ("no part", "CONTAINER_MALFORMED", {"parts": 0}),
        ("257 parts", "CONTAINER_LIMIT", {"parts": 257}),
    ):
        counted = Message(header())
        counted.counts = counts
        vector(name, expect, "a count outside its bounds", counted.container())
    tail = Message(header())
    tail.tail = b"\0"
    vector("manifest with a tail", "CONTAINER_MALFORMED", "nothing after the last part", tail.container())

    beside = Message(header())
    beside.detached = {0}
    vector("body detached", "CONTAINER_MALFORMED", "part 0 is inline", beside.container())
    place = Message(header())
    vector(
        "place 2",
        "CONTAINER_MALFORMED",
        "inline or detached",
        place.container(place.manifest([b"\2" + place.entry(0)[1:]])),
    )
    large = Message(header())
    much = large.manifest([large.entry(0), pack(">BQ", 1, PART_BYTES_MAX + 1) + bytes(32)])
    vector("part too long", "CONTAINER_LIMIT", "8 MiB a part", large.container(much))
    many = large.manifest([large.entry(0), *[pack(">BQ", 1, PART_BYTES_MAX) + bytes(32)] * 4])
    vector("message too long", "CONTAINER_LIMIT", "25 MiB a message", large.container(many))
    wrong = Message(header())
    digest = wrong.manifest([wrong.entry(0)[:9] + bytes(32)])
    vector("digest of something else", "PART_DIGEST", "the manifest names other bytes", wrong.container(digest))


def signatures() -> None:
    message = Message(header())
    text = message.manifest()
    good, bad = (sign(pair, CONTAINER_TYPE, text, CONTAINER_CONTEXT) for pair in (PAIR, THIEF))
    for name, made in (
        ("signed by another pair", bad),
        ("ed25519 by another", Signatures(bad.ed25519, good.mldsa65)),
        ("mldsa65 by another", Signatures(good.ed25519, bad.mldsa65)),
        ("without the context string", Signatures(good.ed25519, sign(PAIR, CONTAINER_TYPE, text, b"").mldsa65)),
        ("another media type", sign(PAIR, "application/json", text, CONTAINER_CONTEXT)),
        ("without PAE", PAIR.sign(text, CONTAINER_CONTEXT)),
    ):
        vector(name, "SIGNATURE_INVALID", "not the sender's signature of this", message.container(text, made))


def unopenable() -> None:
    """In order as far as the hub can see; the recipient finds out."""
    original = Message(header())
    moved = Message(header(source="test-geo"))
    moved.stanzas, moved.parts = original.stanzas, original.parts
    vector("put under another source", "OPEN_FAILED", "the header is bound into wrap and parts", moved.container())
    both = Message(header("test-mda", "test-geo"), ("test-mda", "test-geo"))
    first, second = both.stanzas
    both.stanzas = [first[:35] + second[35:], second[:35] + first[35:]]
    vector("wrapped keys swapped", "OPEN_FAILED", "a wrap is for one key", both.container())
    place = Message(header())
    place.parts = [place.seal(0, BODY.ljust(512), context_index=1)]
    vector("part of another index", "OPEN_FAILED", "the index is in the context", place.container())
    cut = Message(header(), plain=[BODY.ljust(20_000)])
    cut.parts = [cut.parts[0][: 56 + 16_384 + 16]]
    vector("body cut at a chunk", "OPEN_FAILED", "the last chunk is shorter than the others", cut.container())
    commitment = Message(header())
    changed = bytearray(commitment.parts[0])
    changed[24] ^= 1
    commitment.parts = [bytes(changed)]
    vector("wrong commitment", "OPEN_FAILED", "the key is committed to", commitment.container())
    other = Message(header())
    other.content_key = os.urandom(32)
    other.parts = [other.seal(0, BODY.ljust(512))]
    vector("another content key", "OPEN_FAILED", "the parts are sealed with another key", other.container())


def main() -> None:
    """Write the file beside this script."""
    spliced(accepted())
    signed()
    signatures()
    unopenable()
    keys = {
        "ed25519": PAIR.public.ed25519.hex(),
        "mldsa65": PAIR.public.mldsa65.hex(),
        "seeds": {name: kem.seed.hex() for name, kem in KEMS.items()},
    }
    text = json.dumps({"about": "made by make_containers.py", "keys": keys, "vectors": VECTORS}, indent=1)
    (HERE / "containers.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
