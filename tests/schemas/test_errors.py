"""The error tree: whose fault, which status, and nothing of what was refused."""

import pytest

from schemas.errors import CODES, Fault, LiaisonError, Rejected, Unavailable


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_refusal_has_its_codes_status_and_words(code: str) -> None:
    refusal = Rejected(code, "/persons/0")
    assert refusal.status == CODES[code].status
    assert refusal.words == CODES[code].words
    assert "/persons/0" in str(refusal)


@pytest.mark.parametrize(("code", "status"), [("BUSY", 503), ("RATE_LIMITED", 429)])
def test_what_may_be_sent_again_says_when(code: str, status: int) -> None:
    busy = Unavailable(code, 2.5)
    assert (busy.code, busy.status, busy.retry_after_seconds) == (code, status, 2.5)
    assert isinstance(busy, LiaisonError)
    assert not isinstance(busy, Rejected | Fault)


def test_busy_is_what_is_said_without_more() -> None:
    assert (Unavailable().code, Unavailable().retry_after_seconds) == ("BUSY", 1.0)
