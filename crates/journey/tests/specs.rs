//! Runs the worked examples in every operator's `spec.md`: the explanation is the test.
//!
//! A block looks like this; `zone`, `gap`, `observed_until`, `spec` (indented lines of diptych.yaml follow), `where` and
//! `by` may be left out:
//!
//! ```text
//! zone: UTC
//! gap: 30m
//! observed_until: 10d
//! ana: view@0s cart@30s buy@2m
//! bob: view@0s{device=phone}
//! ask: funnel {"steps":["view","cart","buy"],"window":"7d"}
//! where: device = 'phone'
//! by: device
//! cells:
//!   step:1 2 people 2
//!   step:2 1/2 0.5
//!   time:2 30s
//!   [phone] step:1 1 people 1
//! ```
//!
//! A listed cell must exist with these numbers; cells that are not listed do not matter.
//! `-` stands for a value that does not exist, `[]` for the group of rows without a value.
//! A mean over `n` units is written `cell 2.5 of 4`.
//! After the numbers, `people p` and `flags a,b` (all flags, `flags -` for none) may follow.

mod common;

use common::{Answer, Question, ask};
use std::sync::Arc;

use diptych_event::Spec;
use diptych_event::time::{format_duration, parse_duration, parse_zone};
use diptych_journey::{Cell, OPERATORS, ops};
use diptych_testkit::{CodeOrder, World, parse_events, parse_moment};

const MAX_ACTORS: usize = 5;

