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
pub const FORMAT: u32 = 6;

/// Shards that a new workspace has: enough for the cores of a large machine, few enough for a small file each.
const N_SHARDS: u32 = 64;

/// A folder with a store.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    n_shards: u32,
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Card {
    format: u32,
    n_shards: u32,
}

impl Workspace {
    /// Makes the store of a new workspace; keeps one that exists.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        Self::create_with_shards(root, N_SHARDS)
    }

    /// Makes the store of a new workspace with a number of shards of its own.
    pub fn create_with_shards(root: &Path, n_shards: u32) -> Result<Self, StoreError> {
        let card = root.join("store/workspace.json");
        if card.exists() {
            return Self::open(root);
        }
        fs::create_dir_all(root.join("store")).map_err(StoreError::io(&root.join("store"), "making the store"))?;
        write_card(root, &Card { format: FORMAT, n_shards })?;
        Ok(Self { root: root.to_owned(), n_shards, format: FORMAT })
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
        Ok(Self { root: root.to_owned(), n_shards: card.n_shards.max(1), format: card.format })
    }

    /// Says that the store is written in this program's format from now on, so that an older program refuses it.
    pub(crate) fn raise_format(&self, _lock: &WriteLock) -> Result<(), StoreError> {
        if self.format == FORMAT {
            return Ok(());
        }
        write_card(&self.root, &Card { format: FORMAT, n_shards: self.n_shards })
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the number of shards.
    pub fn n_shards(&self) -> usize {
        self.n_shards as usize
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
