"""What the hub's answer to a submission is worth: nothing is believed that does not prove itself.

An acceptance is a receipt whose leaf says exactly what was sent. A refusal for good is a receipt of a refusal's leaf
with our digest and the code; only refusals so early that they leave no leaf are taken without one, for then nothing was
accepted that anybody could prove. Everything else is asked again later. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from adapters.edge.hub_client import Result, read_problem, transient
from keys.proofs.checkpoint import LogPublic
from keys.proofs.leaf import Leaf
from keys.proofs.receipt import CheckpointCache, VerifiedReceipt, verify_receipt
from schemas.errors import Rejected

ACCEPTED_STATUSES = (200, 201)
SEAL_AGAIN = frozenset({"KEY_INACTIVE", "KEY_UNKNOWN", "RECIPIENT_UNKNOWN"})
"""Refusals that a newer directory, or a newer key, may cure."""
WAIT = frozenset({"CLOCK_AHEAD", "REQUEST_INVALID"})
"""Refusals that time may cure; the second is an answer nobody can read, from whatever stands in between."""
UNLOGGED = frozenset(
    {"CONTAINER_MALFORMED", "CONTAINER_LIMIT", "HEADER_INVALID", "SUITE_UNSUPPORTED", "SIGNATURE_INVALID",
     "RECIPIENTS_MISMATCH", "PART_DIGEST", "MEDIA_TYPE"}
)  # fmt: skip
"""Refusals before both signatures verified: the hub makes no leaf of them (settled.md, Intake)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a submission.

    Attributes:
        ending: `accepted`, `refused` for good, `again` (make it anew), `parts` (upload them again), `later`.
        receipt: verified, where there is one; `raw` its bytes.
        forged: the answer claimed to prove something and did not.
    """

    ending: Literal["accepted", "refused", "again", "parts", "later"]
    code: str | None = None
    path: str | None = None
    receipt: VerifiedReceipt | None = None
    raw: bytes | None = None
    retry_after_seconds: float | None = None
    forged: bool = False


def judge_answer(
    result: Result,
    public: LogPublic,
    cache: CheckpointCache,
    *,
    accepts: Callable[[Leaf], bool],
    refuses: Callable[[Leaf], bool],
) -> Verdict:
    """The verdict on an answer.

    Args:
        result: as it came.
        public: the log's keys, from the directory.
        cache: of checkpoints verified.
        accepts: whether an acceptance's leaf is about what was sent.
        refuses: the same for a refusal's leaf.
    """
    if result.status in ACCEPTED_STATUSES:
        receipt = _proved(result.body, public, cache, accepts)
        if receipt is None:
            return Verdict("later", "PROOF_INVALID", raw=result.body, forged=True)
        return Verdict("accepted", receipt=receipt, raw=result.body)
    problem = read_problem(result.status, result.body)
    if transient(result.status):
        return Verdict("later", problem.code, retry_after_seconds=result.retry_after_seconds)
    if problem.receipt is None:
        if problem.code in SEAL_AGAIN:
            return Verdict("again", problem.code)
        if problem.code in UNLOGGED:
            return Verdict("refused", problem.code, problem.path)
        return Verdict("later", problem.code, forged=problem.code not in WAIT)
    receipt = _proved(problem.receipt, public, cache, lambda leaf: leaf.code == problem.code and refuses(leaf))
    if receipt is None:
        return Verdict("later", "PROOF_INVALID", raw=problem.receipt, forged=True)
    ending: Literal["refused", "again", "parts", "later"] = "refused"
    if problem.code in SEAL_AGAIN:
        ending = "again"
    elif problem.code == "PART_MISSING":
        ending = "parts"
    elif problem.code in WAIT:
        ending = "later"
    return Verdict(ending, problem.code, problem.path, receipt, problem.receipt)


def _proved(
    raw: bytes, public: LogPublic, cache: CheckpointCache, fits: Callable[[Leaf], bool]
) -> VerifiedReceipt | None:
    try:
        receipt = verify_receipt(raw, public, cache)
    except Rejected:
        return None
    return receipt if fits(receipt.leaf) else None
