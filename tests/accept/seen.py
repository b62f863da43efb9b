"""What the normalizer remembers: for how long, how quickly it is back, and what it weighs."""

from __future__ import annotations

import secrets
import time

from confluent_kafka import Producer

from fleet import PARTITION_COUNT
from kafka_read import client
from nodes import Nodes
from raw_write import RawWriter
from report import Report
from sender import post
from stack import Stack, wait_until
from traffic import Mix
from trial import SETTLE_S, Trial, trial

DAY_US = 86_400_000_000
# Beyond the numbers of deliveries that go through ingest.
FIRST = 0x100_0000
IDS, IDS_A_RECORD, ID_BYTES = 10_000_000, 100, 16
BAR_REBUILD_S, BAR_ID_BYTES = 10.0, 40.0
BACKLOG = 2_000_000
BACKLOG_S = 1200.0
# Of a hash table after it has doubled, and what an allocator keeps.
TABLE_ID_BYTES, SLACK_BYTES = 48, 64 << 20
SEEN_IDS = "cardea_normalizer_seen_ids"


def writer(made: Trial) -> RawWriter:
    """Lets ingest write one Genea delivery, and copies it from then on."""
    mix = Mix(made.idents, 0, int(time.time()))
    # Until a new topic's leaders are known everywhere, ingest answers 503.
    wait_until("the sample", lambda: post(made.fleet.ingest, mix.request(1)) == 200, SETTLE_S)
    return RawWriter(made.nodes.brokers, f"{made.fleet.prefix}raw.genea", made.idents.of(1))


def window(report: Report, stack: Stack, nodes: Nodes) -> None:
    """The same event after 6.9 days, and after 7.1, by the time of receipt."""
    with trial(report, stack, nodes) as made:
        raw = writer(made)
        made.fleet.start("one")
        began_us = time.time_ns() // 1000 - 9 * DAY_US
        # Time goes by the highest time of receipt of a partition: the sample's is past all these.
        partition = (raw.sample.partition + 1) % PARTITION_COUNT
        ident = [made.idents.of(FIRST)]
        counts = []
        for days in (0.0, 6.9, 7.1):
            raw.write(ident, [partition], began_us + int(days * DAY_US))
            made.settle()
            events = made.topics.canonical(made.fleet.registry)
            counts.append(sum(made.idents.of(FIRST) in (event.value["native_id"] or "") for event in events))
        figure = f"events after 0, 6.9 and 7.1 days: {', '.join(map(str, counts))}"
        report.add("The same event within and past the window", figure, counts == [1, 1, 2])


def ten_million(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Ten million remembered ids, read back by a normalizer that starts."""
    with trial(report, stack, nodes) as made:
        empty = made.fleet.start("empty")
        made.fleet.wait_ready()
        time.sleep(1)
        empty_bytes = empty.memory_bytes()
        made.fleet.stop("empty")
        write_seen(made)
        started = time.monotonic()
        service = made.fleet.start("one")
        wait_until("all ids remembered", lambda: service.metric(SEEN_IDS) >= IDS, SETTLE_S, 0.05)
        seconds = time.monotonic() - started
        each = (service.memory_bytes() - empty_bytes) / IDS
        figure = f"{IDS:,} ids, {IDS_A_RECORD} a record: {seconds:.1f} s of {BAR_REBUILD_S:.0f} s "
        figure += "from the start of the process"
        report.add("Ids are back after a start", figure, seconds <= BAR_REBUILD_S)
        figure = f"{each:.1f} bytes an id of {BAR_ID_BYTES:.0f}, resident"
        report.add("What an id weighs", figure, each <= BAR_ID_BYTES)


def write_seen(made: Trial) -> None:
    """Writes `seen` as commits of a thousand events a second would have: 16 bytes an id, headers."""
    producer = Producer({**client(made.nodes.brokers), "compression.type": "zstd"})
    now = str(time.time_ns() // 1000).encode()
    headers = [("first", b"0"), ("next", b"0"), ("stream_time", now)]
    for number in range(IDS // IDS_A_RECORD):
        ids = secrets.token_bytes(IDS_A_RECORD * ID_BYTES)
        topic = f"{made.fleet.prefix}seen.genea"
        while True:
            try:
                producer.produce(topic, ids, partition=number % PARTITION_COUNT, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(SETTLE_S):
        raise RuntimeError("ids could not be written")


def backlog(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Two million raw records that waited."""
    with trial(report, stack, nodes) as made:
        raw = writer(made)
        raw.write((made.idents.of(FIRST + number) for number in range(BACKLOG)), range(PARTITION_COUNT))
        report.say(f"{BACKLOG:,} raw records wait")
        service = made.fleet.start("one")
        made.fleet.wait_ready()
        started = time.monotonic()
        memory: dict[int, int] = {}

        def done() -> bool:
            ids = int(service.metric(SEEN_IDS))
            memory[ids] = service.memory_bytes()
            report.progress(f"{ids:,} of {BACKLOG:,}, {memory[ids] >> 20} MiB")
            return ids > BACKLOG

        wait_until("the backlog to be worked off", done, BACKLOG_S, 0.25)
        seconds = time.monotonic() - started
        made.settle()
        records, distinct = made.topics.count_ids("access")
        # From when the queues are full: from then on only ids may weigh.
        tenth = min(ids for ids in memory if ids > BACKLOG // 10)
        grown = max(memory.values()) - memory[tenth]
        allowed = TABLE_ID_BYTES * (BACKLOG - tenth) + SLACK_BYTES
        figure = f"{BACKLOG / seconds:,.0f} records/s; at a tenth {memory[tenth] >> 20} MiB, at most "
        figure += f"{max(memory.values()) >> 20} MiB: {grown / (BACKLOG - tenth):.0f} bytes a new id; "
        figure += f"{records:,} events, {distinct:,} distinct"
        holds = records == distinct == BACKLOG + 1 and grown <= allowed
        report.add(f"Backlog of {BACKLOG:,}: flat but for its ids", figure, holds)
