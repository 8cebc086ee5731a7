//! Friction episodes: where the rules of the spec are met in raw events.
//!
//! Users meet most frictions in a session; accounts meet slow refunds and repeat contacts, whichever member had them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use diptych_event::index::RowSet;
use diptych_event::spec::{FrictionRule, FrictionSpec};
use diptych_event::timeline::{ColumnKind, NO_CODE};
use diptych_event::{Shard, Values};

use super::rows::{is_activity, named, observed};
use super::sessions;
use crate::seam::{AskError, Context, Matcher, View};

/// Clicks on one place less than this apart are one click, recorded twice. Source: METRICS 1.10.
const SAME_CLICK_US: i64 = 1_000;

/// Frictions of the spec, in order of their names, ready to read rows.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    session_gap_us: i64,
}

/// One friction, ready to read rows.
#[derive(Debug, Clone)]
struct Rule {
    name: String,
    version: u32,
    search: Search,
    opportunity: Option<Matcher>,
}

/// How the episodes of a friction are found; columns by their position in the shard.
#[derive(Debug, Clone)]
enum Search {
    Event { events: Matcher, merge_us: i64 },
    RageClick(RageClick),
    SlowPage { events: Matcher, column: usize, over_ms: f64 },
    FormLeft { start: Matcher, submit: Matcher, observed_until_us: i64 },
    BackAndForth { events: Matcher, key: usize, within_us: i64 },
    SlowRefund { request: Matcher, refund: Matcher, over_us: i64, observed_until_us: i64 },
    RepeatContact { events: Matcher, within_us: i64, topic: Option<usize> },
}

/// One time that a friction was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// Position of the friction in [`Rules::names`].
    pub friction: usize,
    /// Its first row.
    pub first_row: usize,
    /// The row at which the rule is met; the request for a slow refund.
    pub row: usize,
    /// Rows that the rule counts: the clicks, the repeats of an event.
    pub n_rows: u32,
    /// When the rule is met, in microseconds: the instant of `row`, or when the refund was due.
    pub met_us: i64,
}

impl Rules {
    /// Makes the rules of the frictions that users meet.
    pub fn compile_of_users(context: &mut Context) -> Result<Self, AskError> {
        Self::compile(context, |friction| !friction.rule.is_met_by_accounts())
    }

    /// Makes the rules of the frictions that accounts meet.
    pub fn compile_of_accounts(context: &mut Context) -> Result<Self, AskError> {
        Self::compile(context, |friction| friction.rule.is_met_by_accounts())
    }

    fn compile(context: &mut Context, wanted: impl Fn(&FrictionSpec) -> bool) -> Result<Self, AskError> {
        let spec = context.catalog.spec.clone();
        let frictions = spec.frictions.iter().filter(|(_, friction)| wanted(friction));
        let rules = frictions.map(|(name, friction)| Rule::compile(name, friction, context)).collect::<Result<_, _>>()?;
        Ok(Self { rules, session_gap_us: context.catalog.session_gap_us })
    }

    /// Walks the names of the frictions.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Returns the version of a friction's rule.
    pub fn version(&self, friction: usize) -> u32 {
        self.rules[friction].version
    }

    /// Returns the events that give an opportunity to meet a friction; `None` where only the friction itself would tell.
    pub fn opportunity(&self, friction: usize) -> Option<&Matcher> {
        self.rules[friction].opportunity.as_ref()
    }

    /// Gets ready to find episodes in the rows of a view. O(rows of the names that begin episodes + rows / 64).
    pub fn on<'a>(&'a self, view: &'a View<'a>) -> Finder<'a> {
        let begin = self.rules.iter().map(|rule| named(&view.shard, [rule.search.begins()])).collect();
        let opportunities = self.rules.iter().map(|rule| rule.opportunity.as_ref().map(|meant| named(&view.shard, [meant]))).collect();
        Finder { rules: self, view, begin, opportunities }
    }
}

/// The frictions of the spec, on the rows of a view.
pub struct Finder<'a> {
    rules: &'a Rules,
    view: &'a View<'a>,
    /// The rows with a name that an episode begins with, shape `[frictions]`.
    begin: Vec<RowSet>,
    /// The rows with a name that gives an opportunity, shape `[frictions]`.
    opportunities: Vec<Option<RowSet>>,
}

