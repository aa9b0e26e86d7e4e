"""Cases, version 1: withdrawing one, and asking where one stands (domain.md 11.4 and 11.6, kinds 45 to 47).

None of these says a name, a day of birth, or why: why a case is withdrawn or suspended is never sent, for a matter of
asylum could be inferred from it (domain.md 12, SG1).
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.kinds.kind import Kind, always, no_rules
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import listed
from schemas.parts.dates import CivilDate
from schemas.parts.message import Answer, Message, MessageId


class CaseWithdraw(Answer):
    """Takes back what opened a case."""

    kind: Literal["case.withdraw"]


class CaseStatusQuery(Message):
    """Asks a party where a case stands with it; the message is one of that case."""

    kind: Literal["case.status.query"]
    message_id: MessageId


class NextClock(Block):
    """What is due next: the last day on which it is in time, and how it was counted."""

    name: Annotated[str, matching("^[a-z][a-z_]{0,39}$")]
    due: CivilDate
    basis: Annotated[str, listed("CD", "WD")]


class Counts(Block):
    """How many messages the case has here."""

    sent: Annotated[int, Field(ge=0, le=100_000)]
    received: Annotated[int, Field(ge=0, le=100_000)]


class CaseStatusReport(Answer):
    """Says where a case stands; no names, no days of birth, no reasons."""

    kind: Literal["case.status.report"]
    case_ref: Annotated[str, text_of(60)]
    domain: Annotated[
        str,
        listed("DOCUMENT", "CIVIL", "VISA", "OVERSTAY", "EXIT", "IDENTIFICATION", "READMISSION", "TRANSIT"),
    ]
    state: Annotated[str, matching("^[a-z][a-z_]{0,39}$")]
    next_clock: NextClock | None = None
    flags: Annotated[list[Annotated[str, listed("OVERDUE", "LATE", "SUSPENDED")]], many(longest=3)] | None = None
    counts: Counts | None = None


KINDS = (
    Kind("case.withdraw", CaseWithdraw, no_rules, always("withdrawn")),
    Kind("case.status.query", CaseStatusQuery, no_rules, always("requested")),
    Kind("case.status.report", CaseStatusReport, no_rules, always("answered")),
)
