//! Tables that are not in the log: what timelines, records and the spec give.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use diptych_event::account::{MEMBER, REVENUE_CENTS, TOUCHPOINT};
use diptych_event::timeline::{NO_CODE, Values};
use diptych_journey::derive::stages::End;
use diptych_journey::derive::{self, frictions, stages, tasks};
use diptych_journey::seam::View;
use diptych_journey::{AskError, Context};
use diptych_store::relations::Relations;

use crate::EngineError;
use crate::accounts::Rows;
use crate::reading::Reading;
use crate::watch::Unwatched;
use crate::workspace::Workbench;

/// The tables of this file: name, and its columns with their kinds.
pub const DERIVED: &[(&str, &[(&str, Kind)])] = &[
    ("users", &[("actor", Kind::Text), ("first_seen", Kind::Time), ("last_seen", Kind::Time), ("n_events", Kind::Integer)]),
    ("sessions", &[("actor", Kind::Text), ("start", Kind::Time), ("end", Kind::Time), ("n_events", Kind::Integer)]),
    (
        "task_attempts",
        &[
            ("actor", Kind::Text),
            ("task", Kind::Text),
            ("outcome", Kind::Text),
            ("start", Kind::Time),
            ("end", Kind::Time),
            ("n_events", Kind::Integer),
            ("n_errors", Kind::Integer),
            ("engaged_us", Kind::Integer),
        ],
    ),
    (
        "frictions",
        &[("actor", Kind::Text), ("friction", Kind::Text), ("start", Kind::Time), ("met", Kind::Time), ("n_events", Kind::Integer)],
    ),
    (
        "accounts",
        &[
            ("account", Kind::Text),
            ("first_seen", Kind::Time),
            ("last_seen", Kind::Time),
            ("n_members", Kind::Integer),
            ("revenue_cents", Kind::Integer),
        ],
    ),
    (
        "stages",
        &[
            ("account", Kind::Text),
            ("stage", Kind::Text),
            ("entered", Kind::Time),
            ("ended", Kind::Time),
            ("how", Kind::Text),
            ("next", Kind::Text),
        ],
    ),
    ("touchpoints", &[("account", Kind::Text), ("time", Kind::Time), ("channel", Kind::Text), ("member", Kind::Text)]),
    (
        "memberships",
        &[("user", Kind::Text), ("account", Kind::Text), ("role", Kind::Text), ("valid_from", Kind::Time), ("valid_to", Kind::Time)],
    ),
    (
        "profiles",
        &[("actor", Kind::Text), ("name", Kind::Text), ("value", Kind::Text), ("valid_from", Kind::Time), ("valid_to", Kind::Time)],
    ),
    ("merges", &[("user", Kind::Text), ("same_as", Kind::Text)]),
];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An instant.
    Time,
    /// A whole number.
    Integer,
}

/// A value of a row.
enum Value<'a> {
    Text(&'a str),
    Time(i64),
    Integer(i64),
    Missing,
}

/// A table while it is filled.
pub struct Sheet {
    columns: &'static [(&'static str, Kind)],
    filling: Vec<Filling>,
}

enum Filling {
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    Integer(Int64Builder),
}

impl Sheet {
    fn new(table: &str) -> Self {
        let (_, columns) = DERIVED.iter().find(|(name, _)| *name == table).expect("the table is one of this file");
        let filling = columns.iter().map(|(_, kind)| match kind {
            Kind::Text => Filling::Text(StringBuilder::new()),
            Kind::Time => Filling::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Kind::Integer => Filling::Integer(Int64Builder::new()),
        });
        Self { columns, filling: filling.collect() }
    }

    fn row(&mut self, values: &[Value]) {
        for (filling, value) in self.filling.iter_mut().zip(values) {
            match (filling, value) {
                (Filling::Text(builder), Value::Text(text)) => builder.append_value(text),
                (Filling::Text(builder), _) => builder.append_null(),
                (Filling::Time(builder), Value::Time(time_us)) => builder.append_value(*time_us),
                (Filling::Time(builder), _) => builder.append_null(),
                (Filling::Integer(builder), Value::Integer(number)) => builder.append_value(*number),
                (Filling::Integer(builder), _) => builder.append_null(),
            }
        }
    }

    /// Makes the table.
    pub fn finish(self) -> RecordBatch {
        let columns = self.columns.iter().zip(self.filling).map(|((name, _), filling)| {
            let array: ArrayRef = match filling {
                Filling::Text(mut builder) => Arc::new(builder.finish()),
                Filling::Time(mut builder) => Arc::new(builder.finish()),
                Filling::Integer(mut builder) => Arc::new(builder.finish()),
            };
            (*name, array, true)
        });
        RecordBatch::try_from_iter_with_nullable(columns).expect("every column has the same rows")
    }
}

