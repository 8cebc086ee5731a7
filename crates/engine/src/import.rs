//! Import: files into the log, chunk by chunk, each chunk one commit.
//!
//! A kill at any moment loses nothing that was reported: a file that was begun goes on after its last committed chunk
//! when it is imported again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use diptych_event::log::Kind;
use diptych_event::spec::{FileFormat, SourceSpec, SpecError};
use diptych_event::suggest;
use diptych_intake::{CsvOptions, Delimiter, Format, Header, IntakeError, Piece, Reader, Rejection, XlsxOptions, format_of};
use diptych_store::ids::{Ids, Key, Known};
use diptych_store::log::Log;
use diptych_store::timelines;
use diptych_store::{StoreError, Workspace, hash};
use schemars::JsonSchema;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use crate::mapping::{Mapped, Mapping, Unmapped, arranged, constant, log_columns, log_schema};
use crate::workspace::Workbench;
use crate::{EngineError, quarantine};

/// Rows read from a file at a time. The place where an import goes on is counted in these, so it never changes.
const PIECE_ROWS: usize = 16_384;
/// Rows per commit.
const CHUNK_ROWS: usize = 32 * PIECE_ROWS;
/// Marks in the log that a file was read to its end.
const WHOLE: i64 = i64::MAX;

/// What an import is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The source that the files belong to; told by their names unless given.
    pub source: Option<String>,
    /// The time of the import in microseconds; later instants are rejected.
    pub now_us: i64,
}

/// What an import tells while it works.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A file is begun.
    File {
        /// Its path.
        path: &'a Path,
        /// Its size in bytes.
        bytes_total: u64,
    },
    /// Some of the file is done.
    Read {
        /// Bytes read.
        bytes: u64,
        /// Rows that are safely in the log.
        rows_committed: u64,
    },
    /// Timelines are being made.
    Timelines {
        /// Rows done.
        rows: u64,
        /// Rows to do.
        rows_total: u64,
    },
}

/// What became of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Imported {
    /// The file.
    pub file: String,
    /// Its source.
    pub source: String,
    /// Rows read by this command.
    pub rows: u64,
    /// Events accepted.
    pub accepted: u64,
    /// Events that were imported before, by their ids.
    pub duplicates: u64,
    /// Rows in the quarantine.
    pub rejected: u64,
    /// Rows that make no event, by `where`.
    pub skipped: u64,
    /// The file was imported before, whole; nothing was read.
    pub known_file: bool,
    /// Rows that an earlier, interrupted import of the file had committed.
    pub resumed_after_rows: u64,
    /// What the reader should know: merged cells, ambiguous times, values of a wrong type.
    pub notes: Vec<String>,
    /// Up to three reasons for rejections, with their counts.
    pub reasons: Vec<(String, u64)>,
}

