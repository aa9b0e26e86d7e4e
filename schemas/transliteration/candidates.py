"""How a name could be spelt in a zone: every candidate of every system that applies to its language and script.

A candidate is something to match with. The spelling on the document is the truth, is stored as it stands beside the
native name, and no candidate ever replaces it (domain.md 2.4). Guarantees at most `CANDIDATES_MAX` candidates, always
in the same order, made of A to Z and fillers alone; a name with a letter that no row reads, or a sign that no name may
have, has none, for a part of a spelling would be a guess. Where sources contradict each other, each reading gives a
candidate; within one candidate a letter is spelt one way throughout, as an issuer would.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from schemas.names import check_script, check_text
from schemas.transliteration.systems import Row, System, systems

FILLER: Final = "<"

SPELLINGS_MAX: Final = 32
"""Candidates of one system: five letters with two readings each."""

CANDIDATES_MAX: Final = 64
"""Candidates altogether: no language has more than two systems."""

_BREAK: Final = re.compile(r"[\s\-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}/,.]+")
_APOSTROPHES: Final = frozenset(
    "'`\N{ACUTE ACCENT}\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
    "\N{MODIFIER LETTER APOSTROPHE}\N{MODIFIER LETTER PRIME}\N{MODIFIER LETTER TURNED COMMA}"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One spelling a zone could have.

    Attributes:
        text: A to Z, words parted by one filler.
        system: id of the system it follows.
        verified: every row it rests on is verified.
    """

    text: str
    system: str
    verified: bool


def candidates(text: str, language: str) -> tuple[Candidate, ...]:
    """The spellings a name could have in a zone.

    Args:
        text: a name, or a part of one, in one script.
        language: of the name, BCP 47 or three letters; one without a system of its own is read by its script's.
    """
    if check_text(text) is not None:
        return ()
    primary = language.partition("-")[0].lower()
    known = [system for system in systems().values() if check_script(text, system.script)]
    own = [system for system in known if primary in system.languages]
    chosen = own or [system for system in known if "und" in system.languages]
    found: dict[tuple[str, str], Candidate] = {}
    for system in chosen:
        for candidate in islice(_spellings(text, system), SPELLINGS_MAX):
            found.setdefault((candidate.text, candidate.system), candidate)
    return tuple(islice(found.values(), CANDIDATES_MAX))


def _spellings(text: str, system: System) -> Iterator[Candidate]:
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).replace("ß", "ẞ").upper())
    written = "".join(sign for sign in composed if sign not in _APOSTROPHES)
    words = [_plain(word, system) for word in _BREAK.split(written) if word]
    units = [list(_units(word, system)) for word, _ in words]
    if not units or not all(options for word in units for options in word):
        return
    exact = all(unchanged for _, unchanged in words)
    keys = list(dict.fromkeys(options for word in units for options in word))
    for choice in product(*keys):
        chosen = dict(zip(keys, choice, strict=True))
        spelt = ("".join(chosen[options].spelling for options in word) for word in units)
        joined = FILLER.join(filter(None, spelt))
        if joined:
            yield Candidate(joined, system.name, exact and all(row.verified for row in choice))


def _plain(word: str, system: System) -> tuple[str, bool]:
    """The word with the system's letters, accents that it has no rows for left out; and whether nothing was."""
    kept = "".join(sign if sign in system.alphabet else _bare(sign) for sign in word)
    return kept, kept == word


def _bare(sign: str) -> str:
    parts = unicodedata.normalize("NFKD", sign)
    return "".join(part for part in parts if unicodedata.category(part) != "Mn").upper()


def _units(word: str, system: System) -> Iterator[tuple[Row, ...]]:
    """The readings of each letter, or letters read together; an empty tuple where no row reads one."""
    start = 0
    while start < len(word):
        options = _readings(word, start, system)
        yield options
        start += len(options[0].letters) if options else 1


def _readings(word: str, start: int, system: System) -> tuple[Row, ...]:
    for length in range(system.longest, 0, -1):
        rows = [row for row in system.rows.get(word[start : start + length], ()) if row.holds(word, start)]
        if rows:
            return tuple([row for row in rows if row.conditional] or rows)
    return ()
