"""Hub and both edges killed -9 again and again at moments nobody chose, under a load both ways: nothing lost or twice.

The seed decides who is killed and after how much progress; it is printed, and `LIAISON_FAULTS_SEED` repeats it (the
moment inside a step stays the machine's). In the end the checker looks at every message.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

from liaison.demo import inputs
from tests.faults.check import check
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, alert, cluster

QUESTIONS = 40
CHECKS = 30
ALERTS = 5
MESSAGES = 2 * QUESTIONS + 2 * CHECKS + 2 * ALERTS
KILLS = 12
AHEAD = 15
"""Submissions under way at a time, roughly."""


def test_killed_at_random_under_load(tmp_path: Path) -> None:
    seed = int(os.environ.get("LIAISON_FAULTS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"LIAISON_FAULTS_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    chance = random.Random(seed)  # noqa: S311 - nothing to guess
    moments = sorted(chance.sample(range(5, 2 * MESSAGES - 20), KILLS))
    victims = [chance.choice(("hub", AUT, MDA)) for _ in moments]
    with cluster(tmp_path / "world") as found:
        found.start("hub", AUT, MDA)
        load = Load(found)
        for moment, victim in zip(moments, victims, strict=True):
            found.until(f"progress {moment}", lambda at=moment: load.progress() >= at or None)  # type: ignore[misc]
            found.kill(victim)
        found.until("the whole load", lambda: load.progress() >= 2 * MESSAGES or None, seconds=120)
        found.settle(MESSAGES, MESSAGES)
        found.ready("hub", AUT, MDA)
        assert found.killed.total() == KILLS
        assert check(found) == MESSAGES
        found.stop(AUT, MDA, "hub")


class Load:
    """Submissions by both systems, a few at a time; every request that came is answered."""

    def __init__(self, cluster: Cluster) -> None:
        self._files = cluster.files
        self._calls = cluster.calls
        self._next = self._submissions()
        self._submitted = 0
        self._answered: set[str] = set()

    def progress(self) -> int:
        """Submit what is due; how much was acknowledged and handed over until now."""
        seen = (self._files.seen, self._calls.seen)
        sent, got = sum(len(one.sent) for one in seen), sum(len(one.got) for one in seen)
        self._answer()
        while self._submitted - got < AHEAD and next(self._next, False):
            self._submitted += 1
        return sent + got

    def _answer(self) -> None:
        for came in (*self._calls.seen.got, *self._files.seen.got):
            message = came.message
            if message["id"] in self._answered:
                continue
            self._answered.add(message["id"])
            name = f"answer-{len(self._answered)}"
            if message["kind"] == "ident.request":
                self._calls.submit(name, (AUT,), inputs.ident_reply(message["payload"], message["id"]))
                self._submitted += 1
            elif message["kind"] == "doc.verify.request":
                self._files.submit(name, (MDA,), inputs.doc_verify_reply(message["id"]))
                self._submitted += 1

    def _submissions(self) -> Iterator[bool]:
        for number in range(QUESTIONS):
            question = inputs.ident_request(TODAY) | {"case_ref": f"AT-RET-TEST-{number:04d}"}
            self._files.submit(f"question-{number}", (MDA,), question)
            yield True
            if number < CHECKS:
                asked = inputs.doc_verify_request() | {"case_ref": f"MD-DOC-TEST-{number:04d}"}
                asked["document"] |= {"issuer": "AUT"}
                self._calls.submit(f"check-{number}", (AUT,), asked)
                yield True
            if number < ALERTS:
                ours, theirs = os.urandom(150_000), os.urandom(150_000)
                self._files.submit(f"alert-{number}", (MDA,), alert("AT", ours, number), ours)
                yield True
                self._calls.submit(f"alert-{number}", (AUT,), alert("MD", theirs, number), theirs)
                yield True
