//! One segment on disk: `rows`, `actors` and `index`, each an uncompressed Arrow IPC file with one record batch per shard.
//!
//! The last row of an `actors` batch is an empty id whose offset is the end of the rows, so that offsets have the shape
//! `[actors + 1]`. An `index` batch is one row of lists.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::writer::FileWriter;
use arrow::ipc::{Block, root_as_footer};
use bytes::Bytes;
use diptych_event::Names;
use diptych_event::actors::ActorIds;
use diptych_event::index::{Index, OwnedIndex, TickClock};
use diptych_event::timeline::{Codes, Column, ColumnKind, Integers, NO_CODE, Shard, Values};
use memmap2::{Mmap, MmapOptions};

use super::{ColumnSpec, DealtRow, DealtValue, SegmentCard};
use crate::StoreError;

/// Columns of rows before the spec's columns, as they are collected.
pub(super) const FIXED: usize = 5;
/// Position of the names among them.
pub(super) const NAME: usize = 1;

/// Returns the schema of rows while they are collected, spilled and merged: every column, codes at their widest.
pub(super) fn rows_schema(columns: &[ColumnSpec]) -> SchemaRef {
    let mut fields = vec![
        Field::new("time_us", DataType::Int64, false),
        Field::new("name", DataType::UInt32, false),
        Field::new("tie", DataType::UInt64, false),
        Field::new("seq", DataType::Int64, false),
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

/// The least and the largest whole number of a column, or code of a text, of which [`NO_CODE`] is one.
pub(super) type Span = (i64, i64);

/// The span of a column without values.
pub(super) const NONE: Span = (i64::MAX, i64::MIN);

/// The span of a column whose values are not known yet.
pub(super) const ANY: Span = (i64::MIN, i64::MAX);

/// The span of a text column whose rows all have the first text.
const ALIKE: Span = (0, 0);

/// How the rows of a segment are written: what is the same for all is left out, and codes and whole numbers are as narrow as
/// they may be.
pub(super) struct Shape<'a> {
    pub columns: &'a [ColumnSpec],
    /// Texts of the names and of each column.
    pub names: &'a Names,
    pub dictionaries: &'a [Names],
    /// Spans of the columns.
    pub spans: &'a [Span],
    /// Whether some row has another order at its instant than 0.
    pub has_seq: bool,
    /// Whether some row is not user activity.
    pub has_passive: bool,
}

impl Shape<'_> {
    /// Returns the columns that are written, each with its position among those that are collected.
    fn written(&self) -> (Vec<usize>, SchemaRef) {
        // The largest number of each width stands for a missing value.
        let width = |n_values: u64| match n_values {
            0..=255 => Some(DataType::UInt8),
            256..=65_535 => Some(DataType::UInt16),
            65_536..=0xFFFF_FFFF => Some(DataType::UInt32),
            _ => None,
        };
        let of_spec = |idx: usize| match (self.columns[idx].kind, self.spans[idx]) {
            (ColumnKind::Text, ALIKE) => None,
            (ColumnKind::Text, _) => width(self.dictionaries[idx].len() as u64),
            (ColumnKind::Integer, (least, most)) => {
                // Without any number there is none above the least.
                let n_values = if (least, most) == NONE { 0 } else { most.abs_diff(least).saturating_add(1) };
                Some(width(n_values).unwrap_or(DataType::Int64))
            }
            (ColumnKind::Number, _) => Some(DataType::Float64),
        };
        let field = |(idx, field): (usize, &Arc<Field>)| {
            let data_type = match (field.name().as_str(), idx.checked_sub(FIXED)) {
                (_, Some(column)) => of_spec(column),
                ("name", None) => width(self.names.len() as u64),
                ("seq", None) if !self.has_seq => None,
                ("interactive", None) if !self.has_passive => None,
                _ => Some(field.data_type().clone()),
            };
            Some((idx, Field::new(field.name(), data_type?, false)))
        };
        let (written, fields): (_, Vec<Field>) = rows_schema(self.columns).fields().iter().enumerate().filter_map(field).unzip();
        (written, Arc::new(Schema::new(fields)))
    }
}

