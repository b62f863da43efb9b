"""A `cardea all` of the acceptance's own: own ports, own topics, own sources, on the Kafka that is up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from program import Program, Service
from stack import Stack, free_port, wait_until

READY_S = 90.0


class Product:
    def __init__(self, stack: Stack, brokers: str, tag: str) -> None:
        self.ingest, self.console, self.receiver = (free_port() for _ in range(3))
        self._stack = stack
        self._program = Program(stack, brokers, tag)
        self._instance = f"accept-{tag}"
        self._service: Service | None = None

    @property
    def prefix(self) -> str:
        return self._program.prefix

    @property
    def registry(self) -> str:
        return f"http://127.0.0.1:{self.console}/registry"

    def create_topics(self) -> None:
        self._program.tool("topics")

    def start(self) -> float:
        """Starts `cardea all` and waits until it is ready; returns the seconds."""
        words = ["--sources", str(self._program.sources)]
        for name in ("ingest", "console"):
            words += [f"--{name}-address", f"127.0.0.1:{getattr(self, name)}"]
        words += ["--instance", self._instance, "--allow-private-endpoints"]
        self._service = self._program.service("cardea", "all", *words)
        return wait_until("cardea ready", self._service.ready, READY_S)

    def kill(self) -> None:
        if self._service:
            self._stack.kill(self._service.process)

    def stop(self) -> int | None:
        """Ends it with SIGTERM; returns its exit code."""
        if not self._service:
            return None
        self._stack.stop(self._service.process)
        return self._service.process.returncode

    def subscribe(self) -> None:
        """Creates a subscription to all events, and starts its receiver."""
        url = f"http://127.0.0.1:{self.receiver}/"
        words = ["--url", url, "--event-types", "*", "--allow-private-endpoints", "--json"]
        answer = self._program.tool("subscriptions", "create", *words)
        argv = [sys.executable, str(Path(__file__).with_name("receiver.py"))]
        argv += [str(self.receiver), str(self.received)]
        self._stack.start("receiver", argv, {"ACCEPT_SECRET": json.loads(answer)["secret"]})

    @property
    def received(self) -> Path:
        return self._stack.folder / "received.jsonl"
