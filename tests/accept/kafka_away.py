"""Kafka stopped or frozen under load: every delivery has its answer, and is in raw afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from journal import NONE, Attempt, Journal, deliveries, quantile_s, slowest_s
from kept import kept
from load import Load, Target
from nodes import NODES, Nodes
from report import Report
from stack import Stack, wait_until
from traffic import Mix
from trial import RATE, Trial, trial
from vendors import RULES, Rule, rule_of

OUTAGE_S, OUTAGES_S = 60.0, (1.0, 5.0, 10.0, 60.0)
BAR_ANSWER_S, BAR_FROZEN_S, BAR_DRAIN_S = 2.0, 4.5, 60.0
LOAD_S, DRAIN_S, UP_S = 5.0, 240.0, 60.0
# A connection that the kill cut may have been asked a moment before.
AT_ONCE_S = 0.1
SPOOLED = "cardea_ingest_spool_deliveries"


def stopped(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Kafka stopped for 60 s under load."""
    title = f"Kafka stopped for {OUTAGE_S:.0f} s"
    with trial(report, stack, nodes) as made:
        run = Run(made, stack)
        with run.load():
            time.sleep(LOAD_S)
            with down(nodes):
                time.sleep(OUTAGE_S)
            run.drain(title)
        run.answers(title, BAR_ANSWER_S)
        run.judge(title)


def killed(report: Report, stack: Stack, nodes: Nodes) -> None:
    """The same, with `kill -9` of ingest in the middle."""
    title = f"Kafka stopped for {OUTAGE_S:.0f} s, ingest killed"
    with trial(report, stack, nodes) as made:
        run = Run(made, stack)
        with run.load() as load:
            time.sleep(LOAD_S)
            with down(nodes):
                time.sleep(OUTAGE_S / 2)
                gone = run.kill(load)
                time.sleep(OUTAGE_S / 2)
            run.drain(title)
        run.answers(title, BAR_ANSWER_S, gone)
        run.judge(title)


def frozen(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Kafka frozen for 60 s under load."""
    title = f"Kafka frozen for {OUTAGE_S:.0f} s"
    with trial(report, stack, nodes) as made:
        run = Run(made, stack)
        with run.load():
            time.sleep(LOAD_S)
            freeze(nodes, OUTAGE_S)
            run.drain(title)
        run.answers(title, BAR_FROZEN_S)
        run.judge(title)


def vendors(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Vendors with their own retry rules, over outages of 1, 5, 10 and 60 s."""
    with trial(report, stack, nodes) as made:
        run = Run(made, stack)
        with run.load(lambda number: rule_of(run.mix.kind(number).provider, number)):
            for outage_s in OUTAGES_S:
                time.sleep(LOAD_S)
                freeze(nodes, outage_s)
                run.wait_drained()
        sent = deliveries(run.journal.read()).values()
        for rule in (rule for rules in RULES.values() for rule in rules):
            own = [one for one in sent if run.rule(one.number) == rule]
            given_up = sum(not one.accepted for one in own)
            figure = (
                f"{len(own)} deliveries, {sum(one.attempts > 1 for one in own)} repeated, {given_up} given up"
            )
            report.add(f"Outages of 1, 5, 10, 60 s: {rule.name}", figure, bool(own) and not given_up)
        run.judge("Outages of 1, 5, 10, 60 s")


@dataclass(frozen=True)
class Gone:
    """When no ingest could answer."""

    since: float
    until: float

    def excuses(self, attempt: Attempt) -> bool:
        before = attempt.asked_at < self.until + AT_ONCE_S
        return attempt.status == NONE and before and attempt.ended_at > self.since


class Run:
    """A trial's load and its journal."""

    def __init__(self, made: Trial, stack: Stack) -> None:
        self.mix = Mix(made.idents, 0, int(time.time()))
        self.journal = Journal(stack.folder / f"journal-{made.idents.tag}.jsonl")
        self._made = made
        self._stack = stack

    def load(self, rules: Callable[[int], Rule] | None = None) -> Load:
        target = Target([self._made.fleet.ingest])
        more = [rules] if rules else []
        return Load(target, self.mix.request, self.journal, RATE, *more)

    def rule(self, number: int) -> Rule:
        return rule_of(self.mix.kind(number).provider, number)

    def kill(self, load: Load) -> Gone:
        """Kills ingest and starts it again while Kafka is away; waits until it accepts."""
        fleet = self._made.fleet
        since = time.monotonic()
        self._stack.kill(fleet.taking.process)
        before = load.accepted
        fleet.take(fleet.ingest)
        wait_until("a delivery accepted after the kill", lambda: load.accepted > before, UP_S, 0.01)
        until = time.monotonic()
        self._made.report.say(f"ingest accepts again {until - since:.1f} s after kill -9")
        return Gone(since, until)

    def wait_drained(self) -> float:
        taking = self._made.fleet.taking
        return wait_until("the spool to be empty", lambda: taking.metric(SPOOLED) == 0, DRAIN_S)

    def drain(self, title: str) -> None:
        seconds = self.wait_drained()
        figure = f"{seconds:.1f} s after its return, of {BAR_DRAIN_S:.0f} s, the load going on"
        self._made.report.add(f"{title}: spool empty", figure, seconds <= BAR_DRAIN_S)

    def answers(self, title: str, bar_s: float, gone: Gone | None = None) -> None:
        """Adds how the attempts were answered that there was somebody to answer."""
        attempts = self.journal.read()
        asked = [one for one in attempts if not (gone and gone.excuses(one))]
        failed = [one for one in asked if not one.accepted]
        slowest = slowest_s(asked)
        figure = f"{len(asked)} answers at {RATE:.0f} a second, {len(failed)} no success, "
        figure += f"p99 {quantile_s(asked, 0.99):.2f} s, slowest {slowest:.2f} s of {bar_s} s"
        if gone:
            figure += f"; {len(attempts) - len(asked)} met nobody in {gone.until - gone.since:.1f} s"
        holds = bool(asked) and not failed and slowest <= bar_s
        self._made.report.add(f"{title}: every request answered as success", figure, holds)

    def judge(self, title: str) -> None:
        """Compares raw with the journal; then lets a normalizer read it, for the program's own audit."""
        made = self._made
        found = kept(made.topics.raw_records(), made.idents, deliveries(self.journal.read()))
        made.report.add(f"{title}: none lost, none twice, in order", found.figure(), found.holds())
        for name in ("lost", "twice", "forged", "disorder"):
            if numbers := getattr(found, name):
                idents = ", ".join(made.idents.of(number) for number in numbers[:5])
                made.report.say(f"    {name}: {idents}")
        made.fleet.start("one")
        made.fleet.wait_ready()
        made.settle()
        holds, figure = made.fleet.audit()
        made.report.add(f"{title}: cardea audit", figure, holds)


@contextmanager
def down(nodes: Nodes) -> Iterator[None]:
    """Every node killed; they serve again when the block has ended."""
    for node in NODES:
        nodes.kill(node)
    yield
    nodes.start_all()


def freeze(nodes: Nodes, seconds: float) -> None:
    for node in NODES:
        nodes.freeze(node)
    time.sleep(seconds)
    for node in NODES:
        nodes.thaw(node)
