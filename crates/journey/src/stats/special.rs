//! Tails and quantiles of the distributions behind intervals and tests.
//!
//! The incomplete beta and gamma functions are written out because statrs 0.19 ends their fractions after 140 terms without a
//! word, and shares of a million need more. Quantiles are found by bisection, which always ends.

use std::f64::consts::TAU;

/// Returns P(χ² ≥ `chi2`) with `df` degrees of freedom; `None` unless `chi2` is a number from 0 and `df` positive.
pub fn chi2_p(chi2: f64, df: u32) -> Option<f64> {
    (chi2.is_finite() && chi2 >= 0.0 && df > 0).then(|| gamma_upper(f64::from(df) / 2.0, chi2 / 2.0))
}

/// Returns the value that χ² with `df` degrees of freedom exceeds with probability `upper`.
pub fn chi2_quantile(upper: f64, df: u32) -> f64 {
    2.0 * gamma_quantile(upper, f64::from(df) / 2.0)
}

/// Returns the value that a gamma variable of shape `a` and scale 1 exceeds with probability `upper`.
pub fn gamma_quantile(upper: f64, a: f64) -> f64 {
    solve_from(a.max(1.0), |x| gamma_upper(a, x) > upper)
}

/// Returns P(|T| ≥ |`t`|) of Student's t with `df` degrees of freedom.
pub fn t_p(t: f64, df: f64) -> f64 {
    let square = t * t;
    beta_lower(df / 2.0, 0.5, df / (df + square), square / (df + square))
}

/// Returns the value that |T| of Student's t with `df` degrees of freedom exceeds with probability `outside`.
pub fn t_quantile(outside: f64, df: f64) -> f64 {
    solve_from(1.0, |t| t_p(t, df) > outside)
}

/// Returns the `p`-quantile of the beta distribution of shape `a`, `b`.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_lower(a, b, x, 1.0 - x) < p)
}

/// Returns where `below`, true at 0, turns false; looks upwards from `start`.
fn solve_from(start: f64, below: impl Fn(f64) -> bool) -> f64 {
    let mut hi = start;
    while below(hi) {
        hi *= 2.0;
    }
    bisect(0.0, hi, below)
}

/// Returns where `below` turns from true to false between `lo` and `hi`, to the precision of the numbers.
fn bisect(mut lo: f64, mut hi: f64, below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = lo + (hi - lo) / 2.0;
        if middle <= lo || middle >= hi {
            return middle;
        }
        if below(middle) { lo = middle } else { hi = middle }
    }
}

/// Returns the regularised incomplete beta function I_x(a, b), with y = 1 − x given because it can be the more exact one.
fn beta_lower(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let settles_fast = x <= (a + 1.0) / (a + b + 2.0);
    if settles_fast { beta_fraction(a, b, x, y) } else { 1.0 - beta_fraction(b, a, y, x) }
}

/// Returns I_x(a, b) by its continued fraction.
///
/// Source: DLMF 8.17.22; O(√max(a, b)) where x ≤ (a + 1)/(a + b + 2).
fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let fraction = continued_fraction(1.0, |term| {
        let m = (term / 2.0).floor();
        let top = if term % 2.0 == 0.0 { m * (b - m) } else { -(a + m) * (a + b + m) };
        (top * x / ((a + term - 1.0) * (a + term)), 1.0)
    });
    let sum = a + b;
    let exponent = a * (x * sum / a).ln() + b * (y * sum / b).ln() + stirling_error(sum) - stirling_error(a) - stirling_error(b);
    exponent.exp() * (b / (TAU * a * sum)).sqrt() / fraction
}

/// Returns the regularised upper incomplete gamma function Q(a, x) for positive `a`.
///
/// Source: DLMF 8.11.4 below a + 1, 8.9.2 above; O(√a).
fn gamma_upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let density = (a * (x / a).ln() + a - x - stirling_error(a)).exp() * (a / TAU).sqrt();
    if x < a + 1.0 {
        return 1.0 - density * lower_series(a, x);
    }
    density / continued_fraction(x + 1.0 - a, |term| (term * (a - term), x + 2.0 * term + 1.0 - a))
}

