"""`make up`, again, and `make down`; and the suite, where there is time for it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from kafka_read import Topics
from report import Report
from stack import MARK, Stack, answers, command, marked
from wires import PROVIDERS

PORTS = {"ingest": 8080, "console": 8081, "admin": 9464, "Kafka": 9092}
REGISTRY = "http://127.0.0.1:8081/registry"
UP_S, AGAIN_S, DOWN_S = 900.0, 30.0, 120.0
GONE_S = 15.0
SUITE_S = 25 * 60.0
BUSY_LOOPS = 2


def busy_ports() -> list[str]:
    return [f"{name} {port}" for name, port in PORTS.items() if answers(port)]


class UpDown:
    def __init__(self, report: Report, stack: Stack, brokers: str, mark: str) -> None:
        self._report = report
        self._stack = stack
        self._topics = Topics(brokers, "cardea.")
        self._mark = mark
        self._started = False

    def up(self) -> None:
        self._started = True
        self._up("make up: all six shown as delivered", UP_S)
        self._up("make up, run again", AGAIN_S)

    def _up(self, title: str, limit_s: float) -> None:
        code, seconds, text = self._make("up", UP_S + 60)
        shown = [provider for provider in PROVIDERS if delivered(provider, text)]
        events = self._topics.canonical(REGISTRY) if code == 0 else []
        there = {event.value["provider"] for event in events}
        figure = f"{seconds:.1f} s of {limit_s:.0f} s, exit code {code}; shown as delivered: {len(shown)}"
        figure += f" of 6; providers in the canonical topics: {len(there)}"
        holds = code == 0 and seconds <= limit_s and len(shown) == 6 and there >= set(PROVIDERS)
        self._report.add(title, figure, holds)

    def down(self) -> None:
        """Ends what `up` started, and looks for what is left of it."""
        if not self._started:
            return
        self._started = False
        before = marked(self._mark)
        code, seconds, _ = self._make("down", DOWN_S)
        # A port may be held for a moment by what is ending.
        deadline = time.monotonic() + GONE_S
        while (marked(self._mark) or busy_ports()) and time.monotonic() < deadline:
            time.sleep(0.2)
        left = [f"{command(pid)} {pid}" for pid in marked(self._mark)]
        ports = busy_ports()
        figure = f"exit code {code} after {seconds:.1f} s; {len(before)} processes before, {len(left)} after"
        figure += f" ({', '.join(left)})" if left else ""
        figure += f"; ports still open: {', '.join(ports) or 'none'}"
        self._report.add("make down leaves no process", figure, code == 0 and not left and not ports)

    def _make(self, target: str, deadline_s: float) -> tuple[int, float, str]:
        def tick(line: str) -> None:
            self._report.progress(f"make {target}: {line}")

        env = {MARK: self._mark}
        result = self._stack.run(f"make-{target}", ["make", target], deadline_s, env, tick)
        self._report.end_progress()
        return result

    def suite(self, loops: int) -> None:
        """`make test` from a cold build in a folder of its own, then warm, twice beside busy loops."""
        target = self._stack.folder / "target"
        try:
            code, seconds = self._test(target)
            figure = f"{seconds / 60:.1f} of {SUITE_S / 60:.0f} minutes, exit code {code}"
            self._report.add("make test from a cold build", figure, code == 0 and seconds < SUITE_S)
            codes = [self._test(target)[0] for _ in range(loops - BUSY_LOOPS)]
            busy = [self._stack.start("busy", ["sh", "-c", "while :; do :; done"]) for _ in range(2)]
            codes += [self._test(target)[0] for _ in range(BUSY_LOOPS)]
            for loop in busy:
                self._stack.kill(loop)
            figure = f"{codes.count(0)} of {loops} passed, the last {BUSY_LOOPS} beside two busy loops"
            self._report.add("make test again and again, warm", figure, codes.count(0) == loops)
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def _test(self, target: Path) -> tuple[int, float]:
        env = {"CARGO_TARGET_DIR": str(target)}

        def tick(line: str) -> None:
            self._report.progress(f"make test: {line}")

        code, seconds, _ = self._stack.run("make-test", ["make", "test"], 2 * SUITE_S, env, tick)
        self._report.end_progress()
        self._report.say(f"make test: exit code {code} after {seconds:.0f} s")
        return code, seconds


def delivered(provider: str, text: str) -> bool:
    """Whether a line of the output shows an event of that provider as delivered."""
    return any(f"{provider}-demo" in line and "delivered" in line for line in text.splitlines())
