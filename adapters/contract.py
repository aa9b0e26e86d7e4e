"""What a channel owes the edge, and the edge a channel: the one module a third party's adapter depends on.

A channel brings submissions in from a national system and takes deliveries out to it. It never sees a key, a container
or the hub: checking, safeguards, sealing and signing happen in the edge around it.

In: `receive` gives one `Inbound` after another. The edge either has the submission durable in its outbox and calls
`settle(Taken(...))`, or refuses it for good and calls `settle(Refused(...))`. A channel that dies between the two
offers the same submission again under the same `external_id`; the edge recognises it and settles it as before. Another
submission under an `external_id` that was taken is `Refused("DUPLICATE_DIFFERS")`, never mistaken for the first. What
the edge cannot settle now it keeps and settles later; after `connect` whatever was not settled is offered again.
A submission whose text an officer must look at first is `Held`. That is a `Taken`: nothing is lost, and a channel that
does not know the word treats it as one; what became of it comes as `Progress`, as of any other (docs/adr/0086).

How an edge comes by one: the table `[channels.NAME]` of its settings names a module of `adapters.channels` (or, with a
dot, of a third party) in `use`; that module's `open_channel(place: Place) -> Channel` makes it. A channel that serves
HTTP itself is `Mounting`; one that tells its national system what became of a submission later is `Reporting`.

Out: `deliver` hands one message over, named by its digest. It may be called again with the same digest after a crash: a
channel whose manifest says `exactly_once` recognises the name and hands nothing over twice (settled.md, Delivery and
edges); one that cannot says so and is shown as `at_least_once`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from starlette.routing import BaseRoute

from schemas.errors import Finding

Payload: TypeAlias = Mapping[str, Any]
Direction: TypeAlias = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a channel is.

    Attributes:
        id: its name in settings, `a-z 0-9 -`.
        version: of the channel.
        directions: what it can do.
        hand_over: what its `deliver` promises when it is repeated.
        secrets: names of files with secrets it reads; never their content.
        deliveries_at_once: how many `deliver` may run at the same time; 1 keeps them in order.
    """

    id: str
    version: str
    directions: frozenset[Direction]
    hand_over: Literal["exactly_once", "at_least_once"] = "exactly_once"
    secrets: tuple[str, ...] = ()
    deliveries_at_once: int = 1


@dataclass(frozen=True, slots=True)
class Submission:
    """One message as a national system wants it sent. Its `repr` shows nothing of the payload.

    Attributes:
        external_id: the channel's own name for it, the same whenever it is offered again; at most 200 characters.
        payload: decoded JSON with its `kind`.
        to: partner ids. Empty only for a reply: then it goes to whoever asked (`in_reply_to`).
        attachments: SHA-256 (hex) of each file the payload names -> where it lies; the edge copies what it keeps.
        agreement, basis, role: named when more than one would fit; the edge fills in what has one answer only.
    """

    external_id: str
    payload: Payload = field(repr=False)
    to: tuple[str, ...] = ()
    attachments: Mapping[str, Path] = field(default_factory=dict, repr=False)
    agreement: str | None = None
    basis: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The submission lies durable in the outbox as message `id` of case `case_handle`; from here nothing is lost."""

    id: str
    case_handle: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The submission will not be sent as it is. `findings` hold codes and pointers, never values."""

    code: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Held(Taken):
    """Taken, and not sent before an officer here has released it. `findings` hold codes and pointers, never values."""

    findings: tuple[Finding, ...] = ()


Settlement: TypeAlias = Taken | Refused


