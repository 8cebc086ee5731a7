//! What is derived from raw rows before any question: sessions, stages.

pub mod stages;

pub mod frictions;
mod rows;
pub mod tasks;
#[cfg(test)]
pub(crate) mod testing;

use std::ops::Range;

use diptych_event::Shard;
use diptych_event::index::{REST_US, Runs};

/// Walks the sessions among `rows` of one actor: maximal runs with no gap of over `gap_us` after user activity.
///
/// A row that is not user activity belongs to the session that it falls into and does not extend it; outside of every
/// session it belongs to none. Source: GA4 help 9191807; METRICS 1.1. O(rows).
pub fn sessions<'a>(shard: &Shard<'a>, rows: Range<usize>, gap_us: i64) -> Sessions<'a> {
    Sessions { time_us: shard.time_us, interactive: shard.interactive, rows, gap_us }
}

/// The sessions of one actor, in time order.
#[derive(Debug)]
pub struct Sessions<'a> {
    time_us: &'a [i64],
    interactive: Option<&'a [u8]>,
    rows: Range<usize>,
    gap_us: i64,
}

impl Iterator for Sessions<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let Some(interactive) = self.interactive else { return self.next_of_activity() };
        while self.rows.start < self.rows.end && interactive[self.rows.start] == 0 {
            self.rows.start += 1;
        }
        if self.rows.is_empty() {
            return None;
        }
        let start = self.rows.start;
        let mut active_us = self.time_us[start];
        let mut end = start + 1;
        while end < self.rows.end && self.time_us[end] - active_us <= self.gap_us {
            if interactive[end] != 0 {
                active_us = self.time_us[end];
            }
            end += 1;
        }
        self.rows.start = end;
        Some(start..end)
    }
}

impl Sessions<'_> {
    /// The plain case: every row is user activity.
    fn next_of_activity(&mut self) -> Option<Range<usize>> {
        if self.rows.is_empty() {
            return None;
        }
        let start = self.rows.start;
        let mut before_us = self.time_us[start];
        let within = |time_us: &&i64| {
            let gap_us = **time_us - before_us;
            before_us = **time_us;
            gap_us <= self.gap_us
        };
        let end = start + 1 + self.time_us[start + 1..self.rows.end].iter().take_while(within).count();
        self.rows.start = end;
        Some(start..end)
    }
}

/// A session that was told by runs alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSession {
    /// Its rows.
    pub rows: Range<usize>,
    /// Instant of the first row in microseconds.
    pub began_us: i64,
    /// Instant of the last row in microseconds.
    pub ended_us: i64,
}

/// Tells whether [`sessions_of_runs`] finds the sessions with a gap: every row is user activity, and no run is too long.
pub fn runs_tell_sessions(shard: &Shard, gap_us: i64) -> bool {
    shard.interactive.is_none() && gap_us >= REST_US
}

/// Walks what [`sessions`] does, for the actors of a shard one after the other. O(runs).
#[inline]
pub fn sessions_of_runs<'a, 'b>(
    runs: &'a mut Runs<'b>,
    rows: &Range<usize>,
    gap_us: i64,
) -> impl Iterator<Item = RunSession> + use<'a, 'b> {
    runs.seek(rows.start);
    let rows_end = rows.end;
    std::iter::from_fn(move || {
        let first = runs.peek_before(rows_end)?;
        runs.pass();
        let mut session = RunSession { rows: first.first_row..rows_end, began_us: first.began_us, ended_us: first.ended_us };
        while let Some(next) = runs.peek_before(rows_end) {
            if next.began_us - session.ended_us > gap_us {
                session.rows.end = next.first_row;
                break;
            }
            session.ended_us = next.ended_us;
            runs.pass();
        }
        Some(session)
    })
}

#[cfg(test)]
mod tests {
    use diptych_event::actors::ActorIds;
    use diptych_event::index::OwnedIndex;
    use diptych_event::time::parse_duration;
    use diptych_event::timeline::Codes;

