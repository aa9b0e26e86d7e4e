"""An officer's decision about a held submission: released, or refused, by whom and why.

Guarantees that a decision, its entry in the journal and the message's new state are one transaction, also beside a
serving edge; that a release runs every other check at that moment, and a message that meanwhile may not go is refused;
that a text which nobody was shown (the rules have changed) is not released with the others; and, with `release_by_two`,
that two different people have said so. Names and reasons stay in the journal: no channel, partner, hub or log has them.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from adapters.contract import Refused, Submission
from adapters.edge.holds import Hold
from adapters.edge.journal import Entry, append
from adapters.edge.submission import HOLD, Judged, Unfit, judge
from adapters.edge.wiring import Edge
from keys.directory.directory import Directory
from schemas import registry
from schemas.errors import Finding, Rejected
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

NAME_MAX = 200
REASON_MAX = 2000


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a held submission.

    Attributes:
        id: the message's.
        state: `released`; `agreed`, a second person must release it too; `refused` for good; `held` still.
        code, findings: why it was refused, or is held still, where the rules say so. Never values.
    """

    id: str
    state: Literal["released", "agreed", "refused", "held"]
    code: str | None = None
    findings: tuple[Finding, ...] = ()


def release(edge: Edge, message_id: str, *, by: str, reason: str) -> Decision:
    """The officer has looked at the held texts and lets them go.

    Raises:
        Rejected: NOT_FOUND, it is not held; FIELD_MISSING, FIELD_LENGTH, NAME_CONTROL_CHAR, REASON_REQUIRED;
            SAME_PERSON; DIRECTORY_INVALID, LOG_INCONSISTENT. Nothing was decided.
        Unavailable: nothing was decided.
    """
    by, reason = _words(by, reason)
    edge.monitor.check_trusted()
    directory = edge.directories.current
    with _deciding(edge):
        return _release(edge, edge.holds.find(message_id), directory, by, reason)


def refuse(edge: Edge, message_id: str, *, by: str, reason: str) -> Decision:
    """The officer has looked at the held texts; the message is never sent. One person suffices.

    Raises:
        Rejected: as `release`, but that needs no directory and no trust in the log.
        Unavailable: nothing was decided.
    """
    by, reason = _words(by, reason)
    with _deciding(edge):
        hold = edge.holds.find(message_id)
        _end(edge, hold, HOLD, Entry(edge.now(), "refused", hold.id, by, reason, HOLD, hold.places))
        return Decision(hold.id, "refused", HOLD, hold.findings)


@contextmanager
def _deciding(edge: Edge) -> Iterator[None]:
    with transaction(edge.connection):
        yield
        reach("edge.holds.before_commit")
    reach("edge.holds.committed")
    edge.bells.outbox.ring()
    edge.bells.progress.ring()


def _release(edge: Edge, hold: Hold, directory: Directory, by: str, reason: str) -> Decision:
    now = edge.now()
    if edge.settings.release_by_two and hold.agreed_by is not None and _same(hold.agreed_by, by):
        raise Rejected("SAME_PERSON", "/by")
    judged = _judged(edge, hold, directory)
    if isinstance(judged, Refused):
        _end(edge, hold, judged.code, Entry(now, "stopped", hold.id, by, reason, judged.code, hold.places))
        return Decision(hold.id, "refused", judged.code, judged.findings)
    if not {one.path for one in judged.held} <= set(hold.places):
        edge.holds.held_elsewhere(hold, judged.held, now)
        return Decision(hold.id, "held", HOLD, judged.held)
    if edge.settings.release_by_two and hold.agreed_by is None:
        edge.holds.agreed(hold, by)
        append(edge.connection, Entry(now, "agreed", hold.id, by, reason, places=hold.places))
        return Decision(hold.id, "agreed")
    plan = judged.plan if judged.plan.reference is not None else replace(judged.plan, case_handle=hold.plan.case_handle)
    edge.outbox.released(hold.seq, plan)
    edge.holds.over(hold)
    append(edge.connection, Entry(now, "released", hold.id, by, reason, places=hold.places))
    log.info("hold.released", kind=hold.kind)
    return Decision(hold.id, "released")


def _end(edge: Edge, hold: Hold, code: str, entry: Entry) -> None:
    edge.outbox.refused(hold.seq, code, None)
    edge.holds.over(hold)
    append(edge.connection, entry)
    edge.metrics.refusal(code)
    log.info("hold.refused", kind=hold.kind, code=code)


def _judged(edge: Edge, hold: Hold, directory: Directory) -> Judged | Refused:
    """What is found now of the submission as it was offered; its files are those that were kept."""
    files = {name: edge.settings.attachments / name for name in hold.plan.attachments}
    submission = Submission(
        hold.external_id,
        registry.load(hold.payload),
        tuple(hold.asked["to"]),
        {name: path for name, path in files.items() if path.exists()},
        agreement=hold.asked["agreement"],
        basis=hold.asked["basis"],
        role=hold.asked["role"],
    )
    try:
        return judge(
            submission,
            directory,
            edge.partner,
            edge.cases,
            now=edge.now(),
            live=edge.settings.live,
            test_only=edge.settings.test_clock,
        )
    except Unfit as refusal:
        return refusal.refused


def _words(by: str, reason: str) -> tuple[str, str]:
    """A name and a reason that can be read later. Raises Rejected."""
    by, reason = " ".join(by.split()), reason.strip()
    if not by:
        raise Rejected("FIELD_MISSING", "/by")
    if not reason:
        raise Rejected("REASON_REQUIRED", "/reason")
    for path, text, most in (("/by", by, NAME_MAX), ("/reason", reason, REASON_MAX)):
        if len(text) > most:
            raise Rejected("FIELD_LENGTH", path)
        if any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co"} and one != "\n" for one in text):
            raise Rejected("NAME_CONTROL_CHAR", path)
    return by, reason


def _same(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are written."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
