//! Opens a spool: takes its folder, and finds again what an earlier process left there.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::{error, warn};

use crate::disk::Disk;
use crate::frame::Piece;
use crate::segment::Segment;
use crate::store::{Shared, Slot, Spool, cost};
use crate::writer::{Kept, Writer};

const LOCK: &str = "lock";
const OWNER_ONLY: u32 = 0o700;

/// A spool, its writer, and what was there.
#[derive(Debug)]
pub struct Opened {
    pub spool: Spool,
    pub writer: Writer,
    /// The entries that are not released, oldest segment first.
    pub found: Vec<Found>,
}

/// An entry that an earlier process left; its payload is read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub topic: Arc<str>,
    pub partition: i32,
    pub place: u64,
    pub slot: Slot,
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("spool folder {} is in use by another process", dir.display())]
    InUse { dir: PathBuf },
    #[error("spool folder {} cannot be used", dir.display())]
    Unusable {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Opens the spool of a folder, which is made if need be. It takes no more than `bytes_max` there.
pub fn open(dir: &Path, bytes_max: u64, disk: Box<dyn Disk>) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::Unusable {
        dir: dir.to_owned(),
        source,
    };
    make(dir).map_err(unusable)?;
    let lock = File::create(dir.join(LOCK)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse {
                dir: dir.to_owned(),
            });
        }
        Err(TryLockError::Error(failed)) => return Err(unusable(failed)),
    }
    let mut left = Left::default();
    for segment in segments(dir).map_err(unusable)? {
        left.take(segment).map_err(unusable)?;
    }
    let shared = Arc::new(Shared::new(lock, bytes_max, left.used, left.readable));
    shared.unreadable.store(left.unreadable, Ordering::Relaxed);
    shared.torn.store(left.torn, Ordering::Relaxed);
    let writer = Writer::new(Arc::clone(&shared), disk, dir, bytes_max, left.kept);
    Ok(Opened {
        spool: Spool(shared),
        writer,
        found: left.found,
    })
}

/// Makes the folder if it is not there, its name durable.
fn make(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut folder = DirBuilder::new();
    folder.recursive(true).mode(OWNER_ONLY).create(dir)?;
    let parent = dir.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Lists the segments by number, and deletes releases whose entries are gone.
fn segments(dir: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        if let Some(segment) = Segment::at(&path)? {
            segments.push(segment);
        } else if path.extension().is_some_and(|it| it == "released")
            && !path.with_extension("entries").exists()
        {
            fs::remove_file(&path)?;
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

/// What is left of an earlier process.
#[derive(Default)]
struct Left {
    found: Vec<Found>,
    kept: BTreeMap<u32, Kept>,
    readable: HashMap<u32, Arc<Segment>>,
    topics: HashMap<String, Arc<str>>,
    used: u64,
    unreadable: u64,
    torn: u64,
}

impl Left {
    fn take(&mut self, segment: Segment) -> io::Result<()> {
        let released = segment.released()?;
        let pieces = segment.pieces()?;
        let mut kept = Kept::default();
        let mut damaged = false;
        for piece in pieces {
            match piece {
                Piece::Entry {
                    offset,
                    bytes,
                    entry,
                } => {
                    let slot = slot(&segment, offset, bytes);
                    kept.cost += cost(bytes);
                    if released.contains(&slot.offset) {
                        continue;
                    }
                    kept.entries += 1;
                    let topic = self.topic(entry.topic);
                    self.found.push(Found {
                        topic,
                        partition: entry.partition,
                        place: entry.place,
                        slot,
                    });
                }
                Piece::Unreadable { offset, bytes } => {
                    let segment = segment.name();
                    kept.cost += bytes as u64;
                    self.unreadable += 1;
                    damaged = true;
                    error!(segment, offset, bytes, "a segment is damaged");
                }
                Piece::Torn { offset, bytes } => {
                    let segment = segment.name();
                    kept.cost += bytes as u64;
                    self.torn += 1;
                    warn!(segment, offset, bytes, "the end of a segment is torn");
                }
            }
        }
        match (kept.entries, damaged) {
            (0, true) => return segment.put_aside(),
            (0, false) => return segment.delete(),
            _ => {}
        }
        self.used += kept.cost;
        self.kept.insert(segment.number, kept);
        self.readable.insert(segment.number, Arc::new(segment));
        Ok(())
    }

    fn topic(&mut self, name: String) -> Arc<str> {
        let known = self.topics.entry(name);
        let name = known.key().as_str().into();
        Arc::clone(known.or_insert(name))
    }
}

fn slot(segment: &Segment, offset: usize, bytes: usize) -> Slot {
    let small = |it| u32::try_from(it).expect("a segment is smaller than 4 GiB");
    Slot {
        segment: segment.number,
        offset: small(offset),
        bytes: small(bytes),
    }
}
