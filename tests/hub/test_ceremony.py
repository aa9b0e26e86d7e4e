"""A hub's beginning: whole or not at all, nothing overwritten, nothing readable by others."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.ceremony import SEEDS, initialise
from hub.settings import load_settings
from hub.wiring import open_hub
from keys.custody import read_keyring, read_passphrase
from keys.directory.repository import Repository, registrar_seeds
from keys.proofs.checkpoint import LogPublic
from schemas.errors import Fault, Rejected
from tests.world import NOW, World


def made(folder: Path, **given: object) -> Path:
    initialise(folder, NOW, ceremony=folder.with_name("offline"), given=given, log2_n=1)
    return folder


def test_everything_is_there_and_fits(tmp_path: Path) -> None:
    folder = made(tmp_path / "hub", name="hub.example", url="http://127.0.0.1:9999", port=9999)
    settings = load_settings(folder)
    assert (settings.name, settings.url, settings.port, settings.year) == (
        "hub.example", "http://127.0.0.1:9999", 9999, 2026,
    )  # fmt: skip
    secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
    assert set(secrets) == set(SEEDS)
    directory = Repository(settings.directory_folder, secrets).directory(NOW)
    assert (directory.version, directory.partners) == (1, {})
    assert directory.hub.log == LogPublic.from_vkeys((folder / "log.vkey").read_text().splitlines())
    assert (folder / "root.json").read_bytes() == (settings.directory_folder / "metadata/1.root.json").read_bytes()
    offline = tmp_path / "offline"
    assert len(registrar_seeds(offline, read_passphrase(offline / "passphrase"))) == 1
    hub = open_hub(settings, clock=lambda: NOW)
    assert hub.writer.size == 2  # opening, directory
    hub.close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = made(tmp_path / "hub")
    finally:
        os.umask(old)
    for path in (folder, tmp_path / "offline"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (folder / "secrets", folder / "keyring", tmp_path / "offline/keyring", tmp_path / "offline/passphrase"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_two_hubs_are_alike(tmp_path: Path) -> None:
    one = read_keyring(made(tmp_path / "a/hub") / "keyring", read_passphrase(tmp_path / "a/hub/secrets"))
    two = read_keyring(made(tmp_path / "b/hub") / "keyring", read_passphrase(tmp_path / "b/hub/secrets"))
    assert not set(one.values()) & set(two.values())
    assert len(set(one.values())) == len(SEEDS)


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    made(tmp_path / "hub")


@pytest.mark.parametrize("taken", ["hub", "offline"])
def test_nothing_is_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).mkdir()
    (tmp_path / taken / "something").write_text("theirs")
    with pytest.raises(FileExistsError):
        made(tmp_path / "hub")
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken / "something").read_text() == "theirs"


def test_a_second_time_is_refused(tmp_path: Path) -> None:
    before = (made(tmp_path / "hub") / "keyring").read_bytes()
    with pytest.raises(FileExistsError):
        made(tmp_path / "hub")
    assert (tmp_path / "hub/keyring").read_bytes() == before


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refusal:
        made(tmp_path / "hub", port=99999)
    assert (refusal.value.code, refusal.value.path) == ("FIELD_RANGE", "/port")
    with pytest.raises(Rejected, match="FIELD_UNKNOWN"):
        made(tmp_path / "hub", prot=1)
    made(tmp_path / "hub")


_MAKE = (
    "import sys; from pathlib import Path; from datetime import datetime, UTC; from hub.ceremony import initialise; "
    "initialise(Path(sys.argv[1]), datetime(2026, 4, 1, tzinfo=UTC), ceremony=Path(sys.argv[2]), log2_n=1)"
)


@pytest.mark.parametrize("point", ["hub.ceremony.filled", "hub.ceremony.offline_named", None])
def test_a_crash_is_repaired_by_the_same_command(tmp_path: Path, point: str | None) -> None:
    words = [sys.executable, "-c", _MAKE, str(tmp_path / "hub"), str(tmp_path / "offline")]
    if point is None:  # in the middle of it all
        (tmp_path / "hub.unfinished").mkdir()
        (tmp_path / "hub.unfinished/keyring").write_text("half")
    else:
        ended = subprocess.run(words, env={**os.environ, "LIAISON_FAILPOINT": point}, check=False)
        assert ended.returncode == -9
        assert not (tmp_path / "hub").exists()
    assert (tmp_path / "hub.unfinished").exists()  # whoever looks sees it
    subprocess.run(words, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub", "offline"]
    settings = load_settings(tmp_path / "hub")
    secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
    found = Repository(settings.directory_folder, secrets)
    seeds = registrar_seeds(tmp_path / "offline", read_passphrase(tmp_path / "offline/passphrase"))
    assert found.directory(NOW).version == 1
    assert len(seeds) == 1


def test_a_hub_does_not_open_with_other_keys(hub_world: World, tmp_path: Path) -> None:
    other = made(tmp_path / "hub")
    for name in ("keyring", "secrets"):
        (hub_world.data / name).write_bytes((other / name).read_bytes())
    with pytest.raises((Fault, Rejected)):
        hub_world.open()


def test_a_hub_does_not_open_when_others_may_read_its_secrets(hub_world: World) -> None:
    (hub_world.data / "secrets").chmod(0o644)
    with pytest.raises(Rejected, match="SECRET_EXPOSED"):
        hub_world.open()
