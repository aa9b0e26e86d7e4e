"""The hub's web application: routes, background tasks, and how they begin and end.

Guarantees that every task belongs to one group; that at the end no task is left waiting for the log when its writer
stops, and the writer stops last and writes what is queued; that a task which fails ends the program (a hub without its
writer or delivery must not look alive) after saying so.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from hub import (
    clockkeeper,
    delivery,
    leases,
    relay,
    retention,
    routes_console,
    routes_directory,
    routes_health,
    routes_inbox,
    routes_log,
    routes_parts,
    routes_pins,
    routes_submission,
)
from hub.leases import Lease
from hub.wiring import Hub
from schemas.errors import LiaisonError, Unavailable
from service import problems
from service.logs import log
from service.tasks import lasting

TITLE = "Liaison hub"
DIRECTORY_LOOK_SECONDS_MIN = 1.0


def create_app(hub: Hub, *, failed: Callable[[], None] | None = None) -> ASGIApp:
    """The application of an open hub, which it closes at its end.

    A process without the role `api` answers for its health and nothing else.

    Args:
        hub: from `open_hub`.
        failed: called when a background task fails; default ends the process in order.
    """
    described = "/openapi.json" if "api" in hub.roles else None
    app = FastAPI(
        title=TITLE,
        openapi_url=described,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(hub, failed or _end),
        telemetry=problems.UNTRACED,
    )
    problems.install(app)
    app.include_router(routes_health.router(hub))
    if "api" not in hub.roles:
        return app
    for routes in (routes_log, routes_directory, routes_parts):
        app.include_router(routes.router(hub))
    app.router.routes.extend([*routes_inbox.routes(hub), *routes_pins.routes(hub), *routes_console.routes(hub)])
    framework = app.openapi

    def openapi() -> dict[str, Any]:
        document = framework()
        routes_submission.describe(document["paths"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]
    return routes_submission.Door(app, hub)


def _lifespan(hub: Hub, failed: Callable[[], None]) -> Callable[[FastAPI], Any]:
    async def guarded(name: str, task: Awaitable[None]) -> None:
        try:
            await lasting(task)
        except Exception as error:  # noqa: BLE001 - said, and then the program ends
            log.error("task.failed", _first(error), program=name)
            failed()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(guarded("writer", hub.writer.run()))
            tasks = [
                group.create_task(guarded(role, leases.hold(hub, role, partial(work, hub))))
                for role, work in {"relay": relay.run, "deliver": delivery.run, "clock": _keep}.items()
                if role in hub.roles
            ]
            tasks.append(group.create_task(guarded("directory", _look_at_directory(hub))))
            tasks.append(group.create_task(guarded("keys", _forget(hub))))
            if hub.settings.shared:
                tasks.append(group.create_task(guarded("log", hub.writer.follow(hub.settings.log_look_seconds))))
            log.info("hub.started", size=hub.writer.size, version=hub.directories.current.version)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await hub.broker.close()
                writer.cancel()
        hub.high_water.try_to_keep(hub.writer.checkpoint)
        hub.close()
        log.info("hub.ended")

    return lifespan


async def _keep(hub: Hub, lease: Lease) -> None:
    """The role `clock`: what happens because time passes."""
    del lease  # each of these looks, inside its own transaction, whether it is still to be done
    async with asyncio.TaskGroup() as group:
        for work in (clockkeeper.run(hub), _purge(hub), _renew(hub), _remember(hub)):
            group.create_task(lasting(work))


async def _purge(hub: Hub) -> None:
    settings = hub.settings
    while True:
        try:
            gone = {"containers": retention.ROWS_AT_ONCE}
            while retention.ROWS_AT_ONCE in gone.values():
                gone = retention.purge(
                    hub.connection, hub.parts, hub.clock(), unnamed_part_hours=settings.unnamed_part_hours
                )
                await asyncio.sleep(0)
        except LiaisonError as error:
            log.error("purge.failed", error)  # next time
        await asyncio.sleep(settings.retention_every_seconds)


async def _renew(hub: Hub) -> None:
    while True:
        await asyncio.sleep(hub.settings.directory_renew_seconds)
        try:
            await hub.directories.renew()
        except LiaisonError as error:
            log.error("directory.renew_failed", error)  # readiness shows it once it matters


async def _remember(hub: Hub) -> None:
    while True:
        await asyncio.sleep(hub.settings.high_water_seconds)
        hub.high_water.try_to_keep(hub.writer.checkpoint)


async def _forget(hub: Hub) -> None:
    """A case erased by another process, or by a command, is beyond this one too within that time."""
    while True:
        await asyncio.sleep(hub.settings.case_key_seconds_max)
        hub.reader.forget_case_keys()


async def _look_at_directory(hub: Hub) -> None:
    """A process that nobody asks anything notices new versions too: delivery goes by their addresses."""
    while True:
        await asyncio.sleep(max(hub.settings.directory_look_seconds, DIRECTORY_LOOK_SECONDS_MIN))
        with suppress(Unavailable):  # the one in use is past its time: readiness says so
            await hub.directories.fresh()


def _first(error: BaseException) -> BaseException:
    """Of a group's errors the first: its place is where something went wrong."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
