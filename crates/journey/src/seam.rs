//! The seam: what an operator is, what it may ask for, and what it is given.
//!
//! An operator never sees files, SQL or threads.
//! It says what to count in one shard (`scan`), how counts add up (`merge`) and how they read (`finish`);
//! the engine owns the modifiers, the shards and the order of work (docs/decisions/0004-the-seam.md).

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use diptych_event::account::MARGIN_CENTS;
use diptych_event::spec::Match;
use diptych_event::time::Calendar;
use diptych_event::timeline::{Code, Codes, ColumnKind, Integers, NO_CODE};
use diptych_event::{Names, Shard, Spec, suggest};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Describes an operator; every surface (list, help, docs) is a loop over these.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct About {
    /// Name of the operator and of its folder.
    pub id: &'static str,
    /// Whose journey it reads.
    pub panel: Panel,
    /// Title of the answer.
    pub title: &'static str,
    /// The question it answers, in one sentence.
    pub question: &'static str,
    /// What one unit is, and which row of it `--where`, `--by`, `--from` and `--to` look at.
    pub anchor: &'static str,
    /// How it counts, in one line, shown under every answer.
    pub counting: &'static str,
    /// Where the definition comes from.
    pub sources: &'static [&'static str],
    /// The picture that suits the answer.
    pub chart: Chart,
    /// Parameters that the law tests try, as JSON, over the words of `diptych_testkit::Options`: events view, cart, buy,
    /// search, error, help; columns device, product, size; and the spec of the law tests (crates/journey/tests/common):
    /// tasks order and find; frictions failed, rage, slow, left, back, refund and again.
    pub samples: &'static [&'static str],
    /// `spec.md` of the folder: definition, edge cases, worked examples.
    pub spec: &'static str,
}

/// A panel of the diptych.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Panel {
    /// Anyone who uses the product.
    User,
    /// Whoever pays.
    Customer,
    /// Where the two meet.
    Hinge,
}

/// A picture that suits an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// Falling bars, one per step.
    Funnel,
    /// Bars of a distribution.
    Histogram,
    /// Nodes and weighted arrows.
    Graph,
    /// Cohorts down, periods across.
    Grid,
    /// One stacked bar per task: succeeded, failed, abandoned, open.
    Outcomes,
    /// Shares from the largest to the smallest.
    Ranking,
    /// Stages in a row, with those who went on and those who were lost.
    Stages,
    /// Accounts at risk per stage: advanced, lost, open; and the money at stake.
    DropOffs,
    /// Two times two: uses or not, pays or not.
    Quadrants,
    /// Shares of those in touch with each channel, which may overlap.
    Reach,
    /// Amounts adding up with time.
    Curve,
    /// Promoters, passives, detractors, and the score.
    Score,
    /// Differences with their intervals about zero.
    Forest,
}

/// Why a question cannot be answered; says what is possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// A parameter is missing, unknown or of the wrong form.
    #[error("parameter {parameter}: {what}")]
    Parameter {
        /// Its name.
        parameter: String,
        /// What is wrong and what is possible.
        what: String,
    },
    /// A cell was named that the answer does not have.
    #[error("there is no cell \"{cell}\"{near}; the cells are: {known}")]
    Cell {
        /// The id asked for.
        cell: String,
        /// `, did you mean …?`
        near: String,
        /// Some of the ids that exist.
        known: String,
    },
}

impl AskError {
    /// Makes an error about a parameter.
    pub fn parameter(parameter: &str, what: impl Into<String>) -> Self {
        Self::Parameter { parameter: parameter.into(), what: what.into() }
    }
}

/// What is known about the data before any row is read.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Event names.
    pub names: Names,
    /// Columns beside time and name, in the order of [`Shard::columns`].
    pub columns: Vec<(String, ColumnKind)>,
    /// Zone of days.
    pub zone: diptych_event::time::Zone,
    /// Gap between sessions in microseconds, from the spec.
    pub session_gap_us: i64,
    /// First accepted instant in microseconds; 0 without data.
    pub first_us: i64,
    /// End of observation in microseconds: the latest among the sources, for what no source alone tells; 0 without data.
    pub observed_until_us: i64,
    /// End of observation per event name, in microseconds: the earliest among the sources that have it; shape `[names]`,
    /// or empty where every name is observed until `observed_until_us`.
    pub ends_us: Vec<i64>,
    /// What the spec says: tasks, frictions, stages, channels, surveys, money.
    pub spec: Arc<Spec>,
}

