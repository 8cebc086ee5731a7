//! Where accounts and the business meet: how many accounts each channel touches, in all, before a stage and before purchases.

mod kernel;
#[cfg(test)]
mod tests;

use std::ops::Range;

use diptych_event::account::{REVENUE_CENTS, TOUCHPOINT};
use diptych_event::spec::ChannelSpec;
use diptych_event::time::parse_duration;
use diptych_event::timeline::{ColumnKind, Integers};
use diptych_event::{Names, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::anchors;
use crate::derive::stages::Rules;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Operator, Panel, TextId, Unit, View};
use crate::stats::{median_interval_sorted, quantile_sorted};
use kernel::{Contact, MoneyShare, contact, with_last_touches};

/// Says that the interval treats units of one account as independent (METRICS C6).
const CLUSTERED: &str = "clustered";

/// Says that the data begins within the lookback of some units, so earlier touchpoints may be missing.
const CLIPPED: &str = "clipped";

/// The operator.
pub struct Channels;

/// Parameters of channels.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A stage of the spec; contact before accounts first enter it is counted. The last one unless given.
    #[serde(default)]
    pub stage: Option<String>,
    /// How long before a stage or a purchase a touchpoint counts: 90d, 4w.
    #[serde(default = "ninety_days")]
    pub lookback: String,
}

fn ninety_days() -> String {
    "90d".into()
}

/// A checked question.
pub struct Plan {
    /// Channel of each row; `None` where no row is a touchpoint.
    touchpoint: Option<TextId>,
    /// In the order of the spec.
    channels: Vec<Channel>,
    stage: Option<Stage>,
    /// Position of the column with revenue in minor units; `None` where there is no money.
    revenue: Option<usize>,
    lookback_us: i64,
    lookback_label: String,
    /// First instant of the data.
    first_us: i64,
    names: Names,
}

/// A channel of the spec.
struct Channel {
    name: String,
    /// `shop (offline, Sales: Eva)`.
    label: String,
}

/// The stage before which contact is counted.
struct Stage {
    idx: usize,
    name: String,
    rules: Rules,
}

/// Contact with some accounts.
#[derive(Debug, Clone, Serialize)]
pub struct Partial {
    /// Accounts with a row.
    accounts: u64,
    /// Of any channel.
    touchpoints: u64,
    /// Accounts with a touchpoint of any channel.
    touched: u64,
    /// Shape `[channels + 1]`; the last is for touchpoints whose channel the spec does not list.
    channels: Vec<OfChannel>,
    /// Accounts that entered the stage for the first time.
    entered: u64,
    /// Those whose lookback begins before the data.
    entered_clipped: u64,
    /// Those without any touchpoint in the lookback.
    entered_untouched: u64,
    /// Touchpoints in the lookback of each; sorted by `finish`.
    n_touchpoints: Vec<i64>,
    /// Distinct channels in the lookback of each; sorted by `finish`.
    n_channels: Vec<i64>,
    /// All purchases.
    purchases: Purchases,
    /// Those whose lookback begins before the data.
    purchases_clipped: u64,
    /// Those without any touchpoint in the lookback.
    purchases_untouched: Purchases,
}

/// Contact in one channel.
#[derive(Debug, Clone, Default, Serialize)]
struct OfChannel {
    touchpoints: u64,
    accounts: u64,
    /// Accounts with a touchpoint in the lookback before the stage, and those whose first or last it was.
    before: u64,
    first: u64,
    last: u64,
    /// Purchases with a touchpoint in the lookback.
    purchases: Purchases,
}

/// Some purchases.
#[derive(Debug, Clone, Default, Serialize)]
struct Purchases {
    rows: u64,
    accounts: u64,
    money: MoneyShare,
}

