//! The spool as its users see it: they order, the writer writes.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::frame::{self, Entry};
use crate::segment::{RELEASE_BYTES, Segment};

/// Entries that wait for a disk that is slow are in memory.
const WAITING_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
}

/// Why an entry is not known to be durable.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// The bound is reached, or the disk's end, or too much waits for the disk.
    #[error("no room for the entry")]
    Full,
    /// The entry may be there after a restart, or not.
    #[error("entry cannot be written")]
    Failed,
}

/// Why an entry is not read.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// Its checksum is wrong: it is lost.
    #[error("entry is damaged")]
    Damaged,
    /// The disk may give it another time.
    #[error("disk does not give the entry")]
    Disk(#[source] io::Error),
}

/// What the spool has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// On disk, entries that are released included until their segment is deleted.
    pub bytes: u64,
    /// Entries, or stretches of several, that were damaged.
    pub unreadable: u64,
    /// Segments whose end was torn by a crash, before it was told to be durable.
    pub torn: u64,
    /// Writes and syncs that failed; their segment was given up.
    pub failures: u64,
}

/// The spool of a folder; nobody else has it.
#[derive(Clone)]
pub struct Spool(pub(crate) Arc<Shared>);

/// What users and writer share.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    segments: Mutex<HashMap<u32, Arc<Segment>>>,
    bytes_max: u64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) torn: AtomicU64,
    pub(crate) failures: AtomicU64,
    _lock: File,
}

/// What the writer is to do.
#[derive(Default)]
struct Queue {
    orders: Vec<Order>,
    /// Bytes on disk and on the way there.
    used: u64,
    /// Of these, bytes on the way.
    waiting: u64,
    closed: bool,
}

pub(crate) enum Order {
    Append(Entry, Tell),
    Release(Slot),
}

/// Is told once what became of an append, also by a writer that dies.
pub(crate) struct Tell(Option<Told>);

type Told = Box<dyn FnOnce(Result<Slot, NotStored>) + Send>;

impl Spool {
    /// Orders an entry to be written behind all that were ordered before; `told` is called by the
    /// writer once it is durable, or is not.
    ///
    /// # Errors
    /// Where there is no room, at once; then `told` is not called.
    pub fn append(
        &self,
        entry: Entry,
        told: impl FnOnce(Result<Slot, NotStored>) + Send + 'static,
    ) -> Result<(), NotStored> {
        let cost = cost(frame::bytes(&entry));
        let mut queue = self.0.queue();
        if queue.used + cost > self.0.bytes_max || queue.waiting + cost > WAITING_BYTES_MAX {
            return Err(NotStored::Full);
        }
        queue.used += cost;
        queue.waiting += cost;
        let order = Order::Append(entry, Tell(Some(Box::new(told))));
        queue.orders.push(order);
        self.0.arrived.notify_one();
        Ok(())
    }

    /// Gives up an entry. Its space comes back with that of its segment.
    pub fn release(&self, slot: Slot) {
        self.0.queue().orders.push(Order::Release(slot));
        self.0.arrived.notify_one();
    }

    pub fn read(&self, slot: Slot) -> Result<Entry, NotRead> {
        let segment = self.0.segments().get(&slot.segment).cloned();
        let segment = segment.ok_or(NotRead::Damaged)?;
        let entry = segment.read(slot.offset, slot.bytes);
        entry.map_err(NotRead::Disk)?.ok_or(NotRead::Damaged)
    }

    /// Counts an entry that was found damaged and is given up.
    pub fn count_damaged(&self) {
        self.0.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stats(&self) -> Stats {
        Stats {
            bytes: self.0.queue().used,
            unreadable: self.0.unreadable.load(Ordering::Relaxed),
            torn: self.0.torn.load(Ordering::Relaxed),
            failures: self.0.failures.load(Ordering::Relaxed),
        }
    }

    /// Ends the writer, once all that is ordered is done.
    pub fn close(&self) {
        self.0.queue().closed = true;
        self.0.arrived.notify_one();
    }
}

/// Returns what an entry of that many bytes takes until its segment is deleted.
pub(crate) fn cost(frame_bytes: usize) -> u64 {
    (frame_bytes + RELEASE_BYTES) as u64
}

impl Slot {
    /// Returns what the entry takes on disk.
    pub fn bytes(self) -> u32 {
        self.bytes
    }
}

impl Shared {
    pub(crate) fn new(
        lock: File,
        bytes_max: u64,
        used: u64,
        segments: HashMap<u32, Arc<Segment>>,
    ) -> Self {
        Self {
            queue: Mutex::new(Queue {
                used,
                ..Queue::default()
            }),
            arrived: Condvar::new(),
            segments: Mutex::new(segments),
            bytes_max,
            unreadable: AtomicU64::new(0),
            torn: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            _lock: lock,
        }
    }

    /// Waits for orders and takes all of them; `None` once closed.
    pub(crate) fn take(&self) -> Option<Vec<Order>> {
        let waiting = |queue: &mut Queue| queue.orders.is_empty() && !queue.closed;
        let queue = self.arrived.wait_while(self.queue(), waiting);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        let orders = std::mem::take(&mut queue.orders);
        (!orders.is_empty()).then_some(orders)
    }

    /// Notes that entries wait no longer: they are durable, or given up.
    pub(crate) fn written(&self, cost: u64) {
        let mut queue = self.queue();
        queue.waiting = queue.waiting.saturating_sub(cost);
    }

    pub(crate) fn free(&self, cost: u64) {
        let mut queue = self.queue();
        queue.used = queue.used.saturating_sub(cost);
    }

    pub(crate) fn segments(&self) -> MutexGuard<'_, HashMap<u32, Arc<Segment>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tell {
    pub(crate) fn tell(mut self, outcome: Result<Slot, NotStored>) {
        if let Some(told) = self.0.take() {
            told(outcome);
        }
    }
}

impl Drop for Tell {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told(Err(NotStored::Failed));
        }
    }
}

impl From<&io::Error> for NotStored {
    fn from(failed: &io::Error) -> Self {
        match failed.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed,
        }
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
