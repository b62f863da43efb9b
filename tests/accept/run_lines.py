"""The frame of a run: a folder for its logs, an end to all that it started, its lines, its exit code."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable
from types import FrameType

from report import Report
from stack import ROOT, Stack

ENDING = (signal.SIGINT, signal.SIGTERM)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Ends the run; a second signal would leave running what the first one ends."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run_lines(lines: Callable[[Report, Stack], None]) -> int:
    """Runs `lines`, and shows what they added to the report; returns 1 if one of them failed."""
    for number in ENDING:
        signal.signal(number, interrupt)
    report = Report()
    stack = Stack(ROOT / ".cardea" / "accept" / secrets.token_hex(4))
    report.say(f"logs: {stack.folder.relative_to(ROOT)}")
    try:
        try:
            lines(report, stack)
        finally:
            stack.stop_all()
    except KeyboardInterrupt:
        report.say("interrupted: what was started has ended")
        return 130
    finally:
        report.show()
    return 1 if report.failed() else 0
