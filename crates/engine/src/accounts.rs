//! Account timelines: what each account's members did, derived from the users' timelines and dealt to their accounts.
//!
//! docs/accounts.md says what is on them. They are made when a question first needs them, kept in the workspace under a
//! key of all that they depend on, and made anew when the data, the records or the spec change.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diptych_event::account::{
    FROM_US, MARGIN_CENTS, MEMBER, N_ERRORS, Outcome, REVENUE_CENTS, ROLE, SESSION_STARTED, TOUCHPOINT, UNTIL_US, friction, is_derived,
    task_ended, task_started,
};
use diptych_event::spec::{Backfill, Spec};
use diptych_event::timeline::{ColumnKind, NO_CODE, Values};
use diptych_event::{Names, Shard};
use diptych_journey::derive::{self, frictions, tasks};
use diptych_journey::seam::{ALL_TIME, Mask, Matcher, Texts, View};
use diptych_journey::{Catalog, Context};
use diptych_store::identity::Identity;
use diptych_store::relations::{Membership, Relations};
use diptych_store::timelines::{ACTOR_KIND, Amended, ColumnSpec, Dealer, DealtRow, DealtValue, Timelines, accounts};
use xxhash_rust::xxh3::Xxh3Default;

use crate::EngineError;
use crate::expressions::Compiler;
use crate::modifiers::{RowColumns, RowCondition, RowExpression, RowText};
use crate::watch::Watch;
use crate::workspace::Workbench;

/// Raised when account timelines are made in another way, so that old ones are not used.
const FORMAT: u32 = 5;

/// Columns of account timelines beside those of users, in order; that of margin only where the spec says what margin is.
const OWN_COLUMNS: [(&str, ColumnKind); 8] = [
    (MEMBER, ColumnKind::Text),
    (ROLE, ColumnKind::Text),
    (TOUCHPOINT, ColumnKind::Text),
    (REVENUE_CENTS, ColumnKind::Integer),
    (MARGIN_CENTS, ColumnKind::Integer),
    (FROM_US, ColumnKind::Integer),
    (UNTIL_US, ColumnKind::Integer),
    (N_ERRORS, ColumnKind::Integer),
];

/// Which rows of members are on account timelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Those that the spec names, those with money, and what is derived.
    Named,
    /// All of them: for questions about clicks per account.
    All,
}

impl Workbench {
    /// Opens the account timelines, first making them when something that they depend on has changed.
    pub fn accounts(&self, users: &Timelines, relations: &Relations, rows: Rows, watch: &dyn Watch) -> Result<Arc<Timelines>, EngineError> {
        let store = self.store()?;
        let mut hasher = Xxh3Default::new();
        (FORMAT, diptych_store::FORMAT, &users.generation, self.spec_text(), relations).hash(&mut hasher);
        let common = format!("{:016x}", hasher.finish());
        let key = match rows {
            Rows::Named => common.clone(),
            Rows::All => format!("{common}-all"),
        };
        // Two tries: another process may remove what it replaces between our writing and opening.
        for _ in 0..3 {
            if let Some(found) = accounts::open(&store, &key, self.kept())? {
                return Ok(found);
            }
            let spill = accounts::spill_folder(&store);
            let exchange = Exchange::new(self, users, relations, rows)?;
            let dealer = exchange.deal(spill, watch)?;
            let is_stale = |name: &str| !name.starts_with(&common) && !name.starts_with("spill") && !name.starts_with("unfinished");
            accounts::write(&store, &key, dealer, users.overflowed.clone(), is_stale, &mut |shard, names, dictionaries| {
                exchange.account_frictions(shard, names, dictionaries)
            })?;
        }
        Err(EngineError::Wrong(format!("{}: the account timelines keep being replaced; ask again", self.root().display())))
    }
}

