//! From rows of accounts to the cells of the answer, and who is behind each.

use super::estimate::{Cohort, Comparison, MAX_PLAYERS, Pattern};
use super::kernel::{Account, Fate};
use super::{Design, Partial, Plan, Row};
use crate::seam::{Cell, Unit, View};
use crate::stats::money::revenue_at_risk;
use crate::stats::multiple::benjamini_hochberg;
use crate::stats::proportions::smallest_detectable_difference;
use crate::stats::tables::{e_value, e_value_of_interval};
use crate::stats::{Estimate, means, newcombe, ratio};

/// Adjusted p up to which a signal is named (DECISIONS 19).
const NAMED: f64 = 0.05;
/// Adjusted p up to which a signal is listed as exploratory.
const EXPLORATORY: f64 = 0.10;

/// How the intervals of adjusted differences are made.
const METHOD: &str = "influence_function";

/// Makes the cells: the drop-off, all signals together, then the signals by the least loss that they go with.
pub fn cells(plan: &Plan, total: &Partial) -> Vec<Cell> {
    let rows: Vec<&Row> = total.strata.values().flatten().collect();
    let n_lost = rows.iter().filter(|row| row.lost).count() as u64;
    let n_resolved = rows.len() as u64;
    let stage = &plan.rules.names()[plan.stage];
    let mut cells = vec![
        Cell::people("resolved", format!("accounts that entered {stage} and were lost or went on"), n_resolved),
        Cell::people("open", "neither lost nor gone on yet; not in the comparison", total.n_open),
        Cell::people("too_recent", "entered too late to be lost by time yet; not in the comparison", total.n_too_recent),
    ];
    if matches!(plan.design, Design::Landmark(_)) {
        cells.push(Cell::people("early", "lost or gone on before the landmark; not in the comparison", total.n_early));
    }
    cells.push(Cell::share("lost", "lost", Unit::Actor, n_lost, n_resolved, n_lost));
    let values: Vec<f64> = rows.iter().filter_map(|row| row.value_cents).map(|cents| cents as f64).collect();
    let value = means::mean(&values).and_then(|mean| Some((mean, Estimate::normal(mean.value, mean.sd? / (mean.n as f64).sqrt())?)));
    if plan.value.is_some() {
        let n = values.len() as u64;
        let label = format!("{} of an account that went on", plan.value_label);
        let mut cell = Cell::count("value", label, Unit::Actor, n, n);
        cell.value = means::mean(&values).map(|mean| mean.value);
        cells.push(if n == 0 { cell.flagged("no_data") } else { cell }.with_interval(value.and_then(|(mean, _)| mean.interval), "t"));
        let mut cell =
            Cell::count("lost:money", format!("{} of the accounts lost, had they gone on", plan.value_label), Unit::Actor, n_lost, n_lost);
        cell.value = value.map(|(_, value)| n_lost as f64 * value.value);
        cells.push(cell.with_interval(value.map(|(_, value)| scaled(value.interval, n_lost as f64)), "t"));
    }
    let value = value.map(|(_, value)| value);
    let cohort = cohort(plan, total);
    let report = Report::new(plan, &cohort, &rows);
    report.add_joint(plan, &cohort, value, &mut cells);
    for idx in &report.ranked {
        report.add_signal(plan, *idx, value, &mut cells);
    }
    cells
}

fn scaled((lo, hi): (f64, f64), by: f64) -> (f64, f64) {
    (lo * by, hi * by)
}

fn cohort(plan: &Plan, total: &Partial) -> Cohort {
    let pattern = |stratum: usize, row: &Row| Pattern { stratum, states: row.states.to_vec(), met: row.met.to_vec(), lost: row.lost };
    let accounts = total.strata.values().enumerate().flat_map(|(stratum, rows)| rows.iter().map(move |row| (stratum, row)));
    Cohort::new(plan.design.n_states(), accounts.map(|(stratum, row)| (row.component.to_string(), pattern(stratum, row))))
}

/// All signals with what they go with.
struct Report {
    signals: Vec<Signal>,
    /// Positions of the signals, those first that go with the most accounts lost for certain.
    ranked: Vec<usize>,
    /// Signals that were tested.
    n_tests: usize,
    /// Accounts that met any signal at an opportunity.
    n_exposed: u64,
}