/// What an operator may ask for while it plans.
#[derive(Debug)]
pub struct Context<'a> {
    /// What is known about the data.
    pub catalog: &'a Catalog,
    /// SQL conditions that the plan needs evaluated, in the order of their [`MaskId`].
    pub masks: Vec<String>,
    /// SQL expressions whose text the plan needs for each row, in the order of their [`TextId`].
    pub texts: Vec<String>,
    /// Things the reader of the answer should know.
    pub notes: Vec<String>,
}

/// A condition on rows that the engine evaluates for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskId(pub usize);

/// A text per row that the engine evaluates for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextId(pub usize);

/// Which rows are meant by a [`Match`] of the spec.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    /// Shape `[names]`.
    names: Vec<bool>,
    condition: Option<MaskId>,
}

impl Matcher {
    /// Makes the matcher of the rows with one of some names, shape `[names]`.
    pub fn of_names(names: Vec<bool>) -> Self {
        Self { names, condition: None }
    }

    /// Tells whether a row is meant.
    #[inline]
    pub fn holds(&self, view: &View, row: usize) -> bool {
        self.names[view.shard.name.get(row) as usize] && self.condition.is_none_or(|mask| view.masks[mask.0].holds(row))
    }

    /// Walks the codes of the names.
    pub fn codes(&self) -> impl Iterator<Item = u32> + '_ {
        self.names.iter().enumerate().filter(|(_, meant)| **meant).map(|(code, _)| code as u32)
    }

    /// Tells whether no event of the data is meant.
    pub fn is_empty(&self) -> bool {
        !self.names.contains(&true)
    }
}

impl<'a> Context<'a> {
    /// Makes the context of one question.
    pub fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, masks: Vec::new(), texts: Vec::new(), notes: Vec::new() }
    }

    /// Registers an SQL condition on rows; the engine checks it before any row is read.
    pub fn mask(&mut self, sql: &str) -> MaskId {
        if let Some(known) = self.masks.iter().position(|mask| mask == sql) {
            return MaskId(known);
        }
        self.masks.push(sql.into());
        MaskId(self.masks.len() - 1)
    }

    /// Registers an SQL expression of which the plan needs the text for each row.
    pub fn text(&mut self, sql: &str) -> TextId {
        if let Some(known) = self.texts.iter().position(|text| text == sql) {
            return TextId(known);
        }
        self.texts.push(sql.into());
        TextId(self.texts.len() - 1)
    }

    /// Finds the rows that the spec means; a name that no event has means none, which a note says.
    pub fn matcher(&mut self, meant: &Match) -> Matcher {
        let mut names = vec![false; self.catalog.names.len()];
        for event in &meant.events {
            match self.catalog.names.code(event) {
                Some(code) => names[code as usize] = true,
                None if event == "*" => names.fill(true),
                None => {
                    let note = format!("the spec names the event \"{event}\", which nobody has");
                    if !self.notes.contains(&note) {
                        self.notes.push(note);
                    }
                }
            }
        }
        Matcher { names, condition: meant.condition.as_ref().map(|condition| self.mask(&condition.text)) }
    }

    /// Returns the end of observation of some events: the earliest among the sources that have them, in microseconds.
    pub fn observed_until_us(&self, codes: impl Iterator<Item = u32>) -> i64 {
        let end_us = |code: u32| self.catalog.ends_us.get(code as usize).copied();
        codes.filter_map(end_us).min().unwrap_or(self.catalog.observed_until_us)
    }

    /// Finds the code of an event name.
    pub fn name(&self, parameter: &str, name: &str) -> Result<u32, AskError> {
        self.catalog.names.code(name).ok_or_else(|| {
            let near = suggest::did_you_mean(name, self.catalog.names.iter());
            let mut known: Vec<&str> = self.catalog.names.iter().collect();
            known.sort_unstable();
            let more = if known.len() > 12 { format!(", … ({} in all)", known.len()) } else { String::new() };
            known.truncate(12);
            AskError::parameter(parameter, format!("no event is called \"{name}\"{near}; events: {}{more}", known.join(", ")))
        })
    }

    /// Finds the position of a column with dictionary or whole-number values.
    pub fn column(&self, parameter: &str, column: &str) -> Result<usize, AskError> {
        let known = || self.catalog.columns.iter().map(|(name, _)| name.as_str());
        self.catalog.columns.iter().position(|(name, _)| name == column).ok_or_else(|| {
            let near = suggest::did_you_mean(column, known());
            AskError::parameter(
                parameter,
                format!("no column is called \"{column}\"{near}; columns: {}", known().collect::<Vec<_>>().join(", ")),
            )
        })
    }

    /// Finds the column with margin in minor units; `None` where the spec does not say what margin is.
    pub fn margin_column(&self) -> Option<usize> {
        self.catalog.spec.money.margin.as_ref()?;
        self.catalog.columns.iter().position(|(name, kind)| name == MARGIN_CENTS && *kind == ColumnKind::Integer)
    }

    /// Makes the calendar of all days of the data.
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.catalog.first_us, self.catalog.observed_until_us, self.catalog.zone)
    }
}

