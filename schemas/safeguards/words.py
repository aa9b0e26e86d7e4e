"""Word lists in many languages, and how a text is searched for them.

A list is a JSON file in `lists/`: language -> beginnings of words or phrases, written plainly. Before comparing, list
and text are brought to one form: compatibility forms resolved, case folded, accents and invisible signs dropped,
letters spaced out one by one drawn together. A match must begin where a word begins; what follows it does not matter,
so that one stem finds every ending. Inside a phrase `~` stands for any ending, and between its words a colon, a slash,
brackets or quotation marks may stand where the list has a space.

The guard is simple on purpose and errs towards holding. It does not understand; a text that says the thing without any
of the words passes, which is why texts are short and every list is data that can grow. How often it is right is
measured: docs/free-text-guard.md.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

_FOLDER = Path(__file__).parent / "lists"

_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][\s.\-_*·]{1,2}){3,}[^\W_](?![^\W_])")
_GAP = re.compile(r"[\s.\-_*·]+")
_ENDING = r"[^\W_]*"
_BETWEEN = r"""[ :/"'()«»„“”‘’]{1,4}"""


@dataclass(frozen=True, slots=True)
class WordList:
    """One list, ready to search with."""

    name: str
    pattern: re.Pattern[str]

    def found_in(self, text: str) -> bool:
        """Whether the text has one of the words."""
        return self.found_folded(fold(text))

    def found_folded(self, folded: str) -> bool:
        """Whether a text that `fold` has brought to its form has one of the words."""
        return self.pattern.search(folded) is not None


@cache
def words(name: str) -> WordList:
    """The list of this name. Raises FileNotFoundError for a name that has no file."""
    by_language = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))["words"]
    stems = {fold(stem) for stems in by_language.values() for stem in stems}
    return WordList(name, re.compile(rf"(?<![^\W_])(?:{'|'.join(_by_first_sign(stems))})"))


def _by_first_sign(stems: set[str]) -> Iterator[str]:
    """One alternative for each first sign: a word of the text is compared with the stems that begin as it does."""
    for sign, group in groupby(sorted(stems), key=itemgetter(0)):
        yield rf"{re.escape(sign)}(?:{'|'.join(map(_pattern, (stem[1:] for stem in group)))})"


def _pattern(stem: str) -> str:
    return re.escape(stem).replace(r"\~", _ENDING).replace(r"\ ", _BETWEEN)


def fold(text: str) -> str:
    """The one form in which texts and lists are compared."""
    if text.isascii() and text.isalnum():
        return text.lower()  # a code or a bare number, as most texts are: nothing to draw together
    if text.isascii():
        plain = text.lower()
    else:
        parts = unicodedata.normalize("NFKD", text.casefold())
        plain = "".join(sign for sign in parts if unicodedata.category(sign) not in {"Mn", "Cf", "Cc"})
        plain = plain.replace("ı", "i").replace("ł", "l").replace("đ", "d").replace("ø", "o")
    plain = _SPACED.sub(lambda found: _GAP.sub("", found.group()), plain)
    return _GAP.sub(" ", plain)
