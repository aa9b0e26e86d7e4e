"""From nothing, or from an older release, to the tables that this one wants; and old code beside new tables."""

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import create_engine

from hub.cases.rebuilding import compare, rebuild
from hub.readiness import check_all
from hub.store import migrating, tables
from hub.store.engine import Connection, open_engine
from hub.store.migrating import migrate_file, migrate_server
from hub.store.postgres import open_postgres
from liaison.cli import main
from schemas.errors import CODES, Rejected, Unavailable
from tests.postgres import HUB, database, owners, server
from tests.world import World, make_world

ROOT = Path(__file__).resolve().parents[2]
NOW, NEXT = tables.LAYOUT, tables.LAYOUT + 1
MIGRATION = '''"""A migration of tests: old code may go on beside it."""

import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{now}"


def upgrade() -> None:
    """A column and a table more."""
    op.add_column("message", sa.Column("remark", sa.Text(), nullable=True))
    op.create_table("more", sa.Column("x", sa.Integer(), primary_key=True))
    {then}
'''
Migrate: TypeAlias = Callable[[], int]


@pytest.fixture
def url(engine: str) -> str:
    """Of a server's database without tables; empty: a file."""
    return database(tables=False) if engine == "postgres" else ""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
def migrate(file: Path, url: str) -> Migrate:
    return (lambda: migrate_server(owners(url), None, url, None)) if url else (lambda: migrate_file(file))


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """From now on migrations are the next release's; what else runs here is still this one."""

    def come(*, oldest: int = NOW, then: str = "") -> None:
        folder = tmp_path / f"migrations-{oldest}-{len(then)}"
        shutil.copytree(ROOT / "hub/store/migrations", folder)
        text = MIGRATION.format(now=f"{NOW:04d}", next=f"{NEXT:04d}", then=then)
        (folder / "versions" / f"{NEXT:04d}_next.py").write_text(text)
        monkeypatch.setattr(migrating, "_FOLDER", folder)
        monkeypatch.setattr(migrating, "LAYOUT", NEXT)
        monkeypatch.setattr(migrating, "LAYOUT_MIN", oldest)

    return come


@contextmanager
def opened(file: Path, url: str) -> Iterator[Connection]:
    with closing(open_engine(file, url)) as connection:
        yield connection


@contextmanager
def owners_connection(file: Path, url: str) -> Iterator[SQLAlchemyConnection]:
    address = owners(url).replace("postgresql://", "postgresql+psycopg://") if url else f"sqlite:///{file}"
    engine = create_engine(address)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def differences(file: Path, url: str) -> list[Any]:
    """Between the database and the code; but for comments, which are the code's alone, and Alembic's own table."""
    with owners_connection(file, url) as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found = list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.METADATA))
    flat = [one for entry in found for one in (entry if isinstance(entry, list) else [entry])]
    return [
        one
        for one in flat
        if not one[0].endswith("comment") and (one[0], str(one[1])) != ("remove_table", "alembic_version")
    ]


# -- from nothing


def test_what_migrations_make_is_what_the_code_wants(file: Path, url: str, migrate: Migrate) -> None:
    assert migrate() == tables.LAYOUT
    assert differences(file, url) == []
    with opened(file, url) as connection:
        tables.check(connection)
        assert tables.layouts(connection) == (tables.LAYOUT, tables.LAYOUT_MIN)


def test_both_ways_to_a_new_file_end_in_the_same(tmp_path: Path) -> None:
    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"
    with opened(made, "") as connection:
        tables.create(connection)
    migrate_file(migrated)
    assert layout_of(made) == layout_of(migrated)


def layout_of(file: Path) -> dict[str, Any]:
    """Tables, their columns, keys and checks, and indexes with their conditions."""
    with closing(sqlite3.connect(file)) as database_:
        names = [name for (name,) in database_.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, Any] = {
            name: [
                database_.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                sorted(row[2:] for row in database_.execute(f"PRAGMA foreign_key_list({name})")),
                sorted(row[1:] for row in database_.execute(f"PRAGMA index_list({name})")),
            ]
            for name in names
        }
        found["rowid"] = database_.execute("SELECT name, wr, strict FROM pragma_table_list ORDER BY name").fetchall()
        for name, text in database_.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        ):
            found[f"index {name}"] = "".join(text.lower().split())
        found["meta rows"] = sorted(database_.execute("SELECT * FROM meta"))
        found["migration"] = database_.execute("SELECT * FROM alembic_version").fetchall()
    return found


@pytest.mark.real
def test_nonces_survive_no_crash_and_all_else_does() -> None:
    with psycopg.connect(owners(database())) as owner:
        found = owner.execute(
            "SELECT relname FROM pg_class WHERE relpersistence <> 'p' AND relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace"
        )
        assert found.fetchall() == [("nonce",)]


def test_repeating_changes_nothing(file: Path, url: str, migrate: Migrate) -> None:
    migrate()
    with opened(file, url) as connection:
        connection.execute(tables.SET_META, ("mine", b"1"))
    for _ in range(2):
        assert migrate() == tables.LAYOUT
    with opened(file, url) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'mine'").fetchone() == (b"1",)
    assert differences(file, url) == []


