//! `--where`, `--actors`, `--by` and `--versus`, evaluated on a shard's rows.
//!
//! A condition or split on one text column is evaluated once per distinct text, not once per row.
//! Times are in the workspace's zone, so that the day of `date_trunc('day', time)` is the day of every operator.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, UInt32Type};
use diptych_event::time::Zone;
use diptych_event::timeline::{NO_CODE, Values};
use diptych_event::{Names, Shard};
use diptych_journey::seam::Texts;
use diptych_store::relations::ProfileValue;
use diptych_store::timelines::ColumnSpec;
use diptych_store::undeclared::Undeclared;

use crate::EngineError;
use crate::expressions::{Compiled, Compiler};

/// Columns of rows that an expression may name, and how to fill them from a shard.
pub struct RowColumns {
    schema: SchemaRef,
    zone: Zone,
    names: ArrayRef,
    dictionaries: Vec<ArrayRef>,
    columns: Vec<ColumnSpec>,
    /// Texts that were read for this question alone; they follow the timelines' columns.
    extras: Vec<Extra>,
}

/// A text column that timelines do not hold.
enum Extra {
    /// A property that the spec does not declare.
    Undeclared(Undeclared),
    /// An attribute of the actor, or of the member who did it, as of the row.
    Profile(Profile),
}

/// The dated values of one attribute.
pub struct Profile {
    /// Distinct values.
    texts: Names,
    /// By user or account: first instant, first instant after it, code of the value; in order.
    values: HashMap<String, Vec<(i64, i64, u32)>>,
    /// The column that says whose attribute a row has, and its texts; the actor's where there is none.
    member: Option<(usize, Names)>,
}

impl Profile {
    /// Makes the attribute `name`; `member` is the column of account timelines that names the user, for users' attributes.
    pub fn new<'a>(values: impl Iterator<Item = (&'a str, &'a ProfileValue)>, member: Option<(usize, Names)>) -> Self {
        let mut profile = Self { texts: Names::default(), values: HashMap::new(), member };
        for (actor, value) in values {
            let code = profile.texts.intern(&value.value);
            profile.values.entry(actor.to_owned()).or_default().push((value.from_us, value.to_us, code));
        }
        profile.values.values_mut().for_each(|dated| dated.sort_unstable());
        profile
    }

    fn codes(&self, shard: &Shard) -> Vec<u32> {
        let mut codes = vec![NO_CODE; shard.n_rows()];
        let at = |whose: &str, time_us: i64| -> u32 {
            let dated = self.values.get(whose).map_or(&[][..], Vec::as_slice);
            // The newest value that holds at this instant.
            dated.iter().rev().find(|(from, to, _)| *from <= time_us && time_us < *to).map_or(NO_CODE, |(_, _, code)| *code)
        };
        for actor_idx in 0..shard.n_actors() {
            let actor = shard.actors.get(actor_idx);
            for row in shard.rows(actor_idx) {
                let whose = match &self.member {
                    None => Some(actor),
                    Some((column, members)) => match shard.columns[*column].values {
                        Values::Text(codes) => Some(codes[row]).filter(|code| *code != NO_CODE).map(|code| members.text(code)),
                        Values::Integer(_) | Values::Number(_) => None,
                    },
                };
                codes[row] = whose.map_or(NO_CODE, |whose| at(whose, shard.time_us[row]));
            }
        }
        codes
    }
}

impl Extra {
    fn codes(&self, shard: &Shard) -> Vec<u32> {
        match self {
            Extra::Undeclared(property) => property.codes(shard.tie),
            Extra::Profile(profile) => profile.codes(shard),
        }
    }

    fn texts(&self) -> &Names {
        match self {
            Extra::Undeclared(property) => &property.texts,
            Extra::Profile(profile) => &profile.texts,
        }
    }
}

/// Columns of a shard's rows before the spec's.
const FIXED: [&str; 3] = ["actor", "time", "name"];

fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

fn time_type(zone: Zone) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(zone.name().into()))
}

