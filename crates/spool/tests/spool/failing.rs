//! The disk fails: nothing is told to be durable that is not.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use spool::{Disk, LocalDisk, NotStored, Opened, open};

use crate::given::{ROOMY, entry, files, folder, start, start_on};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Fails as it is told; knows every file whose sync has failed.
#[derive(Clone, Default)]
struct Broken {
    next: Arc<Mutex<Option<Fault>>>,
    /// Held open, so that no other file gets their number.
    given_up: Arc<Mutex<HashMap<u64, File>>>,
}

enum Fault {
    /// The disk takes half of it.
    Write(i32),
    Sync(i32),
}

impl Broken {
    fn once(&self, fault: Fault) {
        *self.next.lock().unwrap() = Some(fault);
    }

    fn give_up(&self, file: &File) -> io::Result<()> {
        let number = file.metadata()?.ino();
        let held = file.try_clone()?;
        self.given_up.lock().unwrap().insert(number, held);
        Ok(())
    }

    fn assert_good(&self, file: &File) {
        let number = file.metadata().unwrap().ino();
        assert!(!self.given_up.lock().unwrap().contains_key(&number));
    }
}

impl Disk for Broken {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.assert_good(file);
        let next = self
            .next
            .lock()
            .unwrap()
            .take_if(|it| matches!(it, Fault::Write(_)));
        let Some(Fault::Write(code)) = next else {
            return file.write_all(bytes);
        };
        self.give_up(file)?;
        file.write_all(&bytes[..bytes.len() / 2])?;
        Err(io::Error::from_raw_os_error(code))
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.assert_good(file);
        let next = self
            .next
            .lock()
            .unwrap()
            .take_if(|it| matches!(it, Fault::Sync(_)));
        let Some(Fault::Sync(code)) = next else {
            return file.sync_data();
        };
        self.give_up(file)?;
        Err(io::Error::from_raw_os_error(code))
    }
}

#[test]
fn after_a_failed_sync_its_segment_is_given_up_and_what_was_durable_is_kept() {
    let (dir, disk) = (folder(), Broken::default());
    let spool = start_on(dir.path(), ROOMY, Box::new(disk.clone()));
    let first = spool.append(entry(1)).unwrap();
    disk.once(Fault::Sync(EIO));
    assert!(matches!(spool.append(entry(2)), Err(NotStored::Failed)));
    spool.append(entry(3)).unwrap();
    assert_eq!(files(dir.path(), "entries").len(), 2);
    assert_eq!(spool.spool.stats().failures, 1);
    assert_eq!(spool.spool.read(first).unwrap(), entry(1));
    spool.end();
    assert_eq!(start(dir.path()).places(), [1, 3]);
}

#[test]
fn a_full_disk_is_told_as_such_and_leaves_no_half_of_an_entry() {
    let (dir, disk) = (folder(), Broken::default());
    let spool = start_on(dir.path(), ROOMY, Box::new(disk.clone()));
    disk.once(Fault::Write(ENOSPC));
    assert!(matches!(spool.append(entry(1)), Err(NotStored::Full)));
    assert_eq!(spool.spool.stats().bytes, 0);
    assert!(
        files(dir.path(), "entries").is_empty(),
        "an empty one is not left"
    );
    spool.append(entry(2)).unwrap();
    disk.once(Fault::Write(ENOSPC));
    assert!(matches!(spool.append(entry(3)), Err(NotStored::Full)));
    spool.append(entry(4)).unwrap();
    spool.end();
    let again = start(dir.path());
    assert_eq!(again.places(), [2, 4]);
    assert_eq!(again.spool.stats().torn, 0);
}

#[test]
fn without_its_folder_nothing_is_told_to_be_durable() {
    let parent = folder();
    let dir = parent.path().join("spool");
    let spool = start(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(spool.append(entry(1)), Err(NotStored::Failed)));
    std::fs::create_dir(&dir).unwrap();
    spool.append(entry(2)).unwrap();
    spool.end();
}

/// Each sync says that it has begun, and waits to be let go.
struct Slow {
    begun: Sender<()>,
    go: Receiver<()>,
    syncs: Arc<AtomicUsize>,
}

impl Disk for Slow {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        LocalDisk.write(file, bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.begun.send(()).ok();
        self.go.recv().ok();
        LocalDisk.sync(file)
    }
}

#[test]
fn all_that_wait_for_a_slow_disk_share_one_sync_and_none_is_told_before_it() {
    let dir = folder();
    let (begun, has_begun) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let disk = Slow { begun, go, syncs };
    let spool = start_on(dir.path(), ROOMY, Box::new(disk));
    let first = spool.order(entry(0));
    has_begun.recv().unwrap();
    let others: Vec<_> = (1..100).map(|place| spool.order(entry(place))).collect();
    assert!(first.try_recv().is_err());
    let_go.send(()).unwrap();
    first.recv().unwrap().unwrap();
    has_begun.recv().unwrap();
    assert!(others.iter().all(|told| told.try_recv().is_err()));
    let_go.send(()).unwrap();
    for told in others {
        told.recv().unwrap().unwrap();
    }
    assert_eq!(counted.load(Ordering::Relaxed), 2);
    spool.end();
}

#[test]
fn no_more_waits_for_a_slow_disk_than_fits_into_memory() {
    const BYTES: usize = 8 << 20;
    let dir = folder();
    let (begun, has_begun) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let syncs = Arc::default();
    let disk = Slow { begun, go, syncs };
    let spool = start_on(dir.path(), 1 << 30, Box::new(disk));
    let (told, outcomes) = mpsc::channel();
    let append = |place| {
        let mut entry = entry(place);
        entry.payload = vec![0; BYTES];
        let told = told.clone();
        spool.spool.append(entry, move |it| told.send(it).unwrap())
    };
    let waiting = (0..).take_while(|place| append(*place).is_ok()).count();
    assert!((2..16).contains(&waiting), "{waiting}");
    drop((let_go, has_begun));
    for _ in 0..waiting {
        outcomes.recv().unwrap().unwrap();
    }
    append(99).unwrap();
    outcomes.recv().unwrap().unwrap();
    spool.end();
}

#[test]
fn a_writer_that_dies_tells_those_who_wait() {
    let dir = folder();
    let Opened { spool, writer, .. } = open(dir.path(), ROOMY, Box::new(LocalDisk)).unwrap();
    let (told, outcome) = mpsc::channel();
    spool
        .append(entry(1), move |it| told.send(it).unwrap())
        .unwrap();
    drop((writer, spool));
    assert!(matches!(outcome.recv().unwrap(), Err(NotStored::Failed)));
}
