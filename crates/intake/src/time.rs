//! Reads times: text in, microseconds since the epoch in UTC out.
//!
//! The common shapes of ISO 8601 and RFC 3339 are read by hand, because an import reads one time per row and a general
//! parser takes several times as long; every other shape is a strftime pattern read by `chrono`.
//! Times without an offset are local to a zone, and the two hours a year in which that is not one instant are
//! answered openly: an hour that happens twice says so, an hour that does not happen is an error.

use std::cell::RefCell;
use std::str::FromStr;

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, MappedLocalTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

const MICROS_PER_SEC: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SEC;
const YEAR_FIRST: i64 = 1900;
const YEAR_LAST: i64 = 2200;
const ISO_EXPECTED: &str = "ISO 8601, as 2024-03-01, 2024-03-01T10:00:00 or 2024-03-01 10:00:00.5+02:00";

/// Names the way in which a column writes its times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TimeFormat {
    /// ISO 8601 or RFC 3339: a date, or a date and a time with or without an offset.
    Auto,
    /// Seconds since 1970-01-01 in UTC, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since 1970-01-01 in UTC, with or without a fraction.
    EpochMillis,
    /// Microseconds since 1970-01-01 in UTC.
    EpochMicros,
    /// A strftime pattern, for example `%d/%m/%Y %H:%M`.
    Pattern(String),
}

impl FromStr for TimeFormat {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        match text {
            "auto" => Ok(Self::Auto),
            "epoch_s" => Ok(Self::EpochSeconds),
            "epoch_ms" => Ok(Self::EpochMillis),
            "epoch_us" => Ok(Self::EpochMicros),
            pattern => {
                check_pattern(pattern)?;
                Ok(Self::Pattern(pattern.to_owned()))
            }
        }
    }
}

impl std::fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::EpochSeconds => "epoch_s",
            Self::EpochMillis => "epoch_ms",
            Self::EpochMicros => "epoch_us",
            Self::Pattern(pattern) => pattern,
        })
    }
}

/// Holds an instant read from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedTime {
    /// Microseconds since 1970-01-01T00:00:00Z; smaller fractions are cut off.
    pub time_us: i64,
    /// Whether the text names its instant by itself: it has an offset, or counts from the epoch.
    pub has_zone: bool,
    /// Whether the local time happened twice, because the clock was set back; the earlier instant was taken.
    pub ambiguous: bool,
}

/// Says why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text has another shape.
    #[error("`{text}` is not a time; expected is {expected}")]
    Shape {
        /// The text.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// The text has the right shape and names no day or hour of the calendar.
    #[error("`{text}` is not a time: there is no {part}")]
    NoSuchPart {
        /// The text.
        text: String,
        /// What there is not, for example `day 31 in month 4`.
        part: String,
    },
    /// The clock was set forward over this local time.
    #[error("`{text}` does not exist in {zone}: the clock was set forward over it; check the zone, or give the offset")]
    NoSuchLocalTime {
        /// The text.
        text: String,
        /// The zone.
        zone: String,
    },
    /// The year is so far off that the format is probably wrong.
    #[error(
        "`{text}` is in the year {year}; expected are {YEAR_FIRST} to {YEAR_LAST}; \
         check the format (seconds, milliseconds or microseconds?)"
    )]
    Year {
        /// The text.
        text: String,
        /// The year.
        year: i64,
    },
    /// The format itself cannot be used.
    #[error(
        "`{pattern}` is not a time format: {reason}; expected is auto, epoch_s, epoch_ms, epoch_us, \
         or a pattern as %d/%m/%Y %H:%M"
    )]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads one time; blanks around it are ignored, and a local time is read in `zone`.
///
/// A date alone is the first instant of that day in the zone, also where the clock skipped midnight.
pub fn parse_time(text: &str, format: &TimeFormat, zone: Tz) -> Result<ParsedTime, TimeError> {
    let text = text.trim_ascii();
    match format {
        TimeFormat::Auto => iso(text, zone),
        TimeFormat::EpochSeconds => epoch(text, MICROS_PER_SEC, "seconds since 1970"),
        TimeFormat::EpochMillis => epoch(text, 1_000, "milliseconds since 1970"),
        TimeFormat::EpochMicros => epoch(text, 1, "microseconds since 1970"),
        TimeFormat::Pattern(pattern) => by_pattern(text, pattern, zone),
    }
}

