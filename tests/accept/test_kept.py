"""The judge of raw topics, against records that break each promise."""

import unittest

from ident import Idents
from journal import Delivery
from kafka_read import RawRecord
from kept import kept, out_of_order

IDENTS = Idents("0badcafe")


def record(number: int, key: bytes = b"door") -> RawRecord:
    return RawRecord("genea", 0, key, IDENTS.of(number).encode())


def delivery(number: int, asked_at: float, attempts: int = 1, accepted: bool = True) -> Delivery:
    return Delivery(number, asked_at, asked_at + 0.5, attempts, accepted)


SENT = {number: delivery(number, float(number)) for number in range(3)}


class Judging(unittest.TestCase):
    def test_each_once_and_in_order_holds(self) -> None:
        found = kept([record(0), record(1), record(2), RawRecord("gxp", 0, b"", b"{}")], IDENTS, SENT)
        self.assertTrue(found.holds(), found.figure())
        self.assertEqual((found.records, found.keys), (3, 1))

    def test_what_is_missing_is_lost_only_if_it_was_accepted(self) -> None:
        self.assertEqual(kept([record(0), record(2)], IDENTS, SENT).lost, [1])
        sent = SENT | {1: delivery(1, 1.0, accepted=False)}
        self.assertEqual(kept([record(0), record(2)], IDENTS, sent).lost, [])

    def test_a_record_more_than_attempts_is_a_duplicate(self) -> None:
        again = [record(0), record(1), record(1), record(2)]
        self.assertEqual(kept(again, IDENTS, SENT).twice, [1])
        self.assertEqual(kept(again, IDENTS, SENT | {1: delivery(1, 1.0, attempts=2)}).twice, [])

    def test_what_was_never_sent_is_forged(self) -> None:
        self.assertEqual(kept([record(0), record(9)], IDENTS, SENT).forged, [9])

    def test_order_is_that_of_a_key(self) -> None:
        swapped = [record(0), record(2), record(1)]
        self.assertEqual(kept(swapped, IDENTS, SENT).disorder, [1])
        other_key = [record(0), record(2), record(1, b"other")]
        self.assertEqual(kept(other_key, IDENTS, SENT).disorder, [])

    def test_deliveries_that_were_under_way_together_have_no_order(self) -> None:
        self.assertEqual(out_of_order([delivery(1, 1.4), delivery(0, 1.0)]), [])
        self.assertEqual(out_of_order([delivery(1, 1.6), delivery(0, 1.0)]), [0])

    def test_nothing_at_all_does_not_hold(self) -> None:
        self.assertFalse(kept([], IDENTS, {}).holds())


if __name__ == "__main__":
    unittest.main()
