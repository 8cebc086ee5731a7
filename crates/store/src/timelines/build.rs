//! Making timelines from the log.
//!
//! Rows are dealt to shards while the log is read, spilled to disk when they become many, then sorted shard by shard:
//! memory is bounded by [`SPILL_ROWS`], one shard, and the distinct ids and texts.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use diptych_event::Names;
use diptych_event::log::{PROPERTY_PREFIX, TIMELINE_TEXT_FIELDS};
use diptych_event::timeline::NO_CODE;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use std::sync::Arc;

use super::segment::{
    ANY, Collected, CollectedColumn, NONE, Segment, SegmentWriter, Shape, ShardData, Span, rows_schema, write_dictionaries, write_error,
};
use super::{
    ACTOR_KIND, ANONYMOUS, CARD, Card, ColumnSpec, KeptOpen, MAX_DISTINCT, SegmentCard, SourceCard, Timelines, Wanted, folder, read_card,
};
use crate::StoreError;
use crate::hash::{content_hashes, id_hash, shard_of};
use crate::identity::Identity;
use crate::log::{Log, LogFile};
use crate::relations::Relations;
use crate::workspace::{FORMAT, Workspace, WriteLock, write_atomically};

/// Rows that are collected in memory before they are spilled.
const SPILL_ROWS: usize = 3 << 20;
/// Rows read from the log at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Hears of rows done and rows to do.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Brings the timelines up to the log: adds what is new, or makes all anew when the spec asks for other columns.
///
/// O(new rows log rows), plus all rows of actors who did something new and of small segments that are merged, and
/// O(actors) of all segments.
pub fn update(workspace: &Workspace, log: &Log, wanted: &Wanted, lock: &WriteLock, progress: Progress) -> Result<(), StoreError> {
    let folder = folder(workspace);
    let columns = wanted.columns.as_slice();
    fs::create_dir_all(&folder).map_err(StoreError::io(&folder, "making the timelines"))?;
    let files = log.files()?;
    let relations = Relations::read(log)?;
    let merges = &relations.merges;
    let identity_key = identity_key(wanted, merges);
    let old = read_card(workspace).ok().flatten().filter(|card| {
        card.columns == columns
            && card.identity_key == identity_key
            && card.covered.iter().all(|covered| files.iter().any(|file| file.name == *covered))
            && card.is_readable()
    });
    let mut old_timelines = match &old {
        Some(_) => Timelines::open(workspace, &KeptOpen::default()).ok().flatten(),
        None => None,
    };
    let mut identity = Identity::new(wanted.identity_backfill_us, merges);
    if wanted.has_anonymous {
        let (known, new): (Vec<&LogFile>, Vec<&LogFile>) =
            files.iter().partition(|file| old.as_ref().is_some_and(|card| card.covered.contains(&file.name)));
        known.iter().try_for_each(|file| identity.read(log, &file.name))?;
        identity.settle();
        let before = identity.clone();
        new.iter().try_for_each(|file| identity.read(log, &file.name))?;
        identity.settle();
        if let Some(old) = &old_timelines {
            let anonymous = old.actors_with_prefix(ANONYMOUS)?;
            if identity.moves_rows(&before, |id| anonymous.contains(id)) {
                old_timelines = None;
            }
        }
    }
    let mut card = match (old, &old_timelines) {
        (Some(card), Some(_)) => card,
        _ => Card { columns: columns.to_vec(), identity_key, next: next_number(workspace), ..Card::default() },
    };
    card.identity_backfill_us = wanted.identity_backfill_us;
    card.log_version = Some(log.version());
    card.has_relations = relations != Relations::default();
    let new_files: Vec<&LogFile> = files.iter().filter(|file| !card.covered.contains(&file.name)).collect();
    if new_files.is_empty() && card.dictionaries.is_some() {
        return write_card(&folder, &card);
    }
    workspace.raise_format(lock)?;
    let spill = folder.join("spill");
    let _ = fs::remove_dir_all(&spill);
    let mut builder = Builder::new(workspace, columns, old_timelines.as_deref().map(|old| (old, &card)), &identity, spill.clone());
    let n_total: u64 = new_files.iter().map(|file| file.n_rows).sum();
    let mut n_done = 0;
    for file in &new_files {
        builder.read(&log.root().join(&file.name), &mut |n_rows| {
            n_done += n_rows;
            progress(n_done, n_total);
        })?;
        card.covered.insert(file.name.clone());
    }

    // Small segments are merged into the new one; a large old one is left as it is, and the timelines of its actors who did
    // something new are written again, whole: so every actor stands in one segment, which counts.
    let mut dealer = builder.dealer;
    let mut n_rows = dealer.n_rows;
    let mut n_kept = card.segments.len();
    while n_kept > 0 && card.segments[n_kept - 1].n_new() <= 4 * n_rows.max(1) {
        n_kept -= 1;
        n_rows += card.segments[n_kept].n_new();
    }
    let (n_replaced, n_all) = card.segments.iter().fold((0, 0), |(a, b), card| (a + card.n_replaced, b + card.n_rows));
    if n_replaced > n_all / 3 {
        n_kept = 0;
    }
    let segments: &[Segment] = old_timelines.as_ref().map_or(&[], |old| &old.segments);
    let old_spans = card.segments.iter().map(|segment| segment.spans.as_slice());
    let shape = Shape {
        columns,
        names: &dealer.names.clone(),
        dictionaries: &dealer.dictionaries.clone(),
        spans: &old_spans.fold(dealer.spans(), |spans, old| spans.iter().zip(old).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))).collect()),
        has_seq: dealer.has_seq || segments.iter().any(|segment| segment.has("seq")),
        has_passive: dealer.has_passive || segments.iter().any(|segment| segment.has("interactive")),
    };
    let mut writer = SegmentWriter::create(&folder, card.next, &shape)?;
    let replaced: Vec<AtomicU64> = card.segments.iter().map(|_| AtomicU64::new(0)).collect();
    dealer.each_shard(
        |shard_idx, new| {
            let Some(old) = &old_timelines else { return Ok(new) };
            let mut parts = Vec::new();
            for (idx, part) in old.parts_by_segment(shard_idx)?.into_iter().enumerate() {
                let mut moved = vec![idx >= n_kept; part.n_actors()];
                part.mark_replaced(&new, &mut moved);
                let part = part.only(&moved);
                replaced[idx].fetch_add(part.n_rows() as u64, Ordering::Relaxed);
                parts.push(part);
            }
            parts.retain(|part| part.n_actors() > 0);
            if parts.is_empty() {
                return Ok(new);
            }
            parts.push(new);
            ShardData::merge(&parts, columns)
        },
        |_, shard| writer.write(&shard),
    )?;
    let _ = fs::remove_dir_all(&spill);
    for (segment, replaced) in card.segments.iter_mut().zip(replaced) {
        segment.n_replaced += replaced.into_inner();
    }
    card.segments.truncate(n_kept);
    card.segments.push(SegmentCard { n_new: Some(n_rows), ..writer.finish()? });
    card.format = FORMAT;
    let dictionaries = format!("{:08}-dictionaries.arrow", card.next);
    write_dictionaries(&folder.join(&dictionaries), &dealer.names, &dealer.dictionaries)?;
    card.dictionaries = Some(dictionaries);
    card.overflowed = columns
        .iter()
        .zip(&dealer.dictionaries)
        .filter(|(_, texts)| texts.len() > MAX_DISTINCT)
        .map(|(column, _)| column.name.clone())
        .collect();
    card.span_us = match (card.span_us, builder.span_us) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (known, new) => known.or(new),
    };
    let ends = builder.sources.iter().zip(builder.source_ends_us);
    card.sources = ends.map(|(name, last_us)| SourceCard { name: name.to_owned(), last_us }).collect();
    card.sources_of_name = builder.sources_of_name;
    let (n_identified, n_merged) = identity.counts();
    (card.n_identified, card.n_merged) = (n_identified as u64, n_merged as u64);
    card.next += 1;
    write_card(&folder, &card)?;
    remove_stale(&folder, &card);
    Ok(())
}

