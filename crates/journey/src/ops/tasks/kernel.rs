//! What attempts add up to, and the interval of an error rate.

use diptych_event::account::Outcome;
use serde::Serialize;

use crate::derive::tasks::Attempt;
use crate::stats::Z_95;

/// One unit of a person: an attempt at a task, or a success event with no attempt open.
#[derive(Debug, Clone, Copy)]
pub struct Try {
    /// Position of the task.
    pub task: usize,
    /// The row that modifiers look at.
    pub anchor: usize,
    /// Group of the anchor.
    pub group: u32,
    /// The attempt; `None` for a success event outside of any.
    pub attempt: Option<Attempt>,
    /// Whether it is the person's first attempt at the task.
    pub is_first: bool,
}

/// What a unit may have; each is counted in units and in people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Is an attempt.
    Attempt,
    /// Is an attempt with this outcome.
    Ended(Outcome),
    /// Is an attempt that is not open.
    Resolved,
    /// Is an attempt that succeeded or is open.
    SucceededOrOpen,
    /// Is the person's first attempt, and not open.
    FirstResolved,
    /// Is the person's first attempt, and succeeded.
    FirstSucceeded,
    /// Is an attempt with an error.
    WithError,
    /// Is an attempt that is not open and reached so many of start, steps and success.
    Step(u32),
    /// Is a success event with no attempt open.
    OrphanGoal,
}

impl Property {
    /// Returns what is counted of a task of which start, steps and success are `n_steps`.
    pub fn all(n_steps: usize) -> Vec<Self> {
        let outcomes = Outcome::ALL.into_iter().map(Self::Ended);
        let steps = (1..=n_steps as u32).map(Self::Step);
        let others = [
            Self::Attempt,
            Self::Resolved,
            Self::SucceededOrOpen,
            Self::FirstResolved,
            Self::FirstSucceeded,
            Self::WithError,
            Self::OrphanGoal,
        ];
        others.into_iter().chain(outcomes).chain(steps).collect()
    }

    /// Tells whether a unit has it.
    pub fn holds(self, one: &Try) -> bool {
        let Some(attempt) = &one.attempt else { return self == Self::OrphanGoal };
        let (outcome, is_open) = (attempt.outcome, attempt.outcome == Outcome::Open);
        match self {
            Self::Attempt => true,
            Self::Ended(wanted) => outcome == wanted,
            Self::Resolved => !is_open,
            Self::SucceededOrOpen => is_open || outcome == Outcome::Succeeded,
            Self::FirstResolved => one.is_first && !is_open,
            Self::FirstSucceeded => one.is_first && outcome == Outcome::Succeeded,
            Self::WithError => attempt.n_errors > 0,
            Self::Step(step) => !is_open && attempt.steps_done >= step,
            Self::OrphanGoal => false,
        }
    }
}

/// An attempt of which no property tells anything.
const BLANK: Attempt = Attempt {
    task: 0,
    first_row: 0,
    last_row: 0,
    outcome: Outcome::Open,
    n_events: 1,
    n_errors: 0,
    steps_done: 0,
    engaged_us: 0,
    elapsed_us: 0,
};

/// Which properties the units of a task have, looked up by what tells units apart.
#[derive(Debug)]
pub struct Kinds {
    /// Shape `[kinds][properties]`; the last kind is that of orphan goals.
    has: Vec<bool>,
    n_properties: usize,
    n_steps: usize,
}

impl Kinds {
    /// Makes the table for a task of which start, steps and success are `n_steps`. O(steps · properties).
    pub fn new(properties: &[Property], n_steps: usize) -> Self {
        let mut kinds = Self { has: Vec::new(), n_properties: properties.len(), n_steps };
        let mut add = |attempt: Option<Attempt>, is_first: bool| {
            let one = Try { task: 0, anchor: 0, group: 0, attempt, is_first };
            kinds.has.extend(properties.iter().map(|property| property.holds(&one)));
        };
        // In the order of their positions.
        for outcome in Outcome::ALL {
            for (is_first, n_errors) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
                (0..=n_steps as u32).for_each(|steps_done| add(Some(Attempt { outcome, n_errors, steps_done, ..BLANK }), is_first));
            }
        }
        add(None, false);
        kinds
    }

    /// Returns the position of an attempt's kind.
    fn idx(&self, one: &Try) -> Option<usize> {
        let attempt = one.attempt.as_ref()?;
        let of_outcome = 2 * (2 * attempt.outcome as usize + usize::from(one.is_first)) + usize::from(attempt.n_errors > 0);
        Some(of_outcome * (self.n_steps + 1) + attempt.steps_done as usize)
    }

    /// Tells which properties a unit has, shape `[properties]`. O(1).
    fn of(&self, one: &Try) -> &[bool] {
        let last = self.has.len() / self.n_properties - 1;
        let idx = self.idx(one).unwrap_or(last);
        &self.has[idx * self.n_properties..][..self.n_properties]
    }
}

/// Units and the people who have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Units.
    pub units: u64,
    /// Distinct people.
    pub people: u64,
}

