//! Times to an event of which some are not seen to their end.
//!
//! An observation is (time, cause): what happened at that time, or 0 when observation ended before anything did.
//! Times are from 0 and ascending; at one time, what happens comes before the end of observation.

use super::{ChiSquare, Estimate, Interval, Z_95, linear};

/// Is a time and what happened then; 0 when nothing did until the end of observation.
pub type Observation = (i64, u8);

/// Is a probability with its standard error and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability {
    /// The probability.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// Its log-log interval; `None` where the probability is 0 or 1.
    pub interval: Option<Interval>,
}

/// Is a time at which something happened, and the probability that nothing has until then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurvivalStep {
    /// When.
    pub time: i64,
    /// How many were still observed, without event.
    pub n_at_risk: u64,
    /// To how many it happened.
    pub n_events: u64,
    /// S(time).
    pub survival: Probability,
}

/// Is how the probability that nothing has happened falls with time.
#[derive(Clone, Debug, PartialEq)]
pub struct Survival {
    /// The times at which it falls, ascending.
    pub steps: Vec<SurvivalStep>,
    /// The last time of any observation.
    pub last_time: i64,
}

/// Returns the Kaplan–Meier curve of the time to any event; `None` without observations. O(n).
///
/// The intervals are Greenwood's on the scale of log(−log S).
///
/// Source: Kaplan & Meier 1958; Greenwood 1926; Kalbfleisch & Prentice 1980. METRICS 2.4.
pub fn kaplan_meier(sorted: &[Observation]) -> Option<Survival> {
    let last_time = sorted.last()?.0;
    let (mut value, mut greenwood) = (1.0, 0.0);
    let mut steps = Vec::new();
    for (n_at_risk, same) in by_time(sorted) {
        let n_events = count(same, |cause| cause != 0);
        if n_events == 0 {
            continue;
        }
        value *= (n_at_risk - n_events) as f64 / n_at_risk as f64;
        greenwood += hazard_variance(n_at_risk, n_events);
        steps.push(SurvivalStep { time: same[0].0, n_at_risk, n_events, survival: probability(value, value * f64::sqrt(greenwood)) });
    }
    Some(Survival { steps, last_time })
}

impl Survival {
    /// Returns the probability that nothing has happened until `time`; `None` where nobody was observed that long.
    pub fn at(&self, time: i64) -> Option<Probability> {
        let survival = self.until(time).last().map_or(CERTAIN, |step| step.survival);
        (time <= self.last_time || survival.value == 0.0).then_some(survival)
    }

    /// Returns the probability 1 − S that it has happened until `time`; `None` where nobody was observed that long.
    pub fn happened_by(&self, time: i64) -> Option<Probability> {
        let survival = self.at(time)?;
        Some(Probability { value: 1.0 - survival.value, interval: survival.interval.map(|(lo, hi)| (1.0 - hi, 1.0 - lo)), ..survival })
    }

    /// Returns the first time by which it has happened to the share `p`; `None` when it never does. The median is that of 0.5.
    pub fn quantile(&self, p: f64) -> Option<i64> {
        self.first(|step| step.survival.value <= 1.0 - p + TIE)
    }

    /// Returns the 95 % interval of a quantile, whose upper end is `None` when it is not seen; `None` when neither end is.
    ///
    /// Source: Brookmeyer & Crowley 1982, on the log-log intervals. METRICS 2.4.
    pub fn quantile_interval(&self, p: f64) -> Option<(i64, Option<i64>)> {
        let left = 1.0 - p + TIE;
        let lo = self.first(|step| step.survival.interval.map_or(0.0, |(lo, _)| lo) <= left)?;
        let hi = self.first(|step| step.survival.interval.is_some_and(|(_, hi)| hi <= left));
        Some((lo, hi))
    }

    /// Returns the mean time until it happens or `horizon` comes, whichever is first; `None` where nobody was observed that long.
    ///
    /// Source: Royston & Parmar 2013. METRICS 2.4.
    pub fn restricted_mean(&self, horizon: i64) -> Option<Estimate> {
        self.at(horizon)?;
        let (mut area, mut variance, mut until) = (0.0, 0.0, horizon);
        for step in self.until(horizon).iter().rev() {
            area += (until - step.time) as f64 * step.survival.value;
            variance += area * area * hazard_variance(step.n_at_risk, step.n_events);
            until = step.time;
        }
        Estimate::normal(area + until as f64, variance.sqrt())
    }

    fn until(&self, time: i64) -> &[SurvivalStep] {
        &self.steps[..self.steps.partition_point(|step| step.time <= time)]
    }

