"""Cvent itself: the event types whose names are public, one of them with two records."""

from __future__ import annotations

from collections.abc import Iterator

from kinds.kind import ID, Kind, kind

TYPES = {
    "InviteeOrGuestCancelled": "entitlement.cancelled",
    "InviteeAttendsCventSession": "account.other",
    "InviteeMarkedAsSessionNoShow": "account.other",
    "InviteeOrGuestEmailSent": "account.other",
    "InviteeSubstitutedInAnEvent": "account.other",
    # Names of the catalogue, whose `eventType` is not public.
    "registered-for-event": "entitlement.created",
    "registration-modified": "entitlement.updated",
    "registration-cancelled": "entitlement.cancelled",
    "marked-event-participant": "entitlement.checked_in",
}
STUBS = ("82506834-04D3-4C30-971A-DF06EACCD6CD", "9F0C2F5E-6AB1-4C30-971A-DF06EACCD6CD")


def kinds() -> Iterator[Kind]:
    for event_type, ce_type in TYPES.items():
        yield message(event_type, 1, ce_type)
    yield message("InviteeOrGuestCancelled", 2, "entitlement.cancelled")


def message(event_type: str, records: int, ce_type: str) -> Kind:
    event_stub = "0B4C4410-1D46-43CD-A903-E8CF9DE6ADE5"
    rows = [{"inviteeStub": stub, "eventStub": event_stub} for stub in STUBS[:records]]
    stub = f"{ID}-5ddb3c67"
    body = {
        "eventType": event_type,
        "messageTime": "2026-05-12T18:00:00.000Z",
        "messageStub": stub,
        "message": rows,
    }
    note = " of two" if records > 1 else ""
    name = f"{event_type}{note}"
    return kind("cvent", name, body, *[ce_type] * records, tail=f"{event_type}/{stub}")
