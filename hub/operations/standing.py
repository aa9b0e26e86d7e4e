"""How a hub stands, for a command on its machine: the running hub's own numbers, and what can be looked up beside it.

A hub that does not answer is a finding and no failure: database, disk, directory and clock are looked at all the same.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from hub.operations.gauges import Sources, look
from hub.settings import HubSettings
from hub.store.engine import open_engine
from keys.directory.client import DirectoryClient, folder_fetch
from keys.directory.directory import Directory
from schemas.errors import LiaisonError
from service.client import call, open_session
from service.gauges import Number, read_exposition

METRICS_BYTES_MAX = 8 * 1024**2
ASK_SECONDS = 5.0
FIRST_ROOT = "1.root.json"
_ITS_OWN = frozenset({"liaison_ready", "liaison_role_unheld_seconds", "liaison_role_epoch"})
"""A running hub knows better than who looks beside it: how many processes it is of, say."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found. `running` is whether the hub answered."""

    running: bool
    numbers: Sequence[Number]


async def numbers(settings: HubSettings, now: datetime) -> Standing:
    """The hub's numbers by itself where it answers, else those that can be had without it."""
    try:
        said = await _asked(settings)
    except (LiaisonError, ValueError):
        return Standing(running=False, numbers=[Number("up", 0, {"job": "liaison-hub"}), *_beside(settings, now)])
    beside = _beside(settings, now)  # names partners, which the hub itself may not
    known = {number.name for number in beside} - _ITS_OWN
    theirs = [number for number in said if number.name not in known]
    mine = [number for number in beside if number.name in known]
    return Standing(running=True, numbers=[Number("up", 1, {"job": "liaison-hub"}), *theirs, *mine])


async def _asked(settings: HubSettings) -> list[Number]:
    scheme = "http" if settings.tls_certificate is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    async with open_session(authorities=settings.tls_certificate) as session:
        answer = await call(
            session,
            "GET",
            f"{scheme}://{host}:{settings.port}/metrics",
            bytes_max=METRICS_BYTES_MAX,
            seconds=ASK_SECONDS,
        )
    found = list(read_exposition(answer.body.decode("utf-8", "replace"))) if answer.status == 200 else []
    if not any(number.name == "liaison_log_size" for number in found):
        raise ValueError("another program answers there")
    return found


def _beside(settings: HubSettings, now: datetime) -> list[Number]:
    directory: Directory | None = None
    try:
        folder = settings.directory_folder
        root = (folder / "metadata" / FIRST_ROOT).read_bytes()
        directory = DirectoryClient(root, None, folder_fetch(folder)).refresh(now)
        stands = 1.0
    except (LiaisonError, OSError):
        stands = 0.0
    found = [Number("liaison_ready", stands, {"check": "directory"})]
    try:
        with closing(
            open_engine(settings.database, settings.database_url, settings.database_password_file, readonly=True)
        ) as connection:
            read = list(look(Sources(connection, directory, settings, now)))
    except LiaisonError:
        return [*found, Number("liaison_ready", 0, {"check": "database"})]
    known = {number.name for number in read}
    found.append(Number("liaison_ready", float("liaison_clock_behind_seconds" in known), {"check": "database"}))
    free = next((number.value for number in read if number.name == "liaison_disk_free_bytes"), 0.0)
    found.append(Number("liaison_ready", float(free >= settings.disk_free_bytes_min), {"check": "disk"}))
    return [*found, *read]
