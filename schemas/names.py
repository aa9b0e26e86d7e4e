"""What a name, or any text a person writes, may be made of (domain.md 6).

Names are kept as given: particles, order, accents, U+02BC and the typographic apostrophe. Refused is what cannot be
seen and therefore deceives: control and direction characters, private use, invisible separators. Two invisible joiners
are letters' business in some scripts (Persian, the Indic ones) and stay where they stand between two such letters.

The script of a letter is read from its Unicode name, which the standard never changes; no table of ours can age.
"""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_JOINERS: Final = "\u200c\u200d"

_JOINING: Final = (
    "ARABIC", "BENGALI", "DEVANAGARI", "GUJARATI", "GURMUKHI", "KANNADA", "MALAYALAM", "MONGOLIAN", "ORIYA", "SINHALA",
    "SYRIAC", "TAMIL", "TELUGU",
)  # fmt: skip
"""Beginnings of the Unicode names of letters that a joiner may stand between."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Categories: control, format (direction among them), private use, surrogate, line and paragraph separator."""

_OF_ALL: Final = ("MODIFIER LETTER ",)
"""Letters of no script of their own, U+02BC among them."""

SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Adlm": ("ADLAM",),
        "Arab": ("ARABIC",),
        "Aran": ("ARABIC",),
        "Armn": ("ARMENIAN",),
        "Beng": ("BENGALI",),
        "Bopo": ("BOPOMOFO",),
        "Cans": ("CANADIAN SYLLABICS",),
        "Cher": ("CHEROKEE",),
        "Copt": ("COPTIC",),
        "Cyrl": ("CYRILLIC",),
        "Cyrs": ("CYRILLIC",),
        "Deva": ("DEVANAGARI",),
        "Ethi": ("ETHIOPIC",),
        "Geok": ("GEORGIAN",),
        "Geor": ("GEORGIAN",),
        "Glag": ("GLAGOLITIC",),
        "Grek": ("GREEK",),
        "Gujr": ("GUJARATI",),
        "Guru": ("GURMUKHI",),
        "Hang": ("HANGUL",),
        "Hani": ("CJK", "IDEOGRAPHIC"),
        "Hans": ("CJK", "IDEOGRAPHIC"),
        "Hant": ("CJK", "IDEOGRAPHIC"),
        "Hebr": ("HEBREW",),
        "Hira": ("HIRAGANA", "KATAKANA-HIRAGANA"),
        "Jpan": ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA"),
        "Kana": ("KATAKANA",),
        "Khmr": ("KHMER",),
        "Knda": ("KANNADA",),
        "Kore": ("HANGUL", "CJK", "IDEOGRAPHIC"),
        "Laoo": ("LAO",),
        "Latn": ("LATIN", "FULLWIDTH LATIN", "FEMININE ORDINAL", "MASCULINE ORDINAL"),
        "Mlym": ("MALAYALAM",),
        "Mong": ("MONGOLIAN",),
        "Mymr": ("MYANMAR",),
        "Nkoo": ("NKO",),
        "Olck": ("OL CHIKI",),
        "Orya": ("ORIYA",),
        "Sinh": ("SINHALA",),
        "Syrc": ("SYRIAC",),
        "Taml": ("TAMIL",),
        "Telu": ("TELUGU",),
        "Tfng": ("TIFINAGH",),
        "Thaa": ("THAANA",),
        "Thai": ("THAI",),
        "Tibt": ("TIBETAN",),
        "Vaii": ("VAI",),
        "Yiii": ("YI",),
    }
)
"""ISO 15924 code -> beginnings of the Unicode names of its letters. A script that is not here cannot be checked."""


def normalise(name: str) -> str:
    """The name with composed letters (NFC); the form in which names are stored and compared."""
    return unicodedata.normalize("NFC", name)


def check_text(text: str) -> str | None:
    """NAME_CONTROL_CHAR when the text has a sign that cannot be seen; None when all is well."""
    for index, sign in enumerate(text):
        hidden = unicodedata.category(sign) in _UNSEEN or _is_noncharacter(sign)
        if hidden and not _joins(text, index):
            return "NAME_CONTROL_CHAR"
    return None


def check_script(name: str, script: str) -> bool:
    """Whether the name has letters, all of them of this script (ISO 15924). False for a script that is not known here.

    Marks, spaces, hyphens, apostrophes and digits belong to every script.
    """
    beginnings = SCRIPTS.get(script)
    if beginnings is None:
        return False
    letters = [sign for sign in name if unicodedata.category(sign).startswith("L")]
    own = [sign for sign in letters if unicodedata.name(sign, "").startswith(beginnings)]
    others = (sign for sign in letters if not unicodedata.name(sign, "").startswith(beginnings))
    return bool(own) and all(unicodedata.name(sign, "").startswith(_OF_ALL) for sign in others)


def _is_noncharacter(sign: str) -> bool:
    point = ord(sign)
    return 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE


def _joins(text: str, index: int) -> bool:
    """Whether a joiner stands here between two letters, or a mark and a letter, of a script that has joiners."""
    if text[index] not in _JOINERS or not 0 < index < len(text) - 1:
        return False
    return all(unicodedata.name(sign, "").startswith(_JOINING) for sign in (text[index - 1], text[index + 1]))
