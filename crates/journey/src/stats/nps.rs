//! Net promoter score.

use super::{Estimate, Interval, Z_95};

/// Is a net promoter score, as a number from −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nps {
    /// (promoters − detractors) / n.
    pub value: f64,
    /// The centre of the interval, which lies nearer to 0.
    pub centre: f64,
    /// The standard error of the centre.
    pub se: f64,
    /// Its adjusted Wald 95 % interval, clipped to [−1, 1].
    pub interval: Interval,
}

/// Returns the net promoter score of `n` answers; `None` without answers or with more promoters and detractors than answers.
///
/// Source: adjusted Wald with ¾, 1½, ¾ more answers, Rocks 2016. METRICS 2.7.
pub fn nps(n: u64, promoters: u64, detractors: u64) -> Option<Nps> {
    if n == 0 || promoters.checked_add(detractors)? > n {
        return None;
    }
    let (n_f, promoters, detractors) = (n as f64, promoters as f64, detractors as f64);
    let more = n_f + 3.0;
    let (p, d) = ((promoters + 0.75) / more, (detractors + 0.75) / more);
    let centre = p - d;
    let se = ((p + d - centre * centre) / more).sqrt();
    let interval = ((centre - Z_95 * se).max(-1.0), (centre + Z_95 * se).min(1.0));
    Some(Nps { value: (promoters - detractors) / n_f, centre, se, interval })
}

/// Returns how much higher `later` is than `earlier`, for two waves of different people; the difference is that of the centres.
///
/// Source: METRICS 2.7.
pub fn nps_difference(later: &Nps, earlier: &Nps) -> Option<Estimate> {
    Estimate::normal(later.centre - earlier.centre, later.se.hypot(earlier.se))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};

    // METRICS 2.7: n, promoters, detractors, score, centre, interval.
    #[test]
    fn scores_agree_with_the_published_table() {
        for (n, promoters, detractors, value, centre, interval) in [
            (36, 15, 5, 0.2777777777777778, 0.2564102564102564, (0.037721512406283575, 0.4750990004142292)),
            (100, 60, 20, 0.4, 0.38834951456310673, (0.23379880423750093, 0.5429002248887125)),
            (5, 5, 0, 1.0, 0.625, (0.1749145303416897, 1.0)),
            (10, 0, 0, 0.0, 0.0, (-0.18465044909058884, 0.18465044909058884)),
        ] {
            let score = nps(n, promoters, detractors).unwrap();
            close(score.value, value);
            close(score.centre, centre);
            close_interval(score.interval, interval);
        }
        assert_eq!(nps(0, 0, 0), None);
        assert_eq!(nps(3, 2, 2), None);
    }

    // METRICS 2.7, difference of waves.
    #[test]
    fn the_difference_of_waves_agrees_with_the_published_value() {
        let difference = nps_difference(&nps(100, 60, 20).unwrap(), &nps(100, 45, 30).unwrap()).unwrap();
        close(difference.value, 0.24271844660194164);
        close_interval(difference.interval, (0.017340639212051256, 0.468096253991832));
        close(difference.value / difference.se, 2.1107642284421875);
    }
}
