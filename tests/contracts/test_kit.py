"""The kit finds what it is there to find: channels that are wrong in one way each do not pass it."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from adapters.channels.folder import FolderChannel
from adapters.contract import Accepted, Check, Delivery, HandOver, Inbound, Settlement, Submission, Unreadable
from adapters.kit import ChannelSuite, ChannelUnderTest
from adapters.kit.samples import CANARY
from schemas.errors import Unavailable
from tests.contracts.national import FolderSystem


class Twice(FolderChannel):
    """Hands over whatever it is given, whether it did so before or not."""

    async def deliver(self, delivery: Delivery) -> HandOver:
        for folder in ("in", "done", "rejected"):
            (self._folders.base / folder / f"{delivery.digest}.json").unlink(missing_ok=True)
        return await super().deliver(delivery)


class Hasty(FolderChannel):
    """Says that the system has it, though it could not be written."""

    async def deliver(self, delivery: Delivery) -> HandOver:
        await super().deliver(delivery)
        return Accepted()


class Foreign(FolderChannel):
    """Lets the system's own exceptions out."""

    async def deliver(self, delivery: Delivery) -> HandOver:
        list(self._folders.incoming.iterdir())
        return await super().deliver(delivery)


class Talkative(FolderChannel):
    """Repeats what it read in an error."""

    async def connect(self) -> None:
        try:
            await super().connect()
        except Unavailable as error:
            raise Unavailable(f"STORE_UNAVAILABLE {CANARY}") from error


class Content(FolderChannel):
    """Finds everything in order."""

    async def probe(self) -> Sequence[Check]:
        return [Check("all", "ok")]


class Restless(FolderChannel):
    """Goes on taking in after `drain`."""

    async def drain(self) -> None:
        return


class Renaming(FolderChannel):
    """Gives a submission another name each time it is offered."""

    async def receive(self) -> Inbound | Unreadable:
        found = await super().receive()
        return found if isinstance(found, Unreadable) else _Renamed(found)


class Mangling(FolderChannel):
    """Forgets recipients."""

    async def receive(self) -> Inbound | Unreadable:
        found = await super().receive()
        return found if isinstance(found, Unreadable) else _Renamed(found, to=())


class _Renamed:
    def __init__(self, inbound: Inbound, to: tuple[str, ...] | None = None) -> None:
        self._inbound = inbound
        first = inbound.submission
        self.submission = Submission(
            f"{first.external_id}-{uuid.uuid4()}", first.payload, first.to if to is None else to
        )

    async def settle(self, settlement: Settlement) -> None:
        await self._inbound.settle(settlement)


class _Suite(ChannelSuite):
    """The kit over a folder channel of another class."""

    __test__ = False

    def __init__(self, kind: type[FolderChannel]) -> None:
        self._kind = kind

    @asynccontextmanager
    async def _system(self, folder: Path) -> AsyncIterator[ChannelUnderTest]:
        yield FolderSystem(folder, self._kind)

    def under_test(self, folder: Path) -> AbstractAsyncContextManager[ChannelUnderTest]:
        return self._system(folder)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Twice, "test_delivered_again_it_is_handed_over_once"),
        (Hasty, "test_a_spooled_file_that_is_gone_is_no_hand_over"),
        (Content, "test_probe_says_what_is_wrong"),
        (Restless, "test_drained_it_takes_nothing_and_loses_nothing"),
        (Renaming, "test_what_was_not_settled_is_offered_again"),
        (Mangling, "test_a_submission_reaches_the_edge_as_it_was_written"),
    ],
)
async def test_a_wrong_channel_does_not_pass(tmp_path: Path, kind: type[FolderChannel], name: str) -> None:
    with pytest.raises((AssertionError, ExceptionGroup)):
        await getattr(_Suite(kind), name)(tmp_path)


async def test_a_channel_that_repeats_a_value_does_not_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        await _Suite(Talkative).test_secrets_and_values_are_nowhere(tmp_path, capfd)


async def test_a_channel_that_lets_foreign_errors_out_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in"):
        await _Suite(Foreign).test_a_system_that_does_not_take_it_gets_it_later_once(tmp_path, "down")
