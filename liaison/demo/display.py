"""What the demonstration shows: chapters, who did what, and a bar of how far it is; on standard error.

On a terminal with a moving bar and colour (unless NO_COLOR), elsewhere as plain lines. Shows codes, places and digests,
outcomes, and file names that the demonstration itself chose; never a person, a document or a text.
"""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

WHO_WIDTH = 15


class Display(AbstractContextManager["Display"]):
    """The demonstration's face.

    Args:
        steps: how many steps there will be.
        console: where to write; standard error by default.
    """

    def __init__(self, steps: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._moving = self._console.is_terminal
        self._task = self._bar.add_task("Starting", total=steps)

    def __enter__(self) -> Self:
        if self._moving:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.rest()

    def rest(self) -> None:
        """Take the bar away: nothing more happens by itself."""
        if self._moving:
            self._bar.stop()

    def chapter(self, title: str) -> None:
        """A new part of the story."""
        self._console.print(f"\n[bold]{escape(title)}[/bold]")

    def step(self, what: str) -> None:
        """The next step begins."""
        self._bar.update(self._task, description=escape(what), advance=1)

    def tell(self, who: str, what: str, detail: str = "") -> None:
        """Somebody did something. `detail` is shown dim."""
        quiet = f"  [dim]{escape(detail)}[/dim]" if detail else ""
        self._console.print(f"  [cyan]{escape(who):<{WHO_WIDTH}}[/cyan] {escape(what)}{quiet}", soft_wrap=True)

    def refused(self, who: str, what: str, code: str) -> None:
        """Somebody refused something, with a code: that too is a result."""
        self._console.print(
            f"  [cyan]{escape(who):<{WHO_WIDTH}}[/cyan] {escape(what)}  [yellow]{escape(code)}[/yellow]", soft_wrap=True
        )

    def link(self, whose: str, address: str) -> None:
        """An address to open."""
        self._console.print(f"  [cyan]{escape(whose):<{WHO_WIDTH}}[/cyan] {escape(address)}", soft_wrap=True)

    def closing(self, words: str) -> None:
        """The last line."""
        self._console.print(f"\n{escape(words)}")
