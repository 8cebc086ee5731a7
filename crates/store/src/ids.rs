//! The index of event ids, which finds rows that were imported before.
//!
//! Sorted runs of (hash of the id, hash of the content), mapped into memory; small runs are merged as they come.
//! Useful for: telling a replayed row from a new one, and from another row with the same id.
//! Not useful for: finding the row. With 64 bits of id hash and 32 of content, one of four billion rows that contradict an
//! earlier one is taken for the same, and two rows with different ids for the same one in 10¹⁰ times that a billion events
//! are imported; a false "conflict" (two ids with one hash) is 0.03 % likely in 100 million events, and then one row lies in
//! the quarantine where it can be seen.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use arrow::array::{Array, AsArray, RecordBatch};
use diptych_event::log::Kind;
use memmap2::Mmap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::hash::{content_hashes, id_hash};
use crate::log::{Log, LogFile};
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
    /// Log files whose ids are in the runs.
    covered: BTreeSet<String>,
    /// The runs, oldest first; those of older versions were names alone, so their cards are not read.
    runs: Vec<RunCard>,
    /// Number of the next run.
    next: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RunCard {
    name: String,
    n_keys: usize,
}

/// Keys in ascending order, mapped into memory.
///
/// The upper bytes of the ids are left out: keys with the same ones make a part, and the file begins with where each part
/// begins, as u64, one more than there are parts. Of each key follow the other bytes of its id and those of its content.
struct Run {
    map: Mmap,
    n_keys: usize,
    /// Upper bytes of ids that are left out.
    n_upper: usize,
}

const START_BYTES: usize = size_of::<u64>();
const CONTENT_BYTES: usize = size_of::<u32>();

/// Returns how many upper bytes of ids are left out among so many: as many as leave 16 keys to a part or more, so that where it
/// begins takes less than what its keys leave out.
fn n_upper(n_keys: usize) -> usize {
    match n_keys {
        0..0x1000 => 0,
        0x1000..0x10_0000 => 1,
        _ => 2,
    }
}

/// Returns the part of an id.
fn part_of(id: u64, n_upper: usize) -> usize {
    (id.rotate_left(8 * n_upper as u32) & ((1 << (8 * n_upper)) - 1)) as usize
}

impl Run {
    fn open(path: &Path, n_keys: usize) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "opening"))?;
        // SAFETY: runs are written once under a new name and only ever deleted, never changed.
        let map = unsafe { Mmap::map(&file) }.map_err(StoreError::io(path, "mapping"))?;
        let run = Self { map, n_keys, n_upper: n_upper(n_keys) };
        if run.place(n_keys) != Some(run.map.len()) {
            return Err(StoreError::damaged(path, "its length is not that of its keys"));
        }
        let starts = (0..=run.n_parts()).map(|part| run.start(part));
        let (first, last) = (run.start(0), run.start(run.n_parts()));
        if first != 0 || last != n_keys || !starts.is_sorted() {
            return Err(StoreError::damaged(path, "its parts do not follow each other"));
        }
        Ok(run)
    }

    fn n_parts(&self) -> usize {
        1 << (8 * self.n_upper)
    }

    /// Returns the first key of a part, or the number of keys after the last part.
    fn start(&self, part: usize) -> usize {
        u64::from_le_bytes(self.map[START_BYTES * part..][..START_BYTES].try_into().expect("8 bytes")) as usize
    }

    /// Returns where a key begins in the file; `None` where no file is so long.
    fn place(&self, idx: usize) -> Option<usize> {
        let key_bytes = size_of::<u64>() - self.n_upper + CONTENT_BYTES;
        idx.checked_mul(key_bytes)?.checked_add(START_BYTES * (self.n_parts() + 1))
    }

    #[inline]
    fn key(&self, part: usize, idx: usize) -> Key {
        let place = self.place(idx).expect("the file was found to be so long");
        let content = self.map[place + size_of::<u64>() - self.n_upper..][..CONTENT_BYTES].try_into().expect("4 bytes");
        // With the lower bytes of the id come some of the content, in the place of the upper ones.
        let id = u64::from_le_bytes(self.map[place..][..size_of::<u64>()].try_into().expect("8 bytes"));
        let n_upper_bits = 8 * self.n_upper as u32;
        Key { id: id & u64::MAX >> n_upper_bits | (part as u64).rotate_right(n_upper_bits), content: u32::from_le_bytes(content) }
    }

    /// Walks the keys in ascending order.
    fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        let mut part = 0;
        (0..self.n_keys).map(move |idx| {
            while idx >= self.start(part + 1) {
                part += 1;
            }
            self.key(part, idx)
        })
    }

    /// Returns the first key whose id is at least `id`, if it is in the same part, and sets `position` to its position, which is
    /// not before; by doubling steps.
    fn seek(&self, position: &mut usize, id: u64) -> Option<Key> {
        let part = part_of(id, self.n_upper);
        let end = self.start(part + 1);
        let (mut lo, mut step) = (self.start(part).max(*position), 1);
        while lo + step < end && self.key(part, lo + step).id < id {
            lo += step;
            step *= 2;
        }
        let mut hi = (lo + step).min(end);
        while lo < hi {
            let middle = (lo + hi) / 2;
            if self.key(part, middle).id < id { lo = middle + 1 } else { hi = middle }
        }
        *position = lo;
        (lo < end).then(|| self.key(part, lo))
    }
}