impl Finder<'_> {
    /// Calls `emit` with each episode among `rows` of one actor, by friction and then in order of [`Episode::row`].
    ///
    /// O(frictions · rows / 64 + rows of the names that episodes begin with), times the clicks of a rage click and the rows within
    /// the time of a refund; O(rows) for a form or going back and forth, where there is a row to begin with.
    pub fn episodes(&self, rows: Range<usize>, emit: &mut impl FnMut(Episode)) {
        for (friction, (rule, begin)) in self.rules.rules.iter().zip(&self.begin).enumerate() {
            // Most people never come near most frictions.
            if begin.first_among(rows.clone()).is_none() {
                continue;
            }
            let mut emit = |first_row: usize, row: usize, n_rows: u32, met_us: i64| {
                emit(Episode { friction, first_row, row, n_rows, met_us });
            };
            self.search(&rule.search, begin, rows.clone(), &mut emit);
        }
    }

    /// Returns the first of some rows that gives an opportunity to meet a friction. O(rows / 64 + rows of its names).
    pub fn opportunity(&self, friction: usize, rows: Range<usize>) -> Option<usize> {
        let (meant, named) = self.rules.opportunity(friction).zip(self.opportunities[friction].as_ref())?;
        named.among(rows).find(|row| meant.holds(self.view, *row))
    }

    fn search(&self, search: &Search, begin: &RowSet, rows: Range<usize>, emit: &mut impl FnMut(usize, usize, u32, i64)) {
        let (view, session_gap_us) = (self.view, self.rules.session_gap_us);
        let (shard, time_us) = (&view.shard, view.shard.time_us);
        let begins = search.begins();
        let found = |rows: Range<usize>| begin.among(rows).filter(|row| begins.holds(view, *row));
        match search {
            Search::Event { merge_us, .. } => {
                each_burst(time_us, found(rows), *merge_us, |row, n_rows| emit(row, row, n_rows, time_us[row]));
            }
            Search::RageClick(rule) => rule.each(shard, found(rows), |first_row, row, n_rows| emit(first_row, row, n_rows, time_us[row])),
            Search::SlowPage { column, over_ms, .. } => {
                let is_slow = |row: &usize| number(shard, *column, *row).is_some_and(|time_ms| time_ms > *over_ms);
                found(rows).filter(is_slow).for_each(|row| emit(row, row, 1, time_us[row]));
            }
            Search::FormLeft { start, submit, observed_until_us } => {
                let rows = observed(shard, rows, *observed_until_us);
                for session in sessions(shard, rows.clone(), session_gap_us) {
                    let Some((first_row, n_rows)) = unsent(view, session.clone(), start, submit) else { continue };
                    let active = session.clone().rev().find(|row| is_activity(shard, *row)).unwrap_or(session.start);
                    let is_over = session.end < rows.end || observed_until_us - time_us[active] > session_gap_us;
                    let left = active.max(first_row);
                    if is_over {
                        emit(first_row, left, n_rows, time_us[left]);
                    }
                }
            }
            Search::BackAndForth { key: column, within_us, .. } => {
                for session in sessions(shard, rows, session_gap_us) {
                    each_return(shard, found(session), *column, *within_us, |first_row, row, n_rows| {
                        emit(first_row, row, n_rows, time_us[row]);
                    });
                }
            }
            Search::SlowRefund { refund, over_us, observed_until_us, .. } => {
                for row in found(rows.clone()) {
                    let due_us = time_us[row] + over_us;
                    let mut in_time = (row + 1..rows.end).take_while(|later| time_us[*later] <= due_us);
                    if due_us <= *observed_until_us && !in_time.any(|later| refund.holds(view, later)) {
                        emit(row, row, 1, due_us);
                    }
                }
            }
            Search::RepeatContact { within_us, topic, .. } => {
                let mut last: BTreeMap<u64, usize> = BTreeMap::new();
                for row in found(rows) {
                    // Without a topic any two contacts are about the same thing.
                    let Some(topic) = topic.map_or(Some(0), |column| key(shard, column, row)) else { continue };
                    let before = last.insert(topic, row);
                    if let Some(before) = before.filter(|before| time_us[row] - time_us[*before] <= *within_us) {
                        emit(before, row, 2, time_us[row]);
                    }
                }
            }
        }
    }
}

