"""What one message kind is made of. Each family's file ends with a table of these; `schemas.registry` joins them.

What the blind hub has to know of a kind (what it answers, who may send it, its steps) stands in `schemas.lifecycles`
alone and is read from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, TypeAlias

from schemas.lifecycles import RULES
from schemas.parts.block import Block
from schemas.parts.context import CheckContext
from schemas.parts.node import Findings, Node
from schemas.safeguards.sg7_purpose import KIND_PURPOSES

SCHEMA_BASE: Final = "https://schemas.liaison.example"

Rules: TypeAlias = Callable[[Node, CheckContext], Findings]
Step: TypeAlias = Callable[[Node], str]


@dataclass(frozen=True)
class Kind:
    """One message kind.

    Attributes:
        name: as in the catalogue, `ident.request`.
        model: the form.
        rules: the findings between fields.
        step: the life-cycle event a payload is.
        version: of its published schema, from 1.
        facts: header fact -> where in the payload it is read from, `name` or `name/name`; absent there, it is not told.
        fingerprints: fingerprint files may be attached (domain.md 5).
    """

    name: str
    model: type[Block]
    rules: Rules
    step: Step
    version: int = 1
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fingerprints: bool = False

    @property
    def schema_id(self) -> str:
        """`$id` of the published schema, and the header's `dataschema`."""
        return f"{SCHEMA_BASE}/{self.name}/{self.version}"

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes it serves."""
        return KIND_PURPOSES[self.name]

    @property
    def replies_to(self) -> tuple[str, ...]:
        """The kinds it answers; empty for one that opens a case."""
        return RULES[self.name].replies_to

    @property
    def relation(self) -> str:
        """What it answers, in words: of those that may answer nearly everything, the list would say less."""
        if not self.replies_to:
            return "opens a case"
        if len(self.replies_to) > 10:
            return "a message of one's own" if RULES[self.name].answers == "own" else "any message of a case"
        return ", ".join(self.replies_to)

    @property
    def about_person(self) -> bool:
        """Whether it carries or refers to a person."""
        return RULES[self.name].about_person

    @property
    def beside(self) -> bool:
        """Whether it stands beside a case of any procedure, and so may answer nearly every kind."""
        return RULES[self.name].beside

    @property
    def file_name(self) -> str:
        """Name of its files in `schemas/json` and `schemas/examples`."""
        return f"{self.name}.v{self.version}.json"

    @cached_property
    def validate(self) -> Callable[[object], object]:
        """Raises pydantic's ValidationError unless a payload has the form; built on first use."""
        return self.model.model_validate


def told(**facts: str) -> Mapping[str, str]:
    """The facts of a kind: header fact -> where in the payload it stands."""
    return MappingProxyType(facts)


def at(message: Node, place: str) -> Node:
    """The node of a payload that a fact is read from."""
    for name in place.split("/"):
        message = message[name]
    return message


def always(step: str) -> Step:
    """The one step that every payload of the kind is."""
    return lambda _: step


def no_rules(message: Node, context: CheckContext) -> Findings:  # noqa: ARG001 - one form for all kinds
    """The form says it all."""
    yield from ()
