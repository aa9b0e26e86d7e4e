"""Readmission: from the application to the hand-over and the time for error claims (domain.md 12).

What is drafted never reaches the hub. The other states follow the treaties' steps; what ends by time alone stands in
`clocks` under the key of the agreement's profile (11.5), and the clock keeper moves a case by it. The time for an
answer runs from the receipt, whatever is asked meanwhile: questions, interviews and extensions stop nothing.

- A decision is taken even after its time, as long as nobody has claimed consent by silence; after a claim it is late:
  it is kept, flagged, and reverses nothing without the other side.
- A failed transfer may be notified again while the time for transfers runs.
- Either side may report the end of a transfer, so the same report may come twice.
- Every way not to be handed over is the one event `not_handed_over`, and a conditional yes the event `accepted`: the
  hub must not tell them apart (settled.md, Header).
- Nobody withdraws a case after the hand-over, for that would cut off the other side's claim of error.
- A refusal ends the case; a new application, with new evidence, is a case of its own.
- `communicated` is the short case of somebody with a valid document: the communication is the notice as well.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.lifecycles.procedure import Actor, KindRule, Procedure, State
from schemas.lifecycles.suspension import suspendable

REQUESTING: Final = frozenset({"RET", "MIG", "POL", "BG"})
"""Roles that return persons."""

REQUESTED: Final = frozenset({"RET", "MIG", "POL", "BG", "CON"})
"""Roles that answer for a requested state."""

_DECISIONS: Final = {"accepted": "accepted", "refused": "refused"}
_LATE: Final = frozenset(_DECISIONS)
_MORE_TIME: Final = ("extension_requested", "extension_granted", "extension_refused")
_ANSWER: Final = {"reply_limit": "silent_expired"}
_TRANSFER: Final = {"transfer_limit": "window_expired"}


def _state(
    name: str,
    moves: Mapping[str, str],
    *,
    actor: Actor | None = None,
    clocks: Mapping[str, str | None] | None = None,
    late: frozenset[str] = frozenset(),
    settled: bool = False,
) -> tuple[str, State]:
    """One open state; more time may be asked for where an answer or a transfer is due; a late step changes nothing."""
    extended = _MORE_TIME if {"reply_limit", "transfer_limit"} & set(clocks or ()) else ()
    stays = dict.fromkeys((*extended, *sorted(late)), name)
    return name, State(
        MappingProxyType(stays | dict(moves)),
        actor,
        clocks=MappingProxyType(dict(clocks or {})),
        late=late,
        settled=settled,
    )


def _examined(name: str, **moves: str) -> tuple[str, State]:
    """A state in which the requested state examines the application; only what differs is named."""
    questions = {"info_requested": "info_requested", "interview_planned": "interview_planned", "acknowledged": name}
    return _state(name, questions | _DECISIONS | moves, actor="recipients", clocks=_ANSWER)


def _consented(name: str, moves: Mapping[str, str], actor: Actor, **clocks: str | None) -> tuple[str, State]:
    """A state after consent and before a transfer; a decision that comes here is late."""
    return _state(name, moves, actor=actor, clocks=_TRANSFER | clocks, late=_LATE)


_STATES: Final = dict(
    (
        _examined(
            "sent",
            acknowledged="verifying",
            acknowledged_incomplete="received",
        ),
        _examined("received", acknowledged="verifying", info_supplied="verifying"),
        _examined("verifying"),
        _state(
            "info_requested",
            {"info_requested": "info_requested", "info_supplied": "info_supplied"}
            | {"interview_planned": "interview_planned", "acknowledged": "info_requested"}
            | _DECISIONS,
            actor="opener",
            clocks=_ANSWER,
        ),
        _examined("info_supplied", info_supplied="info_supplied"),
        _examined(
            "interview_planned",
            info_requested="interview_planned",
            info_supplied="interview_planned",
            interview_held="interview_held",
        ),
        _examined("interview_held", info_requested="interview_held", info_supplied="interview_held"),
        _state(
            "silent_expired",
            {"tacit_claimed": "tacit_claimed", "extension_granted": "verifying", "extension_refused": "silent_expired"}
            | _DECISIONS,
            actor="opener",
        ),
        _state(
            "accepted",
            {"td_requested": "td_requested", "td_issued": "td_issued", "td_substituted": "td_substituted"},
            actor="opener",
            clocks=_TRANSFER,
        ),
        _consented(
            "tacit_claimed",
            {"td_requested": "td_requested", "td_issued": "td_issued", "td_substituted": "td_substituted"},
            "opener",
        ),
        _consented(
            "td_requested", {"td_issued": "td_issued", "td_substituted": "td_substituted"}, "recipients", td_limit=None
        ),
        _consented(
            "td_issued",
            {"transfer_notified": "transfer_notified", "td_requested": "td_requested", "td_issued": "td_issued"},
            "opener",
            td_validity=None,
        ),
        _consented("td_substituted", {"transfer_notified": "transfer_notified", "td_issued": "td_issued"}, "opener"),
        _state(
            "transfer_notified",
            {
                "transfer_acknowledged": "transfer_acknowledged",
                "transfer_obstructed": "transfer_failed",
                "handed_over": "handed_over",
                "not_handed_over": "transfer_failed",
            },
            actor="recipients",
            clocks={"transfer_limit": None},
            late=_LATE,
        ),
        _state(
            "transfer_acknowledged",
            {
                "transfer_obstructed": "transfer_failed",
                "handed_over": "handed_over",
                "not_handed_over": "transfer_failed",
            },
            actor="opener",
            clocks={"transfer_limit": None},
            late=_LATE,
        ),
        _consented(
            "transfer_failed",
            {
                "transfer_notified": "transfer_notified",
                "not_handed_over": "transfer_failed",
                "td_requested": "td_requested",
                "td_issued": "td_issued",
                "td_substituted": "td_substituted",
            },
            "opener",
        ),
        _state(
            "communicated",
            {
                "transfer_notified": "transfer_notified",
                "transfer_acknowledged": "transfer_acknowledged",
                "transfer_obstructed": "transfer_failed",
                "handed_over": "handed_over",
                "not_handed_over": "transfer_failed",
            },
            actor="recipients",
        ),
        _state(
            "handed_over",
            {"handed_over": "handed_over", "error_claimed": "error_claimed"},
            clocks={"error_limit": "closed"},
            settled=True,
        ),
        _state(
            "error_claimed",
            {"taken_back": "taken_back", "error_rejected": "error_rejected"},
            actor="opener",
            settled=True,
        ),
        ("refused", State(closed=True)),
        ("window_expired", State(closed=True)),
        ("closed", State(closed=True)),
        ("taken_back", State(closed=True)),
        ("error_rejected", State(closed=True)),
    )
)


def _rule(
    *replies_to: str,
    steps: tuple[str, ...],
    roles: frozenset[str] = REQUESTING | REQUESTED,
    by: Actor | None = None,
    own: bool | None = False,
    facts: tuple[str, ...] = (),
    may_facts: tuple[str, ...] = (),
) -> KindRule:
    """A rule of this procedure. `own`: it refers to a message of its sender's own; None: or to one received."""
    return KindRule(
        procedure="readmission",
        replies_to=replies_to,
        sender_roles=roles,
        steps=frozenset(steps),
        facts=facts,
        may_facts=may_facts,
        by=by,
        answers="either" if own is None else "own" if own else "received",
    )


