"""What the demonstration shows, on a terminal and elsewhere."""

import io

from rich.console import Console

from liaison.demo.display import Display


def _shown(*, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, highlight=False, _environ={})
    with Display(2, console) as display:
        display.chapter("1. A question")
        display.step("Sealing [not markup]")
        display.tell("Austria", "sends", "entry 3")
        display.refused("Georgia", "refused [red]x[/red]", "SG5")
        display.link("Officer", "http://127.0.0.1:1/sign-in?t=" + "a" * 120)
        display.closing("Done.")
    return out.getvalue()


def test_elsewhere_it_is_plain_lines() -> None:
    shown = _shown(terminal=False)
    assert "\x1b" not in shown
    assert "Austria         sends  entry 3" in shown
    assert "[red]x[/red]  SG5" in shown  # text is shown as it is, never taken for markup
    assert "a" * 120 in shown  # an address is not broken over lines
    assert shown.rstrip().endswith("Done.")


def test_on_a_terminal_there_is_a_bar_and_colour() -> None:
    assert "\x1b[" in _shown(terminal=True)