impl Ids {
    /// Opens the index of a workspace; one that is absent, damaged or of an older version is empty and will be made again.
    pub fn open(workspace: &Workspace) -> Result<Self, StoreError> {
        let folder = workspace.store("ids");
        let card: Option<Card> = fs::read(folder.join("card.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let known = card.and_then(|card| {
            let runs: Result<Vec<Run>, StoreError> = card.runs.iter().map(|run| Run::open(&folder.join(&run.name), run.n_keys)).collect();
            Some((card, runs.ok()?))
        });
        let (card, runs) = known.unwrap_or_else(|| {
            // Runs that no card speaks of are of no use to anybody.
            let _ = fs::remove_dir_all(&folder);
            (Card::default(), Vec::new())
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
        let files: Vec<LogFile> = log.files()?.into_iter().filter(|file| !self.covers(&file.name)).collect();
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
        std::thread::scope(|scope| {
            // Threads read files in turn, one ahead of what is added; they end when nobody takes any more.
            let read = |thread: usize| {
                let (sender, receiver) = sync_channel(1);
                let paths: Vec<PathBuf> = files.iter().skip(thread).step_by(n_threads).map(|file| log.root().join(&file.name)).collect();
                scope.spawn(move || paths.iter().try_for_each(|path| sender.send(keys_of_file(path))));
                receiver
            };
            let threads: Vec<_> = (0..n_threads).map(read).collect();
            for (file, thread) in files.iter().zip(threads.iter().cycle()) {
                let keys = thread.recv().expect("each of its files is sent")?;
                self.add(&keys, &file.name)?;
            }
            Ok(())
        })
    }

    /// Says what is known about each of some keys in ascending order. O(keys × log(index / keys)).
    pub fn look_up(&self, keys: &[Key]) -> Vec<Known> {
        let mut known = vec![Known::New; keys.len()];
        for run in &self.runs {
            let mut position = 0;
            for (key, known) in keys.iter().zip(&mut known) {
                if let Some(found) = run.seek(&mut position, key.id).filter(|found| found.id == key.id) {
                    *known = if found.content == key.content { Known::Same } else { Known::Conflict };
                }
            }
        }
        known
    }

    /// Adds new keys in ascending order, which stand in `log_file`.
    pub fn add(&mut self, keys: &[Key], log_file: &str) -> Result<(), StoreError> {
        let mut stale = Vec::new();
        if !keys.is_empty() {
            // A run is merged with the new keys and all runs after it, once, unless it is more than twice as long as these.
            let (mut n_kept, mut n_keys) = (self.runs.len(), keys.len());
            while n_kept > 0 && self.runs[n_kept - 1].n_keys <= 2 * n_keys {
                n_kept -= 1;
                n_keys += self.runs[n_kept].n_keys;
            }
            let merged = self.runs.split_off(n_kept);
            stale = self.card.runs.split_off(n_kept);
            let mut sources: Vec<Box<dyn Iterator<Item = Key> + '_>> = vec![Box::new(keys.iter().copied())];
            sources.extend(merged.iter().map(|run| Box::new(run.keys()) as Box<dyn Iterator<Item = Key>>));
            self.push_run(n_keys, &mut Merged::new(sources))?;
        }
        self.card.covered.insert(log_file.to_owned());
        write_atomically(&self.folder.join("card.json"), &serde_json::to_vec(&self.card).expect("a card is plain data"))?;
        for run in stale {
            let _ = fs::remove_file(self.folder.join(run.name));
        }
        Ok(())
    }

    fn push_run(&mut self, n_keys: usize, keys: &mut dyn Iterator<Item = Key>) -> Result<(), StoreError> {
        let name = format!("{:08}.run", self.card.next);
        let path = self.folder.join(&name);
        let n_upper = n_upper(n_keys);
        let mut starts = vec![0_u64; (1 << (8 * n_upper)) + 1];
        let as_bytes = |starts: &[u64]| starts.iter().flat_map(|start| start.to_le_bytes()).collect::<Vec<u8>>();
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            // Where parts begin is known when all keys are written.
            file.write_all(&as_bytes(&starts))?;
            for key in keys {
                starts[part_of(key.id, n_upper) + 1] += 1;
                let n_lower = size_of::<u64>() - n_upper;
                let lower = u128::from(key.id & u64::MAX >> (8 * n_upper));
                let bytes = (lower | u128::from(key.content) << (8 * n_lower)).to_le_bytes();
                file.write_all(&bytes[..n_lower + CONTENT_BYTES])?;
            }
            (1..starts.len()).for_each(|part| starts[part] += starts[part - 1]);
            let mut file = file.into_inner()?;
            file.rewind()?;
            file.write_all(&as_bytes(&starts))?;
            file.sync_data()
        };
        write().map_err(StoreError::io(&path, "writing the index of ids"))?;
        self.runs.push(Run::open(&path, n_keys)?);
        self.card.runs.push(RunCard { name, n_keys });
        self.card.next += 1;
        Ok(())
    }
}

/// Merges keys that come in ascending order from several sources.
struct Merged<'a> {
    /// The next key of each source that has one.
    next: BinaryHeap<Reverse<(Key, usize)>>,
    sources: Vec<Box<dyn Iterator<Item = Key> + 'a>>,
}

