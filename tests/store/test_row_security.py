"""The second wall: what PostgreSQL itself refuses to the role of partner-scoped reads, and to the hub's own."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from hub.store.engine import of_partner
from hub.store.migrating import APPENDED, HUB_ROLE, KEPT, migrate_server
from hub.store.postgres import PARTNER_ROLE, PARTNER_SETTING, PostgresConnection, open_postgres
from hub.store.tables import METADATA
from schemas.errors import Fault, Rejected, Unavailable
from tests.postgres import HUB, database, owners
from tests.world import World, make_world

pytestmark = pytest.mark.real

SEEN = {
    "recipient",
    "message",
    "leaf_partner",
    "leaf",
    "part_use",
    "case_party",
    "case_state",
    "case_clock",
    "case_leaf",
}
TABLES = sorted(METADATA.tables)
PARTNERS = ("test-aut", "test-mda", "test-geo")


@contextmanager
def session(url: str) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    with psycopg.connect(url, autocommit=True) as found:
        yield found


@pytest.fixture
async def url(tmp_path: Path) -> str:
    """A database in which each two of three partners wrote to each other, and all three."""
    found = database()
    world = make_world(tmp_path / "world")
    world.use(found)
    await talk(world, tmp_path)
    return found


async def talk(world: World, folder: Path) -> None:
    image = folder / "image"
    image.write_bytes(os.urandom(200_000))
    async with world.running() as client:
        asked = world.seal("test-aut", "ident.request", ["test-mda"])
        index = (await world.accepted(client, asked)).index
        await world.state(client, "test-mda", "ContentHandover", [(asked, index)])
        await world.accepted(client, world.seal("test-mda", "ident.reply", ["test-aut"], parent=asked))
        await world.accepted(client, world.seal("test-aut", "visa.overstay.notice", ["test-geo"]))
        await world.accepted(client, world.seal("test-mda", "doc.verify.request", ["test-geo"]))
        alert = world.seal("test-geo", "doc.alert", ["test-aut", "test-mda"], attachments=[image])
        await world.upload(client, "test-geo", alert)
        await world.accepted(client, alert)
        await world.accepted(client, world.seal("test-geo", "doc.alert", ["test-mda"]))


def expected(url: str, partner: str) -> dict[str, set[tuple[Any, ...]]]:
    """What is the partner's, found by other means than the policies: in Python, from all rows."""
    with session(owners(url)) as owner:
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for table in SEEN:
            columns = ", ".join(column.name for column in METADATA.tables[table].columns)
            rows[table] = owner.execute(f"SELECT {columns} FROM {table}".encode()).fetchall()  # noqa: S608 - our own names
    sent_to = {index for name, index, *_ in rows["recipient"] if name == partner}
    messages = {row for row in rows["message"] if row[3] == partner or row[0] in sent_to}
    named = {index for name, index in rows["leaf_partner"] if name == partner}
    cases = {row for name, row, _ in rows["case_party"] if name == partner}
    return {
        "recipient": {row for row in rows["recipient"] if row[0] == partner},
        "message": messages,
        "leaf_partner": {row for row in rows["leaf_partner"] if row[0] == partner},
        "leaf": {row for row in rows["leaf"] if row[0] in named},
        "part_use": {row for row in rows["part_use"] if row[1] in {message[0] for message in messages}},
        "case_party": {row for row in rows["case_party"] if row[0] == partner},
        "case_state": {row for row in rows["case_state"] if row[0] in cases},
        "case_clock": {row for row in rows["case_clock"] if row[0] in cases},
        "case_leaf": {row for row in rows["case_leaf"] if row[0] in cases},
    }


def everything(connection: PostgresConnection, table: str) -> set[tuple[Any, ...]]:
    """The statement that forgets its WHERE."""
    columns = ", ".join(column.name for column in METADATA.tables[table].columns)
    return set(connection.execute(f"SELECT {columns} FROM {table}").fetchall())  # noqa: S608 - our own names


