"""The published schemas: what the files say is what the models are, and others can read them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import publication, registry

Changed = Callable[..., dict[str, Any]]


def test_the_files_are_what_the_models_are(kind: str) -> None:
    entry = registry.kind(kind)
    file = publication.FOLDER / entry.file_name
    assert file.read_text(encoding="utf-8") == publication.encoded(entry), "run: python -m schemas.publication"


def test_there_is_a_file_for_each_kind_and_no_other() -> None:
    names = {entry.file_name for entry in registry.KINDS.values()}
    assert {file.name for file in publication.FOLDER.iterdir() if file != publication.RELEASED} == names
    assert {file.name for file in (Path(registry.__file__).parent / "examples").iterdir()} == names


def test_a_schema_names_itself(kind: str) -> None:
    schema = registry.json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == registry.kind(kind).schema_id == f"https://schemas.liaison.example/{kind}/1"
    assert schema["version"] == "1"
    assert schema["properties"]["kind"]["const"] == kind


def test_every_object_is_closed_and_nothing_may_be_null(kind: str) -> None:
    def blocks(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
            for inner in value.values():
                yield from blocks(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from blocks(inner)

    found = list(blocks(registry.json_schema(kind)))
    assert all(block["additionalProperties"] is False for block in found if block.get("type") == "object")
    assert {"type": "null"} not in found
    assert not any("default" in block for block in found if "type" in block or "$ref" in block)


def test_another_validator_agrees_about_the_example(kind: str) -> None:
    Draft202012Validator(registry.json_schema(kind)).validate(registry.example(kind))


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("doc.alert", "/finding_level", 4),
        ("doc.alert", "/surprise", 1),
        ("doc.verify.request", "/document/surprise", 1),
        ("doc.verify.request", "/document/doc_type", "passport"),
        ("ident.request", "/person/sex", "W"),
        ("visa.overstay.notice", "/visa", None),
        ("visa.overstay.notice", "/computed/days", "5"),
    ],
)
def test_another_validator_agrees_about_faults(kind: str, path: str, value: object, changed: Changed) -> None:
    payload = changed(kind, {path: value})
    assert not Draft202012Validator(registry.json_schema(kind)).is_valid(payload)


def test_the_file_is_one_json_document(kind: str) -> None:
    json.loads(publication.encoded(registry.kind(kind)))