/// One shard as a question sees it.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The timelines.
    pub shard: Shard<'a>,
    /// `--actors`: which actors count, shape `[actors]`; `None` for all.
    pub actors: Option<&'a [bool]>,
    /// `--where`: which rows may be anchors; `None` for all.
    pub admitted: Option<&'a Mask<'a>>,
    /// `--from`/`--to`: the instants that anchors must lie in.
    pub period_us: Range<i64>,
    /// `--by`/`--versus`: the group of each row; `None` when there is one group.
    pub groups: Option<&'a PerRow<'a, u32>>,
    /// The plan's conditions by [`MaskId`].
    pub masks: &'a [Mask<'a>],
    /// The plan's texts by [`TextId`].
    pub texts: &'a [Texts<'a>],
}

/// A value per row.
#[derive(Debug, Clone)]
pub enum PerRow<'a, T: Clone> {
    /// Written out, shape `[rows]`.
    Rows(Vec<T>),
    /// Found by the code of a text column when it is asked for: most rows never are.
    Coded {
        /// Codes of the column, shape `[rows]`.
        codes: Codes<'a>,
        /// By code; the last one is the value of a missing text.
        values: Cow<'a, [T]>,
    },
}

impl<T: Copy> PerRow<'_, T> {
    /// Returns the value of a row. O(1).
    #[inline]
    pub fn get(&self, row: usize) -> T {
        match self {
            Self::Rows(values) => values[row],
            Self::Coded { codes, values } => values[(codes.get(row) as usize).min(values.len() - 1)],
        }
    }

    /// Returns the values of some rows, shape `[some]`. O(some), loads from memory not waiting for what is done with them.
    pub fn of(&self, some: &[u32]) -> Vec<T> {
        fn coded<C: Code, T: Copy>(codes: &[C], values: &[T], some: &[u32]) -> Vec<T> {
            let last = values.len() - 1;
            let codes: Vec<C> = some.iter().map(|row| codes[*row as usize]).collect();
            codes.into_iter().map(|code| values[(code.code() as usize).min(last)]).collect()
        }
        match self {
            Self::Rows(values) => some.iter().map(|row| values[*row as usize]).collect(),
            Self::Coded { codes: Codes::Byte(codes), values } => coded(codes, values, some),
            Self::Coded { codes: Codes::Short(codes), values } => coded(codes, values, some),
            Self::Coded { codes: Codes::Long(codes), values } => coded(codes, values, some),
        }
    }
}

/// A condition on rows: all of its parts must hold.
#[derive(Debug, Clone)]
pub struct Mask<'a>(pub Vec<Condition<'a>>);

/// One part of a [`Mask`].
#[derive(Debug, Clone)]
pub enum Condition<'a> {
    /// Known for each row.
    PerRow(PerRow<'a, bool>),
    /// A whole number lies within bounds; a missing one lies within none.
    Within {
        /// The column, shape `[rows]`.
        numbers: Integers<'a>,
        /// The bounds.
        bounds: RangeInclusive<i64>,
    },
}

impl Condition<'_> {
    #[inline]
    fn holds(&self, row: usize) -> bool {
        match self {
            Self::PerRow(truths) => truths.get(row),
            Self::Within { numbers, bounds } => numbers.get(row).is_some_and(|number| bounds.contains(&number)),
        }
    }

    fn retain<T: Copy>(&self, some: &mut Vec<T>, row: impl Fn(&T) -> u32) {
        match self {
            Self::PerRow(PerRow::Rows(truths)) => keep(some, row, truths, |holds| holds),
            Self::PerRow(PerRow::Coded { codes, values }) => match codes {
                Codes::Byte(codes) => keep_coded(some, row, codes, values),
                Codes::Short(codes) => keep_coded(some, row, codes, values),
                Codes::Long(codes) => keep_coded(some, row, codes, values),
            },
            Self::Within { numbers: Integers::Whole(numbers), bounds } => {
                keep(some, row, numbers, |number| (number != i64::MIN) & (*bounds.start() <= number) & (number <= *bounds.end()));
            }
            Self::Within { numbers: Integers::Above { least, above }, bounds } => {
                let bounds = above_least(*least, bounds);
                match above {
                    Codes::Byte(above) => keep(some, row, above, |above| bounds.contains(&above.code())),
                    Codes::Short(above) => keep(some, row, above, |above| bounds.contains(&above.code())),
                    Codes::Long(above) => keep(some, row, above, |above| bounds.contains(&above.code())),
                }
            }
        }
    }
}

