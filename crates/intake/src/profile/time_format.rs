//! Finds the format in which a column writes its times.
//!
//! Every format is tried on every value until it is clear that it does not fit.

use chrono_tz::Tz;

use crate::time::{TimeFormat, parse_time};

/// After how many values a format that fits fewer than half of them is no longer tried.
const TRIED_BEFORE_GIVING_UP: u64 = 100;

/// Dates whose first two parts are day and month or month and day; the separator is put in.
const CLOCKS: [&str; 5] = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"];

const OTHERS: [&str; 12] = [
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%d/%b/%Y:%H:%M:%S %z",
    "%d %b %Y",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
];

/// Counts for every format how many values fit it.
pub(super) struct TimeCounts {
    formats: Vec<FormatCount>,
    n_seen: u64,
}

struct FormatCount {
    format: TimeFormat,
    /// The format with day and month exchanged, by position.
    twin_idx: Option<usize>,
    n_fitting: u64,
    n_with_zone: u64,
}

/// Names the format that fits best.
pub(super) struct TimeGuess {
    pub(super) format: TimeFormat,
    pub(super) n_fitting: u64,
    pub(super) has_zone: bool,
    /// Whether day and month could as well be exchanged.
    pub(super) ambiguous: bool,
}

impl Default for TimeCounts {
    fn default() -> Self {
        let count = |format, twin_idx| FormatCount { format, twin_idx, n_fitting: 0, n_with_zone: 0 };
        let mut formats = vec![
            count(TimeFormat::Auto, None),
            count(TimeFormat::EpochSeconds, None),
            count(TimeFormat::EpochMillis, None),
            count(TimeFormat::EpochMicros, None),
            count(TimeFormat::Pattern("%Y%m%d".to_owned()), None),
        ];
        for separator in ["/", ".", "-"] {
            for year in ["%Y", "%y"] {
                for clock in CLOCKS {
                    let idx = formats.len();
                    let pattern = |a, b| TimeFormat::Pattern(format!("{a}{separator}{b}{separator}{year}{clock}"));
                    formats.push(count(pattern("%d", "%m"), Some(idx + 1)));
                    formats.push(count(pattern("%m", "%d"), Some(idx)));
                }
            }
        }
        formats.extend(OTHERS.map(|pattern| count(TimeFormat::Pattern(pattern.to_owned()), None)));
        Self { formats, n_seen: 0 }
    }
}

impl TimeCounts {
    pub(super) fn add(&mut self, text: &str) {
        self.n_seen += 1;
        if !may_be_time(text) {
            return;
        }
        for count in &mut self.formats {
            let is_hopeless = TRIED_BEFORE_GIVING_UP < self.n_seen && count.n_fitting * 2 < TRIED_BEFORE_GIVING_UP;
            if is_hopeless || !is_plausible(text, &count.format) {
                continue;
            }
            // In UTC every local time exists.
            if let Ok(time) = parse_time(text, &count.format, Tz::UTC) {
                count.n_fitting += 1;
                count.n_with_zone += u64::from(time.has_zone);
            }
        }
    }

    /// Names the format that most values fit; ties go to the one that is tried first.
    pub(super) fn best(&self) -> Option<TimeGuess> {
        let mut best: Option<&FormatCount> = None;
        for count in &self.formats {
            if best.map_or(0, |b| b.n_fitting) < count.n_fitting {
                best = Some(count);
            }
        }
        best.map(|b| TimeGuess {
            format: b.format.clone(),
            n_fitting: b.n_fitting,
            has_zone: b.n_with_zone * 2 > b.n_fitting,
            ambiguous: b.twin_idx.is_some_and(|idx| self.formats[idx].n_fitting == b.n_fitting),
        })
    }
}

fn may_be_time(text: &str) -> bool {
    let text = text.trim_ascii();
    (6..=40).contains(&text.len())
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b':' | b'-' | b'+' | b'/' | b'.' | b','))
}

/// Tells numbers that may be times from other numbers: epochs between 2001 and 2033, compact dates of this age.
fn is_plausible(text: &str, format: &TimeFormat) -> bool {
    let whole = text.trim_ascii().split('.').next().unwrap_or_default();
    let is_epoch = |n_digits| whole.len() == n_digits && whole.starts_with('1');
    match format {
        TimeFormat::Auto => true,
        TimeFormat::EpochSeconds => is_epoch(10),
        TimeFormat::EpochMillis => is_epoch(13),
        TimeFormat::EpochMicros => is_epoch(16),
        TimeFormat::Pattern(pattern) => match pattern.as_str() {
            "%Y%m%d" => text.len() == 8 && (text.starts_with("19") || text.starts_with("20")),
            "%Y%m%d%H%M%S" => text.len() == 14 && (text.starts_with("19") || text.starts_with("20")),
            _ => true,
        },
    }
}