// ISO 8601

#[derive(Debug, Clone, Copy)]
enum Clock {
    /// A date alone.
    DayStart,
    Local,
    /// An offset from UTC.
    OffsetSecs(i64),
}

fn iso(text: &str, zone: Tz) -> Result<ParsedTime, TimeError> {
    let bytes = text.as_bytes();
    let Some((day, rest)) = iso_date(bytes) else {
        return Err(shape(text, ISO_EXPECTED));
    };
    check_day(text, day)?;
    let days = days_from_civil(day);
    if rest.is_empty() {
        return to_utc(text, days * MICROS_PER_DAY, Clock::DayStart, zone);
    }
    let Some((time, rest)) = iso_time(rest) else {
        return Err(shape(text, ISO_EXPECTED));
    };
    check_time(text, time)?;
    let Some(clock) = iso_clock(rest) else {
        return Err(shape(text, ISO_EXPECTED));
    };
    let secs = time.hour * 3_600 + time.minute * 60 + time.second;
    to_utc(text, days * MICROS_PER_DAY + secs * MICROS_PER_SEC + time.micros, clock, zone)
}

#[derive(Debug, Clone, Copy)]
struct Day {
    year: i64,
    month: i64,
    day: i64,
}

#[derive(Debug, Clone, Copy)]
struct Time {
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

#[inline]
fn two_digits(bytes: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (bytes.get(at)?.wrapping_sub(b'0'), bytes.get(at + 1)?.wrapping_sub(b'0'));
    if tens <= 9 && ones <= 9 { Some(i64::from(tens * 10 + ones)) } else { None }
}

fn iso_date(bytes: &[u8]) -> Option<(Day, &[u8])> {
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = two_digits(bytes, 0)? * 100 + two_digits(bytes, 2)?;
    Some((Day { year, month: two_digits(bytes, 5)?, day: two_digits(bytes, 8)? }, &bytes[10..]))
}

fn iso_time(bytes: &[u8]) -> Option<(Time, &[u8])> {
    if !matches!(bytes.first()?, b'T' | b't' | b' ') || *bytes.get(3)? != b':' {
        return None;
    }
    let (hour, minute) = (two_digits(bytes, 1)?, two_digits(bytes, 4)?);
    let mut rest = &bytes[6..];
    let mut time = Time { hour, minute, second: 0, micros: 0 };
    if rest.first() == Some(&b':') {
        time.second = two_digits(rest, 1)?;
        rest = &rest[3..];
        if matches!(rest.first(), Some(b'.' | b',')) {
            let (micros, n_digits) = fraction(&rest[1..])?;
            time.micros = micros;
            rest = &rest[1 + n_digits..];
        }
    }
    Some((time, rest))
}

/// Reads one to nine digits after the point as microseconds, and says how many there were.
fn fraction(bytes: &[u8]) -> Option<(i64, usize)> {
    let (mut micros, mut n_digits) = (0, 0);
    while let Some(digit) = bytes.get(n_digits).map(|b| b.wrapping_sub(b'0')).filter(|d| *d <= 9) {
        if n_digits < 6 {
            micros = micros * 10 + i64::from(digit);
        }
        n_digits += 1;
    }
    if !(1..=9).contains(&n_digits) {
        return None;
    }
    for _ in n_digits..6 {
        micros *= 10;
    }
    Some((micros, n_digits))
}

fn iso_clock(bytes: &[u8]) -> Option<Clock> {
    if bytes.is_empty() {
        return Some(Clock::Local);
    }
    // Some databases write a blank before the offset, or the name UTC.
    let bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
    let sign = match bytes {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Clock::OffsetSecs(0)),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let hours = two_digits(bytes, 1)?;
    let minutes = match &bytes[3..] {
        [] => 0,
        [b':', rest @ ..] | rest if rest.len() == 2 => two_digits(rest, 0)?,
        _ => return None,
    };
    if 18 < hours || 59 < minutes {
        return None;
    }
    Some(Clock::OffsetSecs(sign * (hours * 3_600 + minutes * 60)))
}

fn check_day(text: &str, day: Day) -> Result<(), TimeError> {
    let missing = |part: String| Err(TimeError::NoSuchPart { text: quoted(text), part });
    if !(1..=12).contains(&day.month) {
        return missing(format!("month {}", day.month));
    }
    let is_leap = day.year % 4 == 0 && (day.year % 100 != 0 || day.year % 400 == 0);
    let n_days = match day.month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=n_days).contains(&day.day) {
        return missing(format!("day {} in month {} of {}", day.day, day.month, day.year));
    }
    check_year(text, day.year)
}

