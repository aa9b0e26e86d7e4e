"""`liaison doctor` tells what is wrong with a machine, and changes nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

import liaison.cli
from liaison.cli import doctor
from tests.postgres import database, owners


def test_a_machine_that_runs_these_tests_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["doctor", "--json", "--data", str(tmp_path / "not" / "yet")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["healthy"]
    assert printed["next"]
    assert {check["state"] for check in printed["checks"]} <= {"ok", "missing"}
    assert list(tmp_path.iterdir()) == []


def test_for_people_it_is_a_table_and_names_the_next_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["doctor"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("NAME")
    assert "bootstrap.py demo" in captured.err


def test_a_clock_before_the_release_is_wrong() -> None:
    assert doctor._clock(datetime(2020, 1, 1, tzinfo=UTC)).state == "wrong"
    assert doctor._clock(datetime(2026, 12, 1, tzinfo=UTC)).state == "ok"


def test_a_place_that_cannot_be_written_to_is_wrong() -> None:
    assert doctor._writable(Path("/proc/self")).state == "wrong"


def test_pins_that_are_not_met_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.txt").write_text(
        "# comment\n"
        "typer==0.0.1 \\\n    --hash=sha256:00\n"
        "no-such-thing==1.0 \\\n"
        "only-elsewhere==1 ; sys_platform == 'win32' \\\n"
    )
    monkeypatch.setattr(doctor, "SOURCE", tmp_path)
    (check,) = doctor._packages()
    assert check.state == "wrong"
    assert "typer" in check.found
    assert "no-such-thing is not installed" in check.found
    assert "only-elsewhere" not in check.found


# -- a hub's database server


def server_checks(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, tuple[str, str]]]:
    capsys.readouterr()
    code = liaison.cli.main(["doctor", "--json", "--data", str(folder)])
    printed = json.loads(capsys.readouterr().out)
    return code, {
        check["name"]: (check["state"], check["found"]) for check in printed["checks"] if "server" in check["name"]
        or check["name"].startswith("PostgreSQL")
    }  # fmt: skip


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    (tmp_path / "hub.toml").write_text("")
    return tmp_path


def use(folder: Path, url: str) -> None:
    (folder / "hub.toml").write_text(f'database_url = "{url}"\n')


def test_a_hub_with_a_file_has_no_server(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert server_checks(hub, capsys) == (0, {})


@pytest.mark.real
def test_a_server_that_is_set_up_is_sound(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use(hub, database())
    code, found = server_checks(hub, capsys)
    assert (code, len(found), {state for state, _ in found.values()}) == (0, 8, {"ok"})


@pytest.mark.real
@pytest.mark.parametrize(
    ("spoiled", "name", "said"),
    [
        ("GRANT UPDATE ON leaf TO liaison_hub", "the hub's role", "may change leaf"),
        ("GRANT TRUNCATE ON side TO PUBLIC", "the hub's role", "may change side"),
        ("ALTER TABLE lane OWNER TO liaison_test", "the hub's role", "owns tables"),
        ("ALTER TABLE message DISABLE ROW LEVEL SECURITY", "row-level security", "off for 1 tables"),
        ("GRANT SELECT ON side TO liaison_partner", "row-level security", "off for 1 tables"),
        ("UPDATE meta SET value = '0' WHERE name = 'layout'", "tables of this release", "MIGRATION_NEEDED"),
        ("DROP TABLE meta", "tables of this release", "MIGRATION_NEEDED"),
    ],
)
def test_a_server_that_is_not_is_wrong(
    hub: Path, capsys: pytest.CaptureFixture[str], spoiled: str, name: str, said: str
) -> None:
    url = database()
    use(hub, url)
    with psycopg.connect(owners(url)) as owner:
        owner.execute(spoiled.encode())
    code, found = server_checks(hub, capsys)
    wrong = {name: found for name, (state, found) in found.items() if state != "ok"}
    assert (code, list(wrong.values())) == (1, [said])
    assert name in next(iter(wrong))


@pytest.mark.real
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_forgets_is_wrong(hub: Path, capsys: pytest.CaptureFixture[str], setting: str) -> None:
    url = database()
    use(hub, url)
    with psycopg.connect(owners(url), autocommit=True) as owner:
        try:
            owner.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            owner.execute("SELECT pg_reload_conf()")
            while server_checks(hub, capsys)[1][f"PostgreSQL: {setting}"] != ("wrong", "off"):
                pass
        finally:
            owner.execute(f"ALTER SYSTEM RESET {setting}".encode())
            owner.execute("SELECT pg_reload_conf()")
    while server_checks(hub, capsys)[0]:
        pass


@pytest.mark.real
def test_powers_and_settings_of_a_server(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = database()
    use(hub, owners(url))  # the owner himself: an administrator
    code, found = server_checks(hub, capsys)
    assert code == 1
    assert found["PostgreSQL: the hub's role can only add to the log"][1].startswith(
        "powers of an administrator; owns tables; may change checkpoint, "
    )
    for wrong in ("postgresql://hub@127.0.0.1:1/none", "postgresql://hub:secret@127.0.0.1/none"):
        use(hub, wrong)
        code, found = server_checks(hub, capsys)
        assert (code, list(found)) == (1, ["the hub's database server"])
