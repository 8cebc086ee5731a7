//! What comes after what, how often, and after how long: the directly-follows graph.

mod kernel;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use diptych_event::index::{RowSet, RowsInParts};
use diptych_event::time::parse_duration;
use diptych_event::timeline::{Code, Codes};
use diptych_event::{Names, Shard};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::{self, SessionColumns, Stretch};
use crate::ops::Times;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, Unit, View};
use crate::stats::Durations;
use kernel::{ByName, END, Edge, NO_POSITION, NewPair, OPEN, PairTable, Positions, START, Timed};

/// Says that the interval treats units of one person as independent (METRICS C6).
const CLUSTERED: &str = "clustered";

/// What stands between the two nodes of a cell's id.
const ARROW: &str = "→";

/// Nodes that are no events.
const ARTIFICIAL: [(&str, u32); 3] = [("(start)", START), ("(end)", END), ("(open)", OPEN)];

/// The operator.
pub struct Transitions;

/// Parameters of transitions.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What a case is: pairs are looked for within each session, or within all that a person did.
    #[serde(default)]
    pub per: Per,
    /// Gap between sessions when cases are sessions; the workspace's unless given.
    #[serde(default)]
    pub gap: Option<String>,
    /// The most edges shown, the most frequent first.
    #[serde(default = "default_top")]
    pub top: usize,
    /// Show only edges out of this event, or out of "(start)".
    #[serde(default)]
    pub after: Option<String>,
    /// Show only edges into this event, or into "(end)" or "(open)".
    #[serde(default)]
    pub before: Option<String>,
    /// Keep neighbouring repeats of an event, or collapse them into the first.
    #[serde(default)]
    pub repeats: Repeats,
    /// Whether to give the median time of each edge shown; it takes a second scan.
    #[serde(default)]
    pub times: Times,
}

/// What a case is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A session.
    #[default]
    Session,
    /// All that a person did.
    User,
}

/// What happens to neighbouring rows of the same event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// They are an edge from the event to itself.
    #[default]
    Keep,
    /// Only the first of them counts.
    Collapse,
}

fn default_top() -> usize {
    50
}

/// A checked question.
#[derive(Clone)]
pub struct Plan {
    /// Gap between sessions; `None` when cases are people.
    session_gap_us: Option<i64>,
    top: usize,
    after: Option<u32>,
    before: Option<u32>,
    repeats: Repeats,
    times: Times,
    /// The edges whose times are kept; `None` in the first scan, which counts.
    timed: Option<Timed>,
    observed_until_us: i64,
    names: Names,
}

/// Counts of some actors.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Partial {
    n_cases: u64,
    case_people: u64,
    n_pairs: u64,
    pair_people: u64,
    edges: PairTable,
    /// Microseconds between the rows of each pair, by position in [`Plan::timed`]; empty before the second scan.
    gaps_us: Vec<Durations>,
    /// Actors of the shards scanned: those of the next shard are numbered from here on.
    #[serde(skip)]
    n_scanned: u32,
}

