"""Shows how far a long run is, and at its end which line holds with which figure."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PASS, FAIL, NOT_RUN = "pass", "FAIL", "not run here"
COLOURS = {PASS: "\033[32m", FAIL: "\033[31m", NOT_RUN: "\033[33m"}
TITLE_WIDTH, FIGURE_WIDTH = 46, 62
# A log without a terminal hears of a long step this often.
QUIET_S = 20.0


@dataclass(frozen=True)
class Line:
    """A line of 'Done when', with its figure."""

    title: str
    figure: str
    outcome: str


class Report:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._started = self._said_at = time.monotonic()

    def add(self, title: str, figure: str, holds: bool) -> None:
        self.lines.append(Line(title, figure, PASS if holds else FAIL))
        self.say(f"{self.lines[-1].outcome}: {title}: {figure}")

    def skip(self, title: str, figure: str) -> None:
        self.lines.append(Line(title, figure, NOT_RUN))

    @contextmanager
    def line(self, title: str) -> Iterator[None]:
        """Makes a failure in the block the figure of its line, and goes on with the next."""
        self.say(title)
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self.add(title, f"{type(error).__name__}: {error}", holds=False)

    def say(self, text: str) -> None:
        """Tells where the run is."""
        self._said_at = time.monotonic()
        print(f"{self._elapsed()}  {text}", file=sys.stderr, flush=True)

    def progress(self, text: str) -> None:
        """Tells how far a step is: in place on a terminal, else now and then."""
        if sys.stderr.isatty():
            print(f"\r\033[K{self._elapsed()}  {text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._said_at > QUIET_S:
            self.say(text)

    def end_progress(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._started)
        return f"[{seconds // 60:02}:{seconds % 60:02}]"

    def failed(self) -> bool:
        return not self.lines or any(line.outcome == FAIL for line in self.lines)

    def show(self) -> None:
        print()
        for line in self.lines:
            for row in table_rows(line, sys.stdout.isatty()):
                print(row)
        count = {outcome: sum(line.outcome == outcome for line in self.lines) for outcome in COLOURS}
        print("\n" + ", ".join(f"{number} {outcome}" for outcome, number in count.items() if number))


def table_rows(line: Line, coloured: bool) -> Iterator[str]:
    """The rows that a line takes; its outcome stands in the first."""
    titles = textwrap.wrap(line.title, TITLE_WIDTH) or [""]
    figures = textwrap.wrap(line.figure, FIGURE_WIDTH) or [""]
    outcome = f"{COLOURS[line.outcome]}{line.outcome}\033[0m" if coloured else line.outcome
    for row in range(max(len(titles), len(figures))):
        title = titles[row] if row < len(titles) else ""
        figure = figures[row] if row < len(figures) else ""
        text = f"{title:<{TITLE_WIDTH}}  {figure:<{FIGURE_WIDTH}}"
        yield f"{text}  {outcome}" if row == 0 else text.rstrip()
