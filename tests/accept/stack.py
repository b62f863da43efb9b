"""Starts and stops processes, each by its own id, also when the run is interrupted."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0
# What an outer make hands down; it must not reach a make that is run here.
OUTER_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
# Every process of `make up` inherits it.
MARK = "ACCEPT_RUN"


class Stack:
    """The processes of a run, and the folder of their logs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a process in a group of its own; its output goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=environment(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(
        self,
        name: str,
        argv: list[str],
        deadline_s: float,
        env: dict[str, str] | None = None,
        tick: Callable[[str], None] | None = None,
    ) -> tuple[int, float, str]:
        """Runs a process to its end; returns its code, the seconds and what it printed.

        `tick` is told the last line, several times a second. A process that takes longer is ended.
        """
        log = self.folder / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        started = time.monotonic()
        process = self.start(name, argv, env)
        while process.poll() is None and time.monotonic() - started < deadline_s:
            time.sleep(0.2)
            if tick:
                tick(last_line(log, before))
        seconds = time.monotonic() - started
        self.stop(process)
        text = log.read_bytes()[before:].decode(errors="replace")
        return process.returncode, seconds, text

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill(process)
        self._running = [other for other in self._running if other is not process]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9`."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running = [other for other in self._running if other is not process]

    def stop_all(self) -> None:
        for process in reversed(list(self._running)):
            self.stop(process)


def environment(more: dict[str, str] | None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in OUTER_MAKE}
    return own | (more or {})


def last_line(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 400))
        lines = file.read().decode(errors="replace").splitlines()
    return lines[-1][:100] if lines else ""


def marked(mark: str) -> list[int]:
    """The processes that were started with this mark in their environment, however far removed."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            # It ended meanwhile, or is another user's.
            continue
    return found


def command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended"
    return Path(words[0].decode(errors="replace")).name


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port below those of outgoing connections: while the program is down, none of them takes it."""
    while True:
        port = random.randrange(20_000, 30_000)
        if not answers(port):
            return port


def wait_until(what: str, holds: Callable[[], bool], deadline_s: float, every_s: float = 0.1) -> float:
    """Waits for a condition; returns the seconds it took."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > deadline_s:
            raise TimeoutError(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(every_s)
    return time.monotonic() - started