/// One shard of one segment, or actors of it.
#[derive(Debug, Clone)]
pub struct ShardData {
    /// Rows in order of actor, time and tie-break; codes of any width, and columns that all rows share may be missing.
    rows: RecordBatch,
    /// Columns of `rows` before the spec's.
    n_fixed: usize,
    /// Ids of the actors, ascending.
    ids: StringArray,
    /// First row of each actor, shape `[actors]`.
    starts: ScalarBuffer<u64>,
    /// One after the last row of each actor, shape `[actors]`.
    ends: ScalarBuffer<u64>,
    /// What was found among the rows, nobody's included.
    index: IndexData,
    /// What is known of the spec's columns.
    known: Arc<Known>,
}

/// What a segment's card tells about the spec's columns.
#[derive(Debug, Default)]
struct Known {
    /// Positions of those in which no value is missing, as far as this is known.
    complete: Vec<usize>,
    /// The least number of each that holds whole numbers; shape `[columns]`, empty while rows are collected.
    least: Vec<Option<i64>>,
    /// Positions of those that are not written, because all rows have the first text.
    alike: Vec<usize>,
}

impl Known {
    fn new(card: &SegmentCard, columns: &[ColumnSpec]) -> Self {
        let of_kind = |wanted: ColumnKind| (0..).zip(columns).zip(&card.spans).filter(move |((_, column), _)| column.kind == wanted);
        let alike = of_kind(ColumnKind::Text).filter(|(_, span)| **span == ALIKE).map(|((idx, _), _)| idx).collect();
        let mut least = vec![None; columns.len()];
        of_kind(ColumnKind::Integer).for_each(|((idx, _), span): ((usize, _), _)| least[idx] = Some(span.0));
        Self { complete: card.complete.clone(), least, alike }
    }
}

/// The columns of an [`Index`].
#[derive(Debug, Clone)]
struct IndexData {
    rows_by_name: ScalarBuffer<u32>,
    ticks_by_name: ScalarBuffer<u32>,
    clock: TickClock,
    first_by_name: ScalarBuffer<u64>,
    /// Codes of the width of the names.
    next_by_name: ArrayRef,
    end_places: ScalarBuffer<u32>,
    end_runs: ScalarBuffer<u32>,
    name_starts: ScalarBuffer<u32>,
    run_rows: ScalarBuffer<u32>,
    run_is_first: ScalarBuffer<u8>,
    run_began_us: ScalarBuffer<i64>,
    run_lasted_us: ScalarBuffer<u32>,
    run_rest_us: ScalarBuffer<u32>,
}

/// Returns the lists of an index in its file, where names are as wide as said; the last one is its clock.
fn index_schema(name: DataType) -> SchemaRef {
    let lists = [
        ("rows_by_name", DataType::UInt32),
        ("ticks_by_name", DataType::UInt32),
        ("first_by_name", DataType::UInt64),
        ("next_by_name", name),
        ("end_places", DataType::UInt32),
        ("end_runs", DataType::UInt32),
        ("name_starts", DataType::UInt32),
        ("run_rows", DataType::UInt32),
        ("run_is_first", DataType::UInt8),
        ("run_began_us", DataType::Int64),
        ("run_lasted_us", DataType::UInt32),
        ("run_rest_us", DataType::UInt32),
        ("clock", DataType::Int64),
    ];
    let field = |(name, item): (&str, DataType)| Field::new_list(name, Field::new_list_field(item, false), false);
    Arc::new(Schema::new(lists.map(field).to_vec()))
}

