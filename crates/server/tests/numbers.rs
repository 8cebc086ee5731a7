//! The numbers law: what comes over HTTP is what the engine says, for every operator.

mod common;

use diptych_engine::{Modifiers, OPERATORS, Question, Workbench};
use serde_json::{Value, json};

/// Questions that a bakery can be asked; every operator has at least one.
fn questions() -> Vec<(&'static str, Value)> {
    vec![
        ("behind", json!({ "params": { "stage": "consideration" } })),
        ("channels", json!({ "params": { "stage": "purchase" } })),
        ("drop_offs", json!({})),
        ("frictions", json!({ "by": "device" })),
        ("funnel", json!({ "params": { "steps": ["view_product", "add_to_cart", "order_placed"] }, "versus": "device = 'phone'" })),
        ("funnel", json!({ "params": { "steps": ["view_product", "add_to_cart"] }, "accounts": true })),
        ("nps", json!({})),
        ("retention", json!({ "params": { "period": "month" }, "from": "2025-02-01", "to": "2025-09-01" })),
        ("sessions", json!({ "by": "device", "groups": 2 })),
        ("sessions", json!({ "where": "page = '/'", "actors": "n_events > 3" })),
        ("stages", json!({})),
        ("tasks", json!({ "params": { "task": ["order"] } })),
        ("transitions", json!({ "params": { "top": 5 } })),
        ("users_customers", json!({})),
        ("value", json!({})),
    ]
}

fn question(operator: &str, asked: &Value) -> Question {
    let text = |name: &str| asked[name].as_str().map(str::to_owned);
    let mut question = Question { operator: operator.into(), params: asked["params"].clone(), ..Question::default() };
    question.modifiers = Modifiers {
        filter: text("where"),
        actors: text("actors"),
        by: text("by"),
        versus: text("versus"),
        from: text("from"),
        to: text("to"),
        accounts: asked["accounts"] == true,
    };
    if let Some(groups) = asked["groups"].as_u64() {
        question.limits.n_groups = groups as usize;
    }
    question
}

#[test]
fn every_operator_says_over_http_what_it_says_to_the_command_line() {
    let root = common::bakery();
    let server = common::serve(&root);
    let bench = Workbench::open(&root).unwrap();
    let questions = questions();
    for operator in OPERATORS {
        let id = operator.about().id;
        assert!(questions.iter().any(|(known, _)| *known == id), "no question of {id} is tried here");
    }
    for (operator, asked) in &questions {
        let answer = bench.ask(&question(operator, asked)).unwrap();
        let target = format!("/api/ask/{operator}");
        assert_eq!(server.post(&target, asked).text(), answer.to_json(), "{operator} {asked}");
        assert_eq!(server.post(&format!("{target}?format=csv"), asked).text(), answer.to_csv(), "{operator} {asked}");
        let link = format!("{target}?q={}", encoded(&asked.to_string()));
        assert_eq!(server.get(&link).text(), answer.to_json(), "{operator} {asked}");
        let lines = server.post(&format!("{target}?stream=1"), asked).lines();
        let last = lines.last().unwrap();
        assert_eq!(last["type"], "answer");
        assert_eq!(last["answer"], as_sent(&answer));
        let cell = answer.cells.iter().find(|cell| cell.people > 1).unwrap_or(&answer.cells[0]);
        let people = bench.who(&question(operator, asked), &cell.id, None).unwrap();
        let mut of_cell = asked.clone();
        of_cell["cell"] = cell.id.clone().into();
        of_cell["limit"] = 1.into();
        let found = server.post(&format!("/api/who/{operator}"), &of_cell).json();
        assert_eq!(found["units_total"], people.units.len());
        assert_eq!(found["actors_total"], people.n_actors());
        assert_eq!(found["actors_total"], cell.people, "{operator} {}", cell.id);
        assert_eq!(found["cell"], as_sent(cell));
        assert_eq!(found["units"], as_sent(&people.units[..people.units.len().min(1)]));
        assert_eq!(found["more"], people.units.len() > 1);
    }
}

/// Returns what is read from the text that is sent: reading decimals back may differ in the last bit.
fn as_sent<T: serde::Serialize + ?Sized>(value: &T) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn people_of_groups_are_those_of_their_cells_also_of_comparisons() {
    let server = common::serve(&common::bakery());
    let asked = json!({ "params": { "steps": ["view_product", "add_to_cart"] }, "versus": "device = 'phone'" });
    let answer = server.post("/api/ask/funnel", &asked).json();
    let groups = answer["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    for group in groups {
        let cell = group["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "step:2").unwrap();
        let mut behind = asked.clone();
        behind["cell"] = "step:2".into();
        behind["group"] = group["group"].clone();
        assert_eq!(server.post("/api/who/funnel", &behind).json()["actors_total"], cell["people"], "{}", group["group"]);
    }
    let mut behind = asked.clone();
    behind["cell"] = "step:2".into();
    behind["group"] = "tablet".into();
    server.post("/api/who/funnel", &behind).problem(400, "wrong");
}

#[test]
fn workbooks_hold_the_cells() {
    let server = common::serve(&common::bakery());
    let reply = server.post("/api/ask/sessions?format=xlsx", &json!({}));
    assert_eq!(reply.status, 200);
    assert!(reply.body.starts_with(b"PK"), "a workbook is a zip archive");
    assert!(reply.header("content-disposition").contains("sessions.xlsx"));
}

#[test]
fn eight_questions_at_once_are_all_answered_alike() {
    let server = common::serve(&common::bakery());
    let alone = server.post("/api/ask/transitions", &json!({})).text();
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| server.post("/api/ask/transitions", &json!({})).text())).collect();
        asking.into_iter().for_each(|asked| assert_eq!(asked.join().unwrap(), alone));
    });
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
