//! Attempts at the tasks of the spec: what became of each start (METRICS 1.2).
//!
//! A start opens an attempt when none is open. A success, a failure event or an abort ends it; so does a pause of over the
//! timeout after the last user activity, and, in session scope, the end of the session: then it is abandoned. An attempt that
//! may still go on when observation ends is open, which is neither success nor failure.

use std::ops::Range;

use diptych_event::Shard;
use diptych_event::account::Outcome;
use diptych_event::index::RowSet;
use diptych_event::spec::{Match, Reentry, TaskScope, TaskSpec, Text};
use diptych_event::time::{DAY_US, SECOND_US, parse_duration};

use super::rows::{is_activity, named, observed};
use super::sessions;
use crate::seam::{AskError, Context, Matcher, View};

/// A pause counts as work for at most this long. Source: METRICS 1.4.
const IDLE_CAP_US: i64 = 60 * SECOND_US;
/// The same error again within this time is the same incident. Source: METRICS 1.5.
const SAME_ERROR_US: i64 = SECOND_US;
/// Pause that abandons an attempt within a session. Source: METRICS 1.2.
const SESSION_TIMEOUT_US: i64 = 1_800 * SECOND_US;
/// Pause that abandons an attempt across sessions. Source: METRICS 1.2.
const USER_TIMEOUT_US: i64 = 7 * DAY_US;

/// The tasks of the spec, in order of their names, ready to read rows.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    session_gap_us: i64,
}

/// One task, ready to read rows.
#[derive(Debug, Clone)]
struct Rule {
    name: String,
    start: Matcher,
    success: Matcher,
    steps: Vec<Matcher>,
    /// How the spec writes start, steps and success.
    path: Vec<String>,
    abort: Matcher,
    fail: Matcher,
    error: Matcher,
    has_errors: bool,
    /// A pause of over this abandons the attempt.
    pause_us: i64,
    time_limit_us: Option<i64>,
    scope: TaskScope,
    reentry: Reentry,
    /// The rows whose names mean something to the task.
    named: Matcher,
    /// End of observation of the task's events.
    observed_until_us: i64,
}

/// One try at a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Position of the task in [`Rules::names`].
    pub task: usize,
    /// Row of the start event.
    pub first_row: usize,
    /// Row that ended it; the last event of the attempt where a pause ended it or nothing did.
    pub last_row: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// Events: user activity, and whatever else the task names, from first to last row.
    pub n_events: u32,
    /// Error events; the same one again within a second counts once.
    pub n_errors: u32,
    /// How many of start, steps and success were reached in order, from 1.
    pub steps_done: u32,
    /// Time between its events in microseconds, of which each pause counts for at most 60 seconds.
    pub engaged_us: i64,
    /// Time from first to last row in microseconds.
    pub elapsed_us: i64,
}

/// What the rows of an actor hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An attempt.
    Attempt(Attempt),
    /// A success event with no attempt open.
    OrphanGoal {
        /// Position of the task in [`Rules::names`].
        task: usize,
        /// Its row.
        row: usize,
    },
}

impl Rules {
    /// Makes the rules of all tasks of the spec.
    pub fn compile(context: &mut Context) -> Result<Self, AskError> {
        Self::compile_only(context, |_| true)
    }

    /// Makes the rules of those tasks of the spec whose name is `wanted`.
    pub fn compile_only(context: &mut Context, wanted: impl Fn(&str) -> bool) -> Result<Self, AskError> {
        let spec = context.catalog.spec.clone();
        let tasks = spec.tasks.iter().filter(|(name, _)| wanted(name));
        let rules = tasks.map(|(name, task)| Rule::compile(name, task, context)).collect::<Result<_, _>>()?;
        Ok(Self { rules, session_gap_us: context.catalog.session_gap_us })
    }

    /// Walks the names of the tasks.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Returns how the spec writes start, steps and success of a task, shape `[steps + 2]`.
    pub fn path(&self, task: usize) -> &[String] {
        &self.rules[task].path
    }

    /// Tells whether the spec says what an error is during a task.
    pub fn has_errors(&self, task: usize) -> bool {
        self.rules[task].has_errors
    }

    /// Gets ready to find attempts in the rows of a view. O(rows of the names that begin attempts or are goals + rows / 64).
    pub fn on<'a>(&'a self, view: &'a View<'a>) -> Finder<'a> {
        let begin_or_end = self.rules.iter().map(|rule| named(&view.shard, [&rule.start, &rule.success])).collect();
        Finder { rules: self, view, begin_or_end }
    }
}

/// The tasks of the spec, on the rows of a view.
pub struct Finder<'a> {
    rules: &'a Rules,
    view: &'a View<'a>,
    /// The rows with a name that begins an attempt or is a goal, shape `[tasks]`.
    begin_or_end: Vec<RowSet>,
}

impl Finder<'_> {
    /// Calls `emit` with each attempt among `rows` of one actor, by task and then in time order; as [`Self::walk`].
    pub fn attempts(&self, rows: Range<usize>, emit: &mut impl FnMut(Attempt)) {
        self.walk(rows, &mut |found| {
            if let Found::Attempt(attempt) = found {
                emit(attempt);
            }
        });
    }

    /// Calls `emit` with each attempt and orphan goal among `rows` of one actor, by task and then in time order.
    ///
    /// What happens after the end of observation of a task's events is not read. O(tasks · rows / 64 + rows of attempts) where
    /// every row is user activity, else O(tasks · rows) for those who may have an attempt.
    pub fn walk(&self, rows: Range<usize>, emit: &mut impl FnMut(Found)) {
        let shard = &self.view.shard;
        for (task, (rule, begin_or_end)) in self.rules.rules.iter().zip(&self.begin_or_end).enumerate() {
            // Most people never come near most tasks.
            if begin_or_end.first_among(rows.clone()).is_none() {
                continue;
            }
            let walk = Walk { task, rule, view: self.view, begin_or_end };
            let rows = observed(shard, rows.clone(), rule.observed_until_us);
            // A pause that ends a session of nothing but activity is one that abandons attempts within it.
            if rule.scope == TaskScope::User || shard.interactive.is_none() {
                walk.run(rows, IsLast::Yes, emit);
                continue;
            }
            let mut outside = rows.start;
            for session in sessions(shard, rows.clone(), self.rules.session_gap_us) {
                walk.outside(outside..session.start, emit);
                outside = session.end;
                let is_last = if session.end == rows.end { IsLast::Yes } else { IsLast::No };
                walk.run(session, is_last, emit);
            }
            walk.outside(outside..rows.end, emit);
        }
    }
}

/// Whether a run of rows may go on after the end of observation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsLast {
    Yes,
    No,
}

/// A walk over one actor's rows for one task.
struct Walk<'a> {
    /// Position of the task.
    task: usize,
    rule: &'a Rule,
    view: &'a View<'a>,
    /// The rows with a name that begins an attempt or is a goal.
    begin_or_end: &'a RowSet,
}

impl Walk<'_> {
    /// Walks rows that no attempt can lie in: outside of sessions.
    fn outside(&self, rows: Range<usize>, emit: &mut impl FnMut(Found)) {
        let goals = self.begin_or_end.among(rows).filter(|row| self.rule.success.holds(self.view, *row));
        goals.for_each(|row| emit(Found::OrphanGoal { task: self.task, row }));
    }

    /// Walks the rows of a session, or all rows where pauses alone end attempts.
    fn run(&self, rows: Range<usize>, is_last: IsLast, emit: &mut impl FnMut(Found)) {
        let Self { task, rule, view, .. } = *self;
        let shard = &view.shard;
        let mut running: Option<Running> = None;
        let mut next = rows.start;
        while next < rows.end {
            let row = next;
            let paused = |running: &mut Running| shard.time_us[row] - running.active_us > rule.pause_us;
            if let Some(abandoned) = running.take_if(paused) {
                emit(abandoned.ended(Outcome::Abandoned));
            }
            let Some(open) = &mut running else {
                let Some(row) = self.begin_or_end.first_among(row..rows.end) else { break };
                next = row + 1;
                if rule.start.holds(view, row) {
                    running = Some(rule.begin(task, view, row));
                } else if rule.success.holds(view, row) {
                    emit(Found::OrphanGoal { task, row });
                }
                continue;
            };
            next = row + 1;
            // Most rows mean nothing to the task, which one look tells.
            if !rule.named.holds(view, row) {
                // Heartbeats and the like are no part of an attempt.
                if is_activity(shard, row) {
                    open.advance(shard, row);
                }
                continue;
            }
            if !is_activity(shard, row) && !rule.matchers().any(|matcher| matcher.holds(view, row)) {
                continue;
            }
            let outcome = rule.outcome(view, row, open);
            if outcome.is_none() && rule.reentry == Reentry::Restart && rule.start.holds(view, row) {
                emit(Found::Attempt(Attempt { outcome: Outcome::Abandoned, ..open.attempt }));
                running = Some(rule.begin(task, view, row));
                continue;
            }
            rule.advance(view, row, open);
            if let (Some(outcome), Some(open)) = (outcome, running.take_if(|_| outcome.is_some())) {
                emit(open.ended(outcome));
            }
        }
        if let Some(open) = running {
            let goes_on = is_last == IsLast::Yes && rule.observed_until_us - open.active_us <= rule.pause_us;
            emit(open.ended(if goes_on { Outcome::Open } else { Outcome::Abandoned }));
        }
    }
}

