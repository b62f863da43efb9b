"""What the project's own commands show: planted faults, and speed beside the yardstick."""

from __future__ import annotations

import os
import re

from report import Report
from stack import ROOT, Stack

PLANTED_S, BENCH_S = 1800.0, 3600.0
# A commit takes a request for each partition that it touches, so latency is that of a layout.
RUNS = (["throughput"], ["latency"], ["latency", "--partitions", "3"])
# A line of the bench that has a bar ends so.
VERDICT = re.compile(r"^(?P<what>.+?)\s{2,}(?P<figure>.+?)\W+(?P<verdict>pass|FAIL)$")


def planted(report: Report, stack: Stack) -> None:
    """Three planted faults, each of which the audit has to find."""
    argv = ["cargo", "nextest", "run", "--locked", "--package", "end-to-end", "caught"]
    code, _, text = stack.run("planted", argv, PLANTED_S, tick=report.progress)
    report.end_progress()
    summary = next((line.strip() for line in text.splitlines() if "tests run:" in line), "no test was run")
    report.add("Planted faults are found by cardea audit", summary, code == 0 and "3 passed" in summary)


def bench(report: Report, stack: Stack) -> None:
    """Throughput and latency of the normalizer beside the same loop written bare."""
    program = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release" / "bench-normalizer"
    for words in RUNS:
        what = " ".join(words)
        log = f"bench-{words[0]}-{len(words)}"
        code, _, text = stack.run(log, [str(program), *words], BENCH_S, tick=report.progress)
        report.end_progress()
        found = [match for line in text.splitlines() if (match := VERDICT.match(line.strip()))]
        for match in found:
            report.add(
                f"Bench {what}: {match['what']}",
                " ".join(match["figure"].split()),
                match["verdict"] == "pass",
            )
        if code or not found:
            last = text.strip().splitlines()[-1:] or ["it printed nothing"]
            report.add(
                f"Bench {what}: ends well", f"exit code {code}: {last[0][:100]}", code == 0 and bool(found)
            )
