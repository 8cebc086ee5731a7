//! Timelines: the log's events, sorted by actor and time, as columns that are mapped into memory without decoding.
//!
//! A generation is a set of segments; each segment holds every shard's part of some log files.
//! New events become a small segment with the whole timelines of their actors; larger ones stay as they are, and are
//! compacted later (docs/store.md).

pub mod accounts;
mod build;
mod deal;
mod segment;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diptych_event::Names;
use diptych_event::timeline::ColumnKind;
use serde::{Deserialize, Serialize};

pub use build::{Progress, update};
pub use deal::{Amend, Amended, Dealer, DealtRow, DealtValue};
pub use segment::ShardData;

use crate::StoreError;
use crate::log::Log;
use crate::relations::Relations;
use crate::workspace::{FORMAT, Workspace};

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
    /// Segments, oldest first; an actor counts where it stands in the newest.
    pub segments: Vec<SegmentCard>,
    /// The format that the segments are of; 0 for 3 and before.
    #[serde(default)]
    pub format: u32,
    /// Shards of each segment.
    #[serde(default)]
    pub n_shards: usize,
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

impl Card {
    /// Tells whether the segments are read as this version writes them; if not, they are made anew.
    pub fn is_readable(&self) -> bool {
        self.format == FORMAT
    }
}

/// A segment's file names and size.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SegmentCard {
    pub rows: String,
    pub actors: String,
    /// Empty in older workspaces.
    #[serde(default)]
    pub index: String,
    pub n_rows: u64,
    /// Positions of the text columns in which no value is missing.
    #[serde(default)]
    pub complete: Vec<usize>,
    /// The least and the largest whole number of each column, or code of a text; more where that was not known.
    #[serde(default)]
    pub spans: Vec<(i64, i64)>,
    /// Rows of actors who stand in a later segment too.
    #[serde(default)]
    pub n_replaced: u64,
    /// Rows that were new when it was written, those of the segments merged into it included; all of them unless said.
    #[serde(default)]
    pub n_new: Option<u64>,
}

impl SegmentCard {
    /// Returns the number of rows that count.
    pub fn n_live(&self) -> u64 {
        self.n_rows - self.n_replaced
    }

    /// Returns the number of rows that it brought: how large it is for the question of what to merge.
    pub fn n_new(&self) -> u64 {
        self.n_new.unwrap_or(self.n_rows)
    }
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

/// By folder: the card, and what it describes.
type OpenTimelines = BTreeMap<PathBuf, (Vec<u8>, Arc<Timelines>)>;

/// What stays open from question to question: timelines as long as their card is the same, records as long as the log is.
///
/// Useful for: whoever asks more than once; dictionaries and records are read once, and files stay mapped.
#[derive(Default)]
pub struct KeptOpen {
    /// The workspace's card as it was read last.
    card: Mutex<Option<(Vec<u8>, Arc<Card>)>>,
    timelines: Mutex<OpenTimelines>,
    /// The newest commit of the log, and the records as it left them.
    relations: Mutex<Option<(Vec<u8>, Arc<Relations>)>>,
}

impl KeptOpen {
    /// Returns the card of a workspace, reading what it says only where it is another one than before; `None` without one.
    fn card(&self, workspace: &Workspace) -> Result<Option<Arc<Card>>, StoreError> {
        let folder = folder(workspace);
        let Some(text) = read_card_text(&folder)? else { return Ok(None) };
        let mut kept = self.card.lock().expect(NO_PANIC);
        if let Some((_, card)) = kept.as_ref().filter(|(known, _)| *known == text) {
            return Ok(Some(card.clone()));
        }
        let card = Arc::new(parse_card(&folder, &text)?);
        *kept = Some((text, card.clone()));
        Ok(Some(card))
    }

    /// Returns the timelines that lie in a folder with a card, opening them where they are not open; `None` without a card
    /// that this version reads.
    fn open(&self, folder: &Path) -> Result<Option<Arc<Timelines>>, StoreError> {
        let Some(text) = read_card_text(folder)? else { return Ok(None) };
        let kept = |kept: &mut OpenTimelines| {
            kept.retain(|folder, _| folder.exists());
            kept.get(folder).filter(|(known, _)| *known == text).map(|(_, timelines)| timelines.clone())
        };
        if let Some(timelines) = kept(&mut self.timelines.lock().expect(NO_PANIC)) {
            return Ok(Some(timelines));
        }
        let card = parse_card(folder, &text)?;
        if !card.is_readable() {
            return Ok(None);
        }
        let timelines = Arc::new(Timelines::open_card(folder, &card)?);
        self.timelines.lock().expect(NO_PANIC).insert(folder.to_owned(), (text, timelines.clone()));
        Ok(Some(timelines))
    }

