//! `access-event`: a scan that asks for a decision.

use events::{Access, Body, CredentialRef, DenyReason, DeviceRef, EventType, Person, Portal, Time};

use super::required;
use crate::Refusal;
use crate::draft::{Draft, Identity};
use crate::json::Fields;
use crate::roster::{Decision, Scan};

pub(super) struct AccessEvent<'a> {
    reader_id: String,
    credential_value: String,
    scan_type: Option<String>,
    timestamp: Option<Time>,
    rest: Fields<'a>,
}

impl<'a> AccessEvent<'a> {
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, Refusal> {
        Ok(Self {
            reader_id: required(&mut fields, "reader_id")?,
            credential_value: required(&mut fields, "credential_value")?,
            scan_type: fields.text("scan_type"),
            timestamp: fields.time("timestamp"),
            rest: fields,
        })
    }

    pub(super) fn key(&self) -> String {
        format!("reader/{}", self.reader_id)
    }

    /// Turns it into what it asks of the roster.
    pub(super) fn asked(self, tenant: &str) -> Scan {
        Scan {
            tenant: tenant.to_owned(),
            credential: self.credential_value,
        }
    }

    pub(super) fn draft(self, decision: Option<&Decision>) -> Draft {
        let key = self.key();
        let Self {
            reader_id,
            credential_value,
            scan_type,
            timestamp,
            rest,
        } = self;
        // One credential is not scanned twice in the same instant at the same reader; without a
        // time it may well be scanned twice.
        let identity = timestamp.map_or(Identity::Delivery, |at| {
            Identity::Derived(vec![
                b"access-event".to_vec(),
                reader_id.clone().into_bytes(),
                credential_value.clone().into_bytes(),
                scan_type.clone().unwrap_or_default().into_bytes(),
                at.micros().to_be_bytes().to_vec(),
            ])
        });
        let mut attributes = rest.attributes();
        let mut access = Access::default();
        let event_type = match decision {
            Some(Decision::Granted { attendee_id }) => {
                access.decision = events::Decision::Granted;
                if let Some(id) = attendee_id {
                    attributes.insert("attendee_id".to_owned(), id.to_string());
                    access.person = Some(Person {
                        id: Some(credential_value.clone()),
                        ..Person::default()
                    });
                }
                EventType::AccessGranted
            }
            Some(denied @ (Decision::Denied | Decision::Closed)) => {
                access.decision = events::Decision::Denied;
                access.deny_reason =
                    (*denied == Decision::Denied).then_some(DenyReason::UnknownCredential);
                EventType::AccessDenied
            }
            Some(Decision::Rows(_)) | None => EventType::AccessRequested,
        };
        Draft {
            event_type,
            native_type: "access-event".to_owned(),
            identity,
            occurred_at: timestamp,
            key,
            attributes,
            body: Body::Access(Access {
                portal: Some(Portal {
                    id: reader_id.clone(),
                    ..Portal::default()
                }),
                device: Some(DeviceRef {
                    id: reader_id,
                    ..DeviceRef::default()
                }),
                credential: Some(CredentialRef {
                    kind: scan_type,
                    number: Some(credential_value),
                    ..CredentialRef::default()
                }),
                ..access
            }),
        }
    }
}
