"""`liaison hub broker check` on a Kafka that keeps access rules: what it makes and grants, and what it finds."""

from dataclasses import replace

import pytest

from hub.broker.cluster import Address, Grant
from hub.broker.cluster import Cluster as Questions
from hub.broker.contract import INBOX_PREFIX, OUTBOUND
from hub.broker.topics import Finding, check_topics, make_topics, wanted_grants
from hub.settings import load_settings
from schemas.errors import Rejected, Unavailable
from tests.kafka import Cluster, server
from tests.kafka_rights.conftest import AUTHORISER, HUB, Broker, Kafka, grant
from tests.world import World

pytestmark = pytest.mark.real

MDA, GEO = INBOX_PREFIX + "test-mda", INBOX_PREFIX + "test-geo"
STRANGER = "User:CN=stranger"
DAY_MS = 86_400_000
UNSEEN = {
    ("cluster", "describe", "granted to whoever checks", "not granted"),
    ("cluster", "describe_configs", "granted to whoever checks", "not granted"),
}


# -- who may make, grant and look


async def test_an_administrator_makes_topics_and_grants_and_then_nothing_is_found(
    world: World, broker: Broker, kafka: Kafka
) -> None:
    missing = await broker.found(world)
    assert {(OUTBOUND, "topic"), (MDA, "topic"), (GEO, "topic")} < {one[:2] for one in missing}
    assert sum(one[3] == "not granted" for one in missing) == 10  # 4 of the hub's own, 3 of each partner
    assert await broker.check(world, "--create") == (0, {"made": [OUTBOUND, GEO, MDA], "findings": []})
    assert await broker.check(world, "--create") == (0, {"made": [], "findings": []})
    assert await kafka.questions.grants() == wanted_grants(world.settings())


async def test_the_hub_itself_sees_its_topics_and_says_what_it_may_not_see(
    made: World, broker: Broker, kafka: Kafka
) -> None:
    assert await broker.found(made, by="hub") == UNSEEN
    await kafka.configure(MDA, {"retention.ms": "-1"})
    assert {one[0] for one in await broker.found(made, by="hub") - UNSEEN} == {MDA}
    await kafka.configure(MDA, {"retention.ms": str(37 * DAY_MS)})
    for right in ("describe", "describe_configs"):
        await kafka.questions.allow(grant(HUB, right, "cluster"))
    assert await broker.found(made, by="hub") == set()
    assert await broker.found(made) == set()  # that the hub may look is no finding


async def test_nobody_but_an_administrator_makes_topics(world: World, broker: Broker, kafka: Kafka) -> None:
    for by in ("hub", "test-mda", "stranger"):
        assert await broker.check(world, "--create", by=by) == (5, {"code": "BROKER_RIGHTS"})
    assert await kafka.questions.topic(OUTBOUND) is None
    assert await kafka.questions.grants() == []


async def test_nobody_but_an_administrator_grants(made: World, broker: Broker, kafka: Kafka) -> None:
    for right in ("describe", "describe_configs"):
        await kafka.questions.allow(grant(HUB, right, "cluster"))
    lost = grant("User:CN=test-mda", "read", "group", MDA)
    await kafka.revoke(lost)
    assert await broker.check(made, "--create", by="hub") == (5, {"code": "BROKER_RIGHTS"})
    assert lost not in (await kafka.questions.grants() or ())
    assert await broker.check(made, "--create") == (0, {"made": [], "findings": []})
    assert lost in (await kafka.questions.grants() or ())


async def test_what_an_administrator_needs_who_is_no_super_user(world: World, broker: Broker, kafka: Kafka) -> None:
    topics = [grant(STRANGER, right, "topic", "hub.v1.", prefix=True) for right in ("create", "describe")]
    cluster = [grant(STRANGER, right, "cluster") for right in ("describe", "alter")]
    for one in (*topics, *cluster):
        assert await broker.check(world, "--create", by="stranger") == (5, {"code": "BROKER_RIGHTS"})
        await kafka.questions.allow(one)
    code, said = await broker.check(world, "--create", by="stranger")
    assert (code, {one["what"] for one in said["findings"]}) == (3, {STRANGER, "describe_configs"})
    looking = grant(STRANGER, "describe_configs", "topic", "hub.v1.", prefix=True)
    for one in (looking, grant(STRANGER, "describe_configs", "cluster")):
        await kafka.questions.allow(one)
    assert await broker.found(world, by="stranger") == {
        *(("topic hub.v1.*", STRANGER, "nothing", one.operation) for one in (*topics, looking)),
        ("cluster", STRANGER, "nothing", "alter"),  # it could give itself the rest
    }


