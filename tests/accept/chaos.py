"""Breaks normalizers and a three-node Kafka under load; proves that nothing is lost, twice or out of order.

The seed decides what breaks and in what order; the machine decides what it meets.
"""

from __future__ import annotations

import argparse
import secrets
import sys

from nemesis import LONG, SHORT, Nemesis, Trouble
from nodes import Nodes
from report import Report
from run_lines import run_lines
from stack import Stack
from trial import RATE, own_nodes, trial

BAR_SETTLE_S = 60.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/accept/run chaos", description=__doc__)
    add = parser.add_argument
    add("--short", action="store_true", help="the form for CI: about two minutes")
    add("--seed", type=int, default=secrets.randbelow(1_000_000), help="what a run printed, to run it again")
    add("--rate", type=float, default=RATE, help="deliveries a second (%(default)s)")
    return parser.parse_args()


def chaos(report: Report, stack: Stack, nodes: Nodes, trouble: Trouble, seed: int, rate: float) -> None:
    report.say(f"seed {seed}")
    title = f"Chaos, seed {seed}"
    with trial(report, stack, nodes) as made:
        nemesis = Nemesis(report, made.fleet, nodes, trouble, seed)
        nemesis.begin()
        with made.traffic(rate, seed):
            nemesis.run()
            report.end_progress()
            made.fleet.revive()
        settled_s = made.settle()
        done = ", ".join(f"{count} {what}s" for what, count in sorted(nemesis.done.items()))
        figure = f"{done}; raw read to its end {settled_s:.1f} s after the last delivery"
        report.add(f"{title}: heals by itself", figure, settled_s < BAR_SETTLE_S)
        ended = made.fleet.ended_by_themselves()
        figure = ", ".join(f"{name} with {code}" for name, code in ended) or "none"
        report.add(f"{title}: no process ends by itself", figure, not ended)
        made.judge(title)


def main() -> int:
    settings = arguments()

    def lines(report: Report, stack: Stack) -> None:
        with own_nodes(stack, report) as nodes, report.line("Chaos"):
            trouble = SHORT if settings.short else LONG
            chaos(report, stack, nodes, trouble, settings.seed, settings.rate)

    return run_lines(lines)


if __name__ == "__main__":
    sys.exit(main())
