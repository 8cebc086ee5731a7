//! One segment on disk: `rows` and `actors`, each an uncompressed Arrow IPC file with one record batch per shard.
//!
//! The last row of an `actors` batch is an empty id whose offset is the end of the rows, so that offsets have the shape
//! `[actors + 1]`.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array};
use arrow::buffer::Buffer;
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt8Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::writer::FileWriter;
use arrow::ipc::{Block, root_as_footer};
use bytes::Bytes;
use diptych_event::Names;
use diptych_event::actors::ActorIds;
use diptych_event::timeline::{Column, ColumnKind, Shard, Values};
use memmap2::Mmap;

use super::{ColumnSpec, DealtRow, DealtValue, SegmentCard};
use crate::StoreError;

/// Columns of `rows` before the spec's columns.
const FIXED: usize = 5;

/// Returns the schema of `rows`.
pub(super) fn rows_schema(columns: &[ColumnSpec]) -> SchemaRef {
    let mut fields = vec![
        Field::new("time_us", DataType::Int64, false),
        Field::new("name", DataType::UInt32, false),
        Field::new("seq", DataType::Int64, false),
        Field::new("tie", DataType::UInt64, false),
        Field::new("interactive", DataType::UInt8, false),
    ];
    fields.extend(columns.iter().map(|column| Field::new(&column.name, arrow_type(column.kind), false)));
    Arc::new(Schema::new(fields))
}

pub(super) fn arrow_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text => DataType::UInt32,
        ColumnKind::Integer => DataType::Int64,
        ColumnKind::Number => DataType::Float64,
    }
}

/// One shard of one segment, or the merged shard of several.
#[derive(Debug, Clone)]
pub struct ShardData {
    /// Rows in order of actor, time and tie-break.
    pub(super) rows: RecordBatch,
    /// Actors in ascending order, and the sentinel.
    pub(super) actors: RecordBatch,
}

impl ShardData {
    /// Calls `look` with the shard as plain slices.
    pub fn with<R>(&self, look: impl FnOnce(&Shard) -> R) -> R {
        let ids = self.actors.column(0).as_string::<i32>();
        let n_actors = self.n_actors();
        let columns: Vec<Column> = self.rows.columns()[FIXED..]
            .iter()
            .map(|column| Column {
                values: match column.data_type() {
                    DataType::UInt32 => Values::Text(column.as_primitive::<UInt32Type>().values()),
                    DataType::Int64 => Values::Integer(column.as_primitive::<Int64Type>().values()),
                    _ => Values::Number(column.as_primitive::<Float64Type>().values()),
                },
            })
            .collect();
        let interactive = self.rows.column(4).as_primitive::<UInt8Type>().values();
        let shard = Shard {
            actors: ActorIds { offsets: &ids.value_offsets()[..n_actors + 1], text: ids.value_data() },
            offsets: self.actors.column(1).as_primitive::<UInt64Type>().values(),
            time_us: self.rows.column(0).as_primitive::<Int64Type>().values(),
            name: self.rows.column(1).as_primitive::<UInt32Type>().values(),
            tie: self.rows.column(3).as_primitive::<UInt64Type>().values(),
            interactive: interactive.contains(&0).then_some(&**interactive),
            columns: &columns,
        };
        look(&shard)
    }

    /// Returns the number of actors.
    pub fn n_actors(&self) -> usize {
        self.actors.num_rows() - 1
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows.num_rows()
    }

    /// Returns the rows as Arrow columns: `time_us`, `name`, `seq`, `tie`, `interactive`, then the spec's.
    pub fn batch(&self) -> &RecordBatch {
        &self.rows
    }

