"""What hostile traffic costs: slow connections, and requests that are refused."""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from hostile import suffered_s
from journal import Journal, quantile_s
from kinds import all_kinds
from load import Load, Target
from nodes import Nodes
from report import Report
from sender import Sender, post
from stack import Stack, wait_until
from traffic import Mix
from trial import Trial, trial
from wires import Request, tamper

BAR_CLOSED_S, BAR_FACTOR, BAR_FIRST_S = 10.0, 2.0, 1.0
EACH, CROWD, RATE = 5, 5_000, 100.0
WARM_S, QUIET_S, CROWDED_S, GATHERED_S = 5.0, 20.0, 20.0, 60.0
ROUNDS, BATCH, SENDERS, STARTS = 5, 1_500, 8, 3
BATCH_S, START_S = 120.0, 30.0
TICKS_A_S = os.sysconf("SC_CLK_TCK")


def slow(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Connections that say nothing, half of it, or one byte a second."""
    with trial(report, stack, nodes) as made:
        for way, seconds in suffered_s(made.fleet.ingest, EACH).items():
            figure = f"{EACH} closed after at most {seconds:.1f} s of {BAR_CLOSED_S:.0f} s"
            report.add(f"Slow connection, {way}: closed", figure, seconds <= BAR_CLOSED_S)
        crowded(report, stack, made)


def crowded(report: Report, stack: Stack, made: Trial) -> None:
    """Honest traffic beside many of them, compared with the time before."""
    port = made.fleet.ingest
    mix = Mix(made.idents, 0, int(time.time()))
    journal = Journal(stack.folder / f"journal-{made.idents.tag}.jsonl")
    with Load(Target([port]), mix.request, journal, RATE):
        time.sleep(WARM_S)
        quiet_at = time.monotonic()
        time.sleep(QUIET_S)
        until = time.monotonic()
        hostile = Path(__file__).with_name("hostile.py")
        attack = stack.start("hostile", [sys.executable, str(hostile), str(port), str(CROWD)])
        log = stack.folder / "hostile.log"
        wait_until("all of them connected", lambda: max(counts(log), default=0) >= CROWD * 0.95, GATHERED_S)
        crowded_at, before = time.monotonic(), len(counts(log))
        time.sleep(CROWDED_S)
        crowded_until, held = time.monotonic(), counts(log)[before:]
        stack.stop(attack)
    attempts = journal.read()
    quiet = [one for one in attempts if quiet_at <= one.asked_at < until]
    busy = [one for one in attempts if crowded_at <= one.asked_at < crowded_until]
    refused = sum(not one.accepted for one in attempts)
    quiet_s, busy_s = quantile_s(quiet, 0.99), quantile_s(busy, 0.99)
    figure = (
        f"p99 {1_000 * quiet_s:.1f} ms before, {1_000 * busy_s:.1f} ms beside {median(held):.0f} of them "
    )
    figure += f"(as many as {max(held)}, from 20 addresses); {refused} of {len(attempts)} no success"
    holds = busy_s < BAR_FACTOR * quiet_s and not refused
    report.add(f"{CROWD} slow connections: p99 of honest traffic", figure, holds)


def counts(log: Path) -> list[int]:
    """How many were connected, second by second."""
    return [int(line) for line in log.read_text().splitlines() if line.isdigit()]


def cost(report: Report, stack: Stack, nodes: Nodes) -> None:
    """CPU time of accepted and refused requests; time from start to the first success."""
    with trial(report, stack, nodes) as made:
        kind = next(kind for kind in all_kinds() if kind.provider == "genea")
        now_s = int(time.time())

        def good(number: int) -> Request:
            return kind.request(made.idents.of(number), now_s)

        def bad(number: int) -> Request:
            return tamper(good(number), made.idents.of(number))

        accepted, refused = [], []
        cpu_us(made, good, 0)
        for round_ in range(1, 1 + ROUNDS):
            accepted.append(cpu_us(made, good, round_))
            refused.append(cpu_us(made, bad, ROUNDS + round_))
        figure = f"{median(refused):.0f} us a refused one, {median(accepted):.0f} us an accepted one "
        figure += f"(medians of {ROUNDS} x {BATCH}, in turn)"
        report.add("CPU time of a request", figure, median(refused) < median(accepted))

        seconds = [
            first_success_s(stack, made, good((2 * ROUNDS + 1) * BATCH + start)) for start in range(STARTS)
        ]
        figure = f"{', '.join(f'{one:.2f}' for one in seconds)} s of {BAR_FIRST_S:.0f} s"
        report.add("From start to the first success", figure, max(seconds) <= BAR_FIRST_S)


def cpu_us(made: Trial, make: Callable[[int], Request], batch: int) -> float:
    """Sends a batch; returns the CPU time of ingest by request, in microseconds."""
    process = made.fleet.taking.process
    before = cpu_s(process.pid)
    numbers = range(batch * BATCH, (1 + batch) * BATCH)
    sender = Sender(made.fleet.ingest, numbers, make, BATCH_S)
    sender.start(SENDERS)
    wait_until("a batch", sender.done, BATCH_S)
    log = sender.log
    if BATCH not in (len(log.accepted), len(log.refused)) or log.retried:
        raise RuntimeError(f"{len(log.accepted)} accepted, {len(log.refused)} refused: they must be alike")
    return 1e6 * (cpu_s(process.pid) - before) / BATCH


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    # Its name, which may hold anything, stands in brackets.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_S


def first_success_s(stack: Stack, made: Trial, request: Request) -> float:
    """Starts ingest anew; returns the seconds until it has accepted a delivery."""
    fleet = made.fleet
    stack.stop(fleet.taking.process)

    def accepted() -> bool:
        try:
            return post(fleet.ingest, request) < 300
        except (OSError, http.client.HTTPException):
            return False

    started = time.monotonic()
    fleet.take(fleet.ingest)
    wait_until("the first success", accepted, START_S, 0.005)
    return time.monotonic() - started
