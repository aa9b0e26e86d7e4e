"""A message that comes too late is in its case's timeline, flagged, and has changed nothing there."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.cases.case import Case, Message, after
from keys.proofs.leaf import Leaf
from schemas.envelope import Header, LogHead, Recipient, Reference
from schemas.errors import Fault

AT = datetime(2026, 12, 16, 9, tzinfo=UTC)
ZERO = "0" * 64


def standing(state: str) -> Case:
    opening = Message(1, AT, "readm.application", "test-aut", "applied", ())
    return Case(1, ("test-aut", "test-mda"), "readmission", state, (opening,))


def decided(case: Case, step: str = "refused") -> Case:
    header = Header(
        id="01936f2e-7c3a-7b41-9d52-3f0a6c8e1b28",
        source="test-mda",
        kind="readm.decision",
        case_handle="0" * 32,
        time=AT,
        dataschema="https://schemas.liaison.example/readm.decision/1",
        recipients=(Recipient("test-aut", ZERO),),
        ed25519_id=ZERO,
        mldsa65_id=ZERO,
        expires=AT + timedelta(days=1),
        directory_version=1,
        log=LogHead("hub.example/audit/2026", 0, ZERO),
        agreement="TEST-AUT-MDA",
        basis="art. 3",
        purpose="READM",
        role="MIG",
        reference=Reference("test-aut", "01936f2e-7c3a-7b41-9d52-3f0a6c8e1b27", ZERO),
        step=step,
        facts={},
    )
    leaf = Leaf("SubmissionAcceptance", AT, source="test-mda", to=("test-aut",), type="readm.decision")
    return after(case, 7, leaf, header)


@pytest.mark.parametrize("state", ["tacit_claimed", "td_requested", "transfer_failed"])
def test_a_refusal_after_a_claim_changes_nothing(state: str) -> None:
    found = decided(standing(state))
    assert found.state == state
    assert found.messages[-1].late


@pytest.mark.parametrize("state", ["verifying", "silent_expired", "interview_held"])
def test_a_refusal_before_one_decides(state: str) -> None:
    found = decided(standing(state))
    assert found.state == "refused"
    assert not found.messages[-1].late


def test_a_step_that_no_case_takes_there_was_never_logged() -> None:
    with pytest.raises(Fault, match="life cycle"):
        decided(standing("handed_over"))
