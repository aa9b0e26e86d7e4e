"""Others' vectors, as the `cryptography_vectors` package carries them, against the wheel that is installed.

They are what makes our container readable elsewhere: X-Wing HPKE, chunked encryption, ML-DSA-65 and ML-KEM-768.
"""

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import cryptography
import cryptography_vectors
import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from keys.suite import KemPrivate

_decrypt_with_aad = openssl.hpke._decrypt_with_aad  # there for vectors alone, says the library
KDFS = {1: KDF.HKDF_SHA256, 2: KDF.HKDF_SHA384, 3: KDF.HKDF_SHA512, 16: KDF.SHAKE128, 17: KDF.SHAKE256}
AEADS = {1: AEAD.AES_128_GCM, 2: AEAD.AES_256_GCM, 3: AEAD.CHACHA20_POLY1305}
X25519, X_WING = 0x0020, 0x647A
CHUNK, TAG = 16 * 1024, 16


def _json(name: str) -> Any:
    with cryptography_vectors.open_vector_file(name, "r") as file:
        return json.load(file)


def _hpke() -> Iterator[dict[str, Any]]:
    for vector in _json("HPKE/test-vectors.json") + _json("HPKE/hpke-pq-test-vectors.json"):
        ours = vector["kem_id"] in (X25519, X_WING) and vector["mode"] == 0
        if ours and vector["kdf_id"] in KDFS and vector["aead_id"] in AEADS:
            yield vector


def _blocks(name: str) -> Iterator[dict[str, bytes]]:
    """NIST-style response files: `name = hex` lines, a block each `count`."""
    block: dict[str, bytes] = {}
    with cryptography_vectors.open_vector_file(name, "r") as file:
        for line in file:
            key, equals, value = (piece.strip() for piece in line.partition("="))
            if key == "count" and block:
                yield block
                block = {}
            elif equals and key not in {"count", "mlen", "smlen"}:
                block[key] = bytes.fromhex(value)
    yield block


def test_the_vectors_are_of_the_wheel_installed() -> None:
    assert cryptography_vectors.__version__ == cryptography.__version__


def test_hpke_opens_what_others_sealed() -> None:
    seen = set()
    for vector in _hpke():
        raw = bytes.fromhex(vector["skRm"])
        suite_kem = KEM.X25519 if vector["kem_id"] == X25519 else KEM.MLKEM768_X25519
        key: X25519PrivateKey | MLKEM768X25519PrivateKey
        if vector["kem_id"] == X25519:
            key = X25519PrivateKey.from_private_bytes(raw)
        else:
            ours = KemPrivate.from_seed(raw)
            assert ours.public.raw == bytes.fromhex(vector["pkRm"])
            key = ours._loaded
        suite = Suite(suite_kem, KDFS[vector["kdf_id"]], AEADS[vector["aead_id"]])
        first = vector["encryptions"][0]
        sealed = bytes.fromhex(vector["enc"]) + bytes.fromhex(first["ct"])
        info, aad = bytes.fromhex(vector["info"]), bytes.fromhex(first["aad"])
        assert _decrypt_with_aad(suite, sealed, key, info, aad) == bytes.fromhex(first["pt"])
        with pytest.raises(InvalidTag):
            _decrypt_with_aad(suite, sealed, key, info + b"\0", aad)
        with pytest.raises(InvalidTag):
            _decrypt_with_aad(suite, sealed[:-1] + bytes([sealed[-1] ^ 1]), key, info, aad)
        seen.add(vector["kem_id"])
    assert seen == {X25519, X_WING}


