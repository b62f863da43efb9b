//! Bookings, memberships and services of Glofox: what a member is entitled to.

use events::{Body, Change, Credential, Entitlement, EntitlementKind, EventType, Site};

use super::{Verb, person};
use crate::json::Fields;

/// Maps any of them. Attendance arrives as an update.
pub(super) fn map(
    verb: Verb,
    entitlement: Entitlement,
    payload: &mut Fields<'_>,
    site: Option<Site>,
) -> (EventType, Body) {
    let (event_type, change) = match (verb, entitlement.attended) {
        (Verb::Created, _) => (EventType::EntitlementCreated, Change::Created),
        (Verb::Updated, Some(true)) => (EventType::EntitlementCheckedIn, Change::CheckedIn),
        (Verb::Updated, _) => (EventType::EntitlementUpdated, Change::Updated),
        (Verb::Deleted, _) => (EventType::EntitlementCancelled, Change::Cancelled),
    };
    let body = Credential {
        change,
        person: person(payload),
        entitlement: Some(entitlement),
        site,
        ..Credential::default()
    };
    (event_type, Body::Credential(body))
}

pub(super) fn booking(payload: &mut Fields<'_>) -> Entitlement {
    Entitlement {
        kind: EntitlementKind::Booking,
        id: payload.text("id"),
        name: None,
        status: payload.text("status"),
        starts_at: payload.time("time_start"),
        ends_at: payload.time("time_finish"),
        attended: payload.flag("attended"),
    }
}

pub(super) fn course_booking(payload: &mut Fields<'_>) -> Entitlement {
    Entitlement {
        kind: EntitlementKind::CourseBooking,
        id: payload.text("id"),
        name: None,
        status: payload.text("status"),
        starts_at: payload.time("date_start"),
        ends_at: payload.time("date_finish"),
        attended: None,
    }
}

pub(super) fn membership(payload: &mut Fields<'_>) -> Entitlement {
    let name = payload.within("membership_definition", |definition| {
        definition.text("name")
    });
    let contract = payload.within("contract", |contract| {
        (contract.time("start_date"), contract.time("end_date"))
    });
    let (starts_at, ends_at) = contract.unwrap_or_default();
    Entitlement {
        kind: EntitlementKind::Membership,
        id: payload.text("id"),
        name: name.flatten(),
        status: payload.text("status"),
        starts_at,
        ends_at,
        attended: None,
    }
}

/// Its members, one or more, stay an attribute.
pub(super) fn service(payload: &mut Fields<'_>) -> Entitlement {
    let name = payload.within("definition", |definition| definition.text("name"));
    Entitlement {
        kind: EntitlementKind::Service,
        id: payload.text("id"),
        name: name.flatten(),
        status: payload.text("status"),
        starts_at: payload.time("planned_start_date"),
        ends_at: payload.time("planned_end_date"),
        attended: None,
    }
}
