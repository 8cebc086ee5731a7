//! The simulated year in its zone: 2025 in Europe/Vienna, days counted from 0 (1 January, a Wednesday).

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Vienna;

/// The zone of the simulated year.
pub const ZONE: &str = "Europe/Vienna";
/// The number of days in the simulated year.
pub const N_DAYS: u32 = 365;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in 24 hours; a local day may be an hour shorter or longer.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Gives the local date of a day.
pub fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 1).expect("1 January exists") + Days::new(u64::from(day))
}

/// Gives the weekday of a day: 0 is Monday, 6 Sunday.
pub fn weekday(day: u32) -> usize {
    date(day).weekday().num_days_from_monday() as usize
}

/// Gives the month of a day: 0 is January.
pub fn month(day: u32) -> usize {
    date(day).month0() as usize
}

/// Gives the UTC instant (epoch milliseconds) at which the clocks in Vienna show the given time of the given day.
///
/// A time that is skipped in spring counts from an hour later; one that happens twice in autumn is its first.
pub fn utc_ms(day: u32, ms_of_day: i64) -> i64 {
    let wall = date(day).and_time(NaiveTime::MIN) + TimeDelta::milliseconds(ms_of_day);
    match Vienna.from_local_datetime(&wall) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => instant.timestamp_millis(),
        LocalResult::None => {
            let later = wall + TimeDelta::hours(1);
            Vienna.from_local_datetime(&later).earliest().expect("the gap is one hour").timestamp_millis()
        }
    }
}

/// Writes an instant as `2025-01-31T23:59:59.999Z`.
pub fn iso_utc(time_ms: i64) -> String {
    instant(time_ms).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Writes an instant as the clocks in Vienna show it to the minute, `31.01.2025 23:59`.
pub fn till_local(time_ms: i64) -> String {
    instant(time_ms).with_timezone(&Vienna).format("%d.%m.%Y %H:%M").to_string()
}

fn instant(time_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time_ms).expect("simulated times are within the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_follows_summer_time() {
        assert_eq!(iso_utc(utc_ms(0, 0)), "2024-12-31T23:00:00.000Z");
        assert_eq!(iso_utc(utc_ms(180, 12 * HOUR_MS + 7)), "2025-06-30T10:00:00.007Z");
        // 30 March has no 02:30; 26 October has two.
        assert_eq!(iso_utc(utc_ms(88, 2 * HOUR_MS + 30 * MINUTE_MS)), "2025-03-30T01:30:00.000Z");
        assert_eq!(iso_utc(utc_ms(298, 2 * HOUR_MS + 30 * MINUTE_MS)), "2025-10-26T00:30:00.000Z");
        assert_eq!(till_local(utc_ms(364, 9 * HOUR_MS)), "31.12.2025 09:00");
        assert_eq!((weekday(0), month(364)), (2, 11));
    }
}
