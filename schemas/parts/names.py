"""Names: every rendering of a name as it was printed or registered, never joined, never cut (domain.md 6, 2.4).

The Latin or MRZ spelling on the document is the truth and stands beside the native script; transliteration only finds
candidates and is not done here.
"""

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from schemas import names
from schemas.parts.block import Block, many, matching, refuse, text_of
from schemas.parts.coded import listed
from schemas.parts.node import Findings, Node

LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$"

PARTS_MAX = 24


def _script(value: str) -> str:
    if len(value) != 4 or not value.isascii() or not value.isalpha() or value != value.title():
        raise refuse("CODE_UNKNOWN")
    return value


class NamePart(Block):
    """One part of a name in one rendering."""

    kind: Annotated[str, listed("surname", "given", "patronymic", "matronymic", "birth", "mononym", "title")]
    value: Annotated[str, text_of(120)]
    script: Annotated[str, AfterValidator(_script), WithJsonSchema({"type": "string", "pattern": "^[A-Z][a-z]{3}$"})]
    language: Annotated[str, matching(LANGUAGE)] | None = None
    translit_system: Annotated[str, matching("^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")] | None = None
    as_on: Annotated[str, listed("viz", "mrz", "chip", "statement", "registry")]


NameParts = Annotated[list[NamePart], many(longest=PARTS_MAX, shortest=1)]


def check_name_parts(parts: Node) -> Findings:
    """NAME_SCRIPT where a value is not written in the script it claims. Control characters are `everywhere`'s."""
    for part in parts.items:
        value, script = part["value"].text, part["script"].text
        if value is not None and script is not None and not names.check_script(value, script):
            yield part["value"].finding("NAME_SCRIPT")


def has_latin(parts: Node) -> bool:
    """Whether one rendering is Latin or from the machine-readable zone."""
    return any(part["script"].text == "Latn" or part["as_on"].text == "mrz" for part in parts.items)
