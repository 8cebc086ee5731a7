//! From raw columns to log rows, as a source of the spec says.
//!
//! A row is accepted or rejected as a whole: when one of its events cannot be read, none of them is kept, so that the
//! corrected row can be imported again without doubling the others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Array, Int64Builder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Date32Type, Field, Float64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use diptych_event::log::{Kind, LOG_COLUMNS, LogType, PROPERTY_PREFIX};
use diptych_event::spec::{EventSpec, Fields, PropertyKind, RecordSpec, SourceSpec, Spec, SpecError, Text};
use diptych_event::time::{Zone, format_instant};
use diptych_intake::time::{TimeFormat, parse_time};
use diptych_intake::{Piece, Rejection, money, original};
use diptych_store::log::arrow_type_of;

use crate::EngineError;
use crate::expressions::{Compiled, Compiler};

/// Decimals of money; every currency is kept in hundredths.
const MONEY_DECIMALS: u32 = 2;

/// Name of the property that stands for every column that nothing else uses.
const REST: &str = "*";

/// A source's mapping over the columns of one file.
pub struct Mapping {
    source: String,
    zone: Zone,
    time_format: TimeFormat,
    currency: Option<String>,
    declared: BTreeMap<String, PropertyKind>,
    filter: Option<Compiled>,
    events: Vec<EventMapping>,
    records: Vec<RecordMapping>,
    /// Names under `profiles:` of the spec.
    profiles: BTreeSet<String>,
    /// Columns that no expression uses.
    rest: Vec<usize>,
}

struct EventMapping {
    filter: Option<Compiled>,
    fields: Vec<(&'static str, Compiled)>,
    properties: Vec<(String, Compiled)>,
    with_rest: bool,
}

/// What a row says besides events.
struct RecordMapping {
    kind: Kind,
    filter: Option<Compiled>,
    /// Expressions by log column; `id` is no column.
    fields: Vec<(&'static str, Compiled)>,
}

impl RecordMapping {
    fn compile(
        kind: Kind,
        record: &RecordSpec,
        compile: &dyn Fn(&str, &Text) -> Result<Compiled, EngineError>,
        note: &mut dyn FnMut(Compiled) -> Compiled,
    ) -> Result<Self, EngineError> {
        let filter = record.filter.as_ref().map(|text| compile("where", text)).transpose()?.map(&mut *note);
        let columns = [
            ("id", "id", &record.id),
            ("withdrawn", "withdrawn", &record.withdrawn),
            ("user", "user", &record.user),
            ("account", "customer", &record.account),
            ("role", "name", &record.role),
            ("same_as", "text", &record.same_as),
            ("name", "name", &record.name),
            ("text", "text", &record.text),
            ("amount", "amount", &record.amount),
            ("channel", "channel", &record.channel),
            ("place", "place", &record.place),
            ("valid_from", "time", &record.valid_from),
            ("valid_to", "valid_to", &record.valid_to),
        ];
        let mut fields = Vec::new();
        for (what, column, text) in columns {
            if let Some(text) = text {
                fields.push((column, note(compile(what, text)?)));
            }
        }
        Ok(Self { kind, filter, fields })
    }

    /// Returns the log columns that must have a value.
    fn needed(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Membership => &["user", "customer"],
            Kind::Profile => &["name", "text"],
            Kind::Merge => &["user", "text"],
            Kind::Series => &["name", "amount", "time"],
            _ => &["name", "text", "time"],
        }
    }

