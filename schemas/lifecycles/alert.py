"""Alert: a warning about false documents, in force until its date unless it is withdrawn before (domain.md 12).

Nobody has to act on it. Only who issued it may amend, confirm or withdraw it, and everybody who got it is told.
"""

from types import MappingProxyType

from schemas.lifecycles.procedure import KindRule, Procedure, State

ALERT = Procedure(
    name="alert",
    about="An authority warns others of false documents of one model.",
    opening=MappingProxyType({"issued": "issued"}),
    states=MappingProxyType(
        {
            "issued": State(
                MappingProxyType(
                    {"amended": "issued", "confirmed": "confirmed", "withdrawn": "withdrawn", "fed_back": "issued"}
                )
            ),
            "confirmed": State(
                MappingProxyType(
                    {
                        "amended": "confirmed",
                        "confirmed": "confirmed",
                        "withdrawn": "withdrawn",
                        "fed_back": "confirmed",
                    }
                )
            ),
            "withdrawn": State(closed=True),
        }
    ),
    rules=MappingProxyType(
        {
            "doc.alert": KindRule(
                procedure="alert",
                replies_to=(),
                sender_roles=frozenset({"DOC", "BG"}),
                steps=frozenset({"issued"}),
                facts=("valid_until",),
                about_person=False,
                many_recipients=True,
            ),
            "doc.alert.update": KindRule(
                procedure="alert",
                replies_to=("doc.alert",),
                sender_roles=frozenset({"DOC", "BG"}),
                steps=frozenset({"amended", "confirmed", "withdrawn"}),
                about_person=False,
                many_recipients=True,
                answers="own",
                to_all=True,
            ),
            "doc.alert.feedback": KindRule(
                procedure="alert",
                replies_to=("doc.alert", "doc.alert.update"),
                sender_roles=frozenset({"DOC"}),
                steps=frozenset({"fed_back"}),
                about_person=False,
                many_recipients=True,
            ),
        }
    ),
)
