"""Whether something comes in the time that the agreement's profile gives; without a profile nothing is found."""

from schemas.errors import Severity
from schemas.parts import case
from schemas.parts.context import CheckContext
from schemas.parts.node import Findings, Node


def late(begins: Node, key: str, context: CheckContext) -> bool:
    """Whether the time that runs from an event has passed."""
    start = case.when(begins)
    due = context.profile.due(key, start) if context.profile is not None and start is not None else None
    return due is not None and context.today > due


def check_in_time(begins: Node, key: str, context: CheckContext, severity: Severity) -> Findings:
    """OUT_OF_TIME, where the event stands, once its time has passed."""
    if late(begins, key, context):
        yield begins.finding("OUT_OF_TIME", severity)


def check_lead(event: Node, key: str, context: CheckContext) -> Findings:
    """LEAD_TOO_SHORT for a notice that the agreement wants earlier before the event; a preferred lead only warns."""
    if late(event, key, context) and context.profile is not None:
        yield event.finding("LEAD_TOO_SHORT", "warning" if context.profile.preferred(key) else "error")
