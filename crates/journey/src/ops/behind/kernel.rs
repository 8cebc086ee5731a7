//! Reads one account's timeline: its first stay in the stage, its opportunities to meet signals, and what it met when.

use std::ops::Range;

use diptych_event::Values;

use super::Plan;
use crate::derive::stages::{End, Stay};
use crate::seam::{Matcher, TextId, View};

/// Opportunities of one account that are told apart; later ones do not count.
const MAX_OPPORTUNITIES: usize = 32;

/// What became of an account that was in the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Neither lost nor gone on when observation ended.
    Open,
    /// Entered so late that it could not be lost by time yet; those who went on do not count either, as only they would.
    TooRecent,
    /// `design: landmark`: lost or gone on before the landmark.
    Early,
    /// Lost.
    Lost,
    /// Gone on to a later stage.
    Advanced,
}

/// The design: what an account's opportunities to meet signals are.
#[derive(Debug, Clone)]
pub enum Design {
    /// Each new step of the path, and each session there.
    Steps(Steps),
    /// One: the time from entry to so many microseconds after it.
    Landmark(i64),
}

/// Opportunities by step and session.
#[derive(Debug, Clone)]
pub struct Steps {
    /// The steps, in order.
    pub path: Vec<Matcher>,
    /// Code of the rows at which sessions start, where there are any.
    pub session: Option<u32>,
    /// Sessions that are told apart at a step: the last state of a step stands for this one and later ones.
    pub n_sessions: u16,
    /// How long an opportunity lasts at most, in microseconds.
    pub attention_us: i64,
}

impl Design {
    /// Returns the number of states.
    pub fn n_states(&self) -> usize {
        match self {
            Design::Steps(steps) => (steps.path.len() + 1) * steps.n_sessions as usize,
            Design::Landmark(_) => 1,
        }
    }
}

/// First time that an account met a signal while it was at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Position of the signal in the plan.
    pub signal: u16,
    /// Position of the opportunity; `None` where it was met only outside of every opportunity.
    pub at: Option<u32>,
    /// The row of that opportunity, or the first row.
    pub row: usize,
}

/// One account that was in the stage.
#[derive(Debug)]
pub struct Account<'a> {
    /// Position in the shard.
    pub actor_idx: usize,
    /// Its rows.
    pub rows: Range<usize>,
    /// Its first stay in the stage.
    pub stay: Stay,
    /// What became of it.
    pub fate: Fate,
    /// States of its opportunities, in time order, never falling; at least one unless it left the stage as it entered.
    pub states: &'a [u16],
    /// Signals that it met before the outcome, ascending.
    pub met: &'a [Met],
}

impl Account<'_> {
    /// Tells whether the account is in the comparison.
    pub fn is_resolved(&self) -> bool {
        matches!(self.fate, Fate::Lost | Fate::Advanced)
    }
}

/// One opportunity.
#[derive(Debug, Clone, Copy)]
struct Opportunity {
    start_us: i64,
    state: u16,
}

/// Calls `take` with each selected account that was in the stage. O(rows × steps of the path).
pub fn for_each_account(plan: &Plan, view: &View, mut take: impl FnMut(&Account)) {
    let mut opportunities = Vec::new();
    let (mut states, mut met) = (Vec::new(), Vec::new());
    for (actor_idx, rows) in view.journeys() {
        let mut first: Option<Stay> = None;
        plan.rules.history(view, rows.clone(), &mut |stay| {
            if stay.stage == plan.stage && first.is_none() {
                first = Some(stay);
            }
        });
        let Some(stay) = first.filter(|stay| view.admits(stay.entered_row)) else { continue };
        plan.find_opportunities(view, &rows, &stay, &mut opportunities);
        plan.find_met(view, &rows, &stay, &opportunities, &mut met);
        states.clear();
        states.extend(opportunities.iter().map(|opportunity| opportunity.state));
        take(&Account { actor_idx, rows, stay, fate: plan.fate(&stay), states: &states, met: &met });
    }
}

impl Plan {
    fn fate(&self, stay: &Stay) -> Fate {
        let lost_after_us = self.rules.lost_after_us(self.stage).unwrap_or(0);
        match (stay.end, &self.design) {
            (End::Open, _) => Fate::Open,
            _ if stay.entered_us > self.rules.observed_until_us() - lost_after_us => Fate::TooRecent,
            (_, Design::Landmark(landmark_us)) if stay.ended_us - stay.entered_us <= *landmark_us => Fate::Early,
            (End::Left | End::Lapsed, _) => Fate::Lost,
            (End::Moved(_), _) => Fate::Advanced,
        }
    }