fn write_card(folder: &Path, card: &Card) -> Result<(), StoreError> {
    write_atomically(&folder.join(CARD), &serde_json::to_vec(card).expect("a card is plain data"))
}

/// Returns what rows' actors depend on besides the identifications in the log.
fn identity_key(wanted: &Wanted, merges: &[(String, String)]) -> String {
    let said = serde_json::json!([wanted.identity_backfill_us, merges]).to_string();
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(said.as_bytes()))
}

/// Returns a file number that no earlier generation used, so that a reader's files are never written over.
fn next_number(workspace: &Workspace) -> u64 {
    let names = fs::read_dir(folder(workspace)).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_string_lossy().get(..8)?.parse::<u64>().ok()).max().map_or(0, |last| last + 1)
}

fn remove_stale(folder: &Path, card: &Card) {
    let mut known: Vec<&str> =
        card.segments.iter().flat_map(|segment| [segment.rows.as_str(), segment.actors.as_str(), segment.index.as_str()]).collect();
    known.extend(card.dictionaries.as_deref());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".arrow") && !known.contains(&name.as_str()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Which id named the actor of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActorKind {
    User,
    Anonymous,
    Account,
}

impl ActorKind {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Anonymous => "anonymous",
            Self::Account => "account",
        }
    }
}

