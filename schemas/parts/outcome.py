"""Outcomes that say more: `"outcome": "X"` with a sibling object of its own, and no other (domain.md 11.6, Shape)."""

from collections.abc import Mapping

from schemas.parts.node import Findings, Node


def check_outcome_object(message: Node, objects: Mapping[str, str]) -> Findings:
    """FIELD_MISSING for the object of the outcome, FIELD_UNKNOWN for that of another.

    Args:
        message: the payload.
        objects: outcome -> the member that stands beside it.
    """
    outcome = message["outcome"].text
    for code, name in objects.items():
        if outcome == code and not message[name].present:
            yield message[name].finding("FIELD_MISSING")
        if outcome is not None and outcome != code and message[name].present:
            yield message[name].finding("FIELD_UNKNOWN")
