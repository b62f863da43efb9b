//! Writes what is ordered: one sync for all entries that wait, and none twice. After a failure
//! nothing more goes to that segment: the system may have dropped what it could not write, and would
//! call the next sync a success.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::{error, info, warn};

use crate::disk::Disk;
use crate::frame::{self, Entry};
use crate::segment::Segment;
use crate::store::{NotStored, Order, Shared, Slot, Tell, cost};

/// Segments are deleted as a whole, so there are several at any bound.
const SEGMENTS: u64 = 16;
const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The one that writes; it blocks a thread.
pub struct Writer {
    shared: Arc<Shared>,
    disk: Box<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    kept: BTreeMap<u32, Kept>,
    next_number: u32,
    active: Option<Active>,
    /// Whether the last write failed; to log the change, not each entry.
    failing: bool,
}

/// What a segment still holds.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// That are not released.
    pub(crate) entries: usize,
    /// In bytes, of all of its entries.
    pub(crate) cost: u64,
}

/// The segment that is written to.
struct Active {
    segment: Arc<Segment>,
    file: File,
    /// All durable.
    bytes: u64,
}

/// Entries that are written and synced together.
#[derive(Default)]
struct Group {
    entries: Vec<(Entry, Tell)>,
    bytes: usize,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        disk: Box<dyn Disk>,
        dir: &Path,
        bytes_max: u64,
        kept: BTreeMap<u32, Kept>,
    ) -> Self {
        Self {
            shared,
            disk,
            dir: dir.to_owned(),
            segment_bytes: (bytes_max / SEGMENTS).min(SEGMENT_BYTES_MAX),
            next_number: kept.last_key_value().map_or(1, |(last, _)| last + 1),
            kept,
            active: None,
            failing: false,
        }
    }

    /// Does what is ordered until the spool is closed.
    pub fn run(&mut self) {
        while let Some(orders) = self.shared.take() {
            let mut group = Group::default();
            let mut released: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for order in orders {
                match order {
                    Order::Append(entry, tell) => {
                        group.bytes += frame::bytes(&entry);
                        group.entries.push((entry, tell));
                        let begun = self.active.as_ref().map_or(0, |active| active.bytes);
                        if begun + group.bytes as u64 >= self.segment_bytes {
                            self.commit(std::mem::take(&mut group));
                            self.active = None;
                        }
                    }
                    Order::Release(slot) => {
                        released.entry(slot.segment).or_default().push(slot.offset);
                    }
                }
            }
            self.commit(group);
            for (number, offsets) in released {
                self.release(number, &offsets);
            }
        }
    }

    /// Makes a group durable, and tells who waits.
    fn commit(&mut self, group: Group) {
        if group.entries.is_empty() {
            return;
        }
        let costs = group.entries.iter().map(|(entry, _)| frame::bytes(entry));
        let costs = costs.map(cost).sum();
        let written = self.write(&group);
        self.shared.written(costs);
        match written {
            Ok(slots) => {
                if std::mem::take(&mut self.failing) {
                    info!("the spool can be written again");
                }
                let kept = self.kept.entry(slots[0].segment).or_default();
                kept.entries += slots.len();
                kept.cost += costs;
                for ((_, tell), slot) in group.entries.into_iter().zip(slots) {
                    tell.tell(Ok(slot));
                }
            }
            Err(failed) => {
                self.shared.free(costs);
                self.note(&failed);
                for (_, tell) in group.entries {
                    tell.tell(Err(NotStored::from(&failed)));
                }
            }
        }
    }

    fn write(&mut self, group: &Group) -> io::Result<Vec<Slot>> {
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin()?,
        };
        let mut bytes = Vec::with_capacity(group.bytes);
        let mut slots = Vec::with_capacity(group.entries.len());
        for (entry, _) in &group.entries {
            let start = bytes.len();
            frame::encode(active.segment.marker(), entry, &mut bytes);
            let offset = active.bytes + start as u64;
            slots.push(slot(&active.segment, offset, bytes.len() - start));
        }
        let written = self
            .disk
            .write(&mut active.file, &bytes)
            .and_then(|()| self.disk.sync(&active.file));
        match written {
            Ok(()) => {
                active.bytes += bytes.len() as u64;
                self.active = Some(active);
                Ok(slots)
            }
            Err(failed) => {
                self.give_up(&active);
                Err(failed)
            }
        }
    }

    fn begin(&mut self) -> io::Result<Active> {
        let number = self.next_number;
        // A name is not used again, whatever becomes of this one.
        self.next_number += 1;
        let (segment, file) = Segment::create(&self.dir, number)?;
        let segment = Arc::new(segment);
        self.shared.segments().insert(number, Arc::clone(&segment));
        Ok(Active {
            segment,
            file,
            bytes: 0,
        })
    }

    /// Leaves a segment with what was durable before the failure.
    fn give_up(&mut self, failed: &Active) {
        // Should this fail too, more than was told to be durable is found after a restart.
        if let Err(failed) = failed.file.set_len(failed.bytes) {
            warn!(error = %failed, "a segment cannot be cut");
        }
        if !self.kept.contains_key(&failed.segment.number) {
            self.delete(&failed.segment);
        }
    }

    fn release(&mut self, number: u32, offsets: &[u32]) {
        let Some(segment) = self.shared.segments().get(&number).cloned() else {
            return;
        };
        let Some(kept) = self.kept.get_mut(&number) else {
            return;
        };
        kept.entries = kept.entries.saturating_sub(offsets.len());
        if kept.entries > 0 {
            // Then a restart finds the entries again: a repetition, not a loss.
            if let Err(failed) = segment.release(offsets) {
                self.note(&failed);
            }
            return;
        }
        self.shared.free(kept.cost);
        self.kept.remove(&number);
        if self
            .active
            .as_ref()
            .is_some_and(|it| it.segment.number == number)
        {
            self.active = None;
        }
        self.delete(&segment);
    }

    fn note(&mut self, failed: &io::Error) {
        self.shared.failures.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.failing, true) {
            error!(error = %failed, "the spool cannot be written");
        }
    }

    fn delete(&mut self, segment: &Segment) {
        self.shared.segments().remove(&segment.number);
        if let Err(failed) = segment.delete() {
            warn!(error = %failed, "a segment cannot be deleted");
        }
    }
}

fn slot(segment: &Segment, offset: u64, bytes: usize) -> Slot {
    Slot {
        segment: segment.number,
        offset: u32::try_from(offset).expect("segments end far below 4 GiB"),
        bytes: u32::try_from(bytes).expect("a Kafka record is far smaller"),
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}
