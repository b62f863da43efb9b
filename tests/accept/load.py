"""A constant load that waits for nobody: each request goes out when it is due, whatever others wait for."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from journal import NONE, Attempt, Journal
from vendors import UNTIL_ACCEPTED, Rule
from wires import Request

ATTEMPT_S, END_S, SYNC_S = 10.0, 120.0, 1.0
# Shorter than any server's patience with an idle connection, so that none is closed while it is taken.
IDLE_S, IDLE_MAX = 4.0, 512
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Target:
    """Copies of a service, as a load balancer sees them: one that refuses a connection is passed over."""

    ports: Sequence[int]
    tls: ssl.SSLContext | None = None
    # How many connections are kept for later requests; a restart may not be met by one.
    idle_max: int = IDLE_MAX


class Load:
    """Sends for as long as its block lasts, and on until all that was begun has ended."""

    def __init__(
        self,
        target: Target,
        make: Callable[[int], Request],
        journal: Journal,
        rate: float,
        rule_of: Callable[[int], Rule] = lambda _: UNTIL_ACCEPTED,
    ) -> None:
        self.accepted = 0
        self._target = target
        self._make = make
        self._journal = journal
        self._rate = rate
        self._rule_of = rule_of
        self._idle: list[tuple[float, Connection]] = []
        self._stopped = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, raised: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(END_S)
        self._journal.sync()
        if raised is None and (self._failed or self._thread.is_alive()):
            raise RuntimeError("the load has not ended") from self._failed

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:  # noqa: BLE001
            self._failed = error

    async def _send(self) -> None:
        started, number = time.monotonic(), 0
        syncing = asyncio.create_task(self._sync())
        async with asyncio.TaskGroup() as group:
            while not self._stopped.is_set():
                await asyncio.sleep(max(0.0, started + number / self._rate - time.monotonic()))
                group.create_task(self._deliver(number))
                number += 1
        syncing.cancel()
        for _, (_, writer) in self._idle:
            writer.close()

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            await asyncio.to_thread(self._journal.sync)

    async def _deliver(self, number: int) -> None:
        """Tries as often as the vendor does; what is refused for its own sake is not tried again."""
        request = self._make(number)
        for wait_s in self._rule_of(number).waits():
            await asyncio.sleep(wait_s)
            asked_at = time.monotonic()
            try:
                status = await asyncio.wait_for(self._ask(number, request), ATTEMPT_S)
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                status = NONE
            attempt = Attempt(number, status, asked_at, time.monotonic())
            self._journal.write(attempt)
            self.accepted += attempt.accepted
            if attempt.accepted or (400 <= status < 500 and status != 429):
                return

    async def _ask(self, number: int, request: Request) -> int:
        reader, writer = self._kept() or await self._connect(number)
        try:
            writer.write(head_of(request, bool(self._target.idle_max)) + request.body)
            await writer.drain()
            status, stays = await answer(reader)
        except BaseException:
            writer.close()
            raise
        if stays and len(self._idle) < self._target.idle_max:
            self._idle.append((time.monotonic(), (reader, writer)))
        else:
            writer.close()
        return status

    def _kept(self) -> Connection | None:
        while self._idle:
            since, (reader, writer) = self._idle.pop()
            if time.monotonic() - since < IDLE_S and not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def _connect(self, number: int) -> Connection:
        ports = self._target.ports
        turn = number % len(ports)
        for port in (*ports[turn:], *ports[:turn]):
            try:
                return await asyncio.open_connection("127.0.0.1", port, ssl=self._target.tls)
            except ConnectionRefusedError:
                continue
        raise ConnectionRefusedError


def head_of(request: Request, stays: bool) -> bytes:
    lines = [f"POST {request.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [] if stays else ["Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Reads an answer to its end; returns its status, and whether the connection stays."""
    head = await reader.readuntil(b"\r\n\r\n")
    if length := LENGTH.search(head):
        await reader.readexactly(int(length[1]))
    return int(head[9:12]), not CLOSES.search(head)
