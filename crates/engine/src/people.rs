//! One user's sessions, and one account's timeline: the rows behind every number, one by one.

use std::collections::BTreeMap;

use diptych_event::account::{MEMBER, REVENUE_CENTS};
use diptych_event::spec::ProfileOf;
use diptych_event::time::format_instant;
use diptych_event::timeline::{NO_CODE, Values};
use diptych_event::{Names, Shard, suggest};
use diptych_journey::Context;
use diptych_journey::derive::stages::{self, End};
use diptych_journey::derive::{self, frictions, tasks};
use diptych_store::hash::shard_of;
use diptych_store::identity::Identity;
use diptych_store::relations::Relations;
use diptych_store::timelines::{ANONYMOUS, ColumnSpec, Timelines};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::accounts::Rows;
use crate::reading::Reading;
use crate::watch::Unwatched;
use crate::{EngineError, Workbench};

/// One user.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct User {
    /// The id that the user counts under.
    pub user: String,
    /// Every id that counts as this user: known ones, and anonymous ones as `anonymous:ID`.
    pub ids: Vec<String>,
    /// Accounts that the user belongs to; the own one where there is no other.
    pub accounts: Vec<Belonging>,
    /// The newest value of each dated attribute.
    pub profile: BTreeMap<String, String>,
    /// First event in microseconds.
    pub first_us: i64,
    /// Last event in microseconds.
    pub last_us: i64,
    /// Events in all.
    pub events_total: usize,
    /// Sessions in all.
    pub sessions_total: usize,
    /// The newest sessions, in order of time.
    pub sessions: Vec<Session>,
    /// Newest events that are no activity of the user (letters, purchases at a till), in order of time.
    pub outside: Vec<Event>,
    /// Attempts at tasks, in order of time.
    pub tasks: Vec<TaskAttempt>,
    /// Frictions met, in order of time.
    pub frictions: Vec<FrictionEpisode>,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Belonging {
    /// The account.
    pub account: String,
    /// user, payer, decider, referrer; empty when not said.
    pub role: String,
    /// First instant; none since ever.
    pub from: Option<String>,
    /// First instant after it; none for good.
    pub to: Option<String>,
}

/// One sitting.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Session {
    /// First event in microseconds.
    pub start_us: i64,
    /// Last event in microseconds.
    pub end_us: i64,
    /// Its events.
    pub events: Vec<Event>,
    /// Where it can be watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_url: Option<String>,
}

/// One event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Event {
    /// Instant in microseconds.
    pub time_us: i64,
    /// Its name.
    pub name: String,
    /// Fields that have a value: page, element, device, channel, value_cents, currency, …; on account timelines also
    /// member, role, touchpoint, revenue_cents, from_us, until_us.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
    /// Declared properties that have a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// One attempt at a task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TaskAttempt {
    /// The task.
    pub task: String,
    /// succeeded, failed, abandoned, open.
    pub outcome: &'static str,
    /// First event in microseconds.
    pub start_us: i64,
    /// Last event in microseconds.
    pub end_us: i64,
    /// Errors during it.
    pub n_errors: u32,
}

/// One time that a friction was met.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FrictionEpisode {
    /// The friction.
    pub friction: String,
    /// First event in microseconds.
    pub start_us: i64,
    /// When the rule was met, in microseconds.
    pub met_us: i64,
}

/// One account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Account {
    /// The id.
    pub account: String,
    /// Who belongs to it; the account's own user where there is no membership.
    pub members: Vec<Member>,
    /// The newest value of each dated attribute.
    pub profile: BTreeMap<String, String>,
    /// Stage that it is in; none where it is in none (any more).
    pub stage: Option<String>,
    /// Stages that it was in, in order of time.
    pub stages: Vec<Stay>,
    /// Revenue less refunds in minor units.
    pub net_cents: i64,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// Events in all.
    pub events_total: usize,
    /// The newest rows of its timeline, in order of time; each member's have `member`.
    pub events: Vec<Event>,
}

/// A member of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Member {
    /// The user.
    pub user: String,
    /// user, payer, decider, referrer; empty when not said.
    pub role: String,
    /// First instant; none since ever.
    pub from: Option<String>,
    /// First instant after it; none for good.
    pub to: Option<String>,
}