impl Operator for Channels {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "channels",
        panel: Panel::Customer,
        title: "Channels",
        question: "Where do accounts meet us, and which channels were in touch before they went on or bought?",
        anchor: "a row of an account: a touchpoint, a purchase, or its first entering of the stage",
        counting: "Counts contact, not credit: who was touched by two channels is in the share of both, so shares over channels add up to more than 1.",
        sources: &["METRICS 2.11 (touchpoints in a lookback; contact only, no attribution model)", "METRICS C6 (shares of money)"],
        chart: Chart::Reach,
        samples: &[
            r#"{}"#,
            r#"{"stage":"purchase","lookback":"3d"}"#,
            r#"{"stage":"awareness","lookback":"0s"}"#,
            r#"{"stage":"consideration","lookback":"2h"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let lookback_us = parse_duration(&params.lookback).map_err(|what| AskError::parameter("lookback", what))?;
        let spec = context.catalog.spec.clone();
        if spec.channels.is_empty() {
            let what = "the spec has no channels; list them in diptych.yaml, the first rule that holds names a row's channel: \
                        channels: [{ name: shop, where: \"source = 'till'\", offline: true }]";
            return Err(AskError::parameter("channels", what));
        }
        let stage = match (&params.stage, spec.stages.last()) {
            (None, None) => {
                context.notes.push("contact before a stage is left out: the spec has no stages".into());
                None
            }
            (given, last) => {
                let rules = Rules::compile(context)?;
                let name = given.clone().or(last.map(|stage| stage.name.text.clone())).unwrap_or_default();
                Some(Stage { idx: rules.find("stage", &name)?, name, rules })
            }
        };
        let columns = &context.catalog.columns;
        let column = |name: &str, kind| columns.iter().position(|column| column.0 == name && column.1 == kind);
        let revenue = column(REVENUE_CENTS, ColumnKind::Integer);
        let has_touchpoints = column(TOUCHPOINT, ColumnKind::Text).is_some();
        if revenue.is_none() {
            context.notes.push("there are no purchases: the data has no money".into());
        }
        context.notes.push("this is contact before an outcome, not its cause: whoever was about to buy may look for contact".into());
        Ok(Plan {
            touchpoint: has_touchpoints.then(|| context.text(TOUCHPOINT)),
            channels: spec.channels.iter().map(Channel::of).collect(),
            stage,
            revenue,
            lookback_us,
            lookback_label: params.lookback.clone(),
            first_us: context.catalog.first_us,
            names: context.catalog.names.clone(),
        })
    }

    fn empty(&self, plan: &Plan) -> Partial {
        Partial {
            accounts: 0,
            touchpoints: 0,
            touched: 0,
            channels: vec![OfChannel::default(); plan.channels.len() + 1],
            entered: 0,
            entered_clipped: 0,
            entered_untouched: 0,
            n_touchpoints: Vec::new(),
            n_channels: Vec::new(),
            purchases: Purchases::default(),
            purchases_clipped: 0,
            purchases_untouched: Purchases::default(),
        }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        let contacts = Contacts::of(plan, view);
        for (_, rows) in view.journeys() {
            let account = contacts.look(rows.clone());
            anchors::each(view, rows, out, |partial, anchors| partial.add(&account.at(&contacts, anchors)));
        }
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.merge(other);
    }

