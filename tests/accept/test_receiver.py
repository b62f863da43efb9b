"""The receiver's verification, against a signature that openssl made, and over HTTP."""

import http.client
import socket
import tempfile
import threading
import unittest
from pathlib import Path

from receiver import Receiver, entry, fault, read

# printf 'msg_1.1767225600.{"id":"e-1","type":"access.granted"}' |
#   openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary | base64
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BODY = b'{"id":"e-1","type":"access.granted"}'
NOW_S = 1767225600
GOOD = {
    "webhook-id": "msg_1",
    "webhook-timestamp": str(NOW_S),
    "webhook-signature": "v1,72GPssJwKprHZ8E91n5wxBLTBblOcEWJlbgR1SNAL40=",
}


class Verification(unittest.TestCase):
    def test_a_good_signature_passes_also_beside_another(self) -> None:
        self.assertIsNone(fault(SECRET, GOOD, BODY, NOW_S + 1))
        two = GOOD | {"webhook-signature": f"v1a,bm9uZQ== {GOOD['webhook-signature']}"}
        self.assertIsNone(fault(SECRET, two, BODY, NOW_S + 1))

    def test_whatever_is_changed_is_refused(self) -> None:
        for changed in (
            {"webhook-id": "msg_2"},
            {"webhook-id": ""},
            {"webhook-timestamp": str(NOW_S + 1)},
            {"webhook-timestamp": "soon"},
            {"webhook-signature": ""},
            {"webhook-signature": "v1,AAAA"},
        ):
            self.assertIsNotNone(fault(SECRET, GOOD | changed, BODY, NOW_S), changed)
        self.assertIsNotNone(fault(SECRET, GOOD, BODY + b" ", NOW_S))
        self.assertIsNotNone(fault(SECRET, GOOD, BODY, NOW_S + 301))
        self.assertIsNotNone(fault("whsec_AAAA", GOOD, BODY, NOW_S))

    def test_an_event_is_written_down(self) -> None:
        self.assertEqual(entry(SECRET, GOOD, BODY, NOW_S)["id"], "e-1")

    def test_a_forgery_is_answered_401_and_written_down(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            server = Receiver(0, SECRET, log)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
            for _ in range(2):
                connection.request("POST", "/", BODY, GOOD | {"webhook-signature": "v1,AAAA"})
                response = connection.getresponse()
                response.read()
                self.assertEqual(response.status, 401)
            connection.close()
            # One whose sender dies has no signature that could be judged.
            with socket.create_connection(("127.0.0.1", server.server_port)) as cut_off:
                cut_off.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
                cut_off.shutdown(socket.SHUT_WR)
                self.assertEqual(cut_off.recv(1), b"")
            server.shutdown()
            server.server_close()
            # The signed time is long ago, which is found first.
            self.assertEqual(read(log), [{"wrong": "webhook-timestamp stale"}] * 2)


if __name__ == "__main__":
    unittest.main()
