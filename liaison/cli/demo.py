"""`liaison demo`: one hub and three authorities exchange real messages on this machine.

Starts four programs on loopback, in a folder of its own that is removed at the end, and stays up until Ctrl-C so that
the pages can be opened. `--once` ends by itself; with `--json` it prints one object of what was counted.
"""

import signal
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from liaison.cli.output import ExitCode, emit, note, single

app = single(__doc__ or "")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself once everything has been shown.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Keep everything in this new folder. Default: one that is removed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> ExitCode:
    """Three authorities exchange real messages through a hub on this machine."""
    from liaison.demo.display import Display
    from liaison.demo.programs import Programs
    from liaison.demo.story import STEPS, Story
    from liaison.demo.world import World

    begun = time.monotonic()
    if folder is not None and folder.exists():
        raise typer.BadParameter("there is something of this name already", param_hint="--folder")
    with ExitStack() as stack:
        if folder is None:
            where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="liaison-demo-")))
        else:
            folder.mkdir(parents=True, mode=0o700)
            where = folder.resolve()
        programs = stack.enter_context(Programs(where / "logs"))
        display = stack.enter_context(Display(STEPS))
        story = Story(World(where, programs), programs, display, datetime.now(UTC).date())
        story.begin()
        story.identify()
        story.warn()
        story.report()
        story.refuse()
        story.give_back()
        story.look(once=once)
        report = {**story.counted(), "seconds": round(time.monotonic() - begun, 1)}
        display.rest()
        if as_json or once:
            emit(report, as_json)
        good = bool(report["tamper_found"] and report["log_verified"])
        if once:
            return ExitCode.DONE if good else ExitCode.NOT_VERIFIED
        display.closing("Everything keeps running. Open the links above; each works once. Ctrl-C ends.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            note("Ending.")
        return ExitCode.DONE if good else ExitCode.NOT_VERIFIED
