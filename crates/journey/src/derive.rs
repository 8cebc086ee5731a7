//! What is derived from raw rows before any question: sessions, stages.

pub mod stages;

pub mod frictions;
mod rows;
pub mod tasks;
#[cfg(test)]
pub(crate) mod testing;

use std::ops::Range;

use diptych_event::Shard;
use diptych_event::index::{Index, REST_US, Runs};

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

/// Actors who are looked at together.
const ACTORS_AT_ONCE: usize = 1 << 10;

/// The sessions of some actors, one after the other, in plain columns.
///
/// Useful for: looking at all sessions alike. How many runs an actor or a session has cannot be foreseen, so a loop over
/// the runs of each guesses wrongly about once per session; in a loop over columns no branch depends on it.
#[derive(Debug, Default)]
pub struct SessionColumns {
    /// Rows, shape `[sessions]`.
    pub n_rows: Vec<u32>,
    /// Time from the first to the last row in microseconds, shape `[sessions]`.
    pub duration_us: Vec<i64>,
    /// Instant of the last row in microseconds, shape `[sessions]`.
    pub ended_us: Vec<i64>,
    /// 1 where a session is its actor's first, else 0; shape `[sessions]`.
    pub is_actors_first: Vec<u8>,
}

/// Some actors, each with rows, whose rows and runs follow each other without a gap.
#[derive(Debug)]
pub struct Stretch<'a> {
    /// Their runs, as positions in the index.
    pub runs: Range<usize>,
    /// The first row of each actor, shape `[actors]`.
    pub starts: &'a [u64],
    /// One after the last row of them all.
    pub rows_end: u64,
}

/// Calls `take` with all actors of a shard that have rows, some at once: so many that a loop over their runs is long, and
/// so few that what it writes stays in the caches. O(actors).
pub fn for_each_stretch(shard: &Shard, mut take: impl FnMut(Stretch)) {
    let (starts, ends, run_rows) = (shard.starts, shard.ends, shard.index.run_rows);
    let (mut actor, mut run) = (0, 0);
    while actor < starts.len() {
        if starts[actor] == ends[actor] {
            actor += 1;
            continue;
        }
        // Rows between two actors' rows are nobody's, and so are their runs.
        let goes_on = |actor: usize| starts[actor] == ends[actor - 1] && starts[actor] < ends[actor];
        let most = (actor + ACTORS_AT_ONCE).min(starts.len());
        let last = (actor + 1..most).take_while(|actor| goes_on(*actor)).last().unwrap_or(actor);
        run += run_rows[run..].partition_point(|row| u64::from(*row) < starts[actor]);
        let end = run + run_rows[run..].partition_point(|row| u64::from(*row) < ends[last]);
        take(Stretch { runs: run..end, starts: &starts[actor..=last], rows_end: ends[last] });
        (actor, run) = (last + 1, end);
    }
}

/// Calls `take` with the sessions that [`sessions_of_runs`] finds for all actors of a shard, where [`runs_tell_sessions`];
/// those of one actor come together. O(runs + actors).
pub fn for_each_sessions_of_runs(shard: &Shard, gap_us: i64, mut take: impl FnMut(&Stretch, &SessionColumns)) {
    let mut columns = SessionColumns::default();
    for_each_stretch(shard, |stretch| {
        columns.find(&shard.index, &stretch, gap_us);
        take(&stretch, &columns);
    });
}

impl SessionColumns {
    /// Finds the sessions of some actors. O(runs), without a branch.
    fn find(&mut self, index: &Index, stretch: &Stretch, gap_us: i64) {
        let Stretch { runs, starts, rows_end } = stretch;
        let run_rows = &index.run_rows[runs.clone()];
        let (run_began_us, run_ended_us) = (&index.run_began_us[runs.clone()], &index.run_ended_us[runs.clone()]);
        let n_runs = run_rows.len();
        self.resize(n_runs);
        if n_runs == 0 {
            return;
        }
        let (n_rows, duration_us) = (&mut self.n_rows[..], &mut self.duration_us[..]);
        let (ended_us, is_first) = (&mut self.ended_us[..], &mut self.is_actors_first[..]);
        let last_actor = starts.len() - 1;
        // The first run begins a session; each other one is written to the session that it begins or goes on with.
        let (mut session, mut next_actor, mut first_row, mut began_us) = (0, 1, run_rows[0], run_began_us[0]);
        (duration_us[0], ended_us[0], is_first[0]) = (run_ended_us[0] - began_us, run_ended_us[0], 1);
        for run in 1..n_runs {
            let is_actors_first = starts[next_actor.min(last_actor)] == u64::from(run_rows[run]);
            next_actor += usize::from(is_actors_first);
            let begins = is_actors_first | (run_began_us[run] - run_ended_us[run - 1] > gap_us);
            n_rows[session] = run_rows[run] - first_row;
            session += usize::from(begins);
            began_us = if begins { run_began_us[run] } else { began_us };
            first_row = if begins { run_rows[run] } else { first_row };
            is_first[session] = if begins { u8::from(is_actors_first) } else { is_first[session] };
            duration_us[session] = run_ended_us[run] - began_us;
            ended_us[session] = run_ended_us[run];
        }
        n_rows[session] = *rows_end as u32 - first_row;
        self.resize(session + 1);
    }

    fn resize(&mut self, n_sessions: usize) {
        self.n_rows.resize(n_sessions, 0);
        self.duration_us.resize(n_sessions, 0);
        self.ended_us.resize(n_sessions, 0);
        self.is_actors_first.resize(n_sessions, 0);
    }
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
                let mut found = Vec::new();
                for_each_sessions_of_runs(&shard, gap_us, |_, columns| {
                    let of_columns = columns.n_rows.iter().zip(&columns.duration_us).zip(&columns.is_actors_first);
                    found.extend(of_columns.map(|((n_rows, duration_us), is_first)| (*n_rows as usize, *duration_us, *is_first)));
                });
                let columns =
                    |session: &RunSession| (session.rows.len(), session.ended_us - session.began_us, u8::from(session.rows.start == 0));
                assert_eq!(found, of_runs.iter().map(columns).collect::<Vec<_>>(), "in columns");
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