    /// Makes the ids of records: the one given, or all that the record says. A row that withdraws has an id of its own.
    fn ids(&self, fields: &BTreeMap<&str, ArrayRef>, n_rows: usize) -> ArrayRef {
        let text = |name: &str, row: usize| -> Option<String> {
            let array = fields.get(name).filter(|array| array.is_valid(row))?;
            arrow::util::display::array_value_to_string(array, row).ok()
        };
        let ids = (0..n_rows).map(|row| {
            let said = ["user", "customer", "name", "text", "channel", "place", "time", "valid_to", "amount"];
            let id = text("id", row).unwrap_or_else(|| said.map(|name| text(name, row).unwrap_or_default()).join("|"));
            let withdraws = fields.get("withdrawn").is_some_and(|column| column.is_valid(row) && column.as_boolean().value(row));
            let what = if withdraws { " withdrawn" } else { "" };
            Some(format!("{}{what}:{id}", self.kind.word()))
        });
        Arc::new(ids.collect::<StringArray>())
    }
}

/// What a piece of a file became.
#[derive(Debug)]
pub struct Mapped {
    /// Accepted events as log rows; their `file` is not yet filled.
    pub events: RecordBatch,
    /// Rows that were not accepted.
    pub rejections: Vec<Rejection>,
    /// Rows that make no event.
    pub n_skipped: u64,
    /// Local times that happened twice; the earlier one was taken.
    pub n_ambiguous_times: u64,
    /// Property values that are not of the declared type, by property.
    pub wrong_type: BTreeMap<String, u64>,
}

/// Returns the log's columns for a spec: the fixed ones, then the declared properties.
pub fn log_columns(spec: &Spec) -> Vec<(String, LogType)> {
    let fixed = LOG_COLUMNS.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
    let declared = spec.properties.iter().map(|(name, property)| {
        let kind = match property.kind {
            PropertyKind::Text => LogType::Text,
            PropertyKind::Integer => LogType::Integer,
            PropertyKind::Number => LogType::Number,
            PropertyKind::Boolean => LogType::Boolean,
        };
        (format!("{PROPERTY_PREFIX}{name}"), kind)
    });
    fixed.chain(declared).collect()
}

/// Returns the Arrow schema of log rows for a spec.
pub fn log_schema(spec: &Spec) -> SchemaRef {
    Arc::new(Schema::new(log_columns(spec).into_iter().map(|(name, kind)| Field::new(name, arrow_type_of(kind), true)).collect::<Vec<_>>()))
}

/// Why a mapping cannot be compiled.
pub struct Unmapped {
    /// What to tell.
    pub error: Box<EngineError>,
    /// The column that the spec names and the file does not have, where that is why.
    pub missing: Option<String>,
}

impl Mapping {
    /// Compiles the mapping of `source` over a file's columns.
    pub fn compile(spec: &Spec, name: &str, source: &SourceSpec, columns: &SchemaRef) -> Result<Self, Unmapped> {
        let missing = RefCell::new(None);
        let compiler = Compiler;
        let compile = |what: &str, text: &Text| {
            let place = format!("diptych.yaml, line {}, column {}: `{what}` of source \"{name}\"", text.line, text.column);
            compiler.compile(&place, &text.text, columns).inspect_err(|_| {
                missing.replace(compiler.unknown_column(&text.text, columns));
            })
        };
        Self::compile_by(spec, name, source, columns, compile).map_err(|error| Unmapped { error: error.into(), missing: missing.take() })
    }

    fn compile_by(
        spec: &Spec,
        name: &str,
        source: &SourceSpec,
        columns: &SchemaRef,
        compile: impl Fn(&str, &Text) -> Result<Compiled, EngineError>,
    ) -> Result<Self, EngineError> {
        let time_format = match &source.time_format {
            None => TimeFormat::Auto,
            Some(text) => text.text.parse().map_err(|error: diptych_intake::time::TimeError| EngineError::Spec {
                path: "diptych.yaml".into(),
                source: SpecError::at(text, error.to_string()),
            })?,
        };
        let mut used: BTreeSet<String> = BTreeSet::new();
        let mut note = |compiled: Compiled| {
            used.extend(compiled.columns.iter().cloned());
            compiled
        };
        let filter = source.filter.as_ref().map(|text| compile("where", text)).transpose()?.map(&mut note);
        let mut events = Vec::new();
        for event in &source.events {
            events.push(compile_event(event, &source.each, &compile, &mut note)?);
        }
        let mut records = Vec::new();
        for (kind, record) in source.records() {
            records.push(RecordMapping::compile(kind, record, &compile, &mut note)?);
        }
        let rest = columns
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| !used.contains(field.name()) && !field.name().starts_with("diptych_"))
            .map(|(idx, _)| idx)
            .collect();
        Ok(Self {
            source: name.to_owned(),
            zone: spec.source_zone(source),
            time_format,
            currency: spec.currency.as_ref().map(|currency| currency.text.clone()),
            declared: spec.properties.iter().map(|(name, property)| (name.clone(), property.kind)).collect(),
            filter,
            events,
            records,
            profiles: spec.profiles.keys().cloned().collect(),
            rest,
        })
    }

