//! What is true of the accounts of a simulated business, counted naively from a plain list of accepted rows.
//!
//! Who is who, which rows count for which account, stages and drop-offs, tasks, frictions, money, users × customers.
//! The rules stand here a second time, in the plainest form, and share no code with the engine; a test holds them against the spec.
//!
//! An account's rows at one instant would have no order here: the businesses that use this make them distinct.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::{self, N_DAYS};
use crate::truth::{BACKFILL_MS, FileTruth, PeopleTruth, SESSION_GAP_MS};

/// What is true of one simulated business with accounts; the content of its `truth.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BusinessTruth {
    /// The simulated business, such as `saas`.
    pub business: String,
    /// The seed of the simulation.
    pub seed: u64,
    /// The number of customers asked for.
    pub n_customers_wanted: u32,
    /// The frictions whose cost was switched off.
    pub effects_off: Vec<String>,
    /// The zone of the business, an IANA name.
    pub zone: String,
    /// The first and the last local day, inclusive, as `YYYY-MM-DD`.
    pub days: [String; 2],
    /// By file name.
    pub files: BTreeMap<String, FileTruth>,
    /// The people of the product's file where each row stands for its user, or else for its device.
    pub product_as_logged: PeopleTruth,
    /// The same with devices joined to users within 30 days, and users joined by the merges in force.
    pub product_joined: PeopleTruth,
    /// Who belongs to whom.
    pub relations: RelationsTruth,
    /// The accounts.
    pub accounts: AccountsTruth,
    /// What would have happened without the frictions that cost conversions.
    pub counterfactual: CounterfactualTruth,
    /// The planted effects, and those that only look like ones.
    pub effects: Vec<ConversionEffect>,
}

/// Membership and merge records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelationsTruth {
    /// Membership records, each id once.
    pub n_memberships: u64,
    /// Those of them that were taken back.
    pub n_memberships_withdrawn: u64,
    /// Merge records, each id once.
    pub n_merges: u64,
    /// Those of them that were taken back.
    pub n_merges_withdrawn: u64,
    /// Users who are in two accounts at some instant.
    pub n_users_in_two_accounts: u64,
    /// Users with memberships in several accounts, no two of them at once.
    pub n_users_who_moved: u64,
}

/// The accounts of a business.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountsTruth {
    /// Accounts for which at least one row counts.
    pub n_accounts: u64,
    /// Pairs of a row and an account for which it counts.
    pub n_account_rows: u64,
    /// Rows that count for no account.
    pub n_rows_without_account: u64,
    /// Sessions of users, joined.
    pub n_sessions: u64,
    /// Pairs of a session and an account for which its first row counts.
    pub n_account_sessions: u64,
    /// In the order of the spec.
    pub stages: Vec<StageTruth>,
    /// Accounts with rows that never were in a stage.
    pub n_never_in_a_stage: u64,
    /// By name.
    pub tasks: BTreeMap<String, TaskTruth>,
    /// By name.
    pub frictions: BTreeMap<String, FrictionTruth>,
    /// The money in all files.
    pub money: AccountMoneyTruth,
    /// Users × customers in the whole year.
    pub users_customers: UsersCustomersTruth,
    /// The same by local month, shape `[12]`.
    pub users_customers_by_month: Vec<UsersCustomersTruth>,
}

/// One stage: stays in it, and how they ended.
///
/// `n_stays` = all of `n_went_on` + `n_left` + `n_lapsed` + `n_open`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTruth {
    /// The stage.
    pub stage: String,
    /// Accounts that were in it at least once.
    pub n_accounts: u64,
    /// Times that an account came into it.
    pub n_stays: u64,
    /// Those stays by where they came from: a stage, `nowhere`, or `lost`.
    pub n_came_from: BTreeMap<String, u64>,
    /// Stays that ended with a later stage, by that stage.
    pub n_went_on: BTreeMap<String, u64>,
    /// Stays that ended with an event of `leave`.
    pub n_left: u64,
    /// Stays that ended because `lost_after` went by, within the observation.
    pub n_lapsed: u64,
    /// Stays that had not ended when the observation did.
    pub n_open: u64,
}

/// The attempts at one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskTruth {
    /// Attempts: the four outcomes together.
    pub n_started: u64,
    /// Attempts that reached the goal.
    pub n_succeeded: u64,
    /// Attempts that ended with an event of `fail`.
    pub n_failed: u64,
    /// Attempts that were given up, or paused for over the timeout.
    pub n_abandoned: u64,
    /// Attempts that were under way when the observation ended.
    pub n_open: u64,
    /// Goals reached with no attempt open; they count nowhere.
    pub n_orphan_successes: u64,
    /// People with at least one attempt.
    pub n_people: u64,
    /// Accounts for which at least one start of an attempt counts.
    pub n_accounts: u64,
}

/// The episodes of one friction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FrictionTruth {
    /// Episodes.
    pub n_episodes: u64,
    /// People who met it; 0 where accounts meet it.
    pub n_people: u64,
    /// Pairs of an episode and an account for which its first row counts.
    pub n_account_episodes: u64,
    /// Accounts in those pairs.
    pub n_accounts: u64,
}

