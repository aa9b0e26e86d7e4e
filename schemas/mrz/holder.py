"""Names in a zone: how the field is read, and whether it can be the name that is printed (domain.md 2.1, 2.4).

A zone knows 26 letters. Which of them stand for Ä or Ş is the issuer's choice, within bounds; therefore a printed name
is never turned into one spelling, it is asked whether the zone's is among those it could have. A name that fills the
field may have been cut, and then the zone's words are beginnings of the printed ones.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_FIELD = re.compile(r"[A-Z](?:<?[A-Z])*(?:<<[A-Z](?:<{0,2}[A-Z])*)?<*", re.ASCII)

_EXPANDED = {
    "Ä": "AE", "Ö": "OE", "Ü": "UE", "Å": "AA", "Ø": "OE", "Æ": "AE", "Œ": "OE", "Þ": "TH", "ẞ": "SS", "Ĳ": "IJ",
    "Ð": "D", "Đ": "D", "Ħ": "H", "Ł": "L", "Ŋ": "N", "Ŧ": "T", "Ə": "E", "ĸ": "K", "ı": "I",
}  # fmt: skip
"""Letters without a plain form, and those an issuer may write as two."""

_PLAIN = {**_EXPANDED, "Ä": "A", "Ö": "O", "Ü": "U", "Å": "A", "Ø": "O"}

_BREAK = re.compile(r"[\s\-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}/,.]+")
_UNWRITTEN = re.compile(r"[^A-Z ]")


@dataclass(frozen=True, slots=True)
class ZoneName:
    """The name as the zone has it, fillers read as spaces.

    Attributes:
        surname: the primary identifier.
        given: the secondary one; empty for a person with one name.
        maybe_truncated: the field is filled to its last position.
    """

    surname: str
    given: str
    maybe_truncated: bool


def read_name(field: str) -> ZoneName | None:
    """The name in a name field; None where a character stands that cannot stand there."""
    if _FIELD.fullmatch(field) is None:
        return None
    surname, _, given = field.rstrip("<").partition("<<")
    return ZoneName(surname.replace("<", " "), " ".join(filter(None, given.split("<"))), not field.endswith("<"))


def agrees(zone: ZoneName, surname: Sequence[str], given: Sequence[str]) -> bool:
    """Whether the zone's name can be the printed one.

    Args:
        zone: the zone's name.
        surname: printed surnames (or the single name) in order; empty when none is known.
        given: printed given names and patronymics in order. The zone may leave the last ones out: whether a patronymic
            is written into it differs between issuers.
    """
    if surname and not _same(zone.surname, surname, zone, complete=True):
        return False
    return not given or not zone.given or _same(zone.given, given, zone, complete=False)


def _same(written: str, printed: Sequence[str], zone: ZoneName, *, complete: bool) -> bool:
    found = written.split()
    for spelling in (_EXPANDED, _PLAIN):
        words = " ".join(_zone_letters(part, spelling) for part in printed).split()
        if found == words or (not complete and found == words[: len(found)]):
            return True
        if zone.maybe_truncated and len(found) <= len(words) and all(map(str.startswith, words, found)):
            return True
    return False


def _zone_letters(name: str, spelling: dict[str, str]) -> str:
    """A printed name in the zone's letters, by one of the two ways to write Ä, Ö, Ü, Å, Ø."""
    composed = unicodedata.normalize("NFC", name).replace("ß", "ẞ").upper()
    spelt = "".join(spelling.get(sign, sign) for sign in composed)
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", spelt) if unicodedata.category(sign) != "Mn")
    return _UNWRITTEN.sub("", _BREAK.sub(" ", bare))
