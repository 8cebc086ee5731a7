//! Published vectors and a naive oracle for tasks.

use diptych_testkit::{Options, generate};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::derive::tasks::Attempt;
use crate::derive::testing::Scene;
use crate::stats::Z_95;

const TASK: &str = "tasks: { t: { start: s, success: g, fail: f, error: e } }";

fn ask(spec: &str, journeys: &str, until: &str) -> Vec<Cell> {
    Scene::new(spec, journeys, until).ask(&Tasks, json!({}))
}

#[track_caller]
fn cell(cells: &[Cell], id: &str) -> Cell {
    let known = || cells.iter().map(|cell| cell.id.as_str()).collect::<Vec<_>>().join(", ");
    cells.iter().find(|cell| cell.id == id).unwrap_or_else(|| panic!("no cell {id} among {}", known())).clone()
}

#[track_caller]
fn share(cells: &[Cell], id: &str) -> (u64, u64, u64) {
    let cell = cell(cells, id);
    (cell.x.unwrap(), cell.n, cell.people)
}

#[track_caller]
fn close(actual: Option<f64>, expected: f64) {
    let actual = actual.expect("a number");
    assert!((actual - expected).abs() < 1e-8, "{actual} against {expected}");
}

/// Draws one person per attempt: a start, so many errors, and a last event after so many milliseconds.
fn attempts(of: impl IntoIterator<Item = (u64, usize, &'static str)>) -> String {
    let line = |(idx, (after_ms, n_errors, last)): (usize, (u64, usize, &str))| {
        let errors: String = (0..n_errors).map(|nth| format!(" e@{}ms", 1_001 * (nth + 1))).collect();
        format!("p{idx}: s@0s{errors} {last}@{after_ms}ms\n")
    };
    of.into_iter().enumerate().map(line).collect()
}

// METRICS 1.2, the vector with one censored attempt.
#[test]
fn open_attempts_are_in_no_rate_and_bound_the_success() {
    let journey = "ana: s@0s x@10s g@20s s@30s s@40s g@100s x@120s s@200s g@900s s@1000s x@1100s";
    let cells = ask("tasks: { t: { start: s, success: g, timeout: 600s } }", journey, "1100s");
    assert_eq!(share(&cells, "task:t:success"), (2, 3, 1));
    assert_eq!(share(&cells, "task:t:success:lowest"), (2, 4, 1));
    assert_eq!(share(&cells, "task:t:success:highest"), (3, 4, 1));
    assert_eq!(share(&cells, "task:t:abandoned"), (1, 3, 1));
    assert_eq!(share(&cells, "task:t:open"), (1, 4, 1));
    assert_eq!(cell(&cells, "task:t:orphan_goals").n, 1);
}

#[test]
fn bounds_are_shown_when_over_one_in_twenty_is_open() {
    let with_open = |n_open: usize| {
        let open = (0..n_open).map(|nth| format!("open{nth}: s@25m\n")).collect::<String>();
        ask(TASK, &(attempts((0..20 - n_open).map(|_| (60_000, 0, "g"))) + &open), "30m")
    };
    assert!(!with_open(1).iter().any(|cell| cell.id.starts_with("task:t:success:")));
    assert_eq!(share(&with_open(2), "task:t:success:lowest"), (18, 20, 18));
    assert_eq!(share(&with_open(2), "task:t:success:highest"), (20, 20, 20));
}

// METRICS 1.3: 7 of 10.
#[test]
fn success_has_wilsons_interval() {
    let cells = ask(TASK, &attempts((0..10).map(|nth| (1_000, 0, if nth < 7 { "g" } else { "f" }))), "");
    let success = cell(&cells, "task:t:success");
    assert_eq!((success.x, success.n, success.people), (Some(7), 10, 7));
    close(success.lo, 0.396_778_147_461);
    close(success.hi, 0.892_208_732_594);
    assert_eq!(share(&cells, "task:t:failed"), (3, 10, 3));
}

// METRICS 1.4: geometric mean 48.17 s [37.20 to 62.37]; of 25 and more the median stands for all.
#[test]
fn the_typical_time_of_few_is_the_geometric_mean() {
    let seconds = [40, 36, 53, 56, 110, 48, 34, 44, 30, 40, 80];
    let few = ask(TASK, &attempts(seconds.map(|seconds| (seconds * 1_000, 0, "g"))), "");
    let time = cell(&few, "task:t:time");
    let seconds = |us: Option<f64>| us.map(|us| us / 1e6);
    close(seconds(time.value), 48.171_210_289);
    close(seconds(time.lo), 37.204_251_720);
    close(seconds(time.hi), 62.370_976_256);
    assert_eq!((time.n, time.method), (11, Some("t of logarithms")));
    let many = ask(TASK, &attempts((1..=25).map(|seconds| (seconds * 1_000, 0, "g"))), "");
    assert_eq!((cell(&many, "task:t:time").value, cell(&many, "task:t:time").method), (Some(13e6), Some("order statistics")));
}

// METRICS 1.4: median 44 s with the interval from 34 to 80 s. A slow failure is not among them.
#[test]
fn times_are_those_of_attempts_with_one_outcome() {
    let times = [40, 36, 53, 56, 110, 48, 34, 44, 30, 40, 80].map(|seconds| (seconds * 1_000, 0, "g"));
    let cells = ask(TASK, &attempts(times.into_iter().chain([(1_000_000, 0, "f")])), "");
    let elapsed = cell(&cells, "task:t:elapsed:succeeded");
    assert_eq!((elapsed.value, elapsed.lo, elapsed.hi), (Some(44e6), Some(34e6), Some(80e6)));
    assert_eq!((elapsed.n, elapsed.people), (11, 11));
    // A pause counts for 60 s at most.
    let engaged = cell(&cells, "task:t:engaged:succeeded");
    assert_eq!((engaged.value, engaged.lo, engaged.hi), (Some(44e6), Some(34e6), Some(60e6)));
    assert_eq!(cell(&cells, "task:t:elapsed:failed").value, Some(1e9));
    let abandoned = cell(&cells, "task:t:elapsed:abandoned");
    assert_eq!((abandoned.value, abandoned.n), (None, 0));
    assert_eq!(abandoned.flags, ["no_data", "clustered"]);
}

// METRICS 1.5: 7 errors in 20 attempts, and none.
#[test]
fn errors_per_attempt_have_the_exact_interval() {
    let errors = |of: [usize; 20]| ask(TASK, &attempts(of.map(|n| (30_000, n, "g"))), "");
    let mut of = [0; 20];
    (of[0], of[7]) = (5, 2);
    let cells = errors(of);
    let rate = cell(&cells, "task:t:errors_per_attempt");
    assert_eq!((rate.n, rate.people), (20, 2));
    close(rate.value, 0.35);
    close(rate.lo, 0.140_718_153);
    close(rate.hi, 0.721_133_768);
    assert_eq!(share(&cells, "task:t:with_error"), (2, 20, 2));
    let none = cell(&errors([0; 20]), "task:t:errors_per_attempt");
    assert_eq!((none.value, none.lo), (Some(0.0), Some(0.0)));
    close(none.hi, 0.184_443_973);
}

// Published tables of Poisson limits (Garwood 1936; Ulm 1990).
#[test]
fn poisson_intervals_agree_with_published_tables() {
    for (x, lo, hi) in [(1, 0.0253, 5.5716), (10, 4.7954, 18.3904), (100, 81.3640, 121.6268)] {
        let (found_lo, found_hi) = poisson_interval(x);
        assert!((found_lo - lo).abs() < 1e-4 && (found_hi - hi).abs() < 1e-4, "{x}: {found_lo} {found_hi}");
    }
    // For many events the square root of the mean is near normal.
    let (lo, hi) = poisson_interval(250_000);
    assert!(((lo.sqrt() - 500.0) * 2.0 + Z_95).abs() < 0.01 && ((hi.sqrt() - 500.0) * 2.0 - Z_95).abs() < 0.01, "{lo} {hi}");
}

#[test]
fn a_first_attempt_is_the_first_one_ever() {
    let journeys = "ana: s@0s f@1s s@2s g@3s
        bob: s@0s g@1s s@2s f@3s
        cem: s@0s";
    let cells = ask(TASK, journeys, "10m");
    assert_eq!(share(&cells, "task:t:first_success"), (1, 2, 1));
    assert_eq!(share(&cells, "task:t:success"), (2, 4, 2));
    assert_eq!(cell(&cells, "task:t:people").people, 3);
}

#[test]
fn cells_follow_what_the_spec_says() {
    let ids = |spec: &str| {
        let cells = ask(spec, "ana: s@0s g@1s", "");
        cells.into_iter().map(|cell| cell.id).filter(|id| id.contains("error") || id.contains("step")).collect::<Vec<_>>()
    };
    assert_eq!(ids("tasks: { t: { start: s, success: g } }"), Vec::<String>::new());
    let expected = ["task:t:with_error", "task:t:errors_per_attempt", "task:t:step:1", "task:t:step:2", "task:t:step:3"];
    assert_eq!(ids("tasks: { t: { start: s, success: g, steps: [x], error: e } }"), expected);
}

#[test]
fn nothing_to_divide_by_is_no_number() {
    for cell in ask(TASK, "ana: x@0s", "") {
        assert_eq!((cell.n, cell.people, cell.lo, cell.hi), (0, 0, None, None), "{cell:?}");
        let counted = ["task:t:attempts", "task:t:people", "task:t:orphan_goals"].contains(&cell.id.as_str());
        assert_eq!(cell.value, counted.then_some(0.0), "{cell:?}");
    }
}

#[test]
fn impossible_questions_are_refused_with_advice() {
    let scene = Scene::new(TASK, "ana: s@0s", "");
    assert!(scene.refuse(&Tasks, json!({"task": ["T"]})).contains("no task is called \"T\""));
    assert!(scene.refuse(&Tasks, json!({"task": ["T"]})).contains("tasks: t"));
    assert!(Scene::new("", "ana: s@0s", "").refuse(&Tasks, json!({})).contains("`tasks:`"));
}

#[test]
fn a_list_of_names_picks_tasks() {
    let spec = "tasks: { a: { start: s, success: g }, b: { start: s, success: f }, c: { start: s, success: x } }";
    let scene = Scene::new(spec, "ana: s@0s g@1s", "");
    let cells = scene.ask(&Tasks, json!({"task": ["c", "a"]}));
    let attempts: Vec<&str> = cells.iter().filter(|cell| cell.id.ends_with(":attempts")).map(|cell| cell.id.as_str()).collect();
    assert_eq!(attempts, ["task:a:attempts", "task:c:attempts"]);
    let all = scene.ask(&Tasks, json!({}));
    assert!(cells.iter().all(|cell| all.contains(cell)));
}

proptest! {
    /// Counts attempts cell by cell from the list of all of them.
    #[test]
    fn cells_are_those_counted_one_by_one(seed in any::<u64>()) {
        const SPEC: &str = "tasks: { t: { start: view, success: buy, steps: [cart], fail: error, abort: help, error: search } }";
        let world = generate(seed, &Options::varied(seed));
        let scene = Scene::of(world, SPEC);
        let cells = scene.ask(&Tasks, json!({}));
        let people: Vec<Vec<Attempt>> = scene.read(Rules::compile, |rules, view| {
            let finder = rules.on(view);
            let attempts = |rows| {
                let mut attempts = Vec::new();
                finder.attempts(rows, &mut |attempt| attempts.push(attempt));
                attempts
            };
            view.journeys().map(|(_, rows)| attempts(rows)).collect()
        });
        let count = |has: &dyn Fn(&Attempt) -> bool| {
            let units = people.iter().flatten().filter(|attempt| has(attempt)).count() as u64;
            let n_people = people.iter().filter(|attempts| attempts.iter().any(has)).count() as u64;
            (units, n_people)
        };
        let resolved = |attempt: &Attempt| attempt.outcome != Outcome::Open;
        let n_resolved = count(&resolved).0;
        for (id, outcome) in [("success", Outcome::Succeeded), ("failed", Outcome::Failed), ("abandoned", Outcome::Abandoned)] {
            let (x, who) = count(&|attempt| attempt.outcome == outcome);
            prop_assert_eq!(share(&cells, &format!("task:t:{id}")), (x, n_resolved, who));
            let mut times: Vec<i64> = people.iter().flatten().filter(|attempt| attempt.outcome == outcome).map(|one| one.elapsed_us).collect();
            times.sort_unstable();
            prop_assert_eq!(cell(&cells, &format!("task:t:elapsed:{}", outcome.word())).value, quantile_sorted(&times, 0.5));
        }
        let (n_all, n_people) = count(&|_| true);
        prop_assert_eq!((cell(&cells, "task:t:attempts").n, cell(&cells, "task:t:people").people), (n_all, n_people));
        for step in 1..=3 {
            let (x, who) = count(&|attempt| resolved(attempt) && attempt.steps_done >= step);
            prop_assert_eq!(share(&cells, &format!("task:t:step:{step}")), (x, n_resolved, who));
        }
        let (x, who) = count(&|attempt| attempt.n_errors > 0);
        prop_assert_eq!(share(&cells, "task:t:with_error"), (x, n_all, who));
        let firsts: Vec<&Attempt> = people.iter().filter_map(|attempts| attempts.first()).filter(|attempt| resolved(attempt)).collect();
        let succeeded = firsts.iter().filter(|attempt| attempt.outcome == Outcome::Succeeded).count() as u64;
        prop_assert_eq!(share(&cells, "task:t:first_success"), (succeeded, firsts.len() as u64, succeeded));
    }
}