/// The money of all accounts; converted figures are in cents of the workspace's currency, rounded per row, half away from zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountMoneyTruth {
    /// By ISO 4217 code, unconverted.
    pub by_currency: BTreeMap<String, CurrencyTruth>,
    /// All money, converted.
    pub net_cents: i64,
    /// The same by local month, shape `[12]`.
    pub net_cents_by_month: Vec<i64>,
    /// Accounts with more than 0 in the year.
    pub n_payers: u64,
}

/// The money in one currency, in its own cents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CurrencyTruth {
    /// Rows with money by kind: charge, refund, recurring.
    pub n_rows: BTreeMap<String, u64>,
    /// Their sums by kind; refunds are negative.
    pub cents: BTreeMap<String, i64>,
    /// The sum of all.
    pub net_cents: i64,
}

/// Accounts by whether somebody uses and somebody pays, in a window.
///
/// Uses: at least one session started in the window whose first row counts for the account. Pays: net money above 0 in the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UsersCustomersTruth {
    /// The window `[from, until)`, epoch milliseconds.
    pub from_ms: i64,
    /// See `from_ms`.
    pub until_ms: i64,
    /// Accounts with at least one row before the window's end.
    pub n_base: u64,
    /// Those that use and pay.
    pub n_uses_and_pays: u64,
    /// Those that use and do not pay.
    pub n_uses_only: u64,
    /// Those that pay and do not use.
    pub n_pays_only: u64,
    /// Those that do neither.
    pub n_neither: u64,
}

/// How many conversions there were and would have been: the same units, with the same draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualTruth {
    /// What converts, to what.
    pub conversion: String,
    /// Units that could have converted within the observation.
    pub n_units: u64,
    /// Those that did.
    pub n_converted: u64,
    /// Those that would have, had nobody met the friction, by friction.
    pub n_converted_without: BTreeMap<String, u64>,
    /// Those that would have, had nobody met any of them.
    pub n_converted_without_all: u64,
}

/// A friction and what it does to conversions, with what would have happened without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConversionEffect {
    /// The name of the friction in the spec.
    pub friction: String,
    /// Whether it costs conversions in this world.
    pub causal: bool,
    /// The unit that meets the friction or not.
    pub unit: String,
    /// Which units count: those for which the friction could have mattered.
    pub base: String,
    /// What the unit does next or does not.
    pub outcome: String,
    /// The probability of the outcome is multiplied by this when the friction is met; 1 has no effect.
    pub planted_ratio: f64,
    /// Units that met the friction.
    pub n_met: u64,
    /// Those of them with the outcome.
    pub n_met_outcome: u64,
    /// Units that did not meet it.
    pub n_clean: u64,
    /// Those of them with the outcome.
    pub n_clean_outcome: u64,
    /// Conversions that would have come about with the same draws, had this friction not been met.
    pub n_conversions_lost: u64,
    /// What misleads a naive comparison.
    pub note: String,
}

impl ConversionEffect {
    /// Counts one unit of the base.
    pub(crate) fn count(&mut self, met: bool, outcome: bool) {
        let (n, n_outcome) = if met { (&mut self.n_met, &mut self.n_met_outcome) } else { (&mut self.n_clean, &mut self.n_clean_outcome) };
        *n += 1;
        *n_outcome += u64::from(outcome);
    }
}

/// One accepted row as the naive counts see it. Rows with a user or a device are user activity, the others are not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fact {
    pub time_ms: i64,
    pub event_id: String,
    pub event: &'static str,
    /// Empty where no user is named; so with the next two.
    pub user: String,
    pub anonymous: String,
    pub account: String,
    pub money: Option<Money>,
    /// The loading time of a page, in milliseconds.
    pub load_ms: Option<i64>,
    /// What a contact was about.
    pub topic: &'static str,
}

/// The money of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Money {
    pub cents: i64,
    pub currency: &'static str,
    /// charge, refund or recurring.
    pub kind: &'static str,
}

/// A membership record, holding in `[from, until)`.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub user: String,
    pub account: String,
    pub from_ms: Option<i64>,
    pub until_ms: Option<i64>,
    pub withdrawn: bool,
}

/// A merge record.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    pub user: String,
    pub same_as: String,
    pub withdrawn: bool,
}

/// Where the rows of a user go who is in no account at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// To the account of the user's own id.
    Account,
    /// Nowhere.
    Nothing,
}

/// A stage of the spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageRule {
    pub name: &'static str,
    pub enter: &'static [&'static str],
    pub leave: &'static [&'static str],
    pub renew: &'static [&'static str],
    pub lost_after_ms: Option<i64>,
}

/// A task of the spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskRule {
    pub name: &'static str,
    pub start: &'static str,
    pub success: &'static str,
    pub abort: &'static [&'static str],
    pub fail: &'static [&'static str],
    /// A pause of over this abandons: the session gap in session scope, 7 days in user scope.
    pub timeout_ms: i64,
}

/// A friction of the spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrictionRule {
    pub name: &'static str,
    pub event: &'static str,
    pub kind: FrictionKind,
}