/// One signal with what it goes with.
struct Signal {
    comparison: Comparison,
    /// The same without strata.
    unstratified: Option<Estimate>,
    /// p of the difference alone; none where too few are expected.
    p: Option<f64>,
    p_adjusted: Option<f64>,
    /// Accounts that met it at any time before the outcome, and those of them lost; the same for all others.
    ever: [u64; 4],
    /// Accounts that came to some step without having met it, and did not meet it there.
    n_clean: u64,
    flags: Vec<&'static str>,
}

impl Signal {
    /// Tells whether the interval leaves out no difference.
    fn is_detected(&self) -> bool {
        self.comparison.difference().is_some_and(|difference| difference.interval.0 > 0.0 || difference.interval.1 < 0.0)
    }

    fn is_named(&self) -> bool {
        self.p_adjusted.is_some_and(|p| p <= NAMED) && !self.flags.contains(&"simpson_reversal")
    }
}

impl Report {
    fn new(plan: &Plan, cohort: &Cohort, rows: &[&Row]) -> Self {
        let together = cohort.without_strata();
        let alone = |signal: usize| (0..plan.signals.len()).map(|other| other == signal).collect::<Vec<bool>>();
        let mut signals: Vec<Signal> = (0..plan.signals.len())
            .map(|idx| {
                let comparison = cohort.compare(&alone(idx));
                let unstratified = together.compare(&alone(idx)).difference();
                let code = idx as u16;
                let count = |met: bool, lost_only: bool| {
                    rows.iter().filter(|row| row.ever.contains(&code) == met && (row.lost || !lost_only)).count() as u64
                };
                let is_clean = |row: &&&Row| row.met.iter().find(|(signal, _)| *signal == code).is_none_or(|(_, at)| *at > 0);
                Signal {
                    unstratified,
                    p: comparison.difference().filter(|_| comparison.is_enough()).and_then(|difference| difference.p()),
                    p_adjusted: None,
                    ever: [count(true, true), count(true, false), count(false, true), count(false, false)],
                    n_clean: rows.iter().filter(is_clean).count() as u64,
                    flags: flags(&comparison, unstratified),
                    comparison,
                }
            })
            .collect();
        let p: Vec<Option<f64>> = signals.iter().map(|signal| signal.p).collect();
        let adjusted = benjamini_hochberg(&p);
        signals.iter_mut().zip(&adjusted).for_each(|(signal, p)| signal.p_adjusted = *p);
        let least = |idx: &usize| signals[*idx].comparison.excess().map_or(f64::NEG_INFINITY, |excess| excess.interval.0);
        let mut ranked: Vec<usize> = (0..signals.len()).collect();
        ranked.sort_by(|a, b| least(b).total_cmp(&least(a)).then(a.cmp(b)));
        let n_exposed = rows.iter().filter(|row| !row.met.is_empty()).count() as u64;
        Self { ranked, n_tests: p.iter().flatten().count(), signals, n_exposed }
    }

    /// Adds all signals together, the named ones together and each one's part of it, and what the others add.
    fn add_joint(&self, plan: &Plan, cohort: &Cohort, value: Option<Estimate>, cells: &mut Vec<Cell>) {
        let n = plan.signals.len();
        let set = |of: &[usize]| (0..n).map(|idx| of.contains(&idx)).collect::<Vec<bool>>();
        let mut named: Vec<usize> = self.ranked.iter().copied().filter(|idx| self.signals[*idx].is_named()).collect();
        named.truncate(MAX_PLAYERS);
        let (all, of_named) = (cohort.compare(&vec![true; n]), cohort.compare(&set(&named)));
        let joint = [
            ("all", "any signal", &all, all.excess()),
            ("named", "the named signals", &of_named, of_named.excess()),
            ("other", "the other signals, beyond the named ones", &all, all.excess().map(|_| cohort.beyond(&all, &of_named))),
        ];
        for (id, name, comparison, excess) in joint {
            let (lost, money) = if id == "other" { ("share", "share_money") } else { ("lost", "money") };
            let label = format!("accounts lost beyond those expected without {name}");
            let mut cell = Cell::count(format!("{id}:{lost}"), label, Unit::Actor, comparison.n, self.n_exposed);
            cell.flags = exposure_flags(comparison);
            cells.push(estimated(cell, excess));
            if plan.value.is_some() {
                let label = format!("{} of accounts lost beyond those expected without {name}", plan.value_label);
                let cell = Cell::count(format!("{id}:{money}"), label, Unit::Actor, comparison.n, self.n_exposed);
                cells.push(priced(cell, excess, value));
            }
        }
        let players: Vec<Vec<bool>> = named.iter().map(|idx| set(&[*idx])).collect();
        for (idx, share) in named.iter().zip(cohort.shares(&players)) {
            let (name, n_exposed) = (&plan.signals[*idx], self.signals[*idx].comparison.n_exposed);
            let label = format!("{name}: part of the accounts lost that go with the named signals together");
            cells.push(estimated(Cell::count(format!("signal:{name}:share"), label, Unit::Actor, n_exposed, n_exposed), Some(share)));
            if plan.value.is_some() {
                let label = format!("{name}: {} of that part", plan.value_label);
                let cell = Cell::count(format!("signal:{name}:share_money"), label, Unit::Actor, n_exposed, n_exposed);
                cells.push(priced(cell, Some(share), value));
            }
        }
    }

