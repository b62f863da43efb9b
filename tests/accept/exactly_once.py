"""Judges canonical topics against what the senders know: nothing lost, twice, made up or out of order."""

from __future__ import annotations

from ident import Idents
from kafka_read import Event, Topics
from report import Report
from traces import Trace

# Where an event comes from: provider, raw partition, raw offset, place in the delivery.
Place = tuple[str, int, int, int]


def judge(
    report: Report, title: str, topics: Topics, registry: str, idents: Idents, accepted: set[int]
) -> None:
    """Adds the line of that title; every accepted delivery has one event."""
    events = topics.canonical(registry)
    found = Trace(topics.raw(), events, idents)
    lost = [number for number in accepted if not found.events.get(number)]
    twice = [number for number, own in found.events.items() if len(own) > 1]
    forged = [number for number in found.events if number not in accepted]
    late = not_the_first(found)
    disorder = out_of_order(events)
    wrong = [*lost, *twice, *forged, *found.strange, *late, *disorder]
    raw = sum(map(len, found.raw.values()))
    figure = f"{len(accepted)} accepted, {raw} in raw, {len(events)} events: {len(lost)} lost, "
    figure += f"{len(twice)} twice, {len(forged) + len(found.strange)} forged, "
    figure += f"{len(late)} of a later copy, {len(disorder)} out of order"
    for name, some in (("lost", lost), ("twice", twice), ("forged", forged), ("later", late)):
        if some:
            report.say(f"    {name}: {', '.join(idents.of(number) for number in some[:5])}")
    report.add(title, figure, bool(accepted) and not wrong)


def not_the_first(found: Trace) -> list[int]:
    """The deliveries whose event names a later raw record than the first that brought it."""
    return [
        number
        for number, events in found.events.items()
        if any(event.raw != found.first_raw[number] for event in events)
    ]


def out_of_order(events: list[Event]) -> list[Event]:
    """The events that came out before an earlier one of their key, of the same raw partition."""
    last: dict[tuple[str, int, bytes], Place] = {}
    wrong = []
    for event in events:
        place = (*event.raw, event.index)
        key = (event.topic, event.partition, event.key)
        before = last.get(key)
        if before and before[:2] == place[:2] and before >= place:
            wrong.append(event)
        last[key] = place
    return wrong