/// One unbroken time in a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stay {
    /// The stage.
    pub stage: String,
    /// When it began, in microseconds.
    pub entered_us: i64,
    /// When it ended, in microseconds; none where it has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_us: Option<i64>,
    /// moved, left, lapsed or open.
    pub end: &'static str,
}

impl Workbench {
    /// Reads one user; `n_shown` sessions, and as many events outside of them. `None` where nobody has the id.
    pub fn user(&self, id: &str, n_shown: usize) -> Result<Option<User>, EngineError> {
        let (users, _) = self.timelines()?;
        let relations = self.relations()?;
        let identity = Identity::new(self.spec().identity_backfill_us(), &relations.merges);
        let user = match id.starts_with(ANONYMOUS) {
            true => id.to_owned(),
            false => identity.canonical(id).to_owned(),
        };
        let reading = Reading::of_users(self, &users);
        let compile = |context: &mut Context| Ok((tasks::Rules::compile(context)?, frictions::Rules::compile_of_users(context)?));
        let found = reading.one_actor(&user, compile, |(tasks, frictions), view, rows| {
            let shard = &view.shard;
            let all: Vec<_> = derive::sessions(shard, rows.clone(), reading.catalog.session_gap_us).collect();
            let event = |row: usize| event_of(&users, shard, row);
            let in_session = |row: &usize| all.iter().any(|session| session.contains(row));
            let outside: Vec<usize> = rows.clone().filter(|row| !in_session(row)).collect();
            let (mut met_tasks, mut met_frictions) = (Vec::new(), Vec::new());
            tasks.on(view).attempts(rows.clone(), &mut |attempt| {
                met_tasks.push(TaskAttempt {
                    task: tasks.names().nth(attempt.task).unwrap_or_default().to_owned(),
                    outcome: attempt.outcome.word(),
                    start_us: shard.time_us[attempt.first_row],
                    end_us: shard.time_us[attempt.last_row],
                    n_errors: attempt.n_errors,
                });
            });
            frictions.on(view).episodes(rows.clone(), &mut |episode| {
                met_frictions.push(FrictionEpisode {
                    friction: frictions.names().nth(episode.friction).unwrap_or_default().to_owned(),
                    start_us: shard.time_us[episode.first_row],
                    met_us: episode.met_us,
                });
            });
            met_tasks.sort_by(|a, b| a.start_us.cmp(&b.start_us).then_with(|| a.task.cmp(&b.task)));
            met_frictions.sort_by(|a, b| a.met_us.cmp(&b.met_us).then_with(|| a.friction.cmp(&b.friction)));
            User {
                ids: Vec::new(),
                accounts: self.belongings(&user, &relations, &identity),
                profile: profile_of(&user, &relations, &identity, |name| self.is_profile_of(name, ProfileOf::User)),
                first_us: shard.time_us[rows.start],
                last_us: shard.time_us[rows.end - 1],
                events_total: rows.len(),
                sessions_total: all.len(),
                sessions: all[all.len().saturating_sub(n_shown)..]
                    .iter()
                    .map(|session| {
                        let (start_us, end_us) = (shard.time_us[session.start], shard.time_us[session.end - 1]);
                        let replay_url = self.replay_url(&user, start_us, end_us);
                        Session { start_us, end_us, events: session.clone().map(event).collect(), replay_url }
                    })
                    .collect(),
                outside: outside[outside.len().saturating_sub(n_shown)..].iter().map(|row| event(*row)).collect(),
                tasks: met_tasks,
                frictions: met_frictions,
                user: user.clone(),
            }
        })?;
        found.map(|found| Ok(User { ids: self.ids_of(&user, &relations)?, ..found })).transpose()
    }

