"""The folder channel beyond the kit: names, tables, attachments, states, crashes, and whatever else may lie there."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.channels.disk import sync_each
from adapters.channels.folder import FolderChannel, open_channel
from adapters.contract import Accepted, Place, Progress, Refused, Rejection, RetryAfter, Submission, Taken
from adapters.kit import a_delivery
from adapters.kit.edge import Taking, delivered, hold, offered, take, taking
from adapters.kit.full_disk import full_disk
from schemas.errors import CODES, Finding, Rejected, Unavailable

ROOT = Path(__file__).parents[2]
CANARY = "Zyxomma-4711"
IMAGE = b"\xff\xd8an image"
SHA256 = hashlib.sha256(IMAGE).hexdigest()
MAPPING = """
kind = "visa.overstay.notice"
to_column = "recipient"
[columns.number]
at = "/document/number"
required = true
[columns.days]
at = "/computed/days"
type = "int"
"""
DROPPING = """
import hashlib, json, os, pathlib, sys
for number in range(600):
    name = hashlib.sha256(str(number).encode()).hexdigest()
    part = pathlib.Path(sys.argv[1], name + ".part")
    with part.open("w") as sink:
        json.dump({"kind": "doc.alert", "number": number}, sink)
        sink.flush()
        os.fsync(sink.fileno())
    part.rename(part.with_suffix(".json"))