/// The dealing of users' rows to their accounts.
struct Exchange<'a> {
    users: &'a Timelines,
    catalog: Catalog,
    spec: &'a Spec,
    columns: Vec<ColumnSpec>,
    rows: RowColumns,
    members: Members,
    accounts_of_customers: Identity,
    keep_all: bool,
    /// Rows that the spec names.
    kept: Vec<Matcher>,
    tasks: tasks::Rules,
    frictions: frictions::Rules,
    masks: Vec<RowCondition>,
    channel: Option<RowText>,
    margin: Option<RowExpression>,
    money: Option<Money>,
    names: Names,
    /// Codes on account timelines of the users' names: another one only for events that are called like derived rows.
    name_codes: Vec<u32>,
    session_started: u32,
    task_started: Vec<u32>,
    /// Shape `[tasks][outcomes]`.
    task_ended: Vec<[u32; 4]>,
    friction: Vec<u32>,
    customer_column: Option<usize>,
    kind_column: Option<usize>,
    account_code: Option<u32>,
    /// Whether every actor is an account: no source names users.
    only_accounts: bool,
}

/// Where money stands and how it is converted.
struct Money {
    value_column: usize,
    currency_column: usize,
    /// By code of the currency: rates into the workspace's currency, `None` where it needs none.
    rates: Vec<Option<Vec<(i64, i64)>>>,
}

/// Rows on their way to the dealer.
#[derive(Default)]
struct Outbox {
    accounts: Names,
    members: Names,
    /// Account, member (`NO_CODE` for the account's own) and row.
    rows: Vec<(u32, u32, DealtRow)>,
    /// Shape `[rows][columns]`.
    values: Vec<DealtValue>,
}

impl<'a> Exchange<'a> {
    fn new(bench: &'a Workbench, users: &'a Timelines, relations: &Relations, rows: Rows) -> Result<Self, EngineError> {
        let spec = bench.spec();
        let catalog = bench.catalog(users);
        let mut context = Context::new(&catalog);
        let kept = spec.journey_matches().into_iter().map(|meant| context.matcher(meant)).collect();
        let tasks = tasks::Rules::compile(&mut context)?;
        let frictions = frictions::Rules::compile_of_users(&mut context)?;
        let compiler = Compiler;
        let row_columns = RowColumns::of_timelines(users, catalog.zone);
        let condition = |place: &str, sql: &str| row_columns.condition(&compiler, place, sql);
        let masks: Result<_, EngineError> = context.masks.iter().map(|sql| condition("a condition of diptych.yaml", sql)).collect();
        let masks = masks?;
        let channel = match spec.channels.is_empty() {
            true => None,
            false => {
                for rule in &spec.channels {
                    let place = format!("diptych.yaml, line {}: `where` of the channel {}", rule.condition.line, rule.name.text);
                    condition(&place, &rule.condition.text)?;
                }
                let cases = spec
                    .channels
                    .iter()
                    .map(|rule| format!(" when ({}) then '{}'", rule.condition.text, rule.name.text.replace('\'', "''")));
                Some(row_columns.text(&compiler, "the channels of diptych.yaml", &format!("case{} end", cases.collect::<String>()))?)
            }
        };
        let margin = spec.money.margin.as_ref();
        let margin = margin
            .map(|margin| row_columns.expression(&compiler, &format!("diptych.yaml, line {}: `margin`", margin.line), &margin.text))
            .transpose()?;
        let mut names = users.names.clone();
        let name_codes: Vec<u32> = (0..users.names.len() as u32)
            .map(|code| match users.names.text(code) {
                text if is_derived(text) => names.intern(&format!("event:{text}")),
                _ => code,
            })
            .collect();
        let session_started = names.intern(SESSION_STARTED);
        let task_names: Vec<String> = tasks.names().map(str::to_owned).collect();
        let task_started = task_names.iter().map(|task| names.intern(&task_started(task))).collect();
        let task_ended = task_names.iter().map(|task| Outcome::ALL.map(|outcome| names.intern(&task_ended(task, outcome)))).collect();
        let friction_names: Vec<String> = frictions.names().map(str::to_owned).collect();
        let friction = friction_names.iter().map(|name| names.intern(&friction(name))).collect();
        // Frictions that accounts meet are found later; their names must be known before.
        frictions::Rules::compile_of_accounts(&mut Context::new(&catalog))?.names().for_each(|name| {
            names.intern(&diptych_event::account::friction(name));
        });
        let position = |name: &str| users.columns.iter().position(|column| column.name == name);
        let identity = Identity::new(spec.identity_backfill_us(), &relations.merges);
        let members = Members::new(&relations.memberships, spec, &identity);
        let mut columns = users.columns.clone();
        let own_columns = OWN_COLUMNS.iter().filter(|(name, _)| *name != MARGIN_CENTS || margin.is_some());
        columns.extend(own_columns.map(|(name, kind)| ColumnSpec { name: (*name).into(), log_column: (*name).into(), kind: *kind }));
        let kind_column = users.columns.iter().position(|column| column.log_column == ACTOR_KIND);
        let money = Money::new(spec, users)?;
        Ok(Self {
            users,
            spec,
            columns,
            rows: row_columns,
            members,
            accounts_of_customers: identity,
            keep_all: rows == Rows::All,
            kept,
            tasks,
            frictions,
            masks,
            channel,
            margin,
            money,
            names,
            name_codes,
            session_started,
            task_started,
            task_ended,
            friction,
            customer_column: position("customer"),
            kind_column,
            account_code: kind_column.and_then(|column| users.dictionaries[column].code("account")),
            only_accounts: kind_column.is_none() && !bench.names_users(),
            catalog,
        })
    }

