"""`liaison mrz`: check the machine-readable zone of a travel document. Needs no hub, no keys and no network.

Guarantees that no output repeats what was refused: a finding is a code and a pointer, and of a zone that does not hold
only those fields are shown that their own check digit proves. Exit code 0 when the zone is valid, 4 when it is not.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from liaison.cli.output import ExitCode, emit, group

if TYPE_CHECKING:
    from schemas.errors import Finding

app = group("Check a machine-readable zone.")

INPUT_BYTES_MAX = 4096
"""Read from standard input; the longest zone has 92 characters."""


@app.command()
def check(
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="TD1, TD2, TD3, MRVA or MRVB. Default: seen from the lines."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="DATE", help="YYYY-MM-DD; stands for today where centuries are inferred.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> ExitCode:
    """Check the lines on standard input, one a line from the top, against ICAO Doc 9303."""
    from schemas import mrz
    from schemas.codes import states
    from schemas.errors import Finding

    if format_ is not None and format_ not in mrz.FORMATS:
        raise typer.BadParameter(f"is none of {', '.join(sorted(mrz.FORMATS))}", param_hint="--format")
    today = _day(at)
    lines = _lines()
    found = format_ or mrz.detect_format(lines)
    if found is None:
        _report(None, [Finding("/lines", "MRZ_LENGTH")], {}, as_json)
        return ExitCode.REFUSED
    reading = mrz.parse_mrz(lines, found, today=today)
    fields = dict(reading.shown)
    notes = {note for code in fields.values() if isinstance(code, str) and (note := states.footnote(code))}
    if notes:
        fields["note"] = " ".join(sorted(notes))
    _report(found, list(reading.findings), fields, as_json)
    return ExitCode.DONE if reading.valid else ExitCode.REFUSED


def _report(format_: str | None, findings: "list[Finding]", fields: Mapping[str, object], as_json: bool) -> None:
    valid = format_ is not None and all(finding.severity != "error" for finding in findings)
    emit(
        {
            "format": format_,
            "valid": valid,
            "findings": [finding.as_json() for finding in findings],
            "fields": fields,
        },
        as_json,
    )


def _lines() -> list[str]:
    """The lines, without blank ones and without space around them; bytes that are no text stand for a wrong sign."""
    raw = typer.get_binary_stream("stdin").read(INPUT_BYTES_MAX)
    return [line.strip() for line in raw.decode("utf-8", "replace").splitlines() if line.strip()]


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("is not a date", param_hint="--at") from None
