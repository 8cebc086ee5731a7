//! `--where`, `--actors`, `--by` and `--versus`, evaluated on a shard's rows.
//!
//! A condition or split on one text column is evaluated once per distinct text, and looked up where a row is asked about.
//! Times are in the workspace's zone, so that the day of `date_trunc('day', time)` is the day of every operator.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, UInt32Type};
use diptych_event::time::Zone;
use diptych_event::timeline::{Code, Codes, ColumnKind, Integers, NO_CODE, Values};
use diptych_event::{Names, Shard};
use diptych_journey::seam::{Condition, Mask, PerRow, Texts};
use diptych_store::relations::ProfileValue;
use diptych_store::timelines::{ColumnSpec, Timelines};
use diptych_store::undeclared::Undeclared;

use crate::EngineError;
use crate::expressions::{Compiled, Compiler, Conjunct};

/// Columns of rows that an expression may name, and how to fill them from a shard.
pub struct RowColumns {
    schema: SchemaRef,
    zone: Zone,
    names: Dictionary,
    dictionaries: Vec<Dictionary>,
    columns: Vec<ColumnSpec>,
    /// Columns of which timelines hold a part alone, because they have too many distinct texts.
    overflowed: BTreeSet<String>,
    /// Texts that were read for this question alone; they follow the timelines' columns.
    extras: Vec<Extra>,
}

/// The texts of a column, as an array when somebody asks: most questions look at one or two columns.
struct Dictionary {
    texts: Names,
    array: OnceLock<ArrayRef>,
}

impl From<&Names> for Dictionary {
    fn from(texts: &Names) -> Self {
        Self { texts: texts.clone(), array: OnceLock::new() }
    }
}

