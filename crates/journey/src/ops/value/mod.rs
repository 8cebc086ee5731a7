//! How much money accounts bring, how it is spread, and how it adds up with time.

mod kernel;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use diptych_event::account::REVENUE_CENTS;
use diptych_event::time::{format_day, parse_duration};
use diptych_event::timeline::{ColumnKind, Integers};
use diptych_event::{Names, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::anchors;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
use crate::stats::{median_interval_sorted, quantile_sorted};
pub use kernel::Period;
use kernel::{Moments, Periods, as_text};

/// The last period that an answer may have.
const MAX_PERIODS: u32 = 400;

/// The operator.
pub struct Value;

/// Parameters of value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Length of cohorts and of the periods after them, by the calendar of the workspace's zone.
    #[serde(default)]
    pub cohort: Period,
    /// Where an account's clock starts: at its first payment, or at its first row of any kind.
    #[serde(default)]
    pub since: Since,
    /// The last period of the money curve, 0 to 400; period 0 is the one in which the clock starts.
    #[serde(default = "twelve")]
    pub periods: u32,
    /// What the money curve adds up: revenue, or margin where the spec says what it is.
    #[serde(default)]
    pub money: Money,
    /// Whether to show each cohort, by the period in which the clock of its accounts started.
    #[serde(default)]
    pub cohorts: Cohorts,
    /// A second purchase counts as a repeat within this time of the first: 90d, 52w.
    #[serde(default = "ninety_days")]
    pub repeat_within: String,
}

fn twelve() -> u32 {
    12
}

fn ninety_days() -> String {
    "90d".into()
}

/// Where an account's clock starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// At its first row with revenue above 0.
    #[default]
    FirstPayment,
    /// At its first row.
    FirstSeen,
}

/// What the money curve adds up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Money {
    /// Net revenue.
    #[default]
    Revenue,
    /// Margin.
    Margin,
}

/// Whether cohorts are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cohorts {
    /// Only all accounts together.
    None,
    /// Also each cohort.
    #[default]
    Show,
}

/// A checked question.
pub struct Plan {
    /// Position of the column with revenue in minor units.
    revenue: usize,
    /// Position of the column with margin in minor units.
    margin: Option<usize>,
    /// Position of the column that the money curve adds up.
    curve: usize,
    since: Since,
    cohorts: Cohorts,
    periods: Periods,
    /// Periods of the money curve, that in which the clock starts included.
    n_periods: usize,
    repeat_us: i64,
    observed_until_us: i64,
    names: Names,
    /// `week`, `month` or `quarter`.
    period_label: &'static str,
    /// `net revenue` or `margin`.
    curve_label: &'static str,
    /// `EUR`; `money` where the spec says no currency.
    unit_label: String,
    repeat_label: String,
}

/// Money of some accounts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Partial {
    /// Accounts with a row.
    accounts: u64,
    /// Rows with revenue other than 0.
    net: Tally,
    /// Those above 0.
    charges: Tally,
    /// Those below 0.
    refunds: Tally,
    /// Rows with margin other than 0.
    margin: Tally,
    /// Net revenue of each account.
    of_accounts: Moments,
    /// Net revenue of each paying account.
    of_payers: Moments,
    /// The same in minor units, one by one; sorted by `finish`.
    payers_cents: Vec<i64>,
    /// Margin of each account.
    margin_of_accounts: Moments,
    /// Margin of each paying account.
    margin_of_payers: Moments,
    /// Accounts with a first payment.
    buyers: u64,
    /// Those that were observed long enough after it for a repeat.
    repeat_observed: u64,
    /// Those of them with a second purchase in time.
    repeated: u64,
    /// By first day, since 1970-01-01.
    cohorts: BTreeMap<i32, Cohort>,
}

/// Rows with money.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Tally {
    rows: u64,
    accounts: u64,
    #[serde(serialize_with = "as_text")]
    sum_cents: i128,
}