    fn add_signal(&self, plan: &Plan, idx: usize, value: Option<Estimate>, cells: &mut Vec<Cell>) {
        let (name, signal) = (&plan.signals[idx], &self.signals[idx]);
        let comparison = &signal.comparison;
        let n_exposed = comparison.n_exposed;
        let id = |part: &str| format!("signal:{name}:{part}");
        let number = |part: &str, label: String, n: u64, people: u64, value: Option<f64>| {
            let mut cell = Cell::count(id(part), label, Unit::Actor, n, people);
            cell.value = value.filter(|value| value.is_finite());
            cell
        };
        let mut main = Cell::count(format!("signal:{name}"), self.sentence(plan, idx), Unit::Actor, comparison.n, n_exposed);
        main.flags = signal.flags.clone();
        main.flags.push(if signal.is_named() { "e1" } else { "e0" });
        if !signal.is_named() && signal.p_adjusted.is_some_and(|p| p <= EXPLORATORY) {
            main.flags.push("exploratory");
        }
        cells.push(estimated(main, comparison.difference()));
        let share = Cell::share(
            id("exposed"),
            format!("{name}: lost among those who met it and can be compared"),
            Unit::Actor,
            comparison.lost,
            comparison.n,
            n_exposed,
        );
        cells.push(share);
        let label = format!("{name}: share that would be lost without it, from accounts that came to the same step and did not meet it");
        cells.push(number("comparison", label, signal.n_clean, signal.n_clean, comparison.expected_share()));
        let [x1, n1, x0, n0] = signal.ever;
        let difference = ratio(x1, n1).zip(ratio(x0, n0)).map(|(p1, p0)| p1 - p0);
        let label = format!("{name}: met at any time against never, for warning: who stays longer meets more");
        let crude = number("crude", label, n1 + n0, n1, difference).with_interval(newcombe(x1, n1, x0, n0), "newcombe");
        cells.push(crude.flagged("immortal_time"));
        cells.push(estimated(
            number("unstratified", format!("{name}: difference by step alone"), comparison.n, n_exposed, None),
            signal.unstratified,
        ));
        let tables = comparison.tables();
        let label = format!("{name}: difference by another method (Mantel–Haenszel), in which later meetings stay in the comparison");
        let other = number("mantel_haenszel", label, comparison.n, n_exposed, None);
        cells.push(match tables.mantel_haenszel_difference() {
            Some(estimate) => estimated(other, Some(estimate)).with_interval(Some(estimate.interval), "mantel_haenszel"),
            None => other.flagged("no_data"),
        });
        cells.push(number("p", format!("{name}: p, of this signal alone"), comparison.n, n_exposed, signal.p));
        let label = format!("{name}: p, adjusted for {} signals (Benjamini–Hochberg)", self.n_tests);
        cells.push(number("p_adjusted", label, comparison.n, n_exposed, signal.p_adjusted));
        let ratio = tables.mantel_haenszel_risk_ratio();
        let label = format!("{name}: how strongly, as a risk ratio, something unmeasured must be tied to both to explain it (E-value)");
        let mut cell = number("e_value", label, comparison.n, n_exposed, ratio.and_then(|ratio| e_value(ratio.value)));
        cell.lo = ratio.and_then(|ratio| e_value_of_interval(ratio.interval));
        cells.push(cell);
        let detectable = signal.detectable();
        let label = match detectable {
            Some(points) => format!(
                "{name}: with so many accounts, a difference of {} points would show 4 times in 5, a smaller one less often",
                percent(points)
            ),
            None => format!("{name}: too few accounts for any difference to show; read the cases one by one"),
        };
        cells.push(number("detectable", label, comparison.n, n_exposed, detectable));
        let excess = comparison.excess();
        cells.push(estimated(
            number("lost", format!("{name}: accounts lost beyond those expected without it"), comparison.n, n_exposed, None),
            excess,
        ));
        if plan.value.is_some() {
            let label = match (signal.is_named(), signal.is_detected()) {
                (true, _) => format!("{name}: {} associated with it, adjusted for {}", plan.value_label, plan.adjusted_for),
                (false, true) => format!("{name}: not named among {} signals, so no price", self.n_tests),
                (false, false) => format!("{name}: no detectable difference, so no price"),
            };
            let cell = priced(number("money", label, comparison.n, n_exposed, None), excess, value);
            cells.push(if signal.is_named() { cell } else { cell.flagged("not_priced") });
        }
    }

