"""`liaison schema`: list, show, check and print message kinds, name codes. Needs no hub, no keys and no network.

Guarantees that no output repeats a value of the payload: a finding is a code and a pointer. Exit code 0 when every file
is valid, 4 when one is not; a file that cannot be read is a failure (1), text that is no JSON a finding.
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli.output import ExitCode, emit, group

if TYPE_CHECKING:
    from schemas.agreements.pinned import Pinned

app = group("List, show, check and print message kinds; name codes.")

_STATE = r"ISO alpha-3 code of a state; switches the safeguard rules on"


@app.command("list")
def list_kinds(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the message kinds this version knows."""
    from schemas.registry import KINDS

    emit(
        [
            {
                "kind": entry.name,
                "version": entry.version,
                "schema": entry.schema_id,
                "purposes": list(entry.purposes) if as_json else " ".join(entry.purposes),
                "replies_to": list(entry.replies_to) if as_json else entry.relation,
                "about_person": entry.about_person,
            }
            for entry in KINDS.values()
        ],
        as_json,
    )


@app.command()
def show(
    kind: Annotated[str, typer.Argument(help="A message kind, for example ident.request.")],
    example: Annotated[bool, typer.Option("--example", help="Print a complete example instead of the schema.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a kind's JSON Schema, or one complete example of it."""
    from schemas import registry

    if example:
        emit(registry.example(kind), as_json)
    else:
        emit(registry.json_schema(kind), as_json)


@app.command()
def check(  # noqa: PLR0917 - typer reads the options from the signature
    files: Annotated[list[Path], typer.Argument(help="Files with one payload each; - is standard input.")],
    sender: Annotated[str | None, typer.Option("--from", metavar="STATE", help=f"Sender: {_STATE}.")] = None,
    recipients: Annotated[
        list[str] | None, typer.Option("--to", metavar="STATE", help=f"Recipient (repeatable): {_STATE}.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(metavar="CODE", help="The purpose stated outside the payload.")] = None,
    agreement: Annotated[
        str | None, typer.Option(metavar="ID", help="The agreement relied on; a profile's times are checked.")
    ] = None,
    parent: Annotated[Path | None, typer.Option(metavar="FILE", help="The message replied to.")] = None,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A message the case already holds (repeatable, the opening one first)."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="RFC 3339; stands for now.")] = None,
    received_at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When the state asked received the opening message.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Real operation: the specimen state UTO is refused.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> ExitCode:
    """Check payloads against their kind and, once parties are named, against the safeguards."""
    from schemas import registry
    from schemas.errors import Finding, Rejected
    from schemas.parts.context import Earlier

    context = registry.CheckContext(
        at=_instant(at) or datetime.now(UTC),
        sender_state=_state(sender, "--from"),
        recipient_states=tuple(_known_state(state, "--to") for state in recipients or ()),
        purpose=_purpose(purpose),
        agreement=_agreement(agreement),
        parent=None if parent is None else _payload(parent, "--parent"),
        earlier=tuple(Earlier(payload=_payload(file, "--earlier")) for file in earlier or ()),
        received_at=_instant(received_at, "--received-at"),
        profile=_profile(agreement),
        live=live,
    )
    results = []
    for file in files:
        raw = _read(file)
        try:
            findings = registry.check(registry.load(raw), context)
        except Rejected as error:
            findings = [Finding(error.path or "", error.code)]
        results.append({"valid": registry.valid(findings), "findings": [found.as_json() for found in findings]})
    if as_json:
        emit(results[0] if len(results) == 1 else results, as_json=True)
    else:
        _report(files, results)
    return ExitCode.DONE if all(result["valid"] for result in results) else ExitCode.REFUSED


@app.command()
def form(  # noqa: PLR0917 - typer reads the options from the signature
    kind: Annotated[str, typer.Argument(help="A message kind that has a treaty form, for example readm.application.")],
    out: Annotated[Path, typer.Option("--pdf", metavar="OUT", help="The file to write.")],
    file: Annotated[Path | None, typer.Argument(help="A file with one payload; - is standard input.")] = None,
    example: Annotated[bool, typer.Option("--example", help="Print the complete example instead of a file.")] = False,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Another message of the case (repeatable): the application names the persons a notice refers to, an "
            "acknowledgement fills in the confirmation of receipt.",
        ),
    ] = None,
    authority: Annotated[str | None, typer.Option(metavar="TEXT", help="Who writes; dotted when absent.")] = None,
    addressee: Annotated[str | None, typer.Option(metavar="TEXT", help="To whom; dotted when absent.")] = None,
    place: Annotated[str | None, typer.Option(metavar="TEXT", help="Where it is signed; dotted when absent.")] = None,
    day: Annotated[str | None, typer.Option("--on", metavar="DATE", help="When it is signed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the treaty form of a message as PDF, in the official order of its blocks."""
    from hashlib import sha256

    from liaison.forms import page, printing, sheet, sheets
    from schemas import registry

    entry = registry.kind(kind)
    if kind not in sheets.FORMS:
        raise typer.BadParameter(f"has no treaty form; {', '.join(sheets.FORMS)} have", param_hint="KIND")
    if example is (file is not None):
        raise typer.BadParameter("give either a file or --example", param_hint="FILE")
    if file is None:
        raw = registry.dump(registry.example(kind))
        others = [registry.example(name) for name in sheets.EARLIER_EXAMPLES.get(kind, ())]
    else:
        raw, others = _read(file), []
    message = _printable(registry.load(raw), kind)
    others += [_printable(_payload(other, "--earlier"), None) for other in earlier or ()]
    digest = sha256(raw)
    laid_out = sheets.make(
        message,
        head=sheet.Head(authority, place, None if day is None else _civil(day), addressee),
        source=f"{entry.schema_id} · SHA-256 {digest.hexdigest()}",
        earlier=others,
    )
    printed = printing.pdf(page.html(laid_out), digest.digest()[:16])
    out.write_bytes(printed.pdf)
    emit({"kind": kind, "pdf": out, "pages": printed.pages, "message_sha256": digest.hexdigest()}, as_json)


@app.command()
def labels(
    report: Annotated[bool, typer.Option("--report", help="Count what each language has, and lacks.")] = False,
    list_name: Annotated[str | None, typer.Option("--list", metavar="NAME", help="Only this code list.")] = None,
    language: Annotated[str | None, typer.Option(metavar="LANGUAGE", help="BCP 47, for example fr.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what codes are called, or how complete each language is."""
    from schemas import labels as words
    from schemas.catalogue import lists

    if list_name is not None and list_name not in lists():
        raise typer.BadParameter(f"is none of {', '.join(lists())}", param_hint="--list")
    if language is not None and language not in words.LANGUAGES:
        raise typer.BadParameter(f"is none of {', '.join(words.LANGUAGES)}", param_hint="--language")
    if report:
        rows = [
            entry.as_json()
            for entry in words.report()
            if list_name in {None, entry.list_name} and language in {None, entry.language}
        ]
    else:
        rows = [
            {
                "list": name,
                "code": entry.code,
                "label": entry.text,
                "language": entry.language,
                "footnote": entry.footnote,
            }
            for name in ([list_name] if list_name else lists())
            for entry in words.labels(name, language or words.ENGLISH)
        ]
    emit(rows, as_json)


def _report(files: list[Path], results: list[dict[str, object]]) -> None:
    for file, result in zip(files, results, strict=True):
        emit({"file": str(file), **result})


def _read(file: Path) -> bytes:
    from schemas.registry import PAYLOAD_BYTES_MAX

    if str(file) == "-":
        return typer.get_binary_stream("stdin").read(PAYLOAD_BYTES_MAX + 1)
    with file.open("rb") as source:
        return source.read(PAYLOAD_BYTES_MAX + 1)


def _payload(file: Path, option: str) -> dict[str, object]:
    from schemas import registry
    from schemas.errors import Rejected

    try:
        return registry.load(_read(file))
    except Rejected as error:
        raise typer.BadParameter(f"is not a payload ({error.code})", param_hint=option) from None


def _profile(agreement: str | None) -> "Pinned | None":
    from schemas.agreements import profile
    from schemas.agreements.pinned import Pinned

    return Pinned(profile.load(agreement)) if agreement in profile.ids() else None


def _printable(payload: dict[str, object], kind: str | None) -> dict[str, object]:
    """The payload, once its form holds. Rules between fields are `check`'s: a form also shows what is out of time."""
    from schemas import registry
    from schemas.errors import Rejected
    from schemas.parts.block import structure
    from schemas.parts.everywhere import check_texts
    from schemas.parts.node import Node

    entry = registry.kind(str(payload.get("kind")))
    if kind is not None and entry.name != kind:
        raise Rejected("KIND_UNKNOWN", "/kind")
    context = registry.CheckContext(at=datetime.now(UTC))
    found = [*structure(entry.validate, payload, reading=True), *check_texts(Node(payload), context)]
    for finding in found:
        if finding.severity == "error":
            raise Rejected(finding.code, finding.path)
    return payload


def _civil(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter("is not a date, YYYY-MM-DD", param_hint="--on") from None


def _instant(text: str | None, option: str = "--at") -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or (at.tzinfo is None and len(text) > 10):
        raise typer.BadParameter("is not an RFC 3339 instant with its offset", param_hint=option)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _state(code: str | None, option: str) -> str | None:
    return None if code is None else _known_state(code, option)


def _known_state(code: str, option: str) -> str:
    from schemas.codes import states

    if not states.is_state(code):
        raise typer.BadParameter("is not the alpha-3 code of a state", param_hint=option)
    return code


def _agreement(name: str | None) -> str | None:
    if name is not None and re.fullmatch(r"[A-Z0-9][A-Z0-9-]{1,62}", name, re.ASCII) is None:
        raise typer.BadParameter("is not the id of an agreement", param_hint="--agreement")
    return name


def _purpose(code: str | None) -> str | None:
    from schemas.parts.message import PURPOSES

    if code is not None and code not in PURPOSES:
        raise typer.BadParameter(f"is none of {', '.join(PURPOSES)}", param_hint="--purpose")
    return code