/// Accounts whose clock started in one period.
#[derive(Debug, Clone, Default, Serialize)]
struct Cohort {
    accounts: u64,
    /// Money per account up to the end of period k, of those for whom it was observed to its end; shape `[periods]`.
    up_to: Vec<Moments>,
}

impl Operator for Value {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "value",
        panel: Panel::Customer,
        title: "Value",
        question: "How much money do accounts bring, and how does it add up with time?",
        anchor: "a row of an account, with its money; for cohorts and repeat purchase an account, at the row where its clock starts",
        counting: "Adds up money row by row, refunds included; an account pays when that is above 0. After k periods only accounts for whom all of period k was observed are in the mean.",
        sources: &["METRICS 2.8 (historic value)", "METRICS 2.10 (repeat purchase)", "METRICS C2 (t interval)"],
        chart: Chart::Curve,
        samples: &[
            r#"{"periods":4}"#,
            r#"{"cohort":"week","since":"first_seen","periods":3}"#,
            r#"{"cohort":"quarter","periods":1,"repeat_within":"2d"}"#,
            r#"{"periods":0,"cohorts":"none","repeat_within":"0s"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        if params.periods > MAX_PERIODS {
            return Err(AskError::parameter("periods", format!("0 to {MAX_PERIODS} periods are possible, not {}", params.periods)));
        }
        let repeat_us = parse_duration(&params.repeat_within).map_err(|what| AskError::parameter("repeat_within", what))?;
        let catalog = context.catalog;
        let column = |name| catalog.columns.iter().position(|column| *column == (String::from(name), ColumnKind::Integer));
        let revenue = column(REVENUE_CENTS).ok_or_else(|| {
            let what = "the data has no money; say in diptych.yaml which column of a source is its `value`, or `value_cents`";
            AskError::parameter("money", what)
        })?;
        let margin = context.margin_column();
        let (curve, curve_label) = match params.money {
            Money::Revenue => (revenue, "net revenue"),
            Money::Margin => {
                let missing = "the spec does not say what margin is; write in diptych.yaml: money: { margin: \"value_cents * 0.4\" }";
                (margin.ok_or_else(|| AskError::parameter("money", missing))?, "margin")
            }
        };
        if margin.is_none() {
            context.notes.push("these are revenues, not profits: the spec does not say what the margin is".into());
        }
        let currency = catalog.spec.currency.as_ref().map_or("money", |currency| &currency.text);
        Ok(Plan {
            revenue,
            margin,
            curve,
            since: params.since,
            cohorts: params.cohorts,
            periods: Periods::new(params.cohort, context.calendar(), catalog.observed_until_us),
            n_periods: params.periods as usize + 1,
            repeat_us,
            observed_until_us: catalog.observed_until_us,
            names: catalog.names.clone(),
            period_label: match params.cohort {
                Period::Week => "week",
                Period::Month => "month",
                Period::Quarter => "quarter",
            },
            curve_label,
            unit_label: currency.to_owned(),
            repeat_label: params.repeat_within.clone(),
        })
    }

    fn empty(&self, _plan: &Plan) -> Partial {
        Partial::default()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        let ledger = Ledger::of(plan, view);
        for (_, rows) in view.journeys() {
            let clocks = ledger.clocks(rows.clone());
            anchors::each(view, rows.clone(), out, |partial, anchors| partial.add(&ledger, &clocks, rows.clone(), anchors));
        }
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.merge(other);
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
        let payers = &mut total.payers_cents;
        payers.sort_unstable();
        let n_payers = payers.len() as u64;
        let unit = &plan.unit_label;
        let mut cells = vec![
            Cell::people("accounts", "accounts with a row", total.accounts),
            sum("net_cents", format!("net revenue, {unit}"), &total.net),
            sum("charges_cents", format!("charges, {unit}"), &total.charges),
            sum("refunds_cents", format!("refunds, {unit}"), &total.refunds),
            Cell::share("paying", "accounts with net revenue above 0", Unit::Actor, n_payers, total.accounts, n_payers),
            mean("per_account_cents", format!("net revenue per account, {unit}"), &total.of_accounts),
            mean("per_payer_cents", format!("net revenue per paying account, {unit}"), &total.of_payers),
        ];
        let label = format!("net revenue per paying account, median, {unit}");
        let median = money("median_cents", label, n_payers, quantile_sorted(payers, 0.5));
        cells.push(median.with_interval(median_interval_sorted(payers), "order statistics"));
        let sum_cents: i128 = payers.iter().map(|cents| i128::from(*cents)).sum();
        let largest = payers.last().map(|cents| *cents as f64 / sum_cents as f64);
        cells.push(number("largest", "share of the largest account in the net revenue of paying accounts".into(), n_payers, largest));
        if plan.margin.is_some() {
            cells.push(sum("margin_cents", format!("margin, {unit}"), &total.margin));
            cells.push(mean("margin_per_account_cents", format!("margin per account, {unit}"), &total.margin_of_accounts));
            cells.push(mean("margin_per_payer_cents", format!("margin per paying account, {unit}"), &total.margin_of_payers));
        }
        cells.push(Cell::people("buyers", "accounts with a first purchase", total.buyers));
        let label = format!("second purchase within {} of the first", plan.repeat_label);
        let repeat = Cell::share("repeat", label, Unit::Actor, total.repeated, total.repeat_observed, total.repeated);
        cells.push(if total.repeat_observed < total.buyers { repeat.flagged("immature_cohort") } else { repeat });
        cells.extend(curve_cells(plan, &total.cohorts));
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(wanted) = Wanted::parse(plan, cell) else { return false };
        let ledger = Ledger::of(plan, view);
        for (actor_idx, rows) in view.journeys() {
            let anchors = anchors::admitted(view, rows.clone());
            if anchors.is_empty() {
                continue;
            }
            let clocks = ledger.clocks(rows.clone());
            if let Some(rows) = wanted.rows(&ledger, &clocks, rows, &anchors) {
                sink.add(view, &plan.names, actor_idx, &rows);
            }
        }
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let of_cohort = |cohort: &Cohort| 96 + size_of::<Moments>() * cohort.up_to.capacity();
        size_of::<Partial>() + 8 * partial.payers_cents.capacity() + partial.cohorts.values().map(of_cohort).sum::<usize>()
    }
}

