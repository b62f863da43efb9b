"""AccessGrid: every event type, both generations of `data`, both spellings of the attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinds.kind import AT, ID, Kind, kind

PASSES = {
    "issued": "created",
    "viewed": "updated",
    "updated": "updated",
    "activated": "activated",
    "suspended": "suspended",
    "resumed": "resumed",
    "unlinked": "revoked",
    "deleted": "deleted",
    "expired": "expired",
    "failed": "failed",
    "renewed": "updated",
    "devices.added": "updated",
    "devices.removed": "updated",
    "devices.suspended": "updated",
    "devices.resumed": "updated",
    # Older spellings.
    "device_added": "updated",
    "device_removed": "updated",
    "installed": "updated",
}
TEMPLATES = {
    "created": "created",
    "updated": "updated",
    "requested_publishing": "publish_requested",
    "request_publishing": "publish_requested",
    "published": "published",
    "deleted": "deleted",
}
REST = {
    "card_template_pair.created": "account.changed",
    "landing_page.created": "account.changed",
    "landing_page.updated": "account.changed",
    "landing_page.attached_to_template": "account.changed",
    "credential_profile.created": "account.changed",
    "credential_profile.deleted": "account.changed",
    "credential_profile.attached_to_template": "account.changed",
    "hid_org.created": "account.changed",
    "hid_org.activated": "account.changed",
    "account_balance.low": "account.balance_low",
    "webhook.cert_expiring": "account.certificate_expiring",
    "account.impersonation_started": "account.impersonation_started",
    "account.impersonation_ended": "account.impersonation_ended",
    "something.new": "account.unknown",
}

# The generation of the documents, and that of the newer SDK.
PASS = {"access_pass_id": "ap_123", "protocol": "desfire", "card_number": "12345", "metadata": {}}
DETAILS = {"id": "ap_123", "card_template_id": "ct_456", "platform": "apple", "status": "active"}
SDK_PASS = {"id": "ap_123", "card_template_id": "ct_456", "state": "active"}
TEMPLATE = {"card_template_id": "ct_456", "name": "Badge", "platform": "apple", "protocol": "desfire"}
DATA: dict[str, dict[str, Any]] = {
    "card_template_pair": {"card_template_pair_id": "ctp_123", "name": "Corporate Badge"},
    "landing_page": {"landing_page_id": "lp_1"},
    "credential_profile": {"credential_profile_id": "cp_1"},
    "hid_org": {"account_org_id": "org_123", "slug": "acme-corp", "name": "Acme Corp"},
    "account_balance": {"account_id": "acct_123", "current_balance": 50.0, "threshold": 100.0},
    "webhook": {"webhook_id": "wh_123", "cert_expires_at": AT, "days_until_expiration": 30},
}


def kinds() -> Iterator[Kind]:
    for what, change in PASSES.items():
        yield event(f"access_pass.{what}", PASS, f"credential.{change}")
        more = {"details": DETAILS} if what == "issued" else {"devices": [DETAILS]}
        yield event(f"access_pass.{what}", SDK_PASS | more, f"credential.{change}", "of the SDK")
    for what, change in TEMPLATES.items():
        yield event(f"card_template.{what}", TEMPLATE, f"template.{change}")
    for what, ce_type in REST.items():
        yield event(what, DATA.get(what.split(".")[0], {}), ce_type)

    # As the documents spell them.
    spelt = {"spec_version": "1.0", "data_content_type": "application/json"}
    body = spelt | {"id": f"evt_{ID}", "source": "accessgrid", "time": AT, "data": PASS}
    body |= {"type": "ag.access_pass.activated"}
    yield kind("accessgrid", "ag.access_pass.activated, spec_version", body, "credential.activated")


def event(what: str, data: dict[str, Any], ce_type: str, note: str = "") -> Kind:
    body = {
        "specversion": "1.0",
        "id": f"evt_{ID}",
        "source": "accessgrid",
        "type": f"ag.{what}",
        "datacontenttype": "application/json",
        "time": AT,
        "data": data,
    }
    return kind("accessgrid", f"ag.{what} {note}".strip(), body, ce_type)
