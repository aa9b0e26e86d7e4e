"""Podman without a registry of images and without systemd: its settings, our image, and what stands in for others'.

Everything of it lies in the checkout's ignored `var/cache/boxes` (storage, networks, the base image) and in a folder of
`/run`, apart from any podman the machine's user has. The first run makes the base with debootstrap (a minute); later
ones find it, and podman's own layers of what pip installed.

    engine = Engine()      # settings are written
    engine.provide()       # the images are there: localhost/liaison and localhost/liaison-standin

Needs root, as the packages of packages.txt that it uses do.
"""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "var" / "cache" / "boxes"
IMAGE, STANDIN = "localhost/liaison", "localhost/liaison-standin"
SUITE = "bookworm"
BASE_PACKAGES = ("ca-certificates", "openssl", "python3", "python3-venv")
"""What Debian's python:3.11-slim has and a minimal Debian has not."""
SECONDS = 300
BASE_SECONDS = 900
AUTHORITIES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
PIP_FILES = ("~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf")

CONTAINERS = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{run}/libpod"
[network]
network_backend = "netavark"
network_config_dir = "{cache}/networks"
"""
STORAGE = """
[storage]
driver = "{driver}"
graphroot = "{cache}/storage"
runroot = "{run}/storage"
"""


class Engine:
    """Podman with settings and a storage of its own."""

    def __init__(self) -> None:
        assert os.geteuid() == 0, (
            "containers are tried as root: run this as root, or use 'bootstrap.py test --embedded'"
        )
        run = Path("/run") / f"liaison-boxes-{hashlib.sha256(str(CACHE).encode()).hexdigest()[:12]}"
        for folder in (CACHE, run):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        places = {"cache": CACHE, "run": run}
        (CACHE / "containers.conf").write_text(CONTAINERS.format(**places))
        (CACHE / "storage.conf").write_text(STORAGE.format(**places, driver=_driver()))
        self.environment: Mapping[str, str] = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LIAISON_")},
            "CONTAINERS_CONF": str(CACHE / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(CACHE / "storage.conf"),
            "DISABLE_HC_SYSTEMD": "true",
        }

    def podman(self, *words: str | Path, seconds: float = SECONDS, check: bool = True) -> str:
        """What a podman command prints."""
        done = subprocess.run(
            ["podman", *map(str, words)], env=self.environment, cwd=ROOT, capture_output=True, text=True,
            timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, (
            f"podman {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
        return done.stdout.strip()

    def succeeds(self, *words: str) -> bool:
        """Whether a podman command ends well."""
        done = subprocess.run(
            ["podman", *words], env=self.environment, capture_output=True, timeout=SECONDS, check=False
        )
        return done.returncode == 0

    def provide(self) -> None:
        """Our image is that of this checkout, and the stand-in is there. One process at a time does it."""
        with _alone():
            base = f"localhost/liaison-base:{hashlib.sha256(repr((SUITE, BASE_PACKAGES)).encode()).hexdigest()[:12]}"
            if not self.succeeds("image", "exists", base):
                self._make_base(base)
            self._build(base)
            self._import(STANDIN, _standin())
            self.podman("image", "prune", "--force")

    def _make_base(self, name: str) -> None:
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="base-") as folder:
            words = ["debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", SUITE, folder]
            done = subprocess.run(words, capture_output=True, text=True, timeout=BASE_SECONDS, check=False)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
            for left in ("var/cache/apt/archives", "var/lib/apt/lists"):
                shutil.rmtree(Path(folder) / left)
            tar = ["tar", "--numeric-owner", "-C", folder, "-c", "."]
            with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:
                words = ["podman", "import", "--quiet", "-", name]
                subprocess.run(
                    words,
                    stdin=packed.stdout,
                    stdout=subprocess.DEVNULL,
                    env=self.environment,
                    timeout=SECONDS,
                    check=True,
                )

    def _build(self, base: str) -> None:
        """The Dockerfile, as it is; the first stage keeps a name, so that what pip installed stays in the cache."""
        words = [
            "build", "--runtime", "runc", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096",
            "--network", "host", "--format", "docker", "--build-arg", f"BASE={base}", *_pip(),
        ]  # fmt: skip
        self.podman(*words, "--target", "build", "--tag", f"{IMAGE}-build", ".")
        self.podman(*words, "--tag", IMAGE, ".")

    def _import(self, name: str, packed: bytes) -> None:
        words = ["podman", "import", "--quiet", "-", name]
        subprocess.run(
            words, input=packed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment,
            timeout=SECONDS, check=True,
        )  # fmt: skip


def _driver() -> str:
    """Layers as the kernel can, or whole copies where the checkout itself lies on layers (CI in a container)."""
    words = ["stat", "--file-system", "--format=%T", str(CACHE)]
    kind = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return "vfs" if kind == "overlayfs" else "overlay"


def _pip() -> list[str]:
    """This machine's pip settings, for the building stage alone: whom to trust and where to look."""
    words = []
    trusted = next((os.environ[name] for name in AUTHORITIES if os.environ.get(name)), None)
    if trusted is not None and Path(trusted).is_file():
        words += [
            "--volume",
            f"{Path(trusted).resolve()}:/run/authorities.pem:ro",
            "--build-arg",
            "PIP_CERT=/run/authorities.pem",
        ]
    for name in PIP:
        if os.environ.get(name):
            words += ["--build-arg", f"{name}={os.environ[name]}"]
    links = os.environ.get("PIP_FIND_LINKS", "")
    if Path(links).is_absolute() and Path(links).is_dir():
        words += ["--volume", f"{links}:/run/links:ro", "--build-arg", "PIP_FIND_LINKS=/run/links"]
    for file in map(os.path.expanduser, PIP_FILES):
        if os.path.isfile(file):  # noqa: PTH113 - a name as pip has it
            return [*words, "--volume", f"{file}:/etc/pip.conf:ro"]
    return words


def _standin() -> bytes:
    """An almost empty image: where this machine's /usr is mounted, and folders as the published images own theirs."""
    postgres, kafka = 999, 1000
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in ("dev", "etc", "kafka", "opt", "proc", "run", "standins", "sys", "usr", "var", "var/lib"):
            _add(tar, name)
        _add(tar, "tmp", mode=0o1777)
        _add(tar, "var/lib/postgresql", postgres)
        _add(tar, "var/lib/postgresql/data", postgres, mode=0o700)
        for name in ("opt/kafka", "opt/kafka/config", "var/lib/kafka", "var/lib/kafka/data"):
            _add(tar, name, kafka)
        for name in ("bin", "sbin", "lib", "lib64"):
            _add(tar, name, link=f"usr/{name}")
        users = (("root", 0), ("postgres", postgres), ("appuser", kafka))
        _add(tar, "etc/passwd", text="".join(f"{name}:x:{user}:{user}::/:/bin/sh\n" for name, user in users))
        _add(tar, "etc/group", text="".join(f"{name}:x:{user}:\n" for name, user in users))
    return made.getvalue()


def _add(
    tar: tarfile.TarFile, name: str, user: int = 0, *, mode: int = 0o755, link: str = "", text: str | None = None
) -> None:
    entry = tarfile.TarInfo(name)
    entry.uid = entry.gid = user
    entry.mode = mode
    if text is not None:
        raw = text.encode()
        entry.size, entry.mode = len(raw), 0o644
        tar.addfile(entry, io.BytesIO(raw))
        return
    entry.type = tarfile.SYMTYPE if link else tarfile.DIRTYPE
    entry.linkname = link
    tar.addfile(entry)


@contextmanager
def _alone() -> Iterator[None]:
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