    use super::*;

    /// Checks that events at `times` form sessions at `expected` with a gap of 30 minutes; `!` marks what is no user activity.
    #[track_caller]
    fn check(times: &str, expected: &[(usize, usize)]) {
        check_gap("30m", times, expected);
    }

    #[track_caller]
    fn check_gap(gap: &str, times: &str, expected: &[(usize, usize)]) {
        let instant = |time: &str| parse_duration(time.trim_end_matches('!')).unwrap();
        let time_us: Vec<i64> = times.split_whitespace().map(instant).collect();
        let interactive: Vec<u8> = times.split_whitespace().map(|time| u8::from(!time.ends_with('!'))).collect();
        let zeros = vec![0; time_us.len()];
        let index = OwnedIndex::new(&[0], &[time_us.len() as u64], &time_us, Codes::Long(&vec![0; time_us.len()]));
        let mut shard = Shard {
            actors: ActorIds { offsets: &[0, 1], text: b"a" },
            starts: &[0],
            ends: &[time_us.len() as u64],
            time_us: &time_us,
            name: Codes::Long(&vec![0; time_us.len()]),
            seq: None,
            tie: &zeros,
            interactive: Some(&interactive),
            columns: &[],
            index: index.index(),
        };
        let gap_us = parse_duration(gap).unwrap();
        let found = |shard: &Shard| -> Vec<(usize, usize)> {
            sessions(shard, shard.rows(0), gap_us).map(|session| (session.start, session.end)).collect()
        };
        assert_eq!(found(&shard), expected);
        if !interactive.contains(&0) {
            shard.interactive = None;
            assert_eq!(found(&shard), expected, "all are user activity");
            if runs_tell_sessions(&shard, gap_us) {
                let mut runs = shard.index.runs();
                let of_runs: Vec<RunSession> = sessions_of_runs(&mut runs, &shard.rows(0), gap_us).collect();
                let session = |(start, end): &(usize, usize)| RunSession {
                    rows: *start..*end,
                    began_us: time_us[*start],
                    ended_us: time_us[*end - 1],
                };
                assert_eq!(of_runs, expected.iter().map(session).collect::<Vec<_>>(), "told by runs");
            }
        }
    }

    // METRICS 1.1, vector, in hours since the midnight before: e2 → e3 is exactly 30:00, e3 → e4 is 30:01.
    const PUBLISHED: &str = "23h50m 24h5m 24h35m 25h5m1s 25h10m 25h10m 25h20m 29h";

    #[test]
    fn sessions_agree_with_the_published_vector() {
        check(PUBLISHED, &[(0, 3), (3, 7), (7, 8)]);
        // The row "gap ≥ 30 min" of the table: here a gap of over 29:59.
        check_gap("29m59s", PUBLISHED, &[(0, 2), (2, 3), (3, 7), (7, 8)]);
        check_gap("30m1s", PUBLISHED, &[(0, 7), (7, 8)]);
    }

    #[test]
    fn sessions_are_split_only_by_gaps_over_the_limit() {
        check("", &[]);
        check("5m", &[(0, 1)]);
        check("0s 0s 0s", &[(0, 3)]);
        check("0s 30m 60m 90m", &[(0, 4)]);
        check("0s 30m1ms", &[(0, 1), (1, 2)]);
        check_gap("0s", "1s 1s 2s", &[(0, 2), (2, 3)]);
    }

    #[test]
    fn what_is_no_user_activity_extends_nothing() {
        check("0s 20m! 40m! 50m", &[(0, 2), (3, 4)]);
        check("0s! 1m 31m! 32m!", &[(1, 3)]);
        check("0s 20m! 25m 50m", &[(0, 4)]);
        check("0s! 1h!", &[]);
        // A late event between two sessions merges them (METRICS 1.1).
        check("0s 29m 58m", &[(0, 3)]);
    }
}
