"""Whatever the case holds and whatever the profile answers: findings, and never an error."""
# ruff: noqa: ARG002 - an answer that does not depend on the question

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import registry
from schemas.errors import CODES, Rejected
from schemas.parts.context import Earlier
from schemas.registry import CheckContext
from tests.schemas.kinds.profiles import StandIn, When

KINDS = sorted(kind for kind in registry.KINDS if kind.startswith(("readm.", "transfer.", "transit.")))
AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
CANARY = "ZZCANARY77"

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([CANARY, "9999-12-31", "0001-01-01", "p1", "REPLY"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Oracle(StandIn):
    """Answers what it was told to, whatever it is asked."""

    day: date | None = None

    def due(self, key: str, start: When, *, procedure: str = "normal", extension_days: int = 0) -> date | None:
        return self.day

    def extendable(self, key: str, start: When, days: int) -> bool | None:
        return None if self.day is None else days < 7

    def check_tacit_claim(
        self,
        received: When,
        *,
        claimant: str | None,
        claimed_at: datetime,
        procedure: str = "normal",
        extension_days: int = 0,
    ) -> None:
        if self.day is None or not self.certain:
            raise Rejected("TACIT_NOT_PROVIDED")


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """A golden example in which some members are anything."""
    payload = registry.example(draw(st.sampled_from(KINDS)))
    for name in draw(st.lists(st.sampled_from(sorted(payload)), max_size=3)):
        if name != "kind":
            payload[name] = draw(_JSON)
    return payload


@settings(max_examples=150, deadline=None)
@given(
    payload=payloads(),
    earlier=st.lists(payloads(), max_size=5),
    parent=st.none() | payloads(),
    day=st.none() | st.sampled_from([date.min, date(2026, 4, 1), date.max]),
    certain=st.booleans(),
    addressed=st.booleans(),
)
def test_findings_and_never_an_error(  # noqa: PLR0917 - drawn
    payload: dict[str, Any],
    earlier: list[dict[str, Any]],
    parent: dict[str, Any] | None,
    day: date | None,
    certain: bool,
    addressed: bool,
) -> None:
    context = CheckContext(
        at=AT,
        sender_state="NLD" if addressed else None,
        recipient_states=("KAZ",) if addressed else (),
        parent=parent,
        earlier=tuple(Earlier(payload=one) for one in earlier),
        profile=Oracle(certain=certain, day=day),
    )
    found = registry.check(payload, context)
    assert found == sorted(set(found))
    assert all(entry.code in CODES for entry in found)
    claimed = payload["kind"] == "readm.tacit.claim" and registry.valid(found)
    assert not claimed or (certain and day is not None)
    assert CANARY not in " ".join(entry.code for entry in found)
