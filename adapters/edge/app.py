"""The edge's application: its addresses, its channels and its tasks, and how they begin and end.

Guarantees that every task belongs to one group; that at the end channels take nothing new in, what they offered is
settled, and only then are they closed; that a task which fails ends the program, for an edge without its sender must
not look alive. A channel that cannot be connected is tried again and holds up nobody else.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from fastapi import FastAPI

from adapters.contract import Channel
from adapters.edge import (
    deadlines,
    evidence,
    follower,
    intake,
    opener,
    pins,
    poster,
    progress,
    receiver,
    routes,
    sealer,
    startup,
)
from adapters.edge.handover import HandOvers
from adapters.edge.opening import channel_routes, open_channels
from adapters.edge.settings import EdgeSettings
from adapters.edge.wiring import Edge, open_edge
from schemas.errors import Unavailable
from service import problems
from service.clock import Clock
from service.logs import log

TITLE = "Liaison edge"
_CLOSE_SECONDS = 5.0


def create_app(
    settings: EdgeSettings, *, clock: Clock | None = None, failed: Callable[[], None] | None = None
) -> FastAPI:
    """The application of a data directory; it opens the edge when it starts and closes it when it ends.

    Args:
        settings: of the edge.
        clock: what it goes by; default the settings'.
        failed: called when a task fails; default ends the process in order.
    """
    channels = open_channels(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            edge = await stack.enter_async_context(open_edge(settings, clock=clock))
            edge.channels.update(channels)
            startup.mend(edge)
            app.include_router(routes.router(edge))
            app.state.edge = edge
            async with running(edge, failed or _end):
                yield

    app = FastAPI(
        title=TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        telemetry=problems.UNTRACED,
    )
    problems.install(app)
    app.router.routes.extend(channel_routes(channels))
    return app


@asynccontextmanager
async def running(edge: Edge, failed: Callable[[], None]) -> AsyncIterator[None]:
    """The edge's tasks for as long as the block runs."""

    async def guarded(name: str, task: Awaitable[None]) -> None:
        try:
            await task
        except Exception as error:  # noqa: BLE001 - said, and then the program ends
            log.error("task.failed", error, program=name)
            failed()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(guarded(name, task)) for name, task in _tasks(edge)]
        lives = [
            group.create_task(guarded(name, _live(edge, name, channel))) for name, channel in edge.channels.items()
        ]
        log.info("edge.started", version=edge.directories.version)
        try:
            yield
        finally:
            for name, channel in edge.channels.items():
                await _end_of(name, channel.drain())
            await _settled(edge)
            for task in (*lives, *tasks):
                task.cancel()
            if lives or tasks:
                await asyncio.wait((*lives, *tasks), timeout=_CLOSE_SECONDS)
            for name, channel in edge.channels.items():
                await _end_of(name, channel.close())
    log.info("edge.ended")


def _tasks(edge: Edge) -> list[tuple[str, Awaitable[None]]]:
    tasks: list[tuple[str, Awaitable[None]]] = [
        ("directory", deadlines.refresh_directory(edge)),
        ("checkpoint", deadlines.watch_checkpoint(edge)),
        ("sealer", sealer.run(edge)),
        ("poster", poster.run(edge)),
        ("follower", follower.run(edge)),
        ("opener", opener.run(edge)),
        ("evidence", evidence.run(edge)),
        ("progress", progress.run(edge)),
        ("deadlines", deadlines.run(edge)),
        ("pins", pins.run(edge)),
        ("tidy", startup.run(edge)),
    ]
    if edge.settings.pull:
        tasks.append(("receiver", receiver.run(edge)))
    return tasks


async def _live(edge: Edge, name: str, channel: Channel) -> None:
    """One channel: connected, then its directions until cancelled."""
    attempts = 0
    while True:
        try:
            await channel.connect()
            break
        except Exception as error:  # noqa: BLE001 - whatever a channel does, the others go on
            log.error("channel.unconnected", error, channel=name)
            told = error.retry_after_seconds if isinstance(error, Unavailable) else None
            await asyncio.sleep(edge.retry_at(attempts, told) - edge.seconds())
            attempts += 1
    directions = edge.settings.channels[name].directions
    async with asyncio.TaskGroup() as group:
        if "in" in directions:
            group.create_task(intake.run(edge, name, channel))
        if "out" in directions:
            group.create_task(HandOvers(edge, name, channel).run())


async def _end_of(name: str, ending: Awaitable[None]) -> None:
    try:
        await ending
    except Exception as error:  # noqa: BLE001 - the others are ended all the same
        log.error("channel.end_failed", error, channel=name)


async def _settled(edge: Edge) -> None:
    """What channels offered is settled, or the time for it is over: then they offer it again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(edge.settings.drain_seconds):
            while edge.unsettled:
                await edge.bells.settled.heard(edge.settings.drain_seconds)


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
