//! Where accounts are lost on the way from stage to stage, how many, and what they were worth.

mod kernel;
#[cfg(test)]
mod tests;

use diptych_event::Names;
use diptych_event::account::REVENUE_CENTS;
use diptych_event::time::{DAY_US, format_duration, parse_duration};
use diptych_event::timeline::{ColumnKind, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stages::kernel::{Fate, incidence_cell};
use super::stages::{USUAL_HORIZON_US, fate};
use crate::derive::stages::{Rules, Stay};
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
use crate::stats::Z_95;
use kernel::{Money, product_variance};

/// How long after it advanced an account's money counts, unless the question says.
const USUAL_VALUE_WITHIN_US: i64 = 90 * DAY_US;

/// The operator.
pub struct DropOffs;

/// Parameters of drop-offs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Time within which accounts are lost, in the cells `…:incidence`: 30d; the stage's `lost_after`, or else 90d, unless
    /// given.
    #[serde(default)]
    pub within: Option<String>,
    /// Time after an account advanced in which its money counts as its value; 90d unless given.
    #[serde(default)]
    pub value_within: Option<String>,
}

/// A checked question.
pub struct Plan {
    rules: Rules,
    /// Shape `[stages]`.
    horizons_us: Vec<i64>,
    /// Stages from which accounts can drop off: neither final nor the last.
    from: Vec<usize>,
    money: Option<MoneyPlan>,
    names: Names,
}

/// Where money stands, and which of it counts.
struct MoneyPlan {
    column: usize,
    /// `margin` or `revenue`.
    what: &'static str,
    within_us: i64,
    observed_until_us: i64,
}

/// Counts of some accounts; shape `[stages from which accounts can drop off]`.
#[derive(Debug, Clone, Serialize)]
pub struct Partial {
    drops: Vec<DropOff>,
}

/// Counts of one stage.
#[derive(Debug, Default, Clone, Serialize)]
struct DropOff {
    /// Microseconds in the stage of each account at risk, and what became of it; sorted by `finish`.
    times: Vec<(i64, Fate)>,
    /// Money of the accounts that advanced and were observed for long enough after.
    money: Money,
}

impl Operator for DropOffs {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "drop_offs",
        panel: Panel::Hinge,
        title: "Drop-offs",
        question: "At which stage are accounts lost, how many, and how much money is at stake?",
        anchor: "an account in a stage, at the row with which it first entered",
        counting: "Counts accounts by what became of their first stay in each stage that is neither final nor the last; money at stake is lost accounts times the mean value of one that advanced.",
        sources: &["METRICS 2.2", "METRICS 3.4", "Goodman 1960"],
        chart: Chart::DropOffs,
        samples: &[r#"{}"#, r#"{"within":"5d","value_within":"3d"}"#, r#"{"value_within":"20d"}"#],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let rules = Rules::compile(context)?;
        let duration = |parameter: &str, text: &Option<String>| {
            text.as_ref().map(|text| parse_duration(text).map_err(|what| AskError::parameter(parameter, what))).transpose()
        };
        let within_us = duration("within", &params.within)?;
        let value_within_us = duration("value_within", &params.value_within)?.unwrap_or(USUAL_VALUE_WITHIN_US);
        let horizon_us = |stage| within_us.or(rules.lost_after_us(stage)).unwrap_or(USUAL_HORIZON_US);
        let horizons_us = (0..rules.len()).map(horizon_us).collect();
        let from: Vec<usize> = (0..rules.len() - 1).filter(|stage| !rules.is_final(*stage)).collect();
        if from.is_empty() {
            context.notes.push("no account can drop off: every stage of the spec is final or the last".into());
        }
        for stage in from.iter().filter(|stage| !rules.can_lose(**stage)) {
            let name = &rules.names()[*stage];
            context.notes.push(format!("nobody can be lost from {name}: the spec gives it neither `leave` nor `lost_after`"));
        }
        let is_revenue = |(name, kind): &(String, ColumnKind)| name == REVENUE_CENTS && *kind == ColumnKind::Integer;
        let revenue = context.catalog.columns.iter().position(is_revenue).map(|column| (column, "revenue"));
        let column = context.margin_column().map(|column| (column, "margin")).or(revenue);
        let money = column.map(|(column, what)| MoneyPlan {
            column,
            what,
            within_us: value_within_us,
            observed_until_us: context.catalog.observed_until_us,
        });
        if money.is_none() {
            context.notes.push(format!("no money at stake: the accounts have no column {REVENUE_CENTS}"));
        }
        Ok(Plan { rules, horizons_us, from, money, names: context.catalog.names.clone() })
    }