impl IndexData {
    fn of_batch(batch: &RecordBatch) -> Self {
        let list = |idx: usize| batch.column(idx).as_list::<i32>().value(0);
        let numbers = |idx: usize| list(idx).as_primitive::<UInt32Type>().values().clone();
        let instants = |idx: usize| list(idx).as_primitive::<Int64Type>().values().clone();
        let clock = instants(12);
        Self {
            rows_by_name: numbers(0),
            ticks_by_name: numbers(1),
            clock: TickClock { base_us: clock[0], shift: clock[1] as u32 },
            first_by_name: list(2).as_primitive::<UInt64Type>().values().clone(),
            next_by_name: list(3),
            end_places: numbers(4),
            end_runs: numbers(5),
            name_starts: numbers(6),
            run_rows: numbers(7),
            run_is_first: list(8).as_primitive::<UInt8Type>().values().clone(),
            run_began_us: instants(9),
            run_lasted_us: numbers(10),
            run_rest_us: numbers(11),
        }
    }

    fn to_batch(&self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let list = |values: ArrayRef| -> Result<ArrayRef, ArrowError> {
            let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
            Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths([values.len()]), values, None)?))
        };
        let numbers = |values: &ScalarBuffer<u32>| list(Arc::new(UInt32Array::new(values.clone(), None)));
        let instants = |values: &ScalarBuffer<i64>| list(Arc::new(Int64Array::new(values.clone(), None)));
        let DataType::List(name) = schema.field_with_name("next_by_name")?.data_type() else { unreachable!("it is a list") };
        let columns = vec![
            numbers(&self.rows_by_name)?,
            numbers(&self.ticks_by_name)?,
            list(Arc::new(UInt64Array::new(self.first_by_name.clone(), None)))?,
            list(narrowed(&self.next_by_name, name.data_type(), 0))?,
            numbers(&self.end_places)?,
            numbers(&self.end_runs)?,
            numbers(&self.name_starts)?,
            numbers(&self.run_rows)?,
            list(Arc::new(UInt8Array::new(self.run_is_first.clone(), None)))?,
            instants(&self.run_began_us)?,
            numbers(&self.run_lasted_us)?,
            numbers(&self.run_rest_us)?,
            instants(&vec![self.clock.base_us, i64::from(self.clock.shift)].into())?,
        ];
        RecordBatch::try_new(schema.clone(), columns)
    }

    fn index(&self) -> Index<'_> {
        Index {
            rows_by_name: &self.rows_by_name,
            ticks_by_name: &self.ticks_by_name,
            clock: self.clock,
            first_by_name: &self.first_by_name,
            next_by_name: codes(&self.next_by_name),
            end_places: &self.end_places,
            end_runs: &self.end_runs,
            name_starts: &self.name_starts,
            run_rows: &self.run_rows,
            run_is_first: &self.run_is_first,
            run_began_us: &self.run_began_us,
            run_lasted_us: &self.run_lasted_us,
            run_rest_us: &self.run_rest_us,
        }
    }
}

impl From<OwnedIndex> for IndexData {
    fn from(owned: OwnedIndex) -> Self {
        Self {
            rows_by_name: owned.rows_by_name.into(),
            ticks_by_name: owned.ticks_by_name.into(),
            clock: owned.clock,
            first_by_name: owned.first_by_name.into(),
            next_by_name: Arc::new(UInt32Array::from(owned.next_by_name)),
            end_places: owned.end_places.into(),
            end_runs: owned.end_runs.into(),
            name_starts: owned.name_starts.into(),
            run_rows: owned.run_rows.into(),
            run_is_first: owned.run_is_first.into(),
            run_began_us: owned.run_began_us.into(),
            run_lasted_us: owned.run_lasted_us.into(),
            run_rest_us: owned.run_rest_us.into(),
        }
    }
}

