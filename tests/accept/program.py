"""The program as it was built: its services as processes, its tools run to their end."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from stack import ROOT, Stack, environment, free_port
from wires import PROVIDERS, SECRETS

TOOL_S = 900.0
GXP_PATHS = "[mqtt-gateway-status, access-event, cvent, attendee-sync]"


def built() -> Path:
    """The program that was built last, or the one that CARDEA_BIN names."""
    if named := os.environ.get("CARDEA_BIN"):
        return (ROOT / named).resolve()
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


class Program:
    """Bound to one Kafka and one prefix of topics."""

    def __init__(self, stack: Stack, brokers: str, tag: str) -> None:
        self.prefix = f"accept-{tag}."
        self.sources = stack.folder / "sources.yaml"
        self.sources.write_text(sources_yaml())
        self._stack = stack
        self._spool = stack.folder / f"spool-{tag}"
        self._file = built()
        self._kafka = ["--brokers", brokers, "--topic-prefix", self.prefix]

    def service(self, log: str, *words: str) -> Service:
        """Starts a service."""
        admin = free_port()
        where = ["--admin-address", f"127.0.0.1:{admin}"]
        if words[0] in ("all", "ingest") and "--spool-dir" not in words:
            where += ["--spool-dir", str(self._spool)]
        argv = [str(self._file), words[0], *self._kafka, *where, *words[1:]]
        return Service(self._stack.start(log, argv), admin)

    def tool(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Runs a tool; returns what it printed."""
        done = subprocess.run(
            [str(self._file), *words, *self._kafka],
            env=environment(None),
            capture_output=True,
            timeout=TOOL_S,
            text=True,
        )
        if done.returncode not in codes:
            said = done.stderr.strip()[-300:]
            raise RuntimeError(f"cardea {words[0]} ended with {done.returncode}: {said}")
        return done.stdout


class Service:
    def __init__(self, process: subprocess.Popen[bytes], admin: int) -> None:
        self.process = process
        self._admin = admin

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"a service ended with {self.process.returncode}, see its log")
        return self._get("ready")[0] == 200

    def metric(self, name: str, label: str = "") -> float:
        """The sum of a metric over its labels, or over those lines that have this one."""
        lines = self._get("metrics")[1].splitlines()
        found = [line for line in lines if line.split("{")[0].split(" ")[0] == name and label in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def memory_bytes(self) -> int:
        """What it has in memory."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def _get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except (urllib.error.URLError, OSError):
            return 0, ""
