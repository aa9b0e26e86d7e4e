"""A world whose hub goes by the machine's clock, on each of the hub's databases."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.postgres import database
from tests.world import World, make_world

START = datetime.now(UTC).replace(microsecond=0)
"""When the keys begin: the directory is made once for all these tests."""


@pytest.fixture
def world(tmp_path: Path, engine: str) -> World:
    """One hub's data directory and three partners, nothing running yet."""
    found = make_world(tmp_path / "world", START)
    found.clock.now = datetime.now(UTC).replace(microsecond=0)
    if engine == "postgres":
        found.use(database())
    return found
