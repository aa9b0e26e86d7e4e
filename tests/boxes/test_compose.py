"""docker-compose.yml, Dockerfile and their scripts, read: they fit the schema, the code, and each other."""

import copy
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.boxes.rules import ROOT, SETTINGS, Compose, faults, scripted, unknown

COMPOSE = ROOT / "docker-compose.yml"
SECONDS = 60


@pytest.fixture(scope="module")
def compose() -> Compose:
    found: Compose = yaml.safe_load(COMPOSE.read_text())
    return found


def _valid(file: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize("file", [COMPOSE, ROOT / "tests" / "boxes" / "podman.override.yml"])
def test_it_fits_the_compose_schema(file: Path) -> None:
    done = _valid(file)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true", "readonly: true"),
        ("restart: unless-stopped", "restart: [always]"),
        ("condition: service_healthy", "condition: service_well"),
        ("{internal: true}", "{internal: 3}"),
    ],
)
def test_the_schema_is_really_asked(right: str, wrong: str, tmp_path: Path) -> None:
    text = COMPOSE.read_text()
    assert right in text
    (tmp_path / "docker-compose.yml").write_text(text.replace(right, wrong))
    assert _valid(tmp_path / "docker-compose.yml").returncode == 1


def test_everything_in_it_exists_and_is_closed(compose: Compose) -> None:
    assert faults(compose) == []


def _set(service: str, key: str, value: object) -> Callable[[Any], None]:
    return lambda compose: compose["services"][service].__setitem__(key, value)


def _variable(service: str, key: str, value: str) -> Callable[[Any], None]:
    return lambda compose: compose["services"][service]["environment"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_set("hub-1", "command", ["hub", "serf", "/var/lib/liaison/hub/data"]), "hub-1: there is no command hub serf"),
        (_set("hub-1", "command", ["hug", "serve"]), "hub-1: there is no group hug"),
        (_set("topics", "command", ["hub", "broker", "check", "--creat"]), "topics: hub has no --creat"),
        (_set("init", "command", ["liaison hub init /x --adress x"]), "init: hub has no --adress"),
        (_variable("hub-2", "LIAISON_HUB_DATABASE_URI", "x"), "hub-2: there is no setting database_uri"),
        (_variable("hub-2", "LIAISON_HUB_ROLES", "api,relais"), "hub-2: /roles is not as it must be"),
        (_variable("hub-2", "LIAISON_HBU_PORT", "1"), "hub-2: nobody reads LIAISON_HBU_PORT"),
        (_variable("clock", "LIAISON_HUB_ROLES", "relay"), "nobody has the role clock"),
        (_variable("hub-1", "LIAISON_HUB_PORT", "8449"), "hub-1: nothing listens at 8440"),
        (_variable("relay", "LIAISON_HUB_PORT", "8449"), "relay: its health check asks what is not there"),
        (_set("hub-2", "ports", ["127.0.0.1:${X:-8440}:8440"]), "port 8440 is published twice"),
        (_set("hub-1", "ports", ["0.0.0.0:${X:-8440}:8440"]), "hub-1: port 8440 is open to others"),
        (_set("hub-1", "volumes", ["hup:/var/lib/liaison/hub"]), "hub-1: there is no volume hup"),
        (_set("hub-1", "volumes", []), "hub-1: /var/lib/liaison/hub/data is in no volume"),
        (_set("hub-1", "secrets", ["hub_key"]), "hub-1: /run/secrets/database_password is not given"),
        (_set("prometheus", "secrets", ["password"]), "prometheus: there is no secret password"),
        (_set("prometheus", "volumes", ["./no.yml:/etc/x:ro"]), "prometheus: there is no ./no.yml"),
        (_set("found", "entrypoint", ["sh", "/opt/liaison/find.sh"]), "found: the image has no /opt/liaison/find.sh"),
        (_variable("hub-1", "LIAISON_HUB_KAFKA_BOOTSTRAP", "kafka-4:9092"), "hub-1: no broker at kafka-4:9092"),
        (_variable("postgres", "POSTGRES_DB", "other"), "migrate: no database at postgres"),
        (_set("kafka-1", "user", "root"), "kafka-1: runs as root"),
        (_set("kafka-1", "user", "0:0"), "kafka-1: runs as root"),
        (_set("relay", "read_only", False), "relay: can write its root"),
        (_set("relay", "cap_add", ["NET_ADMIN"]), "relay: has privileges"),
        (_set("relay", "security_opt", []), "relay: can get privileges"),
        (_set("relay", "deploy", {"resources": {"limits": {"cpus": "1"}}}), "relay: has no limits"),
        (_set("grafana", "volumes", ["/var/run/docker.sock:/x"]), "grafana: sees the machine"),
        (_set("deliver", "profiles", ["extra"]), "deliver: is in no profile"),
        (_set("deliver", "restart", "on-failure"), "deliver: is not watched"),
        (_set("found", "depends_on", {"init": {"condition": "service_healthy"}}), "found: waits wrongly for init"),
        (_set("found", "depends_on", {"go": {"condition": "x"}}), "found: waits for go, which is not there"),
        (_set("postgres", "networks", ["partners"]), "postgres: can be reached from outside"),
        (_set("test-geo", "networks", ["inside"]), "test-geo: reaches what is the hub's"),
        (lambda compose: compose["networks"].__setitem__("inside", None), "the inner network leads out"),
        (_set("postgres", "image", "postgres:latest"), "postgres: which version?"),
        (_set("postgres", "image", "postgres"), "postgres: which version?"),
    ],
)  # fmt: skip
def test_what_does_not_exist_or_is_open_is_found(compose: Compose, spoil: Callable[[Any], None], fault: str) -> None:
    spoiled = copy.deepcopy(dict(compose))
    spoil(spoiled)
    assert fault in faults(spoiled)


