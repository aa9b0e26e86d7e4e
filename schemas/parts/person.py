"""A person, as readmission forms describe one (domain.md 11.0 and 6)."""

from datetime import date
from typing import Annotated, Final

from pydantic import Field

from schemas.codes import states
from schemas.parts.attachment import Attachment
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import DatedState, Nationality, closed, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, PartialDate, not_in_future, partial
from schemas.parts.names import LANGUAGE, NameParts, check_name_parts, has_latin
from schemas.parts.node import Findings, Node
from schemas.parts.sources import SourceSystem

ADULT: Final = 18

_PERSON_ID: Final = "^[a-z][0-9]{1,3}$"

PersonRef = Annotated[str, matching(_PERSON_ID)]
"""How other kinds refer to a person: the applicant is p1, a spouse s1, children c1, c2 and so on."""


class Identity(Block):
    """One name the person goes or went by."""

    type: Annotated[str, listed("primary", "alias", "earlier", "maiden", "artistic", "nickname", "false_identity")]
    parts: NameParts


class NationalityHeld(Block):
    """A nationality and how it is known."""

    code: Nationality
    basis: Annotated[str, listed("documented", "declared", "presumed")]
    valid_from: CivilDate | None = None


class Place(Block):
    """Where something happened; the country as it was called then."""

    country: DatedState
    subdivision: Annotated[str, matching("^[A-Z]{2}-[A-Z0-9]{1,3}$")] | None = None
    locality: Annotated[str, text_of(100)] | None = None
    locality_latin: Annotated[str, text_of(100)] | None = None
    historic_name: Annotated[str, text_of(100)] | None = None


class Parents(Block):
    """The parents' names."""

    father: NameParts | None = None
    mother: NameParts | None = None


class Physical(Block):
    """What a person looks like."""

    height_cm: Annotated[int, Field(ge=50, le=250)] | None = None
    eye_colour: Annotated[str, text_of(20)] | None = None
    marks: Annotated[str, text_of(200)] | None = None


class PersonalNumber(Block):
    """A national number; its check digit is the partner adapter's matter."""

    scheme: Annotated[str, matching("^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    value: Annotated[str, text_of(30)]


class Person(Block):
    """A person."""

    id: PersonRef | None = None
    identities: Annotated[list[Identity], many(longest=16, shortest=1)]
    birth_date: PartialDate
    birth_place: Place | None = None
    sex: Annotated[str, closed("sex")]
    nationalities: Annotated[list[NationalityHeld], many(longest=8, shortest=1)]
    former_nationalities: Annotated[list[DatedState], many(longest=8)] | None = None
    parents: Parents | None = None
    civil_status: (
        Annotated[str, listed("single", "married", "partnership", "divorced", "widowed", "unknown")] | None
    ) = None
    languages: Annotated[list[Annotated[str, matching(LANGUAGE)]], many(longest=16)] | None = None
    physical: Physical | None = None
    address_in_rds: Annotated[str, text_of(200)] | None = None
    personal_number: PersonalNumber | None = None
    photo: Attachment | None = None
    source_system: SourceSystem | None = None


def check_person(person: Node, context: CheckContext) -> Findings:
    """The rules between a person's fields."""
    yield from _identities(person["identities"])
    for parent in person["parents"].members:
        yield from check_name_parts(parent)
    yield from check_birth_date(person["birth_date"], context)
    born = partial(person["birth_date"])
    earliest = born.earliest if born else None
    latest = born.latest if born else None
    country = person["birth_place"]["country"]
    if country.text is not None and not existed(country.text, earliest, latest):
        yield country.finding("CODE_UNKNOWN")
    for former in person["former_nationalities"].items:
        if former.text is not None and not existed(former.text, earliest, None):
            yield former.finding("CODE_UNKNOWN")
    for held in person["nationalities"].items:
        yield from not_in_future(held["valid_from"], context)


def check_birth_date(node: Node, context: CheckContext) -> Findings:
    """FIELD_RANGE for a birth in the future."""
    born = partial(node)
    if born is not None and born.earliest is not None and born.earliest > context.today:
        yield node["value"].finding("FIELD_RANGE")


def youngest_age(node: Node, on: date) -> int:
    """The youngest the person can be on a day, in whole years; 0 when nothing is known of the birth."""
    born = partial(node)
    if born is None or born.latest is None or born.latest > on:
        return 0
    return on.year - born.latest.year - ((on.month, on.day) < (born.latest.month, born.latest.day))


def _identities(identities: Node) -> Findings:
    primary = [identity for identity in identities.items if identity["type"].text == "primary"]
    if identities.items and not primary:
        yield identities.finding("FIELD_MISSING")
    for extra in primary[1:]:
        yield extra["type"].finding("FIELD_RANGE")
    for identity in identities.items:
        yield from check_name_parts(identity["parts"])
    if primary and primary[0]["parts"].items and not has_latin(primary[0]["parts"]):
        yield primary[0]["parts"].finding("NAME_SCRIPT")


def existed(code: str, earliest: date | None, latest: date | None) -> bool:
    """Whether a state of this code existed at some time from `earliest` to `latest`; None leaves that end open."""
    return states.is_state(code) or any(states.is_state(code, day) for day in (earliest, latest) if day is not None)
