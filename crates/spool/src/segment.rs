//! The two files of a segment: its entries, and beside them which of these are released.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::frame::{self, Entry, Marker, Piece};

/// A released entry takes that much: its offset, and the checksum of it.
pub(crate) const RELEASE_BYTES: usize = 8;
/// The content is of persons.
const OWNER_ONLY: u32 = 0o600;

/// A segment that can be read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    marker: Marker,
    entries: PathBuf,
    file: File,
}

impl Segment {
    /// Makes an empty segment, its name durable; returns it with the file to write to.
    pub(crate) fn create(dir: &Path, number: u32) -> io::Result<(Self, File)> {
        let (random, _) = Uuid::new_v4().as_u64_pair();
        let entries = dir.join(format!("{number:010}-{random:016x}.entries"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(OWNER_ONLY);
        let out = options.open(&entries)?;
        let opened = File::open(dir)
            .and_then(|dir| dir.sync_all())
            .and_then(|()| Self::at(&entries));
        match opened {
            Ok(segment) => Ok((segment.expect("the name was just made"), out)),
            Err(failed) => {
                fs::remove_file(&entries).ok();
                Err(failed)
            }
        }
    }

    /// Opens the segment of that name; `None` if it is not the name of one.
    pub(crate) fn at(entries: &Path) -> io::Result<Option<Self>> {
        let name = entries.file_name().and_then(|name| name.to_str());
        let named = name.and_then(|name| {
            let (number, marker) = name.strip_suffix(".entries")?.split_once('-')?;
            let marker = u64::from_str_radix(marker, 16).ok()?;
            Some((number.parse().ok()?, marker.to_be_bytes()))
        });
        let Some((number, marker)) = named else {
            return Ok(None);
        };
        Ok(Some(Self {
            number,
            marker,
            entries: entries.to_owned(),
            file: File::open(entries)?,
        }))
    }

    pub(crate) fn marker(&self) -> Marker {
        self.marker
    }

    pub(crate) fn name(&self) -> String {
        self.entries.display().to_string()
    }

    /// Reads all of it.
    pub(crate) fn pieces(&self) -> io::Result<Vec<Piece>> {
        Ok(frame::pieces(self.marker, &fs::read(&self.entries)?))
    }

    /// Reads one entry; `None` if it is damaged.
    pub(crate) fn read(&self, offset: u32, bytes: u32) -> io::Result<Option<Entry>> {
        let mut frame = vec![0; bytes as usize];
        match self.file.read_exact_at(&mut frame, offset.into()) {
            Err(failed) if failed.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        Ok(frame::decode(self.marker, &frame).map(|(entry, _)| entry))
    }

    /// Returns the offsets of the entries that are released.
    pub(crate) fn released(&self) -> io::Result<HashSet<u32>> {
        let records = match fs::read(self.releases()) {
            Ok(records) => records,
            Err(failed) if failed.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(failed) => return Err(failed),
        };
        Ok(records
            .chunks_exact(RELEASE_BYTES)
            .filter_map(|record| {
                let (offset, checksum) = record.split_at(4);
                let right = crc32fast::hash(offset).to_le_bytes() == checksum;
                right.then(|| u32::from_le_bytes(offset.try_into().expect("split at four")))
            })
            .collect())
    }

    /// Notes entries as released. They survive a kill; after a power cut they may be there again.
    pub(crate) fn release(&self, offsets: &[u32]) -> io::Result<()> {
        let mut records = Vec::with_capacity(offsets.len() * RELEASE_BYTES);
        for offset in offsets {
            let offset = offset.to_le_bytes();
            records.extend_from_slice(&offset);
            records.extend_from_slice(&crc32fast::hash(&offset).to_le_bytes());
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(OWNER_ONLY);
        let mut file = options.open(self.releases())?;
        // A kill may have torn the last record; what follows must not begin in its middle.
        let torn = file.metadata()?.len() % RELEASE_BYTES as u64;
        if torn != 0 {
            let padding = vec![0; RELEASE_BYTES - usize::try_from(torn).unwrap_or_default()];
            file.write_all(&padding)?;
        }
        file.write_all(&records)
    }

    /// Puts the entries aside for a person to look at; nobody reads them again.
    pub(crate) fn put_aside(&self) -> io::Result<()> {
        fs::rename(&self.entries, self.entries.with_extension("damaged"))?;
        self.delete_releases()
    }

    /// Deletes both files, the entries first: releases without entries say nothing.
    pub(crate) fn delete(&self) -> io::Result<()> {
        fs::remove_file(&self.entries)?;
        self.delete_releases()
    }

    fn delete_releases(&self) -> io::Result<()> {
        match fs::remove_file(self.releases()) {
            Err(failed) if failed.kind() != io::ErrorKind::NotFound => Err(failed),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn releases(&self) -> PathBuf {
        self.entries.with_extension("released")
    }
}
