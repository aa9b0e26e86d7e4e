"""Golden examples to change in one place, and the findings that follow."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from schemas import registry
from schemas.errors import Finding
from schemas.registry import CheckContext

Payload: TypeAlias = dict[str, Any]

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
REMOVED = object()


def _set(payload: Payload, pointer: str, value: object) -> None:
    *way, last = pointer.removeprefix("/").split("/")
    place: Any = payload
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if isinstance(place, list):
        if value is REMOVED:
            del place[int(last)]
        elif int(last) == len(place):
            place.append(value)
        else:
            place[int(last)] = value
    elif value is REMOVED:
        place.pop(last, None)
    else:
        place[last] = value


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def removed() -> object:
    return REMOVED


@pytest.fixture
def changed() -> Callable[..., Payload]:
    """changed(kind, {pointer: value or REMOVED}) -> the golden example with these changes."""

    def change(kind: str, changes: Mapping[str, object] | None = None) -> Payload:
        payload = registry.example(kind)
        for pointer, value in (changes or {}).items():
            _set(payload, pointer, value)
        return payload

    return change


@pytest.fixture
def findings() -> Callable[..., list[Finding]]:
    """findings(payload, **context) -> everything found."""

    def find(payload: object, **context: Any) -> list[Finding]:
        return registry.check(payload, CheckContext(at=context.pop("at", NOW), **context))

    return find


@pytest.fixture
def errors(findings: Callable[..., list[Finding]]) -> Callable[..., set[tuple[str, str]]]:
    """errors(payload, **context) -> {(code, path)} of what makes it invalid."""

    def find(payload: object, **context: Any) -> set[tuple[str, str]]:
        return {(found.code, found.path) for found in findings(payload, **context) if found.severity == "error"}

    return find


@pytest.fixture
def safeguarded() -> Callable[[Payload], Payload]:
    """The payload with everything a third country's recipient asks for, and nothing an EU system recorded."""

    def guard(payload: Payload) -> Payload:
        payload["safeguards"] = {
            "return_decision": {
                "issued_on": "2026-03-25",
                "authority": "Sample Migration Office",
                "enforceable": True,
                "suspended": False,
                "suspensive_appeal": False,
            },
            "subject_informed": {"on": "2026-03-25", "language": "uk"},
            "origin_consents": [
                {"source_system": system, "state": "AUT", "on": "2026-03-26"}
                for system in ("EES", "VIS", "SIS", "EURODAC")
            ],
            "transfer_ground": "GDPR46_READMISSION",
            "nonrefoulement_checked": {"on": "2026-03-27", "by_role": "RET"},
        }
        return payload

    return guard


@pytest.fixture
def abroad(changed: Callable[..., Payload], safeguarded: Callable[[Payload], Payload]) -> Callable[..., Payload]:
    """abroad(changes) -> an overstay notice that may go to a third country, with these changes."""

    def make(changes: Mapping[str, object] | None = None) -> Payload:
        payload = safeguarded(
            changed(
                "visa.overstay.notice",
                {
                    "/purpose_code": "RETURN_ID",
                    "/stays/0/source_system": "stamp",
                    "/stays/1/source_system": "stamp",
                    "/visa/source_system": REMOVED,
                },
            )
        )
        for pointer, value in (changes or {}).items():
            _set(payload, pointer, value)
        return payload

    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`kind` alone stands for each kind in turn."""
    if "kind" in metafunc.fixturenames and not any(
        "kind" in str(mark.args[:1]) for mark in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("kind", list(_kinds()))


def _kinds() -> Iterator[str]:
    yield from registry.KINDS
