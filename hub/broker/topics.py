"""The topics of a hub as they must be: made where they are missing, and checked.

Guarantees that nothing which is there already is changed: what differs is a finding, and what to do about it is the
operator's to decide. Which principal may do what is checked where the settings name the hub's own: then nobody else may
do anything with the hub's topics, or give itself the right to, but each partner named read its own inbox. What whoever
checks may not see is a finding too, never taken for right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hub.broker.cluster import CLUSTER, RIGHTS_CODE, Cluster, Grant, Topic
from hub.broker.contract import INBOX_PREFIX, MESSAGE_SECONDS_MAX, OUTBOUND
from hub.settings import HubSettings
from schemas.errors import Unavailable

PREFIX = "hub.v1."
MESSAGE_BYTES_MAX = 1024 * 1024
"""Of a batch: the largest record, or as many small ones as the producer puts together."""
_HOUR_MS = 3600 * 1000
_DAY_SECONDS = 24 * 3600
_DAY_MS = _DAY_SECONDS * 1000
_NO_END = "-1"
_HUB = ("read", "write", "describe", "describe_configs")
_READER = ("read", "describe")
_LOOKING = frozenset({"describe", "describe_configs"})
_HARMLESS = frozenset({*_LOOKING, "idempotent_write"})
"""With the cluster: they reach no topic, and give nobody a right."""
_EVERYBODY = "User:*"
_ALLOW_EVERYBODY = "allow.everyone.if.no.acl.found"


class Bound(StrEnum):
    """How a setting may differ from what is wanted."""

    EXACT = ""
    AT_LEAST = " or more"
    AT_MOST = " or less"


@dataclass(frozen=True, slots=True)
class Setting:
    """Of a topic or a broker: what it must be."""

    value: str
    bound: Bound = Bound.EXACT

    def __str__(self) -> str:
        return f"{self.value}{self.bound}"

    def holds(self, there: str) -> bool:
        """Whether this is what is wanted; -1 is without end."""
        if there == self.value:
            return True
        if self.bound is Bound.EXACT or not (there.isdigit() or there == _NO_END):
            return False
        more = self.value != _NO_END and (there == _NO_END or int(there) > int(self.value))
        return more if self.bound is Bound.AT_LEAST else not more


_BROKER = {"auto.create.topics.enable": Setting("false")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as the hub needs it. `partitions` is exact, `replicas` the least allowed."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, Setting]


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
    """Every topic of this hub.

    An inbox holds containers, so its records stay as long as a container may stay in the hub: `retention_days` past the
    end of the longest validity, and no longer. Kafka drops a segment with its newest record, hence the short ones. What
    the hub reads itself names indices alone, and stays a day longer: a message may be published late.
    """
    days = MESSAGE_SECONDS_MAX // _DAY_SECONDS + settings.retention_days
    common = {
        "cleanup.policy": Setting("delete"),
        "retention.bytes": Setting(_NO_END),
        "min.insync.replicas": Setting(str(settings.kafka_in_sync_min), Bound.AT_LEAST),
        "unclean.leader.election.enable": Setting("false"),
        "max.message.bytes": Setting(str(MESSAGE_BYTES_MAX), Bound.AT_LEAST),
        "message.timestamp.type": Setting("CreateTime"),
    }
    outbound = {**common, "retention.ms": Setting(str((days + 1) * _DAY_MS), Bound.AT_LEAST)}
    inbox = {
        **common,
        "retention.ms": Setting(str(days * _DAY_MS)),
        "segment.ms": Setting(str(_HOUR_MS), Bound.AT_MOST),
    }
    inboxes = sorted(f"{INBOX_PREFIX}{partner}" for partner in settings.kafka_inboxes)
    return [
        Wanted(OUTBOUND, settings.kafka_partitions, settings.kafka_replicas, outbound),
        *(Wanted(name, 1, settings.kafka_replicas, inbox) for name in inboxes),  # one: the order of the log
    ]


def wanted_grants(settings: HubSettings) -> list[Grant]:
    """Who may do what; nothing when the settings do not name the hub's principal.

    A partner may keep its place in Kafka, in the group of readers that is named like its topic.
    """
    if not settings.kafka_principal:
        return []
    hub = [Grant(settings.kafka_principal, operation, "topic", PREFIX, prefix=True) for operation in _HUB]
    partners = [
        grant
        for partner, principal in settings.kafka_inboxes.items()
        for grant in (
            *(Grant(principal, operation, "topic", INBOX_PREFIX + partner) for operation in _READER),
            Grant(principal, "read", "group", INBOX_PREFIX + partner),
        )
    ]
    return sorted([*hub, *partners])


async def make_topics(cluster: Cluster, settings: HubSettings) -> list[str]:
    """Make the topics that are missing, and grant what is not granted; gives the names of the topics made.

    Raises:
        Unavailable: BROKER_RIGHTS when that is not ours to do; BROKER_TOPIC; UNREACHABLE.
    """
    made = []
    for topic in wanted_topics(settings):
        if await cluster.topic(topic.name) is None:
            about = {name: setting.value for name, setting in topic.settings.items()}
            await cluster.create(topic.name, topic.partitions, topic.replicas, about)
            made.append(topic.name)
    wanted = wanted_grants(settings)
    present = await cluster.grants() if wanted else None
    for grant in wanted:
        if present is not None and grant not in present:
            await cluster.allow(grant)
    return made


async def check_topics(cluster: Cluster, settings: HubSettings) -> list[Finding]:
    """Everything that is not as it must be, or cannot be seen, in order; nothing is changed."""
    found: list[Finding] = []
    for topic in wanted_topics(settings):
        try:
            found += await _topic(cluster, topic)
        except Unavailable as error:
            found.append(_unseen(error, topic.name, "describe_configs"))
    try:
        for node, about in (await cluster.broker_settings()).items():
            found += _differing(f"broker {node}", _BROKER, about)
            if settings.kafka_principal and _ALLOW_EVERYBODY in about:  # Kafka shows that it is set, never to what
                found.append(Finding(f"broker {node}", _ALLOW_EVERYBODY, "not set (false)", "set"))
    except Unavailable as error:
        found.append(_unseen(error, "cluster", "describe_configs"))
    if settings.kafka_principal:
        try:
            found += _rights(settings, await cluster.grants())
        except Unavailable as error:
            found.append(_unseen(error, "cluster", "describe"))
    elif settings.kafka_inboxes:
        found.append(Finding("rights", "kafka_principal", "named, for partners have inboxes", "not named"))
    return sorted(found)


def _unseen(error: Unavailable, where: str, right: str) -> Finding:
    """For want of which right it is not known whether all is well. Raises any other error again."""
    if error.code != RIGHTS_CODE:
        raise error
    return Finding(where, right, "granted to whoever checks", "not granted")


async def _topic(cluster: Cluster, wanted: Wanted) -> list[Finding]:
    present = await cluster.topic(wanted.name)
    if present is None:
        return [Finding(wanted.name, "topic", "present", "missing")]
    settings = await cluster.settings(wanted.name)
    return [*_layout(wanted, present), *_differing(wanted.name, wanted.settings, settings)]


def _layout(wanted: Wanted, present: Topic) -> Iterator[Finding]:
    if present.partitions != wanted.partitions:
        yield Finding(wanted.name, "partitions", str(wanted.partitions), str(present.partitions))
    if present.replicas < wanted.replicas:
        yield Finding(wanted.name, "replicas", f"{wanted.replicas} or more", str(present.replicas))


def _differing(where: str, wanted: Mapping[str, Setting], present: Mapping[str, str]) -> Iterator[Finding]:
    for name, setting in wanted.items():
        there = present.get(name, "")
        if not setting.holds(there):
            yield Finding(where, name, str(setting), there or "not said")


def _rights(settings: HubSettings, grants: list[Grant] | None) -> Iterator[Finding]:
    if grants is None:
        yield Finding("rights", "authorizer.class.name", "an authoriser", "none: anybody may do anything")
        return
    wanted = wanted_grants(settings)
    ours = {_EVERYBODY, *(grant.principal for grant in wanted)}
    for grant in wanted:
        if grant not in grants:
            yield Finding(_place(grant), grant.principal, grant.operation, "not granted")
    for grant in grants:
        if not _reaches(grant) or grant in wanted:
            continue
        if grant.denied and grant.principal in ours:
            yield Finding(_place(grant), grant.principal, "not denied", f"{grant.operation} denied")
        elif not grant.denied and (grant.principal != settings.kafka_principal or grant.operation not in _LOOKING):
            yield Finding(_place(grant), grant.principal, "nothing", grant.operation)


def _reaches(grant: Grant) -> bool:
    """Whether the grant is about a topic of the hub, a partner's place in it, or who may have such a right."""
    if grant.resource == "cluster":
        return grant.operation not in _HARMLESS
    return (
        grant.name == "*"
        or grant.name.startswith(PREFIX)
        or (grant.prefix and PREFIX.startswith(grant.name) and grant.name != "")
    )


def _place(grant: Grant) -> str:
    name = "" if grant.name == CLUSTER else f" {grant.name}"
    return f"{grant.resource}{name}{'*' if grant.prefix else ''}"