/// Deals the log's events to shards.
struct Builder<'a> {
    dealer: Dealer,
    identity: &'a Identity,
    /// Names of the sources.
    sources: Names,
    /// Last event per source in microseconds, shape `[sources]`.
    source_ends_us: Vec<i64>,
    /// Sources of each event name as bits, the 64th standing for all from there on; shape `[names]`.
    sources_of_name: Vec<u64>,
    span_us: Option<(i64, i64)>,
}

/// Rows on their way to shards: dealt as they come, spilled to disk when they become many, sorted shard by shard.
pub struct Dealer {
    columns: Vec<ColumnSpec>,
    /// Event names; rows carry their codes.
    pub names: Names,
    /// Dictionaries of the text columns; empty for the others.
    pub dictionaries: Vec<Names>,
    shards: Vec<Building>,
    spill: PathBuf,
    /// Rows collected since the last spill.
    n_collected: usize,
    n_rows: u64,
    /// Spans of the columns in the rows that were spilled.
    spilled_spans: Vec<Span>,
    /// Whether some row has another order at its instant than 0.
    has_seq: bool,
    /// Whether some row is not user activity.
    has_passive: bool,
}

/// A row that is added to an actor of a finished shard.
#[derive(Debug, Clone)]
pub struct Amended {
    /// Position of the actor in the shard.
    pub actor_idx: usize,
    /// The row.
    pub row: DealtRow,
    /// Shape of the columns.
    pub values: Vec<DealtValue>,
}

/// Looks at a finished shard with the names and dictionaries, and says which rows to add.
pub type Amend<'a, E> = &'a mut dyn FnMut(&diptych_event::Shard, &Names, &[Names]) -> Result<Vec<Amended>, E>;

/// One row for [`Dealer::deal`].
#[derive(Debug, Clone)]
pub struct DealtRow {
    /// Instant in microseconds.
    pub time_us: i64,
    /// Code of the name.
    pub name: u32,
    /// Order at one instant.
    pub seq: i64,
    /// Order at one instant and `seq`; equal ones stay in the order in which they are dealt.
    pub tie: u64,
    /// Whether it is user activity.
    pub interactive: bool,
}

/// The value of a column of a row that is dealt.
#[derive(Debug, Clone, Copy)]
pub enum DealtValue {
    /// Code into the column's dictionary.
    Text(u32),
    /// Whole number; `i64::MIN` for none.
    Integer(i64),
    /// Number; NaN for none.
    Number(f64),
}

/// One shard while it is built.
struct Building {
    ids: Names,
    rows: Collected,
    spilled: Option<StreamWriter<std::io::BufWriter<File>>>,
}

impl Dealer {
    /// Makes a dealer that goes on with the names and dictionaries given; `spill` is a folder for rows that are many.
    pub fn new(columns: Vec<ColumnSpec>, names: Names, dictionaries: Vec<Names>, n_shards: usize, spill: PathBuf) -> Self {
        let shards = (0..n_shards).map(|_| Building { ids: Names::default(), rows: Collected::new(&columns), spilled: None }).collect();
        let spilled_spans = vec![NONE; columns.len()];
        Self { columns, names, dictionaries, shards, spill, n_collected: 0, n_rows: 0, spilled_spans, has_seq: false, has_passive: false }
    }