fn check_time(text: &str, time: Time) -> Result<(), TimeError> {
    let missing = |part: String| Err(TimeError::NoSuchPart { text: quoted(text), part });
    if 23 < time.hour {
        return missing(format!("hour {}", time.hour));
    }
    if 59 < time.minute {
        return missing(format!("minute {}", time.minute));
    }
    if 59 < time.second {
        return missing(format!("second {}", time.second));
    }
    Ok(())
}

fn check_year(text: &str, year: i64) -> Result<(), TimeError> {
    if (YEAR_FIRST..=YEAR_LAST).contains(&year) { Ok(()) } else { Err(TimeError::Year { text: quoted(text), year }) }
}

/// Counts the days from 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_from_civil(day: Day) -> i64 {
    let year = day.year - i64::from(day.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((day.month + 9) % 12) + 2) / 5 + day.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

// Zones

fn to_utc(text: &str, local_us: i64, clock: Clock, zone: Tz) -> Result<ParsedTime, TimeError> {
    if let Clock::OffsetSecs(offset_secs) = clock {
        let time_us = local_us - offset_secs * MICROS_PER_SEC;
        return Ok(ParsedTime { time_us, has_zone: true, ambiguous: false });
    }
    if zone == Tz::UTC {
        return Ok(ParsedTime { time_us: local_us, has_zone: false, ambiguous: false });
    }
    let found = |(time_us, ambiguous)| ParsedTime { time_us, has_zone: false, ambiguous };
    if let Some(instant) = in_zone(local_us, zone) {
        return Ok(found(instant));
    }
    if let Clock::DayStart = clock {
        // The clock skipped midnight (as in São Paulo until 2018): the day begins at the next quarter of an hour
        // that exists, because zones change at quarters.
        let quarters = (1..=12).map(|n| local_us + n * 900 * MICROS_PER_SEC);
        if let Some(instant) = quarters.into_iter().find_map(|us| in_zone(us, zone)) {
            return Ok(found(instant));
        }
    }
    Err(TimeError::NoSuchLocalTime { text: quoted(text), zone: zone.name().to_owned() })
}

/// Gives the instant of a local time and whether there are two, in which case it is the earlier one.
fn in_zone(local_us: i64, zone: Tz) -> Option<(i64, bool)> {
    let day = local_us.div_euclid(MICROS_PER_DAY);
    let offset_us = DAY_OFFSETS.with_borrow_mut(|offsets| offsets.of(day, zone));
    if let Some(offset_us) = offset_us {
        return Some((local_us - offset_us, false));
    }
    match offsets_us(local_us, zone) {
        MappedLocalTime::Single(offset_us) => Some((local_us - offset_us, false)),
        MappedLocalTime::Ambiguous(one, other) => Some((local_us - one.max(other), true)),
        MappedLocalTime::None => None,
    }
}

fn offsets_us(local_us: i64, zone: Tz) -> MappedLocalTime<i64> {
    let Some(local) = DateTime::from_timestamp_micros(local_us) else { return MappedLocalTime::None };
    zone.offset_from_local_datetime(&local.naive_utc()).map(|offset| i64::from(offset.fix().local_minus_utc()) * MICROS_PER_SEC)
}

thread_local! {
    /// Looking a zone up costs several times what reading the text does, and the times of a file are near each other.
    static DAY_OFFSETS: RefCell<DayOffsets> = const { RefCell::new(DayOffsets { zone: Tz::UTC, slots: Vec::new() }) };
}