/// Imports files and brings the timelines up to date.
///
/// O(rows log rows) time; memory is bounded by the rows of a chunk, the timelines' spill, and the distinct ids of people.
pub fn import(
    bench: &Workbench,
    files: &[PathBuf],
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Imported>, EngineError> {
    let store = Workspace::create(bench.root())?;
    let lock = store.lock()?;
    let mut log = Log::open_or_create(&store)?;
    log.remove_orphans()?;
    check_types(bench, &log)?;
    log.add_columns(&log_columns(bench.spec()))?;
    let mut ids = Ids::open(&store)?;
    ids.catch_up(&log)?;
    let mut imported = Vec::new();
    let mut failed = None;
    for path in files {
        match import_file(bench, path, options, &mut log, &mut ids, progress) {
            Ok(file) => imported.push(file),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let made = timelines::update(&store, &log, &bench.wanted(), &lock, &mut |rows, rows_total| {
        progress(Progress::Timelines { rows, rows_total });
    });
    match failed {
        Some(error) => Err(error),
        None => {
            made?;
            Ok(imported)
        }
    }
}

/// Refuses a property whose type differs from the one that the log holds it in.
fn check_types(bench: &Workbench, log: &Log) -> Result<(), EngineError> {
    let held = log.schema()?;
    for field in log_schema(bench.spec()).fields() {
        if let Ok(known) = held.field_with_name(field.name())
            && known.data_type() != field.data_type()
        {
            let name = field.name().trim_start_matches(diptych_event::log::PROPERTY_PREFIX);
            return Err(bench.spec_error(SpecError::whole(format!(
                "property \"{name}\" was imported as {} before; keep that type or use another name",
                known.data_type()
            ))));
        }
    }
    Ok(())
}

/// Finds the source that a file belongs to.
pub fn source_of<'a>(bench: &'a Workbench, path: &Path, asked: Option<&str>) -> Result<(&'a str, &'a SourceSpec), EngineError> {
    let sources = &bench.spec().sources;
    let known = || sources.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if sources.is_empty() {
        return Err(bench.spec_error(SpecError::whole(
            "there are no sources yet; `diptych init DIR --from FILE…` writes them, docs/spec.md says how they look",
        )));
    }
    if let Some(asked) = asked {
        return sources.get_key_value(asked).map(|(name, source)| (name.as_str(), source)).ok_or_else(|| {
            let near = suggest::did_you_mean(asked, sources.keys().map(String::as_str));
            EngineError::Wrong(format!("--source {asked}: the spec has no such source{near}; sources: {}", known()))
        });
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let whole = path.to_string_lossy();
    let fits = |source: &SourceSpec| {
        source.files.iter().any(|pattern| {
            let last = pattern.rsplit('/').next().unwrap_or(pattern);
            glob_fits(last, &name) || glob_fits(pattern, &whole)
        })
    };
    let fitting: Vec<_> = sources.iter().filter(|(_, source)| fits(source)).collect();
    match (fitting.as_slice(), sources.len()) {
        ([(name, source)], _) => Ok((name, source)),
        ([], 1) => {
            let (name, source) = sources.iter().next().expect("there is one");
            Ok((name, source))
        }
        ([], _) => Err(EngineError::file(path, format!("no source's `files` fit this name; say --source with one of: {}", known()))),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(EngineError::file(path, format!("the name fits several sources; say --source with one of: {}", names.join(", "))))
        }
    }
}

/// Tells whether a name fits a pattern in which `*` stands for any letters.
fn glob_fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob_fits(tail, &rest[at..]))
}

/// Returns the format of a file as its source says, or as its name tells.
pub fn format_for(path: &Path, source: &SourceSpec) -> Result<Format, EngineError> {
    let named = format_of(path);
    let csv = |default: Delimiter| -> Result<Format, EngineError> {
        let delimiter = match source.delimiter.as_ref().map(|text| text.text.as_str()) {
            None => default,
            Some("tab" | "\t") => Delimiter::Byte(b'\t'),
            Some("whitespace") => Delimiter::Whitespace,
            Some(one) if one.len() == 1 => Delimiter::Byte(one.as_bytes()[0]),
            Some(other) => {
                let text = source.delimiter.as_ref().expect("it was just read");
                return Err(EngineError::Spec {
                    path: crate::SPEC_FILE.into(),
                    source: SpecError::at(text, format!("\"{other}\" is not a delimiter; write one character, tab or whitespace")),
                });
            }
        };
        let header = source.columns.as_ref().map_or(Header::FirstRow, |names| Header::Names(names.clone()));
        Ok(Format::Csv(CsvOptions { delimiter, header, quote: Some(b'"') }))
    };
    match (source.format, named) {
        (Some(FileFormat::Csv), _) => csv(Delimiter::Detect),
        (Some(FileFormat::Tsv), _) => csv(Delimiter::Byte(b'\t')),
        (Some(FileFormat::Jsonl), _) => Ok(Format::JsonLines),
        (Some(FileFormat::Parquet), _) => Ok(Format::Parquet),
        (Some(FileFormat::Xlsx), _) | (None, Some(Format::Xlsx(_))) => {
            Ok(Format::Xlsx(XlsxOptions { sheet: source.sheet.clone(), header_row: source.header_row }))
        }
        (None, Some(Format::Csv(named))) => csv(named.delimiter),
        (None, Some(format)) => Ok(format),
        (None, None) if source.delimiter.is_some() || source.columns.is_some() => csv(Delimiter::Detect),
        (None, None) => Err(EngineError::file(
            path,
            "the name does not tell the format; write `format: csv`, tsv, jsonl, parquet or xlsx under the source in diptych.yaml",
        )),
    }
}

