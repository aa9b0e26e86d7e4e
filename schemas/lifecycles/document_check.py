"""Document check: one question about one document, one answer by its issuer (domain.md 12).

An answer that comes after its time is still taken: our own clocks show what is due and close nothing.
"""

from types import MappingProxyType

from schemas.lifecycles.procedure import KindRule, Procedure, State

DOCUMENT_CHECK = Procedure(
    name="document_check",
    about="An authority asks the issuer about one document; the issuer answers, or cannot say.",
    opening=MappingProxyType({"requested": "requested"}),
    states=MappingProxyType(
        {
            "requested": State(
                MappingProxyType({"answered": "answered", "cannot_say": "cannot_say"}), next_actor="recipients"
            ),
            "answered": State(closed=True),
            "cannot_say": State(closed=True),
        }
    ),
    rules=MappingProxyType(
        {
            "doc.verify.request": KindRule(
                procedure="document_check",
                replies_to=(),
                sender_roles=frozenset({"DOC", "BG", "VIS", "MIG"}),
                steps=frozenset({"requested"}),
                facts=("urgency",),
            ),
            "doc.verify.reply": KindRule(
                procedure="document_check",
                replies_to=("doc.verify.request",),
                # whoever issues: passports, visas, residence permits, extracts of a civil register
                sender_roles=frozenset({"DOC", "BG", "POL", "VIS", "CON", "MIG", "CIV"}),
                steps=frozenset({"answered", "cannot_say"}),
            ),
        }
    ),
)
