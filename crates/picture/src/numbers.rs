//! Numbers as people read them in a picture: short, with their base and interval in the tooltip.

use diptych_journey::Cell;
use diptych_journey::seam::Unit;

/// Shares under this base are written as `x of n` (METRICS C8).
const LOW_N: u64 = 30;
/// Estimates of a share that have no whole count above their base begin with one of these.
const SHARE_METHODS: [&str; 3] = ["aalen-johansen", "wilson", "delta method over accounts"];

/// Tells whether a cell is a part of its base, to be read in percent.
pub fn is_share(cell: &Cell) -> bool {
    cell.x.is_some() || cell.method.is_some_and(|method| SHARE_METHODS.iter().any(|known| method.starts_with(known)))
}

/// Tells whether observation ended before all that a cell counts could be seen.
pub fn is_incomplete(cell: &Cell) -> bool {
    cell.flags.contains(&"immature_cohort")
}

/// Writes a cell's number: `35.1 %`, `5 of 12`, `1,416`, `2m 20s`, `4,069.93`; a dash where there is none.
///
/// A number that is not complete has an asterisk.
pub fn value(cell: &Cell) -> String {
    let Some(value) = finite(cell.value) else { return "–".into() };
    let asterisk = if is_incomplete(cell) { "*" } else { "" };
    format!("{}{asterisk}", plain(cell, value))
}

fn plain(cell: &Cell, value: f64) -> String {
    match (cell.unit, cell.x) {
        (Unit::Duration, _) => duration(value),
        (Unit::Money, _) => money(value),
        (_, Some(x)) if cell.n < LOW_N => format!("{} of {}", thousands(x), thousands(cell.n)),
        _ if is_share(cell) => percent(value),
        _ => decimal(value),
    }
}

/// Writes a cell's interval: `33.7 to 36.6 %`; nothing where there is none.
pub fn interval(cell: &Cell) -> String {
    let (Some(lo), Some(hi)) = (finite(cell.lo), finite(cell.hi)) else { return String::new() };
    match cell.unit {
        Unit::Duration => format!("{} to {}", duration(lo), duration(hi)),
        Unit::Money => format!("{} to {}", money(lo), money(hi)),
        _ if is_share(cell) => format!("{} to {} %", hundredths(lo), hundredths(hi)),
        _ => format!("{} to {}", decimal(lo), decimal(hi)),
    }
}

/// Writes all there is to know about a number: `35.1 % (1,416 of 4,031, 95 % interval 33.7 to 36.6 %, immature cohort)`.
pub fn summary(cell: &Cell, currency: &str) -> String {
    let mut details = Vec::new();
    match cell.x {
        Some(x) => details.push(format!("{} of {}", thousands(x), thousands(cell.n))),
        None if cell.value != Some(cell.n as f64) => details.push(format!("n = {}", thousands(cell.n))),
        None => {}
    }
    let interval = interval(cell);
    if !interval.is_empty() {
        details.push(format!("95 % interval {interval}"));
    }
    details.extend(cell.flags.iter().map(|flag| flag.replace('_', " ")));
    let value = match (cell.x, finite(cell.value)) {
        (_, None) => "no data".to_owned(),
        (Some(_), Some(value)) => percent(value),
        (None, Some(value)) => plain(cell, value),
    };
    let unit = if cell.unit == Unit::Money && !currency.is_empty() { format!(" {currency}") } else { String::new() };
    if details.is_empty() { format!("{value}{unit}") } else { format!("{value}{unit} ({})", details.join(", ")) }
}

