"""The core profile of docker-compose.yml, really brought up, used, and killed piece by piece: nothing is lost.

Our image is built from our Dockerfile. Two national systems exchange messages through two edges and the hub's public
door while containers are killed from outside; what brings one back is the restart policy that docker-compose.yml gives
it. What differs from the published images is written down in docs/containers.md.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from liaison.demo.commands import command
from liaison.demo.inputs import BAD_ROW, overstay_notices, overstay_reply
from tests.boxes.engine import IMAGE, Engine
from tests.boxes.site import Site
from tests.faults.national import Files
from tests.kafka import libraries

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

AUT, GEO = "test-aut", "test-geo"
BASE = "/var/lib/liaison"
HUB = f"{BASE}/hub/data"
NOTICES = 60
AHEAD = 8
"""Messages under way at a time, roughly."""
VICTIMS = ("hub-1", "deliver", "kafka-2", "relay", "postgres", GEO, "hub-2", "clock")
TODAY = datetime.now(UTC).date()


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Iterator[Site]:
    """All of the profile is healthy, or has run to its good end."""
    with Site(engine, tmp_path, libraries()) as found:
        found.up()
        yield found


def test_the_image_holds_what_runs_and_nothing_that_builds(engine: Engine) -> None:
    run = ("run", "--rm", "--read-only", "--network", "none", "--cap-drop", "all")
    assert "liaison hub" not in engine.podman(*run, IMAGE, "--version")
    inside = (*run, "--entrypoint", "sh", IMAGE, "-c")
    assert engine.podman(*inside, "id -u; id -g; command -v liaison").split() == [
        "10001",
        "10001",
        "/opt/liaison/venv/bin/liaison",
    ]
    for refused in (
        "command -v gcc cc make pip pip3",
        "python -c 'import pip'",
        "touch /opt/liaison/source/liaison/new.py",
        "touch /new",
        "cat /etc/shadow",
        "test -e /opt/liaison/source/tests || test -e /requirements.txt",
    ):
        assert not engine.succeeds(*inside, refused), refused
    user, entry = json.loads(
        engine.podman("inspect", "--format", "[{{json .Config.User}}, {{json .Config.Entrypoint}}]", IMAGE)
    )
    assert (user, entry) == ("10001:10001", ["liaison"])
    assert not engine.succeeds(*run, IMAGE, "hub", "serve", f"{BASE}/nothing-here")


def test_containers_are_killed_and_nothing_is_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load(site)
    for number, victim in enumerate(VICTIMS, 1):
        due = number * 2 * NOTICES // (len(VICTIMS) + 1)
        site.until(f"{due} messages handed over", lambda due=due: load.progress() >= due or None)  # type: ignore[misc]
        site.kill(victim)
    site.until("all messages handed over", lambda: load.progress() >= 2 * NOTICES or None)
    for name in site.services:
        site.until(f"{name} to be well again", lambda name=name: site.settled(name))  # type: ignore[misc]
    site.until("all evidence to be in the log", load.settled)

    indices = load.check()
    monkeypatch.setenv("SSL_CERT_FILE", str(site.secrets / "authorities.pem"))
    keys = site.secrets / "log.vkey"
    keys.write_text(site.inside("hub-1", "cat", f"{HUB}/log.vkey") + "\n")
    for port in site.ports:
        audit = command("audit", "verify", f"https://127.0.0.1:{port}/audit/{TODAY.year}", "--log-key", keys)
        assert audit["verified"]
        assert audit["size"] > max(indices)
    assert site.run("relay", "hub", "broker", "check", HUB)["findings"] == []
    segments = [file.stat().st_size for file in site.volume("kafka-1").glob("hub.v1.outbound-*/*.log")]
    assert sum(segments) > 0, "nothing went through Kafka"
    cases = site.run("hub-2", "hub", "cases", HUB)
    assert [case["state"] for case in cases] == ["answered"] * NOTICES
    assert site.run("hub-1", "hub", "rebuild", HUB, "--check")["equal"] is True
    assert site.run("hub-1", "hub", "parked", HUB) == []


class Load:
    """Notices from Austria, each answered by Georgia; every one is looked at in the end."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._systems = {name: Files(name, site.volume(name) / "national") for name in (AUT, GEO)}
        good = [one for number, one in enumerate(overstay_notices(TODAY)) if number != BAD_ROW]
        self._notices = zip(range(NOTICES), itertools.cycle(good), strict=False)
        self._submitted = 0
        self._answered: set[str] = set()

    def progress(self) -> int:
        """Submit what is due; how many messages were handed over until now, both ways."""
        for system in self._systems.values():
            system.work()
        for got in self._systems[GEO].seen.got:
            if got.message["id"] not in self._answered:
                self._answered.add(got.message["id"])
                self._systems[GEO].submit(f"reply-{len(self._answered)}", (AUT,), overstay_reply(got.message["id"]))
        while self._submitted - len(self._systems[GEO].seen.got) < AHEAD and (due := next(self._notices, None)):
            number, notice = due
            self._systems[AUT].submit(f"notice-{number}", (GEO,), {**notice, "case_ref": f"AT-BOX-{number:04d}"})
            self._submitted += 1
        return sum(len(system.seen.got) for system in self._systems.values())

    def settled(self) -> bool | None:
        """True once neither edge has anything under way."""
        self.progress()
        return True if not any(self._status(name)["under_way"] for name in self._systems) else None

    def check(self) -> set[int]:
        """Each message came once, as sent, with receipts that hold at both ends; gives their places in the log."""
        indices: set[int] = set()
        receipts = {name: self._receipts(name) for name in self._systems}
        for name, system in self._systems.items():
            other = self._systems[AUT if name == GEO else GEO]
            assert system.idle
            assert len(system.seen.sent) == len(other.seen.got) == NOTICES
            assert set(system.seen.given.values()) == {1}, "handed over twice"
            came = {got.message["id"]: got for got in other.seen.got}
            for sent in system.seen.sent:
                assert came[sent.id].message["payload"] == sent.payload
                mine, theirs = receipts[name][sent.id, "sent"], receipts[other.partner][sent.id, "received"]
                assert (mine["verified"], theirs["verified"], mine["digest"]) == (True, True, came[sent.id].digest)
                assert mine["index"] == theirs["index"]
                indices.add(mine["index"])
            status = self._status(name)
            assert (status["log_trusted"], status["failed"]) == (True, 0)
            assert status["alarm_list"] == []
        assert len(indices) == 2 * NOTICES
        return indices

    def _receipts(self, name: str) -> Mapping[tuple[str, str], Any]:
        found = self._site.run(name, "edge", "receipt", f"{BASE}/{name}/edge", "--all")
        return {(one["id"], one["direction"]): one for one in found}

    def _status(self, name: str) -> Any:
        return self._site.run(name, "edge", "status", f"{BASE}/{name}/edge")
