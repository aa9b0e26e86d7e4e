"""Suspension: any open state can be held, and gone on from where it stood (domain.md 12).

No message of the catalogue says that a case is suspended, and none ever says why: a court, a wish for protection, or an
agreement that one party has suspended. `suspendable` gives each open state a twin, `suspended/NAME`, so that the table
still holds every move there is. In a twin the legal clocks run on and the other side's answers are taken; what would
carry the person's case forward is held back until `resumed`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.lifecycles.procedure import State

SUSPENDED: Final = "suspended"
RESUMED: Final = "resumed"


def suspendable(states: Mapping[str, State], *, held: frozenset[str]) -> Mapping[str, State]:
    """The states with a twin for each open one.

    Args:
        states: name -> state.
        held: the steps that a suspended case does not take.
    """
    opened = {name for name, state in states.items() if not state.closed}

    def twin(name: str) -> str:
        return f"{SUSPENDED}/{name}" if name in opened else name

    found = {}
    for name, state in states.items():
        if state.closed:
            found[name] = state
            continue
        found[name] = State(
            MappingProxyType({**state.moves, SUSPENDED: twin(name)}),
            state.next_actor,
            clocks=state.clocks,
            late=state.late,
            settled=state.settled,
        )
        found[twin(name)] = State(
            MappingProxyType(
                {step: twin(to) for step, to in state.moves.items() if step not in held} | {RESUMED: name}
            ),
            state.next_actor,
            clocks=MappingProxyType({key: to and twin(to) for key, to in state.clocks.items()}),
            late=state.late,
            settled=state.settled,
        )
    return MappingProxyType(found)
