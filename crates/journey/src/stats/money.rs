//! Money that an association puts at risk.

use super::Estimate;

/// Returns how many conversions `n_exposed` people lose when each loses the probability `loss`. METRICS 3.4.
pub fn lost_conversions(n_exposed: u64, loss: &Estimate) -> Option<Estimate> {
    let n = n_exposed as f64;
    Estimate::normal(n * loss.value, n * loss.se)
}

/// Returns the revenue at risk: people exposed × lost probability of converting × value of a conversion, in the unit of `value`.
///
/// Both estimates must be independent. When the interval of `loss` includes 0 there is no number to show, only its interval.
/// `None` when a number is not finite.
///
/// Source: variance of a product, Goodman 1960. METRICS 3.4.
pub fn revenue_at_risk(n_exposed: u64, loss: &Estimate, value: &Estimate) -> Option<Estimate> {
    let n = n_exposed as f64;
    let variance = (value.value * loss.se).powi(2) + (loss.value * value.se).powi(2) + (loss.se * value.se).powi(2);
    Estimate::normal(n * loss.value * value.value, n * variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::check::{close, close_interval};

    fn loss() -> Estimate {
        Estimate::normal(0.4017857142857143, 0.05557563994543828).unwrap()
    }

    // METRICS 3.4.
    #[test]
    fn revenue_agrees_with_the_published_value() {
        let revenue = revenue_at_risk(80, &loss(), &Estimate::normal(50.0, 2.5).unwrap()).unwrap();
        close(revenue.value, 1607.1428571428573);
        close(revenue.se, 236.64159516851);
        close_interval(revenue.interval, (1143.33385336847, 2070.9518609172446));
        let conversions = lost_conversions(80, &loss()).unwrap();
        close(conversions.value, 32.142857142857146);
        close_interval(conversions.interval, (23.428756925991173, 40.85695735972311));
    }

    // METRICS 8, property 20.
    #[test]
    fn cents_are_a_hundred_times_euros() {
        let euros = revenue_at_risk(80, &loss(), &Estimate::normal(50.0, 2.5).unwrap()).unwrap();
        let cents = revenue_at_risk(80, &loss(), &Estimate::normal(5000.0, 250.0).unwrap()).unwrap();
        close(cents.value, 100.0 * euros.value);
        close(cents.se, 100.0 * euros.se);
    }

    #[test]
    fn what_is_not_finite_is_nothing() {
        let endless = Estimate { value: f64::MAX, se: f64::MAX, interval: (0.0, 0.0) };
        assert_eq!(revenue_at_risk(80, &endless, &endless), None);
    }
}
