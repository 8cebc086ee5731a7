//! What every operator costs per event: each one of the seam with each sample of its card, on one thread, over worlds that
//! are made up.
//!
//! `cargo bench -p diptych-journey` prints nanoseconds per event, the fastest of [`RUNS`]; `-- WORD` keeps the operators
//! whose name has the word. Worlds are small enough for the caches: this tells one version from another, and
//! bench/run.py tells what large data cost.

#![allow(clippy::disallowed_types, reason = "a bench looks at the clock")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{ACCOUNT_SPEC, Question, prepare};
use diptych_event::Spec;
use diptych_journey::{OPERATORS, Panel};
use diptych_testkit::{CodeOrder, Options, Passive, Ties, World, generate, generate_accounts};

/// How often each question is asked.
const RUNS: usize = 5;

/// Seeds of accounts' worlds, which have at most 40 accounts each.
const N_ACCOUNT_WORLDS: u64 = 1_500;

fn main() {
    // Cargo hands `--bench` on.
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let users = Options { n_actors: 20_000, n_events: 60, ties: Ties::None, passive: Passive::None, ..Options::default() };
    let (of_users, of_accounts) = (generate(1, &users), accounts());
    let account_spec = Arc::new(Spec::parse(ACCOUNT_SPEC).expect("the spec is good"));
    println!("{:>12} {:>10}  question", "ns per event", "events");
    for operator in OPERATORS.iter().filter(|operator| operator.about().id.contains(&word)) {
        let about = operator.about();
        let world = if about.panel == Panel::User { &of_users } else { &of_accounts };
        for sample in about.samples {
            let params = serde_json::from_str(sample).expect("samples are JSON");
            let mut question = Question { n_shards: 8, ..Question::new(*operator, params) };
            if about.panel != Panel::User {
                question.spec = account_spec.clone();
            }
            let fastest = (0..RUNS).map(|_| time_of(world, &question)).min().expect("there is a run");
            let n_events = world.rows().len();
            println!("{:12.1} {n_events:10}  {} {sample}", fastest.as_nanos() as f64 / n_events as f64, about.id);
        }
    }
}

/// Measures the scans, the merging and the cells, without what is made ready before.
fn time_of(world: &World, question: &Question) -> Duration {
    let mut prepared = prepare(world, question).unwrap_or_else(|error| panic!("{}: {error}", question.operator.about().id));
    let started = Instant::now();
    let total = prepared.count(0, |_| {});
    std::hint::black_box(question.operator.finish(&prepared.plan, total));
    started.elapsed()
}

/// Makes one world of many small ones.
fn accounts() -> World {
    let of_seed = |seed: u64| {
        let mut rows = generate_accounts(seed).rows().to_vec();
        rows.iter_mut().for_each(|row| row.actor.push_str(&format!(" of {seed}")));
        rows
    };
    World::new((0..N_ACCOUNT_WORLDS).flat_map(of_seed).collect(), CodeOrder::Arrival)
}
