//! A spool with its writer on a thread, as ingest runs it.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use spool::{Disk, Entry, Found, LocalDisk, NotStored, Opened, Slot, Spool, open};
use tempfile::TempDir;

pub(crate) const ROOMY: u64 = 1 << 20;

pub(crate) struct Running {
    pub(crate) spool: Spool,
    pub(crate) found: Vec<Found>,
    writer: JoinHandle<()>,
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn start(dir: &Path) -> Running {
    start_on(dir, ROOMY, Box::new(LocalDisk))
}

pub(crate) fn start_on(dir: &Path, bytes_max: u64, disk: Box<dyn Disk>) -> Running {
    let Opened {
        spool,
        mut writer,
        found,
    } = open(dir, bytes_max, disk).unwrap();
    Running {
        spool,
        found,
        writer: std::thread::spawn(move || writer.run()),
    }
}

pub(crate) fn entry(place: u64) -> Entry {
    Entry {
        place,
        topic: "raw.genea".to_owned(),
        partition: 1,
        payload: format!("delivery {place}").into_bytes(),
    }
}

impl Running {
    /// Orders an entry; the outcome comes later.
    pub(crate) fn order(&self, entry: Entry) -> mpsc::Receiver<Result<Slot, NotStored>> {
        let (told, outcome) = mpsc::channel();
        let ordered = self.spool.append(entry, move |it| told.send(it).unwrap());
        ordered.unwrap();
        outcome
    }

    pub(crate) fn append(&self, entry: Entry) -> Result<Slot, NotStored> {
        self.order(entry).recv().unwrap()
    }

    /// Ends it, so that the folder can be opened again.
    pub(crate) fn end(self) {
        self.spool.close();
        self.writer.join().unwrap();
    }

    pub(crate) fn places(&self) -> Vec<u64> {
        self.found.iter().map(|found| found.place).collect()
    }
}

/// The files with that extension, in order of their segments.
pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    files
}