impl RowColumns {
    /// Makes the columns of a workspace's timelines.
    pub fn new(names: &Names, dictionaries: &[Names], columns: &[ColumnSpec], zone: Zone) -> Self {
        let mut fields = vec![
            Field::new("actor", text_type(), false),
            Field::new("time", time_type(zone), false),
            Field::new("name", text_type(), false),
        ];
        fields.extend(columns.iter().map(|column| {
            let data_type = match column.kind {
                diptych_event::timeline::ColumnKind::Text => text_type(),
                diptych_event::timeline::ColumnKind::Integer => DataType::Int64,
                diptych_event::timeline::ColumnKind::Number => DataType::Float64,
            };
            Field::new(&column.name, data_type, true)
        }));
        let texts = |names: &Names| -> ArrayRef { Arc::new(StringArray::from_iter_values(names.iter())) };
        Self {
            schema: Arc::new(Schema::new(fields)),
            zone,
            names: texts(names),
            dictionaries: dictionaries.iter().map(texts).collect(),
            columns: columns.to_vec(),
            extras: Vec::new(),
        }
    }

    /// Returns the zone that times are in.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// Returns the columns that an expression may name.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds a property that the spec does not declare.
    pub fn add_undeclared(&mut self, name: &str, property: Undeclared) {
        self.add(name, Extra::Undeclared(property));
    }

    /// Adds an attribute of actors or members.
    pub fn add_profile(&mut self, name: &str, profile: Profile) {
        self.add(name, Extra::Profile(profile));
    }

    fn add(&mut self, name: &str, extra: Extra) {
        let mut fields: Vec<Field> = self.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(Field::new(name, text_type(), true));
        self.schema = Arc::new(Schema::new(fields));
        self.dictionaries.push(Arc::new(StringArray::from_iter_values(extra.texts().iter())));
        self.extras.push(extra);
    }

    /// Compiles an expression over rows.
    pub fn compile(&self, compiler: &Compiler, place: &str, sql: &str) -> Result<RowExpression, EngineError> {
        let compiled = compiler.compile(place, sql, &self.schema)?;
        let over_texts = match compiled.columns.as_slice() {
            [only] if only == "name" => Some(self.names.clone()),
            [only] => self.position(only).map(|idx| self.dictionaries[idx].clone()),
            _ => None,
        };
        let over_texts = over_texts.filter(|_| {
            let field = self.schema.field_with_name(&compiled.columns[0]);
            field.is_ok_and(|field| field.data_type() == &text_type())
        });
        Ok(RowExpression { place: place.into(), sql: sql.into(), compiled, over_texts })
    }

    /// Fills the columns that an expression names.
    fn batch(&self, shard: &Shard, wanted: &[String]) -> Result<RecordBatch, arrow::error::ArrowError> {
        let arrays: Result<Vec<ArrayRef>, _> = self
            .schema
            .fields()
            .iter()
            .enumerate()
            .map(|(idx, field)| {
                if !wanted.contains(field.name()) {
                    return Ok(arrow::array::new_null_array(&DataType::Null, shard.n_rows()));
                }
                match idx {
                    0 => actor_of_rows(shard),
                    1 => Ok(Arc::new(TimestampMicrosecondArray::from(shard.time_us.to_vec()).with_timezone(self.zone.name())) as ArrayRef),
                    2 => coded(shard.name, &self.names),
                    _ if idx - FIXED.len() >= self.columns.len() => {
                        let extra = &self.extras[idx - FIXED.len() - self.columns.len()];
                        coded(&extra.codes(shard), &self.dictionaries[idx - FIXED.len()])
                    }
                    _ => match shard.columns[idx - FIXED.len()].values {
                        Values::Text(codes) => coded(codes, &self.dictionaries[idx - FIXED.len()]),
                        Values::Integer(numbers) => {
                            Ok(Arc::new(numbers.iter().map(|number| (*number != i64::MIN).then_some(*number)).collect::<Int64Array>())
                                as ArrayRef)
                        }
                        Values::Number(numbers) => {
                            Ok(Arc::new(numbers.iter().map(|number| (!number.is_nan()).then_some(*number)).collect::<Float64Array>())
                                as ArrayRef)
                        }
                    },
                }
            })
            .collect();
        self.in_places(shard.n_rows(), arrays?)
    }