    /// Makes a shard from rows in any order; `actor[row]` points into `ids`, which may be in any order too.
    ///
    /// O(rows log rows).
    pub(super) fn sorted(ids: &Names, actor: &[u32], rows: &RecordBatch) -> Result<Self, ArrowError> {
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_unstable_by_key(|code| ids.text(*code));
        let mut rank = vec![0_u32; order.len()];
        order.iter().enumerate().for_each(|(position, code)| rank[*code as usize] = position as u32);
        let time_us = rows.column(0).as_primitive::<Int64Type>().values();
        let seq = rows.column(2).as_primitive::<Int64Type>().values();
        let tie = rows.column(3).as_primitive::<UInt64Type>().values();
        let mut keys: Vec<(u32, i64, u32)> =
            actor.iter().zip(time_us).enumerate().map(|(row, (actor, time))| (rank[*actor as usize], *time, row as u32)).collect();
        // The sort is stable and finds runs, so shards that are merged from sorted segments cost little.
        keys.sort_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| {
                let (a, b) = (a.2 as usize, b.2 as usize);
                (seq[a], tie[a]).cmp(&(seq[b], tie[b]))
            })
        });
        let indices = UInt32Array::from_iter_values(keys.iter().map(|key| key.2));
        let columns: Result<Vec<ArrayRef>, ArrowError> = rows.columns().iter().map(|column| take(column, &indices, None)).collect();
        let mut offsets = Vec::with_capacity(order.len() + 1);
        let mut row = 0;
        for position in 0..=order.len() {
            while row < keys.len() && (keys[row].0 as usize) < position {
                row += 1;
            }
            offsets.push(row as u64);
        }
        let texts = order.iter().map(|code| ids.text(*code)).chain([""]);
        let actors = RecordBatch::try_new(
            actors_schema(),
            vec![Arc::new(StringArray::from_iter_values(texts)), Arc::new(UInt64Array::from(offsets))],
        )?;
        Ok(Self { rows: RecordBatch::try_new(rows.schema(), columns?)?, actors })
    }

    /// Merges the same shard of several segments.
    pub(super) fn merge(mut parts: Vec<ShardData>, columns: &[ColumnSpec]) -> Result<Self, StoreError> {
        parts.retain(|part| part.n_rows() > 0);
        match parts.len() {
            0 => Ok(Self::sorted(&Names::default(), &[], &RecordBatch::new_empty(rows_schema(columns))).expect("an empty shard")),
            1 => Ok(parts.remove(0)),
            _ => {
                let mut ids = Names::default();
                let mut actor: Vec<u32> = Vec::with_capacity(parts.iter().map(ShardData::n_rows).sum());
                for part in &parts {
                    part.with(|shard| {
                        for actor_idx in 0..shard.n_actors() {
                            let code = ids.intern(shard.actors.get(actor_idx));
                            actor.extend(shard.rows(actor_idx).map(|_| code));
                        }
                    });
                }
                let merged = || -> Result<Self, ArrowError> {
                    let arrays: Result<Vec<ArrayRef>, ArrowError> = (0..parts[0].rows.num_columns())
                        .map(|column| concat(&parts.iter().map(|part| part.rows.column(column).as_ref()).collect::<Vec<_>>()))
                        .collect();
                    Self::sorted(&ids, &actor, &RecordBatch::try_new(parts[0].rows.schema(), arrays?)?)
                };
                merged().map_err(|error| StoreError::damaged(Path::new("timelines"), error))
            }
        }
    }
}

fn actors_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("actor", DataType::Utf8, false), Field::new("offset", DataType::UInt64, false)]))
}

/// Writes a segment shard by shard.
pub(super) struct SegmentWriter {
    rows: FileWriter<std::io::BufWriter<File>>,
    actors: FileWriter<std::io::BufWriter<File>>,
    card: SegmentCard,
}

impl SegmentWriter {
    /// Starts a segment with the number `number`.
    pub fn create(folder: &Path, number: u64, columns: &[ColumnSpec]) -> Result<Self, StoreError> {
        let card = SegmentCard { rows: format!("{number:08}-rows.arrow"), actors: format!("{number:08}-actors.arrow"), n_rows: 0 };
        let open = |name: &str, schema: &Schema| {
            let path = folder.join(name);
            let file = File::create(&path).map_err(StoreError::io(&path, "making"))?;
            FileWriter::try_new_buffered(file, schema).map_err(|error| write_error(&path, error))
        };
        Ok(Self { rows: open(&card.rows, &rows_schema(columns))?, actors: open(&card.actors, &actors_schema())?, card })
    }

