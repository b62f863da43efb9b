"""Senders that hold a connection and say too little: how long each is suffered, and whom they harm.

Runs as a process of its own, at the lowest priority: `hostile.py <port> <count>`. It keeps that many
connections open until it is ended, and prints each second how many there are.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

HEAD = b"POST /hooks/accept-genea HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = HEAD + b"Content-Length: 4000\r\n\r\n"
# What is sent at once, and what of it one byte a second.
WAYS: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "half a header": (HEAD, b""),
    "half a body": (BODY + b'{"uuid":', b""),
    "header at 1 byte/s": (HEAD, b"X-Slow: " + b"a" * 4_000),
    "body at 1 byte/s": (BODY, b" " * 4_000),
}
GIVEN_UP_S = 30.0
# Loopback has many addresses, and no address may hold too many connections.
ADDRESSES = [f"127.0.0.{last}" for last in range(11, 31)]
PAUSE_S, REST_S = 1.0, 0.2

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, source: str) -> Connection:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


async def hold(connection: Connection, way: str) -> float:
    """Says too little on a connection; returns the seconds until the server closed it."""
    reader, writer = connection
    started = time.monotonic()
    trickle = asyncio.create_task(send(writer, *WAYS[way]))
    try:
        await asyncio.wait_for(reader.read(), GIVEN_UP_S)
    except (TimeoutError, ConnectionError):
        pass
    finally:
        trickle.cancel()
        writer.close()
    return time.monotonic() - started


async def send(writer: asyncio.StreamWriter, first: bytes, slow: bytes) -> None:
    writer.write(first)
    for at in range(len(slow)):
        await asyncio.sleep(PAUSE_S)
        writer.write(slow[at : at + 1])


def suffered_s(port: int, each: int) -> dict[str, float]:
    """How long the longest of a few connections of each way is suffered."""

    async def one(way: str) -> float:
        return await hold(await connect(port, ADDRESSES[0]), way)

    async def ask() -> dict[str, float]:
        held = {way: asyncio.gather(*(one(way) for _ in range(each))) for way in WAYS}
        return {way: max(await some) for way, some in held.items()}

    return asyncio.run(ask())


class Crowd:
    """Many of them at once; one that is closed comes again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = 0

    async def run(self, count: int) -> None:
        members = [asyncio.create_task(self._stay(number)) for number in range(count)]
        while not any(member.done() for member in members):
            print(self._open, flush=True)
            await asyncio.sleep(1.0)

    async def _stay(self, number: int) -> None:
        way, source = list(WAYS)[number % len(WAYS)], ADDRESSES[number % len(ADDRESSES)]
        while True:
            try:
                connection = await connect(self._port, source)
            except OSError:
                await asyncio.sleep(REST_S)
                continue
            self._open += 1
            await hold(connection, way)
            self._open -= 1


if __name__ == "__main__":
    os.nice(19)
    asyncio.run(Crowd(int(sys.argv[1])).run(int(sys.argv[2])))