class ChunkedEncryption:
    """A second reading of the C2SP specification, slow and plain, for any of its hashes and ciphers.

    The published vectors are for SHA-256; Cobblestone is for SHA-512. This stands between: it must agree with the
    vectors, and the wheel must agree with it.
    """

    def __init__(self, digest: str, aead: str) -> None:
        self.digest, self.aead = digest, aead
        self.make = ChaCha20Poly1305 if aead == "AEAD_CHACHA20_POLY1305" else AESGCM
        self.key_bytes = 16 if aead == "AEAD_AES_128_GCM" else 32

    def _derive(self, key: bytes, salt: bytes, context: bytes) -> tuple[bytes, int, bytes]:
        if len(key) != self.key_bytes:
            raise ValueError("key")
        info = b"c2sp.org/chunked-encryption@v1+" + self.aead.encode() + b"\0" + salt + context
        made = last = b""
        while len(made) < self.key_bytes + 44:
            last = hmac.digest(
                key, last + info + bytes([len(made) // hashlib.new(self.digest).digest_size + 1]), self.digest
            )
            made += last
        nonce = made[self.key_bytes : self.key_bytes + 12]
        return made[: self.key_bytes], int.from_bytes(nonce, "big"), made[self.key_bytes + 12 : self.key_bytes + 44]

    def seal(self, key: bytes, context: bytes, plain: bytes, salt: bytes) -> bytes:
        derived, base, commitment = self._derive(key, salt, context)
        cipher = self.make(derived)
        chunks = [plain[at : at + CHUNK] for at in range(0, len(plain) + 1, CHUNK)]
        sealed = [cipher.encrypt((base ^ i).to_bytes(12, "big"), chunk, None) for i, chunk in enumerate(chunks)]
        return salt + commitment + b"".join(sealed)

    def open(self, key: bytes, context: bytes, sealed: bytes) -> bytes:
        derived, base, commitment = self._derive(key, sealed[:24], context)
        if sealed[24:56] != commitment:
            raise InvalidTag
        cipher, plain, at, i = self.make(derived), [], 56, 0
        while True:
            chunk = sealed[at : at + CHUNK + TAG]
            if len(chunk) < TAG:
                raise InvalidTag
            plain.append(cipher.decrypt((base ^ i).to_bytes(12, "big"), chunk, None))
            if len(chunk) < CHUNK + TAG:
                return b"".join(plain)
            at, i = at + CHUNK + TAG, i + 1


def _chunked() -> Iterator[tuple[dict[str, Any], bytes]]:
    for vector in _json("chunked-encryption/vectors.json")["vectors"]:
        sealed = base64.b64decode(vector["ciphertext"] or "")
        yield vector, zlib.decompress(sealed) if vector.get("compressed") else sealed


def test_our_reading_of_chunked_encryption_agrees_with_the_published_vectors() -> None:
    results = {"success": 0, "failure": 0}
    for vector, sealed in _chunked():
        reading = ChunkedEncryption("sha256", vector["aead"])
        key, context = bytes.fromhex(vector["key"]), vector["context"].encode()
        if vector["expect"] == "success":
            plain = reading.open(key, context, sealed)
            assert len(plain) == vector["payload_length"], vector["name"]
            assert hashlib.sha256(plain).hexdigest() == vector["payload_sha256"], vector["name"]
            assert reading.seal(key, context, plain, sealed[:24]) == sealed, vector["name"]
        else:
            with pytest.raises((InvalidTag, ValueError)):
                reading.open(key, context, sealed)
        results[vector["expect"]] += 1
    assert results == {"success": 27, "failure": 75}


def _wheel_opens(key: bytes, context: bytes, sealed: bytes, step: int = 1 << 20) -> bytes:
    opener = Cobblestone256Decryptor(key, context)
    return b"".join(opener.update(sealed[at : at + step]) for at in range(0, len(sealed), step)) + opener.finalize()


def test_the_wheel_agrees_with_our_reading_for_every_published_plaintext() -> None:
    reading, count = ChunkedEncryption("sha512", "AEAD_AES_256_GCM"), 0
    for vector, sealed in _chunked():
        if vector["aead"] != "AEAD_AES_256_GCM" or vector["expect"] != "success":
            continue
        key, context = bytes.fromhex(vector["key"]), vector["context"].encode()
        plain = ChunkedEncryption("sha256", "AEAD_AES_256_GCM").open(key, context, sealed)
        sealer = Cobblestone256Encryptor(key, context)
        assert reading.open(key, context, sealer.update(plain) + sealer.finalize()) == plain
        again = reading.seal(key, context, plain, sealed[:24])
        for step in (16 * 1024 - 1, 16 * 1024 + 16, 1 << 20):
            assert _wheel_opens(key, context, again, step) == plain
        count += 1
    assert count == 9


FULL = CHUNK + TAG
DAMAGE: dict[str, Callable[[bytes], bytes]] = {  # the published failures, done to three chunks of our own
    "empty_message": lambda _: b"",
    "short_header_no_salt": lambda sealed: sealed[:10],
    "short_header_no_commitment": lambda sealed: sealed[:24],
    "short_header_partial_commitment": lambda sealed: sealed[:40],
    "no_chunks": lambda sealed: sealed[:56],
    "short_chunk": lambda sealed: sealed[: 56 + TAG - 1],
    "wrong_salt": lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
    "wrong_commitment": lambda sealed: sealed[:24] + bytes([sealed[24] ^ 1]) + sealed[25:],
    "bad_tag_first_chunk": lambda sealed: sealed[:60] + bytes([sealed[60] ^ 1]) + sealed[61:],
    "bad_tag_second_chunk": lambda sealed: sealed[: 60 + FULL] + bytes([sealed[60 + FULL] ^ 1]) + sealed[61 + FULL :],
    "bad_tag_final_chunk": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    "missing_tag": lambda sealed: sealed[:-TAG],
    "truncated_at_chunk_boundary": lambda sealed: sealed[: 56 + 2 * FULL],
    "truncated_mid_chunk": lambda sealed: sealed[: 56 + FULL + 100],
    "swapped_chunks": lambda sealed: (
        sealed[:56] + sealed[56 + FULL : 56 + 2 * FULL] + sealed[56 : 56 + FULL] + sealed[56 + 2 * FULL :]
    ),
    "duplicated_chunk": lambda sealed: sealed[: 56 + FULL] + sealed[56 : 56 + FULL] + sealed[56 + 2 * FULL :],
    "extension_after_final": lambda sealed: sealed + sealed[56 : 56 + FULL],
    "trailing_garbage_short": lambda sealed: sealed + bytes(12),
    "trailing_garbage_long": lambda sealed: sealed + bytes(20),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_the_wheel_refuses_what_the_published_vectors_refuse(name: str) -> None:
    key, context = bytes(range(32)), b"ixm"
    sealer = Cobblestone256Encryptor(key, context)
    sealed = sealer.update(bytes(2 * CHUNK + 100)) + sealer.finalize()
    assert _wheel_opens(key, context, sealed) == bytes(2 * CHUNK + 100)
    for step in (997, 1 << 20):
        with pytest.raises(InvalidTag):
            _wheel_opens(key, context, DAMAGE[name](sealed), step)


def test_a_published_text_under_the_other_hash_is_refused() -> None:
    for vector, sealed in _chunked():
        if vector["aead"] == "AEAD_AES_256_GCM" and vector["expect"] == "success":
            with pytest.raises(InvalidTag):
                _wheel_opens(bytes.fromhex(vector["key"]), vector["context"].encode(), sealed)


def test_ml_dsa_65_verifies_what_others_signed() -> None:
    count = 0
    for block in _blocks("asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp"):
        signature, message, context = block["sm"][:3309], block["msg"], block["ctx"]
        assert block["sm"][3309:] == message
        public = MLDSA65PublicKey.from_public_bytes(block["pk"])
        public.verify(signature, message, context)
        for wrong in ((signature, message + b"\0", context), (signature, message, context + b"\0")):
            with pytest.raises(InvalidSignature):
                public.verify(*wrong)
        assert MLDSA65PrivateKey.from_seed_bytes(block["xi"]).public_key().public_bytes_raw() == block["pk"]
        count += 1
    assert count >= 10


def test_ml_kem_768_opens_what_others_encapsulated() -> None:
    count = 0
    for block in _blocks("asymmetric/MLKEM/kat_MLKEM_768.rsp"):
        private = MLKEM768PrivateKey.from_seed_bytes(block["d"][:32] + block["z"])
        assert private.public_key().public_bytes_raw() == block["pk"]
        assert private.decapsulate(block["ct"]) == block["ss"]
        assert private.decapsulate(block["ct_n"]) == block["ss_n"]  # implicit rejection: another secret, no error
        count += 1
    assert count >= 10