    /// Returns the spans of the columns in all rows so far. O(rows collected since the last spill).
    fn spans(&self) -> Vec<Span> {
        let of_column =
            |(idx, spilled): (usize, &Span)| self.shards.iter().fold(*spilled, |span, shard| shard.rows.columns[idx].span(span));
        self.spilled_spans.iter().enumerate().map(of_column).collect()
    }

    /// Deals a row to the timeline of an actor; `values` has the shape of the columns.
    ///
    /// # Panics
    /// When a value is not of its column's kind.
    pub fn deal(&mut self, actor: &str, row: &DealtRow, values: &[DealtValue]) -> Result<(), StoreError> {
        let n_shards = self.shards.len();
        let shard = &mut self.shards[shard_of(actor, n_shards)];
        let actor = shard.ids.intern(actor);
        shard.rows.push(actor, row, values);
        self.n_collected += 1;
        self.n_rows += 1;
        if self.n_collected >= SPILL_ROWS { self.spill_all() } else { Ok(()) }
    }

    /// Writes all that was dealt as one segment into `folder`, and the dictionaries; returns the card.
    ///
    /// `amend` sees every shard in order, and may add rows to its actors.
    pub(super) fn write<E: From<StoreError>>(mut self, folder: &Path, amend: Amend<E>) -> Result<Card, E> {
        let columns = self.columns.clone();
        let (names, dictionaries) = (self.names.clone(), self.dictionaries.clone());
        let spans = vec![ANY; columns.len()];
        let shape =
            Shape { columns: &columns, names: &names, dictionaries: &dictionaries, spans: &spans, has_seq: true, has_passive: true };
        let mut writer = SegmentWriter::create(folder, 0, &shape)?;
        self.each_shard(
            |_, shard| Ok(shard),
            |dealer, shard| {
                let amended = shard.with(|shard| amend(shard, &dealer.names, &dealer.dictionaries))?;
                writer.write(&dealer.amended(shard, amended)?).map_err(E::from)
            },
        )?;
        let dictionaries = "dictionaries.arrow".to_owned();
        write_dictionaries(&folder.join(&dictionaries), &self.names, &self.dictionaries)?;
        let _ = fs::remove_dir_all(&self.spill);
        Ok(Card { columns, segments: vec![writer.finish()?], dictionaries: Some(dictionaries), format: FORMAT, ..Card::default() })
    }

    fn amended(&self, shard: ShardData, amended: Vec<Amended>) -> Result<ShardData, StoreError> {
        if amended.is_empty() {
            return Ok(shard);
        }
        let ids: Names = shard.with(|shard| shard.actors.iter().collect());
        let mut rows = Collected::new(&self.columns);
        amended.iter().for_each(|added| rows.push(added.actor_idx as u32, &added.row, &added.values));
        let added = rows.into_batch(&self.columns).and_then(|(actor, batch)| ShardData::sorted(&ids, &actor, &batch));
        let added = added.map_err(|error| write_error(&self.spill, error))?;
        ShardData::merge(&[shard, added], &self.columns)
    }

