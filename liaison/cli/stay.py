"""`liaison stay`: count days of stay, 90 in any 180 and a visa's own. Needs no hub, no keys and no network.

Guarantees that a refusal shows a code and a pointer, never a value. An overstay found is a result, not a refusal: the
exit code is 0.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from liaison.cli.output import emit, group
from schemas.errors import Rejected

app = group("Count days of stay (90 in any 180, visa days).")

FILE_BYTES_MAX = 128 * 1024


@app.command()
def compute(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The stays as JSON; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the days used and left, and find the first day that was too long.

    FILE holds {"stays": [{"entry", "exit"?, "under"?, "state"?, "entry_bcp"?, "exit_bcp"?}], "on"?, "visa"?,
    "waiver"?}. Days are judged as they stand on "on"; without it, on the day of the last exit, or today while somebody
    is still there. "remaining" is the longest stay that can begin, or go on, with that day, the day itself included.
    Days in a state count from when it is in the territory; "apart" are the accounts of states that count by themselves.
    """
    from schemas import strict_json
    from schemas.stay import RULE_VERSION, account
    from schemas.stay.reading import read_enquiry

    try:
        found = strict_json.loads(_read(file))
    except Rejected as error:
        raise Rejected(error.code, "") from error
    enquiry = read_enquiry(found, today=datetime.now(UTC).date())
    result = account(enquiry.stays, enquiry.on, enquiry.visa, enquiry.waiver)
    emit(
        {
            "on": result.on,
            "used": result.used,
            "remaining": result.remaining,
            "stay_until": result.stay_until,
            "overstay_days": result.overstay_days,
            "first_overstay_day": result.first_overstay_day,
            "breaches": list(result.breaches),
            "entries_used": result.entries_used,
            "limited_territory": result.limited_territory,
            "territory_judged": result.territory_judged,
            "waiver": result.waiver,
            "apart": list(result.apart),
            "rule_version": RULE_VERSION,
        },
        as_json,
    )


def _read(file: Path) -> bytes:
    if str(file) == "-":
        data = typer.get_binary_stream("stdin").read(FILE_BYTES_MAX + 1)
    else:
        with file.open("rb") as source:
            data = source.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise Rejected("FIELD_LENGTH", "")
    return data
