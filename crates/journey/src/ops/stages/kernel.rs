//! Cumulative incidence with competing risks: how many had moved on, or were lost, by a time, where not all were followed so
//! long.

use serde::Serialize;

use crate::seam::{Cell, Unit};
use crate::stats::{Z_95, wilson};

/// What became of somebody who was followed for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Neither, as far as they were followed.
    Open,
    /// Moved on to a later stage.
    Moved,
    /// Lost.
    Lost,
}

/// An estimated share of all who began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incidence {
    /// The share.
    pub value: f64,
    /// Its variance.
    pub variance: f64,
}

/// Returns the Aalen–Johansen estimate of the share that met `fate` within `horizon_us`, the horizon included; `None` when
/// nobody was followed to the horizon.
///
/// `sorted` is shape `[units]`: how long each was followed in microseconds, ascending, and what became of them. Those whose
/// observation ended at an instant were still at risk at it. O(units).
/// Sources: Aalen & Johansen 1978; variance by the delta method, Marubini & Valsecchi 1995 (with one fate it is Greenwood's).
/// METRICS 2.2.
pub fn incidence(sorted: &[(i64, Fate)], fate: Fate, horizon_us: i64) -> Option<Incidence> {
    /// One instant with events: the incidence after it, the survival before it, who met `fate`, who met any, who were at risk.
    struct Step {
        incidence: f64,
        survival: f64,
        met: f64,
        any: f64,
        at_risk: f64,
    }
    let mut steps: Vec<Step> = Vec::new();
    let (mut at_risk, mut survival, mut total) = (sorted.len(), 1.0, 0.0);
    if sorted.is_empty() {
        return None;
    }
    for tied in sorted.chunk_by(|a, b| a.0 == b.0).take_while(|tied| tied[0].0 <= horizon_us) {
        let count = |wanted: Fate| tied.iter().filter(|(_, fate)| *fate == wanted).count();
        let (met, open) = (count(fate) as f64, count(Fate::Open));
        let (any, n) = ((tied.len() - open) as f64, at_risk as f64);
        if any > 0.0 {
            total += survival * met / n;
            steps.push(Step { incidence: total, survival, met, any, at_risk: n });
            survival *= (n - any) / n;
        }
        at_risk -= tied.len();
        if at_risk == 0 && open > 0 && tied[0].0 < horizon_us {
            return None;
        }
    }
    let variance = steps.iter().map(|step| {
        let (later, n) = (total - step.incidence, step.at_risk);
        let of_survival = if n > step.any { later * later * step.any / (n * (n - step.any)) } else { 0.0 };
        let of_event = step.survival * step.survival * step.met * (n - step.met) / (n * n * n);
        of_survival + of_event - 2.0 * later * step.survival * step.met / (n * n)
    });
    Some(Incidence { value: total, variance: variance.sum::<f64>().max(0.0) })
}

/// Makes the cell of the share that met `fate` within a horizon. `people` are the actors behind the `x` who are known to.
///
/// Where everybody was followed to the horizon or met a fate before, it is the plain share with Wilson's interval; otherwise
/// the estimate of [`incidence`] with a log-log interval, flagged. Where the estimate is 0 or 1 the interval is Wilson's of
/// those whose fate is known.
pub fn incidence_cell(cell: (String, String), unit: Unit, sorted: &[(i64, Fate)], fate: Fate, horizon_us: i64, people: u64) -> Cell {
    let (id, label) = cell;
    let within = |wanted: Fate| sorted.iter().filter(|(time_us, fate)| *fate == wanted && *time_us <= horizon_us).count() as u64;
    let censored = sorted.iter().filter(|(time_us, fate)| *fate == Fate::Open && *time_us < horizon_us).count() as u64;
    let (x, n) = (within(fate), sorted.len() as u64);
    let mut cell = Cell::share(id, label, unit, x, n, people);
    if censored == 0 {
        return cell;
    }
    let estimate = incidence(sorted, fate, horizon_us);
    (cell.x, cell.value, cell.lo, cell.hi, cell.method) = (None, estimate.map(|estimate| estimate.value), None, None, None);
    if let Some(Incidence { value, variance }) = estimate {
        cell = if value > 0.0 && value < 1.0 {
            let spread = (Z_95 * variance.sqrt() / (value * value.ln().abs())).exp();
            cell.with_interval(Some((value.powf(spread), value.powf(1.0 / spread))), "aalen-johansen, log-log")
        } else {
            cell.with_interval(wilson(x, n - censored), "wilson of those known")
        };
    }
    cell.flagged("immature_cohort")
}
