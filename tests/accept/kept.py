"""Judges raw topics against the sender's journal: nothing lost, twice, made up or out of order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ident import Idents
from journal import Delivery
from kafka_read import RawRecord


@dataclass
class Kept:
    """What raw topics hold of a run, beside what its sender knows."""

    records: int = 0
    lost: list[int] = field(default_factory=list)
    # More often than they were sent: a repetition by the sender is no duplicate of ours.
    twice: list[int] = field(default_factory=list)
    forged: list[int] = field(default_factory=list)
    disorder: list[int] = field(default_factory=list)
    keys: int = 0

    def holds(self) -> bool:
        return self.records > 0 and not (self.lost or self.twice or self.forged or self.disorder)

    def figure(self) -> str:
        counts = f"{len(self.lost)} lost, {len(self.twice)} twice, {len(self.forged)} forged"
        return f"{self.records} in raw: {counts}, {len(self.disorder)} out of order in {self.keys} keys"


def kept(records: Iterable[RawRecord], idents: Idents, sent: dict[int, Delivery]) -> Kept:
    """Compares; the records of a partition come in their order."""
    found = Kept()
    count: dict[int, int] = defaultdict(int)
    by_key: dict[tuple[str, int, bytes], list[int]] = defaultdict(list)
    for record in records:
        number = idents.number_in(record.body)
        if number is None:
            continue
        count[number] += 1
        if count[number] == 1:
            by_key[record.provider, record.partition, record.key].append(number)
    found.records = sum(count.values())
    found.keys = len(by_key)
    found.lost = [one.number for one in sent.values() if one.accepted and not count.get(one.number)]
    found.twice = [number for number, n in count.items() if number in sent and n > sent[number].attempts]
    found.forged = [number for number in count if number not in sent]
    for numbers in by_key.values():
        found.disorder += out_of_order([sent[number] for number in numbers if number in sent])
    return found


def out_of_order(of_a_key: Iterable[Delivery]) -> list[int]:
    """Those that had been answered before one that precedes them was even sent.

    Of two that were under way at once nobody can say which is the first.
    """
    wrong = []
    latest_asked_at = float("-inf")
    for one in of_a_key:
        if one.accepted and one.ended_at < latest_asked_at:
            wrong.append(one.number)
        latest_asked_at = max(latest_asked_at, one.asked_at)
    return wrong