/// How episodes are found among the events of a friction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FrictionKind {
    /// Each is one; those within `merge_ms` of the last one belong to its episode.
    Event { merge_ms: i64 },
    /// Those that took longer to load are one each.
    SlowPage { over_ms: i64 },
    /// Those of an account that come within `within_ms` of the last one on the same topic are one each.
    RepeatContact { within_ms: i64 },
}

/// An exchange rate into the workspace's currency.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateRule {
    pub currency: &'static str,
    /// The first instant at which it holds; `None` is since ever.
    pub since_ms: Option<i64>,
    pub billionths: i64,
}

/// Everything that the counts need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger<'a> {
    pub facts: &'a [Fact],
    pub memberships: &'a [Membership],
    pub merges: &'a [Merge],
    pub own: Own,
    pub stages: &'a [StageRule],
    pub tasks: &'a [TaskRule],
    pub frictions: &'a [FrictionRule],
    pub currency: &'static str,
    pub rates: &'a [RateRule],
    /// The starts of the months and the end of the observation, shape `[13]`, epoch milliseconds.
    pub months_ms: &'a [i64],
}

/// Gives the starts of the local months of the simulated year and its end, shape `[13]`, epoch milliseconds.
pub(crate) fn months_ms() -> Vec<i64> {
    let starts = (0..N_DAYS).filter(|&day| day == 0 || calendar::month(day) != calendar::month(day - 1));
    starts.chain([N_DAYS]).map(|day| calendar::utc_ms(day, 0)).collect()
}

/// Counts membership and merge records.
pub(crate) fn count_relations(memberships: &[Membership], merges: &[Merge]) -> RelationsTruth {
    let mut truth = RelationsTruth {
        n_memberships: memberships.len() as u64,
        n_memberships_withdrawn: memberships.iter().filter(|membership| membership.withdrawn).count() as u64,
        n_merges: merges.len() as u64,
        n_merges_withdrawn: merges.iter().filter(|merge| merge.withdrawn).count() as u64,
        ..RelationsTruth::default()
    };
    for held in memberships_by_user(memberships, &canonical_ids(merges)).values() {
        let overlap = |a: &Membership, b: &Membership| {
            let starts_before = |x: &Membership, y: &Membership| x.from_ms.unwrap_or(i64::MIN) < y.until_ms.unwrap_or(i64::MAX);
            a.account != b.account && starts_before(a, b) && starts_before(b, a)
        };
        if held.iter().any(|a| held.iter().any(|b| overlap(a, b))) {
            truth.n_users_in_two_accounts += 1;
        } else if held.iter().any(|membership| membership.account != held[0].account) {
            truth.n_users_who_moved += 1;
        }
    }
    truth
}

/// Gives the id that stands for each merged user: the smallest of those that are joined.
pub(crate) fn canonical_ids(merges: &[Merge]) -> BTreeMap<&str, &str> {
    let mut canonical: BTreeMap<&str, &str> = BTreeMap::new();
    for merge in merges.iter().filter(|merge| !merge.withdrawn) {
        for id in [merge.user.as_str(), merge.same_as.as_str()] {
            canonical.insert(id, id);
        }
    }
    loop {
        let before = canonical.clone();
        for merge in merges.iter().filter(|merge| !merge.withdrawn) {
            let smallest = canonical[merge.user.as_str()].min(canonical[merge.same_as.as_str()]);
            canonical.insert(&merge.user, smallest);
            canonical.insert(&merge.same_as, smallest);
        }
        if canonical == before {
            return canonical;
        }
    }
}

fn memberships_by_user<'a>(
    memberships: &'a [Membership],
    canonical: &BTreeMap<&'a str, &'a str>,
) -> BTreeMap<&'a str, Vec<&'a Membership>> {
    let mut by_user: BTreeMap<&str, Vec<&Membership>> = BTreeMap::new();
    for membership in memberships.iter().filter(|membership| !membership.withdrawn) {
        let user = canonical.get(membership.user.as_str()).unwrap_or(&membership.user.as_str()).to_owned();
        by_user.entry(user).or_default().push(membership);
    }
    by_user
}

/// Who did a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Actor<'a> {
    Nobody,
    User(&'a str),
    Device(&'a str),
}

/// Gives who did each row: its user; else the next user seen on its device within 30 days, else the last one before it.
fn actors<'a>(facts: &'a [Fact], canonical: &BTreeMap<&'a str, &'a str>) -> Vec<Actor<'a>> {
    let id = |user: &'a str| canonical.get(user).copied().unwrap_or(user);
    let mut named: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| !fact.user.is_empty() && !fact.anonymous.is_empty()) {
        named.entry(&fact.anonymous).or_default().push(fact);
    }
    named.values_mut().for_each(|rows| rows.sort_by_key(|fact| (fact.time_ms, &fact.event_id)));
    let join = |fact: &'a Fact| {
        let rows = named.get(fact.anonymous.as_str())?;
        let after = |row: &&&Fact| (fact.time_ms, &fact.event_id) < (row.time_ms, &row.event_id);
        let next = rows.iter().find(after).filter(|row| row.time_ms - fact.time_ms <= BACKFILL_MS);
        next.or_else(|| rows.iter().rev().find(|row| !after(row))).map(|row| row.user.as_str())
    };
    let actor = |fact: &'a Fact| match (fact.user.as_str(), fact.anonymous.as_str()) {
        ("", "") => Actor::Nobody,
        ("", device) => join(fact).map_or(Actor::Device(device), |user| Actor::User(id(user))),
        (user, _) => Actor::User(id(user)),
    };
    facts.iter().map(actor).collect()
}

