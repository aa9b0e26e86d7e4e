"""The demonstration itself, as somebody types it: every program real, every figure read from them."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from liaison.demo import inputs

COMMAND = (sys.executable, "-m", "liaison", "demo")
SECONDS = 180
GOOD_ROWS = inputs.OVERSTAYS - 1
RETURN = (
    "readm.application", "readm.ack", "readm.extension.request", "readm.extension.answer", "readm.interview.plan",
    "readm.interview.result", "readm.decision", "readm.td.request", "readm.td.issued", "transfer.notice",
    "transfer.ack", "transfer.result",
)  # fmt: skip
SILENCE = ("readm.application", "readm.tacit.claim")
MESSAGES = 5 + GOOD_ROWS + 1 + len(RETURN) + len(SILENCE)
"""Request and answer, alert, question and answer; one notice a good row; one note; two returns. All are accepted."""


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    done = subprocess.run([*COMMAND, "--once", "--json"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_message_arrives_once_and_is_proved(report: dict[str, Any]) -> None:
    delivered = MESSAGES + 1  # the alert has two recipients
    assert report["sent"] == MESSAGES + 1  # and one more was sent that the hub refused
    assert report["accepted"] == MESSAGES
    assert report["delivered"] == report["opened"] == report["handed_over"] == report["evidence"] == delivered
    assert report["receipts_verified"] == report["sent"] + delivered
    assert report["alarms"] == 0


def test_what_must_not_be_sent_is_refused_where_it_should(report: dict[str, Any]) -> None:
    at_the_edge = {one["code"] for one in report["refused"] if one["at"] == "edge"}
    assert {"STAY_ORDER", "SG2", "SG3", "SG4", "SG5", "SG6", "TACIT_TOO_EARLY"} <= at_the_edge
    assert [one["code"] for one in report["refused"] if one["at"] == "hub"] == ["NO_AGREEMENT"]


def test_the_log_holds_and_its_spoiled_copies_do_not(report: dict[str, Any]) -> None:
    assert report["log_verified"] is True
    assert report["tamper_found"] is True
    assert report["log"]["size"] >= 3 * report["accepted"]
    assert re.fullmatch(r"[0-9a-f]{64}", report["log"]["root"])


def test_every_case_has_a_state(report: dict[str, Any]) -> None:
    states = sorted((case["procedure"], case["state"]) for case in report["cases"])
    assert states.count(("overstay", "answered")) == 1
    assert states.count(("overstay", "notified")) == GOOD_ROWS - 1
    assert ("identification", "answered") in states
    assert ("document_check", "answered") in states
    [alert] = [case for case in report["cases"] if case["procedure"] == "alert"]
    assert alert["clock"]["name"] == "validity"
    assert ("readmission", "handed_over") in states
    assert ("readmission", "tacit_claimed") in states
    assert len(states) == GOOD_ROWS + 5


def test_a_time_that_ended_is_certified_and_claimed(report: dict[str, Any]) -> None:
    silence = report["silence"]
    assert (silence["clock"], silence["said"]) == ("reply_limit", "ClockExpired")
    assert silence["certificate_verified"] is True
    assert silence["test"] is True
    assert silence["due"] < silence["day"]
    claimed = next(case for case in report["cases"] if case["state"] == "tacit_claimed")
    assert [(one["name"], one["indicative"]) for one in claimed["agreed"]] == [("transfer_limit", False)]


@contextmanager
def heard(number: signal.Signals) -> Iterator[None]:
    """What is started inside does not ignore the signal, as everything does that a shell started in the background."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_it_stays_up_until_it_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with (
        heard(signal.SIGINT),
        subprocess.Popen(
            COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        ) as demo,
    ):
        assert demo.stderr is not None
        said = ""
        for line in demo.stderr:
            said += line
            if "Ctrl-C ends" in line:
                break
        links = re.findall(r"http://\S+/console/sign-in\?\S+", said)
        assert len(links) == 2, said
        with urllib.request.urlopen(links[0], timeout=10) as page:  # noqa: S310 - an address on loopback
            assert b"<form" in page.read()
        demo.send_signal(signal.SIGINT)
        demo.stderr.read()
        assert demo.wait(30) == 0
    assert not list(tmp_path.iterdir())