/// Makes the cells of the money curve: over all cohorts, then of each.
fn curve_cells(plan: &Plan, cohorts: &BTreeMap<i32, Cohort>) -> Vec<Cell> {
    let (period, what, unit) = (plan.period_label, plan.curve_label, &plan.unit_label);
    let since = match plan.since {
        Since::FirstPayment => "first paid",
        Since::FirstSeen => "first seen",
    };
    let accounts: u64 = cohorts.values().map(|cohort| cohort.accounts).sum();
    let mut cells = vec![Cell::people("clocks", format!("accounts {since}"), accounts)];
    for k in 0..plan.n_periods {
        let mut moments = Moments::default();
        cohorts.values().for_each(|cohort| moments.merge(&cohort.up_to[k]));
        let cell = mean(format!("period:{k}"), format!("{what} per account up to {period} {k}, {unit}"), &moments);
        cells.push(if moments.n < accounts { cell.flagged("immature_cohort") } else { cell });
    }
    if plan.cohorts == Cohorts::None {
        return cells;
    }
    for (day, cohort) in cohorts {
        let day = format_day(*day);
        cells.push(Cell::people(format!("cohort:{day}"), format!("{since} in the {period} of {day}"), cohort.accounts));
        for (k, moments) in cohort.up_to.iter().enumerate().filter(|(_, moments)| moments.n > 0) {
            cells.push(mean(format!("cohort:{day}/{k}"), format!("{since} in the {period} of {day}, up to {period} {k}, {unit}"), moments));
        }
    }
    cells
}