/// Counts everything that is true of the accounts.
pub(crate) fn count_accounts(ledger: &Ledger) -> AccountsTruth {
    let canonical = canonical_ids(ledger.merges);
    let actors = actors(ledger.facts, &canonical);
    let memberships = memberships_by_user(ledger.memberships, &canonical);
    let accounts: Vec<BTreeSet<&str>> =
        ledger.facts.iter().zip(&actors).map(|(fact, actor)| accounts_of(fact, *actor, &memberships, ledger.own)).collect();

    let mut by_account: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut by_actor: BTreeMap<Actor, Vec<usize>> = BTreeMap::new();
    for idx in 0..ledger.facts.len() {
        accounts[idx].iter().for_each(|account| by_account.entry(account).or_default().push(idx));
        if actors[idx] != Actor::Nobody {
            by_actor.entry(actors[idx]).or_default().push(idx);
        }
    }
    for rows in by_account.values_mut().chain(by_actor.values_mut()) {
        rows.sort_by_key(|&idx| (ledger.facts[idx].time_ms, &ledger.facts[idx].event_id));
    }
    let timelines = Timelines { ledger, accounts, by_account, by_actor: by_actor.into_values().collect() };

    let (stages, n_never_in_a_stage) = timelines.stages();
    let sessions = timelines.session_starts();
    let year = [ledger.months_ms[0], ledger.months_ms[12]];
    AccountsTruth {
        n_accounts: timelines.by_account.len() as u64,
        n_account_rows: timelines.accounts.iter().map(|accounts| accounts.len() as u64).sum(),
        n_rows_without_account: timelines.accounts.iter().filter(|accounts| accounts.is_empty()).count() as u64,
        n_sessions: sessions.len() as u64,
        n_account_sessions: sessions.iter().map(|&idx| timelines.accounts[idx].len() as u64).sum(),
        stages,
        n_never_in_a_stage,
        tasks: ledger.tasks.iter().map(|rule| (rule.name.to_owned(), timelines.task(rule))).collect(),
        frictions: ledger.frictions.iter().map(|rule| (rule.name.to_owned(), timelines.friction(rule))).collect(),
        money: timelines.money(),
        users_customers: timelines.users_customers(&sessions, &year),
        users_customers_by_month: ledger.months_ms.windows(2).map(|month| timelines.users_customers(&sessions, month)).collect(),
    }
}

/// Gives the accounts for which a row counts: the one that it names; else those of its user at that time; else the user's own.
fn accounts_of<'a>(fact: &'a Fact, actor: Actor<'a>, memberships: &BTreeMap<&'a str, Vec<&'a Membership>>, own: Own) -> BTreeSet<&'a str> {
    if !fact.account.is_empty() {
        return BTreeSet::from([fact.account.as_str()]);
    }
    let Actor::User(user) = actor else { return BTreeSet::new() };
    let holds = |membership: &&&Membership| {
        membership.from_ms.is_none_or(|from_ms| from_ms <= fact.time_ms)
            && membership.until_ms.is_none_or(|until_ms| fact.time_ms < until_ms)
    };
    let held = memberships.get(user).into_iter().flatten();
    let accounts: BTreeSet<&str> = held.filter(holds).map(|membership| membership.account.as_str()).collect();
    match own {
        Own::Account if accounts.is_empty() => BTreeSet::from([user]),
        _ => accounts,
    }
}

/// Rows by whom they count for, in the order of time.
struct Timelines<'a> {
    ledger: &'a Ledger<'a>,
    /// Shape `[facts]`.
    accounts: Vec<BTreeSet<&'a str>>,
    by_account: BTreeMap<&'a str, Vec<usize>>,
    /// Users and devices without one.
    by_actor: Vec<Vec<usize>>,
}