/// Tells whether a file was exported from the quarantine: then it is CSV whatever its source's files are.
fn is_corrected(path: &Path) -> bool {
    let mut start = [0; quarantine::ID_COLUMN.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *quarantine::ID_COLUMN.as_bytes()
}

/// Returns a hash of a file's bytes.
fn fingerprint(path: &Path) -> Result<String, EngineError> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let (mut hasher, mut buffer) = (Xxh3::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(format!("{:032x}", hasher.digest128())),
                n => hasher.update(&buffer[..n]),
            }
        }
    };
    match read() {
        Ok(hash) => Ok(hash),
        // The reader of the format says it better: no such file, no permission, a folder.
        Err(error) => match Reader::open(path, &Format::JsonLines, 1) {
            Err(better) => Err(better.into()),
            Ok(_) => Err(EngineError::file(path, format!("cannot be read: {error}"))),
        },
    }
}

fn import_file(
    bench: &Workbench,
    path: &Path,
    options: &Options,
    log: &mut Log,
    ids: &mut Ids,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, EngineError> {
    let (source_name, source) = source_of(bench, path, options.source.as_deref())?;
    let format = match is_corrected(path) {
        true => Format::Csv(CsvOptions { delimiter: Delimiter::Byte(b','), header: Header::FirstRow, quote: Some(b'"') }),
        false => format_for(path, source)?,
    };
    let fingerprint = fingerprint(path)?;
    let app = format!("file:{fingerprint}:{source_name}");
    let file = path.to_string_lossy().into_owned();
    let mut imported = Imported { file: file.clone(), source: source_name.to_owned(), ..Imported::default() };
    let committed_pieces = log.last_of(&app)?.unwrap_or(0);
    if committed_pieces == WHOLE {
        imported.known_file = true;
        return Ok(imported);
    }
    let (mut reader, mapping) = open_mapped(bench, path, &format, source_name, source)?;
    progress(Progress::File { path, bytes_total: reader.bytes_total() });
    let mut waiting = Waiting::default();
    let (mut n_pieces, mut said) = (0, Remarks::default());
    let schema = log_schema(bench.spec());
    let n_committed = AtomicU64::new(0);
    let (sender, receiver) = sync_channel::<Result<(Piece, u64), IntakeError>>(4);
    let (to_commit, committing) = sync_channel::<(Waiting, i64)>(1);
    // Three at a time: one thread reads the file, one maps its rows, one commits them in the order of the file.
    let (committed, notes) = std::thread::scope(|scope| -> Result<(Imported, Vec<String>), EngineError> {
        let reading = scope.spawn(move || {
            loop {
                let piece = match reader.next() {
                    Ok(Some(piece)) => Ok((piece, reader.bytes_read())),
                    Ok(None) => break,
                    Err(error) => Err(error),
                };
                let last = piece.is_err();
                if sender.send(piece).is_err() || last {
                    break;
                }
            }
            reader.notes().to_vec()
        });
        let mut committer = Committer {
            schema: schema.clone(),
            source: source_name,
            file: &file,
            fingerprint: &fingerprint,
            app,
            reasons: BTreeMap::new(),
            log,
            ids,
            imported: Imported::default(),
        };
        let n_committed = &n_committed;
        let commits = scope.spawn(move || -> Result<Imported, EngineError> {
            for (waiting, pieces) in committing {
                committer.commit(waiting, pieces)?;
                n_committed.store(committer.imported.accepted + committer.imported.duplicates, Ordering::Relaxed);
            }
            Ok(committer.finish())
        });
        let mut cut = None;
        let mut failed = None;
        for received in &receiver {
            let (piece, bytes) = match received {
                Ok(piece) => piece,
                Err(error) => {
                    cut = Some(error);
                    break;
                }
            };
            n_pieces += 1;
            let n_rows = (piece.rows.num_rows() + piece.rejections.len()) as u64;
            if n_pieces <= committed_pieces {
                imported.resumed_after_rows += n_rows;
                continue;
            }
            imported.rows += n_rows;
            waiting.settle(&piece);
            match mapping.apply(piece, &schema, options.now_us) {
                Ok(mapped) => waiting.add(mapped, n_rows, &mut said),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            if waiting.n_rows >= CHUNK_ROWS {
                let full = std::mem::take(&mut waiting).keyed(source_name);
                // A commit that failed is reported when its thread is joined.
                if to_commit.send((full, n_pieces)).is_err() {
                    break;
                }
            }
            progress(Progress::Read { bytes, rows_committed: n_committed.load(Ordering::Relaxed) });
        }
        // What was read before the error is kept; the file is not marked as whole, so that it can be finished later.
        let pieces = if cut.is_some() { n_pieces } else { WHOLE };
        if failed.is_none() && (cut.is_none() || waiting.n_rows > 0) {
            let _ = to_commit.send((waiting.keyed(source_name), pieces));
        }
        drop((receiver, to_commit));
        let notes = reading.join().expect("the reader of a file does not panic");
        let committed = commits.join().expect("committing does not panic")?;
        match (failed, cut) {
            (Some(error), _) => Err(error),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Ok((committed, notes)),
        }
    })?;
    imported.skipped = said.n_skipped;
    imported.notes.extend(notes);
    imported.notes.extend(said.notes());
    let Imported { accepted, duplicates, rejected, reasons, .. } = committed;
    Ok(Imported { accepted, duplicates, rejected, reasons, ..imported })
}

/// Opens a file and compiles the mapping of its rows.
///
/// What the first objects of JSON Lines do not have may come later, or in another file of the source: a key that the spec
/// names is a column all the same, and the reader notes when no object has it.
fn open_mapped(
    bench: &Workbench,
    path: &Path,
    format: &Format,
    source_name: &str,
    source: &SourceSpec,
) -> Result<(Reader, Mapping), EngineError> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let reader = Reader::open_asking(path, format, PIECE_ROWS, &keys)?;
        match Mapping::compile(bench.spec(), source_name, source, reader.schema()) {
            Ok(mapping) => return Ok((reader, mapping)),
            Err(Unmapped { missing: Some(key), .. }) if matches!(format, Format::JsonLines) && !keys.contains(&key) => keys.push(key),
            Err(Unmapped { error, .. }) => return Err(*error),
        }
    }
}

