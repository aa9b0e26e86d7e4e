"""Podman with our image, once a test process."""

import pytest

from tests.boxes.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The images of this checkout are there."""
    found = Engine()
    found.provide()
    return found