impl Timelines<'_> {
    fn fact(&self, idx: usize) -> &Fact {
        &self.ledger.facts[idx]
    }

    fn end_ms(&self) -> i64 {
        self.ledger.months_ms[12]
    }

    /// Gives the first row of each session.
    fn session_starts(&self) -> Vec<usize> {
        let mut starts = Vec::new();
        for rows in &self.by_actor {
            starts.push(rows[0]);
            let later = rows.windows(2).filter(|pair| SESSION_GAP_MS < self.fact(pair[1]).time_ms - self.fact(pair[0]).time_ms);
            starts.extend(later.map(|pair| pair[1]));
        }
        starts
    }

    /// Walks each account through the stages; gives them, and the accounts that never were in one.
    fn stages(&self) -> (Vec<StageTruth>, u64) {
        let rules = self.ledger.stages;
        let mut stages: Vec<StageTruth> =
            rules.iter().map(|rule| StageTruth { stage: rule.name.to_owned(), ..StageTruth::default() }).collect();
        let mut n_never = 0;
        for rows in self.by_account.values() {
            let mut been: BTreeSet<usize> = BTreeSet::new();
            // The stage now and the start of its clock.
            let mut now: Option<(usize, i64)> = None;
            for &idx in rows {
                let (event, time_ms) = (self.fact(idx).event, self.fact(idx).time_ms);
                if let Some((stage, clock_ms)) = now
                    && rules[stage].lost_after_ms.is_some_and(|lost_after_ms| clock_ms + lost_after_ms < time_ms)
                {
                    stages[stage].n_lapsed += 1;
                    now = None;
                }
                let highest = (0..rules.len()).rev().find(|&stage| rules[stage].enter.contains(&event));
                match (now, highest) {
                    (None, Some(target)) => {
                        let from = if been.is_empty() { "nowhere" } else { "lost" };
                        *stages[target].n_came_from.entry(from.to_owned()).or_default() += 1;
                        stages[target].n_stays += 1;
                        been.insert(target);
                        now = Some((target, time_ms));
                    }
                    (Some((stage, _)), Some(target)) if stage < target => {
                        *stages[stage].n_went_on.entry(rules[target].name.to_owned()).or_default() += 1;
                        *stages[target].n_came_from.entry(rules[stage].name.to_owned()).or_default() += 1;
                        stages[target].n_stays += 1;
                        been.insert(target);
                        now = Some((target, time_ms));
                    }
                    (Some((stage, _)), _) if rules[stage].leave.contains(&event) => {
                        stages[stage].n_left += 1;
                        now = None;
                    }
                    (Some((stage, _)), _) if rules[stage].renew.contains(&event) => now = Some((stage, time_ms)),
                    _ => {}
                }
            }
            if let Some((stage, clock_ms)) = now {
                let lapsed = rules[stage].lost_after_ms.is_some_and(|lost_after_ms| clock_ms + lost_after_ms <= self.end_ms());
                *(if lapsed { &mut stages[stage].n_lapsed } else { &mut stages[stage].n_open }) += 1;
            }
            n_never += u64::from(been.is_empty());
            been.iter().for_each(|&stage| stages[stage].n_accounts += 1);
        }
        (stages, n_never)
    }

    fn task(&self, rule: &TaskRule) -> TaskTruth {
        let mut truth = TaskTruth::default();
        let mut accounts: BTreeSet<&str> = BTreeSet::new();
        for rows in &self.by_actor {
            let n_started_before = truth.n_started;
            // The last instant of the open attempt.
            let mut last_ms: Option<i64> = None;
            for &idx in rows {
                let (event, time_ms) = (self.fact(idx).event, self.fact(idx).time_ms);
                if last_ms.is_some_and(|last_ms| rule.timeout_ms < time_ms - last_ms) {
                    truth.n_abandoned += 1;
                    last_ms = None;
                }
                if last_ms.is_none() {
                    truth.n_orphan_successes += u64::from(event == rule.success);
                    if event == rule.start {
                        truth.n_started += 1;
                        accounts.extend(&self.accounts[idx]);
                        last_ms = Some(time_ms);
                    }
                    continue;
                }
                let ended = if event == rule.success {
                    Some(&mut truth.n_succeeded)
                } else if rule.fail.contains(&event) {
                    Some(&mut truth.n_failed)
                } else if rule.abort.contains(&event) {
                    Some(&mut truth.n_abandoned)
                } else {
                    None
                };
                last_ms = if ended.is_some() { None } else { Some(time_ms) };
                ended.into_iter().for_each(|n| *n += 1);
            }
            if let Some(last_ms) = last_ms {
                *(if rule.timeout_ms < self.end_ms() - last_ms { &mut truth.n_abandoned } else { &mut truth.n_open }) += 1;
            }
            truth.n_people += u64::from(n_started_before < truth.n_started);
        }
        truth.n_accounts = accounts.len() as u64;
        truth
    }

    fn friction(&self, rule: &FrictionRule) -> FrictionTruth {
        let mut truth = FrictionTruth::default();
        let mut accounts: BTreeSet<&str> = BTreeSet::new();
        let events = |rows: &[usize]| -> Vec<usize> { rows.iter().copied().filter(|&idx| self.fact(idx).event == rule.event).collect() };
        if let FrictionKind::RepeatContact { within_ms } = rule.kind {
            for (account, rows) in &self.by_account {
                let contacts = events(rows);
                let repeated = |&at: &usize| {
                    let contact = self.fact(contacts[at]);
                    let last = contacts[..at].iter().rev().map(|&idx| self.fact(idx)).find(|last| last.topic == contact.topic);
                    last.is_some_and(|last| contact.time_ms - last.time_ms <= within_ms)
                };
                let n_episodes = (0..contacts.len()).filter(repeated).count() as u64;
                truth.n_episodes += n_episodes;
                truth.n_account_episodes += n_episodes;
                if 0 < n_episodes {
                    accounts.insert(account);
                }
            }
        } else {
            for rows in &self.by_actor {
                let mut n_episodes = 0;
                let mut last_ms: Option<i64> = None;
                for idx in events(rows) {
                    let fact = self.fact(idx);
                    let begins = match rule.kind {
                        FrictionKind::Event { merge_ms } => last_ms.is_none_or(|last_ms| merge_ms < fact.time_ms - last_ms),
                        FrictionKind::SlowPage { over_ms } => fact.load_ms.is_some_and(|load_ms| over_ms < load_ms),
                        FrictionKind::RepeatContact { .. } => false,
                    };
                    last_ms = Some(fact.time_ms);
                    if begins {
                        n_episodes += 1;
                        truth.n_account_episodes += self.accounts[idx].len() as u64;
                        accounts.extend(&self.accounts[idx]);
                    }
                }
                truth.n_episodes += n_episodes;
                truth.n_people += u64::from(0 < n_episodes);
            }
        }
        truth.n_accounts = accounts.len() as u64;
        truth
    }

    fn money(&self) -> AccountMoneyTruth {
        let mut truth = AccountMoneyTruth { net_cents_by_month: vec![0; 12], ..AccountMoneyTruth::default() };
        for fact in self.ledger.facts {
            let Some(money) = fact.money else { continue };
            let currency = truth.by_currency.entry(money.currency.to_owned()).or_default();
            *currency.n_rows.entry(money.kind.to_owned()).or_default() += 1;
            *currency.cents.entry(money.kind.to_owned()).or_default() += money.cents;
            currency.net_cents += money.cents;
            let cents = self.converted(fact);
            truth.net_cents += cents;
            let month = self.ledger.months_ms.windows(2).position(|month| month[0] <= fact.time_ms && fact.time_ms < month[1]);
            truth.net_cents_by_month[month.expect("rows lie within the year")] += cents;
        }
        let pays = |rows: &&Vec<usize>| 0 < rows.iter().map(|&idx| self.converted(self.fact(idx))).sum::<i64>();
        truth.n_payers = self.by_account.values().filter(pays).count() as u64;
        truth
    }

    /// Gives the money of a row in cents of the workspace's currency; 0 without money.
    fn converted(&self, fact: &Fact) -> i64 {
        let Some(money) = fact.money else { return 0 };
        if money.currency == self.ledger.currency {
            return money.cents;
        }
        let holds = |rate: &&RateRule| rate.currency == money.currency && rate.since_ms.is_none_or(|since_ms| since_ms <= fact.time_ms);
        let rate = self.ledger.rates.iter().filter(holds).max_by_key(|rate| rate.since_ms).expect("every currency has a rate");
        let product = i128::from(money.cents.abs()) * i128::from(rate.billionths);
        let rounded = ((product + 500_000_000) / 1_000_000_000) as i64;
        if money.cents < 0 { -rounded } else { rounded }
    }

    fn users_customers(&self, sessions: &[usize], window: &[i64]) -> UsersCustomersTruth {
        let (from_ms, until_ms) = (window[0], window[1]);
        let within = |idx: usize| from_ms <= self.fact(idx).time_ms && self.fact(idx).time_ms < until_ms;
        let using: BTreeSet<&str> =
            sessions.iter().copied().filter(|&idx| within(idx)).flat_map(|idx| self.accounts[idx].iter().copied()).collect();
        let mut truth = UsersCustomersTruth { from_ms, until_ms, ..UsersCustomersTruth::default() };
        for (account, rows) in &self.by_account {
            if until_ms <= self.fact(rows[0]).time_ms {
                continue;
            }
            truth.n_base += 1;
            let net_cents: i64 = rows.iter().copied().filter(|&idx| within(idx)).map(|idx| self.converted(self.fact(idx))).sum();
            *match (using.contains(account), 0 < net_cents) {
                (true, true) => &mut truth.n_uses_and_pays,
                (true, false) => &mut truth.n_uses_only,
                (false, true) => &mut truth.n_pays_only,
                (false, false) => &mut truth.n_neither,
            } += 1;
        }
        truth
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use diptych_event::spec::{Match, Reentry, Spec, TaskScope};
    use diptych_event::time::parse_duration;

    use super::*;

    /// Checks that the rules that a business counts by are those of its spec.
    #[track_caller]
    pub(crate) fn check_rules(spec: &Spec, stages: &[StageRule], tasks: &[TaskRule], frictions: &[FrictionRule], rates: &[RateRule]) {
        use diptych_event::spec::FrictionRule as Said;
        let plain = |meant: &Match, events: &[&str]| {
            assert_eq!(meant.events, events);
            assert_eq!(meant.condition, None);
        };
        let optional = |meant: &Option<Match>, events: &[&str]| match meant {
            Some(meant) => plain(meant, events),
            None => assert!(events.is_empty()),
        };
        assert_eq!(
            spec.stages.iter().map(|stage| stage.name.text.as_str()).collect::<Vec<_>>(),
            stages.iter().map(|s| s.name).collect::<Vec<_>>()
        );
        for (said, rule) in spec.stages.iter().zip(stages) {
            plain(&said.enter, rule.enter);
            optional(&said.leave, rule.leave);
            optional(&said.renew, rule.renew);
            let lost_after_us = said.lost_after.as_ref().map(|text| parse_duration(&text.text).unwrap());
            assert_eq!(lost_after_us, rule.lost_after_ms.map(|ms| ms * 1_000), "{}", rule.name);
        }
        assert_eq!(spec.tasks.len(), tasks.len());
        for rule in tasks {
            let said = &spec.tasks[rule.name];
            plain(&said.start, &[rule.start]);
            plain(&said.success, &[rule.success]);
            optional(&said.abort, rule.abort);
            optional(&said.fail, rule.fail);
            assert!(said.timeout.is_none() && said.time_limit.is_none() && said.reentry == Reentry::Ignore);
            let timeout_ms = if said.scope == TaskScope::Session { SESSION_GAP_MS } else { 7 * DAY_MS };
            assert_eq!(rule.timeout_ms, timeout_ms);
        }
        assert_eq!(spec.frictions.len(), frictions.len());
        for rule in frictions {
            match (spec.frictions[rule.name].checked(rule.name).unwrap(), rule.kind) {
                (Said::Event { events, merge_us }, FrictionKind::Event { merge_ms }) => {
                    plain(events, &[rule.event]);
                    assert_eq!(merge_us, merge_ms * 1_000);
                }
                (Said::SlowPage { events, column, over_ms: said_ms }, FrictionKind::SlowPage { over_ms }) => {
                    plain(events, &[rule.event]);
                    assert_eq!((column, i64::from(said_ms)), ("load_ms", over_ms));
                }
                (Said::RepeatContact { events, within_us, topic }, FrictionKind::RepeatContact { within_ms }) => {
                    plain(events, &[rule.event]);
                    assert_eq!((within_us, topic), (within_ms * 1_000, Some("topic")));
                }
                (said, _) => panic!("{} is {said:?} in the spec", rule.name),
            }
        }
        let mut said: Vec<(String, i64, i64)> = Vec::new();
        for (currency, dated) in spec.rates() {
            said.extend(dated.into_iter().map(|(since_us, billionths)| (currency.clone(), since_us, billionths)));
        }
        let known = rates.iter().map(|rate| (rate.currency.to_owned(), rate.since_ms.map_or(i64::MIN, |ms| ms * 1_000), rate.billionths));
        assert_eq!(said, known.collect::<Vec<_>>());
        for source in spec.sources.keys() {
            assert_eq!(spec.source_end_us(source), Some(months_ms()[12] * 1_000), "{source}");
        }
    }

    const DAY_MS: i64 = 86_400_000;

    const STAGES: [StageRule; 3] = [
        StageRule { name: "aware", enter: &["see"], leave: &[], renew: &[], lost_after_ms: Some(10 * DAY_MS) },
        StageRule { name: "active", enter: &["buy"], leave: &["quit"], renew: &["buy"], lost_after_ms: Some(30 * DAY_MS) },
        StageRule { name: "fan", enter: &["praise"], leave: &["quit"], renew: &[], lost_after_ms: None },
    ];

    const TASK: TaskRule = TaskRule { name: "t", start: "S", success: "G", abort: &["cancel"], fail: &["broken"], timeout_ms: 600_000 };

    fn fact(who: &str, time_ms: i64, event: &'static str) -> Fact {
        let (user, account) = if who.starts_with('A') { ("", who) } else { (who, "") };
        Fact { time_ms, event, user: user.to_owned(), account: account.to_owned(), ..Fact::default() }
    }

    /// Counts rows of one year that ends at `end_ms`, with memberships (user, account, from, until).
    fn count(facts: &[Fact], memberships: &[(&str, &str, i64, i64)], own: Own, end_ms: i64) -> AccountsTruth {
        let memberships: Vec<Membership> = memberships
            .iter()
            .map(|(user, account, from_ms, until_ms)| Membership {
                user: (*user).to_owned(),
                account: (*account).to_owned(),
                from_ms: Some(*from_ms),
                until_ms: Some(*until_ms),
                withdrawn: false,
            })
            .collect();
        let mut months_ms = vec![0; 12];
        months_ms.push(end_ms);
        count_accounts(&Ledger {
            facts,
            memberships: &memberships,
            merges: &[],
            own,
            stages: &STAGES,
            tasks: &[TASK],
            frictions: &[
                FrictionRule { name: "error", event: "error", kind: FrictionKind::Event { merge_ms: 1_000 } },
                FrictionRule { name: "repeat", event: "call", kind: FrictionKind::RepeatContact { within_ms: 7 * DAY_MS } },
            ],
            currency: "EUR",
            rates: &[
                RateRule { currency: "USD", since_ms: None, billionths: 500_000_000 },
                RateRule { currency: "USD", since_ms: Some(DAY_MS), billionths: 925_000_000 },
            ],
            months_ms: &months_ms,
        })
    }

    #[test]
    fn stages_follow_their_clocks() {
        let facts = [
            fact("A1", 0, "see"),
            fact("A1", 10 * DAY_MS, "buy"),     // exactly in time
            fact("A1", 12 * DAY_MS, "see"),     // an earlier stage: nothing
            fact("A1", 40 * DAY_MS, "buy"),     // renewed exactly 30 days after the entry
            fact("A1", 71 * DAY_MS, "praise"),  // a day after it lapsed: from lost
            fact("A1", 72 * DAY_MS, "quit"),    // left
            fact("A2", 90 * DAY_MS, "see"),     // 10 days to the end: lapsed
            fact("A3", 90 * DAY_MS + 1, "see"), // open
            fact("A4", 1, "call"),
        ];
        let truth = count(&facts, &[], Own::Nothing, 100 * DAY_MS);
        let [aware, active, fan] = [&truth.stages[0], &truth.stages[1], &truth.stages[2]];
        assert_eq!((aware.n_accounts, aware.n_stays, aware.n_went_on["active"], aware.n_lapsed, aware.n_open), (3, 3, 1, 1, 1));
        assert_eq!((active.n_stays, active.n_lapsed, active.n_left), (1, 1, 0));
        assert_eq!((fan.n_stays, fan.n_came_from["lost"], fan.n_left, fan.n_open), (1, 1, 1, 0));
        assert_eq!(truth.n_never_in_a_stage, 1);
    }

    #[test]
    fn tasks_agree_with_the_published_vector() {
        // METRICS 1.2: S at 0, G at 20; 30 … 100; 200 abandoned; G at 900 an orphan; 1000 open.
        let times = [
            (0, "S"),
            (10, "x"),
            (20, "G"),
            (30, "S"),
            (40, "S"),
            (100, "G"),
            (120, "x"),
            (200, "S"),
            (900, "G"),
            (1000, "S"),
            (1100, "x"),
        ];
        let facts: Vec<Fact> = times.iter().map(|(secs, event)| fact("u", secs * 1_000, event)).collect();
        let task = &count(&facts, &[], Own::Nothing, 1_100_000).tasks["t"];
        assert_eq!((task.n_started, task.n_succeeded, task.n_abandoned, task.n_open, task.n_orphan_successes), (4, 2, 1, 1, 1));
        let task = &count(&facts, &[], Own::Nothing, 1_700_001).tasks["t"];
        assert_eq!((task.n_abandoned, task.n_open), (2, 0));
    }

    #[test]
    fn rows_count_for_the_accounts_of_their_time() {
        let facts = [
            fact("u", 5, "see"),
            fact("u", 10, "error"),
            fact("u", 900, "error"),   // the same episode
            fact("u", 2_000, "error"), // another, in both accounts
            fact("u", 3_000, "see"),
            Fact { account: "A9".to_owned(), ..fact("u", 2_500, "see") },
        ];
        let memberships = [("u", "A1", 10, 3_000), ("u", "A2", 1_000, 3_000)];
        let own = count(&facts, &memberships, Own::Account, DAY_MS);
        assert_eq!((own.n_accounts, own.n_account_rows, own.n_rows_without_account), (4, 7, 0));
        assert_eq!(
            (own.frictions["error"].n_episodes, own.frictions["error"].n_account_episodes, own.frictions["error"].n_accounts),
            (2, 3, 2)
        );
        let none = count(&facts, &memberships, Own::Nothing, DAY_MS);
        assert_eq!((none.n_accounts, none.n_account_rows, none.n_rows_without_account, none.n_sessions), (3, 5, 2, 1));
        assert_eq!(none.users_customers.n_base, 3);
        assert_eq!(own.users_customers.n_uses_only, 1, "the session began at an instant without membership");
    }

    #[test]
    fn money_is_rounded_per_row_half_away_from_zero() {
        let paid = |time_ms, cents, currency| Fact { money: Some(Money { cents, currency, kind: "charge" }), ..fact("A1", time_ms, "buy") };
        let facts = [paid(0, 3, "USD"), paid(1, -3, "USD"), paid(2, 5, "EUR"), paid(DAY_MS, 101, "USD")];
        let money = count(&facts, &[], Own::Nothing, 2 * DAY_MS).money;
        // 1.5 → 2; -1.5 → -2; 5; 93.425 → 93.
        assert_eq!((money.net_cents, money.by_currency["USD"].net_cents, money.n_payers), (98, 101, 1));
    }

    #[test]
    fn repeated_contacts_are_told_by_topic() {
        let call = |day: i64, topic| Fact { topic, ..fact("A1", day * DAY_MS, "call") };
        let facts = [call(0, "bill"), call(7, "bill"), call(8, "other"), call(15, "bill"), call(15, "other")];
        assert_eq!(count(&facts, &[], Own::Nothing, 30 * DAY_MS).frictions["repeat"].n_episodes, 2);
    }

    #[test]
    fn merged_users_are_the_smallest_of_them() {
        let merge = |user: &str, same_as: &str, withdrawn| Merge { user: user.to_owned(), same_as: same_as.to_owned(), withdrawn };
        let merges = [merge("c", "d", false), merge("d", "b", false), merge("b", "a", true)];
        assert_eq!(canonical_ids(&merges), BTreeMap::from([("b", "b"), ("c", "b"), ("d", "b")]));
    }
}
