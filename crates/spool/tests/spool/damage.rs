//! Damage is found, counted, and costs no more than what is damaged.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use spool::NotRead;

use crate::given::{entry, files, folder, start};

fn stored(dir: &Path, count: u64) {
    let spool = start(dir);
    for place in 0..count {
        spool.append(entry(place)).unwrap();
    }
    spool.end();
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

#[test]
fn a_torn_tail_is_counted_and_all_before_it_is_found() {
    let dir = folder();
    stored(dir.path(), 10);
    let segment = &files(dir.path(), "entries")[0];
    let length = fs::metadata(segment).unwrap().len();
    let file = OpenOptions::new().write(true).open(segment).unwrap();
    file.set_len(length - 5).unwrap();
    let again = start(dir.path());
    assert_eq!(again.places(), (0..9).collect::<Vec<_>>());
    let stats = again.spool.stats();
    assert_eq!((stats.torn, stats.unreadable), (1, 0));
    // What is stored now does not stand behind the torn end.
    again.append(entry(10)).unwrap();
    again.end();
    let places = start(dir.path()).places();
    assert_eq!(places, (0..9).chain([10]).collect::<Vec<_>>());
}

#[test]
fn a_tail_of_zeros_as_after_a_power_cut_is_torn() {
    let dir = folder();
    stored(dir.path(), 3);
    let segment = &files(dir.path(), "entries")[0];
    let mut file = OpenOptions::new().append(true).open(segment).unwrap();
    file.write_all(&[0; 4_096]).unwrap();
    let again = start(dir.path());
    assert_eq!(again.places(), [0, 1, 2]);
    assert_eq!(again.spool.stats().torn, 1);
}

#[test]
fn a_flipped_bit_is_counted_and_all_others_are_found() {
    let dir = folder();
    stored(dir.path(), 10);
    let segment = &files(dir.path(), "entries")[0];
    let length = fs::metadata(segment).unwrap().len();
    flip(segment, length / 2);
    let again = start(dir.path());
    let places = again.places();
    assert_eq!(places.len(), 9);
    assert!((0..10).filter(|place| !places.contains(place)).eq([5]));
    assert_eq!(again.spool.stats().unreadable, 1);
}

#[test]
fn a_bit_that_flips_later_is_noticed_when_the_entry_is_read() {
    let dir = folder();
    let spool = start(dir.path());
    let slot = spool.append(entry(1)).unwrap();
    let other = spool.append(entry(2)).unwrap();
    flip(&files(dir.path(), "entries")[0], 20);
    assert!(matches!(spool.spool.read(slot), Err(NotRead::Damaged)));
    assert_eq!(spool.spool.read(other).unwrap(), entry(2));
}

#[test]
fn a_damaged_release_brings_its_entry_back_and_loses_none() {
    let dir = folder();
    let spool = start(dir.path());
    let slots: Vec<_> = (0..5)
        .map(|place| spool.append(entry(place)).unwrap())
        .collect();
    spool.spool.release(slots[1]);
    spool.spool.release(slots[3]);
    spool.end();
    flip(&files(dir.path(), "released")[0], 1);
    assert_eq!(start(dir.path()).places(), [0, 1, 2, 4]);
}

#[test]
fn a_flipped_bit_in_the_last_entry_is_a_loss_and_no_torn_end() {
    let dir = folder();
    stored(dir.path(), 3);
    let segment = &files(dir.path(), "entries")[0];
    let length = fs::metadata(segment).unwrap().len();
    flip(segment, length - 1);
    let again = start(dir.path());
    assert_eq!(again.places(), [0, 1]);
    let stats = again.spool.stats();
    assert_eq!((stats.torn, stats.unreadable), (0, 1));
}

#[test]
fn a_segment_of_which_nothing_can_be_read_is_put_aside() {
    let dir = folder();
    stored(dir.path(), 1);
    flip(&files(dir.path(), "entries")[0], 40);
    let again = start(dir.path());
    assert_eq!(
        (again.places(), again.spool.stats().unreadable),
        (vec![], 1)
    );
    again.end();
    assert_eq!(files(dir.path(), "damaged").len(), 1);
    assert_eq!(start(dir.path()).spool.stats().unreadable, 0);
}