impl Dictionary {
    fn array(&self) -> &ArrayRef {
        self.array.get_or_init(|| Arc::new(StringArray::from_iter_values(self.texts.iter())))
    }
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
                        Values::Text(codes) => Some(codes.get(row)).filter(|code| *code != NO_CODE).map(|code| members.text(code)),
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
                ColumnKind::Text => text_type(),
                ColumnKind::Integer => DataType::Int64,
                ColumnKind::Number => DataType::Float64,
            };
            Field::new(&column.name, data_type, true)
        }));
        Self {
            schema: Arc::new(Schema::new(fields)),
            zone,
            names: names.into(),
            dictionaries: dictionaries.iter().map(Dictionary::from).collect(),
            columns: columns.to_vec(),
            overflowed: BTreeSet::new(),
            extras: Vec::new(),
        }
    }

    /// Returns the columns of timelines.
    pub fn of_timelines(timelines: &Timelines, zone: Zone) -> Self {
        Self::new(&timelines.names, &timelines.dictionaries, &timelines.columns, zone).without(&timelines.overflowed)
    }

    /// Refuses expressions that name one of these columns, of which timelines hold a part alone.
    pub fn without(self, overflowed: &BTreeSet<String>) -> Self {
        Self { overflowed: overflowed.clone(), ..self }
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
        self.dictionaries.push(extra.texts().into());
        self.extras.push(extra);
    }

    /// Compiles an expression over rows.
    pub fn expression(&self, compiler: &Compiler, place: &str, sql: &str) -> Result<RowExpression, EngineError> {
        let compiled = compiler.compile(place, sql, &self.schema)?;
        if let Some(column) = compiled.columns.iter().find(|column| self.overflowed.contains(*column)) {
            let what = format!(
                "{column} has over a million distinct texts and is not held in timelines; map a shorter text to it in diptych.yaml, or ask about it with `diptych sql`"
            );
            return Err(EngineError::Sql { place: place.into(), sql: sql.into(), what });
        }
        Ok(RowExpression { place: place.into(), sql: sql.into(), compiled })
    }

    /// Compiles a condition on rows.
    pub fn condition(&self, compiler: &Compiler, place: &str, sql: &str) -> Result<RowCondition, EngineError> {
        let whole = self.expression(compiler, place, sql)?;
        whole.check_condition(self)?;
        let parts = compiler.conjuncts(place, sql, &self.schema)?;
        let parts = parts.into_iter().map(|Conjunct { compiled, within }| {
            if let Some((column, bounds)) = within {
                return Ok(Some(ConditionPart::Within { column, bounds }));
            }
            let part = RowExpression { compiled, ..whole.clone() };
            let Some((column, values)) = part.per_text(self)? else { return Ok(None) };
            let truths = values.as_boolean_opt().ok_or_else(|| part.failed("this is not a condition"))?;
            let holds = (0..truths.len()).map(|idx| truths.is_valid(idx) && truths.value(idx)).collect();
            Ok(Some(ConditionPart::Coded(Coded { column, values: holds })))
        });
        let parts: Option<Vec<ConditionPart>> = parts.collect::<Result<_, EngineError>>()?;
        Ok(parts.map_or_else(|| RowCondition::Rows(whole), RowCondition::Parts))
    }

    /// Compiles an expression whose text is wanted.
    pub fn text(&self, compiler: &Compiler, place: &str, sql: &str) -> Result<RowText, EngineError> {
        let expression = self.expression(compiler, place, sql)?;
        if let Some(idx) = expression.compiled.column().and_then(|column| self.position(column))
            && self.columns.get(idx).is_some_and(|column| column.kind == ColumnKind::Text)
            && self.dictionaries[idx].texts.len() > TABLED_TEXTS
        {
            return Ok(RowText::Column(idx, self.dictionaries[idx].texts.clone()));
        }
        let Some((column, values)) = expression.per_text(self)? else { return Ok(RowText::Rows(expression)) };
        let values = cast(&values, &DataType::Utf8).map_err(|error| expression.failed(error))?;
        let mut labels = Labels::default();
        let values = values.as_string::<i32>().iter().map(|label| labels.intern(label)).collect();
        Ok(RowText::Coded(Coded { column, values }, labels.labels))
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
                    2 => coded(shard.name.iter(), self.names.array()),
                    _ if idx - FIXED.len() >= self.columns.len() => {
                        let extra = &self.extras[idx - FIXED.len() - self.columns.len()];
                        coded(extra.codes(shard).into_iter(), self.dictionaries[idx - FIXED.len()].array())
                    }
                    _ => match shard.columns[idx - FIXED.len()].values {
                        Values::Text(codes) => coded(codes.iter(), self.dictionaries[idx - FIXED.len()].array()),
                        Values::Integer(numbers) => Ok(Arc::new(numbers.of_rows(0..numbers.len()).collect::<Int64Array>()) as ArrayRef),
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

    /// Returns the texts of a column, by code; `None` where it is none of text.
    fn texts_of(&self, column: &str) -> Option<ArrayRef> {
        if self.schema.field_with_name(column).ok()?.data_type() != &text_type() {
            return None;
        }
        let dictionary = if column == "name" { &self.names } else { &self.dictionaries[self.position(column)?] };
        Some(dictionary.array().clone())
    }

    /// Returns a column of whole numbers.
    fn numbers<'a>(&self, shard: &Shard<'a>, column: &str) -> Integers<'a> {
        let idx = self.position(column).expect("the column was found when it was compiled");
        match shard.columns[idx].values {
            Values::Integer(numbers) => numbers,
            Values::Text(_) | Values::Number(_) => unreachable!("only columns of whole numbers are compared with bounds"),
        }
    }

    /// Gives each row the value of its text in a column.
    fn per_row<'a, T: Copy>(&self, shard: &Shard<'a>, column: &str, values: Cow<'a, [T]>) -> PerRow<'a, T> {
        if column == "name" {
            return PerRow::Coded { codes: shard.name, values };
        }
        let idx = self.position(column).expect("the column was found when it was compiled");
        if let Some(extra) = idx.checked_sub(self.columns.len()).map(|idx| &self.extras[idx]) {
            let missing = values.len() - 1;
            return PerRow::Rows(extra.codes(shard).into_iter().map(|code| values[(code as usize).min(missing)]).collect());
        }
        match shard.columns[idx].values {
            Values::Text(codes) => PerRow::Coded { codes, values },
            Values::Integer(_) | Values::Number(_) => unreachable!("only text columns are evaluated by distinct text"),
        }
    }
}

