"""Identifiers that every body of a run carries, so that whatever comes out can be traced to it."""

from __future__ import annotations

import re
import secrets


class Idents:
    """Numbers written as 24 hex digits: eight of the run, sixteen of the number."""

    def __init__(self, tag: str | None = None) -> None:
        self.tag = tag or secrets.token_hex(4)
        self._pattern = re.compile(rf"{self.tag}([0-9a-f]{{16}})".encode())

    def of(self, number: int) -> str:
        return f"{self.tag}{number:016x}"

    def number_in(self, text: bytes) -> int | None:
        """The first number in a body; `None` where it is none of this run."""
        found = self._pattern.search(text)
        return int(found[1], 16) if found else None