def test_others_images_can_be_pinned() -> None:
    lines = [line.strip() for line in COMPOSE.read_text().splitlines() if line.strip().startswith("image: ")]
    for line in lines:
        if line != "image: liaison":
            assert re.fullmatch(r"image: (\S+)  # pin: \1@sha256:\.\.\.", line), line


def test_no_setting_is_given_twice_in_the_image_and_the_file() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.findall("|".join(SETTINGS), text)


# -- the image


def test_the_image_takes_what_it_names_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    admitted = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert set(copied) == admitted
    assert all((ROOT / one).exists() for one in copied)
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    assert len(stages) == 3
    assert not re.search(r"\bpip\b|ARG ", stages[2])
    assert re.search(r"^USER 10001:10001$", stages[2], re.MULTILINE)
    assert 'ENTRYPOINT ["liaison"]' in stages[2]
    assert "--require-hashes" in stages[1]
    assert re.search(r"^ARG BASE=docker\.io/library/python:3\.11-slim$", stages[0], re.MULTILINE)


def test_no_secret_can_come_into_the_image() -> None:
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    ignored = subprocess.run(
        ["git", "check-ignore", "deploy/secrets/hub.key"], cwd=ROOT, check=False, capture_output=True
    )
    assert ignored.returncode == 0


# -- the scripts


def test_the_founding_script_types_commands_that_exist() -> None:
    typed = list(scripted((ROOT / "deploy" / "found.sh").read_text()))
    assert [" ".join(words[:2]) for words in typed] == [
        "edge init", "keys list", "keys enrol",
        "agreement list", "agreement propose", "agreement sign", "agreement publish",
    ]  # fmt: skip
    assert [unknown(words) for words in typed] == [[]] * len(typed)


@pytest.mark.real
def test_secrets_are_made_once_and_for_the_names_that_are_asked(compose: Compose, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    _prepare(folder)
    made = {file.name: file.read_bytes() for file in folder.iterdir()}
    named = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert made.keys() == named | {"authorities.key"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "authorities.key").stat().st_mode) == 0o600
    for file, names in {
        "hub.pem": ("hub", "hub-1", "hub-2", "relay", "deliver", "clock", "localhost"),
        "test-aut.pem": ("test-aut", "localhost"),
        "test-geo.pem": ("test-geo", "localhost"),
    }.items():
        for name in names:
            assert _holds(folder, file, name), name
        assert not _holds(folder, file, "kafka-1")
    _prepare(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == made


@pytest.mark.real
def test_a_password_of_ones_own_stays(tmp_path: Path) -> None:
    (tmp_path / "database_password").write_text("mine\n")
    _prepare(tmp_path)
    assert (tmp_path / "database_password").read_text() == "mine\n"


def test_prometheus_asks_who_is_there(compose: Compose) -> None:
    read = yaml.safe_load((ROOT / "deploy" / "observability" / "prometheus.yml").read_text())
    asked = {
        target for job in read["scrape_configs"] for one in job["static_configs"] for target in one["targets"]
    }  # fmt: skip
    there = {
        f"{name}:{port}"
        for name, service in compose["services"].items()
        for key, port in service.get("environment", {}).items()
        if key in {"LIAISON_HUB_PORT", "LIAISON_EDGE_PORT"} and service["restart"] != "no"
    }
    assert asked == there
    alerts = (ROOT / "deploy" / "observability" / "alerts.yml").read_text()
    jobs = set(re.findall(r'job=\\?"([a-z-]+)\\?"', alerts))
    assert jobs == {job["job_name"] for job in read["scrape_configs"]}
    assert {volume.split(":")[1] for volume in compose["services"]["prometheus"]["volumes"]} >= set(read["rule_files"])


def test_the_dashboard_is_where_grafana_looks(compose: Compose) -> None:
    folder = ROOT / "deploy" / "observability" / "grafana"
    [provider] = yaml.safe_load((folder / "provisioning" / "dashboards" / "liaison.yml").read_text())["providers"]
    mounted = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert mounted["./deploy/observability/grafana/dashboards"] == provider["options"]["path"]
    assert list((folder / "dashboards").glob("*.json"))
    [source] = yaml.safe_load((folder / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"


@pytest.mark.parametrize("text", ["README.md", "docs/containers.md"])
def test_texts_type_profiles_and_services_that_exist(compose: Compose, text: str) -> None:
    typed = [
        shlex.split(line) for line in re.findall(r"^docker compose (.+)$", (ROOT / text).read_text(), re.MULTILINE)
    ]
    assert typed
    for words in typed:
        profiles = {words[at + 1] for at, word in enumerate(words) if word == "--profile"}
        assert profiles <= {"core", "observability"}, words
        if "exec" in words:
            service, program, *rest = words[words.index("exec") + 1 :]
            assert service in compose["services"]
            assert program != "liaison" or unknown(rest) == [], words


def _prepare(folder: Path) -> None:
    subprocess.run(["sh", ROOT / "deploy" / "prepare.sh", folder], check=True, timeout=SECONDS)


def _holds(folder: Path, file: str, name: str) -> bool:
    words = [
        "openssl",
        "verify",
        "-CAfile",
        str(folder / "authorities.pem"),
        "-verify_hostname",
        name,
        str(folder / file),
    ]
    return subprocess.run(words, capture_output=True, timeout=SECONDS, check=False).returncode == 0
