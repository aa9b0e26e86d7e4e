"""A backup and what is restored of it: whole, of one moment, proved, on either database; anything else is refused."""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub import leases
from hub.backup.making import BACKUP_AT
from hub.backup.manifest import MAC, MANIFEST
from hub.backup.restoring import Target, restore
from hub.delivery.consignment import Stopped
from hub.parts import BACKUP_ROLE
from hub.wiring import open_log
from keys.custody import read_keyring, read_passphrase
from keys.proofs.checkpoint import LogSigner
from schemas.errors import Rejected, Unavailable
from tests.backup.kept import backed_up, history, left, restored
from tests.postgres import database
from tests.world import ON_SQLITE, World, make_world

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "liaison", "hub")
START = datetime.now(UTC).replace(microsecond=0)
"""A world by the machine's clock, for commands that are programs of their own."""


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
def today(engine: str, tmp_path: Path) -> World:
    found = make_world(tmp_path / "world", START)
    found.clock.now = datetime.now(UTC).replace(microsecond=0)
    if engine == "postgres":
        found.use(database())
    return found


def refused(code: str, call: Callable[[], object], path: str | None = None) -> None:
    with pytest.raises(Rejected) as caught:
        call()
    assert caught.value.code == code
    if path is not None:
        assert (caught.value.path or "").startswith(path)


def command(*words: str | Path, point: str = "", limit_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """`liaison hub` as a program of its own; killed at a point, or unable to write files longer than a limit."""

    def limited() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limited,
        env={**os.environ, "LIAISON_FAILPOINT": point},
    )  # fmt: skip


