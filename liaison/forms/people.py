"""Persons and documents as entries of a form: names in every script they were given in, never joined or transliterated.

Reads payloads that were checked for form (`schemas.registry`); a member that is absent gives no line.
"""

from liaison.forms import words
from liaison.forms.sheet import Entry, Line, Lines, Photograph, Run, Style, Table
from schemas.parts.node import Node

SURNAMES = frozenset({"surname", "mononym", "birth"})
"""Parts that the forms ask to be marked, so that nobody takes a given name for a family's."""


def names(parts: Node) -> Lines:
    """One line a rendering: the parts in their order, surnames underlined, then the script and where it was read."""
    renderings: dict[tuple[str, str], list[Run]] = {}
    for part in parts.items:
        script, source = part["script"].text or "", part["as_on"].text or ""
        runs = renderings.setdefault((script, source), [])
        style: Style = "surname" if part["kind"].text in SURNAMES else "plain"
        runs += [Run(" ")] * bool(runs) + [Run(part["value"].text or "", style)]
    return tuple(
        (*runs, *words.note("as_on", source), Run(f" {script}", "code"))
        for (script, source), runs in renderings.items()
    )


def identities(person: Node, *types: str) -> Lines:
    """The names of these types, in the payload's order; a type other than the name in use is said."""
    found: list[Line] = []
    for identity in person["identities"].items:
        kind = identity["type"].text or ""
        if kind in types:
            said = () if kind in {"primary", "maiden"} else words.note("type", kind)
            found += [(*line, *said) for line in names(identity["parts"])]
    return tuple(found)


def birth(person: Node) -> Lines:
    """Date and place of birth; what is only declared or estimated says so."""
    born, place = person["birth_date"], person["birth_place"]
    day: Line = (Run(born["value"].text or ""),)
    qualifier = born["qualifier"].text
    if qualifier is not None:
        day = (*day, *words.note("qualifier", qualifier))
    locality = [place[name].text for name in ("locality", "locality_latin", "historic_name", "subdivision")]
    country = place["country"].text
    where: Line = (Run(", ".join(text for text in locality if text)),)
    if country is not None:
        where = (*where, Run(", " if where[0].text else ""), *words.state(country))
    return (day, where) if place.present else (day,)


def description(person: Node) -> Lines:
    """Sex and physical description."""
    physical = person["physical"]
    height, eyes, marks = physical["height_cm"].number, physical["eye_colour"].text, physical["marks"].text
    said = (
        *((f"height {height} cm",) if height is not None else ()),
        *((f"eyes {eyes}",) if eyes is not None else ()),
        *((f"marks: {marks}",) if marks is not None else ()),
    )
    sex = words.short("sex", person["sex"].text or "")
    return (sex, (Run("; ".join(said)),)) if said else (sex,)


def nationality(person: Node) -> Lines:
    """Nationalities with how they are known, former ones, and languages."""
    held: Lines = tuple(
        (*words.state(one["code"].text or ""), *words.note("basis", one["basis"].text or ""))
        for one in person["nationalities"].items
    )
    former: Lines = tuple((Run("formerly "), *words.state(code)) for code in person["former_nationalities"].texts)
    languages = person["languages"].texts
    spoken: Lines = ((Run("languages: "), Run(", ".join(languages), "code")),) if languages else ()
    return (*held, *former, *spoken)


def text(node: Node) -> Lines:
    """A text as it stands; nothing where there is none."""
    return ((Run(node.text),),) if node.text is not None else ()


def photograph(person: Node) -> Photograph:
    """The photograph's place and, where one travels beside the message, which file it is."""
    return Photograph(file(person["photo"]))


def file(attachment: Node) -> Lines:
    """A file that travels beside the message: what it shows, and the beginning of its digest."""
    if not attachment.present:
        return ()
    role, media, digest = (attachment[name].text or "" for name in ("role", "media_type", "sha256"))
    hidden = attachment["masked"].texts
    masked: Line = (Run("  masked: "), Run(", ".join(hidden), "code")) if hidden else ()
    return ((Run(f"{role}  "), Run(f"{media}, SHA-256 {digest[:16]}…", "code"), *masked),)


def files(attachments: Node) -> Lines:
    """Each file on a line of its own."""
    return tuple(line for attachment in attachments.items for line in file(attachment))


def short_person(person: Node) -> tuple[Entry, ...]:
    """The entries of a spouse: name, maiden name, birth, description, other names, nationality."""
    return (
        Entry("Full name (surname underlined)", identities(person, "primary")),
        Entry("Maiden name", identities(person, "maiden")),
        Entry("Date and place of birth", birth(person)),
        Entry("Sex and physical description", description(person)),
        Entry("Also known as (earlier names, aliases)", identities(person, *OTHER_NAMES)),
        Entry("Nationality and language", nationality(person)),
    )


OTHER_NAMES = ("earlier", "alias", "artistic", "nickname", "false_identity")


def identifiers(person: Node) -> Lines:
    """A personal number with its scheme; nothing where there is none."""
    number = person["personal_number"]
    if not number.present:
        return ()
    return ((Run(f"{number['value'].text} "), Run(f"({number['scheme'].text})", "code")),)


def one_line_name(person: Node) -> Lines:
    """How lists name a person: the renderings of the name in use."""
    return identities(person, "primary")


DOCUMENT_HEADINGS = ("Document", "Number", "Place and date of issue", "Issuing authority", "Expires")


def document_cells(document: Node) -> tuple[Lines, ...]:
    """A document under `DOCUMENT_HEADINGS`; empty cells where there is no document."""
    if not document.present:
        return ((), (), (), (), ())
    printed, number = document["number_raw"].text, document["number"].text or ""
    issued = ", ".join(text for text in (document["place_of_issue"].text, document["issued_on"].text) if text)
    authority = document["authority"].text
    issuer = words.state(document["issuer"].text or "")
    return (
        (words.listed("document_type", document["doc_type"].text or ""), words.short(
            "possession", document["possession"].text or "")),
        ((Run(printed or number),),),
        ((Run(issued),),) if issued else (),
        ((Run(f"{authority}, "), *issuer),) if authority is not None else (issuer,),
        text(document["expires_on"]),
    )  # fmt: skip


def document(block: Node) -> Table:
    """One document as a table of one row."""
    return Table(DOCUMENT_HEADINGS, (document_cells(block),) if block.present else ())


def escorts(block: Node) -> Table:
    """Who goes with the person: name, passport, authorisation."""
    return Table(
        ("Escort", "Passport type and number", "Authorisation and issuer"),
        tuple(
            tuple(text(escort[name]) for name in ("name", "passport", "authorisation")) for escort in block.items
        ),
    )  # fmt: skip
