"""The lying hub, end to end: real edges notice each lie, say so to their operator, and lose nothing by it.

A real hub holds its real keys; what stands between it and an edge answers in its place what a hub, its operator, or
whoever holds its log key could answer. Nothing an edge runs is the test's.
"""

import base64
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keys.signing import CONTAINER_TYPE
from liaison.demo import inputs
from liaison.demo.commands import command
from service.multipart import Part, read_multipart, write_multipart
from tests.faults.between import Between, Exchange, watched
from tests.faults.check import check, leaves
from tests.faults.cluster import AUT, MDA, TODAY, Cluster, alert
from tests.faults.national import call
from tests.ports import free_ports

INBOX, MESSAGES, DIRECTORY = "/v1/inbox", "/v1/messages", "/tuf/"
CONTAINER = {"Content-Type": CONTAINER_TYPE}
FORGOTTEN = (
    "retention", "recipient", "lane", "push", "part_use", "case_leaf", "case_party", "case_state", "case_agreement",
    "case_view", "idempotency", "message", "case_key",
)  # fmt: skip
"""What the hub knows of messages beside its log; the log itself stays as it is."""
IMAGE = b"x" * 1000
SOON = {
    "LIAISON_EDGE_ALARM_LOOK_SECONDS": "0.2",
    "LIAISON_EDGE_CHECKPOINT_SECONDS": "0.3",
    "LIAISON_EDGE_DIRECTORY_REFRESH_SECONDS": "0.3",
}
"""An operator who looks more often."""


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[tuple[Cluster, Between]]:
    with watched(tmp_path / "world", test_aut=SOON, test_mda=SOON) as both:
        yield both


# -- what is delivered


