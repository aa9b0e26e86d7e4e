"""What must hold of docker-compose.yml beyond its schema: each rule gives the faults it finds, as text.

Everything that the file names of ours must exist in the code: commands and their options, settings, ports, paths,
files; and every container must be as closed as a trial of this system can be.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from typer.core import TyperGroup
from typer.main import get_command

from adapters.edge.settings import EdgeSettings
from hub.settings import ROLES, HubSettings
from liaison.cli import GROUPS
from schemas.errors import Rejected
from service.settings import Settings

Compose: TypeAlias = Mapping[str, Any]

ROOT = Path(__file__).resolve().parents[2]
OURS = "liaison"
PROFILES = {"core", "observability"}
DATA = "/var/lib/liaison/"
IN_IMAGE = "/opt/liaison/"
SETTINGS: Mapping[str, type[Settings]] = {"LIAISON_HUB_": HubSettings, "LIAISON_EDGE_": EdgeSettings}
COMMAND = re.compile(r"(?<![\w/.-])liaison ([a-z]+ [^|&;\n]+)")
GIVEN: Mapping[str, Any] = {"folder": Path("/data"), "partner": "test-aut", "hub": "https://hub:8440"}


def commands(compose: Compose) -> Iterator[str]:
    """Commands of ours exist, with every option they are given."""
    for name, service in _ours(compose):
        for words in _typed(service):
            yield from (f"{name}: {fault}" for fault in _unknown(words))


def variables(compose: Compose) -> Iterator[str]:
    """Variables of ours are settings, and their values are such as the setting takes."""
    for name, service in _ours(compose):
        for prefix, settings in SETTINGS.items():
            named = {key: value for key, value in _environment(service).items() if key.startswith(prefix)}
            given = {key.removeprefix(prefix).lower(): value for key, value in named.items()}
            for setting in given.keys() - settings.model_fields.keys():
                yield f"{name}: there is no setting {setting}"
            try:
                settings.load(
                    None,
                    **{key: GIVEN[key] for key in GIVEN if key in settings.model_fields},
                    **{key: value for key, value in given.items() if key in settings.model_fields},
                )
            except Rejected as error:
                yield f"{name}: {error.path} is not as it must be"
        known = (*SETTINGS, "LIAISON_HEALTH_AUTHORITIES")
        for key in _environment(service):
            if not key.startswith(known):
                yield f"{name}: nobody reads {key}"


def roles(compose: Compose) -> Iterator[str]:
    """Every role of a hub is somebody's."""
    found = {_environment(service).get("LIAISON_HUB_ROLES", "") for _, service in _ours(compose)}
    yield from (f"nobody has the role {role}" for role in ROLES if role not in ",".join(found).split(","))


def ports(compose: Compose) -> Iterator[str]:
    """Published on loopback alone, each once; a health check asks an address that the program has."""
    published: list[str] = []
    for name, service in compose["services"].items():
        for port in service.get("ports", ()):
            host, outside, inside = re.fullmatch(r"([0-9.]+):\$\{[A-Z0-9_]+:-([0-9]+)\}:([0-9]+)", port).groups()  # type: ignore[union-attr]
            published.append(outside)
            if host != "127.0.0.1":
                yield f"{name}: port {outside} is open to others"
            if service["image"] == OURS and inside not in _ports(service):
                yield f"{name}: nothing listens at {inside}"
    yield from (f"port {port} is published twice" for port in {one for one in published if published.count(one) > 1})
    for name, service in _ours(compose):
        if _runs_on(service):
            asked = re.fullmatch(r"https://localhost:([0-9]+)(/[a-z]+)", service["healthcheck"]["test"][-1])
            if asked is None or asked[1] not in _ports(service) or asked[2] not in _addresses():
                yield f"{name}: its health check asks what is not there"


def paths(compose: Compose) -> Iterator[str]:
    """Files of ours that are mounted or run exist; data lies in a volume; a secret that is named is given."""
    for name, service in compose["services"].items():
        mounted = [volume.split(":") for volume in service.get("volumes", ())]
        for source, *target in mounted:
            if source.startswith("./") and not (ROOT / source).exists():
                yield f"{name}: there is no {source}"
            if target and not source.startswith((".", "/")) and source not in compose["volumes"]:
                yield f"{name}: there is no volume {source}"
        volumes = [target[0] for _, *target in mounted if target]
        given = {f"/run/secrets/{one if isinstance(one, str) else one['target']}" for one in service.get("secrets", ())}
        text = " ".join(map(str, [*_words(service), *_environment(service).values()]))
        for secret in re.findall(r"/run/secrets/\w+", text):
            if secret not in given:
                yield f"{name}: {secret} is not given"
        for one in service.get("secrets", ()):
            if (one if isinstance(one, str) else one["source"]) not in compose["secrets"]:
                yield f"{name}: there is no secret {one}"
        if service["image"] != OURS:
            continue
        for path in re.findall(rf"(?:{DATA}|{IN_IMAGE})[\w./-]+", text):
            if path.startswith(IN_IMAGE) and not (ROOT / "deploy" / path.removeprefix(IN_IMAGE)).is_file():
                yield f"{name}: the image has no {path}"
            if path.startswith(DATA) and not any(path.startswith(f"{volume}/") for volume in volumes):
                yield f"{name}: {path} is in no volume"


