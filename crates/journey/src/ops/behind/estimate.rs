//! How many would have been lost without a signal: each exposed account against those who came to the same point without it.
//!
//! A journey is a chain of states, the opportunities to meet a signal. In a stratum, the accounts that come to a state
//! without having met the signal, and do not meet it there, are clean. An account that first meets it in a state is compared
//! with the clean of that state and stratum. Their loss is that of a chain that never meets the signal: clean accounts that
//! meet it further on count up to there and no further, and those that do not stand for them too. Each state has a chain of
//! its own, made of those who were clean in it, since where somebody comes from may tell how far they will go (docs/hinge.md).

use std::collections::BTreeMap;
use std::ops::Range;

use crate::stats::tables::{Stratum, Tables};
use crate::stats::{Estimate, Z_95};

/// Fewer clean accounts than this in a cell give no comparison: its exposed accounts are left out (METRICS C8).
const MIN_CLEAN: u64 = 5;

/// Accounts of one stratum that went the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    /// Position of the stratum.
    pub stratum: usize,
    /// States in the order in which the accounts came to them, never falling; at least one.
    pub states: Vec<u16>,
    /// Signals with the position in `states` at which they were first met, ascending by signal.
    pub met: Vec<(u16, u32)>,
    /// Whether the accounts were lost.
    pub lost: bool,
}

impl Pattern {
    /// Returns the position in `states` at which any of some signals was first met.
    fn first_met(&self, signals: &[bool]) -> Option<usize> {
        self.met.iter().filter(|(signal, _)| signals[*signal as usize]).map(|(_, at)| *at as usize).min()
    }
}

/// Accounts at risk of a drop-off, alike ones together.
#[derive(Debug, Clone, Default)]
pub struct Cohort {
    /// Distinct, ascending.
    patterns: Vec<Pattern>,
    /// Accounts of each pattern.
    n: Vec<u64>,
    /// Patterns of accounts that share members, one entry per account; accounts that share none stand nowhere.
    clusters: Vec<Vec<usize>>,
    n_states: usize,
}

/// What became of accounts that met signals, against what would have become of them.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Accounts that met a signal.
    pub n_exposed: u64,
    /// Those of them in cells with a comparison.
    pub n: u64,
    /// Accounts among `n` that were lost.
    pub lost: u64,
    /// Accounts among `n` that would have been lost without the signals, expected from their comparison.
    pub expected: f64,
    /// Standard error of `lost − expected`.
    pub se: f64,
    /// Variance of `expected`.
    expected_variance: f64,
    /// Share of the error of each account, by pattern.
    errors: Vec<f64>,
    /// One table per cell with a comparison: final outcomes of exposed and clean accounts.
    cells: Vec<Stratum>,
}

impl Comparison {
    /// Returns the accounts lost beyond those expected, with interval; `None` where nobody can be compared.
    pub fn excess(&self) -> Option<Estimate> {
        (self.n > 0).then(|| Estimate::normal(self.lost as f64 - self.expected, self.se)).flatten()
    }

    /// Returns the difference in the share lost among the exposed (ATT), with interval within −1 … 1.
    pub fn difference(&self) -> Option<Estimate> {
        let n = self.n as f64;
        let mut difference = Estimate::normal((self.lost as f64 - self.expected) / n, self.se / n)?;
        difference.interval = (difference.interval.0.max(-1.0), difference.interval.1.min(1.0));
        Some(difference)
    }

    /// Returns the share that would have been lost without the signals.
    pub fn expected_share(&self) -> Option<f64> {
        (self.n > 0).then(|| self.expected / self.n as f64)
    }

    /// Returns the tables of the cells for estimators of stratified tables.
    pub fn tables(&self) -> Tables {
        Tables::new(&self.cells)
    }

    /// Tells whether a normal interval holds: 5 lost and 5 kept accounts are expected among the exposed (Cochran 1954).
    pub fn is_enough(&self) -> bool {
        self.expected >= 5.0 && self.n as f64 - self.expected >= 5.0
    }

    /// Returns how many independent accounts the comparison is worth.
    pub fn n_comparison(&self) -> u64 {
        let share = self.expected / self.n as f64;
        let worth = share * (1.0 - share) * (self.n as f64).powi(2) / self.expected_variance;
        if worth.is_finite() { worth as u64 } else { 0 }
    }
}

