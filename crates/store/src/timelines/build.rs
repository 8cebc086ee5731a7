//! Making timelines from the log: its files are read side by side, and their rows dealt to shards ([`super::deal`]).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use diptych_event::Names;
use diptych_event::log::{PROPERTY_PREFIX, TIMELINE_TEXT_FIELDS};
use diptych_event::timeline::{ColumnKind, NO_CODE};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::deal::{Dealer, Dealt, DealtRow, DealtValue};
use super::segment::{Segment, SegmentWriter, Shape, ShardData, write_dictionaries};
use super::{
    ACTOR_KIND, ANONYMOUS, CARD, Card, ColumnSpec, KeptOpen, MAX_DISTINCT, SegmentCard, SourceCard, Timelines, Wanted, folder, read_card,
};
use crate::StoreError;
use crate::hash::{content_hashes, id_hash};
use crate::identity::Identity;
use crate::log::{Log, LogFile};
use crate::relations::Relations;
use crate::workspace::{FORMAT, Workspace, WriteLock, write_atomically};

/// Rows read from the log at a time.
const BATCH_ROWS: usize = 1 << 16;

/// How many times as many shards as there are the rows must ask for until timelines are made anew for them.
const OUTGROWN: usize = 4;

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
    let n_shards = workspace.shards_for(files.iter().map(|file| file.n_rows).sum());
    let old = read_card(workspace).ok().flatten().filter(|card| {
        card.columns == columns
            && card.identity_key == identity_key
            && n_shards < card.n_shards.saturating_mul(OUTGROWN)
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
        _ => Card { columns: columns.to_vec(), identity_key, n_shards, next: next_number(workspace), ..Card::default() },
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
    let old = old_timelines.as_deref().map(|old| (old, &card));
    let n_dealers = std::thread::available_parallelism().map_or(1, usize::from).min(new_files.len()).max(1);
    let builders = Builder::side_by_side(n_dealers, columns, card.n_shards, old, &identity, spill.clone());
    let Built { mut dealt, sources, span_us } = read(builders, log, &new_files, progress)?;
    card.covered.extend(new_files.iter().map(|file| file.name.clone()));

    // Small segments are merged into the new one; a large old one is left as it is, and the timelines of its actors who did
    // something new are written again, whole: so every actor stands in one segment, which counts.
    let mut n_rows = dealt.n_rows;
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
        names: &dealt.names.clone(),
        dictionaries: &dealt.dictionaries.clone(),
        spans: &old_spans
            .fold(dealt.spans.clone(), |spans, old| spans.iter().zip(old).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))).collect()),
        has_seq: dealt.has_seq || segments.iter().any(|segment| segment.has("seq")),
        has_passive: dealt.has_passive || segments.iter().any(|segment| segment.has("interactive")),
    };
    let mut writer = SegmentWriter::create(&folder, card.next, &shape)?;
    let replaced: Vec<AtomicU64> = card.segments.iter().map(|_| AtomicU64::new(0)).collect();
    dealt.each_shard(
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
    write_dictionaries(&folder.join(&dictionaries), &dealt.names, &dealt.dictionaries)?;
    card.dictionaries = Some(dictionaries);
    card.overflowed = dealt.overflowed();
    card.span_us = match (card.span_us, span_us) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (known, new) => known.or(new),
    };
    let ends = sources.names.iter().zip(sources.ends_us);
    card.sources = ends.map(|(name, last_us)| SourceCard { name: name.to_owned(), last_us }).collect();
    card.sources_of_name = sources.of_name;
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
    sources: Sources,
    span_us: Option<(i64, i64)>,
}

/// What all builders read.
struct Built {
    dealt: Dealt,
    sources: Sources,
    span_us: Option<(i64, i64)>,
}

/// The sources of events.
#[derive(Clone, Default)]
struct Sources {
    names: Names,
    /// Last event of each in microseconds, shape `[sources]`.
    ends_us: Vec<i64>,
    /// Sources of each event name as bits, the 64th standing for all from there on; shape `[names]`.
    of_name: Vec<u64>,
}

impl Sources {
    fn of_card(card: &Card) -> Self {
        Self {
            names: card.sources.iter().map(|source| source.name.as_str()).collect(),
            ends_us: card.sources.iter().map(|source| source.last_us).collect(),
            of_name: card.sources_of_name.clone(),
        }
    }

    /// Notes an event of a source.
    fn saw(&mut self, source: u32, name: u32, time_us: i64) {
        let (source, name) = (source as usize, name as usize);
        if self.ends_us.len() <= source {
            self.ends_us.resize(source + 1, i64::MIN);
        }
        if self.of_name.len() <= name {
            self.of_name.resize(name + 1, 0);
        }
        self.ends_us[source] = self.ends_us[source].max(time_us);
        self.of_name[name] |= 1 << source.min(63);
    }

    /// Adds what others saw, whose names of events have the codes `recoded` here.
    ///
    /// Where there are more than 63 sources, a name may get some of them that did not have it, as it does on its card.
    fn join(&mut self, others: &Self, recoded: &[u32]) {
        let sources: Vec<u32> = others.names.iter().map(|source| self.names.intern(source)).collect();
        for (sources_of_name, name) in others.of_name.iter().zip(recoded) {
            let of_name = (0..).zip(&sources).filter(|(theirs, _): &(usize, _)| sources_of_name >> (*theirs).min(63) & 1 == 1);
            of_name.for_each(|(theirs, source)| self.saw(*source, *name, others.ends_us[theirs]));
        }
    }
}

