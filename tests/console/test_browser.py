"""One visit with a real Chromium to a really served hub: sign in by link, list, case, log, entry, out again."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from schemas import registry
from tests.console.conftest import AUDITOR, OFFICER
from tests.world import World

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", *(["--no-sandbox"] if os.geteuid() == 0 else []),
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "liaison"]


@contextmanager
def served(world: World) -> Iterator[str]:
    """The hub as a process of its own; its address once it is ready."""
    with subprocess.Popen(
        [*PROGRAM, "hub", "serve", str(world.data), "--log-level", "error"], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        try:
            yield json.loads(program.stdout.readline())["url"]
        finally:
            program.terminate()
            program.wait(20)


def link(world: World, account: str) -> str:
    ended = subprocess.run(
        [*PROGRAM, "hub", "link", str(world.data), "test-aut", account, "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    url: str = json.loads(ended.stdout)["url"]
    return url


def typed(command: str, world: World) -> Any:
    """What the command that the page shows prints, in the hub's folder."""
    words = [*PROGRAM, *command.split()[1:], "--json"]
    ended = subprocess.run(
        words, cwd=world.data, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


class Visit:
    """A page, and everything in it that must not happen."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.wrong: list[str] = []
        self.requests = 0
        page.on("console", lambda message: self.wrong.append(f"console {message.type}"))
        page.on("pageerror", lambda _: self.wrong.append("error"))
        page.on("requestfailed", lambda request: self.wrong.append(f"failed {request.url}"))
        page.on("request", lambda request: self._requested(request.url))

    def _requested(self, url: str) -> None:
        self.requests += 1
        if not url.startswith(f"{self.address}/"):
            self.wrong.append(f"request {url}")

    async def sign_in(self, url: str) -> None:
        await self.page.goto(url)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(re.compile("/console/(cases|log)$"))


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_an_officer_and_an_auditor_find_their_way(present_world: World, tmp_path: Path) -> None:
    assert CHROMIUM is not None, "install chromium: packages.txt"
    world = present_world
    async with world.running() as client:
        request = world.seal("test-aut", {**registry.example("doc.verify.request"), "urgency": "B"}, ["test-mda"])
        index = (await world.accepted(client, request)).index
        await world.state(client, "test-mda", "ContentHandover", [(request, index)])
    with served(world) as address:
        assert address == world.url
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            officer = Visit(await (await browser.new_context()).new_page(), address)
            await officer.sign_in(link(world, OFFICER.id))
            page = officer.page
            row = page.get_by_role("row").filter(has_text="Document check")
            await row.wait_for()
            assert "Due soon" in await row.inner_text()
            assert "test-mda" in await row.inner_text()
            assert await page.evaluate("typeof htmx") == "object"  # the script ran under the policy
            await page.get_by_label("State").select_option(label="Answered")
            await page.get_by_role("button", name="Show").click()
            await page.get_by_text("No case fits.").wait_for()
            await page.goto(f"{address}/console/cases")
            await page.get_by_role("link", name="Document check").click()
            await page.get_by_role("heading", name="Messages and how far they got").wait_for()
            assert await page.get_by_text("Handed over to the national system").count() == 1
            assert page.url == f"{address}/console/cases/{index}"
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.className") == "govuk-skip-link"
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            await page.set_viewport_size({"width": 360, "height": 740})
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

            auditor = Visit(await (await browser.new_context(accept_downloads=True)).new_page(), address)
            await auditor.sign_in(link(world, AUDITOR.id))
            page = auditor.page
            assert await page.get_by_role("img", name="Bars of entries").count() == 1
            await page.get_by_text("The same numbers as a table").click()
            await page.get_by_role("row").filter(has_text="Case viewed").get_by_role("link").click()
            await page.get_by_role("heading", name="Inclusion proof").wait_for()
            command = await page.locator("pre", has_text="liaison audit show").inner_text()
            async with page.expect_download() as awaited:
                await page.get_by_role("link", name="Download the receipt").click()
            receipt = tmp_path / "receipt.txt"
            await (await awaited.value).save_as(receipt)
            await page.goto(f"{address}/console/log")
            await page.get_by_role("button", name="Sign out").click()
            await page.get_by_text("There are no passwords here").wait_for()
            assert (officer.wrong, auditor.wrong) == ([], [])
            assert officer.requests > 5
            await browser.close()
    entry = typed(command, world)
    assert (entry["verified"], entry["leaf"]["event"]) == (True, "CaseViewed")
    assert world.verified(receipt.read_bytes()).leaf.event == "CaseViewed"
    world.check()
