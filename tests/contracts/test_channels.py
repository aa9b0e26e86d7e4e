"""The channels that come with an edge pass the kit: the folder, and REST asked (pull) and calling (webhook).

The national systems here are real: one works with files, one calls and is called over HTTP on loopback.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from adapters.channels.folder import FolderChannel
from adapters.kit import ChannelSuite, ChannelUnderTest
from tests.contracts.national import FolderSystem, http_system


@asynccontextmanager
async def folder_system(folder: Path, kind: type[FolderChannel] = FolderChannel) -> AsyncIterator[ChannelUnderTest]:
    yield FolderSystem(folder, kind)


class TestFolder(ChannelSuite):
    def under_test(self, folder: Path) -> AbstractAsyncContextManager[ChannelUnderTest]:
        return folder_system(folder)


class TestRestPull(ChannelSuite):
    def under_test(self, folder: Path) -> AbstractAsyncContextManager[ChannelUnderTest]:
        return http_system(folder, webhook=False)


class TestRestWebhook(ChannelSuite):
    def under_test(self, folder: Path) -> AbstractAsyncContextManager[ChannelUnderTest]:
        return http_system(folder, webhook=True)
