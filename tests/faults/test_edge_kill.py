"""Kill -9 of both edges' processes at every one of their points (docs/failpoints.md): nothing lost, nothing twice.

One story is told through a real hub: Austria by files, pushed to; Moldova by HTTP, asking. Each sends a message with a
large attachment and takes one, asks or answers, and is refused a file. Both edges are armed with the same point, so
each is killed as sender or as recipient, whichever reaches it first; they start again by themselves and go on.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from liaison.demo import inputs
from tests.faults.check import check
from tests.faults.cluster import AUT, GEO, MDA, TODAY, Cluster, alert, cluster

ROOT = Path(__file__).resolve().parents[2]
BOTH = (AUT, MDA)
POINTS: dict[str, tuple[str, ...]] = {
    "channel.folder.before_move": (AUT,),
    "channel.folder.before_name": (AUT,),
    "channel.folder.before_name:2": (AUT,),
    "channel.folder.moved": (AUT,),
    "channel.folder.moved:2": (AUT,),
    "channel.folder.named": (AUT,),
    "channel.folder.reasons_written": (AUT,),
    "channel.folder.reasons_written:2": (AUT,),
    "channel.rest.before_settled": (MDA,),
    "channel.rest.settled": (MDA,),
    "edge.attachment.written": BOTH,
    "edge.attachment.written:2": BOTH,
    "edge.attachment.written:3": BOTH,
    "edge.evidence.answered": BOTH,
    "edge.evidence.before_post": BOTH,
    "edge.evidence.committed": BOTH,
    "edge.evidence.recorded": BOTH,
    "edge.evidence.signed": BOTH,
    "edge.follower.before_commit": BOTH,
    "edge.handover.before_commit": BOTH,
    "edge.handover.committed": BOTH,
    "edge.handover.delivered": BOTH,
    "edge.intake.before_commit": BOTH,
    "edge.intake.before_settle": BOTH,
    "edge.intake.committed": BOTH,
    "edge.monitor.proved": BOTH,
    "edge.opener.before_commit": BOTH,
    "edge.opener.committed": BOTH,
    "edge.poster.answered": BOTH,
    "edge.poster.before_commit": BOTH,
    "edge.poster.before_post": BOTH,
    "edge.poster.committed": BOTH,
    "edge.poster.part_there": BOTH,
    "edge.progress.told": BOTH,
    "edge.push.before_answer": (AUT,),
    "edge.receiver.before_commit": BOTH,
    "edge.receiver.committed": BOTH,
    "edge.receiver.pulled": BOTH,
    "edge.sealer.committed": BOTH,
    "edge.sealer.sealed": BOTH,
}
"""Point (the second or third time it is reached, where that is another step) -> whose edge reaches it."""

PUSHED = {"edge.push.before_answer"}
"""Reached by a push alone. An edge that also asks may have everything before: one that was called while it was starting
is called again only after a while, and its own question is answered meanwhile."""

ELSEWHERE = {
    "edge.init.filled",
    "edge.retention.before_commit",  # one transaction
    "edge.holds.before_commit",  # these two: test_release_kill.py
    "edge.holds.committed",
}
IMAGE_BYTES = 200_000
SENT = 4


def test_the_table_has_every_point_of_the_source() -> None:
    reached = {
        name
        for path in sorted((ROOT / "adapters").rglob("*.py"))
        for name in re.findall(r'\breach\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert {point.partition(":")[0] for point in POINTS} | ELSEWHERE == reached


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, tmp_path: Path) -> None:
    with cluster(tmp_path / "world") as found:
        if point in PUSHED:
            found.configure(AUT, LIAISON_EDGE_PULL="false")
        found.start("hub")
        found.start(*BOTH, armed=point)
        tell(found)
        found.until(f"the end by {point}", lambda: set(found.killed) == set(POINTS[point]) or None)
        found.settle(SENT, SENT)
        found.ready("hub", *BOTH)
        assert set(found.killed.values()) == {1}
        assert check(found) == SENT
        found.stop(*BOTH, "hub")  # and what was restarted also ends in order


def tell(found: Cluster) -> None:
    """Two alerts with attachments, a question and its answer; a file that is no message."""
    files, calls = found.files, found.calls
    ours, theirs = os.urandom(IMAGE_BYTES), os.urandom(IMAGE_BYTES)
    files.drop("broken.json", b"{")
    files.submit("question", (MDA,), inputs.ident_request(TODAY))
    files.submit("alert", (MDA,), alert("AT", ours), ours)
    calls.submit("alert", (AUT,), alert("MD", theirs), theirs)
    question = found.until(
        "the question",
        lambda: next((one.message for one in calls.seen.got if one.message["kind"] == "ident.request"), None),
    )
    found.until("the alert", lambda: files.seen.got or None)  # else both may be handed over together, in one step
    calls.submit("answer", (AUT,), inputs.ident_reply(question["payload"], question["id"]))
    found.until("the reason", lambda: files.reason("broken.json"))
    found.until("both images", lambda: {ours, theirs} <= images(found) or None)


def images(found: Cluster) -> set[bytes]:
    """The bytes of all files that were handed over."""
    return {raw for system in (found.files, found.calls) for got in system.seen.got for raw in got.files}


def test_killed_while_it_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "edge"
    root = tmp_path / "root.json"
    with cluster(tmp_path / "world") as found:
        root.write_bytes((found.world.hub / "root.json").read_bytes())
    words = [sys.executable, "-m", "liaison", "edge", "init", str(folder), "--partner", GEO, "--hub", "http://127.0.0.1:1",
             "--root", str(root), "--scrypt-cost", "12", "--json"]  # fmt: skip
    armed = {**os.environ, "LIAISON_FAILPOINT": "edge.init.filled"}
    done = subprocess.run(words, env=armed, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()[-1000:]
    assert {"edge.toml", "keyring", "passphrase", "root.json"} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []
