//! What is true of a simulated business, counted naively from the generated events.
//!
//! The counts here are the oracle of the engine: straightforward, quadratic where that is simpler, and sharing no code with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub mod journeys;

use journeys::JourneysTruth;

/// The gap that splits sessions, in milliseconds; a gap of exactly this length does not split.
pub const SESSION_GAP_MS: i64 = 30 * 60_000;
/// The conversion window of the funnels, in milliseconds, inclusive.
pub const FUNNEL_WINDOW_MS: i64 = 7 * 86_400_000;
/// How long before an identification an anonymous event is still given to it, in milliseconds, inclusive.
pub const BACKFILL_MS: i64 = 30 * 86_400_000;

/// What is true of one simulated business; the content of `truth.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The simulated business, such as `bakery`.
    pub business: String,
    /// The seed of the simulation.
    pub seed: u64,
    /// The number of customers asked for; the number that came is `n_customers_known`.
    pub n_customers_wanted: u32,
    /// The zone of the business, an IANA name.
    pub zone: String,
    /// The first and the last local day, inclusive, as `YYYY-MM-DD`.
    pub days: [String; 2],
    /// The customers named in at least one accepted row of any file.
    pub n_customers_known: u64,
    /// By file name.
    pub files: BTreeMap<String, FileTruth>,
    /// The visits that were simulated; a session by the 30-minute rule may be part of one or join several.
    pub n_visits: u64,
    /// The people of the web file where each row stands for its customer, or else for its visitor.
    pub web_as_logged: PeopleTruth,
    /// The people of the web file where visitors are joined to customers as DECISIONS.md 3 says:
    /// a row without a customer goes to the next customer seen on its visitor within 30 days, else to the last one before it.
    pub web_joined: PeopleTruth,
    /// The money in all files.
    pub money: MoneyTruth,
    /// The planted effects, and the one that only looks like one.
    pub effects: Vec<PlantedEffect>,
    /// The same world without the causal frictions: each alone, then all.
    pub without_frictions: Vec<WithoutFriction>,
    /// Stages, tasks, use and pay, surveys, contacts and frictions of accounts.
    pub journeys: JourneysTruth,
    /// Rows below the header of the files that say something besides events, by file name.
    pub records: BTreeMap<String, u64>,
}

/// What is true of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileTruth {
    /// All rows below the header: accepted + duplicates + broken.
    pub n_rows: u64,
    /// The rows that are accepted, each event id once.
    pub n_accepted: u64,
    /// The accepted rows by event name.
    pub events: BTreeMap<String, u64>,
    /// The rows that repeat an accepted row, equal in every field.
    pub n_duplicates: u64,
    /// The accepted rows that stand over an hour (of event time) behind a row above them in the file.
    pub n_late: u64,
    /// The broken rows by kind. They are extra rows: accepting one in spite of its bad value changes no person, session or funnel.
    pub broken: BTreeMap<String, BrokenTruth>,
    /// The first and the last accepted instant, epoch milliseconds.
    pub time_ms_first: i64,
    /// See `time_ms_first`.
    pub time_ms_last: i64,
}

/// The broken rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BrokenTruth {
    /// The rows of this kind.
    pub n_rows: u64,
    /// The same rows by the event name that they carry.
    pub events: BTreeMap<String, u64>,
}

/// People, sessions and funnel under one notion of who is who.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeopleTruth {
    /// Distinct actors.
    pub n_people: u64,
    /// Sessions per actor at a gap of over 30 minutes, summed.
    pub n_sessions: u64,
    /// People who reached each step, in order, best attempt, within 7 days of the first step.
    pub funnel: Vec<FunnelStep>,
}

/// How many people reached one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunnelStep {
    /// The event name.
    pub event: String,
    /// The people who reached it.
    pub n_people: u64,
}

