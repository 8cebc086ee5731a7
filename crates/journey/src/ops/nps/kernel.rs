//! The net promoter score and its interval.

use crate::stats::Z_95;

/// Who would recommend: promoters answer 9 or 10, passives 7 or 8, detractors 0 to 6.
///
/// Source: Reichheld 2003, METRICS 2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 9 and 10.
    Promoter,
    /// 7 and 8.
    Passive,
    /// 0 to 6.
    Detractor,
}

impl Kind {
    /// Returns what a score says; `None` beyond 0 to 10.
    pub fn of(score: i64) -> Option<Self> {
        match score {
            0..=6 => Some(Self::Detractor),
            7 | 8 => Some(Self::Passive),
            9 | 10 => Some(Self::Promoter),
            _ => None,
        }
    }
}

/// Returns the adjusted Wald 95 % interval of the score from promoters and detractors among `n`; `None` when `n` is 0.
///
/// Three respondents more, three quarters of each a promoter and a detractor; clipped to −1 … 1.
/// Source: Rocks 2016; METRICS 2.7.
pub fn adjusted_wald(promoters: u64, detractors: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let n = n as f64 + 3.0;
    let (p, d) = ((promoters as f64 + 0.75) / n, (detractors as f64 + 0.75) / n);
    let half = Z_95 * ((p + d - (p - d).powi(2)) / n).sqrt();
    Some(((p - d - half).max(-1.0), (p - d + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // METRICS 2.7, table.
    #[test]
    fn intervals_agree_with_the_published_table() {
        for (promoters, detractors, n, expected) in [
            (15, 5, 36, (0.037721512, 0.475099000)),
            (60, 20, 100, (0.233798804, 0.542900225)),
            (5, 0, 5, (0.174914530, 1.0)),
            (0, 0, 10, (-0.184650449, 0.184650449)),
        ] {
            let (lo, hi) = adjusted_wald(promoters, detractors, n).unwrap();
            assert!((lo - expected.0).abs() < 1e-9 && (hi - expected.1).abs() < 1e-9, "{promoters} {detractors} {n}: {lo} {hi}");
        }
        assert_eq!(adjusted_wald(0, 0, 0), None);
        assert_eq!(adjusted_wald(0, 5, 5).unwrap().0, -1.0);
    }

    #[test]
    fn scores_have_the_published_borders() {
        let kinds: Vec<_> = (-1..=11).map(Kind::of).collect();
        let (detractor, passive, promoter) = (Some(Kind::Detractor), Some(Kind::Passive), Some(Kind::Promoter));
        assert_eq!((kinds[0], kinds[12]), (None, None));
        assert!(kinds[1..=7].iter().all(|kind| *kind == detractor));
        assert_eq!(kinds[8..=11], [passive, passive, promoter, promoter]);
    }
}
