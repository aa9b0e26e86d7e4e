"""The script that needs nothing: what it says and where it ends, without network and without a second installation."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", re.MULTILINE)


def _start(place: Path, *words: str, path: str | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LIAISON_", "PYTHON"))} | more
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [sys.executable, str(place / "bootstrap.py"), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script reads, with a stamped environment that holds no packages: installing would fail."""
    (tmp_path / "requirements").mkdir()
    for name in ("bootstrap.py", "packages.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("run.txt", "dev.txt"):
        (tmp_path / "requirements" / name).write_text("# nothing\n")
    return tmp_path


def _stamp(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True, timeout=60)
    script = (
        "import json, sys, bootstrap as b\n"
        "b.STAMP.write_text(json.dumps({'python': sys.version, 'dev': b.digest('dev')}))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=checkout, check=True, timeout=60)


def test_it_imports_the_standard_library_alone() -> None:
    imported = re.findall(r"^(?:import|from) ([a-z_]+)", (ROOT / "bootstrap.py").read_text(), re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names
    assert "venv" in imported


@pytest.mark.parametrize(("words", "code"), [([], 2), (["dmeo"], 2), (["--help"], 0)])
def test_misuse_names_the_five_commands(words: list[str], code: int, checkout: Path) -> None:
    done = _start(checkout, *words)
    assert done.returncode == code
    for command in ("demo", "serve", "test", "check", "bench"):
        assert command in done.stdout + done.stderr
    assert not (checkout / ".venv").exists()


def test_a_missing_bench_is_said_before_anything_is_installed(checkout: Path) -> None:
    done = _start(checkout, "bench")
    assert done.returncode == 1
    assert "bench/run.py" in done.stderr
    assert not (checkout / ".venv").exists()


def test_without_ensurepip_it_names_the_debian_package(checkout: Path) -> None:
    script = (
        "import importlib.util, shutil, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'ensurepip' else real(name, *more)\n"
        "import bootstrap\n"
        "bootstrap.main(['demo'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=checkout,
        env={**os.environ, "PATH": ""},  # nor is there uv
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert f"python3.{sys.version_info[1]}-venv" in done.stderr


def test_a_stamped_environment_is_used_as_it_is_and_another_digest_is_not(checkout: Path) -> None:
    _stamp(checkout)
    (checkout / "bench").mkdir()
    (checkout / "bench" / "run.py").write_text("import sys\nprint(sys.prefix, *sys.argv[1:])\n")
    done = _start(checkout, "bench", "--rounds", "3")
    assert done.stdout.split() == [str(checkout / ".venv"), "--rounds", "3"], done.stderr
    assert done.stderr == ""
    (checkout / "requirements" / "dev.txt").write_text("# changed\n")
    done = _start(checkout, "bench", path=str(checkout))
    assert done.returncode != 0  # it tried to install, and this environment has no pip
    assert "Installing" in done.stderr
    assert not (checkout / ".venv" / "liaison-stamp.json").exists()


@pytest.mark.parametrize("spoiled", ["", "[]", "{", json.dumps({"python": "3.9", "dev": "00"})])
def test_a_spoiled_stamp_is_not_believed(spoiled: str, checkout: Path) -> None:
    _stamp(checkout)
    (checkout / ".venv" / "liaison-stamp.json").write_text(spoiled)
    script = "import bootstrap as b; print(b.read_stamp().get('dev') == b.digest('dev'))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(os.name != "posix", reason="other systems have no apt-get to name")
def test_missing_real_parts_are_named_with_the_one_command(checkout: Path) -> None:
    _stamp(checkout)
    (checkout / "packages.txt").write_text("# comment\n\nno-such-part | no-such-part --version | nothing\n")
    done = _start(checkout, "test", path="")  # without apt-get on the path, root or not
    assert done.returncode == 1
    assert "apt-get install -y --no-install-recommends no-such-part" in done.stderr
    assert "--embedded" in done.stderr


def test_embedded_asks_for_no_real_part(checkout: Path) -> None:
    _stamp(checkout)
    (checkout / "packages.txt").write_text("no-such-part | no-such-part --version | nothing\n")
    done = _start(checkout, "test", "--embedded", path="")
    assert "no-such-part" not in done.stderr
    assert "No module named pytest" in done.stderr


@pytest.mark.parametrize(
    ("fetching", "said"), [("raise SystemExit('no such repository')", "--embedded"), ("", "No module named pytest")]
)
def test_kafkas_jars_are_fetched_before_any_test_or_nothing_runs(fetching: str, said: str, checkout: Path) -> None:
    _stamp(checkout)
    (checkout / "packages.txt").write_text("# nothing\n")
    (checkout / "tests").mkdir()
    (checkout / "tests" / "kafka.py").write_text(f"print('fetching')\n{fetching}\n")
    done = _start(checkout, "test")
    assert done.returncode == 1
    assert done.stdout == "fetching\n"
    assert said in done.stderr
    assert ("no such repository" in done.stderr) is ("No module named pytest" not in done.stderr)
    assert "fetching" not in _start(checkout, "test", "--embedded").stdout


def test_what_python_compiled_is_kept_even_where_none_shall_lie_beside_the_sources(checkout: Path) -> None:
    _stamp(checkout)
    (checkout / "bench").mkdir()
    (checkout / "bench" / "run.py").write_text("import sys\nprint(sys.dont_write_bytecode, sys.pycache_prefix)\n")
    kept = str(checkout / "var" / "cache" / "bytecode")
    assert _start(checkout, "bench").stdout.split() == ["False", "None"]
    assert _start(checkout, "bench", PYTHONDONTWRITEBYTECODE="1").stdout.split() == ["False", kept]
    chosen = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(checkout / "mine")}
    assert _start(checkout, "bench", **chosen).stdout.split() == ["False", str(checkout / "mine")]


def test_the_development_requirements_hold_everything_of_the_running_ones() -> None:
    run = dict(NAME.findall((ROOT / "requirements" / "run.txt").read_text()))
    dev = dict(NAME.findall((ROOT / "requirements" / "dev.txt").read_text()))
    assert run
    assert run.items() <= dev.items()


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_requirement_has_a_digest_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    for block in blocks:
        if NAME.match(block):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_every_dependency_of_pyproject_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {name.lower() for name, _ in NAME.findall((ROOT / "requirements" / "dev.txt").read_text())}
    for declared in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name = re.split(r"[^A-Za-z0-9_.-]", declared)[0]
        assert name.lower() in pinned, name
