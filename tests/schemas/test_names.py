"""Names: signs that cannot be seen, and the script a name is written in."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import names

ZWNJ, ZWJ = "\u200c", "\u200d"


@pytest.mark.parametrize(
    "sign",
    [
        "\0",
        "\t",
        "\n",
        "\r",
        "\x1b",
        "\x7f",
        "\x85",
        "\xad",
        "\u061c",
        "\u180e",
        "\u200b",
        "\u200e",
        "\u200f",
        "\u2028",
        "\u2029",
        "\u202a",
        "\u202b",
        "\u202c",
        "\u202d",
        "\u202e",
        "\u2060",
        "\u2066",
        "\u2067",
        "\u2068",
        "\u2069",
        "\ue000",
        "\uf8ff",
        "\ufeff",
        "\ufff9",
        "\uffff",
        "\ufdd0",
        "\U000e0041",
        "\U000f0000",
        "\U0010fffd",
        "\U0001fffe",
        "\ud800",
    ],
)
def test_signs_that_cannot_be_seen(sign: str) -> None:
    for text in (sign, f"AB{sign}CD", f"{sign}AB", f"AB{sign}", f"А{sign}Б"):
        assert names.check_text(text) == "NAME_CONTROL_CHAR"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "O'Brien",
        "O’Brien",
        "Marʼyana",
        "d'Angelo-Müller",
        "Nguyễn Thị",
        "ТЕСТОВИЙ",
        "Ġorġ",
        "علی\u200cرضا",
        "श्री",
        "क्\u200dष",
        "李",
        "🙂",
    ],
)
def test_texts_as_people_write_them(text: str) -> None:
    assert names.check_text(text) is None


@pytest.mark.parametrize("joiner", [ZWNJ, ZWJ])
@pytest.mark.parametrize("around", ["AB|CD", "АБ|ВГ", "|علی", "علی|", "علی |رضا", "A|ر", "ر|A", "ر||ر", "1|2", "|"])
def test_a_joiner_stands_between_letters_that_join(joiner: str, around: str) -> None:
    assert names.check_text(around.replace("|", joiner)) == "NAME_CONTROL_CHAR"


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_text_that_passes_has_nothing_hidden(text: str) -> None:
    if names.check_text(text) is None:
        hidden = {sign for sign in text if unicodedata.category(sign) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}}
        assert hidden <= {ZWNJ, ZWJ}


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("TESTOVYI", "Latn"),
        ("d’Angelo-Müller", "Latn"),
        ("Nguyễn", "Latn"),
        ("Marʼyana", "Latn"),
        ("Nguyê\u0303n", "Latn"),
        ("ﬁ", "Latn"),
        ("ТЕСТОВИЙ", "Cyrl"),
        ("Мар’яна", "Cyrl"),
        ("Марʼяна", "Cyrl"),
        ("ӘДІЛБЕКТЕСТ", "Cyrl"),
        ("ΔΟΚΙΜΗ", "Grek"),
        ("ՓՈՐՁ", "Armn"),
        ("ვერცხლი", "Geor"),
        ("ᲕᲔᲠᲪᲮᲚᲘ", "Geor"),
        ("علی\u200cرضا", "Arab"),
        ("نستعلیق", "Aran"),
        ("ניסוי", "Hebr"),
        ("परीक्षण", "Deva"),
        ("测试", "Hans"),
        ("佐々木", "Jpan"),
        ("テスト", "Kana"),
        ("시험", "Kore"),
        ("ሙከራ", "Ethi"),
    ],
)
def test_a_name_in_its_script(name: str, script: str) -> None:
    assert names.check_script(name, script)


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("ТЕСТОВИЙ", "Latn"),
        ("TESTOVYI", "Cyrl"),
        ("ТЕСТOВИЙ", "Cyrl"),
        ("РAVEL", "Latn"),
        ("ΑNNA", "Latn"),
        ("ვერცხლი", "Armn"),
        ("测试", "Kana"),
        ("", "Latn"),
        ("-", "Latn"),
        ("123", "Latn"),
        ("'", "Cyrl"),
        ("ʼ", "Latn"),
        ("TEST", "Xxxx"),
        ("TEST", "latn"),
        ("TEST", "Zyyy"),
        ("TEST", ""),
        ("علی A", "Arab"),
    ],
)
def test_a_name_in_another_script(name: str, script: str) -> None:
    assert not names.check_script(name, script)


def test_scripts_are_codes_of_iso_15924_and_exist_in_unicode() -> None:
    known = [unicodedata.name(chr(point), "") for point in range(sys.maxunicode + 1)]
    for script, beginnings in names.SCRIPTS.items():
        assert len(script) == 4
        assert script == script.title()
        for beginning in beginnings:
            assert any(name.startswith(beginning) for name in known), (script, beginning)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_composition_is_done_once(name: str) -> None:
    once = names.normalise(name)
    assert names.normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
