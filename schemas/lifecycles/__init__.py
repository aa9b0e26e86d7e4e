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
from schemas.lifecycles.checks import CASE_STATUS, CIVIL_CHECK, EXIT_CHECK, SUBJECT_REQUEST, VISA_CHECK, VISA_MISUSE
from schemas.lifecycles.clocks import Clock, correction, next_clock, readable
from schemas.lifecycles.document_check import DOCUMENT_CHECK
from schemas.lifecycles.identification import IDENTIFICATION
from schemas.lifecycles.notices import DIRECTORY_UPDATE, DOCUMENT_NOTICE, MISUSE_PATTERN, STATISTICS
from schemas.lifecycles.overstay import OVERSTAY
from schemas.lifecycles.procedure import Actor, KindRule, Procedure, State, Whose
from schemas.lifecycles.readmission import READMISSION
from schemas.lifecycles.transit import TRANSIT

__all__ = [
    "PROCEDURES", "RULES", "Actor", "Clock", "KindRule", "Procedure", "State", "Whose", "advance", "check_answer",
    "check_facts", "correction", "expire", "is_late", "next_clock",
]  # fmt: skip

PROCEDURES: Mapping[str, Procedure] = MappingProxyType(
    {
        procedure.name: beside.joined(procedure)
        for procedure in (
            DOCUMENT_CHECK,
            ALERT,
            IDENTIFICATION,
            OVERSTAY,
            READMISSION,
            TRANSIT,
            DOCUMENT_NOTICE,
            CIVIL_CHECK,
            VISA_CHECK,
            VISA_MISUSE,
            EXIT_CHECK,
            MISUSE_PATTERN,
            CASE_STATUS,
            SUBJECT_REQUEST,
            DIRECTORY_UPDATE,
            STATISTICS,
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


def expire(procedure: str, state: str, clock: str) -> str:
    """The state a case is in once the time of a profile's key has ended; the same where nothing follows by itself.

    Args:
        procedure: the case's.
        state: where the case stands.
        clock: the key of the agreement's profile.

    Raises:
        Rejected: STEP_NOT_ALLOWED at `/ixmstep`: no such time runs there.
    """
    try:
        return PROCEDURES[procedure].states[state].clocks[clock] or state
    except KeyError as error:
        raise Rejected("STEP_NOT_ALLOWED", "/ixmstep") from error


def is_late(procedure: str, state: str, step: str) -> bool:
    """Whether a step that may be taken comes too late to change anything, and is flagged LATE."""
    table = PROCEDURES.get(procedure)
    return table is not None and state in table.states and step in table.states[state].late


def check_answer(
    rule: KindRule,
    parent_kind: str,
    *,
    parent_source: str,
    parent_to: Collection[str],
    source: str,
    to: Collection[str],
    opener: str | None = None,
) -> None:
    """The message may refer to that one.

    Args:
        rule: the kind's.
        parent_kind: the kind of the message referred to.
        parent_source: who sent that one.
        parent_to: whom it went to.
        source: who refers to it.
        to: whom that goes to.
        opener: who opened the case; a kind that one side alone may send is judged by it.

    Raises:
        Rejected: STEP_NOT_ALLOWED at `/ixmref`, also for the wrong side; KIND_NOT_ALLOWED at `/ixmto` where not all are
            told who must be.
    """
    whose = {"own": source == parent_source, "received": source in parent_to}
    allowed = any(whose.values()) if rule.answers == "either" else whose[rule.answers]
    wrong_side = opener is not None and rule.by is not None and (rule.by == "opener") != (source == opener)
    if parent_kind not in rule.replies_to or not allowed or wrong_side:
        raise Rejected("STEP_NOT_ALLOWED", "/ixmref")
    if rule.to_all and not {parent_source, *parent_to} - {source} <= set(to):
        raise Rejected("KIND_NOT_ALLOWED", "/ixmto")


def check_facts(rule: KindRule, facts: Mapping[str, str]) -> None:
    """The header gives the facts its kind gives, each in a form that a clock can be set by.

    Args:
        rule: the kind's.
        facts: the header's `ixmfacts`.

    Raises:
        Rejected: HEADER_INVALID at `/ixmfacts`.
    """
    must, may = set(rule.facts), {*rule.facts, *rule.may_facts}
    if not must <= set(facts) <= may or not all(readable(name, value) for name, value in facts.items()):
        raise Rejected("HEADER_INVALID", "/ixmfacts")
