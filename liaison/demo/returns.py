"""Two chapters about returns: one goes from the application to the border, in the other nobody answers.

What time alone brings is tried by starting every program again with a clock that is ahead (`World.advance`): the
hand-over falls on its day, and the hub's clock keeper says by itself that the time for an answer has ended.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Protocol, TypeAlias

from liaison.demo import returns_inputs as inputs
from liaison.demo.commands import command
from liaison.demo.display import Display
from liaison.demo.inputs import Payload
from liaison.demo.systems import Message
from liaison.demo.world import AUTHORITIES, World

STEPS = 13
AUT, MDA, _ = (one.id for one in AUTHORITIES)
AUSTRIA, MOLDOVA = (one.name.rpartition(" ")[2] for one in AUTHORITIES[:2])
CLOCK, SILENT = "reply_limit", "silent_expired"
CERTIFICATE = "deadline.json"
_BORDER_AT, _RESUMED_AT = time(9, tzinfo=UTC), time(12, tzinfo=UTC)

Wait: TypeAlias = Callable[[str, Callable[[], Any]], Any]


class Refusing(Protocol):
    """Takes down what was refused."""

    def __call__(self, where: str, code: str) -> None:
        """At the edge or the hub, with this code."""


class Returns:
    """The two chapters, and what they found for `--json`."""

    def __init__(self, world: World, display: Display, today: date, *, wait: Wait, refused: Refusing) -> None:
        self._world = world
        self._display = display
        self._today = today
        self._wait = wait
        self._refused = refused
        self._austria = world.folder_system(AUT)
        self._moldova = world.rest_system(MDA)
        self._notice = ""
        self._crossing = datetime.now(UTC)
        self.found: dict[str, Any] = {}

    def readmit(self) -> None:
        """Chapter 5: every step up to the notice of the transfer, whose day is yet to come."""
        show = self._display
        show.chapter("5. A return, step by step")
        show.step("An application")
        application = self._apply(1, "TESTARU", "ION")["id"]
        show.tell(AUSTRIA, "asks Moldova to take back one of its nationals", "readm.application")
        show.step("The receipt")
        self._say(inputs.acknowledgement(application, _now()))
        show.tell(MOLDOVA, "has it, and it is complete", "readm.ack")
        show.step("More time")
        asked = self._say(inputs.extension_request(application))
        self._write("more-time.json", inputs.extension_answer(asked["id"]))
        show.tell(
            AUSTRIA, f"was asked for {inputs.EXTENSION_DAYS} days more, and grants them", "readm.extension.answer"
        )
        show.step("An interview")
        self._say(inputs.interview_plan(application, _now()))
        self._say(inputs.interview_result(application))
        show.tell(MOLDOVA, "spoke with the person by video", "readm.interview.plan, readm.interview.result")
        show.step("The decision")
        decided = self._say(inputs.decision(application))
        show.tell(MOLDOVA, f"decides: {decided['payload']['outcome']}", f"entry {decided['index']}")
        show.step("A travel document")
        wanted = self._write("document.json", inputs.document_request(decided["id"]))
        self._say(inputs.document_issued(wanted["id"], self._today))
        show.tell(MOLDOVA, "issues a travel document", "readm.td.issued")
        show.step("The transfer's notice")
        self._crossing = datetime.combine(_claimable(), _BORDER_AT)
        announced = inputs.transfer_notice(decided["id"], self._today, self._crossing)
        self._notice = self._write("notice.json", announced)["id"]
        self._say(inputs.transfer_acknowledgement(self._notice, _now()))
        show.tell(AUSTRIA, f"says when the person comes: {self._crossing.date()}", "transfer.notice, transfer.ack")

    def keep_silent(self) -> None:
        """Chapter 6: an application that nobody answers; its time ends, and the person of chapter 5 is handed over."""
        show, austria, world = self._display, self._austria, self._world
        show.chapter("6. Silence")
        show.step("An application without an answer")
        received = self._apply(2, "PROBARU", "PETRU")
        application, row, day = received["id"], received["index"], _claimable()
        show.tell(MOLDOVA, "has another application, and says nothing", "readm.application")
        warned = self._wait("the hub's warning", lambda: self._warned(row))
        show.tell("hub", "warns that the time for an answer runs out", f"ClockWarned, last day {warned['due_on']}")
        self._wait("the receipt's proof", lambda: austria.handed_over("application-2.json", MDA))
        show.step("A claim that comes too early")
        early = inputs.tacit_claim(application, _now().isoformat(), warned["due_on"])
        austria.drop_message("early.json", [], early)
        reason = self._wait("the refusal of a claim", lambda: austria.reasons("early.json"))
        code = reason["findings"][0]["code"]
        self._refused("edge", code)
        show.refused(AUSTRIA, "consent by silence is not claimed before its day", code)
        show.step("The clock is put forward")
        ahead = datetime.combine(day, _RESUMED_AT) - datetime.now(UTC)
        world.advance(int(ahead.total_seconds()))
        show.tell("all programs", f"start again, and their clock says {day}: a test, and every page says so")
        show.step("The time for an answer ends")
        self._wait("the end of the time", lambda: True if self._case(row)["state"] == SILENT else None)
        show.tell("hub", "its clock keeper says so in the log, and the case moves", f"ClockExpired, {SILENT}")
        show.step("A certificate")
        proved = self._certificate(row)
        show.tell(
            "auditor", f"verified the deadline offline: last day {proved['due']}", f"entry {proved['said']['index']}"
        )
        show.step("The claim")
        self._write("claim.json", inputs.tacit_claim(application, proved["began"]["at"], proved["due"]))
        show.tell(AUSTRIA, "claims consent by silence, under a profile made for tests", "readm.tacit.claim")
        show.step("The hand-over")
        self._write("crossed.json", inputs.transfer_result(self._notice, self._crossing))
        show.tell(AUSTRIA, "handed over the person of the other case", "transfer.result")
        self.found = {
            "day": day.isoformat(),
            "clock": CLOCK,
            "due": proved["due"],
            "certificate_verified": proved["verified"],
            "said": proved["said"]["event"],
            "test": proved["test"],
        }

    def _apply(self, number: int, surname: str, given: str) -> Message:
        """An application, as it came to Moldova."""
        payload = inputs.application(self._today, number, surname, given)
        return self._write(f"application-{number}.json", payload, [MDA])

    def _write(self, name: str, payload: Payload, to: Sequence[str] = ()) -> Message:
        """Austria writes by file; gives what comes to Moldova."""
        self._austria.drop_message(name, list(to), payload)
        kind = payload["kind"]
        came: Message = self._wait(f"{kind} in Moldova", lambda: self._moldova.collect(kind))
        return came

    def _say(self, payload: Payload) -> Message:
        """Moldova calls its edge; gives what comes to Austria."""
        kind = payload["kind"]
        self._moldova.submit(f"{kind}-{payload['in_reply_to']}", [], payload)
        came: list[Message] = self._wait(f"{kind} in Austria", lambda: self._austria.collect(kind))
        return came[0]

    def _case(self, row: int) -> Any:
        """A case, as `liaison hub cases` lists it."""
        return next(one for one in command("hub", "cases", self._world.hub) if one["row"] == row)

    def _warned(self, row: int) -> Any:
        """The clock of the answer once the log has said that it runs out."""
        found = self._case(row)["agreed"]
        return next((one for one in found if (one["name"], one["stage"]) == (CLOCK, "warned")), None)

    def _certificate(self, row: int) -> Any:
        """What the deadline's certificate proves, with the log's keys alone."""
        file = self._world.folder / CERTIFICATE
        command("hub", "certificate", self._world.hub, str(row), CLOCK, file)
        return command("audit", "certificate", file, "--log-key", self._world.log_keys)


def _claimable() -> date:
    """The first day on which silence from now on could be claimed as consent."""
    counted = command("agreement", "due", "--agreement", inputs.PROFILE, "--step", CLOCK, "--from", _now().isoformat())
    return date.fromisoformat(counted["tacit_consent_from"])


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
