//! Numbers as people read them: shares with their base, durations, money, intervals.

use diptych_event::time::format_duration;
use diptych_journey::Cell;
use diptych_journey::seam::Unit;
pub use diptych_picture::thousands;

/// Shares under this base are written as `x of n` (METRICS C8).
const LOW_N: u64 = 30;

/// Writes a cell's number and, in brackets, its interval.
pub fn with_interval(cell: &Cell) -> String {
    match interval(cell) {
        interval if interval.is_empty() => value(cell),
        interval => format!("{} [{interval}]", value(cell)),
    }
}

/// Writes a cell's number: `x of n` where the base is small, a percentage otherwise.
pub fn value(cell: &Cell) -> String {
    match (cell.unit, cell.x, cell.value) {
        (_, _, None) => "–".into(),
        (Unit::Duration, _, Some(value)) => duration(value),
        (Unit::Money, _, Some(value)) => money(value),
        (_, Some(x), Some(_)) if cell.n < LOW_N => format!("{x} of {}", cell.n),
        (_, Some(x), Some(value)) => format!("{:.2} %  ({} of {})", 100.0 * value, thousands(x), thousands(cell.n)),
        (_, None, Some(value)) if value.fract() == 0.0 && value >= 0.0 => thousands(value as u64),
        (_, None, Some(value)) => decimal(value),
    }
}

/// Writes a cell's interval; nothing where there is none.
pub fn interval(cell: &Cell) -> String {
    match (cell.lo, cell.hi) {
        (Some(lo), Some(hi)) if cell.unit == Unit::Money => format!("{} to {}", money(lo), money(hi)),
        (Some(lo), Some(hi)) if cell.unit == Unit::Duration => format!("{} to {}", duration(lo), duration(hi)),
        (Some(lo), Some(hi)) if cell.x.is_some() => format!("{:.1} to {:.1} %", 100.0 * lo, 100.0 * hi),
        (Some(lo), Some(hi)) => format!("{} to {}", decimal(lo), decimal(hi)),
        _ => String::new(),
    }
}

/// Writes a number with two decimals, or with two significant digits where that would hide it: `0.0037`.
fn decimal(value: f64) -> String {
    let n_zeros = if value == 0.0 { 0.0 } else { -value.abs().log10().floor() - 1.0 };
    format!("{value:.*}", 2 + n_zeros.clamp(0.0, 4.0) as usize)
}

/// Writes minor units as an amount: `-1,234.50`.
fn money(cents: f64) -> String {
    let cents = cents.round();
    let sign = if cents < 0.0 { "-" } else { "" };
    let cents = cents.abs() as u64;
    format!("{sign}{}.{:02}", thousands(cents / 100), cents % 100)
}

/// Writes a duration with three significant units at most.
fn duration(value_us: f64) -> String {
    let rounded = match value_us.abs() {
        us if us >= 3.6e9 => (value_us / 6e7).round() * 6e7,
        us if us >= 6e7 => (value_us / 1e6).round() * 1e6,
        us if us >= 1e6 => (value_us / 1e4).round() * 1e4,
        _ => value_us.round(),
    };
    if (1e6..6e7).contains(&rounded.abs()) {
        return format!("{:.2}s", rounded / 1e6);
    }
    format_duration(rounded as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_not_written_as_zero() {
        let written = [2.5, 0.741, 0.05, 0.003712, -0.04, 0.0, 1e-9].map(decimal);
        assert_eq!(written, ["2.50", "0.74", "0.050", "0.0037", "-0.040", "0.00", "0.000000"]);
    }
}
