"""`liaison hub`: init, serve, parked, redrive, as an operator types them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.delivery.consignment import Stopped
from hub.wiring import open_log
from liaison.cli import main
from tests.world import World, make_world

ROOT = Path(__file__).resolve().parents[2]


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["hub", *map(str, words), "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


def serve_refused(folder: Path, *words: str) -> tuple[int, str]:
    """A program of its own, for it takes over its process's log."""
    ended = subprocess.run(
        [sys.executable, "-m", "liaison", "hub", "serve", str(folder), *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_init_says_what_to_hand_to_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = run(
        capsys, "init", tmp_path / "hub", "--name", "hub.example", "--port", "9999", "--ceremony", tmp_path / "c"
    )
    assert code == 0
    assert made == {
        "folder": str(tmp_path / "hub"),
        "ceremony": str(tmp_path / "c"),
        "origin": f"hub.example/audit/{datetime.now(UTC).year}",
        "url": "http://127.0.0.1:9999",
        "root": str(tmp_path / "hub/root.json"),
        "log_key": str(tmp_path / "hub/log.vkey"),
    }
    before = {path: path.read_bytes() for path in (tmp_path / "hub").iterdir() if path.is_file()}
    assert run(capsys, "init", tmp_path / "hub", "--ceremony", tmp_path / "d")[0] == 2
    assert before == {path: path.read_bytes() for path in before}
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("words", [("--port", "0"), ("--port", "x"), ("--url", "ftp://hub.example")])
def test_init_with_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code = main(["hub", "init", str(tmp_path / "hub"), *words])
    said = capsys.readouterr()
    assert code in {2, 4}
    assert "ftp" not in said.out + said.err
    assert not (tmp_path / "hub").exists()


def test_commands_without_a_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve_refused(tmp_path)[0] == 4
    assert main(["hub", "redrive", str(tmp_path)]) == 4
    assert main(["hub", "parked", str(tmp_path)]) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_any_address_but_loopback_needs_tls(hub_world: World) -> None:
    code, said = serve_refused(hub_world.data, "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert code == 4
    assert "TLS_REQUIRED" in said
    assert not (hub_world.data / "hub.db").exists()


async def test_parked_and_redrive(hub_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with hub_world.running() as client:
        sealed = hub_world.seal("test-aut", "doc.alert", ["test-mda"])
        index = (await hub_world.accepted(client, sealed)).index
    with open_log(hub_world.settings(), clock=hub_world.clock) as opened:
        opened.connection.execute("INSERT INTO push (partner, idx) VALUES ('test-mda', ?)", (index,))
        opened.writer.commit_now(Stopped("test-mda", [index], "PUSH_REFUSED"))
    code, listed = run(capsys, "parked", hub_world.data)
    assert code == 0
    (row,) = listed
    assert (row["partner"], row["index"], row["code"], row["source"]) == ("test-mda", index, "PUSH_REFUSED", "test-aut")
    assert run(capsys, "parked", hub_world.data, "--partner", "test-geo") == (0, [])
    assert run(capsys, "redrive", hub_world.data, "--partner", "test-geo") == (0, {"redriven": 0})
    assert run(capsys, "redrive", hub_world.data, "--index", str(index)) == (0, {"redriven": 1})
    assert run(capsys, "parked", hub_world.data) == (0, [])
    hub_world.check()


async def test_serve_says_that_it_is_ready_and_ends_in_order(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", datetime.now(UTC).replace(microsecond=0))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "liaison", "hub", "serve", str(world.data), "--port", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["ready"] == "hub"
    async with httpx2.AsyncClient(base_url=ready["url"], timeout=40) as client, asyncio.TaskGroup() as group:
        assert (await client.get("/readyz")).json()["ready"] is True
        assert (await client.get("/v1/messages")).status_code in {404, 405}
        waiting = group.create_task(world.get(client, "test-mda", "/v1/inbox?wait=30"))
        while (await client.get("/metrics")).text.count("liaison_waiting 1.0") != 1:
            pass
        process.send_signal(signal.SIGTERM)
        answer = await waiting
        assert answer.status_code == 200  # told to end, whoever waits is answered at once
    out, said = await process.communicate()
    assert process.returncode in {0, -signal.SIGTERM}
    assert out == b""
    events = [json.loads(line)["event"] for line in said.decode().splitlines()]
    assert events[-1] == "hub.ended"
    assert "hub.started" in events
    world.check()
