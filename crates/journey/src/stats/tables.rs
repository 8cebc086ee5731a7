//! Exposed against unexposed people, compared within strata: what remains of a difference when like is compared with like.

use super::proportions::newcombe;
use super::{ChiSquare, Estimate, Interval, Z_95};

/// Is the people of one stratum, such as one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stratum {
    /// Exposed people with the outcome, among `exposed`.
    pub exposed_outcome: u64,
    /// Exposed people.
    pub exposed: u64,
    /// Unexposed people with the outcome, among `unexposed`.
    pub unexposed_outcome: u64,
    /// Unexposed people.
    pub unexposed: u64,
}

impl Stratum {
    /// Returns the people of the stratum.
    pub fn people(&self) -> u64 {
        self.exposed + self.unexposed
    }

    fn cells(&self) -> Cells {
        assert!(self.exposed_outcome <= self.exposed && self.unexposed_outcome <= self.unexposed, "outcomes are some of the people");
        Cells {
            a: self.exposed_outcome as f64,
            b: (self.exposed - self.exposed_outcome) as f64,
            c: self.unexposed_outcome as f64,
            d: (self.unexposed - self.unexposed_outcome) as f64,
        }
    }
}

/// Is a table: rows exposed and unexposed, columns with and without outcome.
#[derive(Clone, Copy, Debug)]
struct Cells {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
}

impl Cells {
    fn n1(&self) -> f64 {
        self.a + self.b
    }

    fn n0(&self) -> f64 {
        self.c + self.d
    }

    fn n(&self) -> f64 {
        self.n1() + self.n0()
    }

    fn outcomes(&self) -> f64 {
        self.a + self.c
    }

    fn difference(&self) -> f64 {
        self.a / self.n1() - self.c / self.n0()
    }

    fn difference_variance(&self) -> f64 {
        self.a * self.b / self.n1().powi(3) + self.c * self.d / self.n0().powi(3)
    }

    /// Returns the variance of `a` when the margins are fixed and exposure does not matter.
    fn null_variance(&self) -> f64 {
        let n = self.n();
        self.n1() * self.n0() * self.outcomes() * (self.b + self.d) / (n * n * (n - 1.0))
    }

    /// Returns what `a` is expected to be when the margins are fixed and the odds ratio is given.
    fn expected(&self, odds_ratio: f64) -> f64 {
        let sum = odds_ratio * (self.n1() + self.outcomes()) + self.n0() - self.outcomes();
        let product = odds_ratio * self.n1() * self.outcomes();
        2.0 * product / (sum + (sum * sum - 4.0 * (odds_ratio - 1.0) * product).max(0.0).sqrt())
    }
}

/// Is the strata in which exposed and unexposed people can be compared.
#[derive(Clone, Debug)]
pub struct Tables {
    cells: Vec<Cells>,
    crude: Stratum,
    /// Strata left out because one arm is empty.
    pub n_strata_excluded: u64,
    /// The people in them.
    pub n_people_excluded: u64,
}

/// Is a ratio with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio.
    pub value: f64,
    /// Its interval, symmetric on the scale of logarithms.
    pub interval: Interval,
}

/// Is what warns of a single number for all strata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warnings {
    /// Crude and adjusted difference have different signs, and the interval of either excludes 0.
    pub simpson_reversal: bool,
    /// They differ by more than a tenth of the crude difference.
    pub confounded: bool,
    /// The strata disagree: Breslow–Day p < 0.05. Show them, no single number.
    pub heterogeneous: bool,
}

impl Tables {
    /// Keeps the strata with people in both arms.
    pub fn new(strata: &[Stratum]) -> Self {
        let (kept, excluded): (Vec<Stratum>, Vec<Stratum>) =
            strata.iter().partition(|stratum| stratum.exposed > 0 && stratum.unexposed > 0);
        let crude = kept.iter().fold(Stratum::default(), |sum, stratum| Stratum {
            exposed_outcome: sum.exposed_outcome + stratum.exposed_outcome,
            exposed: sum.exposed + stratum.exposed,
            unexposed_outcome: sum.unexposed_outcome + stratum.unexposed_outcome,
            unexposed: sum.unexposed + stratum.unexposed,
        });
        Self {
            cells: kept.iter().map(Stratum::cells).collect(),
            crude,
            n_strata_excluded: excluded.len() as u64,
            n_people_excluded: excluded.iter().map(Stratum::people).sum(),
        }
    }

    /// Returns the sum of the strata that are kept, so that crude and adjusted numbers are of the same people.
    pub fn crude(&self) -> Stratum {
        self.crude
    }