/// A row with an id: its key, the position of its batch, and its own there.
type Keyed = (Key, u32, u32);

/// Rows of one file that wait for their commit.
#[derive(Default)]
struct Waiting {
    /// Raw rows that wait.
    n_rows: usize,
    events: Vec<RecordBatch>,
    /// Events with an id, in the order of their keys.
    keyed: Vec<Keyed>,
    rejections: Vec<Rejection>,
    settled: Vec<String>,
    n_skipped: u64,
}

impl Waiting {
    /// Notes which rejections the rows of an exported and corrected file settle.
    fn settle(&mut self, piece: &Piece) {
        let Some(column) = piece.rows.column_by_name(quarantine::ID_COLUMN) else { return };
        if let Some(ids) = column.as_string_opt::<i32>() {
            self.settled.extend(ids.iter().flatten().map(str::to_owned));
        }
    }

    fn add(&mut self, mapped: Mapped, n_rows: u64, said: &mut Remarks) {
        self.n_rows += n_rows as usize;
        self.n_skipped += mapped.n_skipped;
        said.n_skipped += mapped.n_skipped;
        said.n_ambiguous_times += mapped.n_ambiguous_times;
        mapped.wrong_type.into_iter().for_each(|(name, n)| *said.wrong_type.entry(name).or_default() += n);
        self.events.push(mapped.events);
        self.rejections.extend(mapped.rejections);
    }

    /// Finds the keys of the events, when all are there.
    fn keyed(mut self, source: &str) -> Self {
        for (batch_idx, batch) in (0..).zip(&self.events) {
            let ids = batch.column_by_name("event_id").expect("the log has it").as_string::<i32>();
            if ids.null_count() == ids.len() {
                continue;
            }
            let contents = hash::content_hashes(batch);
            let key = |row: usize| Key::new(hash::id_hash(source, ids.value(row)), contents[row]);
            self.keyed.extend((0..batch.num_rows()).filter(|row| ids.is_valid(*row)).map(|row| (key(row), batch_idx, row as u32)));
        }
        self.keyed.sort_unstable();
        self
    }
}

/// What the mapping of a file's rows has to say.
#[derive(Default)]
struct Remarks {
    n_skipped: u64,
    n_ambiguous_times: u64,
    wrong_type: BTreeMap<String, u64>,
}

