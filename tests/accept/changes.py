"""What an operator changes under load: no valid request is refused, and none is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from journal import Journal, deliveries, slowest_s
from kept import kept
from load import Load, Target
from stack import Stack
from trial import RATE, Trial
from wires import Request

LOAD_S = 3.0


@contextmanager
def changing(made: Trial, stack: Stack, target: Target, make: Callable[[int], Request]) -> Iterator[Changing]:
    """Load for as long as the block lasts, and a little before and after."""
    run = Changing(made, Journal(stack.folder / f"journal-{made.idents.tag}.jsonl"))
    with Load(target, make, run.journal, RATE):
        time.sleep(LOAD_S)
        yield run
        time.sleep(LOAD_S)


class Changing:
    def __init__(self, made: Trial, journal: Journal) -> None:
        self.journal = journal
        self._made = made

    def judge(self, title: str, what: str) -> None:
        """Adds the line of what was changed; all that was sent was valid."""
        made = self._made
        attempts = self.journal.read()
        failed = [one for one in attempts if not one.accepted]
        found = kept(made.topics.raw_records(), made.idents, deliveries(attempts))
        statuses = sorted({one.status for one in failed})
        figure = f"{what}; {len(failed)} of {len(attempts)} not accepted {statuses or ''}, "
        figure += f"slowest {slowest_s(attempts):.2f} s; {len(found.lost)} lost, {len(found.twice)} twice"
        holds = bool(attempts) and not (failed or found.lost or found.twice)
        made.report.add(f"{title}, under load", figure, holds)


def write(file: Path, text: str) -> None:
    """Puts a whole file in the place of another, as a volume of Kubernetes does."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)
