"""Overstay: a notice to the visa's issuer or the state of nationality, and what stands against it (domain.md 12).

Every outcome is the one event `answered`, for from some of them an asylum matter could be inferred (settled.md,
Header); the hub must not tell them apart.
"""

from types import MappingProxyType

from schemas.lifecycles.procedure import KindRule, Procedure, State

OVERSTAY = Procedure(
    name="overstay",
    about="An authority reports an overstay; the other side notes it or says what stands against it.",
    opening=MappingProxyType({"notified": "notified"}),
    states=MappingProxyType(
        {
            "notified": State(MappingProxyType({"answered": "answered"}), next_actor="recipients"),
            "answered": State(closed=True),
        }
    ),
    rules=MappingProxyType(
        {
            "visa.overstay.notice": KindRule(
                procedure="overstay",
                replies_to=(),
                sender_roles=frozenset({"MIG"}),
                steps=frozenset({"notified"}),
            ),
            "visa.overstay.reply": KindRule(
                procedure="overstay",
                replies_to=("visa.overstay.notice",),
                sender_roles=frozenset({"VIS", "CON", "MIG"}),
                steps=frozenset({"answered"}),
            ),
        }
    ),
)
