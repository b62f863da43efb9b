"""A subscriber: verifies Standard Webhooks signatures and writes down every event, one JSON line each.

Runs as a process of its own: `receiver.py <port> <log>`, the secret in ACCEPT_SECRET.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SKEW_S = 300


def fault(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> str | None:
    """Says what is wrong with a delivery; `None` is a good one."""
    message_id = headers.get("webhook-id", "")
    sent_at = headers.get("webhook-timestamp", "")
    if not message_id or not sent_at.isdigit():
        return "webhook-id or webhook-timestamp missing"
    if abs(now_s - int(sent_at)) > SKEW_S:
        return "webhook-timestamp stale"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected, one) for one in given):
        return "webhook-signature wrong"
    return None


def entry(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> dict[str, Any]:
    """What is written down of a delivery."""
    wrong = fault(secret, headers, body, now_s)
    if wrong:
        return {"wrong": wrong}
    try:
        event = json.loads(body)
        data = event.get("data") or {}
        return {"id": event["id"], "type": event["type"], "native_id": data.get("native_id")}
    except (ValueError, KeyError, AttributeError):
        return {"wrong": "no CloudEvents JSON"}


class Receiver(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, secret: str, log: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.secret = secret
        self._log = log.open("a", buffering=1)
        self._lock = threading.Lock()

    def server_close(self) -> None:
        super().server_close()
        self._log.close()

    def write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._log.write(json.dumps(line) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # Its sender was killed while sending.
            self.close_connection = True
            return
        line = entry(self.server.secret, self.headers, body, time.time())
        self.server.write(line)
        self.send_response(401 if "wrong" in line else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """The log is the file."""


def read(log: Path) -> list[dict[str, Any]]:
    """Reads what a receiver wrote down; a line that is just being written is left for later."""
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Receiver(int(sys.argv[1]), os.environ["ACCEPT_SECRET"], Path(sys.argv[2])).serve_forever()
