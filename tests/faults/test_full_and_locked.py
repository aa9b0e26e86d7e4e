"""A disk that is full and a database that another process holds: refused with 503 or left waiting, and then done.

The program runs on: nothing half-written, nothing lost, and it goes on by itself once there is room. The disk is a
small tmpfs where we may mount one; a limit of the kernel on the size of the process's files everywhere.
"""

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from liaison.demo import inputs
from tests.faults.between import Between, watched
from tests.faults.check import check
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, alert
from tests.faults.national import call

Trouble: TypeAlias = Callable[[Cluster, str], AbstractContextManager[None]]
DISK_BYTES = 12 * 1024**2
SENT = 5


def folder_of(found: Cluster, name: str) -> Path:
    return found.world.hub if name == "hub" else found.world.edge(name)


def database_of(found: Cluster, name: str) -> Path:
    return folder_of(found, name) / ("hub.db" if name == "hub" else "edge.db")


@contextmanager
def limited(found: Cluster, name: str) -> Iterator[None]:
    """No file of the process grows past what its write-ahead log has now."""
    pid, wal = found.process(name), database_of(found, name).with_name(f"{database_of(found, name).name}-wal")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def filled(found: Cluster, name: str) -> Iterator[None]:
    """The file system that holds the program's folder has no byte left."""
    with fill(folder_of(found, name) / "filler"):
        yield


@contextmanager
def fill(filler: Path) -> Iterator[None]:
    """The file system that holds this file has no byte left."""
    with filler.open("wb", buffering=0) as sink, suppress(OSError):
        while sink.write(b"\0" * 4096):
            pass
    yield
    filler.unlink()


@contextmanager
def locked(found: Cluster, name: str) -> Iterator[None]:
    """Another process, or an operator's shell, is writing to the database."""
    with closing(sqlite3.connect(database_of(found, name), isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """The folder's content on a tmpfs of its own, at the same place; it must be gone before the folder is."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@cache
def may_mount() -> bool:
    """Whether this process may mount a tmpfs."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("mount", "umount", "unshare"))):
        return False
    words = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["hub", AUT, MDA])
@pytest.mark.parametrize("trouble", [limited, locked])
def test_trouble_passes(tmp_path: Path, trouble: Trouble, name: str) -> None:
    with watched(tmp_path / "world") as (found, hub):
        pass_through(found, hub, trouble, name)
        found.stop(AUT, MDA, "hub")


@pytest.mark.skipif(not may_mount(), reason="only root may mount a small file system")
@pytest.mark.parametrize("name", ["hub", AUT, MDA])
def test_a_small_disk_is_full(tmp_path: Path, name: str) -> None:
    room = {program: {f"LIAISON_{program}_DISK_FREE_BYTES_MIN": "65536"} for program in ("HUB", "EDGE")}
    given = {"hub": room["HUB"], "test_aut": room["EDGE"], "test_mda": room["EDGE"]}
    with watched(tmp_path / "world", **given) as (found, hub), small_disk(folder_of(found, name)):
        pass_through(found, hub, filled, name)
        found.stop(AUT, MDA, "hub")


def pass_through(found: Cluster, hub: Between, trouble: Trouble, name: str) -> None:
    """One exchange before the trouble; both sides send during it; all of it is there afterwards, once."""
    found.start("hub", AUT, MDA)
    found.ready("hub", AUT, MDA)
    found.files.submit("before", (MDA,), inputs.ident_request(TODAY))
    found.settle(1, 1)
    image = os.urandom(160_000)
    with trouble(found, name):
        found.files.submit("question", (MDA,), inputs.ident_request(TODAY) | {"case_ref": "AT-RET-TEST-0002"})
        found.files.submit("alert", (MDA,), alert("AT", image), image)
        found.calls.submit("alert", (AUT,), alert("MD", image), image)
        check_request = inputs.doc_verify_request()
        check_request["document"] |= {"issuer": "AUT"}
        found.calls.submit("check", (AUT,), check_request)
        found.until("the refusal", lambda: refused(found, hub, name) or None)
        found.until("its word", lambda: None if found.is_ready(name) else True)
        answer = call("GET", f"{found.url(name)}/livez")
        assert answer is not None
        assert answer[0] == 200
    found.settle(SENT, SENT)
    found.ready("hub", AUT, MDA)
    assert not found.killed
    assert check(found) == SENT


def refused(found: Cluster, hub: Between, name: str) -> bool:
    """Whoever wanted something of the program was told to come again, or waits."""
    if name == "hub":
        posts = [*hub.exchanges("POST", "/v1/messages"), *hub.exchanges("PUT", "/v1/parts/")]
        told = [one for one in posts if one.status == 503]
        assert all(int(one.headers["retry-after"]) >= 1 for one in told)
        return bool(told)
    if name == MDA:
        return found.calls.statuses[503] > 0
    return '"intake.waits"' in found.log(AUT) and found.files.reason("question.json") is None