    fn spill_all(&mut self) -> Result<(), StoreError> {
        fs::create_dir_all(&self.spill).map_err(StoreError::io(&self.spill, "making"))?;
        let schema = spill_schema(&self.columns);
        self.spilled_spans = self.spans();
        for (idx, shard) in self.shards.iter_mut().enumerate() {
            let path = self.spill.join(format!("{idx}.arrow"));
            let rows = std::mem::replace(&mut shard.rows, Collected::new(&self.columns));
            let spill = || -> Result<(), ArrowError> {
                let (actor, batch) = rows.into_batch(&self.columns)?;
                let mut arrays: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(actor))];
                arrays.extend(batch.columns().iter().cloned());
                if shard.spilled.is_none() {
                    shard.spilled = Some(StreamWriter::try_new_buffered(File::create(&path)?, &schema)?);
                }
                shard.spilled.as_mut().expect("it was made").write(&RecordBatch::try_new(schema.clone(), arrays)?)
            };
            spill().map_err(|error| write_error(&path, error))?;
        }
        self.n_collected = 0;
        Ok(())
    }

    /// Sorts the shards, as many at a time as there are cores, finishes each with `finish`, and hands them to `take` in order.
    fn each_shard<E: From<StoreError>>(
        &mut self,
        finish: impl Fn(usize, ShardData) -> Result<ShardData, StoreError> + Sync,
        mut take: impl FnMut(&Dealer, ShardData) -> Result<(), E>,
    ) -> Result<(), E> {
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut left: VecDeque<(usize, Building)> = std::mem::take(&mut self.shards).into_iter().enumerate().collect();
        while !left.is_empty() {
            let now: Vec<(usize, Building)> = left.drain(..n_threads.min(left.len())).collect();
            let dealer = &*self;
            let sorted: Vec<Result<ShardData, StoreError>> = std::thread::scope(|scope| {
                let sort = |(shard_idx, shard)| {
                    scope.spawn({
                        let finish = &finish;
                        move || finish(shard_idx, dealer.sorted(shard_idx, shard)?)
                    })
                };
                let threads: Vec<_> = now.into_iter().map(sort).collect();
                threads.into_iter().map(|thread| thread.join().expect("sorting does not panic")).collect()
            });
            for shard in sorted {
                take(self, shard?)?;
            }
        }
        Ok(())
    }

    /// Sorts one shard's rows.
    fn sorted(&self, shard_idx: usize, shard: Building) -> Result<ShardData, StoreError> {
        let path = self.spill.join(format!("{shard_idx}.arrow"));
        let Building { ids, rows, spilled } = shard;
        let columns = self.columns.as_slice();
        let sort = || -> Result<ShardData, ArrowError> {
            let (mut actor, mut batch) = rows.into_batch(columns)?;
            if let Some(mut writer) = spilled {
                writer.finish()?;
                drop(writer);
                let reader = StreamReader::try_new(BufReader::new(File::open(&path)?), None)?;
                let mut batches = reader.collect::<Result<Vec<_>, _>>()?;
                let mut arrays: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(actor))];
                arrays.extend(batch.columns().iter().cloned());
                batches.push(RecordBatch::try_new(spill_schema(columns), arrays)?);
                let all = concat_batches(&spill_schema(columns), &batches)?;
                actor = all.column(0).as_primitive::<UInt32Type>().values().to_vec();
                batch = RecordBatch::try_new(rows_schema(columns), all.columns()[1..].to_vec())?;
            }
            ShardData::sorted(&ids, &actor, &batch)
        };
        let sorted = sort().map_err(|error| write_error(&path, error))?;
        let _ = fs::remove_file(&path);
        Ok(sorted)
    }
}

impl<'a> Builder<'a> {
    fn new(
        workspace: &Workspace,
        columns: &[ColumnSpec],
        old: Option<(&Timelines, &Card)>,
        identity: &'a Identity,
        spill: PathBuf,
    ) -> Self {
        let names = old.map(|(old, _)| old.names.clone()).unwrap_or_default();
        let dictionaries = old.map_or_else(|| columns.iter().map(|_| Names::default()).collect(), |(old, _)| old.dictionaries.clone());
        let card = old.map(|(_, card)| card);
        Self {
            dealer: Dealer::new(columns.to_vec(), names, dictionaries, workspace.n_shards(), spill),
            identity,
            sources: card.map(|card| card.sources.iter().map(|source| source.name.as_str()).collect()).unwrap_or_default(),
            source_ends_us: card.map(|card| card.sources.iter().map(|source| source.last_us).collect()).unwrap_or_default(),
            sources_of_name: card.map(|card| card.sources_of_name.clone()).unwrap_or_default(),
            span_us: None,
        }
    }

