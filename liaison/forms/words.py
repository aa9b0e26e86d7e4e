"""Words for codes, always with the code beside: of the dated lists, of states, and of the short lists in the kinds.

A word helps a reader; the code is what was sent and signed. A code without a word is shown alone, never guessed at.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from liaison.forms.sheet import Line, Run
from schemas import labels
from schemas.codes import states
from schemas.codes.tables import table
from schemas.labels import Label

NOTE_SIGN: Final = "*"
"""Stands wherever a designation needs its footnote (`schemas.codes.states`)."""

SHORT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "sex": {"M": "male", "F": "female", "X": "unspecified", "U": "unknown"},
        "civil_status": {
            "single": "single",
            "married": "married",
            "partnership": "registered partnership",
            "divorced": "divorced",
            "widowed": "widowed",
            "unknown": "unknown",
        },
        "qualifier": {
            "exact": "exact",
            "approximate": "approximate",
            "estimated_by_authority": "estimated by an authority",
            "declared": "as declared",
        },
        "basis": {"documented": "documented", "declared": "declared", "presumed": "presumed"},
        "type": {
            "primary": "name in use",
            "alias": "alias",
            "earlier": "earlier name",
            "maiden": "maiden name",
            "artistic": "artistic name",
            "nickname": "nickname",
            "false_identity": "false identity",
        },
        "variant": {
            "own_national": "own national",
            "former_national": "former national",
            "tcn": "third-country national",
            "stateless": "stateless person",
            "family_member": "family member",
        },
        "procedure": {"normal": "normal", "accelerated": "accelerated", "airport": "at an airport"},
        "possession": {
            "held": "held by the requesting authority",
            "copy": "copy",
            "declared_lost": "declared lost",
            "declared_never": "declared never issued",
        },
        "outcome": {
            "ACCEPTED": "Approved",
            "ACCEPTED_CONDITIONS": "Approved with conditions",
            "REFUSED": "Refused",
            "CONSENT": "Consent given",
            "REFUSE": "Consent refused",
        },
        "mode": {"AIR": "by air", "LAND": "by land", "SEA": "by sea"},
        "handling": {
            "H0": "for the stated purpose only",
            "H1": "not in judicial proceedings without permission",
            "H2": "no onward dissemination without permission",
            "H3": "as said in words",
        },
        "as_on": {
            "viz": "as printed",
            "mrz": "machine-readable zone",
            "chip": "chip",
            "statement": "as stated",
            "registry": "register",
        },
    }
)
"""Member -> code -> words, for the lists that have no table of their own."""


def coded(word: str | None, code: str) -> Line:
    """`word (CODE)`; the code alone where it has no word."""
    return (Run(code, "code"),) if word is None else (Run(f"{word} "), Run(f"({code})", "code"))


def short(member: str, code: str) -> Line:
    """A code of a short list."""
    return coded(SHORT[member].get(code), code)


def note(member: str, code: str) -> Line:
    """A code of a short list that says how something is known, or where it was read."""
    word = SHORT[member].get(code)
    return (Run("  "), *((Run(f"{word} ", "note"), Run(f"({code})", "code")) if word else (Run(code, "code"),)))


def listed(name: str, code: str) -> Line:
    """A code of the dated list of this name; one that is newer than our list is shown alone."""
    try:
        return _named(labels.label(name, code, labels.ENGLISH))
    except KeyError:
        return coded(None, code)


def state(code: str) -> Line:
    """A state, issuer or nationality, with the sign of its footnote where it needs one."""
    try:
        return _named(labels.state(code, labels.ENGLISH))
    except KeyError:
        return coded(None, code)


def _named(found: Label) -> Line:
    """A label and its code; the footnote itself stands at the foot of the form (`sheets`)."""
    if found.text == found.code:
        return coded(None, found.code if found.footnote is None else found.code + NOTE_SIGN)
    return coded(found.text if found.footnote is None else found.text + NOTE_SIGN, found.code)


def border_point(code: str) -> Line:
    """A border crossing point; it begins with its state's two letters."""
    noted = any(states.alpha2(state) == code[:2] for state in noted_states())
    return (Run(code + NOTE_SIGN if noted else code, "code"),)


def noted_states() -> tuple[str, ...]:
    """The designations that nobody may show without their footnote."""
    return tuple(code for code in table("icao").rows if states.footnote(code) is not None)


def instant(text: str) -> Line:
    """A civil date as it is; an instant as `date time (offset)`."""
    day, at, rest = text.partition("T")
    if not at:
        return (Run(day),)
    clock, offset = (rest[:-1], "UTC") if rest.endswith("Z") else (rest[:-6], f"UTC{rest[-6:]}")
    return (Run(f"{day} {clock} "), Run(f"({offset})", "code"))


def yes_no(flag: bool | None) -> Line:  # noqa: FBT001 - a yes or no is what is shown
    """Yes or no; nothing where it was not said."""
    return () if flag is None else (Run("yes" if flag else "no"),)
