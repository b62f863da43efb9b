//! Entries that wait on disk: a log in segments, bounded in bytes, each entry with its checksum,
//! durable before it is told so. Knows nothing of what the entries are.
//!
//! A segment is written once, by one process, and deleted when all of its entries are released.
//! What was released stands beside it. Of a damaged segment all that can be read is found again.

mod disk;
mod frame;
mod open;
mod segment;
mod store;
mod writer;

pub use disk::{Disk, LocalDisk};
pub use frame::Entry;
pub use open::{Found, OpenError, Opened, open};
pub use store::{NotRead, NotStored, Slot, Spool, Stats};
pub use writer::Writer;