impl ShardData {
    /// Takes rows, actors with a last one that is empty and whose offset is the end of the rows, and the index.
    fn new(
        written: &RecordBatch,
        actors: &RecordBatch,
        index: &RecordBatch,
        columns: &[ColumnSpec],
        known: Arc<Known>,
    ) -> std::io::Result<Self> {
        let n_actors = actors.num_rows() - 1;
        let offsets = actors.column(1).as_primitive::<UInt64Type>().values();
        let n_fixed = written.num_columns() + known.alike.len() - columns.len();
        let (mut fields, mut arrays) = (written.schema_ref().fields().to_vec(), written.columns().to_vec());
        for idx in &known.alike {
            fields.insert(n_fixed + idx, Arc::new(Field::new(&columns[*idx].name, DataType::UInt8, false)));
            arrays.insert(n_fixed + idx, Arc::new(zeros(written.num_rows())?));
        }
        Ok(Self {
            n_fixed,
            rows: RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("all columns have the rows' length"),
            ids: actors.column(0).as_string::<i32>().slice(0, n_actors),
            starts: offsets.slice(0, n_actors),
            ends: offsets.slice(1, n_actors),
            index: IndexData::of_batch(index),
            known,
        })
    }

    /// Calls `look` with the shard as plain slices.
    pub fn with<R>(&self, look: impl FnOnce(&Shard) -> R) -> R {
        let columns: Vec<Column> = self.rows.columns()[self.n_fixed..]
            .iter()
            .enumerate()
            .map(|(idx, column)| Column {
                may_miss: !self.known.complete.contains(&idx),
                values: match (column.data_type(), self.least(idx)) {
                    (DataType::Int64, _) => Values::Integer(Integers::Whole(column.as_primitive::<Int64Type>().values())),
                    (DataType::Float64, _) => Values::Number(column.as_primitive::<Float64Type>().values()),
                    (_, Some(least)) => Values::Integer(Integers::Above { least, above: codes(column) }),
                    (_, None) => Values::Text(codes(column)),
                },
            })
            .collect();
        let interactive = self.fixed("interactive").map(|column| column.as_primitive::<UInt8Type>().values());
        let shard = Shard {
            actors: self.actors(),
            starts: &self.starts,
            ends: &self.ends,
            time_us: self.needed("time_us").as_primitive::<Int64Type>().values(),
            name: codes(self.needed("name")),
            seq: self.fixed("seq").map(|column| &**column.as_primitive::<Int64Type>().values()),
            tie: self.needed("tie").as_primitive::<UInt64Type>().values(),
            interactive: interactive.filter(|interactive| interactive.contains(&0)).map(|interactive| &**interactive),
            columns: &columns,
            index: self.index.index(),
        };
        look(&shard)
    }

    /// Returns the least number of one of the spec's columns, where they are written as how far they lie above it.
    fn least(&self, column: usize) -> Option<i64> {
        self.known.least.get(column).copied().flatten()
    }