    /// Returns the risk difference without regard to strata, with Newcombe's interval; `None` without strata. METRICS 3.5.
    pub fn crude_difference(&self) -> Option<Estimate> {
        let Stratum { exposed_outcome, exposed, unexposed_outcome, unexposed } = self.crude;
        let interval = newcombe(exposed_outcome, exposed, unexposed_outcome, unexposed)?;
        let cells = self.crude.cells();
        Some(Estimate { value: cells.difference(), se: cells.difference_variance().sqrt(), interval })
    }

    /// Returns the Mantel–Haenszel risk difference, in which every stratum counts by its overlap; `None` without strata.
    ///
    /// Source: Mantel & Haenszel 1959; Greenland & Robins 1985. METRICS 3.3.
    pub fn mantel_haenszel_difference(&self) -> Option<Estimate> {
        let overlap = self.sum(|t| t.n1() * t.n0() / t.n());
        let difference = self.sum(|t| (t.a * t.n0() - t.c * t.n1()) / t.n());
        let variance = self.sum(|t| (t.a * t.b * t.n0().powi(3) + t.c * t.d * t.n1().powi(3)) / (t.n1() * t.n0() * t.n().powi(2)));
        Estimate::normal(difference / overlap, variance.sqrt() / overlap)
    }

    /// Returns the difference among those exposed (ATT): strata weighted by their exposed people; `None` without strata.
    ///
    /// The standard error takes the sizes of the strata as given.
    ///
    /// Source: standardisation, Hernán & Robins, ch. 13. METRICS 3.3.
    pub fn difference_among_exposed(&self) -> Option<Estimate> {
        let exposed = self.sum(Cells::n1);
        let difference = self.sum(|t| t.n1() * t.difference()) / exposed;
        Estimate::normal(difference, self.sum(|t| t.n1().powi(2) * t.difference_variance()).sqrt() / exposed)
    }

    /// Returns the difference among all people (ATE): strata weighted by their people; `None` without strata.
    ///
    /// The standard error is that of the influence function: it includes that other people would fall into other strata.
    ///
    /// Source: Robins, Rotnitzky & Zhao 1994, saturated. METRICS 3.3.
    pub fn difference_among_all(&self) -> Option<Estimate> {
        let people = self.sum(Cells::n);
        let difference = self.sum(|t| t.n() * t.difference()) / people;
        let within = self.sum(|t| t.n().powi(2) * t.difference_variance());
        let between = self.sum(|t| t.n() * (t.difference() - difference).powi(2));
        Estimate::normal(difference, (within + between).sqrt() / people)
    }

    /// Returns the Mantel–Haenszel odds ratio; `None` when one of its sums is 0.
    ///
    /// Source: Mantel & Haenszel 1959; variance of Robins, Breslow & Greenland 1986. METRICS 3.3.
    pub fn mantel_haenszel_odds_ratio(&self) -> Option<Ratio> {
        let (r, s) = (self.sum(|t| t.a * t.d / t.n()), self.sum(|t| t.b * t.c / t.n()));
        let pr = self.sum(|t| (t.a + t.d) * t.a * t.d / t.n().powi(2));
        let qs = self.sum(|t| (t.b + t.c) * t.b * t.c / t.n().powi(2));
        let mixed = self.sum(|t| ((t.a + t.d) * t.b * t.c + (t.b + t.c) * t.a * t.d) / t.n().powi(2));
        Ratio::of(r, s, pr / (2.0 * r * r) + mixed / (2.0 * r * s) + qs / (2.0 * s * s))
    }

    /// Returns the Mantel–Haenszel risk ratio, which the E-value takes; `None` when one of its sums is 0.
    ///
    /// Source: Greenland & Robins 1985.
    pub fn mantel_haenszel_risk_ratio(&self) -> Option<Ratio> {
        let (r, s) = (self.sum(|t| t.a * t.n0() / t.n()), self.sum(|t| t.c * t.n1() / t.n()));
        let spread = self.sum(|t| (t.outcomes() * t.n1() * t.n0() - t.a * t.c * t.n()) / t.n().powi(2));
        Ratio::of(r, s, spread / (r * s))
    }

    /// Tests whether exposure matters in any stratum, without continuity correction; `None` when nobody or everybody has the outcome.
    ///
    /// Source: Mantel & Haenszel 1959; Cochran 1954. METRICS 3.5.
    pub fn cmh(&self) -> Option<ChiSquare> {
        self.cmh_less(0.0)
    }

    /// Tests as [`Tables::cmh`], with the continuity correction of ½. METRICS 3.5.
    pub fn cmh_corrected(&self) -> Option<ChiSquare> {
        self.cmh_less(0.5)
    }