impl Remarks {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.n_ambiguous_times > 0 {
            notes.push(format!(
                "{} local times happened twice because the clock was set back; the earlier instant was taken",
                self.n_ambiguous_times
            ));
        }
        notes.extend(
            self.wrong_type.iter().map(|(name, n)| format!("property {name}: {n} values are not of the declared type and were left out")),
        );
        notes
    }
}

/// Commits rows of one file to the log.
struct Committer<'a> {
    schema: SchemaRef,
    source: &'a str,
    file: &'a str,
    fingerprint: &'a str,
    app: String,
    reasons: BTreeMap<String, u64>,
    log: &'a mut Log,
    ids: &'a mut Ids,
    /// What was committed so far.
    imported: Imported,
}

impl Committer<'_> {
    /// Writes what waits as one commit.
    fn commit(&mut self, waiting: Waiting, pieces: i64) -> Result<(), EngineError> {
        let Waiting { n_rows, events, keyed, mut rejections, settled, n_skipped } = waiting;
        let (events, keys, n_duplicates) = self.without_duplicates(events, &keyed, &mut rejections)?;
        let n_accepted: u64 = events.iter().map(|batch| batch.num_rows() as u64).sum();
        let n_rejected = rejections.len() as u64;
        for rejection in &rejections {
            *self.reasons.entry(generic(&rejection.reason)).or_default() += 1;
        }
        let mut batches = events.iter().map(|batch| self.with_file(batch)).collect::<Result<Vec<_>, _>>()?;
        if !rejections.is_empty() {
            batches.push(self.rejection_rows(&rejections)?);
        }
        if !settled.is_empty() {
            batches.push(self.rows(Kind::Settled, &[("event_id", Arc::new(StringArray::from_iter_values(settled)))])?);
        }
        let counts = serde_json::json!({
            "rows": n_rows, "accepted": n_accepted, "duplicates": n_duplicates, "rejected": n_rejected, "skipped": n_skipped,
            "whole": pieces == WHOLE,
        });
        batches.push(self.rows(
            Kind::Import,
            &[
                ("event_id", Arc::new(StringArray::from(vec![self.fingerprint]))),
                ("properties", Arc::new(StringArray::from(vec![counts.to_string()]))),
            ],
        )?);
        let name = self.log.append(&batches, (&self.app, pieces))?;
        self.ids.add(&keys, &name)?;
        self.imported.accepted += n_accepted;
        self.imported.duplicates += n_duplicates;
        self.imported.rejected += n_rejected;
        Ok(())
    }

    /// Returns what was committed, with the most frequent reasons for rejections.
    fn finish(self) -> Imported {
        let mut reasons: Vec<(String, u64)> = self.reasons.into_iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        reasons.truncate(3);
        Imported { reasons, ..self.imported }
    }

    /// Returns events without those that were imported before; ids with other content go to the quarantine.
    fn without_duplicates(
        &self,
        batches: Vec<RecordBatch>,
        keyed: &[Keyed],
        rejections: &mut Vec<Rejection>,
    ) -> Result<(Vec<RecordBatch>, Vec<Key>, u64), EngineError> {
        let known = self.ids.look_up(&keyed.iter().map(|keyed| keyed.0).collect::<Vec<_>>());
        let mut keep: Vec<Vec<bool>> = batches.iter().map(|batch| vec![true; batch.num_rows()]).collect();
        let (mut keys, mut n_duplicates) = (Vec::with_capacity(keyed.len()), 0);
        for (idx, (key, batch_idx, row)) in keyed.iter().enumerate() {
            let in_chunk = keys.last().filter(|last: &&Key| last.id == key.id);
            let known = match (known[idx], in_chunk) {
                (Known::New, Some(last)) if last.content == key.content => Known::Same,
                (Known::New, Some(_)) => Known::Conflict,
                (known, _) => known,
            };
            match known {
                Known::New => {
                    keys.push(*key);
                    continue;
                }
                Known::Same => n_duplicates += 1,
                Known::Conflict => rejections.push(conflict(&batches[*batch_idx as usize], *row as usize)),
            }
            keep[*batch_idx as usize][*row as usize] = false;
        }
        let mut kept = Vec::with_capacity(batches.len());
        for (batch, keep) in batches.into_iter().zip(keep) {
            let batch = if keep.iter().all(|keep| *keep) {
                batch
            } else {
                filter_record_batch(&batch, &BooleanArray::from(keep)).map_err(|error| EngineError::Wrong(error.to_string()))?
            };
            if batch.num_rows() > 0 {
                kept.push(batch);
            }
        }
        Ok((kept, keys, n_duplicates))
    }

    fn with_file(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let idx = self.schema.index_of("file").expect("the log has it");
        let mut columns = batch.columns().to_vec();
        columns[idx] = constant(self.file, batch.num_rows());
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|error| EngineError::Wrong(error.to_string()))
    }

    fn rejection_rows(&self, rejections: &[Rejection]) -> Result<RecordBatch, EngineError> {
        let texts = |text: &dyn Fn(&Rejection) -> String| -> ArrayRef {
            Arc::new(rejections.iter().map(|r| Some(text(r))).collect::<StringArray>())
        };
        let id = |rejection: &Rejection| format!("{:016x}", hash::id_hash(&self.app, &format!("{}:{}", rejection.line, rejection.reason)));
        let reason = |rejection: &Rejection| match &rejection.column {
            Some(column) => format!("column {column}: {}", rejection.reason),
            None => rejection.reason.clone(),
        };
        self.rows(
            Kind::Rejection,
            &[
                ("event_id", texts(&id)),
                ("line", Arc::new(Int64Array::from_iter_values(rejections.iter().map(|rejection| rejection.line as i64)))),
                ("reason", texts(&reason)),
                ("original", texts(&|rejection| rejection.original.clone())),
            ],
        )
    }

    /// Makes log rows of a kind with some columns given.
    fn rows(&self, kind: Kind, given: &[(&str, ArrayRef)]) -> Result<RecordBatch, EngineError> {
        let n_rows = given[0].1.len();
        let column = |name: &str| match name {
            "kind" => Some(constant(kind.word(), n_rows)),
            "source" => Some(constant(self.source, n_rows)),
            "file" => Some(constant(self.file, n_rows)),
            name => given.iter().find(|(known, _)| *known == name).map(|(_, array)| array.clone()),
        };
        arranged(&self.schema, n_rows, column).map_err(|error| EngineError::Wrong(error.to_string()))
    }
}

