"""What stands on a form, and in which order, before it is printed."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from liaison.forms import page, sheets, words
from liaison.forms.sheet import Box, Entry, Form, Group, Head, Line, Photograph, Table
from schemas import registry
from schemas.errors import Rejected

TITLES = {
    "readm.application": [
        "A. Personal details", "B. Personal details of spouse (if appropriate)",
        "C. Personal details of children (if appropriate)", "D. Special circumstances relating to the person",
        "E. Means of evidence attached", "F. Observations",
    ],
    "readm.decision": [
        "A. Decision on the application", "B. Persons covered", "C. Observations (transfer, health, escort)",
    ],
    "transfer.notice": [
        "1. Reference and date of consent", "2. Persons to be transferred", "3. Travel document",
        "4. Date, time and place of transfer", "5. Escort", "6. Protective measures, special needs, attachments",
        "7. Confirmation of receipt (to be returned)",
    ],
    "transit.application": ["A. Personal details", "B. Transit operation", "C. Remarks (assistance, security, care)"],
    "transit.decision": ["A. Person", "B. Decision on the transit"],
}  # fmt: skip


def _form(payload: dict[str, Any], *earlier: dict[str, Any]) -> Form:
    return sheets.make(payload, head=Head(), source="source", earlier=earlier)


def _html(payload: dict[str, Any], *earlier: dict[str, Any]) -> str:
    return page.html(_form(payload, *earlier))


def _text(html: str) -> str:
    body = html.partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def _lines(form: Form) -> Iterator[Line]:
    def of(parts: Any) -> Iterator[Line]:
        for part in parts:
            match part:
                case Entry() | Photograph():
                    yield from part.lines
                case Group():
                    yield from of(part.entries)
                case Table():
                    yield from (line for row in part.rows for cell in row for line in cell)

    for box in form.boxes:
        yield from of(box.parts)


def _entry(box: Box, label: str) -> str:
    found = next(part for part in box.parts if isinstance(part, Entry) and part.label.startswith(label))
    return " / ".join("".join(run.text for run in line) for line in found.lines)


@pytest.mark.parametrize("kind", sorted(sheets.FORMS))
def test_boxes_stand_in_the_official_order(kind: str) -> None:
    html = _html(registry.example(kind))
    assert [unescape(title) for title in re.findall(r"<h2>(.*?)</h2>", html)] == TITLES[kind]
    assert html.index("</h1>") < html.index("<h2>") < html.index("class='signatures'")


def test_box_a_asks_in_the_order_of_the_form() -> None:
    box = _form(registry.example("readm.application")).boxes[0]
    assert [part.label for part in box.parts if isinstance(part, Entry)] == [
        "Full name (surname underlined)", "Maiden name", "Date and place of birth", "Sex and physical description",
        "Also known as (earlier names, aliases)", "Nationality and language", "Civil status", "Spouse",
        "Names and ages of children", "Last address in the requested state", "Father's name", "Mother's name",
        "Personal number",
    ]  # fmt: skip
    assert isinstance(box.parts[0], Photograph)


def test_ticks_say_what_the_message_says() -> None:
    payload = registry.example("readm.application")
    assert [tick.ticked for tick in _form(payload).ticks] == [True, True]
    plain = payload | {"procedure": "normal", "interview_request": False}
    assert [tick.ticked for tick in _form(plain).ticks] == [False, False]


def test_surnames_are_marked_and_given_names_are_not() -> None:
    html = _html(registry.example("readm.application"))
    assert "<span class='surname'>ТЕСТОВИЙ</span>" in html
    assert "<span class='surname'>TESTOVYI</span> IVAN ALEKSANDR" in html
    assert "<span class='surname'>PETRO" not in html


def test_renderings_of_a_name_are_never_joined() -> None:
    name = _entry(_form(registry.example("readm.application")).boxes[0], "Full name")
    cyrillic, latin = name.split(" / ")
    assert "TESTOVYI" not in cyrillic
    assert "ТЕСТОВИЙ" not in latin


@pytest.mark.parametrize("kind", sorted(sheets.FORMS))
def test_a_code_is_always_beside_its_words(kind: str) -> None:
    """Every word of a list is followed by a code in its own style."""
    meanings = {text for table in words.SHORT.values() for text in table.values()}
    for line in _lines(_form(registry.example(kind), registry.example("readm.application"))):
        for run, after in zip(line, (*line[1:], None), strict=True):
            if run.text.endswith(" ") and run.text.strip() in meanings:
                assert after is not None
                assert after.style == "code"


def _codes(schema: Any, names: frozenset[str], seen: dict[str, set[str]], name: str = "") -> None:
    """The closed lists of a schema, by the member that holds them."""
    if isinstance(schema, list):
        for inner in schema:
            _codes(inner, names, seen, name)
    if not isinstance(schema, dict):
        return
    if "enum" in schema and "x-code-lists" not in schema and name in names:
        seen.setdefault(name, set()).update(schema["enum"])
    for key, inner in schema.get("properties", {}).items():
        _codes(inner, names, seen, key)
    for key in ("items", "anyOf", "allOf"):
        _codes(schema.get(key), names, seen, name)
    _codes(list(schema.get("$defs", {}).values()), names, seen)


@pytest.mark.parametrize("kind", sorted(sheets.FORMS))
def test_every_code_of_a_short_list_has_words(kind: str) -> None:
    seen: dict[str, set[str]] = {}
    _codes(registry.json_schema(kind), frozenset(words.SHORT), seen)
    assert seen
    missing = {name: codes - set(words.SHORT[name]) for name, codes in seen.items()}
    assert not {name: codes for name, codes in missing.items() if codes}


def test_a_code_newer_than_our_list_is_shown_alone() -> None:
    assert [run.text for run in words.listed("need", "SOMETHING_NEW")] == ["SOMETHING_NEW"]
    assert [run.text for run in words.note("as_on", "dream")] == ["  ", "dream"]


def test_kosovo_is_never_shown_without_its_footnote() -> None:
    payload = registry.example("transit.application") | {"destination": "RKS"}
    text = _text(_html(payload))
    assert "RKS*" in text or "* (RKS)" in text
    assert "* RKS: This designation is without prejudice to positions on status" in text
    crossing = registry.example("transit.application") | {"bcp": "XKPRN-LAND"}
    text = _text(_html(crossing))
    assert "XKPRN-LAND*" in text
    assert "UNSCR 1244/1999" in text
    assert "UNSCR 1244/1999" not in _text(_html(registry.example("transit.application")))


def test_markup_in_a_payload_stays_text() -> None:
    payload = registry.example("transit.application") | {"assistance": "<img src='file:///etc/passwd'>&amp;</style>"}
    html = _html(payload)
    assert "<img" not in html
    assert "&lt;img src=&#x27;file:///etc/passwd&#x27;&gt;&amp;amp;&lt;/style&gt;" in html


def test_a_handling_text_cannot_leave_its_string() -> None:
    hostile = '"; } </style><script>x</script> \\ url(http://example.org/x)'
    html = _html(registry.example("transit.application") | {"handling": "H3", "handling_text": hostile})
    assert "<script>" not in html
    assert "url(" not in html
    assert html.count("</style>") == 1


def test_what_is_not_said_is_struck_out() -> None:
    payload = registry.example("readm.application")
    for name in ("spouse", "children", "special", "biometrics", "apprehension", "entry_facts"):
        payload.pop(name)
    payload["no_biometrics_reason"] = "REFUSED"
    form = _form(payload)
    assert form.boxes[1].parts == ()
    assert form.boxes[2].parts == ()
    assert _entry(form.boxes[3], "Care needed") == ""
    assert _text(page.html(form)).count("—") > 10


def test_health_stands_on_no_form() -> None:
    box = _form(registry.example("readm.application")).boxes[3]
    assert [part.label for part in box.parts if isinstance(part, Entry)] == [
        "Care needed (needs only; no diagnosis is exchanged)", "Particularly dangerous person",
    ]  # fmt: skip


def test_safeguards_are_not_printed() -> None:
    text = _text(_html(registry.example("readm.application")))
    assert "GDPR46_READMISSION" not in text
    assert "G-2026-11" not in text


def test_a_notice_names_persons_only_from_the_application() -> None:
    notice = registry.example("transfer.notice")
    alone, named = _text(_html(notice)), _text(_html(notice, registry.example("readm.application")))
    assert "TESTOVA" not in alone
    assert {"p1", "s1", "c1"} <= set(alone.split())
    assert "TESTOVA OLENA" in named


def test_a_receipt_is_dotted_until_it_was_given() -> None:
    notice = registry.example("transfer.notice")
    before = page.html(_form(notice)).partition("7. Confirmation")[2]
    after = page.html(_form(notice, registry.example("transfer.ack"))).partition("7. Confirmation")[2]
    assert before.count("class='dots'") == 3
    assert "Duty officer" not in before
    assert after.count("class='dots'") == 1
    assert "Duty officer, Prymirne crossing" in after


def test_a_refusal_shows_its_reasons() -> None:
    payload = registry.example("readm.decision") | {
        "outcome": "REFUSED", "reasons": [{"code": "NOT_NATIONAL"}, {"code": "OTHER", "text": "Not in the register."}],
    }  # fmt: skip
    box = _form(payload).boxes[0]
    assert _entry(box, "Outcome") == "Refused (REFUSED)"
    reasons = _entry(box, "Reasons")
    assert "Not a national (NOT_NATIONAL)" in reasons
    assert reasons.endswith("(OTHER): Not in the register.")


def test_a_refused_transit_shows_its_ground_and_no_place() -> None:
    payload = registry.example("transit.decision") | {"outcome": "REFUSE", "refuse": {"ground": "SECURITY"}}
    payload.pop("consent")
    box = _form(payload).boxes[1]
    assert _entry(box, "Ground of refusal") == "Security (SECURITY)"
    assert _entry(box, "Border crossing point") == ""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-01-14", "2026-01-14"),
        ("2026-01-14T05:06Z", "2026-01-14 05:06 (UTC)"),
        ("2026-01-14T05:06:07-03:30", "2026-01-14 05:06:07 (UTC-03:30)"),
    ],
)
def test_an_instant_keeps_its_offset(written: str, shown: str) -> None:
    assert "".join(run.text for run in words.instant(written)) == shown


@pytest.mark.parametrize("kind", sorted(set(registry.KINDS) - set(sheets.FORMS)))
def test_a_kind_without_a_treaty_form_is_refused(kind: str) -> None:
    with pytest.raises(Rejected) as refused:
        _form(registry.example(kind))
    assert refused.value.code == "KIND_UNKNOWN"


def test_no_repr_shows_what_is_on_a_form() -> None:
    form = _form(registry.example("readm.application"))
    for shown in (form, form.boxes[0], form.boxes[0].parts[1], Head("an authority")):
        assert "TESTOVYI" not in repr(shown)
        assert "an authority" not in repr(shown)