/// Returns how far numbers within bounds lie above the least one of all; a missing one lies further.
fn above_least(least: i64, bounds: &RangeInclusive<i64>) -> Range<u32> {
    let above = |number: i128| (number - i128::from(least)).clamp(0, i128::from(NO_CODE)) as u32;
    above(i128::from(*bounds.start()))..above(i128::from(*bounds.end()) + 1)
}

/// Leaves what is in rows whose codes are wanted; the last value is that of a missing text.
fn keep_coded<T: Copy, C: Code>(some: &mut Vec<T>, row: impl Fn(&T) -> u32, codes: &[C], is_wanted: &[bool]) {
    let last = is_wanted.len() - 1;
    keep(some, row, codes, |code| is_wanted[(code.code() as usize).min(last)]);
}

/// Leaves what is in rows whose values are wanted, without a branch.
fn keep<T: Copy, V: Copy + Default>(some: &mut Vec<T>, row: impl Fn(&T) -> u32, values: &[V], is_wanted: impl Fn(V) -> bool) {
    // Some values are loaded before one of them is looked at, so that no load waits for anything.
    const AT_ONCE: usize = 512;
    let (mut n, mut loaded) = (0, [V::default(); AT_ONCE]);
    for first in (0..some.len()).step_by(AT_ONCE) {
        let end = some.len().min(first + AT_ONCE);
        loaded.iter_mut().zip(&some[first..end]).for_each(|(loaded, of)| *loaded = values[row(of) as usize]);
        for (idx, value) in (first..end).zip(&loaded) {
            some[n] = some[idx];
            n += usize::from(is_wanted(*value));
        }
    }
    some.truncate(n);
}

impl Mask<'_> {
    /// Tells whether the condition holds for a row. O(parts).
    #[inline]
    pub fn holds(&self, row: usize) -> bool {
        self.0.iter().all(|part| part.holds(row))
    }

    /// Leaves what is in rows for which the condition holds; `row` tells in which row something is.
    /// O(some × parts), without a branch that depends on what is found.
    pub fn retain<T: Copy>(&self, some: &mut Vec<T>, row: impl Fn(&T) -> u32 + Copy) {
        self.0.iter().for_each(|part| part.retain(some, row));
    }
}

impl From<Vec<bool>> for Mask<'_> {
    fn from(holds: Vec<bool>) -> Self {
        Self(vec![Condition::PerRow(PerRow::Rows(holds))])
    }
}

/// A text per row. Codes are of this shard alone: partials keep the texts.
#[derive(Debug, Clone)]
pub struct Texts<'a> {
    /// Codes of the texts.
    pub codes: PerRow<'a, u32>,
    /// By code; `None` is the missing text.
    pub labels: Vec<Option<String>>,
}

impl Texts<'_> {
    /// Returns the text of a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.labels[self.codes.get(row) as usize].as_deref()
    }
}

impl View<'_> {
    /// Walks the selected actors with their rows.
    pub fn journeys(&self) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        (0..self.shard.n_actors())
            .filter(|actor_idx| self.actors.is_none_or(|actors| actors[*actor_idx]))
            .map(|actor_idx| (actor_idx, self.shard.rows(actor_idx)))
    }

    /// Tells whether the unit anchored at `row` counts.
    pub fn admits(&self, row: usize) -> bool {
        self.admits_at(row, self.shard.time_us[row])
    }

    /// Does what [`Self::admits`] does where the instant of the row is at hand.
    pub fn admits_at(&self, row: usize, time_us: i64) -> bool {
        self.period_us.contains(&time_us) && self.admitted.is_none_or(|admitted| admitted.holds(row))
    }

    /// Tells whether every row may be an anchor.
    pub fn admits_all(&self) -> bool {
        self.admitted.is_none() && self.period_us == ALL_TIME
    }

    /// Returns the groups of the units anchored at some rows, shape `[some]`.
    pub fn groups_of(&self, some: &[u32]) -> Vec<u32> {
        self.groups.map_or_else(|| vec![0; some.len()], |groups| groups.of(some))
    }

    /// Returns the group of the unit anchored at `row`.
    pub fn group(&self, row: usize) -> u32 {
        self.groups.map_or(0, |groups| groups.get(row))
    }
}

