"""Traces canonical events back to what was sent: by their raw position, and the body that lies there."""

from __future__ import annotations

from collections import Counter, defaultdict

from ident import Idents
from kafka_read import Event, Position, Topics


class Trace:
    """What the topics hold of a run, by the number of the delivery that brought it."""

    def __init__(self, raw: dict[Position, bytes], events: list[Event], idents: Idents) -> None:
        numbers = {position: idents.number_in(body) for position, body in raw.items()}
        self.raw: dict[int, list[bytes]] = defaultdict(list)
        # Repetitions have the same key, so that the first one is that with the lowest offset.
        self.first_raw: dict[int, Position] = {}
        for position, number in sorted(numbers.items()):
            if number is not None:
                self.raw[number].append(raw[position])
                self.first_raw.setdefault(number, position)
        self.events: dict[int, list[Event]] = defaultdict(list)
        # Events of which no raw record of this run tells.
        self.strange: list[Event] = []
        for event in events:
            number = numbers.get(event.raw)
            # A provider's own id has to be that of the same delivery.
            named = idents.number_in((event.value.get("native_id") or "").encode())
            if number is None or named not in (None, number):
                self.strange.append(event)
            else:
                self.events[number].append(event)

    def types(self, number: int) -> Counter[tuple[str, str]]:
        """Topic and `ce_type` of the delivery's events."""
        return Counter((event.topic, event.ce_type) for event in self.events.get(number, []))


def trace(topics: Topics, registry: str, idents: Idents) -> Trace:
    return Trace(topics.raw(), topics.canonical(registry), idents)