impl Operator for Transitions {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "transitions",
        panel: Panel::User,
        title: "Transitions",
        question: "What do people do next, how often, and after how long?",
        anchor: "a pair of neighbouring rows, at the earlier one; (start) → x and x → (end) at x",
        counting: "Counts pairs of neighbouring events within each session (or person); shares are of all pairs that leave an event, the end included.",
        sources: &["METRICS 5.1", "van der Aalst 2016: Process Mining, directly-follows graph"],
        chart: Chart::Graph,
        samples: &[
            r#"{}"#,
            r#"{"per":"user","top":5}"#,
            r#"{"repeats":"collapse","gap":"2h","top":3}"#,
            r#"{"after":"view"}"#,
            r#"{"before":"buy","per":"user","repeats":"collapse"}"#,
            r#"{"times":"none","before":"(end)"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let session_gap_us = match (params.per, &params.gap) {
            (Per::User, Some(_)) => return Err(AskError::parameter("gap", "has a meaning only with --per session")),
            (Per::User, None) => None,
            (Per::Session, None) => Some(context.catalog.session_gap_us),
            (Per::Session, Some(gap)) => Some(parse_duration(gap).map_err(|what| AskError::parameter("gap", what))?),
        };
        if params.top == 0 {
            return Err(AskError::parameter("top", "at least 1 edge is shown; write for example --top 50"));
        }
        let node = |parameter: &str, text: &Option<String>, may_be: fn(u32) -> bool| {
            let Some(text) = text else { return Ok(None) };
            let artificial = ARTIFICIAL.iter().find(|(artificial, node)| *artificial == text && may_be(*node));
            artificial.map_or_else(|| context.name(parameter, text), |(_, node)| Ok(*node)).map(Some)
        };
        let plan = Plan {
            session_gap_us,
            top: params.top,
            after: node("after", &params.after, |node| node == START)?,
            before: node("before", &params.before, |node| node != START)?,
            repeats: params.repeats,
            times: params.times,
            timed: None,
            observed_until_us: context.catalog.observed_until_us,
            names: context.catalog.names.clone(),
        };
        context.notes.push("intervals treat pairs as independent; those of one person are not, so they are too narrow".into());
        Ok(plan)
    }

    fn empty(&self, _plan: &Plan) -> Partial {
        Partial::default()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        if let Some(timed) = &plan.timed {
            for partial in std::iter::once(&mut out.total).chain(&mut out.split) {
                partial.gaps_us.resize(timed.len(), Durations::default());
            }
            let Groups { total, split } = out;
            let mut add_to_group = |anchor: usize, position: usize, gap_us: i64| {
                if let Some(partial) = split.get_mut(view.group(anchor) as usize) {
                    partial.gaps_us[position].push(gap_us);
                }
            };
            let is_plain = plan.repeats == Repeats::Keep && view.shard.interactive.is_none();
            if let Some(positions) = timed.positions().filter(|_| is_plain) {
                for_each_timed(plan, view, timed, &positions, |position, pairs| {
                    total.gaps_us[position].push_all(&pairs.gaps_us);
                    if view.groups.is_some() {
                        pairs.anchors.iter().zip(&pairs.gaps_us).for_each(|(anchor, gap_us)| add_to_group(*anchor, position, *gap_us));
                    }
                });
            } else {
                for_each_pair(plan, view, |_, from, to, anchor, row| {
                    if anchor != row
                        && let Some(position) = timed.position(from, to)
                    {
                        let gap_us = view.shard.time_us[row] - view.shard.time_us[anchor];
                        total.gaps_us[position].push(gap_us);
                        add_to_group(anchor, position, gap_us);
                    }
                });
            }
            return;
        }
        let mut total = Tally::new(&mut out.total);
        let mut split: Vec<Tally> = out.split.iter_mut().map(Tally::new).collect();
        let all_count = split.is_empty() && view.admits_all() && view.actors.is_none() && plan.repeats == Repeats::Keep;
        if all_count && ByName::fits(plan.names.len()) {
            // The plain case, which most questions are.
            let mut edges = std::mem::take(&mut total.partial.edges);
            let by_name = match plan.session_gap_us.filter(|gap_us| derive::runs_tell_sessions(&view.shard, *gap_us)) {
                Some(gap_us) => {
                    let mut by_name = ByName::of_runs(&mut edges, &view.shard);
                    derive::for_each_sessions_of_runs(&view.shard, gap_us, |stretch, sessions| {
                        total.add_sessions(&mut by_name, &view.shard, stretch, sessions, |ended_us| end_after(plan, ended_us, gap_us));
                    });
                    by_name
                }
                None => {
                    let mut by_name = ByName::of_rows(&mut edges, view.shard.index, view.shard.n_rows());
                    for_each_case(plan, view, |actor_idx, rows, end| total.add_case(&mut by_name, actor_idx, &view.shard, rows, end));
                    by_name
                }
            };
            by_name.count();
            total.partial.edges = edges;
        } else {
            for_each_pair(plan, view, |actor_idx, from, to, anchor, _| {
                total.add(actor_idx, from, to);
                if let Some(tally) = split.get_mut(view.group(anchor) as usize) {
                    tally.add(actor_idx, from, to);
                }
            });
        }
        split.into_iter().chain([total]).for_each(Tally::finish);
        let n_scanned = u32::try_from(view.shard.n_actors()).ok().and_then(|n_actors| out.total.n_scanned.checked_add(n_actors));
        out.total.n_scanned = n_scanned.expect("fewer than 2^32 actors");
    }

    fn share(&self, _plan: &Plan, partials: &mut [&mut Partial]) -> bool {
        let mut tables: Vec<&mut PairTable> = partials.iter_mut().map(|partial| &mut partial.edges).collect();
        PairTable::share(&mut tables);
        true
    }

    fn settle(&self, _plan: &Plan, partial: &mut Partial) {
        partial.edges.settle();
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.merge(other);
    }

    fn refine(&self, plan: &Plan, partials: &[&Partial]) -> Option<Plan> {
        if plan.times == Times::None || plan.timed.is_some() {
            return None;
        }
        // Each group shows its own edges, as it would alone.
        let shown = partials.iter().flat_map(|partial| shown_edges(plan, &partial.edges.settled()));
        let timed: Vec<(u32, u32)> =
            shown.filter(|edge| is_event(edge.from) && is_event(edge.to)).map(|edge| (edge.from, edge.to)).collect();
        (!timed.is_empty()).then(|| Plan { timed: Some(Timed::new(timed, plan.names.len())), ..plan.clone() })
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
        total.edges.settle();
        let edges = &total.edges;
        let mut leaving = BTreeMap::new();
        let case = if plan.session_gap_us.is_some() { Unit::Session } else { Unit::Actor };
        let n_edges = edges.n_edges();
        let mut cells = vec![
            Cell::count("cases", if case == Unit::Session { "sessions" } else { "people" }, case, total.n_cases, total.case_people),
            Cell::count("pairs", "pairs, start and end included", Unit::Event, total.n_pairs, total.pair_people),
            Cell::count("edges", "distinct edges", Unit::Event, n_edges, total.pair_people),
        ];
        for edge in shown_edges(plan, edges) {
            let (from, to) = (node_text(&plan.names, edge.from), node_text(&plan.names, edge.to));
            let id = |kind: &str| format!("{kind}:{from}{ARROW}{to}");
            let label = format!("{from} → {to}");
            let of = *leaving.entry(edge.from).or_insert_with(|| edges.n_leaving(edge.from));
            cells.push(Cell::count(id("edge"), label.clone(), Unit::Event, edge.n, edge.people));
            cells.push(
                Cell::share(id("share"), format!("{label}, of all from {from}"), Unit::Event, edge.n, of, edge.people).flagged(CLUSTERED),
            );
            let timed = plan.timed.as_ref().filter(|_| is_event(edge.from) && is_event(edge.to));
            if let Some(times) = timed.and_then(|timed| total.gaps_us.get(timed.position(edge.from, edge.to)?)) {
                let quantiles = times.quantiles(&[0.5]);
                let cell = Cell::duration(id("time"), format!("median time {label}"), edge.n, edge.people, quantiles.values_us[0]);
                cells.push(cell.with_interval(quantiles.median_interval_us, "order statistics"));
            }
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        if cell == "cases" {
            for_each_case(plan, view, |actor_idx, rows, _| {
                if view.admits(rows.start) {
                    let (first, last) = (rows.start, rows.end - 1);
                    let rows = if first == last { &[first][..] } else { &[first, last][..] };
                    sink.add(view, &plan.names, actor_idx, rows);
                }
            });
            return true;
        }
        let wanted = match cell.split_once(':') {
            None if cell == "pairs" || cell == "edges" => None,
            Some(("edge" | "share", edge)) => match parse_edge(&plan.names, edge) {
                Some(edge) => Some(edge),
                None => return false,
            },
            Some(("time", edge)) if plan.times == Times::Median => match parse_edge(&plan.names, edge) {
                Some((from, to)) if is_event(from) && is_event(to) => Some((from, to)),
                _ => return false,
            },
            _ => return false,
        };
        for_each_pair(plan, view, |actor_idx, from, to, anchor, row| {
            if wanted.is_none_or(|wanted| wanted == (from, to)) {
                let rows = [anchor, row];
                sink.add(view, &plan.names, actor_idx, if anchor == row { &rows[..1] } else { &rows });
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let gaps: usize = partial.gaps_us.iter().map(Durations::size_bytes).sum();
        size_of::<Partial>() + partial.edges.size_bytes() + gaps
    }
}

impl Partial {
    fn merge(&mut self, other: Partial) {
        self.n_cases += other.n_cases;
        self.case_people += other.case_people;
        self.n_pairs += other.n_pairs;
        self.pair_people += other.pair_people;
        self.edges.merge(other.edges);
        if self.gaps_us.is_empty() {
            self.gaps_us = other.gaps_us;
        } else {
            self.gaps_us.iter_mut().zip(other.gaps_us).for_each(|(into, from)| into.merge(from));
        }
        self.n_scanned += other.n_scanned;
    }
}

/// Counts of one shard while it is scanned.
struct Tally<'a> {
    partial: &'a mut Partial,
    n_cases: u64,
    case_people: u64,
    n_pairs: u64,
    pair_people: u64,
    last_case_actor: Option<usize>,
    last_pair_actor: Option<usize>,
    /// Number of the first actor of the shard.
    first_actor: u32,
}

impl<'a> Tally<'a> {
    fn new(partial: &'a mut Partial) -> Self {
        let first_actor = partial.n_scanned;
        let (last_case_actor, last_pair_actor) = (None, None);
        Self { partial, n_cases: 0, case_people: 0, n_pairs: 0, pair_people: 0, last_case_actor, last_pair_actor, first_actor }
    }

    #[inline]
    fn add(&mut self, actor_idx: usize, from: u32, to: u32) {
        self.partial.edges.add(NewPair { from, to, actor: self.first_actor + actor_idx as u32 });
        self.n_pairs += 1;
        self.pair_people += u64::from(self.last_pair_actor != Some(actor_idx));
        self.last_pair_actor = Some(actor_idx);
        if from == START {
            self.n_cases += 1;
            self.case_people += u64::from(self.last_case_actor != Some(actor_idx));
            self.last_case_actor = Some(actor_idx);
        }
    }

    /// Adds the pairs of a case, which has at least one row.
    #[inline]
    fn add_case(&mut self, by_name: &mut ByName, actor_idx: usize, shard: &Shard, rows: Range<usize>, end: u32) {
        self.n_pairs += rows.len() as u64 + 1;
        self.n_cases += 1;
        let is_new = u64::from(self.last_case_actor != Some(actor_idx));
        self.pair_people += is_new;
        self.case_people += is_new;
        (self.last_case_actor, self.last_pair_actor) = (Some(actor_idx), Some(actor_idx));
        let (actor, first) = (actor_idx as u32, rows.start);
        match shard.name {
            Codes::Byte(names) => by_name.add_case(actor, first, &names[rows], end),
            Codes::Short(names) => by_name.add_case(actor, first, &names[rows], end),
            Codes::Long(names) => by_name.add_case(actor, first, &names[rows], end),
        }
    }

    /// Adds all sessions of some actors, each of whom has one.
    fn add_sessions(
        &mut self,
        by_name: &mut ByName,
        shard: &Shard,
        stretch: &Stretch,
        sessions: &SessionColumns,
        end_of: impl Fn(i64) -> u32,
    ) {
        let (n_sessions, n_actors) = (sessions.n_sessions as u64, stretch.starts.len() as u64);
        self.n_cases += n_sessions;
        self.n_pairs += n_sessions + (stretch.rows_end - stretch.starts[0]);
        self.case_people += n_actors;
        self.pair_people += n_actors;
        match shard.name {
            Codes::Byte(names) => by_name.add_sessions(stretch, sessions, names, end_of),
            Codes::Short(names) => by_name.add_sessions(stretch, sessions, names, end_of),
            Codes::Long(names) => by_name.add_sessions(stretch, sessions, names, end_of),
        }
    }

    fn finish(self) {
        self.partial.n_cases += self.n_cases;
        self.partial.case_people += self.case_people;
        self.partial.n_pairs += self.n_pairs;
        self.partial.pair_people += self.pair_people;
    }
}

/// Calls `take` with each case of the selected actors and the node that ends it. O(rows).
fn for_each_case(plan: &Plan, view: &View, mut take: impl FnMut(usize, Range<usize>, u32)) {
    if let Some(gap_us) = plan.session_gap_us.filter(|gap_us| derive::runs_tell_sessions(&view.shard, *gap_us)) {
        let mut runs = view.shard.index.runs();
        for (actor_idx, rows) in view.journeys() {
            for session in derive::sessions_of_runs(&mut runs, &rows, gap_us) {
                take(actor_idx, session.rows, end_after(plan, session.ended_us, gap_us));
            }
        }
        return;
    }
    for (actor_idx, rows) in view.journeys() {
        let Some(gap_us) = plan.session_gap_us else {
            if !rows.is_empty() {
                take(actor_idx, rows, OPEN);
            }
            continue;
        };
        for session in derive::sessions(&view.shard, rows, gap_us) {
            let end = end_after(plan, last_active_us(view, &session), gap_us);
            take(actor_idx, session, end);
        }
    }
}

/// Returns the node that ends a session with its last user activity at an instant.
fn end_after(plan: &Plan, active_us: i64, gap_us: i64) -> u32 {
    if active_us.saturating_add(gap_us) > plan.observed_until_us { OPEN } else { END }
}

fn last_active_us(view: &View, session: &Range<usize>) -> i64 {
    let last = match view.shard.interactive {
        None => session.end - 1,
        Some(interactive) => session.clone().rfind(|row| interactive[*row] != 0).unwrap_or(session.start),
    };
    view.shard.time_us[last]
}

/// Calls `take` with the actor, both nodes, the anchor and the later row of each pair whose anchor counts. O(rows).
///
/// The later row is the anchor where one of the nodes is no event.
#[inline]
fn for_each_pair(plan: &Plan, view: &View, take: impl FnMut(usize, u32, u32, usize, usize)) {
    match view.shard.name {
        Codes::Byte(names) => pairs_among(plan, view, names, take),
        Codes::Short(names) => pairs_among(plan, view, names, take),
        Codes::Long(names) => pairs_among(plan, view, names, take),
    }
}

#[inline]
fn pairs_among<C: Code>(plan: &Plan, view: &View, names: &[C], mut take: impl FnMut(usize, u32, u32, usize, usize)) {
    let collapses = plan.repeats == Repeats::Collapse;
    let admits_all = view.admits_all();
    for_each_case(plan, view, |actor_idx, rows, end| {
        let (mut anchor, mut from) = (rows.start, START);
        let last = rows.end;
        // The row after the last one stands for the end.
        for row in rows.start..=last {
            let to = names.get(row).filter(|_| row < last).map_or(end, |name| name.code());
            if collapses && from == to {
                continue;
            }
            if admits_all || view.admits(anchor) {
                take(actor_idx, from, to, anchor, if row == last { anchor } else { row });
            }
            (anchor, from) = (row, to);
        }
    });
}

/// Pairs of one edge.
#[derive(Default)]
struct Pairs {
    /// The earlier rows.
    anchors: Vec<usize>,
    /// Times between the rows in microseconds.
    gaps_us: Vec<i64>,
}

/// Rows of timelines that are looked at together, name by name: so few that what is looked up for each stays in the caches.
const ROWS_AT_ONCE: usize = 1 << 18;

/// Calls `take` with the position of each timed edge and pairs of it that count, as often as there are more; every row
/// must be user activity.
///
/// O(actors + rows of names that a timed edge leaves + rows / 64).
fn for_each_timed(plan: &Plan, view: &View, timed: &Timed, positions: &Positions, mut take: impl FnMut(usize, &Pairs)) {
    let (names, time_us) = (view.shard.name, view.shard.time_us);
    let most_us = plan.session_gap_us.unwrap_or(i64::MAX);
    let admits_all = view.admits_all();
    let unfollowed = unfollowed_rows(view);
    let mut parts = RowsInParts::new(view.shard.index);
    let mut found = Vec::new();
    let mut pairs: Vec<Pairs> = std::iter::repeat_with(Pairs::default).take(timed.len()).collect();
    for start in (0..view.shard.n_rows()).step_by(ROWS_AT_ONCE) {
        for name in timed.earlier_names() {
            let (rows, position_of) = (parts.of_name(name, start + ROWS_AT_ONCE), positions.of(name));
            found.resize(rows.len(), (0, 0));
            let mut n_found = 0;
            for row in rows {
                // The last row of a shard is followed by none, whatever stands for it here.
                let later = (*row as usize + 1).min(names.len() - 1);
                let position = position_of[names.get(later) as usize];
                found[n_found] = (*row as usize, position);
                n_found += usize::from((position != NO_POSITION) & !unfollowed.contains(*row as usize));
            }
            for (row, position) in &found[..n_found] {
                let gap_us = time_us[row + 1] - time_us[*row];
                if gap_us <= most_us && (admits_all || view.admits(*row)) {
                    let pairs = &mut pairs[usize::from(*position)];
                    pairs.anchors.push(*row);
                    pairs.gaps_us.push(gap_us);
                }
            }
        }
        for (position, pairs) in pairs.iter_mut().enumerate() {
            take(position, pairs);
            pairs.anchors.clear();
            pairs.gaps_us.clear();
        }
    }
}

/// Returns the rows that no row of the same selected actor follows: the last ones, and those of nobody else. O(rows).
fn unfollowed_rows(view: &View) -> RowSet {
    let mut unfollowed: Vec<u32> = Vec::with_capacity(view.shard.n_actors() + 1);
    let mut from = 0;
    for (_, rows) in view.journeys().filter(|(_, rows)| !rows.is_empty()) {
        unfollowed.extend(from as u32..rows.start as u32);
        from = rows.end - 1;
    }
    unfollowed.extend(from as u32..view.shard.n_rows() as u32);
    RowSet::new(view.shard.n_rows(), unfollowed.into_iter())
}

/// Returns the edges that the answer shows: by count, then by text. O(edges), and O(log top) for each that was ever among
/// the first.
fn shown_edges(plan: &Plan, table: &PairTable) -> Vec<Edge> {
    let wanted = |edge: &Edge| plan.after.is_none_or(|from| edge.from == from) && plan.before.is_none_or(|to| edge.to == to);
    let text = |node: u32| node_text(&plan.names, node);
    // The last one shown is at the top.
    let mut shown = BinaryHeap::new();
    let mut fewest = 0;
    for edge in table.edges() {
        if edge.n < fewest || !wanted(&edge) {
            continue;
        }
        shown.push((Reverse(edge.n), text(edge.from), text(edge.to), edge));
        if shown.len() > plan.top {
            shown.pop();
            fewest = shown.peek().map_or(0, |(Reverse(n), ..)| *n);
        }
    }
    shown.into_sorted_vec().into_iter().map(|(.., edge)| edge).collect()
}

fn is_event(node: u32) -> bool {
    node < OPEN
}

/// Writes a node so that ids are never ambiguous: names with an arrow, with quotes, or like `(start)` are quoted.
fn node_text(names: &Names, node: u32) -> Cow<'_, str> {
    if let Some((text, _)) = ARTIFICIAL.iter().find(|(_, artificial)| *artificial == node) {
        return (*text).into();
    }
    let name = names.text(node);
    let plain = !name.contains(ARROW) && !name.contains('"') && !ARTIFICIAL.iter().any(|(artificial, _)| *artificial == name);
    if plain { name.into() } else { serde_json::Value::from(name).to_string().into() }
}

fn parse_edge(names: &Names, edge: &str) -> Option<(u32, u32)> {
    let node = |text: &str| {
        let artificial = ARTIFICIAL.iter().find(|(artificial, _)| *artificial == text).map(|(_, node)| *node);
        let name = || names.code(text).or_else(|| names.code(&serde_json::from_str::<String>(text).ok()?));
        artificial.or_else(name).filter(|node| node_text(names, *node) == text)
    };
    let ways = edge.match_indices(ARROW).map(|(at, _)| (&edge[..at], &edge[at + ARROW.len()..]));
    ways.filter_map(|(from, to)| node(from).zip(node(to))).find(|(from, to)| (is_event(*from) || *from == START) && *to != START)
}