    /// Reads the events of one log file.
    fn read(&mut self, path: &Path, done: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "opening"))?;
        let batches = self.open_parquet(file).map_err(|error| StoreError::damaged(path, error))?;
        let (sender, receiver) = sync_channel(2);
        std::thread::scope(|scope| {
            // The next batch is decoded while this one is dealt; the thread ends when nobody takes any more.
            scope.spawn(move || batches.into_iter().try_for_each(|batch| sender.send(batch)));
            for batch in receiver {
                let batch = batch.map_err(|error| StoreError::damaged(path, error))?;
                self.add(&batch).map_err(|error| StoreError::damaged(path, error))?;
                if self.dealer.n_collected >= SPILL_ROWS {
                    self.dealer.spill_all()?;
                }
                done(batch.num_rows() as u64);
            }
            Ok(())
        })
    }

    fn open_parquet(&self, file: File) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, parquet::errors::ParquetError> {
        let plain = ParquetRecordBatchReaderBuilder::try_new(file.try_clone()?)?;
        let held = |name: &str| TIMELINE_TEXT_FIELDS.contains(&name) || name == "name" || name.starts_with(PROPERTY_PREFIX);
        // Few distinct texts: dictionaries are read as such, so that a text is looked up once and not once per row.
        let fields: Vec<Field> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| match field.data_type() {
                DataType::Utf8 if held(field.name()) => {
                    Field::new(field.name(), DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true)
                }
                other => Field::new(field.name(), other.clone(), true),
            })
            .collect();
        let declared_later =
            self.dealer.columns.iter().any(|column| {
                column.log_column.starts_with(PROPERTY_PREFIX) && plain.schema().field_with_name(&column.log_column).is_err()
            });
        let needed = |name: &str| {
            matches!(name, "kind" | "source" | "event_id" | "time" | "seq" | "name" | "user" | "anonymous" | "customer" | "interactive")
                || (name == "properties" && declared_later)
                || self.dealer.columns.iter().any(|column| column.log_column == name)
        };
        // Rows without an id are told apart by all that they say.
        let whole = plain.metadata().row_groups().iter().any(|group| {
            let ids = group.columns().iter().find(|column| column.column_path().string() == "event_id");
            let nulls = ids.and_then(|ids| ids.statistics()).and_then(|statistics| statistics.null_count_opt());
            nulls != Some(0)
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let options = ArrowReaderOptions::new().with_schema(schema.clone()).with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
        let roots = schema.fields().iter().enumerate().filter(|(_, field)| whole || needed(field.name())).map(|(idx, _)| idx);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.collect::<Vec<_>>());
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()
    }

    /// Deals the events of a batch to the shards.
    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let text = |name: &str| batch.column_by_name(name).map(TextColumn::of);
        let kind = text("kind");
        let [source, event_id, name, user, anonymous, customer] = ["source", "event_id", "name", "user", "anonymous", "customer"].map(text);
        let time = batch
            .column_by_name("time")
            .ok_or_else(|| ArrowError::SchemaError("no time".into()))?
            .as_primitive::<TimestampMicrosecondType>();
        let seq = batch.column_by_name("seq").map(|column| column.as_primitive::<Int64Type>());
        let interactive = batch.column_by_name("interactive").map(|column| column.as_boolean());
        let contents = if event_id.as_ref().is_none_or(|ids| (0..batch.num_rows()).any(|row| ids.get(row).is_none())) {
            content_hashes(&plain_texts(batch)?)
        } else {
            Vec::new()
        };
        let (mut name_codes, mut source_codes) = (Codes::default(), Codes::default());
        let mut readers: Vec<Reader> = self.dealer.columns.iter().map(|column| Reader::new(column, batch)).collect();
        let n_shards = self.dealer.shards.len();
        let mut prefixed = String::new();
        for row in 0..batch.num_rows() {
            if kind.as_ref().and_then(|kind| kind.get(row)) != Some("event") {
                continue;
            }
            let time_us = time.value(row);
            let (actor, actor_kind): (&str, ActorKind) = match (
                user.as_ref().and_then(|column| column.get(row)),
                anonymous.as_ref().and_then(|column| column.get(row)),
                customer.as_ref().and_then(|column| column.get(row)),
            ) {
                (Some(user), _, _) => (self.identity.canonical(user), ActorKind::User),
                (None, Some(anonymous), _) => match self.identity.user_at(anonymous, time_us) {
                    Some(user) => (user, ActorKind::User),
                    None => {
                        prefixed.clear();
                        prefixed.push_str(ANONYMOUS);
                        prefixed.push_str(anonymous);
                        (&prefixed, ActorKind::Anonymous)
                    }
                },
                (None, None, Some(customer)) => (self.identity.canonical(customer), ActorKind::Account),
                (None, None, None) => continue,
            };
            let shard = &mut self.dealer.shards[shard_of(actor, n_shards)];
            shard.rows.actor.push(shard.ids.intern(actor));
            shard.rows.time_us.push(time_us);
            let name_column = name.as_ref().ok_or_else(|| ArrowError::SchemaError("no name".into()))?;
            let name_code = name_codes.code(name_column, row, &mut self.dealer.names).unwrap_or(NO_CODE);
            shard.rows.name.push(name_code);
            if let Some(code) = source.as_ref().and_then(|source| source_codes.code(source, row, &mut self.sources)) {
                let (code, name) = (code as usize, name_code as usize);
                if self.source_ends_us.len() <= code {
                    self.source_ends_us.resize(code + 1, i64::MIN);
                }
                if self.sources_of_name.len() <= name {
                    self.sources_of_name.resize(name + 1, 0);
                }
                self.source_ends_us[code] = self.source_ends_us[code].max(time_us);
                self.sources_of_name[name] |= 1 << code.min(63);
            }
            let seq = seq.as_ref().filter(|seq| seq.is_valid(row)).map_or(0, |seq| seq.value(row));
            shard.rows.seq.push(seq);
            self.dealer.has_seq |= seq != 0;
            shard.rows.tie.push(match event_id.as_ref().and_then(|ids| ids.get(row)) {
                Some(id) => id_hash(source.as_ref().and_then(|source| source.get(row)).unwrap_or(""), id),
                None => contents[row],
            });
            let is_active = interactive.is_none_or(|column| column.is_null(row) || column.value(row));
            shard.rows.interactive.push(u8::from(is_active));
            self.dealer.has_passive |= !is_active;
            for ((reader, collected), texts) in readers.iter_mut().zip(&mut shard.rows.columns).zip(&mut self.dealer.dictionaries) {
                reader.push(row, actor_kind, collected, texts);
            }
            self.span_us = Some(self.span_us.map_or((time_us, time_us), |(first, last)| (first.min(time_us), last.max(time_us))));
            self.dealer.n_collected += 1;
            self.dealer.n_rows += 1;
        }
        Ok(())
    }
}

