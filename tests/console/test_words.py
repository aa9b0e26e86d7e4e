"""Every code of the tables has words; times and charts are what they should be; what is vendored is what it was."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hub.cases.case import ERASED, Rung
from hub.cases.clocks import CaseClock
from hub.console import chart, words
from hub.console.rendering import FOLDER, PAGE_HEADERS, render, static_files
from keys.proofs.leaf import EVENTS
from schemas.errors import CODES
from schemas.lifecycles import PROCEDURES, RULES
from schemas.lifecycles.clocks import next_clock

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
HOUR = int(NOW.timestamp()) // 3600
STATIC = FOLDER / "static"


def test_every_code_has_words() -> None:
    assert set(words.PROCEDURES) == set(PROCEDURES)
    states = {(name, state) for name, found in PROCEDURES.items() for state in found.states}
    held = {(name, state) for name, state in states if state.startswith("suspended/")}
    assert set(words.STATES) == states - held
    assert all(words.state(*place).startswith("Suspended (") for place in held)
    assert words.state("readmission", "suspended/verifying") == "Suspended (being examined)"
    assert set(words.KINDS) == set(RULES)
    assert set(words.EVENTS) == EVENTS
    assert set(words.PROBLEMS) <= set(CODES)
    facts = {"urgency": "A", "valid_until": "2026-12-31"}
    clocks = [next_clock(name, state, facts) for name, found in PROCEDURES.items() for state in found.states]
    assert {clock.name for clock in clocks if clock} == set(words.CLOCKS)
    assert {key for found in PROCEDURES.values() for state in found.states.values() for key in state.clocks} == set(
        words.AGREED
    )
    grouped = [event for _, _, events in words.GROUPS for event in events]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= EVENTS
    assert words.state("alert", ERASED) == "Erased"
    assert words.state("alert", "unheard_of") == "unheard_of"


def test_every_rung_has_words() -> None:
    for reached in ("accepted", "parked", "consigned", "failed", "handed_over"):
        assert words.reached(Rung("test-aut", 1, reached=reached))


@pytest.mark.parametrize(
    ("apart", "shown"),
    [
        (timedelta(0), "now"), (timedelta(seconds=59), "now"), (timedelta(minutes=1), "in 1 minute"),
        (timedelta(minutes=119), "in 1 hour"), (timedelta(hours=23, minutes=59), "in 23 hours"),
        (timedelta(days=1), "in 1 day"), (timedelta(days=462), "in 462 days"),
        (-timedelta(minutes=3), "3 minutes ago"), (-timedelta(days=1), "1 day ago"),
    ],
)  # fmt: skip
def test_how_far_away(apart: timedelta, shown: str) -> None:
    assert words.away(NOW + apart, NOW) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(5 * 86_400 + 7, "5 days"), (3600, "1 hour"), (59, "less than a minute")]
)
def test_how_far_ahead_a_clock_for_tests_is(seconds: int, shown: str) -> None:
    assert words.ahead(seconds) == shown


def test_what_a_case_counts_by() -> None:
    assert words.profile("EU-MDA/2/MDA") == "EU-MDA, version 2"
    assert words.profile("TEST-PROFILE-AUT-MDA/1/MDA") == "TEST-PROFILE-AUT-MDA, version 1, made for tests"
    assert words.profile(None) == ""


def test_times_bear_their_zone() -> None:
    assert words.instant(NOW) == "1 Apr 2026, 12:30 UTC"
    assert words.due(CaseClock("answer", "H", NOW, NOW)) == "1 Apr 2026, 12:30 UTC"
    assert words.due(CaseClock("validity", "CD", date(2026, 12, 31), NOW)) == "31 Dec 2026, end of day UTC"
    assert words.due(CaseClock("answer", "WD", None, None)) == "Not started"
    agreed = CaseClock("reply_limit", "WD", date(2026, 4, 20), NOW, requested="MDA", indicative=True)
    assert words.due(agreed) == "20 Apr 2026, end of day in MDA, indicative"
    assert words.due(replace(agreed, due=None, known=False)) == "Nobody knows when it ends"


def test_a_chart_puts_each_leaf_in_its_bar() -> None:
    counts = {
        HOUR: {"SubmissionAcceptance": 3, "ContentHandover": 1, "SubmissionRejection": 2},
        HOUR - 1: {"SignedIn": 4},
        HOUR - 48: {"LogOpened": 99},
    }
    made = chart.draw(counts, NOW, 48, 1)
    assert made.total == 10  # what is older is left out
    assert [(row.label, row.counts, row.total) for row in made.rows] == [
        ("1 Apr 2026, 12:00 to 13:00 UTC", (3, 1, 2, 0), 6),
        ("1 Apr 2026, 11:00 to 12:00 UTC", (0, 0, 0, 4), 4),
    ]
    assert [bar.group for bar in made.bars] == ["rest", "accepted", "evidence", "trouble"]
    foot = chart.HEIGHT - chart.BOTTOM
    assert all(chart.TOP <= bar.y < foot and bar.x + bar.width <= chart.WIDTH for bar in made.bars)
    assert made.bars[1].y + made.bars[1].height == pytest.approx(foot)
    assert made.bars[2].y + made.bars[2].height == pytest.approx(made.bars[1].y, abs=0.02)
    assert [line.label for line in made.lines] == ["0", "5", "10"]
    days = chart.draw(counts, NOW, 30, 24)
    assert [(row.label, row.total) for row in days.rows] == [("1 Apr 2026 UTC", 10), ("30 Mar 2026 UTC", 99)]
    assert {tick.label for tick in days.ticks} >= {"1 Apr"}


def test_a_chart_of_nothing() -> None:
    made = chart.draw({}, NOW, 48, 1)
    assert (made.bars, made.rows, made.total) == ((), (), 0)
    assert [line.label for line in made.lines] == ["0", "1"]


def test_what_is_vendored_is_what_the_manifest_says() -> None:
    manifest = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))
    ours = {"console.css", "mark.svg", "manifest.json", "LICENCE_GOVUK", "LICENCE_HTMX"}
    assert {path.name for path in STATIC.iterdir()} == ours | {one["file"] for one in manifest}
    for one in manifest:
        assert {"file", "package", "version", "licence", "sha256"} <= set(one)
        assert hashlib.sha256((STATIC / one["file"]).read_bytes()).hexdigest() == one["sha256"]
        licence = re.search(r"\((LICENCE_[A-Z]+)\)", one["licence"])
        assert licence is not None
        assert (STATIC / licence[1]).exists()


def test_styles_load_nothing_and_bear_no_crown() -> None:
    for path in STATIC.glob("*.css"):
        css = path.read_text(encoding="utf-8")
        for word in ("url(", "@import", "@font-face", "GDS Transport", "crown", "crest"):
            assert word not in css, (path.name, word)


def test_static_files_are_named_by_what_is_in_them() -> None:
    for name, file in static_files().items():
        digest = hashlib.sha256(file.body).hexdigest()
        assert name.startswith(digest[:16] + "/")
        assert file.etag == f'"{digest}"'


def test_everything_put_into_a_page_is_escaped() -> None:
    html = render(
        "sign_in.html", viewer=None, hub_name="<i>", clock_ahead=0, token='"><script>', partner="<b>", account="&"
    )
    for raw in ("<i>", '"><script>', "<b><", "<b>&</b>"):
        assert raw not in html
    assert "&lt;i&gt;" in html


def test_templates_have_nothing_inline() -> None:
    for path in sorted((FOLDER / "templates").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|https?://|\|\s*safe", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "unsafe" not in PAGE_HEADERS["Content-Security-Policy"]
    assert Path(FOLDER).is_dir()
