"""A link signs in once; a session ends by itself, by a press, and when the registrar takes the account back."""

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import liaison.cli
from hub.console.accounts import account_of, new_token
from schemas.errors import Rejected
from tests.console.conftest import AUDITOR, COOKIE, OFFICER, Desk, Text
from tests.world import World


async def test_a_link_signs_in_once(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        token = await desk.link()
        for _ in range(3):  # a preview of the link, and of the page again
            asked = await desk.browser().get(f"/console/sign-in?token={token}")
            assert asked.status_code == 200
            assert "officer-1 of test-aut" in Text(asked.text).text
            assert "set-cookie" not in asked.headers
        assert desk.events("SignedIn") == []
        browser = desk.browser()
        answer = await browser.post("/console/sign-in", {"token": token})
        assert (answer.status_code, answer.url.path) == (200, "/console/cases")
        spent = await desk.browser().post("/console/sign-in", {"token": token})
        assert (spent.status_code, token in spent.text) == (401, False)
        assert "cannot be used" in Text(spent.text).text
        assert (await desk.browser().get(f"/console/sign-in?token={token}")).status_code == 401
        assert [leaf.source for leaf in desk.events("SignedIn")] == ["test-aut"]
        assert [set(leaf.c) for leaf in desk.events("SignInLinked")] == [{"actor"}]
        assert (await browser.get("/console/cases")).status_code == 200
    pages_world.check()


async def test_a_link_that_is_over(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        token = await desk.link()
        pages_world.clock.advance(minutes=10)
        assert (await desk.browser().get(f"/console/sign-in?token={token}")).status_code == 401
        assert (await desk.browser().post("/console/sign-in", {"token": token})).status_code == 401
        assert desk.events("SignedIn") == []


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 42 + "é", "<b>" + "A" * 40, "A" * 3000])
async def test_a_link_that_was_never_made(pages_world: World, token: str) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        await desk.link()
        for answer in (
            await client.get("/console/sign-in", params={"token": token}),
            await desk.browser().post("/console/sign-in", {"token": token}),
        ):
            assert answer.status_code in {400, 401}
            assert "set-cookie" not in answer.headers
            assert not token or token not in answer.text or len(token) < 3
        assert desk.events("SignedIn") == []


async def test_a_form_that_is_no_form(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk, token = Desk(pages_world, client), ""
        token = await desk.link()
        headers = {"Origin": pages_world.url, "Content-Type": "application/x-www-form-urlencoded"}
        for body, status in (
            (b"x" * 5000, 413), (b"token=" + b"\xff" * 9, 400), (b"a=1&b=1&c=1&d=1&e=1", 400), (b"", 401),
            (f"token={token}&token={token}".encode(), 401), (b"other=1", 401),
        ):  # fmt: skip
            answer = await client.post("/console/sign-in", content=body, headers=headers)
            assert answer.status_code == status
        assert desk.events("SignedIn") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8440"},
        {"Sec-Fetch-Site": "", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "http://127.0.0.1:8441"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": ""},
    ],
)
async def test_a_form_of_another_site_is_refused(pages_world: World, headers: dict[str, str]) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        token = await desk.link()
        refused = await desk.browser().post("/console/sign-in", {"token": token}, **headers)
        assert refused.status_code == 403
        browser = await desk.signed_in()
        assert (await browser.post("/console/sign-out", {}, **headers)).status_code == 403
        assert (await browser.get("/console/cases")).status_code == 200
        assert (await desk.browser().post("/console/sign-in", {"token": token})).status_code == 200  # it was not spent


