"""The forms of the readmission agreements, one for each kind that has one (domain.md 4.1), in their block order.

A person's health stands on no form: needs only, as in the message (SG10). Safeguards travel in the message and are not
printed, for the treaties' forms have no box for them (docs/adr/0083).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import Final, TypeAlias

from liaison.forms import people, words
from liaison.forms.sheet import Blank, Box, Entry, Form, Group, Head, Line, Lines, Part, Run, Table, Tick
from schemas.codes import states
from schemas.errors import Rejected
from schemas.parts import case
from schemas.parts.node import Node

Payload: TypeAlias = Mapping[str, object]


def make(payload: Payload, *, head: Head, source: str, earlier: Sequence[Payload] = ()) -> Form:
    """The form of a payload that was checked for form.

    Args:
        payload: with its `kind`.
        head: sender, addressee, place and day.
        source: what the foot of the page says was printed.
        earlier: messages of the same case: the opening one names the persons that a later one refers to, an
            acknowledgement fills in the confirmation of receipt.

    Raises:
        Rejected: KIND_UNKNOWN for a kind that has no treaty form.
    """
    message = Node(payload)
    kind = message["kind"].text or ""
    if kind not in FORMS:
        raise Rejected("KIND_UNKNOWN", "/kind")
    title, under, ticks, boxes, signatures = FORMS[kind]
    others = [Node(one) for one in earlier]
    return Form(
        title=title,
        under=under(message),
        head=head,
        references=_references(message),
        ticks=ticks(message),
        boxes=boxes(message, others),
        signatures=signatures,
        footnotes=_footnotes((message, *others)),
        marks=_marks(message),
        source=source,
    )


# -- header and foot


def _references(message: Node) -> tuple[Entry, ...]:
    own = Entry("Reference", people.text(message["case_ref"]))
    answered = message["in_reply_to"]
    return (own, Entry("In reply to message", people.text(answered))) if answered.present else (own,)


def _marks(message: Node) -> str:
    handling = message["handling"].text
    said = [message["classification"].text or "UNCLASSIFIED"]
    if handling is not None:
        said.append(f"{words.SHORT['handling'][handling]} ({handling})")
    if message["handling_text"].text is not None:
        said.append(message["handling_text"].text)
    return " · ".join(said)


def _footnotes(messages: Sequence[Node]) -> dict[str, str]:
    """What has to be said of the designations that the messages name, by code or by a crossing point's letters."""
    texts = {node.text for message in messages for node in message.walk() if node.text is not None}
    named = texts | {text[:2] for text in texts}
    return {
        f"{words.NOTE_SIGN} {code}": note
        for code in words.noted_states()
        if {code, states.alpha2(code)} & named and (note := states.footnote(code)) is not None
    }


def _no_ticks(_message: Node) -> tuple[Tick, ...]:
    return ()


def _under_transit(_message: Node) -> Line:
    return (Run("under the transit clause of the readmission agreement and its implementing protocol"),)


def _under_protocol(_message: Node) -> Line:
    return (Run("under the implementing protocol to the readmission agreement"),)


# -- the application (boxes A to F)


def _under_application(message: Node) -> Line:
    return (Run("under the readmission agreement "), Run(message["agreement_id"].text or "", "code"))


def _application_ticks(message: Node) -> tuple[Tick, ...]:
    return (
        Tick("ACCELERATED PROCEDURE", message["procedure"].text == "accelerated"),
        Tick("INTERVIEW REQUEST", message["interview_request"].flag is True),
    )


def _application(message: Node, _others: Sequence[Node]) -> tuple[Box, ...]:
    spouse, children = message["spouse"], message["children"].items
    return (
        Box("A", "Personal details", _applicant(message)),
        Box("B", "Personal details of spouse (if appropriate)", people.short_person(spouse) if spouse.present else ()),
        Box("C", "Personal details of children (if appropriate)", tuple(map(_child, children, count(1)))),
        Box("D", "Special circumstances relating to the person", _special(message["special"])),
        Box("E", "Means of evidence attached", (_evidence(message["evidence"]),)),
        Box("F", "Observations", _observations(message)),
    )  # fmt: skip


