"""Sends signed requests over kept-alive connections, and keeps a log of what was accepted."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from wires import Request

TIMEOUT_S = 10.0
RETRY_S = 0.2


def post(port: int, request: Request, connection: http.client.HTTPConnection | None = None) -> int:
    """Sends one request; returns the status."""
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        own.request("POST", request.path, request.body, request.headers)
        response = own.getresponse()
        response.read()
        return response.status
    finally:
        if connection is None:
            own.close()


@dataclass
class Log:
    """What became of a run's deliveries."""

    accepted: set[int] = field(default_factory=set)
    # A delivery that failed may have been written all the same: the sender cannot know.
    retried: set[int] = field(default_factory=set)
    refused: dict[int, int] = field(default_factory=dict)
    # Seconds until the slowest answer, or until it was clear that there is none.
    slowest_s: float = 0.0


def paced(numbers: Iterable[int], rate: float) -> Iterator[int]:
    """Hands out numbers at a constant rate a second; what is late is caught up."""
    started = time.monotonic()
    for place, number in enumerate(numbers):
        time.sleep(max(0.0, started + place / rate - time.monotonic()))
        yield number


class Sender:
    """Sends deliveries by their numbers; one that fails is repeated until it is accepted."""

    def __init__(
        self, port: int, numbers: Iterable[int], make: Callable[[int], Request], deadline_s: float
    ) -> None:
        self.log = Log()
        self._port = port
        self._make = make
        self._numbers = iter(numbers)
        self._deadline = time.monotonic() + deadline_s
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, connections: int) -> None:
        for _ in range(connections):
            thread = threading.Thread(target=self._run, daemon=True)
            thread.start()
            self._threads.append(thread)

    def done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def accepted(self) -> int:
        return len(self.log.accepted)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        while (number := self._next()) is not None:
            self._deliver(number, self._make(number), connection)
        connection.close()

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)

    def _deliver(self, number: int, request: Request, connection: http.client.HTTPConnection) -> None:
        while (asked_at := time.monotonic()) < self._deadline:
            try:
                status = post(self._port, request, connection)
            except (OSError, http.client.HTTPException):
                # Closed here, it is opened again by the next request.
                connection.close()
                status = 503
            self.log.slowest_s = max(self.log.slowest_s, time.monotonic() - asked_at)
            if 200 <= status < 300:
                self.log.accepted.add(number)
                return
            if status < 500 and status != 429:
                self.log.refused[number] = status
                return
            self.log.retried.add(number)
            time.sleep(RETRY_S)
