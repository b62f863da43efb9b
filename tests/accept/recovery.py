"""Crashes, zombies and outages of the normalizer, one kind at a time, each with its figure."""

from __future__ import annotations

import random
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from fleet import Fleet
from kafka_read import client
from nodes import NODES, Nodes
from report import Report
from stack import Stack, wait_until
from trial import Trial, trial

BAR_COMMIT_S = 5.0
CRASHES, ZOMBIES = 5, 3
# Longer than a session (6 s) and a transaction (10 s) may be.
ZOMBIE_S = 15.0
OUTAGE_S = 60.0
FREEZES, FREEZE_S = 3, 15.0
BAR_ANSWER_S = 4.5
LOAD_S, COMMIT_S, GROUP_S = 5.0, 120.0, 60.0
COMMITTED = ("cardea_normalizer_transactions_total", 'outcome="committed"')


def crash(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Kills a lone normalizer under load; how long until its successor commits."""
    with trial(report, stack, nodes) as made:
        made.fleet.start("one")
        made.fleet.wait_ready()
        seconds = []
        with made.traffic() as _:
            for _ in range(CRASHES):
                time.sleep(LOAD_S)
                killed_at = time.monotonic()
                made.fleet.kill("one")
                service = made.fleet.restart("one")
                wait_until("a commit", lambda service=service: service.metric(*COMMITTED) > 0, COMMIT_S, 0.02)
                seconds.append(time.monotonic() - killed_at)
        made.settle()
        figure = f"{', '.join(f'{second:.1f}' for second in seconds)} s of {BAR_COMMIT_S:.0f} s"
        report.add("kill -9 to the next commit, static member", figure, max(seconds) <= BAR_COMMIT_S)
        made.judge("kill -9 of a lone normalizer")


def zombies(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Stops a normalizer's clock until another has taken over, and lets it go on."""
    with trial(report, stack, nodes) as made:
        for name in ("one", "two"):
            made.fleet.start(name)
        made.fleet.wait_ready()
        with made.traffic():
            for number in range(ZOMBIES):
                name = ("one", "two")[number % 2]
                time.sleep(LOAD_S)
                made.fleet.freeze(name)
                time.sleep(ZOMBIE_S)
                made.fleet.thaw(name)
                time.sleep(LOAD_S)
                made.fleet.revive()
            made.fleet.wait_ready()
        made.settle()
        ended = made.fleet.ended_by_themselves()
        report.add("A zombie rejoins", f"ended by themselves: {ended or 'none'}", not ended)
        made.judge(f"{ZOMBIES} zombies, each stopped for {ZOMBIE_S:.0f} s")


def outages(report: Report, stack: Stack, nodes: Nodes) -> None:
    """All nodes killed for a minute; then all frozen for longer than a transaction may last."""
    with trial(report, stack, nodes, Fleet.serve_whole) as made:
        with made.traffic() as traffic:
            time.sleep(LOAD_S)
            for node in NODES:
                nodes.kill(node)
            time.sleep(OUTAGE_S)
            nodes.start_all()
            time.sleep(LOAD_S)
            chance = random.Random(0)
            for _ in range(FREEZES):
                time.sleep(LOAD_S + chance.random())
                for node in NODES:
                    nodes.freeze(node)
                time.sleep(FREEZE_S)
                for node in NODES:
                    nodes.thaw(node)
            time.sleep(LOAD_S)
        settled_s = made.settle()
        ended = made.fleet.ended_by_themselves()
        figure = f"{OUTAGE_S:.0f} s killed, {FREEZES} x {FREEZE_S:.0f} s frozen under load; "
        figure += (
            f"{len(ended)} processes ended, raw read to its end {settled_s:.1f} s after the last delivery"
        )
        report.add("Outages of all nodes end no process", figure, not ended)
        log = traffic.log
        figure = f"{len(log.retried)} of {len(log.accepted)} not at once, "
        figure += f"slowest answer {log.slowest_s:.1f} s of {BAR_ANSWER_S} s"
        taken = not log.retried and log.slowest_s <= BAR_ANSWER_S
        report.add("cardea all takes deliveries meanwhile", figure, taken)
        made.judge("Outages of all nodes")


def lost_offsets(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Deletes the group; what was read is not read again, and what comes again does not come out."""
    with trial(report, stack, nodes) as made:
        made.fleet.start("one")
        made.fleet.wait_ready()
        with made.traffic():
            time.sleep(LOAD_S)
        made.settle()
        made.fleet.stop("one")
        deleted = delete_groups(made, nodes)
        service = made.fleet.start("one")
        made.fleet.wait_ready()
        time.sleep(LOAD_S)
        read = service.metric("cardea_normalizer_events_total")
        read += service.metric("cardea_normalizer_duplicates_total")
        figure = f"{deleted}; {read:.0f} events read again"
        report.add("Group offsets deleted: nothing is read again", figure, read == 0)
        with made.traffic(again=True):
            time.sleep(2 * LOAD_S)
        made.settle()
        made.judge("Group offsets deleted")


def delete_groups(made: Trial, nodes: Nodes) -> str:
    """Deletes the run's groups; a static member leaves with its session."""
    admin = AdminClient(client(nodes.brokers))
    found = admin.list_consumer_groups().result(10).valid
    groups = [group.group_id for group in found if group.group_id.startswith(made.fleet.prefix)]
    if not groups:
        raise LookupError("there is no group to delete")

    def delete() -> bool:
        try:
            for done in admin.delete_consumer_groups(groups).values():
                done.result(10)
            return True
        except KafkaException:
            return False

    wait_until("the group to be empty", delete, GROUP_S, 1.0)
    return ", ".join(groups)
