"""Checkpoints: the log's signed states, in C2SP form (tlog-checkpoint, signed-note, tlog-cosignature).

A checkpoint is a note of three lines, origin, size and root, with two signature lines of the log itself: Ed25519
(type 0x01), which every old verifier reads, and ML-DSA-44 (type 0x06), a cosignature whose cosigner name and origin are
the log's origin, start 0, end the size, with a timestamp (settled.md, Signed texts). Here both must hold; lines of
keys we do not know are ignored, as the specification asks.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from struct import Struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from schemas import strict_base64
from schemas.errors import Rejected

CHECKPOINT_BYTES_MAX = 64 * 1024
SIGNATURE_LINES_MAX = 32
SIZE_MAX = 2**63 - 1
_ED25519, _MLDSA44 = 0x01, 0x06
_KEY_ID_BYTES = 4
_U64 = Struct(">Q")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")  # signed-note: none but the newline
_DASH = "\u2014 "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified state of the log: `size` leaves with this `root` (32 bytes), signed at `at`. `text` is the note."""

    origin: str
    size: int
    root: bytes
    at: datetime
    text: bytes


@dataclass(frozen=True)
class LogPublic:
    """The log's public keys: raw Ed25519 (32 bytes) and raw ML-DSA-44 (1312 bytes). `origin` is also the key name."""

    origin: str
    ed25519: bytes
    mldsa44: bytes

    @cached_property
    def ed25519_id(self) -> bytes:
        """4 bytes, by signed-note."""
        return _key_id(self.origin, _ED25519, self.ed25519)

    @cached_property
    def mldsa44_id(self) -> bytes:
        """4 bytes, by tlog-cosignature."""
        return _key_id(self.origin, _MLDSA44, self.mldsa44)

    @property
    def vkeys(self) -> tuple[str, str]:
        """Both keys as signed-note verifier keys, for other tools."""
        return (
            f"{self.origin}+{self.ed25519_id.hex()}+{strict_base64.encode(bytes([_ED25519]) + self.ed25519)}",
            f"{self.origin}+{self.mldsa44_id.hex()}+{strict_base64.encode(bytes([_MLDSA44]) + self.mldsa44)}",
        )

    @classmethod
    def from_vkeys(cls, lines: list[str]) -> "LogPublic":
        """The keys of two verifier keys of one name.

        Raises:
            Rejected: KEY_UNKNOWN when they are not one Ed25519 and one ML-DSA-44 key of the same name.
        """
        found: dict[int, tuple[str, bytes]] = {}
        for line in lines:
            name, _, rest = line.strip().partition("+")
            key_id, _, data = rest.partition("+")
            raw = strict_base64.decode(data, code="KEY_UNKNOWN")
            if not raw or _key_id(name, raw[0], raw[1:]).hex() != key_id:
                raise Rejected("KEY_UNKNOWN")
            found[raw[0]] = (name, raw[1:])
        if len(lines) != len(found) or set(found) != {_ED25519, _MLDSA44} or found[_ED25519][0] != found[_MLDSA44][0]:
            raise Rejected("KEY_UNKNOWN")
        return cls(found[_ED25519][0], found[_ED25519][1], found[_MLDSA44][1])

    def as_json(self) -> dict[str, str]:
        """Members `origin`, `ed25519`, `mldsa44`, the keys in base64."""
        return {
            "origin": self.origin,
            "ed25519": strict_base64.encode(self.ed25519),
            "mldsa44": strict_base64.encode(self.mldsa44),
        }

    @classmethod
    def from_json(cls, members: Mapping[str, str]) -> "LogPublic":
        """What `as_json` wrote. Raises KeyError or Rejected for another form."""
        return cls(
            members["origin"],
            strict_base64.decode(members["ed25519"], code="KEY_UNKNOWN"),
            strict_base64.decode(members["mldsa44"], code="KEY_UNKNOWN"),
        )

    @cached_property
    def _loaded(self) -> tuple[Ed25519PublicKey, MLDSA44PublicKey]:
        try:
            return Ed25519PublicKey.from_public_bytes(self.ed25519), MLDSA44PublicKey.from_public_bytes(self.mldsa44)
        except ValueError as error:
            raise Rejected("KEY_UNKNOWN") from error

    def verify(self, text: bytes) -> Checkpoint:
        """The checkpoint that `text` is, both signatures verified, or Rejected(CHECKPOINT_INVALID)."""
        origin, size, root, body, lines = _read(text)
        if origin != self.origin:
            raise Rejected("CHECKPOINT_INVALID")
        ed25519, mldsa44 = self._loaded
        classic = lines.get((self.origin, self.ed25519_id))
        cosigned = lines.get((self.origin, self.mldsa44_id))
        if classic is None or cosigned is None or len(cosigned) <= _U64.size:
            raise Rejected("CHECKPOINT_INVALID")
        seconds: int = _U64.unpack_from(cosigned)[0]
        try:
            ed25519.verify(classic, body)
            mldsa44.verify(cosigned[_U64.size :], _cosigned(origin, seconds, size, root), None)
            at = datetime.fromtimestamp(seconds, UTC)
        except (InvalidSignature, OverflowError, ValueError, OSError) as error:
            raise Rejected("CHECKPOINT_INVALID") from error
        return Checkpoint(origin, size, root, at, text)