async def test_a_partner_sees_its_own_rows_and_no_other(url: str) -> None:
    with closing(open_postgres(url, None)) as connection:
        for partner in PARTNERS:
            theirs = expected(url, partner)
            for table in SEEN - {"case_clock"}:  # no agreement here has clocks
                assert theirs[table], (partner, table)
                assert theirs[table] < everything(connection, table) or table == "part_use"
            with of_partner(connection, partner):
                assert {table: everything(connection, table) for table in SEEN} == theirs
        assert all(
            expected(url, "test-aut")[table] != expected(url, "test-mda")[table]
            for table in SEEN - {"case_clock", "part_use"}
        )


async def test_the_partners_wall_holds_in_joins_and_counts(url: str) -> None:
    with closing(open_postgres(url, None)) as connection:
        total = connection.execute("SELECT count(*) FROM message").fetchone()[0]
        theirs = len(expected(url, "test-aut")["message"])
        assert theirs < total
        with of_partner(connection, "test-aut"):
            assert connection.execute("SELECT count(*) FROM message").fetchone() == (theirs,)
            assert connection.execute("SELECT count(container) FROM message WHERE source = 'test-mda'").fetchone() == (
                1,
            )
            assert connection.execute(
                "SELECT count(*) FROM recipient r JOIN message m ON m.idx = r.idx WHERE r.partner = 'test-mda'"
            ).fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (total,)


@pytest.mark.parametrize("table", sorted(set(TABLES) - SEEN))
def test_a_partner_sees_nothing_of_other_tables(table: str) -> None:
    with closing(open_postgres(database(), None)) as connection:
        with pytest.raises(Unavailable), of_partner(connection, "test-aut"):
            everything(connection, table)
        everything(connection, table)  # which the hub may


@pytest.mark.parametrize(
    "partner", ["", "test-none", "x' OR '1'='1", "'; RESET ROLE; --", "\\", "%s", "test-aut,test-mda"]
)
async def test_names_of_nobody_see_nothing(url: str, partner: str) -> None:
    with closing(open_postgres(url, None)) as connection:
        with of_partner(connection, partner):
            assert connection.execute("SELECT current_user").fetchone() == (PARTNER_ROLE,)
            assert all(everything(connection, table) == set() for table in SEEN)
        assert connection.execute("SELECT current_user").fetchone() == (HUB,)


async def test_without_a_name_nothing_is_seen(url: str) -> None:
    with session(url) as hub:
        hub.execute(f"SET ROLE {PARTNER_ROLE}".encode())
        for table in SEEN:
            assert hub.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)  # noqa: S608 - likewise
        hub.execute("SELECT set_config(%s, 'test-aut', false)", (PARTNER_SETTING,))
        for statement in (
            "INSERT INTO recipient (partner, idx) VALUES ('test-aut', 1)",
            "UPDATE recipient SET partner = 'test-aut'",
            "DELETE FROM message",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                hub.execute(statement.encode())


def test_a_partners_reads_write_nothing() -> None:
    with (
        closing(open_postgres(database(), None)) as connection,
        pytest.raises((Fault, Unavailable)),
        of_partner(connection, "test-aut"),
    ):
        connection.execute("UPDATE recipient SET state = 'handed_over'")


# -- the hub's role


def test_grants_are_those_of_the_table(url: str) -> None:
    """Every privilege on everything that there is, from the server's own catalogue."""
    with session(owners(url)) as owner:
        found = owner.execute(
            "SELECT c.relname, coalesce(r.rolname, 'public'), a.privilege_type FROM pg_class c "
            "CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
            "WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner"
        ).fetchall()
        columns = owner.execute("SELECT 1 FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid > 16383").fetchall()
        owned = owner.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = ANY(%s)",
            ([HUB, HUB_ROLE, PARTNER_ROLE],),
        ).fetchall()
        roles = owner.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles "
            "WHERE rolname = ANY(%s)",
            ([HUB, HUB_ROLE, PARTNER_ROLE],),
        ).fetchall()
        secured = owner.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    may = {
        (table, HUB_ROLE, privilege)
        for table in METADATA.tables
        for privilege in (
            "SELECT",
            "INSERT",
            *(() if table in APPENDED else ("UPDATE",)),
            *(() if table in APPENDED | KEPT else ("DELETE",)),
        )
    }
    assert set(found) == may | {(table, PARTNER_ROLE, "SELECT") for table in SEEN}
    assert (columns, owned) == ([], [])
    assert sorted(roles) == [
        (name, False, False, False, False, False) for name in sorted((HUB, HUB_ROLE, PARTNER_ROLE))
    ]
    assert {name for (name,) in secured} == SEEN
    assert set(TABLES) >= APPENDED | KEPT


