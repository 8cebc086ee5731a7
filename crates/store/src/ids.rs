//! The index of event ids, which finds rows that were imported before.
//!
//! Sorted runs of (hash of the id, hash of the content), mapped into memory; small runs are merged as they come.
//! Useful for: telling a replayed row from a new one, and from another row with the same id.
//! Not useful for: finding the row. With 64 bits of id hash and 32 of content, one of four billion rows that contradict an
//! earlier one is taken for the same, and two rows with different ids for the same one in 10¹⁰ times that a billion events
//! are imported; a false "conflict" (two ids with one hash) is 0.03 % likely in 100 million events, and then one row lies in
//! the quarantine where it can be seen.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use diptych_event::log::Kind;
use memmap2::Mmap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::hash::{content_hashes, id_hash};
use crate::log::Log;
use crate::workspace::{Workspace, write_atomically};

/// An id and what stood under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Hash of source and event id.
    pub id: u64,
    /// The upper half of the hash of the content.
    pub content: u32,
}

impl Key {
    /// Makes the key of a row with these hashes.
    pub fn new(id_hash: u64, content_hash: u64) -> Self {
        Self { id: id_hash, content: (content_hash >> 32) as u32 }
    }
}

/// What the index knows about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Its id was not seen.
    New,
    /// Its id was seen with the same content.
    Same,
    /// Its id was seen with other content.
    Conflict,
}

/// The index of a workspace.
pub struct Ids {
    folder: PathBuf,
    card: Card,
    runs: Vec<Run>,
}

#[derive(Serialize, Deserialize, Default)]
struct Card {
    /// Bytes of a key in the runs; 0 where the card was written by a version that did not say so.
    #[serde(default)]
    key_bytes: usize,
    /// Log files whose ids are in the runs.
    covered: BTreeSet<String>,
    /// Names of the runs, oldest first.
    runs: Vec<String>,
    /// Number of the next run.
    next: u64,
}

struct Run {
    map: Option<Mmap>,
}

const KEY_BYTES: usize = 12;

impl Run {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "opening"))?;
        let len = file.metadata().map_err(StoreError::io(path, "reading"))?.len();
        if len % KEY_BYTES as u64 != 0 {
            return Err(StoreError::damaged(path, "its length is not a number of keys"));
        }
        // SAFETY: runs are written once under a new name and only ever deleted, never changed.
        let map = if len == 0 { None } else { Some(unsafe { Mmap::map(&file) }.map_err(StoreError::io(path, "mapping"))?) };
        Ok(Self { map })
    }

    fn len(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len() / KEY_BYTES)
    }

    fn key(&self, idx: usize) -> Key {
        let bytes = &self.map.as_ref().expect("a run with keys is mapped")[idx * KEY_BYTES..][..KEY_BYTES];
        let (id, content) = bytes.split_at(8);
        let id = u64::from_le_bytes(id.try_into().expect("8 bytes"));
        Key { id, content: u32::from_le_bytes(content.try_into().expect("4 bytes")) }
    }

    /// Returns the first position from `from` on whose id is at least `id`, by doubling steps.
    fn seek(&self, from: usize, id: u64) -> usize {
        let (mut lo, mut step) = (from, 1);
        while lo + step < self.len() && self.key(lo + step).id < id {
            lo += step;
            step *= 2;
        }
        let mut hi = (lo + step).min(self.len());
        while lo < hi {
            let middle = (lo + hi) / 2;
            if self.key(middle).id < id { lo = middle + 1 } else { hi = middle }
        }
        lo
    }
}