/// Remembers the offsets of days on which the clock was not set.
struct DayOffsets {
    zone: Tz,
    /// The day, from 1970, and its offset if it has only one; by the day's remainder.
    slots: Vec<(i64, Option<i64>)>,
}

impl DayOffsets {
    const N_SLOTS: usize = 4_096;

    /// Gives the offset of a local day in microseconds; none if the clock was set on it.
    fn of(&mut self, day: i64, zone: Tz) -> Option<i64> {
        if self.zone != zone || self.slots.is_empty() {
            self.zone = zone;
            self.slots.clear();
            self.slots.resize(Self::N_SLOTS, (i64::MIN, None));
        }
        let slot = &mut self.slots[day.rem_euclid(Self::N_SLOTS as i64) as usize];
        if slot.0 != day {
            // No zone sets its clock and sets it back within one day, so a few points of the day tell all of it.
            let points = (0..=4).map(|n| day * MICROS_PER_DAY + (n * MICROS_PER_DAY / 4).min(MICROS_PER_DAY - 1));
            let mut offsets = points.map(|us| offsets_us(us, zone).single());
            let first = offsets.next().flatten();
            *slot = (day, first.filter(|_| offsets.all(|offset| offset == first)));
        }
        slot.1
    }
}

// Epochs

fn epoch(text: &str, micros_per_unit: i64, unit: &str) -> Result<ParsedTime, TimeError> {
    let wrong = || shape(text, &format!("a number of {unit}"));
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, after) = digits.split_once('.').map_or((digits, None), |(whole, after)| (whole, Some(after)));
    if whole.is_empty() || 19 < whole.len() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let mut time_us = whole.parse::<i64>().ok().and_then(|n| n.checked_mul(micros_per_unit)).ok_or_else(wrong)?;
    if let Some(after) = after {
        let (micros, n_digits) = fraction(after.as_bytes()).ok_or_else(wrong)?;
        if n_digits < after.len() {
            return Err(wrong());
        }
        time_us = time_us.checked_add(micros * micros_per_unit / MICROS_PER_SEC).ok_or_else(wrong)?;
    }
    if is_negative {
        time_us = -time_us;
    }
    check_instant(text, time_us)?;
    Ok(ParsedTime { time_us, has_zone: true, ambiguous: false })
}

fn check_instant(text: &str, time_us: i64) -> Result<(), TimeError> {
    let first = days_from_civil(Day { year: YEAR_FIRST, month: 1, day: 1 }) * MICROS_PER_DAY;
    let end = days_from_civil(Day { year: YEAR_LAST + 1, month: 1, day: 1 }) * MICROS_PER_DAY;
    if first <= time_us && time_us < end {
        return Ok(());
    }
    // The mean length of a year is near enough to say how far off the value is.
    Err(TimeError::Year { text: quoted(text), year: 1970 + time_us.div_euclid(MICROS_PER_DAY) * 400 / 146_097 })
}

// Patterns

fn check_pattern(pattern: &str) -> Result<(), TimeError> {
    let wrong = |reason: &str| Err(TimeError::Pattern { pattern: quoted(pattern), reason: reason.to_owned() });
    if !pattern.contains('%') {
        return wrong("it has no % sign");
    }
    if StrftimeItems::new(pattern).any(|item| matches!(item, Item::Error)) {
        return wrong("one of its % signs has no meaning");
    }
    if pattern.contains("%Z") {
        return wrong("names of zones (%Z) are not read, since EST and the like have several meanings; %z reads offsets");
    }
    Ok(())
}

