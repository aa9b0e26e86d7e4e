"""Questions with one answer: civil acts, visas, exits, where a case stands, a person's own request (domain.md 10).

Each is the same small table: asked, then answered and closed. An answer that comes late is still taken: our own clocks
show what is due and close nothing.
"""

from types import MappingProxyType
from typing import Final

from schemas.lifecycles.procedure import KindRule, Procedure, State
from schemas.parts.roles import ROLES

_EVERYBODY: Final = frozenset(ROLES)


def question(
    name: str,
    about: str,
    asked: tuple[str, frozenset[str]],
    answered: tuple[str, frozenset[str]],
    *,
    outcomes: tuple[str, ...] = ("answered",),
    facts: tuple[str, ...] = (),
    about_person: bool = True,
) -> Procedure:
    """The table of a question that is answered once.

    Args:
        name: the procedure's.
        about: one line for the generated page.
        asked: the kind that asks, and the roles that may send it.
        answered: the kind that answers, and the roles that may send it.
        outcomes: the steps an answer can be; each is a state of the same name.
        facts: those of the question.
        about_person: whether the two kinds refer to a person.
    """
    (request, askers), (reply, answerers) = asked, answered
    moves = MappingProxyType({outcome: outcome for outcome in outcomes})
    return Procedure(
        name=name,
        about=about,
        opening=MappingProxyType({"requested": "requested"}),
        states=MappingProxyType(
            {"requested": State(moves, next_actor="recipients")} | {outcome: State(closed=True) for outcome in outcomes}
        ),
        rules=MappingProxyType(
            {
                request: KindRule(
                    procedure=name,
                    replies_to=(),
                    sender_roles=askers,
                    steps=frozenset({"requested"}),
                    facts=facts,
                    about_person=about_person,
                ),
                reply: KindRule(
                    procedure=name,
                    replies_to=(request,),
                    sender_roles=answerers,
                    steps=frozenset(outcomes),
                    about_person=about_person,
                ),
            }
        ),
    )


CIVIL_CHECK = question(
    "civil_check",
    "An authority asks a civil registry about one act that it was shown.",
    ("civil.verify.request", frozenset({"MIG", "CON", "VIS"})),
    ("civil.verify.reply", frozenset({"CIV"})),
    outcomes=("answered", "cannot_say"),
)

VISA_CHECK = question(
    "visa_check",
    "An authority asks the state that issued a visa about it.",
    ("visa.verify.request", frozenset({"BG", "CON"})),
    ("visa.verify.reply", frozenset({"VIS"})),
    outcomes=("answered", "cannot_say"),
)

EXIT_CHECK = question(
    "exit_check",
    "An authority asks a neighbour's border guard whether somebody crossed.",
    ("exit.confirm.request", frozenset({"MIG", "BG"})),
    ("exit.confirm.reply", frozenset({"BG"})),
)

VISA_MISUSE = question(
    "visa_misuse",
    "An authority tells the state that issued a visa how it was misused; the issuer acknowledges.",
    ("visa.misuse.notice", frozenset({"VIS", "BG", "MIG"})),
    ("visa.misuse.ack", frozenset({"VIS"})),
    outcomes=("acknowledged",),
)

CASE_STATUS = question(
    "case_status",
    "A party asks another where a case stands with it.",
    ("case.status.query", _EVERYBODY),
    ("case.status.report", _EVERYBODY),
    about_person=False,
)

SUBJECT_REQUEST = question(
    "subject_request",
    "A person's own request about his or her data, passed to who holds it.",
    ("subject.request", frozenset({"DPO"})),
    ("subject.request.outcome", frozenset({"DPO"})),
    facts=("event_on",),
)
