"""`liaison edge`: set up and run one authority's edge; send, release what is held, see what came, receipts, alarms."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli.keys import CostOption
from liaison.cli.output import ExitCode, emit, group, note
from schemas.errors import Rejected

if TYPE_CHECKING:
    from adapters.contract import Settlement, Submission
    from adapters.edge.release import Decision
    from adapters.edge.settings import EdgeSettings
    from adapters.edge.wiring import Edge
    from keys.proofs.checkpoint import LogPublic
    from service.sqlite import Connection

app = group(__doc__ or "")

CHANNEL = "command"
"""What the outbox calls this command as a channel."""

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The edge's data directory.")]
MessageArgument = Annotated[str, typer.Argument(metavar="ID", help="The message's, as `liaison edge holds` lists it.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides; stays in this edge's journal.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; stays in this edge's journal.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most, newest first.")]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ServeJSONOption = Annotated[
    bool, typer.Option("--json", help="The line that says it is ready is JSON with or without.")
]


@app.command()
def init(
    folder: FolderArgument,
    *,
    partner: Annotated[str, typer.Option("--partner", metavar="ID", help="Our partner id.")],
    hub: Annotated[str, typer.Option("--hub", metavar="URL", help="Where the hub is reached.")],
    root: Annotated[Path, typer.Option("--root", metavar="FILE", help="The hub's root.json, as it was handed over.")],
    url: Annotated[str | None, typer.Option(help="Where the hub reaches us. Default: http://HOST:PORT.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 8450.")] = None,
    administrators: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the administrators' keys go. Default: in the data directory."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Real operation.")] = False,
    scrypt_cost: CostOption = None,
    as_json: JSONOption = False,
) -> None:
    """Make keys, data directory, and the enrolment to hand to the hub's registrar."""
    from adapters.edge.enrolling import initialise
    from keys.custody import LOG2_N_DEFAULT
    from liaison.cli.keys import read_file

    given: dict[str, object] = {
        "partner": partner,
        "hub": hub,
        "url": url or f"http://{host or '127.0.0.1'}:{port or 8450}",
        "host": host,
        "port": port,
        "live": live or None,
    }
    try:
        made = initialise(
            folder,
            datetime.now(UTC),
            root=read_file(root),
            given=given,
            administrators=administrators,
            log2_n=scrypt_cost or LOG2_N_DEFAULT,
        )
    except FileExistsError:
        raise typer.BadParameter("there is something already; nothing is overwritten", param_hint="DIR") from None
    note("Read the fingerprint out to the registrar over a second channel; move the administrators' keys elsewhere.")
    emit(
        {
            "folder": made.folder,
            "partner": partner,
            "administrators": made.administrators,
            "enrolment": made.enrolment,
            "fingerprint": made.fingerprint,
        },
        as_json,
    )


