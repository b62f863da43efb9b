"""Bodies that nobody should send: each is mapped or in quarantine with a reason, the next comes out."""

from __future__ import annotations

import json

from nodes import Nodes
from report import Report
from seen import FIRST, writer
from stack import Stack
from trial import trial

BODIES = {
    "1 MB": b'{"event_action": "' + b"x" * (1 << 20) + b'"}',
    "JSON 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "an object 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "invalid UTF-8": b'{"event_action": "\xff\xfe\xc0\x80"}',
    "NUL characters": b'{"event_action": "\\u0000\x00"}',
    "a NUL in a text": json.dumps({"event_action": "A\0B", "uuid": "\0"}).encode(),
    "nothing": b"",
    "one byte": b"{",
    "half a surrogate pair": b'{"event_action": "\\ud800"}',
    "a number beyond all floats": b'{"event_action": 1e999999}',
}

LAWFUL = 2


def poison(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Raw records that ingest would refuse, between good ones, of one partition."""
    with trial(report, stack, nodes) as made:
        raw = writer(made)
        # Equal keys are of one raw partition.
        partition = raw.sample.partition
        service = made.fleet.start("one")
        made.fleet.wait_ready()
        for number, body in enumerate(BODIES.values()):
            raw.write_body(body, partition, delivery=f"{number:012x}")
            raw.write([made.idents.of(FIRST + number)], [partition])
        raw.flush()
        made.settle()
        good, _ = made.topics.count_ids("access")
        held = made.topics.quarantined("genea")
        figure = f"{len(BODIES)} bad bodies: {len(held)} in quarantine ({', '.join(sorted(set(held)))}); "
        figure += f"{good - 1} of {len(BODIES)} good ones between them came out"
        alive = service.process.poll() is None
        # Two of the bodies are lawful: what they say is kept as an unknown event.
        holds = alive and good - 1 == len(BODIES) and all(held) and len(held) == len(BODIES) - LAWFUL
        report.add("Poison: quarantine or mapped, never a stop", figure, holds)
        holds, found = made.fleet.audit()
        report.add("Poison: cardea audit", found, holds)
