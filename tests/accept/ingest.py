"""Shows that ingest always has an answer: each line of it with a figure, and pass or FAIL.

Signs, reads and counts with code of its own; its journal of what was answered judges. Everything runs on a
three-node Kafka that it starts itself.
"""

from __future__ import annotations

import argparse
import sys

from copies_change import certificate, rolling
from edge import cost, slow
from kafka_away import frozen, killed, stopped, vendors
from report import Report
from run_lines import run_lines
from sources_change import reload, rotation
from stack import Stack
from trial import own_nodes

PARTS = [stopped, killed, frozen, vendors, slow, rotation, reload, certificate, rolling, cost]


def arguments() -> argparse.Namespace:
    parts = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(prog="tests/accept/run ingest", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=parts, default=parts, metavar="PART", help=f"of {', '.join(parts)}"
    )
    return parser.parse_args()


def main() -> int:
    settings = arguments()

    def lines(report: Report, stack: Stack) -> None:
        with own_nodes(stack, report) as nodes:
            for part in PARTS:
                if part.__name__ in settings.only:
                    with report.line(part.__doc__ or ""):
                        part(report, stack, nodes)

    return run_lines(lines)


if __name__ == "__main__":
    sys.exit(main())