def forbidden() -> list[str]:
    statements = [
        "ALTER ROLE {hub} SUPERUSER",
        "ALTER ROLE liaison_hub BYPASSRLS",
        "SET ROLE owner",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (x int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE RULE r AS ON UPDATE TO message DO INSTEAD NOTHING",
        "CREATE TRIGGER t BEFORE INSERT ON leaf FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP POLICY partner ON message",
        "CREATE POLICY all_of_it ON message TO liaison_partner USING (true)",
        "ALTER POLICY partner ON message USING (true)",
        "DROP INDEX recipient_open",
        "COPY leaf TO PROGRAM 'true'",
        "ALTER SYSTEM SET fsync = off",
        "DROP DATABASE postgres",
    ]
    for table in TABLES:
        statements += [
            f"TRUNCATE {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"ALTER TABLE {table} ADD COLUMN more int",
            f"ALTER TABLE {table} OWNER TO {{hub}}",
        ]
        first = next(iter(METADATA.tables[table].columns)).name
        if table in APPENDED:
            statements.append(f"UPDATE {table} SET {first} = {first}")  # noqa: S608 - our own names
        if table in APPENDED | KEPT:
            statements.append(f"DELETE FROM {table}")  # noqa: S608 - likewise
    return statements


def test_the_hubs_role_changes_no_log_and_no_table(url: str) -> None:
    with session(owners(url)) as owner:
        before = [owner.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in TABLES]  # noqa: S608
    with session(url) as hub:
        for statement in forbidden():
            with pytest.raises(errors.InsufficientPrivilege):
                hub.execute(sql.SQL(statement).format(hub=sql.Identifier(HUB)))
        for statement in ("GRANT SELECT ON side TO liaison_partner", "GRANT DELETE ON leaf TO liaison_hub"):
            hub.execute(statement.encode())  # said with a warning alone; given is nothing
        given = (
            "SELECT has_table_privilege('liaison_partner', 'side', 'SELECT') OR has_table_privilege('leaf', 'DELETE')"
        )
        assert hub.execute(given).fetchone() == (False,)
    with session(owners(url)) as owner:
        assert before == [owner.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in TABLES]  # noqa: S608


def test_the_hubs_role_may_not_own_the_tables() -> None:
    url = database(tables=False)
    with pytest.raises(Rejected) as refused:
        migrate_server(url, None, url, None)
    assert (refused.value.code, refused.value.path) == ("FIELD_PATTERN", "/database_url")


def test_one_hubs_role_is_told_nothing_of_another_database(url: str) -> None:
    """Grants are of this database; what somebody gave besides is taken back by the next migration."""
    with session(owners(url)) as owner:
        owner.execute("GRANT UPDATE, DELETE, TRUNCATE ON leaf TO liaison_hub")
    migrate_server(owners(url), None, url, None)
    with session(url) as hub:
        for statement in ("UPDATE leaf SET hash = ''", "DELETE FROM leaf", "TRUNCATE leaf"):
            with pytest.raises(errors.InsufficientPrivilege):
                hub.execute(statement.encode())
