//! The fixture world: docs/fixture_world.md works out by hand what every operator must answer about it.
//!
//! The tables of that page are read here, so that page and test cannot differ.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::*;
use diptych_event::time::parse_duration;
use diptych_testkit::Random;
use serde_json::Value;

/// The files in the order of the story: what happened, then who is who, then what was taken back.
const FILES: [&str; 12] = [
    "web_january.jsonl",
    "web_february.jsonl",
    "web_spring.jsonl",
    "logins.csv",
    "billing.csv",
    "crm.csv",
    "support.jsonl",
    "survey.csv",
    "staff.csv",
    "profiles.csv",
    "merges.csv",
    WITHDRAWAL,
];
const WITHDRAWAL: &str = "merges_withdrawn.csv";

/// Which records a question of the ledger is asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// While the merge holds.
    Before,
    /// With everything.
    After,
}

/// A question of the ledger with the cells that its answer must have.
#[derive(Debug)]
struct Question {
    when: When,
    /// The operator and what follows it.
    arguments: Vec<String>,
    lines: Vec<Line>,
}

/// A cell of the ledger.
#[derive(Debug)]
struct Line {
    /// Group of `--by`; `None` for the total.
    group: Option<String>,
    /// Id of the cell; what begins so where it ends with `*`.
    cell: String,
    answer: String,
    people: People,
}

/// Who is behind a cell.
#[derive(Debug)]
enum People {
    /// The ledger does not say.
    Unsaid,
    /// So many.
    Number(u64),
    /// These.
    Names(BTreeSet<String>),
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fixture_world.md")).unwrap()
}

/// Reads the cells of a table row between `|`.
fn columns(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// Reads the questions of the page with their tables.
fn ledger() -> Vec<Question> {
    let page = page();
    let mut questions: Vec<Question> = Vec::new();
    let mut lines = page.lines();
    let mut in_table = false;
    while let Some(line) = lines.next() {
        if let Some(when) = line.strip_prefix("```question") {
            let when = if when.is_empty() { When::After } else { When::Before };
            let command = lines.next().expect("a question follows");
            let arguments = command.strip_prefix("diptych ask DIR ").expect("a question is a command");
            questions.push(Question { when, arguments: words(arguments), lines: Vec::new() });
        } else if line.starts_with("| cell |") {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if in_table && !line.starts_with("|---") {
            questions.last_mut().expect("a question comes before its table").lines.push(ledger_line(line));
        }
    }
    questions
}

fn ledger_line(line: &str) -> Line {
    let [cell, answer, people, ..] = columns(line)[..] else { panic!("too few columns: {line}") };
    let cell = cell.trim_matches('`');
    let (group, cell) = match cell.strip_prefix('[').and_then(|cell| cell.split_once("] ")) {
        Some((group, cell)) => (Some(group.to_owned()), cell),
        None => (None, cell),
    };
    let people = match people {
        "" => People::Unsaid,
        "nobody" => People::Names(BTreeSet::new()),
        people => match people.parse() {
            Ok(number) => People::Number(number),
            Err(_) => People::Names(people.split(", ").map(str::to_owned).collect()),
        },
    };
    Line { group, cell: cell.into(), answer: answer.into(), people }
}

/// Splits a command into words, with double quotes around those that have spaces.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    parts
        .flat_map(|(idx, part)| match idx % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture_world").join(file)
}

/// Makes a workspace with the spec and nothing imported.
fn empty_world() -> tempfile::TempDir {
    workspace(&std::fs::read_to_string(data("diptych.yaml")).unwrap())
}

fn import(dir: &Path, files: &[&str]) {
    let paths: Vec<String> = files.iter().map(|file| data(file).to_str().unwrap().to_owned()).collect();
    let arguments: Vec<&str> = ["import", dir.to_str().unwrap()].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let told = ok(&arguments);
    assert!(!told.lines().any(|line| !line.contains(", 0 rejected, 0 skipped")), "{told}");
}

/// Makes the world as the story tells it.
fn told_world() -> tempfile::TempDir {
    let dir = empty_world();
    import(dir.path(), &FILES);
    dir
}

fn ask_text(dir: &Path, question: &Question) -> String {
    let start = ["ask", dir.to_str().unwrap()];
    let arguments: Vec<&str> = start.into_iter().chain(question.arguments.iter().map(String::as_str)).chain(["--format", "json"]).collect();
    ok(&arguments)
}

/// Returns the answers to all questions that are asked with everything.
fn answers(dir: &Path, questions: &[Question]) -> Vec<String> {
    questions.iter().filter(|question| question.when == When::After).map(|question| ask_text(dir, question)).collect()
}

/// Compares an answer with its table; returns what differs.
fn differences(question: &Question, answer: &Value) -> Vec<String> {
    let mut different = Vec::new();
    let told = |line: &Line, what: String| format!("{} {:?} {}: {what}", question.arguments.join(" "), line.group, line.cell);
    let cells_of = |group: &Option<String>| match group {
        None => answer["cells"].as_array(),
        Some(name) => {
            let mut groups = answer["groups"].as_array().into_iter().flatten();
            groups.find(|group| group["group"] == name.as_str()).and_then(|group| group["cells"].as_array())
        }
    };
    for line in question.lines.iter().filter(|line| !line.cell.ends_with('*')) {
        match cells_of(&line.group).into_iter().flatten().find(|cell| cell["id"] == line.cell.as_str()) {
            None => different.push(told(line, "the answer has no such cell".into())),
            Some(cell) if !is_answer(cell, &line.answer) => {
                different.push(told(line, format!("the ledger says {}, the answer {cell}", line.answer)))
            }
            Some(cell) => match &line.people {
                People::Unsaid => {}
                People::Number(n) if cell["people"] == *n => {}
                People::Names(names) if cell["people"] == names.len() => {}
                people => different.push(told(line, format!("the ledger says {people:?}, the answer {}", cell["people"]))),
            },
        }
    }
    let listed: BTreeSet<&str> = question.lines.iter().filter(|line| line.group.is_none()).map(|line| line.cell.as_str()).collect();
    for cell in answer["cells"].as_array().unwrap().iter().filter(|cell| !listed.contains(cell["id"].as_str().unwrap())) {
        let id = cell["id"].as_str().unwrap();
        match question.lines.iter().find(|line| line.cell.strip_suffix('*').is_some_and(|start| id.starts_with(start))) {
            Some(line) if !is_answer(cell, &line.answer) => {
                different.push(told(line, format!("{id}: the ledger says {}, the answer {cell}", line.answer)))
            }
            None if question.when == When::After => different.push(format!("{}: not in the ledger: {cell}", question.arguments.join(" "))),
            _ => {}
        }
    }
    different
}

/// Tells whether a cell is what the ledger says: `x/n`, `value of n` or a count, with an interval in brackets or without.
fn is_answer(cell: &Value, expected: &str) -> bool {
    let (main, interval) = match expected.split_once(" (") {
        Some((main, interval)) => (main, interval.trim_end_matches(')').split_once(" to ")),
        None => (expected, None),
    };
    let is_main = if let Some((x, n)) = main.split_once('/') {
        cell["x"] == number(x) && cell["n"] == number(n)
    } else if let Some((value, n)) = main.split_once(" of ") {
        is_value(&cell["value"], value) && cell["n"] == number(n)
    } else {
        cell["n"] == number(main) && is_value(&cell["value"], main)
    };
    is_main && interval.is_none_or(|(lo, hi)| is_value(&cell["lo"], lo) && is_value(&cell["hi"], hi))
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("the ledger should have a whole number, not {text:?}"))
}

/// Compares a number with the digits that the ledger shows; money is in cents, durations are in microseconds.
fn is_value(actual: &Value, expected: &str) -> bool {
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, digits)| digits.len() as i32);
    let (value, precision) = match expected.strip_prefix("EUR ") {
        _ if expected == "-" => return actual.is_null(),
        Some(money) => (100.0 * money.parse::<f64>().unwrap(), 100.0 * 0.1_f64.powi(decimals(money))),
        None => match expected.parse::<f64>() {
            Ok(value) => (value, 0.1_f64.powi(decimals(expected))),
            Err(_) => (parse_duration(expected).unwrap() as f64, if expected.ends_with("ms") { 1_000.0 } else { 1.0 }),
        },
    };
    actual.as_f64().is_some_and(|actual| (actual - value).abs() <= 0.5 * precision * (1.0 + 1e-6))
}

