"""Shows that the normalizer neither loses nor repeats: each line of it with a figure, and pass or FAIL.

Signs, reads and counts with code of its own. Everything runs on a three-node Kafka that it starts itself.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable
from functools import partial

from bench import bench, planted
from chaos import chaos
from nemesis import LONG, SHORT
from nodes import Nodes
from poison import poison
from recovery import crash, lost_offsets, outages, zombies
from report import Report
from run_lines import run_lines
from seen import backlog, ten_million, window
from stack import Stack
from trial import RATE, own_nodes

Part = Callable[[Report, Stack, Nodes], None]
ON_NODES: list[Part] = [crash, zombies, outages, lost_offsets, window, ten_million, backlog, poison]
BY_THEMSELVES = [planted, bench]


def arguments() -> argparse.Namespace:
    parts = ["chaos", *(part.__name__ for part in [*ON_NODES, *BY_THEMSELVES])]
    parser = argparse.ArgumentParser(prog="tests/accept/run normalizer", description=__doc__)
    add = parser.add_argument
    add("--only", nargs="+", choices=parts, default=parts, metavar="PART", help=f"of {', '.join(parts)}")
    add("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the chaos run")
    add("--short", action="store_true", help="a chaos run of two minutes, not of ten")
    return parser.parse_args()


def main() -> int:
    settings = arguments()
    trouble = SHORT if settings.short else LONG

    def lines(report: Report, stack: Stack) -> None:
        parts = [("chaos", "Chaos", partial(chaos, trouble=trouble, seed=settings.seed, rate=RATE))]
        parts += [(part.__name__, part.__doc__ or "", part) for part in ON_NODES]
        chosen = [(title, part) for name, title, part in parts if name in settings.only]
        if chosen:
            with own_nodes(stack, report) as nodes:
                for title, part in chosen:
                    with report.line(title):
                        part(report, stack, nodes)
        for part in BY_THEMSELVES:
            if part.__name__ in settings.only:
                with report.line(part.__doc__ or ""):
                    part(report, stack)

    return run_lines(lines)


if __name__ == "__main__":
    sys.exit(main())