    fn finish(&self, plan: &Plan, mut total: Partial) -> Vec<Cell> {
        let mut cells = vec![
            Cell::people("accounts", "accounts with a row", total.accounts),
            Cell::share("touched", "accounts with a touchpoint", Unit::Actor, total.touched, total.accounts, total.touched),
            Cell::count("touchpoints", "touchpoints", Unit::Event, total.touchpoints, total.touched),
        ];
        for (channel, of) in plan.channels.iter().zip(&total.channels) {
            let (id, label) = (format!("touchpoints:{}", channel.name), format!("touchpoints: {}", channel.label));
            cells.push(Cell::count(id, label, Unit::Event, of.touchpoints, of.accounts));
            let (id, label) = (format!("touched:{}", channel.name), format!("accounts touched: {}", channel.label));
            cells.push(Cell::share(id, label, Unit::Actor, of.accounts, total.accounts, of.accounts));
        }
        if let Some(unlisted) = total.channels.last().filter(|unlisted| unlisted.touchpoints > 0) {
            let label = "touchpoints of channels that the spec does not list";
            cells.push(Cell::count("unlisted", label, Unit::Event, unlisted.touchpoints, unlisted.accounts));
        }
        if let Some(stage) = &plan.stage {
            cells.extend(stage_cells(plan, stage, &mut total));
        }
        if plan.revenue.is_some() {
            cells.extend(purchase_cells(plan, &total));
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(wanted) = Wanted::parse(plan, cell) else { return false };
        let contacts = Contacts::of(plan, view);
        for (actor_idx, rows) in view.journeys() {
            let anchors = anchors::admitted(view, rows.clone());
            if anchors.is_empty() {
                continue;
            }
            let account = contacts.look(rows);
            for rows in wanted.units(&account.at(&contacts, &anchors)) {
                sink.add(view, &plan.names, actor_idx, &rows);
            }
        }
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        let medians = 8 * (partial.n_touchpoints.capacity() + partial.n_channels.capacity());
        size_of::<Partial>() + medians + size_of::<OfChannel>() * partial.channels.capacity()
    }
}

impl Channel {
    fn of(spec: &ChannelSpec) -> Self {
        let mut words = vec![if spec.offline { "offline" } else { "online" }.to_owned()];
        if let Some(owner) = &spec.owner {
            let owner: Vec<&str> = [&owner.department, &owner.person].into_iter().flatten().map(String::as_str).collect();
            words.extend((!owner.is_empty()).then(|| owner.join(": ")));
        }
        Self { name: spec.name.text.clone(), label: format!("{} ({})", spec.name.text, words.join(", ")) }
    }
}

/// Makes the cells about contact before accounts first enter the stage.
fn stage_cells(plan: &Plan, stage: &Stage, total: &mut Partial) -> Vec<Cell> {
    let (entered, clipped) = (total.entered, total.entered_clipped > 0);
    let before = format!("in the {} up to entering {}", plan.lookback_label, stage.name);
    let mark = |cell: Cell| if clipped { cell.flagged(CLIPPED) } else { cell };
    let share = |id: String, label: String, x: u64| mark(Cell::share(id, label, Unit::Actor, x, entered, x));
    let mut cells = vec![Cell::people("entered", format!("accounts that entered {}, the first time", stage.name), entered)];
    for (channel, of) in plan.channels.iter().zip(&total.channels) {
        let (name, label) = (&channel.name, &channel.label);
        cells.push(share(format!("before:{name}"), format!("touched {before}: {label}"), of.before));
        cells.push(share(format!("first:{name}"), format!("first touchpoint {before}: {label}"), of.first));
        cells.push(share(format!("last:{name}"), format!("last touchpoint {before}: {label}"), of.last));
    }
    cells.push(share("untouched".into(), format!("no touchpoint {before}"), total.entered_untouched));
    for (id, what, counts) in
        [("before_touchpoints", "touchpoints", &mut total.n_touchpoints), ("before_channels", "distinct channels", &mut total.n_channels)]
    {
        counts.sort_unstable();
        let mut cell = Cell::people(id, format!("{what} {before}, median"), entered);
        cell.value = quantile_sorted(counts, 0.5);
        cell = cell.with_interval(median_interval_sorted(counts), "order statistics");
        cells.push(mark(if entered == 0 { cell.flagged("no_data") } else { cell }));
    }
    cells
}

/// Makes the cells about contact before purchases.
fn purchase_cells(plan: &Plan, total: &Partial) -> Vec<Cell> {
    let (all, clipped) = (&total.purchases, total.purchases_clipped > 0);
    let before = format!("in the {} up to them", plan.lookback_label);
    let mark = |cell: Cell| if clipped { cell.flagged(CLIPPED) } else { cell };
    let mut cells = vec![Cell::count("purchases", "purchases", Unit::Event, all.rows, all.accounts)];
    let mut shares = |purchases: String, revenue: String, what: String, of: &Purchases| {
        let label = format!("purchases with {what}");
        cells.push(mark(Cell::share(purchases, label, Unit::Event, of.rows, all.rows, of.accounts).flagged(CLUSTERED)));
        let mut cell = Cell::count(revenue, format!("revenue of purchases with {what}"), Unit::Event, all.rows, of.accounts);
        cell.value = of.money.value();
        cell = cell.with_interval(of.money.interval(), "delta method over accounts");
        cells.push(mark(match all.accounts {
            0 => cell.flagged("no_data"),
            1..30 => cell.flagged("low_n"),
            _ => cell,
        }));
    };
    for (channel, of) in plan.channels.iter().zip(&total.channels) {
        let what = format!("a touchpoint {before}: {}", channel.label);
        shares(format!("purchases:{}", channel.name), format!("revenue:{}", channel.name), what, &of.purchases);
    }
    let what = format!("no touchpoint {before}");
    shares("purchases_untouched".into(), "revenue_untouched".into(), what, &total.purchases_untouched);
    cells
}

/// The touchpoints and purchases of one shard.
struct Contacts<'a> {
    plan: &'a Plan,
    view: &'a View<'a>,
    /// Channel of each code of the text; the number of channels where the spec does not list it, `None` where it is empty.
    channel_of_code: Vec<Option<usize>>,
    /// Minor units, shape `[rows]`.
    revenue: Option<Integers<'a>>,
}

