"""The judge, against records that break each promise."""

import unittest

from exactly_once import not_the_first, out_of_order
from ident import Idents
from kafka_read import Event
from traces import Trace

IDENTS = Idents("0badcafe")


def event(offset: int, key: bytes = b"door", index: int = 0, number: int = 0) -> Event:
    raw = {"topic": "x.raw.genea", "partition": 0, "offset": offset, "index": index}
    return Event("access", 0, key, "", "", {"raw": raw, "native_id": IDENTS.of(number)})


class Judging(unittest.TestCase):
    def test_raw_order_holds(self) -> None:
        events = [event(1), event(5, b"other"), event(2), event(2, index=1), event(9)]
        self.assertEqual(out_of_order(events), [])

    def test_an_earlier_event_of_a_key_after_a_later_one_is_found(self) -> None:
        events = [event(1), event(3), event(2)]
        self.assertEqual(out_of_order(events), events[2:])
        self.assertEqual(len(out_of_order([event(1), event(1)])), 1)

    def test_an_event_of_a_repetition_is_found(self) -> None:
        raw = {("genea", 0, offset): IDENTS.of(7).encode() for offset in (3, 8)}
        first, later = event(3, number=7), event(8, number=7)
        self.assertEqual(not_the_first(Trace(raw, [first], IDENTS)), [])
        self.assertEqual(not_the_first(Trace(raw, [later], IDENTS)), [7])

    def test_an_event_of_no_delivery_is_strange(self) -> None:
        made_up = event(4)
        self.assertEqual(Trace({}, [made_up], IDENTS).strange, [made_up])


if __name__ == "__main__":
    unittest.main()
