"""`kill -9` of `cardea all` amid many deliveries: nothing lost, nothing twice, nothing made up."""

from __future__ import annotations

import time
from collections import Counter

from ident import Idents
from kafka_read import Topics
from product import Product
from receiver import read
from report import Report
from sender import Sender
from stack import wait_until
from traces import Trace, trace
from traffic import Mix

CONNECTIONS = 24
SEND_S, READ_S, RECEIVE_S = 600.0, 300.0, 300.0
FIRST = 0x100_0000


class Crash:
    def __init__(self, report: Report, product: Product, topics: Topics, idents: Idents) -> None:
        self._report = report
        self._product = product
        self._topics = topics
        self._idents = idents
        self._mix = Mix(idents, FIRST, int(time.time()))

    def run(self, total: int) -> None:
        sender = Sender(self._product.ingest, range(total), self._mix.request, SEND_S)
        down_s = self._send(sender, total)
        log = sender.log
        figure = f"{len(log.accepted)} of {total} accepted, {len(log.retried)} after a failure, "
        figure += f"{len(log.refused)} refused; killed in the middle, ready again after {down_s:.1f} s"
        self._report.add("kill -9: every delivery accepted in the end", figure, len(log.accepted) == total)

        read_s = self._topics.wait_raw_read(READ_S)
        self._report.say(f"raw read to its end {read_s:.1f} s later")
        found = trace(self._topics, self._product.registry, self._idents)
        self._canonical(found, log.accepted, total)
        self._received(found, total)

    def _send(self, sender: Sender, total: int) -> float:
        """Sends all, with a crash in the middle; returns for how many seconds it was not ready."""

        def reached(count: int) -> bool:
            self._report.progress(f"accepted {sender.accepted()} of {total}")
            return sender.accepted() >= count or sender.done()

        sender.start(CONNECTIONS)
        wait_until("half of the deliveries accepted", lambda: reached(total // 2), SEND_S, 0.01)
        killed_at = time.monotonic()
        self._product.kill()
        self._report.end_progress()
        self._report.say(f"kill -9 after {sender.accepted()} accepted deliveries")
        self._product.start()
        down_s = time.monotonic() - killed_at
        wait_until("all deliveries accepted", lambda: reached(total + 1), SEND_S)
        self._report.end_progress()
        return down_s

    def _canonical(self, found: Trace, accepted: set[int], total: int) -> None:
        """Compares the senders' log with the canonical topics."""
        count = Counter({n: len(found.events[FIRST + n]) for n in range(total) if FIRST + n in found.events})
        lost = sum(count[n] == 0 for n in accepted)
        duplicated = sum(events > 1 for events in count.values())
        forged = sum(n not in accepted for n in count) + len(found.strange)
        wrong_type = sum(
            event.ce_type not in self._mix.kind(n).ce_types
            for n in count
            for event in found.events[FIRST + n]
        )
        raw = sum(len(found.raw.get(FIRST + n, [])) for n in range(total))
        figure = f"{len(accepted)} accepted, {raw} in raw: {lost} lost, {duplicated} duplicated, "
        figure += f"{forged} forged, {wrong_type} of a wrong type"
        holds = bool(accepted) and not (lost or duplicated or forged or wrong_type)
        self._report.add("kill -9: once in the canonical topics", figure, holds)

    def _received(self, found: Trace, total: int) -> None:
        """Compares the canonical topics with what the subscriber wrote down."""
        numbers = range(FIRST, FIRST + total)
        awaited = {event.ce_id for n in numbers for event in found.events.get(n, [])}
        known = {event.ce_id for events in found.events.values() for event in events}

        def missing() -> set[str]:
            left = awaited - {line.get("id", "") for line in read(self._product.received)}
            self._report.progress(f"received {len(awaited) - len(left)} of {len(awaited)}")
            return left

        try:
            wait_until("subscriber", lambda: not missing(), RECEIVE_S, 1.0)
        except TimeoutError:
            self._report.say(f"the subscriber waited {RECEIVE_S:.0f} s")
        self._report.end_progress()
        lines = read(self._product.received)
        bad = sum("wrong" in line for line in lines)
        ids = Counter(line["id"] for line in lines if "id" in line)
        lost = len(awaited - ids.keys())
        forged = len(ids.keys() - known)
        again = sum(ids[one] - 1 for one in awaited & ids.keys())
        figure = f"{len(awaited)} events: {lost} lost, {again} delivered again, "
        figure += f"{forged} forged, {bad} with a bad signature"
        holds = bool(awaited) and not (lost or forged or bad)
        self._report.add("kill -9: at least once at the subscriber", figure, holds)
