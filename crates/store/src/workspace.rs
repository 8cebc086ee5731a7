//! A workspace folder: its format, its paths and its one writer.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// The format of the store that this program writes, and the newest that it reads.
///
/// 2: timelines with codes of several widths, and an actor whole in one segment.
/// 3: timelines with an index of names and runs.
/// 4: the index tells when the rows of each name were, and which runs are somebody's first.
/// 5: the index tells each actor's first row of a name.
/// 6: the index tells what rows lead to; whole numbers of several widths, and texts that all rows share left out.
/// 7: timelines have as many shards as their rows ask for; runs tell how long they last, and the rest before.
pub const FORMAT: u32 = 7;

/// Rows that a shard has when there are neither few nor many: what is known of them stays in the cache of a core.
const SHARD_ROWS: u64 = 1 << 20;

/// Shards that timelines have: with few rows enough for the cores of a laptop, with many those of a large machine.
const FEWEST_SHARDS: u64 = 8;
const MOST_SHARDS: u64 = 64;

/// The last format in which every workspace said how many shards it has.
const FORMAT_OF_64_SHARDS: u32 = 6;

/// A folder with a store.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    /// The number of shards that was asked for, whatever the number of rows.
    asked_shards: Option<u32>,
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Card {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n_shards: Option<u32>,
}

impl Workspace {
    /// Makes the store of a new workspace; keeps one that exists.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        Self::create_with_shards(root, None)
    }

    /// Makes the store of a new workspace, with a number of shards of its own where one is given.
    pub fn create_with_shards(root: &Path, n_shards: Option<u32>) -> Result<Self, StoreError> {
        let card = root.join("store/workspace.json");
        if card.exists() {
            return Self::open(root);
        }
        fs::create_dir_all(root.join("store")).map_err(StoreError::io(&root.join("store"), "making the store"))?;
        write_card(root, &Card { format: FORMAT, n_shards })?;
        Ok(Self { root: root.to_owned(), asked_shards: n_shards, format: FORMAT })
    }

    /// Opens a workspace.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let path = root.join("store/workspace.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NotAWorkspace { root: root.to_owned(), missing: "store/workspace.json" });
            }
            Err(error) => return Err(StoreError::io(&path, "reading")(error)),
        };
        // A newer card may have other fields: the format is looked at first.
        let card: serde_json::Value = serde_json::from_slice(&text).map_err(|error| StoreError::damaged(&path, error))?;
        let found = card["format"].as_u64().ok_or_else(|| StoreError::damaged(&path, "it has no format"))? as u32;
        if found > FORMAT {
            return Err(StoreError::Newer { root: root.to_owned(), found });
        }
        let card: Card = serde_json::from_value(card).map_err(|error| StoreError::damaged(&path, error))?;
        let asked_shards = card.n_shards.filter(|n_shards| card.format > FORMAT_OF_64_SHARDS || *n_shards != 64);
        Ok(Self { root: root.to_owned(), asked_shards, format: card.format })
    }

    /// Says that the store is written in this program's format from now on, so that an older program refuses it.
    pub(crate) fn raise_format(&self, _lock: &WriteLock) -> Result<(), StoreError> {
        if self.format == FORMAT {
            return Ok(());
        }
        write_card(&self.root, &Card { format: FORMAT, n_shards: self.asked_shards })
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the number of shards for timelines of so many rows: one that was asked for, else a power of two.
    pub fn shards_for(&self, n_rows: u64) -> usize {
        let of_rows = || n_rows.div_ceil(SHARD_ROWS).next_power_of_two().clamp(FEWEST_SHARDS, MOST_SHARDS);
        self.asked_shards.map_or_else(of_rows, |asked| u64::from(asked.max(1))) as usize
    }

    /// Returns a path in the store.
    pub fn store(&self, name: &str) -> PathBuf {
        self.root.join("store").join(name)
    }

    /// Becomes the one writer; an error says who is.
    pub fn lock(&self) -> Result<WriteLock, StoreError> {
        let path = self.store("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(StoreError::io(&path, "opening the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() { holder } else { format!(" (process {})", holder.trim()) };
                return Err(StoreError::Locked { root: self.root.clone(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io(&path, "locking")(error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            write!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(StoreError::io(&path, "writing the lock"))?;
        Ok(WriteLock { _file: file })
    }
}

fn write_card(root: &Path, card: &Card) -> Result<(), StoreError> {
    write_atomically(&root.join("store/workspace.json"), &serde_json::to_vec(card).expect("a card is plain data"))
}

/// The right to write a workspace; given back when dropped, also by a process that dies.
#[derive(Debug)]
pub struct WriteLock {
    _file: File,
}

/// Writes a file so that a reader sees the old or the new content, never a part.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(StoreError::io(path, "writing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_ask_for_shards() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(dir.path()).unwrap();
        let cases = [(0, 8), (8 << 20, 8), ((8 << 20) + 1, 16), (10_000_000, 16), (33 << 20, 64), (1_000_000_000, 64), (u64::MAX, 64)];
        cases.iter().for_each(|(n_rows, n_shards)| assert_eq!(workspace.shards_for(*n_rows), *n_shards, "{n_rows} rows"));
    }

    #[test]
    fn a_number_that_was_asked_for_stays() {
        let dir = tempfile::tempdir().unwrap();
        Workspace::create_with_shards(dir.path(), Some(3)).unwrap();
        assert_eq!(Workspace::open(dir.path()).unwrap().shards_for(100_000_000), 3);
        // Before format 7 every card said a number, most of them 64, for which nobody had asked.
        for (card, n_shards) in
            [(r#"{"format":6,"n_shards":64}"#, 8), (r#"{"format":6,"n_shards":3}"#, 3), (r#"{"format":7,"n_shards":64}"#, 64)]
        {
            fs::write(dir.path().join("store/workspace.json"), card).unwrap();
            let workspace = Workspace::open(dir.path()).unwrap();
            assert_eq!(workspace.shards_for(1_000), n_shards, "{card}");
            workspace.raise_format(&workspace.lock().unwrap()).unwrap();
            assert_eq!(Workspace::open(dir.path()).unwrap().shards_for(1_000), n_shards, "{card}, raised");
        }
    }
}