"""
"""A national system that drops one submission after the other, each durable."""


def channel_at(base: Path, **options: object) -> FolderChannel:
    return open_channel(Place("files", base, {"poll_seconds": 0.005, **options}))


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[FolderChannel]:
    made = channel_at(tmp_path)
    await made.connect()
    yield made
    await made.close()


def drop(base: Path, name: str, data: bytes | str) -> Path:
    path = base / "out" / name
    path.with_name(f"{name}.part").write_bytes(data.encode() if isinstance(data, str) else data)
    path.with_name(f"{name}.part").rename(path)
    return path


def reason(base: Path, name: str) -> Any:
    found = json.loads((base / "out" / "refused" / f"{name}.reason.json").read_text())
    assert found.pop("file") == name
    return found.get("rows", [found])


async def until_gone(*paths: Path) -> None:
    while any(os.path.lexists(path) for path in paths):  # noqa: ASYNC110, ASYNC240 - no bell rings for a file
        await asyncio.sleep(0.002)


async def exchange(channel: FolderChannel, *paths: Path, refuse: str | None = None) -> Taking:
    """What the edge got until none of `paths` lay there any more."""
    judge = take if refuse is None else lambda _: Refused(refuse, (Finding("/x", refuse),))
    async with taking(channel, judge) as taken, asyncio.timeout(20):
        await until_gone(*paths)
    return taken


def doc(**members: object) -> str:
    return json.dumps({"kind": "doc.alert", **members})


# -- JSON


async def test_a_name_gives_the_recipients(channel: FolderChannel, tmp_path: Path) -> None:
    taken = await exchange(channel, drop(tmp_path, "0042@test-geo+test-mda.json", doc()))
    assert taken.submissions[0].to == ("test-geo", "test-mda")
    assert (tmp_path / "out" / "done" / "0042@test-geo+test-mda.json").exists()


async def test_the_ids_stand_beside_what_was_taken(channel: FolderChannel, tmp_path: Path) -> None:
    await exchange(channel, drop(tmp_path, "a.json", doc()))
    beside = json.loads((tmp_path / "out" / "done" / "a.json.taken.json").read_text())
    assert beside == {"file": "a.json", "id": "id-of-a.json", "case_handle": "0" * 32}


@pytest.mark.parametrize("name", ["x@.json", "x@Test.json", "x@a+a.json"])
async def test_recipients_that_are_none(channel: FolderChannel, tmp_path: Path, name: str) -> None:
    taken = await exchange(channel, drop(tmp_path, name, doc()))
    assert reason(tmp_path, name)[0]["code"] == "INPUT_NAME"
    assert not taken.submissions


@pytest.mark.parametrize(
    "name", ["\u202egpj.json", "a b.json", "-x.json", "a\nb.json", "x" * 121 + ".json", "a.json.reason.json", "é.csv"]
)
async def test_a_name_that_is_not_fit_is_not_repeated(channel: FolderChannel, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out" / name
    path.write_text(doc())
    taken = await exchange(channel, path)
    [aside] = [found for found in (tmp_path / "out" / "refused").iterdir() if not found.name.endswith(".reason.json")]
    assert aside.name == "name-" + hashlib.sha256(name.encode()).hexdigest()[:16]
    assert aside.read_text() == doc()
    assert reason(tmp_path, aside.name)[0]["code"] == "INPUT_NAME"
    assert taken.unreadable[0].external_id == aside.name


async def test_a_name_that_is_no_text(channel: FolderChannel, tmp_path: Path) -> None:
    path = tmp_path / "out" / os.fsdecode(b"\xff\xfe.json")
    path.write_text(doc())
    await exchange(channel, path)
    assert reason(tmp_path, "name-" + hashlib.sha256(b"\xff\xfe.json").hexdigest()[:16])[0]["code"] == "INPUT_NAME"


async def test_what_is_no_file_is_put_aside(channel: FolderChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "secret.json").write_text(doc(case_ref=CANARY))
    (out / "link.json").symlink_to(tmp_path / "secret.json")
    (out / "dangling.json").symlink_to(tmp_path / "nothing")
    (out / "folder").mkdir()
    (out / "folder.json").mkdir()
    os.mkfifo(out / "pipe.json")
    names = ("link.json", "dangling.json", "folder", "folder.json", "pipe.json")
    taken = await exchange(channel, *(out / name for name in names))
    assert not taken.submissions
    for name in names:
        assert reason(tmp_path, name)[0]["code"] == "FILE_UNUSABLE"
    assert (tmp_path / "secret.json").exists()
    assert (out / "refused" / "link.json").is_symlink()


async def test_what_asks_for_nothing_stays(channel: FolderChannel, tmp_path: Path) -> None:
    stays = [tmp_path / "out" / name for name in ("a.json.part", ".hidden.json", "image.jpg", "b.csv.part")]
    for path in stays:
        path.write_text(CANARY)
    await exchange(channel, drop(tmp_path, "z.json", doc()))
    assert all(path.read_text() == CANARY for path in stays)


async def test_the_oldest_comes_first_whatever_the_clock_says(channel: FolderChannel, tmp_path: Path) -> None:
    paths = [drop(tmp_path, name, doc()) for name in ("b.json", "a.json", "c.json")]
    for path, at in zip(paths, (0, 2_000_000_000, 4_000_000_000), strict=True):
        os.utime(path, (at, at))
    taken = await exchange(channel, *paths)
    assert [one.external_id for one in taken.submissions] == ["b.json", "a.json", "c.json"]


async def test_what_is_dropped_among_hundreds_of_files_keeps_its_order(channel: FolderChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in range(1500):  # attachments that nobody has named yet: the folder is listed in several portions
        (out / f"{number}-attachment-with-a-name-of-some-length.jpg").touch()
    writing = await asyncio.create_subprocess_exec(sys.executable, "-c", DROPPING, out)
    async with taking(channel, take) as taken, asyncio.timeout(60):
        assert await writing.wait() == 0
        await until_gone(*out.glob("*.json"))
    assert [one.payload["number"] for one in taken.submissions] == list(range(600))


async def test_another_file_under_the_same_name_is_another_submission(channel: FolderChannel, tmp_path: Path) -> None:
    path = drop(tmp_path, "a.json", doc(case_ref="first"))
    inbound = await offered(channel)
    drop(tmp_path, "a.json", doc(case_ref="second"))  # too early: the first was not settled
    await inbound.settle(take(inbound.submission))
    assert path.exists()
    taken = await exchange(channel, path, refuse="DUPLICATE_DIFFERS")
    assert [one.payload["case_ref"] for one in taken.submissions] == ["second"]
    assert reason(tmp_path, "a.json")[0]["code"] == "DUPLICATE_DIFFERS"


async def test_an_earlier_file_of_the_name_is_kept(channel: FolderChannel, tmp_path: Path) -> None:
    for content in (doc(n=1), doc(n=2)):
        await exchange(channel, drop(tmp_path, "a.json", content))
    done = tmp_path / "out" / "done"
    assert (done / "a.json").read_text() == doc(n=2)
    kept = [path for path in done.glob("a.json.*") if path.name != "a.json.taken.json"]
    assert [path.read_text() for path in kept] == [doc(n=1)]


# -- attachments


def with_image(**members: object) -> str:
    payload = {"kind": "doc.alert", "images": [{"sha256": SHA256}]}
    return json.dumps({"to": ["test-geo"], "payload": payload, **members})


@pytest.mark.parametrize(
    ("name", "listed"),
    [("photo.jpg", ["photo.jpg"]), (SHA256, None), (f"{SHA256}.jpg", None)],
)
async def test_an_attachment_by_name_or_by_digest(
    channel: FolderChannel, tmp_path: Path, name: str, listed: list[str] | None
) -> None:
    image = drop(tmp_path, name, IMAGE)
    path = drop(tmp_path, "a.json", with_image(**({"attachments": listed} if listed else {})))
    seen = {}

    def judge(submission: Submission) -> Taken:
        seen.update({sha256: file.read_bytes() for sha256, file in submission.attachments.items()})
        return Taken("id", "0" * 32)

    async with taking(channel, judge):
        await until_gone(path, image)
    assert seen == {SHA256: IMAGE}
    assert (tmp_path / "out" / "done" / name).read_bytes() == IMAGE


async def test_an_attachment_may_serve_two(channel: FolderChannel, tmp_path: Path) -> None:
    drop(tmp_path, "photo.jpg", IMAGE)
    for name in ("a.json", "b.json"):
        taken = await exchange(channel, drop(tmp_path, name, with_image(attachments=["photo.jpg"])))
        assert len(taken.submissions) == 1


@pytest.mark.parametrize(
    ("listed", "code", "path"),
    [
        (["gone.jpg"], "ATTACH_MISSING", "/attachments/0"),
        (["../secret.json"], "INPUT_NAME", "/attachments/0"),
        (["link.jpg"], "ATTACH_MISSING", "/attachments/0"),  # a link was put aside before
        (["other.jpg"], "ATTACH_MISSING", "/images/0/sha256"),
        (["photo.jpg", "other.jpg"], "ATTACH_HASH", "/attachments"),
        (["large.jpg"], "ATTACH_SIZE", ""),
        (None, "ATTACH_MISSING", "/images/0/sha256"),
    ],
)
async def test_attachments_that_do_not_fit(tmp_path: Path, listed: list[str] | None, code: str, path: str) -> None:
    channel = channel_at(tmp_path, attachment_bytes_max=100)
    await channel.connect()
    drop(tmp_path, "photo.jpg", IMAGE)
    drop(tmp_path, "other.jpg", b"other")
    drop(tmp_path, "large.jpg", b"x" * 101)
    (tmp_path / "out" / "link.jpg").symlink_to(tmp_path / "out" / "photo.jpg")
    members = {"attachments": listed} if listed else {}
    taken = await exchange(channel, drop(tmp_path, "a.json", with_image(**members)))
    assert not taken.submissions
    [refused] = reason(tmp_path, "a.json")
    assert (refused["code"], refused["findings"][0]["path"]) == (code, path)


async def test_a_file_under_anothers_digest(channel: FolderChannel, tmp_path: Path) -> None:
    drop(tmp_path, f"{SHA256}.jpg", b"other")
    await exchange(channel, drop(tmp_path, "a.json", with_image()))
    assert reason(tmp_path, "a.json")[0]["code"] == "ATTACH_HASH"


# -- tables


def table(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "mapping").mkdir(exist_ok=True)
    (tmp_path / "mapping" / "overstay.toml").write_text(MAPPING)
    return drop(tmp_path, "overstay-11.csv", "\n".join(("recipient;number;days", *lines)))


async def test_good_rows_go_on_and_bad_ones_are_named(channel: FolderChannel, tmp_path: Path) -> None:
    path = table(tmp_path, "test-geo;A1;3", f"test-geo;{CANARY};x", "Test;A3;", "test-geo;;4", "test-geo;A5;5")
    taken = await exchange(channel, path)
    assert [one.external_id for one in taken.submissions] == ["overstay-11.csv#2", "overstay-11.csv#6"]
    assert taken.submissions[0].payload == {
        "kind": "visa.overstay.notice",
        "document": {"number": "A1"},
        "computed": {"days": 3},
    }
    assert [one.external_id for one in taken.unreadable] == [f"overstay-11.csv#{row}" for row in (3, 4, 5)]
    rows = reason(tmp_path, "overstay-11.csv")
    assert [(row["row"], row["code"]) for row in rows] == [
        (3, "FIELD_TYPE"),
        (4, "FIELD_PATTERN"),
        (5, "FIELD_MISSING"),
    ]
    assert rows[0]["findings"][0]["column"] == "days"
    assert CANARY not in json.dumps(rows)
    beside = json.loads((tmp_path / "out" / "done" / "overstay-11.csv.taken.json").read_text())
    assert [row["row"] for row in beside["rows"]] == [2, 6]


async def test_what_the_edge_refuses_is_named_by_row_and_column(channel: FolderChannel, tmp_path: Path) -> None:
    path = table(tmp_path, "test-geo;A1;3")

    def judge(_: Submission) -> Refused:
        return Refused("FIELD_RANGE", (Finding("/computed/days", "FIELD_RANGE"),))

    async with taking(channel, judge):
        await until_gone(path)
    finding = {"path": "/computed/days", "code": "FIELD_RANGE", "severity": "error", "column": "days"}
    assert reason(tmp_path, path.name) == [{"row": 2, "code": "FIELD_RANGE", "findings": [finding]}]
    assert (tmp_path / "out" / "refused" / path.name).exists()


async def test_a_mended_table_sends_what_was_not_sent(channel: FolderChannel, tmp_path: Path) -> None:
    first = await exchange(channel, table(tmp_path, "test-geo;A1;3", "test-geo;A2;x"))
    second = await exchange(channel, table(tmp_path, "test-geo;A1;3", "test-geo;A2;4"))
    assert first.submissions[0] == second.submissions[0]  # the edge recognises it by name and content
    assert second.submissions[1].external_id == "overstay-11.csv#3"


async def test_rows_may_be_settled_in_any_order(channel: FolderChannel, tmp_path: Path) -> None:
    path = table(tmp_path, "test-geo;A1;1", "test-geo;A2;2")
    first, second = await offered(channel), await offered(channel)
    await second.settle(take(second.submission))
    assert path.exists()
    await first.settle(take(first.submission))
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("unknown.csv", "a\n1", "MAPPING_INVALID"),
        ("overstay-x.csv", "number\n1", "TABLE_COLUMNS"),
        ("overstay-x.csv", 'recipient;number\n"', "TABLE_MALFORMED"),
        ("overstay-x.csv", "recipient;number\n" + "t;1\n" * 4, "INPUT_LIMIT"),
        ("overstay-x.csv", "x" * 2000, "INPUT_LIMIT"),
    ],
)
async def test_a_table_that_cannot_be_read(tmp_path: Path, name: str, data: str, code: str) -> None:
    channel = channel_at(tmp_path, table_bytes_max=1000, table_rows_max=3)
    await channel.connect()
    table(tmp_path).unlink()
    taken = await exchange(channel, drop(tmp_path, name, data))
    assert not taken.submissions
    assert reason(tmp_path, name)[0]["code"] == code


async def test_a_mapping_counts_from_the_next_table_on(channel: FolderChannel, tmp_path: Path) -> None:
    await exchange(channel, table(tmp_path, "test-geo;A1;3"))
    (tmp_path / "mapping" / "overstay.toml").write_text("kind =")
    assert {check.state for check in await channel.probe()} == {"ok", "MAPPING_INVALID"}
    await exchange(channel, drop(tmp_path, "overstay-12.csv", "recipient;number\ntest-geo;A1"))
    assert reason(tmp_path, "overstay-12.csv")[0]["code"] == "MAPPING_INVALID"


# -- trouble


async def test_a_full_disk_holds_everything_up_and_loses_nothing(channel: FolderChannel, tmp_path: Path) -> None:
    path = drop(tmp_path, "a.json", doc())
    inbound = await offered(channel)
    with full_disk(), pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
        await inbound.settle(take(inbound.submission))
    assert path.exists()
    taken = await exchange(channel, path)  # settled meanwhile: nothing is offered again
    assert not taken.submissions
    assert (tmp_path / "out" / "done" / "a.json.taken.json").exists()


async def test_a_folder_that_is_gone_is_waited_for(channel: FolderChannel, tmp_path: Path) -> None:
    (tmp_path / "out").rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
        await channel.receive()
    (tmp_path / "away").rename(tmp_path / "out")
    assert (await exchange(channel, drop(tmp_path, "a.json", doc()))).submissions


async def test_two_channels_on_one_folder_would_send_twice(channel: FolderChannel, tmp_path: Path) -> None:
    other = channel_at(tmp_path)
    with pytest.raises(Unavailable, match="BUSY"):
        await other.connect()
    await channel.connect()  # its own lock is no hindrance
    await channel.close()
    await other.connect()
    await other.close()


@pytest.mark.parametrize("options", [{"poll": 1}, {"poll_seconds": 0}, {"table_rows_max": "many"}])
def test_a_wrong_option_is_named(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        open_channel(Place("files", tmp_path, options))
    assert refused.value.path == f"/{next(iter(options))}"


CRASH = """
import asyncio, sys
from pathlib import Path
from adapters.channels.folder import open_channel
from adapters.contract import Place
from adapters.kit.edge import delivered, take
from adapters.kit import a_delivery
from service import failpoints

