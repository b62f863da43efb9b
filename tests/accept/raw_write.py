"""Writes raw records as ingest wrote one: with other identifiers and times, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from kafka_read import client, read_to
from stack import wait_until

# Headers of raw records.
DELIVERY_ID, RECEIVED_AT = "delivery_id", "received_at"
FLUSH_S = 120.0


@dataclass(frozen=True)
class Sample:
    """One raw record that ingest wrote."""

    partition: int
    headers: dict[str, bytes]
    key: bytes
    body: bytes


class RawWriter:
    """Copies of the first record of a raw topic, which tells what identifier is in it."""

    def __init__(self, brokers: str, topic: str, ident: str) -> None:
        self._topic = topic
        self._brokers = brokers
        self._ident = ident.encode()
        found: list[Sample] = []
        # What ingest accepted may still be in its spool.
        wait_until("the sample in raw", lambda: found.extend(self._find()) or bool(found), FLUSH_S, 0.5)
        self.sample = found[0]
        self._producer = Producer(
            {**client(brokers), "linger.ms": 20, "acks": "all", "message.max.bytes": 4 << 20}
        )
        self._failed = 0

    def write(
        self, idents: Iterable[str], partitions: Sequence[int], received_at_us: int | None = None
    ) -> None:
        """Writes a record for each identifier, in turn to each of the partitions, and waits for all."""
        for number, ident in enumerate(idents):
            body = self.sample.body.replace(self._ident, ident.encode())
            self.write_body(body, partitions[number % len(partitions)], received_at_us, f"{number:012x}")
        self.flush()

    def write_body(
        self, body: bytes, partition: int, received_at_us: int | None = None, delivery: str = "0" * 12
    ) -> None:
        headers = dict(self.sample.headers)
        headers[DELIVERY_ID] = headers[DELIVERY_ID][:-12] + delivery.encode()
        if received_at_us is not None:
            headers[RECEIVED_AT] = str(received_at_us).encode()
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    body,
                    self.sample.key,
                    partition,
                    headers=list(headers.items()),
                    on_delivery=self._told,
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        if self._producer.flush(FLUSH_S) or self._failed:
            raise RuntimeError(f"{self._failed} raw records could not be written")

    def _told(self, error: KafkaException | None, _message: object) -> None:
        self._failed += error is not None

    def _find(self) -> list[Sample]:
        consumer = Consumer(
            {
                **client(self._brokers),
                "group.id": "accept-scan",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            ends = {
                (self._topic, number): consumer.get_watermark_offsets(
                    TopicPartition(self._topic, number), timeout=10
                )[1]
                for number in consumer.list_topics(self._topic, timeout=10).topics[self._topic].partitions
            }
            return [
                Sample(message.partition(), dict(message.headers()), message.key(), message.value())
                for message in read_to(consumer, ends)
                if self._ident in message.value()
            ]
        finally:
            consumer.close()
