//! Users against customers: accounts that use and pay, only use, only pay, or neither.

mod kernel;
#[cfg(test)]
mod tests;

use std::ops::Range;

use diptych_event::Names;
use diptych_event::account::{MEMBER, REVENUE_CENTS, SESSION_STARTED};
use diptych_event::time::parse_duration;
use diptych_event::timeline::{ColumnKind, NO_CODE, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use kernel::Period;
use kernel::{Seen, Standing, Windows};

use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, MaskId, Operator, Panel, Unit, View};

/// Text column: the kind of money: charge, refund, recurring.
const MONEY_KIND: &str = "money_kind";

/// The operator.
pub struct UsersCustomers;

/// Parameters of users against customers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// One table per local week, month or quarter, and the movements between neighbouring ones; one table of all time, or of
    /// `--from` to `--to`, unless given.
    #[serde(default)]
    pub period: Option<Period>,
    /// The time that one recurring payment pays for: 31d, 366d.
    #[serde(default = "usual_subscription")]
    pub subscription: String,
}

fn usual_subscription() -> String {
    "31d".into()
}

/// A checked question.
pub struct Plan {
    windows: Windows,
    /// Code of `session:started`; `None` when there are no sessions.
    session: Option<u32>,
    /// Position of the column of the member; `None` without it.
    member: Option<usize>,
    /// Position of the column of money; `None` without it.
    revenue: Option<usize>,
    /// Rows that are recurring payments; `None` where the data does not know.
    recurring: Option<MaskId>,
    subscription_us: i64,
    observed_until_us: i64,
    names: Names,
}

/// Counts of some accounts; shape `[windows]`.
#[derive(Debug, Clone, Serialize)]
pub struct Partial {
    windows: Vec<Table>,
}

/// Counts of one window.
#[derive(Debug, Default, Clone, Serialize)]
struct Table {
    /// Accounts by standing.
    accounts: [u64; 4],
    /// Members with a session, by the standing of their account; once per account.
    members: [u64; 4],
    /// Accounts with such a member.
    member_accounts: [u64; 4],
    /// Accounts by standing in this window and in the next one.
    moves: [[u64; 4]; 4],
}