impl Workbench {
    /// Makes the tables of this file that a query names.
    pub fn derived_tables(&self, is_named: impl Fn(&str) -> bool) -> Result<Vec<(&'static str, RecordBatch)>, EngineError> {
        let wanted: Vec<&'static str> = DERIVED.iter().map(|(name, _)| *name).filter(|name| is_named(name)).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let relations = self.relations()?;
        let (users, _) = self.timelines()?;
        let needs_accounts = wanted.iter().any(|name| matches!(*name, "accounts" | "stages" | "touchpoints" | "frictions"));
        let accounts = needs_accounts.then(|| self.accounts(&users, &relations, Rows::Named, &Unwatched)).transpose()?;
        let of_users = Reading::of_users(self, &users);
        let of_accounts = accounts.as_ref().map(|timelines| Reading::of_accounts(self, &users, timelines));
        let make = |name: &'static str| -> Result<RecordBatch, EngineError> {
            let mut sheet = Sheet::new(name);
            match (name, &of_accounts) {
                ("users", _) => of_users.each_actor(
                    |_| Ok(()),
                    |(), actor, view, rows| {
                        sheet.row(&[Value::Text(actor), first(view, &rows), last(view, &rows), Value::Integer(rows.len() as i64)]);
                    },
                )?,
                ("sessions", _) => of_users.each_actor(
                    |_| Ok(()),
                    |(), actor, view, rows| {
                        for session in derive::sessions(&view.shard, rows, of_users.catalog.session_gap_us) {
                            sheet.row(&[
                                Value::Text(actor),
                                first(view, &session),
                                last(view, &session),
                                Value::Integer(session.len() as i64),
                            ]);
                        }
                    },
                )?,
                ("task_attempts", _) => self.task_attempts(&of_users, &mut sheet)?,
                ("frictions", Some(accounts)) => {
                    frictions_met(&of_users, frictions::Rules::compile_of_users, &mut sheet)?;
                    frictions_met(accounts, frictions::Rules::compile_of_accounts, &mut sheet)?;
                }
                ("accounts", Some(accounts)) => accounts_seen(accounts, &mut sheet)?,
                ("stages", Some(accounts)) if !self.spec().stages.is_empty() => stays(accounts, &mut sheet)?,
                ("touchpoints", Some(accounts)) => touchpoints(accounts, &mut sheet)?,
                ("memberships" | "profiles" | "merges", _) => records(&relations, name, &mut sheet),
                _ => {}
            }
            Ok(sheet.finish())
        };
        wanted.into_iter().map(|name| Ok((name, make(name)?))).collect()
    }

    fn task_attempts(&self, users: &Reading, sheet: &mut Sheet) -> Result<(), EngineError> {
        if self.spec().tasks.is_empty() {
            return Ok(());
        }
        users.each_view(tasks::Rules::compile, |rules, view| {
            let (finder, names): (_, Vec<&str>) = (rules.on(view), rules.names().collect());
            for (actor_idx, rows) in view.journeys() {
                finder.attempts(rows, &mut |attempt| {
                    sheet.row(&[
                        Value::Text(view.shard.actors.get(actor_idx)),
                        Value::Text(names[attempt.task]),
                        Value::Text(attempt.outcome.word()),
                        Value::Time(view.shard.time_us[attempt.first_row]),
                        Value::Time(view.shard.time_us[attempt.last_row]),
                        Value::Integer(i64::from(attempt.n_events)),
                        Value::Integer(i64::from(attempt.n_errors)),
                        Value::Integer(attempt.engaged_us),
                    ]);
                });
            }
        })
    }
}

fn first<'a>(view: &View, rows: &Range<usize>) -> Value<'a> {
    Value::Time(view.shard.time_us[rows.start])
}

fn last<'a>(view: &View, rows: &Range<usize>) -> Value<'a> {
    Value::Time(view.shard.time_us[rows.end - 1])
}

/// Writes the episodes of frictions.
fn frictions_met(
    reading: &Reading,
    compile: fn(&mut Context) -> Result<frictions::Rules, AskError>,
    sheet: &mut Sheet,
) -> Result<(), EngineError> {
    reading.each_view(compile, |rules, view| {
        let (finder, names): (_, Vec<&str>) = (rules.on(view), rules.names().collect());
        for (actor_idx, rows) in view.journeys() {
            finder.episodes(rows, &mut |episode| {
                sheet.row(&[
                    Value::Text(view.shard.actors.get(actor_idx)),
                    Value::Text(names[episode.friction]),
                    Value::Time(view.shard.time_us[episode.first_row]),
                    Value::Time(episode.met_us),
                    Value::Integer(i64::from(episode.n_rows)),
                ]);
            });
        }
    })
}

