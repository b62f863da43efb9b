"""What became of every attempt, as its sender wrote it down; not what the service says of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

# Stands for an attempt to which there was no answer.
NONE = 0


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver; times are those of the sender's monotonic clock."""

    number: int
    status: int
    asked_at: float
    ended_at: float

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def seconds(self) -> float:
        return self.ended_at - self.asked_at


class Journal:
    """One line for each attempt."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = file.open("ab")

    def write(self, attempt: Attempt) -> None:
        self._file.write(json.dumps(astuple(attempt)).encode() + b"\n")

    def sync(self) -> None:
        """Returns when all that was written is on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def read(self) -> list[Attempt]:
        self.sync()
        return [Attempt(*json.loads(line)) for line in self._path.read_bytes().splitlines()]


@dataclass(frozen=True)
class Delivery:
    """All attempts of one delivery."""

    number: int
    asked_at: float
    ended_at: float
    attempts: int
    accepted: bool


def deliveries(attempts: Iterable[Attempt]) -> dict[int, Delivery]:
    found: dict[int, Delivery] = {}
    for one in sorted(attempts, key=lambda attempt: attempt.asked_at):
        before = found.get(one.number)
        found[one.number] = Delivery(
            one.number,
            before.asked_at if before else one.asked_at,
            one.ended_at,
            1 + (before.attempts if before else 0),
            one.accepted or bool(before and before.accepted),
        )
    return found


def slowest_s(attempts: Iterable[Attempt]) -> float:
    return max((attempt.seconds for attempt in attempts), default=0.0)


def quantile_s(attempts: Iterable[Attempt], share: float) -> float:
    """The seconds within which that share of the attempts ended."""
    seconds = sorted(attempt.seconds for attempt in attempts)
    return seconds[min(len(seconds) - 1, int(share * len(seconds)))] if seconds else 0.0
