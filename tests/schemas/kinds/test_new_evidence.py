"""After a refusal an application needs evidence that the requested state has not seen (domain.md 12)."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import registry
from schemas.parts.case import pieces, same_person
from schemas.parts.context import CheckContext
from schemas.parts.node import Node

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
APPLICATION = registry.example("readm.application")
FILE = {"id": "new", "media_type": "image/jpeg", "size": 12, "sha256": "ab" * 32, "role": "data page"}
STATEMENT = {"code": "NAT.PRIMA_FACIE.OWN_STATEMENT"}


def anew(changes: dict[str, Any], *refused: dict[str, Any]) -> list[tuple[str, str]]:
    """What is found of the new rule alone."""
    payload = {name: one for name, one in (deepcopy(APPLICATION) | changes).items() if one is not None}
    found = registry.check(payload, CheckContext(at=AT, refused=refused))
    return [(one.code, one.path) for one in found if one.code == "STEP_NOT_ALLOWED"]


NOT_NEW: dict[str, dict[str, Any]] = {
    "the same": {},
    "another file number": {"case_ref": "RET-2026-0999"},
    "another note": {"evidence": [{**STATEMENT, "note": "He says so again."}]},
    "less": {"evidence": [STATEMENT]},
    "the other way round": {"evidence": APPLICATION["evidence"][::-1]},
    "another person of the family": {"spouse": None},
    "no fingerprints any more": {"biometrics": None, "no_biometrics_reason": "refused"},
    "another procedure": {"procedure": "normal"},
}


@pytest.mark.parametrize("name", NOT_NEW)
def test_it_is_refused_without(name: str) -> None:
    assert anew(NOT_NEW[name], APPLICATION) == [("STEP_NOT_ALLOWED", "/evidence")]
    assert anew(NOT_NEW[name]) == []  # where nothing was refused it is an application like any other


NEW: dict[str, dict[str, Any]] = {
    "evidence of another kind": {"evidence": [*APPLICATION["evidence"], {"code": "NAT.PRIMA_FACIE.LANGUAGE"}]},
    "a file more": {"evidence": [*APPLICATION["evidence"], {**STATEMENT, "attachment": [FILE]}]},
    "that alone": {"evidence": [{"code": "NAT.PRIMA_FACIE.WITNESS_STATEMENT"}]},
    "other fingerprints": {"biometrics": {**APPLICATION["biometrics"], "sha256": "cd" * 32}},
    "another document": {
        "evidence": [
            {
                **APPLICATION["evidence"][0],
                "document": {**APPLICATION["evidence"][0]["document"], "number": "UT7654321"},
            }
        ]
    },
}


@pytest.mark.parametrize("name", NEW)
def test_with_it_it_is_another_application(name: str) -> None:
    assert anew(NEW[name], APPLICATION) == []


def test_what_was_supplied_in_the_meantime_is_not_new() -> None:
    supplied = {"kind": "readm.info.supply", "attachments": [FILE], "evidence": [{"code": "NAT.PRIMA_FACIE.LANGUAGE"}]}
    for name in ("evidence of another kind", "a file more"):
        assert anew(NEW[name], APPLICATION, supplied) == [("STEP_NOT_ALLOWED", "/evidence")]
    assert anew(NEW["that alone"], APPLICATION, supplied) == []


def test_it_is_new_only_if_no_refusal_had_it() -> None:
    second = APPLICATION | NEW["that alone"]
    assert anew(NEW["that alone"], APPLICATION, second) == [("STEP_NOT_ALLOWED", "/evidence")]


# -- whose application it is


def changed(**person: Any) -> dict[str, Any]:
    return APPLICATION | {"person": APPLICATION["person"] | person}


ALIAS = {"type": "alias", "parts": APPLICATION["person"]["identities"][0]["parts"]}
OTHER = {"type": "primary", "parts": [{"kind": "surname", "value": "DRUHYI", "script": "Latn", "as_on": "viz"}]}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (APPLICATION, True),
        (changed(sex="F"), True),
        (changed(identities=[OTHER]), True),  # by the document
        ({**changed(identities=[OTHER]), "evidence": [STATEMENT]}, False),
        ({**APPLICATION, "evidence": [STATEMENT]}, True),  # by the name
        ({**changed(identities=[ALIAS]), "evidence": [STATEMENT]}, False),
        (changed(birth_date={"value": "1984-02-28"}), False),
        (changed(birth_date={}), False),
        ({}, False),
        ({**changed(identities=[]), "evidence": []}, False),
    ],
)
def test_who_is_one_person(other: dict[str, Any], same: bool) -> None:
    assert same_person(Node(APPLICATION), Node(other)) is same
    assert same_person(Node(other), Node(APPLICATION)) is same


CODES = st.sampled_from(["A", "B", "C"])
BUNDLES = st.lists(
    st.builds(lambda code, sha: {"code": code, "attachment": [{"sha256": sha}]}, CODES, CODES), max_size=4
)


@given(new=BUNDLES, old=BUNDLES)
def test_pieces_are_those_of_each_part(new: list[Any], old: list[Any]) -> None:
    both = pieces(Node({"evidence": [*new, *old]}))
    assert both == pieces(Node({"evidence": new})) | pieces(Node({"evidence": old}))
