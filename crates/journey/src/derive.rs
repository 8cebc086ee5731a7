//! What is derived from raw rows before any question: sessions, stages.

pub mod stages;

pub mod frictions;
mod rows;
pub mod tasks;
#[cfg(test)]
pub(crate) mod testing;

use std::ops::Range;

use diptych_event::Shard;
use diptych_event::index::{Index, LONG_REST_US, REST_US, Runs};

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

/// The sessions of some actors, one after the other, in plain columns with an entry per run.
///
/// The first run of a session has all of it, and those that go on with it have no rows.
/// Useful for: looking at all sessions alike. How many runs an actor or a session has cannot be foreseen, so a loop over
/// the runs of each guesses wrongly about once per session; in a loop over columns no branch depends on it.
#[derive(Debug, Default)]
pub struct SessionColumns {
    /// How many sessions there are.
    pub n_sessions: usize,
    /// Rows, shape `[runs]`.
    pub n_rows: Vec<u32>,
    /// 1 where a session is its actor's first, else 0; shape `[runs]`.
    pub is_actors_first: Vec<u8>,
    /// The runs that go on with a session, and the first runs of these; ascending.
    going_on: Vec<(usize, usize)>,
    /// Time from the first to the last row in microseconds, shape `[runs]`; left out until [`Self::find_durations`], and
    /// without a meaning for runs that go on.
    pub duration_us: Vec<i64>,
    /// 1 where a run may go on with the one before, as no long gap lies between; shape `[runs]`.
    is_near: Vec<u8>,
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
        let most = (actor + ACTORS_AT_ONCE).min(starts.len());
        let all_go_on = starts[actor + 1..most] == ends[actor..most - 1]
            && starts[actor..most].iter().zip(&ends[actor..most]).fold(true, |all, (start, end)| all & (start < end));
        let goes_on = |actor: &usize| starts[*actor] == ends[*actor - 1] && starts[*actor] < ends[*actor];
        let last = if all_go_on { most - 1 } else { (actor + 1..most).take_while(goes_on).last().unwrap_or(actor) };
        run = first_from(run_rows, run, starts[actor]);
        let end = first_from(run_rows, run, ends[last]);
        take(Stretch { runs: run..end, starts: &starts[actor..=last], rows_end: ends[last] });
        (actor, run) = (last + 1, end);
    }
}

/// Returns the position of the first of some ascending rows, from one on, that is not before `row`. O(log of how far it is).
fn first_from(rows: &[u32], from: usize, row: u64) -> usize {
    let is_before = |other: &u32| u64::from(*other) < row;
    let mut width = 1;
    while rows.get(from + width).is_some_and(is_before) {
        width *= 2;
    }
    from + rows[from..rows.len().min(from + width)].partition_point(is_before)
}

/// Calls `take` with the sessions that [`sessions_of_runs`] finds for all actors of a shard, where [`runs_tell_sessions`];
/// those of one actor come together. O(runs + actors).
pub fn for_each_sessions_of_runs(shard: &Shard, gap_us: i64, mut take: impl FnMut(&Stretch, &mut SessionColumns)) {
    let mut columns = SessionColumns::default();
    for_each_stretch(shard, |stretch| {
        columns.find(&shard.index, &stretch, gap_us);
        take(&stretch, &mut columns);
    });
}

