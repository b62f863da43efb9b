"""The load, against a server that fails in turn: who repeats, and who gives up."""

import tempfile
import threading
import unittest
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import ClassVar

from journal import NONE, Journal, deliveries
from load import Load, Target
from stack import free_port, wait_until
from vendors import RULES, UNTIL_ACCEPTED, Rule, rule_of
from wires import Request

AT_LEAST = 30
ONCE = Rule("once")


class Faulty(BaseHTTPRequestHandler):
    """Of three deliveries it takes one, refuses one, and takes one only when it comes again."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[Counter[int]] = Counter()

    def do_POST(self) -> None:
        number = int(self.rfile.read(int(self.headers["content-length"])))
        Faulty.seen[number] += 1
        late = 503 if Faulty.seen[number] == 1 else 200
        self.send_response((200, 401, late)[number % 3])
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Stays silent."""


class Sending(unittest.TestCase):
    def setUp(self) -> None:
        Faulty.seen.clear()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        folder = tempfile.TemporaryDirectory()
        self.journal = Journal(Path(folder.name) / "journal")
        self.addCleanup(folder.cleanup)
        self.addCleanup(self.journal.close)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def send(self, target: Target, rule: Rule) -> None:
        def make(number: int) -> Request:
            return Request("gxp", "/", {}, str(number).encode())

        with Load(target, make, self.journal, 500, lambda _: rule) as load:
            wait_until("sent", lambda: load.accepted >= AT_LEAST, 20)

    def test_each_is_tried_as_often_as_its_vendor_does(self) -> None:
        for rule, idle_max in ((UNTIL_ACCEPTED, 8), (ONCE, 0)):
            Faulty.seen.clear()
            before = len(self.journal.read())
            self.send(Target([free_port(), self.server.server_port], idle_max=idle_max), rule)
            attempts = self.journal.read()[before:]
            found = deliveries(attempts)
            again = 2 if rule is UNTIL_ACCEPTED else 1
            self.assertEqual(Faulty.seen, Counter({n: again if n % 3 == 2 else 1 for n in found}))
            for number, one in found.items():
                self.assertEqual(one.attempts, Faulty.seen[number])
                self.assertEqual(one.accepted, number % 3 == 0 or (number % 3 == 2 and again == 2))

    def test_where_nobody_listens_there_is_no_answer(self) -> None:
        load = Load(
            Target([free_port()]), lambda n: Request("gxp", "/", {}, b""), self.journal, 50, lambda _: ONCE
        )
        with load:
            wait_until("tried", lambda: len(self.journal.read()) > 2, 20)
        self.assertEqual({one.status for one in self.journal.read()}, {NONE})


class Rules(unittest.TestCase):
    def test_attempts_are_as_many_as_the_vendor_makes(self) -> None:
        self.assertEqual([*RULES["glofox"][0].waits()], [0.0, 0.0, 0.0])
        self.assertEqual([*RULES["gxp"][0].waits()], [0.0])
        self.assertEqual([*islice(UNTIL_ACCEPTED.waits(), 3)], [0.0, 0.2, 0.2])
        for rule in RULES["genea"][:2]:
            self.assertLess(sum(rule.waits()), 10.0)

    def test_every_rule_of_a_provider_has_its_turn(self) -> None:
        self.assertEqual({rule_of("genea", n) for n in range(1, 100, 10)}, set(RULES["genea"]))


if __name__ == "__main__":
    unittest.main()
