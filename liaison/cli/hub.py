"""`liaison hub`: set up and run a hub; see how it stands; see and drive again what could not be delivered."""

import getpass
import os
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli import hub_broker
from liaison.cli.keys import CostOption
from liaison.cli.output import ExitCode, emit, group, note, progress

if TYPE_CHECKING:
    from hub.cases.clocks import CaseClock
    from hub.settings import HubSettings
    from service.server import TLS

app = group(__doc__ or "")
app.add_typer(hub_broker.app, name="broker")

LISTED_MAX = 1000

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The hub's data directory.")]
PartnerOption = Annotated[str | None, typer.Option("--partner", help="Of this partner alone.")]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ServeJSONOption = Annotated[
    bool, typer.Option("--json", help="The line that says it is ready is JSON with or without.")
]


@app.command()
def init(
    folder: FolderArgument,
    *,
    name: Annotated[str | None, typer.Option(help="The hub's name; its log is NAME/audit/YEAR.")] = None,
    url: Annotated[str | None, typer.Option(help="Where partners reach it. Default: http://HOST:PORT.")] = None,
    host: Annotated[str | None, typer.Option(help="The address it listens on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 8440.")] = None,
    ceremony: Annotated[
        Path | None, typer.Option("--ceremony", metavar="DIR", help="Where the offline keys go. Default: DIR-ceremony.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Refuse test messages.")] = False,
    scrypt_cost: CostOption = None,
    as_json: JSONOption = False,
) -> None:
    """Make a hub's keys, its data directory, and the folder of offline keys (root and registrar)."""
    from hub.ceremony import initialise
    from keys.custody import LOG2_N_DEFAULT

    address = f"http://{host or '127.0.0.1'}:{port or 8440}"
    given = {"name": name, "url": url or address, "host": host, "port": port, "live": live or None}
    try:
        made = initialise(
            folder, datetime.now(UTC), ceremony=ceremony, given=given, log2_n=scrypt_cost or LOG2_N_DEFAULT
        )
    except FileExistsError:
        raise typer.BadParameter("there is something already; nothing is overwritten", param_hint="DIR") from None
    note("Put the ceremony's folder away: its keys are needed only to enrol partners and to admit agreements.")
    emit(
        {
            "folder": made.folder,
            "ceremony": made.ceremony,
            "origin": made.origin,
            "url": made.url,
            "root": made.root,
            "log_key": made.log_keys,
        },
        as_json,
    )


