//! Asks operators about worlds in memory, the way the engine does.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use diptych_event::Spec;
use diptych_event::time::Zone;
use diptych_journey::seam::{ALL_TIME, AnyPlan, AnyTotals, Evidence, Mask, PerRow, Texts};
use diptych_journey::{AnyOperator, AskError, Catalog, Cell, Context, View};
use diptych_testkit::{OwnedShard, Random, World};
use serde_json::Value;

/// The most scans of a question.
const MAX_SCANS: usize = 3;

/// What the spec says about the accounts of `diptych_testkit::generate_accounts`.
pub const ACCOUNT_SPEC: &str = "format: 1
currency: EUR
properties:
  score: { type: integer }
channels:
  - { name: shop, where: touchpoint = 'shop', offline: true, owner: { department: Sales } }
  - { name: maps, where: touchpoint = 'maps' }
  - { name: mail, where: touchpoint = 'mail', owner: { department: Marketing } }
stages:
  - { name: awareness, enter: 'visit | session:started', lost_after: 20d, owner: { department: Marketing } }
  - { name: consideration, enter: 'newsletter | task:checkout:started', lost_after: 10d, renew: visit }
  - { name: purchase, enter: order where device <> 'tablet', leave: refund, lost_after: 30d, renew: order }
  - { name: loyalty, enter: survey, leave: refund, final: true }
tasks:
  checkout: { start: visit, success: order, owner: { department: Product } }
frictions:
  payment_failed: { events: payment_failed, opportunity: 'task:checkout:started', owner: { department: Payments } }
  slow_page: { rule: slow_page, events: visit, column: load_ms }
surveys:
  nps: { answer: survey, score: score, asked: newsletter }
";

/// The spec of generated worlds: tasks and frictions over the words of `diptych_testkit::Options`.
const LAW_SPEC: &str = "format: 1
tasks:
  order: { start: view, steps: [search, cart], success: buy, abort: help, error: error, time_limit: 30m }
  find:
    start: search | view where product = 'shoe'
    success: view where product = 'hat'
    fail: error
    error: help
    scope: user
    timeout: 2d
    time_limit: 1d
    reentry: restart
frictions:
  failed: { events: error, within: 1m, opportunity: cart, version: 2 }
  rage: { rule: rage_click, events: view | cart | buy, column: product, clicks: 2, within: 1h }
  slow: { rule: slow_page, events: view, column: size, over_ms: 5 }
  left: { rule: form_left, start: cart, submit: buy }
  back: { rule: back_and_forth, events: view | search | cart, column: device, within: 1h }
  refund: { rule: slow_refund, request: help, refund: buy, over: 1d }
  again: { rule: repeat_contact, events: help, within: 2d, column: product }
";

/// Returns the spec of generated worlds.
pub fn law_spec() -> Arc<Spec> {
    static SPEC: LazyLock<Arc<Spec>> = LazyLock::new(|| Arc::new(Spec::parse(LAW_SPEC).expect("the spec of generated worlds")));
    SPEC.clone()
}

/// A question, and how the work on it is cut.
#[derive(Clone)]
pub struct Question<'a> {
    pub operator: &'static dyn AnyOperator,
    pub params: Value,
    pub condition: Option<&'a str>,
    pub by: Option<&'a str>,
    /// `--from` and `--to`.
    pub period_us: Range<i64>,
    pub zone: Zone,
    pub session_gap_us: i64,
    /// End of observation; the last event unless given.
    pub observed_until_us: Option<i64>,
    pub n_shards: usize,
    /// Seed of the order in which shards are merged.
    pub merge_seed: u64,
    /// What the spec says; that of generated worlds unless given.
    pub spec: Arc<Spec>,
}

impl Question<'_> {
    pub fn new(operator: &'static dyn AnyOperator, params: Value) -> Self {
        Self {
            operator,
            params,
            condition: None,
            by: None,
            period_us: ALL_TIME,
            zone: Zone::UTC,
            session_gap_us: 1_800_000_000,
            observed_until_us: None,
            n_shards: 1,
            merge_seed: 0,
            spec: law_spec(),
        }
    }
}

/// What came of a question.
pub struct Answer {
    pub cells: Vec<Cell>,
    pub groups: Vec<(Option<String>, Vec<Cell>)>,
    /// The parameters with all defaults.
    pub params: Value,
    /// The merged partial of each scan as JSON.
    pub partials: Vec<Value>,
    operator: &'static dyn AnyOperator,
    plan: AnyPlan,
    slices: Vec<Slice>,
}

impl Answer {
    /// Lists the units behind a cell; `None` when the operator does not know the cell.
    pub fn who(&self, cell: &str) -> Option<Evidence> {
        let mut evidence = Evidence::default();
        let known = self.slices.iter().map(|slice| {
            let view = View { groups: None, ..slice.view() };
            self.operator.who(&self.plan, &view, cell, &mut evidence)
        });
        // Every shard is asked, so no short cut.
        let known = known.fold(true, |all, known| all & known);
        known.then_some(evidence)
    }

    /// Writes the cells of everything, to be compared byte by byte.
    pub fn text(&self) -> String {
        text(&self.cells)
    }

    /// Writes all cells with their groups, to be compared byte by byte.
    pub fn full_text(&self) -> String {
        let groups = self.groups.iter().map(|(label, cells)| format!("\n[{label:?}] {}", text(cells)));
        self.text() + &groups.collect::<String>()
    }
}

