"""What stands beside a case of any procedure: withdrawal, corrections, reports of use and of errors (domain.md 10).

These kinds have no life cycle of their own. `joined` puts their moves into the table of each procedure, so that the
tables still hold every move there is. A withdrawal closes an open case that is not settled yet; everything else leaves
a case where it stands, a closed one too: data has to be put right, and its use told, long after the matter has ended.

Which kinds they may refer to is known only when all tables are: `schemas.lifecycles` fills it in.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from schemas.lifecycles.procedure import KindRule, Procedure, State
from schemas.parts.roles import ROLES

ANY: Final = "any"
"""Stands for the procedure of a rule that has none of its own."""

WITHDRAWN: Final = "withdrawn"

_EVERYBODY: Final = frozenset(ROLES)

OPENER = MappingProxyType(
    {
        "case.withdraw": KindRule(
            procedure=ANY,
            replies_to=(),
            sender_roles=_EVERYBODY,
            steps=frozenset({WITHDRAWN}),
            about_person=False,
            answers="own",
            beside=True,
        )
    }
)
"""Kinds that refer to the message that opened the case."""

ANYBODY = MappingProxyType(
    {
        "data.correction": KindRule(
            procedure=ANY,
            replies_to=(),
            sender_roles=_EVERYBODY,
            steps=frozenset({"correction"}),
            about_person=False,
            many_recipients=True,
            answers="either",
            beside=True,
        ),
        "use.report.request": KindRule(
            procedure=ANY,
            replies_to=(),
            sender_roles=_EVERYBODY,
            steps=frozenset({"use_asked"}),
            about_person=False,
            answers="own",  # who gave the data asks what became of it
            beside=True,
        ),
        "error.report": KindRule(
            procedure=ANY,
            replies_to=(),
            sender_roles=_EVERYBODY,
            steps=frozenset({"error_reported"}),
            about_person=False,
            beside=True,
        ),
    }
)
"""Kinds that refer to any message of the case."""

ANSWERS = MappingProxyType(
    {
        "data.correction.done": KindRule(
            procedure=ANY,
            replies_to=("data.correction",),
            sender_roles=_EVERYBODY,
            steps=frozenset({"correction_done"}),
            about_person=False,
            beside=True,
        ),
        "use.report": KindRule(
            procedure=ANY,
            replies_to=("use.report.request",),
            sender_roles=_EVERYBODY,
            steps=frozenset({"use_told"}),
            about_person=False,
            beside=True,
        ),
    }
)
"""Kinds that answer one of those."""

LEAVES: Final = tuple(sorted(step for rules in (ANYBODY, ANSWERS) for rule in rules.values() for step in rule.steps))
"""The steps that leave a case where it stands."""


def joined(procedure: Procedure) -> Procedure:
    """The procedure with the moves of this module.

    A state `withdrawn` that it has already is kept; where no open state leads to one, none is made.
    """
    states = dict(procedure.states)
    if not all(state.closed or state.settled for state in states.values()):
        states.setdefault(WITHDRAWN, State(closed=True))
    return replace(
        procedure, states=MappingProxyType({name: _with_moves(name, state) for name, state in states.items()})
    )


def _with_moves(name: str, state: State) -> State:
    moves = dict(state.moves) if state.closed or state.settled else {**state.moves, WITHDRAWN: WITHDRAWN}
    return replace(state, moves=MappingProxyType(moves | dict.fromkeys(LEAVES, name)))


def rules(others: Mapping[str, KindRule]) -> Mapping[str, KindRule]:
    """The rules of this module, once those of all procedures are known.

    What went to several is not withdrawn this way, for a withdrawal has one recipient; alerts have updates.
    """
    opening = tuple(name for name, rule in others.items() if not rule.replies_to and not rule.many_recipients)
    every = (*others, *OPENER, *ANYBODY, *ANSWERS)
    return MappingProxyType(
        {name: replace(rule, replies_to=opening) for name, rule in OPENER.items()}
        | {name: replace(rule, replies_to=every) for name, rule in ANYBODY.items()}
        | dict(ANSWERS)
    )