    /// Writes the next shard.
    pub fn write(&mut self, shard: &ShardData) -> Result<(), StoreError> {
        self.card.n_rows += shard.n_rows() as u64;
        self.rows.write(&shard.rows).map_err(|error| write_error(Path::new(&self.card.rows), error))?;
        self.actors.write(&shard.actors).map_err(|error| write_error(Path::new(&self.card.actors), error))
    }

    /// Ends the segment; it survives a kill from here on.
    pub fn finish(mut self) -> Result<SegmentCard, StoreError> {
        for (writer, name) in [(&mut self.rows, &self.card.rows), (&mut self.actors, &self.card.actors)] {
            writer.finish().map_err(|error| write_error(Path::new(name), error))?;
            writer.get_ref().get_ref().sync_data().map_err(StoreError::io(Path::new(name), "saving"))?;
        }
        Ok(self.card)
    }
}

pub(super) fn write_error(path: &Path, error: ArrowError) -> StoreError {
    match error {
        ArrowError::IoError(_, source) => StoreError::Io { path: path.to_owned(), doing: "writing timelines", source },
        other => StoreError::damaged(path, other),
    }
}

/// A segment that is mapped into memory.
pub(super) struct Segment {
    rows: MappedFile,
    actors: MappedFile,
}

impl Segment {
    pub fn open(folder: &Path, card: &SegmentCard, n_shards: usize) -> Result<Self, StoreError> {
        let open = |name: &str| MappedFile::open(&folder.join(name), n_shards);
        Ok(Self { rows: open(&card.rows)?, actors: open(&card.actors)? })
    }

    pub fn shard(&self, shard_idx: usize, columns: &[ColumnSpec]) -> Result<ShardData, StoreError> {
        let rows = self.rows.batch(shard_idx)?;
        if rows.num_columns() != FIXED + columns.len() {
            return Err(StoreError::damaged(Path::new("timelines"), "a segment has other columns than its card"));
        }
        Ok(ShardData { rows, actors: self.actors.batch(shard_idx)? })
    }
}

/// An Arrow IPC file whose batches point into the mapped file.
struct MappedFile {
    path: std::path::PathBuf,
    buffer: Buffer,
    decoder: FileDecoder,
    blocks: Vec<Block>,
}

impl MappedFile {
    fn open(path: &Path, n_shards: usize) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "opening"))?;
        // SAFETY: segments are written once under a new name and only ever deleted, never changed.
        let map = unsafe { Mmap::map(&file) }.map_err(StoreError::io(path, "mapping"))?;
        let buffer = Buffer::from(Bytes::from_owner(map));
        let decode = || -> Result<(FileDecoder, Vec<Block>), ArrowError> {
            let too_short = || ArrowError::IpcError("it is cut short".into());
            let trailer_start = buffer.len().checked_sub(10).ok_or_else(too_short)?;
            let footer_len = read_footer_length(buffer[trailer_start..].try_into().expect("10 bytes"))?;
            let footer_start = trailer_start.checked_sub(footer_len).ok_or_else(too_short)?;
            let footer = root_as_footer(&buffer[footer_start..trailer_start]).map_err(|error| ArrowError::IpcError(error.to_string()))?;
            let schema = fb_to_schema(footer.schema().ok_or_else(too_short)?);
            let decoder = FileDecoder::new(Arc::new(schema), footer.version());
            let blocks = footer.recordBatches().map(|blocks| blocks.iter().copied().collect()).unwrap_or_default();
            Ok((decoder, blocks))
        };
        let (decoder, blocks) = decode().map_err(|error| StoreError::damaged(path, error))?;
        if blocks.len() != n_shards {
            return Err(StoreError::damaged(path, format!("it has {} shards instead of {n_shards}", blocks.len())));
        }
        Ok(Self { path: path.to_owned(), buffer, decoder, blocks })
    }

    fn batch(&self, idx: usize) -> Result<RecordBatch, StoreError> {
        let block = &self.blocks[idx];
        let len = block.bodyLength() as usize + block.metaDataLength() as usize;
        let data = self.buffer.slice_with_length(block.offset() as usize, len);
        self.decoder
            .read_record_batch(block, &data)
            .and_then(|batch| batch.ok_or_else(|| ArrowError::IpcError("a shard is missing".into())))
            .map_err(|error| StoreError::damaged(&self.path, error))
    }
}

