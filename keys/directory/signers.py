"""Signing the directory's metadata with keys that are 32-byte seeds."""

from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp


def signer(seed: bytes) -> CryptoSigner:
    """A signer of the Ed25519 key that grows from this seed (32 bytes)."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))


def public_of(seed: bytes) -> bytes:
    """The raw public key (32 bytes) of a seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def role_key(seed: bytes) -> SSlibKey:
    """The public key of a seed as TUF writes it, its id computed from its content."""
    return signer(seed).public_key


def tuf_key(public: bytes) -> SSlibKey:
    """A raw Ed25519 public key (32 bytes) as TUF writes it."""
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(public))


def signed_bytes(signed: Root | Timestamp | Snapshot | Targets, seeds: Iterable[bytes]) -> bytes:
    """The metadata file: `signed`, with a signature by each of these keys."""
    metadata: Metadata[Any] = Metadata(signed)
    for seed in seeds:
        metadata.sign(signer(seed), append=True)
    return metadata.to_bytes()
