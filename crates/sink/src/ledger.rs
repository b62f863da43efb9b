//! What the sink owes: pure bookkeeping of records, attempts and what is to be written.
//!
//! An event that is owed to a subscription waits until it is due, is open while an attempt is
//! under way, and then is done, waits again, or is a dead letter. It is first held by its record in
//! the canonical topic, which keeps the done prefix from passing; once a row of `retries` holds it,
//! the prefix may pass. Both change in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use events::Time;
use kafka::Partition;
use uuid::Uuid;

use crate::subscription::SubscriptionId;
use crate::verdict::{Ending, Reason, Verdict};

/// An attempt that is open for longer does not hold the prefix (kafka-rules 15).
const OPEN_MAX: Duration = Duration::from_secs(1);
/// The longest step of a schedule is 24 h, spread to 36 h, and an attempt is made within an hour: a
/// due time further away is a clock that was set back.
const AWAY_MAX: Duration = Duration::from_secs(37 * 3600);

/// A moment by both clocks: one to write down, one to wait by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: Time,
    pub(crate) steady: Instant,
}

/// A canonical event as its record has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Uuid,
    pub(crate) key: Bytes,
    /// The value in the Confluent wire format.
    pub(crate) wire: Bytes,
}

/// An event that is owed to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    /// Of the canonical topic.
    pub(crate) partition: Partition,
    pub(crate) subscription: SubscriptionId,
    pub(crate) event: Arc<Event>,
    /// How many attempts were begun.
    pub(crate) attempts: u32,
    pub(crate) first_attempt_at: Time,
}

/// Identifies an attempt. Tickets grow; none is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

/// What is to be written in the next transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// The event is owed still: its row of `retries`.
    Row { owed: Owed, due_at: Time },
    /// The event is no longer owed: the row's tombstone.
    NoRow(Owed),
    DeadLetter {
        owed: Owed,
        reason: Reason,
        ending: Option<Ending>,
    },
    /// One record of the delivery log.
    Attempt {
        owed: Owed,
        began_at: Time,
        took: Duration,
        ending: Ending,
        verdict: Verdict,
    },
}

/// What of an event keeps it from being forgotten in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Its record at that offset.
    Record(i64),
    Row,
}

#[derive(Debug)]
struct Waiting {
    owed: Owed,
    holder: Holder,
}

#[derive(Debug)]
struct Open {
    owed: Owed,
    holder: Holder,
    began: Now,
    /// Whether it has a place in the window; a row that tells of this attempt gives it back.
    placed: bool,
}

/// A canonical partition that is ours.
#[derive(Debug, Default)]
struct Share {
    /// The offset after the last record taken.
    taken: i64,
    committed: i64,
    /// Records that somebody wanted, from the committed offset on.
    records: BTreeMap<i64, Holding>,
    /// Events that have a row, or will with the next commit.
    rows: HashSet<(SubscriptionId, Uuid)>,
    /// Places in the window that are taken, and how many of them the next commit gives back.
    used: usize,
    recording: usize,
}

/// What a record still holds.
#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    owed: usize,
    /// Places in the window that are free again when the prefix has passed.
    places: usize,
}

/// The books of all partitions that are ours.
#[derive(Debug)]
pub(crate) struct Ledger {
    window: usize,
    shares: BTreeMap<Partition, Share>,
    waiting: BTreeMap<(Instant, Ticket), Waiting>,
    /// Attempts under way that a crash would repeat, oldest first.
    open: BTreeMap<Ticket, Open>,
    /// Attempts under way that a row tells of.
    recorded: HashMap<Ticket, Open>,
    writes: Vec<Write>,
    /// What all that is owed takes up, an event counted once for each subscription.
    owed_bytes: usize,
    next_ticket: u64,
}