    fn first(&self, falls: impl Fn(&SurvivalStep) -> bool) -> Option<i64> {
        self.steps.iter().find(|step| falls(step)).map(|step| step.time)
    }
}

/// Sums and products of fractions that should meet a quantile, 0 or 1 exactly miss it by rounding.
const TIE: f64 = 1e-12;

/// Is a time at which something happened, and the probability that one cause has until then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidenceStep {
    /// When.
    pub time: i64,
    /// How many were still observed, without event.
    pub n_at_risk: u64,
    /// To how many something happened.
    pub n_events: u64,
    /// To how many of them the cause.
    pub n_of_cause: u64,
    /// The probability that nothing had happened before.
    pub survival_before: f64,
    /// The probability that the cause has happened.
    pub incidence: f64,
}

/// Is how the probability that one of several causes has happened rises with time.
#[derive(Clone, Debug, PartialEq)]
pub struct Incidence {
    /// The times at which anything happened, ascending.
    pub steps: Vec<IncidenceStep>,
    /// The last time of any observation.
    pub last_time: i64,
}

/// Returns the cumulative incidence of `cause` when other causes end the wait for it; `None` without observations. O(n).
///
/// The incidences of all causes and the survival add up to 1; 1 − Kaplan–Meier of one cause would be too high.
///
/// Source: Aalen & Johansen 1978. METRICS 2.2.
pub fn cumulative_incidence(sorted: &[Observation], cause: u8) -> Option<Incidence> {
    assert!(cause != 0, "0 is the end of observation, not a cause");
    let last_time = sorted.last()?.0;
    let (mut survival, mut incidence) = (1.0, 0.0);
    let mut steps = Vec::new();
    for (n_at_risk, same) in by_time(sorted) {
        let (n_events, n_of_cause) = (count(same, |cause| cause != 0), count(same, |other| other == cause));
        if n_events == 0 {
            continue;
        }
        let survival_before = survival;
        incidence += survival * n_of_cause as f64 / n_at_risk as f64;
        survival *= (n_at_risk - n_events) as f64 / n_at_risk as f64;
        steps.push(IncidenceStep { time: same[0].0, n_at_risk, n_events, n_of_cause, survival_before, incidence });
    }
    Some(Incidence { steps, last_time })
}

impl Incidence {
    /// Returns the probability that the cause has happened until `time`; `None` where nobody was observed that long. O(steps).
    ///
    /// The standard error is Greenwood's, extended by the delta method; the interval is that of 1 − F on the scale of log(−log),
    /// so that a single cause has the interval of Kaplan–Meier.
    ///
    /// Source: Marubini & Valsecchi 1995. METRICS 2.2.
    pub fn at(&self, time: i64) -> Option<Probability> {
        let steps = &self.steps[..self.steps.partition_point(|step| step.time <= time)];
        let last = steps.last();
        let nobody_left = last.is_some_and(|step| step.n_events == step.n_at_risk);
        if time > self.last_time && !nobody_left {
            return None;
        }
        let value = last.map_or(0.0, |step| step.incidence);
        let variance: f64 = steps.iter().map(|step| step.variance(value)).sum();
        let others = probability(1.0 - value, variance.max(0.0).sqrt());
        Some(Probability { value, se: others.se, interval: others.interval.map(|(lo, hi)| (1.0 - hi, 1.0 - lo)) })
    }
}

impl IncidenceStep {
    /// Returns what this step adds to the variance of a later incidence.
    fn variance(&self, later: f64) -> f64 {
        let (n, of_cause) = (self.n_at_risk as f64, self.n_of_cause as f64);
        let rise = later - self.incidence;
        rise * rise * hazard_variance(self.n_at_risk, self.n_events) + self.survival_before.powi(2) * of_cause * (n - of_cause) / n.powi(3)
            - 2.0 * rise * self.survival_before * of_cause / (n * n)
    }
}