    /// Deals the rows of all shards, on all threads.
    fn deal(&self, spill: std::path::PathBuf, watch: &dyn Watch) -> Result<Dealer, EngineError> {
        let mut dictionaries = self.users.dictionaries.clone();
        dictionaries.push(Names::default());
        dictionaries.push(self.members.roles.clone());
        dictionaries.push(self.spec.channels.iter().map(|channel| channel.name.text.as_str()).collect());
        dictionaries.resize(self.columns.len(), Names::default());
        let dealer = Dealer::new(&self.columns, &self.names, &dictionaries, self.users.n_shards(), spill);
        let dealer = Mutex::new((dealer, 0));
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), EngineError> {
            loop {
                let shard_idx = next.fetch_add(1, Ordering::Relaxed);
                if shard_idx >= self.users.n_shards() {
                    return Ok(());
                }
                let parts = self.users.parts(shard_idx)?;
                let outboxes: Result<Vec<Outbox>, EngineError> = parts.iter().map(|part| part.with(|shard| self.shard(shard))).collect();
                let mut dealer = dealer.lock().expect("no thread panics while it deals");
                let (dealer, n_done) = &mut *dealer;
                outboxes?.into_iter().try_for_each(|outbox| self.hand_over(outbox, dealer))?;
                *n_done += 1;
                watch.counted(*n_done, self.users.n_shards())?;
            }
        };
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("dealing does not panic"))
        })?;
        Ok(dealer.into_inner().expect("no thread panicked").0)
    }

    fn hand_over(&self, outbox: Outbox, dealer: &mut Dealer) -> Result<(), EngineError> {
        let member_column = self.users.columns.len();
        let codes: Vec<u32> = outbox.members.iter().map(|member| dealer.dictionaries[member_column].intern(member)).collect();
        let n_columns = self.columns.len();
        let mut values = Vec::with_capacity(n_columns);
        for (idx, (account, member, row)) in outbox.rows.iter().enumerate() {
            values.clear();
            values.extend_from_slice(&outbox.values[idx * n_columns..(idx + 1) * n_columns]);
            values[member_column] = DealtValue::Text(codes.get(*member as usize).copied().unwrap_or(NO_CODE));
            dealer.deal(outbox.accounts.text(*account), row, &values)?;
        }
        Ok(())
    }

    /// Finds what one shard of users puts on account timelines.
    fn shard(&self, shard: &Shard) -> Result<Outbox, EngineError> {
        let masks: Result<Vec<Mask>, EngineError> = self.masks.iter().map(|mask| mask.holds(&self.rows, shard)).collect();
        let masks = masks?;
        let channels = self.channel.as_ref().map(|channel| channel.texts(&self.rows, shard)).transpose()?;
        let margins = self.margin.as_ref().map(|margin| margin.cents(&self.rows, shard)).transpose()?;
        let interactive = self.activity(shard);
        let shard = Shard { interactive: interactive.as_deref(), ..*shard };
        let view = View { shard, actors: None, admitted: None, period_us: ALL_TIME, groups: None, masks: &masks, texts: &[] };
        let (tasks, frictions) = (self.tasks.on(&view), self.frictions.on(&view));
        let walk = Walk { exchange: self, view: &view, tasks, frictions, channels: channels.as_ref(), margins: margins.as_deref() };
        let mut outbox = Outbox::default();
        for actor_idx in 0..shard.n_actors() {
            walk.actor(shard.actors.get(actor_idx), shard.rows(actor_idx), &mut outbox)?;
        }
        Ok(outbox)
    }

    /// Returns what is user activity: rows that are, and name a user. `None` when all are.
    fn activity(&self, shard: &Shard) -> Option<Vec<u8>> {
        if self.only_accounts {
            return Some(vec![0; shard.n_rows()]);
        }
        match self.kind_column.zip(self.account_code) {
            Some(own_rows) => Some(activity(shard, own_rows)),
            None => shard.interactive.map(<[u8]>::to_vec),
        }
    }

    /// Tells whether a row names no user, only the account.
    fn is_own(&self, shard: &Shard, row: usize) -> bool {
        match (self.kind_column, self.account_code) {
            (Some(column), Some(code)) => text_code(shard, column, row) == code,
            _ => self.only_accounts,
        }
    }

    /// Finds the frictions that accounts meet, among the rows of a finished shard.
    fn account_frictions(&self, shard: &Shard, names: &Names, dictionaries: &[Names]) -> Result<Vec<Amended>, EngineError> {
        let columns = self.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
        let mut ends_us = self.catalog.ends_us.clone();
        ends_us.resize(names.len(), self.catalog.observed_until_us);
        let catalog = Catalog { names: names.clone(), columns, ends_us, ..self.catalog.clone() };
        let mut context = Context::new(&catalog);
        let rules = frictions::Rules::compile_of_accounts(&mut context)?;
        if rules.names().len() == 0 {
            return Ok(Vec::new());
        }
        let compiler = Compiler;
        let rows = RowColumns::new(names, dictionaries, &self.columns, catalog.zone).without(&self.users.overflowed);
        let conditions: Result<Vec<RowCondition>, EngineError> =
            context.masks.iter().map(|sql| rows.condition(&compiler, "a condition of a friction", sql)).collect();
        let conditions = conditions?;
        let masks: Vec<Mask> = conditions.iter().map(|condition| condition.holds(&rows, shard)).collect::<Result<_, EngineError>>()?;
        let codes: Vec<u32> = rules.names().map(|name| names.code(&friction(name)).expect("it was made beforehand")).collect();
        let view = View { shard: *shard, actors: None, admitted: None, period_us: ALL_TIME, groups: None, masks: &masks, texts: &[] };
        let (finder, mut amended) = (rules.on(&view), Vec::new());
        for actor_idx in 0..shard.n_actors() {
            finder.episodes(shard.rows(actor_idx), &mut |episode| {
                let mut values: Vec<DealtValue> = (0..self.columns.len()).map(|column| value(shard, column, episode.row)).collect();
                let own = self.users.columns.len();
                blank_money(&mut values, self.money.as_ref());
                values.truncate(own + 2);
                values.extend([DealtValue::Text(NO_CODE), DealtValue::Integer(i64::MIN)]);
                values.extend(self.margin.as_ref().map(|_| DealtValue::Integer(i64::MIN)));
                values.extend([
                    DealtValue::Integer(shard.time_us[episode.first_row]),
                    DealtValue::Integer(episode.met_us),
                    DealtValue::Integer(i64::MIN),
                ]);
                let row = DealtRow {
                    time_us: episode.met_us,
                    name: codes[episode.friction],
                    seq: 0,
                    tie: shard.tie[episode.row],
                    interactive: false,
                };
                amended.push(Amended { actor_idx, row, values });
            });
        }
        Ok(amended)
    }
}

