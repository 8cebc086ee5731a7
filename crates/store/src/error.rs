//! What can go wrong with a workspace folder.

use std::path::{Path, PathBuf};

/// Why a workspace cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no workspace in the folder.
    #[error("{} is not a Diptych workspace: it has no {missing}; make one with `diptych init {} --from FILE…`", root.display(), root.display())]
    NotAWorkspace {
        /// The folder.
        root: PathBuf,
        /// What was looked for.
        missing: &'static str,
    },
    /// The workspace was written by a newer program.
    #[error("{}: this workspace has format {found}, and this diptych reads up to format {}; use a newer diptych", root.display(), crate::FORMAT)]
    Newer {
        /// The folder.
        root: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another process writes the workspace.
    #[error("{}: another process is writing this workspace{}; wait for it to finish, questions can be asked meanwhile", root.display(), holder)]
    Locked {
        /// The folder.
        root: PathBuf,
        /// ` (process 123)`, when known.
        holder: String,
    },
    /// The operating system refused.
    #[error("{}: {doing} failed: {source}{}", path.display(), hint(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of the store is damaged.
    #[error("{}: {what}; `diptych rebuild` makes everything but the log anew", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The Delta log refused.
    #[error("{}: {doing} failed: {what}", path.display())]
    Log {
        /// The log's folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The library's reason.
        what: String,
    },
}

fn hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::StorageFull => {
            " (the disk is full; free some space and run the same command again, it goes on where it stopped)"
        }
        std::io::ErrorKind::PermissionDenied => " (this user may not; check the owner and the rights of the folder)",
        _ => "",
    }
}

impl StoreError {
    /// Makes an error of the operating system.
    pub fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::Io { path, doing, source }
    }

    /// Makes an error of a damaged file.
    pub fn damaged(path: &Path, what: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { path: path.to_owned(), what: what.to_string() }
    }
}
