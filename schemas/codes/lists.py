"""The code lists that payload fields name: document types, fraud, evidence, purposes, roles and the like.

A list never loses a code, for messages of its time stay readable; a code that is no longer used gets a `valid_to`.
"""

from functools import cache

from schemas.codes.tables import table


def ordered(name: str) -> tuple[str, ...]:
    """The codes of the list of this name, as the list has them. Raises FileNotFoundError as `load` does."""
    return tuple(table(name).rows)


@cache
def load(name: str) -> frozenset[str]:
    """The codes of the list of this name. Raises FileNotFoundError for a name that has no list."""
    return frozenset(table(name).rows)