    /// Maps a piece of a file; instants after `now_us` are rejected.
    pub fn apply(&self, piece: Piece, schema: &SchemaRef, now_us: i64) -> Result<Mapped, EngineError> {
        let Piece { rows, lines, mut rejections } = piece;
        let failed = |error: DataFusionError| EngineError::Wrong(format!("source \"{}\": {}", self.source, error.strip_backtrace()));
        let n_rows = rows.num_rows();
        let kept = match &self.filter {
            Some(filter) => filter.holds(&rows).map_err(failed)?,
            None => vec![true; n_rows],
        };
        let mut reasons: BTreeMap<usize, (Option<String>, String)> = BTreeMap::new();
        let mut used = vec![false; n_rows];
        let mut parts = Vec::new();
        let (mut n_ambiguous_times, mut wrong_type) = (0, BTreeMap::new());
        let events = self.events.iter().map(Said::Event).chain(self.records.iter().map(Said::Record));
        for each in events {
            let holds = match each.filter() {
                Some(filter) => filter.holds(&rows).map_err(failed)?,
                None => vec![true; n_rows],
            };
            let selected: Vec<u32> = (0..n_rows).filter(|row| kept[*row] && holds[*row]).map(|row| row as u32).collect();
            selected.iter().for_each(|row| used[*row as usize] = true);
            let rows = take_rows(&rows, &selected).map_err(|error| failed(error.into()))?;
            let mut made =
                Made { selected: &selected, reasons: &mut reasons, n_ambiguous_times: &mut n_ambiguous_times, wrong_type: &mut wrong_type };
            let batch = match each {
                Said::Event(event) => self.make(event, &rows, schema, now_us, &lines, &mut made),
                Said::Record(record) => self.make_record(record, &rows, schema, now_us, &lines, &mut made),
            };
            parts.push((selected.clone(), batch.map_err(failed)?));
        }
        for (row, (column, reason)) in &reasons {
            rejections.push(Rejection {
                line: lines[*row],
                column: column.clone(),
                reason: reason.clone(),
                original: original(&rows, *row),
            });
        }
        let mut batches = Vec::new();
        for (selected, batch) in parts {
            let good: Vec<u32> =
                (0..selected.len() as u32).filter(|idx| !reasons.contains_key(&(selected[*idx as usize] as usize))).collect();
            batches.push(take_rows(&batch, &good).map_err(|error| failed(error.into()))?);
        }
        let columns: Result<Vec<ArrayRef>, _> = (0..schema.fields().len())
            .map(|idx| concat(&batches.iter().map(|batch| batch.column(idx).as_ref()).collect::<Vec<_>>()))
            .collect();
        let events = columns.and_then(|columns| RecordBatch::try_new(schema.clone(), columns)).map_err(|error| failed(error.into()))?;
        let n_skipped = used.iter().filter(|used| !**used).count() as u64;
        Ok(Mapped { events, rejections, n_skipped, n_ambiguous_times, wrong_type })
    }