async def main(base, what):
    channel = open_channel(Place("files", base / "place", {"poll_seconds": 0.005}))
    await channel.connect()
    if what == "in":
        inbound = await channel.receive()
        await inbound.settle(take(inbound.submission))
    else:
        await delivered(channel, a_delivery(base / "spool", files=[b"an image"]))

failpoints.arm(sys.argv[3])
asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def crash(base: Path, what: str, point: str) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, base, what, point], cwd=ROOT, check=False)
    assert done.returncode == -9


@pytest.mark.parametrize("point", ["channel.folder.reasons_written", "channel.folder.before_move"])
async def test_killed_before_the_file_is_moved_it_is_offered_again(tmp_path: Path, point: str) -> None:
    base = tmp_path / "place"
    (base / "out").mkdir(parents=True)
    drop(base, "photo.jpg", IMAGE)
    path = drop(base, "a.json", with_image(attachments=["photo.jpg"]))
    crash(tmp_path, "in", point)
    assert path.exists()
    channel = channel_at(base)
    await channel.connect()
    taken = await exchange(channel, path)
    assert [one.external_id for one in taken.submissions] == ["a.json"]
    assert (base / "out" / "done" / "photo.jpg").exists()


async def test_killed_after_the_move_it_is_not(tmp_path: Path) -> None:
    base = tmp_path / "place"
    (base / "out").mkdir(parents=True)
    path = drop(base, "a.json", doc())
    crash(tmp_path, "in", "channel.folder.moved")
    assert not path.exists()
    assert (base / "out" / "done" / "a.json").exists()


