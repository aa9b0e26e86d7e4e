"""A partner's own particulars, version 1: authorities, crossing points, holidays, desk (domain.md 11.4, kind 56).

The protocols have changes told at once. Two persons approve one. Nothing here makes a key valid: keys and roles come
into force through the signed directory alone, and this tells people that a change is on its way.
"""

from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import closed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate
from schemas.parts.message import Message
from schemas.parts.node import Findings, Node
from schemas.parts.stay import BorderPoint, check_border_point

TOLD = ("authorities", "bcps", "holidays", "contact_desk")


class Authority(Block):
    """An authority: what it does, which kinds it takes, by which keys it is known."""

    id: Annotated[str, matching("^[a-z0-9-]{1,40}$")]
    roles: Annotated[list[Annotated[str, closed("role")]], many(longest=11, shortest=1)]
    kinds: Annotated[list[Annotated[str, matching("^[a-z]+([.][a-z_]+){1,3}$")]], many(longest=100)]
    key_ids: Annotated[list[Annotated[str, matching("^[0-9a-f]{64}$")]], many(longest=20)]


class CrossingPoint(Block):
    """A border crossing point."""

    code: BorderPoint
    kind: Annotated[str, closed("bcp_kind")]
    name: Annotated[str, text_of(100)] | None = None
    open: bool | None = None


class Holiday(Block):
    """A day on which offices are closed; with `working`, one on which they are open against the rule."""

    date: CivilDate
    working: bool | None = None
    name: Annotated[str, text_of(100)] | None = None


class ContactDesk(Block):
    """How the desk is reached; no person's own address."""

    phone: Annotated[str, matching("^[+][0-9]{4,15}$")] | None = None
    email: Annotated[str, matching("^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}([.][A-Za-z0-9-]{1,63}){1,8}$")] | None = (
        None
    )
    hours: Annotated[str, text_of(100)] | None = None


class DirectoryUpdate(Message):
    """Tells a partner of a change."""

    kind: Literal["directory.update"]
    authorities: Annotated[list[Authority], many(longest=200)] | None = None
    bcps: Annotated[list[CrossingPoint], many(longest=500)] | None = None
    holidays: Annotated[list[Holiday], many(longest=400)] | None = None
    contact_desk: ContactDesk | None = None
    approved_by: Annotated[list[Annotated[str, matching("^[A-Za-z0-9-]{1,40}$")]], many(longest=2, shortest=2)]


def check_directory_update(message: Node, context: CheckContext) -> Findings:
    """Something is told; two different persons approved it; crossing points are the sender's own."""
    if not any(message[name].items or message[name].members for name in TOLD):
        yield message["authorities"].finding("FIELD_MISSING")
    approvers = message["approved_by"]
    if len(approvers.items) == 2 and len(set(approvers.texts)) == 1:
        yield approvers.items[1].finding("FIELD_RANGE")
    for point in message["bcps"].items:
        yield from check_border_point(point["code"], context.sender_state)
    for name in ("authorities", "bcps", "holidays"):
        yield from _twice(message[name])


def _twice(entries: Node) -> Findings:
    """FIELD_RANGE at an entry that says again what another says."""
    known = set()
    for entry in entries.items:
        for name in ("id", "code", "date"):
            node = entry[name]
            if node.text is not None and (name, node.text) in known:
                yield node.finding("FIELD_RANGE")
            known.add((name, node.text))


KINDS = (Kind("directory.update", DirectoryUpdate, check_directory_update, always("notified")),)
