//! `access-event`: a scan that asks for a decision.

use events::{Access, Body, CredentialRef, DeviceRef, EventType, Portal, Time};

use super::required;
use crate::Refusal;
use crate::draft::{Draft, Identity};
use crate::json::Fields;

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

    pub(super) fn draft(self) -> Draft {
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
        Draft {
            event_type: EventType::AccessRequested,
            native_type: "access-event".to_owned(),
            identity,
            occurred_at: timestamp,
            key,
            attributes: rest.attributes(),
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
                ..Access::default()
            }),
        }
    }
}