#[test]
fn every_operator_has_its_line_in_the_ledger() {
    let ledger = ledger();
    let list: Value = serde_json::from_str(&ok(&["list", "--format", "json"])).unwrap();
    for about in list.as_array().unwrap() {
        let id = about["id"].as_str().unwrap();
        let question = ledger.iter().find(|question| question.when == When::After && question.arguments[0] == id);
        assert!(question.is_some_and(|question| !question.lines.is_empty()), "{id} has no table in docs/fixture_world.md");
    }
    for id in ["funnel", "retention"] {
        let of_accounts = |question: &Question| question.arguments[0] == id && question.arguments.contains(&"--accounts".to_owned());
        assert!(ledger.iter().any(of_accounts), "{id} is not asked about accounts");
    }
}

#[test]
fn answers_equal_the_ledger() {
    let dir = told_world();
    let questions = ledger();
    let mut different = Vec::new();
    for question in questions.iter().filter(|question| question.when == When::After) {
        let answer: Value = serde_json::from_str(&ask_text(dir.path(), question)).unwrap();
        assert_eq!(answer["knows"], knows(When::After), "{question:?}");
        assert_eq!(answer["window"]["observed_until"], "2025-04-30T22:00:00Z", "{question:?}");
        different.extend(differences(question, &answer));
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Reads the table of what answers knew.
fn knows(when: When) -> Value {
    let page = page();
    let lines = page.lines().skip_while(|line| !line.starts_with("| knows |")).skip(2).take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let [word, before, after] = columns(line)[..] else { panic!("three columns: {line}") };
            let n = if when == When::Before { before } else { after };
            (word.trim_matches('`').to_owned(), Value::from(number(n)))
        })
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

#[test]
fn who_lists_the_people_of_the_ledger() {
    let dir = told_world();
    let questions = ledger();
    let asked: Vec<(&Question, &Line, &BTreeSet<String>)> = questions
        .iter()
        .filter(|question| question.when == When::After)
        .flat_map(|question| question.lines.iter().map(move |line| (question, line)))
        .filter_map(|(question, line)| match &line.people {
            People::Names(names) if !names.is_empty() => Some((question, line, names)),
            _ => None,
        })
        .collect();
    assert!(asked.len() > 100, "the ledger names people");
    // The first question makes the timelines of accounts; then all can read.
    ok(&["ask", dir.path().to_str().unwrap(), "stages"]);
    let check = |(question, line, names): &(&Question, &Line, &BTreeSet<String>)| {
        let mut arguments = vec!["who", dir.path().to_str().unwrap()];
        arguments.extend(question.arguments.iter().map(String::as_str));
        arguments.extend(["--cell", &line.cell, "--format", "csv"]);
        line.group.iter().for_each(|group| arguments.extend(["--group", group]));
        let listed = ok(&arguments);
        let listed: BTreeSet<String> = listed.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
        (listed != **names).then(|| format!("{arguments:?}: the ledger says {names:?}, who lists {listed:?}"))
    };
    let different: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = asked
            .chunks(asked.len().div_ceil(4))
            .map(|chunk| scope.spawn(|| chunk.iter().filter_map(check).collect::<Vec<String>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Writes a file again with its rows in another order, and returns its path.
fn shuffled(dir: &Path, name: &str, random: &mut Random) -> String {
    let text = std::fs::read_to_string(data(name)).unwrap();
    let (head, rows) = match text.split_once('\n') {
        Some((head, rows)) if name.ends_with(".csv") => (format!("{head}\n"), rows),
        _ => (String::new(), text.as_str()),
    };
    let mut rows: Vec<&str> = rows.lines().collect();
    random.shuffle(&mut rows);
    file(dir, name, format!("{head}{}\n", rows.join("\n")))
}

#[test]
fn any_order_of_files_gives_the_same_answers() {
    let questions = ledger();
    let expected = answers(told_world().path(), &questions);
    let reversed: Vec<&str> = FILES.into_iter().rev().collect();
    // Nobody knows who is who until the last files come, and the merge is withdrawn before it is known.
    let identity_last = [
        "billing.csv",
        "web_spring.jsonl",
        "survey.csv",
        "web_january.jsonl",
        "crm.csv",
        "web_february.jsonl",
        "support.jsonl",
        "profiles.csv",
        WITHDRAWAL,
        "merges.csv",
        "staff.csv",
        "logins.csv",
    ];
    // Who is who comes first, and the merge holds until the end.
    let withdrawal_last = [
        "merges.csv",
        "staff.csv",
        "profiles.csv",
        "logins.csv",
        "survey.csv",
        "support.jsonl",
        "web_february.jsonl",
        "web_spring.jsonl",
        "web_january.jsonl",
        "crm.csv",
        "billing.csv",
        WITHDRAWAL,
    ];
    for order in [&reversed[..], &identity_last, &withdrawal_last] {
        let dir = empty_world();
        import(dir.path(), order);
        assert!(answers(dir.path(), &questions) == expected, "other answers in the order {order:?}");
    }
}

#[test]
fn any_order_of_rows_gives_the_same_answers_also_when_asked_in_between() {
    let questions = ledger();
    let expected = answers(told_world().path(), &questions);
    for seed in 1..=2 {
        let mut random = Random::new(seed);
        let mut order = FILES;
        random.shuffle(&mut order);
        let dir = empty_world();
        let root = dir.path().to_str().unwrap();
        for (idx, name) in order.iter().enumerate() {
            let path = shuffled(dir.path(), name, &mut random);
            ok(&["import", root, &path]);
            // Timelines are brought up to date piece by piece when questions come between imports.
            if idx % 4 == 1 {
                ok(&["sql", root, "select count(*) from users"]);
                ok(&["ask", root, "stages"]);
            }
        }
        assert!(answers(dir.path(), &questions) == expected, "other answers in the order {order:?} with rows of seed {seed}");
        ok(&["rebuild", root]);
        assert!(answers(dir.path(), &questions) == expected, "other answers after a rebuild");
    }
}

#[test]
fn a_merge_holds_until_it_is_withdrawn() {
    let questions = ledger();
    let dir = empty_world();
    let merged: Vec<&str> = FILES.into_iter().filter(|file| *file != WITHDRAWAL).collect();
    import(dir.path(), &merged);
    let mut different = Vec::new();
    for question in questions.iter().filter(|question| question.when == When::Before) {
        let answer: Value = serde_json::from_str(&ask_text(dir.path(), question)).unwrap();
        assert_eq!(answer["knows"], knows(When::Before), "{question:?}");
        different.extend(differences(question, &answer));
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    import(dir.path(), &[WITHDRAWAL]);
    assert!(answers(dir.path(), &questions) == answers(told_world().path(), &questions), "a withdrawn merge leaves a trace");
}
