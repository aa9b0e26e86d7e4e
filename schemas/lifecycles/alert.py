"""Alert: a warning about false documents, in force until its date (domain.md 12).

Nobody has to act on it, and it is not closed by any message of this version: confirming, amending and withdrawing come
with the kind that does so.
"""

from types import MappingProxyType

from schemas.lifecycles.procedure import KindRule, Procedure, State

ALERT = Procedure(
    name="alert",
    about="An authority warns others of false documents of one model.",
    opening=MappingProxyType({"issued": "issued"}),
    states=MappingProxyType({"issued": State()}),
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
            )
        }
    ),
)