impl Rule {
    fn compile(name: &str, friction: &FrictionSpec, context: &mut Context) -> Result<Self, AskError> {
        let of = |field: &str| format!("frictions.{name}.{field}");
        let checked = friction.checked(name).map_err(|error| AskError::parameter(&format!("frictions.{name}"), error.to_string()))?;
        let observed_until_us = |context: &Context, one: &Matcher, two: &Matcher| context.observed_until_us(one.codes().chain(two.codes()));
        let search = match checked {
            FrictionRule::Event { events, merge_us } => Search::Event { events: context.matcher(events), merge_us },
            FrictionRule::RageClick { events, target, clicks, within_us, radius_px } => {
                let axis = |axis: &str| {
                    let mut columns = context.catalog.columns.iter();
                    columns.position(|(name, kind)| name == axis && *kind != ColumnKind::Text)
                };
                Search::RageClick(RageClick {
                    target: context.column(&of("column"), target)?,
                    place: axis("x").zip(axis("y")),
                    clicks: clicks as usize,
                    within_us,
                    radius_px: f64::from(radius_px),
                    events: context.matcher(events),
                })
            }
            FrictionRule::SlowPage { events, column, over_ms } => {
                let column_idx = context.column(&of("column"), column)?;
                if context.catalog.columns[column_idx].1 == ColumnKind::Text {
                    let what = format!("\"{column}\" holds text; declare it under `properties:` with the type number");
                    return Err(AskError::parameter(&of("column"), what));
                }
                Search::SlowPage { events: context.matcher(events), column: column_idx, over_ms: f64::from(over_ms) }
            }
            FrictionRule::FormLeft { start, submit } => {
                let (start, submit) = (context.matcher(start), context.matcher(submit));
                Search::FormLeft { observed_until_us: observed_until_us(context, &start, &submit), start, submit }
            }
            FrictionRule::BackAndForth { events, key, within_us } => {
                Search::BackAndForth { key: context.column(&of("column"), key)?, events: context.matcher(events), within_us }
            }
            FrictionRule::SlowRefund { request, refund, over_us } => {
                let (request, refund) = (context.matcher(request), context.matcher(refund));
                Search::SlowRefund { observed_until_us: observed_until_us(context, &request, &refund), request, refund, over_us }
            }
            FrictionRule::RepeatContact { events, within_us, topic } => Search::RepeatContact {
                topic: topic.map(|topic| context.column(&of("column"), topic)).transpose()?,
                events: context.matcher(events),
                within_us,
            },
        };
        let opportunity = match &friction.opportunity {
            Some(opportunity) => Some(context.matcher(opportunity)),
            None => search.opportunity().cloned(),
        };
        Ok(Self { name: name.to_owned(), version: friction.version, search, opportunity })
    }
}

impl Search {
    /// Returns the events that every episode begins with.
    fn begins(&self) -> &Matcher {
        match self {
            Search::RageClick(rule) => &rule.events,
            Search::Event { events, .. }
            | Search::SlowPage { events, .. }
            | Search::BackAndForth { events, .. }
            | Search::RepeatContact { events, .. } => events,
            Search::FormLeft { start, .. } => start,
            Search::SlowRefund { request, .. } => request,
        }
    }

    /// Returns the events that give an opportunity by themselves.
    fn opportunity(&self) -> Option<&Matcher> {
        if let Search::Event { .. } = self { None } else { Some(self.begins()) }
    }
}

/// Calls `take` with the first row of each burst of events and their number: each follows the last one within `merge_us`.
fn each_burst(time_us: &[i64], events: impl Iterator<Item = usize>, merge_us: i64, mut take: impl FnMut(usize, u32)) {
    let mut burst: Option<(usize, u32, i64)> = None;
    for row in events {
        match &mut burst {
            Some((_, n_rows, last_us)) if time_us[row] - *last_us <= merge_us => {
                *n_rows += 1;
                *last_us = time_us[row];
            }
            _ => {
                if let Some((first_row, n_rows, _)) = burst.replace((row, 1, time_us[row])) {
                    take(first_row, n_rows);
                }
            }
        }
    }
    if let Some((first_row, n_rows, _)) = burst {
        take(first_row, n_rows);
    }
}