impl Cohort {
    /// Puts alike accounts together. Each comes with the key of whoever it shares members with.
    pub fn new(n_states: usize, accounts: impl Iterator<Item = (String, Pattern)>) -> Self {
        let mut counts: BTreeMap<Pattern, u64> = BTreeMap::new();
        let mut by_key: BTreeMap<String, Vec<Pattern>> = BTreeMap::new();
        for (key, pattern) in accounts {
            by_key.entry(key).or_default().push(pattern.clone());
            *counts.entry(pattern).or_default() += 1;
        }
        let (patterns, n): (Vec<Pattern>, Vec<u64>) = counts.into_iter().unzip();
        let position = |pattern: Pattern| patterns.binary_search(&pattern).expect("every pattern was counted");
        let shared = by_key.into_values().filter(|accounts| accounts.len() > 1);
        let mut clusters: Vec<Vec<usize>> = shared.map(|accounts| accounts.into_iter().map(position).collect()).collect();
        clusters.iter_mut().for_each(|cluster| cluster.sort_unstable());
        clusters.sort_unstable();
        Self { patterns, n, clusters, n_states }
    }

    /// Makes the cohort of patterns with their numbers of accounts.
    #[cfg(test)]
    pub fn of_counts(n_states: usize, counts: BTreeMap<Pattern, u64>) -> Self {
        let (patterns, n) = counts.into_iter().unzip();
        Self { patterns, n, clusters: Vec::new(), n_states }
    }

    /// Returns the cohort as if there were one stratum.
    pub fn without_strata(&self) -> Self {
        let mut counts: BTreeMap<Pattern, u64> = BTreeMap::new();
        let merged: Vec<Pattern> = self.patterns.iter().map(|pattern| Pattern { stratum: 0, ..pattern.clone() }).collect();
        merged.iter().zip(&self.n).for_each(|(pattern, n)| *counts.entry(pattern.clone()).or_default() += n);
        let (patterns, n): (Vec<Pattern>, Vec<u64>) = counts.into_iter().unzip();
        let position = |idx: &usize| patterns.binary_search(&merged[*idx]).expect("every pattern was counted");
        let clusters = self.clusters.iter().map(|cluster| cluster.iter().map(position).collect()).collect();
        Self { patterns, n, clusters, n_states: self.n_states }
    }

    /// Compares the accounts that met any of some signals (shape `[signals]`) with what would have become of them without.
    ///
    /// O(patterns × opportunities² + strata × states³).
    pub fn compare(&self, signals: &[bool]) -> Comparison {
        let first: Vec<Option<usize>> = self.patterns.iter().map(|pattern| pattern.first_met(signals)).collect();
        let mut total = Comparison {
            n_exposed: self.n.iter().zip(&first).filter(|(_, first)| first.is_some()).map(|(n, _)| n).sum(),
            n: 0,
            lost: 0,
            expected: 0.0,
            se: 0.0,
            expected_variance: 0.0,
            errors: vec![0.0; self.patterns.len()],
            cells: Vec::new(),
        };
        let mut strata = Vec::new();
        let mut from = 0;
        for of_stratum in self.patterns.chunk_by(|a, b| a.stratum == b.stratum) {
            let range = from..from + of_stratum.len();
            from = range.end;
            if first[range.clone()].iter().any(Option::is_some) {
                let chains = chains(self.n_states, of_stratum, &self.n[range.clone()], &first[range.clone()]);
                chains.iter().flatten().for_each(|chain| chain.add_to(&mut total));
                strata.push((range, chains));
            }
        }
        total.estimate_errors(self, &first, &strata);
        total
    }

    /// Returns the variance of a sum of errors over all accounts, those that share members taken as one.
    fn variance(&self, errors: &[f64]) -> f64 {
        let alone: f64 = errors.iter().zip(&self.n).map(|(error, n)| *n as f64 * error * error).sum();
        let of_cluster = |cluster: &Vec<usize>| {
            let together: f64 = cluster.iter().map(|idx| errors[*idx]).sum();
            together * together - cluster.iter().map(|idx| errors[*idx] * errors[*idx]).sum::<f64>()
        };
        alone + self.clusters.iter().map(of_cluster).sum::<f64>()
    }

