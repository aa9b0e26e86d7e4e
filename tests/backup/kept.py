"""What the tests of backups share: a hub with some history, a place to restore to on either database, a world there."""

import shutil
from pathlib import Path

import httpx2

from hub.backup.making import Made, make_backup
from hub.backup.restoring import Restored, Target, restore
from keys.sealing import Sealed
from tests.postgres import database
from tests.world import World


async def history(world: World, client: httpx2.AsyncClient, folder: Path) -> list[Sealed]:
    """A request handed over and answered, and two alerts with a detached part each; one of them failed."""
    request = world.seal("test-aut", "ident.request", ["test-mda"])
    asked = await world.accepted(client, request)
    await world.state(client, "test-mda", "ContentHandover", [(request, asked.index)])
    sent = [request]
    for number in range(2):
        image = folder / f"image-{number}"
        image.write_bytes(bytes([number]) * 200_000)
        alert = world.seal("test-geo", "doc.alert", ["test-aut", "test-mda"], attachments=[image])
        await world.upload(client, "test-geo", alert)
        taken = await world.accepted(client, alert)
        sent.append(alert)
        if number:
            await world.state(client, "test-aut", "ContentHandoverFailure", [(alert, taken.index, "OPEN_FAILED")])
    refused = await world.post(client, world.seal("test-aut", "ident.request", ["test-geo"]))
    assert refused.status_code == 403
    return sent


def backed_up(world: World, target: Path) -> Made:
    """A backup by the world's clock."""
    return make_backup(world.settings(), target, clock=world.clock)


def restored(
    world: World, backup: Path, folder: Path, engine: str, checkpoint: Path | None = None
) -> tuple[World, Restored]:
    """The backup in a data directory and a database of its own; the world there has the same partners and clock."""
    url = database() if engine == "postgres" else ""
    made = restore(backup, Target(folder / "hub", world.data, url), checkpoint=checkpoint)
    shutil.copytree(world.folder / "ceremony", folder / "ceremony", dirs_exist_ok=True)
    found = World(folder, world.partners, world.clock.now)
    found.clock = world.clock
    return found, made


def left(folder: Path) -> list[str]:
    """What lies in a folder, by name."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
