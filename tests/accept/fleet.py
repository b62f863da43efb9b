"""Cardea as services apart: one ingest, one console, and normalizers that come and go."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from program import Program, Service
from stack import Stack, free_port, wait_until

READY_S = 120.0
# Fewer than the default of 12: each has a replica on every node, and all share two cores.
PARTITION_COUNT = 6
PARTITIONS = ("--partitions", str(PARTITION_COUNT))


class Fleet:
    def __init__(self, stack: Stack, brokers: str, tag: str) -> None:
        self.ingest, self.console = free_port(), free_port()
        self.normalizers: dict[str, Service] = {}
        # Those that ended without being asked to, with their exit codes.
        self.ended: list[tuple[str, int]] = []
        self.taking: Service
        self._options: dict[str, tuple[str, ...]] = {}
        self._stack = stack
        self._program = Program(stack, brokers, tag)
        self._program.tool("topics", *PARTITIONS)

    @property
    def prefix(self) -> str:
        return self._program.prefix

    @property
    def sources(self) -> Path:
        return self._program.sources

    @property
    def registry(self) -> str:
        return f"http://127.0.0.1:{self.console}/registry"

    def serve(self, *options: str) -> None:
        """Starts what takes deliveries, and what serves the schemas."""
        ingest = self.take(self.ingest, *options)
        address = f"127.0.0.1:{self.console}"
        console = self._program.service("console", "console", "--console-address", address)
        wait_until("ingest and console ready", lambda: ingest.ready() and console.ready(), READY_S)

    def take(self, port: int, *options: str) -> Service:
        """Starts a copy of ingest; `taking` is the last one that was started."""
        words = ["--sources", str(self.sources), *PARTITIONS, "--ingest-address", f"127.0.0.1:{port}"]
        self.taking = self._program.service("ingest", "ingest", *words, *options)
        return self.taking

    def serve_whole(self) -> None:
        """Starts all services as one process, which counts as a normalizer called `all`."""
        addresses = ["--ingest-address", f"127.0.0.1:{self.ingest}"]
        addresses += ["--console-address", f"127.0.0.1:{self.console}"]
        sources = ["--sources", str(self._program.sources), *PARTITIONS]
        self.normalizers["all"] = self._program.service("all", "all", *sources, *addresses)
        self.wait_ready()

    def start(self, name: str, *options: str) -> Service:
        """Starts a normalizer; its name is its static membership."""
        self._options[name] = options
        words = ["normalizer", "--instance", name, *PARTITIONS, *options]
        self.normalizers[name] = self._program.service(f"normalizer-{name}", *words)
        return self.normalizers[name]

    def restart(self, name: str) -> Service:
        """Starts one again that is gone, as it was."""
        return self.start(name, *self._options[name])

    def wait_ready(self) -> float:
        """Waits until every normalizer is ready; returns the seconds."""
        normalizers = list(self.normalizers.values())
        return wait_until("normalizers ready", lambda: all(one.ready() for one in normalizers), READY_S)

    def kill(self, name: str) -> None:
        """`kill -9`."""
        self._stack.kill(self._take(name).process)

    def stop(self, name: str) -> int:
        """Ends it with SIGTERM; returns its exit code."""
        process = self._take(name).process
        self._stack.stop(process)
        return process.returncode

    def freeze(self, name: str) -> None:
        os.killpg(self.normalizers[name].process.pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self.normalizers[name].process.pid, signal.SIGCONT)

    def revive(self) -> None:
        """Starts again, as an orchestrator would, what ended by itself."""
        ended = [name for name, one in self.normalizers.items() if one.process.poll() is not None]
        for name in ended:
            self._take(name)
            self.restart(name)

    def ended_by_themselves(self) -> list[tuple[str, int]]:
        """Those that nobody asked to end, with their exit codes."""
        running = [(name, one.process.poll()) for name, one in self.normalizers.items()]
        return self.ended + [(name, code) for name, code in running if code is not None]

    def audit(self) -> tuple[bool, str]:
        """Asks the program's own audit; returns its verdict and what it counted."""
        found = json.loads(self._program.tool("audit", "--json", codes=(0, 1)))
        broken = [f"{one['what']}: {one['count']}" for one in found["offences"] if one["count"]]
        counts = f"{found['events']} events of {found['raw']} deliveries"
        return found["holds"], f"{counts}, {', '.join(broken) or 'nothing found'}"

    def _take(self, name: str) -> Service:
        service = self.normalizers.pop(name)
        if (code := service.process.poll()) is not None:
            self.ended.append((name, code))
        return service
