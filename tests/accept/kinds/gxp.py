"""GxP: the four endpoints that it documents for incoming webhooks, and what it sends out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinds.kind import AT, ID, Kind, compact, hook, kind

READER = {"reader_id": "READER-001", "status": "connected", "last_scan": AT}
SCAN = {"reader_id": "READER-001", "credential_value": ID, "scan_type": "barcode", "timestamp": AT}
ATTENDEE = {"first_name": "John", "last_name": "Doe", "email": "john.doe@example.com"}

REGISTRATIONS = {
    "registration.created": "entitlement.created",
    "registration.updated": "entitlement.updated",
    "registration.cancelled": "entitlement.cancelled",
    "attendee.checked_in": "entitlement.checked_in",
}
# An upsert does not tell which of the two it was; an update claims less.
SYNC_MODES = {"upsert": "person.updated", "create": "person.created", "update": "person.updated"}
OUTGOING = {
    "attendee.created": "person.created",
    "attendee.updated": "person.updated",
    "attendee.deleted": "person.deleted",
    "access.granted": "access.granted",
    "access.denied": "access.denied",
    "form.response.created": "account.other",
    "form.response.updated": "account.other",
    "credential.created": "credential.created",
    "credential.revoked": "credential.revoked",
}


def kinds() -> Iterator[Kind]:
    for status in ("online", "offline"):
        body = {"gateway_id": ID, "status": status, "readers": [READER], "timestamp": AT}
        yield incoming(f"mqtt-gateway-status {status}", body, f"device.{status}")
    # The page's own cURL sample: no time.
    bare = {"gateway_id": ID, "status": "online"}
    yield incoming("mqtt-gateway-status bare", bare, "device.online", by_delivery=True)

    # No sync brought an attendee with that credential.
    yield incoming("access-event", SCAN, "access.denied")
    own_path = SCAN | {"scan_type": "rfid"}
    yield Kind(
        "gxp",
        "access-event under /hooks",
        hook("gxp", "access-event"),
        compact(own_path),
        ("access.denied",),
    )

    for event_type, ce_type in REGISTRATIONS.items():
        data = {"registration_id": "reg_456", "attendee": ATTENDEE}
        body = {"event_type": event_type, "event_id": f"evt_{ID}", "data": data, "timestamp": AT}
        yield incoming(f"cvent {event_type}", body, ce_type)

    for mode, ce_type in SYNC_MODES.items():
        rows = [{"external_id": f"EXT-{row}-{ID}", **ATTENDEE} for row in (1, 2)]
        slugs = {"project_slug": "my-event", "team_slug": "my-team"}
        body = slugs | {"sync_mode": mode, "attendees": rows}
        yield incoming(f"attendee-sync {mode}", body, ce_type, ce_type)

    for event, ce_type in OUTGOING.items():
        body = {"id": f"evt_{ID}", "event": event, "timestamp": AT, "project_id": 123, "data": {}}
        yield kind("gxp", f"out: {event}", body, ce_type)


def incoming(name: str, body: dict[str, Any], *ce_types: str, by_delivery: bool = False) -> Kind:
    """A kind for the documented path that its name begins with."""
    path = f"/webhook/v1/{name.split()[0]}"
    return Kind("gxp", name, path, compact(body), ce_types, by_delivery)