_CONSENTS: Final = ("readm.decision", "readm.tacit.claim")
_NOTICES: Final = ("transfer.notice", "readm.communication")

READMISSION = Procedure(
    name="readmission",
    about="A state asks another to take a person back; the other decides, and the person is handed over.",
    opening=MappingProxyType({"applied": "sent", "communicated": "communicated"}),
    states=suspendable(
        _STATES,
        held=frozenset({"tacit_claimed", "td_requested", "td_substituted", "transfer_notified", "interview_planned"}),
    ),
    rules=MappingProxyType(
        {
            "readm.application": _rule(
                steps=("applied",), roles=REQUESTING, by="opener", facts=("procedure", "variant", "known_on")
            ),
            "readm.ack": _rule(
                "readm.application",
                steps=("acknowledged", "acknowledged_incomplete"),
                roles=REQUESTED,
                by="recipients",
                facts=("event_on",),
            ),
            "readm.info.request": _rule(
                "readm.application", steps=("info_requested",), own=None, may_facts=("valid_until",)
            ),
            "readm.info.supply": _rule("readm.info.request", steps=("info_supplied",)),
            "readm.extension.request": _rule(
                "readm.application", *_CONSENTS, steps=("extension_requested",), own=None, may_facts=("valid_until",)
            ),
            "readm.extension.answer": _rule(
                "readm.extension.request",
                steps=("extension_granted", "extension_refused"),
                may_facts=("valid_until",),
            ),
            "readm.decision": _rule(
                "readm.application", steps=("accepted", "refused"), roles=REQUESTED, by="recipients"
            ),
            "readm.interview.plan": _rule(
                "readm.application",
                "ident.request",
                steps=("interview_planned",),
                roles=REQUESTED,
                by="recipients",
                facts=("event_on",),
            ),
            "readm.interview.result": _rule(
                "readm.application", "ident.request", steps=("interview_held",), roles=REQUESTED, by="recipients"
            ),
            "readm.tacit.claim": _rule(
                "readm.application",
                steps=("tacit_claimed",),
                roles=REQUESTING,
                by="opener",
                own=True,
                facts=("event_on",),
            ),
            "readm.td.request": _rule(
                *_CONSENTS, steps=("td_requested", "td_substituted"), roles=REQUESTING, by="opener", own=None
            ),
            "readm.td.issued": _rule(
                *_CONSENTS,
                "readm.td.request",
                steps=("td_issued",),
                roles=REQUESTED,
                by="recipients",
                own=None,
                facts=("valid_until",),
            ),
            "readm.communication": _rule(steps=("communicated",), roles=REQUESTING, by="opener", facts=("event_on",)),
            "transfer.notice": _rule(
                *_CONSENTS,
                "readm.communication",
                steps=("transfer_notified",),
                roles=REQUESTING,
                by="opener",
                own=None,
                facts=("event_on",),
            ),
            "transfer.ack": _rule(*_NOTICES, steps=("transfer_acknowledged",), roles=REQUESTED, by="recipients"),
            "transfer.obstacle": _rule(*_NOTICES, steps=("transfer_obstructed",), roles=REQUESTED, by="recipients"),
            "transfer.result": _rule(
                *_NOTICES, steps=("handed_over", "not_handed_over"), own=None, may_facts=("event_on",)
            ),
            "readm.error.claim": _rule(
                "transfer.result",
                steps=("error_claimed",),
                roles=REQUESTED,
                by="recipients",
                own=None,
                facts=("event_on",),
            ),
            "readm.error.answer": _rule(
                "readm.error.claim", steps=("taken_back", "error_rejected"), roles=REQUESTING, by="opener"
            ),
        }
    ),
)