/// An attempt that goes on.
struct Running {
    attempt: Attempt,
    /// Last user activity, or the start.
    active_us: i64,
}

impl Rule {
    fn compile(name: &str, task: &TaskSpec, context: &mut Context) -> Result<Self, AskError> {
        let duration = |field: &str, text: &Text| {
            parse_duration(&text.text).map_err(|what| AskError::parameter(&format!("tasks.{name}.{field}"), what))
        };
        let timeout = |usual_us: i64| task.timeout.as_ref().map_or(Ok(usual_us), |text| duration("timeout", text));
        let pause_us = match task.scope {
            TaskScope::Session => timeout(SESSION_TIMEOUT_US)?.min(context.catalog.session_gap_us),
            TaskScope::User => timeout(USER_TIMEOUT_US)?,
        };
        let path = std::iter::once(&task.start).chain(&task.steps).chain([&task.success]);
        let mut matcher = |meant: Option<&Match>| match meant {
            Some(meant) => context.matcher(meant),
            None => Matcher::of_names(vec![false; context.catalog.names.len()]),
        };
        let mut rule = Self {
            name: name.to_owned(),
            start: matcher(Some(&task.start)),
            success: matcher(Some(&task.success)),
            steps: task.steps.iter().map(|step| matcher(Some(step))).collect(),
            path: path.map(|step| step.at.text.clone()).collect(),
            abort: matcher(task.abort.as_ref()),
            fail: matcher(task.fail.as_ref()),
            error: matcher(task.error.as_ref()),
            has_errors: task.error.is_some(),
            pause_us,
            time_limit_us: task.time_limit.as_ref().map(|text| duration("time_limit", text)).transpose()?,
            scope: task.scope,
            reentry: task.reentry,
            named: Matcher::default(),
            observed_until_us: 0,
        };
        let mut is_named = vec![false; context.catalog.names.len()];
        rule.matchers().flat_map(Matcher::codes).for_each(|code| is_named[code as usize] = true);
        rule.named = Matcher::of_names(is_named);
        rule.observed_until_us = context.observed_until_us(rule.matchers().flat_map(Matcher::codes));
        Ok(rule)
    }

    fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.steps.iter().chain([&self.start, &self.success, &self.abort, &self.fail, &self.error])
    }

    /// Opens an attempt.
    fn begin(&self, task: usize, view: &View, row: usize) -> Running {
        let attempt = Attempt {
            task,
            first_row: row,
            last_row: row,
            outcome: Outcome::Open,
            n_events: 1,
            n_errors: u32::from(self.error.holds(view, row)),
            steps_done: 1,
            engaged_us: 0,
            elapsed_us: 0,
        };
        Running { attempt, active_us: view.shard.time_us[row] }
    }

    /// Tells whether a row ends the attempt, and how.
    fn outcome(&self, view: &View, row: usize, open: &Running) -> Option<Outcome> {
        let elapsed_us = view.shard.time_us[row] - view.shard.time_us[open.attempt.first_row];
        if self.success.holds(view, row) {
            let too_late = self.time_limit_us.is_some_and(|limit_us| elapsed_us > limit_us);
            Some(if too_late { Outcome::Failed } else { Outcome::Succeeded })
        } else if self.fail.holds(view, row) {
            Some(Outcome::Failed)
        } else if self.abort.holds(view, row) {
            Some(Outcome::Abandoned)
        } else {
            None
        }
    }

    /// Adds an event that the task names to the attempt.
    fn advance(&self, view: &View, row: usize, open: &mut Running) {
        open.advance(&view.shard, row);
        let attempt = &mut open.attempt;
        let next = self.steps.get(attempt.steps_done as usize - 1);
        attempt.steps_done += u32::from(next.unwrap_or(&self.success).holds(view, row));
        let is_error = self.error.holds(view, row) && !self.is_same_error(view, attempt.first_row..row, row);
        attempt.n_errors += u32::from(is_error);
    }

    /// Tells whether the error at `row` happened just before, among `earlier` rows.
    fn is_same_error(&self, view: &View, earlier: Range<usize>, row: usize) -> bool {
        let Shard { time_us, name, .. } = view.shard;
        let mut recent = earlier.rev().take_while(|before| time_us[row] - time_us[*before] <= SAME_ERROR_US);
        recent.any(|before| name.get(before) == name.get(row) && self.error.holds(view, before))
    }
}

impl Running {
    /// Adds an event to the attempt.
    #[inline]
    fn advance(&mut self, shard: &Shard, row: usize) {
        let (attempt, time_us) = (&mut self.attempt, shard.time_us[row]);
        if is_activity(shard, row) {
            self.active_us = time_us;
        }
        attempt.engaged_us += (time_us - shard.time_us[attempt.last_row]).min(IDLE_CAP_US);
        attempt.elapsed_us = time_us - shard.time_us[attempt.first_row];
        attempt.last_row = row;
        attempt.n_events += 1;
    }

    fn ended(self, outcome: Outcome) -> Found {
        Found::Attempt(Attempt { outcome, ..self.attempt })
    }
}

#[cfg(test)]
mod tests {
    use diptych_event::spec::TaskSpec;
    use diptych_testkit::{Options, Random, generate};
    use proptest::prelude::*;

    use super::super::testing::Scene;
    use super::*;

    /// Writes what is found as `task 0-2 succeeded` or `task 5 orphan`, rows counted from 0.
    fn found(scene: &Scene) -> Vec<String> {
        scene.read(Rules::compile, |rules, view| {
            let names: Vec<&str> = rules.names().collect();
            let mut found = Vec::new();
            let finder = rules.on(view);
            for (_, rows) in view.journeys() {
                finder.walk(rows, &mut |one| {
                    found.push(match one {
                        Found::Attempt(a) => format!("{} {}-{} {}", names[a.task], a.first_row, a.last_row, a.outcome.word()),
                        Found::OrphanGoal { task, row } => format!("{} {row} orphan", names[task]),
                    });
                });
            }
            found
        })
    }

    #[track_caller]
    fn check(task: &str, journey: &str, until: &str, expected: &[&str]) {
        let scene = Scene::new(&format!("tasks: {{ t: {{ start: s, success: g, {task} }} }}"), &format!("ana: {journey}"), until);
        let expected: Vec<String> = expected.iter().map(|what| format!("t {what}")).collect();
        assert_eq!(found(&scene), expected, "{task} {journey}");
    }

    fn only(task: &str, journey: &str) -> Attempt {
        let scene = Scene::new(&format!("tasks: {{ t: {{ start: s, success: g, {task} }} }}"), &format!("ana: {journey}"), "");
        scene.read(Rules::compile, |rules, view| {
            let mut attempts = Vec::new();
            rules.on(view).attempts(view.shard.rows(0), &mut |attempt| attempts.push(attempt));
            assert_eq!(attempts.len(), 1);
            attempts[0]
        })
    }

    #[test]
    fn attempts_agree_with_the_published_vector() {
        // METRICS 1.2: S at 1000 is open when observation ends at 1100, and G at 900 belongs to no attempt.
        let journey = "s@0s x@10s g@20s s@30s s@40s g@100s x@120s s@200s g@900s s@1000s x@1100s";
        let expected = ["0-2 succeeded", "3-5 succeeded", "7-7 abandoned", "8 orphan", "9-10 open"];
        check("timeout: 600s, scope: user", journey, "1100s", &expected);
        check("timeout: 600s", journey, "1100s", &expected);
        let expected = ["0-2 succeeded", "3-3 abandoned", "4-5 succeeded", "7-7 abandoned", "8 orphan", "9-10 open"];
        check("timeout: 600s, reentry: restart", journey, "1100s", &expected);
    }

