//! What is stored is kept until it is released.

use std::os::unix::fs::PermissionsExt;

use spool::{LocalDisk, NotStored, OpenError, open};

use crate::given::{ROOMY, entry, files, folder, start, start_on};

#[test]
fn what_was_stored_is_found_again_in_order() {
    let dir = folder();
    let spool = start(dir.path());
    for place in 1..=100 {
        spool.append(entry(place)).unwrap();
    }
    spool.end();
    let again = start(dir.path());
    assert_eq!(again.places(), (1..=100).collect::<Vec<_>>());
    let last = again.found.last().unwrap();
    assert_eq!((&*last.topic, last.partition), ("raw.genea", 1));
    assert_eq!(again.spool.read(last.slot).unwrap(), entry(100));
    assert_eq!(again.spool.stats().unreadable, 0);
}

#[test]
fn what_was_released_is_not_found_again() {
    let dir = folder();
    let spool = start(dir.path());
    let slots: Vec<_> = (0..10)
        .map(|place| spool.append(entry(place)).unwrap())
        .collect();
    for slot in &slots[..4] {
        spool.spool.release(*slot);
    }
    spool.end();

    // A kill in the middle of a release leaves half a record.
    let releases = &files(dir.path(), "released")[0];
    let half = std::fs::metadata(releases).unwrap().len() - 3;
    let file = std::fs::File::options().write(true).open(releases).unwrap();
    file.set_len(half).unwrap();
    let again = start(dir.path());
    assert_eq!(again.places(), (3..10).collect::<Vec<_>>());
    for found in &again.found[..3] {
        again.spool.release(found.slot);
    }
    again.end();
    assert_eq!(start(dir.path()).places(), (6..10).collect::<Vec<_>>());
}

#[test]
fn an_empty_spool_takes_no_space() {
    let dir = folder();
    let spool = start_on(dir.path(), 4_000, Box::new(LocalDisk));
    let slots: Vec<_> = (0..40)
        .map(|place| spool.append(entry(place)).unwrap())
        .collect();
    assert!(files(dir.path(), "entries").len() > 1, "segments end");
    for slot in slots {
        spool.spool.release(slot);
    }
    let stored_after = spool.append(entry(40)).unwrap();
    spool.spool.release(stored_after);
    let ended = spool.spool.clone();
    spool.end();
    assert_eq!(ended.stats().bytes, 0);
    assert!(files(dir.path(), "entries").is_empty());
    assert!(files(dir.path(), "released").is_empty());
}

#[test]
fn beyond_its_bound_nothing_is_taken_until_a_segment_is_free() {
    let dir = folder();
    let spool = start_on(dir.path(), 1_000, Box::new(LocalDisk));
    let mut slots = Vec::new();
    let refused = loop {
        let place = slots.len() as u64;
        let (told, outcome) = std::sync::mpsc::channel();
        let ordered = spool
            .spool
            .append(entry(place), move |it| told.send(it).unwrap());
        match ordered {
            Ok(()) => slots.push(outcome.recv().unwrap().unwrap()),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, NotStored::Full));
    assert!(spool.spool.stats().bytes <= 1_000);
    assert!(slots.len() > 10);
    spool.spool.release(slots[0]);
    spool.spool.release(slots[1]);
    // Orders are done in turn, so the room is there once this one is refused no more.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while spool.spool.append(entry(99), drop).is_err() {
        assert!(std::time::Instant::now() < until, "no room came back");
    }
    spool.end();
    assert_eq!(start(dir.path()).found.len(), slots.len() - 1);
}

#[test]
fn one_process_has_the_folder_and_only_its_user_may_read_it() {
    let parent = folder();
    let dir = parent.path().join("spool");
    let spool = start(&dir);
    spool.append(entry(1)).unwrap();
    let refused = open(&dir, ROOMY, Box::new(LocalDisk)).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&dir) & 0o777, 0o700);
    assert_eq!(mode(&files(&dir, "entries")[0]) & 0o777, 0o600);
    spool.end();
    start(&dir).end();
}