    /// Makes the log rows of one event; rows with a reason against them are filled with nothing and taken out later.
    fn make(
        &self,
        event: &EventMapping,
        rows: &RecordBatch,
        schema: &SchemaRef,
        now_us: i64,
        lines: &[u64],
        made: &mut Made,
    ) -> Result<RecordBatch, DataFusionError> {
        let n_rows = rows.num_rows();
        let mut fields: BTreeMap<String, ArrayRef> = BTreeMap::new();
        fields.insert("kind".into(), constant(Kind::Event.word(), n_rows));
        fields.insert("source".into(), constant(&self.source, n_rows));
        fields.insert("line".into(), Arc::new(Int64Array::from_iter_values(made.selected.iter().map(|row| lines[*row as usize] as i64))));
        for (name, expression) in &event.fields {
            let values = expression.evaluate(rows)?;
            let column = expression.columns.first().map(String::as_str);
            let array = match *name {
                "time" => self.times(&values, column, now_us, made)?,
                "value" => self.money(&values, column, made)?,
                "seq" | "value_cents" => whole_numbers(&values, column, made)?,
                "interactive" => truths(&values, column, made)?,
                _ => texts(&values)?,
            };
            fields.insert(if *name == "value" { "value_cents" } else { name }.to_owned(), array);
        }
        if let Some(values) = fields.get("value_cents") {
            let currency = fields.get("currency").map(|currency| currency.as_string::<i32>());
            let mut filled = StringBuilder::new();
            for row in 0..n_rows {
                let own = currency.and_then(|currency| currency.is_valid(row).then(|| currency.value(row)));
                match own.or(self.currency.as_deref()) {
                    _ if values.is_null(row) => filled.append_null(),
                    Some(code) => filled.append_value(code),
                    None => {
                        filled.append_null();
                        made.reject(
                            row,
                            Some("value"),
                            "money without a currency; write `currency: EUR` at the top of diptych.yaml, or map `currency`".into(),
                        );
                    }
                }
            }
            fields.insert("currency".into(), Arc::new(filled.finish()));
        }
        require(&fields, &["name"], n_rows, made, "has no event name");
        require(&fields, &["user", "anonymous", "customer"], n_rows, made, "has nobody: user, anonymous and customer are empty");
        self.properties(event, rows, &mut fields, made)?;
        Ok(arranged(schema, n_rows, |name| fields.remove(name))?)
    }

