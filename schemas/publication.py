"""JSON Schema 2020-12 of each kind, generated from its model; the files in `schemas/json` are this, written out.

The schema says the form alone, closed everywhere. Rules between fields, code tables with dates, and safeguards are
`liaison schema check`'s; a payload that fits the schema may still be refused. Run as a program it writes the files:

    python -m schemas.publication
"""

import json
import sys
from pathlib import Path
from typing import Any

from schemas.registry import KINDS, Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FOLDER = Path(__file__).parent / "json"


def published(entry: Kind) -> dict[str, Any]:
    """The schema of a kind: `$schema`, `$id`, `version`, then the form."""
    form = _tidy(entry.model.model_json_schema())
    about = form.pop("description", "")
    definitions = form.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "$id": entry.schema_id,
        "title": entry.name,
        "description": about,
        "version": str(entry.version),
        **{name: value for name, value in form.items() if name != "title"},
        "properties": dict(sorted(form["properties"].items(), key=lambda member: member[0] != "kind")),
        "$defs": dict(sorted(definitions.items())),
    }


def encoded(entry: Kind) -> str:
    """The file's text."""
    return json.dumps(published(entry), ensure_ascii=False, indent=1) + "\n"


def _tidy(value: Any) -> Any:
    """Without what is Python's: null stands for an absent member there, and no default is ever filled in."""
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    options = value.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        left = [option for option in options if option != {"type": "null"}]
        rest = {name: inner for name, inner in value.items() if name not in {"anyOf", "default", "title"}}
        return _tidy({**left[0], **rest} if len(left) == 1 else {"anyOf": left, **rest})
    return {name: _tidy_member(name, inner) for name, inner in value.items() if not _is_pythons(name, inner, value)}


def _tidy_member(name: str, value: Any) -> Any:
    if name == "properties":  # here names are ours, not the schema language's
        return {inner: _tidy(schema) for inner, schema in value.items()}
    return _tidy(value)


def _is_pythons(name: str, value: Any, schema: dict[str, Any]) -> bool:
    if name == "default":
        return value is None
    return name == "title" and isinstance(value, str) and schema.get("type") != "object"


if __name__ == "__main__":
    for known in KINDS.values():
        (FOLDER / known.file_name).write_text(encoded(known), encoding="utf-8")
    sys.stdout.write(f"{len(KINDS)} schemas written\n")