    fn actors(&self) -> ActorIds<'_> {
        ActorIds { offsets: self.ids.value_offsets(), text: self.ids.value_data() }
    }

    fn fixed(&self, name: &str) -> Option<&ArrayRef> {
        let idx = self.rows.schema_ref().fields()[..self.n_fixed].iter().position(|field| field.name() == name)?;
        Some(self.rows.column(idx))
    }

    fn needed(&self, name: &str) -> &ArrayRef {
        self.fixed(name).expect("checked when the segment was opened")
    }

    /// Returns the number of actors.
    pub fn n_actors(&self) -> usize {
        self.ids.len()
    }

    /// Returns the number of rows of the actors.
    pub fn n_rows(&self) -> usize {
        self.starts.iter().zip(&self.ends).map(|(start, end)| (end - start) as usize).sum()
    }

    /// Tells which of the actors stand in `later` too. O(actors of both).
    pub(super) fn mark_replaced(&self, later: &ShardData, replaced: &mut [bool]) {
        let mut others = later.actors().iter().peekable();
        for (id, replaced) in self.actors().iter().zip(replaced) {
            while others.next_if(|other| *other < id).is_some() {}
            *replaced |= others.peek() == Some(&id);
        }
    }

    /// Keeps the actors that are `kept`, shape `[actors]`; their rows stay where they are. O(actors).
    pub(super) fn only(self, kept: &[bool]) -> Self {
        if !kept.contains(&false) {
            return self;
        }
        let chosen = |values: &ScalarBuffer<u64>| values.iter().zip(kept).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect();
        let ids = self.actors().iter().zip(kept).filter(|(_, kept)| **kept).map(|(id, _)| id);
        Self { ids: StringArray::from_iter_values(ids), starts: chosen(&self.starts), ends: chosen(&self.ends), ..self }
    }

    /// Returns the rows of the actors, one after the other, with every column at its widest. O(rows).
    fn collected(&self, columns: &[ColumnSpec]) -> Result<RecordBatch, ArrowError> {
        let n_all = self.rows.num_rows();
        let is_whole = self.n_rows() == n_all;
        let indices: UInt32Array = if is_whole { UInt32Array::from(Vec::<u32>::new()) } else { self.owned_rows().collect() };
        let schema = rows_schema(columns);
        let wide = |(idx, field): (usize, &Arc<Field>)| -> Result<ArrayRef, ArrowError> {
            let column = match idx.checked_sub(FIXED) {
                Some(column) => Some(self.rows.column(self.n_fixed + column)),
                None => self.fixed(field.name()),
            };
            let Some(column) = column else {
                let n_rows = self.n_rows();
                return Ok(match field.data_type() {
                    DataType::UInt8 => Arc::new(UInt8Array::from(vec![1; n_rows])) as ArrayRef,
                    _ => Arc::new(Int64Array::from(vec![0; n_rows])),
                });
            };
            let column = if is_whole { column.clone() } else { take(column, &indices, None)? };
            if column.data_type() == field.data_type() {
                return Ok(column);
            }
            Ok(match idx.checked_sub(FIXED).and_then(|column| self.least(column)) {
                Some(least) => {
                    let numbers = Integers::Above { least, above: codes(&column) };
                    Arc::new(Int64Array::from_iter_values(numbers.of_rows(0..column.len()).map(|number| number.unwrap_or(i64::MIN))))
                }
                None => Arc::new(UInt32Array::from_iter_values(codes(&column).iter())),
            })
        };
        let arrays: Result<Vec<ArrayRef>, ArrowError> = schema.fields().iter().enumerate().map(wide).collect();
        RecordBatch::try_new(schema, arrays?)
    }

    fn owned_rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.starts.iter().zip(&self.ends).flat_map(|(start, end)| *start as u32..*end as u32)
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
        let tie = rows.column(2).as_primitive::<UInt64Type>().values();
        let seq = rows.column(3).as_primitive::<Int64Type>().values();
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
        let offsets = ScalarBuffer::from(offsets);
        let (starts, ends) = (offsets.slice(0, order.len()), offsets.slice(1, order.len()));
        let rows = RecordBatch::try_new(rows.schema(), columns?)?;
        let time_us = rows.column(0).as_primitive::<Int64Type>().values();
        let index = OwnedIndex::new(&starts, &ends, time_us, codes(rows.column(NAME))).into();
        let ids = StringArray::from_iter_values(order.iter().map(|code| ids.text(*code)));
        Ok(Self { rows, n_fixed: FIXED, ids, starts, ends, index, known: Arc::default() })
    }

    /// Merges actors of the same shard from several segments.
    pub(super) fn merge(parts: &[ShardData], columns: &[ColumnSpec]) -> Result<Self, StoreError> {
        let mut ids = Names::default();
        let mut actor: Vec<u32> = Vec::with_capacity(parts.iter().map(ShardData::n_rows).sum());
        for part in parts {
            for (id, (start, end)) in part.actors().iter().zip(part.starts.iter().zip(&part.ends)) {
                let code = ids.intern(id);
                actor.extend((*start..*end).map(|_| code));
            }
        }
        let merged = || -> Result<Self, ArrowError> {
            let schema = rows_schema(columns);
            let batches: Result<Vec<RecordBatch>, ArrowError> = parts.iter().map(|part| part.collected(columns)).collect();
            Self::sorted(&ids, &actor, &concat_batches(&schema, &batches?)?)
        };
        merged().map_err(|error| StoreError::damaged(Path::new("timelines"), error))
    }
}