fn spill_schema(columns: &[ColumnSpec]) -> SchemaRef {
    let mut fields = vec![Field::new("actor", DataType::UInt32, false)];
    fields.extend(rows_schema(columns).fields().iter().map(|field| field.as_ref().clone()));
    Arc::new(Schema::new(fields))
}

/// Turns dictionary columns into plain texts.
fn plain_texts(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let plain = |column: &ArrayRef| match column.data_type() {
        DataType::Dictionary(..) => arrow::compute::cast(column, &DataType::Utf8),
        _ => Ok(column.clone()),
    };
    let columns: Result<Vec<ArrayRef>, ArrowError> = batch.columns().iter().map(plain).collect();
    let columns = columns?;
    let fields: Vec<Field> = batch
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// A text column as Parquet gave it.
enum TextColumn<'a> {
    Plain(&'a StringArray),
    Dictionary(&'a DictionaryArray<Int32Type>, &'a StringArray),
}

impl<'a> TextColumn<'a> {
    fn of(column: &'a ArrayRef) -> Self {
        match column.data_type() {
            DataType::Dictionary(..) => {
                let dictionary = column.as_dictionary::<Int32Type>();
                Self::Dictionary(dictionary, dictionary.values().as_string())
            }
            _ => Self::Plain(column.as_string()),
        }
    }

    fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Dictionary(keys, texts) => keys.keys().is_valid(row).then(|| texts.value(keys.keys().value(row) as usize)),
        }
    }
}

/// Codes of a batch's dictionary values, found once per value.
#[derive(Default)]
struct Codes(Vec<Option<u32>>);

