"""A data directory remembers how far its log was: an emptied, older or other database is refused by all that start."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hub.log.batch import Answer, Batch, Draft
from hub.log.highwater import NAME
from hub.wiring import Hub, open_log
from liaison.cli import main
from liaison.cli.output import ExitCode
from schemas.errors import Rejected
from tests.postgres import database
from tests.world import ON_SQLITE, World

ROOT = Path(__file__).resolve().parents[2]
OPENER = """
import sys
from pathlib import Path
from hub.settings import load_settings
from hub.wiring import open_hub

open_hub(load_settings(Path(sys.argv[1]))).close()
"""
LOST = (
    "DELETE FROM checkpoint WHERE size > {size}",
    "DELETE FROM leaf WHERE idx >= {size}",
    "DELETE FROM leaf_partner WHERE idx >= {size}",
    "DELETE FROM side WHERE idx >= {size}",
)


def put(batch: Batch) -> Answer[int]:
    index = batch.add(Draft("SignedOut", to=("test-aut",)))
    return lambda _: index


def put_another(batch: Batch) -> Answer[int]:
    index = batch.add(Draft("SignedOut", to=("test-geo",)))
    return lambda _: index


def grown(hub: Hub, leaves: int, work: object = put) -> None:
    for _ in range(leaves):
        hub.writer.commit_now(work)  # type: ignore[arg-type]
    hub.high_water.keep(hub.writer.checkpoint)


def refused(world: World, code: str) -> None:
    """A start is, and whatever else would append."""
    before = (world.data / NAME).read_bytes()
    for _ in range(2):
        for start in (world.open, open_log(world.settings()).__enter__):
            with pytest.raises(Rejected) as caught:
                start()
            assert (caught.value.code, caught.value.path) == (code, f"/{NAME}")
    assert (world.data / NAME).read_bytes() == before


def emptied(world: World, tmp_path: Path) -> str:
    """The database of this data directory is a new one from now on."""
    file = world.data / "hub.toml"
    url = world.settings().database_url
    if not url:
        world.settings().database.rename(tmp_path / "hub.db")
        for left in world.data.glob("hub.db-*"):
            left.unlink()
        world.settings().database.touch(0o600)
        return ""
    other = database()
    file.write_text(file.read_text().replace(url, other))
    return url


def test_an_emptied_database_is_refused_and_the_old_one_still_goes_on(hub_world: World, tmp_path: Path) -> None:
    with closing(hub_world.open()) as hub:
        grown(hub, 3)
        size = hub.writer.size
    url = emptied(hub_world, tmp_path)
    refused(hub_world, "LOG_BEHIND")
    if url:
        file = hub_world.data / "hub.toml"
        file.write_text(file.read_text().replace(hub_world.settings().database_url, url))
    else:
        (tmp_path / "hub.db").replace(hub_world.settings().database)
    with closing(hub_world.open()) as hub:
        assert hub.writer.size == size
    hub_world.check()


def test_an_older_copy_is_refused_and_one_from_after_the_last_note_is_not(hub_world: World) -> None:
    with closing(hub_world.open()) as hub:
        grown(hub, 3)
        row = hub.connection.execute("SELECT size, root, range, at FROM head").fetchone()
        for _ in range(2):
            hub.writer.commit_now(put)  # not taken note of
    set_back(hub_world, row)
    with closing(hub_world.open()) as hub:
        assert hub.writer.size == row[0]
        grown(hub, 2)
    set_back(hub_world, row)
    refused(hub_world, "LOG_BEHIND")


def set_back(world: World, row: tuple[object, ...]) -> None:
    world.spoil(*(statement.format(size=row[0]) for statement in LOST))
    world.spoil("UPDATE head SET size = ?, root = ?, range = ?, at = ?", rows=[row])


@pytest.mark.parametrize("more", [3, 300])
def test_another_log_is_refused_as_long_or_longer(hub_world: World, more: int) -> None:
    with closing(hub_world.open()) as hub:
        row = hub.connection.execute("SELECT size, root, range, at FROM head").fetchone()
        grown(hub, 3)
        note = (hub_world.data / NAME).read_bytes()
    set_back(hub_world, row)
    (hub_world.data / NAME).unlink()
    with closing(hub_world.open()) as hub:  # as a hub did that did not take note
        grown(hub, more, put_another)
    (hub_world.data / NAME).write_bytes(note)
    refused(hub_world, "LOG_INCONSISTENT")


def test_the_same_log_passes_at_every_size(hub_world: World) -> None:
    """Also across full tiles, and whether or not this process took the note."""
    hub_world.open().close()
    for leaves in (0, 1, 1, 2, 3, 60, 256):
        with closing(hub_world.open()) as hub:
            for _ in range(leaves):
                hub.writer.commit_now(put)
    with closing(hub_world.open(processes=2)) as one, closing(hub_world.open(processes=2)) as other:
        grown(one, 2)
        newest = (hub_world.data / NAME).read_bytes()
        assert not other.high_water.keep(other.writer.checkpoint), "one that knows less writes nothing"
        assert (hub_world.data / NAME).read_bytes() == newest
        other.writer.look()
        assert not other.high_water.keep(other.writer.checkpoint)
        grown(other, 1)
    hub_world.open().close()


async def test_a_running_hub_takes_note_and_its_end_does(hub_world: World) -> None:
    async with hub_world.running(high_water_seconds=0.01) as client:
        hub = hub_world.hub
        assert hub is not None
        receipt = await hub_world.accepted(client, hub_world.seal("test-aut", "doc.alert", ["test-mda"]))
        while noted(hub_world) <= receipt.index:
            await hub.writer.grown(hub.writer.size, 0.01)
    async with hub_world.running(high_water_seconds=3600) as client:
        receipt = await hub_world.accepted(client, hub_world.seal("test-aut", "doc.alert", ["test-mda"]))
        assert noted(hub_world) <= receipt.index
    assert noted(hub_world) > receipt.index


def noted(world: World) -> int:
    return world.log_public.verify((world.data / NAME).read_bytes()).size


@ON_SQLITE
@pytest.mark.parametrize("first", [True, False])
def test_a_crash_before_the_name_leaves_the_note_before(hub_world: World, *, first: bool) -> None:
    with closing(hub_world.open()) as hub:
        grown(hub, 2)
        size = noted(hub_world)
        hub.writer.commit_now(put)
        newer = hub.writer.checkpoint
    if first:
        (hub_world.data / NAME).unlink()
    killed = subprocess.run(
        [sys.executable, "-c", OPENER, hub_world.data], cwd=ROOT, check=False, stderr=subprocess.DEVNULL,
        env={**os.environ, "LIAISON_FAILPOINT": "hub.highwater.begin"},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert first is not (hub_world.data / NAME).exists()
    (hub_world.data / f".{NAME}.half.tmp").write_bytes(newer[:100])  # or in the middle of the new file
    hub_world.open().close()
    assert noted(hub_world) > size


@ON_SQLITE
@pytest.mark.parametrize("spoiled", [b"", b"liaison", b"\xff" * 400])
def test_a_note_that_this_log_did_not_sign_is_refused(hub_world: World, spoiled: bytes) -> None:
    hub_world.open().close()
    (hub_world.data / NAME).write_bytes(spoiled)
    refused(hub_world, "CHECKPOINT_INVALID")
    assert (hub_world.data / NAME).read_bytes() == spoiled


@ON_SQLITE
def test_the_command_says_what_it_is(hub_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub_world.open().close()
    emptied(hub_world, tmp_path)
    for words in (["behind"], ["cases"], ["redrive"]):
        assert main(["hub", *words, str(hub_world.data), "--json"]) == ExitCode.NOT_VERIFIED
        said = capsys.readouterr()
        assert '"LOG_BEHIND"' in said.out
        assert f"/{NAME}" in said.err
