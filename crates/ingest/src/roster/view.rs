//! What this copy knows of the roster: the topic's rows, and over them those that it accepted
//! itself until the topic shows them.
//!
//! Memory: 256 MiB for the topic's rows, which are about 400,000 with names and addresses of usual
//! length, and 64 MiB for its own. Beyond the first, rows are left out, and the roster counts as not
//! being there for whom it does not know; beyond the second, the oldest own row is forgotten first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use providers::roster::{Asked, Attendee, Decision, Judged, Results, Row, RowKey, Ruling, Scan};
use providers::roster::{Sync, SyncMode};

use crate::sources::{Door, Doors};

const ROWS_BYTES_MAX: usize = 256 * 1024 * 1024;
const OWN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A row that the topic has not shown by then was lost to another copy's, or Kafka is away for long.
const OWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// What a row takes beside its texts.
const ROW_BYTES: usize = 384;

#[derive(Debug, Default)]
pub(super) struct View {
    rows: BTreeMap<RowKey, Shown>,
    rows_bytes: usize,
    /// How many changes the topic has shown.
    changes: u64,
    own: BTreeMap<RowKey, Own>,
    own_bytes: usize,
    /// Own rows by age.
    order: BTreeMap<u64, RowKey>,
    next: u64,
    loaded: bool,
    full: bool,
}

/// A row of the topic.
#[derive(Debug)]
struct Shown {
    attendee: Attendee,
    /// The change that brought it.
    change: u64,
}

/// A row that this copy accepted.
#[derive(Debug)]
struct Own {
    attendee: Attendee,
    accepted_at: Instant,
    number: u64,
}

/// How a question is answered, before its delivery is kept.
#[derive(Debug)]
pub(super) enum Reckoned {
    Scan(Ruling),
    Sync(Results, Plan),
}

/// What a sync writes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rows: Vec<Row>,
    /// `None` where all are written anyway.
    pub(super) decision: Option<Decision>,
    /// The last change that was known.
    change: u64,
}

impl View {
    pub(super) fn reckon(&self, asked: Asked, doors: Doors) -> Reckoned {
        match asked {
            Asked::Scan(scan) => Reckoned::Scan(self.rule(&scan, doors)),
            Asked::Sync(sync) => self.plan(sync),
        }
    }

    fn rule(&self, scan: &Scan, doors: Doors) -> Ruling {
        let (door, closed) = match self.find(scan) {
            Some(row) => return Ruling::Granted(Some(row)),
            None if self.is_whole() => (doors.unknown_credential, Ruling::Denied),
            None => (doors.without_roster, Ruling::Closed),
        };
        match door {
            Door::Grant => Ruling::Granted(None),
            Door::Deny => closed,
        }
    }

    /// Finds the first of those attendees that have the credential.
    fn find(&self, scan: &Scan) -> Option<Row> {
        let first = RowKey {
            tenant: scan.tenant.clone(),
            external_id: scan.credential.clone(),
            team_slug: String::new(),
            project_slug: String::new(),
        };
        let shown = self.rows.range(&first..).next().map(|(key, _)| key);
        let own = self.own.range(&first..).next().map(|(key, _)| key);
        let key = shown.into_iter().chain(own).min()?;
        let fits = key.tenant == scan.tenant && key.external_id == scan.credential;
        let attendee = self.get(key).filter(|_| fits)?.clone();
        Some(Row {
            key: key.clone(),
            attendee,
        })
    }

    fn get(&self, key: &RowKey) -> Option<&Attendee> {
        let own = self.own.get(key).map(|own| &own.attendee);
        own.or_else(|| self.rows.get(key).map(|shown| &shown.attendee))
    }

    fn plan(&self, sync: Sync) -> Reckoned {
        let Sync { mode, rows, errors } = sync;
        let mut results = Results {
            errors,
            ..Results::default()
        };
        let mut written = Vec::with_capacity(rows.len());
        // An attendee may stand in one sync twice.
        let mut before: BTreeMap<&RowKey, &Attendee> = BTreeMap::new();
        for row in &rows {
            let known = before.get(&row.key).copied().or_else(|| self.get(&row.key));
            let judged = match known {
                None if !self.is_whole() => mode.believe(),
                known => mode.judge(known, &row.attendee),
            };
            results.count(judged);
            written.push(judged != Judged::Refused);
            if judged != Judged::Refused {
                before.insert(&row.key, &row.attendee);
            }
        }
        let kept = rows.iter().zip(&written).filter(|(_, written)| **written);
        let plan = Plan {
            rows: kept.map(|(row, _)| row.clone()).collect(),
            decision: match mode {
                SyncMode::Upsert => None,
                SyncMode::Create | SyncMode::Update => Some(Decision::Rows(written)),
            },
            change: self.changes,
        };
        Reckoned::Sync(results, plan)
    }

    /// Takes over the rows of a sync that is durable now.
    pub(super) fn accept(&mut self, plan: Plan, now: Instant) {
        for Row { key, attendee } in plan.rows {
            // What the topic has shown since then is that row, or a later one.
            let shown = self.rows.get(&key);
            if shown.is_some_and(|shown| shown.change > plan.change) {
                continue;
            }
            self.forget(&key);
            self.next += 1;
            self.own_bytes += bytes(&key, &attendee);
            self.order.insert(self.next, key.clone());
            let own = Own {
                attendee,
                accepted_at: now,
                number: self.next,
            };
            self.own.insert(key, own);
        }
        self.tidy(now);
    }

    /// Takes over a change of the topic.
    pub(super) fn show(&mut self, key: RowKey, attendee: Option<Attendee>) {
        self.changes += 1;
        if let Some(before) = self.rows.remove(&key) {
            self.rows_bytes -= bytes(&key, &before.attendee);
        }
        let Some(attendee) = attendee else {
            return;
        };
        let own = self.own.get(&key);
        if own.is_some_and(|own| own.attendee == attendee) {
            self.forget(&key);
        }
        let more = bytes(&key, &attendee);
        if self.rows_bytes + more > ROWS_BYTES_MAX {
            self.full = true;
            return;
        }
        self.rows_bytes += more;
        let change = self.changes;
        self.rows.insert(key, Shown { attendee, change });
    }

    pub(super) fn set_loaded(&mut self) {
        self.loaded = true;
    }

    /// Forgets own rows that are too old, or too many.
    pub(super) fn tidy(&mut self, now: Instant) {
        while let Some((_, key)) = self.order.first_key_value() {
            let old = |own: &Own| now.saturating_duration_since(own.accepted_at) > OWN_FOR;
            if self.own_bytes <= OWN_BYTES_MAX && !self.own.get(key).is_some_and(old) {
                break;
            }
            let key = key.clone();
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &RowKey) {
        if let Some(own) = self.own.remove(key) {
            self.order.remove(&own.number);
            self.own_bytes -= bytes(key, &own.attendee);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether a credential that is not found is not there.
    pub(super) fn is_whole(&self) -> bool {
        self.loaded && !self.full
    }
}

fn bytes(key: &RowKey, attendee: &Attendee) -> usize {
    let named = [
        &key.tenant,
        &key.external_id,
        &key.team_slug,
        &key.project_slug,
    ];
    let kept = [
        &attendee.first_name,
        &attendee.last_name,
        &attendee.email,
        &attendee.attendee_type,
    ];
    let named = named.into_iter().chain(kept.into_iter().flatten());
    ROW_BYTES + named.map(String::len).sum::<usize>()
}

#[cfg(test)]
mod tests;