def _applicant(message: Node) -> tuple[Part, ...]:
    person = message["person"]
    name, maiden, birth, looks, also, nationality = people.short_person(person)
    parents = person["parents"]
    return (
        people.photograph(person),
        name,
        maiden,
        birth,
        looks,
        also,
        nationality,
        Entry("Civil status", _status(person)),
        Entry("Spouse", people.one_line_name(message["spouse"])),
        Entry("Names and ages of children", _children_born(message["children"])),
        Entry("Last address in the requested state", people.text(person["address_in_rds"])),
        Entry("Father's name", people.names(parents["father"])),
        Entry("Mother's name", people.names(parents["mother"])),
        Entry("Personal number", people.identifiers(person)),
    )


def _status(person: Node) -> Lines:
    code = person["civil_status"].text
    return () if code is None else (words.short("civil_status", code),)


def _children_born(children: Node) -> Lines:
    """Each child with its date of birth: an age would be wrong a year later."""
    return tuple(
        (*line, Run(f"  born {child['birth_date']['value'].text}"))
        for child in children.items
        for line in people.one_line_name(child)[:1]
    )


def _child(child: Node, number: int) -> Group:
    name, _, birth, looks, _, nationality = people.short_person(child)
    return Group(f"Child {number}", (name, birth, looks, nationality))


def _special(special: Node) -> tuple[Part, ...]:
    needs = tuple(words.listed("need", code) for code in special["needs"].texts)
    danger = tuple(words.listed("danger", code) for code in special["danger"].texts)
    return (
        Entry("Care needed (needs only; no diagnosis is exchanged)", needs),
        Entry("Particularly dangerous person", danger),
    )


def _evidence(evidence: Node) -> Table:
    return Table(
        ("Means of evidence", *people.DOCUMENT_HEADINGS),
        tuple((_piece(piece), *people.document_cells(piece["document"])) for piece in evidence.items),
        (27, 18, 13, 15, 15, 12),
    )


def _piece(piece: Node) -> Lines:
    said = (words.listed("evidence", piece["code"].text or ""),)
    return (*said, *people.text(piece["note"]), *people.files(piece["attachment"]))


def _observations(message: Node) -> tuple[Part, ...]:
    found, entry = message["apprehension"], message["entry_facts"]
    variant, procedure = (words.short(name, message[name].text or "") for name in ("variant", "procedure"))
    reason = message["no_biometrics_reason"].text
    biometrics = people.file(message["biometrics"])
    if reason is not None:
        biometrics = ((Run("none: "), *words.listed("no_biometrics", reason)),)
    files = sum(1 for node in message.walk() if isinstance(node.value, dict) and "sha256" in node.value)
    return (
        Entry("Readmission of", (variant,)),
        Entry("Procedure", (procedure,)),
        Entry("Unlawful stay established on", people.text(message["unlawful_stay_since"])),
        Entry("Apprehended", _found(found)),
        Entry("Entry from the requested state", _entry(entry)),
        Entry("Fingerprints", biometrics),
        Entry("Interview requested", (words.yes_no(message["interview_request"].flag),)),
        Entry("Number of attachments", ((Run(str(files)),),)),
    )


def _found(found: Node) -> Lines:
    if not found.present:
        return ()
    area = "in the border area" if found["border_area"].flag else "outside the border area"
    return ((*words.instant(found["at"].text or ""), Run(f", {found['place'].text}, {area}")),)


def _entry(entry: Node) -> Lines:
    if not entry.present:
        return ()
    direct, permit = (words.yes_no(entry[name].flag) for name in ("direct_entry", "visa_or_permit_of_rds"))
    said: Lines = ((*words.instant(entry["at"].text or ""), Run(f", {entry['place'].text}")),)
    if direct:
        said = (*said, (Run("direct entry: "), *direct))
    return (*said, (Run("visa or permit of the requested state: "), *permit)) if permit else said


# -- the response


