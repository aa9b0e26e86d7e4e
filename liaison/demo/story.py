"""What happens: seven chapters in which three national systems, an officer and an auditor do their work.

Every step goes in by a door that anybody has (a file, a request, a command) and is seen by what comes out of another.
What is counted in the end is read from the programs themselves, not from here.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from keys.proofs.checkpoint import LogPublic
from keys.proofs.receipt import verify_receipt
from liaison.demo import inputs, returns, tampering
from liaison.demo.commands import command
from liaison.demo.display import Display
from liaison.demo.image import masked_image
from liaison.demo.programs import Programs
from liaison.demo.visitors import visit
from liaison.demo.world import AGREEMENTS, AUTHORITIES, BASIS, World
from schemas.errors import Fault

STEPS = 27 + returns.STEPS
AUT, MDA, GEO = (one.id for one in AUTHORITIES)
NAMES = {one.id: one.name.rpartition(" ")[2] for one in AUTHORITIES}
SECONDS = 30.0


@dataclass(slots=True)
class Outcome:
    """What the demonstration found, for `--json`."""

    refused: list[dict[str, str]] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    verified: bool = False
    tamper_found: bool = False
    silence: dict[str, Any] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)


class Story:
    """One run through the chapters."""

    def __init__(self, world: World, programs: Programs, display: Display, today: date) -> None:
        self._world = world
        self._programs = programs
        self._display = display
        self._today = today
        self.outcome = Outcome()

    def begin(self) -> None:
        """Hub, authorities and agreements come to be, by command; then all four programs start."""
        world, show = self._world, self._display
        show.chapter("0. Keys, directory, agreements")
        show.step("The hub's keys")
        world.found()
        show.tell("hub", "has its keys, its offline ceremony and an empty directory")
        for one in AUTHORITIES:
            show.step(f"Keys of {one.id}")
            world.join(one)
            show.tell(NAMES[one.id], "made its keys and was enrolled", one.id)
        for identifier in AGREEMENTS:
            show.step(identifier)
            world.agree(identifier, self._today)
            show.tell("all parties", "signed an agreement", identifier)
        show.step("Starting")
        world.start()
        show.tell("hub", "runs", world.url)
        for one in AUTHORITIES:
            show.tell(NAMES[one.id], "runs its edge", world.edge_urls[one.id])

    def identify(self) -> None:
        """Chapter 1: Austria asks Moldova who somebody is, by file; Moldova answers by HTTP."""
        show = self._display
        show.chapter("1. Who is this person?")
        austria, moldova = self._world.folder_system(AUT), self._world.rest_system(MDA)
        show.step("A file in Austria")
        austria.drop_message("identity.json", [MDA], inputs.ident_request(self._today))
        self._wait("Austria's edge", lambda: austria.taken("identity.json"))
        show.tell(NAMES[AUT], "put a request into a folder; its edge checked, sealed and sent it", "ident.request")
        show.step("Moldova asks for its messages")
        request = self._wait("the request", lambda: moldova.collect("ident.request"))
        show.tell(NAMES[MDA], f"opened it: entry {request['index']} of the log", request["digest"][:16])
        show.step("Moldova answers")
        moldova.submit("answer-1", [], inputs.ident_reply(request["payload"], request["id"]))
        [answer] = self._wait("the answer", lambda: austria.collect("ident.reply"))
        show.tell(NAMES[AUT], f"has the answer: {answer['payload']['outcome']}", f"entry {answer['index']}")

    def warn(self) -> None:
        """Chapter 2: Georgia warns both others of a forged document; Moldova asks whether one is such."""
        show = self._display
        show.chapter("2. A forged document")
        georgia, moldova = self._world.folder_system(GEO), self._world.rest_system(MDA)
        austria = self._world.folder_system(AUT)
        image = masked_image()
        show.step("An alert with an image")
        georgia.drop(inputs.ALERT_IMAGE, image)
        alert = inputs.doc_alert(self._today, image)
        georgia.drop_message("alert.json", [AUT, MDA], alert, attachments=[inputs.ALERT_IMAGE])
        self._wait("Georgia's edge", lambda: georgia.taken("alert.json"))
        show.tell(NAMES[GEO], f"warns two authorities, with a masked image of {len(image) // 1024} KiB", "doc.alert")
        show.step("Both receive it")
        [received] = self._wait("the alert in Austria", lambda: austria.collect("doc.alert"))
        [file] = received["files"]
        show.tell(NAMES[AUT], f"has it; the image came sealed beside it, {file['size']} bytes", file["sha256"][:16])
        self._wait("the alert in Moldova", lambda: moldova.collect("doc.alert"))
        show.tell(NAMES[MDA], "has it too")
        show.step("Moldova asks")
        moldova.submit("question-1", [GEO], inputs.doc_verify_request())
        [question] = self._wait("the question", lambda: georgia.collect("doc.verify.request"))
        show.tell(NAMES[MDA], "asks the issuer about a passport it holds", "doc.verify.request, urgency B: 24 hours")
        show.step("Georgia answers")
        georgia.drop_message("verified.json", [], inputs.doc_verify_reply(question["id"]))
        reply = self._wait("the answer", lambda: moldova.collect("doc.verify.reply"))
        show.tell(NAMES[GEO], f"answers: ISSUED {reply['payload']['answers']['ISSUED']}", f"entry {reply['index']}")

    def report(self) -> None:
        """Chapter 3: Austria reports overstays from a table with one bad row; Georgia notes one of them."""
        show = self._display
        show.chapter("3. A table of overstays")
        austria, georgia = self._world.folder_system(AUT), self._world.folder_system(GEO)
        show.step("A CSV file in Austria")
        austria.drop("overstay-report.csv", inputs.overstay_table(self._today, GEO))
        good = inputs.OVERSTAYS - 1
        notices = self._wait("the notices", lambda: georgia.collect("visa.overstay.notice", good))
        show.tell(NAMES[AUT], f"{good} of {inputs.OVERSTAYS} rows became messages, each to its own case")
        show.step("The bad row")
        reason = self._wait("the bad row's reason", lambda: austria.reasons("overstay-report.csv"))
        for code in self._codes(reason):
            self._refused("edge", code)
            show.refused(NAMES[AUT], f"row {inputs.BAD_ROW + 1} stays at home", code)
        show.step("Georgia takes note")
        georgia.drop_message("noted.json", [], inputs.overstay_reply(notices[0]["id"]))
        [noted] = self._wait("the reply", lambda: austria.collect("visa.overstay.reply"))
        show.tell(NAMES[GEO], f"answers one of them: {noted['payload']['outcome']}", f"entry {noted['index']}")

    def refuse(self) -> None:
        """Chapter 4: one message must not leave its edge, another must not pass the hub."""
        show = self._display
        show.chapter("4. What must not be sent")
        austria = self._world.folder_system(AUT)
        show.step("Refused at the edge")
        austria.drop_message("entry-exit.json", [GEO], inputs.unlawful_notice(self._today))
        reason = self._wait("the edge's refusal", lambda: austria.reasons("entry-exit.json"))
        for code in self._codes(reason):
            self._refused("edge", code)
            show.refused(NAMES[AUT], "an entry/exit stay does not leave the Union so", code)
        show.step("Refused at the hub")
        austria.drop_message(
            "not-agreed.json", [GEO], inputs.ident_request(self._today) | {"presumed_nationality": "GEO"},
            agreement="TEST-AUT-MDA", basis=BASIS, role="RET",
        )  # fmt: skip
        state = self._wait("the hub's refusal", lambda: austria.refused_by_hub("not-agreed.json"))
        self._refused("hub", state["code"])
        show.refused("hub", "no agreement lets Austria ask Georgia this; the refusal is an entry too", state["code"])

    def give_back(self) -> None:
        """Chapters 5 and 6: a return from application to hand-over, and an application that nobody answers."""
        chapters = returns.Returns(self._world, self._display, self._today, wait=self._wait, refused=self._refused)
        chapters.readmit()
        chapters.keep_silent()
        self.outcome.silence = chapters.found

    def look(self, *, once: bool) -> None:
        """Chapter 7: officer and auditor sign in; the log is proved, then spoiled in copies and found out."""
        world, show = self._world, self._display
        show.chapter("7. Officer and auditor")
        for who, account in (("officer", "officer-1"), ("auditor", "auditor-1")):
            show.step(f"The {who}'s page")
            self.outcome.links[who] = command("hub", "link", world.hub, AUT, account)["url"]
            show.link(who, self.outcome.links[who])
            if once:
                visit(self.outcome.links[who])
                self.outcome.links[who] = "used"
        show.step("Proving the log")
        self._wait("every hand-over", self._quiet)
        audit = command("audit", "verify", world.hub / "hub.db", "--log-key", world.log_keys)
        self.outcome.verified = audit["verified"]
        self.outcome.log = {"size": audit["size"], "root": audit["root"]}
        show.tell("auditor", f"verified {audit['size']} entries", audit["root"][:16])
        found = [
            self._spoiled("one byte of a leaf", tampering.spoil_leaf),
            self._spoiled("one byte of a manifest", tampering.spoil_manifest),
        ]
        self.outcome.tamper_found = all(found)

    def counted(self) -> dict[str, Any]:
        """Everything `--json` prints but the seconds."""
        world = self._world
        edges = {one.id: world.status(one.id) for one in AUTHORITIES}

        def total(name: str) -> int:
            return sum(int(edge[name]) for edge in edges.values())

        cases = command("hub", "cases", world.hub)
        return {
            "sent": total("sent"),
            "accepted": total("accepted"),
            "refused": self.outcome.refused,
            "delivered": total("received"),
            "opened": total("opened"),
            "handed_over": total("handed_over"),
            "evidence": total("evidence"),
            "alarms": total("alarms"),
            "receipts_verified": self._receipts(),
            "log": self.outcome.log,
            "log_verified": self.outcome.verified,
            "cases": cases,
            "silence": self.outcome.silence,
            "tamper_found": self.outcome.tamper_found,
        }

    def _receipts(self) -> int:
        """How many receipts of the edges hold offline, with the log's keys alone."""
        public = LogPublic.from_vkeys(self._world.log_keys.read_text(encoding="utf-8").splitlines())
        verified = 0
        for one in AUTHORITIES:
            folder = self._world.folder / f"{one.id}-receipts"
            command("edge", "receipt", self._world.edge(one.id), "--all", "--out", folder)
            for path in sorted(folder.iterdir()):
                verify_receipt(path.read_bytes(), public)
                verified += 1
        return verified

    def _spoiled(self, what: str, spoil: Any) -> bool:
        """A copy of the database, spoiled: whether the audit names the entry."""
        world, show = self._world, self._display
        show.step(f"Changing {what}")
        copy = world.folder / f"{spoil.__name__}.db"
        tampering.copy_database(world.hub / "hub.db", copy)
        index = spoil(copy)
        audit = command("audit", "verify", copy, "--log-key", world.log_keys, expected=3)
        named = {one["index"] for one in audit["discrepancies"]}
        show.tell("auditor", f"changed {what}: the audit names entry {index}" if index in named else "NOT FOUND")
        return index in named

    def _quiet(self) -> bool | None:
        """True once nothing is under way at any edge."""
        return True if all(not self._world.status(one.id)["under_way"] for one in AUTHORITIES) else None

    def _refused(self, where: str, code: str) -> None:
        self.outcome.refused.append({"at": where, "code": code})

    def _wait(self, what: str, look: Any) -> Any:
        return self._programs.wait_until(what, look, SECONDS)

    @staticmethod
    def _codes(reason: Any) -> list[str]:
        """The codes of a reason file, each once; errors alone."""
        rows = reason.get("rows", [reason])
        found = [finding for row in rows for finding in row["findings"]]
        codes = [one["code"] for one in found if one.get("severity", "error") == "error"]
        if not codes:
            raise Fault("a reason file without a reason")
        return list(dict.fromkeys(codes))