/// Writes the accounts with what they brought in; money without a value is none.
fn accounts_seen(accounts: &Reading, sheet: &mut Sheet) -> Result<(), EngineError> {
    let column = |name: &str| accounts.timelines.columns.iter().position(|column| column.name == name);
    let (member, revenue) = (column(MEMBER), column(REVENUE_CENTS));
    accounts.each_actor(
        |_| Ok(()),
        |(), account, view, rows| {
            let mut members: Vec<u32> = rows.clone().filter_map(|row| code(view, member?, row)).collect();
            members.sort_unstable();
            members.dedup();
            let cents = rows.clone().filter_map(|row| match view.shard.columns[revenue?].values {
                Values::Integer(cents) => cents.get(row),
                Values::Text(_) | Values::Number(_) => None,
            });
            let revenue = cents.reduce(i64::saturating_add).map_or(Value::Missing, Value::Integer);
            sheet.row(&[Value::Text(account), first(view, &rows), last(view, &rows), Value::Integer(members.len() as i64), revenue]);
        },
    )
}

/// Writes the stays of accounts in stages.
fn stays(accounts: &Reading, sheet: &mut Sheet) -> Result<(), EngineError> {
    accounts.each_actor(stages::Rules::compile, |rules, account, view, rows| {
        rules.history(view, rows, &mut |stay| {
            let names = rules.names();
            let (how, next) = match stay.end {
                End::Moved(next) => ("moved", Value::Text(&names[next])),
                End::Left => ("left", Value::Missing),
                End::Lapsed => ("lapsed", Value::Missing),
                End::Open => ("open", Value::Missing),
            };
            let ended = if stay.end == End::Open { Value::Missing } else { Value::Time(stay.ended_us) };
            sheet.row(&[
                Value::Text(account),
                Value::Text(&names[stay.stage]),
                Value::Time(stay.entered_us),
                ended,
                Value::Text(how),
                next,
            ]);
        });
    })
}

/// Writes the contacts of accounts in channels.
fn touchpoints(accounts: &Reading, sheet: &mut Sheet) -> Result<(), EngineError> {
    let column = |name: &str| accounts.timelines.columns.iter().position(|column| column.name == name);
    let Some((channel, member)) = column(TOUCHPOINT).zip(column(MEMBER)) else { return Ok(()) };
    accounts.each_actor(
        |_| Ok(()),
        |(), account, view, rows| {
            for row in rows {
                let Some(of_channel) = code(view, channel, row) else { continue };
                let by =
                    code(view, member, row).map_or(Value::Missing, |code| Value::Text(accounts.timelines.dictionaries[member].text(code)));
                let channel = Value::Text(accounts.timelines.dictionaries[channel].text(of_channel));
                sheet.row(&[Value::Text(account), Value::Time(view.shard.time_us[row]), channel, by]);
            }
        },
    )
}

fn code(view: &View, column: usize, row: usize) -> Option<u32> {
    match view.shard.columns[column].values {
        Values::Text(codes) => Some(codes.get(row)).filter(|code| *code != NO_CODE),
        Values::Integer(_) | Values::Number(_) => None,
    }
}

/// Writes records as they stand now; withdrawn ones are gone.
fn records(relations: &Relations, table: &str, sheet: &mut Sheet) {
    let bound = |time_us: i64| if time_us == i64::MIN || time_us == i64::MAX { Value::Missing } else { Value::Time(time_us) };
    match table {
        "memberships" => relations.memberships.iter().for_each(|membership| {
            let role = if membership.role.is_empty() { Value::Missing } else { Value::Text(&membership.role) };
            sheet.row(&[
                Value::Text(&membership.user),
                Value::Text(&membership.account),
                role,
                bound(membership.from_us),
                bound(membership.to_us),
            ]);
        }),
        "profiles" => relations.profiles.iter().for_each(|profile| {
            sheet.row(&[
                Value::Text(&profile.actor),
                Value::Text(&profile.name),
                Value::Text(&profile.value),
                bound(profile.from_us),
                bound(profile.to_us),
            ]);
        }),
        _ => relations.merges.iter().for_each(|(user, same_as)| sheet.row(&[Value::Text(user), Value::Text(same_as)])),
    }
}
