"""What must not be sent, what the hub refuses and time or a newer key cures, and what never is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import Refused, Submission, Taken
from adapters.edge import intake, poster, sealer
from keys.proofs.receipt import verify_receipt
from tests.edge.conftest import Rig, codes, follow, offer, rows, send, submission, taken
from tests.world import BASIS


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"to": ()}, "FIELD_MISSING", "/to"),
        ({"to": ("test-xyz",)}, "RECIPIENT_UNKNOWN", "/to/0"),
        ({"to": ("test-aut",)}, "RECIPIENT_UNKNOWN", "/to/0"),
        ({"to": ("test-mda", "test-mda")}, "RECIPIENTS_MISMATCH", "/to"),
        ({"to": ("test-mda", "test-geo")}, "KIND_NOT_ALLOWED", "/to"),
        ({"to": ("test-geo",)}, None, None),
        ({"role": None}, "FIELD_MISSING", "/role"),
        ({"agreement": "TEST-AUT-GEO"}, "NO_AGREEMENT", "/agreement"),
        ({"basis": "Art. 99"}, "NO_AGREEMENT", "/agreement"),
        ({"role": "CIV"}, "NO_AGREEMENT", "/agreement"),
        ({"attachments": {}}, "ATTACH_HASH", None),
        ({"attachments": {"0" * 64: Path("nowhere")}}, "ATTACH_HASH", None),
        ({"external_id": ""}, "FIELD_LENGTH", "/external_id"),
        ({"external_id": "x" * 201}, "FIELD_LENGTH", "/external_id"),
        ({"payload": {"kind": "no.such.kind"}}, "KIND_UNKNOWN", "/kind"),
        ({"payload": {}}, "KIND_UNKNOWN", "/kind"),
        ({"payload": {"kind": "ident.request"}}, "FIELD_MISSING", None),
        ({"payload": {"kind": "ident.request", "x": float("nan")}}, "JSON_INVALID", ""),
        ({"payload": {"kind": "ident.request", "x": {1, 2}}}, "JSON_INVALID", ""),
    ],
)
async def test_refused_here_and_told_to_nobody(
    rig: Rig, changes: dict[str, Any], code: str | None, path: str | None
) -> None:
    austria = await rig.edge("test-aut")
    settlement = await intake.submit(
        austria, "memory", replace(submission(austria, "ident.request", "test-mda"), **changes)
    )
    assert isinstance(settlement, Refused)
    assert code is None or settlement.code == code
    assert path is None or settlement.findings[0].path == path
    assert rows(austria, "SELECT count(*) FROM outbox") == [(0,)]


async def test_a_reply_to_nothing_is_refused(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    unknown = await offer(moldova, "ident.reply", in_reply_to="0192f0a0-0000-7000-8000-000000000001")
    assert isinstance(unknown, Refused)
    assert unknown.code == "UNKNOWN_PARENT"


async def test_a_safeguard_refuses_at_home(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    refused = await offer(austria, "visa.overstay.notice", "test-geo")
    assert isinstance(refused, Refused)
    assert refused.code.startswith("SG")


async def test_without_a_directory_nothing_is_judged(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    offered = submission(austria, "ident.request", "test-mda")
    rig.world.clock.advance(days=400)
    with pytest.raises(Exception, match="DIRECTORY_INVALID"):
        await intake.submit(austria, "memory", offered)
    assert rows(austria, "SELECT count(*) FROM outbox") == [(0,)]


async def test_parts_the_hub_says_it_has_not_are_sent_again(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    await sealer.seal_some(austria)
    austria.connection.execute("UPDATE sent_part SET there = 1")  # as if they had been uploaded, and purged since
    await poster.post_some(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("sealed",)]
    rig.world.clock.advance(minutes=5)
    await poster.post_some(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("accepted",)]
    assert codes(austria) == []


async def test_a_spool_that_was_lost_is_sealed_again(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    asked = await taken(austria, "ident.request", "test-mda")
    await sealer.seal_some(austria)
    for path in austria.settings.spool.iterdir():
        path.unlink()
    await poster.post_some(austria)
    rig.world.clock.advance(minutes=5)
    await send(austria)
    assert rows(austria, "SELECT id, state FROM outbox") == [(asked.id, "accepted")]


async def test_expired_at_the_hub_is_final_and_proved(rig: Rig) -> None:
    austria = await rig.edge("test-aut", lifetime_days=1)
    await taken(austria, "ident.request", "test-mda")
    await sealer.seal_some(austria)
    rig.world.clock.advance(days=2)
    await rig.world.travel()
    await austria.directories.refresh()
    await poster.post_some(austria)
    [(state, code, proof)] = rows(austria, "SELECT state, code, receipt FROM outbox")
    assert (state, code) == ("refused", "EXPIRED")
    assert verify_receipt(proof, austria.directories.current.hub.log).leaf.code == "EXPIRED"


async def test_a_clock_ahead_waits(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    rig.world.clock.advance(minutes=10)
    await sealer.seal_some(austria)
    rig.world.clock.advance(minutes=-10)
    await poster.post_some(austria)
    assert rows(austria, "SELECT state, code FROM outbox") == [("sealed", None)]
    rig.world.clock.advance(minutes=10)
    await poster.post_some(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("accepted",)]


async def test_sealed_anew_under_the_same_id_when_the_key_was_refused(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    asked = await taken(austria, "ident.request", "test-mda")
    await sealer.seal_some(austria)
    [(first,)] = rows(austria, "SELECT digest FROM outbox")
    rig.lies["/v1/messages"] = lambda _status, _body: (401, b'{"code":"KEY_INACTIVE"}')
    await poster.post_some(austria)
    assert rows(austria, "SELECT id, state FROM outbox") == [(asked.id, "waiting")]
    rig.lies.clear()
    rig.world.clock.advance(minutes=5)
    await send(austria)
    [(found, state, second)] = rows(austria, "SELECT id, state, digest FROM outbox")
    # The hub had accepted the first bytes and said it had not: what it says now is refused, and both are kept.
    assert (found, state) == (asked.id, "refused")
    assert second != first
    assert rows(austria, "SELECT count(*) FROM sent") == [(2,)]
    await follow(austria)
    assert codes(austria) == ["FOREIGN_LEAF"]


async def test_busy_means_later(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    rig.lies["/v1/messages"] = lambda _status, _body: (503, b'{"code":"BUSY"}')
    await send(austria)
    assert rows(austria, "SELECT state, attempts FROM outbox") == [("sealed", 1)]
    assert codes(austria) == []


async def test_two_messages_of_one_case_stay_in_order(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda", name="one")
    await taken(austria, "ident.request", "test-mda", name="two")
    austria.connection.execute("UPDATE outbox SET case_handle = 'same'")
    austria.connection.execute("UPDATE outbox SET retry_at = ? WHERE external_id = 'one'", (austria.seconds() + 60,))
    assert austria.outbox.to_seal(austria.seconds(), 10) == []
    assert len(austria.outbox.to_seal(austria.seconds() + 61, 10)) == 2


async def test_named_in_full_the_hub_judges(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    offered: Submission = replace(
        submission(austria, "ident.request", "test-mda"), agreement="TEST-AUT-GEO", basis=BASIS
    )
    settlement = await intake.submit(austria, "memory", offered)
    assert isinstance(settlement, Taken)
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("refused",)]
    assert codes(austria) == []
