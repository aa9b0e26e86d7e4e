"""A stored log verifies as it was signed; whatever is changed in it is named with its index."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import liaison.cli
from keys.proofs.checkpoint import LogSigner
from keys.proofs.leaf import Leaf, encode_leaf
from keys.proofs.merkle import leaf_hash
from liaison.audit.entry import Entry, prove_entry
from liaison.audit.sources import open_source, tile_path
from liaison.audit.trust import log_keys
from liaison.audit.verification import Report, verify_log
from schemas.errors import Rejected, Unavailable
from tests.audit.conftest import MESSAGES, ORIGIN, SIZE, START, StoredLog


def _verify(log: StoredLog, where: Path | None = None) -> Report:
    with closing(open_source(str(where or log.database))) as source:
        return verify_log(source, log.signer.public)


def _prove(where: Path | str, index: int, log: StoredLog) -> Entry:
    with closing(open_source(str(where))) as source:
        return prove_entry(source, index, log.signer.public)


def _found(report: Report) -> list[tuple[str, int]]:
    assert not report.verified
    return [(one.code, one.index) for one in report.discrepancies]


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_an_untouched_database_verifies(original: StoredLog) -> None:
    report = _verify(original)
    assert report.verified
    assert (report.size, report.leaves, report.tiles, report.containers) == (SIZE, SIZE, 2, len(MESSAGES))
    assert report.events == {"LogOpened": 1, "SubmissionAcceptance": 3, "ContentConsignment": SIZE - 4}


def test_an_untouched_tile_directory_verifies(original: StoredLog) -> None:
    report = _verify(original, original.tiles)
    assert report.verified
    assert (report.leaves, report.tiles) == (SIZE, 4)


def test_hash_tiles_without_entries_verify_and_say_so(stored: StoredLog) -> None:
    shutil.rmtree(stored.tiles / "tile" / "entries")
    report = _verify(stored, stored.tiles)
    assert report.verified
    assert (report.leaves, report.leaves_by_hash_only) == (0, SIZE)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, SIZE - 1])
def test_one_changed_byte_of_a_leaf_names_it(index: int, stored: StoredLog) -> None:
    data = stored.leaves[index]
    stored.change("UPDATE leaf SET bytes = ? WHERE idx = ?", _flip(data, len(data) // 2), index)
    assert ("LEAF_CHANGED", index) in _found(_verify(stored))


@pytest.mark.parametrize("index", [5, 300])
def test_a_leaf_changed_with_its_hash_is_still_found(index: int, stored: StoredLog) -> None:
    forged = encode_leaf(Leaf("ContentConsignment", START, to=("test-geo",)))
    stored.change("UPDATE leaf SET bytes = ?, hash = ? WHERE idx = ?", forged, leaf_hash(forged), index)
    found = _found(_verify(stored))
    assert ("TILE_CHANGED", index) in found
    assert any(code == "ROOT_MISMATCH" for code, _ in found)


def test_where_no_tile_helps_the_checkpoints_narrow_it_down(stored: StoredLog) -> None:
    forged = encode_leaf(Leaf("ContentConsignment", START, to=("test-geo",)))
    stored.change("UPDATE leaf SET bytes = ?, hash = ? WHERE idx = 590", forged, leaf_hash(forged))
    mismatch = [one for one in _verify(stored).discrepancies if one.code == "ROOT_MISMATCH"]
    assert [(one.index, one.until) for one in mismatch] == [(513, 599)]


def test_a_changed_stored_hash_is_named(stored: StoredLog) -> None:
    stored.change("UPDATE leaf SET hash = ? WHERE idx = 17", bytes(32))
    assert ("LEAF_CHANGED", 17) in _found(_verify(stored))


@pytest.mark.parametrize("index", [0, 42, SIZE - 1])
def test_a_missing_leaf_is_named(index: int, stored: StoredLog) -> None:
    stored.change("DELETE FROM leaf WHERE idx = ?", index)
    assert ("LEAF_MISSING", index) in _found(_verify(stored))


def test_a_leaf_nobody_signed_is_named(stored: StoredLog) -> None:
    leaf = encode_leaf(Leaf("ContentConsignment", START, to=("test-geo",)))
    stored.change("INSERT INTO leaf VALUES (?, ?, ?)", SIZE, leaf, leaf_hash(leaf))
    assert _found(_verify(stored)) == [("LEAF_UNSIGNED", SIZE)]


def test_a_changed_or_missing_tile_is_named(stored: StoredLog) -> None:
    tile = stored.read("SELECT bytes FROM tile WHERE idx = 1")
    stored.change("UPDATE tile SET bytes = ? WHERE idx = 1", _flip(tile, 32 * 7 + 3))
    stored.change("DELETE FROM tile WHERE idx = 0")
    assert set(_found(_verify(stored))) == {("TILE_CHANGED", 263), ("TILE_MISSING", 0)}


@pytest.mark.parametrize("size", [40, SIZE])
def test_a_changed_checkpoint_is_named(size: int, stored: StoredLog) -> None:
    text = stored.read("SELECT text FROM checkpoint WHERE size = ?", size)
    at = len(text) - 60
    changed = text[:at] + (b"A" if text[at : at + 1] != b"A" else b"B") + text[at + 1 :]
    stored.change("UPDATE checkpoint SET text = ? WHERE size = ?", changed, size)
    assert ("CHECKPOINT_INVALID", size - 1) in _found(_verify(stored))


def test_a_newest_checkpoint_that_cannot_be_read_leaves_the_rest_unsigned(stored: StoredLog) -> None:
    stored.change("UPDATE checkpoint SET text = 'nothing' WHERE size = ?", SIZE)
    found = _found(_verify(stored))
    assert ("CHECKPOINT_INVALID", 513) in found
    assert ("LEAF_UNSIGNED", SIZE - 1) in found


def test_a_log_signed_again_with_other_keys_does_not_verify(stored: StoredLog) -> None:
    other = LogSigner(ORIGIN, b"\3" * 32, b"\4" * 32)
    with closing(open_source(str(stored.database))) as source:
        report = verify_log(source, other.public)
    assert not report.verified
    assert {one.code for one in report.discrepancies} == {"CHECKPOINT_INVALID"}


@pytest.mark.parametrize("index", MESSAGES)
@pytest.mark.parametrize("place", ["manifest", "signature", "body", "cut"])
def test_a_container_changed_anywhere_names_its_entry(place: str, index: int, stored: StoredLog) -> None:
    raw = stored.read("SELECT container FROM message WHERE idx = ?", index)
    manifest_end = 8 + int.from_bytes(raw[4:8], "big")
    changed = {
        "manifest": _flip(raw, 8 + 60),
        "signature": _flip(raw, manifest_end + 20),
        "body": _flip(raw, len(raw) - 9),
        "cut": raw[:-1],
    }[place]
    stored.change("UPDATE message SET container = ? WHERE idx = ?", changed, index)
    assert _found(_verify(stored)) == [("CONTAINER_CHANGED", index)]


def test_containers_exchanged_or_made_up_are_named(stored: StoredLog) -> None:
    first, second = (stored.read("SELECT container FROM message WHERE idx = ?", index) for index in MESSAGES[:2])
    stored.change("UPDATE message SET container = ? WHERE idx = ?", second, MESSAGES[0])
    stored.change("INSERT INTO message VALUES (77, ?, 'test-aut', ?, 0)", bytes(32), first)
    assert _found(_verify(stored)) == [("CONTAINER_CHANGED", MESSAGES[0]), ("CONTAINER_UNKNOWN", 77)]


def test_a_purged_container_is_no_discrepancy(stored: StoredLog) -> None:
    stored.change("UPDATE message SET container = NULL WHERE idx = ?", MESSAGES[1])
    assert _verify(stored).verified


def test_time_that_falls_and_a_reference_ahead_are_named_even_under_good_hashes(tmp_path: Path) -> None:
    signer = LogSigner(ORIGIN, b"\5" * 32, b"\6" * 32)
    leaves = [
        encode_leaf(Leaf("LogOpened", START)),
        encode_leaf(Leaf("ContentConsignment", START.replace(year=2025), to=("test-mda",), prev=0)),
        encode_leaf(Leaf("ContentConsignment", START, to=("test-mda",), prev=2)),
        b'{"v":1,"event":"Unheard"}',
    ]
    root = _root(leaves)
    bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    for name, data in (
        ("checkpoint", signer.sign(4, root, START)),
        (tile_path("entries", 0, 4), bundle),
        (tile_path("0", 0, 4), b"".join(map(leaf_hash, leaves))),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    report = verify_log(open_source(str(tmp_path)), signer.public)
    assert _found(report) == [("TIME_FELL", 1), ("REFERENCE_INVALID", 2), ("LEAF_MALFORMED", 3)]


def _root(leaves: list[bytes]) -> bytes:
    from keys.proofs.merkle import CompactRange  # noqa: PLC0415 - one use

    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    return tree.root()


def test_entries_cut_off_are_missing(stored: StoredLog) -> None:
    path = stored.tiles / tile_path("entries", 2, SIZE - 512)
    path.write_bytes(path.read_bytes()[:-1])
    assert ("LEAF_MISSING", SIZE - 1) in _found(_verify(stored, stored.tiles))


@pytest.mark.parametrize("size", [5000, 10**17])
def test_a_size_made_up_does_not_keep_the_auditor_busy(size: int, stored: StoredLog) -> None:
    other = LogSigner(ORIGIN, b"\7" * 32, b"\1" * 32)
    checkpoint = other.sign(size, bytes(32), START)
    (stored.tiles / "checkpoint").write_bytes(checkpoint)
    (stored.tiles / tile_path("0", 2, SIZE - 512)).rename(stored.tiles / tile_path("0", 2, 256))
    assert ("LEAF_MISSING", SIZE) in _found(_verify(stored, stored.tiles))
    leaf = stored.leaves[9]
    stored.change("INSERT INTO leaf VALUES (?, ?, ?)", size - 1, leaf, leaf_hash(leaf))
    stored.change("INSERT INTO checkpoint VALUES (?, ?)", size, checkpoint)
    assert ("CHECKPOINT_INVALID", size - 1) in _found(_verify(stored))


def test_a_very_wrong_log_is_reported_in_bounded_space(stored: StoredLog) -> None:
    with closing(sqlite3.connect(stored.database)) as connection, connection:
        connection.execute("UPDATE leaf SET hash = zeroblob(32)")
    report = _verify(stored)
    assert len(report.discrepancies) == 100
    assert report.left_out > 400


@pytest.fixture
def url(original: StoredLog) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(original.tiles)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_log_verifies_over_http(url: str, original: StoredLog) -> None:
    report = verify_log(open_source(url), original.signer.public)
    assert report.verified
    assert report.leaves == SIZE
    entry = _prove(url, 300, original)
    assert entry.leaf_bytes == original.leaves[300]


def test_a_hub_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        open_source("http://127.0.0.1:1/audit").head()


@pytest.mark.parametrize("index", [0, 3, 255, 256, 511, 512, SIZE - 1])
def test_an_entry_is_proved_from_tables_and_from_tiles(index: int, original: StoredLog) -> None:
    for where in (original.database, original.tiles):
        entry = _prove(where, index, original)
        assert entry.leaf_bytes == original.leaves[index]
        assert entry.checkpoint.size == SIZE


@pytest.mark.parametrize("index", [-1, SIZE, 10**9])
def test_an_entry_beyond_the_log_is_not_found(index: int, original: StoredLog) -> None:
    with pytest.raises(Rejected, match="NOT_FOUND"):
        _prove(original.tiles, index, original)


def test_a_changed_entry_has_no_proof(stored: StoredLog) -> None:
    stored.change("UPDATE leaf SET bytes = ? WHERE idx = 9", _flip(stored.leaves[9], 30))
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        _prove(stored.database, 9, stored)


@pytest.mark.parametrize(
    "text",
    ["", "not a key", "quorum 3\n", "witness w {0}\n{0}\n{1}", "{0}", "{0}\n{0}", "log {0}\nlog {1}\nquorum all"],
)
def test_keys_or_a_policy_we_cannot_judge_are_refused(text: str, stored: StoredLog) -> None:
    stored.keys.write_text(text.format(*stored.signer.public.vkeys))
    with pytest.raises(Rejected, match="KEY_UNKNOWN"):
        log_keys(stored.keys, str(stored.database))


def test_a_policy_without_quorum_names_the_keys(stored: StoredLog) -> None:
    stored.keys.write_text(
        "# ours\n\nlog {} https://hub.liaison.example\nlog {}\nquorum none\n".format(*stored.signer.public.vkeys)
    )
    assert log_keys(stored.keys, str(stored.database)).public == stored.signer.public


def test_the_command_ends_with_three_and_names_the_entry(stored: StoredLog, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "verify", str(stored.database), "--json"]
    assert liaison.cli.main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verified"]
    assert printed["keys"]["beside_source"]
    stored.change("UPDATE leaf SET bytes = ? WHERE idx = 123", _flip(stored.leaves[123], 20))
    assert liaison.cli.main([*words, "--log-key", str(stored.keys)]) == 3
    printed = json.loads(capsys.readouterr().out)
    assert not printed["verified"]
    assert not printed["keys"]["beside_source"]
    assert [one["index"] for one in printed["discrepancies"]] == [123]


def test_show_prints_a_proved_entry_and_refuses_a_changed_one(
    stored: StoredLog, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", "show", str(stored.database), "3", "--json"]
    assert liaison.cli.main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verified"]
    assert printed["leaf"]["event"] == "SubmissionAcceptance"
    stored.change("UPDATE leaf SET bytes = ? WHERE idx = 3", _flip(stored.leaves[3], 20))
    assert liaison.cli.main(words) == 3
    assert not json.loads(capsys.readouterr().out)["verified"]


@pytest.mark.parametrize(("source", "code"), [("absent.db", 4), ("not-a.db", 5), ("empty.db", 4), ("emptydir", 3)])
def test_what_is_no_log_is_said(source: str, code: int, stored: StoredLog, capsys: pytest.CaptureFixture[str]) -> None:
    place = stored.database.parent
    (place / "not-a.db").write_bytes(b"nothing like a database" * 100)
    (place / "empty.db").touch()
    (place / "emptydir").mkdir()
    words = ["audit", "verify", str(place / source), "--log-key", str(stored.keys), "--json"]
    assert liaison.cli.main(words) == code
    assert "code" in json.loads(capsys.readouterr().out)
