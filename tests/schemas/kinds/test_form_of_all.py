"""Form, for every kind: what the published schema says of each place of the golden example is what `check` refuses.

`test_form.py` spells cases out by hand for some kinds; here the schema itself names them, for all.
"""

from collections.abc import Callable, Iterator
from typing import Any

from schemas import registry

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
Place = tuple[str, dict[str, Any]]

NO_CODE = "ZZ_NO_CODE"
CANARY = "ZZCANARY77"


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return {}  # which one is meant is the model's affair
    return schema


def places(kind: str) -> Iterator[Place]:
    """Every place of the example, with its schema; those of a choice are left out."""
    schema = registry.json_schema(kind)
    yield from _below(registry.example(kind), schema, schema["$defs"], "")


def _below(value: Any, schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[Place]:
    schema = _resolved(schema, definitions)
    yield path, schema
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in schema.get("properties", {}):
                yield from _below(inner, schema["properties"][name], definitions, f"{path}/{name}")
    elif isinstance(value, list) and "items" in schema:
        for index, inner in enumerate(value):
            yield from _below(inner, schema["items"], definitions, f"{path}/{index}")


def test_every_mandatory_member_is_missed(kind: str, changed: Changed, errors: Errors, removed: object) -> None:
    found = [(path, name) for path, schema in places(kind) for name in schema.get("required", ())]
    assert ("", "kind") in found
    for path, name in found:
        if name != "kind" or path:
            pointer = f"{path}/{name}"
            assert ("FIELD_MISSING", pointer) in errors(changed(kind, {pointer: removed})), pointer


def test_no_list_of_codes_is_guessed_at(kind: str, changed: Changed, errors: Errors) -> None:
    for path, schema in places(kind):
        for code in {NO_CODE, *(str(code).swapcase() for code in schema.get("enum", ())[:1])} - set(
            schema.get("enum", ())
        ):
            if "enum" in schema and not path.endswith(("/media_type", "/classification")):
                assert ("CODE_UNKNOWN", path) in errors(changed(kind, {path: code})), path


def test_no_text_is_too_long_or_empty(kind: str, changed: Changed, errors: Errors) -> None:
    for path, schema in places(kind):
        if "maxLength" in schema:
            assert ("FIELD_LENGTH", path) in errors(changed(kind, {path: "x" * (schema["maxLength"] + 1)})), path
        if schema.get("minLength", 0) > 0:
            assert ("FIELD_LENGTH", path) in errors(changed(kind, {path: ""})), path


def test_no_text_is_of_another_form(kind: str, changed: Changed, errors: Errors) -> None:
    for path, schema in places(kind):
        if "pattern" in schema or schema.get("format") in {"date", "date-time"}:
            found = errors(changed(kind, {path: f"{CANARY} ?"}))
            assert any(code in {"FIELD_PATTERN", "CODE_UNKNOWN"} and at == path for code, at in found), path
            assert CANARY not in str(found)


def test_no_number_lies_outside_its_range(kind: str, changed: Changed, errors: Errors) -> None:
    for path, schema in places(kind):
        code = "ATTACH_SIZE" if path.endswith("/size") else "FIELD_RANGE"
        if "maximum" in schema:
            assert (code, path) in errors(changed(kind, {path: schema["maximum"] + 1})), path
        if "minimum" in schema:
            assert ("FIELD_RANGE", path) in errors(changed(kind, {path: schema["minimum"] - 1})), path


def test_no_list_is_too_long_or_too_short(kind: str, changed: Changed, errors: Errors) -> None:
    for path, schema in places(kind):
        if schema.get("type") != "array":
            continue
        entry: Any = registry.example(kind)
        for step in path.split("/")[1:]:
            entry = entry[int(step)] if isinstance(entry, list) else entry[step]
        if "maxItems" in schema and entry:
            many = (entry * (schema["maxItems"] + 1))[: schema["maxItems"] + 1]
            assert ("FIELD_LENGTH", path) in errors(changed(kind, {path: many})), path
        if schema.get("minItems", 0) > 0:
            assert ("FIELD_LENGTH", path) in errors(changed(kind, {path: []})), path


def test_a_rule_of_every_kind_survives_any_place_being_gone(kind: str, changed: Changed, errors: Errors) -> None:
    """A rule that looks for something finds nothing there; what is missing or misshapen was said already."""
    for path, _ in places(kind):
        if path not in {"", "/kind"}:
            odd: object
            for odd in (None, 7, "x", [], {}, [[]], [{}]):
                errors(changed(kind, {path: odd}), sender_state="AUT", recipient_states=("MDA",))