fn by_pattern(text: &str, pattern: &str, zone: Tz) -> Result<ParsedTime, TimeError> {
    if let Some((day, time)) = by_digits(text.as_bytes(), pattern.as_bytes()) {
        check_day(text, day)?;
        let days_us = days_from_civil(day) * MICROS_PER_DAY;
        let Some(time) = time else {
            return to_utc(text, days_us, Clock::DayStart, zone);
        };
        check_time(text, time)?;
        let secs = time.hour * 3_600 + time.minute * 60 + time.second;
        return to_utc(text, days_us + secs * MICROS_PER_SEC, Clock::Local, zone);
    }
    let mut parsed = Parsed::new();
    let read = chrono::format::parse(&mut parsed, text, StrftimeItems::new(pattern));
    if read.is_err() {
        check_pattern(pattern)?;
        return Err(shape(text, &format!("the pattern {pattern}")));
    }
    let missing = || TimeError::NoSuchPart { text: quoted(text), part: "such day or time".to_owned() };
    if parsed.timestamp().is_some() {
        let instant = parsed.to_naive_datetime_with_offset(0).map_err(|_| missing())?;
        let time_us = instant.and_utc().timestamp_micros();
        check_instant(text, time_us)?;
        return Ok(ParsedTime { time_us, has_zone: true, ambiguous: false });
    }
    let has_time = parsed.hour_mod_12().is_some();
    if has_time && parsed.minute().is_none() {
        parsed.set_minute(0).map_err(|_| missing())?;
    }
    let day = parsed.to_naive_date().map_err(|e| match e.kind() {
        chrono::format::ParseErrorKind::NotEnough => {
            TimeError::Pattern { pattern: quoted(pattern), reason: "it does not give year, month and day".to_owned() }
        }
        _ => missing(),
    })?;
    let time = if has_time { parsed.to_naive_time().map_err(|_| missing())? } else { NaiveTime::MIN };
    check_year(text, i64::from(chrono::Datelike::year(&day)))?;
    let local_us = day.and_time(time).and_utc().timestamp_micros();
    let clock = match parsed.offset() {
        Some(offset_secs) => Clock::OffsetSecs(i64::from(offset_secs)),
        None if has_time => Clock::Local,
        None => Clock::DayStart,
    };
    to_utc(text, local_us, clock, zone)
}

