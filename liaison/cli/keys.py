"""`liaison keys`: make key files, hand over an enrolment, enrol a partner, list the directory.

Passphrases come from files alone (mode 0600), by default the file `passphrase` beside the key file; none is ever typed,
printed or an argument. What the hub's online keys must sign is signed with its own key file, on the hub's machine.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli.output import emit, group, note
from schemas.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from keys.directory.directory import Directory
    from keys.directory.repository import Repository

app = group(__doc__ or "")

FILE_BYTES_MAX = 1024 * 1024
SETS: Mapping[str, tuple[str, ...]] = {
    "edge": ("sign.ed25519", "sign.mldsa65", "kem", "request"),
    "administrators": ("admin.ed25519",),
}
"""What a key file is for -> the seeds in it."""

DirectoryOption = Annotated[
    Path, typer.Option("--directory", metavar="DIR", help="The directory's folder (metadata/, targets/).")
]
CeremonyOption = Annotated[
    Path, typer.Option("--ceremony", metavar="DIR", help="The folder with the registrar's key file.")
]
PassphraseOption = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Default: `passphrase` (or `secrets`) beside the key file.")
]
OnlineOption = Annotated[
    Path | None,
    typer.Option("--online", metavar="KEYRING", help="The hub's key file. Default: `keyring` beside the directory."),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CostOption = Annotated[
    int | None,
    typer.Option(
        "--scrypt-cost", metavar="LOG2N", min=10, max=20,
        help="Of key files: 17 needs 128 MiB for each opening. Less is for demonstrations.",
    ),
]  # fmt: skip


@app.command()
def make(
    keyring: Annotated[Path, typer.Argument(metavar="KEYRING", help="The key file to make.")],
    purpose: Annotated[str, typer.Option("--for", help="edge or administrators.")] = "edge",
    passphrase_file: PassphraseOption = None,
    as_json: JSONOption = False,
) -> None:
    """Make a key file with fresh keys, and its passphrase file where there is none."""
    from keys.custody import make_passphrase, read_passphrase, write_keyring

    names = SETS.get(purpose)
    if names is None:
        raise typer.BadParameter("edge or administrators", param_hint="--for")
    if keyring.exists():
        raise typer.BadParameter("there is such a file already; it is not overwritten", param_hint="KEYRING")
    keyring.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    where = passphrase_file or keyring.parent / "passphrase"
    if not where.exists():
        make_passphrase(where)
    write_keyring(keyring, {name: os.urandom(32) for name in names}, read_passphrase(where))
    emit({"keyring": keyring, "keys": list(names)}, as_json)


@app.command()
def enrolment(
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")],
    *,
    keyring: Annotated[Path, typer.Option("--keyring", help="The edge's key file.")],
    admin: Annotated[Path, typer.Option("--admin", metavar="KEYRING", help="The administrators' key file.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write the enrolment.")],
    passphrase_file: PassphraseOption = None,
    admin_passphrase_file: Annotated[Path | None, typer.Option(help="Of the administrators' key file.")] = None,
    as_json: JSONOption = False,
) -> None:
    """Write what the registrar needs: the public keys, signed by the administrators, each key proved to be held."""
    from keys.directory.durable_file import write_durably
    from keys.directory.enrolment import make_enrolment, parse_enrolment

    seeds = {**open_keyring(keyring, passphrase_file), **open_keyring(admin, admin_passphrase_file)}
    raw = make_enrolment(seeds, partner, now=datetime.now(UTC))
    made = parse_enrolment(raw)
    write_durably(out, raw)
    emit({"partner": partner, "enrolment": out, "fingerprint": made.fingerprint}, as_json)


@app.command()
def enrol(
    enrolment_file: Annotated[Path, typer.Argument(metavar="ENROLMENT", help="The partner's enrolment.")],
    *,
    directory: DirectoryOption,
    ceremony: CeremonyOption,
    state: Annotated[str, typer.Option(help="The partner's state, ISO alpha-3.")],
    authority: Annotated[str, typer.Option(help="The legal body's name.")],
    roles: Annotated[str, typer.Option(help="Its roles, joined by commas.")],
    kinds: Annotated[str | None, typer.Option(help="Message kinds it takes part in. Default: all there are.")] = None,
    delivery_url: Annotated[str | None, typer.Option(help="Where the hub delivers. Default: the partner asks.")] = None,
    accounts: Annotated[
        str, typer.Option(help="Who may sign in to the hub's pages: `officer-1:LO,auditor-1:AUDIT`; roles join by `+`.")
    ] = "",
    fingerprint: Annotated[str | None, typer.Option(help="As read out by the partner; another is refused.")] = None,
    test: Annotated[bool, typer.Option("--test", help="A partner for tests.")] = False,
    passphrase_file: PassphraseOption = None,
    online: OnlineOption = None,
    as_json: JSONOption = False,
) -> None:
    """Enrol a partner: check its proofs, delegate its role to its administrators, publish."""
    from keys.directory.enrolment import parse_enrolment
    from keys.directory.records import INVALID, Account, PartnerRecord, encode_partner, parse_partner

    raw = read_file(enrolment_file)
    offered = parse_enrolment(raw)
    if fingerprint is not None and fingerprint.lower().replace(" ", "") != offered.fingerprint:
        raise Rejected(INVALID, "/fingerprint")
    record = PartnerRecord(
        offered.partner,
        state,
        authority,
        _split(roles),
        _kinds() if kinds is None else _split(kinds),
        delivery_url,
        test,
        tuple(Account(name, tuple(filter(None, listed.split("+")))) for name, listed in _pairs(accounts)),
    )
    record = parse_partner(encode_partner(record))
    seeds = registrar(ceremony, passphrase_file)
    published = open_repository(directory, online).enrol(seeds, raw, record, datetime.now(UTC))
    if fingerprint is None:
        note("Compare the fingerprint with the partner over a second channel.")
    emit(
        {
            "partner": record.id,
            "state": record.state,
            "version": published.version,
            "fingerprint": offered.fingerprint,
            "keys": [{"id": key.id, "use": key.use, "not_after": key.not_after} for key in published.keys[record.id]],
        },
        as_json,
    )


@app.command("list")
def list_(directory: DirectoryOption, as_json: JSONOption = False) -> None:
    """List the partners of the directory with their keys."""
    found = read_directory(directory)
    rows: list[dict[str, object]] = [
        {
            **record.as_json(),
            "keys": [
                {
                    "id": key.id,
                    "use": key.use,
                    "algorithm": key.algorithm,
                    "not_before": key.not_before,
                    "not_after": key.not_after,
                    "status": key.status,
                }
                for key in found.keys[partner]
            ],
        }
        for partner, record in sorted(found.partners.items())
    ]
    if not as_json:
        rows = [
            {
                "id": row["id"],
                "state": row["state"],
                "authority": row["authority"],
                "roles": ",".join(found.partners[str(row["id"])].roles),
                "keys": len(found.keys[str(row["id"])]),
            }
            for row in rows
        ]
    emit(rows, as_json)


def open_keyring(keyring: Path, passphrase_file: Path | None) -> dict[str, bytes]:
    """The seeds of a key file, its passphrase from the file named or the one beside it."""
    from keys.custody import read_keyring, read_passphrase

    return read_keyring(keyring, read_passphrase(passphrase_file or beside(keyring)))


def beside(keyring: Path) -> Path:
    """The passphrase file of a key file when none is named: `passphrase`, or a hub's `secrets`."""
    found = [keyring.parent / name for name in ("passphrase", "secrets")]
    return next((path for path in found if path.exists()), found[0])