    /// Returns what more signals go with beyond fewer: the difference of two excesses, with the error of the difference.
    pub fn beyond(&self, more: &Comparison, fewer: &Comparison) -> Estimate {
        let excess = |comparison: &Comparison| comparison.lost as f64 - comparison.expected;
        let errors: Vec<f64> = more.errors.iter().zip(&fewer.errors).map(|(more, fewer)| more - fewer).collect();
        self.estimate(excess(more) - excess(fewer), &errors)
    }

    fn estimate(&self, value: f64, errors: &[f64]) -> Estimate {
        let se = self.variance(errors).max(0.0).sqrt();
        Estimate { value, se, interval: (value - Z_95 * se, value + Z_95 * se) }
    }

    /// Divides what some signals together go with among players, each a set of signals: Shapley values.
    ///
    /// Shares may be negative; they add up to the excess of these signals together, which is at most the number lost.
    /// O(2^players × `compare`); players are at most 10.
    ///
    /// Source: Shapley 1953. METRICS 3.4, 3.7.
    pub fn shares(&self, players: &[Vec<bool>]) -> Vec<Estimate> {
        assert!(players.len() <= MAX_PLAYERS, "2^players comparisons must stay possible");
        let m = players.len();
        let Some(n_signals) = players.first().map(Vec::len) else { return Vec::new() };
        let weights: Vec<f64> = (0..m).map(|size| 1.0 / (m as f64 * binomial(m - 1, size))).collect();
        let mut values = vec![0.0; m];
        let mut errors = vec![vec![0.0; self.patterns.len()]; m];
        for coalition in 1_u32..1 << m {
            let is_in = |player: usize| coalition >> player & 1 == 1;
            let signals: Vec<bool> = (0..n_signals).map(|signal| (0..m).any(|player| is_in(player) && players[player][signal])).collect();
            let comparison = self.compare(&signals);
            let size = coalition.count_ones() as usize;
            for player in 0..m {
                let weight = if is_in(player) { weights[size - 1] } else { -weights[size] };
                values[player] += weight * (comparison.lost as f64 - comparison.expected);
                errors[player].iter_mut().zip(&comparison.errors).for_each(|(into, error)| *into += weight * error);
            }
        }
        values.into_iter().zip(&errors).map(|(value, errors)| self.estimate(value, errors)).collect()
    }
}

/// The most players among which an excess is divided.
pub const MAX_PLAYERS: usize = 10;

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

/// What follows on one state of one stratum, for one set of signals.
struct Chain {
    /// The state.
    start: usize,
    /// Accounts that first meet a signal in it, and those of them lost.
    exposed: u64,
    exposed_lost: u64,
    /// Times that an account is clean in it, and those after which it was lost in the end, with what it met later.
    started: u64,
    started_lost: u64,
    /// How often those are clean in each state from there on, each also for those like it who met a signal on the way.
    clean: Vec<f64>,
    /// Sums of the squares of what makes up `clean`.
    clean_squares: Vec<f64>,
    /// How often the next opportunity of the clean is in the column, states × states.
    moved: Vec<Vec<f64>>,
    /// How often the clean were lost in each state.
    lost_here: Vec<f64>,
    /// How often a signal is first met in each state, and how often the account was then lost.
    met: Vec<f64>,
    met_lost: Vec<f64>,
    /// Share that would be lost from each state on without the signals.
    loss: Vec<f64>,
    /// How many exposed accounts' expectation rests on each state.
    weight: Vec<f64>,
    /// Share that stays clean in each state, of those who come to it clean.
    stays: Vec<f64>,
}

/// Makes the chains of the states of one stratum in which a signal is first met, by state.
fn chains(n_states: usize, patterns: &[Pattern], n: &[u64], first: &[Option<usize>]) -> Vec<Option<Chain>> {
    let mut chains: Vec<Option<Chain>> = (0..n_states).map(|_| None).collect();
    for ((pattern, n), at) in patterns.iter().zip(n).zip(first) {
        if let Some(start) = at.map(|at| pattern.states[at] as usize) {
            let chain = chains[start].get_or_insert_with(|| Chain::new(start, n_states));
            chain.exposed += n;
            chain.exposed_lost += if pattern.lost { *n } else { 0 };
        }
    }
    let stays = stays_clean(n_states, patterns, n, first);
    for ((pattern, n), first) in patterns.iter().zip(n).zip(first) {
        for at in 0..first.unwrap_or(pattern.states.len()) {
            if let Some(chain) = &mut chains[pattern.states[at] as usize] {
                chain.follow(&pattern.states[at..], first.map(|first| first - at), pattern.lost, *n, &stays);
            }
        }
    }
    for chain in chains.iter_mut().flatten() {
        chain.solve();
        chain.stays.clone_from(&stays);
    }
    chains
}