/// The period of a question without `--from` and `--to`.
pub const ALL_TIME: Range<i64> = i64::MIN..i64::MAX;

/// What a scan adds to: a partial over everything, and one per group where the question splits.
#[derive(Debug)]
pub struct Groups<P> {
    /// Counts over all units, of the shards before this one too.
    pub total: P,
    /// Counts per group code of this shard; empty when the question does not split.
    pub split: Vec<P>,
}

impl<P> Groups<P> {
    /// Gives a unit of `group` to the total and, where the question splits, to its group.
    pub fn each(&mut self, group: u32, mut add: impl FnMut(&mut P)) {
        add(&mut self.total);
        if let Some(partial) = self.split.get_mut(group as usize) {
            add(partial);
        }
    }
}

/// What a cell counts, and so what [`AnyOperator::who`] lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// People (user panel) or accounts (customer panel).
    Actor,
    /// Sessions.
    Session,
    /// Rows, or pairs of neighbouring rows.
    Event,
    /// Attempts at a task.
    Attempt,
    /// Episodes of a friction.
    Episode,
    /// Microseconds.
    Duration,
    /// Money in minor units of the workspace's currency.
    Money,
}

/// One number of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cell {
    /// Name of the cell, stable for the question: `step:2`, `edge:view→cart`.
    pub id: String,
    /// What it says, for people.
    pub label: String,
    /// What it counts.
    pub unit: Unit,
    /// Units with the property; `None` where the cell is not a share.
    pub x: Option<u64>,
    /// Units in the base.
    pub n: u64,
    /// Distinct actors that `who` opens.
    pub people: u64,
    /// The number itself: a share, a count or a duration in microseconds; `None` when there is nothing to divide by.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub lo: Option<f64>,
    /// Upper end of the interval.
    pub hi: Option<f64>,
    /// How the interval was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// METRICS C1: `no_data`, `low_n`, `immature_cohort`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
}

impl Cell {
    /// Makes a cell that counts actors.
    pub fn people(id: impl Into<String>, label: impl Into<String>, people: u64) -> Self {
        Self::count(id, label, Unit::Actor, people, people)
    }

    /// Makes a cell that counts `n` units of `people` actors.
    pub fn count(id: impl Into<String>, label: impl Into<String>, unit: Unit, n: u64, people: u64) -> Self {
        Self {
            id: id.into(),
            label: label.into(),
            unit,
            x: None,
            n,
            people,
            value: Some(n as f64),
            lo: None,
            hi: None,
            method: None,
            flags: Vec::new(),
        }
    }

    /// Makes a cell that is the share `x` of `n`, with Wilson's interval and the flags of METRICS C8.
    ///
    /// `people` are the actors behind `x`.
    pub fn share(id: impl Into<String>, label: impl Into<String>, unit: Unit, x: u64, n: u64, people: u64) -> Self {
        let interval = crate::stats::wilson(x, n);
        Self {
            id: id.into(),
            label: label.into(),
            unit,
            x: Some(x),
            n,
            people,
            value: crate::stats::ratio(x, n),
            lo: interval.map(|(lo, _)| lo),
            hi: interval.map(|(_, hi)| hi),
            method: interval.map(|_| "wilson"),
            flags: match n {
                0 => vec!["no_data"],
                1..30 => vec!["low_n"],
                _ => Vec::new(),
            },
        }
    }

    /// Makes a cell that is a quantile or mean of `n` durations.
    pub fn duration(id: impl Into<String>, label: impl Into<String>, n: u64, people: u64, value_us: Option<f64>) -> Self {
        let mut cell = Self::count(id, label, Unit::Duration, n, people);
        cell.value = value_us;
        if n == 0 {
            cell.flags.push("no_data");
        }
        cell
    }

    /// Adds an interval.
    pub fn with_interval(mut self, interval: Option<(f64, f64)>, method: &'static str) -> Self {
        if let Some((lo, hi)) = interval {
            (self.lo, self.hi, self.method) = (Some(lo), Some(hi), Some(method));
        }
        self
    }