/// Returns the first row and number of the inputs into a form that was not sent in the session.
fn unsent(view: &View, session: Range<usize>, start: &Matcher, submit: &Matcher) -> Option<(usize, u32)> {
    let mut begun = None;
    for row in session {
        if submit.holds(view, row) {
            begun = None;
        } else if start.holds(view, row) {
            let (first_row, n_rows) = begun.unwrap_or((row, 0));
            begun = Some((first_row, n_rows + 1));
        }
    }
    begun
}

/// Rows in a row on one page.
struct Stay {
    page: u64,
    first_row: usize,
    last_row: usize,
    n_rows: u32,
}

/// Calls `take` for each return to the page before the last one, which was left within `within_us`: with the last row before
/// leaving, the row of the return, and the rows of the episode. Source: METRICS 1.9; reloads are one stay.
fn each_return(shard: &Shard, views: impl Iterator<Item = usize>, column: usize, within_us: i64, mut take: impl FnMut(usize, usize, u32)) {
    let time_us = shard.time_us;
    let (mut before, mut current): (Option<Stay>, Option<Stay>) = (None, None);
    for row in views {
        let Some(page) = key(shard, column, row) else { continue };
        if let Some(stay) = current.as_mut().filter(|stay| stay.page == page) {
            stay.last_row = row;
            stay.n_rows += 1;
            continue;
        }
        if let (Some(from), Some(between)) = (&before, &current)
            && from.page == page
            && time_us[row] - time_us[between.first_row] <= within_us
        {
            take(from.last_row, row, between.n_rows + 2);
        }
        before = current.replace(Stay { page, first_row: row, last_row: row, n_rows: 1 });
    }
}

/// Rapid repeated clicks on one target. Source: METRICS 1.10, the engine's definition.
#[derive(Debug, Clone)]
struct RageClick {
    events: Matcher,
    target: usize,
    /// Columns x and y, where there are such.
    place: Option<(usize, usize)>,
    clicks: usize,
    within_us: i64,
    radius_px: f64,
}

impl RageClick {
    /// Calls `take` with the first row, the row at which the rule is met, and the number of clicks of each episode.
    ///
    /// So many clicks in succession on one target, close enough in time and place, make an episode; those that share a click
    /// are the same one. O(clicks² per click).
    fn each(&self, shard: &Shard, clicks: impl Iterator<Item = usize>, mut take: impl FnMut(usize, usize, u32)) {
        let mut target = None;
        // The last clicks on the target, at most so many as make an episode.
        let mut recent: VecDeque<usize> = VecDeque::new();
        // Clicks on the target at the instant of the last one.
        let mut simultaneous: Vec<usize> = Vec::new();
        // First row, row at which it is met, clicks; and the clicks since its last one.
        let mut episode: Option<(usize, usize, usize)> = None;
        let mut n_since = 0;
        for row in clicks {
            let clicked = key(shard, self.target, row);
            if clicked.is_none() || clicked != target {
                if let Some((first_row, met_row, n)) = episode.take() {
                    take(first_row, met_row, n as u32);
                }
                recent.clear();
                simultaneous.clear();
                target = clicked;
            }
            simultaneous.retain(|before| shard.time_us[row] - shard.time_us[*before] < SAME_CLICK_US);
            let is_recorded = simultaneous.iter().any(|before| self.point(shard, *before) == self.point(shard, row));
            if target.is_none() || is_recorded {
                continue;
            }
            simultaneous.push(row);
            recent.push_back(row);
            if recent.len() > self.clicks {
                recent.pop_front();
            }
            n_since += 1;
            if recent.len() < self.clicks || !self.is_rage(shard, &recent) {
                continue;
            }
            match &mut episode {
                Some((_, _, n)) if n_since < self.clicks => *n += n_since,
                _ => {
                    if let Some((first_row, met_row, n)) = episode.replace((recent[0], row, self.clicks)) {
                        take(first_row, met_row, n as u32);
                    }
                }
            }
            n_since = 0;
        }
        if let Some((first_row, met_row, n)) = episode {
            take(first_row, met_row, n as u32);
        }
    }