    /// Reads instants; a missing one, or one after `now_us`, is a reason against the row.
    fn times(&self, values: &ArrayRef, column: Option<&str>, now_us: i64, made: &mut Made) -> Result<ArrayRef, DataFusionError> {
        let instants = self.instants(values, made)?;
        let mut times = Vec::with_capacity(instants.len());
        for (row, instant) in instants.into_iter().enumerate() {
            let checked = instant.and_then(|instant| {
                let time_us = instant.ok_or("has no time")?;
                if time_us <= now_us {
                    return Ok(time_us);
                }
                Err(format!(
                    "the time {} lies after the import ({}); check the date and the time format",
                    format_instant(time_us),
                    format_instant(now_us)
                ))
            });
            times.push(match checked {
                Ok(time_us) => time_us,
                Err(reason) => {
                    made.reject(row, column.or(Some("time")), reason);
                    0
                }
            });
        }
        Ok(Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")))
    }

    /// Reads instants that may be missing and may lie ahead.
    fn bounds(&self, values: &ArrayRef, column: Option<&str>, made: &mut Made) -> Result<ArrayRef, DataFusionError> {
        let instants = self.instants(values, made)?;
        let mut times = Vec::with_capacity(instants.len());
        for (row, instant) in instants.into_iter().enumerate() {
            times.push(instant.unwrap_or_else(|reason| {
                made.reject(row, column, reason);
                None
            }));
        }
        Ok(Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")))
    }

    /// Reads the instants of a column; `None` where there is none.
    fn instants(&self, values: &ArrayRef, made: &mut Made) -> Result<Vec<Result<Option<i64>, String>>, DataFusionError> {
        let n_rows = values.len();
        Ok(match values.data_type() {
            DataType::Null => vec![Ok(None); n_rows],
            DataType::Timestamp(_, Some(_)) => {
                let micros = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
                let micros = micros.as_primitive::<TimestampMicrosecondType>();
                (0..n_rows).map(|row| Ok(micros.is_valid(row).then(|| micros.value(row)))).collect()
            }
            DataType::Date32 => {
                let days = values.as_primitive::<Date32Type>();
                let start = |row: usize| {
                    let date = Date32Type::to_naive_date_opt(days.value(row)).ok_or("has a date that is out of range")?;
                    Ok(Some(diptych_event::time::start_of_day(date, self.zone)))
                };
                (0..n_rows).map(|row| if days.is_valid(row) { start(row) } else { Ok(None) }).collect()
            }
            other => {
                let local = matches!(other, DataType::Timestamp(_, None));
                let format = if local { &TimeFormat::Auto } else { &self.time_format };
                let texts = cast(values, &DataType::Utf8)?;
                let texts = texts.as_string::<i32>();
                (0..n_rows)
                    .map(|row| {
                        if texts.is_null(row) || texts.value(row).trim().is_empty() {
                            return Ok(None);
                        }
                        let parsed = parse_time(texts.value(row), format, self.zone).map_err(|error| error.to_string())?;
                        *made.n_ambiguous_times += u64::from(parsed.ambiguous);
                        Ok(Some(parsed.time_us))
                    })
                    .collect()
            }
        })
    }

    /// Makes the log rows of one record: a membership, a profile, a merge, a number of a series, a note.
    fn make_record(
        &self,
        record: &RecordMapping,
        rows: &RecordBatch,
        schema: &SchemaRef,
        now_us: i64,
        lines: &[u64],
        made: &mut Made,
    ) -> Result<RecordBatch, DataFusionError> {
        let n_rows = rows.num_rows();
        let mut fields: BTreeMap<&str, ArrayRef> = BTreeMap::new();
        fields.insert("kind", constant(record.kind.word(), n_rows));
        fields.insert("source", constant(&self.source, n_rows));
        fields.insert("line", Arc::new(Int64Array::from_iter_values(made.selected.iter().map(|row| lines[*row as usize] as i64))));
        for (name, expression) in &record.fields {
            let values = expression.evaluate(rows)?;
            let column = expression.columns.first().map(String::as_str);
            let array = match *name {
                // A dated fact has happened; a membership may end ahead of today.
                "time" if matches!(record.kind, Kind::Series | Kind::Note) => self.times(&values, column, now_us, made)?,
                "time" | "valid_to" => self.bounds(&values, column, made)?,
                "amount" => numbers(&values, column, made)?,
                "withdrawn" => truths(&values, column, made)?,
                _ => texts(&values)?,
            };
            fields.insert(name, array);
        }
        for name in record.needed() {
            let empty = fields.get(name).is_none_or(|array| array.data_type() == &DataType::Null);
            let is_null = |row: usize| empty || fields[name].is_null(row);
            (0..n_rows)
                .filter(|row| is_null(*row))
                .for_each(|row| made.reject(row, None, format!("the {} has no {name}", record.kind.word())));
        }
        if let (Kind::Profile, Some(names)) = (record.kind, fields.get("name")) {
            let names = names.as_string::<i32>();
            for row in (0..n_rows).filter(|row| names.is_valid(*row) && !self.profiles.contains(names.value(*row))) {
                made.reject(row, Some("name"), format!("profile `{}` is not declared under `profiles:` of the spec", names.value(row)));
            }
        }
        let ids = record.ids(&fields, n_rows);
        fields.insert("event_id", ids);
        Ok(arranged(schema, n_rows, |name| fields.remove(name))?)
    }

    fn money(&self, values: &ArrayRef, column: Option<&str>, made: &mut Made) -> Result<ArrayRef, DataFusionError> {
        let mut cents = Int64Builder::with_capacity(values.len());
        match values.data_type() {
            data_type if data_type.is_numeric() && !matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..)) => {
                let numbers = cast(values, &DataType::Float64)?;
                let numbers = numbers.as_primitive::<Float64Type>();
                for row in 0..numbers.len() {
                    if numbers.is_null(row) {
                        cents.append_null();
                        continue;
                    }
                    match money::from_f64(numbers.value(row), MONEY_DECIMALS) {
                        Ok(amount) => cents.append_value(amount.minor_units),
                        Err(error) => {
                            cents.append_null();
                            made.reject(row, column, error.to_string());
                        }
                    }
                }
            }
            _ => {
                let texts = cast(values, &DataType::Utf8)?;
                let texts = texts.as_string::<i32>();
                for row in 0..texts.len() {
                    if texts.is_null(row) || texts.value(row).trim().is_empty() {
                        cents.append_null();
                        continue;
                    }
                    match money::parse_minor_units(texts.value(row), MONEY_DECIMALS) {
                        Ok(amount) => cents.append_value(amount.minor_units),
                        Err(error) => {
                            cents.append_null();
                            made.reject(row, column, error.to_string());
                        }
                    }
                }
            }
        }
        Ok(Arc::new(cents.finish()))
    }