    /// Says what was found, in the words that the evidence allows (METRICS 3.9).
    fn sentence(&self, plan: &Plan, idx: usize) -> String {
        let (name, signal) = (&plan.signals[idx], &self.signals[idx]);
        let comparison = &signal.comparison;
        let Some(difference) = comparison.difference() else {
            return format!("{name}: {} accounts met it, none of which can be compared; read the cases one by one", comparison.n_exposed);
        };
        let interval = format!("95 % interval {} to {}", percent(difference.interval.0), percent(difference.interval.1));
        if signal.is_named() {
            let more = if difference.value > 0.0 { "more" } else { "fewer" };
            let e_value = comparison.tables().mantel_haenszel_risk_ratio().and_then(|ratio| e_value(ratio.value));
            let e_value = e_value.map_or(String::new(), |e_value| format!(" (E-value {e_value:.1})"));
            let points = percent(difference.value.abs());
            let adjusted = &plan.adjusted_for;
            return format!(
                "After adjusting for {adjusted}, {name} is associated with {points} points {more} accounts lost ({interval}). Unmeasured differences could explain this{e_value}."
            );
        }
        let (lost, n) = (comparison.lost, comparison.n);
        if signal.is_detected() {
            return format!(
                "{lost} of {n} accounts that met {name} were lost, {:.1} expected ({interval}); with {} signals tested this may be chance.",
                comparison.expected, self.n_tests
            );
        }
        let seen = match signal.detectable() {
            Some(points) => format!("a difference below {} points could have gone unseen", percent(points)),
            None => "too few accounts for any difference to show; read the cases one by one".to_owned(),
        };
        format!("{lost} of {n} accounts that met {name} were lost; no detectable association ({interval}): {seen}.")
    }
}

impl Signal {
    /// Returns the smallest difference that would have been detected with 80 % power.
    fn detectable(&self) -> Option<f64> {
        smallest_detectable_difference(self.comparison.n_comparison(), self.comparison.n, self.comparison.expected_share()?)
    }
}

/// Puts an estimate into a cell.
fn estimated(mut cell: Cell, estimate: Option<Estimate>) -> Cell {
    cell.value = estimate.map(|estimate| estimate.value);
    if estimate.is_none() && !cell.flags.contains(&"no_data") {
        cell.flags.push("no_data");
    }
    cell.with_interval(estimate.map(|estimate| estimate.interval), METHOD)
}

/// Puts the money of accounts lost into a cell.
fn priced(cell: Cell, lost: Option<Estimate>, value: Option<Estimate>) -> Cell {
    estimated(cell, lost.zip(value).and_then(|(lost, value)| revenue_at_risk(1, &lost, &value)))
}

/// Writes a share as a number of points.
fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

fn exposure_flags(comparison: &Comparison) -> Vec<&'static str> {
    let mut flags = match comparison.n {
        0 => vec!["no_data"],
        n if n < 30 || !comparison.is_enough() => vec!["low_n"],
        _ => Vec::new(),
    };
    if comparison.n < comparison.n_exposed {
        flags.push("no_overlap");
    }
    flags
}

