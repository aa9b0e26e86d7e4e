"""What the kit needs to play the national system behind a channel: a real one, or a program that behaves like one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from adapters.contract import Channel

Behaviour: TypeAlias = Literal["well", "down", "slow", "forgetful", "refusing"]
"""How it takes deliveries: as it should; not reachable; never answering; taking but dying before it says so; never
wanting them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the national system was told about a submission.

    Attributes:
        taken: else it was refused.
        code: of the refusal.
        text: all that it was told, as text: the kit looks for values in it that must not be there.
    """

    taken: bool
    code: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery as it arrived.

    Attributes:
        message: decoded, with `digest` and `payload`.
        raw: its bytes.
        files: SHA-256 as named -> bytes.
        receipt: the receipt's bytes.
    """

    message: Mapping[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    receipt: bytes = field(default=b"", repr=False)


class ChannelUnderTest(Protocol):
    """A place, a national system, and channels over them."""

    @property
    def behaviours(self) -> frozenset[Behaviour]:
        """What the system can be made to do; a test of another behaviour is skipped."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that may appear nowhere."""

    def fresh(self) -> Channel:
        """A new channel object, not connected; the one before is dead, as after a crash of the edge."""

    async def submit(self, name: str, data: bytes) -> Outcome:
        """The system hands `data` in as `name`, and goes on until it is told what became of it."""

    def unreadable(self) -> Mapping[str, bytes]:
        """Name -> data that is no submission, each for another reason; `oversize` must be among them."""

    async def behave(self, behaviour: Behaviour) -> None:
        """From now on it takes deliveries so."""

    def handed_over(self, digest: str) -> int:
        """How often the system took a delivery for a new message."""

    def received(self, digest: str) -> Received:
        """A delivery it took."""

    def spoil(self) -> None:
        """Something the channel needs (a folder, a secret's mode) is made unusable."""
