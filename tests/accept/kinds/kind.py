"""What an event kind is: one real body, and what has to come out of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wires import Request, sign

# Stands in a template and a path where the identifier goes that nothing else has.
ID = "$ID"
# A time at which something happened, as most providers write it.
AT = "2026-05-12T18:00:00Z"


@dataclass(frozen=True)
class Kind:
    provider: str
    name: str
    path: str
    template: bytes
    # The `ce_type` of each event in it.
    ce_types: tuple[str, ...]
    # Nothing in it tells a repeat from a second event: each delivery is an event.
    by_delivery: bool = False

    def request(self, ident: str, signed_at_s: int) -> Request:
        path = self.path.replace(ID, ident)
        body = self.template.replace(ID.encode(), ident.encode())
        return sign(self.provider, path, body, signed_at_s)


def kind(provider: str, name: str, body: Any, *ce_types: str, tail: str = "") -> Kind:
    """A kind that is sent to the source's own address, as compact JSON."""
    return Kind(provider, name, hook(provider, tail), compact(body), ce_types)


def hook(provider: str, tail: str = "") -> str:
    return f"/hooks/accept-{provider}" + (f"/{tail}" if tail else "")


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def topic_of(ce_type: str) -> str:
    """The canonical topic of a type, by its first word."""
    match ce_type.split(".")[0]:
        case "access":
            return "access"
        case "credential" | "person" | "entitlement":
            return "credential"
        case "portal" | "device":
            return "device"
    return "account"