class LogSigner:
    """The log's signing keys. Signs whatever it is told: who calls it has made that state durable-to-be."""

    def __init__(self, origin: str, ed25519_seed: bytes, mldsa44_seed: bytes) -> None:
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self._mldsa44 = MLDSA44PrivateKey.from_seed_bytes(mldsa44_seed)
        self.public = LogPublic(
            origin, self._ed25519.public_key().public_bytes_raw(), self._mldsa44.public_key().public_bytes_raw()
        )

    def sign(self, size: int, root: bytes, at: datetime) -> bytes:
        """The signed note for a tree of `size` leaves with this root."""
        origin = self.public.origin
        body = f"{origin}\n{size}\n{strict_base64.encode(root)}\n"
        seconds = int(at.timestamp())
        classic = self.public.ed25519_id + self._ed25519.sign(body.encode())
        quantum = (
            self.public.mldsa44_id
            + _U64.pack(seconds)
            + self._mldsa44.sign(_cosigned(origin, seconds, size, root), None)
        )
        lines = "".join(f"{_DASH}{origin} {strict_base64.encode(line)}\n" for line in (classic, quantum))
        return f"{body}\n{lines}".encode()

    def __repr__(self) -> str:
        return f"LogSigner({self.public.origin}, {self.public.ed25519_id.hex()})"


def verify_checkpoint(text: bytes, public: LogPublic) -> Checkpoint:
    """The checkpoint that `text` is, both signatures of the log verified, or Rejected(CHECKPOINT_INVALID)."""
    return public.verify(text)


def read_checkpoint(text: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of an unverified checkpoint. Raises Rejected(CHECKPOINT_INVALID)."""
    return _read(text)[:3]


def _read(text: bytes) -> tuple[str, int, bytes, bytes, dict[tuple[str, bytes], bytes]]:
    try:
        note = text.decode("utf-8") if len(text) <= CHECKPOINT_BYTES_MAX else ""
        body, separator, tail = note.rpartition("\n\n")
        origin, size, root, *extensions = body.split("\n")
        signatures = tail.split("\n")
        proper = (
            separator
            and signatures.pop() == ""
            and len(signatures) <= SIGNATURE_LINES_MAX
            and not extensions
            and origin
            and size.isascii()
            and size.isdigit()
            and str(int(size)) == size
            and int(size) <= SIZE_MAX
            and _CONTROL.search(note) is None
        )
        if not proper:
            raise Rejected("CHECKPOINT_INVALID")
        lines = {}
        for line in signatures:
            name, _, data = line.removeprefix(_DASH).partition(" ")
            if not line.startswith(_DASH):
                raise Rejected("CHECKPOINT_INVALID")
            raw = strict_base64.decode(data, code="CHECKPOINT_INVALID")
            if not name or (name, raw[:_KEY_ID_BYTES]) in lines:
                raise Rejected("CHECKPOINT_INVALID")  # two lines of one key: only one of them would be looked at
            lines[name, raw[:_KEY_ID_BYTES]] = raw[_KEY_ID_BYTES:]
        root_hash = strict_base64.decode(root, code="CHECKPOINT_INVALID")
        if len(root_hash) != hashlib.sha256().digest_size:
            raise Rejected("CHECKPOINT_INVALID")
    except (ValueError, UnicodeDecodeError) as error:
        raise Rejected("CHECKPOINT_INVALID") from error
    return origin, int(size), root_hash, (body + "\n").encode(), lines


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID_BYTES]


def _cosigned(origin: str, seconds: int, size: int, root: bytes) -> bytes:
    name = origin.encode()
    named = bytes([len(name)]) + name
    return b"subtree/v1\n\0" + named + _U64.pack(seconds) + named + _U64.pack(0) + _U64.pack(size) + root