/// Writes cells as JSON.
pub fn text(cells: &[Cell]) -> String {
    serde_json::to_string(cells).expect("cells are plain data")
}

/// One shard with all that the question makes of it.
struct Slice {
    owned: OwnedShard,
    admitted: Option<Mask<'static>>,
    groups: Option<PerRow<'static, u32>>,
    labels: Vec<Option<String>>,
    masks: Vec<Mask<'static>>,
    texts: Vec<Texts<'static>>,
    period_us: Range<i64>,
}

impl Slice {
    fn view(&self) -> View<'_> {
        View {
            shard: self.owned.shard(),
            actors: None,
            admitted: self.admitted.as_ref(),
            period_us: self.period_us.clone(),
            groups: self.groups.as_ref(),
            masks: &self.masks,
            texts: &self.texts,
        }
    }
}

/// A question that was checked, with the shards that it is asked about.
pub struct Prepared {
    pub plan: AnyPlan,
    params: Value,
    operator: &'static dyn AnyOperator,
    slices: Vec<Slice>,
}

/// Asks a question about a world.
///
/// # Panics
/// When a condition is beyond what tests understand.
pub fn ask(world: &World, question: &Question) -> Result<Answer, AskError> {
    let mut prepared = prepare(world, question)?;
    let operator = question.operator;
    let mut partials = Vec::new();
    let total = prepared.count(question.merge_seed, |total| partials.push(operator.partial_json(total)));
    let (cells, groups) = operator.finish(&prepared.plan, total);
    let Prepared { plan, params, slices, .. } = prepared;
    Ok(Answer { cells, groups, params, partials, operator, plan, slices })
}

impl Prepared {
    /// Scans as often as the operator asks for; `look` sees the totals of each scan.
    pub fn count(&mut self, merge_seed: u64, mut look: impl FnMut(&AnyTotals)) -> AnyTotals {
        let mut total = self.operator.empty(&self.plan);
        for _ in 1..MAX_SCANS {
            total = scan(self.operator, &self.plan, &self.slices, merge_seed, total);
            look(&total);
            match self.operator.refine(&self.plan, &total) {
                Some(refined) => self.plan = refined,
                None => return total,
            }
        }
        total = scan(self.operator, &self.plan, &self.slices, merge_seed, total);
        look(&total);
        total
    }
}

/// Checks a question, and cuts a world into shards with all that the question makes of them.
///
/// # Panics
/// When a condition is beyond what tests understand.
pub fn prepare(world: &World, question: &Question) -> Result<Prepared, AskError> {
    let catalog = Catalog {
        names: world.names().clone(),
        columns: world.columns(),
        zone: question.zone,
        session_gap_us: question.session_gap_us,
        first_us: world.first_us(),
        observed_until_us: question.observed_until_us.unwrap_or(world.last_us()),
        ends_us: Vec::new(),
        spec: question.spec.clone(),
    };
    let mut context = Context::new(&catalog);
    let operator = question.operator;
    let (plan, params) = operator.plan(question.params.clone(), &mut context)?;
    let (masks, texts) = (std::mem::take(&mut context.masks), std::mem::take(&mut context.texts));
    let slices = world
        .shards(question.n_shards)
        .into_iter()
        .map(|owned| {
            let mask = |sql: &str| world.mask(&owned, sql).unwrap_or_else(|what| panic!("{what}"));
            let admitted = question.condition.map(|sql| mask(sql).into());
            let masks = masks.iter().map(|sql| mask(sql).into()).collect();
            let groups = question.by.map(|by| world.groups(&owned, by).unwrap_or_else(|what| panic!("{what}")));
            let (groups, labels) = groups.map_or((None, Vec::new()), |(codes, labels)| (Some(PerRow::Rows(codes)), labels));
            let text = |sql: &String| {
                let (codes, labels) = world.groups(&owned, sql).unwrap_or_else(|what| panic!("{what}"));
                Texts { codes: PerRow::Rows(codes), labels }
            };
            let texts = texts.iter().map(text).collect();
            Slice { owned, admitted, groups, labels, masks, texts, period_us: question.period_us.clone() }
        })
        .collect();
    Ok(Prepared { plan, params, operator, slices })
}

/// Adds all shards to `total`: in turn for seed 0, otherwise in any order and in any pairs.
fn scan(operator: &dyn AnyOperator, plan: &AnyPlan, slices: &[Slice], merge_seed: u64, mut total: AnyTotals) -> AnyTotals {
    if merge_seed == 0 {
        for slice in slices {
            operator.scan(plan, &slice.view(), &slice.labels, &mut total);
        }
        return total;
    }
    let mut random = Random::new(merge_seed);
    let part = |slice: &Slice| {
        let mut part = operator.empty(plan);
        operator.scan(plan, &slice.view(), &slice.labels, &mut part);
        part
    };
    let mut parts: Vec<AnyTotals> = slices.iter().map(part).collect();
    parts.push(total);
    while parts.len() > 1 {
        let other = parts.swap_remove(random.below(parts.len()));
        let into = random.below(parts.len());
        operator.merge(plan, &mut parts[into], other);
    }
    parts.pop().expect("there is at least the empty one")
}
