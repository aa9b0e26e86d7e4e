"""Officers see their own cases and no log, auditors the log and no case; a case is shown once its viewing is logged."""

import re
import sqlite3

import pytest

from hub.console.accounts import Viewer
from hub.console.views import record_view
from keys.container import parse_container
from keys.proofs.leaf import commitment
from keys.proofs.receipt import RECEIPT_TYPE, verify_receipt
from keys.sealing import Sealed
from schemas import registry
from schemas.errors import Rejected
from service.problems import PROBLEM_TYPE
from tests.console.conftest import AUDITOR, COOKIE, OFFICER, SECOND, Desk, Text
from tests.world import World

CANARY = "Zyxomma-4711"
PAGES = ("/console/cases", "/console/log", "/console/cases/{row}", "/console/log/{row}", "/console/log/{row}/receipt")


async def case(
    desk: Desk, kind: str = "doc.verify.request", to: str = "test-mda", **changes: str
) -> tuple[Sealed, int]:
    world = desk.world
    sealed = world.seal("test-aut", {**registry.example(kind), **changes}, [to])
    return sealed, (await world.accepted(desk.client, sealed)).index


# -- who sees what


async def test_a_case_of_others_and_an_unknown_one_look_alike(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        _, index = await case(desk)
        georgia = await desk.signed_in("test-geo")
        answers = [
            await georgia.get(f"/console/cases/{row}")
            for row in (index, index + 1, 0, 999_999, "x", "-1", "9" * 30, "%00", f"{index}/")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
        assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1
        listed = await georgia.get("/console/cases")
        assert f"/console/cases/{index}" not in Text(listed.text).links
        assert desk.events("CaseViewed") == []
        for partner in ("test-aut", "test-mda"):
            browser = await desk.signed_in(partner)
            assert f"/console/cases/{index}" in Text((await browser.get("/console/cases")).text).links
            assert (await browser.get(f"/console/cases/{index}")).status_code == 200


async def test_officers_and_auditors_do_not_see_each_others_pages(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        _, index = await case(desk)
        for account, own in ((OFFICER, "cases"), (AUDITOR, "log")):
            browser = await desk.signed_in("test-aut", account)
            unknown = await browser.get("/console/nothing")
            for page in PAGES:
                answer = await browser.get(page.format(row=index))
                assert answer.status_code == (200 if f"/{own}" in page else 404), page
                assert answer.status_code == 200 or answer.text == unknown.text
        assert len(desk.events("CaseViewed")) == 1


async def test_without_a_session_there_is_only_the_way_to_one(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        _, index = await case(desk)
        stranger = desk.browser()
        for page in PAGES:
            assert (await stranger.get(page.format(row=index))).status_code == 401
        for cookie in ("x", "A" * 43, CANARY):
            stranger.cookies[COOKIE] = cookie
            answer = await stranger.get("/console/cases")
            assert answer.status_code == 401
            assert CANARY not in answer.text
        home = await desk.browser().get("/")
        assert (home.status_code, home.url.path) == (200, "/console/")
        assert "sign-in link" in Text(home.text).text
        assert desk.events("CaseViewed") == []


# -- every viewing is logged first


async def test_a_viewing_is_a_leaf_before_the_page_and_one_an_hour(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        sealed, index = await case(desk)
        browser, second = await desk.signed_in(), await desk.signed_in("test-aut", SECOND)
        for _ in range(3):
            assert (await browser.get(f"/console/cases/{index}")).status_code == 200
        (leaf,) = desk.events("CaseViewed")
        assert (leaf.source, leaf.prev, leaf.to, leaf.type, set(leaf.c)) == (
            "test-aut", index, (), None, {"case", "actor"},
        )  # fmt: skip
        at = next(stored.index for stored in desk.hub.reader.leaves(-1, 99) if stored.leaf.event == "CaseViewed")
        side = desk.hub.reader.side(at)
        assert side is not None
        handle = parse_container(sealed.container).header.case_handle
        assert side.values == {"case": handle, "actor": "test-aut/officer-1"}
        assert leaf.c == {name: commitment(side.salt, value) for name, value in side.values.items()}
        await second.get(f"/console/cases/{index}")
        assert len(desk.events("CaseViewed")) == 2
        _, other = await case(desk)
        await browser.get(f"/console/cases/{other}")
        assert len(desk.events("CaseViewed")) == 3
        world.clock.advance(minutes=29)
        await browser.get(f"/console/cases/{index}")
        assert len(desk.events("CaseViewed")) == 3
        world.clock.advance(minutes=29)
        await browser.get(f"/console/cases/{index}")
        world.clock.advance(minutes=2)  # 13:00
        await browser.get(f"/console/cases/{index}")
        assert len(desk.events("CaseViewed")) == 4
        kept = desk.hub.connection.execute("SELECT count(*) FROM case_view").fetchone()
        assert kept == (1,)
    world.check()


async def test_what_cannot_be_logged_is_not_shown(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        _, index = await case(desk)
        browser = await desk.signed_in()
        other = sqlite3.connect(world.data / "hub.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # a writer that does not end: as if the disk were full
        refused = await browser.get(f"/console/cases/{index}")
        other.execute("ROLLBACK")
        other.close()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert "Document check request" not in Text(refused.text).text
        assert "Nothing was shown" in Text(refused.text).text or "shows nothing" in Text(refused.text).text
        assert desk.events("CaseViewed") == []
        assert (await browser.get(f"/console/cases/{index}")).status_code == 200
        assert len(desk.events("CaseViewed")) == 1


async def test_a_case_that_was_erased_meanwhile_is_not_logged(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        _, index = await case(desk)
        desk.hub.connection.execute("UPDATE case_key SET wrapped = NULL")
        desk.hub.reader.forget_case_key(index)
        with pytest.raises(Rejected) as refusal:
            await record_view(desk.hub, Viewer("test-aut", OFFICER), index, "0" * 32)
        assert refusal.value.code == "NOT_FOUND"
        assert (await (await desk.signed_in()).get(f"/console/cases/{index}")).status_code == 404
        assert desk.events("CaseViewed") == []


async def test_what_nobody_foresaw_is_a_page_too(pages_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        browser = await desk.signed_in()
        reader = desk.hub.reader
        desk.hub.reader = None  # type: ignore[assignment]
        answer = await browser.get("/console/cases")
        desk.hub.reader = reader
        assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
        assert "NoneType" not in answer.text
        assert "AttributeError" in "".join(capsys.readouterr())


# -- what is shown


async def test_the_list_says_state_clock_and_whose_turn_it_is(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        _, waiting = await case(desk, urgency="C")
        soon, index = await case(desk, urgency="B")
        await world.state(client, "test-mda", "ContentHandover", [(soon, index)])
        browser, theirs = await desk.signed_in(), await desk.signed_in("test-mda")
        text = Text((await browser.get("/console/cases")).text).text
        assert "Due soon in 1 day Answer due 2 Apr 2026, 12:00 UTC" in text
        assert "Not started Answer due: starts when the recipient has handed the request over" in text
        assert "Overdue" not in text
        assert text.count("test-mda MDA") >= 4
        assert "You" in Text((await theirs.get("/console/cases")).text).words
        assert "You" not in Text((await browser.get("/console/cases")).text).words
        world.clock.advance(hours=23)
        browser = await desk.signed_in()
        text = Text((await browser.get("/console/cases")).text).text
        assert "Due soon in 1 hour" in text
        assert "Hand-over overdue" not in text
        due = Text((await browser.get("/console/cases?order=due")).text)
        assert [link for link in due.links if link.startswith("/console/cases/")] == [f"/console/cases/{index}"]
        assert f"/console/cases/{waiting}" not in due.links


async def test_what_is_late_is_said_in_words(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        late, index = await case(desk, urgency="A")
        await world.state(client, "test-mda", "ContentHandover", [(late, index)])
        _, withheld = await case(desk, urgency="A")
        failed, unopened = await case(desk, "ident.request")
        await world.state(client, "test-mda", "ContentHandoverFailure", [(failed, unopened, "OPEN_FAILED")])
        world.clock.advance(hours=3)
        browser = await desk.signed_in()
        listed = Text((await browser.get("/console/cases")).text).text
        assert "Overdue 1 hour ago" in listed
        assert listed.count("Hand-over overdue") == 1
        shown = Text((await browser.get(f"/console/cases/{withheld}")).text).text
        assert "A hand-over is overdue" in shown
        assert "Waiting for delivery Overdue Word expected by 1 Apr 2026, 14:00 UTC , 1 hour ago" in shown
        shown = Text((await browser.get(f"/console/cases/{unopened}")).text).text
        assert "Hand-over failed OPEN_FAILED" in shown
        assert "overdue" not in shown


async def test_a_cases_page_has_its_ladder_and_timeline(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        request, index = await case(desk)
        world.clock.advance(minutes=1)
        await world.state(client, "test-mda", "ContentHandover", [(request, index)])
        world.clock.advance(minutes=1)
        reply = world.seal("test-mda", "doc.verify.reply", ["test-aut"], parent=request)
        answered = (await world.accepted(client, reply)).index
        world.clock.advance(minutes=1)
        await world.state(client, "test-aut", "ContentHandover", [(reply, answered)])
        await world.state(client, "test-aut", "ContentAccessTracking", [(reply, answered)])
        page = await (await desk.signed_in()).get(f"/console/cases/{index}")
        text = Text(page.text).text
        for words in (
            "Accepted by the hub 1 Apr 2026, 12:00 UTC", "Taken by the edge 1 Apr 2026, 12:01 UTC",
            "Handed over 1 Apr 2026, 12:03 UTC Opened 1 Apr 2026, 12:03 UTC", "Answered", "Nobody",
        ):  # fmt: skip
            assert words in text
        times = re.findall(r'<p class="timeline__time"><time datetime="([^"]+)"', page.text)
        assert len(times) == 7
        assert times == sorted(times, reverse=True)


async def test_filters_and_pages(pages_world: World) -> None:
    world = pages_world
    async with world.running(page_rows_max=2) as client:
        desk = Desk(world, client)
        rows = [(await case(desk))[1] for _ in range(4)]
        rows.append((await case(desk, "visa.overstay.notice", to="test-geo"))[1])
        browser = await desk.signed_in()

        async def walk(query: str) -> list[int]:
            found, path = [], f"/console/cases?{query}"
            while path:
                page = Text((await browser.get(path)).text)
                found += [int(link.rpartition("/")[2]) for link in page.links if link.startswith("/console/cases/")]
                path = next((dict(tag)["href"] or "" for name, tag in page.tags if tag.get("rel") == "next"), "")
            return found

        assert await walk("") == rows[::-1]
        assert await walk("partner=test-geo") == rows[4:]
        assert await walk("state=notified") == rows[4:]
        assert await walk("state=requested&partner=test-mda") == rows[3::-1]
        assert await walk("order=due") == []
        assert await walk("state=answered") == []
        for nonsense in (f"state={CANARY}", "partner=<b>", "after=x", "order=1", f"{CANARY}=1", "after=9-9-9"):
            answer = await browser.get(f"/console/cases?{nonsense}")
            assert (answer.status_code, CANARY in answer.text) == (200, False)


# -- the log


async def test_an_auditor_reads_and_proves_every_leaf(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        request, index = await case(desk)
        await world.state(client, "test-mda", "ContentHandover", [(request, index)])
        refused = world.seal("test-aut", "ident.request", ["test-geo"])
        assert (await world.post(client, refused)).status_code == 403
        officer = await desk.signed_in()
        await officer.get(f"/console/cases/{index}")
        auditor = await desk.signed_in("test-aut", AUDITOR)
        size = desk.hub.reader.size()
        text = Text((await auditor.get("/console/log")).text).text
        assert f"Entries {size}" in text
        assert desk.hub.writer.root.hex() in text
        assert "NO_AGREEMENT" in text
        handle = parse_container(request.container).header.case_handle
        for entry in range(size):
            page = await auditor.get(f"/console/log/{entry}")
            assert page.status_code == 200
            assert f"liaison audit show hub.db {entry} --log-key log.vkey" in Text(page.text).text
            assert handle not in page.text
            assert "officer-1" not in page.text
            receipt = await auditor.get(f"/console/log/{entry}/receipt")
            assert receipt.headers["content-type"] == RECEIPT_TYPE
            verified = verify_receipt(receipt.content, world.log_public)
            assert verified.index == entry
            shown = re.findall(r'<code class="hash">([0-9a-f]{64})</code>', page.text)
            assert verified.checkpoint.root.hex() == shown[-1]
        page = await auditor.get(f"/console/log/{index + 2}")
        assert '"event": "ContentHandover"' in Text(page.text.replace("&#34;", '"')).text
        for path in (f"/console/log/{size}", "/console/log/x", f"/console/log/{size}/receipt"):
            assert (await auditor.get(path)).status_code == 404


async def test_the_log_is_searched_by_event_partner_and_place(pages_world: World) -> None:
    world = pages_world
    async with world.running(page_rows_max=2) as client:
        desk = Desk(world, client)
        for to in ("test-mda", "test-mda", "test-mda"):
            sealed, index = await case(desk, to=to)
            await world.state(client, to, "ContentHandover", [(sealed, index)])
        overstay, _ = await case(desk, "visa.overstay.notice", to="test-geo")
        auditor = await desk.signed_in("test-aut", AUDITOR)

        async def walk(query: str) -> list[int]:
            found, path = [], f"/console/log?{query}"
            while path:
                page = Text((await auditor.get(path)).text)
                found += [int(link.rpartition("/")[2]) for link in page.links if link.startswith("/console/log/")]
                path = next((dict(tag)["href"] or "" for name, tag in page.tags if tag.get("rel") == "next"), "")
            return found

        leaves = [stored.leaf for stored in desk.hub.reader.leaves(-1, 999)]
        everything = list(range(len(leaves)))[::-1]
        assert await walk("") == everything
        assert await walk("event=ContentHandover") == [at for at in everything if leaves[at].event == "ContentHandover"]
        named = [at for at in everything if "test-mda" in (leaves[at].source, *leaves[at].to)]
        assert await walk("partner=test-mda") == named
        both = [at for at in named if leaves[at].event == "SubmissionAcceptance"]
        assert await walk("partner=test-mda&event=SubmissionAcceptance") == both
        assert len(both) == 3
        assert await walk("index=3") == [3, 2, 1, 0]
        assert await walk("partner=nobody") == []
        for nonsense in (f"event={CANARY}", f"index={CANARY}", "index=-1", "partner=<b>", f"by={CANARY}"):
            answer = await auditor.get(f"/console/log?{nonsense}")
            assert (answer.status_code, CANARY in answer.text) == (200, False)
        assert overstay.digest.hex()


async def test_the_chart_and_its_table_say_the_same(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        await case(desk)
        auditor = await desk.signed_in("test-aut", AUDITOR)
        for by in ("hour", "day"):
            html = (await auditor.get(f"/console/log?by={by}")).text
            cells = [int(cell) for cell in re.findall(r'<td class="number">([0-9]+)</td>', html)]
            rows = [cells[at : at + 5] for at in range(0, len(cells), 5)]
            assert rows
            assert all(sum(row[:4]) == row[4] for row in rows)
            assert sum(row[4] for row in rows) == desk.hub.reader.size()
            assert html.count("<rect ") == sum(count > 0 for row in rows for count in row[:4])


# -- what no page may do


async def test_pages_carry_strict_headers_and_nothing_inline(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        _, index = await case(desk)
        officer, auditor = await desk.signed_in(), await desk.signed_in("test-aut", AUDITOR)
        token = await desk.link()
        pages = [
            await officer.get("/console/cases"), await officer.get(f"/console/cases/{index}"),
            await auditor.get("/console/log"), await auditor.get(f"/console/log/{index}"),
            await desk.browser().get("/console/"), await desk.browser().get(f"/console/sign-in?token={token}"),
            await officer.get("/console/nothing"), await desk.browser().get("/console/cases"),
        ]  # fmt: skip
        for page in pages:
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
            parsed = Text(page.text)
            assert page.text.startswith('<!DOCTYPE html>\n<html lang="en"')
            for tag, attributes in parsed.tags:
                assert tag != "style"
                assert not [name for name in attributes if name == "style" or name.startswith("on")]
                for name in ("src", "href", "action", "hx-get"):
                    if name in attributes and tag != "a":
                        assert str(attributes[name]).startswith("/console/"), (tag, attributes)
                if tag == "script":
                    assert attributes["src"]
            assert [tag for tag, _ in parsed.tags].count("h1") == 1
            assert {"main", "header", "footer"} <= {tag for tag, _ in parsed.tags}
            assert "#content" in parsed.links
            tables, captions = ([tag for tag, _ in parsed.tags].count(name) for name in ("table", "caption"))
            assert tables == captions
            labels = {attributes.get("for") for tag, attributes in parsed.tags if tag == "label"}
            fields = {
                attributes.get("id")
                for tag, attributes in parsed.tags
                if tag in {"select", "input"} and attributes.get("type") != "hidden"
            }
            assert labels == fields


async def test_no_handle_id_or_value_is_in_any_page_address_or_log_line(
    pages_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        ident = {**registry.example("ident.request")}
        sealed = world.seal("test-aut", ident, ["test-mda"])
        index = (await world.accepted(client, sealed)).index
        header = parse_container(sealed.container).header
        browser = await desk.signed_in()
        pages = [await browser.get(path) for path in ("/console/cases", f"/console/cases/{index}")]
        auditor = await desk.signed_in("test-aut", AUDITOR)
        pages += [await auditor.get(path) for path in ("/console/log", f"/console/log/{index}")]
        seen = "".join(
            answer.text + str(answer.headers) + str(answer.url) for answer in (*pages, *browser.seen, *auditor.seen)
        )
        said = "".join(capsys.readouterr())
        for secret in (header.case_handle, header.id, *_values(ident)):
            assert secret not in seen
            assert secret not in said
        tokens = [browser.cookies[COOKIE], auditor.cookies[COOKIE]]
        assert not [token for token in tokens if token in said]


def _values(payload: object) -> list[str]:
    """Names and numbers of a payload; words of plain English may stand on a page by themselves."""
    if isinstance(payload, dict):
        return [text for value in payload.values() for text in _values(value)]
    if isinstance(payload, list):
        return [text for value in payload for text in _values(value)]
    return [payload] if isinstance(payload, str) and len(payload) > 4 and not re.fullmatch("[a-z.]+", payload) else []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/console/{CANARY}", 404),
        ("GET", f"/console/static/{CANARY}", 404),
        ("GET", "/console/static/manifest.json", 404),
        ("GET", "/console/static/../templates/base.html", 404),
        ("GET", f"/console/cases/{CANARY}", 401),
        ("POST", "/console/cases", 405),
        ("DELETE", "/console/", 405),
        ("PUT", f"/console/{CANARY}", 405),
        ("GET", f"/console/sign-in?token={CANARY}", 401),
    ],
)
async def test_an_error_is_a_page_that_repeats_nothing(
    pages_world: World, capsys: pytest.CaptureFixture[str], method: str, path: str, status: int
) -> None:
    async with pages_world.running() as client:
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert CANARY not in answer.text + str(answer.headers)
        outside = await client.get(f"/{CANARY}")
        assert (outside.status_code, outside.headers["content-type"]) == (404, PROBLEM_TYPE)
    assert CANARY not in "".join(capsys.readouterr())


async def test_static_files_are_kept_for_ever(pages_world: World) -> None:
    async with pages_world.running() as client:
        home = Text((await client.get("/console/")).text)
        addresses = [str(attributes["href"]) for tag, attributes in home.tags if tag == "link"]
        assert len(addresses) == 3
        for address in addresses:
            answer = await client.get(address)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            again = await client.get(address, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert (await client.get(address.replace("/static/", "/static/0"))).status_code == 404


async def test_times_do_not_depend_on_the_machine(pages_world: World) -> None:
    world = pages_world
    async with world.running() as client:
        desk = Desk(world, client)
        _, index = await case(desk)
        world.clock.advance(minutes=25)
        browser = await desk.signed_in()
        text = Text((await browser.get(f"/console/cases/{index}")).text).text
        assert "1 Apr 2026, 12:00 UTC (25 minutes ago)" in text
        assert desk.events("CaseViewed")[0].at == world.clock()
