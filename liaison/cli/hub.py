"""`liaison hub`: set up and run a hub; see and drive again what could not be delivered."""

import getpass
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli.keys import CostOption
from liaison.cli.output import ExitCode, emit, group, note

if TYPE_CHECKING:
    from hub.cases.clocks import CaseClock
    from hub.settings import HubSettings
    from service.server import TLS

app = group(__doc__ or "")

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
        ending=hub.end,
    )
    return ExitCode.DONE


def _supervise(settings: "HubSettings", tls: "TLS | None") -> int:
    """Several processes of this same command, with one listening socket."""
    from service.server import BACKLOG, address_of, bind, say_ready
    from service.workers import supervise

    with bind(settings.host, settings.port) as listener:
        listener.listen(BACKLOG)
        url = address_of(listener, settings.host, tls)
        return supervise(
            [sys.executable, "-m", "liaison", *sys.argv[1:]],
            settings.processes,
            listener,
            environment={"LIAISON_HUB_PROCESSES": str(settings.processes)},
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

    with closing(open_tables(load_settings(folder))) as connection:
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
    now = datetime.now(UTC).replace(microsecond=0)
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
    from hub.cases.case import ERASED, actors
    from hub.cases.reading import agreed_clock, agreed_clocks, all_cases, cases_of, next_clock
    from hub.settings import load_settings
    from hub.wiring import open_log

    now = datetime.now(UTC)
    with open_log(load_settings(folder)) as opened:
        if partner is None:
            rows = all_cases(opened.reader, limit=LISTED_MAX)
        else:
            rows = cases_of(opened.reader, partner, limit=LISTED_MAX).rows
        agreed = agreed_clocks(opened.reader, [row.row for row in rows])
    listed: list[dict[str, object]] = []
    for row in rows:
        clock = next_clock(row, agreed[row.row])
        listed.append(
            {
                "row": row.row,
                "procedure": row.procedure,
                "parties": list(row.parties),
                "state": row.state,
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
    """Write the deadline certificate of what the log last said of a case's clock, with the receipts that prove it."""
    from hub.certificates import proved
    from hub.settings import load_settings
    from hub.wiring import open_log
    from keys.proofs.deadline import encode

    with open_log(load_settings(folder)) as opened:
        raw = encode(proved(opened.reader, row, clock))
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