async def test_more_replicas_than_brokers_are_said_to_be_the_topics_fault(world: World, kafka: Kafka) -> None:
    cluster = Questions(replace(kafka.address("administrator"), publish_seconds=1.0))
    with pytest.raises(Unavailable, match="BROKER_TOPIC"):
        await make_topics(cluster, world.settings(kafka_replicas=2))
    await cluster.close()
    assert await kafka.questions.topic(OUTBOUND) is None


async def test_a_stranger_learns_nothing_and_says_so(made: World, broker: Broker) -> None:
    found = await broker.found(made, by="stranger")
    assert found - UNSEEN == {
        (topic, "describe_configs", "granted to whoever checks", "not granted") for topic in (OUTBOUND, MDA, GEO)
    }


# -- a grant too many, a grant missing


TOO_MANY = [
    (grant(STRANGER, "read", "topic", OUTBOUND), f"topic {OUTBOUND}"),
    (grant(STRANGER, "read", "topic", MDA), f"topic {MDA}"),
    (grant(STRANGER, "describe", "topic", "*"), "topic *"),
    (grant(STRANGER, "write", "topic", "hub.", prefix=True), "topic hub.*"),
    (grant(STRANGER, "create", "topic", "hub.v1.inbox.test-", prefix=True), "topic hub.v1.inbox.test-*"),
    (grant("User:*", "read", "topic", MDA), f"topic {MDA}"),
    (grant("User:CN=test-geo", "read", "topic", MDA), f"topic {MDA}"),
    (grant("User:CN=test-mda", "write", "topic", MDA), f"topic {MDA}"),
    (grant("User:CN=test-mda", "read", "topic", OUTBOUND), f"topic {OUTBOUND}"),
    (grant(HUB, "all", "topic", "hub.v1.", prefix=True), "topic hub.v1.*"),
    (grant(HUB, "delete", "topic", "*"), "topic *"),
    (grant("User:CN=test-geo", "read", "group", MDA), f"group {MDA}"),
    (grant(STRANGER, "delete", "group", "*"), "group *"),
    (grant(STRANGER, "alter", "cluster"), "cluster"),
    (grant(STRANGER, "create", "cluster"), "cluster"),
    (grant(STRANGER, "cluster_action", "cluster"), "cluster"),
    (grant(HUB, "alter", "cluster"), "cluster"),
]


async def test_every_grant_too_many_is_found(made: World, broker: Broker, kafka: Kafka) -> None:
    for one, _ in TOO_MANY:
        await kafka.questions.allow(one)
    await kafka.questions.allow(grant(STRANGER, "all", "topic", "another.", prefix=True))  # no topic of ours
    await kafka.questions.allow(grant(STRANGER, "all", "topic", "hub.v10"))
    await kafka.questions.allow(grant(STRANGER, "describe", "cluster"))
    expected = {(where, one.principal, "nothing", one.operation) for one, where in TOO_MANY}
    assert await broker.found(made) == expected
    code, said = await broker.check(made, "--create")  # takes nothing away
    assert (code, len(said["findings"])) == (3, len(expected))


async def test_every_grant_missing_is_found_and_a_denial_too(made: World, broker: Broker, kafka: Kafka) -> None:
    denied = [
        grant("User:CN=test-mda", "read", "topic", MDA, denied=True),
        grant("User:*", "describe", "topic", "*", denied=True),
        grant(HUB, "write", "topic", "hub.", prefix=True, denied=True),
    ]
    for one in (*denied, grant(STRANGER, "all", "topic", "*", denied=True)):
        await kafka.questions.allow(one)
    assert await broker.found(made) == {
        (f"topic {one.name}{'*' if one.prefix else ''}", one.principal, "not denied", f"{one.operation} denied")
        for one in denied
    }
    for one in wanted_grants(made.settings()):
        await kafka.revoke(one)
    missing = {one for one in await broker.found(made) if one[3] == "not granted"}
    assert {(where, who, what) for where, who, what, _ in missing} == {
        ("topic hub.v1.*", HUB, right) for right in ("read", "write", "describe", "describe_configs")
    } | {
        (f"{resource} {INBOX_PREFIX}{partner}", f"User:CN={partner}", right)
        for partner in ("test-mda", "test-geo")
        for resource, right in (("topic", "read"), ("topic", "describe"), ("group", "read"))
    }


