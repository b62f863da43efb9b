"""Each event kind comes out once and right, repeats do not, forgeries never; what is told apart by what."""

from __future__ import annotations

import time
from collections import Counter

from ident import Idents
from kafka_read import Topics
from kinds import Kind, all_kinds, topic_of
from product import Product
from report import Report
from sender import post
from traces import Trace, trace
from wires import Request, tamper

READ_S = 90.0
# Where the numbers of each line begin. A changed byte makes another number of the first of sixteen.
FORGED, SAME = 0x1_0000, 0x2_0000


class Once:
    def __init__(self, report: Report, product: Product, topics: Topics, idents: Idents) -> None:
        self._report = report
        self._product = product
        self._topics = topics
        self._idents = idents
        self._kinds = all_kinds()
        now_s = int(time.time())
        self._requests = [kind.request(idents.of(n), now_s) for n, kind in enumerate(self._kinds)]

    def kinds(self) -> None:
        """One request per kind."""
        refused = self._send(list(zip(self._kinds, self._requests, strict=True)))
        found = self._trace()
        wrong = [*refused, *self._wrong(found)]
        count = Counter(kind.provider for kind in self._kinds)
        detail = ", ".join(f"{provider} {number}" for provider, number in count.items())
        figure = f"{len(self._kinds) - len(wrong)} of {len(self._kinds)} as expected ({detail})"
        self._report.add("One request per event kind: once, right ce_type", figure, not wrong)
        self._bytes(found)

    def _bytes(self, found: Trace) -> None:
        """The raw record is the body as it was sent."""
        same = sum(found.raw.get(n) == [request.body] for n, request in enumerate(self._requests))
        figure = f"{same} of {len(self._requests)} raw records, byte for byte"
        self._report.add("Raw is what was sent", figure, same == len(self._requests))

    def repeats(self) -> None:
        """The same requests twice more, but for those that only their delivery tells apart."""
        again = [
            (kind, request)
            for kind, request in zip(self._kinds, self._requests, strict=True)
            if not kind.by_delivery
        ]
        refused = self._send(again * 2)
        found = self._trace()
        wrong = [*refused, *self._wrong(found)]
        figure = f"{len(again)} kinds sent three times, {len(wrong)} not once"
        self._report.add("The same request three times: once", figure, not wrong)

    def forgeries(self) -> None:
        """One changed byte."""
        now_s = int(time.time())
        passed = []
        for n, kind in enumerate(self._kinds):
            ident = self._idents.of(FORGED + 16 * n)
            status = post(self._product.ingest, tamper(kind.request(ident, now_s), ident))
            if status != 401:
                passed.append(f"{kind.provider} {kind.name}: {status}")
        self._tell(passed)
        found = self._trace()
        forged = range(FORGED, FORGED + 16 * len(self._kinds))
        raw = sum(n in forged for n in found.raw)
        events = sum(n in forged for n in found.events)
        refused = len(self._kinds) - len(passed)
        figure = f"{refused} of {len(self._kinds)} answered 401; {raw} in raw, {events} in canonical topics"
        self._report.add("One changed byte: 401 and no record", figure, not (passed or raw or events))

    def identity(self) -> None:
        """What makes two events of equal content, and what makes one."""
        by_name = {(kind.provider, kind.name): kind for kind in self._kinds}
        status = by_name["gxp", "mqtt-gateway-status bare"]
        door = by_name["alocity", "door.state"]
        now_s = int(time.time())
        plan = [
            ("GxP status without a timestamp, twice", status, (now_s, now_s), 2),
            ("Alocity door state, same signed time twice", door, (now_s, now_s), 1),
            ("Alocity door state, another signed time", door, (now_s, now_s, now_s - 7), 2),
        ]
        for n, (_, kind, times, _) in enumerate(plan):
            ident = self._idents.of(SAME + n)
            self._send([(kind, kind.request(ident, signed_at_s)) for signed_at_s in times])
        found = self._trace()
        for n, (title, _, times, expected) in enumerate(plan):
            events = len(found.events.get(SAME + n, []))
            figure = f"{len(times)} deliveries, {events} events, expected {expected}"
            self._report.add(title, figure, events == expected)

    def _send(self, pairs: list[tuple[Kind, Request]]) -> list[str]:
        refused = []
        for at, (kind, request) in enumerate(pairs):
            status = post(self._product.ingest, request)
            if not 200 <= status < 300:
                refused.append(f"{kind.provider} {kind.name}: answered {status}")
            self._report.progress(f"sent {at + 1} of {len(pairs)}")
        self._report.end_progress()
        self._tell(refused)
        return refused

    def _trace(self) -> Trace:
        self._topics.wait_raw_read(READ_S)
        return trace(self._topics, self._product.registry, self._idents)

    def _wrong(self, found: Trace) -> list[str]:
        wrong = [f"strange event {event.ce_type} {event.ce_id}" for event in found.strange]
        for n, kind in enumerate(self._kinds):
            expected = Counter((topic_of(ce_type), ce_type) for ce_type in kind.ce_types)
            if (actual := found.types(n)) != expected:
                wrong.append(f"{kind.provider} {kind.name}: {shown(actual)}, expected {shown(expected)}")
        self._tell(wrong)
        return wrong

    def _tell(self, faults: list[str]) -> None:
        for fault in faults:
            self._report.say(f"    {fault}")


def shown(types: Counter[tuple[str, str]]) -> str:
    names = [f"{ce_type} in {topic}" + (f" x{n}" if n > 1 else "") for (topic, ce_type), n in types.items()]
    return " + ".join(names) or "nothing"