/// An expression over the rows of a shard.
#[derive(Clone)]
pub struct RowExpression {
    place: String,
    sql: String,
    compiled: Compiled,
}

/// A value for each text of one column.
pub struct Coded<T> {
    column: String,
    /// By code, the last one for the missing text.
    values: Vec<T>,
}

/// A condition on the rows of a shard.
pub enum RowCondition {
    /// Conditions on one column each, all of which must hold.
    Parts(Vec<ConditionPart>),
    /// Any other: evaluated on every row.
    Rows(RowExpression),
}

/// A condition that is looked up where a row is asked about.
pub enum ConditionPart {
    /// On a text column.
    Coded(Coded<bool>),
    /// On a column of whole numbers.
    Within {
        /// Name of the column.
        column: String,
        /// The numbers that meet it.
        bounds: RangeInclusive<i64>,
    },
}

/// An expression over the rows of a shard whose text is wanted.
pub enum RowText {
    /// Of one text column: codes of the labels, and the labels.
    Coded(Coded<u32>, Vec<Option<String>>),
    /// A text column as it is, with more texts than a table of them for each shard is worth: its position and its texts.
    Column(usize, Names),
    /// Any other: evaluated on every row.
    Rows(RowExpression),
}

/// Texts of a column for which a shard has a table of all; with more, those that it has are collected.
const TABLED_TEXTS: usize = 1 << 16;

/// Distinct texts, where no value is a text of its own.
#[derive(Default)]
struct Labels {
    labels: Vec<Option<String>>,
    known: HashMap<Option<String>, u32>,
}

impl Labels {
    fn intern(&mut self, label: Option<&str>) -> u32 {
        *self.known.entry(label.map(str::to_owned)).or_insert_with_key(|label| {
            self.labels.push(label.clone());
            self.labels.len() as u32 - 1
        })
    }
}

impl RowCondition {
    /// Tells for each row whether the condition holds; no value counts as false.
    ///
    /// O(parts) where each part of the condition is on one column of texts or whole numbers, else O(rows).
    pub fn holds<'a>(&'a self, columns: &RowColumns, shard: &Shard<'a>) -> Result<Mask<'a>, EngineError> {
        let part = |part: &'a ConditionPart| match part {
            ConditionPart::Coded(Coded { column, values }) => {
                Condition::PerRow(columns.per_row(shard, column, Cow::Borrowed(values.as_slice())))
            }
            ConditionPart::Within { column, bounds } => {
                Condition::Within { numbers: columns.numbers(shard, column), bounds: bounds.clone() }
            }
        };
        match self {
            Self::Parts(parts) => Ok(Mask(parts.iter().map(part).collect())),
            Self::Rows(expression) => {
                let batch = columns.batch(shard, &expression.compiled.columns).map_err(|error| expression.failed(error))?;
                Ok(expression.compiled.holds(&batch).map_err(|error| expression.failed(error))?.into())
            }
        }
    }
}