@app.command()
def serve(
    folder: FolderArgument,
    *,
    host: Annotated[str | None, typer.Option(help="Instead of the settings'.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of the settings'; 0: any free.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    _as_json: ServeJSONOption = False,
) -> None:
    """Run the edge until it is told to end."""
    from adapters.edge.app import create_app
    from keys.custody import harden_process
    from service import logs
    from service.server import check_address, tls_of
    from service.server import serve as run

    settings = _settings(folder, host=host, port=port, log_level=log_level)
    logs.configure("edge", level=settings.log_level)
    harden_process()
    tls = tls_of(settings.tls_certificate, settings.tls_key)
    check_address(settings.host, tls)
    run(
        create_app(settings),
        settings.host,
        settings.port,
        name="edge",
        tls=tls,
        concurrency_max=settings.requests_at_once_max,
        drain_seconds=settings.drain_seconds,
    )


@app.command()
def send(
    folder: FolderArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The payload, JSON with its kind.")],
    *,
    to: Annotated[list[str] | None, typer.Option("--to", help="A partner id; several times for several.")] = None,
    attach: Annotated[list[Path] | None, typer.Option(help="A file that the payload names by its SHA-256.")] = None,
    agreement: Annotated[str | None, typer.Option(help="Needed where several fit.")] = None,
    basis: Annotated[str | None, typer.Option(help="Needed where several fit.")] = None,
    role: Annotated[str | None, typer.Option(help="Needed where several fit.")] = None,
    name: Annotated[str | None, typer.Option(help="Our own name for it; the same name is never sent twice.")] = None,
    as_json: JSONOption = False,
) -> ExitCode:
    """Check a message and write it to the outbox; a running edge sends it."""
    from adapters.contract import Held, Submission, Taken
    from liaison.cli.keys import read_file
    from schemas import registry

    submission = Submission(
        external_id=name or str(uuid.uuid4()),
        payload=registry.load(read_file(file)),
        to=tuple(to or ()),
        attachments={_sha256(path): path for path in attach or ()},
        agreement=agreement,
        basis=basis,
        role=role,
    )
    settlement = asyncio.run(_submit(_settings(folder), submission))
    if isinstance(settlement, Taken):
        said: dict[str, object] = {
            "id": settlement.id,
            "case": settlement.case_handle,
            "name": submission.external_id,
        }
        if isinstance(settlement, Held):
            said |= {"state": "held", "findings": [finding.as_json() for finding in settlement.findings]}
            note("Held: an officer must release it (`liaison edge holds`).")
        emit(said, as_json)
        return ExitCode.DONE
    findings = [finding.as_json() for finding in settlement.findings]
    emit({"code": settlement.code, "findings": findings}, as_json)
    note(f"Refused: {settlement.code}.")
    return ExitCode.REFUSED


@app.command()
def inbox(
    folder: FolderArgument,
    *,
    payload: Annotated[str | None, typer.Option(metavar="ID", help="Print this message's payload alone.")] = None,
    limit: LimitOption = 100,
    as_json: JSONOption = False,
) -> None:
    """List what was received; never payloads, unless one is asked for."""
    from adapters.edge import status as found

    with _database(folder) as (_, connection):
        if payload is not None:
            emit(_payload(connection, payload), True)
            return
        emit(found.incoming(connection, limit), as_json)


@app.command()
def outbox(folder: FolderArgument, *, limit: LimitOption = 100, as_json: JSONOption = False) -> None:
    """List what was sent and what became of it; no payloads."""
    from adapters.edge import status as found

    with _database(folder) as (_, connection):
        emit(found.outgoing(connection, limit), as_json)


@app.command()
def holds(
    folder: FolderArgument,
    *,
    show: Annotated[
        str | None,
        typer.Option("--show", metavar="ID", help="Print the held texts of this one, for the local officer."),
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """List submissions that wait for an officer's release; never texts, unless one's are asked for."""
    from adapters.edge import status as found
    from adapters.edge.holds import Holds

    with _database(folder) as (settings, connection):
        if show is not None:
            hold = Holds(connection).find(show)
            texts = [{"place": place, "text": text} for place, text in hold.texts().items()]
            emit({"id": hold.id, "kind": hold.kind, "recipients": hold.plan.to, "texts": texts}, True)
            return
        emit(found.holds(connection, settings.clock(), settings.hold_alarm_hours), as_json)


@app.command()
def release(
    folder: FolderArgument,
    message_id: MessageArgument,
    *,
    by: ByOption,
    reason: ReasonOption,
    as_json: JSONOption = False,
) -> ExitCode:
    """Let a held submission go: its texts were looked at and may be said to these recipients."""
    from adapters.edge.release import release as decide

    deciding = _decide(_settings(folder), lambda edge: decide(edge, message_id, by=by, reason=reason), directory=True)
    decision = asyncio.run(deciding)
    _say(decision, as_json)
    return ExitCode.DONE if decision.state in {"released", "agreed"} else ExitCode.REFUSED


@app.command()
def refuse(
    folder: FolderArgument,
    message_id: MessageArgument,
    *,
    by: ByOption,
    reason: ReasonOption,
    as_json: JSONOption = False,
) -> None:
    """Never send a held submission; its channel is told that it is refused, not why."""
    from adapters.edge.release import refuse as decide

    _say(asyncio.run(_decide(_settings(folder), lambda edge: decide(edge, message_id, by=by, reason=reason))), as_json)


@app.command()
def journal(
    folder: FolderArgument,
    message_id: Annotated[str | None, typer.Argument(metavar="ID", help="Of one message.")] = None,
    *,
    limit: LimitOption = 100,
    as_json: JSONOption = False,
) -> ExitCode:
    """Show what was decided about held submissions, by whom and why; never leaves here. Ends with 3 if changed."""
    from adapters.edge import journal as found

    with _database(folder) as (_, connection):
        head = found.check(connection)
        emit(found.entries(connection, message_id, limit), as_json)
    if head.broken_at is not None:
        note(f"Changed by other hands: it does not hold from row {head.broken_at}.")
        return ExitCode.NOT_VERIFIED
    return ExitCode.DONE


@app.command()
def receipt(
    folder: FolderArgument,
    message_id: Annotated[str | None, typer.Argument(metavar="MESSAGE_ID", help="Of one message.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Of all messages.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the receipt to this file; with --all, to this folder.")
    ] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="The log's verifier keys. Default: as the directory has them.")
    ] = None,
    as_json: JSONOption = False,
) -> ExitCode:
    """Show receipts and verify them offline."""
    from adapters.edge import status as found

    if (message_id is None) == (not every):
        raise typer.BadParameter("a message id, or --all", param_hint="MESSAGE_ID")
    with _database(folder) as (settings, connection):
        public = found.log_public(folder, log_key, None if log_key else _log_of(settings))
        rows = list(found.receipts(connection, message_id))
    if message_id is not None and not rows:
        raise Rejected("NOT_FOUND")
    shown: list[dict[str, object]] = []
    for row in rows:
        try:
            verified = found.verify(row, public)
        except Rejected as refusal:
            shown.append({"id": row.id, "direction": row.direction, "verified": False, "code": refusal.code})
            continue
        leaf = verified.leaf
        shown.append(
            {
                "id": row.id,
                "direction": row.direction,
                "verified": True,
                "event": leaf.event,
                "index": verified.index,
                "at": leaf.at,
                "digest": leaf.digest,
                "code": leaf.code,
                "log": verified.checkpoint.origin,
                "size": verified.checkpoint.size,
                "root": verified.checkpoint.root,
            }
        )
    if out is not None:
        _write_receipts(out, [(f"{row.id}.{row.direction}.receipt", row.raw) for row in rows], folder=every)
    emit(shown if every else shown[0], as_json)
    good = all(row["verified"] for row in shown)
    return ExitCode.DONE if good else ExitCode.NOT_VERIFIED


@app.command()
def certificate(
    folder: FolderArgument,
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="Its handle, as `liaison edge outbox` and `inbox` show it.")
    ],
    clock: Annotated[
        str, typer.Argument(metavar="KEY", help="The key of the profile: reply_limit, transfer_limit ...")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the certificate is written; must not exist.")],
    *,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="The log's two verifier keys. Default: as the directory has them.")
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Write a deadline certificate from our own case file, signed by us; it asks nobody and trusts nobody."""
    from adapters.edge.certificates import made
    from adapters.edge.status import log_public
    from keys.custody import read_keyring, read_passphrase
    from keys.suite import SigningPair

    with _database(folder) as (settings, connection):
        secrets = read_keyring(settings.keyring, read_passphrase(settings.passphrase))
        raw = made(
            connection,
            log_public(folder, log_key, None if log_key else _log_of(settings)),
            partner=settings.partner,
            pair=SigningPair.from_seeds(secrets["sign.ed25519"], secrets["sign.mldsa65"]),
            case=case,
            clock=clock,
            now=datetime.now(UTC),
        )
    with file.open("xb") as target:
        target.write(raw)
    emit({"case": case, "clock": clock, "file": str(file), "bytes": len(raw)}, as_json)


@app.command()
def status(
    folder: FolderArgument,
    *,
    seen: Annotated[bool, typer.Option("--seen", help="Mark the alarms shown as seen.")] = False,
    as_json: JSONOption = False,
) -> ExitCode:
    """Count what was sent, held, received and noticed; list alarms. Ends with 3 while log or journal do not hold."""
    from adapters.edge import status as found
    from adapters.edge.duties import owed
    from adapters.edge.journal import check

    with _database(folder) as (settings, connection):
        trusted = found.trusted(connection)
        alarms = found.alarms(connection)
        waiting = found.holds(connection, settings.clock(), settings.hold_alarm_hours)
        overdue = sum(one.overdue for one in waiting)
        journal = check(connection)
        duties = owed(connection, datetime.now(UTC))
        emit(
            {
                "partner": settings.partner,
                **found.counts(connection),
                "unseen": sum(not alarm.seen for alarm in alarms),
                "held_since": waiting[0].since if waiting else None,
                "held_overdue": overdue,
                "journal_rows": journal.rows,
                "journal_hash": journal.hash,
                "journal_broken_at": journal.broken_at,
                "log_trusted": trusted,
                "corrections_owed": duties,
                "alarm_list": alarms,
            },
            as_json,
        )
        if duties:
            note(f"Corrections of data that replies to overstay notices oblige us to: {len(duties)}.")
        if overdue:
            note(f"Held longer than {settings.hold_alarm_hours:g} hours: {overdue}. See `liaison edge holds`.")
        if journal.broken_at is not None:
            note(f"The journal of decisions was changed by other hands: it does not hold from row {journal.broken_at}.")
        if seen:
            connection.execute("UPDATE alarm SET seen = 1 WHERE seq <= (SELECT max(seq) FROM alarm)")
    return ExitCode.DONE if trusted and journal.broken_at is None else ExitCode.NOT_VERIFIED


@app.command()
def trust(
    folder: FolderArgument,
    *,
    evidence: Annotated[Path, typer.Option("--evidence", help="Where to put what was kept; must not be there yet.")],
    as_json: JSONOption = False,
) -> None:
    """Trust the log again, once the evidence has been judged: the next state seen is the first. Not while served."""
    from adapters.edge.tables import read_meta
    from keys.directory.durable_file import write_durably

    with _database(folder) as (_, connection):
        kept = read_meta(connection, "log_broken")
        if kept is None:
            raise Rejected("NOT_FOUND")
        if evidence.exists():
            raise typer.BadParameter("there is such a file already", param_hint="--evidence")
        write_durably(evidence, kept)
        connection.execute("DELETE FROM meta WHERE name IN ('checkpoint', 'log_broken')")
    emit({"log_trusted": True, "evidence": evidence}, as_json)


def _settings(folder: Path, **given: object) -> "EdgeSettings":
    from adapters.edge.settings import SETTINGS_FILE, load_settings

    if not (folder / SETTINGS_FILE).exists():
        raise typer.BadParameter("there is no edge here; `liaison edge init` makes one", param_hint="DIR")
    return load_settings(folder, **given)


@contextmanager
def _database(folder: Path) -> "Iterator[tuple[EdgeSettings, Connection]]":
    from adapters.edge.tables import create
    from service.sqlite import open_database

    settings = _settings(folder)
    with closing(open_database(settings.database)) as connection:
        create(connection)
        yield settings, connection


async def _decide(
    settings: "EdgeSettings", decide: "Callable[[Edge], Decision]", *, directory: bool = False
) -> "Decision":
    from adapters.edge.wiring import open_edge

    async with open_edge(settings) as edge:
        if directory and edge.directories.version == 0:
            await edge.directories.refresh()
        return decide(edge)


def _say(decision: "Decision", as_json: bool) -> None:
    said: dict[str, object] = {"id": decision.id, "state": decision.state}
    if decision.code is not None:
        said |= {"code": decision.code, "findings": [finding.as_json() for finding in decision.findings]}
    emit(said, as_json)
    if decision.state == "agreed":
        note("A second person must release it too.")
    elif decision.state == "held":
        note("The rules hold other texts of it now than before: look again (`liaison edge holds DIR --show ID`).")
    elif decision.state == "refused":
        note(f"Refused: {decision.code}.")


async def _submit(settings: "EdgeSettings", submission: "Submission") -> "Settlement":
    from adapters.edge.intake import submit
    from adapters.edge.wiring import open_edge

    async with open_edge(settings) as edge:
        if edge.directories.version == 0:
            await edge.directories.refresh()
        edge.monitor.check_trusted()
        return await submit(edge, CHANNEL, submission)


def _payload(connection: "Connection", message_id: str) -> object:
    from schemas import registry

    rows = connection.execute(
        "SELECT payload FROM inbox WHERE id = ? AND payload IS NOT NULL", (message_id,)
    ).fetchall()
    if len(rows) != 1:
        raise Rejected("NOT_FOUND")
    return registry.load(rows[0][0])


def _log_of(settings: "EdgeSettings") -> "LogPublic":
    """The log's keys as the directory in use names them."""
    from adapters.edge.wiring import cached_log

    return cached_log(settings)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Rejected("NOT_FOUND") from error


def _write_receipts(out: Path, named: list[tuple[str, bytes]], *, folder: bool) -> None:
    from keys.directory.durable_file import write_durably

    if not folder:
        write_durably(out, named[0][1])
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, raw in named:
        write_durably(out / name, raw)
