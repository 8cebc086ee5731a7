//! Timelines of accounts: derived from those of users by the engine, kept in a folder named by what they depend on.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::{Amend, CARD, Dealer, KeptOpen, Timelines};
use crate::StoreError;
use crate::workspace::{Workspace, write_atomically};

/// Opens the account timelines made for `key`; `None` when there are none.
pub fn open(workspace: &Workspace, key: &str, kept: &KeptOpen) -> Result<Option<Arc<Timelines>>, StoreError> {
    match kept.open(&folder(workspace).join(key)) {
        // Another process has just made newer ones and removed these.
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        result => result,
    }
}

/// Returns a folder of this process for rows that are many.
pub fn spill_folder(workspace: &Workspace) -> PathBuf {
    folder(workspace).join(format!("spill-{}", Uuid::new_v4().simple()))
}

/// Writes the account timelines of `key`, in which the columns `overflowed` are held in part; those of `stale` keys are removed.
///
/// Any process may do so at any time: the folder appears whole or not at all.
pub fn write<E: From<StoreError>>(
    workspace: &Workspace,
    key: &str,
    dealer: Dealer,
    overflowed: BTreeSet<String>,
    is_stale: impl Fn(&str) -> bool,
    amend: Amend<E>,
) -> Result<(), E> {
    let all = folder(workspace);
    let unfinished = all.join(format!("unfinished-{}", Uuid::new_v4().simple()));
    fs::create_dir_all(&unfinished).map_err(StoreError::io(&unfinished, "making"))?;
    let card = dealer.write(&unfinished, overflowed, amend)?;
    write_atomically(&unfinished.join(CARD), &serde_json::to_vec(&card).expect("a card is plain data"))?;
    let made = all.join(key);
    if fs::rename(&unfinished, &made).is_err() {
        // Another process was faster; what it made is the same.
        let _ = fs::remove_dir_all(&unfinished);
    }
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != key && is_stale(&name) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Removes all account timelines.
pub fn remove(workspace: &Workspace) -> Result<(), StoreError> {
    let folder = folder(workspace);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io(&folder, "removing")(error)),
        _ => Ok(()),
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.store("accounts")
}