    /// Fills the declared properties' columns, and puts the others into JSON with their names in ascending order.
    fn properties(
        &self,
        event: &EventMapping,
        rows: &RecordBatch,
        fields: &mut BTreeMap<String, ArrayRef>,
        made: &mut Made,
    ) -> Result<(), DataFusionError> {
        let n_rows = rows.num_rows();
        let mut values: BTreeMap<String, ArrayRef> = BTreeMap::new();
        if event.with_rest {
            for idx in &self.rest {
                values.insert(rows.schema().field(*idx).name().clone(), rows.column(*idx).clone());
            }
        }
        for (name, expression) in &event.properties {
            values.insert(name.clone(), expression.evaluate(rows)?);
        }
        let mut json: Vec<(String, ArrayRef)> = Vec::new();
        for (name, array) in values {
            let Some(kind) = self.declared.get(&name) else {
                json.push((name, cast(&array, &DataType::Utf8)?));
                continue;
            };
            let mut n_wrong = 0;
            let typed: ArrayRef = match (kind, array.data_type()) {
                (PropertyKind::Text, _) => texts(&array)?,
                (PropertyKind::Integer, DataType::Int64) => array,
                (kind, _) => {
                    let texts = cast(&array, &DataType::Utf8)?;
                    let texts = texts.as_string::<i32>();
                    match kind {
                        PropertyKind::Boolean => Arc::new(typed::<BooleanBuilder, _>(texts, &mut n_wrong, truth)),
                        PropertyKind::Number => Arc::new(typed::<Float64Builder, _>(texts, &mut n_wrong, |text| {
                            text.parse().ok().filter(|number: &f64| number.is_finite())
                        })),
                        _ => Arc::new(typed::<Int64Builder, _>(texts, &mut n_wrong, |text| text.parse().ok())),
                    }
                }
            };
            if n_wrong > 0 {
                *made.wrong_type.entry(name.clone()).or_default() += n_wrong;
            }
            fields.insert(format!("{PROPERTY_PREFIX}{name}"), typed);
        }
        if json.is_empty() {
            return Ok(());
        }
        let mut texts = StringBuilder::new();
        for row in 0..n_rows {
            let mut object = serde_json::Map::new();
            for (name, array) in &json {
                let array = array.as_string::<i32>();
                if array.is_valid(row) && !array.value(row).is_empty() {
                    object.insert(name.clone(), array.value(row).into());
                }
            }
            match object.is_empty() {
                true => texts.append_null(),
                false => texts.append_value(serde_json::Value::Object(object).to_string()),
            }
        }
        fields.insert("properties".into(), Arc::new(texts.finish()));
        Ok(())
    }
}

/// What a row says: an event, or a record.
enum Said<'a> {
    Event(&'a EventMapping),
    Record(&'a RecordMapping),
}

impl<'a> Said<'a> {
    fn filter(&self) -> Option<&'a Compiled> {
        match self {
            Said::Event(event) => event.filter.as_ref(),
            Said::Record(record) => record.filter.as_ref(),
        }
    }
}

