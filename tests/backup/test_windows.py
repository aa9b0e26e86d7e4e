"""The proof of a restored log reads a window at a time: what lies in a later one, or across two, is seen as well."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.filling import fill
from bench.founding import found
from bench.site import Site
from hub.backup.proof import prove
from hub.backup.repeats import Repeats
from hub.store.engine import transaction
from hub.wiring import open_log
from keys.custody import read_keyring, read_passphrase
from keys.proofs.checkpoint import LogSigner
from liaison.demo.programs import Programs
from schemas.errors import Rejected
from tests.world import World

LEAVES = 5000
NOW = datetime(2026, 5, 1, tzinfo=UTC)
INSERT_REPEAT = "INSERT INTO idempotency (key, digest, idx, size, until) VALUES (?, ?, ?, ?, ?)"
FAR_APART = "(SELECT max(idx) FROM recipient WHERE idx < 4000 AND evidence_idx > 4200)"
"""A message whose hand-over stands in the window after its acceptance's."""
SPOILED = (
    ("leaf_partner", "DELETE FROM leaf_partner WHERE idx = 4500"),
    ("recipient", "UPDATE recipient SET state = 'consigned', evidence_idx = NULL WHERE idx = FAR_APART"),
    ("recipient", "UPDATE recipient SET evidence_idx = evidence_idx - 1 WHERE idx = FAR_APART"),
    ("idempotency", "UPDATE idempotency SET size = size + 1 WHERE idx = FAR_APART"),
    ("idempotency", "DELETE FROM idempotency WHERE idx = (SELECT max(idx) FROM idempotency)"),
    ("case_state", "DELETE FROM case_leaf WHERE case_row = FAR_APART AND idx > 4200"),
    ("case_state", "DELETE FROM case_agreement WHERE row_id = (SELECT max(row_id) FROM case_key)"),
    ("case_state", "UPDATE case_party SET due_at = 1 WHERE row_id = FAR_APART"),
    ("case_state", "INSERT INTO case_leaf (case_row, idx) VALUES (FAR_APART, 1)"),
)


def test_a_log_of_several_windows(tmp_path: Path) -> None:
    founded = found(tmp_path / "founded", 3)
    world = founded.copy(tmp_path / "world")
    with Programs(tmp_path / "logs") as programs:
        fill(Site(world, programs, ""), founded, LEAVES, "test-mda", hand_over=True)
    world.spoil("UPDATE message SET container = NULL")
    settings = world.settings()
    secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
    public = LogSigner(settings.origin, secrets["log.ed25519"], secrets["log.mldsa44"]).public
    with open_log(settings, clock=world.clock) as opened:
        connection = opened.connection
        told: list[int] = []
        with transaction(connection):
            size, _ = prove(connection, opened.at_rest, public, None, told.append, made_at=world.clock())
        assert size > LEAVES
        assert len(told) > size // 512
        for table, statement in SPOILED:
            connection.execute("BEGIN")
            assert connection.execute(statement.replace("FAR_APART", FAR_APART)).rowcount > 0
            with pytest.raises(Rejected) as caught:
                prove(connection, opened.at_rest, public, None, told.append, made_at=world.clock())
            connection.execute("ROLLBACK")
            assert caught.value.code == "BACKUP_INVALID"
            assert (caught.value.path or "").startswith(f"/tables/{table}/"), caught.value.path
            assert (caught.value.path or "") > f"/tables/{table}/3000"


@pytest.mark.parametrize(("kept_days", "differs"), [(-1, None), (2, 3)])
def test_an_id_that_was_spent_again(hub_world: World, kept_days: int, differs: int | None) -> None:
    """Once the first message's row has gone with its time; before, it is what is missing."""
    key, long = b"k" * 32, int((NOW + timedelta(days=30)).timestamp())
    hub = hub_world.open()
    hub.connection.execute(INSERT_REPEAT, (key, b"b" * 32, 7, 8, long))
    repeats = Repeats(hub.connection, NOW)
    repeats.expect(key, b"a" * 32, 3, int((NOW + timedelta(days=kept_days)).timestamp()))
    repeats.sealed(4)
    assert repeats.differing() == differs
    if differs is None:
        assert not repeats.whole
        repeats.expect(key, b"b" * 32, 7, long)
        repeats.sealed(8)
        assert repeats.differing() is None
        assert repeats.whole
    hub.close()
