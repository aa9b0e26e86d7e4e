"""From a submission to a plan: every reason not to send it is found here, and told to the sending side alone.

`judge` is pure but for the store it is given to look parents up in. Order: form and safeguards of the payload, whom it
is for, what it answers, on what agreement. What has one answer is filled in; what has several is refused with the
member that must be named; what all three of agreement, role and basis name is left to the hub to judge.

A text that is held (FREETEXT_HOLD) stops nothing here: what is refused for no other reason is judged to its end and
says where it is held. Who lets it wait for an officer, or go, is the caller's to know.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from adapters.contract import Refused, Submission
from adapters.edge.plan import Plan
from keys.directory.directory import Directory
from keys.directory.records import PartnerRecord
from schemas import registry
from schemas.agreements.agreement import Fit, fitting
from schemas.agreements.pinned import PROCEDURES, Pinned, pin, pinned
from schemas.envelope import Reference
from schemas.errors import Finding, Rejected
from schemas.lifecycles import RULES, Whose
from schemas.parts.context import Earlier
from schemas.registry import AttachmentRef, CheckContext, HeaderMembers

EXTERNAL_ID_MAX = 200
HOLD = "FREETEXT_HOLD"


@dataclass(frozen=True, slots=True)
class Parent:
    """A message that a submission refers to; `to` is whom the submission is for when it names nobody."""

    source: str
    id: str
    digest: str
    case_handle: str
    agreement: str
    payload: Mapping[str, Any] = field(repr=False)
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """What a case's clocks are counted by: its pin, the profile of it, and when the state asked received it."""

    pin: str | None = None
    profile: Pinned | None = None
    received_at: datetime | None = None


class Cases(Protocol):
    """What lies here of cases."""

    def parent(self, message_id: str, partner: str | None, whose: Whose) -> Parent | None:
        """The message that a submission refers to; None when there is none, or more than one."""

    def earlier(self, case_handle: str) -> tuple[Earlier, ...]:
        """The messages of a case so far."""

    def refused(self, payload: Mapping[str, Any], partners: Collection[str], *, ours: bool) -> tuple[Any, ...]:
        """What was put forward in refused cases about the person of an application."""

    def start(self, case_handle: str) -> Start:
        """What the case's clocks are counted by."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A submission that may be sent; with `held` texts, once an officer has released it.

    `pin` is that of the case it opens.
    """

    plan: Plan
    pin: str | None
    payload: bytes = field(repr=False)
    files: tuple[AttachmentRef, ...]
    held: tuple[Finding, ...] = ()


