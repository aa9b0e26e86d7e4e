"""`liaison hub status`, as an operator types it: beside a hub that runs, and without one."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.operations.alerts import load
from liaison.cli import main
from tests.world import World, make_world

ROOT = Path(__file__).resolve().parents[2]


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["hub", *map(str, words), "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


@pytest.fixture
def world(tmp_path: Path, free_port: int) -> World:
    """A world of today, whose hub's address nobody answers at yet."""
    world = make_world(tmp_path / "world", datetime.now(UTC).replace(microsecond=0))
    with (world.data / "hub.toml").open("a") as file:
        file.write(f"\nport = {free_port}\n")
    world.open().close()
    return world


def fires(found: Any) -> set[str]:
    return {one["alert"] for one in found["firing"]}


def test_without_a_hub(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(capsys, "status", world.data)
    assert (code, found["running"]) == (1, False)
    assert {"HubDown", "BackupTooOld"} <= fires(found)
    assert not fires(found) & {"DatabaseUnavailable", "DiskFull", "ClockBehind", "StuckMessage", "DeadLetterCap"}
    assert {"CommitFailures", "SignaturesRefused", "BrokerUnavailable"} <= set(found["unjudged"])
    assert all((ROOT / one["page"]).exists() for one in found["firing"])


def test_without_a_database(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.data / "hub.db").rename(world.data / "elsewhere.db")
    code, found = run(capsys, "status", world.data)
    assert code == 1
    assert "DatabaseUnavailable" in fires(found)
    assert not (world.data / "hub.db").exists()


def test_a_directory_that_does_not_hold(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.data / "directory" / "metadata" / "timestamp.json").write_bytes(b"{}")
    code, found = run(capsys, "status", world.data)
    assert code == 1
    assert "DirectoryInvalid" in fires(found)
    assert "KeyExpiring" in found["unjudged"]


def test_where_there_is_no_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(capsys, "status", tmp_path)
    assert code == 1
    assert {"HubDown", "DatabaseUnavailable"} <= fires(found)
    assert "Traceback" not in capsys.readouterr().err


async def test_beside_a_running_hub_its_own_numbers_are_judged(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "liaison", "hub", "serve", str(world.data),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        code, found = await asyncio.to_thread(run, capsys, "status", world.data)
    finally:
        process.terminate()
        await process.communicate()
    assert (code, found["running"], fires(found)) == (1, True, {"BackupTooOld"})
    needs_history = {alert.name for alert in load() if alert.parsed.needs_history and alert.program == "hub"}
    assert set(found["unjudged"]) == needs_history | {"CertificateExpiring"}


def test_in_words(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    main(["hub", "status", str(world.data)])
    assert "docs/runbook/HubDown.md" in capsys.readouterr().out