/// Returns the share that stays clean in each state, of those who come to it clean.
fn stays_clean(n_states: usize, patterns: &[Pattern], n: &[u64], first: &[Option<usize>]) -> Vec<f64> {
    let (mut clean, mut came) = (vec![0.0; n_states], vec![0.0; n_states]);
    for ((pattern, n), first) in patterns.iter().zip(n).zip(first) {
        let n_clean = first.unwrap_or(pattern.states.len());
        for (at, state) in pattern.states.iter().enumerate().take(n_clean + 1) {
            came[*state as usize] += *n as f64;
            clean[*state as usize] += if at < n_clean { *n as f64 } else { 0.0 };
        }
    }
    clean.iter().zip(&came).map(|(clean, came)| if *came > 0.0 { clean / came } else { 1.0 }).collect()
}

/// Walks the states in which an account is clean, with how many accounts like it each stands for; the last item is the one in
/// which a signal is met, if any.
///
/// Of those who come to a state, the clean stand for those who meet a signal there: otherwise people who come back, and so
/// pass more opportunities, would be too few among the clean (inverse probability of censoring, Robins & Finkelstein 2000).
fn weighted<'a>(states: &'a [u16], met_at: Option<usize>, stays: &'a [f64]) -> impl Iterator<Item = (usize, f64)> + 'a {
    let mut weight = 1.0;
    states.iter().enumerate().take(met_at.map_or(states.len(), |at| at + 1)).map(move |(at, state)| {
        if at > 0 && met_at != Some(at) {
            weight /= stays[*state as usize];
        }
        (*state as usize, weight)
    })
}

impl Chain {
    fn new(start: usize, n_states: usize) -> Self {
        let zeros = || vec![0.0; n_states];
        Self {
            start,
            exposed: 0,
            exposed_lost: 0,
            started: 0,
            started_lost: 0,
            clean: zeros(),
            clean_squares: zeros(),
            moved: vec![zeros(); n_states],
            lost_here: zeros(),
            met: zeros(),
            met_lost: zeros(),
            loss: zeros(),
            weight: zeros(),
            stays: Vec::new(),
        }
    }

    /// Follows `n` accounts from a time at which they are clean in the start, up to where they meet a signal.
    fn follow(&mut self, states: &[u16], met_at: Option<usize>, lost: bool, n: u64, stays: &[f64]) {
        self.started += n;
        self.started_lost += if lost { n } else { 0 };
        for (at, (state, weight)) in weighted(states, met_at, stays).enumerate() {
            let n = n as f64 * weight;
            let n_lost = if lost { n } else { 0.0 };
            if met_at == Some(at) {
                self.met[state] += n;
                self.met_lost[state] += n_lost;
                continue;
            }
            self.clean[state] += n;
            self.clean_squares[state] += n * weight;
            match states.get(at + 1) {
                Some(next) => self.moved[state][*next as usize] += n,
                None => self.lost_here[state] += n_lost,
            }
        }
    }

    /// Finds the loss from each state on, and what rests on it. States never fall, so what comes later is solved first.
    fn solve(&mut self) {
        let n_states = self.clean.len();
        for state in (self.start..n_states).rev() {
            let leaving = self.leaving(state);
            self.loss[state] = if leaving > 0.0 {
                let later: f64 = (state + 1..n_states).map(|next| self.moved[state][next] * self.loss[next]).sum();
                (self.lost_here[state] + later) / leaving
            } else {
                // Nobody clean is left to learn from: those who met a signal stand in, which makes the difference smaller.
                ratio(self.met_lost[state], self.met[state])
            };
        }
        if !self.is_compared() {
            return;
        }
        self.weight[self.start] = self.exposed as f64;
        for state in self.start..n_states {
            let (weight, leaving) = (self.weight[state], self.leaving(state));
            if leaving > 0.0 {
                self.weight[state] = weight * self.clean[state] / leaving;
                for next in state + 1..n_states {
                    self.weight[next] += weight * self.moved[state][next] / leaving;
                }
            }
        }
    }

