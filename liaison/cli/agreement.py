"""`liaison agreement`: propose, sign, publish, suspend and list agreements; show when their clocks run out.

A draft goes from party to party and is signed by each one's administrators; the registrar publishes it once all have
signed. One party suspends alone, at once. Passphrases come from files (`liaison keys --help`).

`list` without a directory lists the clock profiles, and `due` counts by one: both need no hub, no keys, no network.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

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
from liaison.cli.output import emit, group, note
from schemas.errors import CODES, Rejected

app = group(__doc__ or "")

DraftArgument = Annotated[Path, typer.Argument(metavar="DRAFT", help="The draft.")]
AdminOption = Annotated[Path, typer.Option("--admin", metavar="KEYRING", help="The administrators' key file.")]
ADMINISTRATORS = "admin.ed25519"

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


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
def list_(
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="A directory's folder. Default: the clock profiles we ship."),
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """List the agreements of a directory and whether they are in force, or the clock profiles."""
    shown: list[tuple[str, tuple[str, ...], str]]
    if directory is None:
        from schemas.agreements import profile

        shown = [(one.id, one.parties, one.status) for one in map(profile.load, profile.ids())]
    else:
        found = read_directory(directory).agreements
        shown = [(one.id, one.parties, one.status) for _, one in sorted(found.items())]
    emit([{"id": name, "parties": list(parties), "status": status} for name, parties, status in shown], as_json)


@app.command()
def due(
    agreement: Annotated[str, typer.Option("--agreement", metavar="ID", help="The clock profile, as listed.")],
    step: Annotated[str, typer.Option(metavar="KEY", help="The profile's key, for example reply_limit.")],
    at: Annotated[
        str, typer.Option("--from", metavar="INSTANT", help="What it is counted from; of a lead, its event. With zone.")
    ],
    *,
    procedure: Annotated[str, typer.Option(help="normal, accelerated or airport.")] = "normal",
    extension_days: Annotated[
        int | None, typer.Option(metavar="N", help="Days by which the end is made longer, from the original end.")
    ] = None,
    asked_at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="When the extension was asked for; for other steps, when the step was taken."
        ),
    ] = None,
    requested: Annotated[
        str | None, typer.Option(metavar="STATE", help="ISO alpha-3. Default: the party outside the Union.")
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Show when a step is due under a profile, and how that is counted."""
    from schemas.agreements import profile
    from schemas.agreements.clocks import PROCEDURES, STEPS, Procedure, Question
    from schemas.agreements.clocks import due as due_of

    if procedure not in PROCEDURES:
        raise typer.BadParameter(f"is none of {', '.join(PROCEDURES)}", param_hint="--procedure")
    counted_by = profile.load(agreement)
    if step not in STEPS:
        raise Rejected("CODE_UNKNOWN", "/step")
    then = None if asked_at is None else _instant(asked_at, "/asked_at")
    extends = STEPS[step].extends
    found = due_of(
        counted_by,
        Question(
            step=step,
            at=_instant(at, "/from"),
            procedure=cast("Procedure", procedure),
            extension_days=extension_days,
            asked_at=then if extends else None,
            done_at=None if extends else then,
            requested=requested,
        ),
    )
    for code in found.warnings:
        note(f"Warning: {code}. {CODES[code].words}")
    emit(found.as_json(), as_json)


def _instant(text: str, path: str) -> datetime:
    if _INSTANT.fullmatch(text) is None:
        raise Rejected("FIELD_PATTERN", path)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected("FIELD_PATTERN", path) from error


def _administrators(admin: Path, passphrase_file: Path | None) -> bytes:
    try:
        return open_keyring(admin, passphrase_file)[ADMINISTRATORS]
    except KeyError as error:
        raise Rejected("KEY_UNKNOWN") from error
