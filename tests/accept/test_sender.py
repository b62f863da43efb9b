"""The sender, against a server that fails in each way that a crash has."""

import threading
import unittest
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from sender import Sender
from stack import wait_until
from wires import Request, sign

TOTAL = 60


class Faulty(BaseHTTPRequestHandler):
    """Fails the first time: 503, or a connection that ends without an answer."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[Counter[int]] = Counter()

    def do_POST(self) -> None:
        number = int(self.rfile.read(int(self.headers["content-length"])))
        Faulty.seen[number] += 1
        first = Faulty.seen[number] == 1
        if first and number % 3 == 1:
            self.close_connection = True
            return
        status = 503 if first and number % 3 == 2 else 200
        self.send_response(401 if number == 9 else status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stays silent."""


class Sending(unittest.TestCase):
    def test_every_delivery_is_repeated_until_it_is_accepted_and_none_after(self) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def make(number: int) -> Request:
            return sign("glofox", "/hooks/demo", str(number).encode(), 0)

        sender = Sender(server.server_port, range(TOTAL), make, deadline_s=20)
        sender.start(4)
        wait_until("sent", sender.done, 20)
        server.shutdown()
        server.server_close()

        self.assertEqual(sender.log.refused, {9: 401})
        self.assertEqual(sender.log.accepted, set(range(TOTAL)) - {9})
        self.assertEqual(sender.log.retried, {n for n in range(TOTAL) if n % 3})
        self.assertEqual(Faulty.seen, Counter({n: 2 if n % 3 else 1 for n in range(TOTAL)}))

    def test_a_sender_gives_up_at_its_deadline(self) -> None:
        sender = Sender(1, range(3), lambda n: sign("glofox", "/", b"{}", n), deadline_s=0.5)
        sender.start(1)
        wait_until("given up", sender.done, 10)
        self.assertEqual(sender.accepted(), 0)


if __name__ == "__main__":
    unittest.main()