impl Operator for UsersCustomers {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "users_customers",
        panel: Panel::Hinge,
        title: "Users and customers",
        question: "How many accounts use and pay, only use, only pay, or do neither?",
        anchor: "an account, at its first row ever; --from and --to set the window instead",
        counting: "Counts accounts whose first row lies before the end of the window by whether a member's session started in it and whether they paid for it.",
        sources: &["ISO 8601 weeks", "METRICS 1.3"],
        chart: Chart::Quadrants,
        samples: &[
            r#"{}"#,
            r#"{"period":"month"}"#,
            r#"{"period":"week","subscription":"10d"}"#,
            r#"{"period":"quarter","subscription":"0s"}"#,
        ],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let subscription_us = parse_duration(&params.subscription).map_err(|what| AskError::parameter("subscription", what))?;
        let catalog = context.catalog;
        let windows = match params.period {
            None => Windows::whole(catalog.observed_until_us),
            Some(period) => Windows::periods(period, &context.calendar(), catalog.first_us, catalog.observed_until_us),
        };
        let column = |wanted: &str, kind: ColumnKind| catalog.columns.iter().position(|(name, has)| name == wanted && *has == kind);
        let (member, revenue) = (column(MEMBER, ColumnKind::Text), column(REVENUE_CENTS, ColumnKind::Integer));
        let session = catalog.names.code(SESSION_STARTED);
        let recurring = column(MONEY_KIND, ColumnKind::Text).map(|_| context.mask(&format!("{MONEY_KIND} = 'recurring'")));
        if session.is_none() {
            context.notes.push("nobody uses: the accounts have no sessions of members".into());
        }
        if revenue.is_none() {
            context.notes.push(format!("nobody pays: the accounts have no column {REVENUE_CENTS}"));
        }
        Ok(Plan {
            windows,
            session,
            member,
            revenue,
            recurring,
            subscription_us,
            observed_until_us: catalog.observed_until_us,
            names: catalog.names.clone(),
        })
    }

    fn empty(&self, plan: &Plan) -> Partial {
        Partial { windows: vec![Table::default(); plan.windows.len()] }
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        for_each_account(plan, view, |account| {
            let n_members: Vec<u64> = account.seen.iter_mut().map(Seen::n_members).collect();
            let standings: Vec<Option<Standing>> = (0..plan.windows.len()).map(|window| account.standing(window)).collect();
            out.each(view.group(account.first_row), |partial| {
                for (window, table) in partial.windows.iter_mut().enumerate() {
                    let Some(standing) = standings[window] else { continue };
                    let idx = standing as usize;
                    table.accounts[idx] += 1;
                    table.members[idx] += n_members[window];
                    table.member_accounts[idx] += u64::from(n_members[window] > 0);
                    if let Some(next) = standings.get(window + 1).copied().flatten() {
                        table.moves[idx][next as usize] += 1;
                    }
                }
            });
        });
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        let add = |into: &mut [u64], from: &[u64]| into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        for (into, from) in total.windows.iter_mut().zip(&other.windows) {
            add(&mut into.accounts, &from.accounts);
            add(&mut into.members, &from.members);
            add(&mut into.member_accounts, &from.member_accounts);
            add(into.moves.as_flattened_mut(), from.moves.as_flattened());
        }
    }

    fn finish(&self, plan: &Plan, total: Partial) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (window, table) in total.windows.iter().enumerate() {
            let n: u64 = table.accounts.iter().sum();
            if n == 0 && plan.windows.ids.is_some() {
                continue;
            }
            let (prefix, label) = plan
                .windows
                .ids
                .as_ref()
                .map_or((String::new(), String::new()), |ids| (format!("period:{}:", ids[window]), format!("{}: ", ids[window])));
            let immature = |cell: Cell| if plan.windows.is_immature(window) { cell.flagged("immature_cohort") } else { cell };
            cells.push(immature(Cell::people(format!("{prefix}accounts"), format!("{label}accounts"), n)));
            for standing in Standing::ALL {
                let (id, x) = (format!("{prefix}{}", standing.word()), table.accounts[standing as usize]);
                let label = format!("{label}accounts that {}", standing.label());
                let members = format!("members who use, of {label}");
                cells.push(immature(Cell::share(&id, label, Unit::Actor, x, n, x)));
                if plan.member.is_some() && matches!(standing, Standing::UsesPays | Standing::UsesOnly) {
                    let (n, people) = (table.members[standing as usize], table.member_accounts[standing as usize]);
                    cells.push(immature(Cell::count(format!("{id}:members"), members, Unit::Actor, n, people)));
                }
            }
        }
        for (window, id) in plan.windows.ids.iter().flatten().enumerate() {
            cells.extend(plan.move_cells(window, id, &total.windows[window]));
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some((window, wanted)) = plan.wanted(cell) else { return false };
        for_each_account(plan, view, |account| {
            let (standing, next) = (account.standing(window), account.standing(window + 1));
            let counts = match wanted {
                Wanted::All => standing.is_some(),
                Wanted::Standing(wanted) => standing == Some(wanted),
                Wanted::Members(wanted) => standing == Some(wanted) && account.seen[window].n_members() > 0,
                Wanted::Move(from, to) => standing == Some(from) && next == Some(to),
            };
            if counts {
                let rows = account.evidence(window, wanted);
                sink.add(view, &plan.names, account.actor_idx, &rows);
            }
        });
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        size_of::<Partial>() + partial.windows.len() * size_of::<Table>()
    }
}

/// The accounts that a cell opens.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    Standing(Standing),
    Members(Standing),
    Move(Standing, Standing),
}

impl Plan {
    /// Makes the cells of movements from one window to the next that somebody made.
    fn move_cells(&self, window: usize, id: &str, table: &Table) -> Vec<Cell> {
        let mut cells = Vec::new();
        for from in Standing::ALL {
            let row = &table.moves[from as usize];
            for to in Standing::ALL.into_iter().filter(|to| row[*to as usize] > 0) {
                let label = format!("{id}: accounts that {}, then {}", from.label(), to.label());
                let (x, n) = (row[to as usize], row.iter().sum());
                let cell = Cell::share(format!("move:{id}:{}→{}", from.word(), to.word()), label, Unit::Actor, x, n, x);
                cells.push(if self.windows.is_immature(window + 1) { cell.flagged("immature_cohort") } else { cell });
            }
        }
        cells
    }

    /// Returns the window of a cell and the accounts that it opens.
    fn wanted(&self, cell: &str) -> Option<(usize, Wanted)> {
        let Some(ids) = &self.windows.ids else { return Some((0, self.wanted_in_window(cell)?)) };
        let (kind, rest) = cell.split_once(':')?;
        let (id, rest) = rest.split_once(':')?;
        let window = ids.iter().position(|known| known == id)?;
        let wanted = match kind {
            "period" => self.wanted_in_window(rest)?,
            "move" => {
                let (from, to) = rest.split_once('→')?;
                Wanted::Move(Standing::parse(from)?, Standing::parse(to)?)
            }
            _ => return None,
        };
        Some((window, wanted))
    }

