"""Where a payload goes, and whose data it carries: what every safeguard asks first.

"Non-EU recipient" means: not in the set bound by the source system's own text; for asylum facts, not bound by the
Dublin/Eurodac acquis; for a transfer of personal data as such, bound neither by EU membership nor by the Schengen
acquis (domain.md 11.6). Of several recipients the strictest counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from schemas.codes import states
from schemas.parts.context import CheckContext
from schemas.parts.node import Node
from schemas.parts.sources import EU_SYSTEMS
from schemas.safeguards.words import fold

MANDATORY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "visa.overstay.notice": frozenset({"SG2", "SG3", "SG6"}),
        "ident.request": frozenset({"SG3", "SG6"}),
        "readm.application": frozenset({"SG2", "SG3", "SG6", "SG13"}),
        "transfer.notice": frozenset({"SG13"}),
        "transit.application": frozenset({"SG13"}),
    }
)
"""kind -> what must be stated to a recipient bound neither by EU law nor by the Schengen acquis (domain.md 11.6).

An identification asks for it only where it is about a return. In every other kind what is given must hold.
"""

OF_EU_SYSTEMS: Final = frozenset({"SG2", "SG3", "SG4", "SG6"})
"""What must be stated in any kind whose data of an EU system leaves the set bound by that system's text."""


@dataclass(frozen=True)
class Transfer:
    """A payload on its way. With no recipient named, nothing is outside and the rules stay silent or warn."""

    message: Node
    context: CheckContext

    @property
    def kind(self) -> str:
        """The message kind."""
        return self.message["kind"].text or ""

    @property
    def purpose(self) -> str | None:
        """The purpose the payload states."""
        return self.message["purpose_code"].text

    @property
    def addressed(self) -> bool:
        """Whether a recipient is known."""
        return bool(self.context.recipient_states)

    @property
    def safeguards(self) -> Node:
        """The safeguards block."""
        return self.message["safeguards"]

    @cached_property
    def folded(self) -> tuple[tuple[Node, str], ...]:
        """(text, the form in which words are looked for in it) for each text; made once, for several lists ask."""
        return tuple((node, fold(node.text)) for node in self.message.walk() if node.text is not None)

    @cached_property
    def tagged(self) -> tuple[tuple[str, Node], ...]:
        """(system, block) for each block that says it came from an EU system."""
        return tuple(
            (system, node)
            for node in self.message.walk()
            if isinstance(node.value, dict)
            and node.name != "origin_consents"
            and (system := node["source_system"].text) in EU_SYSTEMS
            and system is not None
        )

    def outside(self, system: str) -> bool:
        """Whether some recipient is not bound by a text (a name that `schemas.codes.states.bound_by` knows)."""
        today = self.context.today
        return any(not states.bound_by(system, state, today) for state in self.context.recipient_states)

    @cached_property
    def third_country(self) -> bool:
        """Whether some recipient is bound neither by EU law nor by the Schengen acquis."""
        today = self.context.today
        return any(
            not states.bound_by("EU", state, today) and not states.bound_by("SCHENGEN", state, today)
            for state in self.context.recipient_states
        )

    @cached_property
    def asylum_outside(self) -> bool:
        """Whether some recipient is not bound by the Dublin/Eurodac acquis."""
        return self.outside("DUBLIN_EURODAC")

    @cached_property
    def released_systems(self) -> tuple[str, ...]:
        """The EU systems whose data leaves the set bound by their text, each once."""
        return tuple(dict.fromkeys(system for system, _ in self.tagged if self.outside(system)))

    def requires(self, rule: str) -> bool:
        """Whether a safeguard must be stated here: by the kind and its recipient, or by the data's EU system."""
        if rule in OF_EU_SYSTEMS and self.released_systems:
            return True
        return self.third_country and rule in MANDATORY.get(self.kind, ()) and not self._about_no_return

    @property
    def _about_no_return(self) -> bool:
        """An identification for a criminal or a civil-status inquiry."""
        return self.kind == "ident.request" and self.purpose in {"LE", "CIVILVER"}