impl Ledger {
    /// Makes empty books. `window` bounds the attempts that are not durably recorded.
    pub(crate) fn new(window: usize) -> Self {
        Self {
            window,
            shares: BTreeMap::new(),
            waiting: BTreeMap::new(),
            open: BTreeMap::new(),
            recorded: HashMap::new(),
            writes: Vec::new(),
            owed_bytes: 0,
            next_ticket: 0,
        }
    }

    /// Opens the books of a partition that is read from this offset on.
    pub(crate) fn assign(&mut self, partition: Partition, start: i64) {
        let share = Share {
            taken: start,
            committed: start,
            ..Share::default()
        };
        self.shares.insert(partition, share);
    }

    /// Takes over what a row of `retries` says is owed.
    pub(crate) fn restore(&mut self, owed: Owed, due_at: Time, now: Now) {
        let Some(share) = self.shares.get_mut(&owed.partition) else {
            return;
        };
        share.rows.insert(owed.row());
        let micros = due_at.micros().saturating_sub(now.wall.micros()).max(0);
        let away = Duration::from_micros(micros.unsigned_abs()).min(AWAY_MAX);
        self.wait(owed, Holder::Row, now.steady + away);
    }

    /// Forgets a partition. Attempts that are under way end unheard.
    pub(crate) fn revoke(&mut self, partition: &Partition) {
        self.shares.remove(partition);
        let ours = |owed: &Owed| owed.partition != *partition;
        self.waiting.retain(|_, waiting| ours(&waiting.owed));
        self.open.retain(|_, open| ours(&open.owed));
        self.recorded.retain(|_, open| ours(&open.owed));
        self.writes.retain(|write| ours(write.owed()));
        let waiting = self.waiting.values().map(|waiting| &waiting.owed);
        let open = self.open.values().chain(self.recorded.values());
        let left = waiting.chain(open.map(|open| &open.owed));
        self.owed_bytes = left.map(Owed::bytes).sum();
    }

    /// Takes a record that nobody wants.
    pub(crate) fn pass(&mut self, (partition, offset): (&Partition, i64)) {
        if let Some(share) = self.shares.get_mut(partition) {
            share.taken = offset + 1;
        }
    }

    /// Takes a record that these subscriptions want. An event that has a row already is owed
    /// once, not twice: the offset went back behind it.
    pub(crate) fn take(
        &mut self,
        (partition, offset): (&Partition, i64),
        event: &Arc<Event>,
        wanted_by: impl IntoIterator<Item = SubscriptionId>,
        now: Now,
    ) {
        self.pass((partition, offset));
        let Some(share) = self.shares.get_mut(partition) else {
            return;
        };
        let mut owed: Vec<Owed> = wanted_by
            .into_iter()
            .map(|subscription| Owed {
                partition: partition.clone(),
                subscription,
                event: Arc::clone(event),
                attempts: 0,
                first_attempt_at: now.wall,
            })
            .collect();
        owed.retain(|owed| !share.rows.contains(&owed.row()));
        if owed.is_empty() {
            return;
        }
        // A place that the record took is free again only when nothing is owed of it: the record
        // may not need more places than there are, or it would wait for itself.
        let beyond = owed.split_off(owed.len().min(self.window));
        share.rows.extend(beyond.iter().map(Owed::row));
        let holding = Holding {
            owed: owed.len(),
            places: 0,
        };
        share.records.insert(offset, holding);
        for owed in owed {
            self.wait(owed, Holder::Record(offset), now.steady);
        }
        for owed in beyond {
            let due_at = now.wall;
            let write = owed.clone();
            self.writes.push(Write::Row {
                owed: write,
                due_at,
            });
            self.wait(owed, Holder::Row, now.steady);
        }
    }

