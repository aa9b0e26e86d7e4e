"""Catalogues of translations: one .po file a language in `catalogues/`, compiled by us when it is first read.

An entry is named by its list and code (`msgctxt`) and holds the English it translates (`msgid`). Guarantees that a
translation of an earlier wording is never shown: once the English changes, the entry is kept for the translator as an
obsolete one (`#~`) and a blank one takes its place. Run as a program it brings the files into step with the tables; a
test fails while they are not:

    python -m schemas.catalogue
"""

import gettext
import io
import re
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from schemas.codes import states, tables

FOLDER: Final = Path(__file__).parent / "catalogues"

TRANSLATED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fr": "French",
        "ru": "Russian",
        "uk": "Ukrainian",
        "ro": "Romanian",
        "sr": "Serbian, in Cyrillic letters",
        "tr": "Turkish",
        "sq": "Albanian",
    }
)
"""Language -> what it is called. English is what the tables say."""

_QUOTED = r'"((?:[^"\\\n]|\\["\\n])*)"'
_ENTRY = re.compile(rf"(?P<old>#~ |)msgctxt {_QUOTED}\n(?P=old)msgid {_QUOTED}\n(?P=old)msgstr {_QUOTED}")
_HEADER = re.compile(r'(?:#[^\n]*\n)*msgid ""\nmsgstr ""\n((?:"[^\n]*"\n?)+)')
_PLAIN = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One translation.

    Attributes:
        context: LIST/CODE, or LIST/CODE/note for a footnote.
        english: what is translated.
        translation: empty while there is none.
        obsolete: no table says this any more; kept in case one does again.
    """

    context: str
    english: str
    translation: str = ""
    obsolete: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a .po file holds: its header (a text of `Name: value` lines) and its entries."""

    header: str
    entries: tuple[Entry, ...]


class _Absent(gettext.NullTranslations):
    """Says that there is no translation; gettext's own way is to repeat the English."""

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002 - gettext's signature
        return ""


@cache
def lists() -> tuple[str, ...]:
    """The names of all code lists."""
    return tuple(sorted(path.stem for path in tables.FOLDER.glob("*.json") if "codes" in tables.read(path.stem)))


def english() -> dict[str, str]:
    """Everything that can be translated: context -> English."""
    found = {}
    for name in lists():
        for code, row in tables.table(name).rows.items():
            if "meaning" in row.says:
                found[f"{name}/{code}"] = row.says["meaning"]
            note = states.footnote(code) if name in states.TABLES else None
            if note is not None:
                found[f"{name}/{code}/note"] = note
    return found


@cache
def translations(language: str) -> gettext.NullTranslations:
    """What gettext has of translations into a language; `pgettext` gives an empty text where there is none."""
    if language not in TRANSLATED:
        return _Absent()
    found = gettext.GNUTranslations(io.BytesIO(compiled(read((FOLDER / f"{language}.po").read_text(encoding="utf-8")))))
    found.add_fallback(_Absent())
    return found


def read(text: str) -> Catalogue:
    """A .po file as `written` writes it.

    Raises:
        ValueError: the text is of another form, or has an entry twice.
    """
    header, *blocks = re.split(r"\n\n+", text.strip("\n"))
    head = _HEADER.fullmatch(f"{header}\n")
    if head is None:
        raise ValueError("the catalogue has no header")
    entries = tuple(map(_entry, blocks))
    if len({(entry.context, entry.english) for entry in entries}) != len(entries):
        raise ValueError("the catalogue has an entry twice")
    return Catalogue("".join(_unescaped(line[1:-1]) for line in head[1].splitlines()), entries)


def _entry(block: str) -> Entry:
    found = _ENTRY.fullmatch(block)
    if found is None:
        raise ValueError("the catalogue has an entry of another form")
    context, source, translation = (_unescaped(found[number]) for number in (2, 3, 4))
    return Entry(context, source, translation, obsolete=bool(found["old"]))


def written(language: str, catalogue: Catalogue) -> str:
    """The text of a .po file."""
    lines = "".join(f"{_escaped(line)}\n" for line in catalogue.header.splitlines(keepends=True))
    about = f"# {TRANSLATED[language]} labels of the code lists; see X-Origin for how far they can be trusted.\n"
    return f'{about}msgid ""\nmsgstr ""\n{lines}\n' + "\n".join(_written(entry) for entry in catalogue.entries)


def _written(entry: Entry) -> str:
    mark = "#~ " if entry.obsolete else ""
    parts = (("msgctxt", entry.context), ("msgid", entry.english), ("msgstr", entry.translation))
    return "".join(f"{mark}{name} {_escaped(value)}\n" for name, value in parts)


def in_step(entries: Iterable[Entry], source: Mapping[str, str]) -> Iterator[Entry]:
    """The entries for what is translated now, blank where new; then the obsolete ones that say something."""
    known = {(entry.context, entry.english): entry for entry in entries}
    for context, text in source.items():
        entry = known.pop((context, text), Entry(context, text))
        yield replace(entry, obsolete=False)
    for key in sorted(known):
        if known[key].translation:
            yield replace(known[key], obsolete=True)


def new_header(language: str) -> str:
    """The header of a catalogue that nobody has reviewed."""
    return (
        f"Project-Id-Version: liaison\nLanguage: {language}\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
        "X-Origin: machine-made, unverified\nX-Verified: false\n"
    )


def compiled(catalogue: Catalogue) -> bytes:
    """The same in gettext's binary form (.mo), without what is obsolete or blank."""
    texts = {"": catalogue.header}
    for entry in catalogue.entries:
        if entry.translation and not entry.obsolete:
            texts[f"{entry.context}\x04{entry.english}"] = entry.translation
    pairs = sorted((name.encode(), text.encode()) for name, text in texts.items())
    start = 28 + 16 * len(pairs)
    tables_, strings = b"", b""
    for column in (0, 1):
        for pair in pairs:
            tables_ += struct.pack("<II", len(pair[column]), start + len(strings))
            strings += pair[column] + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start) + tables_ + strings


def refreshed(language: str) -> str:
    """What the language's file should say, given what it says and what the tables say."""
    path = FOLDER / f"{language}.po"
    old = read(path.read_text(encoding="utf-8")) if path.exists() else Catalogue(new_header(language), ())
    return written(language, Catalogue(old.header, tuple(in_step(old.entries, english()))))


def _escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: _PLAIN[found[0]], text)


def run(arguments: list[str]) -> int:
    """Bring every file into step with the tables. Words that are not understood write nothing: 2."""
    if arguments:
        sys.stderr.write("usage: python -m schemas.catalogue\n")
        return 2
    for each in TRANSLATED:
        (FOLDER / f"{each}.po").write_text(refreshed(each), encoding="utf-8")
    sys.stdout.write(f"{len(TRANSLATED)} catalogues written\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