/// Tests whether groups have the same survival; `None` unless two groups or more have events to compare.
///
/// O(groups · event times · log n).
///
/// Source: log-rank test, Mantel 1966. METRICS 2.4.
pub fn log_rank(groups: &[&[Observation]]) -> Option<ChiSquare> {
    let free = groups.len().checked_sub(1)?;
    let mut times: Vec<i64> = groups.iter().copied().flatten().filter(|(_, cause)| *cause != 0).map(|(time, _)| *time).collect();
    times.sort_unstable();
    times.dedup();
    let mut excess = vec![vec![0.0]; free];
    let mut covariance = vec![vec![0.0; free]; free];
    for time in times {
        let table: Vec<(f64, f64)> = groups.iter().map(|group| at_risk_and_events(group, time)).collect();
        let (n, events) = table.iter().fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        let spread = if n > 1.0 { events * (n - events) / (n - 1.0) } else { 0.0 };
        for i in 0..free {
            let share = table[i].0 / n;
            excess[i][0] += table[i].1 - events * share;
            for j in 0..free {
                let same = if i == j { share } else { 0.0 };
                covariance[i][j] += spread * (same - share * table[j].0 / n);
            }
        }
    }
    let solved = linear::solve(&covariance, &excess)?;
    let chi2: f64 = excess.iter().zip(&solved).map(|(u, x)| u[0] * x[0]).sum();
    ChiSquare::new(chi2.max(0.0), free as u32)
}

fn at_risk_and_events(sorted: &[Observation], time: i64) -> (f64, f64) {
    let at_risk = &sorted[sorted.partition_point(|observation| observation.0 < time)..];
    let same = &at_risk[..at_risk.partition_point(|observation| observation.0 == time)];
    (at_risk.len() as f64, count(same, |cause| cause != 0) as f64)
}

/// Returns the observations of each time with how many were at risk.
fn by_time(sorted: &[Observation]) -> impl Iterator<Item = (u64, &[Observation])> {
    assert!(sorted.is_sorted_by_key(|observation| observation.0), "observations come in ascending time");
    let mut left = sorted.len() as u64;
    sorted.chunk_by(|a, b| a.0 == b.0).map(move |same| {
        let n_at_risk = left;
        left -= same.len() as u64;
        (n_at_risk, same)
    })
}

fn count(observations: &[Observation], is: impl Fn(u8) -> bool) -> u64 {
    observations.iter().filter(|(_, cause)| is(*cause)).count() as u64
}

/// Returns Greenwood's d / (n (n − d)); 0 when nobody is left, as all that it is multiplied with is.
fn hazard_variance(n_at_risk: u64, n_events: u64) -> f64 {
    let left = n_at_risk - n_events;
    if left == 0 { 0.0 } else { n_events as f64 / (n_at_risk as f64 * left as f64) }
}

const CERTAIN: Probability = Probability { value: 1.0, se: 0.0, interval: None };

