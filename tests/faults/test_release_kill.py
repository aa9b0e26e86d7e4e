"""An officer's command killed at each of its points beside a serving edge: decided whole or not at all, sent once.

Austria's files are held; a second edge (Moldova's) takes what is released. The edge itself is killed too, while
submissions are held.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from liaison.demo import inputs
from liaison.demo.commands import command
from tests.faults.check import check
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, cluster

POINTS = {"edge.holds.before_commit": "held", "edge.holds.committed": "decided"}
"""Point -> what a crash there leaves."""
TELLING = "asylum 4711"
BY = ("--by", "Ana Berger", "--reason", "Zyxomma is our own word.")


def run(words: tuple[str | Path, ...], point: str = "") -> "subprocess.CompletedProcess[bytes]":
    """A `liaison` process of its own, armed."""
    return subprocess.run(
        [sys.executable, "-m", "liaison", *map(str, words), "--json"],
        env={**os.environ, "LIAISON_FAILPOINT": point},
        capture_output=True,
        check=False,
        timeout=60,
    )


def held(found: Cluster, count: int) -> list[Any]:
    """So many are held, as the command lists them."""

    def look() -> list[Any] | None:
        listed = command("edge", "holds", found.world.edge(AUT))
        return listed if len(listed) == count else None

    return found.until(f"{count} held", look)


def state_of(found: Cluster, name: str) -> Any:
    """What the national system can read about its file."""
    path = found.files.base / "out" / "state" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def told(found: Cluster, name: str, state: str) -> Any:
    """The national system is told that its file has this state."""

    def look() -> Any:
        said = state_of(found, name)
        return said if said.get("state") == state else None

    return found.until(f"{name} {state}", look)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, tmp_path: Path) -> None:
    with cluster(tmp_path / "world") as found:
        folder = found.world.edge(AUT)
        found.start("hub", AUT, MDA)
        found.ready("hub", AUT, MDA)
        for name in ("goes", "stays"):
            found.files.submit(name, (MDA,), inputs.ident_request(TODAY) | {"case_ref": TELLING})
        goes, stays = sorted(held(found, 2), key=lambda one: str(one["external_id"]))
        assert told(found, "goes", "held")["findings"][0]["path"] == "/case_ref"
        found.kill(AUT)  # what is held outlives the edge; `until` starts it again
        for one, decide in ((goes, "release"), (stays, "refuse")):
            words = ("edge", decide, folder, one["id"], *BY)
            assert run(words, point).returncode == -signal.SIGKILL
            again = run(words)
            assert again.returncode == (0 if POINTS[point] == "held" else 4), again.stderr
        assert held(found, 0) == []
        told(found, "goes", "accepted")
        assert told(found, "stays", "refused")["code"] == "FREETEXT_HOLD"
        found.until("the hand-over", lambda: found.calls.seen.got or None)
        found.files.seen.sent[:] = [one for one in found.files.seen.sent if one.id == goes["id"]]
        found.settle(1, 1)
        assert check(found) == 1
        assert [one.message["payload"]["case_ref"] for one in found.calls.seen.got] == [TELLING]
        status = found.status(AUT)
        assert (status["journal_rows"], status["journal_broken_at"]) == (4, None)
        for partner in ("hub", AUT, MDA):
            assert "Zyxomma" not in found.log(partner)
            assert TELLING not in found.log(partner)
        found.stop(AUT, MDA, "hub")