    /// Reads one account with its newest `n_shown` rows. `None` where there is no such account.
    pub fn account(&self, id: &str, n_shown: usize) -> Result<Option<Account>, EngineError> {
        let (users, _) = self.timelines()?;
        let relations = self.relations()?;
        let identity = Identity::new(0, &relations.merges);
        let account = identity.canonical(id).to_owned();
        let timelines = self.accounts(&users, &relations, Rows::Named, &Unwatched)?;
        let has_stages = !self.spec().stages.is_empty();
        let compile = |context: &mut Context| if has_stages { stages::Rules::compile(context).map(Some) } else { Ok(None) };
        let position = |name: &str| timelines.columns.iter().position(|column| column.name == name);
        let (revenue, member) = (position(REVENUE_CENTS), position(MEMBER));
        Reading::of_accounts(self, &users, &timelines).one_actor(&account, compile, |rules, view, rows| {
            let shard = &view.shard;
            let mut stays = Vec::new();
            if let Some(rules) = rules {
                rules.history(view, rows.clone(), &mut |stay| {
                    let (left_us, end) = match stay.end {
                        End::Moved(_) => (Some(stay.ended_us), "moved"),
                        End::Left => (Some(stay.ended_us), "left"),
                        End::Lapsed => (Some(stay.ended_us), "lapsed"),
                        End::Open => (None, "open"),
                    };
                    stays.push(Stay { stage: rules.names()[stay.stage].clone(), entered_us: stay.entered_us, left_us, end });
                });
            }
            let revenue = revenue.map(|column| match shard.columns[column].values {
                Values::Integer(numbers) => numbers.of_rows(rows.clone()).flatten().fold(0, i64::saturating_add),
                Values::Text(_) | Values::Number(_) => 0,
            });
            let mut members: Vec<Member> = self.members(&account, &relations, &identity);
            if let (true, Some(column)) = (members.is_empty(), member) {
                members = own_members(shard, rows.clone(), column, &timelines.dictionaries[column]);
            }
            Account {
                members,
                profile: profile_of(&account, &relations, &identity, |name| self.is_profile_of(name, ProfileOf::Account)),
                stage: stays.last().filter(|stay| stay.end == "open").map(|stay| stay.stage.clone()),
                stages: stays,
                net_cents: revenue.unwrap_or(0),
                currency: self.spec().currency.as_ref().map(|currency| currency.text.clone()),
                events_total: rows.len(),
                events: rows.clone().skip(rows.len().saturating_sub(n_shown)).map(|row| event_of(&timelines, shard, row)).collect(),
                account: account.clone(),
            }
        })
    }

    fn is_profile_of(&self, name: &str, of: ProfileOf) -> bool {
        self.spec().profiles.get(name).is_some_and(|profile| profile.of == of)
    }

    fn belongings(&self, user: &str, relations: &Relations, identity: &Identity) -> Vec<Belonging> {
        let of_user = relations.memberships.iter().filter(|membership| identity.canonical(&membership.user) == user);
        let mut found: Vec<Belonging> = of_user
            .map(|membership| Belonging {
                account: membership.account.clone(),
                role: membership.role.clone(),
                from: (membership.from_us != i64::MIN).then(|| format_instant(membership.from_us)),
                to: (membership.to_us != i64::MAX).then(|| format_instant(membership.to_us)),
            })
            .collect();
        if found.is_empty() && self.spec().accounts.own {
            found.push(Belonging { account: user.to_owned(), role: String::new(), from: None, to: None });
        }
        found
    }

    fn members(&self, account: &str, relations: &Relations, identity: &Identity) -> Vec<Member> {
        let of_account = relations.memberships.iter().filter(|membership| membership.account == account);
        of_account
            .map(|membership| Member {
                user: identity.canonical(&membership.user).to_owned(),
                role: membership.role.clone(),
                from: (membership.from_us != i64::MIN).then(|| format_instant(membership.from_us)),
                to: (membership.to_us != i64::MAX).then(|| format_instant(membership.to_us)),
            })
            .collect()
    }

    /// Finds every id that counts as a user.
    fn ids_of(&self, user: &str, relations: &Relations) -> Result<Vec<String>, EngineError> {
        let mut ids = vec![user.to_owned()];
        if user.starts_with(ANONYMOUS) {
            return Ok(ids);
        }
        let identity = Identity::new(0, &relations.merges);
        let merged = relations.merges.iter().flat_map(|(one, other)| [one, other]);
        ids.extend(merged.filter(|id| identity.canonical(id) == user).cloned());
        ids.sort();
        ids.dedup();
        if self.maps(&["anonymous"]) {
            let known: Vec<String> = ids.iter().map(|id| format!("'{}'", id.replace('\'', "''"))).collect();
            let query = format!("select distinct anonymous from events where anonymous is not null and \"user\" in ({})", known.join(", "));
            let mut anonymous: Vec<String> = Vec::new();
            for row in self.sql(&query)?.values()? {
                anonymous.extend(row[0].as_str().map(|id| format!("{ANONYMOUS}{id}")));
            }
            anonymous.sort();
            ids.extend(anonymous);
        }
        Ok(ids)
    }

