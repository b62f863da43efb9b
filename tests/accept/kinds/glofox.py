"""ABC Glofox: the ten domains of its API document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinds.kind import AT, ID, Kind, compact, hook, kind

USER = "64a1f0c2d3e4b5a697880001"
BARCODE = {"user_id": USER, "identifiers": {"barcode": "100200300"}}
BARCODE_AND_FOB = {"user_id": USER, "identifiers": {"barcode": "100200300", "fob_id": "F-77"}}
MEMBER = {"id": USER, "first_name": "Jane", "last_name": "Doe", "active": True}
BOOKING = {"id": "64a1f0c2d3e4b5a697880010", "status": "BOOKED", "user_id": USER, "time_start": AT}
COURSE = {"id": "64a1f0c2d3e4b5a697880011", "status": "BOOKED", "user_id": USER, "date_start": AT}
MEMBERSHIP = {"id": "64a1f0c2d3e4b5a697880012", "user_id": USER, "status": "ACTIVE"}
SERVICE = {"id": "64a1f0c2d3e4b5a697880013", "member_ids": [USER], "status": "ACTIVE"}
CLASS = {"id": "64a1f0c2d3e4b5a697880014", "name": "Spin", "time_start": AT}
AGREEMENT = {"user_id": USER, "resource_id": "R-1", "status": "accepted"}
INVOICE = {"id": "64a1f0c2d3e4b5a697880015", "total": 4200, "status": "PAID"}
PUSH = {"to": [{"user_id": USER, "device_id": "D-1"}], "notification": {"title": "t", "body": "b"}}

ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("MEMBER_ACCESS_INFO_CREATED", BARCODE_AND_FOB, "credential.created"),
    ("MEMBER_ACCESS_INFO_UPDATED", BARCODE, "credential.updated"),
    ("MEMBER_CREATED", MEMBER, "person.created"),
    ("MEMBER_UPDATED", MEMBER | {"active": False}, "person.updated"),
    ("BOOKING_CREATED", BOOKING, "entitlement.created"),
    ("BOOKING_UPDATED", BOOKING, "entitlement.updated"),
    ("BOOKING_UPDATED", BOOKING | {"attended": True}, "entitlement.checked_in"),
    ("BOOKING_DELETED", BOOKING, "entitlement.cancelled"),
    ("COURSE_BOOKING_CREATED", COURSE, "entitlement.created"),
    ("COURSE_BOOKING_DELETED", COURSE, "entitlement.cancelled"),
    ("MEMBERSHIP_CREATED", MEMBERSHIP, "entitlement.created"),
    ("MEMBERSHIP_UPDATED", MEMBERSHIP, "entitlement.updated"),
    ("MEMBERSHIP_DELETED", MEMBERSHIP, "entitlement.cancelled"),
    ("SERVICE_CREATED", SERVICE, "entitlement.created"),
    ("SERVICE_UPDATED", SERVICE, "entitlement.updated"),
    ("SERVICE_DELETED", SERVICE, "entitlement.cancelled"),
    ("EVENT_CREATED", CLASS, "account.other"),
    ("EVENT_UPDATED", CLASS, "account.other"),
    ("EVENT_DELETED", CLASS, "account.other"),
    # The vendor's document lists this type with the comma.
    ("EAGREEMENT_CREATED,", AGREEMENT, "account.other"),
    ("EAGREEMENT_UPDATED", AGREEMENT, "account.other"),
    ("INVOICE_UPDATED", INVOICE, "account.other"),
    ("PUSH_NOTIFICATION_CREATED", PUSH, "account.other"),
    ("SOMETHING_NEW", {"id": USER}, "account.unknown"),
]


def kinds() -> Iterator[Kind]:
    for native_type, payload, ce_type in ROWS:
        # A barcode and a fob are an event each.
        ce_types = (ce_type,) * (2 if payload is BARCODE_AND_FOB else 1)
        yield kind("glofox", native_type, envelope(native_type, payload), *ce_types)
    # NUL characters were seen inside: they count for the signature.
    nul = compact(envelope("SERVICE_UPDATED", SERVICE)).replace(b"ACTIVE", b"ACT\0IVE")
    yield Kind("glofox", "SERVICE_UPDATED with NUL", hook("glofox"), nul, ("entitlement.updated",))


def envelope(native_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    metadata = {"trace_id": ID, "location_id": "64a1f0c2d3e4b5a697887766", "version": "1"}
    fields = {"Type": native_type, "Metadata": metadata, "Timestamp": AT, "Payload": payload}
    if native_type.startswith("SERVICE_"):
        return {name.lower(): value for name, value in fields.items()}
    return fields