    /// Begins the attempt that is due first, if one is due and the window has a place for it.
    pub(crate) fn begin(&mut self, now: Now) -> Option<(Ticket, Owed)> {
        if self.full() || !self.overdue(now.steady) {
            return None;
        }
        let ((_, ticket), Waiting { mut owed, holder }) = self.waiting.pop_first()?;
        let share = self.shares.get_mut(&owed.partition)?;
        share.used += 1;
        if let Holder::Record(offset) = holder {
            share.held(offset).places += 1;
        }
        if owed.attempts == 0 {
            owed.first_attempt_at = now.wall;
        }
        owed.attempts += 1;
        let begun = owed.clone();
        let open = Open {
            owed,
            holder,
            began: now,
            placed: true,
        };
        self.open.insert(ticket, open);
        Some((ticket, begun))
    }

    /// Notes how an attempt ended and what that means by the number of attempts; `None` if the
    /// attempt was forgotten.
    pub(crate) fn ended(
        &mut self,
        ticket: Ticket,
        ending: Ending,
        now: Now,
        judge: impl FnOnce(u32) -> Verdict,
    ) -> Option<Verdict> {
        let open = self.close(ticket)?;
        let verdict = judge(open.owed.attempts);
        self.writes.push(Write::Attempt {
            owed: open.owed.clone(),
            began_at: open.began.wall,
            took: now.steady.duration_since(open.began.steady),
            ending,
            verdict,
        });
        match verdict {
            Verdict::Done => self.settle(open),
            Verdict::Retry { wait } => {
                let owed = open.owed.clone();
                self.record(open, later(now.wall, wait));
                self.wait(owed, Holder::Row, now.steady + wait);
            }
            Verdict::DeadLetter(reason) => self.bury(open, reason, Some(ending)),
        }
        Some(verdict)
    }

    /// Ends an attempt that was not made, as nobody wants the event any more.
    pub(crate) fn unwanted(&mut self, ticket: Ticket) {
        if let Some(open) = self.close(ticket) {
            self.settle(open);
        }
    }

    /// Ends an attempt that cannot be made, now or later.
    pub(crate) fn impossible(&mut self, ticket: Ticket, reason: Reason) {
        if let Some(open) = self.close(ticket) {
            self.bury(open, reason, None);
        }
    }

    /// Lets the prefix pass attempts that are open for too long: a row tells of them, due again
    /// that long after they began, in case their end is never heard of.
    pub(crate) fn pass_slow(&mut self, now: Now, due_after: impl Fn(u32) -> Duration) {
        while let Some(first) = self.open.first_entry() {
            if now.steady.duration_since(first.get().began.steady) <= OPEN_MAX {
                return;
            }
            let (ticket, open) = first.remove_entry();
            let due_at = later(open.began.wall, due_after(open.owed.attempts));
            let told = Open {
                owed: open.owed.clone(),
                holder: Holder::Row,
                placed: false,
                ..open
            };
            self.record(open, due_at);
            self.recorded.insert(ticket, told);
        }
    }

    /// Lists what the next transaction is to record.
    pub(crate) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Returns how far each partition has come that the next transaction has to do with. One whose
    /// prefix stays is named as well if something is written for it: only a transaction with its
    /// offset is refused when the partition has another owner by now (kafka-rules 14).
    pub(crate) fn prefixes(&self) -> Vec<(Partition, i64)> {
        let written: HashSet<_> = self.writes.iter().map(|w| &w.owed().partition).collect();
        let concerned = |(partition, share): &(&Partition, &Share)| {
            share.moved() || written.contains(partition)
        };
        self.shares
            .iter()
            .filter(concerned)
            .map(|(partition, share)| (partition.clone(), share.prefix()))
            .collect()
    }

    /// Tells whether a commit would record anything.
    pub(crate) fn pending(&self) -> bool {
        !self.writes.is_empty() || self.shares.values().any(Share::moved)
    }

    /// All that was listed is durable.
    pub(crate) fn committed(&mut self) {
        self.writes.clear();
        for share in self.shares.values_mut() {
            share.committed = share.prefix();
            let left = share.records.split_off(&share.committed);
            let passed = std::mem::replace(&mut share.records, left);
            let places: usize = passed.values().map(|held| held.places).sum();
            share.used -= places + std::mem::take(&mut share.recording);
        }
    }

