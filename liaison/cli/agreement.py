"""`liaison agreement`: propose, sign, publish, suspend and list agreements between authorities.

A draft goes from party to party and is signed by each one's administrators; the registrar publishes it once all have
signed. One party suspends alone, at once. Passphrases come from files (`liaison keys --help`).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from liaison.cli.keys import (
    CeremonyOption,
    DirectoryOption,
    JSONOption,
    OnlineOption,
    PassphraseOption,
    open_keyring,
    open_repository,
    read_directory,
    read_file,
    registrar,
)
from liaison.cli.output import emit, group
from schemas.errors import Rejected

app = group(__doc__ or "")

DraftArgument = Annotated[Path, typer.Argument(metavar="DRAFT", help="The draft.")]
AdminOption = Annotated[Path, typer.Option("--admin", metavar="KEYRING", help="The administrators' key file.")]
ADMINISTRATORS = "admin.ed25519"


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The agreement as JSON.")],
    out: Annotated[Path, typer.Option("--out", metavar="DRAFT", help="Where to write the draft.")],
    as_json: JSONOption = False,
) -> None:
    """Write a draft that nobody has signed yet."""
    from keys.directory.draft import propose as draft_of
    from keys.directory.durable_file import write_durably
    from schemas import strict_json
    from schemas.agreements.agreement import parse_agreement

    agreement = parse_agreement(strict_json.loads(read_file(file)))
    write_durably(out, draft_of(agreement, datetime.now(UTC)))
    emit({"id": agreement.id, "version": agreement.version, "draft": out}, as_json)


@app.command()
def sign(
    draft: DraftArgument,
    admin: AdminOption,
    passphrase_file: PassphraseOption = None,
    as_json: JSONOption = False,
) -> None:
    """Sign a draft, in place, with a party's administrators' key."""
    from keys.directory.draft import parse_draft, sign_draft
    from keys.directory.durable_file import write_durably

    signed = sign_draft(read_file(draft), _administrators(admin, passphrase_file))
    write_durably(draft, signed)
    found = parse_draft(signed)
    emit(
        {
            "id": found.agreement.id,
            "version": found.agreement.version,
            "parties": list(found.agreement.parties),
            "signatures": len(found.metadata.signatures),
        },
        as_json,
    )


@app.command()
def publish(
    draft: DraftArgument,
    *,
    directory: DirectoryOption,
    ceremony: CeremonyOption,
    passphrase_file: PassphraseOption = None,
    online: OnlineOption = None,
    as_json: JSONOption = False,
) -> None:
    """Publish a draft that every party has signed."""
    from keys.directory.draft import parse_draft

    raw = read_file(draft)
    offered = parse_draft(raw).agreement
    seeds = registrar(ceremony, passphrase_file)
    published = open_repository(directory, online).publish_agreement(seeds, raw, datetime.now(UTC))
    emit(
        {
            "id": offered.id,
            "version": offered.version,
            "parties": list(offered.parties),
            "status": published.agreement(offered.id).status,
            "directory": published.version,
        },
        as_json,
    )


@app.command()
def suspend(
    agreement: Annotated[str, typer.Argument(metavar="ID", help="The agreement.")],
    *,
    admin: AdminOption,
    directory: DirectoryOption,
    passphrase_file: PassphraseOption = None,
    online: OnlineOption = None,
    as_json: JSONOption = False,
) -> None:
    """Suspend an agreement on behalf of one party, at once."""
    seed = _administrators(admin, passphrase_file)
    published = open_repository(directory, online).suspend(agreement, seed, datetime.now(UTC))
    emit(
        {"id": agreement, "status": published.agreement(agreement).status, "directory": published.version},
        as_json,
    )


@app.command("list")
def list_(directory: DirectoryOption, as_json: JSONOption = False) -> None:
    """List the agreements of the directory and whether they are in force."""
    found = read_directory(directory).agreements
    emit(
        [{"id": one.id, "parties": list(one.parties), "status": one.status} for _, one in sorted(found.items())],
        as_json,
    )


def _administrators(admin: Path, passphrase_file: Path | None) -> bytes:
    try:
        return open_keyring(admin, passphrase_file)[ADMINISTRATORS]
    except KeyError as error:
        raise Rejected("KEY_UNKNOWN") from error