/// Reads patterns of digits only (`%Y %m %d %H %M %S`), which are most; `chrono` reads all others and all failures.
fn by_digits(mut text: &[u8], mut pattern: &[u8]) -> Option<(Day, Option<Time>)> {
    let (mut year, mut month, mut day, mut hour, mut minute, mut second) = (None, None, None, None, None, None);
    while let Some((sign, rest)) = pattern.split_first() {
        pattern = rest;
        if *sign != b'%' {
            text = text.strip_prefix(&[*sign])?;
            continue;
        }
        let (spec, rest) = pattern.split_first()?;
        pattern = rest;
        let (part, n_digits_max) = match spec {
            b'Y' => (&mut year, 4),
            b'm' => (&mut month, 2),
            b'd' => (&mut day, 2),
            b'H' => (&mut hour, 2),
            b'M' => (&mut minute, 2),
            b'S' => (&mut second, 2),
            _ => return None,
        };
        let n_digits = text.iter().take(n_digits_max).take_while(|b| b.is_ascii_digit()).count();
        if n_digits == 0 || (*spec == b'Y' && n_digits < 4) || part.is_some() {
            return None;
        }
        let (digits, rest) = text.split_at(n_digits);
        *part = Some(digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0')));
        text = rest;
    }
    if !text.is_empty() {
        return None;
    }
    let day = Day { year: year?, month: month?, day: day? };
    let time = match (hour, minute, second) {
        (None, None, None) => None,
        (Some(hour), minute, second) if minute.is_some() || second.is_none() => {
            Some(Time { hour, minute: minute.unwrap_or(0), second: second.unwrap_or(0), micros: 0 })
        }
        _ => return None,
    };
    Some((day, time))
}

fn shape(text: &str, expected: &str) -> TimeError {
    TimeError::Shape { text: quoted(text), expected: expected.to_owned() }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Africa, America, Australia, Europe};

    use super::*;

    fn us(rfc3339: &str) -> i64 {
        DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp_micros()
    }

    fn check_as(format: &str, text: &str, zone: Tz, expected: &str) -> ParsedTime {
        let found = parse_time(text, &format.parse().unwrap(), zone).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(found.time_us, us(expected), "{text} as {format} in {zone}");
        found
    }

    fn check(text: &str, expected: &str) -> ParsedTime {
        check_as("auto", text, Tz::UTC, expected)
    }

    fn check_error(format: &str, text: &str, zone: Tz, expected: &str) {
        let error = parse_time(text, &format.parse().unwrap(), zone).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn iso_shapes_are_read() {
        check("2014-01-07", "2014-01-07T00:00:00Z");
        check("2014-01-07T10:20", "2014-01-07T10:20:00Z");
        check("2014-01-07 10:20:30", "2014-01-07T10:20:30Z");
        check(" 2014-01-07t10:20:30z ", "2014-01-07T10:20:30Z");
        check("2014-01-07T10:20:30.1", "2014-01-07T10:20:30.1Z");
        check("2014-01-07 10:20:30,123", "2014-01-07T10:20:30.123Z");
        check("2014-01-07T10:20:30.123456789Z", "2014-01-07T10:20:30.123456Z");
        check("2014-01-07T10:20:30+02:00", "2014-01-07T08:20:30Z");
        check("2014-01-07T10:20:30-0330", "2014-01-07T13:50:30Z");
        check("2014-01-07T10:20+02", "2014-01-07T08:20:00Z");
        check("2014-01-07 10:20:30.5 UTC", "2014-01-07T10:20:30.5Z");
        check("2014-01-07 10:20:30 +0100", "2014-01-07T09:20:30Z");
        check("2000-02-29", "2000-02-29T00:00:00Z");
        check("1900-01-01T00:00:00", "1900-01-01T00:00:00Z");
        check("2200-12-31T23:59:59.999999", "2200-12-31T23:59:59.999999Z");
        assert!(check("2014-01-07T10:20Z", "2014-01-07T10:20:00Z").has_zone);
        assert!(!check("2014-01-07T10:20", "2014-01-07T10:20:00Z").has_zone);
    }

    #[test]
    fn every_day_counts_as_chrono_does() {
        let mut date = chrono::NaiveDate::from_ymd_opt(1900, 1, 1).unwrap();
        let mut days = -25_567;
        while chrono::Datelike::year(&date) <= 2200 {
            let found = parse_time(&date.to_string(), &TimeFormat::Auto, Tz::UTC).unwrap();
            assert_eq!(found.time_us, days * MICROS_PER_DAY, "{date}");
            date = date.succ_opt().unwrap();
            days += 1;
        }
    }

    #[test]
    fn what_is_no_time_says_what_is_expected() {
        for text in [
            "",
            "now",
            "2014-1-7",
            "20140107",
            "2014-01-07T",
            "2014-01-07T1",
            "2014-01-07T10",
            "2014-01-07T10:2",
            "2014-01-07T10:20:3",
            "2014-01-07T10:20:30.",
            "2014-01-07T10:20:30.1234567890",
            "2014-01-07T10:20:30+2",
            "2014-01-07T10:20:30+02:0",
            "2014-01-07T10:20:30+99:00",
            "2014-01-07T10:20:30 CET",
            "2014-01-07x10:20",
            "2014-01-07T10:20:30Zx",
            "２０１４-01-07",
            "2014-01-0é",
        ] {
            check_error(
                "auto",
                text,
                Tz::UTC,
                &format!(
                    "`{text}` is not a time; expected is ISO 8601, as 2024-03-01, 2024-03-01T10:00:00 \
                     or 2024-03-01 10:00:00.5+02:00"
                ),
            );
        }
        check_error("auto", "2014-13-01", Tz::UTC, "`2014-13-01` is not a time: there is no month 13");
        check_error("auto", "2013-02-29", Tz::UTC, "`2013-02-29` is not a time: there is no day 29 in month 2 of 2013");
        check_error("auto", "2014-01-07T24:00", Tz::UTC, "`2014-01-07T24:00` is not a time: there is no hour 24");
        check_error("auto", "2014-01-07T23:59:60", Tz::UTC, "`2014-01-07T23:59:60` is not a time: there is no second 60");
        let long = "x".repeat(500);
        let error = parse_time(&long, &TimeFormat::Auto, Tz::UTC).unwrap_err().to_string();
        assert!(error.len() < 250 && error.contains('…'), "{error}");
    }

    #[test]
    fn years_far_off_are_errors() {
        let tail = "expected are 1900 to 2200; check the format (seconds, milliseconds or microseconds?)";
        check_error("auto", "1899-12-31", Tz::UTC, &format!("`1899-12-31` is in the year 1899; {tail}"));
        check_error("auto", "2201-01-01", Tz::UTC, &format!("`2201-01-01` is in the year 2201; {tail}"));
        check_error("epoch_s", "1389088830000", Tz::UTC, &format!("`1389088830000` is in the year 45988; {tail}"));
        check_error("%d.%m.%Y", "01.02.0214", Tz::UTC, &format!("`01.02.0214` is in the year 214; {tail}"));
    }

    #[test]
    fn local_times_are_read_in_their_zone() {
        check_as("auto", "2014-01-07T10:00:00", Europe::Berlin, "2014-01-07T09:00:00Z");
        check_as("auto", "2014-07-07T10:00:00", Europe::Berlin, "2014-07-07T08:00:00Z");
        check_as("auto", "2014-07-07", America::New_York, "2014-07-07T04:00:00Z");
        check_as("auto", "2014-07-07T10:00:00Z", Europe::Berlin, "2014-07-07T10:00:00Z");
    }

    #[test]
    fn a_clock_set_back_takes_the_earlier_instant_and_says_so() {
        let found = check_as("auto", "2014-10-26T02:30:00", Europe::Berlin, "2014-10-26T00:30:00Z");
        assert!(found.ambiguous);
        assert!(!check_as("auto", "2014-10-26T03:00:00", Europe::Berlin, "2014-10-26T02:00:00Z").ambiguous);
        let found = check_as("%Y-%m-%d %H:%M", "2014-11-02 01:30", America::New_York, "2014-11-02T05:30:00Z");
        assert!(found.ambiguous);
        let found = check_as("auto", "2014-04-06T01:45:00", Australia::Lord_Howe, "2014-04-05T14:45:00Z");
        assert!(found.ambiguous);
    }

    #[test]
    fn a_local_time_that_does_not_exist_is_an_error() {
        check_error(
            "auto",
            "2014-03-30T02:30:00",
            Europe::Berlin,
            "`2014-03-30T02:30:00` does not exist in Europe/Berlin: the clock was set forward over it; \
             check the zone, or give the offset",
        );
        assert!(parse_time("2018-11-04T00:30", &TimeFormat::Auto, America::Sao_Paulo).is_err());
    }

    #[test]
    fn a_day_without_midnight_begins_at_its_first_instant() {
        check_as("auto", "2018-11-04", America::Sao_Paulo, "2018-11-04T03:00:00Z");
        check_as("%d/%m/%Y", "04/11/2018", America::Sao_Paulo, "2018-11-04T03:00:00Z");
    }

    #[test]
    fn remembered_offsets_are_those_of_chrono() {
        for zone in [Europe::Berlin, America::New_York, America::Sao_Paulo, Australia::Lord_Howe, Africa::Casablanca] {
            let first = us("2017-12-31T23:00:00Z");
            // The step meets every hour; the days are more than the slots, and come a second time.
            for n in 0..80_000 {
                let local_us = first + (n % 40_000) * 157 * 60 * MICROS_PER_SEC;
                let expected = match offsets_us(local_us, zone) {
                    MappedLocalTime::Single(offset) => Some((local_us - offset, false)),
                    MappedLocalTime::Ambiguous(a, b) => Some(((local_us - a).min(local_us - b), true)),
                    MappedLocalTime::None => None,
                };
                assert_eq!(in_zone(local_us, zone), expected, "{local_us} in {zone}");
            }
        }
    }

    #[test]
    fn digits_are_read_as_chrono_reads_them() {
        let patterns = ["%Y%m%d", "%d/%m/%Y", "%m-%d-%Y %H:%M", "%Y%m%d%H%M%S", "%Y.%m.%d %H", "%H:%M %d.%m.%Y"];
        let texts = ["20140107", "7/1/2014", "07/01/2014", "1-7-2014 9:05", "20140107092030", "2014.1.7 9", "9:05 7.1.2014"];
        for pattern in patterns {
            for text in texts {
                let mut parsed = Parsed::new();
                let is_read = chrono::format::parse(&mut parsed, text, StrftimeItems::new(pattern)).is_ok();
                let found = by_digits(text.as_bytes(), pattern.as_bytes());
                assert_eq!(found.is_some(), is_read, "{text} as {pattern}");
                if let Some((day, _)) = found {
                    assert_eq!(parsed.year().map(i64::from), Some(day.year));
                    assert_eq!(parsed.day().map(i64::from), Some(day.day));
                }
            }
        }
    }

    #[test]
    fn epochs_are_read() {
        check_as("epoch_s", "1389088830", Europe::Berlin, "2014-01-07T10:00:30Z");
        check_as("epoch_s", "1389088830.25", Tz::UTC, "2014-01-07T10:00:30.25Z");
        check_as("epoch_s", "-1.5", Tz::UTC, "1969-12-31T23:59:58.5Z");
        check_as("epoch_ms", "1389088830123", Tz::UTC, "2014-01-07T10:00:30.123Z");
        check_as("epoch_ms", "1389088830123.4567", Tz::UTC, "2014-01-07T10:00:30.123456Z");
        check_as("epoch_us", "1389088830123456", Tz::UTC, "2014-01-07T10:00:30.123456Z");
        assert!(check_as("epoch_us", "0", Tz::UTC, "1970-01-01T00:00:00Z").has_zone);
        for text in ["", "-", "1e9", "1,5", "1.", "+1", "99999999999999999999", "9223372036854775807"] {
            check_error("epoch_s", text, Tz::UTC, &format!("`{text}` is not a time; expected is a number of seconds since 1970"));
        }
    }

    #[test]
    fn patterns_are_read() {
        check_as("%Y%m%d", "19970101", Tz::UTC, "1997-01-01T00:00:00Z");
        check_as("%m/%d/%Y %H:%M", "12/1/2010 8:26", Tz::UTC, "2010-12-01T08:26:00Z");
        check_as("%d.%m.%y", "01.02.14", Tz::UTC, "2014-02-01T00:00:00Z");
        check_as("%Y-%m-%d %H", "2014-01-07 10", Tz::UTC, "2014-01-07T10:00:00Z");
        check_as("%m/%d/%Y %I:%M %p", "01/07/2014 10:20 PM", Tz::UTC, "2014-01-07T22:20:00Z");
        let found = check_as("%d/%b/%Y:%H:%M:%S %z", "07/Jan/2014:10:20:30 +0200", Tz::UTC, "2014-01-07T08:20:30Z");
        assert!(found.has_zone);
        check_as("%s", "1389088830", Europe::Berlin, "2014-01-07T10:00:30Z");
        check_as("%Y-%m-%dT%H:%M:%S%.f", "2014-01-07T10:20:30.5", Europe::Berlin, "2014-01-07T09:20:30.5Z");
        check_error("%d/%m/%Y", "2014-01-07", Tz::UTC, "`2014-01-07` is not a time; expected is the pattern %d/%m/%Y");
        check_error("%d/%m/%Y", "31/04/2014", Tz::UTC, "`31/04/2014` is not a time: there is no day 31 in month 4 of 2014");
        check_error(
            "%H:%M",
            "10:20",
            Tz::UTC,
            "`%H:%M` is not a time format: it does not give year, month and day; \
             expected is auto, epoch_s, epoch_ms, epoch_us, or a pattern as %d/%m/%Y %H:%M",
        );
    }

    #[test]
    fn formats_have_names() {
        for text in ["auto", "epoch_s", "epoch_ms", "epoch_us", "%d/%m/%Y"] {
            assert_eq!(text.parse::<TimeFormat>().unwrap().to_string(), text);
        }
        let error = |text: &str| text.parse::<TimeFormat>().unwrap_err().to_string();
        assert!(error("iso").starts_with("`iso` is not a time format: it has no % sign; expected is auto"));
        assert!(error("%Y-%!").contains("one of its % signs has no meaning"));
        assert!(error("%Y-%m-%d %Z").contains("%z reads offsets"));
        // A pattern that was never checked is an error and no panic.
        assert!(parse_time("x", &TimeFormat::Pattern("%Y-%!".into()), Tz::UTC).is_err());
        assert!(parse_time("x", &TimeFormat::Pattern(String::new()), Tz::UTC).is_err());
    }
}
