//! Where accounts stand in the relationship: who is in which stage, who moves on, who is lost, and how long it takes.

pub(super) mod kernel;
#[cfg(test)]
pub(super) mod tests;

use diptych_event::Names;
use diptych_event::time::{DAY_US, format_duration, parse_duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::stages::{End, Rules, Stay};
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
use crate::stats::{median_interval_sorted, quantile_sorted};
use kernel::{Fate, incidence_cell};

/// The horizon where neither the question nor the stage says one.
pub(super) const USUAL_HORIZON_US: i64 = 90 * DAY_US;

/// The operator.
pub struct Stages;

/// Parameters of stages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Time within which accounts move on or are lost, in the cells `within:…`: 30d; the stage's `lost_after`, or else 90d,
    /// unless given.
    #[serde(default)]
    pub within: Option<String>,
    /// Which stays count for moves, times and what happens within a time: all, or the first of each account in each stage.
    #[serde(default)]
    pub entries: Entries,
}

/// Which stays of an account count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Entries {
    /// Each account's first stay in each stage.
    First,
    /// Every stay, also of accounts that were won back.
    #[default]
    All,
}

/// A checked question.
pub struct Plan {
    rules: Rules,
    /// Shape `[stages]`.
    horizons_us: Vec<i64>,
    entries: Entries,
    names: Names,
}

/// What a stay counts for in its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Being in the stage.
    Entered,
    /// Being in it when observation ended.
    Now,
    /// Being lost from it.
    Lost,
    /// Moves, times and the rest; the following ones are among these.
    Followed,
    Ended,
    EndedLost,
    Open,
    MovedWithin,
    LostWithin,
    /// Moving to a later stage.
    MovedTo(usize),
}

/// The number of kinds of [`What`] without the moves to each stage.
const N_KINDS: usize = 9;

/// One stay that the question admits.
struct Visit {
    stay: Stay,
    group: u32,
    /// Whether it counts for moves and times.
    followed: bool,
}

/// Counts of some accounts.
#[derive(Debug, Clone, Serialize)]
pub struct Partial {
    /// Stays by slot (see [`Plan::slot`]).
    n: Vec<u64>,
    /// Accounts by slot.
    people: Vec<u64>,
    /// Microseconds in each stage of each stay that is followed, and what became of it; shape `[stages][stays]`, sorted by
    /// `finish`.
    times: Vec<Vec<(i64, Fate)>>,
}

impl Operator for Stages {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "stages",
        panel: Panel::Customer,
        title: "Stages",
        question: "How many accounts are in which stage, how many move on or are lost, and how long does it take?",
        anchor: "a stay in a stage, at the row with which the account entered",
        counting: "Counts stays of accounts in the stages of the spec; stays that go on when observation ends are neither moved nor lost.",
        sources: &["METRICS 2.1", "METRICS 2.2", "Aalen & Johansen 1978"],
        chart: Chart::Stages,
        samples: &[r#"{}"#, r#"{"entries":"first"}"#, r#"{"within":"5d"}"#, r#"{"within":"30d","entries":"first"}"#],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let rules = Rules::compile(context)?;
        let within_us = params.within.as_ref().map(|text| parse_duration(text).map_err(|what| AskError::parameter("within", what)));
        let within_us = within_us.transpose()?;
        let horizon_us = |stage| within_us.or(rules.lost_after_us(stage)).unwrap_or(USUAL_HORIZON_US);
        let horizons_us = (0..rules.len()).map(horizon_us).collect();
        if (0..rules.len()).any(|stage| rules.lost_after_us(stage).is_some()) {
            context.notes.push("lost by time is a rule of the spec (lost_after), not an observation".into());
        }
        Ok(Plan { rules, horizons_us, entries: params.entries, names: context.catalog.names.clone() })
    }