def _decision(message: Node, others: Sequence[Node]) -> tuple[Box, ...]:
    outcome = words.short("outcome", message["outcome"].text or "")
    reasons: Lines = tuple(
        (*words.listed("decision_reason", reason["code"].text or ""), *_after(reason["text"]))
        for reason in message["reasons"].items
    )
    return (
        Box("A", "Decision on the application", (
            Entry("Outcome", (outcome,)),
            Entry("Article relied on", people.text(message["article"])),
            Entry("Reasons (obligatory on refusal)", reasons),
        )),
        Box("B", "Persons covered", (_persons(message["persons_covered"], others),)),
        Box("C", "Observations (transfer, health, escort)", (
            Entry("Conditions", tuple((Run(text),) for text in message["conditions"].texts)),
        )),
    )  # fmt: skip


def _after(text: Node) -> Line:
    return () if text.text is None else (Run(f": {text.text}"),)


def _persons(refs: Node, others: Sequence[Node]) -> Table:
    """Persons by their number in the application; named where the message that names them is at hand."""
    known = {name: person for other in others for name, person in case.persons(other)}
    rows = []
    for ref in refs.texts:
        person = known.get(ref)
        named: tuple[Lines, ...] = ((), (), ())
        if person is not None:
            named = (people.one_line_name(person), people.birth(person)[:1], people.nationality(person)[:1])
        rows.append((((Run(ref, "code"),),), *named))
    return Table(
        ("No.", "Full name (surname underlined)", "Date of birth", "Nationality"), tuple(rows), (8, 46, 23, 23)
    )


# -- the transfer


def _transfer(message: Node, others: Sequence[Node]) -> tuple[Box, ...]:
    consent = message["consent_ref"]
    rests = next((name for name in ("decision", "tacit_claim", "communication") if consent[name].present), "decision")
    needs = tuple(words.listed("need", code) for code in message["needs"].texts)
    document = message["td"]
    validity = " to ".join(text for text in (document["issued_on"].text, document["expires_on"].text) if text)
    return (
        Box("1", "Reference and date of consent", (
            Entry(CONSENT[rests], people.text(consent[rests])),
            Entry("Date", people.text(consent["on"])),
        )),
        Box("2", "Persons to be transferred", (_persons(message["persons"], others),)),
        Box("3", "Travel document", (people.document(document), Entry("Valid from and until", ((Run(validity),),)))),
        Box("4", "Date, time and place of transfer", (
            Entry("Date and time", (words.instant(message["at"].text or ""),)),
            Entry("Border crossing point", (words.border_point(message["bcp"].text or ""),)),
            Entry("Means of transport", (words.short("mode", message["mode"].text or ""),)),
            Entry("Flight, train or registration number", people.text(message["carrier_ref"])),
            Entry("Why not by air", people.text(message["reason_not_air"])),
        )),
        Box("5", "Escort", (
            Entry("Escorted", (words.yes_no(bool(message["escorts"].items)),)),
            Entry("Number of escorts", ((Run(str(len(message["escorts"].items))),),)),
            people.escorts(message["escorts"]),
            Entry("Medical escort", (words.yes_no(message["medical_escort"].flag),)),
        )),
        Box("6", "Protective measures, special needs, attachments", (
            Entry("Protective or security measures", tuple((Run(text),) for text in message["protective"].texts)),
            Entry("Special needs", needs),
            Entry("Attachments", people.files(message["attachments"])),
        )),
        Box("7", "Confirmation of receipt (to be returned)", _receipt(others)),
    )  # fmt: skip


CONSENT: Mapping[str, str] = MappingProxyType(
    {
        "decision": "Decision of the requested state, message",
        "tacit_claim": "Consent by silence, claimed by message",
        "communication": "Communication (valid travel document), message",
    }
)
"""What a transfer rests on -> the entry's label."""