# -- how long an inbox keeps what it has


async def test_an_inbox_keeps_a_container_as_long_as_the_hub_may_and_no_longer(made: World, kafka: Kafka) -> None:
    as_made = {"retention.ms": str(37 * DAY_MS), "segment.ms": "3600000", "retention.bytes": "-1"}
    assert as_made.items() <= (await kafka.questions.settings(MDA)).items()
    assert int((await kafka.questions.settings(OUTBOUND))["retention.ms"]) == 38 * DAY_MS
    for name, value in (
        ("retention.ms", str(38 * DAY_MS)),
        ("retention.ms", str(37 * DAY_MS - 1)),
        ("retention.ms", "-1"),
        ("retention.bytes", "1000"),
        ("segment.ms", str(7 * DAY_MS)),
        ("cleanup.policy", "compact"),
    ):
        await kafka.configure(MDA, {**as_made, "cleanup.policy": "delete", name: value})
        found = await check_topics(kafka.questions, made.settings())
        assert [(one.where, one.what, one.found) for one in found] == [(MDA, name, value)]


async def test_the_topic_follows_the_hubs_own_retention(world: World, kafka: Kafka) -> None:
    await make_topics(kafka.questions, world.settings(retention_days=0))
    assert (await kafka.questions.settings(MDA))["retention.ms"] == str(30 * DAY_MS)
    assert [(one.where, one.what) for one in await check_topics(kafka.questions, world.settings())] == [
        (GEO, "retention.ms"), (MDA, "retention.ms"), (OUTBOUND, "retention.ms"),
    ]  # fmt: skip
    shorter = world.settings(retention_days=0)
    await kafka.configure(OUTBOUND, {"retention.ms": "-1"})  # indices alone: as long as anybody likes
    assert await check_topics(kafka.questions, shorter) == []


# -- a Kafka that keeps no rules, or not for everybody


async def test_a_kafka_without_an_authoriser_is_found(hub_world: World) -> None:
    cluster = Questions(Address(server().bootstrap))
    settings = hub_world.settings(kafka_bootstrap=server().bootstrap, kafka_principal=HUB)
    found = [one for one in await check_topics(cluster, settings) if one.where == "rights"]
    await cluster.close()
    assert found == [Finding("rights", "authorizer.class.name", "an authoriser", "none: anybody may do anything")]


async def test_a_kafka_that_allows_what_nobody_ruled_on_is_found(hub_world: World) -> None:
    more = {**AUTHORISER, "super.users": "User:ANONYMOUS", "allow.everyone.if.no.acl.found": "true"}
    with Cluster(1, more) as open_to_all:
        settings = hub_world.settings(
            kafka_bootstrap=open_to_all.bootstrap, kafka_principal=HUB, kafka_replicas=1, kafka_in_sync_min=1
        )
        cluster = Questions(Address(open_to_all.bootstrap))
        await make_topics(cluster, settings)
        found = await check_topics(cluster, settings)
        await cluster.close()
    assert found == [Finding("broker 1", "allow.everyone.if.no.acl.found", "not set (false)", "set")]


# -- principals


@pytest.mark.parametrize(
    "lines",
    [
        ['kafka_principal = "CN=hub"'],
        ['kafka_principal = "User:*"'],
        ['kafka_principal = "User:"'],
        ["[kafka_inboxes]", 'test-mda = "User:*"'],
        ["[kafka_inboxes]", 'test-mda = ""'],
        ["[kafka_inboxes]", 'test-mda = "User:ANONYMOUS"'],
        ["[kafka_inboxes]", 'test-mda = "User:CN=one"', 'test-geo = "User:CN=one"'],
        ['kafka_principal = "User:CN=hub"', "[kafka_inboxes]", 'test-mda = "User:CN=hub"'],
        ["[kafka_inboxes]", '"test.mda" = "User:CN=one"'],
    ],
)
def test_a_principal_that_is_not_one_programs_alone_is_refused(hub_world: World, lines: list[str]) -> None:
    with (hub_world.data / "hub.toml").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    with pytest.raises(Rejected, match="FIELD_RANGE"):
        load_settings(hub_world.data)


def test_without_a_principal_nothing_is_granted(hub_world: World) -> None:
    assert wanted_grants(hub_world.settings(kafka_inboxes={"test-mda": "User:CN=test-mda"})) == list[Grant]()