async def test_an_old_browser_names_its_origin_alone(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        answer = await desk.browser().post("/console/sign-in", {"token": await desk.link()}, **{"Sec-Fetch-Site": ""})
        assert answer.status_code == 200


async def test_signing_out_ends_the_session_here_too(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        browser = await desk.signed_in()
        kept = browser.cookies[COOKIE]
        left = await browser.post("/console/sign-out", {})
        assert (left.status_code, browser.cookies) == (200, {})
        browser.cookies[COOKIE] = kept
        assert (await browser.get("/console/cases")).status_code == 401
        assert (await browser.post("/console/sign-out", {})).status_code == 200
        assert len(desk.events("SignedOut")) == 1
        assert (await desk.browser().post("/console/sign-out", {})).status_code == 200
        assert len(desk.events("SignedOut")) == 1
    pages_world.check()


async def test_a_session_ends_when_idle_and_when_old(pages_world: World) -> None:
    async with pages_world.running(session_idle_minutes=30, session_hours_max=2) as client:
        desk = Desk(pages_world, client)
        busy, idle, refreshing = [await desk.signed_in() for _ in range(3)]
        for _ in range(4):
            pages_world.clock.advance(minutes=29)
            assert (await busy.get("/console/cases")).status_code == 200
        assert (await idle.get("/console/cases")).status_code == 401
        pages_world.clock.advance(minutes=4)
        assert (await busy.get("/console/cases")).status_code == 401  # two hours
        assert refreshing.cookies
        refreshing = await desk.signed_in()
        for _ in range(2):  # a page that refreshes itself keeps nobody signed in
            pages_world.clock.advance(minutes=14)
            assert (await refreshing.get("/console/cases?live=1")).status_code == 200
        pages_world.clock.advance(minutes=2)
        ended = await refreshing.get("/console/cases?live=1", **{"HX-Request": "true"})
        assert (ended.status_code, ended.headers["hx-redirect"]) == (401, "/console/")


async def test_an_account_that_was_taken_back(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        browser, token = await desk.signed_in(), await desk.link()
        pages_world.update("test-aut", accounts=(AUDITOR,))
        assert (await browser.get("/console/cases")).status_code == 401
        assert (await desk.browser().post("/console/sign-in", {"token": token})).status_code == 401


async def test_neither_token_is_stored(pages_world: World) -> None:
    async with pages_world.running() as client:
        desk = Desk(pages_world, client)
        browser, unused = await desk.signed_in(), await desk.link()
        session = browser.cookies[COOKIE]
        assert (len(session), len(unused)) == (43, 43)
    stored = b"".join(path.read_bytes() for path in pages_world.data.glob("hub.db*"))
    assert session.encode() not in stored
    assert unused.encode() not in stored


async def test_cookies_are_for_this_host_and_no_script(pages_world: World) -> None:
    async with pages_world.running() as client:
        answer = await Desk(pages_world, client).signed_in()
        (cookie,) = [one.headers["set-cookie"] for one in answer.seen if "set-cookie" in one.headers]
        assert cookie.startswith("liaison=")
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
            "httponly", "path=/", "samesite=lax", "max-age=28800",
        }  # fmt: skip
    async with pages_world.running(url="https://hub.example") as client:
        desk = Desk(pages_world, client)
        origin = {"Origin": "", "Sec-Fetch-Site": "same-origin"}
        browser = desk.browser()
        await browser.post("/console/sign-in", {"token": await desk.link()}, **origin)
        (cookie,) = [one.headers["set-cookie"] for one in browser.seen if "set-cookie" in one.headers]
        assert cookie.startswith("__Host-liaison=")
        assert "secure" in cookie.lower()


async def test_guessing_is_slowed(pages_world: World) -> None:
    async with pages_world.running(failures_per_minute=5) as client:
        desk = Desk(pages_world, client)
        token = await desk.link()
        statuses = [
            (await desk.browser().post("/console/sign-in", {"token": new_token()})).status_code for _ in range(7)
        ]
        assert statuses == [401] * 5 + [429] * 2
        assert (await desk.browser().get(f"/console/sign-in?token={token}")).status_code == 429
        pages_world.monotonic.now += 60
        assert (await desk.browser().post("/console/sign-in", {"token": token})).status_code == 200


def test_who_has_no_account(pages_world: World) -> None:
    assert account_of(pages_world.directory, "test-aut", "officer-1") == OFFICER
    for partner, account in (("test-aut", "officer-9"), ("test-geo", "auditor-1"), ("nobody", "officer-1")):
        with pytest.raises(Rejected) as refusal:
            account_of(pages_world.directory, partner, account)
        assert refusal.value.code == "NOT_FOUND"


async def test_the_command_makes_a_link_beside_a_running_hub(
    present_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with present_world.running() as client:
        desk = Desk(present_world, client)
        assert liaison.cli.main(["hub", "link", str(present_world.data), "test-aut", "officer-1"]) == 0
        said = capsys.readouterr().out
        url = next(word for word in said.split() if "/console/sign-in?token=" in word)
        assert url.startswith(present_world.url)
        size = desk.hub.reader.size()
        parts = urlsplit(url)
        assert (await desk.browser().get(f"{parts.path}?{parts.query}")).status_code == 200
        answer = await desk.browser().post(parts.path, {"token": parts.query.removeprefix("token=")})
        assert (answer.status_code, answer.url.path) == (200, "/console/cases")
        assert [leaf.event for leaf in desk.events()][size - 1 :] == ["SignInLinked", "SignedIn"]
        for words in (["test-aut", "nobody"], ["nobody", "officer-1"]):
            assert liaison.cli.main(["hub", "link", str(present_world.data), *words, "--json"]) == 4
    present_world.check()


async def test_links_of_a_hub_that_is_not_there(tmp_path: Path) -> None:
    assert liaison.cli.main(["hub", "link", str(tmp_path / "none"), "test-aut", "officer-1", "--json"]) != 0


async def test_what_is_over_is_swept(pages_world: World) -> None:
    async with pages_world.running(session_hours_max=1) as client:
        desk = Desk(pages_world, client)
        await desk.signed_in()
        await desk.link()
        pages_world.clock.advance(hours=2)
        await desk.link()
    with sqlite3.connect(pages_world.data / "hub.db") as database:
        counts = [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("session", "sign_in")]  # noqa: S608
    database.close()
    assert counts == [0, 1]
