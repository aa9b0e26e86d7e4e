"""The generated pages are up to date, and every code is explained."""

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from schemas.errors import CODES

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_code_is_explained_and_no_other() -> None:
    texts = tomllib.loads((DOCS / "codes" / "texts.toml").read_text(encoding="utf-8"))
    assert set(texts) == set(CODES)
    assert all(set(text) == {"by", "do"} for text in texts.values())


def test_the_pages_are_up_to_date(script: ModuleType) -> None:
    made = script.pages()
    assert made.keys() >= {f"codes/{code}.md" for code in CODES}
    stale = [
        name
        for name, text in made.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run: python docs/pages.py"
    for folder in ("codes", "kinds", "lists"):
        assert {f"{folder}/{file.name}" for file in (DOCS / folder).glob("*.md")} <= made.keys()
