//! The roster as this copy of ingest sees it: what scans and syncs are answered from. While Kafka is
//! away, the rows known last serve on.

mod view;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use events::Topic;
use kafka::{Cluster, Failure, Stop, Table, Update};
use providers::Answer;
use providers::roster::{self, Asked, Decision};
use tracing::{debug, info, warn};

use crate::metrics::IngestMetrics;
use crate::sources::Doors;
use view::{Plan, Reckoned, View};

const POLL: Duration = Duration::from_millis(100);
const BACKOFF: Duration = Duration::from_secs(1);
/// Ingest does not wait for Kafka when it is asked to end.
const ASK: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct Roster {
    view: Arc<RwLock<View>>,
    cluster: Cluster,
    metrics: IngestMetrics,
}

/// How a question is answered, once its delivery is durable.
pub(crate) struct Reply {
    answer: Answer,
    decision: Option<Decision>,
    plan: Option<Plan>,
}

impl Roster {
    pub(crate) fn new(cluster: Cluster, metrics: IngestMetrics) -> Self {
        Self {
            view: Arc::default(),
            cluster,
            metrics,
        }
    }

    /// Answers from what is known now.
    pub(crate) fn ask(&self, asked: Asked, doors: Doors) -> Reply {
        match self.read().reckon(asked, doors) {
            Reckoned::Scan(ruling) => Reply {
                answer: ruling.answer(),
                decision: Some(ruling.decision()),
                plan: None,
            },
            Reckoned::Sync(results, mut plan) => Reply {
                answer: results.answer(),
                decision: plan.decision.take(),
                plan: Some(plan),
            },
        }
    }

    /// Takes over what a delivery writes that is durable now, and returns its answer.
    pub(crate) fn settle(&self, reply: Reply, now: Instant) -> Answer {
        if let Some(plan) = reply.plan {
            self.write().accept(plan, now);
        }
        reply.answer
    }

    /// Follows the topic until it is asked to end. Blocks.
    pub(crate) fn follow(&self, stop: &Stop) {
        let mut told = false;
        while !stop.requested() {
            let Err(error) = self.follow_once(stop) else {
                return;
            };
            if std::mem::replace(&mut told, true) {
                debug!(%error, "roster cannot be read, trying again");
            } else {
                warn!(%error, "roster cannot be read, trying again");
            }
            std::thread::sleep(BACKOFF);
        }
    }

    fn follow_once(&self, stop: &Stop) -> Result<(), Failure> {
        let topic = self.cluster.topic(Topic::Rosters);
        let mut table = Table::open_within(&self.cluster, &topic, ASK)?;
        let mut loaded = false;
        while !stop.requested() {
            match table.poll(POLL)? {
                Some(update) => self.show(update),
                None => self.write().tidy(Instant::now()),
            }
            if table.is_loaded() && !loaded {
                loaded = true;
                self.write().set_loaded();
                info!(rows = self.read().len(), "roster loaded");
            }
            self.tell();
        }
        Ok(())
    }

    fn show(&self, update: Update) {
        match roster::read(&update.key, update.value.as_deref()) {
            Ok((key, attendee)) => self.write().show(key, attendee),
            Err(error) => warn!(%error, "a record of the roster is passed over"),
        }
    }

    fn tell(&self) {
        let view = self.read();
        self.metrics.roster(view.len(), view.is_whole());
    }

    fn read(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reply {
    /// Returns what the raw record is to carry.
    pub(crate) fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster").finish_non_exhaustive()
    }
}
