"""Short stays: 90 days in any 180, and what a visa adds to that (domain.md 3.1). Pure; civil dates only.

`account` gives everything at once; `schemas.stay.days` is the 90/180 rule alone, `schemas.stay.territory` who belongs
to the territory when, `schemas.stay.waiver` the bilateral waivers; `schemas.stay.reading` reads a file of stays for the
command line.
"""

from schemas.stay.account import RULE_VERSION, Account, Apart, Breach, account
from schemas.stay.days import DAYS_MAX, TITLES, Stay
from schemas.stay.visa import ENTRIES, VisaTerms
from schemas.stay.waiver import Judgement, Waiver

__all__ = [
    "DAYS_MAX",
    "ENTRIES",
    "RULE_VERSION",
    "TITLES",
    "Account",
    "Apart",
    "Breach",
    "Judgement",
    "Stay",
    "VisaTerms",
    "Waiver",
    "account",
]
