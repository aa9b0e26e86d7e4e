"""The code lists that payload fields name: document types, fraud, evidence, exemptions and the like.

A list never loses a code, for messages of its time stay readable; a code that is no longer used gets a `valid_to`.
"""

from functools import cache

from schemas.codes.tables import table


@cache
def load(name: str) -> frozenset[str]:
    """The codes of the list of this name. Raises FileNotFoundError for a name that has no list."""
    return frozenset(table(name).rows)
