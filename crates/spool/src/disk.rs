//! The two steps of a write that can fail late: what a test replaces.

use std::fs::File;
use std::io::{self, Write};

/// How bytes get to a segment, and from there to the disk.
pub trait Disk: Send {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()>;
    /// Returns once all that was written survives a power cut.
    fn sync(&mut self, file: &File) -> io::Result<()>;
}

/// The disk of the folder, as the system offers it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