/// Returns 1/a + x/(a(a+1)) + x²/(a(a+1)(a+2)) + …
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut divisor) = (1.0 / a, 1.0 / a, a);
    while term > f64::EPSILON * sum {
        divisor += 1.0;
        term *= x / divisor;
        sum += term;
    }
    sum
}

/// Ends a fraction whose last digit would never settle; enough for 10¹² cases.
const MOST_TERMS: u32 = 1_000_000;

/// Returns b₀ + a₁/(b₁ + a₂/(b₂ + …)) with (aₖ, bₖ) = `term(k)`.
///
/// Source: Lentz 1976, as modified by Thompson & Barnett 1986.
fn continued_fraction(b0: f64, term: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut value, mut c, mut d) = (b0, b0, 0.0);
    for k in 1..=MOST_TERMS {
        let (a, b) = term(f64::from(k));
        d = 1.0 / non_zero(b + a * d);
        c = non_zero(b + a / c);
        value *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

fn non_zero(x: f64) -> f64 {
    if x == 0.0 { f64::MIN_POSITIVE } else { x }
}

/// Returns ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π), what Stirling's formula leaves out.
///
/// Source: DLMF 5.11.1, after moving `x` to where its first terms suffice.
fn stirling_error(x: f64) -> f64 {
    let (mut x, mut moved) = (x, 0.0);
    while x < 16.0 {
        moved += (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        x += 1.0;
    }
    let square = x * x;
    moved + (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square) / square) / square) / x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::close;

    // METRICS 6.
    #[test]
    fn published_values_of_quantiles() {
        for (df, t) in [
            (1.0, 12.706204736174694),
            (2.0, 4.302652729749462),
            (5.0, 2.5705818356363146),
            (10.0, 2.228138851986274),
            (30.0, 2.0422724563012378),
            (1000.0, 1.9623390808264083),
            (1e6, 1.959966356814107), // scipy 1.17.1
        ] {
            close(t_quantile(0.05, df), t);
            close(t_p(t, df), 0.05);
        }
        for (df, chi2) in [(1, 3.841458820694124), (2, 5.991464547107979), (10, 18.307038053275146)] {
            close(chi2_quantile(0.05, df), chi2);
        }
    }

    // METRICS 6; small tails need the upper function itself, 1 − lower gives 0.
    #[test]
    fn published_values_of_tails() {
        close(chi2_p(16.79294098921654, 1).unwrap(), 4.168809109334532e-05);
        close(chi2_p(84.44361404625126, 1).unwrap(), 3.953301023041903e-20);
        close(beta_lower(2.0, 3.0, 0.4, 0.6), 0.5248);
        close(1.0 - gamma_upper(3.0, 2.5), 0.45618688411667);
        close(1.0 - beta_lower(4.0, 7.0, 0.3, 0.7), 0.6496107184);
        assert_eq!(chi2_p(0.0, 1), Some(1.0));
        assert_eq!(chi2_p(1.0, 0), None);
        assert_eq!(chi2_p(f64::NAN, 1), None);
    }

    // METRICS 6: ln Γ(.243).
    #[test]
    fn the_published_value_of_the_gamma_function() {
        let x = 0.243_f64;
        close((x - 0.5) * x.ln() - x + 0.5 * TAU.ln() + stirling_error(x), 1.31804358469967);
    }

    // scipy 1.17.1 `betainc`, `gammaincc`: the counts of large questions.
    #[test]
    fn tails_hold_for_large_parameters() {
        close(beta_lower(5e5, 5e5, 0.501, 0.499), 0.9772499490383677);
        close(beta_lower(1e6, 2e6, 0.3335, 0.6665), 0.7298824325036775);
        close(beta_lower(50.5, 0.5, 0.3, 0.7), 3.706719430363994e-28);
        close(gamma_upper(1e6, 1.001e6), 0.15865521363165971);
        close(gamma_upper(2.5, 0.1), 0.9991138612111875);
    }
}