/// Where the making of one event's rows leaves its remarks.
struct Made<'a> {
    /// Raw row of each made row.
    selected: &'a [u32],
    reasons: &'a mut BTreeMap<usize, (Option<String>, String)>,
    n_ambiguous_times: &'a mut u64,
    wrong_type: &'a mut BTreeMap<String, u64>,
}

impl Made<'_> {
    /// Rejects the raw row behind a made row; the first reason stands.
    fn reject(&mut self, row: usize, column: Option<&str>, reason: String) {
        self.reasons.entry(self.selected[row] as usize).or_insert_with(|| (column.map(str::to_owned), reason));
    }
}

fn compile_event(
    event: &EventSpec,
    each: &Fields,
    compile: &dyn Fn(&str, &Text) -> Result<Compiled, EngineError>,
    note: &mut dyn FnMut(Compiled) -> Compiled,
) -> Result<EventMapping, EngineError> {
    let filter = event.filter.as_ref().map(|text| compile("where", text)).transpose()?.map(&mut *note);
    let mut fields = vec![("name", note(compile("name", &event.name)?))];
    for name in Fields::NAMES {
        if let Some(text) = event.fields.get(name).or_else(|| each.get(name)) {
            fields.push((name, note(compile(name, text)?)));
        }
    }
    let (mut properties, mut with_rest) = (Vec::new(), false);
    let merged: BTreeMap<&String, &Text> = each.properties.iter().chain(&event.fields.properties).collect();
    for (name, text) in merged {
        if name == REST {
            with_rest = true;
        } else {
            properties.push((name.clone(), note(compile(name, text)?)));
        }
    }
    Ok(EventMapping { filter, fields, properties, with_rest })
}

/// Rejects rows where all of some fields are empty.
fn require(fields: &BTreeMap<String, ArrayRef>, names: &[&str], n_rows: usize, made: &mut Made, what: &str) {
    let columns: Vec<&StringArray> = names.iter().filter_map(|name| fields.get(*name)).map(|column| column.as_string::<i32>()).collect();
    for row in 0..n_rows {
        if columns.iter().all(|column| column.is_null(row)) {
            made.reject(row, None, format!("the row {what}"));
        }
    }
}

fn take_rows(rows: &RecordBatch, selected: &[u32]) -> Result<RecordBatch, ArrowError> {
    if selected.len() == rows.num_rows() {
        return Ok(rows.clone());
    }
    let indices = UInt32Array::from_iter_values(selected.iter().copied());
    let columns: Result<Vec<ArrayRef>, _> = rows.columns().iter().map(|column| take(column, &indices, None)).collect();
    RecordBatch::try_new_with_options(
        rows.schema(),
        columns?,
        &arrow::array::RecordBatchOptions::new().with_row_count(Some(selected.len())),
    )
}

/// Returns a column with the same text in all rows.
pub fn constant(text: &str, n_rows: usize) -> ArrayRef {
    let texts = Buffer::from_vec(text.repeat(n_rows).into_bytes());
    Arc::new(StringArray::new(OffsetBuffer::from_repeated_length(text.len(), n_rows), texts, None))
}

/// Arranges columns as the schema has them; those that are missing are without values, and share what these take.
pub fn arranged(schema: &SchemaRef, n_rows: usize, mut column: impl FnMut(&str) -> Option<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let mut nulls: Vec<ArrayRef> = Vec::new();
    let mut null = |data_type: &DataType| match nulls.iter().find(|null| null.data_type() == data_type) {
        Some(known) => known.clone(),
        None => {
            nulls.push(new_null_array(data_type, n_rows));
            nulls[nulls.len() - 1].clone()
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name()).unwrap_or_else(|| null(field.data_type()))).collect();
    RecordBatch::try_new(schema.clone(), columns)
}