/// Writes the dictionaries: one batch per column, event names first.
pub(super) fn write_dictionaries(path: &Path, names: &Names, dictionaries: &[Names]) -> Result<(), StoreError> {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
    let write = || -> Result<(), ArrowError> {
        let mut writer = FileWriter::try_new_buffered(File::create(path)?, &schema)?;
        for texts in std::iter::once(names).chain(dictionaries) {
            let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts.iter()));
            writer.write(&RecordBatch::try_new(schema.clone(), vec![column])?)?;
        }
        writer.finish()?;
        writer.get_ref().get_ref().sync_data()?;
        Ok(())
    };
    write().map_err(|error| write_error(path, error))
}

/// Reads what [`write_dictionaries`] wrote.
pub(super) fn read_dictionaries(path: &Path, columns: &[ColumnSpec]) -> Result<(Names, Vec<Names>), StoreError> {
    let file = MappedFile::open(path, columns.len() + 1)?;
    let read = |idx: usize| -> Result<Names, StoreError> { Ok(file.batch(idx)?.column(0).as_string::<i32>().iter().flatten().collect()) };
    let dictionaries: Result<Vec<Names>, StoreError> = (1..=columns.len()).map(read).collect();
    Ok((read(0)?, dictionaries?))
}

/// Columns of one shard while it is collected; the row order is that of arrival.
#[derive(Default)]
pub(super) struct Collected {
    pub actor: Vec<u32>,
    pub time_us: Vec<i64>,
    pub name: Vec<u32>,
    pub seq: Vec<i64>,
    pub tie: Vec<u64>,
    pub interactive: Vec<u8>,
    pub columns: Vec<CollectedColumn>,
}

/// One of the spec's columns while it is collected.
pub(super) enum CollectedColumn {
    Text(Vec<u32>),
    Integer(Vec<i64>),
    Number(Vec<f64>),
}

impl Collected {
    pub fn new(columns: &[ColumnSpec]) -> Self {
        let columns = columns
            .iter()
            .map(|column| match column.kind {
                ColumnKind::Text => CollectedColumn::Text(Vec::new()),
                ColumnKind::Integer => CollectedColumn::Integer(Vec::new()),
                ColumnKind::Number => CollectedColumn::Number(Vec::new()),
            })
            .collect();
        Self { columns, ..Self::default() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When a value is not of its column's kind.
    pub fn push(&mut self, actor: u32, row: &DealtRow, values: &[DealtValue]) {
        self.actor.push(actor);
        self.time_us.push(row.time_us);
        self.name.push(row.name);
        self.seq.push(row.seq);
        self.tie.push(row.tie);
        self.interactive.push(u8::from(row.interactive));
        for (value, collected) in values.iter().zip(&mut self.columns) {
            match (collected, value) {
                (CollectedColumn::Text(codes), DealtValue::Text(code)) => codes.push(*code),
                (CollectedColumn::Integer(numbers), DealtValue::Integer(number)) => numbers.push(*number),
                (CollectedColumn::Number(numbers), DealtValue::Number(number)) => numbers.push(*number),
                (_, value) => unreachable!("{value:?} is not of its column's kind"),
            }
        }
    }

    /// Turns what was collected into actor codes and a batch of rows.
    pub fn into_batch(self, columns: &[ColumnSpec]) -> Result<(Vec<u32>, RecordBatch), ArrowError> {
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(self.time_us)),
            Arc::new(UInt32Array::from(self.name)),
            Arc::new(Int64Array::from(self.seq)),
            Arc::new(UInt64Array::from(self.tie)),
            Arc::new(UInt8Array::from(self.interactive)),
        ];
        arrays.extend(self.columns.into_iter().map(|column| -> ArrayRef {
            match column {
                CollectedColumn::Text(codes) => Arc::new(UInt32Array::from(codes)),
                CollectedColumn::Integer(numbers) => Arc::new(Int64Array::from(numbers)),
                CollectedColumn::Number(numbers) => Arc::new(Float64Array::from(numbers)),
            }
        }));
        Ok((self.actor, RecordBatch::try_new(rows_schema(columns), arrays)?))
    }
}