    /// Tells whether clicks on one target are close enough in time and place.
    fn is_rage(&self, shard: &Shard, clicks: &VecDeque<usize>) -> bool {
        let span_us = shard.time_us[clicks[clicks.len() - 1]] - shard.time_us[clicks[0]];
        let is_near = |(one, two): (usize, usize)| match (self.point(shard, one), self.point(shard, two)) {
            (Some((x1, y1)), Some((x2, y2))) => (x1 - x2).powi(2) + (y1 - y2).powi(2) <= self.radius_px.powi(2),
            // A click without coordinates counts by its target and time.
            _ => true,
        };
        let mut pairs = (0..clicks.len()).flat_map(|one| (0..one).map(move |two| (clicks[one], clicks[two])));
        span_us <= self.within_us && pairs.all(is_near)
    }

    fn point(&self, shard: &Shard, row: usize) -> Option<(f64, f64)> {
        let (x, y) = self.place?;
        number(shard, x, row).zip(number(shard, y, row))
    }
}

/// Returns what stands for a value within its shard; `None` where it is missing.
fn key(shard: &Shard, column: usize, row: usize) -> Option<u64> {
    match shard.columns[column].values {
        Values::Text(codes) => Some(codes.get(row)).filter(|code| *code != NO_CODE).map(u64::from),
        Values::Integer(numbers) => numbers.get(row).map(i64::cast_unsigned),
        Values::Number(numbers) => Some(numbers[row]).filter(|number| !number.is_nan()).map(f64::to_bits),
    }
}