/// Turns values into texts without blanks around them; an empty text is no value.
fn texts(values: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let texts = cast(values, &DataType::Utf8)?;
    let plain = texts.as_string::<i32>();
    let is_tidy = |text: &str| match (text.as_bytes().first(), text.as_bytes().last()) {
        // Most texts begin and end with a letter that is quickly seen to be no blank.
        (Some(first), Some(last)) => (first.is_ascii_graphic() && last.is_ascii_graphic()) || text.trim().len() == text.len(),
        _ => false,
    };
    if plain.iter().flatten().all(is_tidy) {
        return Ok(texts);
    }
    Ok(Arc::new(plain.iter().map(|text| text.map(str::trim).filter(|text| !text.is_empty())).collect::<StringArray>()))
}

fn whole_numbers(values: &ArrayRef, column: Option<&str>, made: &mut Made) -> Result<ArrayRef, DataFusionError> {
    if values.data_type().is_integer() {
        return Ok(cast(values, &DataType::Int64)?);
    }
    let texts = cast(values, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let mut numbers = Int64Builder::with_capacity(texts.len());
    for row in 0..texts.len() {
        match texts.is_valid(row).then(|| texts.value(row).trim()).filter(|text| !text.is_empty()) {
            None => numbers.append_null(),
            Some(text) => match text.parse::<i64>() {
                Ok(number) => numbers.append_value(number),
                Err(_) => {
                    numbers.append_null();
                    made.reject(row, column, format!("`{text}` is not a whole number"));
                }
            },
        }
    }
    Ok(Arc::new(numbers.finish()))
}

fn numbers(values: &ArrayRef, column: Option<&str>, made: &mut Made) -> Result<ArrayRef, DataFusionError> {
    let texts = cast(values, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let mut numbers = Float64Builder::with_capacity(texts.len());
    for row in 0..texts.len() {
        match texts.is_valid(row).then(|| texts.value(row).trim()).filter(|text| !text.is_empty()) {
            None => numbers.append_null(),
            Some(text) => match text.parse::<f64>().ok().filter(|number| number.is_finite()) {
                Some(number) => numbers.append_value(number),
                None => {
                    numbers.append_null();
                    made.reject(row, column, format!("`{text}` is not a number"));
                }
            },
        }
    }
    Ok(Arc::new(numbers.finish()))
}

fn truths(values: &ArrayRef, column: Option<&str>, made: &mut Made) -> Result<ArrayRef, DataFusionError> {
    if values.data_type() == &DataType::Boolean {
        return Ok(values.clone());
    }
    let texts = cast(values, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let mut truths = BooleanBuilder::with_capacity(texts.len());
    for row in 0..texts.len() {
        match texts.is_valid(row).then(|| texts.value(row).trim()).filter(|text| !text.is_empty()) {
            None => truths.append_null(),
            Some(text) => match truth(text) {
                Some(value) => truths.append_value(value),
                None => {
                    truths.append_null();
                    made.reject(row, column, format!("`{text}` is neither true nor false"));
                }
            },
        }
    }
    Ok(Arc::new(truths.finish()))
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A builder of one typed column.
trait Typed<T>: Default {
    type Array: Array + 'static;
    fn push(&mut self, value: Option<T>);
    fn array(self) -> Self::Array;
}

macro_rules! typed_builder {
    ($builder:ty, $value:ty, $array:ty) => {
        impl Typed<$value> for $builder {
            type Array = $array;
            fn push(&mut self, value: Option<$value>) {
                self.append_option(value);
            }
            fn array(mut self) -> $array {
                self.finish()
            }
        }
    };
}

typed_builder!(Int64Builder, i64, Int64Array);
typed_builder!(Float64Builder, f64, arrow::array::Float64Array);
typed_builder!(BooleanBuilder, bool, arrow::array::BooleanArray);

/// Reads texts as another type; texts that are not of it are counted and left out.
fn typed<B: Typed<T>, T>(texts: &StringArray, n_wrong: &mut u64, parse: impl Fn(&str) -> Option<T>) -> B::Array {
    let mut builder = B::default();
    for text in texts {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        let value = text.and_then(&parse);
        *n_wrong += u64::from(text.is_some() && value.is_none());
        builder.push(value);
    }
    builder.array()
}
