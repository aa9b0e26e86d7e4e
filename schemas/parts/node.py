"""A payload as the rules read it: by name, without ever failing.

A rule that looks for a field which is missing, or of another type, finds nothing there; the model has already said so
(`schemas.parts.block`). Each node knows its RFC 6901 pointer, so that a finding is made where the value stands.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final, TypeAlias

from schemas.errors import CODES, Finding, Severity
from schemas.parts.block import escape

ABSENT: Final = object()
"""The value of a node that is not there."""

Findings: TypeAlias = Iterator[Finding]


class Node:
    """One value of a payload, and the way to it."""

    __slots__ = ("_below", "_steps", "name", "value")

    def __init__(self, value: object, steps: tuple[str | int, ...] = (), name: str = "") -> None:
        self.value = value
        self.name = name
        """The last name on the way here; a list's items bear the list's name."""
        self._steps = steps  # not the node above: with that each check would leave its nodes to the cycle collector
        self._below: tuple[Node, ...] | None = None

    def __getitem__(self, name: str) -> "Node":
        """The member of this name; a node that is not `present` when there is none."""
        value = self.value.get(name, ABSENT) if isinstance(self.value, dict) else ABSENT
        return Node(value, (*self._steps, name), name)

    def __repr__(self) -> str:
        return f"Node({self.path!r})"

    @property
    def path(self) -> str:
        """RFC 6901 pointer; empty for the payload itself."""
        return "".join(f"/{escape(str(step))}" for step in self._steps)

    @property
    def present(self) -> bool:
        """Whether the member was written at all."""
        return self.value is not ABSENT

    @property
    def text(self) -> str | None:
        """The value, if it is a text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def flag(self) -> bool | None:
        """The value, if it is true or false."""
        return self.value if isinstance(self.value, bool) else None

    @property
    def number(self) -> int | None:
        """The value, if it is a whole number."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    @property
    def day(self) -> date | None:
        """The civil date written here: of a date, or of an instant in its own offset."""
        try:
            return date.fromisoformat(self.value[:10]) if isinstance(self.value, str) else None
        except ValueError:
            return None

    @property
    def items(self) -> list["Node"]:
        """The list's items; none if it is no list."""
        if not isinstance(self.value, list):
            return []
        return [Node(item, (*self._steps, index), self.name) for index, item in enumerate(self.value)]

    @property
    def members(self) -> list["Node"]:
        """The object's members; none if it is no object."""
        if not isinstance(self.value, dict):
            return []
        return [Node(item, (*self._steps, name), name) for name, item in self.value.items()]

    @property
    def texts(self) -> list[str]:
        """The texts in this list."""
        return [item for item in self.value if isinstance(item, str)] if isinstance(self.value, list) else []

    def walk(self) -> "tuple[Node, ...]":
        """This node and everything below it, in document order; made once, for many rules ask for it."""
        if self._below is None:
            found: list[Node] = []
            for inner in self.members or self.items:
                if isinstance(inner.value, dict | list):
                    found += inner.walk()
                else:
                    found.append(inner)
            self._below = tuple(found)
        return (self, *self._below)

    def finding(self, code: str, severity: Severity | None = None) -> Finding:
        """A finding here."""
        return Finding(self.path, code, severity or CODES[code].severity)


def moment(node: Node) -> datetime | None:
    """The instant written here; None for a civil date or anything else."""
    text = node.text
    if text is None or len(text) <= 10:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