/// Returns codes that are all 0, in memory that takes no room, as nobody writes to it: one page of zeros is shared by all.
fn zeros(n_rows: usize) -> std::io::Result<UInt8Array> {
    if n_rows == 0 {
        return Ok(UInt8Array::new_null(0));
    }
    let map = MmapOptions::new().len(n_rows).map_anon()?.make_read_only()?;
    Ok(UInt8Array::new(ScalarBuffer::new(Buffer::from(Bytes::from_owner(map)), 0, n_rows), None))
}

/// Returns the codes of a text column.
fn codes(column: &ArrayRef) -> Codes<'_> {
    match column.data_type() {
        DataType::UInt8 => Codes::Byte(column.as_primitive::<UInt8Type>().values()),
        DataType::UInt16 => Codes::Short(column.as_primitive::<UInt16Type>().values()),
        _ => Codes::Long(column.as_primitive::<UInt32Type>().values()),
    }
}

fn actors_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("actor", DataType::Utf8, false), Field::new("offset", DataType::UInt64, false)]))
}

/// Writes a segment shard by shard.
pub(super) struct SegmentWriter {
    schema: SchemaRef,
    /// Positions of its columns among those that are collected.
    written: Vec<usize>,
    rows: FileWriter<std::io::BufWriter<File>>,
    actors: FileWriter<std::io::BufWriter<File>>,
    index: FileWriter<std::io::BufWriter<File>>,
    index_schema: SchemaRef,
    card: SegmentCard,
}

impl SegmentWriter {
    /// Starts a segment with the number `number`.
    pub fn create(folder: &Path, number: u64, shape: &Shape) -> Result<Self, StoreError> {
        let card = SegmentCard {
            rows: format!("{number:08}-rows.arrow"),
            actors: format!("{number:08}-actors.arrow"),
            index: format!("{number:08}-index.arrow"),
            ..SegmentCard::default()
        };
        let open = |name: &str, schema: &Schema| {
            let path = folder.join(name);
            let file = File::create(&path).map_err(StoreError::io(&path, "making"))?;
            FileWriter::try_new_buffered(file, schema).map_err(|error| write_error(&path, error))
        };
        let complete = (0..shape.columns.len()).filter(|idx| shape.columns[*idx].kind == ColumnKind::Text).collect();
        let card = SegmentCard { complete, spans: shape.spans.to_vec(), ..card };
        let (written, schema) = shape.written();
        let name = schema.field_with_name("name").map(Field::data_type).map_err(|error| write_error(folder, error))?;
        let index_schema = index_schema(name.clone());
        let (rows, actors, index) = (open(&card.rows, &schema)?, open(&card.actors, &actors_schema())?, open(&card.index, &index_schema)?);
        Ok(Self { rows, actors, index, schema, written, index_schema, card })
    }

    /// Writes the next shard, whose rows were collected.
    pub fn write(&mut self, shard: &ShardData) -> Result<(), StoreError> {
        self.card.n_rows += shard.n_rows() as u64;
        let rows = || -> Result<RecordBatch, ArrowError> {
            let narrow = |(idx, field): (&usize, &Arc<Field>)| {
                let least = idx.checked_sub(FIXED).map_or(0, |column| self.card.spans[column].0);
                narrowed(shard.rows.column(*idx), field.data_type(), least)
            };
            let columns = self.written.iter().zip(self.schema.fields()).map(narrow).collect();
            RecordBatch::try_new(self.schema.clone(), columns)
        };
        let complete = &mut self.card.complete;
        complete.retain(|idx| !codes(shard.rows.column(FIXED + idx)).has_missing(0..shard.rows.num_rows()));
        let offsets = shard.starts.first().copied().into_iter().chain(shard.ends.iter().copied());
        let offsets: UInt64Array = if shard.n_actors() == 0 { UInt64Array::from(vec![0]) } else { offsets.collect::<Vec<u64>>().into() };
        let ids = StringArray::from_iter_values(shard.actors().iter().chain([""]));
        let actors = RecordBatch::try_new(actors_schema(), vec![Arc::new(ids), Arc::new(offsets)]);
        rows().and_then(|rows| self.rows.write(&rows)).map_err(|error| write_error(Path::new(&self.card.rows), error))?;
        actors.and_then(|actors| self.actors.write(&actors)).map_err(|error| write_error(Path::new(&self.card.actors), error))?;
        let index = shard.index.to_batch(&self.index_schema);
        index.and_then(|index| self.index.write(&index)).map_err(|error| write_error(Path::new(&self.card.index), error))
    }

