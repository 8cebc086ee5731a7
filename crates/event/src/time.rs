//! Instants, durations and calendar days.
//!
//! Everything is kept in microseconds since 1970-01-01T00:00Z; a day is a local day of a zone, which may last 23 or 25
//! hours (METRICS C4).

use chrono::{Datelike, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

pub use chrono_tz::Tz as Zone;

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE_US: i64 = 60 * SECOND_US;
/// Microseconds in an hour.
pub const HOUR_US: i64 = 3_600 * SECOND_US;
/// Microseconds in 24 hours, which is not always a local day.
pub const DAY_US: i64 = 24 * HOUR_US;

/// Reads a duration such as `30m`, `7d`, `90s`, `1h30m` or `250ms` into microseconds.
///
/// Units: `ms`, `s`, `m`, `h`, `d` (24 hours), `w` (7 days).
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let refuse = || format!("\"{text}\" is not a duration; write for example 30m, 90s, 1h30m or 7d (units: ms, s, m, h, d, w)");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(refuse());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let number: i64 = rest[..digits].parse().map_err(|_| refuse())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_us = match &rest[..letters] {
            "ms" => 1_000,
            "s" => SECOND_US,
            "m" | "min" => 60 * SECOND_US,
            "h" => HOUR_US,
            "d" => DAY_US,
            "w" => 7 * DAY_US,
            _ => return Err(refuse()),
        };
        rest = &rest[letters..];
        total = number.checked_mul(unit_us).and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
    }
    Ok(total)
}

/// Writes a duration in its largest whole units: `1h30m`, `7d`, `250ms`, `0s`.
pub fn format_duration(duration_us: i64) -> String {
    if duration_us == 0 {
        return "0s".into();
    }
    let mut rest = duration_us;
    let mut text = String::new();
    if rest < 0 {
        text.push('-');
        rest = -rest;
    }
    for (unit, unit_us) in [("d", DAY_US), ("h", HOUR_US), ("m", 60 * SECOND_US), ("s", SECOND_US), ("ms", 1_000)] {
        if rest >= unit_us {
            text.push_str(&format!("{}{unit}", rest / unit_us));
            rest %= unit_us;
        }
    }
    if rest > 0 {
        text.push_str(&format!("{rest}us"));
    }
    text
}

/// Writes an instant as RFC 3339 in UTC, with as many decimals as it needs.
pub fn format_instant(time_us: i64) -> String {
    match chrono::DateTime::from_timestamp_micros(time_us) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(),
        None => format!("{time_us}us"),
    }
}

/// Finds an IANA zone by name.
pub fn parse_zone(name: &str) -> Result<Tz, String> {
    name.parse::<Tz>().map_err(|_| {
        let near = crate::suggest::did_you_mean(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        format!("\"{name}\" is not an IANA time zone{near} (examples: UTC, Europe/Vienna, America/New_York)")
    })
}

/// Reads a date (`2024-03-01`, local midnight) or an instant (`2024-03-01T10:00`, local unless it has an offset) of a
/// question into microseconds.
pub fn parse_question_time(text: &str, zone: Tz) -> Result<i64, String> {
    let refuse = || format!("\"{text}\" is not a date or time; write for example 2024-03-01 or 2024-03-01T10:00");
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(start_of_day(date, zone));
    }
    for pattern in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text, pattern) {
            return zone.from_local_datetime(&local).earliest().map(|time| time.timestamp_micros()).ok_or_else(refuse);
        }
    }
    Err(refuse())
}

/// Returns the first instant of a local day; where midnight does not exist, the first instant after the gap.
pub fn start_of_day(date: NaiveDate, zone: Tz) -> i64 {
    let midnight = date.and_hms_opt(0, 0, 0).expect("midnight is a time");
    for quarter_hours in 0..=4 * 26 {
        let local = midnight + chrono::Duration::minutes(15 * quarter_hours);
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => return time.timestamp_micros(),
            LocalResult::None => {}
        }
    }
    midnight.and_utc().timestamp_micros()
}

/// The local days of a span of time, so that an instant's day is found without zone arithmetic.
///
/// Useful for: mapping millions of instants to days.
/// Not useful for: instants outside of the span that it was made for.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Days since 1970-01-01 of each local day that exists, shape `[days]`, ascending.
    days: Vec<i32>,
    /// First instant of each day in microseconds, shape `[days]`, ascending.
    starts_us: Vec<i64>,
}

const EPOCH_FROM_CE: i32 = 719_163;

impl Calendar {
    /// Makes the calendar of all local days that touch `from_us ..= to_us`, and one more at each end.
    ///
    /// O(days).
    pub fn new(from_us: i64, to_us: i64, zone: Tz) -> Self {
        let local_day = |time_us: i64| {
            let utc = chrono::DateTime::from_timestamp_micros(time_us).unwrap_or_default();
            zone.from_utc_datetime(&utc.naive_utc()).date_naive()
        };
        let mut date = local_day(from_us).pred_opt().unwrap_or(NaiveDate::MIN);
        let last = local_day(to_us).succ_opt().and_then(|day| day.succ_opt()).unwrap_or(NaiveDate::MAX);
        let (mut days, mut starts_us): (Vec<i32>, Vec<i64>) = (Vec::new(), Vec::new());
        while date <= last {
            let start_us = start_of_day(date, zone);
            // A day that does not exist (Pacific/Apia, 2011-12-30) starts where the next one does: the next one wins.
            if starts_us.last() == Some(&start_us) {
                days.pop();
                starts_us.pop();
            }
            days.push(date.num_days_from_ce() - EPOCH_FROM_CE);
            starts_us.push(start_us);
            let Some(next) = date.succ_opt() else { break };
            date = next;
        }
        Self { days, starts_us }
    }