impl Ids {
    /// Opens the index of a workspace; one that is absent, damaged or of an older version is empty and will be made again.
    pub fn open(workspace: &Workspace) -> Result<Self, StoreError> {
        let folder = workspace.store("ids");
        let card: Option<Card> = fs::read(folder.join("card.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let known = card.filter(|card| card.key_bytes == KEY_BYTES).and_then(|card| {
            let runs: Result<Vec<Run>, StoreError> = card.runs.iter().map(|name| Run::open(&folder.join(name))).collect();
            Some((card, runs.ok()?))
        });
        let (card, runs) = known.unwrap_or_else(|| {
            // Runs that no card speaks of are of no use to anybody.
            let _ = fs::remove_dir_all(&folder);
            (Card { key_bytes: KEY_BYTES, ..Card::default() }, Vec::new())
        });
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder, "making the index of ids"))?;
        Ok(Self { folder, card, runs })
    }

    /// Tells whether the ids of a log file are in the index.
    pub fn covers(&self, log_file: &str) -> bool {
        self.card.covered.contains(log_file)
    }

    /// Adds the ids of log files that a process which died did not come to add.
    pub fn catch_up(&mut self, log: &Log) -> Result<(), StoreError> {
        for file in log.files()?.iter().filter(|file| !self.covers(&file.name)).collect::<Vec<_>>() {
            let path = log.root().join(&file.name);
            let read = || -> Result<Vec<Key>, Box<dyn std::error::Error>> {
                let mut keys = Vec::new();
                for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(&path)?)?.build()? {
                    keys.extend(keys_of(&batch?));
                }
                Ok(keys)
            };
            let mut keys = read().map_err(|error| StoreError::damaged(&path, error))?;
            keys.sort_unstable();
            self.add(&keys, &file.name)?;
        }
        Ok(())
    }

    /// Says what is known about each of some keys in ascending order. O(keys × log(index / keys)).
    pub fn look_up(&self, keys: &[Key]) -> Vec<Known> {
        let mut known = vec![Known::New; keys.len()];
        for run in &self.runs {
            let mut position = 0;
            for (key, known) in keys.iter().zip(&mut known) {
                position = run.seek(position, key.id);
                if position < run.len() && run.key(position).id == key.id {
                    let same = run.key(position).content == key.content;
                    *known = if same { Known::Same } else { Known::Conflict };
                }
            }
        }
        known
    }

    /// Adds new keys in ascending order, which stand in `log_file`.
    pub fn add(&mut self, keys: &[Key], log_file: &str) -> Result<(), StoreError> {
        let mut stale = Vec::new();
        if !keys.is_empty() {
            self.push_run(&mut keys.iter().copied())?;
            while let [.., before, last] = &self.runs[..] {
                if before.len() > 2 * last.len() {
                    break;
                }
                let (last, before) = (self.runs.pop().expect("two runs"), self.runs.pop().expect("two runs"));
                stale.extend(self.card.runs.drain(self.card.runs.len() - 2..));
                self.push_run(&mut Merge { a: &before, b: &last, i: 0, j: 0 })?;
            }
        }
        self.card.covered.insert(log_file.to_owned());
        write_atomically(&self.folder.join("card.json"), &serde_json::to_vec(&self.card).expect("a card is plain data"))?;
        for name in stale {
            let _ = fs::remove_file(self.folder.join(name));
        }
        Ok(())
    }

    fn push_run(&mut self, keys: &mut dyn Iterator<Item = Key>) -> Result<(), StoreError> {
        let name = format!("{:08}.run", self.card.next);
        let path = self.folder.join(&name);
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            for key in keys {
                file.write_all(&key.id.to_le_bytes())?;
                file.write_all(&key.content.to_le_bytes())?;
            }
            file.into_inner()?.sync_data()
        };
        write().map_err(StoreError::io(&path, "writing the index of ids"))?;
        self.runs.push(Run::open(&path)?);
        self.card.runs.push(name);
        self.card.next += 1;
        Ok(())
    }
}

struct Merge<'a> {
    a: &'a Run,
    b: &'a Run,
    i: usize,
    j: usize,
}

impl Iterator for Merge<'_> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let a = (self.i < self.a.len()).then(|| self.a.key(self.i));
        let b = (self.j < self.b.len()).then(|| self.b.key(self.j));
        match (a, b) {
            (Some(a), Some(b)) if b < a => {
                self.j += 1;
                Some(b)
            }
            (Some(a), _) => {
                self.i += 1;
                Some(a)
            }
            (None, b) => {
                self.j += 1;
                b
            }
        }
    }
}

/// Returns the keys of the events of a log batch that have ids.
fn keys_of(batch: &RecordBatch) -> Vec<Key> {
    let text = |name: &str| batch.column_by_name(name).expect("the log has it").as_string::<i32>();
    let (kind, source, ids) = (text("kind"), text("source"), text("event_id"));
    let contents = content_hashes(batch);
    (0..batch.num_rows())
        .filter(|row| kind.value(*row) == Kind::Event.word() && ids.is_valid(*row))
        .map(|row| Key::new(id_hash(source.value(row), ids.value(row)), contents[row]))
        .collect()
}