@pytest.mark.parametrize("point", ["channel.folder.before_name", "channel.folder.named"])
async def test_killed_while_it_hands_over_there_is_one_delivery(tmp_path: Path, point: str) -> None:
    base = tmp_path / "place"
    crash(tmp_path, "out", point)
    delivery = a_delivery(tmp_path / "spool", files=[b"an image"])
    named = base / "in" / f"{delivery.digest}.json"
    assert named.exists() is (point == "channel.folder.named")
    before = named.stat().st_ino if named.exists() else None
    channel = channel_at(base)
    await channel.connect()
    assert await delivered(channel, delivery) == Accepted()
    assert before in (None, named.stat().st_ino)
    assert not list((base / "in").glob("*.part"))
    [file] = json.loads(named.read_bytes())["files"]
    assert (base / "in" / file["at"]).read_bytes() == b"an image"


# -- out


def names(base: Path) -> set[str]:
    return {path.name for path in (base / "in").iterdir()}


async def test_half_a_delivery_of_a_run_before_is_swept(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "spool")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"{delivery.digest}.json.part").write_text("{")
    (tmp_path / "in" / f"{delivery.digest}.part").mkdir()
    (tmp_path / "in" / "theirs.part").touch()
    channel = channel_at(tmp_path)
    await channel.connect()
    assert names(tmp_path) == {"theirs.part"}


