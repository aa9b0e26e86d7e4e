"""Checkpoints against their specifications, read with nothing of ours but the bytes."""

import base64
import hashlib
import os
import struct
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from keys.proofs import checkpoint as module
from keys.proofs.checkpoint import LogPublic, LogSigner, read_checkpoint, verify_checkpoint
from keys.proofs.receipt import CheckpointCache
from schemas.errors import Rejected

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ORIGIN = "hub.liaison.example/audit/2026"
SEEDS = (bytes(range(32)), bytes(range(32, 64)))


@pytest.fixture(scope="module")
def signer() -> LogSigner:
    return LogSigner(ORIGIN, *SEEDS)


def refused(public: LogPublic, text: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        verify_checkpoint(text, public)
    return refusal.value.code


def test_the_bytes_are_the_specifications(signer: LogSigner) -> None:
    root = hashlib.sha256(b"root").digest()
    note = signer.sign(42, root, AT)
    body, _, tail = note.partition(b"\n\n")
    assert body == f"{ORIGIN}\n42\n{base64.b64encode(root).decode()}".encode()
    lines = tail.decode().splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["—", ORIGIN]] * 2
    classic, cosigned = (base64.b64decode(line.split(" ")[2]) for line in lines)

    ed25519, mldsa44 = signer.public.ed25519, signer.public.mldsa44
    assert classic[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x01" + ed25519).digest()[:4]
    Ed25519PublicKey.from_public_bytes(ed25519).verify(classic[4:], body + b"\n")

    assert cosigned[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x06" + mldsa44).digest()[:4]
    assert len(cosigned) == 4 + 8 + 2420
    name = bytes([len(ORIGIN)]) + ORIGIN.encode()
    seconds = struct.pack(">Q", int(AT.timestamp()))
    message = b"subtree/v1\n\0" + name + seconds + name + struct.pack(">QQ", 0, 42) + root
    assert cosigned[4:12] == seconds
    MLDSA44PublicKey.from_public_bytes(mldsa44).verify(cosigned[12:], message)


def test_a_foreign_verifier_key_and_its_note() -> None:
    """The example of c2sp.org/signed-note: its key id and signature are computed as ours are."""
    name, key_id, data = ["example.com/foo", "530d903a", "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"]
    raw = base64.b64decode(data)
    assert module._key_id(name, raw[0], raw[1:]).hex() == key_id
    signature = base64.b64decode(
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    )
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], b"This is an example message.\n")


def test_each_log_has_its_own_ids(signer: LogSigner) -> None:
    other = LogSigner("hub.liaison.example/audit/2027", *SEEDS)
    assert other.public.ed25519 == signer.public.ed25519
    assert other.public.ed25519_id != signer.public.ed25519_id
    assert refused(other.public, signer.sign(1, bytes(32), AT)) == "CHECKPOINT_INVALID"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n7\n", b"\n8\n"),
        (b"\n7\n", b"\n07\n"),
        (b"\n7\n", b"\n+7\n"),
        (b"\n7\n", b"\n7 \n"),
        (b"\n7\n", "\n٧\n".encode()),
        (b"\n7\n", b"\n99999999999999999999999\n"),
        (b"\n7\n", b"\n" + b"9" * 5000 + b"\n"),
        (b"\n7\n", b"\n7\r\n"),
        (b"audit/2026\n", b"audit/2025\n"),
        (b"=\n\n", b"=\nextension\n\n"),
        (base64.b64encode(bytes(32)), base64.b64encode(bytes(31))),
        (b"=\n\n", b"=\n\n\n"),
        (b"\xe2\x80\x94 hub", b"- hub"),
        (b"\xe2\x80\x94 hub", b"\xe2\x80\x94  hub"),
        (b"\xe2\x80\x94 ", b""),
    ],
)
def test_a_changed_line_is_refused(signer: LogSigner, old: bytes, new: bytes) -> None:
    note = signer.sign(7, bytes(32), AT)
    assert old in note
    assert refused(signer.public, note.replace(old, new, 1)) == "CHECKPOINT_INVALID"


def test_the_timestamp_is_signed(signer: LogSigner) -> None:
    note = signer.sign(7, bytes(32), AT).decode().splitlines(keepends=True)
    dash, name, data = note[-1].split(" ")
    raw = bytearray(base64.b64decode(data))
    raw[11] ^= 1
    note[-1] = f"{dash} {name} {base64.b64encode(raw).decode()}\n"
    assert refused(signer.public, "".join(note).encode()) == "CHECKPOINT_INVALID"


def test_one_key_may_not_sign_twice(signer: LogSigner) -> None:
    note = signer.sign(7, bytes(32), AT)
    line = note.splitlines(keepends=True)[-1]
    assert refused(signer.public, note + line) == "CHECKPOINT_INVALID"


def test_lines_of_others_are_ignored_up_to_a_limit(signer: LogSigner) -> None:
    note = signer.sign(7, bytes(32), AT)
    witness = [f"— witness.example/{n} {base64.b64encode(os.urandom(76)).decode()}\n".encode() for n in range(40)]
    assert verify_checkpoint(note + b"".join(witness[:16]), signer.public).size == 7
    assert refused(signer.public, note + b"".join(witness)) == "CHECKPOINT_INVALID"
    assert refused(signer.public, note + b"x" * 70_000) == "CHECKPOINT_INVALID"


def test_an_impostors_line_of_the_same_name_does_not_help(signer: LogSigner) -> None:
    key = Ed25519PrivateKey.generate()
    body = f"{ORIGIN}\n9\n{base64.b64encode(bytes(32)).decode()}\n"
    raw = signer.public.ed25519_id + key.sign(body.encode())
    cosigned = signer.sign(7, bytes(32), AT).splitlines(keepends=True)[-1]
    forged = f"{body}\n— {ORIGIN} {base64.b64encode(raw).decode()}\n".encode() + cosigned
    assert refused(signer.public, forged) == "CHECKPOINT_INVALID"


def test_reading_judges_nothing(signer: LogSigner) -> None:
    assert read_checkpoint(signer.sign(7, bytes(32), AT)) == (ORIGIN, 7, bytes(32))


def test_a_cached_checkpoint_is_of_the_keys_it_was_verified_with(signer: LogSigner) -> None:
    cache = CheckpointCache(entries_max=2)
    note = signer.sign(7, bytes(32), AT)
    assert cache.verify(note, signer.public) is cache.verify(note, signer.public)
    stranger = LogSigner(ORIGIN, os.urandom(32), os.urandom(32)).public
    with pytest.raises(Rejected):
        cache.verify(note, stranger)
    for size in range(8, 12):
        assert cache.verify(signer.sign(size, bytes(32), AT), signer.public).size == size
    with pytest.raises(Rejected):
        cache.verify(note.replace(b"\n7\n", b"\n8\n"), signer.public)


def test_keys_that_are_no_keys_verify_nothing(signer: LogSigner) -> None:
    for public in (LogPublic(ORIGIN, b"", signer.public.mldsa44), LogPublic(ORIGIN, signer.public.ed25519, b"x")):
        assert refused(public, signer.sign(1, bytes(32), AT)) in {"KEY_UNKNOWN", "CHECKPOINT_INVALID"}


def test_no_secret_is_shown(signer: LogSigner) -> None:
    assert SEEDS[0].hex() not in repr(signer)
    assert ORIGIN in repr(signer)