/// A walk over the actors of one shard.
struct Walk<'a> {
    exchange: &'a Exchange<'a>,
    view: &'a View<'a>,
    tasks: tasks::Finder<'a>,
    frictions: frictions::Finder<'a>,
    channels: Option<&'a Texts<'a>>,
    margins: Option<&'a [i64]>,
}

/// What a row on an account timeline has of its own.
#[derive(Default)]
struct Own<'a> {
    name: u32,
    time_us: i64,
    channel: Option<&'a str>,
    money: bool,
    span_us: Option<(i64, i64)>,
    n_errors: Option<u32>,
}

impl Walk<'_> {
    fn actor(&self, actor: &str, rows: Range<usize>, outbox: &mut Outbox) -> Result<(), EngineError> {
        let (exchange, shard) = (self.exchange, &self.view.shard);
        let memberships = exchange.members.of(actor);
        let is_active = |row: usize| shard.interactive.is_none_or(|interactive| interactive[row] != 0);
        for session in derive::sessions(shard, rows.clone(), exchange.catalog.session_gap_us) {
            let last = session.clone().rev().find(|row| is_active(*row)).unwrap_or(session.start);
            let channel = session.clone().filter(|row| is_active(*row)).find_map(|row| self.channel(row));
            let span_us = Some((shard.time_us[session.start], shard.time_us[last]));
            let own = Own { name: exchange.session_started, time_us: shard.time_us[session.start], channel, span_us, ..Own::default() };
            self.put(actor, memberships, session.start, own, outbox)?;
        }
        for row in rows.clone() {
            let has_money = exchange.money.as_ref().is_some_and(|money| integer(shard, money.value_column, row) != i64::MIN);
            let channel = if is_active(row) { None } else { self.channel(row) };
            let keep = exchange.keep_all
                || has_money
                || channel.is_some()
                || exchange.is_own(shard, row)
                || exchange.kept.iter().any(|kept| kept.holds(self.view, row));
            if keep {
                let name = exchange.name_codes[shard.name.get(row) as usize];
                let own = Own { name, time_us: shard.time_us[row], channel, money: has_money, ..Own::default() };
                self.put(actor, memberships, row, own, outbox)?;
            }
        }
        let mut attempts = Vec::new();
        self.tasks.attempts(rows.clone(), &mut |attempt| attempts.push(attempt));
        for attempt in &attempts {
            let span_us = Some((shard.time_us[attempt.first_row], shard.time_us[attempt.last_row]));
            let n_errors = Some(attempt.n_errors);
            let ended = exchange.task_ended[attempt.task][attempt.outcome as usize];
            for (row, name) in [(attempt.first_row, exchange.task_started[attempt.task]), (attempt.last_row, ended)] {
                let own = Own { name, time_us: shard.time_us[row], span_us, n_errors, ..Own::default() };
                self.put(actor, memberships, row, own, outbox)?;
            }
        }
        let mut episodes = Vec::new();
        self.frictions.episodes(rows, &mut |episode| episodes.push(episode));
        for episode in &episodes {
            let (name, time_us) = (exchange.friction[episode.friction], episode.met_us);
            let own = Own { name, time_us, span_us: Some((shard.time_us[episode.first_row], time_us)), ..Own::default() };
            self.put(actor, memberships, episode.row, own, outbox)?;
        }
        Ok(())
    }

    fn channel(&self, row: usize) -> Option<&str> {
        self.channels.and_then(|channels| channels.get(row))
    }

    /// Puts a row on the timelines of the accounts that it counts for.
    fn put(&self, actor: &str, memberships: &[Belonging], row: usize, own: Own, outbox: &mut Outbox) -> Result<(), EngineError> {
        let (exchange, shard, time_us) = (self.exchange, &self.view.shard, own.time_us);
        let is_own = exchange.is_own(shard, row);
        let named = exchange.customer_column.map(|column| text_code(shard, column, row)).filter(|code| *code != NO_CODE && !is_own);
        let mut put = |account: &str, role: u32| -> Result<(), EngineError> {
            let account = outbox.accounts.intern(account);
            let member = if is_own { NO_CODE } else { outbox.members.intern(actor) };
            let n_users = exchange.users.columns.len();
            let from = outbox.values.len();
            outbox.values.extend((0..n_users).map(|column| value(shard, column, row)));
            let (mut revenue, mut margin) = (i64::MIN, i64::MIN);
            if let (true, Some(money)) = (own.money, &exchange.money) {
                revenue = money.converted(exchange, shard, integer(shard, money.value_column, row), row)?;
                if let Some(margins) = self.margins.filter(|margins| margins[row] != i64::MIN) {
                    margin = money.converted(exchange, shard, margins[row], row)?;
                }
            } else {
                blank_money(&mut outbox.values[from..], exchange.money.as_ref());
            }
            let channel = own.channel.and_then(|channel| exchange.spec.channels.iter().position(|rule| rule.name.text == channel));
            let (first_us, last_us) = own.span_us.unwrap_or((i64::MIN, i64::MIN));
            outbox.values.extend([
                DealtValue::Text(NO_CODE),
                DealtValue::Text(role),
                DealtValue::Text(channel.map_or(NO_CODE, |code| code as u32)),
                DealtValue::Integer(revenue),
            ]);
            outbox.values.extend(exchange.margin.as_ref().map(|_| DealtValue::Integer(margin)));
            outbox.values.extend([
                DealtValue::Integer(first_us),
                DealtValue::Integer(last_us),
                DealtValue::Integer(own.n_errors.map_or(i64::MIN, i64::from)),
            ]);
            let interactive = shard.interactive.is_none_or(|interactive| interactive[row] != 0);
            let seq = shard.seq.map_or(0, |seq| seq[row]);
            outbox.rows.push((account, member, DealtRow { time_us, name: own.name, seq, tie: shard.tie[row], interactive }));
            Ok(())
        };
        if is_own {
            return put(actor, NO_CODE);
        }
        let holds = |belonging: &&Belonging| belonging.from_us <= time_us && time_us < belonging.to_us;
        if let (Some(code), Some(column)) = (named, exchange.customer_column) {
            let account = exchange.accounts_of_customers.canonical(exchange.users.dictionaries[column].text(code));
            let role = memberships.iter().filter(holds).find(|belonging| *belonging.account == *account);
            return put(account, role.map_or(NO_CODE, |belonging| belonging.role));
        }
        let mut belongs = false;
        for (idx, belonging) in memberships.iter().enumerate().filter(|(_, belonging)| holds(belonging)) {
            // Two records of one membership put the row there once.
            if !memberships[..idx].iter().any(|other| holds(&other) && other.account == belonging.account) {
                put(&belonging.account, belonging.role)?;
            }
            belongs = true;
        }
        if !belongs && exchange.spec.accounts.own {
            put(actor, NO_CODE)?;
        }
        Ok(())
    }
}