impl RowText {
    /// Returns the text of each row; no value is a text of its own.
    ///
    /// O(rows) at most; where the texts of one column all occur among the first rows, only a look for missing ones.
    pub fn texts<'a>(&self, columns: &RowColumns, shard: &Shard<'a>) -> Result<Texts<'a>, EngineError> {
        match self {
            Self::Coded(coded, labels) => {
                let of_rows = columns.per_row(shard, &coded.column, Cow::Borrowed(coded.values.as_slice()));
                let may_miss = columns.position(&coded.column).and_then(|idx| shard.columns.get(idx)).is_none_or(|column| column.may_miss);
                let seen = seen_labels(shard, &of_rows, labels.len(), may_miss);
                let mut of_label = vec![NO_CODE; labels.len()];
                let mut seen_labels = Vec::new();
                for label in coded.values.iter().map(|label| *label as usize).filter(|label| seen[*label]) {
                    if of_label[label] == NO_CODE {
                        of_label[label] = seen_labels.len() as u32;
                        seen_labels.push(labels[label].clone());
                    }
                }
                let values = coded.values.iter().map(|label| of_label[*label as usize]).collect();
                Ok(Texts { codes: columns.per_row(shard, &coded.column, Cow::Owned(values)), labels: seen_labels })
            }
            Self::Column(idx, texts) => match shard.columns[*idx].values {
                Values::Text(codes) => Ok(texts_that_occur(shard, codes, texts)),
                Values::Integer(_) | Values::Number(_) => unreachable!("a column of texts was found when it was compiled"),
            },
            Self::Rows(expression) => {
                let batch = columns.batch(shard, &expression.compiled.columns).map_err(|error| expression.failed(error))?;
                let values = expression.compiled.evaluate(&batch).map_err(|error| expression.failed(error))?;
                let values = cast(&values, &DataType::Utf8).map_err(|error| expression.failed(error))?;
                let mut labels = Labels::default();
                let values = values.as_string::<i32>();
                // Only texts that somebody's row has are groups.
                let mut codes = vec![NO_CODE; shard.n_rows()];
                for row in shard.owned_rows() {
                    codes[row] = labels.intern(values.is_valid(row).then(|| values.value(row)));
                }
                Ok(Texts { codes: PerRow::Rows(codes), labels: labels.labels })
            }
        }
    }
}

/// Returns the texts of a column with only those that somebody's row has. O(rows).
fn texts_that_occur(shard: &Shard, codes: Codes, texts: &Names) -> Texts<'static> {
    let (mut labels, mut known) = (Vec::new(), HashMap::new());
    let mut of_rows = vec![NO_CODE; shard.n_rows()];
    let mut last = None;
    for row in shard.owned_rows() {
        let code = codes.get(row);
        let label = match last {
            // A row often has the text of the one before.
            Some((last_code, label)) if last_code == code => label,
            _ => *known.entry(code).or_insert_with(|| {
                labels.push((code != NO_CODE).then(|| texts.text(code).to_owned()));
                labels.len() as u32 - 1
            }),
        };
        last = Some((code, label));
        of_rows[row] = label;
    }
    Texts { codes: PerRow::Rows(of_rows), labels }
}

/// Tells which labels some row has: only these are groups of the shard. `may_miss` is false where no text is missing.
fn seen_labels(shard: &Shard, of_rows: &PerRow<u32>, n_labels: usize, may_miss: bool) -> Vec<bool> {
    let (codes, labels) = match of_rows {
        PerRow::Rows(labels) => {
            let mut seen = vec![false; n_labels];
            see(shard, labels, &mut seen, |seen| !seen.contains(&false));
            return seen;
        }
        PerRow::Coded { codes, values } => (codes, values),
    };
    let labels_of = |seen_codes: &[bool]| {
        let mut seen = vec![false; n_labels];
        seen_codes.iter().zip(labels.iter()).for_each(|(is_seen, label)| seen[*label as usize] |= is_seen);
        seen
    };
    let (missing, present) = labels.split_last().expect("there is a value for a missing text");
    // Most often each label but that of a missing text is soon seen, and missing texts are looked for many rows at a time.
    let is_apart = !present.contains(missing);
    let is_all = |seen_codes: &[bool]| (0..).zip(labels_of(seen_codes)).all(|(label, is_seen)| is_seen || is_apart && label == *missing);
    let mut seen_codes = vec![false; labels.len()];
    match codes {
        Codes::Byte(codes) => see(shard, codes, &mut seen_codes, is_all),
        Codes::Short(codes) => see(shard, codes, &mut seen_codes, is_all),
        Codes::Long(codes) => see(shard, codes, &mut seen_codes, is_all),
    }
    let mut seen = labels_of(&seen_codes);
    if is_apart && may_miss && !seen[*missing as usize] {
        let has_missing = |rows: Range<usize>| codes.has_missing(rows);
        seen[*missing as usize] =
            has_missing(0..shard.n_rows()) && (0..shard.n_actors()).any(|actor_idx| has_missing(shard.rows(actor_idx)));
    }
    seen
}

