//! Published vectors and a naive oracle for frictions.

use diptych_testkit::{Options, generate};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::derive::testing::Scene;

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

#[test]
fn episodes_sessions_and_people_are_told_apart() {
    let journeys = "ana: fail@0s fail@10s view@3h fail@6h
        bob: view@0s
        cem: fail@0s";
    let cells = Scene::new("frictions: { f: { events: fail } }", journeys, "").ask(&Frictions, json!({}));
    assert_eq!((cell(&cells, "sessions").n, cell(&cells, "people").people), (5, 3));
    let episodes = cell(&cells, "friction:f:episodes");
    assert_eq!((episodes.n, episodes.people, episodes.unit), (4, 2, Unit::Episode));
    assert_eq!(share(&cells, "friction:f:sessions"), (3, 5, 2));
    assert_eq!(share(&cells, "friction:f:people"), (2, 3, 2));
    assert_eq!(cell(&cells, "friction:f:sessions").flags, ["low_n", "clustered"]);
    assert!(!cells.iter().any(|cell| cell.id == "friction:f:opportunity"), "a failure is no opportunity to fail");
}

// METRICS 1.10: the denominator matters.
#[test]
fn opportunities_are_another_base() {
    let journeys = "ana: click@0s{element=b} click@100ms{element=b} click@200ms{element=b}
        bob: click@0s{element=b} view@3h
        cem: view@0s pay@1s";
    let spec = "frictions: { r: { rule: rage_click, events: click }, f: { events: fail, opportunity: pay } }";
    let cells = Scene::new(spec, journeys, "").ask(&Frictions, json!({}));
    assert_eq!(share(&cells, "friction:r:sessions"), (1, 4, 1));
    assert_eq!(share(&cells, "friction:r:opportunity"), (1, 2, 1));
    assert_eq!(share(&cells, "friction:f:opportunity"), (0, 1, 0));
}

#[test]
fn episodes_during_attempts_lie_between_their_ends() {
    let spec = "tasks: { order: { start: view, success: buy }, find: { start: search, success: view } }
frictions: { f: { events: fail } }";
    let journeys = "ana: fail@0s view@10s fail@20s buy@30s fail@40s view@50s fail@60s
        bob: search@0s fail@2s view@3s fail@5s";
    let cells = Scene::new(spec, journeys, "").ask(&Frictions, json!({}));
    assert_eq!(share(&cells, "friction:f:task:order"), (3, 6, 2));
    assert_eq!(share(&cells, "friction:f:task:find"), (1, 6, 1));
}

#[test]
fn episodes_outside_of_sessions_are_in_no_session() {
    let journeys = "ana: view@0s fail@3h{interactive=false}";
    let cells = Scene::new("frictions: { f: { events: fail } }", journeys, "").ask(&Frictions, json!({}));
    assert_eq!(cell(&cells, "friction:f:episodes").n, 1);
    assert_eq!(share(&cells, "friction:f:sessions"), (0, 1, 0));
    assert_eq!(share(&cells, "friction:f:people"), (0, 1, 0));
}

#[test]
fn labels_show_the_version_of_the_rule() {
    let cells = Scene::new("frictions: { f: { events: fail, version: 4 } }", "ana: fail@0s", "").ask(&Frictions, json!({}));
    assert_eq!(cell(&cells, "friction:f:episodes").label, "f (rule 4): episodes");
}

#[test]
fn frictions_of_accounts_are_left_out_with_a_note() {
    let spec = "frictions: { f: { events: fail }, late: { rule: slow_refund, request: ask, refund: pay, over: 7d } }";
    let scene = Scene::new(spec, "ana: fail@0s", "");
    let mut context = Context::new(&scene.catalog);
    let plan = Operator::plan(&Frictions, &Params { friction: Vec::new() }, &mut context).unwrap();
    assert!(plan.shown.iter().all(|shown| !shown.id.contains("late")));
    assert!(context.notes.iter().any(|note| note.contains("met by accounts")), "{:?}", context.notes);
    assert!(scene.refuse(&Frictions, json!({"friction": ["late"]})).contains("met by accounts; frictions of users: f"));
}

#[test]
fn impossible_questions_are_refused_with_advice() {
    let scene = Scene::new("frictions: { failed: { events: fail } }", "ana: fail@0s", "");
    let refused = scene.refuse(&Frictions, json!({"friction": ["faild"]}));
    assert!(refused.contains("no friction is called \"faild\"") && refused.contains("did you mean \"failed\"?"), "{refused}");
    assert!(Scene::new("", "ana: fail@0s", "").refuse(&Frictions, json!({})).contains("`frictions:`"));
}

#[test]
fn a_list_of_names_picks_frictions() {
    let scene = Scene::new("frictions: { a: { events: fail }, b: { events: view } }", "ana: fail@0s view@1s", "");
    let picked = scene.ask(&Frictions, json!({"friction": ["b"]}));
    assert!(picked.iter().all(|cell| !cell.id.starts_with("friction:a")));
    let all = scene.ask(&Frictions, json!({}));
    assert!(picked.iter().all(|cell| all.contains(cell)));
}

proptest! {
    /// Counts sessions, people and attempts one by one from the list of all episodes.
    #[test]
    fn cells_are_those_counted_one_by_one(seed in any::<u64>()) {
        const SPEC: &str = "tasks: { t: { start: view, success: buy, scope: user } }
frictions: { f: { events: error | help, within: 5m, opportunity: search } }";
        let scene = Scene::of(generate(seed, &Options::varied(seed)), SPEC);
        let cells = scene.ask(&Frictions, json!({}));
        let (mut n_sessions, mut with, mut could, mut both, mut people) = (0, 0, 0, 0, 0);
        let (mut n_episodes, mut during) = (0, 0);
        scene.read(Rules::compile_of_users, |rules, view| {
            scene.read(tasks::Rules::compile, |tasks, _| {
                let (frictions, tasks) = (rules.on(view), tasks.on(view));
                for (_, rows) in view.journeys() {
                    let (mut episodes, mut attempts) = (Vec::new(), Vec::new());
                    frictions.episodes(rows.clone(), &mut |episode| episodes.push(episode.row));
                    tasks.attempts(rows.clone(), &mut |attempt| attempts.push(attempt.first_row..=attempt.last_row));
                    n_episodes += episodes.len() as u64;
                    during += episodes.iter().filter(|row| attempts.iter().any(|attempt| attempt.contains(row))).count() as u64;
                    let before = with;
                    for session in derive::sessions(&view.shard, rows, 1_800_000_000) {
                        let met = episodes.iter().any(|row| session.contains(row));
                        let searched = session.clone().any(|row| scene.names().text(view.shard.name.get(row)) == "search");
                        n_sessions += 1;
                        with += u64::from(met);
                        could += u64::from(searched);
                        both += u64::from(met && searched);
                    }
                    people += u64::from(with > before);
                }
            });
        });
        prop_assert_eq!(cell(&cells, "friction:f:episodes").n, n_episodes);
        prop_assert_eq!(share(&cells, "friction:f:sessions"), (with, n_sessions, people));
        prop_assert_eq!(cell(&cells, "friction:f:people").x, Some(people));
        prop_assert_eq!((cell(&cells, "friction:f:opportunity").x, cell(&cells, "friction:f:opportunity").n), (Some(both), could));
        prop_assert_eq!((cell(&cells, "friction:f:task:t").x, cell(&cells, "friction:f:task:t").n), (Some(during), n_episodes));
    }
}
