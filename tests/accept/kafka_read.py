"""Reads topics with stock Confluent clients: raw records, canonical records, how far groups are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from wires import PROVIDERS

CANONICAL = ("access", "credential", "device", "account")
RAW = [f"raw.{provider}" for provider in PROVIDERS]
SCAN_DEADLINE_S = 120.0
# A raw record: provider, partition, offset.
Position = tuple[str, int, int]
# Where partitions end, by topic and number.
Ends = dict[tuple[str, int], int]


def client(brokers: str) -> dict[str, Any]:
    """Settings of a client whose brokers come and go: that is no news."""
    return {"bootstrap.servers": brokers, "log_level": 2}


@dataclass(frozen=True)
class Event:
    """A canonical record: its headers, and its value as a stock deserializer reads it."""

    topic: str
    partition: int
    key: bytes
    ce_type: str
    ce_id: str
    value: dict[str, Any]

    @property
    def raw(self) -> Position:
        raw = self.value["raw"]
        return (raw["topic"].rpartition("raw.")[2], raw["partition"], raw["offset"])

    @property
    def index(self) -> int:
        """Its place within its delivery."""
        return self.value["raw"]["index"]


@dataclass(frozen=True)
class RawRecord:
    """A raw record as it lies in its partition."""

    provider: str
    partition: int
    key: bytes
    body: bytes


class Topics:
    """The topics of one prefix."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self._brokers = brokers
        self._admin = AdminClient(client(brokers))
        self.prefix = prefix

    def raw(self) -> dict[Position, bytes]:
        """Every raw record's body, by its position."""
        bodies = {}
        for message in self._scan(RAW, "read_uncommitted"):
            provider = message.topic().rpartition("raw.")[2]
            bodies[provider, message.partition(), message.offset()] = message.value() or b""
        return bodies

    def raw_records(self) -> list[RawRecord]:
        """Every raw record; those of a partition in their order."""
        return [
            RawRecord(
                message.topic().rpartition("raw.")[2],
                message.partition(),
                message.key() or b"",
                message.value() or b"",
            )
            for message in self._scan(RAW, "read_uncommitted")
        ]

    def canonical(self, registry: str) -> list[Event]:
        """Every committed canonical record; those of a partition in their order."""
        decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
        return [self._event(message, decode) for message in self._scan(CANONICAL, "read_committed")]

    def _event(self, message: Message, decode: AvroDeserializer) -> Event:
        headers = {key: value.decode() for key, value in message.headers() or []}
        value = decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
        topic = message.topic().removeprefix(self.prefix)
        place = (topic, message.partition(), message.key() or b"")
        return Event(*place, headers.get("ce_type", ""), headers.get("ce_id", ""), value)

    def count_ids(self, topic: str) -> tuple[int, int]:
        """Counts the committed records of a canonical topic and their distinct ids, unread otherwise."""
        ids: set[bytes] = set()
        records = 0
        for message in self._scan([topic], "read_committed"):
            ids.add(next(value for key, value in message.headers() if key == "ce_id"))
            records += 1
        return records, len(ids)

    def quarantined(self, provider: str) -> list[str]:
        """The reason of each record that a provider's quarantine holds."""
        reasons: dict[bytes, str | None] = {}
        for message in self._scan([f"quarantine.{provider}"], "read_committed"):
            headers = dict(message.headers() or [])
            reasons[message.key()] = (
                headers.get("reason", b"").decode() if message.value() is not None else None
            )
        return [reason for reason in reasons.values() if reason is not None]

    def _scan(self, topics: Sequence[str], isolation: str) -> Iterator[Message]:
        """Reads topics to the end that they have now, open transactions awaited."""
        consumer = Consumer(
            {
                **client(self._brokers),
                "group.id": "accept-scan",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
            }
        )
        try:
            yield from read_to(consumer, self._ends(topics))
        finally:
            consumer.close()

    def _ends(self, topics: Sequence[str]) -> Ends:
        """The end of each partition, transactions that are still open included."""
        consumer = Consumer(
            {
                **client(self._brokers),
                "group.id": "accept-scan",
                "isolation.level": "read_uncommitted",
            }
        )
        try:
            found = consumer.list_topics(timeout=10).topics
            if missing := {self.prefix + topic for topic in topics} - found.keys():
                raise LookupError(f"no topic {', '.join(sorted(missing))}")
            ends = {}
            for topic in topics:
                name = self.prefix + topic
                for number in found[name].partitions:
                    partition = TopicPartition(name, number)
                    ends[name, number] = consumer.get_watermark_offsets(partition, timeout=10)[1]
            return ends
        finally:
            consumer.close()

    def wait_raw_read(self, deadline_s: float) -> float:
        """Waits until a group has committed every offset of the raw topics; returns the seconds.

        Which group does not matter, so that nothing of the product's naming is assumed.
        """
        started = time.monotonic()
        ends = self._ends(RAW)
        while True:
            lag = self._lag(ends)
            if lag == 0:
                return time.monotonic() - started
            if time.monotonic() - started > deadline_s:
                raise TimeoutError(f"{lag} raw records unread after {deadline_s:.0f} s")
            time.sleep(0.3)

    def _lag(self, ends: Ends) -> int:
        committed: Ends = {}
        for group in self._admin.list_consumer_groups().result(10).valid:
            request = [ConsumerGroupTopicPartitions(group.group_id)]
            answer = self._admin.list_consumer_group_offsets(request)[group.group_id].result(10)
            for at in answer.topic_partitions:
                place = (at.topic, at.partition)
                committed[place] = max(committed.get(place, 0), at.offset)
        return sum(max(0, end - committed.get(place, 0)) for place, end in ends.items())

    def delete(self) -> int:
        """Removes every topic of the prefix; returns how many there were."""
        found = self._admin.list_topics(timeout=10).topics
        names = [name for name in found if name.startswith(self.prefix)]
        for done in self._admin.delete_topics(names).values() if names else []:
            done.result(30)
        return len(names)


def read_to(consumer: Consumer, ends: Ends) -> Iterator[Message]:
    """Yields every record until each partition is read up to its end."""
    left = {place for place, end in ends.items() if end > 0}
    consumer.assign([TopicPartition(topic, number, 0) for topic, number in left])
    deadline = time.monotonic() + SCAN_DEADLINE_S
    while left:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} partitions not read to their end")
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            # The end of what is committed; more follows if a transaction was still open.
            place = (message.topic(), message.partition())
            if message.offset() >= ends[place]:
                left.discard(place)
        else:
            raise RuntimeError(f"{message.topic()}: {error.str()}")