/// One account, whatever the question admits.
#[derive(Debug, Default)]
struct Account {
    /// Row and channel of each touchpoint, ascending.
    touchpoints: Vec<(usize, usize)>,
    /// Row of the first entering of the stage, and contact before.
    entered: Option<(usize, Contact)>,
    /// Row of each purchase, ascending.
    purchases: Vec<usize>,
    /// Whether a channel was in touch before each purchase, shape `[purchases, channels + 1]`.
    touched: Vec<bool>,
}

impl<'a> Contacts<'a> {
    fn of(plan: &'a Plan, view: &'a View<'a>) -> Self {
        let channel = |label: &Option<String>| {
            let label = label.as_ref().filter(|label| !label.is_empty())?;
            Some(plan.channels.iter().position(|channel| channel.name == *label).unwrap_or(plan.channels.len()))
        };
        let texts = plan.touchpoint.map(|touchpoint| &view.texts[touchpoint.0]);
        let revenue = plan.revenue.map(|revenue| match view.shard.columns[revenue].values {
            Values::Integer(cents) => cents,
            _ => unreachable!("the plan takes columns of whole numbers"),
        });
        Self { plan, view, channel_of_code: texts.map_or(Vec::new(), |texts| texts.labels.iter().map(channel).collect()), revenue }
    }

    /// Returns the channel that a row is a touchpoint of.
    fn channel(&self, row: usize) -> Option<usize> {
        let texts = &self.view.texts[self.plan.touchpoint?.0];
        self.channel_of_code[texts.codes.get(row) as usize]
    }

    /// Reads one account. O(rows + purchases · channels).
    fn look(&self, rows: Range<usize>) -> Account {
        let (plan, time_us) = (self.plan, self.view.shard.time_us);
        let mut account =
            Account { touchpoints: rows.clone().filter_map(|row| Some((row, self.channel(row)?))).collect(), ..Account::default() };
        if let Some(stage) = &plan.stage {
            let mut first = None;
            stage.rules.history(self.view, rows.clone(), &mut |stay| {
                first = first.or((stay.stage == stage.idx).then_some(stay.entered_row));
            });
            account.entered =
                first.map(|row| (row, contact(time_us, rows.clone(), time_us[row], plan.lookback_us, |row| self.channel(row))));
        }
        let Some(revenue) = self.revenue else { return account };
        with_last_touches(
            time_us,
            rows,
            plan.channels.len() + 1,
            |row| self.channel(row),
            |row, last_us| {
                if revenue.get(row) > Some(0) {
                    let since_us = time_us[row].saturating_sub(plan.lookback_us);
                    account.purchases.push(row);
                    account.touched.extend(last_us.iter().map(|last_us| *last_us != i64::MIN && *last_us >= since_us));
                }
            },
        );
        account
    }

    /// Tells whether the lookback of a row begins before the data.
    fn is_clipped(&self, row: usize) -> bool {
        self.view.shard.time_us[row].saturating_sub(self.plan.lookback_us) < self.plan.first_us
    }
}

impl Account {
    /// Returns the account as the question sees it at those of its rows that are `anchors`, of which there is one or more.
    fn at<'a>(&'a self, contacts: &'a Contacts<'a>, anchors: &'a [usize]) -> Seen<'a> {
        Seen { account: self, contacts, anchors }
    }
}