async def test_while_the_name_lies_there_nothing_is_written(channel: FolderChannel, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "spool", files=[IMAGE])
    assert await channel.deliver(delivery) == Accepted()
    name = f"{delivery.digest}.json"
    (tmp_path / "in" / name).rename(tmp_path / "done" / name)
    left = names(tmp_path)
    assert await channel.deliver(delivery) == Accepted()
    assert names(tmp_path) == left
    (tmp_path / "done" / name).rename(tmp_path / "rejected" / name)
    assert await channel.deliver(delivery) == Rejection("CHANNEL_REJECTED")
    assert names(tmp_path) == left


async def test_a_full_disk_leaves_the_folder_as_it_was(channel: FolderChannel, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "spool", files=[IMAGE])
    for bytes_left in (0, 20, 100):
        with full_disk(bytes_left):
            assert isinstance(await channel.deliver(delivery), RetryAfter)
        assert names(tmp_path) == set()


async def test_many_at_once_share_a_sync_and_keep_their_order(channel: FolderChannel, tmp_path: Path) -> None:
    deliveries = [a_delivery(tmp_path / "spool", number) for number in range(100)]
    answers = await asyncio.gather(*(channel.deliver(one) for one in deliveries))
    assert answers == [Accepted()] * 100
    named = [(tmp_path / "in" / f"{one.digest}.json").stat().st_ctime_ns for one in deliveries]
    assert named == sorted(named)