/// The money in the files, in cents EUR.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MoneyTruth {
    /// Orders placed in the web shop.
    pub n_web_orders: u64,
    /// Their sum.
    pub web_orders_cents: i64,
    /// Purchases at the counter.
    pub n_purchases: u64,
    /// Their sum.
    pub purchases_cents: i64,
    /// Refunds at the counter.
    pub n_refunds: u64,
    /// Their sum, at most 0.
    pub refunds_cents: i64,
    /// Orders and purchases.
    pub gross_cents: i64,
    /// The sum of the three.
    pub net_cents: i64,
    /// What is left of it after costs, as the expression in the spec says.
    pub margin_cents: i64,
    /// Customers whose orders, purchases and refunds sum to more than 0.
    pub n_payers: u64,
}

/// A friction and what it does, with what would have happened without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlantedEffect {
    /// The event name of the friction.
    pub friction: String,
    /// Whether it costs conversions in this world.
    pub causal: bool,
    /// The unit that meets the friction or not.
    pub unit: String,
    /// Which units count: those for which the friction could have mattered.
    pub base: String,
    /// What the unit does next or does not.
    pub outcome: String,
    /// The probability of the outcome is multiplied by this when the friction is met; 1 has no effect.
    pub planted_ratio: f64,
    /// Units that met the friction.
    pub n_met: u64,
    /// Those of them with the outcome.
    pub n_met_outcome: u64,
    /// Units that did not meet it.
    pub n_clean: u64,
    /// Those of them with the outcome.
    pub n_clean_outcome: u64,
    /// Orders that would have been placed in the same visits, with the same draws, had this friction not been met.
    pub n_orders_lost: u64,
    /// The value of those carts, in cents EUR.
    pub orders_lost_cents: i64,
    /// What misleads a naive comparison.
    pub note: String,
}

/// What would have been had some frictions not existed: the same visits with the same draws (common random numbers).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithoutFriction {
    /// The event names of the frictions that are taken away.
    pub frictions: Vec<String>,
    /// Orders that would have been placed besides those that were.
    pub n_orders_more: u64,
    /// The value of those carts, in cents EUR.
    pub orders_more_cents: i64,
    /// Accounts that would have advanced to a first purchase: without any order or purchase in the year, and with one then.
    pub n_accounts_advanced: u64,
    /// What these accounts would have ordered, in cents EUR.
    pub accounts_advanced_cents: i64,
}

/// One event as the naive counts see it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub visitor: String,
    pub customer: String,
    pub time_ms: i64,
    pub event_id: String,
    pub event: &'static str,
}

/// Counts people, sessions and funnel, each row standing for its customer or else for its visitor.
pub(crate) fn people_as_logged(seen: &[Seen], steps: &[&str]) -> PeopleTruth {
    let actors: Vec<&str> = seen.iter().map(|row| if row.customer.is_empty() { &row.visitor } else { &row.customer }.as_str()).collect();
    count_people(seen, &actors, steps)
}

/// Counts people, sessions and funnel with visitors joined to customers (see [`Truth::web_joined`]).
pub(crate) fn people_joined(seen: &[Seen], steps: &[&str]) -> PeopleTruth {
    let customers = joined_customers(seen);
    let actors: Vec<&str> = customers.into_iter().zip(seen).map(|(customer, row)| customer.unwrap_or(&row.visitor)).collect();
    count_people(seen, &actors, steps)
}

/// Gives the customer of each row with visitors joined to customers, or none where the row stays anonymous; O(rows log rows).
pub(crate) fn joined_customers(seen: &[Seen]) -> Vec<Option<&str>> {
    let mut named: BTreeMap<&str, BTreeSet<(i64, &str, &str)>> = BTreeMap::new();
    for row in seen {
        if !row.customer.is_empty() {
            named.entry(&row.visitor).or_default().insert((row.time_ms, &row.event_id, &row.customer));
        }
    }
    let customer = |row| -> Option<&str> {
        let Seen { visitor, customer, time_ms, event_id, .. }: &Seen = row;
        if !customer.is_empty() {
            return Some(customer);
        }
        let names = named.get(visitor.as_str())?;
        let at = (*time_ms, event_id.as_str(), "");
        let next = names.range(at..).next().filter(|next| next.0 - time_ms <= BACKFILL_MS);
        next.or_else(|| names.range(..at).next_back()).map(|name| name.2)
    };
    seen.iter().map(customer).collect()
}