/// Returns the number in a column; `None` where it is missing.
fn number(shard: &Shard, column: usize, row: usize) -> Option<f64> {
    match shard.columns[column].values {
        Values::Text(_) => None,
        Values::Integer(numbers) => numbers.get(row).map(|number| number as f64),
        Values::Number(numbers) => Some(numbers[row]).filter(|number| !number.is_nan()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scene;
    use super::*;
    use crate::seam::AskError;

    fn episodes_of(scene: &Scene, compile: impl FnOnce(&mut Context) -> Result<Rules, AskError>) -> Vec<Episode> {
        scene.read(compile, |rules, view| {
            let (finder, mut episodes) = (rules.on(view), Vec::new());
            for (_, rows) in view.journeys() {
                finder.episodes(rows, &mut |episode| episodes.push(episode));
            }
            episodes
        })
    }

    /// Checks the first row, the row and the number of rows of each episode of one friction.
    #[track_caller]
    fn check(friction: &str, journey: &str, until: &str, expected: &[(usize, usize, u32)]) {
        let scene = Scene::new(&format!("frictions: {{ f: {{ {friction} }} }}"), &format!("ana: {journey}"), until);
        let mut episodes = episodes_of(&scene, Rules::compile_of_users);
        episodes.extend(episodes_of(&scene, Rules::compile_of_accounts));
        let actual: Vec<_> = episodes.iter().map(|one| (one.first_row, one.row, one.n_rows)).collect();
        assert_eq!(actual, expected, "{friction}: {journey}");
    }

    /// Writes clicks `time ms, x, y, target` as a journey.
    fn clicks(clicks: &[(u32, i32, i32, &str)]) -> String {
        clicks.iter().map(|(ms, x, y, target)| format!("click@{ms}ms{{x={x},y={y},element={target}}} ")).collect()
    }

    // METRICS 1.10, vectors R1 to R10, the engine's column.
    #[test]
    fn rage_clicks_agree_with_the_published_vectors() {
        let rage = |journey: &[(u32, i32, i32, &str)], expected: &[(usize, usize, u32)]| {
            check("rule: rage_click, events: click", &clicks(journey), "", expected);
        };
        let still = |times: &[u32]| times.iter().map(|ms| (*ms, 100, 100, "b")).collect::<Vec<_>>();
        rage(&[(0, 100, 100, "b"), (200, 102, 101, "b"), (400, 101, 103, "b")], &[(0, 2, 3)]);
        rage(&still(&[0, 900, 1800]), &[]);
        rage(&still(&[0, 500, 1000]), &[(0, 2, 3)]);
        rage(&still(&[0, 500, 1001]), &[]);
        rage(&[(0, 100, 100, "b"), (200, 120, 115, "b"), (400, 100, 100, "b")], &[(0, 2, 3)]);
        rage(&[(0, 100, 100, "b"), (200, 125, 100, "b"), (400, 150, 100, "b")], &[]);
        rage(&still(&[0, 150, 300, 450, 600, 750]), &[(0, 2, 6)]);
        rage(&[(0, 100, 100, "b"), (200, 100, 100, "c"), (400, 100, 100, "b")], &[]);
        rage(&still(&[0, 200]), &[]);
        rage(&still(&[0, 0, 0]), &[]);
    }

    #[test]
    fn rage_clicks_that_share_a_click_are_one_episode() {
        let rage = |more: &str, times: &[u32], expected: &[(usize, usize, u32)]| {
            let clicks: Vec<_> = times.iter().map(|ms| (*ms, 0, 0, "b")).collect();
            check(&format!("rule: rage_click, events: click{more}"), &self::clicks(&clicks), "", expected);
        };
        // A long burst stays one episode, though it lasts longer than any three clicks of it may.
        rage("", &[0, 400, 800, 1200, 1600], &[(0, 2, 5)]);
        // 0 to 800 and 800 to 1800 share a click; 400 to 1500 is too long to be an episode of its own.
        rage("", &[0, 400, 800, 1500, 1800], &[(0, 2, 5)]);
        rage("", &[0, 100, 200, 2000, 2100, 2200], &[(0, 2, 3), (3, 5, 3)]);
        rage(", clicks: 4, within: 2s", &[0, 600, 1200, 1800], &[(0, 3, 4)]);
        rage(", clicks: 4", &[0, 100, 200], &[]);
        // A click recorded twice is one click.
        rage("", &[0, 0, 100, 100], &[]);
        rage("", &[0, 0, 100, 200], &[(0, 3, 3)]);
    }

    #[test]
    fn rage_clicks_without_coordinates_go_by_target_and_time() {
        let rage = "rule: rage_click, events: click, column: page";
        check(rage, "click@0s{page=a} click@200ms{page=a} scroll@300ms click@400ms{page=a}", "", &[(0, 3, 3)]);
        check(rage, "click@0s{page=a} click@200ms{page=a} click@400ms", "", &[]);
        check(rage, "click@0s{page=a} click@0s{page=a} click@400ms{page=a}", "", &[]);
    }

    // A click that was recorded twice, with two other clicks of the same instant between, is one click.
    #[test]
    fn rage_clicks_recorded_twice_are_one_among_others_of_the_instant() {
        let at = |x: u32| format!("click@0s{{x={x},y=0,page=b}} ");
        let journey: String = [20, 40, 0, 20].into_iter().map(at).collect();
        check("rule: rage_click, events: click, column: page, clicks: 2", &journey, "", &[(0, 1, 2)]);
    }

    /// Finds rage clicks by trying every run of clicks; returns the rows of each episode's clicks.
    fn rage_spelled_out(clicks: &[(i64, i64, i64, u64)], n: usize) -> Vec<Vec<usize>> {
        let same = |a: usize, b: usize| clicks[b].0 - clicks[a].0 < 1 && clicks[a].1 == clicks[b].1 && clicks[a].2 == clicks[b].2;
        let on_one_target = |a: usize, b: usize| (a..=b).all(|row| clicks[row].3 == clicks[a].3);
        let kept: Vec<usize> = (0..clicks.len()).filter(|b| !(0..*b).any(|a| same(a, *b) && on_one_target(a, *b))).collect();
        let far = |a: usize, b: usize| (clicks[a].1 - clicks[b].1).pow(2) + (clicks[a].2 - clicks[b].2).pow(2) > 900;
        let mut episodes: Vec<Vec<usize>> = Vec::new();
        for from in 0..kept.len() {
            for to in from + n - 1..kept.len() {
                let run = &kept[from..=to];
                let is_rage = on_one_target(run[0], run[run.len() - 1])
                    && clicks[run[run.len() - 1]].0 - clicks[run[0]].0 <= 1000
                    && !run.iter().any(|a| run.iter().any(|b| far(*a, *b)));
                if !is_rage {
                    continue;
                }
                match episodes.last_mut().filter(|last| last.contains(&run[0])) {
                    Some(last) => last.extend(run.iter().filter(|row| !last.contains(row)).copied().collect::<Vec<_>>()),
                    None => episodes.push(run.to_vec()),
                }
            }
        }
        episodes
    }

    proptest::proptest! {
        #[test]
        fn rage_clicks_are_those_spelled_out(steps in proptest::collection::vec((0..5_u32, 0..3_i32, 0..5_u8), 0..24), n in 2..5_usize) {
            let mut ms = 0;
            let drawn: Vec<(u32, i32, i32, &str)> = steps.iter().map(|(step, x, target)| {
                ms += [0, 150, 300, 500, 900][*step as usize];
                (ms, 20 * x, 0, if *target == 0 { "c" } else { "b" })
            }).collect();
            let plain: Vec<_> = drawn.iter().map(|(ms, x, y, target)| (i64::from(*ms), i64::from(*x), i64::from(*y), u64::from(*target == "c"))).collect();
            // The first click of an actor has a coordinate in any case, so that the columns exist.
            let scene = Scene::new(
                &format!("frictions: {{ f: {{ rule: rage_click, events: click, clicks: {n} }} }}"),
                &format!("ana: {}\nzoe: click@0s{{x=0,y=0,element=b}}", clicks(&drawn)),
                "",
            );
            let actual: Vec<_> = episodes_of(&scene, Rules::compile_of_users).iter().map(|one| (one.first_row, one.row, one.n_rows)).collect();
            let expected: Vec<_> = rage_spelled_out(&plain, n).iter().map(|rows| (rows[0], rows[n - 1], rows.len() as u32)).collect();
            proptest::prop_assert_eq!(actual, expected);
        }
    }

    // METRICS 1.9: ABACADABCBA has 4 u-turns.
    #[test]
    fn returns_agree_with_the_published_vector() {
        let pages: String = "ABACADABCBA".chars().enumerate().map(|(at, page)| format!("view@{at}s{{page={page}}} ")).collect();
        check("rule: back_and_forth, events: view", &pages, "", &[(0, 2, 3), (2, 4, 3), (4, 6, 3), (7, 9, 3)]);
    }

    #[test]
    fn a_return_is_quick_and_within_a_session() {
        let back = |journey: &str, expected: &[(usize, usize, u32)]| check("rule: back_and_forth, events: view", journey, "", expected);
        back("view@0s{page=a} view@5m{page=b} view@5m10s{page=a}", &[(0, 2, 3)]);
        back("view@0s{page=a} view@5m{page=b} view@5m10s1ms{page=a}", &[]);
        back("view@0s{page=a} view@31m{page=b} view@31m1s{page=a}", &[]);
        // A reload is the same stay, and rows without a page or of other events are none.
        back("view@0s{page=a} view@1s{page=b} view@2s{page=b} view@3s click@4s{page=c} view@5s{page=a} view@6s{page=a}", &[(0, 5, 4)]);
        back("view@0s{page=a} view@1s{page=a}", &[]);
    }

    #[test]
    fn repeats_of_an_event_are_one_episode() {
        check("events: e", "e@0s e@1s e@2s e@3s1ms", "", &[(0, 0, 3), (3, 3, 1)]);
        check("events: e | f, within: 1m", "e@0s x@10s f@1m e@3m", "", &[(0, 0, 2), (3, 3, 1)]);
        check("events: e where page = 'p'", "e@0s e@10s{page=p}", "", &[(1, 1, 1)]);
        check("events: nobody", "e@0s", "", &[]);
    }

    #[test]
    fn a_page_is_slow_over_the_limit() {
        check("rule: slow_page, events: load, column: ms", "load@0s{ms=4000} load@1s{ms=4001} load@2s x@3s{ms=9000}", "", &[(1, 1, 1)]);
        check("rule: slow_page, events: load, column: ms, over_ms: 10", "load@0s{ms=10} load@1s{ms=11}", "", &[(1, 1, 1)]);
    }

    #[test]
    fn a_form_is_left_when_the_session_ends_without_sending_it() {
        let left = |journey: &str, until: &str, expected: &[(usize, usize, u32)]| {
            check("rule: form_left, start: type, submit: send", journey, until, expected);
        };
        left("type@0s type@1m view@2m type@3h send@4h", "1d", &[(0, 2, 2), (3, 3, 1)]);
        left("type@0s send@1m type@2m", "1d", &[(2, 2, 1)]);
        left("type@0s type@1m send@2m", "1d", &[]);
        // The session may still go on.
        left("type@0s", "30m", &[]);
        left("type@0s", "30m1ms", &[(0, 0, 1)]);
        left("type@0s ping@10m{interactive=false} view@20m ping@25m{interactive=false}", "1d", &[(0, 2, 1)]);
    }

    #[test]
    fn a_refund_is_slow_when_it_is_not_there_in_time() {
        let slow = |journey: &str, until: &str, expected: &[(usize, usize, u32)]| {
            check("rule: slow_refund, request: ask, refund: pay, over: 7d", journey, until, expected);
        };
        slow("ask@0s pay@7d", "30d", &[]);
        slow("ask@0s pay@7d1ms", "30d", &[(0, 0, 1)]);
        slow("pay@0s ask@0s", "30d", &[(1, 1, 1)]);
        slow("ask@0s", "7d", &[(0, 0, 1)]);
        slow("ask@0s", "6d", &[]);
        let scene = Scene::new("frictions: { f: { rule: slow_refund, request: ask, refund: pay, over: 7d } }", "ana: ask@1d", "30d");
        let met = episodes_of(&scene, Rules::compile_of_accounts)[0].met_us;
        assert_eq!(met - scene.catalog.first_us, 7 * diptych_event::time::DAY_US);
        assert_eq!(episodes_of(&scene, Rules::compile_of_users), []);
    }

    #[test]
    fn another_contact_about_the_same_thing_is_a_repeat() {
        check("rule: repeat_contact, events: call | mail, within: 7d", "call@0s mail@7d call@14d1ms", "", &[(0, 1, 2)]);
        let topic = "rule: repeat_contact, events: call, within: 7d, column: topic";
        check(topic, "call@0s{topic=a} call@1d{topic=b} call@2d{topic=a} call@3d call@4d call@5d{topic=a}", "", &[(0, 2, 2), (2, 5, 2)]);
    }

    #[test]
    fn columns_that_cannot_serve_are_refused_with_advice() {
        let refused = |friction: &str| {
            let scene = Scene::new(&format!("frictions: {{ f: {{ {friction} }} }}"), "ana: load@0s{page=/a}", "");
            Rules::compile_of_users(&mut Context::new(&scene.catalog)).unwrap_err().to_string()
        };
        let what = refused("rule: rage_click, events: load");
        assert!(what.contains("frictions.f.column") && what.contains("no column is called \"element\""), "{what}");
        let what = refused("rule: slow_page, events: load, column: page");
        assert!(what.contains("holds text") && what.contains("properties:"), "{what}");
    }

    #[test]
    fn opportunities_are_told_by_the_rule_unless_the_spec_says() {
        let spec = "frictions:
  failed: { events: fail, opportunity: pay }
  form: { rule: form_left, start: type, submit: send, version: 3 }
  plain: { events: fail }";
        let scene = Scene::new(spec, "ana: type@0s send@1s pay@2s fail@3s", "");
        scene.read(Rules::compile_of_users, |rules, view| {
            assert_eq!(rules.names().collect::<Vec<_>>(), ["failed", "form", "plain"]);
            let at = |friction: usize| rules.opportunity(friction).map(|meant| (0..4).find(|row| meant.holds(view, *row)).unwrap());
            assert_eq!((at(0), at(1), at(2)), (Some(2), Some(0), None));
            assert_eq!((rules.version(0), rules.version(1)), (1, 3));
        });
    }
}
