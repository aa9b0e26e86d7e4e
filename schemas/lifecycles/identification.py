"""Identification: is this person yours (domain.md 12)?

A readmission that follows is a life cycle of its own. Every outcome is the one event `answered`; which it was stands in
the sealed payload. The consulate may speak with the person first, by the kinds of readmission. An answer that asks for
more ends the question too: the requester asks anew, with more.
"""

from types import MappingProxyType

from schemas.lifecycles.procedure import KindRule, Procedure, State

IDENTIFICATION = Procedure(
    name="identification",
    about="An authority asks the state of presumed nationality who a person is.",
    opening=MappingProxyType({"requested": "requested"}),
    states=MappingProxyType(
        {
            "requested": State(
                MappingProxyType({"answered": "answered", "interview_planned": "interview_planned"}),
                next_actor="recipients",
            ),
            "interview_planned": State(
                MappingProxyType(
                    {
                        "answered": "answered",
                        "interview_planned": "interview_planned",
                        "interview_held": "interview_held",
                    }
                ),
                next_actor="recipients",
            ),
            "interview_held": State(
                MappingProxyType({"answered": "answered", "interview_planned": "interview_planned"}),
                next_actor="recipients",
            ),
            "answered": State(closed=True),
        }
    ),
    rules=MappingProxyType(
        {
            "ident.request": KindRule(
                procedure="identification",
                replies_to=(),
                sender_roles=frozenset({"RET", "MIG"}),
                steps=frozenset({"requested"}),
            ),
            "ident.reply": KindRule(
                procedure="identification",
                replies_to=("ident.request",),
                sender_roles=frozenset({"CON", "MIG"}),
                steps=frozenset({"answered"}),
            ),
        }
    ),
)