fn count_people(seen: &[Seen], actors: &[&str], steps: &[&str]) -> PeopleTruth {
    let mut timelines: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for (row, actor) in seen.iter().zip(actors) {
        timelines.entry(actor).or_default().push(row);
    }
    let mut n_sessions = 0;
    let mut n_reached = vec![0; steps.len()];
    for timeline in timelines.values_mut() {
        timeline.sort_by(|a, b| (a.time_ms, &a.event_id).cmp(&(b.time_ms, &b.event_id)));
        n_sessions += 1 + timeline.windows(2).filter(|pair| SESSION_GAP_MS < pair[1].time_ms - pair[0].time_ms).count() as u64;
        for n in &mut n_reached[..best_attempt(timeline, steps)] {
            *n += 1;
        }
    }
    PeopleTruth {
        n_people: timelines.len() as u64,
        n_sessions,
        funnel: steps.iter().zip(n_reached).map(|(event, n_people)| FunnelStep { event: (*event).to_owned(), n_people }).collect(),
    }
}

/// Tries every entry and takes the earliest next step each time; O(events²).
fn best_attempt(timeline: &[&Seen], steps: &[&str]) -> usize {
    let mut best = 0;
    for (start, entry) in timeline.iter().enumerate() {
        if entry.event != steps[0] {
            continue;
        }
        let mut reached = 1;
        for later in &timeline[start + 1..] {
            if FUNNEL_WINDOW_MS < later.time_ms - entry.time_ms || reached == steps.len() {
                break;
            }
            if later.event == steps[reached] {
                reached += 1;
            }
        }
        best = best.max(reached);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn world(rows: &[(&str, &str, i64, &'static str)]) -> Vec<Seen> {
        rows.iter()
            .enumerate()
            .map(|(idx, (visitor, customer, time_ms, event))| Seen {
                visitor: (*visitor).to_owned(),
                customer: (*customer).to_owned(),
                time_ms: *time_ms,
                event_id: format!("{idx:04}"),
                event,
            })
            .collect()
    }

    fn funnel(truth: &PeopleTruth) -> Vec<u64> {
        truth.funnel.iter().map(|step| step.n_people).collect()
    }

    #[test]
    fn a_gap_of_exactly_thirty_minutes_does_not_split() {
        let seen = world(&[("v", "", 0, "a"), ("v", "", SESSION_GAP_MS, "a"), ("v", "", 2 * SESSION_GAP_MS + 1, "a")]);
        assert_eq!(people_as_logged(&seen, &["a"]).n_sessions, 2);
    }

    #[test]
    fn the_best_attempt_counts_and_the_window_is_inclusive() {
        let seen = world(&[
            ("v", "", 0, "a"),
            ("v", "", DAY_MS, "a"),
            ("v", "", 8 * DAY_MS, "b"),
            ("w", "", 0, "b"),
            ("w", "", 1, "a"),
            ("x", "", 0, "a"),
            ("x", "", 7 * DAY_MS + 1, "b"),
        ]);
        assert_eq!(funnel(&people_as_logged(&seen, &["a", "b"])), [3, 1]);
    }

    #[test]
    fn visitors_join_the_next_customer_within_the_backfill_else_the_last() {
        let seen = world(&[
            ("v", "", 0, "a"),             // 40 days before anyone is named, nobody before: stays v
            ("v", "", 20 * DAY_MS, "a"),   // to K1, 20 days later
            ("v", "K1", 40 * DAY_MS, "b"), // names v
            ("v", "", 50 * DAY_MS, "a"),   // to K2, not to K1 before it
            ("v", "K2", 60 * DAY_MS, "b"),
            ("v", "", 99 * DAY_MS, "a"), // nobody after: to K2
        ]);
        assert_eq!(people_as_logged(&seen, &["a", "b"]).n_people, 3);
        let joined = people_joined(&seen, &["a", "b"]);
        assert_eq!((joined.n_people, joined.n_sessions), (3, 6));
        assert_eq!(funnel(&joined), [3, 0]);
    }
}
