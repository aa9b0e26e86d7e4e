"""An edge's beginning: its keys, its administrators' keys, its data directory and the enrolment for the registrar.

Guarantees that nothing is ever overwritten and that a data directory is there whole or not at all: everything is made
in `DIR.unfinished` beside it, the settings last, and then gets its name. A crash leaves an `.unfinished` folder that no
program takes for an edge. The same command again gives a complete one its name; any other is removed, for no key in it
was ever shown to anyone, and made anew.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapters.edge.settings import SETTINGS_FILE, EdgeSettings, load_settings
from adapters.edge.tables import create
from keys.custody import LOG2_N_DEFAULT, make_passphrase, write_keyring
from keys.directory.client import DirectoryClient
from keys.directory.durable_file import write_durably
from keys.directory.enrolment import ADMINISTRATORS, make_enrolment, parse_enrolment
from keys.suite import SEED_BYTES
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.founding import beside, give_name, holds_something, settings_text
from service.sqlite import open_database

SEEDS = ("sign.ed25519", "sign.mldsa65", "kem", "request")
KEYRING, PASSPHRASE = "keyring", "passphrase"
ADMINISTRATORS_FOLDER = "administrators"
TOKEN_FILE = "channel-token"  # noqa: S105 - the name of a file


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
    making = beside(folder)
    office = administrators or folder / ADMINISTRATORS_FOLDER
    office_making = making / ADMINISTRATORS_FOLDER if administrators is None else beside(administrators)
    wanted = {name: value for name, value in given.items() if value is not None}
    settings = EdgeSettings.load(None, folder=making, **wanted)
    _check_root(root, now)
    complete = (making / SETTINGS_FILE).exists() and load_settings(making).partner == settings.partner
    if holds_something(folder) or (administrators is not None and holds_something(administrators) and not complete):
        raise FileExistsError
    try:
        if not complete:
            for left in (making, office_making):
                shutil.rmtree(left, ignore_errors=True)
                left.mkdir(parents=True, mode=0o700)
            _fill(settings, office_making, now, root=root, given=wanted, log2_n=log2_n)
            reach("edge.init.filled")
        if administrators is not None and office_making.exists():
            give_name(office_making, administrators)
        give_name(making, folder)
        enrolment = folder / f"{settings.partner}.enrolment"
        return Initialised(folder, office, enrolment, parse_enrolment(enrolment.read_bytes()).fingerprint)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error


def _fill(
    settings: EdgeSettings, office: Path, now: datetime, *, root: bytes, given: Mapping[str, object], log2_n: int
) -> None:
    """Everything an edge begins with, the settings last."""
    seeds = {name: os.urandom(SEED_BYTES) for name in SEEDS}
    offices = {ADMINISTRATORS: os.urandom(SEED_BYTES)}
    write_keyring(settings.keyring, seeds, make_passphrase(settings.folder / PASSPHRASE), log2_n=log2_n)
    write_keyring(office / KEYRING, offices, make_passphrase(office / PASSPHRASE), log2_n=log2_n)
    enrolment = make_enrolment(seeds | offices, settings.partner, now=now)
    write_durably(settings.folder / f"{settings.partner}.enrolment", enrolment)
    write_durably(settings.root, root)
    make_passphrase(settings.folder / TOKEN_FILE)
    for folder in (settings.spool, settings.attachments):
        folder.mkdir(mode=0o700)
    database = open_database(settings.database)
    try:
        create(database)
    finally:
        database.close()
    write_durably(settings.folder / SETTINGS_FILE, settings_text(given, "adapters/edge/settings.py").encode())


def _check_root(root: bytes, now: datetime) -> None:
    """The bytes are a root that may be trusted, or Rejected(DIRECTORY_INVALID)."""
    try:
        DirectoryClient(root).cached(now)
    except Unavailable:
        return  # it is one; there is nothing more to read yet
    raise Rejected("DIRECTORY_INVALID", "/root")
