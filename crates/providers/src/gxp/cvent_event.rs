//! `cvent`: registrations, in GxP's own words rather than Cvent's.

use events::{
    Account, Body, Change, Credential, Entitlement, EntitlementKind, EventType, Person, Time,
};

use super::{person, required};
use crate::Refusal;
use crate::draft::{Draft, Identity};
use crate::json::Fields;

pub(super) struct CventEvent<'a> {
    event_type: String,
    event_id: String,
    registration_id: Option<String>,
    attendee: Option<Person>,
    timestamp: Option<Time>,
    rest: Fields<'a>,
}

impl<'a> CventEvent<'a> {
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, Refusal> {
        let event_type = required(&mut fields, "event_type")?;
        let event_id = required(&mut fields, "event_id")?;
        let (registration_id, attendee) = fields
            .within("data", |data| {
                let attendee = data.within("attendee", |attendee| {
                    let id = attendee.text("id");
                    person(attendee, id)
                });
                (data.text("registration_id"), attendee.flatten())
            })
            .unwrap_or_default();
        Ok(Self {
            event_type,
            event_id,
            registration_id,
            attendee,
            timestamp: fields.time("timestamp"),
            rest: fields,
        })
    }

    pub(super) fn key(&self) -> String {
        match &self.registration_id {
            Some(id) => format!("registration/{id}"),
            None => format!("cvent/{}", self.event_id),
        }
    }

    pub(super) fn draft(self) -> Draft {
        let key = self.key();
        let Self {
            event_type: native_type,
            event_id,
            registration_id,
            attendee,
            timestamp,
            rest,
        } = self;
        let known = match native_type.as_str() {
            "registration.created" => Some((EventType::EntitlementCreated, Change::Created)),
            "registration.updated" => Some((EventType::EntitlementUpdated, Change::Updated)),
            "registration.cancelled" => Some((EventType::EntitlementCancelled, Change::Cancelled)),
            "attendee.checked_in" => Some((EventType::EntitlementCheckedIn, Change::CheckedIn)),
            _ => None,
        };
        let (event_type, body) = match known {
            Some((event_type, change)) => {
                let body = Credential {
                    change,
                    person: attendee,
                    entitlement: Some(Entitlement {
                        kind: EntitlementKind::Registration,
                        id: registration_id,
                        attended: (change == Change::CheckedIn).then_some(true),
                        ..Entitlement::default()
                    }),
                    ..Credential::default()
                };
                (event_type, Body::Credential(body))
            }
            None => (EventType::AccountUnknown, Body::Account(Account::default())),
        };
        Draft {
            event_type,
            native_type,
            // The key is part of the namespace, so that equal ids lie in one raw partition.
            identity: Identity::Provider {
                namespace: key.clone(),
                id: event_id,
            },
            occurred_at: timestamp,
            key,
            attributes: rest.attributes(),
            body,
        }
    }
}
