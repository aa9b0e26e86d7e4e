"""Which broker a hub has, and where: said by its settings. aiokafka is imported only where it is used."""

from pathlib import Path
from typing import TYPE_CHECKING

from hub.broker.contract import Broker
from hub.broker.embedded import EmbeddedBroker
from hub.broker.lineage import Lineage, check_embedded
from hub.log.writer import LogWriter
from hub.settings import HubSettings
from hub.store.engine import Connection
from schemas.errors import Rejected
from service.server import is_loopback

if TYPE_CHECKING:
    from ssl import SSLContext

    from hub.broker.cluster import Address


def open_broker(settings: HubSettings, connection: Connection, writer: LogWriter) -> Broker:
    """The hub's broker. Nothing is connected yet: a hub starts, and accepts, without its Kafka.

    Raises:
        Rejected: TLS_REQUIRED.
        Unavailable: BROKER_POSITION, when the database has the positions of a Kafka that is not named any more.
    """
    if settings.kafka_bootstrap:
        from hub.broker.kafka import KafkaBroker  # noqa: PLC0415 - see the module

        return KafkaBroker(address_of(settings), Lineage(connection, writer))
    check_embedded(connection)
    return EmbeddedBroker(connection, writer, look_seconds=settings.log_look_seconds if settings.shared else None)


def address_of(settings: HubSettings) -> "Address":
    """Where the settings say that Kafka is.

    Raises:
        Rejected: TLS_REQUIRED when another host is named without TLS, or half of what TLS needs is, or a file of it
            cannot be used; FIELD_PATTERN.
    """
    from hub.broker.cluster import Address  # noqa: PLC0415 - see the module

    hosts = []
    for entry in settings.kafka_bootstrap.split(","):
        host, _, port = entry.rpartition(":")
        if not host or not port.isdigit():
            raise Rejected("FIELD_PATTERN", "/kafka_bootstrap")
        hosts.append(host.strip("[]"))
    return Address(
        settings.kafka_bootstrap,
        _tls(settings, needed=not settings.kafka_plaintext and not all(is_loopback(host) for host in hosts)),
        request_seconds=settings.kafka_request_seconds,
        publish_seconds=settings.kafka_publish_seconds,
    )


def _tls(settings: HubSettings, *, needed: bool) -> "SSLContext | None":
    from hub.broker.cluster import tls_of  # noqa: PLC0415 - see the module

    match settings.kafka_tls_authorities, settings.kafka_tls_certificate, settings.kafka_tls_key:
        case Path() as authorities, Path() as certificate, Path() as key:
            return tls_of(authorities, certificate, key)
        case None, None, None:
            if needed:
                raise Rejected("TLS_REQUIRED", "/kafka_tls_certificate")
            return None
        case files:
            names = ("kafka_tls_authorities", "kafka_tls_certificate", "kafka_tls_key")
            raise Rejected("TLS_REQUIRED", f"/{names[files.index(None)]}")
