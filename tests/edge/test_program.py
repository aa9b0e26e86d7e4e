"""The edge as a program: every task running, the push door, the command, the data directory and its beginning."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.contract import Refused, Taken
from adapters.edge.app import create_app
from adapters.edge.enrolling import initialise
from adapters.edge.settings import EdgeSettings, load_settings
from adapters.edge.status import counts
from adapters.edge.wiring import Edge
from keys.custody import read_keyring, read_passphrase
from keys.directory.enrolment import parse_enrolment
from keys.requests import sign_request
from keys.signing import CONTAINER_TYPE
from liaison.cli import main
from schemas.errors import Rejected
from service.multipart import Part, write_multipart
from tests.edge.conftest import Rig, channel, codes, rows, send, submission, taken, until
from tests.edge.memory import MemoryChannel
from tests.world import NOW, SCRYPT_LOG2_N, Clock, lifespan


class Ticking(Clock):
    """Goes on by itself from where the world began."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._began)


def fail() -> None:
    raise AssertionError("a task has failed")


async def delivered(to: MemoryChannel, count: int) -> None:
    """So many were delivered."""
    while len(to.delivered) < count:
        to.got.clear()
        await to.got.wait()


@asynccontextmanager
async def serving(settings: EdgeSettings, clock: Clock) -> AsyncIterator[tuple[Edge, httpx2.AsyncClient]]:
    """The program, and a client on it."""
    app = create_app(settings, clock=clock, failed=fail)
    async with lifespan(app):
        transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 40000))
        async with httpx2.AsyncClient(transport=transport, base_url=settings.url) as client:
            yield app.state.edge, client


async def test_two_edges_run_and_exchange_by_themselves(rig: Rig) -> None:
    clock = Ticking()
    aut, mda = rig.settings("test-aut", look_seconds=0.05), rig.settings("test-mda", look_seconds=0.05)
    async with serving(aut, clock) as (austria, client), serving(mda, clock) as (moldova, _):
        await until(lambda: bool(austria.directories.version and moldova.directories.version))
        here, there = channel(austria), channel(moldova)
        offered = [here.offer(submission(austria, "ident.request", "test-mda", name=f"n{at}")) for at in range(3)]
        offered.append(here.offer(submission(austria, "ident.request", name="to nobody")))
        await delivered(there, 3)
        assert [type(one.settled[0]) for one in offered] == [Taken, Taken, Taken, Refused]
        answers = [
            there.offer(submission(moldova, "ident.reply", name=one.id, in_reply_to=one.id))
            for one in there.delivered.values()
        ]
        await delivered(here, 3)
        assert all(isinstance(one.settled[0], Taken) for one in answers)
        await until(lambda: counts(austria.connection)["under_way"] == counts(moldova.connection)["under_way"] == 0)
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert (await client.get("/livez")).text == "ok\n"
        assert "liaison_edge_accepted_total 3.0" in (await client.get("/metrics")).text
        assert codes(austria) == codes(moldova) == []
    assert len(here.calls) == len(there.calls) == 3
    rig.world.check()


async def test_a_push_is_taken_when_the_hub_signed_it(rig: Rig) -> None:
    hub = rig.world.hub
    assert hub is not None
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    moldova = await rig.edge("test-mda")
    kind, body = write_multipart(await moldova.hub.inbox(None, 0))
    await rig.stack.aclose()
    settings = rig.settings("test-mda", pull=False)
    url = f"{settings.url}/v1/deliveries"
    async with serving(settings, rig.world.clock) as (edge, client):
        await until(lambda: edge.directories.version > 0)
        stranger = rig.world.partners["test-geo"].request_key
        for headers in (
            {},
            sign_request(stranger, "POST", url, body=body, now=NOW),
            sign_request(hub.request_key, "POST", url, body=body[:-1], now=NOW),
            sign_request(hub.request_key, "POST", f"{url}/", body=body, now=NOW),
        ):
            refused = await client.post("/v1/deliveries", content=body, headers={**headers, "Content-Type": kind})
            assert refused.status_code == 401
        assert rows(edge, "SELECT count(*) FROM inbox") == [(0,)]
        signed = sign_request(hub.request_key, "POST", url, body=body, now=NOW)
        answer = await client.post("/v1/deliveries", content=body, headers={**signed, "Content-Type": kind})
        assert answer.status_code == 204
        again = await client.post("/v1/deliveries", content=body, headers={**signed, "Content-Type": kind})
        assert again.status_code == 401  # the nonce is spent
        await delivered(channel(edge), 1)
        other, junk = write_multipart([Part(CONTAINER_TYPE, "0" * 64, b"junk")])
        signed = sign_request(hub.request_key, "POST", url, body=junk, now=NOW)
        malformed = await client.post("/v1/deliveries", content=junk, headers={**signed, "Content-Type": other})
        assert (malformed.status_code, malformed.json()["code"]) == (400, "REQUEST_INVALID")


async def test_an_edge_without_its_hub_starts_and_says_so(rig: Rig) -> None:
    settings = rig.settings("test-aut")
    rig.lies["/"] = lambda _status, _body: (503, b"")
    async with serving(settings, rig.world.clock) as (edge, client):
        offered = channel(edge).offer(submission(edge, "ident.request", "test-mda"))
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["directory"]) == (503, "STORE_UNAVAILABLE")
        assert not offered.settled


