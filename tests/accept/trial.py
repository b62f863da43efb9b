"""What each part of the normalizer's acceptance begins with: topics, services and traffic of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exactly_once import judge
from fleet import Fleet
from ident import Idents
from kafka_read import Topics
from nodes import Nodes
from report import Report
from stack import Stack, wait_until
from traffic import Mix, Traffic

LOAD_S, SETTLE_S = 3600.0, 300.0
RATE = 150.0


class Trial:
    """A fleet on three nodes. What it started ends with the block that `trial` makes."""

    def __init__(self, report: Report, stack: Stack, nodes: Nodes) -> None:
        tag = secrets.token_hex(4)
        self.report = report
        self.nodes = nodes
        self.idents = Idents(tag)
        self.fleet = Fleet(stack, nodes.brokers, tag)
        self.topics = Topics(nodes.brokers, self.fleet.prefix)
        self.accepted: set[int] = set()
        # A repetition is the same request: its signed time as well.
        self._signed_at_s = int(time.time())
        # Where the numbers of the next traffic begin.
        self._first = 0

    @contextmanager
    def traffic(self, rate: float = RATE, seed: int = 0, again: bool = False) -> Iterator[Traffic]:
        """Sends until the block ends, and on until all that was begun is accepted.

        `again` begins with what was sent first.
        """
        first = 0 if again else self._first
        mix = Mix(self.idents, first, self._signed_at_s)
        traffic = Traffic(self.fleet.ingest, mix, rate, seed, LOAD_S)
        try:
            yield traffic
        finally:
            traffic.stop()
        wait_until("all deliveries accepted", traffic.done, SETTLE_S)
        if refused := traffic.log.refused:
            raise RuntimeError(f"{len(refused)} deliveries were refused: {next(iter(refused.items()))}")
        self.accepted |= {first + number for number in traffic.log.accepted}
        self._first = 1 + max(self.accepted, default=-1)

    def settle(self) -> float:
        """Waits until all of raw is read; returns the seconds."""
        return self.topics.wait_raw_read(SETTLE_S)

    def judge(self, title: str) -> None:
        """Compares the topics with what the sender knows, and asks the program's audit as well."""
        fleet = self.fleet
        judge(self.report, f"{title}: own count", self.topics, fleet.registry, self.idents, self.accepted)
        holds, found = fleet.audit()
        self.report.add(f"{title}: cardea audit", found, holds)


@contextmanager
def trial(
    report: Report, stack: Stack, nodes: Nodes, serve: Callable[[Fleet], None] = Fleet.serve
) -> Iterator[Trial]:
    made = Trial(report, stack, nodes)
    try:
        serve(made.fleet)
        yield made
    finally:
        stack.stop_all()
        made.topics.delete()


@contextmanager
def own_nodes(stack: Stack, report: Report) -> Iterator[Nodes]:
    """A Kafka of three nodes; what they logged stays if a line fails."""
    nodes = Nodes(stack)
    try:
        yield nodes
    finally:
        stack.stop_all()
        if report.failed():
            nodes.keep_logs()
        nodes.stop()