/// Warns where one number does not tell all (METRICS 3.5). Crude is the comparison by step alone: what strata explain.
fn flags(comparison: &Comparison, unstratified: Option<Estimate>) -> Vec<&'static str> {
    let mut flags = exposure_flags(comparison);
    if let Some((crude, adjusted)) = unstratified.zip(comparison.difference()) {
        let excludes_0 = |estimate: &Estimate| estimate.interval.0 > 0.0 || estimate.interval.1 < 0.0;
        if crude.value * adjusted.value < 0.0 && (excludes_0(&crude) || excludes_0(&adjusted)) {
            flags.push("simpson_reversal");
        }
        if (crude.value - adjusted.value).abs() > 0.1 * crude.value.abs() + 1e-12 {
            flags.push("confounded");
        }
    }
    if comparison.tables().breslow_day().is_some_and(|test| test.p < 0.05) {
        flags.push("heterogeneous");
    }
    flags
}

/// The accounts behind a cell.
pub enum People {
    /// Those with a fate.
    Fated(&'static [Fate]),
    /// Those whose value was observed.
    Valued,
    /// Those who met any signal at an opportunity.
    MetAny,
    /// Those who met a signal at an opportunity.
    Met(u16),
    /// Those who met a signal at any time before the outcome.
    MetEver(u16),
    /// Those who came to a step without having met a signal, and did not meet it there.
    Clean(u16),
}

impl People {
    /// Finds the people of a cell; `None` where the operator has no such cell.
    pub fn of_cell(plan: &Plan, cell: &str) -> Option<Self> {
        let has_value = plan.value.is_some();
        match cell {
            "resolved" => return Some(Self::Fated(&[Fate::Lost, Fate::Advanced])),
            "open" => return Some(Self::Fated(&[Fate::Open])),
            "too_recent" => return Some(Self::Fated(&[Fate::TooRecent])),
            "early" if matches!(plan.design, Design::Landmark(_)) => return Some(Self::Fated(&[Fate::Early])),
            "lost" => return Some(Self::Fated(&[Fate::Lost])),
            "lost:money" if has_value => return Some(Self::Fated(&[Fate::Lost])),
            "value" if has_value => return Some(Self::Valued),
            "all:lost" | "named:lost" | "other:share" => return Some(Self::MetAny),
            "all:money" | "named:money" | "other:share_money" if has_value => return Some(Self::MetAny),
            _ => {}
        }
        let rest = cell.strip_prefix("signal:")?;
        let signal = |name: &str| plan.signals.iter().position(|known| known == name).map(|idx| idx as u16);
        if let Some(signal) = signal(rest) {
            return Some(Self::Met(signal));
        }
        let (name, part) = rest.rsplit_once(':')?;
        let signal = signal(name)?;
        match part {
            "crude" => Some(Self::MetEver(signal)),
            "comparison" => Some(Self::Clean(signal)),
            "exposed" | "unstratified" | "mantel_haenszel" | "p" | "p_adjusted" | "e_value" | "detectable" | "lost" | "share" => {
                Some(Self::Met(signal))
            }
            "money" | "share_money" if has_value => Some(Self::Met(signal)),
            _ => None,
        }
    }

    /// Tells whether an account is one of them, and with which row of a signal.
    pub fn find(&self, plan: &Plan, view: &View, account: &Account) -> Option<Option<usize>> {
        let met = |signal: u16| account.met.iter().find(|met| met.signal == signal);
        let at_opportunity = |signal: u16| met(signal).filter(|met| met.at.is_some());
        match self {
            Self::Fated(fates) => fates.contains(&account.fate).then_some(None),
            _ if !account.is_resolved() => None,
            Self::Valued => plan.value_cents(view, account).map(|_| None),
            Self::MetAny => account.met.iter().filter(|met| met.at.is_some()).map(|met| met.row).min().map(Some),
            Self::Met(signal) => at_opportunity(*signal).map(|met| Some(met.row)),
            Self::MetEver(signal) => met(*signal).map(|met| Some(met.row)),
            Self::Clean(signal) => at_opportunity(*signal).is_none_or(|met| met.at > Some(0)).then_some(None),
        }
    }
}