    fn cmh_less(&self, correction: f64) -> Option<ChiSquare> {
        let excess = self.sum(|t| t.a - t.n1() * t.outcomes() / t.n()).abs();
        ChiSquare::new((excess - correction).max(0.0).powi(2) / self.sum(Cells::null_variance), 1)
    }

    /// Tests whether the odds ratio is the same in all strata; `None` without odds ratio or with one stratum that informs about it.
    ///
    /// Source: Breslow & Day 1980. METRICS 3.3.
    pub fn breslow_day(&self) -> Option<ChiSquare> {
        let fits = self.fits()?;
        ChiSquare::new(fits.iter().map(|(excess, variance)| excess * excess / variance).sum(), fits.len() as u32 - 1)
    }

    /// Tests as [`Tables::breslow_day`], with Tarone's correction.
    ///
    /// Source: Tarone 1985. METRICS 3.3.
    pub fn tarone(&self) -> Option<ChiSquare> {
        let fits = self.fits()?;
        let (excess, variance) = fits.iter().fold((0.0, 0.0), |sum, fit| (sum.0 + fit.0, sum.1 + fit.1));
        let chi2 = self.breslow_day()?.chi2 - excess * excess / variance;
        ChiSquare::new(chi2.max(0.0), fits.len() as u32 - 1)
    }

    /// Returns (observed − expected, variance) of the exposed outcomes under the common odds ratio, of strata that inform about it.
    fn fits(&self) -> Option<Vec<(f64, f64)>> {
        let odds_ratio = self.mantel_haenszel_odds_ratio()?.value;
        let informs = |t: &&Cells| t.outcomes() > 0.0 && t.outcomes() < t.n();
        let fit = |t: &Cells| {
            let expected = t.expected(odds_ratio);
            let cells = [expected, t.n1() - expected, t.outcomes() - expected, t.n0() - t.outcomes() + expected];
            (t.a - expected, 1.0 / cells.map(|cell| 1.0 / cell).iter().sum::<f64>())
        };
        Some(self.cells.iter().filter(informs).map(fit).collect())
    }

    /// Returns the warnings of Simpson's paradox on risk differences; `None` without strata. METRICS 3.5.
    pub fn warnings(&self) -> Option<Warnings> {
        let (crude, adjusted) = (self.crude_difference()?, self.mantel_haenszel_difference()?);
        let excludes_0 = |estimate: &Estimate| estimate.interval.0 > 0.0 || estimate.interval.1 < 0.0;
        Some(Warnings {
            simpson_reversal: sign(crude.value) != sign(adjusted.value) && (excludes_0(&crude) || excludes_0(&adjusted)),
            confounded: (crude.value - adjusted.value).abs() > 0.1 * crude.value.abs() + ZERO,
            heterogeneous: self.breslow_day().is_some_and(|test| test.p < 0.05),
        })
    }

    fn sum(&self, of: impl Fn(&Cells) -> f64) -> f64 {
        self.cells.iter().map(of).sum()
    }
}

impl Ratio {
    /// Returns `top / bottom` with the interval of its logarithm; `None` when either is 0.
    fn of(top: f64, bottom: f64, log_variance: f64) -> Option<Self> {
        let (value, factor) = (top / bottom, (Z_95 * log_variance.sqrt()).exp());
        (value > 0.0 && (value * factor).is_finite()).then(|| Self { value, interval: (value / factor, value * factor) })
    }
}

/// Differences of shares below are rounding.
const ZERO: f64 = 1e-12;

fn sign(difference: f64) -> i8 {
    i8::from(difference > ZERO) - i8::from(difference < -ZERO)
}

/// Returns how strongly a confounder must be tied to exposure and to outcome to explain a risk ratio; `None` unless it is positive.
///
/// Source: VanderWeele & Ding 2017. METRICS 3.3.
pub fn e_value(risk_ratio: f64) -> Option<f64> {
    let away = if risk_ratio < 1.0 { 1.0 / risk_ratio } else { risk_ratio };
    let value = away + (away * (away - 1.0)).sqrt();
    (risk_ratio > 0.0 && value.is_finite()).then_some(value)
}

