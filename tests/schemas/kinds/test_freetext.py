"""The guard over free texts: many languages, some evasions, no surprise for ordinary notes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding
from schemas.safeguards import freetext
from schemas.safeguards import words as words_module
from schemas.safeguards.words import fold, words

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
NOTE = "/evidence/0/note"
TO_MOLDOVA = {"sender_state": "AUT", "recipient_states": ("MDA",)}

TELLING = [
    "Applied for asylum in 2019",
    "ASYLUM-SEEKER",
    "asylum seekers' centre",
    "recognised refugee",
    "Asylantrag abgelehnt",
    "ist Flüchtling",
    "subsidiär; internationaler Schutz beantragt",
    "demandeur d'asile",
    "statut de réfugié",
    "DEMANDE DE PROTECTION INTERNATIONALE",
    "richiedente asilo",
    "solicitó protección internacional",
    "wniosek o azyl",
    "status uchodźcy",
    "žádost o azyl",
    "menedékkérő",
    "cerere de azil",
    "statut de refugiat",
    "търсещ убежище",
    "αίτηση ασύλου",
    "tražitelj azila",
    "тражилац азила",
    "kërkues azili",
    "барател на азил",
    "iltica başvurusu",
    "sığınmacı",
    "mülteci",
    "просил убежища",
    "статус беженца",
    "шукач притулку",
    "статус біженця",
    "прытулак",
    "თავშესაფრის მაძიებელი",
    "ապաստան հայցող",
    "sığınacaq",
    "босқын",
    "طالب لجوء",
    "درخواست پناهندگی",
    "prieglobsčio prašytojas",
    "patvēruma meklētājs",
    "varjupaigataotleja",
    "asielzoeker",
    "asylsökande",
    "turvapaikanhakija",
    "Eurodac hit of category 1",
    "Dublin transfer pending",
    "UNHCR letter shown",
    "a s y l u m",
    "a.s.y.l.u.m case",
    "ａｓｙｌｕｍ",
    "asy\u0301lum",
    "as\u00adylum",
]

ORDINARY = [
    "Copy found among the belongings.",
    "Statement taken at the border crossing point in the presence of an interpreter.",
    "glued edge, thread cut",
    "birth 940229, cd 7 (should be 4; 1994 has no 29 Feb)",
    "Numéro de série effacé; protection laminée décollée",
    "Schutzfolie fehlt, Seite 3 ersetzt",
    "нет водяного знака на странице данных",
    "basilica ticket, Dublin airport",
    "Ausweis wurde sichergestellt",
    "Azimuth print shifted",
]


@pytest.mark.parametrize("text", TELLING)
def test_a_telling_text_is_held(text: str, changed: Changed, errors: Errors) -> None:
    assert ("FREETEXT_HOLD", NOTE) in errors(changed("ident.request", {NOTE: text}), **TO_MOLDOVA)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_passes(text: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("ident.request", {NOTE: text}), **TO_MOLDOVA) == set()


def test_inside_the_dublin_acquis_it_may_be_said(changed: Changed, errors: Errors) -> None:
    payload = changed("ident.request", {NOTE: "asylum"})
    for state in ("DEU", "CHE", "NOR", "IRL"):
        assert errors(payload, sender_state="AUT", recipient_states=(state,)) == set()
    for state in ("MDA", "UKR", "GEO", "TUR"):
        assert ("FREETEXT_HOLD", NOTE) in errors(payload, sender_state="AUT", recipient_states=(state,))


def test_while_nobody_is_named_it_is_a_warning(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    found = findings(changed("ident.request", {NOTE: "asylum"}))
    assert found == [Finding(NOTE, "FREETEXT_HOLD", "warning")]


def test_for_a_reader_it_is_a_warning_and_other_safeguards_stay(
    changed: Changed, findings: Callable[..., list[Finding]]
) -> None:
    for text in ("asylum", "Hepatitis C", "victim of trafficking"):
        found = findings(changed("ident.request", {NOTE: text}), reading=True, **TO_MOLDOVA)
        assert [(one.code, one.severity) for one in found if one.path == NOTE] == [("FREETEXT_HOLD", "warning")]
    stateless = changed("ident.request", {NOTE: "asylum", "/presumed_nationality": "XXB"})
    assert "SG1" in {one.code for one in findings(stateless, reading=True, **TO_MOLDOVA) if one.severity == "error"}


@pytest.mark.parametrize(
    "text", ["Hepatitis C", "туберкулёз", "is HIV-positive", "victim of trafficking", "Menschenhandel"]
)
def test_diagnoses_and_trafficking_are_held_for_everybody(text: str, changed: Changed, errors: Errors) -> None:
    for state in ("DEU", "MDA"):
        found = errors(changed("ident.request", {NOTE: text}), sender_state="AUT", recipient_states=(state,))
        assert ("FREETEXT_HOLD", NOTE) in found


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("doc.alert", "/detection_points/0/genuine"),
        ("doc.alert", "/detection_points/0/false"),
        ("doc.alert", "/case_ref"),
        ("doc.alert", "/images/0/role"),
        ("doc.verify.request", "/document/authority"),
        ("doc.verify.request", "/document/mrz_mismatch_reason"),
        ("ident.request", "/person/address_in_rds"),
        ("ident.request", "/person/physical/marks"),
        ("ident.request", "/person/birth_place/locality"),
        ("ident.request", "/safeguards/transfer_ground_reason"),
        ("ident.request", "/safeguards/return_decision/authority"),
        ("visa.overstay.notice", "/visa/territory"),
        ("visa.overstay.notice", "/computed/rule_version"),
    ],
)
def test_every_text_field_is_guarded(kind: str, path: str, changed: Changed, errors: Errors) -> None:
    assert ("FREETEXT_HOLD", path) in errors(changed(kind, {path: "asylum"}), **TO_MOLDOVA)


def test_the_guard_knows_every_free_text_of_the_models() -> None:
    """A text field that is neither a code nor a form of its own must be in the guard's list, or be a name."""
    free = set()
    for kind in registry.KINDS:
        schema = registry.json_schema(kind)
        for block in (schema, *schema["$defs"].values()):
            for name, member in block.get("properties", {}).items():
                if member.get("type") == "string" and not member.keys() & {"pattern", "enum", "const", "format"}:
                    free.add(name)
    assert free - {"value", "classification"} <= freetext.FREE_TEXTS


