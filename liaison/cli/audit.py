"""`liaison audit`: verify a hub's log or show one entry with its proof, anywhere, trusting nobody."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from liaison.cli.output import ExitCode, emit, group, note, progress
from schemas.errors import Rejected

app = group(__doc__ or "")

SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The hub's SQLite file, a tile directory or a URL.")
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--log-key", "--policy", help="The log's two verifier keys, or a tlog-policy that names them."),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def verify(source: SourceArgument, log_key: KeyOption = None, as_json: JSONOption = False) -> ExitCode:
    """Recompute the whole log and compare it with what was signed; name every entry at fault."""
    from liaison.audit.sources import open_source
    from liaison.audit.trust import log_keys
    from liaison.audit.verification import verify_log

    trusted = log_keys(log_key, source)
    with closing(open_source(source)) as opened, progress("Leaves") as advance:
        report = verify_log(opened, trusted.public, advance)
    emit({**report.as_json(), "keys": trusted.as_json()}, as_json)
    if trusted.beside_source:
        note("The log's keys lay beside the log itself: compare their ids with those the hub's operator published.")
    for one in report.discrepancies:
        note(f"Entry {one.index}: {one.code}")
    note("Verified." if report.verified else "NOT VERIFIED.")
    return ExitCode.DONE if report.verified else ExitCode.NOT_VERIFIED


@app.command()
def show(
    source: SourceArgument,
    index: Annotated[int, typer.Argument(metavar="INDEX", min=0, help="The entry's place in the log, from 0.")],
    log_key: KeyOption = None,
    as_json: JSONOption = False,
) -> ExitCode:
    """Show one entry and prove that it stands in the signed log."""
    from liaison.audit.entry import prove_entry
    from liaison.audit.sources import open_source
    from liaison.audit.trust import log_keys

    trusted = log_keys(log_key, source)
    try:
        with closing(open_source(source)) as opened:
            entry = prove_entry(opened, index, trusted.public)
    except Rejected as error:
        if error.code == "NOT_FOUND":
            raise
        emit({"verified": False, "index": index, "code": error.code}, as_json)
        note("NOT VERIFIED.")
        return ExitCode.NOT_VERIFIED
    emit({**entry.as_json(), "keys": trusted.as_json()}, as_json)
    return ExitCode.DONE


@app.command()
def certificate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="As `liaison hub certificate` or `liaison edge certificate` wrote it."),
    ],
    log_key: Annotated[
        Path,
        typer.Option("--log-key", "--policy", help="The log's two verifier keys, or a tlog-policy that names them."),
    ],
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="A copy of the key directory; for one that an edge signed."),
    ] = None,
    as_json: JSONOption = False,
) -> ExitCode:
    """Count the deadline again and prove what started it and who says so; needs no hub and no network."""
    from keys.proofs import deadline, own_deadline
    from liaison.audit.trust import directory_at, log_keys
    from schemas.agreements import profile

    trusted = log_keys(log_key, str(file))
    with file.open("rb") as source:
        raw = source.read(deadline.FILE_BYTES_MAX + 1)
    own = own_deadline.is_own(raw)
    if own and directory is None:
        raise typer.BadParameter("an authority signed this: its keys stand there", param_hint="--directory")
    found: deadline.CheckedDeadline | own_deadline.CheckedOwnDeadline
    try:
        if own and directory is not None:
            signed = own_deadline.decode(raw)
            keys = directory_at(directory, own_deadline.signed_at(signed))
            found = own_deadline.check(signed, trusted.public, keys, profile.load)
        else:
            found = deadline.check(deadline.decode(raw), trusted.public, profile.load)
    except Rejected as error:
        emit({"verified": False, "code": error.code}, as_json)
        note("NOT VERIFIED.")
        return ExitCode.NOT_VERIFIED
    shown = found.as_json()
    emit({**shown, "keys": trusted.as_json()}, as_json)
    if own:
        note("Compare the signer's key ids with those the authority published, and the directory's root with yours.")
    note("Verified." if not shown["indicative"] else "Verified as counted; the text is not: indicative.")
    return ExitCode.DONE