    fn empty(&self, plan: &Plan) -> Partial {
        let n_stages = plan.rules.len();
        let n_slots = 1 + n_stages * (N_KINDS + n_stages);
        Partial { n: vec![0; n_slots], people: vec![0; n_slots], times: vec![Vec::new(); n_stages] }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        for_each_account(plan, view, |_, visits| {
            out.total.add_account(plan, visits);
            if out.split.is_empty() {
                return;
            }
            visits.sort_by_key(|visit| visit.group);
            for of_group in visits.chunk_by(|a, b| a.group == b.group) {
                if let Some(partial) = out.split.get_mut(of_group[0].group as usize) {
                    partial.add_account(plan, of_group);
                }
            }
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.n.iter_mut().zip(other.n).for_each(|(into, from)| *into += from);
        total.people.iter_mut().zip(other.people).for_each(|(into, from)| *into += from);
        total.times.iter_mut().zip(other.times).for_each(|(into, from)| into.extend(from));
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
        total.times.iter_mut().for_each(|times| times.sort_unstable());
        let names = plan.rules.names();
        let mut cells = vec![Cell::people("accounts", "accounts in any stage", total.people[0])];
        for (stage, name) in names.iter().enumerate() {
            let count = |what: What| (total.n[plan.slot(stage, what)], total.people[plan.slot(stage, what)]);
            let (entries, accounts) = count(What::Entered);
            let people = |what: &str, label: String, people: u64| Cell::people(format!("stage:{name}:{what}"), label, people);
            cells.push(people("accounts", format!("accounts ever in {name}"), accounts));
            cells.push(Cell::count(format!("stage:{name}:entries"), format!("entries into {name}"), Unit::Event, entries, accounts));
            cells.push(people("now", format!("accounts in {name} when observation ended"), count(What::Now).1));
            cells.push(people("lost", format!("accounts lost from {name}"), count(What::Lost).1));
        }
        for (stage, name) in names.iter().enumerate() {
            cells.extend(plan.flow_cells(stage, name, &total));
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(wanted) = plan.wanted(cell) else { return false };
        for_each_account(plan, view, |actor_idx, visits| {
            for visit in visits {
                let mut counts = wanted == 0;
                plan.for_each_slot(visit, |slot| counts |= slot == wanted);
                if counts {
                    let rows = [Some(visit.stay.entered_row), visit.stay.ended_row];
                    let rows: Vec<usize> = rows.into_iter().flatten().collect();
                    sink.add(view, &plan.names, actor_idx, &rows);
                }
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let times: usize = partial.times.iter().map(|times| 24 + 16 * times.capacity()).sum();
        size_of::<Partial>() + 16 * partial.n.len() + times
    }
}

impl Partial {
    /// Adds the stays of one account. O(stays × log stays).
    fn add_account(&mut self, plan: &Plan, visits: &[Visit]) {
        let mut slots = vec![0];
        for visit in visits {
            plan.for_each_slot(visit, |slot| {
                self.n[slot] += 1;
                slots.push(slot);
            });
            if visit.followed {
                self.times[visit.stay.stage].push((visit.stay.ended_us - visit.stay.entered_us, fate(visit.stay.end)));
            }
        }
        slots.sort_unstable();
        slots.dedup();
        slots.into_iter().for_each(|slot| self.people[slot] += 1);
    }
}

/// Returns what became of an account in a stage.
pub(super) fn fate(end: End) -> Fate {
    match end {
        End::Open => Fate::Open,
        End::Moved(_) => Fate::Moved,
        End::Left | End::Lapsed => Fate::Lost,
    }
}

impl Plan {
    /// Returns the place of a count in [`Partial::n`]; place 0 is that of all accounts.
    fn slot(&self, stage: usize, what: What) -> usize {
        let kind = match what {
            What::Entered => 0,
            What::Now => 1,
            What::Lost => 2,
            What::Followed => 3,
            What::Ended => 4,
            What::EndedLost => 5,
            What::Open => 6,
            What::MovedWithin => 7,
            What::LostWithin => 8,
            What::MovedTo(later) => N_KINDS + later,
        };
        1 + stage * (N_KINDS + self.rules.len()) + kind
    }

    /// Calls `take` with each place that a stay counts in.
    fn for_each_slot(&self, visit: &Visit, mut take: impl FnMut(usize)) {
        let stay = &visit.stay;
        let mut take = |what: What| take(self.slot(stay.stage, what));
        take(What::Entered);
        match stay.end {
            End::Open => take(What::Now),
            End::Left | End::Lapsed => take(What::Lost),
            End::Moved(_) => {}
        }
        if !visit.followed {
            return;
        }
        take(What::Followed);
        let in_time = stay.ended_us - stay.entered_us <= self.horizons_us[stay.stage];
        let (ended, within) = match stay.end {
            End::Open => return take(What::Open),
            End::Moved(later) => (What::MovedTo(later), What::MovedWithin),
            End::Left | End::Lapsed => (What::EndedLost, What::LostWithin),
        };
        take(What::Ended);
        take(ended);
        if in_time {
            take(within);
        }
    }

    /// Makes the cells of moves out of one stage, of the time in it, and of what happens within a time.
    fn flow_cells(&self, stage: usize, name: &str, total: &Partial) -> Vec<Cell> {
        let count = |what: What| (total.n[self.slot(stage, what)], total.people[self.slot(stage, what)]);
        let unit = match self.entries {
            Entries::First => Unit::Actor,
            Entries::All => Unit::Event,
        };
        // METRICS C6: stays of one account are not independent.
        let clustered = |cell: Cell, base: What| {
            let (n, people) = count(base);
            if n > people { cell.flagged("clustered") } else { cell }
        };
        let share = |id: String, label: String, what: What| {
            let ((x, people), (n, _)) = (count(what), count(What::Ended));
            clustered(Cell::share(id, label, unit, x, n, people), What::Ended)
        };
        let names = self.rules.names();
        let mut cells = Vec::new();
        for (later, to) in names.iter().enumerate().skip(stage + 1) {
            cells.push(share(format!("move:{name}→{to}"), format!("{name} → {to}, of ended stays"), What::MovedTo(later)));
        }
        cells.push(share(format!("lost:{name}"), format!("{name} → lost, of ended stays"), What::EndedLost));

        let times = &total.times[stage];
        for (what, ended, id) in [(What::Ended, true, "ended"), (What::Open, false, "open")] {
            let mut times: Vec<i64> =
                times.iter().filter(|(_, fate)| (*fate != Fate::Open) == ended).map(|(time_us, _)| *time_us).collect();
            times.sort_unstable();
            let label = if ended {
                format!("time in {name}, median of ended stays")
            } else {
                format!("time in {name} so far, median of open stays")
            };
            let cell = Cell::duration(format!("time:{name}:{id}"), label, times.len() as u64, count(what).1, quantile_sorted(&times, 0.5));
            cells.push(clustered(cell.with_interval(median_interval_sorted(&times), "order statistics"), what));
        }

        let horizon_us = self.horizons_us[stage];
        let horizon = format_duration(horizon_us);
        let mut within = |id: &str, label: String, fate: Fate, what: What| {
            let cell = incidence_cell((format!("within:{name}:{id}"), label), unit, times, fate, horizon_us, count(what).1);
            cells.push(clustered(cell, What::Followed));
        };
        if stage + 1 < names.len() {
            within("moved", format!("moved on from {name} within {horizon}"), Fate::Moved, What::MovedWithin);
        }
        within("lost", format!("lost from {name} within {horizon}"), Fate::Lost, What::LostWithin);
        cells
    }

    /// Returns the place that a cell opens.
    fn wanted(&self, cell: &str) -> Option<usize> {
        if cell == "accounts" {
            return Some(0);
        }
        let stage_of = |name: &str| self.rules.names().iter().position(|known| known == name);
        let (kind, rest) = cell.split_once(':')?;
        let (stage, what) = match (kind, rest.split_once(':')) {
            ("lost", None) => (stage_of(rest)?, What::EndedLost),
            ("move", None) => {
                let (from, to) = rest.split_once('→')?;
                let (from, to) = (stage_of(from)?, stage_of(to)?);
                (from, (to > from).then_some(What::MovedTo(to))?)
            }
            (kind, Some((name, of))) => {
                let what = match (kind, of) {
                    ("stage", "accounts" | "entries") => What::Entered,
                    ("stage", "now") => What::Now,
                    ("stage", "lost") => What::Lost,
                    ("time", "ended") => What::Ended,
                    ("time", "open") => What::Open,
                    ("within", "moved") => What::MovedWithin,
                    ("within", "lost") => What::LostWithin,
                    _ => return None,
                };
                (stage_of(name)?, what)
            }
            _ => return None,
        };
        Some(self.slot(stage, what))
    }
}

/// Calls `take` with each selected account that has an admitted stay, and these stays in time order. O(rows).
fn for_each_account(plan: &Plan, view: &View, mut take: impl FnMut(usize, &mut Vec<Visit>)) {
    let (mut visits, mut seen) = (Vec::new(), vec![false; plan.rules.len()]);
    for (actor_idx, rows) in view.journeys() {
        visits.clear();
        seen.fill(false);
        plan.rules.history(view, rows, &mut |stay| {
            let again = std::mem::replace(&mut seen[stay.stage], true);
            if view.admits(stay.entered_row) {
                let followed = plan.entries == Entries::All || !again;
                visits.push(Visit { stay, group: view.group(stay.entered_row), followed });
            }
        });
        if !visits.is_empty() {
            take(actor_idx, &mut visits);
        }
    }
}
