//! `PUT /api/files/{name}`: a file into the workspace's data folder, whole or not at all.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::{Path as Part, State};
use axum::response::Response;
use diptych_engine::SPEC_FILE;
use diptych_engine::inventory::{DATA_FOLDER, Upload};
use tokio::io::AsyncWriteExt;
use tokio_stream::StreamExt;

use crate::problem::Problem;
use crate::request::answer_json;
use crate::state::{App, Served};

/// Longest name of a file in bytes: what file systems take, less what a temporary name needs.
const NAME_BYTES_MAX: usize = 200;

/// A file that is being written; removed unless it is finished.
struct Unfinished {
    path: PathBuf,
    is_finished: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Takes a file.
pub async fn put(State(app): State<App>, Part(name): Part<String>, body: Body) -> Result<Response, Problem> {
    let path = path_of(&app, &name)?;
    let disk = |error: std::io::Error| Problem::new("disk", format!("{name} cannot be written: {error}"));
    let temporary = path.with_file_name(format!(".{}.part", uuid::Uuid::new_v4().simple()));
    let mut unfinished = Unfinished { path: temporary, is_finished: false };
    let mut file = tokio::fs::File::create(&unfinished.path).await.map_err(disk)?;
    let mut chunks = body.into_data_stream();
    let mut n_bytes = 0_u64;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Problem::wrong(format!("{name} did not come whole: {error}")))?;
        n_bytes += chunk.len() as u64;
        if n_bytes > app.options.upload_bytes {
            return Err(Problem::new("too_large", format!("{name} has more than {} bytes", app.options.upload_bytes)));
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.sync_all().await.map_err(disk)?;
    drop(file);
    tokio::fs::rename(&unfinished.path, &path).await.map_err(disk)?;
    unfinished.is_finished = true;
    Ok(answer_json(&Upload { file: name, bytes: n_bytes }))
}

/// Returns where a file of the data folder lies, making the folder; refuses names that lead elsewhere.
fn path_of(app: &Served, name: &str) -> Result<PathBuf, Problem> {
    check_name(name)?;
    let root = &app.options.root;
    if !root.join(SPEC_FILE).exists() {
        return Err(Problem::new("gone", format!("the folder of the workspace has no {SPEC_FILE} any more")));
    }
    let folder = root.join(DATA_FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| Problem::new("disk", format!("{} cannot be made: {error}", folder.display())))?;
    Ok(folder.join(name))
}

/// Returns the path of a file that lies in the data folder.
pub fn known(root: &Path, name: &str) -> Result<PathBuf, Problem> {
    check_name(name)?;
    let path = root.join(DATA_FOLDER).join(name);
    match path.is_file() {
        true => Ok(path),
        false => {
            Err(Problem::new("not_found", format!("there is no file {name} in {DATA_FOLDER}/")).fix("PUT /api/files/{name} sends it."))
        }
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let leads_elsewhere = name.contains(['/', '\\', ':']) || name.starts_with('.') || name.chars().any(char::is_control);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || leads_elsewhere {
        return Err(Problem::wrong(format!(
            "\"{}\" cannot be the name of a file here: no / \\ or :, no dot in front, at most {NAME_BYTES_MAX} bytes",
            name.escape_debug()
        ))
        .at_field("name"));
    }
    Ok(())
}