    /// Adds a flag.
    pub fn flagged(mut self, flag: &'static str) -> Self {
        self.flags.push(flag);
        self
    }
}

/// The people and rows behind a cell.
#[derive(Debug, Default)]
pub struct Evidence {
    /// One entry per unit: the actor and the instants that make the unit count.
    pub units: Vec<Witness>,
}

/// One unit behind a cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Witness {
    /// The actor.
    pub actor: String,
    /// The rows that make the unit count: instant in microseconds and event name.
    pub rows: Vec<(i64, String)>,
}

impl Evidence {
    /// Adds the unit of `actor_idx` that is made of `rows`.
    pub fn add(&mut self, view: &View, names: &Names, actor_idx: usize, rows: &[usize]) {
        self.units.push(Witness {
            actor: view.shard.actors.get(actor_idx).to_owned(),
            rows: rows.iter().map(|row| (view.shard.time_us[*row], names.text(view.shard.name.get(*row)).to_owned())).collect(),
        });
    }

    /// Returns the number of distinct actors.
    pub fn n_actors(&self) -> u64 {
        let mut actors: Vec<&str> = self.units.iter().map(|unit| unit.actor.as_str()).collect();
        actors.sort_unstable();
        actors.dedup();
        actors.len() as u64
    }
}

/// A question about journeys: one folder under `ops/`, one line in [`crate::OPERATORS`].
///
/// Laws, tested over every operator: `merge` is associative and commutative; no answer depends on the order of rows,
/// shards or dictionary codes; `who(cell)` lists exactly `cell.people` actors; a group of `--by` equals the same
/// question with `--where`.
pub trait Operator: Sync + 'static {
    /// What the asker says.
    type Params: DeserializeOwned + Serialize + JsonSchema;
    /// The checked question: all that can go wrong goes wrong before it exists.
    type Plan: Send + Sync + 'static;
    /// What some actors contribute; exact: whole numbers, or rows that `finish` sorts.
    type Partial: Clone + Send + Serialize + 'static;

    /// The index card.
    const ABOUT: About;

    /// Checks the parameters.
    fn plan(&self, params: &Self::Params, context: &mut Context) -> Result<Self::Plan, AskError>;
    /// Makes the partial of nobody.
    fn empty(&self, plan: &Self::Plan) -> Self::Partial;
    /// Adds what one shard holds.
    fn scan(&self, plan: &Self::Plan, view: &View, out: &mut Groups<Self::Partial>);
    /// Hands counts from thread to thread when all shards are scanned, so that each finishes another part of all; merged, they
    /// are what they would have been. Tells whether there is something to [settle](Operator::settle).
    fn share(&self, _plan: &Self::Plan, _partials: &mut [&mut Self::Partial]) -> bool {
        false
    }
    /// Finishes what was put off while shards were scanned; each thread does so with its own counts, before they are merged.
    fn settle(&self, _plan: &Self::Plan, _partial: &mut Self::Partial) {}
    /// Adds `other` to `total`.
    fn merge(&self, plan: &Self::Plan, total: &mut Self::Partial, other: Self::Partial);
    /// Asks for another scan, with a plan that knows more; it adds to what was counted. At most three scans are made.
    ///
    /// `partials` are those of everything and then of each group, so that a group can get what it would get alone.
    fn refine(&self, _plan: &Self::Plan, _partials: &[&Self::Partial]) -> Option<Self::Plan> {
        None
    }
    /// Makes the cells of the answer, in reading order.
    fn finish(&self, plan: &Self::Plan, total: Self::Partial) -> Vec<Cell>;
    /// Lists the units behind a cell in one shard; `false` when the operator has no such cell.
    fn who(&self, plan: &Self::Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool;
    /// Estimates the bytes that a partial holds, for the memory limit.
    fn size_bytes(&self, partial: &Self::Partial) -> usize;
}

/// A plan of some operator.
pub type AnyPlan = Box<dyn Any + Send + Sync>;

