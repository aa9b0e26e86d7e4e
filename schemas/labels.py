"""What a code is called, in the languages of those who read it; the code is always shown beside.

Labels are for people; messages hold codes (ADR 8). A label that a language lacks is given in English and says so, and
`report` counts it. Guarantees that the footnote a designation needs is part of whatever is shown of it.
"""

from dataclasses import dataclass
from typing import Final

from schemas.catalogue import TRANSLATED, lists, translations
from schemas.codes import states
from schemas.codes.tables import table

ENGLISH: Final = "en"

LANGUAGES: Final = (ENGLISH, *TRANSLATED)
"""BCP 47; Serbian is in Cyrillic letters, Romanian also serves the Republic of Moldova."""


@dataclass(frozen=True, slots=True)
class Label:
    """One code, named.

    Attributes:
        code: the code.
        text: what it is called; the code itself where not even English has a name.
        language: of `text`: the one asked for, or English.
        footnote: what has to be said wherever `text` is shown; None for nearly all.
    """

    code: str
    text: str
    language: str
    footnote: str | None = None

    def __str__(self) -> str:
        shown = self.code if self.text == self.code else f"{self.text} ({self.code})"
        return shown if self.footnote is None else f"{self.text}* ({self.code}); * {self.footnote}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a list a language can name.

    Attributes:
        language: BCP 47.
        list_name: the list.
        present: codes with a label of this language.
        missing: codes without, which are shown in English.
        verified: somebody who speaks the language has looked at them.
    """

    language: str
    list_name: str
    present: int
    missing: tuple[str, ...]
    verified: bool

    def as_json(self) -> dict[str, object]:
        """The object that `liaison schema labels --report` prints."""
        return {
            "language": self.language,
            "list": self.list_name,
            "present": self.present,
            "missing": len(self.missing),
            "missing_codes": list(self.missing),
            "verified": self.verified,
        }


def label(list_name: str, code: str, language: str) -> Label:
    """What a code is called.

    Args:
        list_name: name of the code list.
        code: one of its codes.
        language: BCP 47; a region is passed over, a language that is not among `LANGUAGES` gives English.

    Raises:
        FileNotFoundError: there is no such list.
        KeyError: the list has no such code.
    """
    primary = language.partition("-")[0].lower()
    name = f"{list_name}/{code}"
    english = table(list_name).rows[code].says.get("meaning")
    note = states.footnote(code) if list_name in states.TABLES else None
    if note is not None:
        note = _translated(f"{name}/note", note, primary) or note
    translated = _translated(name, english, primary) if english else ""
    if translated:
        return Label(code, translated, primary, note)
    return Label(code, english or code, ENGLISH, note)


def state(code: str, language: str) -> Label:
    """What a state, issuer or nationality is called. Raises KeyError for a code that is none."""
    for name in states.TABLES:
        if code in table(name).rows:
            return label(name, code, language)
    raise KeyError(code)


def labels(list_name: str, language: str) -> tuple[Label, ...]:
    """Every label of a list, in the list's order. Raises FileNotFoundError as `label` does."""
    return tuple(label(list_name, code, language) for code in table(list_name).rows)


def report() -> tuple[Coverage, ...]:
    """How much of each list each language can name."""
    return tuple(_coverage(language, name) for language in LANGUAGES for name in lists())


def _coverage(language: str, list_name: str) -> Coverage:
    found = labels(list_name, language)
    missing = tuple(entry.code for entry in found if entry.language != language or entry.text == entry.code)
    return Coverage(language, list_name, len(found) - len(missing), missing, _verified(language))


def _verified(language: str) -> bool:
    return translations(language).info().get("x-verified") == "true"


def _translated(name: str, english: str, language: str) -> str:
    return english if language == ENGLISH else translations(language).pgettext(name, english)
