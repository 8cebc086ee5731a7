//! Timelines: the log's events, sorted by actor and time, as columns that are mapped into memory without decoding.
//!
//! A generation is a set of segments; each segment holds every shard's part of some log files.
//! New events become a small segment, which is merged while reading and compacted later (docs/store.md).

pub mod accounts;
mod build;
mod segment;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use diptych_event::Names;
use diptych_event::timeline::ColumnKind;
use serde::{Deserialize, Serialize};

pub use build::{Amend, Amended, Dealer, DealtRow, DealtValue, Progress, update};
pub use segment::ShardData;

use crate::StoreError;
use crate::log::Log;
use crate::relations::Relations;
use crate::workspace::Workspace;

/// Most distinct texts of a column that timelines hold; a column with more is asked about through SQL.
pub const MAX_DISTINCT: usize = 1_000_000;

/// Prefix of actors that were never identified.
pub const ANONYMOUS: &str = "anonymous:";

/// Log column of [`ColumnSpec`] that tells which id named a row's actor: `user`, `anonymous` or `account`.
pub const ACTOR_KIND: &str = "(actor kind)";

/// What timelines are asked to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Columns beside time and name.
    pub columns: Vec<ColumnSpec>,
    /// How long before an identification an anonymous event still belongs to it, in microseconds.
    pub identity_backfill_us: i64,
    /// Whether some source has anonymous ids.
    pub has_anonymous: bool,
}

/// A column that timelines hold, as the spec asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// Name in questions.
    pub name: String,
    /// Column in the log.
    pub log_column: String,
    /// Kind of the values.
    pub kind: ColumnKind,
}

/// What one generation of timelines is made of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Card {
    /// Columns beside time and name.
    pub columns: Vec<ColumnSpec>,
    /// Columns that had too many distinct values to be held.
    pub overflowed: BTreeSet<String>,
    /// Log files whose events are in the segments.
    pub covered: BTreeSet<String>,
    /// Version of the log that these are.
    #[serde(default)]
    pub log_version: Option<u64>,
    /// Whether the log says more than events.
    #[serde(default = "unknown_means_yes")]
    pub has_relations: bool,
    /// Segments, oldest first.
    pub segments: Vec<SegmentCard>,
    /// Name of the dictionaries' file.
    pub dictionaries: Option<String>,
    /// Number of the next file.
    pub next: u64,
    /// First and last instant in microseconds.
    pub span_us: Option<(i64, i64)>,
    /// Sources and their last events.
    #[serde(default)]
    pub sources: Vec<SourceCard>,
    /// Sources of each event name as bits of their positions, the 64th standing for all from there on; shape `[names]`.
    #[serde(default)]
    pub sources_of_name: Vec<u64>,
    /// What the actors of rows were found by, besides the log's identifications.
    #[serde(default)]
    pub identity_key: String,
    /// The part of `identity_key` that the spec says.
    #[serde(default)]
    pub identity_backfill_us: i64,
    /// Anonymous ids that were ever identified.
    #[serde(default)]
    pub n_identified: u64,
    /// Known ids that were merged into another.
    #[serde(default)]
    pub n_merged: u64,
}

fn unknown_means_yes() -> bool {
    true
}

/// A source and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCard {
    /// Name in the spec.
    pub name: String,
    /// Last accepted event in microseconds.
    pub last_us: i64,
}

/// A segment's file names and size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SegmentCard {
    pub rows: String,
    pub actors: String,
    pub n_rows: u64,
}

/// The timelines of a workspace at one moment; later writes do not change them.
pub struct Timelines {
    /// Event names.
    pub names: Names,
    /// Columns beside time and name, in the order of the shards' columns.
    pub columns: Vec<ColumnSpec>,
    /// Dictionaries of the text columns; empty for the others.
    pub dictionaries: Vec<Names>,
    /// Columns that had too many distinct values to be held.
    pub overflowed: BTreeSet<String>,
    /// First and last instant in microseconds.
    pub span_us: Option<(i64, i64)>,
    /// Number of events.
    pub n_rows: u64,
    /// Sources and their last events.
    pub sources: Vec<SourceCard>,
    /// Sources of each event name as bits of their positions, the 64th standing for all from there on; shape `[names]`.
    pub sources_of_name: Vec<u64>,
    /// Anonymous ids that were ever identified.
    pub n_identified: u64,
    /// Known ids that were merged into another.
    pub n_merged: u64,
    /// Tells one generation from every other.
    pub generation: String,
    segments: Vec<segment::Segment>,
    n_shards: usize,
}

