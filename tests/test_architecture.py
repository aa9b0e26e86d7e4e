"""The house rules that a machine can hold (CONTRIBUTING.md), read from the source text alone."""

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "keys", "service", "hub", "adapters", "liaison")

MAY_IMPORT = {
    "schemas": {"schemas"},
    "keys": {"schemas", "keys"},
    "service": {"schemas", "keys", "service"},
    "hub": {"schemas", "keys", "service", "hub"},
    "adapters": {"schemas", "keys", "service", "adapters"},
    "liaison": set(PACKAGES),
}
"""`hub` and `adapters` never meet; `liaison` joins them and is imported by none of them."""

OWNERS = {
    "alembic": ["hub/store/migrating.py", "hub/store/migrations/*.py"],
    "aiokafka": ["hub/broker/kafka.py", "hub/broker/cluster.py"],
    "aiohttp": ["service/client.py", "adapters/channels/*.py", "adapters/edge/*.py", "hub/delivery/*.py"],
    "cryptography": ["keys/*.py"],
    "fastapi": ["*/routes*.py", "hub/app.py", "adapters/edge/app.py", "service/problems.py"],
    "greenlet": ["hub/store/aside.py"],
    "holidays": ["schemas/agreements/calendars.py"],
    "http_message_signatures": ["keys/requests.py"],
    "jinja2": ["hub/console/*.py"],
    "opentelemetry": ["service/tracing.py"],
    "prometheus_client": ["service/*.py", "hub/*.py", "adapters/edge/*.py"],
    "pydantic_settings": ["service/settings.py"],
    "psycopg": ["hub/store/postgres.py"],
    "requests": ["service/tracing.py"],  # the exporter's own session, told to obey no proxy variable
    "rich": ["liaison/*.py"],
    "securesystemslib": ["keys/directory/*.py"],
    "sqlalchemy": ["hub/store/*.py", "hub/backup/*.py"],
    "sqlite3": [
        "service/sqlite.py",
        "liaison/audit/sources.py",  # the auditor runs where no hub or edge is installed
        "liaison/cli/doctor.py",  # asks for the version
        "liaison/demo/tampering.py",  # writes where no program of ours may
    ],
    "structlog": ["service/logs.py"],
    "tuf": ["keys/directory/*.py"],
    "typer": ["liaison/cli/*.py"],
    "tzdata": ["schemas/agreements/calendars.py"],
    "urllib.request": ["liaison/audit/sources.py", "liaison/demo/*.py"],
    "weasyprint": ["liaison/forms/printing.py"],
    "uvicorn": ["service/server.py"],
    "uvloop": ["service/server.py"],
    "httptools": ["service/server.py"],
    "zoneinfo": ["schemas/agreements/calendars.py"],
}
"""One owner a dependency: who else needs it asks the owner, and a change of library is a change in one place."""

PURE = ("schemas/*.py", "keys/*.py", "hub/policy/*.py", "liaison/audit/*.py")
"""Decides and computes: no `async def`, and time comes in as an argument."""

NAMES_THAT_SAY_NOTHING = {
    "manager",
    "handler",
    "processor",
    "utils",
    "util",
    "helpers",
    "common",
    "misc",
    "data",
    "info",
}


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(paths) > 20
    return tuple((path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _matches(name: str, patterns: list[str] | tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def test_packages_import_only_what_the_plan_allows() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, tree in _modules()
        for imported in _imports(tree)
        if imported.split(".")[0] in PACKAGES and imported.split(".")[0] not in MAY_IMPORT[name.split("/", 1)[0]]
    ]
    assert not wrong


def test_the_auditors_tools_need_neither_hub_nor_edge() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, tree in _modules()
        if name.startswith("liaison/audit/") or name == "liaison/cli/audit.py"
        for imported in _imports(tree)
        if imported.split(".")[0] in PACKAGES
        and not imported.startswith(("schemas", "keys", "liaison.audit", "liaison.cli.output"))
    ]
    assert not wrong


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_a_dependency_has_one_owner(library: str) -> None:
    wrong = {
        name
        for name, tree in _modules()
        for imported in _imports(tree)
        if (imported == library or imported.startswith(f"{library}.")) and not _matches(name, OWNERS[library])
    }
    assert not wrong


def test_every_module_says_what_it_is() -> None:
    assert not [name for name, tree in _modules() if not ast.get_docstring(tree)]


def test_names_are_nouns_of_the_field() -> None:
    assert not [name for name, _ in _modules() if set(re.split(r"[/_.]", name)) & NAMES_THAT_SAY_NOTHING]


def test_pure_code_is_not_async_and_is_told_the_time() -> None:
    wrong = []
    for name, tree in _modules():
        if not _matches(name, PURE):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                wrong.append(f"{name}:{node.lineno} is async")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time",
            }:  # fmt: skip
                wrong.append(f"{name}:{node.lineno} looks at the clock")
    assert not wrong


def test_no_task_runs_outside_a_group() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task"}
    ]
    assert not wrong


def test_no_thread_pool_stands_beside_signatures() -> None:
    wrong = [
        f"{name} uses {imported}"
        for name, tree in _modules()
        for imported in _imports(tree)
        if imported.startswith("concurrent.futures") and not name.startswith("liaison/demo/")
    ]
    assert not wrong


def test_every_command_group_is_listed_and_there() -> None:
    from liaison.cli import GROUPS  # noqa: PLC0415 - the text of one module is what is tested

    there = {path.stem for path in (ROOT / "liaison" / "cli").glob("*.py")} - {"__init__", "output", "hub_broker"}
    assert there == set(GROUPS)


@cache
def _committed() -> tuple[str, ...]:
    """Files of the checkout; from git where there is one, else everything but what is made on the spot."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())
    made = (".venv", "node_modules", "var", "dist", ".git", "__pycache__", ".mypy_cache", ".ruff_cache")
    paths = (path for path in ROOT.rglob("*") if path.is_file() and not set(path.relative_to(ROOT).parts) & set(made))
    return tuple(path.relative_to(ROOT).as_posix() for path in paths)


def test_committed_files_name_no_machine_and_no_registry() -> None:
    machine = "|".join(("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/[a-z]"))
    registry = "|".join(("pypi" + r"\.org", "python" + r"hosted", "npmjs" + r"\.(org|com)"))
    forbidden = re.compile(f"{machine}|{registry}")
    wrong = []
    for name in _committed():
        data = (ROOT / name).read_bytes()
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if forbidden.search(line):
                wrong.append(f"{name}:{number}")
    assert not wrong


def test_nothing_secret_is_committed() -> None:
    private = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE" + rb" KEY-----")
    assert not [name for name in _committed() if private.search((ROOT / name).read_bytes())]