/// One account at the rows that the question admits.
struct Seen<'a> {
    account: &'a Account,
    contacts: &'a Contacts<'a>,
    anchors: &'a [usize],
}

impl<'a> Seen<'a> {
    fn has(&self, row: usize) -> bool {
        self.anchors.binary_search(&row).is_ok()
    }

    /// Walks the touchpoints with their channels.
    fn touchpoints(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.account.touchpoints.iter().copied().filter(|(row, _)| self.has(*row))
    }

    /// Returns the row of the first entering of the stage, with contact before.
    fn entered(&self) -> Option<(usize, &'a Contact)> {
        self.account.entered.as_ref().filter(|(row, _)| self.has(*row)).map(|(row, contact)| (*row, contact))
    }

    /// Walks the purchases: row, and which channels were in touch before, shape `[channels + 1]`.
    fn purchases(&self) -> impl Iterator<Item = (usize, &'a [bool])> + '_ {
        let touched = self.account.touched.chunks_exact(self.contacts.plan.channels.len() + 1);
        self.account.purchases.iter().copied().zip(touched).filter(|(row, _)| self.has(*row))
    }

    /// Adds up the purchases with some contact; `all_cents` is what the account paid in all.
    fn add_purchases(&self, into: &mut Purchases, all_cents: i64, counts: impl Fn(&[bool]) -> bool) {
        let (rows, cents) = self.sum(counts);
        into.rows += rows;
        into.accounts += u64::from(rows > 0);
        into.money.add(cents, all_cents);
    }

    /// Returns number and revenue in minor units of the purchases with some contact.
    fn sum(&self, counts: impl Fn(&[bool]) -> bool) -> (u64, i64) {
        let Some(revenue) = self.contacts.revenue else { return (0, 0) };
        let purchases = self.purchases().filter(|(_, touched)| counts(touched));
        purchases.fold((0, 0_i64), |(n, sum_cents), (row, _)| (n + 1, sum_cents.saturating_add(revenue.get(row).unwrap_or(0))))
    }
}

impl Partial {
    /// Adds one account. O((touchpoints + purchases · channels) · log anchors).
    fn add(&mut self, seen: &Seen) {
        self.accounts += 1;
        let mut touched = vec![false; self.channels.len()];
        for (_, channel) in seen.touchpoints() {
            self.touchpoints += 1;
            self.channels[channel].touchpoints += 1;
            touched[channel] = true;
        }
        self.touched += u64::from(touched.contains(&true));
        self.channels.iter_mut().zip(touched).for_each(|(of, touched)| of.accounts += u64::from(touched));
        if let Some((row, contact)) = seen.entered() {
            self.entered += 1;
            self.entered_clipped += u64::from(seen.contacts.is_clipped(row));
            self.entered_untouched += u64::from(contact.touchpoints.is_empty());
            self.n_touchpoints.push(contact.touchpoints.len() as i64);
            self.n_channels.push(contact.channels.len() as i64);
            contact.channels.iter().for_each(|channel| self.channels[*channel].before += 1);
            contact.first.iter().for_each(|channel| self.channels[*channel].first += 1);
            contact.last.iter().for_each(|channel| self.channels[*channel].last += 1);
        }
        let (n_purchases, all_cents) = seen.sum(|_| true);
        if n_purchases == 0 {
            return;
        }
        self.purchases_clipped += seen.purchases().filter(|(row, _)| seen.contacts.is_clipped(*row)).count() as u64;
        seen.add_purchases(&mut self.purchases, all_cents, |_| true);
        seen.add_purchases(&mut self.purchases_untouched, all_cents, |touched| !touched.contains(&true));
        for (channel, of) in self.channels.iter_mut().enumerate() {
            seen.add_purchases(&mut of.purchases, all_cents, |touched| touched[channel]);
        }
    }

