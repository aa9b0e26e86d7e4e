"""Receipts: a leaf, its place in the log and a signed checkpoint, in one text that proves itself offline.

C2SP tlog-proof; the `extra` line holds the leaf's bytes, which the verifier hashes: nothing in it is trusted before the
proof holds (settled.md, Intake, Status).
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from keys.proofs import merkle
from keys.proofs.checkpoint import CHECKPOINT_BYTES_MAX, Checkpoint, LogPublic
from keys.proofs.leaf import LEAF_BYTES_MAX, Leaf, parse_leaf
from schemas import strict_base64
from schemas.errors import Rejected

RECEIPT_TYPE = "application/vnd.liaison.receipt.v1"
RECEIPT_BYTES_MAX = CHECKPOINT_BYTES_MAX + 2 * LEAF_BYTES_MAX + 8192
PATH_MAX = 63
_FIRST = b"c2sp.org/tlog-proof@v1\n"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt's members, unverified. `path` is the inclusion proof, leaf's sibling first, 32 bytes each."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt that holds: this leaf stands at `index` of the log that the checkpoint's keys signed."""

    leaf: Leaf
    leaf_bytes: bytes
    index: int
    checkpoint: Checkpoint


class CheckpointCache:
    """Checkpoints verified before, so that a batch's receipts cost one pair of signature checks. Bounded."""

    def __init__(self, entries_max: int = 256) -> None:
        self._entries_max = entries_max
        self._found: dict[tuple[LogPublic, bytes], Checkpoint] = {}

    def verify(self, text: bytes, public: LogPublic) -> Checkpoint:
        """The verified checkpoint, from memory where this very text was verified before with these keys."""
        found = self._found.get((public, text))
        if found is None:
            found = public.verify(text)
            if len(self._found) >= self._entries_max:
                self._found.pop(next(iter(self._found)))
            self._found[public, text] = found
        return found


def encode_receipt(leaf: bytes, index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The text of a receipt."""
    lines = [_FIRST, b"extra ", base64.b64encode(leaf), b"\nindex %d\n" % index]
    for hash_ in path:
        lines += [base64.b64encode(hash_), b"\n"]
    return b"".join([*lines, b"\n", checkpoint])


def parse_receipt(raw: bytes) -> Receipt:
    """Read a receipt. Raises Rejected(PROOF_INVALID)."""
    head, separator, checkpoint = raw.partition(b"\n\n")
    lines = head.split(b"\n")
    try:
        proper = (
            len(raw) <= RECEIPT_BYTES_MAX
            and separator
            and len(lines) >= 3
            and lines[0] + b"\n" == _FIRST
            and lines[1].startswith(b"extra ")
            and lines[2].startswith(b"index ")
            and lines[2][6:].isdigit()
            and len(lines) <= PATH_MAX + 3
        )
        if not proper or b"%d" % int(lines[2][6:]) != lines[2][6:]:
            raise Rejected("PROOF_INVALID")
        leaf = strict_base64.decode(lines[1][6:], code="PROOF_INVALID")
        path = tuple(strict_base64.decode(line, code="PROOF_INVALID") for line in lines[3:])
    except ValueError as error:
        raise Rejected("PROOF_INVALID") from error
    if any(len(hash_) != merkle.HASH_BYTES for hash_ in path):
        raise Rejected("PROOF_INVALID")
    return Receipt(leaf, int(lines[2][6:]), path, checkpoint)


def verify_receipt(raw: bytes, public: LogPublic, cache: CheckpointCache | None = None) -> VerifiedReceipt:
    """The receipt holds under the log's keys.

    Raises:
        Rejected: PROOF_INVALID or CHECKPOINT_INVALID.
    """
    receipt = parse_receipt(raw)
    checkpoint = cache.verify(receipt.checkpoint, public) if cache else public.verify(receipt.checkpoint)
    merkle.verify_inclusion(
        merkle.leaf_hash(receipt.leaf), receipt.index, checkpoint.size, receipt.path, checkpoint.root
    )
    return VerifiedReceipt(parse_leaf(receipt.leaf), receipt.leaf, receipt.index, checkpoint)