async def test_one_that_is_cancelled_leaves_nothing_and_harms_nobody(channel: FolderChannel, tmp_path: Path) -> None:
    deliveries = [a_delivery(tmp_path / "spool", number, files=[IMAGE]) for number in range(3)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(channel.deliver(one)) for one in deliveries]
        await asyncio.sleep(0)
        tasks[0].cancel()
    assert [task.result() for task in tasks[1:]] == [Accepted()] * 2
    assert not [name for name in names(tmp_path) if name.startswith(deliveries[0].digest)]
    assert await channel.deliver(deliveries[0]) == Accepted()


async def test_a_full_disk_fails_all_that_shared_it(channel: FolderChannel, tmp_path: Path) -> None:
    deliveries = [a_delivery(tmp_path / "spool", number) for number in range(5)]
    with full_disk(100):
        answers = await asyncio.gather(*(channel.deliver(one) for one in deliveries))
    assert all(isinstance(answer, RetryAfter) for answer in answers)
    assert names(tmp_path) == set()


def test_syncing_one_by_one_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    sync_each([tmp_path / "folder", tmp_path / "gone", tmp_path / "folder" / "file"])


async def test_a_media_type_never_becomes_a_path(channel: FolderChannel, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "spool", files=[IMAGE])
    object.__setattr__(delivery.files[0], "media_type", "../../x")
    assert await channel.deliver(delivery) == Accepted()
    assert (tmp_path / "in" / delivery.digest / f"{SHA256}.bin").exists()


# -- what became of it


def progress(state: Any, external_id: str = "a.csv#2", **members: Any) -> Progress:
    return Progress(external_id, members.pop("id", "id-1"), state, **members)


async def test_the_state_of_a_submission_is_a_file(channel: FolderChannel, tmp_path: Path) -> None:
    for _ in range(2):  # told again, it says the same
        await channel.report(progress("accepted", receipt=b"proof"))
        await channel.report(progress("handed_over", partner="test-geo"))
        await channel.report(progress("failed", partner="test-mda", code="OPEN_FAILED"))
    state = tmp_path / "out" / "state"
    assert json.loads((state / "a.csv#2.json").read_text()) == {
        "id": "id-1",
        "state": "accepted",
        "recipients": {
            "test-geo": {"state": "handed_over"},
            "test-mda": {"state": "failed", "code": "OPEN_FAILED"},
        },
    }
    assert (state / "a.csv#2.receipt").read_bytes() == b"proof"
    await channel.report(progress("refused", "b.json", code="NO_AGREEMENT"))
    assert json.loads((state / "b.json").read_text())["code"] == "NO_AGREEMENT"