class Unfit(Exception):
    """A submission that will not be sent; holds what the channel is told."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


def unfit(code: str, path: str = "") -> Unfit:
    """One finding."""
    return Unfit(Refused(code, (Finding(path, code),)))


def offered_digest(submission: Submission) -> bytes:
    """What a submission offered again is recognised by. Raises Unfit(JSON_INVALID)."""
    members = [
        submission.payload,
        list(submission.to),
        sorted(submission.attachments),
        submission.agreement,
        submission.basis,
        submission.role,
    ]
    try:
        text = json.dumps(members, sort_keys=True, allow_nan=False, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit("JSON_INVALID") from error
    return hashlib.sha256(text.encode()).digest()


def judge(
    submission: Submission,
    directory: Directory,
    partner: str,
    cases: Cases,
    *,
    now: datetime,
    live: bool,
    test_only: bool,
) -> Judged:
    """The submission may be sent as this, at once or once it is released.

    Raises:
        Unfit: why not.
        Rejected: RECIPIENT_UNKNOWN when we ourselves are no partner of this directory.
    """
    if not 0 < len(submission.external_id) <= EXTERNAL_ID_MAX:
        raise unfit("FIELD_LENGTH", "/external_id")
    try:
        raw = registry.dump(submission.payload)
        payload = registry.load(raw)
        kind = registry.kind(_text(payload, "kind"))
    except Rejected as refusal:
        raise unfit(refusal.code, refusal.path or "") from refusal
    except (TypeError, ValueError) as error:
        raise unfit("JSON_INVALID") from error
    parent = _parent(payload, submission, cases, kind.name)
    to = submission.to or (parent.to if parent is not None else ())
    _check_recipients(kind.name, to, directory, partner)
    sender = directory.partner(partner)
    if test_only and not sender.test:
        raise unfit("TEST_NOT_ALLOWED", "")
    if parent is not None:
        start = cases.start(parent.case_handle)
    else:
        start = _begun(payload, kind.name, submission, directory, sender=sender, to=to, now=now)
    context = CheckContext(
        at=now,
        sender_state=sender.state,
        recipient_states=tuple(directory.partner(one).state for one in to),
        agreement=submission.agreement,
        parent=parent.payload if parent is not None else None,
        earlier=cases.earlier(parent.case_handle) if parent is not None else (),
        refused=cases.refused(payload, directory.of_state(directory.partner(to[0]).state), ours=True),
        received_at=start.received_at,
        profile=start.profile,
        live=live,
    )
    findings = registry.check(payload, context)
    errors = [finding for finding in findings if finding.severity == "error"]
    held = tuple(finding for finding in errors if finding.code == HOLD)
    if len(held) < len(errors):
        first = next(finding for finding in errors if finding.code != HOLD)
        raise Unfit(Refused(first.code, tuple(findings)))
    try:
        members = registry.header_members(payload, parent=context.parent)
    except Rejected as refusal:
        raise unfit(refusal.code, refusal.path or "") from refusal
    fit = _fit(submission, members, directory, directory.partner(partner), to, parent=parent, now=now)
    files = _files(payload, submission)
    plan = Plan(
        kind=members.kind,
        dataschema=members.dataschema,
        case_handle=parent.case_handle if parent is not None else os.urandom(16).hex(),
        to=to,
        agreement=fit.agreement,
        role=fit.role,
        basis=fit.basis,
        purpose=members.purpose,
        step=members.step,
        facts=members.facts,
        reference=Reference(parent.source, parent.id, parent.digest) if parent is not None else None,
        test=sender.test,
        attachments=tuple(one.sha256 for one in files),
    )
    return Judged(plan, start.pin if parent is None else None, raw, files, held)


def _begun(
    payload: Mapping[str, Any],
    kind: str,
    submission: Submission,
    directory: Directory,
    *,
    sender: PartnerRecord,
    to: tuple[str, ...],
    now: datetime,
) -> Start:
    """By the agreement it will be sent on; by none where that cannot be said yet, for its refusal says why."""
    if RULES[kind].procedure not in PROCEDURES:
        return Start()
    try:
        members = registry.header_members(payload, parent=None)
        fit = _fit(submission, members, directory, sender, to, parent=None, now=now)
        agreement = directory.agreement(fit.agreement)
    except (Unfit, Rejected):
        return Start()
    text = pin(agreement.profile, directory.partner(to[0]).state, now.date(), test=sender.test)
    return Start(text, pinned(text))


def _parent(payload: Mapping[str, Any], submission: Submission, cases: Cases, kind: str) -> Parent | None:
    answered, rule = _text(payload, "in_reply_to"), RULES[kind]
    if not answered or not rule.replies_to:
        return None  # the registry says what is missing, or too much
    found = cases.parent(answered, submission.to[0] if len(submission.to) == 1 else None, rule.answers)
    if found is None:
        raise unfit("UNKNOWN_PARENT", "/in_reply_to")
    return found


def _check_recipients(kind: str, to: tuple[str, ...], directory: Directory, partner: str) -> None:
    if not to:
        raise unfit("FIELD_MISSING", "/to")
    if len(set(to)) != len(to):
        raise unfit("RECIPIENTS_MISMATCH", "/to")
    for at, one in enumerate(to):
        if one == partner or not directory.knows(one):
            raise unfit("RECIPIENT_UNKNOWN", f"/to/{at}")
    rule = RULES.get(kind)
    if rule is None or (len(to) > 1 and (rule.about_person or not rule.many_recipients)):
        raise unfit("KIND_NOT_ALLOWED", "/to")


def _fit(
    submission: Submission,
    members: HeaderMembers,
    directory: Directory,
    sender: PartnerRecord,
    to: tuple[str, ...],
    *,
    parent: Parent | None,
    now: datetime,
) -> Fit:
    """The one way that is left."""
    named = Fit(submission.agreement or "", submission.role or "", submission.basis or "")
    if all(named):
        return named
    ways: list[Fit] | None = None
    for one in to:
        recipient = directory.partner(one)
        found = fitting(
            directory.agreements.values(),
            kind=members.kind,
            purpose=members.purpose,
            sender_state=sender.state,
            sender_roles=sender.roles,
            recipient_state=recipient.state,
            recipient_roles=recipient.roles,
            on=now.date(),
        )
        ways = [way for way in found if ways is None or way in ways]
    left = [way for way in ways or () if all(not want or want == has for want, has in zip(named, way, strict=True))]
    if parent is not None and not named.agreement:
        left = [way for way in left if way.agreement == parent.agreement] or left
    if not left:
        raise unfit("NO_AGREEMENT", "/agreement")
    for at, name in enumerate(Fit._fields):
        if len({way[at] for way in left}) > 1:
            raise unfit("FIELD_MISSING", f"/{name}")
    return left[0]


def _files(payload: Mapping[str, Any], submission: Submission) -> tuple[AttachmentRef, ...]:
    """Every file once, in the order in which the payload first names it; all are there, and no other."""
    files: dict[str, AttachmentRef] = {}
    for one in registry.attachments(payload):
        if one.sha256 not in submission.attachments:
            raise unfit("ATTACH_HASH", one.path)
        if files.setdefault(one.sha256, one).size != one.size:
            raise unfit("ATTACH_HASH", one.path)
    if len(files) != len(submission.attachments):
        raise unfit("ATTACH_HASH", "")
    return tuple(files.values())


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""
