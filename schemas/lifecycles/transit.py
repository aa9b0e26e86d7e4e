"""Transit: leave to bring a person through a state (domain.md 12).

Silence is never leave. Consent may be withdrawn until the person is through; the requesting state then takes the person
back. The time for an answer and for the journey are the agreement's (`transit_reply_limit`, `transit_limit`).
"""

from types import MappingProxyType

from schemas.lifecycles.procedure import KindRule, Procedure, State
from schemas.lifecycles.readmission import REQUESTED, REQUESTING
from schemas.lifecycles.suspension import suspendable

TRANSIT = Procedure(
    name="transit",
    about="A state asks leave to bring a person through another; the other allows it, and may take that back.",
    opening=MappingProxyType({"applied": "applied"}),
    states=suspendable(
        {
            "applied": State(
                MappingProxyType({"consented": "consented", "refused": "refused"}),
                next_actor="recipients",
                clocks=MappingProxyType({"transit_reply_limit": None}),
            ),
            "consented": State(
                MappingProxyType({"performed": "performed", "revoked": "revoked"}),
                next_actor="opener",
                clocks=MappingProxyType({"transit_limit": "window_expired"}),
            ),
            "revoked": State(MappingProxyType({"taken_back": "taken_back"}), next_actor="opener", settled=True),
            "refused": State(closed=True),
            "performed": State(closed=True),
            "taken_back": State(closed=True),
            "window_expired": State(closed=True),
        },
        held=frozenset(),
    ),
    rules=MappingProxyType(
        {
            "transit.application": KindRule(
                procedure="transit",
                replies_to=(),
                sender_roles=REQUESTING,
                steps=frozenset({"applied"}),
                facts=("event_on",),
                by="opener",
            ),
            "transit.decision": KindRule(
                procedure="transit",
                replies_to=("transit.application",),
                sender_roles=REQUESTED,
                steps=frozenset({"consented", "refused"}),
                may_facts=("event_on",),
                by="recipients",
            ),
            "transit.revoke": KindRule(
                procedure="transit",
                replies_to=("transit.decision",),
                sender_roles=REQUESTED,
                steps=frozenset({"revoked"}),
                facts=("event_on",),
                answers="own",
                by="recipients",
            ),
            "transit.result": KindRule(
                procedure="transit",
                replies_to=("transit.decision", "transit.revoke"),
                sender_roles=REQUESTING | REQUESTED,
                steps=frozenset({"performed", "taken_back"}),
                answers="either",
            ),
        }
    ),
)
