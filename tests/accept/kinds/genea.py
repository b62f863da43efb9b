"""Genea: every `event_action` that is known, audits, and the old fragment of its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinds.kind import AT, ID, Kind, compact, hook, kind

DENIED = """
    ACCESS_POINT_LOCKED AFTER_EXPIRATION_DATE AIRLOCK ANTI_PASSBACK_VIOLATION AREA_NOT_ENABLED
    BEFORE_ACTIVATION_DATE CARD_NOT_FOUND COUNT_EXCEEDED DEACTIVATED_CARD DURESS_code_DETECTED
    ELEVATOR_FLOOR ELEVATOR_FLOOR_UNAUTHORIZED ELEVATOR_TIMEOUT ELEVATOR_UNKNOWN_ERROR
    HOST_APPROVAL_DENIED HOST_APPROVAL_TIMEOUT INCOMPLETE_CARD_PIN_SEQ INVALID_FACILITY_code
    INVALID_FORMAT INVALID_ISSUE_code INVALID_PIN INVALID_TIME NO_DOOR_ACCESS NO_ESCORT_CARD
    NO_SECOND_CARD OCCUPANCY_LIMIT_REACHED UNAUTHORIZED_ASSETS USE_LIMIT SUFFIX_OF_TOMORROW
""".split()

LOCATION = {"uuid": "ce0ad974-7d4d-42a4-af09-8724f224dbec", "name": "HQ", "timezone": "America/New_York"}
CONTROLLER = {"uuid": "6ab78574-2e6d-46c1-abdc-577000b15e53", "mac": "00:0f:e5:0b:a5:4e", "model": "LP1502"}
DOOR = {"uuid": "0b6f5a5e-93a9-4d2c-8a55-577000b15e53", "name": "Front", "door_status": "CLOSED"}
CARD = {"uuid": "c5fcbcb3-d572-4443-8f7e-577000b15e53", "type": "KEYCARD", "card_number": "12006465125"}
PERSON = {"type": "USER", "user_uuid": "fc82ca24-123a-4f4c-8c0b-577000b15e53", "user_name": "Bob"}
SYSTEM = {"type": "SYSTEM"}
API_KEY = {"type": "API_KEY"}

FORCED = {"Forced Open State": "Prior : No, Current : Yes", "Held Open State": "Prior : No, Current : No"}
HELD = {"Forced Open State": "Prior : No, Current : No", "Held Open State": "Prior : No, Current : Yes"}


def kinds() -> Iterator[Kind]:
    yield action("SEQUR_ACCESS_GRANTED", "access.granted")
    yield action("SEQUR_ACCESS_GRANTED", "access.granted", "live shape", location=[LOCATION], door=DOOR)
    yield action("SEQUR_ACCESS_GRANTED_ACCESS_POINT_UNLOCKED", "access.granted")
    for suffix in DENIED:
        yield action(f"SEQUR_ACCESS_DENIED_{suffix}", "access.denied")

    alarm = "SEQUR_DOOR_POSITION_SENSOR_ALARM"
    yield action(alarm, "portal.forced", "forced", door=DOOR, additional_info=FORCED)
    yield action(alarm, "portal.held", "held", door=DOOR, additional_info=HELD)
    yield action("SEQUR_DOOR_POSITION_SENSOR_SECURE", "portal.secured", door=DOOR)
    for mode, remote in (("UNLOCKED", "portal.unlocked"), ("CARD_ONLY", "portal.locked")):
        name = f"SEQUR_DOOR_ACCESS_MODE_{mode}"
        yield action(name, "portal.mode_changed", "by SYSTEM", door=DOOR, actor=SYSTEM)
        yield action(name, remote, "by API_KEY", door=DOOR, actor=API_KEY)
    # A quick grant: somebody unlocks the door from afar, nobody is named.
    quick_grant = "SEQUR_HOST_INITIATED_REQUEST_DOOR_USE_NOT_VERIFIED"
    yield action(quick_grant, "portal.unlocked", door=DOOR, actor=API_KEY)
    yield action("OSDP_READER_ONLINE_STATUS_UPDATE", "device.health", actor=SYSTEM)

    for resource, family in (("CARD", "credential"), ("USER", "person"), ("DOOR", "audit")):
        for change in ("CREATED", "UPDATED", "DELETED"):
            yield audit(change, resource, f"{family}.{change.lower()}")

    # Only a fragment is known: no id, no time.
    old = {"event_message": "Grant Access", "Interface Address": "0", "Side 0(L)/1(R)": "1"}
    old |= {"Card Unique ID": ID, "user_name": "Allison Joseph ", "model": "iCLASS® R10"}
    yield Kind("genea", "old fragment", hook("genea"), compact(old), ("access.granted",), by_delivery=True)


def action(event_action: str, ce_type: str, note: str = "", **fields: Any) -> Kind:
    body = {
        "uuid": ID,
        "event_time": "2026-05-12T18:00:00.000Z",
        "event_type": "ACCESS",
        "event_action": event_action,
        "event_message": "",
        "actor": PERSON,
        "location": LOCATION,
        "controller": CONTROLLER,
        "card": CARD,
        "created_at": AT,
    }
    return kind("genea", f"{event_action} {note}".strip(), body | fields, ce_type)


def audit(change: str, resource: str, ce_type: str) -> Kind:
    body = {
        "uuid": ID,
        "event_time": "2026-05-12T18:00:00.000Z",
        "event_type": "AUDIT",
        "event_action": change,
        "location": LOCATION,
        "actor": PERSON | {"type": "PERSON"},
        "created_at": AT,
        "audit_resource": {"uuid": "e48d7bbe-3c8e-4382-94f1-ac5481b4a0e3", "name": "1111", "type": resource},
    }
    return kind("genea", f"AUDIT {change} {resource}", body, ce_type)