/// Makes the cell of a sum of money over rows.
fn sum(id: &str, label: String, tally: &Tally) -> Cell {
    let mut cell = Cell::count(id, label, Unit::Money, tally.rows, tally.accounts);
    cell.value = Some(tally.sum_cents as f64);
    cell
}

/// Makes the cell of a mean over accounts, with its t interval.
fn mean(id: impl Into<String>, label: String, moments: &Moments) -> Cell {
    money(id, label, moments.n, moments.mean_cents()).with_interval(moments.interval_cents(), "t")
}

/// Makes the cell of an amount of money about `n` accounts.
fn money(id: impl Into<String>, label: String, n: u64, value: Option<f64>) -> Cell {
    Cell { unit: Unit::Money, ..number(id, label, n, value) }
}

/// Makes the cell of a number about `n` accounts, with the flags of METRICS C8.
fn number(id: impl Into<String>, label: String, n: u64, value: Option<f64>) -> Cell {
    let mut cell = Cell::people(id, label, n);
    cell.value = value;
    match n {
        0 => cell.flagged("no_data"),
        1..30 => cell.flagged("low_n"),
        _ => cell,
    }
}

/// The money of one shard.
struct Ledger<'a> {
    plan: &'a Plan,
    time_us: &'a [i64],
    /// Minor units, shape `[rows]`.
    revenue: Integers<'a>,
    /// Minor units, shape `[rows]`.
    margin: Option<Integers<'a>>,
    /// What the money curve adds up in minor units, shape `[rows]`.
    curve: Integers<'a>,
}

/// Where the clocks of an account start.
struct Clocks {
    /// Row of the first payment.
    payment: Option<usize>,
    /// Row from which the money curve counts.
    curve: Option<usize>,
}

impl<'a> Ledger<'a> {
    fn of(plan: &'a Plan, view: &View<'a>) -> Self {
        let column = |idx: usize| match view.shard.columns[idx].values {
            Values::Integer(cents) => cents,
            _ => unreachable!("the plan takes columns of whole numbers"),
        };
        let (revenue, curve) = (column(plan.revenue), column(plan.curve));
        Self { plan, time_us: view.shard.time_us, revenue, margin: plan.margin.map(column), curve }
    }

    /// Finds where the clocks of an account start, whatever the question admits.
    fn clocks(&self, mut rows: Range<usize>) -> Clocks {
        let first = (!rows.is_empty()).then_some(rows.start);
        let payment = rows.find(|row| self.revenue.get(*row) > Some(0));
        Clocks {
            payment,
            curve: match self.plan.since {
                Since::FirstPayment => payment,
                Since::FirstSeen => first,
            },
        }
    }

    /// Tells whether a repeat after the first payment could be seen to its end.
    fn is_repeat_observed(&self, payment: usize) -> bool {
        self.time_us[payment].saturating_add(self.plan.repeat_us) <= self.plan.observed_until_us
    }

    /// Finds the second purchase in time: one at a later instant, because rows of one instant are one purchase.
    fn repeat(&self, payment: usize, end: usize) -> Option<usize> {
        let first_us = self.time_us[payment];
        let mut later = (payment + 1..end).take_while(|row| self.time_us[*row] - first_us <= self.plan.repeat_us);
        later.find(|row| self.revenue.get(*row) > Some(0) && self.time_us[*row] > first_us)
    }
}