    /// Ends the segment; it survives a kill from here on.
    pub fn finish(mut self) -> Result<SegmentCard, StoreError> {
        let card = &self.card;
        for (writer, name) in [(&mut self.rows, &card.rows), (&mut self.actors, &card.actors), (&mut self.index, &card.index)] {
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

/// Returns a column of codes or whole numbers as narrow as asked for, numbers as how far they lie above the least, and any other
/// column as it is.
fn narrowed(column: &ArrayRef, data_type: &DataType, least: i64) -> ArrayRef {
    // Cutting the high bits off turns a missing text into the largest number of the width.
    let codes: Box<dyn Iterator<Item = u32>> = match column.data_type() {
        kind if kind == data_type => return column.clone(),
        DataType::Int64 => Box::new(column.as_primitive::<Int64Type>().values().iter().map(move |number| match *number {
            i64::MIN => NO_CODE,
            number => (number - least) as u32,
        })),
        _ => Box::new(column.as_primitive::<UInt32Type>().values().iter().copied()),
    };
    match data_type {
        DataType::UInt8 => Arc::new(codes.map(|code| code as u8).collect::<UInt8Array>()),
        DataType::UInt16 => Arc::new(UInt16Array::from_iter_values(codes.map(|code| code as u16))),
        _ => Arc::new(UInt32Array::from_iter_values(codes)),
    }
}

/// A segment that is mapped into memory.
pub(super) struct Segment {
    rows: MappedFile,
    actors: MappedFile,
    index: MappedFile,
    /// What is known of the spec's columns.
    known: Arc<Known>,
    /// The shards that were asked for: each is read from its files once.
    shards: Vec<OnceLock<ShardData>>,
}

impl Segment {
    pub fn open(folder: &Path, card: &SegmentCard, columns: &[ColumnSpec], n_shards: usize) -> Result<Self, StoreError> {
        let open = |name: &str| MappedFile::open(&folder.join(name), n_shards);
        if card.spans.len() != columns.len() {
            return Err(StoreError::damaged(&folder.join(&card.rows), "its card has other columns"));
        }
        let known = Arc::new(Known::new(card, columns));
        let (rows, actors, index) = (open(&card.rows)?, open(&card.actors)?, open(&card.index)?);
        let segment = Self { rows, actors, index, known, shards: (0..n_shards).map(|_| OnceLock::new()).collect() };
        let fields = segment.rows.schema.fields();
        let written: Vec<&ColumnSpec> =
            (0..).zip(columns).filter(|(idx, _)| !segment.known.alike.contains(idx)).map(|(_, column)| column).collect();
        let fixed = &fields[..fields.len().saturating_sub(written.len())];
        let is_whole = ["time_us", "name", "tie"].iter().all(|needed| fixed.iter().any(|field| field.name() == needed));
        let is_code = |field: &Arc<Field>| matches!(field.data_type(), DataType::UInt8 | DataType::UInt16 | DataType::UInt32);
        let is_of = |field: &Arc<Field>, kind: ColumnKind| match kind {
            ColumnKind::Text => is_code(field),
            ColumnKind::Integer => is_code(field) || field.data_type() == &DataType::Int64,
            ColumnKind::Number => field.data_type() == &DataType::Float64,
        };
        let of_spec =
            fields[fixed.len()..].iter().zip(written).all(|(field, column)| *field.name() == column.name && is_of(field, column.kind));
        let name = fixed.iter().find(|field| field.name() == "name" && is_code(field));
        let name = name.map(|field| index_schema(field.data_type().clone()));
        let is_indexed = name.is_some_and(|schema| segment.index.schema.fields() == schema.fields());
        if !is_whole || !of_spec || !is_indexed {
            return Err(StoreError::damaged(&folder.join(&card.rows), "it has other columns than its card"));
        }
        Ok(segment)
    }

    pub fn shard(&self, shard_idx: usize, columns: &[ColumnSpec]) -> Result<ShardData, StoreError> {
        if let Some(known) = self.shards[shard_idx].get() {
            return Ok(known.clone());
        }
        let (rows, actors, index) = (self.rows.batch(shard_idx)?, self.actors.batch(shard_idx)?, self.index.batch(shard_idx)?);
        let shard = ShardData::new(&rows, &actors, &index, columns, self.known.clone());
        let shard = shard.map_err(StoreError::io(&self.rows.path, "mapping"))?;
        Ok(self.shards[shard_idx].get_or_init(|| shard).clone())
    }

    /// Tells whether the rows have a column that segments may leave out.
    pub fn has(&self, column: &str) -> bool {
        self.rows.schema.field_with_name(column).is_ok()
    }
}

/// An Arrow IPC file whose batches point into the mapped file.
struct MappedFile {
    path: std::path::PathBuf,
    buffer: Buffer,
    schema: SchemaRef,
    decoder: FileDecoder,
    blocks: Vec<Block>,
}

impl MappedFile {
    fn open(path: &Path, n_shards: usize) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "opening"))?;
        // SAFETY: segments are written once under a new name and only ever deleted, never changed.
        let map = unsafe { Mmap::map(&file) }.map_err(StoreError::io(path, "mapping"))?;
        let buffer = Buffer::from(Bytes::from_owner(map));
        let decode = || -> Result<(SchemaRef, FileDecoder, Vec<Block>), ArrowError> {
            let too_short = || ArrowError::IpcError("it is cut short".into());
            let trailer_start = buffer.len().checked_sub(10).ok_or_else(too_short)?;
            let footer_len = read_footer_length(buffer[trailer_start..].try_into().expect("10 bytes"))?;
            let footer_start = trailer_start.checked_sub(footer_len).ok_or_else(too_short)?;
            let footer = root_as_footer(&buffer[footer_start..trailer_start]).map_err(|error| ArrowError::IpcError(error.to_string()))?;
            let schema = Arc::new(fb_to_schema(footer.schema().ok_or_else(too_short)?));
            let decoder = FileDecoder::new(schema.clone(), footer.version());
            let blocks = footer.recordBatches().map(|blocks| blocks.iter().copied().collect()).unwrap_or_default();
            Ok((schema, decoder, blocks))
        };
        let (schema, decoder, blocks) = decode().map_err(|error| StoreError::damaged(path, error))?;
        if blocks.len() != n_shards {
            return Err(StoreError::damaged(path, format!("it has {} shards instead of {n_shards}", blocks.len())));
        }
        Ok(Self { path: path.to_owned(), buffer, schema, decoder, blocks })
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

impl CollectedColumn {
    /// Returns the span with that of the values; [`NONE`] is the first one. O(rows).
    pub fn span(&self, (least, most): Span) -> Span {
        match self {
            CollectedColumn::Text(codes) => {
                let (first, last) = codes.iter().fold((NO_CODE, 0), |(first, last), code| (first.min(*code), last.max(*code)));
                if codes.is_empty() { (least, most) } else { (least.min(first.into()), most.max(last.into())) }
            }
            CollectedColumn::Integer(numbers) => {
                // A missing one is lower than any other, and so never the largest.
                let lowest = |number: i64| if number == i64::MIN { i64::MAX } else { number };
                numbers.iter().fold((least, most), |(least, most), number| (least.min(lowest(*number)), most.max(*number)))
            }
            CollectedColumn::Number(_) => ANY,
        }
    }
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
            Arc::new(UInt64Array::from(self.tie)),
            Arc::new(Int64Array::from(self.seq)),
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
