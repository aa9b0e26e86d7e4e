"""Killed where a link, a session, a viewing or a rebuild is almost durable: nothing is there, and all works again."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.cases.rebuilding import compare
from hub.settings import load_settings
from hub.wiring import open_log
from tests.world import World

PROGRAM = [sys.executable, "-m", "liaison"]


@contextmanager
def served(world: World, failpoint: str = "") -> Iterator[None]:
    with subprocess.Popen(
        [*PROGRAM, "hub", "serve", str(world.data), "--log-level", "error"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "LIAISON_FAILPOINT": failpoint},
    ) as program:  # fmt: skip
        assert program.stdout is not None
        try:
            assert json.loads(program.stdout.readline())["url"] == world.url
            yield
        finally:
            program.terminate()
            program.wait(20)


def command(*words: str | Path, failpoint: str = "") -> tuple[int, Any]:
    ended = subprocess.run(
        [*PROGRAM, *map(str, words), "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "LIAISON_FAILPOINT": failpoint},
    )  # fmt: skip
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else None


def token(world: World) -> str:
    code, made = command("hub", "link", world.data, "test-aut", "officer-1")
    assert code == 0
    return str(made["url"].partition("token=")[2])


async def press(world: World, secret: str) -> str:
    """The session's cookie."""
    async with httpx2.AsyncClient(base_url=world.url) as client:
        answer = await client.post(
            "/console/sign-in", data={"token": secret}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.status_code == 303
        return answer.cookies["liaison"]


async def look(world: World, cookie: str, index: int) -> int:
    async with httpx2.AsyncClient(base_url=world.url) as client:
        return (await client.get(f"/console/cases/{index}", headers={"Cookie": f"liaison={cookie}"})).status_code


def events(world: World) -> list[str]:
    with open_log(load_settings(world.data)) as opened:
        return [stored.leaf.event for stored in opened.reader.leaves(-1, 999)]


@pytest.mark.timeout(120)
async def test_killed_before_a_link_a_session_or_a_viewing_is_durable(present_world: World) -> None:
    world = present_world
    async with world.running() as client:
        sealed = world.seal("test-aut", "ident.request", ["test-mda"])
        index = (await world.accepted(client, sealed)).index
    before = events(world)
    code, made = command("hub", "link", world.data, "test-aut", "officer-1", failpoint="hub.accounts.linked")
    assert (code < 0 or code > 128, made) == (True, None)
    assert events(world) == before

    secret = token(world)
    with served(world, "hub.accounts.signed_in"), pytest.raises(httpx2.TransportError):
        await press(world, secret)
    assert events(world) == [*before, "SignInLinked"]

    with served(world):
        cookie = await press(world, secret)
    with served(world, "hub.views.recorded"), pytest.raises(httpx2.TransportError):
        await look(world, cookie, index)
    assert events(world)[len(before) :] == ["SignInLinked", "SignedIn"]
    with served(world):
        assert [await look(world, cookie, index) for _ in range(2)] == [200, 200]
    assert events(world)[len(before) :] == ["SignInLinked", "SignedIn", "CaseViewed"]
    world.check()


@pytest.mark.timeout(120)
async def test_killed_before_a_rebuilt_projection_is_durable(present_world: World) -> None:
    world = present_world
    async with world.running() as client:
        await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
    with open_log(load_settings(world.data)) as opened:
        opened.connection.execute("UPDATE case_state SET state = 'answered'")
        assert not compare(opened.reader, opened.at_rest).equal
    code, made = command("hub", "rebuild", world.data, failpoint="hub.cases.rebuilt")
    assert (code < 0 or code > 128, made) == (True, None)
    assert command("hub", "rebuild", world.data, "--check")[0] == 3
    assert command("hub", "rebuild", world.data)[1]["written"]
    assert command("hub", "rebuild", world.data, "--check")[0] == 0
    world.check()