/// Takes money out of a row that stands for something else than the payment.
fn blank_money(values: &mut [DealtValue], money: Option<&Money>) {
    if let Some(money) = money {
        values[money.value_column] = DealtValue::Integer(i64::MIN);
    }
}

impl Money {
    /// Finds where money stands; an error when currencies meet that cannot be converted.
    fn new(spec: &Spec, users: &Timelines) -> Result<Option<Self>, EngineError> {
        let position = |name: &str| users.columns.iter().position(|column| column.name == name);
        let (Some(value_column), Some(currency_column)) = (position("value_cents"), position("currency")) else { return Ok(None) };
        let known: Vec<&str> = users.dictionaries[currency_column].iter().collect();
        let home = match (&spec.currency, known.as_slice()) {
            (Some(currency), _) => currency.text.as_str(),
            (None, [only]) => only,
            (None, []) => "",
            (None, several) => {
                return Err(EngineError::Wrong(format!(
                    "money comes in {}; say at the top of diptych.yaml which `currency:` answers are in, and under `money:` the `rates:` into it",
                    several.join(", ")
                )));
            }
        };
        let rates = spec.rates();
        let rates = known.iter().map(|currency| match (*currency == home, rates.get(*currency)) {
            (true, _) => Ok(None),
            (false, Some(dated)) => Ok(Some(dated.clone())),
            (false, None) => Err(EngineError::Wrong(format!(
                "there is money in {currency} and no rate into {home}; add to diptych.yaml: money: {{ rates: [{{ currency: {currency}, rate: \"1.0\", since: 2025-01-01 }}] }}"
            ))),
        });
        Ok(Some(Self { value_column, currency_column, rates: rates.collect::<Result<_, _>>()? }))
    }