    /// Returns how often the clean of a state have their next opportunity elsewhere, or none.
    fn leaving(&self, state: usize) -> f64 {
        let leaving = self.clean[state] - self.moved[state][state];
        // Sums of weights: what is left of two equal ones is rounding.
        if leaving > 1e-9 * self.clean[state] { leaving } else { 0.0 }
    }

    fn is_compared(&self) -> bool {
        self.started >= MIN_CLEAN && self.leaving(self.start) > 0.0
    }

    fn add_to(&self, total: &mut Comparison) {
        if self.is_compared() {
            total.cells.push(Stratum {
                exposed_outcome: self.exposed_lost,
                exposed: self.exposed,
                unexposed_outcome: self.started_lost,
                unexposed: self.started,
            });
            total.n += self.exposed;
            total.lost += self.exposed_lost;
            total.expected += self.exposed as f64 * self.loss[self.start];
        }
    }

    /// Returns √(n / (n − 1)) of a state: a share estimated from n accounts varies by that much more than they vary around it.
    ///
    /// Accounts that stand for others count as Kish's effective number (1965).
    fn inflation(&self, state: usize) -> f64 {
        let n = self.clean[state] * self.clean[state] / self.clean_squares[state];
        (n / (n - 1.0).max(0.5)).sqrt()
    }

    /// Returns how much one account that is followed from a time at which it is clean in the start adds to the expectation
    /// beyond what was expected of it.
    fn influence(&self, states: &[u16], met_at: Option<usize>, outcome: f64) -> f64 {
        let mut sum = 0.0;
        for (at, (state, weight)) in weighted(states, met_at, &self.stays).enumerate() {
            if met_at == Some(at) {
                if self.leaving(state) == 0.0 {
                    sum += self.weight[state] * weight / self.met[state] * (outcome - self.loss[state]);
                }
                continue;
            }
            let followed = states.get(at + 1).map_or(outcome, |next| self.loss[*next as usize]);
            sum += self.weight[state] * weight / self.clean[state] * (followed - self.loss[state]) * self.inflation(state);
        }
        sum
    }
}

fn ratio(x: f64, n: f64) -> f64 {
    if n > 0.0 { x / n } else { 0.0 }
}

impl Comparison {
    /// Estimates the standard error from the influence of each account on `lost − expected`.
    fn estimate_errors(&mut self, cohort: &Cohort, first: &[Option<usize>], strata: &[(Range<usize>, Vec<Option<Chain>>)]) {
        let difference = if self.n > 0 { (self.lost as f64 - self.expected) / self.n as f64 } else { 0.0 };
        let mut of_expected = vec![0.0; self.errors.len()];
        // How much more these very accounts' expectation varies than such accounts' outcomes did.
        let mut beyond = 0.0;
        for (range, chains) in strata {
            let compared = |state: u16| chains[state as usize].as_ref().filter(|chain| chain.is_compared());
            for idx in range.clone() {
                let pattern = &cohort.patterns[idx];
                let outcome = if pattern.lost { 1.0 } else { 0.0 };
                for at in 0..first[idx].unwrap_or(pattern.states.len()) {
                    if let Some(chain) = compared(pattern.states[at]) {
                        of_expected[idx] -= chain.influence(&pattern.states[at..], first[idx].map(|first| first - at), outcome);
                    }
                }
                if let Some(chain) = first[idx].and_then(|at| compared(pattern.states[at])) {
                    let loss = chain.loss[chain.start];
                    let own = outcome - loss - difference;
                    self.errors[idx] += own;
                    beyond += cohort.n[idx] as f64 * (loss * (1.0 - loss) - own * own);
                }
            }
        }
        self.expected_variance = cohort.variance(&of_expected);
        self.errors.iter_mut().zip(&of_expected).for_each(|(error, of_expected)| *error += of_expected);
        self.se = (cohort.variance(&self.errors) + beyond.max(0.0)).max(0.0).sqrt();
    }
}
