"""SG11: a minor's case goes on only when it is settled: best interests looked at, guardian, reception.

Age is judged by the youngest the person can be; nothing known of the birth means a minor. An unaccompanied minor whose
reception is not confirmed stops the message.
"""

from schemas.errors import Severity
from schemas.parts.node import Findings
from schemas.parts.person import youngest_age
from schemas.safeguards.transfer import Transfer

LAW = "Directive 2008/115/EC art. 5, 10; UN Convention on the Rights of the Child art. 3; domain.md 11.0, Minor"

ABOUT_A_PERSON = frozenset({"ident.request", "visa.overstay.notice"})
"""Kinds that open a matter about a person; a reply tells of a minor's age and may not be held up by it."""

ADULT = 18


def check(transfer: Transfer) -> Findings:
    """SG11 at the missing block, or at the reception that is not confirmed. A warning while no recipient is known."""
    severity: Severity = "error" if transfer.addressed else "warning"
    minor, person = transfer.safeguards["minor"], transfer.message["person"]
    told = transfer.kind in ABOUT_A_PERSON and isinstance(person.value, dict)
    if told and not minor.present and youngest_age(person["birth_date"], transfer.context.today) < ADULT:
        yield minor.finding("SG11", severity)
    if minor["unaccompanied"].flag is True and minor["reception_confirmed"].flag is False:
        yield minor["reception_confirmed"].finding("SG11", severity)