/// An operator with its types erased, so that surfaces can loop over all of them.
pub trait AnyOperator: Sync {
    /// Returns the index card.
    fn about(&self) -> &'static About;
    /// Returns the JSON Schema of the parameters.
    fn schema(&self) -> Schema;
    /// Checks parameters; returns the plan and the parameters with all defaults.
    fn plan(&self, params: serde_json::Value, context: &mut Context) -> Result<(AnyPlan, serde_json::Value), AskError>;
    /// Adds what one shard holds to `total`; `labels` are those of the shard's groups, none when the question does not split.
    fn scan(&self, plan: &AnyPlan, view: &View, labels: &[Option<String>], total: &mut AnyTotals);
    /// Hands counts of everything, but not of groups, from thread to thread; tells whether there is something to settle.
    fn share(&self, plan: &AnyPlan, totals: &mut [AnyTotals]) -> bool;
    /// Finishes what was put off while shards were scanned.
    fn settle(&self, plan: &AnyPlan, total: &mut AnyTotals);
    /// Adds totals.
    fn merge(&self, plan: &AnyPlan, total: &mut AnyTotals, other: AnyTotals);
    /// Makes the totals of no shard.
    fn empty(&self, plan: &AnyPlan) -> AnyTotals;
    /// Copies totals, so that what was counted so far can be shown while counting goes on.
    fn copy(&self, total: &AnyTotals) -> AnyTotals;
    /// Asks for another scan.
    fn refine(&self, plan: &AnyPlan, total: &AnyTotals) -> Option<AnyPlan>;
    /// Makes the cells: of everything, and per group in order of their labels.
    fn finish(&self, plan: &AnyPlan, total: AnyTotals) -> (Vec<Cell>, CellsByGroup);
    /// Lists the units behind a cell in one shard.
    fn who(&self, plan: &AnyPlan, view: &View, cell: &str, sink: &mut Evidence) -> bool;
    /// Estimates the bytes that totals hold.
    fn size_bytes(&self, total: &AnyTotals) -> usize;
    /// Writes totals as JSON, for the check that partials are exact.
    fn partial_json(&self, total: &AnyTotals) -> serde_json::Value;
}

/// The cells of each group under its label.
pub type CellsByGroup = Vec<(Option<String>, Vec<Cell>)>;

/// Totals of some operator: over everything and per group label.
pub struct AnyTotals(Box<dyn Any + Send>);

#[derive(Clone)]
struct Totals<P> {
    total: P,
    split: BTreeMap<Option<String>, P>,
}

const WRONG_TYPE: &str = "plans, groups and totals are handed back to the operator that made them";

fn plan_of<O: Operator>(plan: &AnyPlan) -> &O::Plan {
    plan.downcast_ref().expect(WRONG_TYPE)
}

fn totals_of<O: Operator>(total: &AnyTotals) -> &Totals<O::Partial> {
    total.0.downcast_ref().expect(WRONG_TYPE)
}

fn merge_groups<O: Operator>(
    operator: &O,
    plan: &O::Plan,
    total: &mut Totals<O::Partial>,
    groups: impl IntoIterator<Item = (Option<String>, O::Partial)>,
) {
    for (label, partial) in groups {
        let into = total.split.entry(label).or_insert_with(|| operator.empty(plan));
        operator.merge(plan, into, partial);
    }
}