/// Counts of some people's attempts at one task.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    /// One per property of the task.
    pub tallies: Vec<Tally>,
    /// Errors during all attempts.
    pub n_errors: u64,
    /// Time between events with pauses cut, in microseconds, by outcome; in any order.
    pub engaged_us: [Vec<i64>; Outcome::ALL.len()],
    /// Time from first to last row, in microseconds, by outcome; in any order.
    pub elapsed_us: [Vec<i64>; Outcome::ALL.len()],
}

impl Counts {
    /// Makes the counts of nobody.
    pub fn new(n_properties: usize) -> Self {
        Self { tallies: vec![Tally::default(); n_properties], ..Self::default() }
    }

    /// Adds the units of one person; `has_any` is written over. O(units · properties).
    pub fn add_person(&mut self, kinds: &Kinds, tries: &[Try], has_any: &mut Vec<bool>) {
        has_any.clear();
        has_any.resize(self.tallies.len(), false);
        for one in tries {
            for ((tally, has_any), has) in self.tallies.iter_mut().zip(has_any.iter_mut()).zip(kinds.of(one)) {
                tally.units += u64::from(*has);
                *has_any |= has;
            }
        }
        self.tallies.iter_mut().zip(has_any).for_each(|(tally, has_any)| tally.people += u64::from(*has_any));
        for attempt in tries.iter().filter_map(|one| one.attempt) {
            self.n_errors += u64::from(attempt.n_errors);
            self.engaged_us[attempt.outcome as usize].push(attempt.engaged_us);
            self.elapsed_us[attempt.outcome as usize].push(attempt.elapsed_us);
        }
    }

    /// Adds other people.
    pub fn merge(&mut self, other: Self) {
        for (into, from) in self.tallies.iter_mut().zip(other.tallies) {
            into.units += from.units;
            into.people += from.people;
        }
        self.n_errors += other.n_errors;
        let times = self.engaged_us.iter_mut().zip(other.engaged_us);
        times.chain(self.elapsed_us.iter_mut().zip(other.elapsed_us)).for_each(|(into, from)| into.extend(from));
    }
}

/// Returns the exact 95 % interval of the mean of a Poisson count `x`.
///
/// Source: Garwood 1936; METRICS 1.5, `[χ²(α/2, 2x)/2, χ²(1−α/2, 2x+2)/2]`, found here as the means at which so few, or so
/// many, events are just as improbable as α/2.
pub fn poisson_interval(x: u64) -> (f64, f64) {
    let ln_factorial: f64 = (1..=x).map(|k| (k as f64).ln()).sum();
    let ln_probability = |mean: f64| x as f64 * mean.ln() - mean - ln_factorial;
    // P(X ≥ x) below the mean and P(X ≤ x) above it, each as the probability of x times a falling series.
    let at_least = |mean: f64| ln_probability(mean).exp() * series((x + 1..).map(|k| mean / k as f64));
    let at_most = |mean: f64| ln_probability(mean).exp() * series((1..=x).rev().map(|k| k as f64 / mean));
    let reach = 2.0 * Z_95 * (x as f64 + 1.0).sqrt() + 4.0;
    let lo = if x == 0 { 0.0 } else { crossing((x as f64 - reach).max(0.0), x as f64, |mean| at_least(mean) > TAIL) };
    (lo, crossing(x as f64, x as f64 + reach, |mean| at_most(mean) < TAIL))
}

/// Probability beyond either end of a 95 % interval.
const TAIL: f64 = 0.025;

/// Returns 1 + a₁ + a₁a₂ + … until the terms vanish.
fn series(ratios: impl Iterator<Item = f64>) -> f64 {
    let mut term = 1.0;
    let terms = ratios.map_while(|ratio| {
        term *= ratio;
        (term > 1e-17).then_some(term)
    });
    1.0 + terms.sum::<f64>()
}

/// Returns where `is_beyond` turns true between two numbers, by halving.
fn crossing(mut lo: f64, mut hi: f64, is_beyond: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..100 {
        let middle = (lo + hi) / 2.0;
        if is_beyond(middle) { hi = middle } else { lo = middle }
    }
    (lo + hi) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_into_the_table_tells_every_property() {
        for n_steps in [2, 5] {
            let properties = Property::all(n_steps);
            let kinds = Kinds::new(&properties, n_steps);
            let told = |one: Try| {
                let expected: Vec<bool> = properties.iter().map(|property| property.holds(&one)).collect();
                assert_eq!(kinds.of(&one), expected, "{one:?}");
            };
            let unit = |attempt, is_first| Try { task: 1, anchor: 7, group: 2, attempt, is_first };
            told(unit(None, false));
            for (outcome, n) in Outcome::ALL.into_iter().flat_map(|outcome| (0..4 * n_steps as u32).map(move |n| (outcome, n))) {
                let attempt = Attempt { outcome, n_errors: n % 4 / 2 * 3, steps_done: 1 + n / 4, ..BLANK };
                told(unit(Some(attempt), n % 2 == 0));
            }
        }
    }
}
