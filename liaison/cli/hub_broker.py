"""`liaison hub broker`: the topics of a hub on Apache Kafka, made and checked; a lost broker filled again."""

import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli.output import ExitCode, emit, group, note

if TYPE_CHECKING:
    from hub.broker.topics import Finding
    from hub.settings import HubSettings

app = group(__doc__ or "")

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The hub's data directory.")]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def check(
    folder: FolderArgument,
    *,
    create: Annotated[bool, typer.Option("--create", help="First make what is missing, and grant rights.")] = False,
    as_json: JSONOption = False,
) -> ExitCode:
    """Say which of Kafka's topics, settings and rights are not as this hub needs them; 3 when something is not."""
    from hub.settings import load_settings

    settings = load_settings(folder)
    if not settings.kafka_bootstrap:
        note("The settings name no Kafka (kafka_bootstrap): the broker is tables of the hub's database.")
        emit({"made": [], "findings": []}, as_json)
        return ExitCode.DONE
    made, findings = asyncio.run(_check(settings, create=create))
    emit({"made": made, "findings": [finding.as_json() for finding in findings]}, as_json)
    return ExitCode.NOT_VERIFIED if findings else ExitCode.DONE


async def _check(settings: "HubSettings", *, create: bool) -> "tuple[list[str], list[Finding]]":
    from hub.broker.cluster import Cluster
    from hub.broker.opening import address_of
    from hub.broker.topics import check_topics, make_topics

    cluster = Cluster(address_of(settings))
    try:
        made = await make_topics(cluster, settings) if create else []
        return made, await check_topics(cluster, settings)
    finally:
        await cluster.close()


@app.command()
def rebuild(folder: FolderArgument, as_json: JSONOption = False) -> None:
    """Publish everything that is not handed over again, also beside a running hub; the log keeps who wanted it."""
    from hub.broker.rebuilding import rebuild as make
    from hub.settings import load_settings
    from hub.wiring import open_log

    settings = load_settings(folder)
    with open_log(settings) as opened:
        rebuilt = asyncio.run(make(settings, opened, getpass.getuser()))
    emit({"leaf": rebuilt.leaf, "messages": rebuilt.messages}, as_json)
