"""A `cardea all` of the acceptance's own: own ports, own topics, own sources, on the Kafka that is up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from stack import ROOT, Stack, environment, free_port, wait_until
from wires import PROVIDERS, SECRETS

READY_S = 90.0
COMMAND_S = 60.0
GXP_PATHS = "[mqtt-gateway-status, access-event, cvent, attendee-sync]"


def built() -> Path:
    """The program that was built last, or the one that CARDEA_BIN names."""
    if named := os.environ.get("CARDEA_BIN"):
        return Path(named)
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    found = [target / profile / "cardea" for profile in ("debug", "release")]
    found = [path for path in found if path.exists()]
    if not found:
        raise FileNotFoundError(f"no cardea in {target}: build it, or name it in CARDEA_BIN")
    return max(found, key=lambda path: path.stat().st_mtime)


def sources_yaml() -> str:
    lines = ["sources:"]
    for provider in PROVIDERS:
        lines += [f"  - id: accept-{provider}", f"    provider: {provider}", "    tenant: accept"]
        lines += ["    secrets:", f"      - text: {SECRETS[provider]}"]
        if provider == "gxp":
            lines.append(f"    gxp_paths: {GXP_PATHS}")
    return "\n".join(lines) + "\n"


class Product:
    def __init__(self, stack: Stack, brokers: str, tag: str) -> None:
        self.prefix = f"accept-{tag}."
        self.ingest, self.console, self.admin, self.receiver = (free_port() for _ in range(4))
        self._stack = stack
        self._program = built()
        self._kafka = ["--brokers", brokers, "--topic-prefix", self.prefix]
        self._instance = f"accept-{tag}"
        self._process: subprocess.Popen[bytes] | None = None
        self._sources = stack.folder / "sources.yaml"
        self._sources.write_text(sources_yaml())

    @property
    def registry(self) -> str:
        return f"http://127.0.0.1:{self.console}/registry"

    def create_topics(self) -> None:
        self._tool("topics")

    def start(self) -> float:
        """Starts `cardea all` and waits until it is ready; returns the seconds."""
        argv = [str(self._program), "all", *self._kafka, "--sources", str(self._sources)]
        for name in ("ingest", "console", "admin"):
            argv += [f"--{name}-address", f"127.0.0.1:{getattr(self, name)}"]
        argv += ["--instance", self._instance, "--allow-private-endpoints"]
        self._process = self._stack.start("cardea", argv)
        return wait_until("cardea ready", self._ready, READY_S)

    def kill(self) -> None:
        if self._process:
            self._stack.kill(self._process)

    def stop(self) -> int | None:
        """Ends it with SIGTERM; returns its exit code."""
        if not self._process:
            return None
        self._stack.stop(self._process)
        return self._process.returncode

    def subscribe(self) -> None:
        """Creates a subscription to all events, and starts its receiver."""
        url = f"http://127.0.0.1:{self.receiver}/"
        answer = self._tool("subscriptions", "create", "--url", url, "--event-types", "*", "--json")
        argv = [sys.executable, str(Path(__file__).with_name("receiver.py"))]
        argv += [str(self.receiver), str(self.received)]
        self._stack.start("receiver", argv, {"ACCEPT_SECRET": json.loads(answer)["secret"]})

    @property
    def received(self) -> Path:
        return self._stack.folder / "received.jsonl"

    def _tool(self, *words: str) -> str:
        flags = ["--allow-private-endpoints"] if words[0] == "subscriptions" else []
        done = subprocess.run(
            [str(self._program), *words, *self._kafka, *flags],
            env=environment(None),
            capture_output=True,
            timeout=COMMAND_S,
            text=True,
        )
        if done.returncode:
            said = done.stderr.strip()[-300:]
            raise RuntimeError(f"cardea {words[0]} ended with {done.returncode}: {said}")
        return done.stdout

    def _ready(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise RuntimeError(f"cardea all ended with {self._process.returncode}, see cardea.log")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
