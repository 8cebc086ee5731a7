//! Rows on their way into a file: they arrive a little out of order, some late, some twice, and a few are broken.

use std::collections::BTreeSet;

use crate::random::Random;
use crate::truth::FileTruth;

/// How far behind a row above it an accepted row must stand to count as late, in milliseconds, exclusive.
pub(crate) const LATE_MS: i64 = 3_600_000;

/// One row of a file.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// When the event happened, epoch milliseconds; for a broken row, where it stands in the file.
    pub time_ms: i64,
    /// The event name.
    pub event: &'static str,
    /// What is wrong with the row, if anything.
    pub broken: Option<&'static str>,
    /// The fields as they are written; a JSON line is one field.
    pub fields: Vec<String>,
}

/// How rows of one file arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The usual delay, at most, in milliseconds.
    pub delay_ms_max: i64,
    /// The share of rows that are late by 1 hour to `late_hours_max`.
    pub late_share: f64,
    /// See `late_share`.
    pub late_hours_max: i64,
    /// The share of rows that are sent a second time within two days.
    pub replayed_share: f64,
}

/// Gives the positions of the rows in file order, replayed ones twice, and what is true of the file; O(rows log rows).
pub(crate) fn put_in_file_order(rows: &[Row], arrival: Arrival, random: &mut Random) -> (Vec<usize>, FileTruth) {
    let mut arrivals: Vec<(i64, usize)> = Vec::with_capacity(rows.len() + rows.len() / 100);
    for (idx, row) in rows.iter().enumerate() {
        let mut delay_ms = random.between(0, arrival.delay_ms_max);
        if random.chance(arrival.late_share) {
            delay_ms += random.between(LATE_MS, arrival.late_hours_max * 3_600_000);
        }
        arrivals.push((row.time_ms + delay_ms, idx));
        if row.broken.is_none() && random.chance(arrival.replayed_share) {
            arrivals.push((row.time_ms + delay_ms + random.between(1_000, 2 * 86_400_000), idx));
        }
    }
    arrivals.sort_unstable();
    let order: Vec<usize> = arrivals.into_iter().map(|(_, idx)| idx).collect();
    let truth = count(rows, &order);
    (order, truth)
}

fn count(rows: &[Row], order: &[usize]) -> FileTruth {
    let mut truth = FileTruth { n_rows: order.len() as u64, time_ms_first: i64::MAX, time_ms_last: i64::MIN, ..FileTruth::default() };
    let mut accepted = BTreeSet::new();
    for &idx in order {
        let row = &rows[idx];
        if let Some(kind) = row.broken {
            let broken = truth.broken.entry(kind.to_owned()).or_default();
            broken.n_rows += 1;
            *broken.events.entry(row.event.to_owned()).or_default() += 1;
        } else if accepted.insert(idx) {
            truth.n_accepted += 1;
            *truth.events.entry(row.event.to_owned()).or_default() += 1;
            truth.n_late += u64::from(truth.time_ms_last != i64::MIN && LATE_MS < truth.time_ms_last - row.time_ms);
            truth.time_ms_first = truth.time_ms_first.min(row.time_ms);
            truth.time_ms_last = truth.time_ms_last.max(row.time_ms);
        } else {
            truth.n_duplicates += 1;
        }
    }
    truth
}
