"""Life cycles: one table a procedure, and the one function that moves a case by it.

Guarantees that a case is only ever where its table says one can be: `advance` refuses every move the table does not
hold. `RULES` gives for each kind its procedure, what it answers, who may send it, its events and its facts; it agrees
with `schemas.registry.KINDS` (a test holds both together) but needs no payload model, so the blind hub reads it alone.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from schemas.errors import Rejected
from schemas.lifecycles import beside
from schemas.lifecycles.alert import ALERT
from schemas.lifecycles.clocks import Clock, next_clock, readable
from schemas.lifecycles.document_check import DOCUMENT_CHECK
from schemas.lifecycles.identification import IDENTIFICATION
from schemas.lifecycles.overstay import OVERSTAY
from schemas.lifecycles.procedure import Actor, KindRule, Procedure, State

__all__ = [
    "PROCEDURES", "RULES", "Actor", "Clock", "KindRule", "Procedure", "State", "advance", "check_answer", "check_facts",
    "next_clock",
]  # fmt: skip

PROCEDURES: Mapping[str, Procedure] = MappingProxyType(
    {
        procedure.name: beside.joined(procedure)
        for procedure in (
            DOCUMENT_CHECK,
            ALERT,
            IDENTIFICATION,
            OVERSTAY,
        )
    }
)

_OF_PROCEDURES = {kind: rule for procedure in PROCEDURES.values() for kind, rule in procedure.rules.items()}

RULES: Mapping[str, KindRule] = MappingProxyType(_OF_PROCEDURES | dict(beside.rules(_OF_PROCEDURES)))


def advance(procedure: str, state: str | None, step: str) -> str:
    """The state a case is in after a step.

    Args:
        procedure: the case's.
        state: where the case stands; None for one that the step opens.
        step: the header's `ixmstep`.

    Raises:
        Rejected: STEP_NOT_ALLOWED at `/ixmstep`, for every move that no table holds.
    """
    try:
        table = PROCEDURES[procedure]
        return (table.opening if state is None else table.states[state].moves)[step]
    except KeyError as error:
        raise Rejected("STEP_NOT_ALLOWED", "/ixmstep") from error


def check_answer(
    rule: KindRule,
    parent_kind: str,
    *,
    parent_source: str,
    parent_to: Collection[str],
    source: str,
    to: Collection[str],
) -> None:
    """The message may refer to that one.

    Args:
        rule: the kind's.
        parent_kind: the kind of the message referred to.
        parent_source: who sent that one.
        parent_to: whom it went to.
        source: who refers to it.
        to: whom that goes to.

    Raises:
        Rejected: STEP_NOT_ALLOWED at `/ixmref`; KIND_NOT_ALLOWED at `/ixmto` where not all are told who must be.
    """
    whose = {"own": source == parent_source, "received": source in parent_to}
    allowed = any(whose.values()) if rule.answers == "either" else whose[rule.answers]
    if parent_kind not in rule.replies_to or not allowed:
        raise Rejected("STEP_NOT_ALLOWED", "/ixmref")
    if rule.to_all and not {parent_source, *parent_to} - {source} <= set(to):
        raise Rejected("KIND_NOT_ALLOWED", "/ixmto")


def check_facts(rule: KindRule, facts: Mapping[str, str]) -> None:
    """The header gives the facts its kind gives, all of them, each in a form that a clock can be set by.

    Args:
        rule: the kind's.
        facts: the header's `ixmfacts`.

    Raises:
        Rejected: HEADER_INVALID at `/ixmfacts`.
    """
    if set(facts) != set(rule.facts) or not all(readable(name, value) for name, value in facts.items()):
        raise Rejected("HEADER_INVALID", "/ixmfacts")
