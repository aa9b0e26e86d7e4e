"""Which role signs which file: the shape of the TUF repository, in one place.

    root                         offline
    |-- targets (the registrar)  registry/<partner>.json, hub/keys.json
    |   |-- partner-<partner>            partners/<partner>/keys.json          the partner's administrators
    |   |-- agreement-<id>               agreements/<id>.json                  one administrators' key a party, all
    |   `-- suspension-<STATE>-<id>      suspensions/<id>/<STATE>.json         that party's administrators alone
    |-- snapshot                 online, its version is the directory's
    `-- timestamp                online

A role may sign its one path and nothing else; roles delegate no further. So the registrar cannot speak for a partner
except by exchanging its delegation, which every client sees and the log keeps.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keys.directory.records import PARTNER_ID, STATE

AGREEMENT_ID = re.compile(r"[A-Z0-9][A-Z0-9-]{1,62}", re.ASCII)
HUB_PATH = "hub/keys.json"
_REGISTRY = re.compile(rf"registry/({PARTNER_ID.pattern})\.json", re.ASCII)

Duty: TypeAlias = Literal["partner", "agreement", "suspension"]


@dataclass(frozen=True, slots=True)
class DelegatedRole:
    """A delegated role: what it is for, whom or what it is about, and for a suspension the party (ISO alpha-3)."""

    duty: Duty
    subject: str
    state: str | None = None

    @property
    def name(self) -> str:
        """The role's name in TUF."""
        middle = "" if self.state is None else f"{self.state}-"
        return f"{self.duty}-{middle}{self.subject}"

    @property
    def path(self) -> str:
        """The one file it signs."""
        if self.duty == "partner":
            return f"partners/{self.subject}/keys.json"
        if self.duty == "agreement":
            return f"agreements/{self.subject}.json"
        return f"suspensions/{self.subject}/{self.state}.json"

    @property
    def pattern(self) -> str:
        """The path pattern of its delegation."""
        return f"partners/{self.subject}/*" if self.duty == "partner" else self.path


def read_role(name: str) -> DelegatedRole | None:
    """The role of this name, None when it is none of ours (such a role is not followed)."""
    duty, _, rest = name.partition("-")
    if duty == "partner" and PARTNER_ID.fullmatch(rest):
        return DelegatedRole("partner", rest)
    if duty == "agreement" and AGREEMENT_ID.fullmatch(rest):
        return DelegatedRole("agreement", rest)
    state, _, subject = rest.partition("-")
    if duty == "suspension" and STATE.fullmatch(state) and AGREEMENT_ID.fullmatch(subject):
        return DelegatedRole("suspension", subject, state)
    return None


def registry_path(partner: str) -> str:
    """Where the registrar's record of a partner stands."""
    return f"registry/{partner}.json"


def registry_partner(path: str) -> str | None:
    """The partner whose record stands at this path, None for another path."""
    found = _REGISTRY.fullmatch(path)
    return None if found is None else found.group(1)
