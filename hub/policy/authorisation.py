"""May this verified message pass? One straight list of checks, in the order of settled.md, Intake.

Pure: everything it judges by is in its arguments, which intake fetches inside the batch's transaction, so that a
message sees what earlier ones of its batch changed. An empty list of any rule refuses, and what is unknown is refused.
An `Authorised` can only be made here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.policy.verified import Verified
from keys.directory.directory import Directory
from schemas import lifecycles
from schemas.agreements.agreement import Agreement, permit
from schemas.agreements.profile import for_tests
from schemas.envelope import Header
from schemas.errors import Rejected
from schemas.registry import KINDS

CLOCK_AHEAD_MAX = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the store has it. `parties` are partner ids, the opening message's source first.

    `kept`: it has clocks that the keeper keeps.
    """

    row: int
    parties: tuple[str, ...]
    procedure: str
    state: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Parent:
    """The accepted message answered. `case` is its case's row, `parties` its source and recipients."""

    source: str
    identity: bytes
    kind: str
    case: int
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What the store says that concerns one message.

    Attributes:
        parts: length of each detached part that lies here, by SHA-256.
        case: the case of the message's handle, None when the handle is unknown.
        parent: the message its `ixmref` names by digest, None when none is named or it was never accepted.
        parent_identity: the identity that `ixmref` claims, to compare with the parent's.
    """

    parts: Mapping[bytes, int]
    case: Case | None = None
    parent: Parent | None = None
    parent_identity: bytes | None = None


@dataclass(frozen=True, slots=True)
class Authorised:
    """A message that may be accepted, and the state its case is in afterwards."""

    verified: Verified
    procedure: str
    state: str


def authorise(
    verified: Verified, view: View, directory: Directory, *, now: datetime, live: bool, test_only: bool
) -> Authorised:
    """The message may pass.

    Args:
        verified: both signatures hold.
        view: what the store says.
        directory: the version the hub judges by.
        now: aware UTC.
        live: refuse test messages.
        test_only: refuse all others, for `now` is not the time.

    Raises:
        Rejected: why not.
    """
    header = verified.container.header
    # time
    if header.time > now + CLOCK_AHEAD_MAX:
        raise Rejected("CLOCK_AHEAD", "/time")
    if header.expires <= now:
        raise Rejected("EXPIRED", "/ixmexp")
    # kind
    kind, rule = KINDS.get(header.kind), lifecycles.RULES.get(header.kind)
    if kind is None or rule is None:
        raise Rejected("KIND_UNKNOWN", "/type")
    if header.dataschema != kind.schema_id:
        raise Rejected("UNSUPPORTED_VERSION", "/dataschema")
    lifecycles.check_facts(rule, header.facts)
    # recipients
    _check_recipients(header, directory, now)
    if len(header.recipients) > 1 and (rule.about_person or not rule.many_recipients):
        raise Rejected("KIND_NOT_ALLOWED", "/ixmto")
    # parts
    for part in verified.container.parts:
        if part.detached and view.parts.get(part.sha256) != part.length:
            raise Rejected("PART_MISSING")
    # agreement
    _check_partners(header, directory, live=live, test_only=test_only)
    if header.role not in rule.sender_roles:
        raise Rejected("SENDER_ROLE", "/ixmrole")
    agreement, sender = _agreement(header, directory), directory.partner(header.source)
    for recipient in map(directory.partner, header.recipient_ids):
        permit(
            agreement,
            kind=header.kind,
            sender_state=sender.state,
            sender_role=header.role,
            recipient_state=recipient.state,
            recipient_roles=recipient.roles,
            purpose=header.purpose,
            basis=header.basis,
            on=now.date(),
        )
    # life cycle
    return _advance(verified, rule, view)


def _agreement(header: Header, directory: Directory) -> Agreement:
    try:
        found = directory.agreement(header.agreement)
    except Rejected as refusal:
        raise Rejected(refusal.code, "/ixmagr") from refusal
    if found.profile is not None and for_tests(found.profile) and not header.test:
        raise Rejected("TEST_NOT_ALLOWED", "/ixmagr")
    return found


def _check_recipients(header: Header, directory: Directory, now: datetime) -> None:
    for recipient in header.recipients:
        if recipient.partner == header.source or not directory.knows(recipient.partner):
            raise Rejected("RECIPIENT_UNKNOWN", "/ixmto")
        try:
            directory.check_kem(recipient.partner, recipient.kem_key_id, now)
        except Rejected as refusal:
            raise Rejected(refusal.code, "/ixmto") from refusal


def _check_partners(header: Header, directory: Directory, *, live: bool, test_only: bool) -> None:
    if (live and header.test) or (test_only and not header.test):
        raise Rejected("TEST_NOT_ALLOWED", "/ixmtest")
    sender = directory.partner(header.source)
    for partner in (sender, *map(directory.partner, header.recipient_ids)):
        if partner.test != header.test:
            raise Rejected("TEST_NOT_ALLOWED", "/ixmtest")
        if not partner.takes(header.kind):
            raise Rejected("KIND_NOT_ALLOWED", "/type")
    if header.role not in sender.roles:
        raise Rejected("SENDER_ROLE", "/ixmrole")


def _advance(verified: Verified, rule: lifecycles.KindRule, view: View) -> Authorised:
    header = verified.container.header
    step = header.step
    if step is None or step not in rule.steps:
        raise Rejected("STEP_NOT_ALLOWED", "/ixmstep")
    if not rule.replies_to:
        if header.reference is not None:
            raise Rejected("STEP_NOT_ALLOWED", "/ixmref")
        if view.case is not None:
            raise Rejected("WRONG_CASE", "/subject")
        return Authorised(verified, rule.procedure, lifecycles.advance(rule.procedure, None, step))
    # From here on an unknown case and one of others must look alike (settled.md, Words and identity).
    parent, case = view.parent, view.case
    if header.reference is None:
        raise Rejected("UNKNOWN_PARENT", "/ixmref")
    if case is None or header.source not in case.parties or not set(header.recipient_ids) <= set(case.parties):
        raise Rejected("WRONG_CASE", "/subject")
    if parent is None or parent.source != header.reference.source or parent.identity != view.parent_identity:
        raise Rejected("UNKNOWN_PARENT", "/ixmref")
    if parent.case != case.row:
        raise Rejected("WRONG_CASE", "/subject")
    lifecycles.check_answer(
        rule,
        parent.kind,
        parent_source=parent.source,
        parent_to=parent.recipients,
        source=header.source,
        to=header.recipient_ids,
        opener=case.parties[0],
    )
    return Authorised(verified, case.procedure, lifecycles.advance(case.procedure, case.state, step))