impl<O: Operator> AnyOperator for O {
    fn about(&self) -> &'static About {
        const { &O::ABOUT }
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(O::Params)
    }

    fn plan(&self, params: serde_json::Value, context: &mut Context) -> Result<(AnyPlan, serde_json::Value), AskError> {
        let params: O::Params = serde_json::from_value(params).map_err(|error| {
            let what = error.to_string();
            let parameter = what.split('`').nth(1).unwrap_or("").to_owned();
            AskError::Parameter { parameter, what }
        })?;
        let plan = Operator::plan(self, &params, context)?;
        let effective = serde_json::to_value(&params).expect("parameters are plain data");
        Ok((Box::new(plan), effective))
    }

    fn scan(&self, plan: &AnyPlan, view: &View, labels: &[Option<String>], total: &mut AnyTotals) {
        let plan = plan_of::<O>(plan);
        let totals: &mut Totals<O::Partial> = total.0.downcast_mut().expect(WRONG_TYPE);
        let empty = || Operator::empty(self, plan);
        let before = std::mem::replace(&mut totals.total, empty());
        let mut groups = Groups { total: before, split: labels.iter().map(|_| empty()).collect() };
        Operator::scan(self, plan, view, &mut groups);
        totals.total = groups.total;
        merge_groups(self, plan, totals, labels.iter().cloned().zip(groups.split));
    }

    fn share(&self, plan: &AnyPlan, totals: &mut [AnyTotals]) -> bool {
        let totals = totals.iter_mut().map(|total| total.0.downcast_mut::<Totals<O::Partial>>().expect(WRONG_TYPE));
        let mut partials: Vec<&mut O::Partial> = totals.map(|totals| &mut totals.total).collect();
        Operator::share(self, plan_of::<O>(plan), &mut partials)
    }

    fn settle(&self, plan: &AnyPlan, total: &mut AnyTotals) {
        let totals: &mut Totals<O::Partial> = total.0.downcast_mut().expect(WRONG_TYPE);
        let partials = std::iter::once(&mut totals.total).chain(totals.split.values_mut());
        partials.for_each(|partial| Operator::settle(self, plan_of::<O>(plan), partial));
    }

    fn merge(&self, plan: &AnyPlan, total: &mut AnyTotals, other: AnyTotals) {
        let plan = plan_of::<O>(plan);
        let total: &mut Totals<O::Partial> = total.0.downcast_mut().expect(WRONG_TYPE);
        let other: Totals<O::Partial> = *other.0.downcast().expect(WRONG_TYPE);
        Operator::merge(self, plan, &mut total.total, other.total);
        merge_groups(self, plan, total, other.split);
    }

    fn empty(&self, plan: &AnyPlan) -> AnyTotals {
        AnyTotals(Box::new(Totals { total: Operator::empty(self, plan_of::<O>(plan)), split: BTreeMap::new() }))
    }

    fn copy(&self, total: &AnyTotals) -> AnyTotals {
        AnyTotals(Box::new(totals_of::<O>(total).clone()))
    }

    fn refine(&self, plan: &AnyPlan, total: &AnyTotals) -> Option<AnyPlan> {
        let totals = totals_of::<O>(total);
        let partials: Vec<&O::Partial> = std::iter::once(&totals.total).chain(totals.split.values()).collect();
        let plan = Operator::refine(self, plan_of::<O>(plan), &partials)?;
        Some(Box::new(plan))
    }

    fn finish(&self, plan: &AnyPlan, total: AnyTotals) -> (Vec<Cell>, CellsByGroup) {
        let plan = plan_of::<O>(plan);
        let total: Totals<O::Partial> = *total.0.downcast().expect(WRONG_TYPE);
        let split = total.split.into_iter().map(|(label, partial)| (label, Operator::finish(self, plan, partial))).collect();
        (Operator::finish(self, plan, total.total), split)
    }

    fn who(&self, plan: &AnyPlan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        Operator::who(self, plan_of::<O>(plan), view, cell, sink)
    }

    fn size_bytes(&self, total: &AnyTotals) -> usize {
        let totals = totals_of::<O>(total);
        Operator::size_bytes(self, &totals.total) + totals.split.values().map(|partial| Operator::size_bytes(self, partial)).sum::<usize>()
    }

    fn partial_json(&self, total: &AnyTotals) -> serde_json::Value {
        let totals = totals_of::<O>(total);
        serde_json::to_value(&totals.total).expect("partials are plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_lies_within_bounds_at_every_width() {
        for least in [0, -3, i64::MIN + 1, i64::MAX - 9] {
            let numbers: Vec<Option<i64>> = (0..10).map(|above| (above % 4 != 3).then_some(least + above)).collect();
            let byte: Vec<u8> = (0..10).map(|above| if above % 4 == 3 { u8::MAX } else { above }).collect();
            let long: Vec<u32> = byte.iter().map(|above| above.code()).collect();
            let whole: Vec<i64> = numbers.iter().map(|number| number.unwrap_or(i64::MIN)).collect();
            let above = |above| Integers::Above { least, above };
            for (start, end) in [(0, 9), (2, 5), (-4, 0), (5, 2), (9, 1 << 40), (-9, -1), (0, 254), (0, i64::MAX)] {
                let bounds = least.saturating_add(start)..=least.saturating_add(end);
                let expected: Vec<u32> =
                    (0..10).filter(|row| numbers[*row as usize].is_some_and(|number| bounds.contains(&number))).collect();
                for numbers in [Integers::Whole(&whole), above(Codes::Byte(&byte)), above(Codes::Long(&long))] {
                    let mask = Mask(vec![Condition::Within { numbers, bounds: bounds.clone() }]);
                    let mut rows: Vec<u32> = (0..10).collect();
                    mask.retain(&mut rows, |row| *row);
                    assert_eq!(rows, expected, "{bounds:?} above {least}");
                    assert!((0..10).all(|row| mask.holds(row as usize) == expected.contains(&row)));
                }
            }
        }
    }
}
