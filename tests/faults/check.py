"""What must hold in the end, judged from outside: by the auditor's command, the log's bytes and the national systems.

Takes nothing from the programs that were killed but what they show to anybody: receipts, counts, alarms. Every
acknowledged submission stands in the log once, was handed over once, as it was sent, and is evidenced once; every
receipt holds offline; nothing else is in the log, and no edge has an alarm.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from keys.proofs.leaf import Leaf, parse_leaf
from liaison.audit.sources import open_source
from liaison.demo.commands import command
from tests.faults.cluster import AUT, MDA, Cluster
from tests.faults.national import Got, Sent

FOUNDED = frozenset({"LogOpened", "DirectoryPublished", "AgreementPublished"})
LADDER = ("SubmissionAcceptance", "ContentConsignment", "ContentHandover")


def leaves(source: Path | str) -> Iterator[tuple[int, Leaf]]:
    """Every leaf of a log, parsed."""
    with closing(open_source(str(source))) as opened:
        for stored in opened.leaves():
            assert stored.data is not None
            yield stored.index, parse_leaf(stored.data)


def check(
    cluster: Cluster, refused: Sequence[str] = (), *, source: str | None = None, founded: frozenset[str] = FOUNDED
) -> int:
    """All of the above; returns how many messages were accepted.

    Args:
        cluster: whose programs may run or not.
        refused: codes of refusals the log is expected to hold.
        source: of the log, for the auditor; default the hub's database file.
        founded: events of the log that no message of the test made.
    """
    world = cluster.world
    source = source or str(world.hub / "hub.db")
    audit = command("audit", "verify", source, "--log-key", world.log_keys)
    assert audit["verified"], audit
    systems = (cluster.files, cluster.calls)
    sent = [one for system in systems for one in system.seen.sent]
    got = [one for system in systems for one in system.seen.got]
    log = list(leaves(source))
    assert len(log) == audit["size"]
    receipts = {
        partner: command("edge", "receipt", world.edge(partner), "--all", "--log-key", world.log_keys)
        for partner in (AUT, MDA)
    }
    for system in systems:
        assert set(system.seen.given.values()) <= {1}, "handed over twice"
    assert len({one.id for one in sent}) == len(sent)
    expected = 0
    for one in sent:
        expected += len(one.to)
        _check_sent(one, [came for came in got if came.message["id"] == one.id], log, receipts)
    assert len(got) == expected, "something came that nobody sent"
    events = Counter(leaf.event for _, leaf in log)
    assert events["SubmissionAcceptance"] == len(sent)
    assert events["ContentConsignment"] == events["ContentHandover"] == expected
    assert [leaf.code for _, leaf in log if leaf.event == "SubmissionRejection"] == list(refused)
    assert set(events) <= founded | {"SubmissionRejection", *LADDER}, events
    for partner in (AUT, MDA):
        _check_status(cluster, partner)
    assert command("hub", "rebuild", world.hub, "--check")
    return len(sent)


def _check_sent(one: Sent, came: list[Got], log: list[tuple[int, Leaf]], receipts: dict[str, Any]) -> None:
    assert sorted(got.system for got in came) == sorted(one.to), (one.name, one.id, [got.system for got in came])
    [digest] = {got.digest for got in came}
    [index] = {got.message["index"] for got in came}
    [acceptance] = [(at, leaf) for at, leaf in log if leaf.event == "SubmissionAcceptance" and leaf.digest == digest]
    assert (acceptance[0], acceptance[1].source, acceptance[1].to) == (index, one.system, one.to)
    for event in ("ContentConsignment", "ContentHandover"):
        named = [leaf for _, leaf in log if leaf.event == event and leaf.prev == index]
        assert len(named) == len(one.to), (event, one.name)
    for system, direction in ((one.system, "sent"), *((to, "received") for to in one.to)):
        [receipt] = [row for row in receipts[system] if row["id"] == one.id and row["direction"] == direction]
        assert (receipt["verified"], receipt["event"]) == (True, "SubmissionAcceptance")
        assert (receipt["digest"], receipt["index"]) == (digest, index)
    for got in came:
        assert {**got.message["payload"]} == {**one.payload}
        assert got.message["out_of_order"] is False
        parent = got.message["in_reply_to"]
        if parent is not None:
            assert _index_of(receipts, parent) < index, "order of a case"


def _index_of(receipts: dict[str, Any], message: str) -> int:
    return int(next(row["index"] for rows in receipts.values() for row in rows if row["id"] == message))


def _check_status(cluster: Cluster, partner: str) -> None:
    status = cluster.status(partner)
    assert status["alarm_list"] == []
    assert status["log_trusted"] is True
    assert status["under_way"] == status["failed"] == 0
    assert status["received"] == status["opened"] == status["handed_over"] == status["evidence"]
    assert not list(cluster.world.national(partner).rglob("*.part"))
