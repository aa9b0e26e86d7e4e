"""Suite 1: the one set of algorithms this version speaks, and the keys it needs.

X-Wing (ML-KEM-768 with X25519, HPKE KEM 0x647A), HKDF-SHA256 and AES-256-GCM wrap the content key; Cobblestone-256
seals the parts; Ed25519 **and** ML-DSA-65 sign. Nothing is accepted with one of the two signatures. Another suite will
be another magic of the container, never a choice inside it (settled.md, Container).

Private keys are kept as their 32-byte seeds; a `repr` shows public identifiers alone. A key id is SHA-256 over an ASCII
label, a zero byte and the raw public key, in lower-case hex (formats.md B.3).
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from struct import Struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from schemas.errors import Rejected

SUITE = 1
SEED_BYTES = 32
ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES = 32, 64
MLDSA65_PUBLIC_BYTES, MLDSA65_SIGNATURE_BYTES = 1952, 3309
MLKEM768_PUBLIC_BYTES, X25519_PUBLIC_BYTES = 1184, 32
KEM_PUBLIC_BYTES = MLKEM768_PUBLIC_BYTES + X25519_PUBLIC_BYTES
CONTENT_KEY_BYTES = 32
WRAPPED_KEY_BYTES = 1120 + CONTENT_KEY_BYTES + 16

_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SLOT = Struct(">H")


def labelled_digest(label: str, data: bytes) -> bytes:
    """SHA-256 over the ASCII label, a zero byte and `data`: no two uses of the hash can be confused."""
    return hashlib.sha256(label.encode("ascii") + b"\0" + data).digest()


@dataclass(frozen=True, slots=True)
class Signatures:
    """Both signatures over one text. Positional: no key id travels beside them, unsigned."""

    ed25519: bytes
    mldsa65: bytes

    @property
    def block(self) -> bytes:
        """Both slots with their length prefixes, as they stand in a container."""
        return _SLOT.pack(len(self.ed25519)) + self.ed25519 + _SLOT.pack(len(self.mldsa65)) + self.mldsa65

    @property
    def digest(self) -> bytes:
        """SHA-256 of the block: what a leaf says of the signatures."""
        return hashlib.sha256(self.block).digest()


@dataclass(frozen=True)
class SigningPublic:
    """A partner's public signing pair: raw Ed25519 (32 bytes) and raw ML-DSA-65 (1952 bytes)."""

    ed25519: bytes
    mldsa65: bytes

    @cached_property
    def ed25519_id(self) -> str:
        """The Ed25519 key's id."""
        return labelled_digest("ixm/v1/ed25519", self.ed25519).hex()

    @cached_property
    def mldsa65_id(self) -> str:
        """The ML-DSA-65 key's id."""
        return labelled_digest("ixm/v1/mldsa65", self.mldsa65).hex()

    @cached_property
    def _loaded(self) -> tuple[Ed25519PublicKey, MLDSA65PublicKey]:
        try:
            return Ed25519PublicKey.from_public_bytes(self.ed25519), MLDSA65PublicKey.from_public_bytes(self.mldsa65)
        except ValueError as error:
            raise Rejected("KEY_UNKNOWN") from error

    def verify(self, signatures: Signatures, text: bytes, context: bytes) -> None:
        """Both signatures are of `text` by this pair, or Rejected(SIGNATURE_INVALID)."""
        ed25519, mldsa65 = self._loaded
        try:
            ed25519.verify(signatures.ed25519, text)
            mldsa65.verify(signatures.mldsa65, text, context)
        except InvalidSignature as error:
            raise Rejected("SIGNATURE_INVALID") from error