impl Timelines {
    /// Opens the timelines of a workspace; `None` when there are none.
    pub fn open(workspace: &Workspace) -> Result<Option<Self>, StoreError> {
        // A writer may replace the generation between reading the card and opening its files: then the new card is read.
        for _ in 0..10 {
            let Some(card) = read_card(workspace)? else { return Ok(None) };
            match Self::open_card(&folder(workspace), &card, workspace.n_shards()) {
                Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                result => return result.map(Some),
            }
        }
        Err(StoreError::damaged(&folder(workspace), "files that its card names are missing"))
    }

    fn open_card(folder: &Path, card: &Card, n_shards: usize) -> Result<Self, StoreError> {
        let (names, dictionaries) = match &card.dictionaries {
            Some(name) => segment::read_dictionaries(&folder.join(name), &card.columns)?,
            None => (Names::default(), card.columns.iter().map(|_| Names::default()).collect()),
        };
        let segments: Result<Vec<_>, _> = card.segments.iter().map(|card| segment::Segment::open(folder, card, n_shards)).collect();
        Ok(Self {
            names,
            columns: card.columns.clone(),
            dictionaries,
            overflowed: card.overflowed.clone(),
            span_us: card.span_us,
            n_rows: card.segments.iter().map(|segment| segment.n_rows).sum(),
            sources: card.sources.clone(),
            sources_of_name: card.sources_of_name.clone(),
            n_identified: card.n_identified,
            n_merged: card.n_merged,
            generation: format!("{:?} {:?}", card.dictionaries, card.segments.iter().map(|segment| &segment.rows).collect::<Vec<_>>()),
            segments: segments?,
            n_shards,
        })
    }

    /// Returns the number of shards.
    pub fn n_shards(&self) -> usize {
        self.n_shards
    }

    /// Returns the number of segments.
    pub fn n_segments(&self) -> usize {
        self.segments.len()
    }

    /// Returns one shard: mapped when there is one segment, merged in memory when there are several.
    pub fn shard(&self, shard_idx: usize) -> Result<ShardData, StoreError> {
        let parts: Result<Vec<ShardData>, _> = self.segments.iter().map(|segment| segment.shard(shard_idx, &self.columns)).collect();
        ShardData::merge(parts?, &self.columns)
    }

    /// Returns the actors whose ids begin with `prefix`, without it.
    fn actors_with_prefix(&self, prefix: &str) -> Result<BTreeSet<String>, StoreError> {
        let mut found = BTreeSet::new();
        for shard_idx in 0..self.n_shards {
            for segment in &self.segments {
                segment.shard(shard_idx, &self.columns)?.with(|shard| {
                    found.extend(shard.actors.iter().filter_map(|actor| actor.strip_prefix(prefix)).map(str::to_owned));
                });
            }
        }
        Ok(found)
    }

    /// Tells whether the timelines are those of the newest log, with the columns and identity asked for.
    pub fn covers(workspace: &Workspace, wanted: &Wanted) -> Result<bool, StoreError> {
        let Some(card) = read_card(workspace)? else { return Ok(false) };
        let as_wanted = card.columns == wanted.columns && card.identity_backfill_us == wanted.identity_backfill_us;
        Ok(as_wanted && card.log_version == Some(Log::newest_version(workspace)?))
    }

    /// Reads what the log says besides events; without opening it where the timelines know that this is nothing.
    pub fn relations(workspace: &Workspace) -> Result<Relations, StoreError> {
        let card = read_card(workspace)?.filter(|card| !card.has_relations);
        if let Some(card) = card
            && card.log_version == Some(Log::newest_version(workspace)?)
        {
            return Ok(Relations::default());
        }
        Relations::read(&Log::open(workspace)?)
    }

    /// Removes all timelines, so that the next update makes them anew.
    pub fn remove(workspace: &Workspace) -> Result<(), StoreError> {
        let folder = folder(workspace);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io(&folder, "removing")(error)),
            _ => Ok(()),
        }
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.store("timelines")
}

fn read_card(workspace: &Workspace) -> Result<Option<Card>, StoreError> {
    let path = folder(workspace).join("card.json");
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| StoreError::damaged(&path, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(&path, "reading")(error)),
    }
}