    #[test]
    fn an_attempt_ends_in_one_of_four_ways() {
        check("fail: f, abort: a", "s@0s f@1s g@2s s@3s a@4s s@5s g@6s", "", &["0-1 failed", "2 orphan", "3-4 abandoned", "5-6 succeeded"]);
        check("time_limit: 60s", "s@0s g@60s s@2m g@3m1s", "", &["0-1 succeeded", "2-3 failed"]);
        // Success goes before failure, failure before abort, and any of them before another start.
        check("fail: g, abort: g, reentry: restart", "s@0s g@1s", "", &["0-1 succeeded"]);
        check("fail: s, reentry: restart", "s@0s s@1s", "", &["0-1 failed"]);
    }

    #[test]
    fn a_row_has_one_role() {
        let scene = Scene::new("tasks: { t: { start: v, success: v } }", "ana: v@0s v@1s v@2s", "");
        assert_eq!(found(&scene), ["t 0-1 succeeded", "t 2-2 open"]);
    }

    #[test]
    fn a_pause_of_over_the_timeout_abandons() {
        check("", "s@0s g@30m", "", &["0-1 succeeded"]);
        check("", "s@0s g@30m1ms", "", &["0-0 abandoned", "1 orphan"]);
        check("scope: user", "s@0s g@7d", "", &["0-1 succeeded"]);
        check("scope: user", "s@0s x@4d g@11d1ms", "", &["0-1 abandoned", "2 orphan"]);
        // Within a session a longer timeout does not help: the session ends.
        check("timeout: 2h", "s@0s g@1h", "", &["0-0 abandoned", "1 orphan"]);
    }

    #[test]
    fn an_attempt_is_open_while_it_may_go_on() {
        check("", "s@0s x@1m", "31m", &["0-1 open"]);
        check("", "s@0s x@1m", "31m1ms", &["0-1 abandoned"]);
        check("timeout: 5m", "s@0s", "5m1ms", &["0-0 abandoned"]);
        check("scope: user", "s@0s", "7d", &["0-0 open"]);
        check("scope: user", "s@0s", "8d", &["0-0 abandoned"]);
        // What happens after the end of observation is not read.
        check("", "s@0s g@10m s@11m", "5m", &["0-0 open"]);
    }

    #[test]
    fn the_end_of_observation_is_that_of_the_events_of_the_task() {
        let mut scene = Scene::new("tasks: { t: { start: s, success: g } }", "ana: s@0s x@50m g@2h", "3h");
        let end_us = scene.catalog.first_us + 600_000_000;
        let code = |name: &str| scene.names().code(name).unwrap() as usize;
        let (goal, other) = (code("g"), code("x"));
        scene.catalog.ends_us = vec![scene.catalog.observed_until_us; 3];
        scene.catalog.ends_us[goal] = end_us;
        assert_eq!(found(&scene), ["t 0-0 open"]);
        scene.catalog.ends_us[goal] = scene.catalog.observed_until_us;
        scene.catalog.ends_us[other] = end_us;
        assert_eq!(found(&scene), ["t 0-0 abandoned", "t 2 orphan"]);
    }

    #[test]
    fn what_is_no_user_activity_counts_only_where_the_task_names_it() {
        // A heartbeat neither prolongs the attempt nor belongs to it; the error of the server does.
        let beats = "s@0s h@20m{interactive=false} e@25m{interactive=false} h@26m{interactive=false} g@31m{interactive=false}";
        check("error: e", beats, "", &["0-2 abandoned", "4 orphan"]);
        let attempt = only("error: e", "s@0s h@20m{interactive=false} e@25m{interactive=false} g@29m{interactive=false}");
        assert_eq!((attempt.n_events, attempt.n_errors, attempt.outcome), (3, 1, Outcome::Succeeded));
        assert_eq!((attempt.engaged_us, attempt.elapsed_us), (120 * SECOND_US, 29 * 60 * SECOND_US));
    }