def _receipt(others: Sequence[Node]) -> tuple[Part, ...]:
    """Filled in from the acknowledgement where it is at hand, else dotted for the requested state's hand."""
    given = next((other for other in others if other["kind"].text == "transfer.ack"), None)
    if given is None:
        return (Blank("Received on (date and time)"), Blank("Official (name, rank)"), Blank("Signature and stamp"))
    return (
        Entry("Received on", (words.instant(given["received_at"].text or ""),)),
        Entry("Official", people.text(given["official"])),
        Entry("Reference of the requested state", people.text(given["case_ref"])),
        Blank("Signature and stamp"),
    )


# -- transit


def _transit(message: Node, _others: Sequence[Node]) -> tuple[Box, ...]:
    person = message["person"]
    name, maiden, birth, looks, also, nationality = people.short_person(person)
    guaranteed: Lines = (words.yes_no(message["guarantee_onward"].flag),)
    return (
        Box("A", "Personal details", (people.photograph(person), name, maiden, birth, looks, also, nationality)),
        Box("B", "Transit operation", (
            Entry("Type of transit", tuple(words.short("mode", mode) for mode in message["modes"].texts)),
            Entry("State of final destination", (words.state(message["destination"].text or ""),)),
            Entry("Other states of transit", tuple(map(words.state, message["other_transit_states"].texts))),
            Entry("Border crossing point", (words.border_point(message["bcp"].text or ""),)),
            Entry("Date and time", (words.instant(message["at"].text or ""),)),
            Entry("Number of escorts", ((Run(str(len(message["escorts"].items))),),)),
            people.escorts(message["escorts"]),
            Entry("Admission guaranteed in other transit states and destination", guaranteed),
            Entry("Any ground for refusal known", (words.yes_no(message["known_refusal_ground"].flag),)),
        )),
        Box("C", "Remarks (assistance, security, care)", (
            Entry("Assistance asked for", people.text(message["assistance"])),
        )),
    )  # fmt: skip


def _transit_decision(message: Node, others: Sequence[Node]) -> tuple[Box, ...]:
    consent, refused = message["consent"], message["refuse"]["ground"].text
    at, point = consent["at"].text, consent["bcp"].text
    travellers = next((other for other in others if other["kind"].text == "transit.application"), Node(None))
    return (
        Box("A", "Person", (
            Entry("Full name (surname underlined)", people.one_line_name(travellers["person"])),
        )),
        Box("B", "Decision on the transit", (
            Entry("Outcome", (words.short("outcome", message["outcome"].text or ""),)),
            Entry("Border crossing point", () if point is None else (words.border_point(point),)),
            Entry("Date and time", () if at is None else (words.instant(at),)),
            Entry("Assistance given", tuple(line for line in (words.yes_no(consent["support"].flag),) if line)),
            Entry("Ground of refusal", () if refused is None else (words.listed("transit_ground", refused),)),
        )),
    )  # fmt: skip


# -- the table

REQUESTING: Final = ("Signature and seal of the requesting authority",)
REQUESTED: Final = ("Signature and seal of the requested authority",)

Maker: TypeAlias = Callable[[Node, Sequence[Node]], tuple[Box, ...]]
Row: TypeAlias = tuple[
    str, Callable[[Node], Line], Callable[[Node], tuple[Tick, ...]], Maker, tuple[str, ...]
]  # fmt: skip

FORMS: Mapping[str, Row] = MappingProxyType(
    {
        "readm.application": (
            "Readmission application", _under_application, _application_ticks, _application, REQUESTING,
        ),
        "readm.decision": (
            "Response to a readmission application", _under_protocol, _no_ticks, _decision, REQUESTED,
        ),
        "transfer.notice": ("Transfer notification", _under_protocol, _no_ticks, _transfer, REQUESTING),
        "transit.application": ("Transit application", _under_transit, _no_ticks, _transit, REQUESTING),
        "transit.decision": (
            "Response to a transit application", _under_transit, _no_ticks, _transit_decision, REQUESTED,
        ),
    }
)  # fmt: skip
"""Kind -> title, what it rests on, ticks, boxes, who signs."""

EARLIER_EXAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "readm.decision": ("readm.application",),
        "transfer.notice": ("readm.application", "transfer.ack"),
        "transit.decision": ("transit.application",),
    }
)
"""With which other examples the example of a kind is printed."""
