//! Decodes events whoever gave their schema its id.

use std::fmt;
use std::time::{Duration, Instant};

use events::wire::{self, WireError};
use events::{Event, schema};
use kafka::{Cluster, Failure};

use crate::rows::Rows;

/// A record with an id that nobody knows must not make its reader ask without end.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Why a record is not decoded.
#[derive(Debug, thiserror::Error)]
pub enum Undecoded {
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Its id is in `schema_ids`, if anywhere, and that cannot be read now.
    #[error(transparent)]
    Kafka(#[from] Failure),
}

/// Finds schemas by their ids: those that Cardea ships at once, others in the topic `schema_ids`.
///
/// A row is there before the first event that needs it, so the topic is read only when an id is
/// met that is not known yet.
pub struct Resolver {
    cluster: Cluster,
    rows: Rows,
    read_at: Option<Instant>,
}

impl Resolver {
    /// Makes a resolver; Kafka is not asked yet.
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            rows: Rows::default(),
            read_at: None,
        }
    }

    /// Decodes an event of that canonical topic, by its physical name. Blocks while it reads the
    /// ids, should it have to.
    pub fn decode(&mut self, topic: &str, bytes: &[u8]) -> Result<Event, Undecoded> {
        let decoded = self.try_decode(topic, bytes);
        if let Err(WireError::UnknownSchema(_)) = decoded
            && self.may_read()
        {
            self.rows = Rows::load(&self.cluster)?;
            return Ok(self.try_decode(topic, bytes)?);
        }
        Ok(decoded?)
    }

    fn try_decode(&self, topic: &str, bytes: &[u8]) -> Result<Event, WireError> {
        wire::decode_with(bytes, |id| match schema::by_id(id) {
            Some(released) => Some(&released.schema),
            // An id means a schema within its subject: a registry that was emptied may have given
            // it to another one since.
            None => Some(self.rows.writer(&format!("{topic}-value"), id)?.schema()),
        })
    }

    fn may_read(&mut self) -> bool {
        let may = self.read_at.is_none_or(|at| at.elapsed() >= AGAIN_AFTER);
        if may {
            self.read_at = Some(Instant::now());
        }
        may
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