@pytest.mark.parametrize("to", ["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
async def test_what_is_restored_is_what_was_there_whatever_the_database(world: World, tmp_path: Path, to: str) -> None:
    async with world.running() as client:
        sent = await history(world, client, tmp_path)
        made = backed_up(world, tmp_path / "backup")
        after = await world.accepted(client, world.seal("test-aut", "doc.alert", ["test-mda"]))
        assert after.index == made.leaf + 1
    found, proved = restored(world, tmp_path / "backup", tmp_path / "other", to)
    assert (proved.size, proved.root, proved.parts) == (made.size, made.root, 2) == (made.leaf, made.root, made.parts)
    assert found.check() == made.size
    again, _ = restored(world, tmp_path / "backup", tmp_path / "twice", to)
    assert again.check() == made.size
    for sealed in sent[1:]:
        (part,) = sealed.detached
        assert (found.data / "parts" / part.sha256).read_bytes() == part.path.read_bytes()
    async with found.running() as client:
        answer = await found.post(client, sent[0])
        assert answer.status_code == 200
        assert found.verified(answer.content).index < made.size
        assert found.hub is not None
        assert found.hub.reader.leaf(made.size).leaf.event == "LogRestored"
        assert found.hub.reader.leaf(made.size).leaf.digest == made.digest
        size = found.hub.writer.size
    async with found.running():
        assert found.hub.writer.size == size, "said once"
    found.check()


async def test_what_must_not_come_back_and_what_must_not_be_in_it(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
    world.spoil(
        "INSERT INTO session (digest, partner, account, until, seen_at) VALUES ('a', 'test-aut', 'x', 1, 1)",
        "INSERT INTO sign_in (digest, partner, account, until) VALUES ('b', 'test-aut', 'x', 1)",
        "INSERT INTO lease (role, epoch, holder, until) VALUES ('deliver-9', 9, 'z', 1)",
    )
    made = backed_up(world, tmp_path / "backup")
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert not {"keyring", "secrets", ".lock"} & {path.name for path in files}
    settings = world.settings()
    passphrase = read_passphrase(settings.secrets)
    hidden = [passphrase, settings.keyring.read_bytes(), *read_keyring(settings.keyring, passphrase).values()]
    texts = [path.read_bytes() for path in files]
    assert not any(one in text for one in hidden for text in texts)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    found, _ = restored(world, tmp_path / "backup", tmp_path / "other", "sqlite")
    hub = found.open()
    for table in ("session", "sign_in", "lease"):
        assert hub.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0  # noqa: S608 - constants
    assert hub.connection.execute("SELECT 1 FROM meta WHERE name = ?", (BACKUP_AT,)).fetchone() is None
    hub.close()
    with open_log(settings, clock=world.clock) as opened:
        row = opened.connection.execute("SELECT value FROM meta WHERE name = ?", (BACKUP_AT,)).fetchone()
        leaf = opened.reader.leaf(made.leaf).leaf
    assert int(row[0]) == int(world.clock().timestamp())
    assert (leaf.event, leaf.digest, set(leaf.c)) == ("BackupMade", made.digest, {"actor"})


async def test_nothing_is_written_over(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
    backed_up(world, tmp_path / "backup")
    before = {path: path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError):
        backed_up(world, tmp_path / "backup")
    with pytest.raises(FileExistsError):
        restored(world, tmp_path / "backup", world.folder, "sqlite")
    settings = world.settings()
    if settings.database_url:
        with pytest.raises(FileExistsError):
            restore(tmp_path / "backup", Target(tmp_path / "other", world.data, settings.database_url))
        assert not (tmp_path / "other").exists()
    assert {path: path.read_bytes() for path in before} == before
    world.check()


@ON_SQLITE
async def test_a_flipped_byte_anywhere_is_found(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
    backup = tmp_path / "backup"
    backed_up(world, backup)
    files = [path for path in sorted(backup.rglob("*")) if path.is_file() and path.stat().st_size]
    assert {MANIFEST, MAC, "hub.toml", "root.json", "leaf.jsonl", "timestamp.json"} <= {path.name for path in files}
    for number, path in enumerate(files):
        whole = path.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1, number * 7919 % len(whole)}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
            with pytest.raises(Rejected) as caught:
                restore(backup, Target(tmp_path / "other", world.data))
            assert caught.value.code in {"BACKUP_INVALID", "FIELD_UNKNOWN", "FIELD_RANGE"}, path.name
        path.write_bytes(whole[:-1])
        with pytest.raises(Rejected):
            restore(backup, Target(tmp_path / "other", world.data))
        path.write_bytes(whole)
    assert left(tmp_path) == ["backup", "image-0", "image-1", "world"]
    restore(backup, Target(tmp_path / "other", world.data))


@ON_SQLITE
async def test_files_that_are_missing_or_too_many_and_another_hubs_backup(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
    backup, target = tmp_path / "backup", Target(tmp_path / "other", world.data)
    backed_up(world, backup)
    (backup / "parts" / ("0" * 64)).write_bytes(b"x")
    refused("BACKUP_INVALID", lambda: restore(backup, target), "/parts/0")
    (backup / "parts" / ("0" * 64)).unlink()
    leaves = (backup / "tables/leaf.jsonl").rename(tmp_path / "aside")
    refused("BACKUP_INVALID", lambda: restore(backup, target), "/tables/leaf.jsonl")
    leaves.rename(backup / "tables/leaf.jsonl")
    manifest = (backup / MANIFEST).rename(tmp_path / "aside")
    refused("NOT_FOUND", lambda: restore(backup, target), "/manifest.json")
    manifest.rename(backup / MANIFEST)
    strange = tmp_path / "strange"
    shutil.copytree(world.data, strange)
    keyring = strange / "keyring"
    keyring.write_bytes(keyring.read_bytes()[:-1] + b"\0")
    refused("KEY_FILE_INVALID", lambda: restore(backup, replace(target, keys=strange)))
    shutil.rmtree(strange)
    elsewhere = make_world(tmp_path / "elsewhere", START)
    refused("BACKUP_INVALID", lambda: restore(backup, replace(target, keys=elsewhere.data)), f"/{MAC}")
    refused("NOT_FOUND", lambda: restore(tmp_path / "nothing", target))
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "other.unfinished").exists()


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("leaf", "UPDATE leaf SET hash = (SELECT hash FROM leaf WHERE idx = 1) WHERE idx = 2"),
        ("leaf", "DELETE FROM leaf WHERE idx = 3"),
        ("leaf_partner", "DELETE FROM leaf_partner WHERE idx = (SELECT max(idx) FROM leaf_partner)"),
        ("leaf_partner", "INSERT INTO leaf_partner (partner, idx) VALUES ('test-nobody', 2)"),
        ("checkpoint", "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)"),
        ("head", "UPDATE head SET at = at + 1"),
        ("tile", "INSERT INTO tile VALUES (0, 9, zeroblob(8192))"),
        ("checkpoint", "UPDATE checkpoint SET text = zeroblob(9)"),
        ("statement", "DELETE FROM statement"),
        ("statement", "UPDATE statement SET bytes = zeroblob(9)"),
        ("statement", "INSERT INTO statement VALUES (zeroblob(32), zeroblob(1))"),
        ("message", "UPDATE message SET kind = 'doc.alert' WHERE kind = 'ident.request'"),
        ("message", "DELETE FROM message"),
        ("message", "UPDATE message SET container = zeroblob(9)"),
        ("message", "UPDATE message SET container = (SELECT max(container) FROM message)"),
        ("recipient", "UPDATE recipient SET state = 'handed_over'"),
        ("recipient", "DELETE FROM recipient"),
        ("recipient", "INSERT INTO recipient (partner, idx) SELECT 'test-nobody', max(idx) FROM message"),
        ("recipient", "UPDATE recipient SET state = 'consigned' WHERE state = 'failed'"),
        ("recipient", "UPDATE recipient SET state = 'consigned', evidence_idx = NULL WHERE state = 'failed'"),
        ("recipient", "UPDATE recipient SET state = 'failed', consigned_idx = NULL WHERE state = 'failed'"),
        ("recipient", "UPDATE recipient SET consigned_idx = evidence_idx"),
        ("recipient", "UPDATE recipient SET evidence_idx = consigned_idx"),
        ("recipient", "UPDATE recipient SET evidence_idx = (SELECT min(evidence_idx) FROM recipient)"),
        ("recipient", "UPDATE recipient SET evidence_idx = 9999 WHERE state = 'failed'"),
        ("message", "UPDATE message SET identity = zeroblob(32) WHERE kind = 'ident.request'"),
        ("message", "UPDATE message SET expires_at = expires_at + 1"),
        ("idempotency", "DELETE FROM idempotency WHERE idx = (SELECT max(idx) FROM message)"),
        ("idempotency", "DELETE FROM idempotency WHERE idx NOT IN (SELECT idx FROM message)"),
        ("idempotency", "UPDATE idempotency SET size = size + 1 WHERE idx = (SELECT min(idx) FROM message)"),
        ("idempotency", "UPDATE idempotency SET digest = zeroblob(32)"),
        ("idempotency", "UPDATE idempotency SET until = until - 1"),
        ("idempotency", "INSERT INTO idempotency VALUES (zeroblob(32), zeroblob(32), 1, 2, 4000000000)"),
        ("retention", "DELETE FROM retention"),
        ("retention", "UPDATE retention SET purge_at = 1 WHERE idx = (SELECT max(idx) FROM message)"),
        ("push", "INSERT INTO push SELECT 'test-mda', max(idx), 'PUSH_REFUSED', max(idx) FROM message"),
        ("push", "INSERT INTO push SELECT 'test-mda', max(idx), 'PUSH_REFUSED', 9999 FROM message"),
        ("part_use", "DELETE FROM part_use"),
        ("side", "DELETE FROM side WHERE idx = (SELECT min(idx) FROM message)"),
        ("side", "INSERT INTO side SELECT 9999, case_row, sealed FROM side LIMIT 1"),
        ("case_state", "UPDATE case_state SET state = 'closed'"),
        ("case_state", "DELETE FROM case_party"),
        ("case_state", "INSERT INTO case_party (partner, row_id) SELECT 'test-nobody', max(row_id) FROM case_key"),
        ("case_state", "DELETE FROM case_leaf WHERE idx = (SELECT max(idx) FROM case_leaf)"),
        ("case_state", "UPDATE case_leaf SET case_row = 0 WHERE idx = (SELECT min(idx) FROM case_leaf)"),
        ("case_state", "INSERT INTO case_leaf SELECT case_row, 0 FROM case_leaf LIMIT 1"),
        ("case_state", "INSERT INTO case_leaf SELECT case_row, 9999 FROM case_leaf LIMIT 1"),
        ("case_state", "DELETE FROM case_agreement"),
        ("case_state", "DELETE FROM agreement_leaf"),
        ("case_state", "UPDATE leaf_count SET count = count + 1"),
        ("directory_version", "DELETE FROM directory_version"),
    ],
)  # fmt: skip
@ON_SQLITE
async def test_a_database_that_was_wrong_before_it_was_copied(
    world: World, tmp_path: Path, table: str, statement: str
) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
    world.spoil(statement)
    try:
        backed_up(world, tmp_path / "backup")
    except Exception:  # noqa: BLE001 - the hub's own start found it
        assert left(tmp_path) == ["image-0", "image-1", "world"]
        return
    target = Target(tmp_path / "other", world.data)
    with pytest.raises(Rejected) as caught:
        restore(tmp_path / "backup", target)
    assert caught.value.code == "BACKUP_INVALID"
    named = ("/tables/leaf/", f"/tables/{table}/", "/tables/recipient.", "/tables/part_use.")  # or what they belong to
    assert caught.value.path is None or caught.value.path.startswith(named)
    assert not (tmp_path / "other").exists()


async def test_what_is_parked_and_what_is_past_its_time(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
        alert = await world.accepted(client, world.seal("test-aut", "doc.alert", ["test-mda"]))
        hub = world.hub
        assert hub is not None
        hub.connection.execute("INSERT INTO push (partner, idx) VALUES ('test-mda', ?)", (alert.index,))
        assert await hub.writer.submit(Stopped("test-mda", [alert.index], "PUSH_REFUSED")) == 1
    world.clock.now += timedelta(days=60)
    purged = ("DELETE FROM idempotency WHERE idx = (SELECT max(idx) FROM message)", "DELETE FROM retention",
              "UPDATE message SET container = NULL")  # fmt: skip
    world.spoil(*purged)
    backed_up(world, tmp_path / "backup")
    found, _ = restored(world, tmp_path / "backup", tmp_path / "other", "sqlite")
    opened = found.open()
    assert opened.connection.execute("SELECT idx, code FROM push").fetchall() == [(alert.index, "PUSH_REFUSED")]
    opened.close()


async def test_a_backup_older_than_what_somebody_holds(world: World, tmp_path: Path) -> None:
    held, same, forged, strange = (tmp_path / name for name in ("held", "same", "forged", "strange"))
    async with world.running() as client:
        await history(world, client, tmp_path)
        same.write_bytes((await client.get("/audit/2026/checkpoint")).content)
        made = backed_up(world, tmp_path / "backup")
        await world.accepted(client, world.seal("test-aut", "doc.alert", ["test-mda"]))
        held.write_bytes((await client.get("/audit/2026/checkpoint")).content)
    settings = world.settings()
    secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
    signer = LogSigner(settings.origin, secrets["log.ed25519"], secrets["log.mldsa44"])
    forged.write_bytes(signer.sign(made.size - 2, bytes(32), world.clock()))
    strange.write_bytes(same.read_bytes()[:-20] + b"A" * 18 + b"=\n")
    for name, code in ((held, "LOG_BEHIND"), (forged, "LOG_INCONSISTENT"), (strange, "CHECKPOINT_INVALID")):
        refused(code, lambda name=name: restored(world, tmp_path / "backup", tmp_path / "no", "sqlite", name))  # type: ignore[misc]
    assert left(tmp_path / "no") == []
    _, proved = restored(world, tmp_path / "backup", tmp_path / "other", "sqlite", same)
    assert proved.seen == made.size


async def test_under_steady_load(today: World, engine: str, tmp_path: Path) -> None:
    ended = asyncio.Event()
    receipts = []

    async def load() -> None:
        while not ended.is_set():
            receipts.append(await today.accepted(client, today.seal("test-aut", "doc.alert", ["test-mda"])))

    async with today.running() as client:
        await history(today, client, tmp_path)
        async with asyncio.TaskGroup() as group:
            group.create_task(load())
            program = await asyncio.create_subprocess_exec(
                *COMMAND, "backup", str(today.data), str(tmp_path / "backup"), "--json",
                cwd=ROOT, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await program.communicate()
            ended.set()
    assert program.returncode == 0
    made = json.loads(out)
    today.check()
    url = ("--database-url", database()) if engine == "postgres" else ()
    done = command(
        "restore", tmp_path / "backup", tmp_path / "other/hub", "--verify", "--keys", today.data, "--json", *url
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["verified"], said["size"], said["root"]) == (True, made["size"], made["root"])
    inside = [receipt for receipt in receipts if receipt.index < made["size"]]
    assert len(inside) < len(receipts)
    found = World(tmp_path / "other", today.partners, today.clock.now)
    assert found.check() == made["size"]
    hub = found.open()
    assert [hub.reader.leaf(one.index).raw for one in inside] == [one.leaf_bytes for one in inside]
    hub.close()


@pytest.mark.parametrize("point", ["tables_written", "before_manifest", "filled"])
@ON_SQLITE
async def test_killed_while_it_is_made(today: World, tmp_path: Path, point: str) -> None:
    async with today.running() as client:
        await history(today, client, tmp_path)
    backup = tmp_path / "backup"
    killed = command("backup", today.data, backup, point=f"hub.backup.{point}")
    assert killed.returncode == -signal.SIGKILL
    assert not backup.exists()
    unfinished = tmp_path / "backup.unfinished"
    assert (unfinished / MANIFEST).exists() == (point == "filled")
    if point != "filled":
        refused("NOT_FOUND", lambda: restore(unfinished, Target(tmp_path / "other", today.data)), f"/{MANIFEST}")
    with open_log(today.settings()) as opened:
        assert opened.connection.execute("SELECT 1 FROM meta WHERE name = ?", (BACKUP_AT,)).fetchone() is None
        assert command("backup", today.data, backup).returncode == 5, "the dead one's lease still holds"
    today.spoil("UPDATE lease SET until = 0 WHERE role = 'backup'")
    again = command("backup", today.data, backup)
    assert again.returncode == 0, again.stderr
    assert not unfinished.exists()
    restore(backup, Target(tmp_path / "other", today.data))


@pytest.mark.parametrize("point", ["loaded", "before_commit", "committed", "filled"])
async def test_killed_while_it_is_restored(today: World, engine: str, tmp_path: Path, point: str) -> None:
    async with today.running() as client:
        await history(today, client, tmp_path)
    assert command("backup", today.data, tmp_path / "backup").returncode == 0
    other = tmp_path / "other/hub"
    url = ("--database-url", database()) if engine == "postgres" else ()
    words = ("restore", tmp_path / "backup", other, "--keys", today.data, *url)
    assert command(*words, point=f"hub.restore.{point}").returncode == -signal.SIGKILL
    assert not other.exists()
    if point != "filled":
        unfinished = command("serve", tmp_path / "other/hub.unfinished", "--port", "0")
        assert unfinished.returncode != 0
    again = command(*words, "--json")
    assert again.returncode == 0, again.stderr
    assert left(tmp_path / "other") == ["hub"]
    assert World(tmp_path / "other", today.partners, today.clock.now).check() == json.loads(again.stdout or "{}").get(
        "size"
    )


@ON_SQLITE
async def test_a_disk_that_is_full(today: World, tmp_path: Path) -> None:
    async with today.running() as client:
        await history(today, client, tmp_path)
    full = command("backup", today.data, tmp_path / "backup", limit_bytes=100_000)
    assert full.returncode == 5, full.stderr
    assert "STORE_UNAVAILABLE" in full.stderr
    assert left(tmp_path) == ["image-0", "image-1", "world"]
    assert command("backup", today.data, tmp_path / "backup").returncode == 0
    for limit in (100_000, 250_000):
        full = command("restore", tmp_path / "backup", tmp_path / "other", "--keys", today.data, limit_bytes=limit)
        assert full.returncode == 5, full.stderr
        assert left(tmp_path) == ["backup", "image-0", "image-1", "world"]
    today.check()


async def test_parts_stay_while_they_are_copied(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
        hub = world.hub
        assert hub is not None
        world.spoil("DELETE FROM part_use")
        lease = leases.take(hub.connection, BACKUP_ROLE, "somebody", 600)
        assert lease is not None
        with pytest.raises(Unavailable) as caught:
            backed_up(world, tmp_path / "backup")
        assert caught.value.code == "BUSY"
        later = int(world.clock().timestamp()) + 1
        assert hub.parts.sweep(unnamed_before=later) == 0
        assert len(left(world.data / "parts")) == 2
        leases.give_back(hub.connection, lease)
        assert hub.parts.sweep(unnamed_before=later) == 2


async def test_a_part_that_is_not_as_it_was_accepted(world: World, tmp_path: Path) -> None:
    async with world.running() as client:
        await history(world, client, tmp_path)
    part = min((world.data / "parts").iterdir())
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + b"?")
    refused("PART_DIGEST", lambda: backed_up(world, tmp_path / "backup"))
    part.unlink()
    refused("PART_MISSING", lambda: backed_up(world, tmp_path / "backup"))
    assert left(tmp_path) == ["image-0", "image-1", "world"]
    part.write_bytes(whole)
    backed_up(world, tmp_path / "backup")
