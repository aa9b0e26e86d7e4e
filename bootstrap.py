#!/usr/bin/env python3
"""From a fresh checkout to a running Liaison with one command, using nothing but Python's standard library.

    python3 bootstrap.py demo  [...]   one hub and three authorities on this machine (`liaison demo`)
    python3 bootstrap.py serve [...]   the hub on loopback, from a data directory (default var/hub)
    python3 bootstrap.py test  [...]   every test; --embedded leaves out those that need a server, a browser ...
    python3 bootstrap.py check         formatter, linter, types, then every test: what CI runs
    python3 bootstrap.py bench [...]   measure, as JSON

Makes `.venv` from the hashed requirements and stamps it with their digest and this Python's version, so that a second
start installs nothing. A start that is killed half-way leaves no stamp, and the next one repairs. Further arguments go
to the program started (for `test`: to pytest). Messages go to standard error.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python must be told, not shown a traceback
    sys.exit("Liaison needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])  # noqa: UP031

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "liaison-stamp.json"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
REQUIREMENTS = {"run": ("run.txt",), "dev": ("run.txt", "dev.txt")}
"""What a level's stamp depends on; dev.txt holds everything of run.txt, in the same versions (a test)."""
BYTECODE = ROOT / "var" / "cache" / "bytecode"
PROBE_SECONDS = 60
WORKERS = ("-n", "2", "--dist", "worksteal")
"""The longest tests come first (`tests/conftest.py`): one worker has them, and the other takes of them in the end."""
SCHEMAS = "tests/schemas"
EVERY_BRANCH = ("--cov=schemas", "--cov-branch", "--cov-fail-under=100", "--cov-report=term-missing:skip-covered")
"""`check` runs the tests of schemas apart, so that nothing runs twice and only they pay for being traced (ADR 84)."""


def main(arguments: list[str]) -> int:
    """Run one of the five commands and give its exit code."""
    commands = {"demo": demo, "serve": serve, "test": test, "check": check, "bench": bench}
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(__doc__, file=sys.stderr if not arguments else sys.stdout)
        return 0 if arguments else 2
    if arguments[0] not in commands:
        say(f"There is no command {arguments[0]!r}; there are {', '.join(commands)}.")
        return 2
    os.chdir(ROOT)
    keep_bytecode()
    return commands[arguments[0]](arguments[1:])


def demo(arguments: list[str]) -> int:
    """Run the demonstration."""
    prepare("run")
    return become("-m", "liaison", "demo", *arguments)