    #[test]
    fn steps_are_reached_in_order() {
        let done = |journey: &str| only("steps: [a, b]", journey).steps_done;
        assert_eq!(done("s@0s a@1s b@2s g@3s"), 4);
        assert_eq!(done("s@0s b@1s a@2s g@3s"), 2);
        assert_eq!(done("s@0s b@1s a@2s x@3s b@4s"), 3);
        assert_eq!(done("s@0s g@1s"), 1);
    }

    #[test]
    fn the_same_error_within_a_second_is_one() {
        let n = |journey: &str| only("error: e | f", journey).n_errors;
        assert_eq!(n("s@0s e@1s e@2s e@3s g@4s"), 1);
        assert_eq!(n("s@0s e@1s f@1s e@2s f@3s1ms g@4s"), 3);
        assert_eq!(n("s@0s e@1s g@4s e@5s"), 1);
    }

    #[test]
    fn a_pause_counts_as_work_for_a_minute_at_most() {
        let attempt = only("", "s@0s x@59s x@10m g@10m30s");
        assert_eq!((attempt.engaged_us, attempt.elapsed_us), (149 * SECOND_US, 630 * SECOND_US));
    }

    #[test]
    fn conditions_of_the_spec_hold() {
        let spec = "tasks: { t: { start: view where page = '/shop', success: buy } }";
        let scene = Scene::new(spec, "ana: view@0s{page=/} buy@1s view@2s{page=/shop} buy@3s", "");
        assert_eq!(found(&scene), ["t 1 orphan", "t 2-3 succeeded"]);
    }

    /// One row, as plain values: instant, name, user activity.
    type Plain = (i64, String, bool);

    fn names(meant: &[Match], row: &Plain) -> bool {
        meant.iter().any(|meant| meant.events.contains(&row.1))
    }

    /// Finds the attempts by looking at each start on its own, with every condition spelled out.
    fn attempts_spelled_out(rows: &[Plain], task: &TaskSpec, gap_us: i64, until_us: i64) -> Vec<Attempt> {
        let rows: Vec<&Plain> = rows.iter().filter(|row| row.0 <= until_us).collect();
        let one = |meant: &Option<Match>| meant.iter().cloned().collect::<Vec<Match>>();
        let (start, success) = ([task.start.clone()], [task.success.clone()]);
        let (fail, abort, error) = (one(&task.fail), one(&task.abort), one(&task.error));
        let all: Vec<Match> = [&start[..], &success, &fail, &abort, &error, &task.steps].concat();
        let text_us = |text: &Text| parse_duration(&text.text).unwrap();
        let usual_us = if task.scope == TaskScope::User { 7 * DAY_US } else { 1_800 * SECOND_US };
        let timeout_us = task.timeout.as_ref().map_or(usual_us, text_us);
        // The number of the session that a row lies in, if any.
        let session = |row: usize| -> Option<usize> {
            if task.scope == TaskScope::User {
                return Some(0);
            }
            let (mut n, mut active_us) = (0, None::<i64>);
            let mut inside = false;
            for other in &rows[..=row] {
                let far = active_us.is_none_or(|active_us| other.0 - active_us > gap_us);
                inside = !far || other.2;
                n += usize::from(far && other.2);
                if other.2 {
                    active_us = Some(other.0);
                }
            }
            inside.then_some(n)
        };
        let (mut attempts, mut next) = (Vec::new(), 0);
        while next < rows.len() {
            let first = next;
            next += 1;
            let Some(home) = session(first).filter(|_| names(&start, rows[first])) else { continue };
            let part = |row: usize| rows[row].2 || names(&all, rows[row]);
            let active_us =
                |before: usize| (first..before).filter(|row| *row == first || rows[*row].2).map(|row| rows[row].0).max().unwrap();
            let dead = |row: usize| rows[row].0 - active_us(row) > timeout_us || session(row) != Some(home);
            let end = (first + 1..rows.len()).find(|row| dead(*row)).unwrap_or(rows.len());
            let is_end = |row: &usize| {
                let restart = task.reentry == Reentry::Restart && names(&start, rows[*row]);
                restart || names(&success, rows[*row]) || names(&fail, rows[*row]) || names(&abort, rows[*row])
            };
            let (last, outcome) = match (first + 1..end).find(is_end) {
                Some(row) if names(&success, rows[row]) => {
                    let late = task.time_limit.as_ref().is_some_and(|limit| rows[row].0 - rows[first].0 > text_us(limit));
                    next = row + 1;
                    (row, if late { Outcome::Failed } else { Outcome::Succeeded })
                }
                Some(row) if names(&fail, rows[row]) => {
                    next = row + 1;
                    (row, Outcome::Failed)
                }
                Some(row) if names(&abort, rows[row]) => {
                    next = row + 1;
                    (row, Outcome::Abandoned)
                }
                Some(row) => {
                    next = row;
                    (row - 1, Outcome::Abandoned)
                }
                None => {
                    next = end;
                    let alive = end == rows.len() && until_us - active_us(end) <= timeout_us;
                    let session_goes_on = task.scope == TaskScope::User || until_us - active_us(end) <= gap_us;
                    (end - 1, if alive && session_goes_on { Outcome::Open } else { Outcome::Abandoned })
                }
            };
            let events: Vec<usize> = (first..=last).filter(|row| *row == first || part(*row)).collect();
            let mut steps_done = 1;
            for row in &events[1..] {
                let wanted = if steps_done <= task.steps.len() { &task.steps[steps_done - 1] } else { &task.success };
                steps_done += usize::from(names(std::slice::from_ref(wanted), rows[*row]));
            }
            let errors: Vec<&Plain> = events.iter().map(|row| rows[*row]).filter(|row| names(&error, row)).collect();
            let fresh = |at: &usize| !errors[..*at].iter().any(|other| other.1 == errors[*at].1 && errors[*at].0 - other.0 <= SECOND_US);
            attempts.push(Attempt {
                task: 0,
                first_row: first,
                last_row: events[events.len() - 1],
                outcome,
                n_events: events.len() as u32,
                n_errors: (0..errors.len()).filter(fresh).count() as u32,
                steps_done: steps_done as u32,
                engaged_us: events.windows(2).map(|pair| (rows[pair[1]].0 - rows[pair[0]].0).min(60 * SECOND_US)).sum(),
                elapsed_us: rows[events[events.len() - 1]].0 - rows[first].0,
            });
        }
        attempts
    }

