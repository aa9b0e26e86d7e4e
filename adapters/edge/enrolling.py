"""An edge's beginning: its keys, its administrators' keys, its data directory and the enrolment for the registrar.

Guarantees that nothing is ever overwritten and that a data directory is there whole or not at all: everything is made
in `DIR.unfinished` beside it, the settings last, and then gets its name. A crash leaves an `.unfinished` folder that no
program takes for an edge; the same command again removes it, for no key in it was ever shown to anyone, and starts
anew.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapters.edge.settings import SETTINGS_FILE, EdgeSettings
from adapters.edge.tables import create
from keys.custody import LOG2_N_DEFAULT, make_passphrase, write_keyring
from keys.directory.client import DirectoryClient
from keys.directory.durable_file import write_durably
from keys.directory.enrolment import ADMINISTRATORS, make_enrolment, parse_enrolment
from keys.suite import SEED_BYTES
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.sqlite import open_database

SEEDS = ("sign.ed25519", "sign.mldsa65", "kem", "request")
KEYRING, PASSPHRASE = "keyring", "passphrase"
ADMINISTRATORS_FOLDER = "administrators"
TOKEN_FILE = "channel-token"  # noqa: S105 - the name of a file
_UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What was made. `fingerprint` is to be read out to the registrar, who is handed `enrolment`."""

    folder: Path
    administrators: Path
    enrolment: Path
    fingerprint: str


def initialise(
    folder: Path,
    now: datetime,
    *,
    root: bytes,
    given: Mapping[str, object],
    administrators: Path | None = None,
    log2_n: int = LOG2_N_DEFAULT,
) -> Initialised:
    """A new edge.

    Args:
        folder: the data directory; absent or empty.
        now: from when the keys are valid.
        root: the directory's root.json, as the hub's operator handed it over.
        given: settings that differ from their defaults, `partner` and `hub` among them; None means not given.
        administrators: where the administrators' key file goes; default in the data directory, better elsewhere.
        log2_n: scrypt's cost; less than the default is for tests.

    Raises:
        FileExistsError: there is something already.
        Rejected: a setting out of its range, or a root that is none.
        Unavailable: STORE_UNAVAILABLE.
    """
    making = folder.with_name(folder.name + _UNFINISHED)
    office = administrators or folder / ADMINISTRATORS_FOLDER
    if _holds_something(folder) or (administrators is not None and _holds_something(administrators)):
        raise FileExistsError
    wanted = {name: value for name, value in given.items() if value is not None}
    settings = EdgeSettings.load(None, folder=making, **wanted)
    _check_root(root, now)
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True, mode=0o700)
        made = administrators or making / ADMINISTRATORS_FOLDER
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase, office_passphrase = make_passphrase(making / PASSPHRASE), make_passphrase(made / PASSPHRASE)
        seeds = {name: os.urandom(SEED_BYTES) for name in SEEDS}
        offices = {ADMINISTRATORS: os.urandom(SEED_BYTES)}
        write_keyring(settings.keyring, seeds, passphrase, log2_n=log2_n)
        write_keyring(made / KEYRING, offices, office_passphrase, log2_n=log2_n)
        enrolment = make_enrolment(seeds | offices, settings.partner, now=now)
        write_durably(making / f"{settings.partner}.enrolment", enrolment)
        write_durably(settings.root, root)
        make_passphrase(making / TOKEN_FILE)
        for name in (settings.spool, settings.attachments):
            name.mkdir(mode=0o700)
        database = open_database(settings.database)
        try:
            create(database)
        finally:
            database.close()
        write_durably(making / SETTINGS_FILE, _toml(wanted).encode())
        reach("edge.init.filled")
        _name(making, folder)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    return Initialised(folder, office, folder / f"{settings.partner}.enrolment", parse_enrolment(enrolment).fingerprint)


def _check_root(root: bytes, now: datetime) -> None:
    """The bytes are a root that may be trusted, or Rejected(DIRECTORY_INVALID)."""
    try:
        DirectoryClient(root).cached(now)
    except Unavailable:
        return  # it is one; there is nothing more to read yet
    raise Rejected("DIRECTORY_INVALID", "/root")


def _toml(given: Mapping[str, object]) -> str:
    lines = ["# Every setting, its default and its unit: adapters/edge/settings.py"]
    for name, value in given.items():
        if isinstance(value, bool | int | float):
            text = str(value).lower() if isinstance(value, bool) else repr(value)
        else:
            text = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        lines.append(f"{name} = {text}")
    return "\n".join(lines) + "\n"


def _holds_something(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _name(made: Path, name: Path) -> None:
    if name.exists():
        name.rmdir()  # only an empty folder lets itself be removed
    made.rename(name)
    parent = os.open(name.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