    /// Finds the opportunities from entry to the outcome. Rows at one instant make one, whatever their order.
    fn find_opportunities(&self, view: &View, rows: &Range<usize>, stay: &Stay, out: &mut Vec<Opportunity>) {
        out.clear();
        out.push(Opportunity { start_us: stay.entered_us, state: 0 });
        let Design::Steps(steps) = &self.design else { return };
        let (mut reached, mut session) = (0, 1);
        for row in within(view, rows, stay) {
            let now_us = view.shard.time_us[row];
            let is_new = out.last().is_some_and(|last| last.start_us < now_us);
            let further = (reached..steps.path.len()).rev().find(|step| steps.path[*step].holds(view, row));
            if let Some(step) = further {
                (reached, session) = (step + 1, 1);
            } else if is_new && steps.session == Some(view.shard.name.get(row)) {
                session = (session + 1).min(steps.n_sessions);
            } else {
                continue;
            }
            let opportunity = Opportunity { start_us: now_us, state: reached as u16 * steps.n_sessions + session - 1 };
            if !is_new {
                out.pop();
            } else if out.len() == MAX_OPPORTUNITIES {
                return;
            }
            out.push(opportunity);
        }
    }

    /// Finds the signals that were met between entry and the outcome.
    fn find_met(&self, view: &View, rows: &Range<usize>, stay: &Stay, opportunities: &[Opportunity], out: &mut Vec<Met>) {
        out.clear();
        let lasts_us = match &self.design {
            Design::Steps(steps) => steps.attention_us,
            Design::Landmark(landmark_us) => *landmark_us,
        };
        for row in within(view, rows, stay) {
            let Some(signal) = self.signal_of_name[view.shard.name.get(row) as usize] else { continue };
            let now_us = view.shard.time_us[row];
            let at = opportunities.partition_point(|opportunity| opportunity.start_us <= now_us) - 1;
            let at = (now_us - opportunities[at].start_us < lasts_us).then_some(at as u32);
            match out.iter_mut().find(|met| met.signal == signal) {
                None => out.push(Met { signal, at, row }),
                Some(met) if met.at.is_none() && at.is_some() => *met = Met { signal, at, row },
                Some(_) => {}
            }
        }
        out.sort_unstable_by_key(|met| met.signal);
    }

    /// Returns the stratum of an account as text: what each expression says at the row of entry, as JSON.
    pub fn stratum(&self, view: &View, stay: &Stay) -> String {
        let text = |id: &TextId| view.texts[id.0].get(stay.entered_row);
        serde_json::to_string(&self.strata.iter().map(text).collect::<Vec<_>>()).expect("texts can be written")
    }

    /// Returns who stands for all accounts that share members with this one: its first member by name, or itself.
    ///
    /// An approximation of the connected component: it joins accounts whose first member is the same.
    pub fn component<'a>(&self, view: &'a View, account: &Account) -> &'a str {
        let member = |row: usize| self.member.and_then(|TextId(id)| view.texts[id].get(row)).filter(|member| !member.is_empty());
        account.rows.clone().filter_map(member).min().unwrap_or_else(|| view.shard.actors.get(account.actor_idx))
    }

    /// Returns the money of an account that went on, in cents, where the time for it was observed to its end.
    pub fn value_cents(&self, view: &View, account: &Account) -> Option<i64> {
        let value = self.value.as_ref()?;
        let from_us = account.stay.ended_us;
        let until_us = from_us.saturating_add(value.within_us);
        if account.fate != Fate::Advanced || until_us > value.observed_until_us {
            return None;
        }
        let Values::Integer(cents) = view.shard.columns[value.column].values else { return None };
        let in_window = |row: &usize| (from_us..=until_us).contains(&view.shard.time_us[*row]);
        Some(account.rows.clone().filter(in_window).filter_map(|row| cents.get(row)).fold(0, i64::saturating_add))
    }
}

/// Walks the rows of an account from its entry to before the outcome.
fn within<'a>(view: &'a View, rows: &Range<usize>, stay: &Stay) -> impl Iterator<Item = usize> + 'a {
    let ended_us = stay.ended_us;
    (stay.entered_row + 1..rows.end).take_while(move |row| view.shard.time_us[*row] < ended_us)
}

/// What an account that goes on is worth.
#[derive(Debug, Clone)]
pub struct Value {
    /// Position of the column with money in minor units.
    pub column: usize,
    /// Microseconds after going on in which money counts.
    pub within_us: i64,
    /// End of observation in microseconds.
    pub observed_until_us: i64,
}