    /// Returns the records of a log, reading them where it has grown since.
    fn relations(&self, workspace: &Workspace) -> Result<Arc<Relations>, StoreError> {
        // A commit names files that no other commit has: it tells this log from one that was made in its place.
        let commit = Log::newest_commit(workspace)?;
        if let Some((_, relations)) = self.relations.lock().expect(NO_PANIC).as_ref().filter(|(known, _)| *known == commit) {
            return Ok(relations.clone());
        }
        let relations = Arc::new(Relations::read(&Log::open(workspace)?)?);
        // What was read may be of a later commit: then it is read once more next time.
        if Log::newest_commit(workspace)? == commit {
            *self.relations.lock().expect(NO_PANIC) = Some((commit, relations.clone()));
        }
        Ok(relations)
    }
}

const NO_PANIC: &str = "nothing panics while timelines are looked up";

impl Timelines {
    /// Opens the timelines of a workspace; `None` when there are none.
    pub fn open(workspace: &Workspace, kept: &KeptOpen) -> Result<Option<Arc<Self>>, StoreError> {
        // A writer may replace the generation between reading the card and opening its files: then the new card is read.
        for _ in 0..10 {
            match kept.open(&folder(workspace)) {
                Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                result => return result,
            }
        }
        Err(StoreError::damaged(&folder(workspace), "files that its card names are missing"))
    }

    fn open_card(folder: &Path, card: &Card) -> Result<Self, StoreError> {
        if card.n_shards == 0 {
            return Err(StoreError::damaged(&folder.join(CARD), "it says nothing of shards"));
        }
        let (names, dictionaries) = match &card.dictionaries {
            Some(name) => segment::read_dictionaries(&folder.join(name), &card.columns)?,
            None => (Names::default(), card.columns.iter().map(|_| Names::default()).collect()),
        };
        let segments: Result<Vec<_>, _> =
            card.segments.iter().map(|segment| segment::Segment::open(folder, segment, &card.columns, card.n_shards)).collect();
        Ok(Self {
            names,
            columns: card.columns.clone(),
            dictionaries,
            overflowed: card.overflowed.clone(),
            span_us: card.span_us,
            n_rows: card.segments.iter().map(SegmentCard::n_live).sum(),
            sources: card.sources.clone(),
            sources_of_name: card.sources_of_name.clone(),
            n_identified: card.n_identified,
            n_merged: card.n_merged,
            // File numbers begin again after a rebuild; the log only grows.
            generation: format!(
                "{} {:?} {:?}",
                card.covered.len(),
                card.dictionaries,
                card.segments.iter().map(|segment| &segment.rows).collect::<Vec<_>>()
            ),
            segments: segments?,
            n_shards: card.n_shards,
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

    /// Returns the parts of one shard, mapped: one per segment, each with whole timelines of actors that no other has.
    ///
    /// O(1) with one segment, else O(actors of the shard).
    pub fn parts(&self, shard_idx: usize) -> Result<Vec<ShardData>, StoreError> {
        let mut parts = self.parts_by_segment(shard_idx)?;
        parts.retain(|part| part.n_actors() > 0);
        Ok(parts)
    }

    /// Returns what counts of one shard, in the order of the segments.
    fn parts_by_segment(&self, shard_idx: usize) -> Result<Vec<ShardData>, StoreError> {
        let parts: Result<Vec<ShardData>, _> = self.segments.iter().map(|segment| segment.shard(shard_idx, &self.columns)).collect();
        let mut parts = parts?;
        for idx in 0..parts.len() {
            let (part, later) = parts[idx..].split_first().expect("there is a part at its position");
            if later.is_empty() {
                break;
            }
            let mut replaced = vec![false; part.n_actors()];
            later.iter().for_each(|later| part.mark_replaced(later, &mut replaced));
            let kept: Vec<bool> = replaced.iter().map(|replaced| !replaced).collect();
            parts[idx] = part.clone().only(&kept);
        }
        Ok(parts)
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
    pub fn covers(workspace: &Workspace, wanted: &Wanted, kept: &KeptOpen) -> Result<bool, StoreError> {
        let Some(card) = kept.card(workspace)? else { return Ok(false) };
        let as_wanted = card.is_readable() && card.columns == wanted.columns && card.identity_backfill_us == wanted.identity_backfill_us;
        Ok(as_wanted && card.log_version == Some(Log::newest_version(workspace)?))
    }

    /// Reads what the log says besides events; without opening it where the timelines know that this is nothing.
    pub fn relations(workspace: &Workspace, kept: &KeptOpen) -> Result<Arc<Relations>, StoreError> {
        let card = kept.card(workspace)?.filter(|card| !card.has_relations);
        if let Some(card) = card
            && card.log_version == Some(Log::newest_version(workspace)?)
        {
            return Ok(Arc::default());
        }
        kept.relations(workspace)
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

const CARD: &str = "card.json";

fn read_card(workspace: &Workspace) -> Result<Option<Card>, StoreError> {
    let folder = folder(workspace);
    read_card_text(&folder)?.map(|text| parse_card(&folder, &text)).transpose()
}

fn read_card_text(folder: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let path = folder.join(CARD);
    match fs::read(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(&path, "reading")(error)),
    }
}

fn parse_card(folder: &Path, text: &[u8]) -> Result<Card, StoreError> {
    serde_json::from_slice(text).map_err(|error| StoreError::damaged(&folder.join(CARD), error))
}
