"""`liaison stay compute`: what it prints, how it ends, and that it never repeats a value."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from liaison.cli import main
from schemas.errors import Rejected
from schemas.stay import Waiver
from schemas.stay.reading import STAYS_MAX, read_enquiry

Run = Callable[..., tuple[int, Any]]

CANARY = "Zz Canary 77"
TODAY = date(2026, 11, 25)
W2 = {"entry": "2026-01-10", "exit": "2026-04-10"}
WAIVER: dict[str, object] = {
    "agreement_id": "DEU-UTO-1962",
    "granting_state": "DEU",
    "concluded_on": "1962-05-01",
    "notified": True,
    "requested_on": "2026-04-08",
    "granted_from": "2026-04-10",
    "granted_to": "2026-05-09",
}
LIMITED: dict[str, object] = {
    "valid_from": "2026-10-01",
    "valid_until": "2026-11-30",
    "ltv": True,
    "territory": ["AUT"],
}
VISA = {"valid_from": "2026-10-01", "valid_until": "2026-11-30", "entries": "2", "duration_days": 30}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def call(content: object, *words: str) -> tuple[int, Any]:
        file = tmp_path / "stays.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        code = main(["stay", "compute", str(file), *words])
        captured = capsys.readouterr()
        assert CANARY not in captured.out + captured.err
        return code, json.loads(captured.out) if "--json" in words else captured.out

    return call


def test_an_overstay_is_a_result(run: Run) -> None:
    code, found = run({"stays": [W2]}, "--json")
    assert code == 0
    assert found == {
        "on": "2026-04-10",
        "used": 91,
        "remaining": 0,
        "stay_until": None,
        "overstay_days": 1,
        "first_overstay_day": "2026-04-10",
        "breaches": [{"rule": "90_180", "first_day": "2026-04-10", "days": 1}],
        "entries_used": None,
        "limited_territory": False,
        "territory_judged": None,
        "waiver": None,
        "apart": [],
        "rule_version": "2",
    }


def test_a_visa(run: Run) -> None:
    trips = [{"entry": "2026-10-05", "exit": "2026-10-20"}, {"entry": "2026-11-02", "exit": "2026-11-20"}]
    code, found = run({"stays": trips, "visa": {**VISA, "ltv": True}}, "--json")
    assert code == 0
    assert (found["first_overstay_day"], found["overstay_days"], found["entries_used"]) == ("2026-11-16", 5, 2)
    assert found["limited_territory"] is True


def test_a_person_reads_lines(run: Run) -> None:
    code, text = run({"stays": [W2]})
    assert code == 0
    assert "overstay_days:      1" in text


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"stays": [W2]}).encode())))
    assert main(["stay", "compute", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["used"] == 91


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"", ("JSON_INVALID", "")),
        (b'{"stays": [', ("JSON_INVALID", "")),
        (b'{"stays": [], "stays": []}', ("JSON_INVALID", "")),
        (b'{"stays": [' + b"[" * 100 + b"]" * 100 + b"]}", ("JSON_INVALID", "")),
        (b" " * 140_000, ("FIELD_LENGTH", "")),
        ({"stays": [{"entry": CANARY}]}, ("FIELD_PATTERN", "/stays/0/entry")),
        ({"stays": [W2], CANARY: 1}, ("FIELD_UNKNOWN", "")),
    ],
)
def test_a_refusal_is_a_code_and_a_pointer(run: Run, content: object, refused: tuple[str, str]) -> None:
    code, found = run(content, "--json")
    assert (code, found) == (4, {"code": refused[0], "path": refused[1]})


def test_a_file_that_is_not_there_is_a_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["stay", "compute", str(tmp_path / "none.json"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"code": "INTERNAL"}


def test_nothing_heavy_is_imported() -> None:
    """A start takes well under a second: models, keys and the web server stay out."""
    asked = (
        "import sys; from liaison.cli import main; main(['stay', 'compute', '-', '--json']); "
        "sys.exit(bool({'schemas.registry', 'schemas.parts', 'fastapi', 'cryptography'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=Path(__file__).resolve().parents[3],
        input=b'{"stays": []}',
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["remaining"] == 90


# -- reading


def test_the_day_judged() -> None:
    closed = [{"entry": "2026-03-01", "exit": "2026-03-05"}, {"entry": "2026-01-01", "exit": "2026-01-05"}]
    open_stay = {"entry": "2026-11-01"}
    assert read_enquiry({"stays": closed}, today=TODAY).on == date(2026, 3, 5)
    assert read_enquiry({"stays": [*closed, open_stay]}, today=TODAY).on == TODAY
    assert read_enquiry({"stays": []}, today=TODAY).on == TODAY
    assert read_enquiry({"stays": closed, "on": "2026-02-01"}, today=TODAY).on == date(2026, 2, 1)


@pytest.mark.parametrize(("visa", "title"), [(None, "visa_free"), (VISA, "visa"), ({**VISA, "type": "C"}, "visa")])
def test_what_a_stay_is_under_unless_said(visa: dict[str, object] | None, title: str) -> None:
    enquiry = {"stays": [W2, {**W2, "under": "residence_permit"}], **({} if visa is None else {"visa": visa})}
    assert [stay.under for stay in read_enquiry(enquiry, today=TODAY).stays] == [title, "residence_permit"]


def test_a_long_stay_visa_is_the_title_of_its_stays() -> None:
    national = {"valid_from": "2026-01-01", "valid_until": "2026-12-31", "type": "D"}
    read = read_enquiry({"stays": [W2], "visa": national}, today=TODAY)
    assert read.stays[0].under == "long_stay_visa"
    assert read.visa is not None
    assert (read.visa.entries, read.visa.duration_days, read.visa.long_stay) == (None, None, True)


def test_days_are_those_written_and_instants_are_compared_as_such() -> None:
    late = {"entry": "2026-02-20T00:30:00+03:00", "exit": "2026-02-19T23:30:00+01:00"}
    (stay,) = read_enquiry({"stays": [late]}, today=TODAY).stays
    assert (stay.entry, stay.exit) == (date(2026, 2, 20), date(2026, 2, 19))
    (stay,) = read_enquiry({"stays": [{"entry": "2026-02-20T23:30Z", "exit": "2026-02-20"}]}, today=TODAY).stays
    assert stay.exit == date(2026, 2, 20)


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"stays": {}}, "FIELD_TYPE", "/stays"),
        ({"stays": None}, "FIELD_TYPE", "/stays"),
        ({"stays": [W2] * (STAYS_MAX + 1)}, "FIELD_LENGTH", "/stays"),
        ({"stays": [W2, "x"]}, "FIELD_TYPE", "/stays/1"),
        ({"stays": [{"exit": "2026-04-10"}]}, "FIELD_MISSING", "/stays/0/entry"),
        ({"stays": [{**W2, "source": 1}]}, "FIELD_UNKNOWN", "/stays/0/source"),
        ({"stays": [{**W2, "so/urce": 1}]}, "FIELD_UNKNOWN", "/stays/0"),
        ({"stays": [{**W2, "entry": 20260110}]}, "FIELD_TYPE", "/stays/0/entry"),
        ({"stays": [{**W2, "entry": None}]}, "FIELD_TYPE", "/stays/0/entry"),
        ({"stays": [{**W2, "exit": None}]}, "FIELD_TYPE", "/stays/0/exit"),
        ({"stays": [{**W2, "exit": "2026-02-29"}]}, "FIELD_PATTERN", "/stays/0/exit"),
        ({"stays": [{**W2, "exit": "2026-4-10"}]}, "FIELD_PATTERN", "/stays/0/exit"),
        ({"stays": [{**W2, "exit": "2026-04-10T12:00:00"}]}, "FIELD_PATTERN", "/stays/0/exit"),
        ({"stays": [{**W2, "exit": "2026-04-10T25:00:00Z"}]}, "FIELD_PATTERN", "/stays/0/exit"),
        ({"stays": [{**W2, "exit": "2026-04-10\n"}]}, "FIELD_PATTERN", "/stays/0/exit"),
        ({"stays": [{**W2, "entry": "1900-01-01"}]}, "DATE_PLACEHOLDER", "/stays/0/entry"),
        ({"stays": [{**W2, "entry": "2026-00-10"}]}, "DATE_PLACEHOLDER", "/stays/0/entry"),
        ({"stays": [{**W2, "entry": "2026-01-00"}]}, "DATE_PLACEHOLDER", "/stays/0/entry"),
        ({"stays": [{**W2, "entry": "1899-12-31"}]}, "FIELD_RANGE", "/stays/0/entry"),
        ({"stays": [{"entry": "2201-01-01"}]}, "FIELD_RANGE", "/stays/0/entry"),
        ({"stays": [{**W2, "exit": "2026-01-09"}]}, "STAY_ORDER", "/stays/0/exit"),
        (
            {"stays": [{"entry": "2026-02-20T10:00:00+01:00", "exit": "2026-02-20T09:59:59+01:00"}]},
            "STAY_ORDER",
            "/stays/0/exit",
        ),
        ({"stays": [W2, {"entry": "2026-11-26"}]}, "STAY_ORDER", "/stays/1/entry"),
        ({"stays": [{"entry": "2026-03-01"}], "on": "2026-02-28"}, "STAY_ORDER", "/stays/0/entry"),
        ({"stays": [{**W2, "under": "tourism"}]}, "CODE_UNKNOWN", "/stays/0/under"),
        ({"stays": [{**W2, "under": None}]}, "FIELD_TYPE", "/stays/0/under"),
        ({"on": 1}, "FIELD_TYPE", "/on"),
        ({"on": "today"}, "FIELD_PATTERN", "/on"),
        ({"visa": None}, "FIELD_TYPE", "/visa"),
        ({"visa": {"valid_until": "2026-11-30"}}, "FIELD_MISSING", "/visa/valid_from"),
        ({"visa": {"valid_from": "2026-11-30"}}, "FIELD_MISSING", "/visa/valid_until"),
        ({"visa": {**VISA, "sticker_number": "AUT123456"}}, "FIELD_UNKNOWN", "/visa/sticker_number"),
        ({"visa": {**VISA, "valid_until": "2026-09-30"}}, "FIELD_RANGE", "/visa/valid_until"),
        ({"visa": {**VISA, "entries": "3"}}, "CODE_UNKNOWN", "/visa/entries"),
        ({"visa": {**VISA, "entries": 2}}, "FIELD_TYPE", "/visa/entries"),
        ({"visa": {**VISA, "duration_days": "30"}}, "FIELD_TYPE", "/visa/duration_days"),
        ({"visa": {**VISA, "duration_days": True}}, "FIELD_TYPE", "/visa/duration_days"),
        ({"visa": {**VISA, "duration_days": 0}}, "FIELD_RANGE", "/visa/duration_days"),
        ({"visa": {**VISA, "duration_days": 91}}, "FIELD_RANGE", "/visa/duration_days"),
        ({"visa": {**VISA, "type": "D"}}, "FIELD_UNKNOWN", "/visa/duration_days"),
        ({"visa": {**VISA, "type": "B"}}, "CODE_UNKNOWN", "/visa/type"),
        ({"visa": {**VISA, "ltv": "yes"}}, "FIELD_TYPE", "/visa/ltv"),
        ({"visa": {**VISA, "ltv_ground": "25_1_B"}}, "FIELD_UNKNOWN", "/visa/ltv_ground"),
        ({"visa": {**VISA, "ltv": True, "ltv_ground": "25_2"}}, "CODE_UNKNOWN", "/visa/ltv_ground"),
        ({"visa": {**VISA, "ltv": True, "ltv_ground": 1}}, "FIELD_TYPE", "/visa/ltv_ground"),
        ({"visa": {**VISA, "type": 1}}, "FIELD_TYPE", "/visa/type"),
        ({"visa": {**VISA, "valid_from": 1}}, "FIELD_TYPE", "/visa/valid_from"),
        ({"visa": {**VISA, "valid_until": 1}}, "FIELD_TYPE", "/visa/valid_until"),
        ({"visa": {**LIMITED, "ltv": False}}, "FIELD_UNKNOWN", "/visa/territory"),
        ({"visa": {**LIMITED, "territory": "AUT"}}, "FIELD_TYPE", "/visa/territory"),
        ({"visa": {**LIMITED, "territory": []}}, "FIELD_LENGTH", "/visa/territory"),
        ({"visa": {**LIMITED, "territory": ["AUT"] * 61}}, "FIELD_LENGTH", "/visa/territory"),
        ({"visa": {**LIMITED, "territory": ["AUT", "D"]}}, "CODE_UNKNOWN", "/visa/territory/1"),
        ({"visa": {**LIMITED, "territory": ["AUT", None]}}, "FIELD_TYPE", "/visa/territory/1"),
        ({"stays": [{**W2, "state": "AT"}]}, "CODE_UNKNOWN", "/stays/0/state"),
        ({"stays": [{**W2, "state": 1}]}, "FIELD_TYPE", "/stays/0/state"),
        ({"stays": [{**W2, "entry_bcp": "AT"}]}, "FIELD_PATTERN", "/stays/0/entry_bcp"),
        ({"stays": [{**W2, "entry_bcp": "atVIE"}]}, "FIELD_PATTERN", "/stays/0/entry_bcp"),
        ({"stays": [{**W2, "entry_bcp": "ZZVIE"}]}, "CODE_UNKNOWN", "/stays/0/entry_bcp"),
        ({"stays": [{**W2, "exit_bcp": 1}]}, "FIELD_TYPE", "/stays/0/exit_bcp"),
        ({"stays": [{"entry": "2026-01-10", "exit_bcp": "ATVIE"}]}, "FIELD_UNKNOWN", "/stays/0/exit_bcp"),
        ({"waiver": None}, "FIELD_TYPE", "/waiver"),
        *(
            (
                {"waiver": {name: value for name, value in WAIVER.items() if name != left}},
                "FIELD_MISSING",
                f"/waiver/{left}",
            )
            for left in WAIVER
        ),
        ({"waiver": {**WAIVER, "remarks": "x"}}, "FIELD_UNKNOWN", "/waiver/remarks"),
        ({"waiver": {**WAIVER, "agreement_id": 1}}, "FIELD_TYPE", "/waiver/agreement_id"),
        ({"waiver": {**WAIVER, "agreement_id": "a b"}}, "FIELD_PATTERN", "/waiver/agreement_id"),
        ({"waiver": {**WAIVER, "agreement_id": "a" * 41}}, "FIELD_PATTERN", "/waiver/agreement_id"),
        ({"waiver": {**WAIVER, "granting_state": "DE"}}, "CODE_UNKNOWN", "/waiver/granting_state"),
        ({"waiver": {**WAIVER, "notified": "yes"}}, "FIELD_TYPE", "/waiver/notified"),
        ({"waiver": {**WAIVER, "concluded_on": "1962"}}, "FIELD_PATTERN", "/waiver/concluded_on"),
        ({"waiver": {**WAIVER, "requested_on": 1}}, "FIELD_TYPE", "/waiver/requested_on"),
        ({"waiver": {**WAIVER, "granted_to": "2026-04-09"}}, "FIELD_RANGE", "/waiver/granted_to"),
        ({"waiver": {**WAIVER, "exit_only_via": "D"}}, "CODE_UNKNOWN", "/waiver/exit_only_via"),
    ],
)
def test_what_is_no_enquiry_is_refused_by_name(changes: dict[str, object], code: str, path: str) -> None:
    with pytest.raises(Rejected) as refusal:
        read_enquiry({"stays": [W2], **changes}, today=TODAY)
    assert (refusal.value.code, refusal.value.path) == (code, path)


def test_an_open_stay_may_begin_on_the_day_judged() -> None:
    entered = {"stays": [{"entry": "2026-03-01"}], "on": "2026-03-01"}
    assert read_enquiry(entered, today=TODAY).stays[0].entry == date(2026, 3, 1)


@pytest.mark.parametrize(("kind", "long_stay"), [("A", False), ("C", False), ("D", True)])
def test_types_of_visas(kind: str, long_stay: bool) -> None:
    visa = read_enquiry({"stays": [], "visa": {**LIMITED, "type": kind}}, today=TODAY).visa
    assert visa is not None
    assert (visa.long_stay, visa.own_days, visa.limited_territory) == (long_stay, False, True)


def test_exactly_as_many_stays_as_may_be() -> None:
    assert len(read_enquiry({"stays": [W2] * STAYS_MAX}, today=TODAY).stays) == STAYS_MAX


@pytest.mark.parametrize(
    ("point", "at", "day"),
    [
        ("BGSOF", "2026-02-19T22:30:00Z", date(2026, 2, 20)),
        ("BGSOF", "2026-02-19T21:59:59Z", date(2026, 2, 19)),
        ("BGSOF", "2026-07-19T21:00:00Z", date(2026, 7, 20)),  # in summer an hour earlier
        ("ESMAD", "2026-02-19T23:30:00Z", date(2026, 2, 20)),
        ("ESLPA", "2026-02-19T23:30:00Z", date(2026, 2, 19)),  # the Canaries are an hour behind
        ("PTPDL", "2026-02-20T00:30:00+00:00", date(2026, 2, 19)),
        ("RUKGD", "2026-02-20T00:30:00+03:00", date(2026, 2, 19)),
        ("GEBUS", "2026-02-19T20:00:00Z", date(2026, 2, 20)),
        ("AFKBL", "2026-02-19T23:30:00Z", date(2026, 2, 19)),  # no zone is known: as written
        ("BGSOF", "2026-02-19", date(2026, 2, 19)),  # a civil date has no zone
    ],
)
def test_a_border_point_has_its_own_day(point: str, at: str, day: date) -> None:
    (entered,) = read_enquiry({"stays": [{"entry": at, "entry_bcp": point}]}, today=TODAY).stays
    assert entered.entry == day
    (left,) = read_enquiry({"stays": [{"entry": "2026-01-01", "exit": at, "exit_bcp": point}]}, today=TODAY).stays
    assert left.exit == day


def test_where_somebody_was() -> None:
    def read(**members: str) -> tuple[str | None, str | None]:
        (stay,) = read_enquiry({"stays": [{**W2, **members}]}, today=TODAY).stays
        return stay.state, stay.exit_state

    assert read() == (None, None)
    assert read(entry_bcp="ATVIE", exit_bcp="DEFRA") == ("AUT", "DEU")
    assert read(entry_bcp="ATVIE", state="ITA") == ("ITA", None)


def test_a_limited_visa_and_a_waiver_are_read() -> None:
    by_austria = {**WAIVER, "exit_only_via": "AUT"}
    asked: dict[str, object] = {"stays": [W2], "visa": LIMITED, "waiver": by_austria}
    enquiry = read_enquiry(asked, today=TODAY)
    assert enquiry.visa is not None
    assert enquiry.visa.territory == frozenset({"AUT"})
    assert enquiry.waiver == Waiver(
        agreement_id="DEU-UTO-1962",
        state="DEU",
        concluded_on=date(1962, 5, 1),
        notified=True,
        requested_on=date(2026, 4, 8),
        first=date(2026, 4, 10),
        last=date(2026, 5, 9),
        exit_via="AUT",
    )


def test_the_command_shows_territory_and_waiver(run: Run) -> None:
    stays = [
        {"entry": "2026-01-10", "exit": "2026-04-09", "entry_bcp": "DEFRA"},
        {"entry": "2026-04-10", "exit": "2026-05-09", "state": "DEU", "under": "bilateral_waiver"},
        {"entry": "2026-05-01", "exit": "2026-05-03", "entry_bcp": "CYLCA"},
    ]
    code, found = run({"stays": stays, "waiver": WAIVER}, "--json")
    assert code == 0
    assert (found["used"], found["overstay_days"]) == (120, 0)
    assert found["waiver"] == {"objections": [], "request_until": "2026-04-09"}
    assert [(one["state"], one["used"], one["remaining"]) for one in found["apart"]] == [("CYP", 3, 87)]
    _, found = run({"stays": stays, "waiver": {**WAIVER, "notified": False}}, "--json")
    assert (found["overstay_days"], found["waiver"]["objections"]) == (30, ["NOT_NOTIFIED"])
    _, text = run({"stays": stays, "waiver": WAIVER})
    assert "apart:" in text
    limited = {"entry": "2026-10-05", "exit": "2026-10-06", "state": "FRA"}
    _, found = run({"stays": [limited], "visa": LIMITED}, "--json")
    assert found["territory_judged"] is True
    assert found["breaches"] == [{"rule": "TERRITORY", "first_day": "2026-10-05", "days": 2}]


@pytest.mark.parametrize("found", [None, [], "stays", 1])
def test_an_enquiry_is_an_object(found: object) -> None:
    with pytest.raises(Rejected, match="FIELD_TYPE"):
        read_enquiry(found, today=TODAY)


def test_an_enquiry_has_stays() -> None:
    with pytest.raises(Rejected) as refusal:
        read_enquiry({}, today=TODAY)
    assert (refusal.value.code, refusal.value.path) == ("FIELD_MISSING", "/stays")


def test_days_of_its_own() -> None:
    limited = {**VISA, "ltv": True, "ltv_ground": "25_1_B"}
    read = read_enquiry({"stays": [W2], "visa": limited}, today=TODAY).visa
    assert read is not None
    assert (read.limited_territory, read.own_days) == (True, True)