def test_a_beginning_makes_everything_and_overwrites_nothing(rig_root: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "edge"
    given: dict[str, object] = {"partner": "test-aut", "hub": "http://127.0.0.1:8440"}
    made = initialise(folder, NOW, root=rig_root, given=given, log2_n=SCRYPT_LOG2_N)
    enrolment = parse_enrolment(made.enrolment.read_bytes())
    assert (enrolment.partner, enrolment.fingerprint) == ("test-aut", made.fingerprint)
    assert set(read_keyring(folder / "keyring", read_passphrase(folder / "passphrase"))) == {
        "sign.ed25519", "sign.mldsa65", "kem", "request",
    }  # fmt: skip
    office = made.administrators
    assert set(read_keyring(office / "keyring", read_passphrase(office / "passphrase"))) == {"admin.ed25519"}
    assert load_settings(folder).partner == "test-aut"
    for path in (folder, office, folder / "keyring", folder / "passphrase"):
        assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        initialise(folder, NOW, root=rig_root, given=given, log2_n=SCRYPT_LOG2_N)


def test_a_beginning_that_was_cut_short_is_finished_or_made_anew(rig_root: bytes, tmp_path: Path) -> None:
    given: dict[str, object] = {"partner": "test-aut", "hub": "http://127.0.0.1:8440"}
    folder, office = tmp_path / "edge", tmp_path / "office"
    made = initialise(folder, NOW, root=rig_root, given=given, administrators=office, log2_n=SCRYPT_LOG2_N)
    folder.rename(tmp_path / "edge.unfinished")  # killed before the last step
    again = initialise(folder, NOW, root=rig_root, given=given, administrators=office, log2_n=SCRYPT_LOG2_N)
    assert again == made
    folder.rename(tmp_path / "edge.unfinished")  # killed in the middle
    office.rename(tmp_path / "office.unfinished")
    (tmp_path / "edge.unfinished" / "edge.toml").unlink()
    anew = initialise(folder, NOW, root=rig_root, given=given, administrators=office, log2_n=SCRYPT_LOG2_N)
    assert anew.fingerprint != made.fingerprint


@pytest.mark.parametrize("given", [{"partner": "Not One"}, {"hub": "ftp://x"}, {"port": 70000}, {"unknown": "x"}])
def test_a_beginning_with_a_wrong_setting_leaves_nothing(
    rig_root: bytes, tmp_path: Path, given: dict[str, object]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    wanted = {"partner": "test-aut", "hub": "http://127.0.0.1:8440", **given}
    with pytest.raises(Rejected):
        initialise(place / "edge", NOW, root=rig_root, given=wanted, log2_n=SCRYPT_LOG2_N)
    with pytest.raises(Rejected, match="DIRECTORY_INVALID"):
        initialise(
            place / "edge",
            NOW,
            root=b"{}",
            given={"partner": "test-aut", "hub": "http://127.0.0.1:8440"},
            log2_n=SCRYPT_LOG2_N,
        )
    assert list(place.iterdir()) == []


async def test_the_commands_show_counts_receipts_and_alarms(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    austria = await rig.edge("test-aut")
    asked = await taken(austria, "ident.request", "test-mda")
    await send(austria)
    folder, key = str(austria.settings.folder), str(rig.world.data / "log.vkey")

    def command(*words: str, expected: int = 0) -> Any:
        capsys.readouterr()
        assert main(["edge", *words, "--json"]) == expected
        return json.loads(capsys.readouterr().out)

    status = command("status", folder)
    assert (status["sent"], status["accepted"], status["under_way"], status["alarms"]) == (1, 1, 1, 0)
    shown = command("receipt", folder, asked.id, "--log-key", key)
    assert (shown["verified"], shown["event"]) == (True, "SubmissionAcceptance")
    assert command("outbox", folder)[0]["recipients"] == {"test-mda": "pending"}
    assert command("inbox", folder) == []
    out = austria.settings.folder / "receipts"
    assert len(command("receipt", folder, "--all", "--out", str(out), "--log-key", key)) == 1
    assert [path.name for path in out.iterdir()] == [f"{asked.id}.sent.receipt"]
    austria.connection.execute("UPDATE outbox SET receipt = CAST(replace(receipt, 'index', 'Index') AS BLOB)")
    assert command("receipt", folder, asked.id, "--log-key", key, expected=3)["verified"] is False
    assert command("receipt", folder, "unknown", "--log-key", key, expected=4) == {"code": "NOT_FOUND"}
    assert command("trust", folder, "--evidence", str(out / "x"), expected=4) == {"code": "NOT_FOUND"}
    austria.connection.execute("INSERT INTO meta VALUES ('log_broken', x'5b5d')")
    assert command("status", folder, expected=3)["log_trusted"] is False
    assert command("trust", folder, "--evidence", str(out / "x"))["log_trusted"] is True
    assert (out / "x").read_bytes() == b"[]"


@pytest.fixture
def rig_root(hub_world: Any) -> bytes:
    """The directory's root, as handed over at enrolment."""
    return bytes((hub_world.data / "root.json").read_bytes())