    /// Returns the local day of an instant, in days since 1970-01-01.
    ///
    /// O(1) nearly always: the day is guessed from 24-hour steps and mended by at most two.
    pub fn day(&self, time_us: i64) -> i32 {
        self.days[self.idx(time_us)]
    }

    /// Returns the first day of the calendar: [`Self::day`] returns none before it.
    pub fn first_day(&self) -> i32 {
        self.days[0]
    }

    /// Returns how many days there are from the first one of the calendar to the last one.
    pub fn n_days(&self) -> usize {
        (self.days[self.days.len() - 1] - self.days[0]) as usize + 1
    }

    /// Returns the local day of an instant and the first instant after it; `i64::MAX` beyond the calendar. O(1) nearly always.
    #[inline]
    pub fn day_and_end_us(&self, time_us: i64) -> (i32, i64) {
        let idx = self.idx(time_us);
        (self.days[idx], self.starts_us.get(idx + 1).copied().unwrap_or(i64::MAX))
    }

    #[inline]
    fn idx(&self, time_us: i64) -> usize {
        let guess = (time_us - self.starts_us[0]).div_euclid(DAY_US).clamp(0, self.starts_us.len() as i64 - 1) as usize;
        let mut idx = guess;
        while idx > 0 && self.starts_us[idx] > time_us {
            idx -= 1;
        }
        while idx + 1 < self.starts_us.len() && self.starts_us[idx + 1] <= time_us {
            idx += 1;
        }
        idx
    }

    /// Returns the first instant of a day, or of the next day that exists; `None` beyond the calendar.
    pub fn start_us(&self, day: i32) -> Option<i64> {
        let idx = self.days.partition_point(|known| *known < day);
        self.starts_us.get(idx).copied()
    }
}

/// Writes a day (days since 1970-01-01) as `2024-03-01`.
pub fn format_day(day: i32) -> String {
    NaiveDate::from_num_days_from_ce_opt(day + EPOCH_FROM_CE).map_or_else(|| format!("day {day}"), |date| date.to_string())
}

/// Returns the Monday on or before a day (days since 1970-01-01), ISO 8601.
pub fn week_start(day: i32) -> i32 {
    // 1970-01-01 was a Thursday.
    day - (day + 3).rem_euclid(7)
}

/// Returns the first day of the month of a day (days since 1970-01-01).
pub fn month_start(day: i32) -> i32 {
    NaiveDate::from_num_days_from_ce_opt(day + EPOCH_FROM_CE)
        .and_then(|date| date.with_day(1))
        .map_or(day, |date| date.num_days_from_ce() - EPOCH_FROM_CE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    fn day_of(text: &str, zone: &str) -> String {
        let calendar = Calendar::new(instant("2011-12-01T00:00:00Z"), instant("2025-01-01T00:00:00Z"), parse_zone(zone).unwrap());
        format_day(calendar.day(instant(text)))
    }

    #[test]
    fn durations_are_read_and_written() {
        assert_eq!(parse_duration("30m"), Ok(1800 * SECOND_US));
        assert_eq!(parse_duration("1h30m"), Ok(5400 * SECOND_US));
        assert_eq!(parse_duration("7d"), Ok(7 * DAY_US));
        assert_eq!(format_duration(5400 * SECOND_US), "1h30m");
        assert_eq!(format_duration(1), "1us");
        for bad in ["", "7", "d", "7 days", "-3d", "99999999999999d"] {
            assert!(parse_duration(bad).unwrap_err().contains("30m"), "{bad}");
        }
    }

    // METRICS C4, table of UTC instants, zones and local dates.
    #[test]
    fn local_days_follow_clock_changes_and_missing_days() {
        assert_eq!(day_of("2024-03-10T04:59:59Z", "America/New_York"), "2024-03-09");
        assert_eq!(day_of("2024-03-10T05:00:00Z", "America/New_York"), "2024-03-10");
        assert_eq!(day_of("2024-03-11T03:59:59Z", "America/New_York"), "2024-03-10");
        assert_eq!(day_of("2024-03-11T04:00:00Z", "America/New_York"), "2024-03-11");
        assert_eq!(day_of("2024-11-03T05:30:00Z", "America/New_York"), "2024-11-03");
        assert_eq!(day_of("2024-11-03T06:30:00Z", "America/New_York"), "2024-11-03");
        assert_eq!(day_of("2024-01-01T18:29:59Z", "Asia/Kolkata"), "2024-01-01");
        assert_eq!(day_of("2024-01-01T18:30:00Z", "Asia/Kolkata"), "2024-01-02");
        assert_eq!(day_of("2011-12-30T09:59:59Z", "Pacific/Apia"), "2011-12-29");
        assert_eq!(day_of("2011-12-30T10:00:00Z", "Pacific/Apia"), "2011-12-31");
    }

    #[test]
    fn weeks_start_on_monday() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap().num_days_from_ce() - EPOCH_FROM_CE;
        assert_eq!(format_day(week_start(day("2021-01-03"))), "2020-12-28");
        assert_eq!(format_day(week_start(day("2024-12-30"))), "2024-12-30");
        assert_eq!(format_day(month_start(day("2024-02-29"))), "2024-02-01");
    }

    #[test]
    fn questions_name_days_in_the_zone() {
        let vienna = parse_zone("Europe/Vienna").unwrap();
        assert_eq!(parse_question_time("2024-07-01", vienna).unwrap(), instant("2024-06-30T22:00:00Z"));
        assert_eq!(parse_question_time("2024-07-01T10:00", vienna).unwrap(), instant("2024-07-01T08:00:00Z"));
        assert!(parse_question_time("yesterday", vienna).unwrap_err().contains("2024-03-01"));
        assert!(parse_zone("Europe/Viena").unwrap_err().contains("Europe/Vienna"));
    }
}