    /// Makes a batch of columns in the places of the schema.
    ///
    /// Columns that are not wanted stand empty: a compiled expression finds its columns by position.
    fn in_places(&self, n_rows: usize, arrays: Vec<ArrayRef>) -> Result<RecordBatch, arrow::error::ArrowError> {
        let fields: Vec<Field> = self
            .schema
            .fields()
            .iter()
            .zip(&arrays)
            .map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
    }

    /// Returns the position of a column among those that are not fixed.
    fn position(&self, column: &str) -> Option<usize> {
        self.schema.index_of(column).ok()?.checked_sub(FIXED.len())
    }

    /// Returns the codes of a text column, shape `[rows]`.
    fn codes<'a>(&self, shard: &'a Shard, column: &str) -> Cow<'a, [u32]> {
        if column == "name" {
            return Cow::Borrowed(shard.name);
        }
        let idx = self.position(column).expect("the column was found when it was compiled");
        if let Some(extra) = idx.checked_sub(self.columns.len()).map(|idx| &self.extras[idx]) {
            return Cow::Owned(extra.codes(shard));
        }
        match shard.columns[idx].values {
            Values::Text(codes) => Cow::Borrowed(codes),
            Values::Integer(_) | Values::Number(_) => unreachable!("only text columns are evaluated by distinct text"),
        }
    }
}

/// An expression over the rows of a shard.
pub struct RowExpression {
    place: String,
    sql: String,
    compiled: Compiled,
    /// The distinct texts of the only column that it names, when that is a text column.
    over_texts: Option<ArrayRef>,
}

impl RowExpression {
    fn failed(&self, error: impl std::fmt::Display) -> EngineError {
        EngineError::Sql {
            place: self.place.clone(),
            sql: self.sql.clone(),
            what: error.to_string().lines().next().unwrap_or_default().into(),
        }
    }