    /// Converts an amount of a row into the workspace's currency, rounded half away from zero.
    fn converted(&self, exchange: &Exchange, shard: &Shard, cents: i64, row: usize) -> Result<i64, EngineError> {
        let code = text_code(shard, self.currency_column, row);
        let Some(Some(dated)) = self.rates.get(code as usize) else { return Ok(cents) };
        let rate = dated.iter().rev().find(|(since_us, _)| *since_us <= shard.time_us[row]).map(|(_, rate)| *rate);
        let rate = rate.ok_or_else(|| {
            let currency = exchange.users.dictionaries[self.currency_column].text(code);
            let at = diptych_event::time::format_instant(shard.time_us[row]);
            EngineError::Wrong(format!("there is no rate for {currency} at {at}; add one with an earlier `since:` under money: rates:"))
        })?;
        let exact = i128::from(cents) * i128::from(rate);
        let half = i128::from(500_000_000) * exact.signum();
        Ok(((exact + half) / 1_000_000_000) as i64)
    }
}

/// A membership of a user, with backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Belonging {
    from_us: i64,
    to_us: i64,
    account: Box<str>,
    role: u32,
}

/// Which accounts users belong to.
struct Members {
    roles: Names,
    by_user: HashMap<Box<str>, Vec<Belonging>>,
}