impl<'a> Merged<'a> {
    fn new(mut sources: Vec<Box<dyn Iterator<Item = Key> + 'a>>) -> Self {
        let next = sources.iter_mut().enumerate().filter_map(|(idx, source)| Some(Reverse((source.next()?, idx)))).collect();
        Self { next, sources }
    }
}

impl Iterator for Merged<'_> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let mut least = self.next.peek_mut()?;
        let Reverse((key, source)) = *least;
        match self.sources[source].next() {
            Some(following) => *least = Reverse((following, source)),
            None => drop(PeekMut::pop(least)),
        }
        Some(key)
    }
}

/// Returns the keys of the events of a log file that have ids, in ascending order.
fn keys_of_file(path: &Path) -> Result<Vec<Key>, StoreError> {
    let read = || -> Result<Vec<Key>, Box<dyn std::error::Error>> {
        let mut keys = Vec::new();
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
            keys.extend(keys_of(&batch?));
        }
        keys.sort_unstable();
        Ok(keys)
    };
    read().map_err(|error| StoreError::damaged(path, error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_runs_of_every_length() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(dir.path()).unwrap();
        let key = |n: u64| Key::new(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n << 32);
        let sorted = |numbers: &mut dyn Iterator<Item = u64>| {
            let mut keys: Vec<Key> = numbers.map(key).collect();
            keys.sort_unstable();
            keys
        };
        // Even numbers are added, part by part, so that runs are merged; the last one is so long that two bytes are left out.
        let mut n_added = 0;
        for n_new in [1, 1_000, 10_000, 3, 0x10_0000] {
            let mut ids = Ids::open(&workspace).unwrap();
            ids.add(&sorted(&mut (n_added..n_added + n_new).map(|n| 2 * n)), &format!("{n_added}.parquet")).unwrap();
            n_added += n_new;
            let ids = Ids::open(&workspace).unwrap();
            assert!(ids.covers("0.parquet") && !ids.covers("other.parquet"));
            assert_eq!(ids.card.runs.iter().map(|run| run.n_keys as u64).sum::<u64>(), n_added);
            let some = sorted(&mut (0..2_000).map(|n| n * 7_919 % (4 * n_added)));
            for (found, wanted) in ids.look_up(&some).into_iter().zip(&some) {
                let number = u64::from(wanted.content);
                let expected = if number % 2 == 0 && number < 2 * n_added { Known::Same } else { Known::New };
                assert_eq!(found, expected, "{number} of {n_added}");
            }
            let others: Vec<Key> = some.iter().map(|key| Key { content: !key.content, ..*key }).collect();
            let n_conflicts = ids.look_up(&others).into_iter().filter(|known| *known == Known::Conflict).count();
            assert_eq!(n_conflicts, ids.look_up(&some).into_iter().filter(|known| *known == Known::Same).count());
            assert!(n_conflicts > 0);
        }
        let ids = Ids::open(&workspace).unwrap();
        assert_eq!(ids.runs.iter().map(|run| run.n_upper).collect::<Vec<_>>(), [2]);
    }
}