#[test]
fn every_example_holds() {
    let mut failures = Vec::new();
    for operator in OPERATORS {
        let about = operator.about();
        let blocks = blocks(about.spec);
        if blocks.is_empty() {
            failures.push(format!("ops/{}/spec.md has no ```example block", about.id));
        }
        for (block_idx, block) in blocks.iter().enumerate() {
            for (line, what) in check(about.id, block) {
                failures.push(format!("crates/journey/src/ops/{}/spec.md:{line}: example {}: {what}", about.id, block_idx + 1));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn wrong_examples_are_told_apart() {
    let failures = |cells: &str| {
        let text = format!("ana: view@0s buy@30s\nask: funnel {{\"steps\":[\"view\",\"buy\"]}}\ncells:\n{cells}");
        let lines: Vec<(usize, &str)> = text.lines().enumerate().collect();
        check("funnel", &lines).into_iter().map(|(_, what)| what).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(failures("step:1 1 people 1\nstep:2 1/1 1.0 flags low_n\ntime:2 30s"), "");
    assert!(failures("step:1 2 people 1").contains("step:1 is 1"));
    assert!(failures("step:1 1 people 2").contains("people 1"));
    assert!(failures("step:2 1/2 0.5").contains("1/1"));
    assert!(failures("time:2 31s").contains("30s"));
    assert!(failures("step:3 1/1 1").contains("no cell step:3"));
    assert!(failures("[phone] step:1 1").contains("no group"));
    assert!(failures("step:2 1/1 1.0 flags -").contains("low_n"));
    assert!(failures("").contains("no cells"));
}

/// Returns the fenced blocks marked `example`, each as numbered lines.
fn blocks(spec: &str) -> Vec<Vec<(usize, &str)>> {
    let mut blocks = Vec::new();
    let mut lines = spec.lines().enumerate().map(|(line_idx, line)| (line_idx + 1, line));
    while let Some((_, line)) = lines.next() {
        if line.trim() == "```example" {
            blocks.push(lines.by_ref().take_while(|(_, line)| line.trim() != "```").collect());
        }
    }
    blocks
}

/// Runs one block; returns what is wrong, with its line.
fn check(operator_id: &str, block: &[(usize, &str)]) -> Vec<(usize, String)> {
    let example = match Example::parse(block) {
        Ok(example) => example,
        Err(failure) => return vec![failure],
    };
    let (ask_line, ref question) = example.question;
    if question.operator.about().id != operator_id {
        return vec![(ask_line, format!("asks {} in the spec of {operator_id}", question.operator.about().id))];
    }
    let answer = match ask(&example.world, question) {
        Ok(answer) => answer,
        Err(error) => return vec![(ask_line, error.to_string())],
    };
    let wrong = example.expected.iter().filter_map(|(line, text)| Some((*line, compare(&answer, text).err()?)));
    wrong.collect()
}

struct Example<'a> {
    world: World,
    question: (usize, Question<'a>),
    expected: Vec<(usize, &'a str)>,
}

impl<'a> Example<'a> {
    fn parse(block: &[(usize, &'a str)]) -> Result<Self, (usize, String)> {
        let last_line = block.last().map_or(0, |(line, _)| *line);
        let (mut rows, mut actors, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        let (mut zone, mut gap, mut until, mut condition, mut by, mut asked) = (None, None, None, None, None, None);
        let (mut in_cells, mut in_spec, mut spec) = (false, false, String::from("format: 1\n"));
        for (line, raw) in block.iter().map(|(line, text)| (*line, *text)).filter(|(_, text)| !text.trim().is_empty()) {
            in_spec &= raw.starts_with(' ');
            if in_spec {
                spec.push_str(raw.strip_prefix("  ").unwrap_or(raw));
                spec.push('\n');
                continue;
            }
            let text = raw.trim();
            if in_cells {
                expected.push((line, text));
                continue;
            }
            let (key, value) = text.split_once(':').ok_or_else(|| (line, format!("\"{text}\" has no colon")))?;
            let value = value.trim();
            match key {
                "zone" => zone = Some(parse_zone(value).map_err(|what| (line, what))?),
                "gap" => gap = Some(parse_duration(value).map_err(|what| (line, what))?),
                "observed_until" => until = Some(parse_moment(value).map_err(|what| (line, what))?),
                "where" => condition = Some(value),
                "by" => by = Some(value),
                "ask" => {
                    let (id, params) = value.split_once(' ').unwrap_or((value, "{}"));
                    let operator = ops::find(id).ok_or_else(|| (line, format!("there is no operator \"{id}\"")))?;
                    let params = serde_json::from_str(params).map_err(|error| (line, error.to_string()))?;
                    asked = Some((line, Question::new(operator, params)));
                }
                "spec" => in_spec = true,
                "cells" => in_cells = true,
                actor => {
                    parse_events(actor.trim(), value, &mut rows).map_err(|what| (line, what))?;
                    actors.push(actor.trim());
                }
            }
        }
        actors.sort_unstable();
        actors.dedup();
        if actors.len() > MAX_ACTORS {
            return Err((last_line, format!("has {} actors; an example that is read has at most {MAX_ACTORS}", actors.len())));
        }
        if expected.is_empty() {
            return Err((last_line, "expects no cells".into()));
        }
        let mut question = asked.ok_or_else(|| (last_line, "asks nothing".into()))?;
        let world = World::new(rows, CodeOrder::Arrival);
        for column in [condition, by.map(|_| "name <> ''")].into_iter().flatten() {
            world.mask(&world.shards(1)[0], column).map_err(|what| (question.0, what))?;
        }
        if let Some(by) = by {
            world.groups(&world.shards(1)[0], by).map_err(|what| (question.0, what))?;
        }
        question.1.zone = zone.unwrap_or(question.1.zone);
        question.1.session_gap_us = gap.unwrap_or(question.1.session_gap_us);
        question.1.observed_until_us = until;
        question.1.spec = Arc::new(Spec::parse(&spec).map_err(|error| (question.0, format!("spec: {error}")))?);
        (question.1.condition, question.1.by) = (condition, by);
        Ok(Self { world, question, expected })
    }
}

/// Compares one expected line with the answer.
fn compare(answer: &Answer, text: &str) -> Result<(), String> {
    let (cells, text) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        None => (&answer.cells, text),
        Some((label, rest)) => {
            let wanted = (!label.is_empty()).then_some(label);
            let group = answer.groups.iter().find(|(label, _)| label.as_deref() == wanted);
            let known = || answer.groups.iter().map(|(label, _)| label.as_deref().unwrap_or("")).collect::<Vec<_>>().join(", ");
            let (_, cells) = group.ok_or_else(|| format!("there is no group [{label}]; groups: {}", known()))?;
            (cells, rest.trim())
        }
    };
    // Ids may contain spaces, so the longest id that the line starts with is meant.
    let named = |cell: &&Cell| text.strip_prefix(cell.id.as_str()).is_some_and(|rest| rest.starts_with(' '));
    let cell = cells.iter().filter(named).max_by_key(|cell| cell.id.len()).ok_or_else(|| {
        let known: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
        format!("there is no cell {text}; cells: {}", known.join(" "))
    })?;
    let words: Vec<&str> = text[cell.id.len()..].split_whitespace().collect();
    if holds(cell, &words)? {
        return Ok(());
    }
    Err(format!("{} is {}, not {}", cell.id, describe(cell), words.join(" ")))
}

/// Tells whether a cell has the numbers of the words.
fn holds(cell: &Cell, words: &[&str]) -> Result<bool, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("\"{text}\" is not a whole number"));
    let (mut good, rest) = match words {
        [share, value, rest @ ..] if share.contains('/') => {
            let (x, n) = share.split_once('/').expect("it contains one");
            (cell.x == Some(number(x)?) && cell.n == number(n)? && value_is(cell, value), rest)
        }
        [value, "of", n, rest @ ..] => (cell.n == number(n)? && is_written(cell, value), rest),
        [value, rest @ ..] => match value.parse::<u64>() {
            Ok(n) => (cell.x.is_none() && cell.n == n && cell.value == Some(n as f64), rest),
            Err(_) => (is_written(cell, value), rest),
        },
        [] => return Err("a cell needs a number".into()),
    };
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let value = *rest.next().ok_or_else(|| format!("{word} of what?"))?;
        good &= match *word {
            "people" => cell.people == number(value)?,
            "flags" => cell.flags == value.split(',').filter(|flag| *flag != "-").collect::<Vec<_>>(),
            _ => return Err(format!("\"{word}\" is not understood; write people or flags")),
        };
    }
    Ok(good)
}

/// Tells whether a duration or a plain value is as written; durations to the millisecond.
fn is_written(cell: &Cell, text: &str) -> bool {
    match (cell.value, parse_duration(text)) {
        (Some(value_us), Ok(expected_us)) => (value_us - expected_us as f64).abs() < 500.0,
        _ => value_is(cell, text),
    }
}

/// Tells whether a value is as written, to the decimals that are given.
fn value_is(cell: &Cell, text: &str) -> bool {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match cell.value {
        None => text == "-",
        Some(value) => format!("{value:.decimals$}") == text,
    }
}

fn describe(cell: &Cell) -> String {
    let value = match (cell.value, cell.unit) {
        (None, _) => "-".to_owned(),
        (Some(value_us), diptych_journey::seam::Unit::Duration) => format_duration(value_us.round() as i64),
        (Some(value), _) => value.to_string(),
    };
    let base = cell.x.map_or(String::new(), |x| format!("{x}/{} ", cell.n));
    format!("{base}{value} (n {}, people {}, flags {})", cell.n, cell.people, cell.flags.join(","))
}