/// Takes the quoted value out of a reason, so that reasons can be counted.
pub(crate) fn generic(reason: &str) -> String {
    let parts: Vec<&str> = reason.splitn(3, '`').collect();
    match parts.as_slice() {
        [before, _, after] => format!("{before}…{after}"),
        _ => reason.to_owned(),
    }
}

fn conflict(batch: &RecordBatch, row: usize) -> Rejection {
    let mut original = serde_json::Map::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.is_valid(row) && !matches!(field.name().as_str(), "kind" | "source" | "file" | "line") {
            let text = match column.as_any().downcast_ref::<TimestampMicrosecondArray>() {
                Some(times) => diptych_event::time::format_instant(times.value(row)),
                None => arrow::util::display::array_value_to_string(column, row).unwrap_or_default(),
            };
            original.insert(field.name().clone(), text.into());
        }
    }
    let line = batch.column_by_name("line").expect("the log has it").as_primitive::<arrow::datatypes::Int64Type>().value(row);
    Rejection {
        line: line as u64,
        column: Some("event_id".into()),
        reason: "another row has the same event_id and other content; give one of them another id".into(),
        original: serde_json::Value::Object(original).to_string(),
    }
}

/// Lists the files that the spec's sources name, in order.
pub fn files_of_spec(bench: &Workbench) -> Result<Vec<PathBuf>, EngineError> {
    let mut found = Vec::new();
    for source in bench.spec().sources.values() {
        for pattern in &source.files {
            let (folder, last) = match pattern.rsplit_once('/') {
                Some((folder, last)) => (bench.root().join(folder), last),
                None => (bench.root().to_owned(), pattern.as_str()),
            };
            let mut fitting: Vec<PathBuf> = std::fs::read_dir(&folder)
                .map_err(StoreError::io(&folder, "listing"))?
                .flatten()
                .filter(|entry| glob_fits(last, &entry.file_name().to_string_lossy()))
                .map(|entry| entry.path())
                .collect();
            fitting.sort();
            found.extend(fitting);
        }
    }
    found.dedup();
    Ok(found)
}