async def test_a_held_submission_says_where_until_it_is_released(channel: FolderChannel, tmp_path: Path) -> None:
    found = (Finding("/case_ref", "FREETEXT_HOLD"),)
    path = tmp_path / "out" / "state" / "b.json"
    held = {"code": "FREETEXT_HOLD", "findings": [found[0].as_json()]}
    for state, code, findings, more in (
        ("held", "FREETEXT_HOLD", found, held),
        ("held", "FREETEXT_HOLD", found, held),
        ("queued", None, (), {}),
        ("held", "FREETEXT_HOLD", found, held),
        ("refused", "FREETEXT_HOLD", (), {"code": "FREETEXT_HOLD"}),
    ):
        await channel.report(progress(state, "b.json", code=code, findings=findings))
        assert json.loads(path.read_text()) == {"id": "id-1", "state": state, "recipients": {}, **more}


async def test_a_held_file_is_done_with(channel: FolderChannel, tmp_path: Path) -> None:
    path = drop(tmp_path, "a.json", doc(case_ref=CANARY))
    async with taking(channel, hold), asyncio.timeout(20):
        await until_gone(path)
    beside = (tmp_path / "out" / "done" / "a.json.taken.json").read_text()
    assert json.loads(beside) == {"file": "a.json", "id": "id-of-a.json", "case_handle": "0" * 32}


@pytest.mark.parametrize("external_id", ["../x", "a/b.json", "", "a#b", "x" * 200])
async def test_a_name_that_is_not_ours_writes_nothing(channel: FolderChannel, tmp_path: Path, external_id: str) -> None:
    await channel.report(progress("accepted", external_id))
    assert not list((tmp_path / "out" / "state").iterdir())


@pytest.mark.parametrize("found", [b"", b"[]", b"{}", b'{"id": "another", "recipients": {}}', b"\xff"])
async def test_a_state_that_somebody_spoilt_is_written_anew(
    channel: FolderChannel, tmp_path: Path, found: bytes
) -> None:
    (tmp_path / "out" / "state" / "b.json").write_bytes(found)
    await channel.report(progress("accepted", "b.json"))
    assert json.loads((tmp_path / "out" / "state" / "b.json").read_text())["id"] == "id-1"


async def test_a_state_that_cannot_be_written_is_told_again(channel: FolderChannel) -> None:
    with full_disk(), pytest.raises(Unavailable):
        await channel.report(progress("accepted", "b.json"))


# -- whatever lies there


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.recursive(st.none() | st.booleans() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3)).map(
            lambda value: json.dumps({"kind": value, "payload": value, "to": value}).encode()
        ),
        st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=5).map(
            lambda rows: ("recipient;number;days\n" + "\n".join(";".join(row) for row in rows)).encode(
                "utf-8", "surrogatepass"
            )
        ),
    ),
    name=st.sampled_from(["a.json", "overstay.csv", "overstay-1@x.csv", "b@test-geo.json", "c.jpg", "d.JSON", "e"]),
)
def test_any_bytes_end_in_done_or_refused_or_stay(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    base = tmp_path_factory.mktemp("any")

    async def run() -> Taking:
        channel = channel_at(base)
        await channel.connect()
        table(base).unlink()
        path = drop(base, name, data)
        last = drop(base, "zz.json", doc())
        os.utime(last, (4_000_000_000, 4_000_000_000))
        asks = name.lower().endswith((".json", ".csv"))
        return await exchange(channel, last, *([path] if asks else []))

    taken = asyncio.run(run())
    found = [folder for folder in (".", "done", "refused") if (base / "out" / folder / name).exists()]
    assert found in (["."], ["done"], ["refused"])
    assert (found == ["."]) is (not name.lower().endswith((".json", ".csv")))
    for path in (base / "out" / "refused").glob("*.reason.json"):
        assert all(entry["code"] in CODES for entry in reason(base, path.name.removesuffix(".reason.json")))
    assert taken.submissions[-1].external_id == "zz.json"