    /// Tells whether an attempt is due.
    pub(crate) fn overdue(&self, now: Instant) -> bool {
        let first = self.waiting.first_key_value();
        first.is_some_and(|((due, _), _)| *due <= now)
    }

    /// Tells whether the window has no place left.
    pub(crate) fn full(&self) -> bool {
        self.used() >= self.window
    }

    /// Counts the attempts that a crash would repeat.
    pub(crate) fn used(&self) -> usize {
        self.shares.values().map(|share| share.used).sum()
    }

    /// Counts the events that are owed, each once for each subscription.
    pub(crate) fn owed(&self) -> usize {
        self.waiting.len() + self.open.len() + self.recorded.len()
    }

    /// Returns how many bytes the events have that are owed, each once for each subscription.
    pub(crate) fn owed_bytes(&self) -> usize {
        self.owed_bytes
    }

    /// Tells whether attempts are under way that no row tells of.
    pub(crate) fn holding(&self) -> bool {
        !self.open.is_empty()
    }

    fn wait(&mut self, owed: Owed, holder: Holder, due: Instant) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.owed_bytes += owed.bytes();
        self.waiting.insert((due, ticket), Waiting { owed, holder });
    }

    fn close(&mut self, ticket: Ticket) -> Option<Open> {
        let open = self.open.remove(&ticket);
        let open = open.or_else(|| self.recorded.remove(&ticket))?;
        self.owed_bytes -= open.owed.bytes();
        Some(open)
    }

    /// The event is still owed; a row holds it from now on.
    fn record(&mut self, open: Open, due_at: Time) {
        let Open {
            owed,
            holder,
            placed,
            ..
        } = open;
        if let Some(share) = self.shares.get_mut(&owed.partition) {
            share.rows.insert(owed.row());
            share.recording += usize::from(placed);
            if let Holder::Record(offset) = holder {
                let held = share.held(offset);
                held.owed -= 1;
                held.places -= 1;
            }
        }
        self.writes.push(Write::Row { owed, due_at });
    }

    fn bury(&mut self, open: Open, reason: Reason, ending: Option<Ending>) {
        let owed = open.owed.clone();
        self.writes.push(Write::DeadLetter {
            owed,
            reason,
            ending,
        });
        self.settle(open);
    }

    /// The event is no longer owed.
    fn settle(&mut self, open: Open) {
        let Open {
            owed,
            holder,
            placed,
            ..
        } = open;
        let Some(share) = self.shares.get_mut(&owed.partition) else {
            return;
        };
        match holder {
            // Its place stays taken: until the prefix has passed, a crash would repeat it.
            Holder::Record(offset) => share.held(offset).owed -= 1,
            Holder::Row => {
                share.rows.remove(&owed.row());
                share.recording += usize::from(placed);
                self.writes.push(Write::NoRow(owed));
            }
        }
    }
}

impl Share {
    /// Returns the offset before which nothing is held by a record any more.
    fn prefix(&self) -> i64 {
        let held = self.records.iter().find(|(_, held)| held.owed > 0);
        held.map_or(self.taken, |(offset, _)| *offset)
    }

    fn moved(&self) -> bool {
        self.prefix() > self.committed
    }

    fn held(&mut self, offset: i64) -> &mut Holding {
        let held = self.records.get_mut(&offset);
        held.expect("a record is kept until nothing is owed of it")
    }
}

impl Owed {
    pub(crate) fn row(&self) -> (SubscriptionId, Uuid) {
        (self.subscription, self.event.id)
    }

    fn bytes(&self) -> usize {
        self.event.wire.len()
    }
}

impl Write {
    pub(crate) fn owed(&self) -> &Owed {
        match self {
            Self::NoRow(owed)
            | Self::Row { owed, .. }
            | Self::DeadLetter { owed, .. }
            | Self::Attempt { owed, .. } => owed,
        }
    }
}

fn later(time: Time, by: Duration) -> Time {
    time.saturating_add_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