/// Returns a number that can be drawn.
pub fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Writes a share: `35.1 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", hundredths(share))
}

/// Writes a share in percent without the sign; beyond all sense with an exponent, so that it stays short.
pub fn hundredths(share: f64) -> String {
    let value = 100.0 * share;
    if value.abs() < 1e6 { format!("{value:.1}") } else { format!("{value:.0e}") }
}

/// Writes a share in whole percent without the sign: `64`, `−20`.
pub fn whole_percent(share: f64) -> String {
    let value = 100.0 * share;
    let text = if value.abs() < 1e6 { format!("{value:.0}") } else { format!("{value:.0e}") };
    if text == "-0" { "0".into() } else { text.replacen('-', "−", 1) }
}

/// Writes a difference of shares in points, with its sign: `+19.1`.
pub fn points(difference: f64) -> String {
    match difference {
        _ if difference.abs() < 0.0005 => "0.0".into(),
        _ => format!("{}{}", if difference > 0.0 { "+" } else { "−" }, hundredths(difference.abs())),
    }
}

/// Writes a whole number with commas, another one with two digits after the point.
pub fn decimal(value: f64) -> String {
    if value.fract() != 0.0 && value.abs() < 1000.0 {
        return format!("{value:.2}");
    }
    let sign = if value <= -0.5 { "−" } else { "" };
    format!("{sign}{}", thousands(value.abs().round() as u64))
}

/// Writes minor units as an amount: `−1,234.50`.
pub fn money(cents: f64) -> String {
    let cents = cents.round();
    let sign = if cents < 0.0 { "−" } else { "" };
    let cents = cents.abs() as u64;
    format!("{sign}{}.{:02}", thousands(cents / 100), cents % 100)
}

/// Writes minor units as an amount for an axis or a small place: `20.7k`.
pub fn short_money(cents: f64) -> String {
    let amount = cents.abs() / 100.0;
    let sign = if cents <= -50.0 { "−" } else { "" };
    match amount {
        _ if amount >= 1e12 => format!("{sign}{amount:.0e}"),
        _ if amount >= 9_999_500.0 => format!("{sign}{:.0}M", amount / 1e6),
        _ if amount >= 999_950.0 => format!("{sign}{:.1}M", amount / 1e6),
        _ if amount >= 9_999.5 => format!("{sign}{:.0}k", amount / 1e3),
        _ if amount >= 999.95 => format!("{sign}{:.1}k", amount / 1e3),
        _ => format!("{sign}{amount:.0}"),
    }
}

/// Writes a duration with two units at most: `60d`, `2m 20s`, `11.8s`, `350ms`.
pub fn duration(value_us: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400e6, "d"), (3_600e6, "h"), (60e6, "m"), (1e6, "s")];
    let sign = if value_us < 0.0 { "−" } else { "" };
    let us = value_us.abs();
    match us {
        _ if us == 0.0 => return "0s".into(),
        _ if us < 999_500.0 => return format!("{sign}{:.0}ms", us / 1e3),
        _ if us < 59_950_000.0 => return format!("{sign}{}s", trimmed(us / 1e6)),
        _ => {}
    }
    // The smaller unit is rounded first, so that 59 min 59.9 s is an hour.
    let smaller = if us >= 10.0 * UNITS[0].0 { 0 } else { UNITS.iter().position(|(unit, _)| us >= *unit).unwrap_or(2).min(2) + 1 };
    let us = (us / UNITS[smaller].0).round() * UNITS[smaller].0;
    let first = UNITS.iter().position(|(unit, _)| us >= *unit).unwrap_or(smaller);
    let whole = (us / UNITS[first].0).floor();
    let mut text = format!("{sign}{}{}", thousands(whole as u64), UNITS[first].1);
    if first < smaller {
        let rest = ((us - whole * UNITS[first].0) / UNITS[first + 1].0).round();
        if rest > 0.0 {
            text.push_str(&format!(" {rest:.0}{}", UNITS[first + 1].1));
        }
    }
    text
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Writes a number with commas between thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let known = [
            (0.0, "0s"),
            (350e3, "350ms"),
            (999_700.0, "1s"),
            (11_813_500.0, "11.8s"),
            (59_990_000.0, "1m"),
            (140_416_000.0, "2m 20s"),
            (3_599_900_000.0, "1h"),
            (5_184_097_788_000.0, "60d"),
            (90_000e6, "1d 1h"),
            (-90e6, "−1m 30s"),
        ];
        for (us, text) in known {
            assert_eq!(duration(us), text, "{us}");
        }
    }

    #[test]
    fn amounts_and_shares_read_well() {
        assert_eq!(money(-123_450.4), "−1,234.50");
        assert_eq!(short_money(4_797_597.6), "48k");
        assert_eq!(short_money(123_400.0), "1.2k");
        assert_eq!(points(0.1905), "+19.1");
        assert_eq!(points(-0.1), "−10.0");
        assert_eq!(decimal(2.4068), "2.41");
        assert_eq!(decimal(4031.0), "4,031");
    }

    #[test]
    fn a_share_of_few_is_written_with_its_counts() {
        let cell = Cell::share("a", "a", Unit::Actor, 5, 12, 5);
        assert_eq!(value(&cell), "5 of 12");
        let cell = Cell::share("a", "a", Unit::Actor, 1416, 4031, 1416);
        assert_eq!(value(&cell), "35.1 %");
        assert_eq!(summary(&cell, ""), "35.1 % (1,416 of 4,031, 95 % interval 33.7 to 36.6 %)");
        assert_eq!(value(&Cell { flags: vec!["immature_cohort"], ..cell }), "35.1 %*");
        assert_eq!(summary(&Cell { value: None, n: 0, x: None, ..Cell::people("a", "a", 0) }, ""), "no data (n = 0)");
    }
}
