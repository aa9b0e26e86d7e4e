"""What libraries say is logged by name, place and type of error: never in their words, which may hold anything."""

import json
import logging
from collections.abc import Iterator

import pytest

from service.logs import configure


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_an_error_of_a_library_is_said_by_type_and_place(level: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure("test")
    try:
        json.loads("TESTARU")
    except json.JSONDecodeError:
        logging.getLogger("uvicorn.error").log(level, "said of %s", "TESTARU", exc_info=True)
    said = capsys.readouterr().err
    event = json.loads(said)
    assert (event["event"], event["library"], event["error"]) == ("library", "uvicorn.error", "JSONDecodeError")
    assert event["level"] == logging.getLevelName(level).lower()
    assert "decoder.py" in event["place"]
    assert "TESTARU" not in said
