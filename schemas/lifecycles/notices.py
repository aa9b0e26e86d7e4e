"""Notices that nobody has to answer: they are told and that is all (domain.md 10).

A newer notice cancels or replaces an older one by what it says; each has a case of its own, closed from the start. What
stands beside every case (corrections, reports) finds a place there.
"""

from types import MappingProxyType
from typing import Final

from schemas.lifecycles.procedure import KindRule, Procedure, State
from schemas.parts.roles import ROLES

_EVERYBODY: Final = frozenset(ROLES)


def notice(name: str, about: str, kinds: dict[str, frozenset[str]], *, many_recipients: bool = True) -> Procedure:
    """The table of notices.

    Args:
        name: the procedure's.
        about: one line for the generated page.
        kinds: kind -> the roles that may send it.
        many_recipients: whether they may go to several.
    """
    return Procedure(
        name=name,
        about=about,
        opening=MappingProxyType({"notified": "notified"}),
        states=MappingProxyType({"notified": State(closed=True)}),
        rules=MappingProxyType(
            {
                kind: KindRule(
                    procedure=name,
                    replies_to=(),
                    sender_roles=roles,
                    steps=frozenset({"notified"}),
                    about_person=False,
                    many_recipients=many_recipients,
                )
                for kind, roles in kinds.items()
            }
        ),
    )


DOCUMENT_NOTICE = notice(
    "document_notice",
    "An issuer tells of its own documents: lost, stolen, revoked, found; new and withdrawn series.",
    {
        # whoever issues: passports, visas, residence permits, extracts of a civil register
        "doc.status.notice": frozenset({"DOC", "BG", "POL", "VIS", "CON", "MIG", "CIV"}),
        "doc.specimen.notice": frozenset({"DOC", "BG", "POL", "VIS", "CON", "MIG", "CIV"}),
    },
)

MISUSE_PATTERN = notice(
    "misuse_pattern",
    "An authority tells others of a pattern of misuse, without persons.",
    {"misuse.pattern.report": frozenset({"LO", "VIS"})},
)

DIRECTORY_UPDATE = notice(
    "directory_update",
    "A partner tells another of its authorities, crossing points, holidays and contact desk.",
    {"directory.update": _EVERYBODY},
    many_recipients=False,
)

STATISTICS = notice(
    "statistics",
    "Counts without persons: what a partner submits, and what is released.",
    {"stat.submission": frozenset({"STAT"}), "stat.release": frozenset({"STAT"})},
)