impl Partial {
    /// Adds one account with those of its `rows` that are `anchors`. O(rows · log anchors).
    fn add(&mut self, ledger: &Ledger, clocks: &Clocks, rows: Range<usize>, anchors: &[usize]) {
        self.accounts += 1;
        let revenue = || anchors.iter().filter_map(|row| ledger.revenue.get(*row)).filter(|cents| *cents != 0);
        let net_cents = self.net.add(revenue());
        self.charges.add(revenue().filter(|cents| *cents > 0));
        self.refunds.add(revenue().filter(|cents| *cents < 0));
        self.of_accounts.add(net_cents);
        if net_cents > 0 {
            self.of_payers.add(net_cents);
            self.payers_cents.push(net_cents);
        }
        if let Some(margin) = ledger.margin {
            let margin_cents = self.margin.add(anchors.iter().filter_map(|row| margin.get(*row)).filter(|cents| *cents != 0));
            self.margin_of_accounts.add(margin_cents);
            if net_cents > 0 {
                self.margin_of_payers.add(margin_cents);
            }
        }
        let is_anchor = |row: &usize| anchors.binary_search(row).is_ok();
        if let Some(payment) = clocks.payment.filter(is_anchor) {
            let observed = ledger.is_repeat_observed(payment);
            self.buyers += 1;
            self.repeat_observed += u64::from(observed);
            self.repeated += u64::from(observed && ledger.repeat(payment, rows.end).is_some());
        }
        if let Some(start) = clocks.curve.filter(is_anchor) {
            self.add_curve(ledger, start..rows.end);
        }
    }

    /// Adds the money curve of one account, whose clock starts at the first of `rows`. O(rows + periods).
    fn add_curve(&mut self, ledger: &Ledger, rows: Range<usize>) {
        let (plan, start_us) = (ledger.plan, ledger.time_us[rows.start]);
        let cohort = self.cohorts.entry(plan.periods.start(start_us)).or_default();
        cohort.accounts += 1;
        cohort.up_to.resize(plan.n_periods, Moments::default());
        let (mut row, mut sum_cents) = (rows.start, 0_i64);
        for (k, up_to) in cohort.up_to.iter_mut().enumerate().take(plan.periods.n_ended(start_us)) {
            while row < rows.end && plan.periods.between(start_us, ledger.time_us[row]) as usize <= k {
                sum_cents = sum_cents.saturating_add(ledger.curve.get(row).unwrap_or(0));
                row += 1;
            }
            up_to.add(sum_cents);
        }
    }

    fn merge(&mut self, other: Partial) {
        self.accounts += other.accounts;
        self.net.merge(other.net);
        self.charges.merge(other.charges);
        self.refunds.merge(other.refunds);
        self.margin.merge(other.margin);
        self.of_accounts.merge(&other.of_accounts);
        self.of_payers.merge(&other.of_payers);
        self.payers_cents.extend(other.payers_cents);
        self.margin_of_accounts.merge(&other.margin_of_accounts);
        self.margin_of_payers.merge(&other.margin_of_payers);
        self.buyers += other.buyers;
        self.repeat_observed += other.repeat_observed;
        self.repeated += other.repeated;
        for (day, from) in other.cohorts {
            let into = self.cohorts.entry(day).or_default();
            into.accounts += from.accounts;
            into.up_to.resize(from.up_to.len(), Moments::default());
            into.up_to.iter_mut().zip(&from.up_to).for_each(|(into, from)| into.merge(from));
        }
    }
}

impl Tally {
    /// Adds the money of one account; returns its sum in minor units.
    fn add(&mut self, money: impl Iterator<Item = i64>) -> i64 {
        let (rows, sum_cents) = money.fold((0, 0_i64), |(rows, sum), cents| (rows + 1, sum.saturating_add(cents)));
        self.rows += rows;
        self.accounts += u64::from(rows > 0);
        self.sum_cents += i128::from(sum_cents);
        sum_cents
    }

    fn merge(&mut self, other: Tally) {
        self.rows += other.rows;
        self.accounts += other.accounts;
        self.sum_cents += other.sum_cents;
    }
}

