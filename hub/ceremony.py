"""A hub's beginning: its keys, its data directory, the offline keys and the first directory version.

Guarantees that nothing is ever overwritten, and that a data directory is there whole or not at all. Everything is made
in `DIR.unfinished` beside it (the offline keys in `CEREMONY.unfinished`), `hub.toml` last; then the ceremony's folder
gets its name, and at last the data directory. A crash leaves an `.unfinished` folder that no program takes for a hub.
The same command again repairs it: one with `hub.toml` is complete and only gets its name; any other is removed, for no
key in it was ever shown to anyone, and made anew.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub.settings import SETTINGS_FILE, HubSettings, load_settings
from keys.custody import LOG2_N_DEFAULT, make_passphrase, write_keyring
from keys.directory.durable_file import write_durably
from keys.directory.durations import Lifetimes
from keys.directory.records import HubRecord
from keys.directory.repository import SNAPSHOT_KEY, TIMESTAMP_KEY, create_repository
from keys.proofs.checkpoint import LogSigner
from keys.suite import SEED_BYTES, RequestKey
from schemas.errors import Unavailable
from service.failpoints import reach
from service.founding import beside, give_name, holds_something, settings_text

SEEDS = ("at_rest", "index", "log.ed25519", "log.mldsa44", "request", SNAPSHOT_KEY, TIMESTAMP_KEY)
"""What a hub's key file holds; none of them opens a message."""

CEREMONY_PASSPHRASE = "passphrase"  # noqa: S105 - the name of a file
ROOT_FILE = "root.json"
LOG_KEYS_FILE = "log.vkey"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What was made. `root` and `log_keys` are the files to hand to every partner and auditor."""

    folder: Path
    ceremony: Path
    origin: str
    url: str
    root: Path
    log_keys: Path


def initialise(
    folder: Path,
    now: datetime,
    *,
    ceremony: Path | None = None,
    given: Mapping[str, object] | None = None,
    lifetimes: Lifetimes | None = None,
    log2_n: int = LOG2_N_DEFAULT,
) -> Initialised:
    """A new hub.

    Args:
        folder: its data directory, which must not be there yet (an empty folder is as good as none).
        now: aware UTC; its year is the log's, unless `given` says otherwise.
        ceremony: where the offline keys (root, registrar) go, likewise; default `FOLDER-ceremony`. It belongs
            on a medium that is put away.
        given: settings that go to `hub.toml`: name, url, host, port, year ...; the rest keeps its default.
        lifetimes: of the directory's metadata.
        log2_n: scrypt's cost; less than the default is for tests.

    Raises:
        FileExistsError: one of the folders holds something already; nothing was changed.
        Rejected: a setting is not as it must be.
        Unavailable: STORE_UNAVAILABLE.
    """
    ceremony = ceremony or folder.with_name(f"{folder.name}-ceremony")
    making, offline = beside(folder), beside(ceremony)
    complete = (making / SETTINGS_FILE).exists()
    if holds_something(folder) or (holds_something(ceremony) and not complete):
        raise FileExistsError
    try:
        if not complete:
            for left in (making, offline):
                shutil.rmtree(left, ignore_errors=True)
                left.mkdir(parents=True, mode=0o700)
            wanted = {"year": now.year, **{name: value for name, value in (given or {}).items() if value is not None}}
            _fill(making, offline, now, wanted, lifetimes=lifetimes, log2_n=log2_n)
            reach("hub.ceremony.filled")
        if offline.exists():
            give_name(offline, ceremony)
        reach("hub.ceremony.offline_named")
        give_name(making, folder)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    settings = load_settings(folder)
    return Initialised(folder, ceremony, settings.origin, settings.url, folder / ROOT_FILE, folder / LOG_KEYS_FILE)


def _fill(
    folder: Path,
    ceremony: Path,
    now: datetime,
    given: Mapping[str, object],
    *,
    lifetimes: Lifetimes | None,
    log2_n: int,
) -> None:
    settings = HubSettings.load(None, folder=folder, **given)
    passphrase = make_passphrase(settings.secrets)
    seeds = {name: os.urandom(SEED_BYTES) for name in SEEDS}
    write_keyring(settings.keyring, seeds, passphrase, log2_n=log2_n)
    log = LogSigner(settings.origin, seeds["log.ed25519"], seeds["log.mldsa44"]).public
    hub = HubRecord(settings.name, settings.url, log, RequestKey.from_seed(seeds["request"]).public)
    root = create_repository(
        settings.directory_folder,
        ceremony,
        seeds,
        hub,
        make_passphrase(ceremony / CEREMONY_PASSPHRASE),
        now,
        lifetimes=lifetimes,
        log2_n=log2_n,
    )
    write_durably(folder / ROOT_FILE, root)
    write_durably(folder / LOG_KEYS_FILE, "".join(f"{key}\n" for key in log.vkeys).encode())
    write_durably(folder / SETTINGS_FILE, settings_text(given, "hub/settings.py").encode())
