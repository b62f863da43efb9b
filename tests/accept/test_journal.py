"""The journal gives back what was written, and knows what a delivery's attempts come to."""

import tempfile
import unittest
from pathlib import Path

from journal import NONE, Attempt, Delivery, Journal, deliveries, quantile_s, slowest_s

FIRST = Attempt(7, NONE, 1.0, 3.0)
SECOND = Attempt(7, 202, 4.0, 4.5)
OTHER = Attempt(8, 401, 2.0, 2.25)


class Writing(unittest.TestCase):
    def test_what_was_written_is_read(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            journal = Journal(Path(folder) / "journal")
            for attempt in (FIRST, SECOND):
                journal.write(attempt)
            self.assertEqual(journal.read(), [FIRST, SECOND])
            journal.write(OTHER)
            self.assertEqual(journal.read(), [FIRST, SECOND, OTHER])
            journal.close()


class Counting(unittest.TestCase):
    def test_a_delivery_is_accepted_when_one_of_its_attempts_is(self) -> None:
        found = deliveries([SECOND, OTHER, FIRST])
        self.assertEqual(found[7], Delivery(7, 1.0, 4.5, 2, accepted=True))
        self.assertEqual(found[8], Delivery(8, 2.0, 2.25, 1, accepted=False))

    def test_quantiles(self) -> None:
        attempts = [Attempt(n, 200, 0.0, n / 100) for n in range(1, 101)]
        self.assertEqual(quantile_s(attempts, 0.99), 1.0)
        self.assertEqual(quantile_s(attempts, 0.5), 0.51)
        self.assertEqual(slowest_s(attempts), 1.0)
        self.assertEqual((quantile_s([], 0.99), slowest_s([])), (0.0, 0.0))


if __name__ == "__main__":
    unittest.main()
