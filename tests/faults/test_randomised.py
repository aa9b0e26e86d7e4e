"""A short run of `bench faults`: three brokers, PostgreSQL, a seeded plan of faults, and the independent checker."""

import os
from pathlib import Path

import pytest

from bench.faults import measure

pytestmark = pytest.mark.real

SECONDS = 20.0
"""Of faults; starting and ending come beside them."""
SEED = 5
"""The same in every run, so that a run that fails can be had again; `LIAISON_FAULTS_SEED` gives another."""
COUNTED = ("lost", "twice", "out_of_order", "altered", "unproved", "forked", "foreign", "undecided")


def test_a_short_randomised_run(tmp_path: Path) -> None:
    seed = int(os.environ.get("LIAISON_FAULTS_SEED") or SEED)
    print(f"LIAISON_FAULTS_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    report = measure(tmp_path / "site", seed, SECONDS, tmp_path / "history.jsonl")
    assert report["good"], report
    assert {report[rule] for rule in COUNTED} == {0}
    assert (report["log_verified"], report["cases_equal"], report["alarms"]) == (True, True, {})
    assert report["faults_in_all"] >= 2
    assert report["messages"] > 20