@app.command()
def serve(
    folder: FolderArgument,
    *,
    host: Annotated[str | None, typer.Option(help="Instead of the settings'.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of the settings'; 0: any free.")] = None,
    live: Annotated[bool | None, typer.Option("--live/--no-live", help="Refuse test messages.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes, one a core. Default: 1.")] = None,
    roles: Annotated[
        str | None, typer.Option(help="What it does: api,relay,deliver,clock or some of them. Default: all.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    _as_json: ServeJSONOption = False,
) -> ExitCode:
    """Run the hub until it is told to end. With several workers, SIGHUP renews one after the other."""
    from hub.app import create_app
    from hub.settings import load_settings
    from hub.wiring import open_hub
    from keys.custody import harden_process
    from service import logs
    from service.server import check_address, tls_of
    from service.server import serve as run
    from service.workers import inherited

    settings = load_settings(
        folder, host=host, port=port, live=live, log_level=log_level, processes=workers, roles=roles
    )
    logs.configure("hub", level=settings.log_level)
    harden_process()
    tls = tls_of(settings.tls_certificate, settings.tls_key)
    check_address(settings.host, tls)
    listener = inherited()
    if settings.processes > 1 and listener is None:
        return ExitCode(_supervise(settings, tls))
    hub = open_hub(settings)
    run(
        create_app(hub),
        settings.host,
        settings.port,
        name="hub",
        tls=tls,
        concurrency_max=settings.requests_at_once_max,
        drain_seconds=settings.drain_seconds,
        listener=listener,
        linger_seconds=settings.linger_seconds if listener is not None else 0,
        ending=hub.end,
    )
    return ExitCode.DONE


def _supervise(settings: "HubSettings", tls: "TLS | None") -> int:
    """Several processes of this same command, with one listening socket."""
    from service.server import BACKLOG, address_of, bind, say_ready
    from service.workers import Pauses, supervise

    with bind(settings.host, settings.port) as listener:
        listener.listen(BACKLOG)
        url = address_of(listener, settings.host, tls)
        return supervise(
            [sys.executable, "-m", "liaison", *sys.argv[1:]],
            settings.processes,
            listener,
            environment={"LIAISON_HUB_PROCESSES": str(settings.processes)},
            pauses=Pauses(
                settings.worker_pause_seconds, settings.worker_pause_seconds_max, settings.worker_well_seconds
            ),
            ready=lambda: say_ready("hub", url, workers=settings.processes),
        )


@app.command()
def migrate(
    folder: FolderArgument,
    *,
    owner: Annotated[
        str | None, typer.Option("--owner-url", help="PostgreSQL: whose the tables are; may make roles the first time.")
    ] = None,
    owner_password: Annotated[
        Path | None, typer.Option("--owner-password-file", metavar="FILE", help="The owner's password.")
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Bring the database's tables to this release's layout, and say who may do what with them. May be repeated."""
    from hub.settings import load_settings
    from hub.store.migrating import migrate_file, migrate_server

    os.umask(0o077)  # a file that was not there is its owner's alone
    settings = load_settings(folder)
    if not settings.database_url:
        layout = migrate_file(settings.database)
    elif owner is None:
        raise typer.BadParameter("PostgreSQL's tables belong to another role than the hub's", param_hint="--owner-url")
    else:
        layout = migrate_server(owner, owner_password, settings.database_url, settings.database_password_file)
    emit({"layout": layout}, as_json)


@app.command()
def parked(folder: FolderArgument, partner: PartnerOption = None, as_json: JSONOption = False) -> None:
    """List the messages that are not pushed any more, and why."""
    from hub.delivery.consignment import parked as find
    from hub.settings import load_settings
    from hub.wiring import open_tables

    with closing(open_tables(load_settings(folder), there=True)) as connection:
        found = find(connection, partner, None, LISTED_MAX)
    emit(
        [
            {
                "partner": one.partner,
                "index": one.index,
                "code": one.code,
                "leaf": one.leaf,
                "kind": one.kind,
                "source": one.source,
                "expires": datetime.fromtimestamp(one.expires_at, UTC),
            }
            for one in found
        ],
        as_json,
    )


@app.command()
def status(folder: FolderArgument, *, as_json: JSONOption = False) -> ExitCode:
    """Say which of the hub's alerts hold now, with the page that says what to do; also without a running hub.

    Ends with 1 when a critical one does. How long it has held, and how fast something rises, only Prometheus knows.
    """
    import asyncio
    from time import time

    from hub.operations.alerts import judge, load
    from hub.operations.standing import numbers
    from hub.settings import load_settings

    alerts = [alert for alert in load() if alert.program == "hub"]
    found = asyncio.run(numbers(load_settings(folder), datetime.now(UTC)))
    firing, unjudged = judge(alerts, found.numbers, time())
    emit(
        {
            "running": found.running,
            "firing": [
                {
                    "alert": one.alert.name,
                    "severity": one.alert.severity,
                    "title": one.alert.title,
                    "of": [",".join(sample.labels.values()) or "hub" for sample in one.samples],
                    "value": [round(sample.value, 1) for sample in one.samples],
                    "page": one.alert.page,
                }
                for one in firing
            ],
            "unjudged": [alert.name for alert in unjudged],
        },
        as_json,
    )
    critical = any(one.alert.severity == "critical" for one in firing)
    return ExitCode.FAILED if critical else ExitCode.DONE


@app.command()
def redrive(
    folder: FolderArgument,
    partner: PartnerOption = None,
    index: Annotated[int | None, typer.Option("--index", min=0, help="This message alone.")] = None,
    as_json: JSONOption = False,
) -> None:
    """Push parked messages again, also beside a running hub; the log keeps who wanted it."""
    from hub.delivery.consignment import LEAVES_AT_ONCE, Redriven
    from hub.settings import load_settings
    from hub.wiring import open_log

    total = 0
    with open_log(load_settings(folder)) as opened:
        while count := opened.writer.commit_now(Redriven(partner, index, getpass.getuser())):
            total += count
            if count < LEAVES_AT_ONCE:
                break
    emit({"redriven": total}, as_json)


@app.command()
def link(
    folder: FolderArgument,
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="As the registrar's record names it.")],
    as_json: JSONOption = False,
) -> None:
    """Make a link that signs one account in to the pages: once, within minutes. Also beside a running hub."""
    from hub.console.accounts import account_of, linked, new_token
    from hub.settings import load_settings
    from hub.wiring import open_log
    from liaison.cli.keys import read_directory

    settings = load_settings(folder)
    now = settings.clock().replace(microsecond=0)
    found = account_of(read_directory(settings.directory_folder), partner, account)
    token, until = new_token(), now + timedelta(minutes=settings.sign_in_link_minutes)
    with open_log(settings) as opened:
        leaf = opened.writer.commit_now(linked(partner, found, token, until))
    note("The link works once. Hand it over on a way that nobody else reads.")
    emit(
        {
            "url": f"{settings.url.rstrip('/')}/console/sign-in?token={token}",
            "partner": partner,
            "account": account,
            "roles": list(found.roles),
            "until": until,
            "leaf": leaf,
        },
        as_json,
    )


@app.command()
def cases(folder: FolderArgument, partner: PartnerOption = None, as_json: JSONOption = False) -> None:
    """List cases, the latest first: parties, state, next clock and who must act; at most 1000."""
    from hub.cases.case import ERASED, actors, closed
    from hub.cases.reading import agreed_clock, agreed_clocks, all_cases, cases_of, next_clock
    from hub.cases.suspension import suspended
    from hub.settings import load_settings
    from hub.wiring import open_log

    settings = load_settings(folder)
    now = settings.clock()
    with open_log(settings) as opened:
        if partner is None:
            rows = all_cases(opened.reader, limit=LISTED_MAX)
        else:
            rows = cases_of(opened.reader, partner, limit=LISTED_MAX).rows
        agreed = agreed_clocks(opened.reader, [row.row for row in rows])
        held = suspended(opened.reader, [row.row for row in rows])
    listed: list[dict[str, object]] = []
    for row in rows:
        clock = next_clock(row, agreed[row.row])
        listed.append(
            {
                "row": row.row,
                "procedure": row.procedure,
                "parties": list(row.parties),
                "state": row.state,
                "suspended": row.row in held and row.state != ERASED and not closed(row.procedure, row.state),
                "next": [] if row.state == ERASED else list(actors(row.procedure, row.state, row.parties)),
                "clock": None if clock is None else _clock(clock, now),
                "agreed": [_clock(agreed_clock(one), now) for one in agreed[row.row]],
            }
        )
    emit(listed, as_json)


def _clock(clock: "CaseClock", now: datetime) -> dict[str, object]:
    """`due` is the first instant that is too late, `due_on` the last day in time where the state asked is."""
    found: dict[str, object] = {
        "name": clock.name,
        "basis": clock.basis,
        "due": clock.ends_at,
        "started": clock.started,
        "overdue": clock.expired(now),
    }
    if clock.requested is None:
        return found
    return found | {
        "due_on": None if clock.due is None else clock.due.isoformat(),
        "requested": clock.requested,
        "known": clock.known,
        "indicative": clock.indicative,
        "stage": clock.stage,
    }


@app.command("confirm-clock")
def confirm_clock(folder: FolderArgument, as_json: JSONOption = False) -> None:
    """Vouch that this machine's clock is right, where partners have signed nothing for long; the log keeps who did."""
    from hub.settings import load_settings
    from hub.wiring import open_log
    from hub.witness import Confirmed

    with open_log(load_settings(folder)) as opened:
        leaf = opened.writer.commit_now(Confirmed(getpass.getuser()))
        at = opened.writer.last_at
    emit({"at": at, "leaf": leaf}, as_json)


@app.command()
def certificate(
    folder: FolderArgument,
    row: Annotated[
        int, typer.Argument(metavar="CASE", min=0, help="The case's number, as `liaison hub cases` has it.")
    ],
    clock: Annotated[
        str, typer.Argument(metavar="KEY", help="The key of the profile: reply_limit, transfer_limit ...")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the certificate is written; must not exist.")],
    as_json: JSONOption = False,
) -> ExitCode:
    """Write the certificate of a case's deadline, with the receipts that prove it; of a running clock, as it is now."""
    from hub.certificates import certified
    from hub.settings import load_settings
    from hub.wiring import open_log
    from keys.proofs.deadline import encode

    settings = load_settings(folder)
    with open_log(settings) as opened:
        raw = encode(certified(opened.writer, opened.reader, row, clock, settings.year))
    with file.open("xb") as target:
        target.write(raw)
    emit({"case": row, "clock": clock, "file": str(file), "bytes": len(raw)}, as_json)
    return ExitCode.DONE


@app.command()
def rebuild(
    folder: FolderArgument,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only compare; also beside a running hub.")] = False,
    as_json: JSONOption = False,
) -> ExitCode:
    """Make the cases anew from the log alone; say whether what was stored is equal (--check: 3 when it is not)."""
    from hub.cases.rebuilding import compare
    from hub.cases.rebuilding import rebuild as make
    from hub.settings import load_settings
    from hub.wiring import open_log

    with open_log(load_settings(folder)) as opened:
        found = (compare if check else make)(opened.reader, opened.at_rest)
    emit(found.as_json(), as_json)
    if not found.equal:
        note("What was stored differed from the log." + ("" if check else " It is as the log says now."))
    return ExitCode.NOT_VERIFIED if check and not found.equal else ExitCode.DONE


@app.command()
def backup(
    folder: FolderArgument,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Where the backup goes; must not be there yet.")],
    as_json: JSONOption = False,
) -> None:
    """Copy database, directory and parts as of one moment, beside a running hub. Never the key file: see the docs."""
    from hub.backup.making import make_backup
    from hub.settings import load_settings

    try:
        with progress("Rows and files") as advance:
            made = make_backup(load_settings(folder), target, advance=advance)
    except FileExistsError:
        raise typer.BadParameter("there is something already; nothing is overwritten", param_hint="TARGET") from None
    note("The key file and its passphrase are not in it: keep a copy of each, apart from each other and from this.")
    emit(made, as_json)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="As `liaison hub backup` made it.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new data directory; must not be there yet.")],
    *,
    keys: Annotated[
        Path,
        typer.Option("--keys", metavar="KEYS", help="A folder with `keyring` and `secrets`, from their own backup."),
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="Said or not: nothing gets its name before all of it is proved.")
    ] = True,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A checkpoint that an edge or auditor holds: an older backup is refused."),
    ] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", help="An empty PostgreSQL database. Default: a file in DIR.")
    ] = None,
    database_password: Annotated[
        Path | None, typer.Option("--database-password-file", metavar="FILE", help="The hub's password there.")
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Make a hub of a backup and prove it: log, statements, messages, parts, cases. It is not started."""
    from hub.backup.restoring import Target
    from hub.backup.restoring import restore as make

    del verify
    target = Target(folder, keys, database_url or "", database_password)
    try:
        with progress("Restored and proved") as advance:
            made = make(source, target, checkpoint=checkpoint, advance=advance)
    except FileExistsError:
        words = "there is something already, here or in the database; nothing is overwritten"
        raise typer.BadParameter(words, param_hint="DIR") from None
    if made.seen is None:
        note("Nobody outside was asked: with --checkpoint, a state that an edge holds, an older backup is found.")
    emit({"verified": True, **{name: getattr(made, name) for name in made.__slots__}}, as_json)


@app.command()
def behind(
    folder: FolderArgument,
    *,
    dismiss: Annotated[
        bool, typer.Option("--dismiss", help="The partner is wrong; the log keeps who said so.")
    ] = False,
    as_json: JSONOption = False,
) -> ExitCode:
    """Show which partner signed that it saw more of the log than there is here (3), or that nobody did."""
    from hub.log.claims import dismissed, standing
    from hub.settings import load_settings
    from hub.wiring import open_log

    with open_log(load_settings(folder)) as opened:
        claim = standing(opened.connection)
        leaf = opened.writer.commit_now(dismissed(getpass.getuser())) if dismiss else None
    emit({"claim": claim, "dismissed": leaf}, as_json)
    return ExitCode.NOT_VERIFIED if claim is not None and not dismiss else ExitCode.DONE