    /// Checks that the expression is a condition.
    pub fn check_condition(&self, columns: &RowColumns) -> Result<(), EngineError> {
        match self.compiled.data_type(&columns.schema) {
            Ok(DataType::Boolean | DataType::Null) => Ok(()),
            Ok(other) => Err(self.failed(format!("this is a {other} and not a condition; compare it with something"))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Evaluates the expression once per distinct text, the last entry being the missing text.
    fn per_text(&self, columns: &RowColumns, texts: &ArrayRef) -> Result<ArrayRef, EngineError> {
        let codes = (0..texts.len() as u32).map(Some).chain([None]).collect::<UInt32Array>();
        let column: ArrayRef = Arc::new(DictionaryArray::<UInt32Type>::try_new(codes, texts.clone()).map_err(|error| self.failed(error))?);
        let arrays: Vec<ArrayRef> = columns
            .schema
            .fields()
            .iter()
            .map(|field| {
                if *field.name() == self.compiled.columns[0] {
                    column.clone()
                } else {
                    arrow::array::new_null_array(&DataType::Null, texts.len() + 1)
                }
            })
            .collect();
        let batch = columns.in_places(texts.len() + 1, arrays).map_err(|error| self.failed(error))?;
        self.compiled.evaluate(&batch).map_err(|error| self.failed(error))
    }

    /// Tells for each row whether the condition holds, shape `[rows]`; no value counts as false.
    pub fn holds(&self, columns: &RowColumns, shard: &Shard) -> Result<Vec<bool>, EngineError> {
        if let Some(texts) = &self.over_texts {
            let values = self.per_text(columns, texts)?;
            let truths = values.as_boolean_opt().ok_or_else(|| self.failed("this is not a condition"))?;
            let holds: Vec<bool> = (0..truths.len()).map(|idx| truths.is_valid(idx) && truths.value(idx)).collect();
            let missing = holds.len() - 1;
            return Ok(columns.codes(shard, &self.compiled.columns[0]).iter().map(|code| holds[(*code as usize).min(missing)]).collect());
        }
        let batch = columns.batch(shard, &self.compiled.columns).map_err(|error| self.failed(error))?;
        self.compiled.holds(&batch).map_err(|error| self.failed(error))
    }

    /// Returns the value of each row as a whole number, rounded half away from zero; `i64::MIN` for none.
    pub fn cents(&self, columns: &RowColumns, shard: &Shard) -> Result<Vec<i64>, EngineError> {
        let batch = columns.batch(shard, &self.compiled.columns).map_err(|error| self.failed(error))?;
        let values = self.compiled.evaluate(&batch).map_err(|error| self.failed(error))?;
        let numbers = cast(&values, &DataType::Float64).map_err(|error| self.failed(error))?;
        let numbers = numbers.as_primitive::<Float64Type>();
        Ok(numbers
            .iter()
            .map(|number| number.filter(|number| number.is_finite()).map_or(i64::MIN, |number| number.round() as i64))
            .collect())
    }

    /// Returns the text of each row; no value is a text of its own.
    pub fn texts(&self, columns: &RowColumns, shard: &Shard) -> Result<Texts, EngineError> {
        let mut labels: Vec<Option<String>> = Vec::new();
        let mut known: BTreeMap<Option<String>, u32> = BTreeMap::new();
        let mut intern = |label: Option<&str>| -> u32 {
            let label = label.map(str::to_owned);
            *known.entry(label).or_insert_with_key(|label| {
                labels.push(label.clone());
                labels.len() as u32 - 1
            })
        };
        let codes = if let Some(texts) = &self.over_texts {
            let values = cast(&self.per_text(columns, texts)?, &DataType::Utf8).map_err(|error| self.failed(error))?;
            let values = values.as_string::<i32>();
            let missing = values.len() - 1;
            let mut group_of_text: Vec<u32> = vec![NO_CODE; values.len()];
            let mut group = |code: u32| {
                let idx = (code as usize).min(missing);
                if group_of_text[idx] == NO_CODE {
                    group_of_text[idx] = intern(values.is_valid(idx).then(|| values.value(idx)));
                }
                group_of_text[idx]
            };
            columns.codes(shard, &self.compiled.columns[0]).iter().map(|code| group(*code)).collect()
        } else {
            let batch = columns.batch(shard, &self.compiled.columns).map_err(|error| self.failed(error))?;
            let values = self.compiled.evaluate(&batch).map_err(|error| self.failed(error))?;
            let values = cast(&values, &DataType::Utf8).map_err(|error| self.failed(error))?;
            values.as_string::<i32>().iter().map(intern).collect()
        };
        Ok(Texts { codes, labels })
    }
}

fn coded(codes: &[u32], texts: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let keys = codes.iter().map(|code| (*code != NO_CODE).then_some(*code)).collect::<UInt32Array>();
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, texts.clone())?))
}

fn actor_of_rows(shard: &Shard) -> Result<ArrayRef, arrow::error::ArrowError> {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(shard.actors.iter()));
    let mut codes = Vec::with_capacity(shard.n_rows());
    for actor_idx in 0..shard.n_actors() {
        codes.extend(shard.rows(actor_idx).map(|_| actor_idx as u32));
    }
    coded(&codes, &ids)
}

/// Columns that `--actors` may name.
pub fn actor_schema(zone: Zone) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("actor", DataType::Utf8, false),
        Field::new("first_seen", time_type(zone), false),
        Field::new("last_seen", time_type(zone), false),
        Field::new("n_events", DataType::Int64, false),
    ]))
}

/// Makes the actors of a shard with the columns of [`actor_schema`].
pub fn actor_batch(shard: &Shard, zone: Zone) -> RecordBatch {
    let actors = || (0..shard.n_actors()).map(|actor_idx| shard.rows(actor_idx));
    let times = |row: fn(std::ops::Range<usize>) -> usize| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(actors().map(|rows| shard.time_us[row(rows)])).with_timezone(zone.name()))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(shard.actors.iter())),
        times(|rows| rows.start),
        times(|rows| rows.end - 1),
        Arc::new(Int64Array::from_iter_values(actors().map(|rows| rows.len() as i64))),
    ];
    RecordBatch::try_new(actor_schema(zone), columns).expect("the columns are made for the schema")
}
