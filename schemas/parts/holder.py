"""A person as a paper names him or her: nothing beside the names and the day of birth."""

from schemas.parts.block import Block
from schemas.parts.context import CheckContext
from schemas.parts.dates import PartialDate
from schemas.parts.names import NameParts, check_name_parts
from schemas.parts.node import Findings, Node
from schemas.parts.person import check_birth_date


class HolderAsPrinted(Block):
    """The holder as the document names him or her."""

    parts: NameParts
    birth_date: PartialDate | None = None


def check_printed(holder: Node, context: CheckContext) -> Findings:
    """Names in the script they claim, a birth that has been."""
    yield from check_name_parts(holder["parts"])
    yield from check_birth_date(holder["birth_date"], context)