/// The accounts that a cell counts.
enum Wanted<'a> {
    All,
    Net,
    Charges,
    Refunds,
    Margin,
    Payers,
    Buyers,
    Repeated,
    /// Accounts whose clock started, in any cohort or one, and for whom so many periods ended.
    Clock {
        cohort: Option<&'a str>,
        n_ended: usize,
    },
}

impl<'a> Wanted<'a> {
    fn parse(plan: &Plan, cell: &'a str) -> Option<Self> {
        let n_ended = |k: &str| k.parse().ok().filter(|k| *k < plan.n_periods).map(|k: usize| k + 1);
        let margin = plan.margin.is_some();
        Some(match cell.split_once(':') {
            None => match cell {
                "accounts" | "per_account_cents" => Self::All,
                "margin_per_account_cents" if margin => Self::All,
                "net_cents" => Self::Net,
                "charges_cents" => Self::Charges,
                "refunds_cents" => Self::Refunds,
                "margin_cents" if margin => Self::Margin,
                "paying" | "per_payer_cents" | "median_cents" | "largest" => Self::Payers,
                "margin_per_payer_cents" if margin => Self::Payers,
                "buyers" => Self::Buyers,
                "repeat" => Self::Repeated,
                "clocks" => Self::Clock { cohort: None, n_ended: 0 },
                _ => return None,
            },
            Some(("period", k)) => Self::Clock { cohort: None, n_ended: n_ended(k)? },
            Some(("cohort", cohort)) if plan.cohorts == Cohorts::Show => match cohort.split_once('/') {
                None => Self::Clock { cohort: Some(cohort), n_ended: 0 },
                Some((cohort, k)) => Self::Clock { cohort: Some(cohort), n_ended: n_ended(k)? },
            },
            _ => return None,
        })
    }

    /// Returns the rows that make an account count; `None` where it does not.
    fn rows(&self, ledger: &Ledger, clocks: &Clocks, rows: Range<usize>, anchors: &[usize]) -> Option<Vec<usize>> {
        let of = |cents: Integers, counts: fn(i64) -> bool| -> Option<Vec<usize>> {
            let found: Vec<usize> = anchors.iter().copied().filter(|row| cents.get(*row).is_some_and(counts)).collect();
            (!found.is_empty()).then_some(found)
        };
        let is_anchor = |row: &usize| anchors.binary_search(row).is_ok();
        match self {
            Self::All => Some(vec![anchors[0]]),
            Self::Net => of(ledger.revenue, |cents| cents != 0),
            Self::Charges => of(ledger.revenue, |cents| cents > 0),
            Self::Refunds => of(ledger.revenue, |cents| cents < 0),
            Self::Margin => of(ledger.margin?, |cents| cents != 0),
            Self::Payers => {
                let found = of(ledger.revenue, |cents| cents != 0)?;
                let net_cents = found.iter().fold(0_i64, |sum, row| sum.saturating_add(ledger.revenue.get(*row).unwrap_or(0)));
                (net_cents > 0).then_some(found)
            }
            Self::Buyers => Some(vec![clocks.payment.filter(is_anchor)?]),
            Self::Repeated => {
                let payment = clocks.payment.filter(is_anchor).filter(|payment| ledger.is_repeat_observed(*payment))?;
                Some(vec![payment, ledger.repeat(payment, rows.end)?])
            }
            Self::Clock { cohort, n_ended } => {
                let start = clocks.curve.filter(is_anchor)?;
                let (periods, start_us) = (&ledger.plan.periods, ledger.time_us[start]);
                let counts = periods.n_ended(start_us) >= *n_ended && cohort.is_none_or(|day| format_day(periods.start(start_us)) == day);
                let in_time = |row: &usize| (periods.between(start_us, ledger.time_us[*row]) as usize) < *n_ended;
                let money = (start + 1..rows.end).take_while(in_time).filter(|row| ledger.curve.get(*row).is_some_and(|cents| cents != 0));
                counts.then(|| std::iter::once(start).chain(money).collect())
            }
        }
    }
}