def engines(compose: Compose) -> Iterator[str]:
    """The addresses that hubs are given are services of this file, which listen there."""
    for name, service in _ours(compose):
        environment = _environment(service)
        for address in filter(None, environment.get("LIAISON_HUB_KAFKA_BOOTSTRAP", "").split(",")):
            host, port = address.split(":")
            listening = _environment(compose["services"].get(host, {})).get("KAFKA_ADVERTISED_LISTENERS", "")
            if f"//{host}:{port}" not in listening:
                yield f"{name}: no broker at {address}"
        for url in re.findall(
            r"postgresql://\w+@([\w-]+):5432/(\w+)", " ".join([*map(str, environment.values()), *_words(service)])
        ):
            if _environment(compose["services"].get(url[0], {})).get("POSTGRES_DB") != url[1]:
                yield f"{name}: no database at {url[0]}"


def closed(compose: Compose) -> Iterator[str]:
    """An ordinary user, a root nobody can write, no privilege, and a limit to what each may use."""
    for name, service in compose["services"].items():
        user = str(service.get("user", "0")).split(":")[0]
        if not user.isdigit() or user == "0":
            yield f"{name}: runs as root"
        if service.get("read_only") is not True:
            yield f"{name}: can write its root"
        if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
            yield f"{name}: has privileges"
        if "no-new-privileges:true" not in service.get("security_opt", ()):
            yield f"{name}: can get privileges"
        if service.get("deploy", {}).get("resources", {}).get("limits", {}).keys() != {"cpus", "memory", "pids"}:
            yield f"{name}: has no limits"
        if any(str(volume).startswith(("/var/run", "/:")) for volume in service.get("volumes", ())):
            yield f"{name}: sees the machine"


def order(compose: Compose) -> Iterator[str]:
    """Who needs somebody waits for him in the right way; whatever stays is watched and comes back."""
    services = compose["services"]
    for name, service in services.items():
        if not service.get("profiles") or not set(service["profiles"]) <= PROFILES:
            yield f"{name}: is in no profile"
        if _runs_on(service) and (
            service["restart"] != "unless-stopped" or "test" not in service.get("healthcheck", {})
        ):
            yield f"{name}: is not watched"
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name}: waits for {other}, which is not there"
            elif how["condition"] != (
                "service_healthy" if _runs_on(services[other]) else "service_completed_successfully"
            ):
                yield f"{name}: waits wrongly for {other}"


def networks(compose: Compose) -> Iterator[str]:
    """Engines are on a network that leads nowhere, and edges are not on it."""
    services = compose["services"]
    if compose["networks"]["inside"] != {"internal": True}:
        yield "the inner network leads out"
    for name, service in services.items():
        if service["image"] != OURS and "core" in service["profiles"] and list(service["networks"]) != ["inside"]:
            yield f"{name}: can be reached from outside"
        if "edge" in service.get("command", ()) and "inside" in service["networks"]:
            yield f"{name}: reaches what is the hub's"


def images(compose: Compose) -> Iterator[str]:
    """Others' images have a version."""
    for name, service in compose["services"].items():
        if service["image"] != OURS and not re.fullmatch(
            r"[\w/.-]+:v?[0-9][\w.]*(@sha256:[0-9a-f]{64})?", service["image"]
        ):
            yield f"{name}: which version?"


RULES: tuple[Callable[[Compose], Iterator[str]], ...] = (
    commands, variables, roles, ports, paths, engines, closed, order, networks, images,
)  # fmt: skip


def faults(compose: Compose) -> list[str]:
    """What all rules find."""
    return [fault for rule in RULES for fault in rule(compose)]


def scripted(text: str) -> Iterator[list[str]]:
    """The words of each `liaison ...` in a shell script."""
    joined = text.replace("\\\n", " ")
    plain = "\n".join(line for line in joined.splitlines() if not line.lstrip().startswith("#"))
    for found in COMMAND.findall(plain):
        yield shlex.split(found)


def unknown(words: list[str]) -> list[str]:
    """What of a command line of ours there is not."""
    return list(_unknown(words))


def _unknown(words: list[str]) -> Iterator[str]:
    group, *rest = words
    if group not in GROUPS:
        yield f"there is no group {group}"
        return
    command = get_command(import_module(f"liaison.cli.{group}").app)
    while isinstance(command, TyperGroup):
        step = rest.pop(0) if rest else ""
        if step not in command.commands:
            yield f"there is no command {group} {step}"
            return
        command = command.commands[step]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    yield from (
        f"{group} has no {word}" for word in rest if word.startswith("--") and word.partition("=")[0] not in options
    )


def _ours(compose: Compose) -> Iterator[tuple[str, Any]]:
    for name, service in compose["services"].items():
        if service["image"] == OURS:
            yield name, service


def _words(service: Mapping[str, Any]) -> list[str]:
    return [
        *map(str, service.get("entrypoint", ())),
        *map(str, service.get("command", ())),
        *map(str, service.get("healthcheck", {}).get("test", ())),
    ]


def _typed(service: Mapping[str, Any]) -> Iterator[list[str]]:
    if "entrypoint" not in service:
        yield list(service["command"])
    else:
        for text in service["command"]:
            yield from scripted(text)


def _environment(service: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = service.get("environment", {})
    return found


def _ports(service: Mapping[str, Any]) -> set[str]:
    return {value for key, value in _environment(service).items() if key in {"LIAISON_HUB_PORT", "LIAISON_EDGE_PORT"}}


def _addresses() -> set[str]:
    text = (ROOT / "hub" / "routes_health.py").read_text() + (ROOT / "adapters" / "edge" / "routes.py").read_text()
    return set(re.findall(r'\.get\("(/[a-z]+)"', text))


def _runs_on(service: Mapping[str, Any]) -> bool:
    return bool(service.get("restart") != "no")
