"""A broker that lost its records is filled again from the log: everything that is not handed over, once more.

Guarantees that positions, what is known of the topics (`hub.broker.lineage`) and the leaf that says who wanted it are
one transaction; a crash before it leaves everything as it was. Delivery begins at the topic's end, for the relay, which
begins at the log's beginning, publishes all that is still on its way behind it. A hub that runs meanwhile notices
within seconds, and what it wanted to write of before is not written (`hub.broker.positions`).
"""

from dataclasses import dataclass

from hub.broker.contract import OUTBOUND
from hub.broker.lineage import forget_all, lineage_name, lineage_value
from hub.broker.opening import address_of
from hub.broker.positions import DELIVERY, EPOCH, broker_epoch
from hub.log.batch import Answer, Batch, Draft, Sealed
from hub.settings import HubSettings
from hub.store.tables import SET_META
from hub.wiring import OpenLog
from service.failpoints import reach

_FORGET = "DELETE FROM consumer_position"
_BEGIN = "INSERT INTO consumer_position (topic, consumer, part, next) VALUES (?, ?, ?, ?)"
_EMPTY = "DELETE FROM broker_record"
_OPEN = "SELECT count(DISTINCT idx) FROM recipient WHERE state <> 'handed_over'"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The leaf that says so, and how many messages are published again."""

    leaf: int
    messages: int


async def rebuild(settings: HubSettings, opened: OpenLog, actor: str) -> Rebuilt:
    """Set the relay back to the log's beginning, and delivery to where its topic ends now.

    Raises:
        Unavailable: Kafka cannot be reached, or has not the topic; nothing was changed.
    """
    topics, ends = await _present(settings) if settings.kafka_bootstrap else ([], dict[int, int]())

    def work(batch: Batch) -> Answer[Rebuilt]:
        run = batch.connection.execute
        leaf = batch.add(Draft("BrokerRebuilt", committed={"actor": actor}))
        forget_all(batch.connection)
        run(_FORGET)
        run(_EMPTY)
        for part, end in ends.items():
            run(_BEGIN, (DELIVERY.topic, DELIVERY.name, part, end))
        for name, value in topics:
            run(SET_META, (name, value))
        run(SET_META, (EPOCH, b"%d" % (broker_epoch(batch.connection) + 1)))
        rebuilt = Rebuilt(leaf, int(run(_OPEN).fetchone()[0]))
        reach("hub.rebuilding.written")

        def answer(_: Sealed) -> Rebuilt:
            return rebuilt

        return answer

    return opened.writer.commit_now(work)


async def _present(settings: HubSettings) -> tuple[list[tuple[str, bytes]], dict[int, int]]:
    """The topics as they are now, and where the topic of messages ends."""
    from hub.broker.cluster import Cluster, existing  # noqa: PLC0415 - with a Kafka alone
    from hub.broker.topics import wanted_topics  # noqa: PLC0415 - likewise

    cluster = Cluster(address_of(settings))
    try:
        topics = [existing(await cluster.topic(wanted.name)) for wanted in wanted_topics(settings)]
        outbound = next(topic for topic in topics if topic.name == OUTBOUND)
        return [(lineage_name(topic.name), lineage_value(topic)) for topic in topics], await cluster.ends(outbound)
    finally:
        await cluster.close()
