//! `attendee-sync`: many attendees at once, each an event of its own.
//!
//! Here alone does an equal body without id or time count as a repeat. Everywhere else it is a new
//! event, as a loss is worse than a double. A caller may repeat a sync on its own, though, and the
//! same request three times must come out once: so a sync is known by its content. What that costs
//! stands in the head of `gxp`.

use std::borrow::Cow;

use events::{Body, Change, Credential, EventType, Person};
use sha2::{Digest, Sha256};

use super::{bounded, missing, person, required};
use crate::Refusal;
use crate::draft::{Draft, Identity};
use crate::json::Fields;
use crate::roster::{Attendee, Row, RowError, RowKey, Sync, SyncMode};

const ATTENDEES_MAX: usize = 10_000;
const EXTERNAL_ID: &str = "attendees.*.external_id";
const UNKNOWN_MODE: Refusal = Refusal::Malformed {
    field: "sync_mode",
    reason: "must be upsert, create or update",
};

pub(super) struct AttendeeSync<'a> {
    team_slug: String,
    project_slug: String,
    sync_mode: Option<String>,
    mode: SyncMode,
    attendees: Vec<Synced<'a>>,
    errors: Vec<RowError>,
}

struct Synced<'a> {
    external_id: String,
    attendee: Attendee,
    person: Option<Person>,
    rest: Fields<'a>,
}

impl<'a> AttendeeSync<'a> {
    /// Leaves out attendees that cannot be taken, as the caller learns of each; with none that can,
    /// the whole sync is refused.
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, Refusal> {
        let rows = fields.list("attendees");
        if rows.is_empty() {
            return Err(missing("attendees"));
        }
        if rows.len() > ATTENDEES_MAX {
            return Err(Refusal::Malformed {
                field: "attendees",
                reason: "must not have more than 10000 items",
            });
        }
        let (mut attendees, mut errors) = (Vec::new(), Vec::new());
        for (row, value) in rows.into_iter().enumerate() {
            match Synced::read(value.into()) {
                Ok(synced) => attendees.push(synced),
                Err(refusal) => errors.push(RowError { row, refusal }),
            }
        }
        if attendees.is_empty() {
            return Err(errors.remove(0).refusal);
        }
        let sync_mode = fields.text("sync_mode");
        let mode = match &sync_mode {
            Some(text) => SyncMode::parse(text).ok_or(UNKNOWN_MODE)?,
            None => SyncMode::default(),
        };
        Ok(Self {
            attendees,
            errors,
            team_slug: required(&mut fields, "team_slug")?,
            project_slug: required(&mut fields, "project_slug")?,
            sync_mode,
            mode,
        })
    }

    /// Turns it into what it asks of the roster.
    pub(super) fn asked(self, tenant: &str) -> Sync {
        let row = |synced: Synced<'_>| Row {
            key: RowKey {
                tenant: tenant.to_owned(),
                external_id: synced.external_id,
                team_slug: self.team_slug.clone(),
                project_slug: self.project_slug.clone(),
            },
            attendee: synced.attendee,
        };
        Sync {
            mode: self.mode,
            rows: self.attendees.into_iter().map(row).collect(),
            errors: self.errors,
        }
    }

    pub(super) fn drafts(self, body: &[u8]) -> Vec<Draft> {
        let Self {
            team_slug,
            project_slug,
            sync_mode,
            mode,
            attendees,
            errors: _,
        } = self;
        // An upsert does not tell which of the two it was.
        let (event_type, change) = match mode {
            SyncMode::Create => (EventType::PersonCreated, Change::Created),
            SyncMode::Upsert | SyncMode::Update => (EventType::PersonUpdated, Change::Updated),
        };
        let identity = Identity::Derived(vec![
            b"attendee-sync".to_vec(),
            Sha256::digest(body).to_vec(),
        ]);
        let draft = |synced: Synced<'_>| {
            let Synced {
                external_id,
                person,
                rest,
                attendee: _,
            } = synced;
            let mut attributes = rest.attributes();
            attributes.insert("team_slug".to_owned(), team_slug.clone());
            attributes.insert("project_slug".to_owned(), project_slug.clone());
            if let Some(sync_mode) = &sync_mode {
                attributes.insert("sync_mode".to_owned(), sync_mode.clone());
            }
            Draft {
                event_type,
                native_type: "attendee-sync".to_owned(),
                identity: identity.clone(),
                occurred_at: None,
                key: format!("person/{team_slug}/{project_slug}/{external_id}"),
                attributes,
                body: Body::Credential(Credential {
                    change,
                    person,
                    ..Credential::default()
                }),
            }
        };
        attendees.into_iter().map(draft).collect()
    }
}

impl<'a> Synced<'a> {
    fn read(mut fields: Fields<'a>) -> Result<Self, Refusal> {
        let external_id = fields
            .text("external_id")
            .ok_or(missing(EXTERNAL_ID))
            .and_then(|id| bounded(EXTERNAL_ID, id))?;
        let text = |name, field| {
            let text = fields.text_at(&[name]).map(Cow::into_owned);
            text.map(|text| bounded(field, text)).transpose()
        };
        let attendee = Attendee {
            first_name: text("first_name", "attendees.*.first_name")?,
            last_name: text("last_name", "attendees.*.last_name")?,
            email: text("email", "attendees.*.email")?,
            attendee_type: text("attendee_type", "attendees.*.attendee_type")?,
        };
        Ok(Self {
            attendee,
            person: person(&mut fields, Some(external_id.clone())),
            external_id,
            rest: fields,
        })
    }
}
