"""Alocity: six event codes. Where the code travels is not documented, so each way is sent."""

from __future__ import annotations

from collections.abc import Iterator

from kinds.kind import AT, ID, Kind, kind

USER = "5b0c9c1e-6c3d-4a55-8d0e-0f6f3c1b2a10"

# The documented result types of an access log; 5 is absent.
RESULTS = {
    0: "access.granted",
    1: "access.denied",
    2: "access.denied",
    3: "access.denied",
    4: "access.denied",
    6: "access.denied",
    7: "portal.mode_changed",
    8: "portal.mode_changed",
    9: "access.requested",
}


def kinds() -> Iterator[Kind]:
    for result, ce_type in RESULTS.items():
        log = {"id": ID, "serialNumber": "SN-1", "userId": USER, "resultType": result, "createdAt": AT}
        name = f"accesslog.created {result}"
        yield kind("alocity", name, log, ce_type, tail="accesslog.created")

    health = {"serialNumber": ID, "firmwareVersion": "2.1", "databaseActive": True}
    for name, is_connected, ip_address, ce_type in (
        ("door.healthcheck", True, "10.0.0.5", "device.health"),
        ("door.healthcheck connected", True, "", "device.online"),
        ("door.healthcheck cut off", False, "", "device.offline"),
    ):
        body = health | {"isConnected": is_connected, "ipAddress": ip_address}
        yield kind("alocity", name, body, ce_type)

    # The numbers of both states are not public.
    door = {"serialNumber": ID, "doorState": 1}
    yield kind("alocity", "door.state", door, "portal.changed")
    wrapper = {"event": "door.state", "payload": door}
    yield kind("alocity", "door.state in a wrapper", wrapper, "portal.changed")
    yield kind("alocity", "lock.state", {"serialNumber": ID, "lockState": 1}, "portal.changed")

    card = {"userId": ID, "action": "Created", "facilityCode": 100, "cardNumber": 12345}
    yield kind("alocity", "user.card Created", card, "credential.created")
    for action, change in (("Enrolled", "created"), ("Updated", "updated"), ("Removed", "deleted")):
        face = {"id": ID, "action": action}
        yield kind("alocity", f"user.face {action}", face, f"credential.{change}")