    fn merge(&mut self, other: Partial) {
        self.accounts += other.accounts;
        self.touchpoints += other.touchpoints;
        self.touched += other.touched;
        self.channels.iter_mut().zip(other.channels).for_each(|(into, from)| into.merge(from));
        self.entered += other.entered;
        self.entered_clipped += other.entered_clipped;
        self.entered_untouched += other.entered_untouched;
        self.n_touchpoints.extend(other.n_touchpoints);
        self.n_channels.extend(other.n_channels);
        self.purchases.merge(other.purchases);
        self.purchases_clipped += other.purchases_clipped;
        self.purchases_untouched.merge(other.purchases_untouched);
    }
}

impl OfChannel {
    fn merge(&mut self, other: OfChannel) {
        self.touchpoints += other.touchpoints;
        self.accounts += other.accounts;
        self.before += other.before;
        self.first += other.first;
        self.last += other.last;
        self.purchases.merge(other.purchases);
    }
}

impl Purchases {
    fn merge(&mut self, other: Purchases) {
        self.rows += other.rows;
        self.accounts += other.accounts;
        self.money.merge(&other.money);
    }
}

/// What a cell counts; channels by their position.
enum Wanted {
    Accounts,
    /// Touchpoints, of any channel or one.
    Touchpoints(Option<usize>),
    /// Accounts that entered the stage …
    Entered(Before),
    /// Purchases …
    Purchases(Before),
}

/// … with this contact before.
enum Before {
    /// Whatever it was.
    Any,
    /// With a touchpoint of a channel.
    Touched(usize),
    /// With the first touchpoint in a channel.
    First(usize),
    /// With the last touchpoint in a channel.
    Last(usize),
    /// Without one.
    Untouched,
}

impl Wanted {
    fn parse(plan: &Plan, cell: &str) -> Option<Self> {
        let (kind, channel) = match cell.split_once(':') {
            None => (cell, None),
            Some((kind, name)) => (kind, Some(plan.channels.iter().position(|channel| channel.name == name)?)),
        };
        let (stage, money) = (plan.stage.is_some(), plan.revenue.is_some());
        Some(match (kind, channel) {
            ("accounts", None) => Self::Accounts,
            ("touched" | "touchpoints", channel) => Self::Touchpoints(channel),
            ("unlisted", None) => Self::Touchpoints(Some(plan.channels.len())),
            ("entered" | "before_touchpoints" | "before_channels", None) if stage => Self::Entered(Before::Any),
            ("untouched", None) if stage => Self::Entered(Before::Untouched),
            ("before", Some(channel)) if stage => Self::Entered(Before::Touched(channel)),
            ("first", Some(channel)) if stage => Self::Entered(Before::First(channel)),
            ("last", Some(channel)) if stage => Self::Entered(Before::Last(channel)),
            ("purchases", None) if money => Self::Purchases(Before::Any),
            ("purchases_untouched" | "revenue_untouched", None) if money => Self::Purchases(Before::Untouched),
            ("purchases" | "revenue", Some(channel)) if money => Self::Purchases(Before::Touched(channel)),
            _ => return None,
        })
    }

    /// Returns the rows of each unit of one account.
    fn units(&self, seen: &Seen) -> Vec<Vec<usize>> {
        match self {
            Self::Accounts => vec![vec![seen.anchors[0]]],
            Self::Touchpoints(wanted) => {
                let meant = seen.touchpoints().filter(|(_, channel)| wanted.is_none_or(|wanted| wanted == *channel));
                meant.map(|(row, _)| vec![row]).collect()
            }
            Self::Entered(before) => {
                let meant = seen.entered().into_iter().filter(|(_, contact)| match before {
                    Before::Any => true,
                    Before::Touched(channel) => contact.channels.contains(channel),
                    Before::First(channel) => contact.first == Some(*channel),
                    Before::Last(channel) => contact.last == Some(*channel),
                    Before::Untouched => contact.touchpoints.is_empty(),
                });
                let with_contact = |(row, contact): (usize, &Contact)| {
                    let mut rows: Vec<usize> = contact.touchpoints.iter().copied().chain([row]).collect();
                    rows.sort_unstable();
                    rows.dedup();
                    rows
                };
                meant.map(with_contact).collect()
            }
            Self::Purchases(before) => {
                let meant = seen.purchases().filter(|(_, touched)| match before {
                    Before::Any => true,
                    Before::Touched(channel) => touched[*channel],
                    Before::Untouched => !touched.contains(&true),
                    Before::First(_) | Before::Last(_) => false,
                });
                meant.map(|(row, _)| vec![row]).collect()
            }
        }
    }
}