impl Members {
    fn new(memberships: &[Membership], spec: &Spec, identity: &Identity) -> Self {
        let backfill = spec.account_backfill().unwrap_or(Backfill::None);
        let mut roles = Names::default();
        let mut recorded: BTreeMap<&str, Vec<&Membership>> = BTreeMap::new();
        for membership in memberships {
            recorded.entry(identity.canonical(&membership.user)).or_default().push(membership);
        }
        let mut by_user = HashMap::new();
        for (user, mut of_user) in recorded {
            of_user.sort_by_key(|membership| (membership.from_us, membership.to_us, &membership.account, &membership.role));
            let belongings = of_user.iter().map(|membership| {
                // Back to the end of the last membership; none while another one holds.
                let before = of_user.iter().filter(|other| other.from_us < membership.from_us).map(|other| other.to_us).max();
                let free_us = before.unwrap_or(i64::MIN);
                let from_us = match backfill {
                    Backfill::SinceLastMembership => membership.from_us.min(free_us),
                    Backfill::Within(span_us) => membership.from_us.min(free_us.max(membership.from_us.saturating_sub(span_us))),
                    Backfill::None => membership.from_us,
                };
                let role = if membership.role.is_empty() { NO_CODE } else { roles.intern(&membership.role) };
                Belonging { from_us, to_us: membership.to_us, account: membership.account.as_str().into(), role }
            });
            let belongings: Vec<Belonging> = belongings.collect();
            by_user.insert(user.into(), belongings);
        }
        Self { roles, by_user }
    }

    fn of(&self, user: &str) -> &[Belonging] {
        self.by_user.get(user).map_or(&[], Vec::as_slice)
    }
}