class SigningPair:
    """An authority's private signing pair. Its `repr` shows the public key ids alone."""

    def __init__(self, ed25519_seed: bytes, mldsa65_seed: bytes) -> None:
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(mldsa65_seed)
        self.public = SigningPublic(
            self._ed25519.public_key().public_bytes_raw(), self._mldsa65.public_key().public_bytes_raw()
        )

    @classmethod
    def from_seeds(cls, ed25519_seed: bytes, mldsa65_seed: bytes) -> "SigningPair":
        """The pair of two 32-byte seeds."""
        return cls(ed25519_seed, mldsa65_seed)

    @classmethod
    def generate(cls) -> "SigningPair":
        """A fresh pair."""
        return cls(os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))

    @property
    def seeds(self) -> tuple[bytes, bytes]:
        """Both seeds, for the key file."""
        return self._ed25519.private_bytes_raw(), self._mldsa65.private_bytes_raw()

    def sign(self, text: bytes, context: bytes) -> Signatures:
        """Both signatures of `text`."""
        return Signatures(self._ed25519.sign(text), self._mldsa65.sign(text, context))

    def __repr__(self) -> str:
        return f"SigningPair({self.public.ed25519_id[:16]}, {self.public.mldsa65_id[:16]})"


@dataclass(frozen=True)
class KemPublic:
    """A recipient's public key: raw ML-KEM-768 (1184 bytes), then raw X25519 (32 bytes)."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEM_PUBLIC_BYTES:
            raise Rejected("KEY_UNKNOWN")

    @cached_property
    def key_id(self) -> str:
        """The key's id."""
        return labelled_digest("ixm/v1/kem-key", self.raw).hex()

    @cached_property
    def _loaded(self) -> MLKEM768X25519PublicKey:
        try:
            return MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.raw[:MLKEM768_PUBLIC_BYTES]),
                X25519PublicKey.from_public_bytes(self.raw[MLKEM768_PUBLIC_BYTES:]),
            )
        except ValueError as error:
            raise Rejected("KEY_UNKNOWN") from error

    def wrap(self, content_key: bytes, info: bytes) -> bytes:
        """HPKE base mode, single shot: encapsulation (1120 bytes), then the sealed content key.

        Raises:
            Rejected: KEY_UNKNOWN when the public key is none that can be sealed to (X25519 of small order).
        """
        loaded = self._loaded
        try:
            return _HPKE.encrypt(content_key, loaded, info)
        except ValueError as error:
            raise Rejected("KEY_UNKNOWN") from error


class KemPrivate:
    """An authority's private KEM key: one 32-byte seed (X-Wing's own private form)."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError("an X-Wing seed has 32 bytes")  # SHAKE256 would take any length
        expanded = hashlib.shake_256(seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.seed = seed
        self._loaded = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = KemPublic(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> "KemPrivate":
        """The key of a 32-byte seed."""
        return cls(seed)

    @classmethod
    def generate(cls) -> "KemPrivate":
        """A fresh key."""
        return cls(os.urandom(SEED_BYTES))

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """The content key, or Rejected(OPEN_FAILED): another key, another header, or changed bytes."""
        try:
            return _HPKE.decrypt(wrapped, self._loaded, info)
        except InvalidTag as error:
            raise Rejected("OPEN_FAILED") from error

    def __repr__(self) -> str:
        return f"KemPrivate({self.public.key_id[:16]})"


class RequestKey:
    """The Ed25519 key that signs HTTP requests and nothing else (RFC 9421). Its `repr` shows the key id alone."""

    def __init__(self, seed: bytes) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes_raw()
        self.key_id = labelled_digest("ixm/v1/request", self.public).hex()

    @classmethod
    def from_seed(cls, seed: bytes) -> "RequestKey":
        """The key of a 32-byte seed."""
        return cls(seed)

    @classmethod
    def generate(cls) -> "RequestKey":
        """A fresh key."""
        return cls(os.urandom(SEED_BYTES))

    @property
    def seed(self) -> bytes:
        """The seed, for the key file."""
        return self.private.private_bytes_raw()

    def __repr__(self) -> str:
        return f"RequestKey({self.key_id[:16]})"
