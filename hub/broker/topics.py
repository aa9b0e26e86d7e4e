"""The topics of a hub as they must be: made where they are missing, and checked.

Guarantees that nothing which is there already is changed: what differs is a finding, and what to do about it is the
operator's to decide. Which principal may do what is checked where the settings name the hub's own: then nobody else may
do anything with the hub's topics, but each partner named read its own inbox.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.broker.cluster import Cluster, Grant, Topic
from hub.broker.contract import INBOX_PREFIX, OUTBOUND
from hub.settings import HubSettings

PREFIX = "hub.v1."
MESSAGE_BYTES_MAX = 1024 * 1024
"""Of a batch: the largest record, or as many small ones as the producer puts together."""
MESSAGE_DAYS_MAX = 30
"""How long a message is valid at most; what belongs to it is kept for `retention_days` more."""

_DAY_MS = 24 * 3600 * 1000
_AT_LEAST = frozenset({"retention.ms", "retention.bytes", "max.message.bytes", "min.insync.replicas"})
_NO_END = "-1"
_BROKER = {"auto.create.topics.enable": "false"}
_HUB = ("read", "write", "describe")
_READER = ("read", "describe")
_GUARDED = {"allow.everyone.if.no.acl.found": "false"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as the hub needs it. `partitions` is exact, `replicas` and some of the settings are the least allowed."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is not as it must be: of which topic or broker, which of its settings or rights."""

    where: str
    what: str
    wanted: str
    found: str

    def as_json(self) -> dict[str, str]:
        """As a command prints it."""
        return {"where": self.where, "what": self.what, "wanted": self.wanted, "found": self.found}


def wanted_topics(settings: HubSettings) -> list[Wanted]:
    """Every topic of this hub. Records stay for as long as the parts of the messages that they are about."""
    days = MESSAGE_DAYS_MAX + settings.retention_days + 1
    about = {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        "retention.bytes": _NO_END,
        "min.insync.replicas": str(settings.kafka_in_sync_min),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(MESSAGE_BYTES_MAX),
        "message.timestamp.type": "CreateTime",
    }
    inboxes = sorted(f"{INBOX_PREFIX}{partner}" for partner in settings.kafka_inboxes)
    return [
        Wanted(OUTBOUND, settings.kafka_partitions, settings.kafka_replicas, about),
        *(Wanted(name, 1, settings.kafka_replicas, about) for name in inboxes),  # one: the order of the log
    ]


def wanted_grants(settings: HubSettings) -> list[Grant]:
    """Who may do what; nothing when the settings do not name the hub's principal."""
    if not settings.kafka_principal:
        return []
    hub = [Grant(settings.kafka_principal, operation, PREFIX, prefix=True) for operation in _HUB]
    partners = [
        Grant(principal, operation, f"{INBOX_PREFIX}{partner}")
        for partner, principal in settings.kafka_inboxes.items()
        for operation in _READER
    ]
    return sorted([*hub, *partners])


async def make_topics(cluster: Cluster, settings: HubSettings) -> list[str]:
    """Make the topics that are missing, and say what is granted; gives the names of those made."""
    made = []
    for topic in wanted_topics(settings):
        if await cluster.topic(topic.name) is None:
            await cluster.create(topic.name, topic.partitions, topic.replicas, topic.settings)
            made.append(topic.name)
    present = await cluster.grants()
    for grant in wanted_grants(settings):
        if present is not None and grant not in present:
            await cluster.allow(grant)
    return made


async def check_topics(cluster: Cluster, settings: HubSettings) -> list[Finding]:
    """Everything that is not as it must be, in order; nothing is changed."""
    found: list[Finding] = []
    for topic in wanted_topics(settings):
        present = await cluster.topic(topic.name)
        if present is None:
            found.append(Finding(topic.name, "topic", "present", "missing"))
            continue
        found += _layout(topic, present)
        found += _differing(topic.name, topic.settings, await cluster.settings(topic.name))
    grants = await cluster.grants()
    for node, about in (await cluster.broker_settings()).items():
        found += _differing(f"broker {node}", _BROKER, about)
        if grants is not None and settings.kafka_principal:
            found += _differing(f"broker {node}", _GUARDED, about)
    return sorted([*found, *_rights(settings, grants)])


def _layout(wanted: Wanted, present: Topic) -> Iterator[Finding]:
    if present.partitions != wanted.partitions:
        yield Finding(wanted.name, "partitions", str(wanted.partitions), str(present.partitions))
    if present.replicas < wanted.replicas:
        yield Finding(wanted.name, "replicas", f"{wanted.replicas} or more", str(present.replicas))


def _differing(where: str, wanted: Mapping[str, str], present: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in wanted.items():
        there = present.get(name, "")
        if there == value or (name in _AT_LEAST and _at_least(name, there, value)):
            continue
        yield Finding(where, name, f"{value} or more" if name in _AT_LEAST else value, there or "not said")


def _at_least(name: str, there: str, value: str) -> bool:
    if name.startswith("retention.") and there == _NO_END:
        return True
    return value != _NO_END and there.isdigit() and int(there) >= int(value)


def _rights(settings: HubSettings, grants: list[Grant] | None) -> Iterator[Finding]:
    if not settings.kafka_principal:
        if settings.kafka_inboxes:
            yield Finding("rights", "kafka_principal", "named, for partners have inboxes", "not named")
        return
    if grants is None:
        yield Finding("rights", "authorizer.class.name", "an authoriser", "none: anybody may do anything")
        return
    wanted = wanted_grants(settings)
    for grant in wanted:
        if grant not in grants:
            yield Finding(_place(grant), grant.principal, grant.operation, "not granted")
    for grant in grants:
        if grant not in wanted and _reaches(grant) and grant.principal != settings.kafka_principal:
            yield Finding(_place(grant), grant.principal, "nothing", grant.operation)


def _reaches(grant: Grant) -> bool:
    """Whether the grant is about a topic of the hub."""
    return (
        grant.topic == "*"
        or grant.topic.startswith(PREFIX)
        or (grant.prefix and PREFIX.startswith(grant.topic) and grant.topic != "")
    )


def _place(grant: Grant) -> str:
    return f"{grant.topic}*" if grant.prefix else grant.topic
