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
    /// The first day, in days since 1970-01-01.
    first_day: i32,
    /// First instant of each day in microseconds, ascending, of one that does not exist that of the next one; in the end one
    /// that none comes after. Shape `[days + 1]`.
    starts_us: Vec<i64>,
    /// Where days change, shape `[slots]`.
    slots: Vec<Slot>,
    /// A slot has two to this power microseconds: no two days that exist begin in one.
    slot_shift: u32,
}

/// Some hours of a calendar, in which a day may end. Days are counted from the first one of the calendar.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// When the day at its beginning ends, in this slot or later, and when the next one does; in microseconds.
    ends_us: [i64; 2],
    /// These days.
    days: [u32; 2],
}

/// On which local days something began and ended, in days after the first one of a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub began: u32,
    /// The last day.
    pub ended: u32,
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
        let first = local_day(from_us).pred_opt().unwrap_or(NaiveDate::MIN);
        let last = local_day(to_us).succ_opt().and_then(|day| day.succ_opt()).unwrap_or(NaiveDate::MAX);
        // A day that does not exist (Pacific/Apia, 2011-12-30) starts where the next one does.
        let days = first.iter_days().take_while(|date| *date <= last);
        let mut starts_us: Vec<i64> = days.map(|date| start_of_day(date, zone)).collect();
        let shortest_us = starts_us.windows(2).map(|pair| pair[1] - pair[0]).filter(|us| *us > 0).min().unwrap_or(DAY_US);
        let slot_shift = shortest_us.ilog2();
        let (first_us, last_us) = (starts_us[0], starts_us[starts_us.len() - 1]);
        starts_us.push(i64::MAX);
        let day_at = |us: i64| (starts_us.partition_point(|start_us| *start_us <= us) - 1).min(starts_us.len() - 2);
        let slots = (first_us..=last_us).step_by(1 << slot_shift).map(|us| {
            let day = day_at(us);
            let next = day_at(starts_us[day + 1]);
            Slot { ends_us: [starts_us[day + 1], starts_us[next + 1]], days: [day as u32, next as u32] }
        });
        Self { first_day: first.num_days_from_ce() - EPOCH_FROM_CE, slots: slots.collect(), slot_shift, starts_us }
    }

    /// Returns the local day of an instant, in days since 1970-01-01. O(1), without a branch that depends on the instant.
    pub fn day(&self, time_us: i64) -> i32 {
        self.first_day + self.day_after_first(time_us).0 as i32
    }

    /// Returns the first day of the calendar: [`Self::day`] returns none before it.
    pub fn first_day(&self) -> i32 {
        self.first_day
    }

    /// Returns how many days there are from the first one of the calendar to the last one.
    pub fn n_days(&self) -> usize {
        self.starts_us.len() - 1
    }

    /// Returns the local day of an instant and the first instant after it; `i64::MAX` beyond the calendar. O(1).
    #[inline]
    pub fn day_and_end_us(&self, time_us: i64) -> (i32, i64) {
        let (day, end_us) = self.day_after_first(time_us);
        (self.first_day + day as i32, end_us)
    }

    /// Writes the local days of spans of time that begin at some instants and last so long, shape `[spans]`. O(spans), without a
    /// branch that depends on them but where a span is over midnight.
    pub fn days_of(&self, began_us: &[i64], lasted_us: &[u32], days: &mut Vec<Days>) {
        days.clear();
        days.extend(began_us.iter().zip(lasted_us).map(|(began_us, lasted_us)| {
            let (began, end_us) = self.day_after_first(*began_us);
            let ended_us = began_us.wrapping_add(i64::from(*lasted_us));
            let ended = if ended_us < end_us { began } else { self.day_after_first(ended_us).0 };
            Days { began, ended }
        }));
    }

    /// Returns the local day of an instant, in days after the first one, and the first instant after it.
    #[inline]
    fn day_after_first(&self, time_us: i64) -> (u32, i64) {
        let since_us = time_us.wrapping_sub(self.starts_us[0]);
        let slot = self.slots.get((since_us.cast_unsigned() >> self.slot_shift) as usize);
        let slot = slot.unwrap_or_else(|| &self.slots[if time_us < self.starts_us[0] { 0 } else { self.slots.len() - 1 }]);
        let is_next = usize::from(slot.ends_us[0] <= time_us);
        (slot.days[is_next], slot.ends_us[is_next])
    }

    /// Tells whether a day exists: Pacific/Apia had no 2011-12-30 (METRICS C4). All do beyond the calendar. O(1).
    pub fn exists(&self, day: i32) -> bool {
        self.start_us(day).zip(self.start_us(day.saturating_add(1))).is_none_or(|(start_us, end_us)| start_us < end_us)
    }

    /// Returns the first instant of a day, or of the next day that exists; `None` beyond the calendar. O(1).
    pub fn start_us(&self, day: i32) -> Option<i64> {
        let idx = usize::try_from(day.saturating_sub(self.first_day)).unwrap_or(0);
        (idx < self.n_days()).then(|| self.starts_us[idx])
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
    fn a_calendar_says_what_the_zone_says() {
        let (from_us, to_us) = (instant("2011-09-20T13:14:15Z"), instant("2012-04-20T01:02:03Z"));
        for zone in ["UTC", "Pacific/Apia", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"] {
            let zone = parse_zone(zone).unwrap();
            let calendar = Calendar::new(from_us, to_us, zone);
            let local = |us: i64| {
                let utc = chrono::DateTime::from_timestamp_micros(us).unwrap().naive_utc();
                zone.from_utc_datetime(&utc).date_naive().num_days_from_ce() - EPOCH_FROM_CE
            };
            // Both sides of each midnight, which lies at a quarter of an hour, and some instants between.
            let quarters = (from_us / (15 * MINUTE_US)..to_us / (15 * MINUTE_US)).map(|quarter| quarter * 15 * MINUTE_US);
            let instants: Vec<i64> = quarters.flat_map(|us| [us - 1, us, us + 123_456_789]).filter(|us| *us >= from_us).collect();
            for us in &instants {
                let (day, end_us) = calendar.day_and_end_us(*us);
                assert_eq!((day, calendar.day(*us)), (local(*us), local(*us)), "{zone} {us}");
                assert!(*us < end_us && local(end_us - 1) == day && local(end_us) > day, "{zone} {us}");
                assert!(calendar.start_us(day).is_some_and(|start_us| start_us <= *us && local(start_us) == day), "{zone} {us}");
            }
            let ended: Vec<i64> = instants.iter().skip(7).copied().collect();
            let lasted: Vec<u32> = instants.iter().zip(&ended).map(|(began, ended)| u32::try_from(ended - began).unwrap()).collect();
            let mut days = Vec::new();
            calendar.days_of(&instants[..ended.len()], &lasted, &mut days);
            let first = calendar.first_day();
            let expected = instants.iter().zip(&ended).map(|(began, ended)| (local(*began), local(*ended)));
            assert!(days.iter().map(|days| (first + days.began as i32, first + days.ended as i32)).eq(expected), "{zone}");
            let missing = (first..first + calendar.n_days() as i32 + 2).filter(|day| !calendar.exists(*day)).map(format_day);
            let expected: &[&str] = if zone.name() == "Pacific/Apia" { &["2011-12-30"] } else { &[] };
            assert_eq!(missing.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn instants_out_of_the_calendar_lie_on_its_ends() {
        let calendar = Calendar::new(instant("2024-01-02T12:00:00Z"), instant("2024-01-03T12:00:00Z"), Tz::UTC);
        let ends = |text: &str| format_day(calendar.day_and_end_us(instant(text)).0);
        assert_eq!((ends("1970-01-01T00:00:00Z"), ends("2025-01-01T00:00:00Z")), ("2024-01-01".into(), "2024-01-05".into()));
        assert_eq!(calendar.day_and_end_us(i64::MAX).1, i64::MAX);
        assert_eq!(calendar.day(i64::MIN), calendar.first_day());
        assert_eq!(calendar.start_us(calendar.first_day() + 5), None);
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
