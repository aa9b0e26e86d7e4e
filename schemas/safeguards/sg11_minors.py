"""SG11: a minor's case goes on only when it is settled: best interests looked at, guardian, reception.

Age is judged by the youngest the person can be; nothing known of the birth means a minor. An unaccompanied minor whose
reception is not confirmed stops the message. A notice of transfer names persons of the message that opened the case;
where that is not at hand, a child's id alone tells.

A sign of trafficking is no misuse of a visa: a notice of misuse that speaks of it is stopped, whoever it goes to, and
the matter goes to the national referral.
"""

from schemas.errors import Severity
from schemas.parts import case
from schemas.parts.node import Findings, Node
from schemas.parts.person import ADULT, youngest_age
from schemas.safeguards.freetext import free_texts
from schemas.safeguards.transfer import Transfer
from schemas.safeguards.words import words

LAW = "Directive 2008/115/EC art. 5, 10; UN Convention on the Rights of the Child art. 3; domain.md 11.0, Minor"

ABOUT_A_PERSON = frozenset(
    {
        "exit.confirm.request",
        "ident.request",
        "readm.application",
        "readm.communication",
        "transit.application",
        "visa.misuse.notice",
        "visa.overstay.notice",
    }
)
"""Kinds that open a matter about a person; a reply tells of a minor's age and may not be held up by it."""


def check(transfer: Transfer) -> Findings:
    """SG11 at the missing block, or at the reception that is not confirmed. A warning while no recipient is known."""
    severity: Severity = "error" if transfer.addressed else "warning"
    minor = transfer.safeguards["minor"]
    if not minor.present and _names_a_minor(transfer):
        yield minor.finding("SG11", severity)
    if minor["unaccompanied"].flag is True and minor["reception_confirmed"].flag is False:
        yield minor["reception_confirmed"].finding("SG11", severity)
    if transfer.kind == "visa.misuse.notice":
        told = (text for text, folded in free_texts(transfer) if words("trafficking").found_folded(folded))
        yield from (text.finding("SG11") for text in told)


def _names_a_minor(transfer: Transfer) -> bool:
    message = transfer.message
    if transfer.kind in ABOUT_A_PERSON:
        return any(_minor(block, transfer) for _, block in case.persons(message))
    if transfer.kind != "transfer.notice":
        return False
    named, opening = set(message["persons"].texts), case.opening(transfer.context)
    if opening is None:
        return any(name.startswith("c") for name in named)
    return any(name in named and _minor(block, transfer) for name, block in case.persons(opening))


def _minor(person: Node, transfer: Transfer) -> bool:
    return isinstance(person.value, dict) and youngest_age(person["birth_date"], transfer.context.today) < ADULT