fn text_code(shard: &Shard, column: usize, row: usize) -> u32 {
    match shard.columns[column].values {
        Values::Text(codes) => codes.get(row),
        Values::Integer(_) | Values::Number(_) => NO_CODE,
    }
}

fn integer(shard: &Shard, column: usize, row: usize) -> i64 {
    match shard.columns[column].values {
        Values::Integer(numbers) => numbers.get(row).unwrap_or(i64::MIN),
        Values::Text(_) | Values::Number(_) => i64::MIN,
    }
}

fn value(shard: &Shard, column: usize, row: usize) -> DealtValue {
    match shard.columns[column].values {
        Values::Text(codes) => DealtValue::Text(codes.get(row)),
        Values::Integer(_) => DealtValue::Integer(integer(shard, column, row)),
        Values::Number(numbers) => DealtValue::Number(numbers[row]),
    }
}

/// Returns where a row tells that it names no user: the column and its code; `None` where every row names one, or none does.
pub fn own_rows(users: &Timelines) -> Option<(usize, u32)> {
    let column = users.columns.iter().position(|column| column.log_column == ACTOR_KIND)?;
    Some((column, users.dictionaries[column].code("account")?))
}

/// Returns which rows are activity of a user: 0 for the account's own ones and for those that are no activity anyway.
pub fn activity(shard: &Shard, (column, code): (usize, u32)) -> Vec<u8> {
    let is_active = |row: usize| shard.interactive.is_none_or(|interactive| interactive[row] != 0);
    (0..shard.n_rows()).map(|row| u8::from(is_active(row) && text_code(shard, column, row) != code)).collect()
}

/// Returns the catalog of account timelines.
pub fn catalog(bench: &Workbench, users: &Timelines, accounts: &Timelines) -> Catalog {
    let of_users = bench.catalog(users);
    // Derived rows are observed as long as the sources that name users.
    let derived_us = bench.users_end_us(users).unwrap_or(of_users.observed_until_us);
    let end_us = |code: u32| of_users.ends_us.get(code as usize).copied().unwrap_or(derived_us);
    Catalog {
        ends_us: (0..accounts.names.len() as u32).map(end_us).collect(),
        names: accounts.names.clone(),
        columns: accounts.columns.iter().map(|column| (column.name.clone(), column.kind)).collect(),
        ..of_users
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(user: &str, account: &str, from_us: i64, to_us: i64) -> Membership {
        Membership { user: user.into(), account: account.into(), from_us, to_us, role: "user".into() }
    }

    fn spans(backfill: &str, memberships: &[Membership]) -> Vec<(String, i64, i64)> {
        let spec = Spec::parse(&format!("format: 1\naccounts: {{ backfill: {backfill} }}")).unwrap();
        let members = Members::new(memberships, &spec, &Identity::new(0, &[]));
        members.of("ana").iter().map(|belonging| (belonging.account.to_string(), belonging.from_us, belonging.to_us)).collect()
    }

    #[test]
    fn backfill_reaches_back_to_the_last_membership_and_never_into_another() {
        let change = [membership("ana", "acme", 100, 200), membership("ana", "bolt", 300, i64::MAX)];
        let span = |account: &str, from_us: i64, to_us: i64| (account.to_owned(), from_us, to_us);
        assert_eq!(spans("none", &change), [span("acme", 100, 200), span("bolt", 300, i64::MAX)]);
        assert_eq!(spans("since_last_membership", &change), [span("acme", i64::MIN, 200), span("bolt", 200, i64::MAX)]);
        assert_eq!(spans("1s", &change), [span("acme", 100 - 1_000_000, 200), span("bolt", 200, i64::MAX)]);
        let both = [membership("ana", "acme", 100, 400), membership("ana", "bolt", 300, i64::MAX)];
        assert_eq!(spans("since_last_membership", &both), [span("acme", i64::MIN, 400), span("bolt", 300, i64::MAX)]);
    }
}
