//! The roster: the attendees that GxP's `attendee-sync` brings, and the question that its
//! `access-event` asks of them.
//!
//! Open questions of GxP's page, and what is assumed:
//! - *What connects a scan with an attendee?* Not documented: `credential_value` is the attendee's
//!   `external_id`.
//! - *Of which project is a scan?* It names neither team nor project: all attendees of the source's
//!   tenant count, and of several with that id the first by team and project is answered. Projects
//!   that must not open each other's doors are tenants of their own.
//! - *What is `attendee.id`?* An integer of GxP's. Cardea derives it from the row's key, so that all
//!   copies give the same without asking each other. Below 2^53, as JavaScript reads it. Nothing is
//!   found by it: of a million attendees two share one with a probability of 1 in 18,000, and then
//!   only look alike in an answer.
//! - *What does a sync do to a row?* It replaces it. None removes one.

mod answer;
mod decision;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Raw, Refusal, Verified, gxp};

pub use answer::{Results, Ruling};
pub use decision::Decision;

const ID_BITS: u32 = 53;

/// What names an attendee. Sorted so that one credential's attendees stand together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKey {
    pub tenant: String,
    pub external_id: String,
    pub team_slug: String,
    pub project_slug: String,
}

/// What is kept of an attendee.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub attendee_type: Option<String>,
}

/// One attendee of a sync.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub key: RowKey,
    pub attendee: Attendee,
}

/// What a sync asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    pub mode: SyncMode,
    /// In the order of the sync; one attendee may stand there twice.
    pub rows: Vec<Row>,
    /// Those of its attendees that are no rows.
    pub errors: Vec<RowError>,
}

/// An attendee of a sync that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Counted from 0, in the sync as it came.
    pub row: usize,
    pub refusal: Refusal,
}

/// A scan that asks whether it may pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Scan {
    pub tenant: String,
    pub credential: String,
}

/// What a delivery asks of the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Scan(Scan),
    Sync(Sync),
}

/// What becomes of a row of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Created,
    Updated,
    /// It says what the roster says; it is written all the same, as a view may be late.
    Unchanged,
    /// Its mode does not let it be written.
    Refused,
}

/// A row or a decision that Cardea did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a row of the roster nor a decision")]
pub struct Unreadable;

/// Which rows a sync may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    #[default]
    Upsert,
    /// Those that are not there.
    Create,
    /// Those that are there.
    Update,
}

impl SyncMode {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "upsert" => Some(Self::Upsert),
            "create" => Some(Self::Create),
            "update" => Some(Self::Update),
            _ => None,
        }
    }

    /// Says what becomes of a row, given what the roster holds of that attendee.
    pub fn judge(self, before: Option<&Attendee>, row: &Attendee) -> Judged {
        match (self, before) {
            (Self::Create, Some(_)) | (Self::Update, None) => Judged::Refused,
            (Self::Upsert | Self::Create, None) => Judged::Created,
            (Self::Upsert | Self::Update, Some(before)) if before == row => Judged::Unchanged,
            (Self::Upsert | Self::Update, Some(_)) => Judged::Updated,
        }
    }

    /// Says what becomes of a row while it is not known what the roster holds of that attendee: the
    /// sync is believed, as a row that is lost is worse than one too many.
    pub fn believe(self) -> Judged {
        match self {
            Self::Upsert | Self::Create => Judged::Created,
            Self::Update => Judged::Updated,
        }
    }
}

impl RowKey {
    /// Returns the attendee's number in answers, the same for ever.
    pub fn id(&self) -> u64 {
        let mut hash = Sha256::new();
        for part in [
            &self.tenant,
            &self.team_slug,
            &self.project_slug,
            &self.external_id,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        (number >> (u64::BITS - ID_BITS)).max(1)
    }
}

impl Row {
    /// Returns key and value of the row's record.
    pub fn record(&self) -> (Vec<u8>, Vec<u8>) {
        let text = |json: Result<Vec<u8>, _>| json.expect("texts are always JSON");
        let (key, value) = (&self.key, &self.attendee);
        (
            text(serde_json::to_vec(key)),
            text(serde_json::to_vec(value)),
        )
    }
}

/// Reads a record of the roster's topic back; without a value, the row is gone.
pub fn read(key: &[u8], value: Option<&[u8]>) -> Result<(RowKey, Option<Attendee>), Unreadable> {
    let key = serde_json::from_slice(key).map_err(|_| Unreadable)?;
    let attendee = value.map(serde_json::from_slice).transpose();
    Ok((key, attendee.map_err(|_| Unreadable)?))
}

/// Returns what a delivery asks of the roster; most ask nothing.
pub fn asked(verified: &Verified) -> Option<Asked> {
    let delivery = verified.delivery();
    match delivery.provider {
        events::Provider::Gxp => gxp::asked(delivery),
        events::Provider::Glofox
        | events::Provider::Alocity
        | events::Provider::Genea
        | events::Provider::Accessgrid
        | events::Provider::Cvent => None,
    }
}

/// Returns the rows that a raw record writes, in the order of its sync; none if it is no sync.
///
/// Which rows a `create` or an `update` may write is what ingest decided and answered: without its
/// word, none.
/// A repeat writes them again: a sync back to an earlier state counts here, though it brings no
/// events within the dedupe window.
pub fn rows(raw: &Raw<'_>) -> Vec<Row> {
    match raw.provider {
        events::Provider::Gxp => gxp::roster_rows(raw),
        events::Provider::Glofox
        | events::Provider::Alocity
        | events::Provider::Genea
        | events::Provider::Accessgrid
        | events::Provider::Cvent => Vec::new(),
    }
}

/// Shows nothing of the attendee.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendee").finish_non_exhaustive()
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}
