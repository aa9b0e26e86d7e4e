"""From the layout that a database has to the one this release wants; and, on a server, who may do what.

Run by whoever owns the tables, which no hub does: the role a hub signs in with owns nothing, adds to the log and can
neither change nor drop a row of it, and is row-level secured when it reads for a partner. Everything is one
transaction and may be repeated: what is there already stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from hub.store.postgres import LOCK, PARTNER_ROLE, checked, owners_session, read_password, scrambled, user_of
from hub.store.tables import LAYOUT, LAYOUT_MIN, METADATA
from schemas.errors import Fault, Rejected, Unavailable

HUB_ROLE = "liaison_hub"
APPENDED = frozenset({"leaf", "leaf_partner", "checkpoint", "tile", "statement", "directory_version", "side"})
"""Tables to which a hub only adds."""
KEPT = frozenset({"head", "message", "recipient", "case_key"})
"""Tables whose rows a hub changes and never drops."""

_FOLDER = Path(__file__).parent / "migrations"


def migrate_file(file: Path) -> int:
    """A SQLite database has the present layout; returns it. Raises LiaisonError, having changed nothing."""
    engine = create_engine(URL.create("sqlite", database=str(file)), poolclass=NullPool)
    event.listen(engine, "connect", _no_implicit_begin)
    event.listen(engine, "begin", _begin_immediate)
    with _begun(engine) as connection:
        _upgrade(connection)
    return LAYOUT


def migrate_server(owner_url: str, owner_password_file: Path | None, hub_url: str, password_file: Path | None) -> int:
    """A server's database has the present layout, and the role of `hub_url` may work with it; returns the layout.

    Args:
        owner_url: who is to own the tables; must be allowed to make roles, the first time.
        owner_password_file: the owner's password.
        hub_url: the hub's own address; its role is made if there is none yet, with the password of `password_file`.
        password_file: the hub's password.

    Raises:
        Rejected: an address or a file is not as it must be, the owner is the hub's own role (FIELD_PATTERN at
            `/database_url`), or the tables are of a newer release (MIGRATION_NEEDED).
        Unavailable: STORE_UNAVAILABLE.
        Fault: a statement was refused.
    """
    password, hub_password = read_password(owner_password_file), read_password(password_file)
    role = user_of(checked(hub_url))
    if role == user_of(checked(owner_url)):
        raise Rejected("FIELD_PATTERN", "/database_url")  # whoever owns the log's tables can change it
    engine = create_engine(
        "postgresql+psycopg://", creator=partial(owners_session, owner_url, password), poolclass=NullPool
    )  # so that libpq alone reads the address
    with _begun(engine) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as PostgreSQL 15 has it anyway
        for name in (HUB_ROLE, PARTNER_ROLE, role):
            if not connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).first():
                _make_role(connection, name, hub_password if name == role else None, signs_in=name == role)
        _upgrade(connection)
        _grant(connection, role)
    return LAYOUT


def _make_role(connection: SQLAlchemyConnection, name: str, password: str | None, *, signs_in: bool) -> None:
    quoted = _quoted(connection, name)
    connection.exec_driver_sql(
        f"CREATE ROLE {quoted} {'LOGIN' if signs_in else 'NOLOGIN'} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
    )
    if password is not None:
        secret = scrambled(connection.connection.driver_connection, name, password)
        connection.exec_driver_sql(f"ALTER ROLE {quoted} PASSWORD '{secret}'")


def _grant(connection: SQLAlchemyConnection, role: str) -> None:
    """Who may do what, told anew each time."""
    for table in METADATA.tables:
        more = "" if table in APPENDED else ", UPDATE" if table in KEPT else ", UPDATE, DELETE"
        connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM {HUB_ROLE}")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT{more} ON {table} TO {HUB_ROLE}")
    connection.exec_driver_sql(f"GRANT {HUB_ROLE}, {PARTNER_ROLE} TO {_quoted(connection, role)}")


def _upgrade(connection: SQLAlchemyConnection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    for name, number in (("layout", LAYOUT), ("layout_min", LAYOUT_MIN)):
        table = METADATA.tables["meta"]
        connection.execute(table.delete().where(table.c.name == name))
        connection.execute(table.insert().values(name=name, value=str(number).encode()))


def _quoted(connection: SQLAlchemyConnection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name).replace("%", "%%")


@contextmanager
def _begun(engine: Engine) -> Iterator[SQLAlchemyConnection]:
    """One transaction; errors of SQLAlchemy and Alembic become ours."""
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    except DBAPIError as error:
        raise Fault("the database refused a migration") from error
    except CommandError as error:  # it knows no such migration
        raise Rejected("MIGRATION_NEEDED") from error
    finally:
        engine.dispose()


def _no_implicit_begin(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # else Python's sqlite3 commits before each DDL statement


def _begin_immediate(connection: SQLAlchemyConnection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