def serve(arguments: list[str]) -> int:
    """Run a hub; its data directory is made on the first start."""
    prepare("run")
    data = Path(arguments.pop(0)) if arguments and not arguments[0].startswith("-") else ROOT / "var" / "hub"
    if not data.exists():
        made = subprocess.run([PYTHON, "-m", "liaison", "hub", "init", data], check=False)
        if made.returncode:
            return made.returncode
    return become("-m", "liaison", "hub", "serve", str(data), *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests, after installing the real parts that some of them need."""
    embedded = "--embedded" in arguments
    further = [argument for argument in arguments if argument != "--embedded"]
    prepare("dev")
    if not embedded and not (real_parts() and kafka()):
        return 1
    selection = ["-m", "not real"] if embedded else []
    return run(PYTHON, "-m", "pytest", *WORKERS, *selection, *further)


def check(arguments: list[str]) -> int:
    """Run all that CI runs. Every step runs, so that one start shows everything that is wrong."""
    prepare("dev")
    failed = [
        name
        for name, words in (
            ("formatter", ("ruff", "format", "--check", ".")),
            ("linter", ("ruff", "check", ".")),
            ("types", ("mypy",)),  # pyproject names the files: code, tests, bench and this script
        )
        if run(PYTHON, "-m", *words)
    ]
    apart = {"tests": [f"--ignore={SCHEMAS}"], "tests of schemas, or a branch they miss": [SCHEMAS, *EVERY_BRANCH]}
    runs = {"tests": arguments} if arguments else apart  # what a choice of tests reaches says nothing
    failed += [name for name, words in runs.items() if test(words)]
    say(f"Failed: {', '.join(failed)}." if failed else "All checks passed.")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    """Measure; prints JSON on standard output."""
    script = ROOT / "bench" / "run.py"
    if not script.is_file():
        say("bench/run.py is not in this checkout, so there is nothing to measure with.")
        return 1
    prepare("dev")
    return become(str(script), *arguments)


# -- the environment


def keep_bytecode() -> None:
    """Whoever wants no bytecode beside sources has it in our ignored folder: without any, each start takes seconds."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))


def prepare(level: str) -> None:
    """Make `.venv` hold exactly what the level's requirements name, unless its stamp says that it does.

    Args:
        level: "run" or "dev".
    """
    wanted = {name: digest(name) for name in REQUIREMENTS}
    stamp = read_stamp()
    usable = stamp.get("python") == sys.version and PYTHON.exists()
    if usable and (stamp.get(level) == wanted[level] or stamp.get("dev") == wanted["dev"]):
        return
    uv = shutil.which("uv")
    if not usable:
        make_venv(uv)
    STAMP.unlink(missing_ok=True)  # dying from here on leaves no stamp: the next start installs again
    install(REQUIREMENTS[level][-1], uv)
    make_importable()
    temporary = STAMP.with_suffix(".part")
    temporary.write_text(json.dumps({"python": sys.version, level: wanted[level]}), encoding="utf-8")
    temporary.replace(STAMP)


def digest(level: str) -> str:
    """SHA-256 over the level's requirements files, hex."""
    files = (ROOT / "requirements" / name for name in REQUIREMENTS[level])
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def read_stamp() -> dict[str, str]:
    """What the last complete installation was made from; empty when there was none."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def make_venv(uv: str | None) -> None:
    """Make a new, empty `.venv` in the place of any old one."""
    say(f"Making .venv with Python {sys.version.split()[0]} ...")
    if uv is not None:
        done = run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))
        if done:
            sys.exit("uv could not make .venv.")
        return
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        sys.exit(f"This Python comes without ensurepip. Run this, then start again:\n  sudo apt-get install {package}")
    venv.create(VENV, clear=True, with_pip=True, symlinks=os.name != "nt")


def install(name: str, uv: str | None) -> None:
    """Install a requirements file; every archive must have a digest named in it."""
    file = ROOT / "requirements" / name
    total = len(re.findall(r"^[a-z0-9][^=\n]*==", file.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE))
    say(f"Installing up to {total} packages from requirements/{name}, each checked against its digest ...")
    if uv is not None:
        words = [uv, "pip", "install", "--python", str(PYTHON), "--require-hashes", "-r", str(file)]
        if run(*words):
            sys.exit("uv could not install the requirements.")
        return
    options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile", "--progress-bar", "off")
    quiet = ("--no-input", "--disable-pip-version-check")
    words = [str(PYTHON), "-m", "pip", "install", *options, *quiet, "-r", str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        last = follow(pip, total)
        code = pip.wait()
    if code:
        sys.exit("pip could not install the requirements:\n" + "\n".join(last))


def follow(pip: "subprocess.Popen[str]", total: int) -> list[str]:
    """Show how far pip is, on a terminal, and give its last lines."""
    assert pip.stdout is not None  # noqa: S101 - opened as a pipe above
    last: list[str] = []
    seen = 0
    for line in pip.stdout:
        last = [*last[-14:], line.rstrip()]
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            seen += 1
        if sys.stderr.isatty():
            step = "installing" if line.startswith("Installing") else "fetching"
            sys.stderr.write(f"\r\x1b[K  {step} {min(seen, total)} of {total}")
            sys.stderr.flush()
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return last


def make_importable() -> None:
    """Put the source tree on `.venv`'s path and the `liaison` command beside its python."""
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    (Path(packages) / "liaison-source.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    if os.name == "nt":
        return  # there, `.venv\Scripts\python -m liaison` is the command
    command = BIN / "liaison"
    command.write_text(
        f"#!{PYTHON}\nimport sys\n\nfrom liaison.cli import main\n\nsys.exit(main())\n", encoding="utf-8"
    )
    command.chmod(0o755)


# -- real parts that tests need


def real_parts() -> bool:
    """Whether every package of packages.txt is there, after trying to install the missing ones."""
    missing = missing_parts()
    if not missing:
        return True
    words = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.name != "posix" or os.geteuid() != 0 or not is_debian() or shutil.which("apt-get") is None:
        say(f"Tests need {', '.join(missing)}. Run this, or use 'test --embedded':\n  sudo {shlex.join(words)}")
        return False
    say(f"Installing {', '.join(missing)} ...")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], words):
        subprocess.run(command, env=environment, stdout=sys.stderr, check=False)
    missing = missing_parts()
    if missing:
        say(f"Still missing after {shlex.join(words)}: {', '.join(missing)}. 'test --embedded' needs none of them.")
    return not missing


def kafka() -> bool:
    """Whether Kafka's jars are there, each checked, after trying to fetch them (`tests/kafka.py`)."""
    if run(PYTHON, "-m", "tests.kafka") == 0:
        return True
    say("Tests need Kafka's jars, and what stands above kept them away. 'test --embedded' needs none of them.")
    return False


def missing_parts() -> list[str]:
    """The packages of packages.txt whose probe does not succeed."""
    missing = []
    for line in (ROOT / "packages.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        package, probe, _ = (cell.strip() for cell in line.split("|", 2))
        if not succeeds(shlex.split(probe)):
            missing.append(package)
    return missing


def succeeds(words: list[str]) -> bool:
    """Whether a command is there and ends well."""
    if shutil.which(words[0]) is None:
        return False
    try:
        done = subprocess.run(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def is_debian() -> bool:
    """Whether this is Debian, Ubuntu or a child of theirs (os-release)."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    names = re.findall(r"^(?:ID|ID_LIKE)=(.*)$", text, re.MULTILINE)
    return bool({"debian", "ubuntu"} & set(" ".join(names).replace('"', "").split()))


# -- starting things


def run(*words: str | Path) -> int:
    """Run a command to its end, with our output and input, and give its exit code."""
    try:
        return subprocess.run([str(word) for word in words], check=False).returncode
    except KeyboardInterrupt:
        return 130


def become(*words: str) -> int:
    """Replace this process by `.venv`'s python with these arguments, so that signals reach it directly."""
    if os.name != "nt":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(PYTHON, [str(PYTHON), *words])  # noqa: S606 - our own python, no shell
    return run(PYTHON, *words)


def say(message: str) -> None:
    """Tell the person at the terminal something."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