/// Marks the codes of rows that are somebody's, until `is_all` is true of what was seen; a missing one, or one of a text that
/// is not known, is the last. O(rows + codes).
fn see<C: Code>(shard: &Shard, codes: &[C], seen: &mut [bool], is_all: impl Fn(&[bool]) -> bool) {
    // Asking takes about as long as looking at as many rows as there are codes.
    let (last, mut n_looked_at, mut n_until_asked) = (seen.len() - 1, 0, seen.len().max(1024));
    for actor_idx in 0..shard.n_actors() {
        let of_actor = &codes[shard.rows(actor_idx)];
        of_actor.iter().for_each(|code| seen[(code.code() as usize).min(last)] = true);
        n_looked_at += of_actor.len();
        if n_looked_at >= n_until_asked {
            if is_all(seen) {
                return;
            }
            n_until_asked = 2 * n_looked_at;
        }
    }
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
    fn check_condition(&self, columns: &RowColumns) -> Result<(), EngineError> {
        match self.compiled.data_type(&columns.schema) {
            Ok(DataType::Boolean | DataType::Null) => Ok(()),
            Ok(other) => Err(self.failed(format!("this is a {other} and not a condition; compare it with something"))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Evaluates the expression once per text of the only column that it names, the last entry being the missing text;
    /// `None` where it names others.
    fn per_text(&self, columns: &RowColumns) -> Result<Option<(String, ArrayRef)>, EngineError> {
        let [column] = self.compiled.columns.as_slice() else { return Ok(None) };
        let Some(texts) = columns.texts_of(column) else { return Ok(None) };
        let codes = (0..texts.len() as u32).map(Some).chain([None]).collect::<UInt32Array>();
        let coded: ArrayRef = Arc::new(DictionaryArray::<UInt32Type>::try_new(codes, texts.clone()).map_err(|error| self.failed(error))?);
        let of_field = |field: &Arc<Field>| {
            if field.name() == column { coded.clone() } else { arrow::array::new_null_array(&DataType::Null, coded.len()) }
        };
        let arrays = columns.schema.fields().iter().map(of_field).collect();
        let batch = columns.in_places(coded.len(), arrays).map_err(|error| self.failed(error))?;
        let values = self.compiled.evaluate(&batch).map_err(|error| self.failed(error))?;
        Ok(Some((column.clone(), values)))
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
}

fn coded(codes: impl Iterator<Item = u32>, texts: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let keys = codes.map(|code| (code != NO_CODE).then_some(code)).collect::<UInt32Array>();
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, texts.clone())?))
}

fn actor_of_rows(shard: &Shard) -> Result<ArrayRef, arrow::error::ArrowError> {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(shard.actors.iter()));
    let mut codes = vec![NO_CODE; shard.n_rows()];
    for actor_idx in 0..shard.n_actors() {
        codes[shard.rows(actor_idx)].fill(actor_idx as u32);
    }
    coded(codes.into_iter(), &ids)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_held_in_part_is_refused() {
        let column = |name: &str| ColumnSpec { name: name.into(), log_column: name.into(), kind: ColumnKind::Text };
        let (columns, dictionaries) = ([column("page"), column("plan")], [Names::default(), Names::default()]);
        let rows = RowColumns::new(&Names::default(), &dictionaries, &columns, Zone::UTC).without(&["page".to_owned()].into());
        assert!(rows.condition(&Compiler, "--where", "plan = 'free'").is_ok());
        for refused in
            [rows.condition(&Compiler, "--where", "plan = 'free' and page = '/'").err(), rows.text(&Compiler, "--by", "page").err()]
        {
            let error = refused.expect("it is refused").to_string();
            assert!(error.contains("page has over a million distinct texts") && error.contains("diptych sql"), "{error}");
        }
    }

    #[test]
    fn labels_are_seen_that_somebodys_row_has() {
        let drawn = "bob: view@0s{plan=free} view@1s{plan=pro} view@2s\nana: view@0s{plan=free}\ncyd: view@1s{plan=old} view@2s{plan=pro}";
        let world = diptych_testkit::World::parse(drawn).unwrap();
        for owned in world.shards(2).into_iter().chain(world.shards(1)) {
            let shard = owned.shard();
            let Values::Text(codes) = shard.columns[0].values else { panic!("plan is a text") };
            let Codes::Long(long) = codes else { panic!("the world has long codes") };
            let byte: Vec<u8> = long.iter().map(|code| (*code).min(255) as u8).collect();
            // Free, pro and old, one more that no row has, and the missing text: alone, or with another one.
            for values in [vec![0, 1, 2, 3, 4], vec![0, 1, 1, 3, 0], vec![0, 0, 0, 0, 1]] {
                let n_labels = values.iter().max().map_or(0, |label| *label as usize + 1);
                let coded = |codes| PerRow::Coded { codes, values: Cow::Borrowed(values.as_slice()) };
                let rows = (0..shard.n_rows()).map(|row| coded(codes).get(row)).collect();
                let mut expected = vec![false; n_labels];
                shard.owned_rows().for_each(|row| expected[coded(codes).get(row) as usize] = true);
                for of_rows in [coded(codes), coded(Codes::Byte(&byte)), PerRow::Rows(rows)] {
                    assert_eq!(seen_labels(&shard, &of_rows, n_labels, true), expected, "{values:?}");
                }
            }
        }
    }

    #[test]
    fn texts_are_the_same_with_a_table_of_all_and_collected() {
        let drawn = "bob: view@0s{plan=free} view@1s{plan=free} view@2s\nana: view@0s{plan=pro} view@1s{plan=free}\ncyd: view@1s";
        let world = diptych_testkit::World::parse(drawn).unwrap();
        let column = [ColumnSpec { name: "plan".into(), log_column: "p_plan".into(), kind: ColumnKind::Text }];
        let dictionary = |n_more: usize| -> Names {
            let owned = world.shards(1);
            let Values::Text(codes) = owned[0].shard().columns[0].values else { panic!("plan is a text") };
            let n_texts = codes.iter().filter(|code| *code != NO_CODE).max().unwrap() as usize + 1;
            (0..n_texts + n_more).fold(Names::default(), |mut texts, n| {
                texts.intern(&format!("plan {n}"));
                texts
            })
        };
        let told = |n_more: usize, sql: &str| -> Vec<Vec<Option<String>>> {
            let columns = RowColumns::new(world.names(), &[dictionary(n_more)], &column, Zone::UTC);
            let text = columns.text(&Compiler, "--by", sql).unwrap();
            assert_eq!(matches!(text, RowText::Column(..)), n_more > 0 && sql == "plan");
            let of_shard = |shard: Shard| {
                let texts = text.texts(&columns, &shard).unwrap();
                assert!(texts.labels.iter().all(|label| shard.owned_rows().any(|row| texts.get(row) == label.as_deref())), "no row has it");
                shard.owned_rows().map(|row| texts.get(row).map(str::to_owned)).collect()
            };
            world.shards(2).iter().chain(&world.shards(1)).map(|owned| of_shard(owned.shard())).collect()
        };
        let expected = told(0, "plan");
        assert_eq!(expected.last().unwrap().iter().flatten().count(), 4);
        assert_eq!((told(TABLED_TEXTS, "plan"), told(TABLED_TEXTS, "lower(plan)")), (expected.clone(), expected));
    }

    #[test]
    fn looking_for_labels_ends_when_all_are_seen() {
        let drawn: String = (0..40).map(|actor| format!("u{actor:02}: ") + &"view@0s{plan=free} ".repeat(60) + "\n").collect();
        let world = diptych_testkit::World::parse(&drawn).unwrap();
        let owned = world.shards(1);
        let asked = std::cell::Cell::new(0);
        let mut seen = [false; 2];
        see(&owned[0].shard(), &[0_u8; 2400], &mut seen, |seen| {
            asked.set(asked.get() + 1);
            seen[0]
        });
        assert_eq!((seen, asked.get()), ([true, false], 1));
    }
}