def open_repository(directory: Path, online: Path | None) -> "Repository":
    """The publishing side of a directory, with the hub's online keys."""
    from keys.directory.repository import Repository

    return Repository(directory, open_keyring(online or directory.resolve().parent / "keyring", None))


def read_directory(directory: Path) -> "Directory":
    """The version published in this folder, its whole chain verified from the folder's own first root."""
    from keys.directory.client import DirectoryClient, folder_fetch

    root = read_file(directory / "metadata" / "1.root.json")
    return DirectoryClient(root, None, folder_fetch(directory)).refresh(datetime.now(UTC))


def read_file(path: Path) -> bytes:
    """A file's bytes, or Rejected(NOT_FOUND), or Unavailable when it cannot be read or is longer than any of ours."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise Rejected("NOT_FOUND") from error
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    if len(data) > FILE_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    return data


def registrar(ceremony: Path, passphrase_file: Path | None) -> list[bytes]:
    """The registrars' seeds of a ceremony's folder."""
    from keys.custody import read_passphrase
    from keys.directory.repository import CEREMONY_KEYRING, registrar_seeds

    return registrar_seeds(ceremony, read_passphrase(passphrase_file or beside(ceremony / CEREMONY_KEYRING)))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in (one.strip() for one in text.split(",")) if part)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name.strip(), listed.strip()) for name, _, listed in (one.partition(":") for one in _split(text))]


def _kinds() -> tuple[str, ...]:
    from schemas.lifecycles import RULES

    return tuple(sorted(RULES))
