"""The clock profile that an agreement names: one text, or a protocol laid over the text it implements.

The rule of the layers: a protocol's keys win over the agreement's (domain.md 11.5). A profile holds both, with their
versions and digests, so that a case can pin them; a protocol names the version of the agreement it was read with.
Guarantees that whether something is certain is asked of every text and not of the strongest alone.

Which day a step is due is `clocks`' matter, what day it is there `calendars`'.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType

from schemas import strict_json
from schemas.agreements.period import NO_EXTENSION, Extension, Period, parse_extension, parse_period
from schemas.agreements.text import TEST_PREFIX, Key, Status, Text, Value, parse_text
from schemas.codes import states
from schemas.errors import Rejected

FOLDER = Path(__file__).parent / "profiles"
TEST_FOLDER = Path(__file__).parent / "test_profiles"
"""Invented texts between test authorities (docs/adr/0089); never listed, and nobody else's cases pin them."""
UNION = "EU"

_FILE = re.compile(r"([A-Z0-9][A-Z0-9-]{1,62})\.v([1-9][0-9]{0,3})\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Profile:
    """One text, or a protocol over its agreement: what a case between these states counts by.

    Attributes:
        texts: the strongest first.
    """

    texts: tuple[Text, ...]

    @property
    def id(self) -> str:
        """The strongest text's id."""
        return self.texts[0].id

    @property
    def version(self) -> int:
        """The strongest text's version; the others' are pinned by it."""
        return self.texts[0].version

    @property
    def parties(self) -> tuple[str, ...]:
        """States, ISO alpha-3, and the Union as `EU`."""
        return self.texts[0].parties

    @property
    def status(self) -> Status:
        """The strongest text's; `certain` and `suspended` ask all of them."""
        return self.texts[0].status

    @property
    def suspended(self) -> bool:
        """Whether one of its texts is not applied."""
        return any(text.status == "suspended" for text in self.texts)

    @property
    def certain(self) -> bool:
        """Whether each of its texts is verified and in force since a known day: silence can count as consent."""
        return all(text.status == "verified" and text.first_day is not None for text in self.texts)

    def active_on(self, day: date) -> bool:
        """Whether nothing known says that it did not hold on that day."""
        return not self.suspended and all(text.first_day is None or text.first_day <= day for text in self.texts)

    def find(self, name: str) -> tuple[Key, Text] | None:
        """A key and the text it stands in, the strongest text's; None when no text has it."""
        return next(((text.keys[name], text) for text in self.texts if name in text.keys), None)

    def value(self, name: str) -> Value:
        """A key's value; None when no text has it, or nobody knows."""
        found = self.find(name)
        return None if found is None else found[0].value

    def verified(self, name: str) -> bool:
        """Whether the key was read in the legal text, and that text as a whole is verified."""
        found = self.find(name)
        return found is not None and found[0].verified and found[1].status == "verified"

    def period(self, name: str) -> Period | None:
        """A key's period; that of other states' nationals where the text tells them apart; None when there is none.

        Raises:
            Rejected: the key is no period.
        """
        value = self.value(name)
        if isinstance(value, Mapping):
            value = value["tcn"] if "tcn" in value else {part: value[part] for part in ("n", "basis")}
        return None if value is None else parse_period(value, f"/keys/{name}/value")

    def extension(self, name: str) -> Extension | None:
        """By how much a period can be made longer; None when nobody knows.

        A null that was read in a verified text says that there is none.

        Args:
            name: `reply_extension`, `transfer_extension`, or `submit_limit`, which says it in itself.
        """
        value = self.value(name)
        if isinstance(value, Mapping) and "extendable" in value:
            value = value["extendable"]
        if value is None:
            return NO_EXTENSION if self.verified(name) else None
        return parse_extension(value, f"/keys/{name}/value")

    def preferred(self, name: str) -> bool:
        """Whether a lead is preferred and not demanded."""
        value = self.value(name)
        return isinstance(value, Mapping) and value.get("preferred") is True

    def requested(self, day: date) -> str:
        """The state that is asked unless said: the party outside the Union.

        Raises:
            Rejected: NO_AGREEMENT when there is not exactly one.
        """
        outside = [one for one in self.parties if one != UNION and not states.bound_by("EU", one, day)]
        if len(outside) != 1:
            raise Rejected("NO_AGREEMENT", "/requested")
        return outside[0]

    def binds(self, state: str, day: date) -> bool:
        """Whether a state is a party, or a member of a party that is the Union; the Union itself is no state."""
        members = UNION in self.parties and states.bound_by("EU", state, day)
        return members or (state != UNION and state in self.parties)

    def tcn_in_force(self, day: date) -> bool:
        """Whether nationals of other states and the stateless are taken back on that day; unknown means no."""
        value = self.value("tcn_in_force")
        return value is True or (isinstance(value, str) and date.fromisoformat(value) <= day)

    def as_json(self) -> dict[str, object]:
        """The flat object of domain.md 11.5: the strongest value of each key."""
        top = self.texts[0]
        head: dict[str, object] = {
            "id": top.id,
            "kind": top.kind,
            "parties": list(top.parties),
            "status": top.status,
            "source": top.source,
        }
        names = dict.fromkeys(name for text in self.texts for name in text.keys)
        return head | {name: plain(self.value(name)) for name in names}


def ids() -> tuple[str, ...]:
    """Every profile there is, in order; those made for tests are none."""
    return tuple(sorted(found for found in _versions() if not for_tests(found)))


def for_tests(profile: str) -> bool:
    """Whether this is the id of an invented text, by which no state counts."""
    return profile.startswith(TEST_PREFIX)


def load(profile: str, version: int | None = None) -> Profile:
    """A profile, whole, with the text it is laid over in the version it names.

    Args:
        profile: its id.
        version: the version a case began with; the newest when None.

    Raises:
        Rejected: NO_AGREEMENT when there is no such profile or version.
    """
    known = _versions().get(profile)
    if known is None or (version is not None and version not in known):
        raise Rejected("NO_AGREEMENT", "/agreement")
    return _load(profile, max(known) if version is None else version)


def lay(texts: tuple[Text, ...]) -> Profile:
    """A profile of these texts, the strongest first.

    Raises:
        Rejected: NO_AGREEMENT when a text is not the one that the text above is laid over.
    """
    wanted = [text.base for text in texts]
    given = [(text.id, text.version) for text in texts[1:]]
    if wanted != [*given, None]:
        raise Rejected("NO_AGREEMENT", "/base")
    return Profile(texts)


def plain(value: Value) -> object:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


# -- files


@cache
def _versions() -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for path in (*FOLDER.iterdir(), *TEST_FOLDER.iterdir()):
        name = _FILE.fullmatch(path.name)
        if name is not None and for_tests(name[1]) == (path.parent == TEST_FOLDER):
            found.setdefault(name[1], set()).add(int(name[2]))
    return MappingProxyType({profile: frozenset(versions) for profile, versions in found.items()})


@cache
def _load(profile: str, version: int) -> Profile:
    texts = [_read(profile, version)]
    while (base := texts[-1].base) is not None:
        texts.append(_read(*base))
    return lay(tuple(texts))


def _read(profile: str, version: int) -> Text:
    folder = TEST_FOLDER if for_tests(profile) else FOLDER
    return parse_text(strict_json.loads((folder / f"{profile}.v{version}.json").read_bytes()))