def test_a_message_that_is_held_back_is_missed(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    send(found, 2)

    def without_the_first(parts: list[Part]) -> list[Part]:
        return [part for part in parts if part.content_id != first_of(found)]

    hub.lie = inbox(without_the_first)
    alarmed(found, MDA, "NOT_DELIVERED")
    found.until("the other", lambda: handed(found) or None)
    assert [one.message["payload"]["case_ref"] for one in found.calls.seen.got] == ["AT-RET-TEST-0001"]
    hub.lie = None


def test_another_order_is_noticed_and_each_is_handed_over_once(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    send(found, 2)
    hub.lie = inbox(lambda parts: [*parts[2:], *parts[:2]])
    alarmed(found, MDA, "REORDERED")
    handed_over_once(found, 2)


def test_what_was_delivered_before_is_not_handed_over_again(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    send(found, 2)
    kept: list[Part] = []

    def again(parts: list[Part]) -> list[Part]:
        kept.extend(parts)
        return kept[:200]

    hub.lie = inbox(again)
    alarmed(found, MDA, "REORDERED")
    handed_over_once(found, 2)
    found.stop(MDA)
    found.start(MDA)
    found.ready(MDA)
    handed_over_once(found, 2)


def test_a_message_accepted_a_second_time_is_noticed_by_both_sides(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    found.start("hub", AUT, MDA)
    question(found, 0)
    found.settle(1, 1)
    [posted] = [one.request for one in hub.exchanges("POST", MESSAGES) if one.asked["content-type"] == CONTAINER_TYPE]
    found.stop("hub")
    with closing(sqlite3.connect(found.world.hub / "hub.db", isolation_level=None)) as database:
        for table in FORGOTTEN:
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    found.start("hub")
    again = found.until("the hub", lambda: call("POST", found.url("hub") + MESSAGES, posted, CONTAINER))
    assert again[0] == 201  # it has forgotten, and signs that it accepted it, at another place of the log
    alarmed(found, AUT, "FOREIGN_LEAF")
    found.until("REPLAYED", lambda: "REPLAYED" in found.alarms(MDA) or None)
    assert handed(found) == 1
    assert set(found.calls.seen.given.values()) == {1}


def test_another_kind_in_the_container_is_refused_and_said(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    send(found, 1)
    hub.lie = inbox(lambda parts: [relabelled(part) if part.media_type == CONTAINER_TYPE else part for part in parts])
    alarmed(found, MDA, "DELIVERY_MISMATCH")
    assert found.calls.seen.got == []
    found.until("the failure", lambda: found.status(MDA)["failed"] == 1 or None)
    hub.lie = None
    found.start(AUT)
    found.until("the sender's word", lambda: failed(found) or None)


def test_another_kind_in_the_leaf_is_no_receipt(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    send(found, 1)
    hub.lie = inbox(lambda parts: [misquoted(part) if part.media_type != CONTAINER_TYPE else part for part in parts])
    alarmed(found, MDA, "RECEIPT_INVALID")
    assert found.calls.seen.got == []
    assert found.status(MDA)["received"] == 0
    hub.lie = None
    found.until("the true answer", lambda: handed(found) == 1 or None)


# -- the answer to a POST


def test_a_lost_answer_is_asked_for_again_and_is_the_same(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    lost: list[bytes] = []

    def cut(exchange: Exchange) -> Exchange | None:
        if (exchange.method, exchange.target) != ("POST", MESSAGES) or len(lost) == 3:
            return exchange
        lost.append(exchange.answer)
        return None

    hub.lie = cut
    found.start("hub", AUT, MDA)
    found.files.submit("question", (MDA,), inputs.ident_request(TODAY))
    found.settle(1, 1)
    assert check(found) == 1
    posted = [one for one in hub.exchanges("POST", MESSAGES) if one.asked["content-type"] == CONTAINER_TYPE]
    assert [one.status for one in posted][:2] == [201, 200]
    assert len({one.request for one in posted}) == len({one.answer for one in posted}) == 1


def test_a_receipt_of_another_message_is_no_receipt(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    send(found, 1)
    [receipt] = [one.answer for one in hub.exchanges("POST", MESSAGES) if one.status == 201]
    hub.lie = lambda one: one.saying(receipt, 201) if (one.method, one.target) == ("POST", MESSAGES) else one
    found.start(AUT)
    found.files.submit("another", (MDA,), inputs.ident_request(TODAY) | {"case_ref": "AT-RET-TEST-0099"})
    alarmed(found, AUT, "RECEIPT_INVALID")
    assert found.status(AUT)["accepted"] == 1
    hub.lie = None
    found.until("the true receipt", lambda: found.status(AUT)["accepted"] == 2 or None)


# -- the directory


def test_a_swapped_key_is_used_by_nobody(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    world = found.world
    theirs, ours = (next((world.hub / f"directory/targets/partners/{one}").iterdir()) for one in (MDA, AUT))
    target = f"/tuf/targets/partners/{MDA}/{theirs.name}"
    hub.lie = lambda one: one.saying(ours.read_bytes()) if one.target == target else one
    shutil.rmtree(world.edge(AUT) / "directory-cache")
    found.start("hub", AUT)
    found.files.submit("question", (MDA,), inputs.ident_request(TODAY))
    alarmed(found, AUT, "DIRECTORY_INVALID")
    assert hub.exchanges("POST", MESSAGES) == []
    assert found.status(AUT)["sent"] == 0
    assert not found.is_ready(AUT)
    hub.lie = None
    found.start(MDA)
    found.settle(1, 1)


@pytest.mark.parametrize("proof", ["none", "of another version"])
def test_a_directory_that_is_not_in_the_log_is_not_used(watch: tuple[Cluster, Between], proof: str) -> None:
    found, hub = watch
    world = found.world
    shown = world.folder / "shown"
    found.start("hub", AUT)
    found.ready("hub", AUT)
    shutil.copytree(world.hub / "directory", shown / "directory")  # with the timestamp that was renewed at the start
    before = found.until("a proof", lambda: call("GET", f"{world.url}/tuf/proofs/7"))
    assert before[0] == 200
    made = command(
        "agreement", "suspend", "TEST-AUT-MDA", "--admin", world.edge(AUT) / "administrators" / "keyring",
        "--directory", shown / "directory", "--online", world.hub / "keyring",
    )  # fmt: skip
    assert made["status"] == "suspended"

    def other(one: Exchange) -> Exchange:
        if one.target.startswith("/tuf/proofs/"):
            return one.saying(before[2]) if proof != "none" else one
        if one.target.startswith(DIRECTORY):
            path = shown / "directory" / one.target.removeprefix(DIRECTORY)
            return one.saying(path.read_bytes()) if path.exists() else one
        return one

    hub.lie = other
    alarmed(found, AUT, "DIRECTORY_UNLOGGED")
    found.start(MDA)
    found.files.submit("question", (MDA,), inputs.ident_request(TODAY))
    found.settle(1, 1)  # by the version that was proved, in which the agreement is in force


# -- the log


def test_a_log_forked_for_one_viewer_ends_all_trust(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    other = forked(found, hub)
    question(found, 1)
    found.until("the fork", lambda: "LOG_INCONSISTENT" in found.alarms(AUT) or None)
    untrusted(found, hub, other)


def test_a_log_rolled_back_for_one_viewer_ends_all_trust(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    other = forked(found, hub, alerts=0)
    found.until("the rollback", lambda: "LOG_INCONSISTENT" in found.alarms(AUT) or None)
    untrusted(found, hub, other)


def test_what_a_partner_saw_of_another_log_is_compared(watch: tuple[Cluster, Between]) -> None:
    found, hub = watch
    copy, port = found.world.folder / "hub-b", free_ports(1)[0]
    shutil.copytree(found.world.hub, copy)
    send(found, 2, one_by_one=True)  # the second says what its sender saw: the first in the log
    second = hub.exchanges("POST", MESSAGES)[-1].request
    found.stop("hub")
    found.start_hub("hub-b", copy, port)
    hub.port = port
    found.start(MDA)
    found.calls.submit("alert", (AUT,), alert("MD", IMAGE), IMAGE)
    found.until("the alert", lambda: found.status(MDA)["accepted"] == 1 or None)
    answer = call("POST", f"http://127.0.0.1:{port}{MESSAGES}", second, CONTAINER)
    assert answer is not None
    assert answer[0] == 201
    alarmed(found, MDA, "GOSSIP_INCONSISTENT")
    found.until("the message", lambda: handed(found) == 1 or None)  # a partner's word alone stops nothing


def forked(found: Cluster, hub: Between, alerts: int = 1) -> str:
    """Austria saw its message in the log, and is now shown another one that began alike, signed by the same key."""
    copy, port = found.world.folder / "hub-b", free_ports(1)[0]
    found.start("hub", AUT)
    found.ready("hub", AUT)
    found.stop(AUT, "hub")
    shutil.copytree(found.world.hub, copy)
    send(found, 1)
    found.stop("hub")
    found.start_hub("hub-b", copy, port)
    hub.port = port
    if alerts:
        found.start(MDA)
        for number in range(alerts):
            found.calls.submit(f"alert-{number}", (AUT,), alert("MD", IMAGE, number), IMAGE)
        found.until("the alerts", lambda: found.status(MDA)["accepted"] == alerts or None)
        found.stop(MDA)
    found.start(AUT)
    return "hub-b"


def untrusted(found: Cluster, hub: Between, other: str) -> None:
    """Nothing more is sent, the operator sees it, and a restart changes nothing."""
    for _ in range(2):
        assert found.status(AUT)["log_trusted"] is False
        answer = call("GET", f"{found.url(AUT)}/readyz")
        assert answer is not None
        assert (answer[0], json.loads(answer[2])["checks"]["log"]) == (503, "LOG_INCONSISTENT")
        found.stop(AUT)
        found.start(AUT)
        found.until("its address", lambda: call("GET", f"{found.url(AUT)}/livez"))
    posted = len(hub.exchanges("POST", MESSAGES))
    question(found, 77)
    found.until("the file", lambda: found.files.idle or None)
    assert found.status(AUT)["sent"] >= 2  # kept, and waiting for a decision
    assert len(hub.exchanges("POST", MESSAGES)) == posted
    found.stop(AUT, other)


# -- helpers


def send(found: Cluster, count: int, *, one_by_one: bool = False) -> None:
    """Austria sends so many questions; the hub has them, Moldova has not asked yet."""
    found.start("hub", AUT)
    for number in range(count):
        question(found, number)
        if one_by_one:
            found.until("a receipt", lambda at=number + 1: found.status(AUT)["accepted"] == at or None)  # type: ignore[misc]
    found.until("the receipts", lambda: found.status(AUT)["accepted"] == count or None)
    found.stop(AUT)


def question(found: Cluster, number: int) -> None:
    payload = inputs.ident_request(TODAY) | {"case_ref": f"AT-RET-TEST-{number:04d}"}
    found.files.submit(f"question-{number}", (MDA,), payload)


def alarmed(found: Cluster, partner: str, code: str) -> None:
    """The edge runs, and its operator is told."""
    if partner == MDA:
        found.start(MDA)
    found.until(code, lambda: code in found.alarms(partner) or None)


def first_of(found: Cluster) -> str:
    """The digest of the first message in the log."""
    database = found.world.hub / "hub.db"
    return next(leaf.digest or "" for _, leaf in leaves(database) if leaf.event == "SubmissionAcceptance")


def handed(found: Cluster) -> int:
    return len(found.calls.seen.got)


def handed_over_once(found: Cluster, count: int) -> None:
    found.until("the deliveries", lambda: (handed(found) >= count and found.calls.idle) or None)
    found.until("the evidence", lambda: found.status(MDA)["evidence"] == count or None)
    assert set(found.calls.seen.given.values()) == {1}
    assert handed(found) == count


def failed(found: Cluster) -> bool:
    """The sender knows that its message could not be handed over."""
    outbox = command("edge", "outbox", found.world.edge(AUT))
    return [row["recipients"][MDA] for row in outbox] not in (["pending"], ["consigned"])


def inbox(change: Callable[[list[Part]], list[Part]]) -> Callable[[Exchange], Exchange]:
    """A lie about what lies in the inbox."""

    def lie(one: Exchange) -> Exchange:
        if not one.target.startswith(INBOX) or one.status != 200:
            return one
        media_type, body = write_multipart(change(read_multipart(one.headers["content-type"], one.answer)))
        return one.saying(body, content_type=media_type)

    return lie


def relabelled(part: Part) -> Part:
    """The container says that it is of another kind, in a header as well formed as before (docs/container.md)."""
    raw = part.body
    manifest = int.from_bytes(raw[4:8])
    header = int.from_bytes(raw[8:12])
    said = raw[12 : 12 + header].replace(b"ident.request", b"ident.reply")
    inner = len(said).to_bytes(4) + said + raw[12 + header : 8 + manifest]
    return Part(part.media_type, part.content_id, raw[:4] + len(inner).to_bytes(4) + inner + raw[8 + manifest :])


def misquoted(part: Part) -> Part:
    """The receipt's leaf says another kind."""
    lines = part.body.split(b"\n")
    at = next(number for number, line in enumerate(lines) if line.startswith(b"extra "))
    leaf = base64.b64decode(lines[at].removeprefix(b"extra ")).replace(b"ident.request", b"ident.requesu")
    lines[at] = b"extra " + base64.b64encode(leaf)
    return Part(part.media_type, part.content_id, b"\n".join(lines))
