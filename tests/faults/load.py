"""A steady load both ways between two edges: submissions a few at a time, and every request that came is answered."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

from liaison.demo import inputs, returns_inputs
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, alert

QUESTIONS = 40
CHECKS = 30
ALERTS = 5
AHEAD = 15
"""Submissions under way at a time, roughly."""


class Load:
    """Submissions by both systems. `messages` is how many there will be, `begun` the progress before the newest.

    What others than the two send them does not count.
    """

    def __init__(
        self, cluster: Cluster, questions: int = QUESTIONS, checks: int = CHECKS, alerts: int = ALERTS
    ) -> None:
        self._files = cluster.files
        self._calls = cluster.calls
        self._next: Iterator[bool] = iter(())
        self._number = 0
        self._submitted = 0
        self._looked = {cluster.files.partner: 0, cluster.calls.partner: 0}
        self._answers = self._got = 0
        self.messages = self.begun = 0
        self.more(questions, checks, alerts)

    def more(self, questions: int, checks: int, alerts: int, returns: int = 0) -> None:
        """So many besides: questions and checks each have an answer, both sides send alerts, a return has four answers.

        Those four are sent at once, and belong to one case, which has to keep their order.
        """
        self.begun = 2 * self.messages
        self.messages += 2 * (questions + checks + alerts) + 5 * returns
        self._next = chain(self._next, self._submissions(self._number, questions, checks, alerts, returns))
        self._number += max(questions, checks, alerts, returns)

    @property
    def whole(self) -> int:
        """The progress when everything was acknowledged and handed over."""
        return 2 * self.messages

    def progress(self) -> int:
        """Submit what is due; how much was acknowledged and handed over until now."""
        seen = (self._files.seen, self._calls.seen)
        sent = sum(len(one.sent) for one in seen)
        self._answer()
        while self._submitted - self._got < AHEAD and next(self._next, False):
            self._submitted += 1
        return sent + self._got

    def goes_on(self, returns: int = 0) -> bool:
        """As `progress`, and the load never ends; always true."""
        if self.progress() >= self.whole - (AHEAD if returns else 0):
            self.more(2, 1, 0, returns)
        return True

    def _answer(self) -> None:
        for system in (self._calls, self._files):
            for came in system.seen.got[self._looked[system.partner] :]:
                self._looked[system.partner] += 1
                message = came.message
                self._got += message["from"] in self._looked
                if message["kind"] == "ident.request":
                    self._calls.submit(self._name(), (AUT,), inputs.ident_reply(message["payload"], message["id"]))
                elif message["kind"] == "doc.verify.request":
                    self._files.submit(self._name(), (MDA,), inputs.doc_verify_reply(message["id"]))
                elif message["kind"] == "readm.application":
                    for said in _of_a_return(message["id"]):
                        self._calls.submit(self._name(), (AUT,), said)

    def _name(self) -> str:
        self._submitted += 1
        self._answers += 1
        return f"answer-{self._answers}"

    def _submissions(self, first: int, questions: int, checks: int, alerts: int, returns: int = 0) -> Iterator[bool]:
        for number in range(first, first + max(questions, checks, alerts, returns)):
            if number < first + questions:
                question = inputs.ident_request(TODAY) | {"case_ref": f"AT-RET-TEST-{number:04d}"}
                self._files.submit(f"question-{number}", (MDA,), question)
                yield True
            if number < first + checks:
                asked = inputs.doc_verify_request() | {"case_ref": f"MD-DOC-TEST-{number:04d}"}
                asked["document"] |= {"issuer": "AUT"}
                self._calls.submit(f"check-{number}", (AUT,), asked)
                yield True
            if number < first + alerts:
                ours, theirs = os.urandom(150_000), os.urandom(150_000)
                self._files.submit(f"alert-{number}", (MDA,), alert("AT", ours, number), ours)
                yield True
                self._calls.submit(f"alert-{number}", (AUT,), alert("MD", theirs, number), theirs)
                yield True
            if number < first + returns:
                asked = returns_inputs.application(TODAY, number, "TESTESCU", "ION")
                self._files.submit(f"return-{number}", (MDA,), asked)
                yield True


def _of_a_return(application: str) -> tuple[inputs.Payload, ...]:
    """What Moldova says of one, in this order."""
    now = datetime.now(UTC)
    return (
        returns_inputs.acknowledgement(application, now),
        returns_inputs.interview_plan(application, now),
        returns_inputs.interview_result(application),
        returns_inputs.decision(application),
    )
