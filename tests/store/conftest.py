"""Connections to each of the hub's databases, as many as a test wants to one and the same."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hub.store import tables
from hub.store.engine import Connection, open_engine
from tests.postgres import database

Opening: TypeAlias = Callable[..., Connection]


@pytest.fixture
def opening(tmp_path: Path, engine: str) -> Iterator[Opening]:
    """Opens one more connection to the test's database; all are closed in the end."""
    url = database() if engine == "postgres" else ""
    opened: list[Connection] = []

    def another(**given: Any) -> Connection:
        found = open_engine(tmp_path / "hub.db", url, **given)
        opened.append(found)
        if not url:
            tables.create(found)
        return found

    yield another
    for connection in opened:
        connection.close()