    fn wanted_in_window(&self, cell: &str) -> Option<Wanted> {
        match cell.split_once(':') {
            None if cell == "accounts" => Some(Wanted::All),
            None => Standing::parse(cell).map(Wanted::Standing),
            Some((standing @ ("uses_pays" | "uses_only"), "members")) if self.member.is_some() => {
                Standing::parse(standing).map(Wanted::Members)
            }
            Some(_) => None,
        }
    }

    /// Notes what one row says about each window. O(1), and O(windows) that a recurring payment reaches into.
    fn note(&self, view: &View, row: usize, window: usize, seen: &mut [Seen]) {
        let now_us = view.shard.time_us[row];
        let cents = self.revenue.and_then(|column| match view.shard.columns[column].values {
            Values::Integer(cents) => cents.get(row),
            Values::Text(_) | Values::Number(_) => None,
        });
        if view.period_us.contains(&now_us) {
            let seen = &mut seen[window];
            if Some(view.shard.name.get(row)) == self.session {
                seen.session_row.get_or_insert(row);
                if let Some(Values::Text(members)) = self.member.map(|column| view.shard.columns[column].values) {
                    seen.members.extend(Some(members.get(row)).filter(|code| *code != NO_CODE));
                }
            }
            seen.net_cents += cents.map_or(0, i128::from);
            if cents > Some(0) {
                seen.money_row.get_or_insert(row);
            }
        }
        if cents > Some(0) && self.recurring.is_some_and(|mask| view.masks[mask.0].holds(row)) {
            let paid_until_us = now_us.saturating_add(self.subscription_us);
            for (later, seen) in seen.iter_mut().enumerate().skip(window) {
                let span_us = self.windows.span_us(later, &view.period_us);
                if span_us.start >= paid_until_us {
                    break;
                }
                if now_us < span_us.end {
                    seen.subscription_row.get_or_insert(row);
                }
            }
        }
    }
}

/// One account in the base of some window.
struct Account<'a> {
    actor_idx: usize,
    first_row: usize,
    /// Windows in whose base the account is.
    based: &'a [bool],
    /// What was seen in each window.
    seen: &'a mut [Seen],
}

impl Account<'_> {
    /// Returns how the account stands in a window; `None` where it is not in the base, or there is no such window.
    fn standing(&self, window: usize) -> Option<Standing> {
        self.based.get(window).copied().unwrap_or(false).then(|| self.seen[window].standing())
    }

    /// Returns the rows that make the account count; its first row where nothing does.
    fn evidence(&self, window: usize, wanted: Wanted) -> Vec<usize> {
        let of_standing = |window: usize| {
            let seen = &self.seen[window];
            let paid = if seen.net_cents > 0 { seen.money_row } else { seen.subscription_row };
            [seen.session_row, paid]
        };
        let rows: Vec<Option<usize>> = match wanted {
            Wanted::All => Vec::new(),
            Wanted::Standing(_) => of_standing(window).to_vec(),
            Wanted::Members(_) => vec![self.seen[window].session_row],
            Wanted::Move(..) => [of_standing(window), of_standing(window + 1)].concat(),
        };
        let mut rows: Vec<usize> = rows.into_iter().flatten().collect();
        rows.sort_unstable();
        rows.dedup();
        if rows.is_empty() { vec![self.first_row] } else { rows }
    }
}

/// Calls `take` with each selected account whose first row is admitted by `--where`. O(rows + windows) each.
fn for_each_account(plan: &Plan, view: &View, mut take: impl FnMut(Account)) {
    let n_windows = plan.windows.len();
    let spans_us: Vec<Range<i64>> = (0..n_windows).map(|window| plan.windows.span_us(window, &view.period_us)).collect();
    let (mut seen, mut based) = (vec![Seen::default(); n_windows], vec![false; n_windows]);
    for (actor_idx, rows) in view.journeys() {
        let first_row = rows.start;
        // The anchor's instant is not looked at: `--from` and `--to` are the window.
        if rows.is_empty() || view.admitted.is_some_and(|admitted| !admitted.holds(first_row)) {
            continue;
        }
        seen.iter_mut().for_each(Seen::clear);
        let mut window = 0;
        for row in rows.take_while(|row| view.shard.time_us[*row] <= plan.observed_until_us) {
            while window + 1 < n_windows && view.shard.time_us[row] >= plan.windows.end_us(window) {
                window += 1;
            }
            plan.note(view, row, window, &mut seen);
        }
        let first_us = view.shard.time_us[first_row];
        for (based, span_us) in based.iter_mut().zip(&spans_us) {
            *based = !span_us.is_empty() && first_us < span_us.end;
        }
        take(Account { actor_idx, first_row, based: &based, seen: &mut seen });
    }
}