    fn empty(&self, plan: &Plan) -> Partial {
        Partial { drops: vec![DropOff::default(); plan.from.len()] }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        for_each_account(plan, view, |account| {
            out.each(view.group(account.stay.entered_row), |partial| {
                let drop = &mut partial.drops[account.drop_idx];
                drop.times.push((account.stay.ended_us - account.stay.entered_us, fate(account.stay.end)));
                account.value_cents.into_iter().for_each(|cents| drop.money.add(cents));
            });
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        for (into, from) in total.drops.iter_mut().zip(other.drops) {
            into.times.extend(from.times);
            into.money.merge(&from.money);
        }
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (stage, drop) in plan.from.iter().zip(&mut total.drops) {
            drop.times.sort_unstable();
            cells.extend(plan.cells(*stage, drop));
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some((drop_idx, wanted)) = plan.wanted(cell) else { return false };
        for_each_account(plan, view, |account| {
            let (stay, fate) = (&account.stay, fate(account.stay.end));
            let counts = match wanted {
                Wanted::All => true,
                Wanted::Fate(wanted) => fate == wanted,
                Wanted::LostWithin => fate == Fate::Lost && stay.ended_us - stay.entered_us <= plan.horizons_us[stay.stage],
                Wanted::Valued => account.value_cents.is_some(),
            };
            if account.drop_idx == drop_idx && counts {
                let rows: Vec<usize> = [Some(stay.entered_row), stay.ended_row].into_iter().flatten().collect();
                sink.add(view, &plan.names, account.actor_idx, &rows);
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        partial.drops.iter().map(|drop| size_of::<DropOff>() + 16 * drop.times.capacity()).sum::<usize>() + size_of::<Partial>()
    }
}

/// The accounts that a cell opens.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    Fate(Fate),
    LostWithin,
    Valued,
}

impl Plan {
    /// Names the drop-off from a stage: `awareness→purchase`.
    fn title(&self, stage: usize) -> String {
        format!("{}→{}", self.rules.names()[stage], self.rules.names()[stage + 1])
    }

    fn cells(&self, stage: usize, drop: &DropOff) -> Vec<Cell> {
        let (title, name) = (self.title(stage), &self.rules.names()[stage]);
        let id = |what: &str| format!("drop:{title}:{what}");
        let count = |wanted: Fate| drop.times.iter().filter(|(_, fate)| *fate == wanted).count() as u64;
        let (advanced, lost, open) = (count(Fate::Moved), count(Fate::Lost), count(Fate::Open));
        let horizon_us = self.horizons_us[stage];
        let lost_within = drop.times.iter().filter(|(time_us, fate)| *fate == Fate::Lost && *time_us <= horizon_us).count() as u64;
        let rate = Cell::share(id("rate"), format!("lost from {name}, of those decided"), Unit::Actor, lost, advanced + lost, lost);
        let label = format!("lost from {name} within {}", format_duration(horizon_us));
        let mut cells = vec![
            Cell::people(id("at_risk"), format!("accounts that entered {name}"), drop.times.len() as u64),
            Cell::people(id("advanced"), format!("went on from {name} to a later stage"), advanced),
            Cell::people(id("lost"), format!("lost from {name}"), lost),
            Cell::people(id("open"), format!("in {name} when observation ended"), open),
            if open > 0 { rate.flagged("immature_cohort") } else { rate },
            incidence_cell((id("incidence"), label), Unit::Actor, &drop.times, Fate::Lost, horizon_us, lost_within),
        ];
        if let Some(money) = &self.money {
            let value_label = format!("{} within {} of going on, mean in cents", money.what, format_duration(money.within_us));
            let stake_label = format!("{} at stake from {name}", money.what);
            cells.extend(money_cells((id("value_cents"), value_label), (id("at_stake_cents"), stake_label), &drop.money, advanced, lost));
        }
        cells
    }

    /// Returns the drop-off of a cell and the accounts that it opens.
    fn wanted(&self, cell: &str) -> Option<(usize, Wanted)> {
        let (title, what) = cell.strip_prefix("drop:")?.split_once(':')?;
        let drop_idx = self.from.iter().position(|stage| self.title(*stage) == title)?;
        let wanted = match what {
            "at_risk" => Wanted::All,
            "advanced" => Wanted::Fate(Fate::Moved),
            "lost" | "rate" => Wanted::Fate(Fate::Lost),
            "open" => Wanted::Fate(Fate::Open),
            "incidence" => Wanted::LostWithin,
            "value_cents" if self.money.is_some() => Wanted::Valued,
            "at_stake_cents" if self.money.is_some() => Wanted::Fate(Fate::Lost),
            _ => return None,
        };
        Some((drop_idx, wanted))
    }
}

/// Makes the cells of the mean value of an account that advanced, and of the money at stake.
fn money_cells(value: (String, String), stake: (String, String), money: &Money, advanced: u64, lost: u64) -> [Cell; 2] {
    let (mean, variance) = (money.mean_cents(), money.variance_of_mean());
    let around = |value: f64, variance: f64| (value - Z_95 * variance.sqrt(), value + Z_95 * variance.sqrt());
    let cell = |(id, label): (String, String), n: u64, value: Option<f64>, interval: Option<(f64, f64)>, method| {
        let mut cell = Cell::count(id, label, Unit::Money, n, n).with_interval(interval, method);
        cell.value = value;
        match money.n {
            0 => cell.flags.push("no_data"),
            1..30 => cell.flags.push("low_n"),
            _ => {}
        }
        if money.n < advanced { cell.flagged("immature_cohort") } else { cell }
    };
    let at_stake = mean.map(|mean| lost as f64 * mean);
    let interval = mean.zip(variance).filter(|_| lost > 0 && advanced > 0).map(|(mean, variance)| {
        let (decided, share) = (advanced + lost, lost as f64 / (advanced + lost) as f64);
        around(lost as f64 * mean, product_variance(decided, share, mean, variance))
    });
    [
        cell(value, money.n, mean, mean.zip(variance).map(|(mean, variance)| around(mean, variance)), "normal"),
        cell(stake, lost, at_stake, interval, "goodman"),
    ]
}

/// One account at risk in one stage.
struct Account {
    actor_idx: usize,
    /// Position in [`Plan::from`].
    drop_idx: usize,
    stay: Stay,
    /// Money after it advanced; `None` where it did not, or was not observed for long enough after.
    value_cents: Option<i128>,
}

/// Calls `take` with each admitted first stay of a selected account in each stage that can be dropped off from.
///
/// O(rows), and O(rows within the value's time) per stage where accounts advanced.
fn for_each_account(plan: &Plan, view: &View, mut take: impl FnMut(Account)) {
    let mut seen = vec![false; plan.rules.len()];
    for (actor_idx, rows) in view.journeys() {
        seen.fill(false);
        let end = rows.end;
        plan.rules.history(view, rows, &mut |stay| {
            let again = std::mem::replace(&mut seen[stay.stage], true);
            let drop_idx = plan.from.iter().position(|stage| *stage == stay.stage);
            let (Some(drop_idx), false, true) = (drop_idx, again, view.admits(stay.entered_row)) else { return };
            let advanced_row = stay.ended_row.filter(|_| fate(stay.end) == Fate::Moved);
            let value_cents = plan.money.as_ref().zip(advanced_row).and_then(|(money, row)| money.value_cents(view, row, end));
            take(Account { actor_idx, drop_idx, stay, value_cents });
        });
    }
}

impl MoneyPlan {
    /// Adds up the money of the rows from `row` on, before row `end`, as long as it counts; `None` when observation ended
    /// before.
    fn value_cents(&self, view: &View, row: usize, end: usize) -> Option<i128> {
        let until_us = view.shard.time_us[row].saturating_add(self.within_us);
        let Values::Integer(cents) = view.shard.columns[self.column].values else { return None };
        let in_time = (row..end).take_while(|row| view.shard.time_us[*row] <= until_us);
        let known = in_time.filter_map(|row| cents.get(row));
        (until_us <= self.observed_until_us).then(|| known.map(i128::from).sum())
    }
}