/// Returns a probability of nothing happening, with its log-log interval.
fn probability(value: f64, se: f64) -> Probability {
    let open = value > TIE && value < 1.0 - TIE;
    let interval = open.then(|| {
        let spread = Z_95 * se / (value * value.ln().abs());
        (value.powf(spread.exp()), value.powf((-spread).exp()))
    });
    Probability { value, se, interval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};
    use proptest::prelude::*;

    fn observations(times: &[i64], causes: &[u8]) -> Vec<Observation> {
        times.iter().copied().zip(causes.iter().copied()).collect()
    }

    // METRICS 2.4, Freireich 1963: weeks of remission with 6-MP.
    fn treated() -> Vec<Observation> {
        observations(
            &[6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
            &[1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
        )
    }

    // METRICS 2.4: the control group, all relapsed.
    fn control() -> Vec<Observation> {
        [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23].map(|time| (time, 1)).to_vec()
    }

    // METRICS 2.2: converted (1) or churned (2).
    fn competing() -> Vec<Observation> {
        observations(&[1, 2, 2, 3, 4, 5, 5, 6, 7, 8], &[1, 2, 0, 1, 0, 2, 1, 0, 1, 0])
    }

    // METRICS 2.4, Kaplan–Meier with log-log intervals.
    #[test]
    fn the_curve_agrees_with_the_published_table() {
        let curve = kaplan_meier(&treated()).unwrap();
        let expected = [
            (6, 21, 3, 0.857142857142857, (0.6197179552659838, 0.9515517476469969)),
            (7, 17, 1, 0.8067226890756299, (0.5631465646222333, 0.9228090192028802)),
            (10, 15, 1, 0.7529411764705878, (0.5031995107999564, 0.8893618351692651)),
            (13, 12, 1, 0.6901960784313722, (0.4316102224861839, 0.8490659633494505)),
            (16, 11, 1, 0.6274509803921566, (0.36751085598750194, 0.8049121894718411)),
            (22, 7, 1, 0.5378151260504199, (0.26777893676713493, 0.7467907176353943)),
            (23, 6, 1, 0.44817927170868327, (0.18805200595923233, 0.6801426284952412)),
        ];
        assert_eq!(curve.steps.len(), expected.len());
        for (step, (time, n_at_risk, n_events, survival, interval)) in curve.steps.iter().zip(expected) {
            assert_eq!((step.time, step.n_at_risk, step.n_events), (time, n_at_risk, n_events));
            close(step.survival.value, survival);
            close_interval(step.survival.interval, interval);
        }
        assert!((curve.at(23).unwrap().se - 0.134591457).abs() < 1e-9);
        assert_eq!((curve.quantile(0.5), curve.quantile_interval(0.5)), (Some(23), Some((13, None))));
    }

    // METRICS 2.4, restricted mean; the control group's SE has nine digits.
    #[test]
    fn restricted_means_agree_with_the_published_values() {
        let curve = kaplan_meier(&treated()).unwrap();
        let mean = curve.restricted_mean(30).unwrap();
        close(mean.value, 21.04649859943978);
        close(mean.se, 2.2438019515594565);
        let mean = curve.restricted_mean(20).unwrap();
        close(mean.value, 16.116526610644257);
        close(mean.se, 1.2515601960050473);
        let mean = kaplan_meier(&control()).unwrap().restricted_mean(20).unwrap();
        assert!((mean.value - 8.428571429).abs() < 1e-9 && (mean.se - 1.268082682).abs() < 1e-9);
        assert_eq!(curve.restricted_mean(36), None, "nobody was observed that long");
        assert!(kaplan_meier(&control()).unwrap().restricted_mean(100).is_some(), "nobody is left to wait for");
    }

    // METRICS 2.4, small cases.
    #[test]
    fn small_curves_agree_with_the_published_values() {
        let curve = kaplan_meier(&observations(&[5, 5, 8, 10], &[1, 0, 1, 0])).unwrap();
        assert_eq!([curve.at(4), curve.at(5), curve.at(8)].map(|s| s.unwrap().value), [1.0, 0.75, 0.375]);
        assert_eq!(curve.quantile(0.5), Some(8));
        assert_eq!(curve.at(11), None, "nobody was observed that long");
        let curve = kaplan_meier(&observations(&[2, 4, 4, 6, 9], &[1, 1, 0, 1, 1])).unwrap();
        curve.steps.iter().zip([0.8, 0.6, 0.3, 0.0]).for_each(|(step, survival)| close(step.survival.value, survival));
        let censored = kaplan_meier(&observations(&[3, 4], &[0, 0])).unwrap();
        assert_eq!((censored.at(4), censored.quantile(0.5), censored.quantile_interval(0.5)), (Some(CERTAIN), None, None));
        let single = kaplan_meier(&[(3, 1)]).unwrap();
        assert_eq!(single.at(9), Some(Probability { value: 0.0, se: 0.0, interval: None }));
        assert_eq!(single.quantile_interval(0.5), Some((3, None)));
        assert_eq!(kaplan_meier(&[]), None);
    }

    // METRICS 2.2, horizon 7 with people whose window has not passed.
    #[test]
    fn what_happened_by_a_horizon_agrees_with_the_published_value() {
        let conversions = observations(&[1, 2, 2, 3, 5, 7, 7, 10, 10, 12], &[1, 1, 0, 1, 0, 1, 0, 0, 0, 1]);
        let happened = kaplan_meier(&conversions).unwrap().happened_by(7).unwrap();
        assert!((happened.value - 0.451428571).abs() < 1e-9);
        let (lo, hi) = happened.interval.unwrap();
        assert!(lo < happened.value && happened.value < hi);
    }

    // METRICS 2.2; standard errors by the covariance recursion of the multi-state product, Andersen et al. 1993, IV.4.
    #[test]
    fn competing_causes_agree_with_the_published_values() {
        let (converted, churned) = (cumulative_incidence(&competing(), 1).unwrap(), cumulative_incidence(&competing(), 2).unwrap());
        for (time, incidence, se) in [
            (1, 0.1, 0.09486832980505137),
            (3, 0.21428571428571427, 0.1350412959190578),
            (5, 0.3514285714285714, 0.16662347350898146),
            (7, 0.5571428571428572, 0.19607073157007818),
        ] {
            let at = converted.at(time).unwrap();
            close(at.value, incidence);
            close(at.se, se);
        }
        let at = churned.at(7).unwrap();
        close(at.value, 0.23714285714285716);
        close(at.se, 0.14906941658871253);
        close(kaplan_meier(&competing()).unwrap().at(7).unwrap().value, 0.2057142857142857);
        let naive: Vec<Observation> = competing().into_iter().map(|(time, cause)| (time, u8::from(cause == 1))).collect();
        close(kaplan_meier(&naive).unwrap().happened_by(7).unwrap().value, 0.6914285714285714);
        assert_eq!(converted.at(0), Some(Probability { value: 0.0, se: 0.0, interval: None }));
        assert_eq!(converted.at(9), None, "nobody was observed that long");
        assert_eq!(cumulative_incidence(&[], 1), None);
    }

    // METRICS 2.4, log-rank of two and of three groups.
    #[test]
    fn log_rank_agrees_with_the_published_values() {
        let test = log_rank(&[&treated(), &control()]).unwrap();
        close(test.chi2, 16.792940989216547);
        close(test.p, 4.168809109334511e-05);
        let groups = [
            observations(&[1, 2, 3, 4, 5], &[1, 1, 1, 0, 1]),
            observations(&[2, 3, 4, 6, 8], &[1, 1, 1, 1, 0]),
            observations(&[5, 7, 9, 10, 12], &[1, 1, 0, 1, 1]),
        ];
        let test = log_rank(&[&groups[0], &groups[1], &groups[2]]).unwrap();
        close(test.chi2, 5.66308502573716);
        close(test.p, 0.058921895753164324);
        assert_eq!(test.df, 2);
    }

    #[test]
    fn log_rank_needs_two_groups_with_something_to_compare() {
        assert_eq!(log_rank(&[]), None);
        assert_eq!(log_rank(&[&treated()]), None);
        assert_eq!(log_rank(&[&[(3, 0)], &[(3, 0)]]), None);
        assert_eq!(log_rank(&[&treated(), &[]]), None);
    }

    fn any_observations() -> impl Strategy<Value = Vec<Observation>> {
        prop::collection::vec((1_i64..30, 0_u8..3), 1..60).prop_map(|mut observations| {
            observations.sort_unstable();
            observations
        })
    }

    proptest! {
        // METRICS 8, property 8.
        #[test]
        fn without_censoring_the_curve_is_the_share_left(mut times in prop::collection::vec(1_i64..30, 1..60), time in 0_i64..31) {
            times.sort_unstable();
            let observations: Vec<Observation> = times.iter().map(|&time| (time, 1)).collect();
            let left = times.iter().filter(|&&t| t > time).count() as f64 / times.len() as f64;
            let survival = kaplan_meier(&observations).unwrap().at(time).unwrap();
            prop_assert!((survival.value - left).abs() < 1e-12);
            prop_assert!((survival.se.powi(2) - left * (1.0 - left) / times.len() as f64).abs() < 1e-12, "Greenwood is binomial");
        }

        // METRICS 8, property 8.
        #[test]
        fn incidences_and_survival_add_up_to_1(observations in any_observations(), time in 0_i64..31) {
            let parts = [1, 2].map(|cause| cumulative_incidence(&observations, cause).unwrap().at(time));
            let survival = kaplan_meier(&observations).unwrap().at(time);
            match (parts, survival) {
                ([Some(first), Some(second)], Some(left)) => {
                    prop_assert!((first.value + second.value + left.value - 1.0).abs() < 1e-12);
                }
                (parts, survival) => prop_assert!(parts == [None, None] && survival.is_none()),
            }
        }

        #[test]
        fn a_single_cause_has_the_interval_of_kaplan_meier(observations in any_observations(), time in 0_i64..30) {
            let single: Vec<Observation> = observations.iter().map(|&(time, cause)| (time, cause.min(1))).collect();
            let (one, other) = (cumulative_incidence(&single, 1).unwrap().at(time), kaplan_meier(&single).unwrap().happened_by(time));
            prop_assert_eq!(one.is_some(), other.is_some());
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert!((one.value - other.value).abs() < 1e-12 && (one.se - other.se).abs() < 1e-7);
                match (one.interval, other.interval) {
                    (Some(one), Some(other)) => prop_assert!((one.0 - other.0).abs() < 1e-9 && (one.1 - other.1).abs() < 1e-9),
                    (one, other) => prop_assert_eq!(one, other),
                }
            }
        }

        // METRICS 8, property 8.
        #[test]
        fn log_rank_does_not_depend_on_the_order_of_groups(a in any_observations(), b in any_observations()) {
            let (one, other) = (log_rank(&[&a, &b]), log_rank(&[&b, &a]));
            prop_assert_eq!(one.is_some(), other.is_some());
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert!((one.chi2 - other.chi2).abs() < 1e-9 * (1.0 + one.chi2));
                prop_assert!((0.0..=1.0).contains(&one.p));
            }
        }
    }
}