/// Returns the E-value of the limit nearer to 1; 1 when the interval includes 1, as nothing is left to explain.
///
/// Source: VanderWeele & Ding 2017. METRICS 3.3.
pub fn e_value_of_interval((lo, hi): Interval) -> Option<f64> {
    if lo > 1.0 {
        e_value(lo)
    } else if hi < 1.0 {
        e_value(hi)
    } else {
        (lo <= hi).then_some(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};
    use proptest::prelude::*;

    fn stratum((exposed_outcome, exposed, unexposed_outcome, unexposed): (u64, u64, u64, u64)) -> Stratum {
        Stratum { exposed_outcome, exposed, unexposed_outcome, unexposed }
    }

    // METRICS 3.3, worked vector: friction and drop on mobile and desktop.
    fn devices() -> Vec<Stratum> {
        [(50, 60, 60, 140), (10, 20, 30, 280)].map(stratum).to_vec()
    }

    // METRICS 3.5, admissions of men and women to six departments, Bickel et al. 1975.
    fn berkeley() -> Tables {
        Tables::new(
            &[(512, 825, 89, 108), (353, 560, 17, 25), (120, 325, 202, 593), (138, 417, 131, 375), (53, 191, 94, 393), (22, 373, 24, 341)]
                .map(stratum),
        )
    }

    // METRICS 3.3.
    #[test]
    fn differences_agree_with_the_published_values() {
        let tables = Tables::new(&devices());
        close(tables.crude_difference().unwrap().value, 0.5357142857142857);
        let adjusted = tables.mantel_haenszel_difference().unwrap();
        close(adjusted.value, 0.401098901098901);
        close(adjusted.se, 0.05624636395361007);
        close_interval(adjusted.interval, (0.29085805348849336, 0.5113397487093088));
        let exposed = tables.difference_among_exposed().unwrap();
        close(exposed.value, 0.4017857142857143);
        close(exposed.se, 0.05557563994543828);
        let all = tables.difference_among_all().unwrap();
        close(all.value, 0.39761904761904765);
        close(all.se, 0.07261761085527126);
    }

    // METRICS 3.3; digits of limits and of Breslow–Day from the formulas with mpmath.
    #[test]
    fn ratios_and_tests_agree_with_the_published_values() {
        let tables = Tables::new(&devices());
        let odds = tables.mantel_haenszel_odds_ratio().unwrap();
        close(odds.value, 7.083333333333334);
        close_interval(odds.interval, (3.837618176389437, 13.074154020793225));
        let cmh = tables.cmh().unwrap();
        close(cmh.chi2, 46.95014099960541);
        close(cmh.p, 7.281575075663756e-12);
        let homogeneous = tables.breslow_day().unwrap();
        close(homogeneous.chi2, 0.13608294483605343);
        close(homogeneous.p, 0.7122065724830877);
        close(tables.tarone().unwrap().chi2, 0.1285752993471806);
        let warnings = Warnings { simpson_reversal: false, confounded: true, heterogeneous: false };
        assert_eq!(tables.warnings(), Some(warnings));
    }

    // METRICS 3.5.
    #[test]
    fn berkeley_reverses() {
        let tables = berkeley();
        close(tables.crude_difference().unwrap().value, 0.14164542824654186);
        let odds = tables.mantel_haenszel_odds_ratio().unwrap();
        close(odds.value, 0.9046968282586231);
        close_interval(odds.interval, (0.7719073617593505, 1.0603297644366558));
        close(tables.cmh().unwrap().chi2, 1.5246066604434356);
        close(tables.cmh_corrected().unwrap().chi2, 1.4269462285866883);
        close(tables.cmh_corrected().unwrap().p, 0.2322634628170448);
        close(tables.breslow_day().unwrap().chi2, 18.825513705236514);
        close(tables.breslow_day().unwrap().p, 0.0020713903499179984);
        let warnings = Warnings { simpson_reversal: true, confounded: true, heterogeneous: true };
        assert_eq!(tables.warnings(), Some(warnings));
    }

    #[test]
    fn strata_with_an_empty_arm_are_excluded_and_counted() {
        let mut strata = devices();
        strata.extend([(3, 7, 0, 0), (0, 0, 1, 2)].map(stratum));
        let tables = Tables::new(&strata);
        assert_eq!((tables.n_strata_excluded, tables.n_people_excluded), (2, 9));
        assert_eq!(tables.crude(), stratum((60, 80, 90, 420)));
        assert_eq!(tables.mantel_haenszel_difference(), Tables::new(&devices()).mantel_haenszel_difference());
    }

    #[test]
    fn what_cannot_be_compared_is_nothing() {
        let nothing = Tables::new(&[]);
        assert_eq!(nothing.crude_difference(), None);
        assert_eq!(nothing.mantel_haenszel_difference(), None);
        assert_eq!(nothing.difference_among_exposed(), None);
        assert_eq!(nothing.difference_among_all(), None);
        assert_eq!(nothing.warnings(), None);
        let never = Tables::new(&[stratum((0, 5, 0, 5)), stratum((0, 3, 0, 4))]);
        assert_eq!(never.mantel_haenszel_odds_ratio(), None);
        assert_eq!(never.mantel_haenszel_risk_ratio(), None);
        assert_eq!(never.cmh(), None);
        assert_eq!(never.breslow_day(), None);
        assert_eq!(never.mantel_haenszel_difference().map(|difference| difference.value), Some(0.0));
        assert_eq!(Tables::new(&devices()[..1]).breslow_day(), None, "one stratum agrees with itself");
    }

    // Katz et al. 1978: ln RR of one table has variance 1/a − 1/n1 + 1/c − 1/n0.
    #[test]
    fn the_risk_ratio_of_one_stratum_has_the_interval_of_katz() {
        let ratio = Tables::new(&devices()[..1]).mantel_haenszel_risk_ratio().unwrap();
        let factor = (Z_95 * (1.0_f64 / 50.0 - 1.0 / 60.0 + 1.0 / 60.0 - 1.0 / 140.0).sqrt()).exp();
        let value = (50.0 / 60.0) / (60.0 / 140.0);
        close(ratio.value, value);
        close_interval(ratio.interval, (value / factor, value * factor));
    }

    // METRICS 3.3.
    #[test]
    fn e_values_agree_with_the_published_values() {
        close(e_value(3.9).unwrap(), 7.263034344160047);
        close(e_value(1.8).unwrap(), 3.0);
        close(e_value(0.8).unwrap(), 1.8090169943749475);
        assert_eq!(e_value(1.0), Some(1.0));
        assert_eq!(e_value(0.0), None);
        assert_eq!(e_value(f64::NAN), None);
        assert_eq!(e_value_of_interval((1.8, 9.0)), e_value(1.8));
        assert_eq!(e_value_of_interval((0.2, 0.8)), e_value(0.8));
        assert_eq!(e_value_of_interval((0.9, 1.1)), Some(1.0));
        assert_eq!(e_value_of_interval((f64::NAN, f64::NAN)), None);
    }

    fn any_strata() -> impl Strategy<Value = Vec<Stratum>> {
        let any_stratum = (0_u64..20, 0_u64..20, 0_u64..20, 0_u64..20).prop_map(|(a, b, c, d)| stratum((a, a + b, c, c + d)));
        prop::collection::vec(any_stratum, 0..6)
    }

    proptest! {
        // METRICS 8, property 12: weighted by the share of the other arm, a saturated propensity score.
        #[test]
        fn mantel_haenszel_is_the_overlap_weighted_difference(strata in any_strata()) {
            let arm = |outcomes: fn(&Stratum) -> u64, arm: fn(&Stratum) -> u64, other: fn(&Stratum) -> u64| {
                let weights = |people: fn(&Stratum) -> u64| {
                    strata.iter().filter(|s| s.people() > 0).map(|s| people(s) as f64 * other(s) as f64 / s.people() as f64).sum::<f64>()
                };
                weights(outcomes) / weights(arm)
            };
            let weighted = arm(|s| s.exposed_outcome, |s| s.exposed, |s| s.unexposed) - arm(|s| s.unexposed_outcome, |s| s.unexposed, |s| s.exposed);
            match Tables::new(&strata).mantel_haenszel_difference() {
                Some(difference) => prop_assert!((difference.value - weighted).abs() < 1e-12),
                None => prop_assert!(weighted.is_nan()),
            }
        }

        #[test]
        fn swapping_the_arms_mirrors_every_number(strata in any_strata()) {
            let swapped: Vec<Stratum> =
                strata.iter().map(|s| stratum((s.unexposed_outcome, s.unexposed, s.exposed_outcome, s.exposed))).collect();
            let (tables, mirrored) = (Tables::new(&strata), Tables::new(&swapped));
            prop_assert_eq!(tables.crude_difference().map(|d| -d.value), mirrored.crude_difference().map(|d| d.value));
            if let (Some(ratio), Some(inverse)) = (tables.mantel_haenszel_odds_ratio(), mirrored.mantel_haenszel_odds_ratio()) {
                prop_assert!((ratio.value * inverse.value - 1.0).abs() < 1e-12);
            }
            for (test, same) in [(tables.cmh(), mirrored.cmh()), (tables.breslow_day(), mirrored.breslow_day()), (tables.tarone(), mirrored.tarone())] {
                prop_assert_eq!(test.is_some(), same.is_some());
                if let (Some(test), Some(same)) = (test, same) {
                    prop_assert!((test.chi2 - same.chi2).abs() < 1e-6 * (1.0 + test.chi2));
                    prop_assert!((0.0..=1.0).contains(&test.p));
                }
            }
        }
    }
}