impl Codes {
    fn code(&mut self, column: &TextColumn, row: usize, texts: &mut Names) -> Option<u32> {
        match column {
            TextColumn::Plain(_) => column.get(row).map(|text| texts.intern(text)),
            TextColumn::Dictionary(keys, values) => {
                if keys.keys().is_null(row) {
                    return None;
                }
                let key = keys.keys().value(row) as usize;
                if self.0.len() <= key {
                    self.0.resize(values.len(), None);
                }
                Some(*self.0[key].get_or_insert_with(|| texts.intern(values.value(key))))
            }
        }
    }
}

/// Reads one of the spec's columns from a batch.
struct Reader<'a> {
    source: Source<'a>,
    codes: Codes,
}

enum Source<'a> {
    Text(TextColumn<'a>),
    Integer(&'a arrow::array::Int64Array),
    Number(&'a arrow::array::Float64Array),
    Boolean(&'a arrow::array::BooleanArray),
    /// The file is older than the property's declaration: its values stand in JSON.
    Json(TextColumn<'a>, String),
    /// Which id named the actor: [`ACTOR_KIND`].
    ActorKind,
    Absent,
}

impl<'a> Reader<'a> {
    fn new(column: &ColumnSpec, batch: &'a RecordBatch) -> Self {
        let source = match batch.column_by_name(&column.log_column) {
            None if column.log_column == ACTOR_KIND => Source::ActorKind,
            Some(array) => match array.data_type() {
                DataType::Int64 => Source::Integer(array.as_primitive::<Int64Type>()),
                DataType::Float64 => Source::Number(array.as_primitive::<Float64Type>()),
                DataType::Boolean => Source::Boolean(array.as_boolean()),
                _ => Source::Text(TextColumn::of(array)),
            },
            None => match (batch.column_by_name("properties"), column.log_column.strip_prefix(PROPERTY_PREFIX)) {
                (Some(json), Some(property)) => Source::Json(TextColumn::of(json), property.to_owned()),
                _ => Source::Absent,
            },
        };
        Self { source, codes: Codes::default() }
    }

    fn push(&mut self, row: usize, actor_kind: ActorKind, into: &mut CollectedColumn, texts: &mut Names) {
        match into {
            CollectedColumn::Text(codes) if matches!(self.source, Source::ActorKind) => codes.push(texts.intern(actor_kind.word())),
            CollectedColumn::Text(codes) => codes.push(self.text_code(row, texts)),
            CollectedColumn::Integer(numbers) => numbers.push(self.integer(row)),
            CollectedColumn::Number(numbers) => numbers.push(self.number(row)),
        }
    }

    fn text_code(&mut self, row: usize, texts: &mut Names) -> u32 {
        if texts.len() > MAX_DISTINCT {
            return NO_CODE;
        }
        if let Source::Text(column) = &self.source {
            return self.codes.code(column, row, texts).unwrap_or(NO_CODE);
        }
        self.text(row).map_or(NO_CODE, |text| texts.intern(&text))
    }

    fn text(&self, row: usize) -> Option<String> {
        match &self.source {
            Source::Text(column) => column.get(row).map(str::to_owned),
            Source::Integer(numbers) => numbers.is_valid(row).then(|| numbers.value(row).to_string()),
            Source::Number(numbers) => numbers.is_valid(row).then(|| numbers.value(row).to_string()),
            Source::Boolean(truths) => truths.is_valid(row).then(|| truths.value(row).to_string()),
            Source::Json(column, property) => {
                let value = serde_json::from_str::<serde_json::Value>(column.get(row)?).ok()?;
                match value.get(property)? {
                    serde_json::Value::Null => None,
                    serde_json::Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                }
            }
            Source::ActorKind | Source::Absent => None,
        }
    }

    fn integer(&self, row: usize) -> i64 {
        match &self.source {
            Source::Integer(numbers) if numbers.is_valid(row) => numbers.value(row),
            Source::Boolean(truths) if truths.is_valid(row) => i64::from(truths.value(row)),
            _ => match self.text(row).as_deref() {
                Some("true") => 1,
                Some("false") => 0,
                text => text.and_then(|text| text.parse().ok()).unwrap_or(i64::MIN),
            },
        }
    }

    fn number(&self, row: usize) -> f64 {
        match &self.source {
            Source::Number(numbers) if numbers.is_valid(row) => numbers.value(row),
            _ => self.text(row).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
        }
    }
}