    fn replay_url(&self, user: &str, start_us: i64, end_us: i64) -> Option<String> {
        let template = &self.spec().replay_url.as_ref()?.text;
        let filled = [("{user}", user.to_owned()), ("{start}", format_instant(start_us)), ("{end}", format_instant(end_us))];
        Some(filled.iter().fold(template.clone(), |url, (place, value)| url.replace(place, &percent_encoded(value))))
    }

    /// Makes the error about an id that nobody has.
    pub fn nobody(&self, what: &str, id: &str) -> EngineError {
        let near = match self.timelines() {
            Ok((users, _)) => near_ids(&users, id),
            Err(_) => String::new(),
        };
        EngineError::Wrong(format!("there is no {what} \"{id}\"{near}"))
    }
}

/// Finds an id in the same shard that is close to one.
fn near_ids(users: &Timelines, id: &str) -> String {
    let parts = users.parts(shard_of(id, users.n_shards())).unwrap_or_default();
    let ids: Vec<String> =
        parts.iter().flat_map(|part| part.with(|shard| shard.actors.iter().map(str::to_owned).collect::<Vec<_>>())).collect();
    suggest::did_you_mean(id, ids.iter().map(String::as_str))
}

/// Lists the members that stand in rows.
fn own_members(shard: &Shard, rows: std::ops::Range<usize>, column: usize, texts: &Names) -> Vec<Member> {
    let Values::Text(codes) = shard.columns[column].values else { return Vec::new() };
    let mut known: Vec<u32> = rows.map(|row| codes.get(row)).filter(|code| *code != NO_CODE).collect();
    known.sort_unstable();
    known.dedup();
    let member = |code: u32| Member { user: texts.text(code).to_owned(), role: String::new(), from: None, to: None };
    known.into_iter().map(member).collect()
}

/// Returns the newest value of each attribute of an actor.
fn profile_of(actor: &str, relations: &Relations, identity: &Identity, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let of_actor = relations.profiles.iter().filter(|value| wanted(&value.name) && identity.canonical(&value.actor) == actor);
    let mut newest: BTreeMap<String, (i64, String)> = BTreeMap::new();
    for value in of_actor {
        let known = newest.entry(value.name.clone()).or_insert((i64::MIN, String::new()));
        if value.from_us >= known.0 {
            *known = (value.from_us, value.value.clone());
        }
    }
    newest.into_iter().map(|(name, (_, value))| (name, value)).collect()
}

/// Writes a text so that it can stand in an address.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Returns a row with all that it says.
fn event_of(timelines: &Timelines, shard: &Shard, row: usize) -> Event {
    let (mut fields, mut properties) = (Map::new(), Map::new());
    for (column, spec) in timelines.columns.iter().enumerate() {
        if let Some(value) = value_at(shard, column, row, &timelines.dictionaries[column]) {
            let into = if is_property(spec) { &mut properties } else { &mut fields };
            into.insert(spec.name.clone(), value);
        }
    }
    Event { time_us: shard.time_us[row], name: timelines.names.text(shard.name.get(row)).to_owned(), fields, properties }
}

fn is_property(column: &ColumnSpec) -> bool {
    column.log_column.starts_with(diptych_event::log::PROPERTY_PREFIX)
}

fn value_at(shard: &Shard, column: usize, row: usize, texts: &Names) -> Option<Value> {
    match shard.columns[column].values {
        Values::Text(codes) => Some(codes.get(row)).filter(|code| *code != NO_CODE).map(|code| texts.text(code).into()),
        Values::Integer(numbers) => numbers.get(row).map(Value::from),
        Values::Number(numbers) => Some(numbers[row]).filter(|number| !number.is_nan()).map(Value::from),
    }
}