    const TASKS: &[&str] = &[
        "start: view, success: buy",
        "start: view, success: buy, steps: [cart], error: error | help, reentry: restart",
        "start: search | view, success: cart, fail: error, abort: help, timeout: 10m, time_limit: 1m",
        "start: view, success: buy, scope: user, steps: [search, cart]",
        "start: view, success: view, scope: user, timeout: 1d, error: error",
        "start: cart, success: buy, abort: view, scope: user, reentry: restart, time_limit: 2h, timeout: 3h",
    ];

    proptest! {
        #[test]
        fn attempts_are_those_spelled_out(seed in any::<u64>(), task in 0..TASKS.len(), until_h in 0..100_i64) {
            let world = generate(seed, &Options { n_actors: 3, ..Options::varied(seed) });
            let mut scene = Scene::of(world.clone(), &format!("tasks: {{ t: {{ {} }} }}", TASKS[task]));
            scene.catalog.observed_until_us = (world.first_us() + until_h * 3_600 * SECOND_US).min(world.last_us() + Random::new(seed).below(2) as i64);
            let spec = scene.catalog.spec.clone();
            scene.read(Rules::compile, |rules, view| {
                let finder = rules.on(view);
                for (_, rows) in view.journeys() {
                    let plain = |row: usize| {
                        let name = scene.names().text(view.shard.name.get(row)).to_owned();
                        (view.shard.time_us[row], name, is_activity(&view.shard, row))
                    };
                    let plain: Vec<Plain> = rows.clone().map(plain).collect();
                    let mut actual = Vec::new();
                    finder.attempts(rows.clone(), &mut |attempt| {
                        let (first_row, last_row) = (attempt.first_row - rows.start, attempt.last_row - rows.start);
                        actual.push(Attempt { first_row, last_row, ..attempt });
                    });
                    let until_us = scene.catalog.observed_until_us;
                    let expected = attempts_spelled_out(&plain, &spec.tasks["t"], scene.catalog.session_gap_us, until_us);
                    prop_assert_eq!(actual, expected);
                }
                Ok(())
            })?;
        }
    }
}