def test_a_migration_that_fails_leaves_nothing(
    file: Path, url: str, migrate: Migrate, next_release: Callable[..., None]
) -> None:
    migrate()
    next_release(then='op.execute("INSERT INTO no_such_table VALUES (1)")')
    with pytest.raises(Exception, match=r"STORE_UNAVAILABLE|refused"):
        migrate()
    assert differences(file, url) == []
    with opened(file, url) as connection:
        tables.check(connection)


# -- old code, new tables


def test_old_code_works_beside_tables_that_allow_it(
    file: Path, url: str, migrate: Migrate, next_release: Callable[..., None]
) -> None:
    migrate()
    next_release(oldest=NOW)
    assert migrate() == NEXT
    with opened(file, url) as connection:
        assert tables.layouts(connection) == (NEXT, NOW)
        tables.check(connection)


def test_old_code_keeps_away_from_tables_that_do_not(
    file: Path, url: str, migrate: Migrate, next_release: Callable[..., None]
) -> None:
    next_release(oldest=NEXT)
    migrate()
    with opened(file, url) as connection, pytest.raises(Rejected) as refused:
        tables.check(connection)
    assert refused.value.code == "MIGRATION_NEEDED"


def test_new_code_keeps_away_from_old_tables(
    file: Path, url: str, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate()
    monkeypatch.setattr(tables, "LAYOUT", NEXT)
    with opened(file, url) as connection, pytest.raises(Rejected) as refused:
        tables.check(connection)
    assert refused.value.code == "MIGRATION_NEEDED"


def test_an_old_release_does_not_migrate_newer_tables(
    file: Path, url: str, migrate: Migrate, next_release: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    next_release()
    migrate()
    monkeypatch.undo()
    with pytest.raises(Rejected) as refused:
        migrate()
    assert refused.value.code == "MIGRATION_NEEDED"
    with opened(file, url) as connection:
        assert tables.layouts(connection) == (NEXT, NOW)


@pytest.fixture
def world(tmp_path: Path, engine: str) -> World:
    found = make_world(tmp_path / "world")
    if engine == "postgres":
        found.use(database())
    return found


async def test_a_hub_goes_on_while_its_tables_are_migrated(world: World, next_release: Callable[..., None]) -> None:
    """Statements it has prepared, statements it has not: messages before, beside and after."""
    async with world.running() as client:
        for _ in range(7):  # past psycopg's threshold for a prepared statement
            await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
        next_release(oldest=NOW)
        assert migrated(world) == NEXT
        for _ in range(7):
            sealed = world.seal("test-aut", "ident.request", ["test-mda"])
            index = (await world.accepted(client, sealed)).index
        await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        assert world.hub is not None
        assert set(check_all(world.hub).values()) == {"ok"}
        next_release(oldest=NEXT, then="pass")
        migrated(world)  # too early: those who are asked say so
        assert check_all(world.hub)["database"] == "MIGRATION_NEEDED"
    with pytest.raises(Rejected, match="MIGRATION_NEEDED"):
        world.open()


def migrated(world: World) -> int:
    url = world.settings().database_url
    return migrate_server(owners(url), None, url, None) if url else migrate_file(world.settings().database)


@contextmanager
def release(monkeypatch: pytest.MonkeyPatch, layout: int) -> Iterator[None]:
    """Hubs opened inside are of the release that wants this layout."""
    with monkeypatch.context() as changed:
        changed.setattr(tables, "LAYOUT", layout)
        yield


async def test_processes_of_two_releases_answer_for_one_hub(
    world: World, next_release: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rolling update: migrate, a new process beside the old one, then the old one ends."""
    async with AsyncExitStack() as new_one:
        async with world.running(processes=2) as old:
            next_release(oldest=NOW)
            if world.settings().database_url:  # a file is migrated by whoever comes first
                with release(monkeypatch, NEXT), pytest.raises(Rejected, match="MIGRATION_NEEDED"):
                    world.open(processes=2)  # a new process that comes too early; the old one goes on
                assert (await old.get("/readyz")).status_code == 200
                assert migrated(world) == NEXT
            with release(monkeypatch, NEXT):
                new = await new_one.enter_async_context(world.running(processes=2))
            for turn in range(4):
                one, other = (old, new) if turn % 2 else (new, old)
                sealed = world.seal("test-aut", "ident.request", ["test-mda"])
                receipt = await world.accepted(one, sealed)
                again = await world.post(other, sealed)
                assert (again.status_code, world.verified(again.content).index) == (200, receipt.index)
                reply = world.seal("test-mda", "ident.reply", ["test-aut"], parent=sealed)
                await world.accepted(other, reply)
                await world.state(one, "test-mda", "ContentHandover", [(sealed, receipt.index)])
        last = await world.accepted(new, world.seal("test-aut", "ident.request", ["test-mda"]))
    assert world.check() > last.index


async def test_what_a_process_of_layout_1_left_out_is_found_and_made_good(world: World) -> None:
    """It opened a case without saying on which agreement; messages go on, and `rebuild` fills it in."""
    async with world.running() as client:
        sealed = world.seal("test-aut", "ident.request", ["test-mda"])
        opened_by_old = (await world.accepted(client, sealed)).index
        await world.accepted(client, world.seal("test-aut", "ident.request", ["test-mda"]))
        world.spoil("DELETE FROM case_agreement WHERE row_id = ?", rows=[(opened_by_old,)])
        await world.accepted(client, world.seal("test-mda", "ident.reply", ["test-aut"], parent=sealed))
        world.suspend("TEST-AUT-MDA", "test-aut")
        assert world.hub is not None
        await world.hub.directories.renew()
        reader, at_rest = world.hub.reader, world.hub.at_rest
        assert compare(reader, at_rest).differing == (opened_by_old,)
        rebuild(reader, at_rest)
        assert compare(reader, at_rest).equal
    world.check()


# -- the owner's side of a server


@pytest.mark.real
def test_the_password_of_a_new_role_is_known_to_no_log(tmp_path: Path) -> None:
    url, password = database(tables=False), tmp_path / "password"
    password.write_text("canary-81f2 'quoted' %s\n")
    name = url.rpartition("/")[2]
    address = url.replace(f"{HUB}@", f"{name}_role@")
    with psycopg.connect(owners(url), autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(sql.Identifier(name)))
        owner.execute(sql.SQL("ALTER DATABASE {} SET log_min_messages = 'debug1'").format(sql.Identifier(name)))
        migrate_server(owners(url), None, address, password)
        kept = owner.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (f"{name}_role",)).fetchone()
        assert kept is not None
        assert str(kept[0]).startswith("SCRAM-SHA-256$")
        where = owner.execute("SELECT pg_current_logfile(), current_setting('data_directory')").fetchone()
    assert where is not None
    folder = Path(str(where[1])).parent
    said = (folder / "log").read_text(errors="replace")
    assert f"{name}_role" in said
    assert "canary" not in said
    with closing(open_postgres(address, password)) as connection:
        tables.check(connection)


@pytest.mark.real
def test_an_owner_that_cannot_be_asked(tmp_path: Path) -> None:
    url = database(tables=False)
    for owner in (f"postgresql://owner@127.0.0.1:1/{url.rpartition('/')[2]}", f"{owners(url)}_none"):
        with pytest.raises(Unavailable):
            migrate_server(owner, None, url, None)
    for wrong in ("postgresql://owner:secret@127.0.0.1/x", "sqlite:///x"):
        with pytest.raises(Rejected) as refused:
            migrate_server(wrong, None, url, None)
        assert refused.value.path == "/database_url"
    with pytest.raises(Rejected):
        migrate_server(owners(url), tmp_path / "none", url, None)
    assert server().owner


# -- commands


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = main(["hub", *map(str, words), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else None, said.err


def test_the_command_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = make_world(tmp_path / "world")
    for _ in range(2):
        assert run(capsys, "migrate", world.data)[:2] == (0, {"layout": tables.LAYOUT})
    assert stat.S_IMODE((world.data / "hub.db").stat().st_mode) & 0o077 == 0
    world.open().close()


@pytest.mark.real
def test_the_command_on_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database()  # so that the server knows the hub's role
    world, url = make_world(tmp_path / "world"), database(tables=False)
    world.use(url)
    code, _, said = run(capsys, "migrate", world.data)
    assert (code, "--owner-url" in said) == (2, True)
    with pytest.raises(Rejected, match="MIGRATION_NEEDED"):
        world.open()
    code, found, _ = run(capsys, "migrate", world.data, "--owner-url", "postgresql://owner@127.0.0.1:1/none")
    assert (code, found["code"]) == (5, "STORE_UNAVAILABLE")
    code, found, _ = run(capsys, "migrate", world.data, "--owner-url", "postgresql://owner:secret@127.0.0.1/none")
    assert (code, found["code"], "secret" in str(found)) == (4, "FIELD_PATTERN", False)
    code, found, _ = run(capsys, "migrate", world.data, "--owner-url", url)
    assert (code, found["code"]) == (4, "FIELD_PATTERN")
    for _ in range(2):
        assert run(capsys, "migrate", world.data, "--owner-url", owners(url))[:2] == (0, {"layout": tables.LAYOUT})
    world.open().close()


@pytest.mark.real
@pytest.mark.parametrize("workers", [1, 2])
def test_serve_refuses_tables_that_are_not_there(tmp_path: Path, workers: int) -> None:
    world = make_world(tmp_path / "world")
    world.use(database(tables=False))
    ended = subprocess.run(
        [sys.executable, "-m", "liaison", "hub", "serve", str(world.data), "--port", "0", "--workers", str(workers)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "MIGRATION_NEEDED" in ended.stderr
    assert CODES["MIGRATION_NEEDED"].words in ended.stderr
