"""What the earlier messages of a case say: who the persons are, when the clock began, what was consented to.

Each question is answered from `CheckContext.earlier`, and by nothing where that does not hold the message asked about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from schemas.parts.context import CheckContext
from schemas.parts.node import Findings, Node, moment
from schemas.parts.profile import When

OPENING = frozenset({"readm.application", "readm.communication", "transit.application"})
"""Kinds whose payload says who the persons of a case are."""


def earlier(context: CheckContext, *kinds: str) -> list[Node]:
    """The messages of these kinds, the newest first; the one answered counts."""
    payloads = [message.payload for message in context.earlier]
    if context.parent is not None and context.parent not in payloads:
        payloads.append(context.parent)
    return [node for node in map(Node, reversed(payloads)) if node["kind"].text in kinds]


def opening(context: CheckContext) -> Node | None:
    """The message that says who the persons of the case are."""
    found = earlier(context, *OPENING)
    return found[-1] if found else None


def persons(message: Node) -> Iterator[tuple[str, Node]]:
    """(id, Person block) of everybody in a message that opens a case.

    A block without an id has the one its place gives it: p1 the applicant, s1 the spouse, c1, c2 ... the children.
    """
    blocks = [("p1", message["person"]), ("s1", message["spouse"])]
    blocks += [(f"c{number}", child) for number, child in enumerate(message["children"].items, 1)]
    for by_place, block in blocks:
        if block.present:
            yield block["id"].text or by_place, block


def same_person(one: Node, other: Node) -> bool:
    """Two applications are about one person, as far as they say: born on one day, with one name or one document.

    A name is one that both call the primary; what only one of them gives makes no two persons one.
    """
    born = one["person"]["birth_date"]["value"].text
    if born is None or born != other["person"]["birth_date"]["value"].text:
        return False
    return any(mine and mine & theirs for mine, theirs in zip(_known_by(one), _known_by(other), strict=True))


def _known_by(application: Node) -> tuple[set[object], set[object]]:
    """Primary names, each as a whole, and (issuer, number) of documents."""
    names = {
        frozenset((part["kind"].text, part["value"].text) for part in identity["parts"].items)
        for identity in application["person"]["identities"].items
        if identity["type"].text == "primary" and identity["parts"].items
    }
    documents = {
        (document["issuer"].text, document["number"].text)
        for document in (evidence["document"] for evidence in application["evidence"].items)
        if document["number"].text is not None
    }
    return set(names), set(documents)


def pieces(message: Node) -> set[tuple[str, ...]]:
    """What a message brings as evidence: kinds of it, documents and files; a note beside it is none."""
    found: set[tuple[str, ...]] = set()
    files = [message["biometrics"], *message["attachments"].items]
    for evidence in message["evidence"].items:
        document = evidence["document"]
        found.add(("code", evidence["code"].text or ""))
        if document["number"].text is not None:
            found.add(("document", document["issuer"].text or "", document["number"].text))
        files += evidence["attachment"].items
    return found | {("file", sha256) for file in files if (sha256 := file["sha256"].text) is not None}


def named(context: CheckContext) -> set[str] | None:
    """The ids of everybody in the opening message; None when that is not at hand."""
    message = opening(context)
    return {name for name, _ in persons(message)} if message is not None else None


def consented(context: CheckContext) -> set[str] | None:
    """The ids of those who may be handed over: whom the decision covers, or everybody where there is none."""
    for decision in earlier(context, "readm.decision"):
        if decision["outcome"].text != "REFUSED":
            return set(decision["persons_covered"].texts)
    return named(context)


def check_persons(refs: Node, known: set[str] | None) -> Findings:
    """PERSON_NOT_IN_APPLICATION for a person not known, FIELD_RANGE for one named twice."""
    seen: set[str] = set()
    for ref in refs.items:
        if ref.text is None:
            continue
        if known is not None and ref.text not in known:
            yield ref.finding("PERSON_NOT_IN_APPLICATION")
        if ref.text in seen:
            yield ref.finding("FIELD_RANGE")
        seen.add(ref.text)


def received(context: CheckContext) -> When | None:
    """When the requested state received the opening message.

    As its edge signed, unless the agreement asks for an acknowledgement, or no hand-over is known: then as it said
    (settled.md, What starts a treaty clock).
    """
    asked = context.profile is not None and context.profile.value("receipt_proof") == "ack"
    if context.received_at is not None and not asked:
        return context.received_at
    for acknowledged in earlier(context, "readm.ack"):
        return when(acknowledged["received_at"])
    return None


def lapsed_on(context: CheckContext) -> date | None:
    """The day on which the time for an answer ended, where silence was claimed as consent."""
    claims = earlier(context, "readm.tacit.claim")
    return claims[0]["due_at"].day if claims else None


@dataclass(frozen=True, slots=True)
class Extension:
    """How far a period was moved: by days from its original end, or to a day; `pending` while one is not answered."""

    days: int = 0
    until: date | None = None
    pending: bool = False


def extension(context: CheckContext, which: str) -> Extension:
    """What became of the newest request to extend the reply's, or the transfer's, time."""
    found, asked = Extension(), None
    for node in reversed(earlier(context, "readm.extension.request", "readm.extension.answer")):
        if node["kind"].text == "readm.extension.request":
            asked = node
            if node["which"].text == which:
                found = replace(found, pending=True)
        elif asked is not None and asked["which"].text == which:
            found = replace(found, pending=False) if node["outcome"].text == "REFUSED" else _granted(asked, node)
    return found


def _granted(asked: Node, answer: Node) -> Extension:
    until = answer["until"].day or asked["until"].day
    return Extension(0 if until else asked["days"].number or 0, until)


def when(node: Node) -> datetime | date | None:
    """The instant written here, or the civil date; None when there is neither."""
    return moment(node) or node.day