/// Reads log files, as many at a time as there are builders.
fn read(mut builders: Vec<Builder>, log: &Log, files: &[&LogFile], progress: Progress) -> Result<Built, StoreError> {
    let n_total: u64 = files.iter().map(|file| file.n_rows).sum();
    let n_builders = builders.len();
    let has_failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        let has_failed = &has_failed;
        let threads: Vec<_> = builders
            .iter_mut()
            .enumerate()
            .map(|(thread, builder)| {
                let sender = sender.clone();
                // Each reads the same files every time, so that what is made does not depend on who was faster.
                let files = files.iter().skip(thread).step_by(n_builders);
                scope.spawn(move || {
                    let mut done = |n_rows| {
                        let _ = sender.send(n_rows);
                    };
                    let read = |file: &&LogFile| builder.read(&log.root().join(&file.name), &mut done);
                    let result = files.take_while(|_| !has_failed.load(Ordering::Relaxed)).try_for_each(read);
                    has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    result
                })
            })
            .collect();
        drop(sender);
        let mut n_done = 0;
        for n_rows in receiver {
            n_done += n_rows;
            progress(n_done, n_total);
        }
        threads.into_iter().try_for_each(|thread| thread.join().expect("reading the log does not panic"))
    })?;
    let span_us = builders.iter().filter_map(|builder| builder.span_us).reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
    let (dealers, of_each): (Vec<Dealer>, Vec<Sources>) = builders.into_iter().map(|builder| (builder.dealer, builder.sources)).unzip();
    let dealt = Dealt::new(dealers);
    let mut of_each = of_each.into_iter();
    let mut sources = of_each.next().unwrap_or_default();
    for (others, recoded) in of_each.zip(dealt.recoded_names()) {
        sources.join(&others, recoded);
    }
    Ok(Built { dealt, sources, span_us })
}

impl<'a> Builder<'a> {
    /// Makes builders that go on where old timelines end.
    fn side_by_side(
        n_builders: usize,
        columns: &[ColumnSpec],
        n_shards: usize,
        old: Option<(&Timelines, &Card)>,
        identity: &'a Identity,
        spill: PathBuf,
    ) -> Vec<Self> {
        let (names, dictionaries) = match old {
            Some((old, _)) => (old.names.clone(), old.dictionaries.clone()),
            None => (Names::default(), vec![Names::default(); columns.len()]),
        };
        let sources = old.map(|(_, card)| Sources::of_card(card)).unwrap_or_default();
        let dealers = Dealer::side_by_side(n_builders, columns, &names, &dictionaries, n_shards, spill);
        dealers.into_iter().map(|dealer| Self { dealer, identity, sources: sources.clone(), span_us: None }).collect()
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
                self.add(&batch, path)?;
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

    /// Deals the events of a batch of the log file `path` to the shards.
    fn add(&mut self, batch: &RecordBatch, path: &Path) -> Result<(), StoreError> {
        let damaged = |error: ArrowError| StoreError::damaged(path, error);
        let missing = |column: &str| StoreError::damaged(path, format!("it has no column {column}"));
        let text = |name: &str| batch.column_by_name(name).map(TextColumn::of);
        let [kind, source, event_id, user, anonymous, customer] = ["kind", "source", "event_id", "user", "anonymous", "customer"].map(text);
        let name = text("name").ok_or_else(|| missing("name"))?;
        let time = batch.column_by_name("time").ok_or_else(|| missing("time"))?.as_primitive::<TimestampMicrosecondType>();
        let seq = batch.column_by_name("seq").map(|column| column.as_primitive::<Int64Type>());
        let interactive = batch.column_by_name("interactive").map(|column| column.as_boolean());
        let contents = if event_id.as_ref().is_none_or(|ids| (0..batch.num_rows()).any(|row| ids.get(row).is_none())) {
            content_hashes(&plain_texts(batch).map_err(damaged)?)
        } else {
            Vec::new()
        };
        let content = |row: usize| contents[row];
        let (mut name_codes, mut source_codes) = (Codes::default(), Codes::default());
        let mut readers: Vec<Reader> = self.dealer.columns.iter().map(|column| Reader::new(column, batch)).collect();
        let mut values = Vec::with_capacity(readers.len());
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
            let name = name_codes.code(&name, row, &mut self.dealer.names).unwrap_or(NO_CODE);
            if let Some(source) = source.as_ref().and_then(|source| source_codes.code(source, row, &mut self.sources.names)) {
                self.sources.saw(source, name, time_us);
            }
            self.span_us = Some(self.span_us.map_or((time_us, time_us), |(first, last)| (first.min(time_us), last.max(time_us))));
            let dealt = DealtRow {
                time_us,
                name,
                seq: seq.as_ref().filter(|seq| seq.is_valid(row)).map_or(0, |seq| seq.value(row)),
                tie: match event_id.as_ref().and_then(|ids| ids.get(row)) {
                    Some(id) => id_hash(source.as_ref().and_then(|source| source.get(row)).unwrap_or(""), id),
                    None => content(row),
                },
                interactive: interactive.is_none_or(|column| column.is_null(row) || column.value(row)),
            };
            values.clear();
            values
                .extend(readers.iter_mut().zip(&mut self.dealer.dictionaries).map(|(reader, texts)| reader.value(row, actor_kind, texts)));
            self.dealer.deal(actor, &dealt, &values)?;
        }
        Ok(())
    }
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
    kind: ColumnKind,
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
        Self { kind: column.kind, source, codes: Codes::default() }
    }

    fn value(&mut self, row: usize, actor_kind: ActorKind, texts: &mut Names) -> DealtValue {
        match self.kind {
            ColumnKind::Text if matches!(self.source, Source::ActorKind) => DealtValue::Text(texts.intern(actor_kind.word())),
            ColumnKind::Text => DealtValue::Text(self.text_code(row, texts)),
            ColumnKind::Integer => DealtValue::Integer(self.integer(row)),
            ColumnKind::Number => DealtValue::Number(self.number(row)),
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