class Inbound(Protocol):
    """A submission offered, and how its channel is told what became of it."""

    @property
    def submission(self) -> Submission:
        """What is to be sent."""

    async def settle(self, settlement: Settlement) -> None:
        """Tell the national system. Raises Unavailable when that is not possible now; it is offered again later."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What was offered is no submission at all (not JSON, no such column): there is nothing for the edge to judge.

    The channel has already put it aside with this reason. `external_id` is the channel's name for it.
    """

    external_id: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """An attachment of a delivery, opened: where its plaintext lies for the time of the call."""

    sha256: str
    media_type: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for the national system: verified, opened, checked. Its `repr` shows nothing of the payload.

    Attributes:
        digest: SHA-256(M) in hex: its name for ever.
        id, source, kind, case_handle, agreement, purpose: from the signed header.
        accepted_at: when the hub accepted it; `index` is its acceptance's place in the log.
        in_reply_to: id of the message it answers, if it answers one.
        payload: the payload's exact bytes (JSON, UTF-8).
        files: its attachments.
        receipt: the acceptance's receipt, which anybody can verify.
        out_of_order: it answers a message that was never handed over here.
    """

    digest: str
    id: str
    source: str
    kind: str
    case_handle: str
    agreement: str
    purpose: str
    accepted_at: datetime
    index: int
    payload: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    in_reply_to: str | None = None
    files: Sequence[ReceivedFile] = field(default=(), repr=False)
    out_of_order: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The national system has it, durably."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Not now; the edge tries again after about this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """Never: the national system refuses this message, with a code of `schemas.errors.CODES`."""

    code: str = "CHANNEL_REJECTED"


HandOver: TypeAlias = Accepted | RetryAfter | Rejection


@dataclass(frozen=True, slots=True)
class Check:
    """One thing `probe` looked at: a name, and `ok` or a code."""

    name: str
    state: str


class Channel(Protocol):
    """The life of a channel: connect, then receive and deliver any number of times, drain, close.

    All calls come from one event loop. `receive` and `deliver` may run at the same time; `receive` is called by one
    task, `deliver` by as many as the manifest says. A call that is cancelled leaves nothing behind. Foreign exceptions
    become Unavailable (try again) inside the channel; any other error is a Fault of its own.
    """

    @property
    def manifest(self) -> Manifest:
        """What it is; the same for ever."""

    async def connect(self) -> None:
        """Ready to receive and deliver. Raises Unavailable; the edge tries again."""

    async def receive(self) -> Inbound | Unreadable:
        """The next submission; waits until there is one. Raises Unavailable when the connection is lost."""

    async def deliver(self, delivery: Delivery) -> HandOver:
        """Hand one message over. Bounded in time by the channel's own settings."""

    async def probe(self) -> Sequence[Check]:
        """What stands in the way of working now; changes nothing."""

    async def drain(self) -> None:
        """Take nothing new in: `receive` waits until cancelled; the edge settles what was offered before `close`."""

    async def close(self) -> None:
        """Let go of everything; may be called at any time, also twice."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a channel lives in an edge.

    Attributes:
        name: of its table in the settings, also the prefix of its addresses: `/channels/NAME`.
        folder: its own folder in the data directory, made if it is not there.
        options: the table `[channels.NAME.options]`; the channel refuses unknown ones with Rejected(FIELD_UNKNOWN).
    """

    name: str
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Mounting(Protocol):
    """A channel with addresses of its own on the edge's server; it judges its callers itself."""

    def routes(self) -> Sequence[BaseRoute]:
        """Mounted below `/channels/NAME`; asked for once, before `connect`."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of a submission that was taken.

    Attributes:
        external_id, id: the channel's name for it, and the message's.
        state: `held` for an officer of ours, `queued` once he or she released it; `accepted` by the hub or `refused`
            for good; per recipient (`partner`) `handed_over` or `failed`.
        code: why, when held, refused or failed.
        receipt: the hub's proof of acceptance or refusal; None where a refusal was too early to be logged.
        findings: where it is held, by code and pointer, never a value.
    """

    external_id: str
    id: str
    state: Literal["held", "queued", "accepted", "refused", "handed_over", "failed"]
    partner: str | None = None
    code: str | None = None
    receipt: bytes | None = field(default=None, repr=False)
    findings: tuple[Finding, ...] = ()


@runtime_checkable
class Reporting(Protocol):
    """A channel that is told about progress, in order, at least once. States may be added: one unknown is no error."""

    async def report(self, progress: Progress) -> None:
        """Pass it on durably. Raises Unavailable; it is told again."""
