import os
from datetime import UTC, datetime

import pytest

from keys.proofs import merkle
from keys.proofs.checkpoint import LogPublic, LogSigner
from keys.proofs.leaf import Leaf, commitment, encode_leaf, parse_leaf
from keys.proofs.receipt import CheckpointCache, encode_receipt, parse_receipt, verify_receipt
from schemas.errors import Rejected

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ORIGIN = "hub.liaison.example/audit/2026"


@pytest.fixture(scope="module")
def signer() -> LogSigner:
    return LogSigner(ORIGIN, os.urandom(32), os.urandom(32))


def leaf(number: int) -> bytes:
    return encode_leaf(
        Leaf("SubmissionAcceptance", AT, digest=f"{number:064x}", sig="ab" * 32, source="test-aut", to=("test-mda",),
             type="ident.request", dir=3, c={"case": commitment(bytes(32), "x")})
    )  # fmt: skip


def receipt(signer: LogSigner, index: int = 3, count: int = 7) -> bytes:
    leaves = [leaf(number) for number in range(count)]
    compact = merkle.CompactRange()
    nodes: dict[tuple[int, int], bytes] = {}
    for one in leaves:
        compact.append(merkle.leaf_hash(one), lambda level, i, hash_: nodes.__setitem__((level, i), hash_))
    path = merkle.inclusion_path(index, count, lambda level, i: nodes[level, i])
    return encode_receipt(leaves[index], index, path, signer.sign(count, compact.root(), AT))


def test_a_receipt_proves_its_leaf(signer: LogSigner) -> None:
    cache = CheckpointCache()
    found = verify_receipt(receipt(signer), signer.public, cache)
    assert (found.index, found.leaf.digest, found.checkpoint.size, found.checkpoint.at) == (3, f"{3:064x}", 7, AT)
    assert verify_receipt(receipt(signer), signer.public, cache).leaf == found.leaf
    assert parse_leaf(found.leaf_bytes) == found.leaf


def test_no_changed_byte_goes_unnoticed(signer: LogSigner) -> None:
    raw = receipt(signer)
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises(Rejected):
            verify_receipt(bytes(changed), signer.public)
        if at > 1200:  # one line of each kind lies before; the rest are base64 digits of one signature
            break


def test_another_logs_keys_do_not_fit(signer: LogSigner) -> None:
    other = LogSigner(ORIGIN, os.urandom(32), os.urandom(32))
    mixed = LogPublic(ORIGIN, signer.public.ed25519, other.public.mldsa44)
    for public in (other.public, mixed, LogPublic("x", signer.public.ed25519, signer.public.mldsa44)):
        with pytest.raises(Rejected):
            verify_receipt(receipt(signer), public)


def test_both_signatures_are_needed_and_strangers_are_ignored(signer: LogSigner) -> None:
    note = signer.sign(7, bytes(32), AT).decode()
    body, _, lines = note.rpartition("\n\n")
    first, second, _ = lines.split("\n")
    for kept in (first, second):
        with pytest.raises(Rejected) as refusal:
            signer.public.verify(f"{body}\n\n{kept}\n".encode())
        assert refusal.value.code == "CHECKPOINT_INVALID"
    witness = "— witness.example AAAAAAAAAAAA"
    assert signer.public.verify(f"{body}\n\n{witness}\n{second}\n{first}\n".encode()).size == 7


def test_verifier_keys_come_back(signer: LogSigner) -> None:
    assert LogPublic.from_vkeys(list(signer.public.vkeys)) == signer.public
    assert LogPublic.from_json(signer.public.as_json()) == signer.public
    first, second = signer.public.vkeys
    for lines in (
        [first],
        [first, first],
        [first, second.replace("audit/2026", "audit/2027")],
        ["x", second],
        [first, "x+y+%"],
    ):
        with pytest.raises(Rejected):
            LogPublic.from_vkeys(lines)


@pytest.mark.parametrize(
    "text",
    [b"", b"\n\n", b"a\n1\nAAAA\n\n\n", b"a\n01\n" + b"A" * 43 + b"=\n\n", b"\xff\n1\nx\n\n", b"a\n-1\nAAAA\n\n- x y\n",
     b"a\n1\nAAAA\next\n\n"],
)  # fmt: skip
def test_malformed_checkpoints_are_refused(signer: LogSigner, text: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        signer.public.verify(text)
    assert refusal.value.code == "CHECKPOINT_INVALID"


@pytest.mark.parametrize(
    "change",
    [(b"index 3", b"index 03"), (b"index 3", b"index -3"), (b"index 3", b"index 4"),
     (b"index 3", b"index " + b"9" * 5000), (b"\nindex", b"\nAAAA\nindex"),
     (b"tlog-proof@v1", b"tlog-proof@v2"), (b"extra ", b"extra"), (b"\n\n", b"\nAAAA\n\n"), (b"extra ", b"extra !")],
)  # fmt: skip
def test_malformed_receipts_are_refused(signer: LogSigner, change: tuple[bytes, bytes]) -> None:
    with pytest.raises(Rejected) as refusal:
        verify_receipt(receipt(signer).replace(*change, 1), signer.public)
    assert refusal.value.code == "PROOF_INVALID"
    assert parse_receipt(receipt(signer)).index == 3


@pytest.mark.parametrize(
    "raw",
    [b"[]", b"{}", b'{"v":2}', b'{"v":1,"event":"Nothing","at":"2026-11-24T09:30:00Z"}',
     b'{"v":1,"event":"LogOpened","at":"2026-11-24"}', b'{"v":1,"event":"LogOpened","at":3}',
     b'{"v":1,"event":"LogOpened","at":"2026-11-24T09:30:00Z","name":"x"}',
     b'{"v":1,"event":"LogOpened","at":"2026-11-24T09:30:00Z","c":{"person":"00"}}',
     b'{"v":1,"event":"LogOpened","at":"2026-11-24T09:30:00Z","c":{"case":"00"}}',
     b'{"v":1,"event":"LogOpened","at":"2026-11-24T09:30:00Z","prev":true}',
     b'{"v":1,"event":"LogOpened","at":"2026-11-24T09:30:00Z","to":["A B"]}',
     b'{"v":1,"v":1,"event":"LogOpened","at":"2026-11-24T09:30:00Z"}', b"x" * 70_000],
)  # fmt: skip
def test_malformed_leaves_are_refused(raw: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_leaf(raw)
    assert refusal.value.code == "PROOF_INVALID"


def test_a_leaf_has_a_longest_length() -> None:
    with pytest.raises(ValueError, match="longer"):
        encode_leaf(Leaf("LogOpened", AT, to=tuple("a" * 40 for _ in range(2000))))
