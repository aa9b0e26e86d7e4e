"""Life cycles: one table a procedure, and the one function that moves a case by it.

Guarantees that a case is only ever where its table says one can be: `advance` refuses every move the table does not
hold. `RULES` gives for each kind its procedure, what it answers, who may send it, its events and its facts; it agrees
with `schemas.registry.KINDS` (a test holds both together) but needs no payload model, so the blind hub reads it alone.
"""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.errors import Rejected
from schemas.lifecycles.alert import ALERT
from schemas.lifecycles.clocks import Clock, next_clock, readable
from schemas.lifecycles.document_check import DOCUMENT_CHECK
from schemas.lifecycles.identification import IDENTIFICATION
from schemas.lifecycles.overstay import OVERSTAY
from schemas.lifecycles.procedure import Actor, KindRule, Procedure, State

__all__ = [
    "PROCEDURES", "RULES", "Actor", "Clock", "KindRule", "Procedure", "State", "advance", "check_facts", "next_clock",
]  # fmt: skip

PROCEDURES: Mapping[str, Procedure] = MappingProxyType(
    {procedure.name: procedure for procedure in (DOCUMENT_CHECK, ALERT, IDENTIFICATION, OVERSTAY)}
)

RULES: Mapping[str, KindRule] = MappingProxyType(
    {kind: rule for procedure in PROCEDURES.values() for kind, rule in procedure.rules.items()}
)


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