impl SessionColumns {
    /// Finds the sessions of some actors. O(runs), without a branch on what few runs do.
    fn find(&mut self, index: &Index, stretch: &Stretch, gap_us: i64) {
        let Stretch { runs, rows_end, .. } = stretch;
        let run_rows = &index.run_rows[runs.clone()];
        self.n_rows.clear();
        self.n_rows.extend(run_rows.windows(2).map(|rows| rows[1] - rows[0]));
        self.n_rows.extend(run_rows.last().map(|row| *rows_end as u32 - row));
        self.is_actors_first.clear();
        self.is_actors_first.extend_from_slice(&index.run_is_first[runs.clone()]);
        self.is_near.clear();
        match u32::try_from(gap_us).ok().filter(|gap_us| *gap_us < LONG_REST_US) {
            Some(gap_us) => self.is_near.extend(index.run_rest_us[runs.clone()].iter().map(|rest_us| u8::from(*rest_us <= gap_us))),
            None => {
                let is_near = |run: usize| index.run_began_us[run].wrapping_sub(index.run_ended_us(run - 1)) <= gap_us;
                self.is_near.push(0);
                self.is_near.extend(runs.clone().skip(1).map(|run| u8::from(is_near(run))));
            }
        }
        self.go_on();
    }

    /// Gives the rows of runs that go on with a session to its first one. O(runs), with a branch for each eight of them.
    fn go_on(&mut self) {
        self.going_on.clear();
        let (mut first, mut after) = (0, 0);
        let (near, first_ones) = (self.is_near.chunks(8), self.is_actors_first.chunks(8));
        for (some, (is_near, is_first)) in near.zip(first_ones).enumerate() {
            let mut going_on = flags(is_near) & !flags(is_first);
            while going_on != 0 {
                let run = 8 * some + going_on.trailing_zeros() as usize / 8;
                going_on &= going_on - 1;
                first = if run == after { first } else { run - 1 };
                after = run + 1;
                self.n_rows[first] += std::mem::take(&mut self.n_rows[run]);
                self.going_on.push((run, first));
            }
        }
        self.n_sessions = self.n_rows.len() - self.going_on.len();
    }

    /// Walks the runs that go on with a session, by their positions among these. O(1) each.
    pub fn going_on(&self) -> impl Iterator<Item = usize> + '_ {
        self.going_on.iter().map(|(run, _)| *run)
    }

    /// Fills in how long sessions are. O(runs).
    pub fn find_durations(&mut self, index: &Index, stretch: &Stretch) {
        let before = stretch.runs.start;
        self.duration_us.clear();
        self.duration_us.extend(index.run_lasted_us[stretch.runs.clone()].iter().map(|us| i64::from(*us)));
        for (run, first) in &self.going_on {
            self.duration_us[*first] = index.run_ended_us(before + run) - index.run_began_us[before + first];
        }
    }
}

/// Returns at most eight bytes, each 0 or 1, as one number, the first one lowest.
#[inline]
fn flags(bytes: &[u8]) -> u64 {
    match bytes.try_into() {
        Ok(eight) => u64::from_le_bytes(eight),
        Err(_) => bytes.iter().rev().fold(0, |flags, byte| flags << 8 | u64::from(*byte)),
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
                for_each_sessions_of_runs(&shard, gap_us, |stretch, columns| {
                    columns.find_durations(&shard.index, stretch);
                    let of_columns = columns.n_rows.iter().zip(&columns.duration_us).zip(&columns.is_actors_first);
                    let sessions = of_columns.filter(|((n_rows, _), _)| **n_rows > 0);
                    found.extend(sessions.map(|((n_rows, duration_us), is_first)| (*n_rows as usize, *duration_us, *is_first)));
                    assert_eq!(columns.n_sessions, found.len());
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
    fn sessions_longer_than_runs_and_long_gaps_are_told_exactly() {
        let every_nine_minutes: Vec<String> = (0..30).map(|n| format!("{}m", 9 * n)).collect();
        check_gap("10m", &every_nine_minutes.join(" "), &[(0, 30)]);
        check_gap("3h", &(every_nine_minutes.join(" ") + " 440m 621m"), &[(0, 31), (31, 32)]);
        // The longest rest that is told exactly, and one that is not.
        check_gap("4294967ms", "0s 4294967ms 8589935ms", &[(0, 2), (2, 3)]);
        check_gap("4294968ms", "0s 4294967ms 8589935ms", &[(0, 3)]);
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