def test_a_family_may_be_called_anything(changed: Changed, errors: Errors) -> None:
    part = {"kind": "surname", "value": "AZIL", "script": "Latn", "as_on": "viz"}
    payload = changed("ident.request", {"/person/identities/0/parts/0": part})
    assert errors(payload, **TO_MOLDOVA) == set()


@pytest.mark.parametrize("name", ["asylum", "health", "trafficking", "classified"])
def test_a_word_list_says_where_it_is_from_and_finds_its_own_words(name: str) -> None:
    entry = json.loads((Path(words_module.__file__).parent / "lists" / f"{name}.json").read_text(encoding="utf-8"))
    assert all(entry[member] for member in ("about", "source", "verified"))
    for stems in entry["words"].values():
        for stem in stems:
            said = stem.replace("~", "ed")
            assert words(name).found_in(f"x {said}ing"), stem
            assert words(name).found_in(said.upper()), stem


@pytest.mark.parametrize(
    "text", ["међународна заштита", "међународну заштиту", "Међународној (заштити)", "међународн заштит"]
)
def test_a_phrase_is_found_with_any_ending(text: str) -> None:
    assert words("asylum").found_in(text)


@pytest.mark.parametrize("text", ["међународна, заштита", "међународна и заштита", "немеђународна заштита", "заштита"])
def test_a_phrase_is_not_found_in_pieces(text: str) -> None:
    assert not words("asylum").found_in(text)


def test_folding() -> None:
    assert fold("ÀÉ  ß-Ł") == "ae ss l"
