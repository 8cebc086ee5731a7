//! Answers as tables for people.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use diptych_engine::numbers::{interval, thousands, value};
use diptych_engine::seam::{Cell, Chart, Panel};
use diptych_engine::{Answer, ops};
use diptych_event::time::format_instant;

/// Periods that a cohort table shows.
const GRID_PERIODS: usize = 12;
/// Cohorts that a cohort table shows.
const GRID_COHORTS: usize = 31;

/// Writes an answer for a terminal.
pub fn answer(answer: &Answer) -> String {
    let mut text = format!("{}: {}\n", answer.title, answer.question);
    let window = &answer.window;
    let span = match (&window.from, &window.to) {
        (None, None) => format!("{} to {}", window.observed_from, window.observed_until),
        (from, to) => format!("{} to {}", from.as_ref().unwrap_or(&window.observed_from), to.as_ref().unwrap_or(&window.observed_until)),
    };
    text.push_str(&format!(
        "{} events of {} {}, {span}, days of {}\n",
        thousands(answer.base.events),
        thousands(answer.base.actors),
        if answer.panel == Panel::User { "people" } else { "accounts" },
        window.zone
    ));
    for (name, value) in [
        ("where", &answer.modifiers.filter),
        ("actors", &answer.modifiers.actors),
        ("by", &answer.modifiers.by),
        ("versus", &answer.modifiers.versus),
    ] {
        if let Some(value) = value {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    let chart = ops::find(answer.operator).map(|operator| operator.about().chart);
    if answer.groups.is_empty() {
        text.push_str(&cells(&answer.cells, chart));
    } else {
        text.push_str("\nall\n");
        text.push_str(&cells(&answer.cells, chart));
        for group in &answer.groups {
            text.push_str(&format!("\n{}\n", group.group.as_deref().unwrap_or("(none)")));
            text.push_str(&cells(&group.cells, chart));
        }
    }
    if !answer.differences.is_empty() {
        let mut table = table(&["first minus second", "difference", "95 % interval", ""]);
        for difference in &answer.differences {
            let points = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{:+.1} points", 100.0 * value));
            table.add_row([
                difference.id.clone(),
                points(difference.value),
                format!("{} to {}", points(difference.lo), points(difference.hi)),
                difference.method.into(),
            ]);
        }
        text.push_str(&format!("\n{table}\n"));
    }
    text.push_str(&format!("\nHow it counts: {}\n", answer.counting));
    for note in &answer.notes {
        text.push_str(&format!("Note: {note}\n"));
    }
    text
}

fn cells(cells: &[Cell], chart: Option<Chart>) -> String {
    let (grid, list): (Vec<&Cell>, Vec<&Cell>) =
        cells.iter().partition(|cell| chart == Some(Chart::Grid) && cell.id.starts_with("cohort:"));
    let mut table = table(&["cell", "", "value", "95 % interval", "people", ""]);
    for cell in list {
        table.add_row([
            cell.id.clone(),
            cell.label.clone(),
            value(cell),
            interval(cell),
            thousands(cell.people),
            format!("{}{}", if chart == Some(Chart::Funnel) { bar(cell) } else { String::new() }, cell.flags.join(", ")),
        ]);
    }
    for column in [2, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{table}\n");
    if !grid.is_empty() {
        text.push_str(&cohorts(&grid));
    }
    text
}

/// Writes cohorts down, periods across; `*` marks cells that are not yet complete.
fn cohorts(cells: &[&Cell]) -> String {
    let mut rows: Vec<(&str, u64, Vec<String>)> = Vec::new();
    for cell in cells {
        let name = cell.id.trim_start_matches("cohort:");
        match name.split_once('/') {
            None => rows.push((name, cell.n, Vec::new())),
            Some((cohort, _)) => {
                let Some(row) = rows.iter_mut().find(|row| row.0 == cohort) else { continue };
                let share = cell.value.map_or_else(|| "–".into(), |value| format!("{:.1} %", 100.0 * value));
                row.2.push(if cell.flags.contains(&"immature_cohort") { format!("{share}*") } else { share });
            }
        }
    }
    let n_periods = rows.iter().map(|row| row.2.len()).max().unwrap_or(0).min(GRID_PERIODS);
    let mut header = vec!["cohort".to_owned(), "people".to_owned()];
    header.extend((1..=n_periods).map(|k| k.to_string()));
    let mut table = table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let n_rows = rows.len();
    for (name, n, shares) in rows.into_iter().take(GRID_COHORTS) {
        let mut row = vec![name.to_owned(), thousands(n)];
        row.extend(shares.into_iter().take(n_periods));
        table.add_row(row);
    }
    let more = if n_rows > GRID_COHORTS {
        format!("{n_rows} cohorts, the first {GRID_COHORTS} are shown; --format csv writes all\n")
    } else {
        String::new()
    };
    format!("\n{table}\n{more}")
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table
}

fn bar(cell: &Cell) -> String {
    match (cell.x, cell.value) {
        (Some(_), Some(value)) if cell.id.starts_with("step:") => format!("{} ", "█".repeat((value * 30.0).round() as usize)),
        (None, _) if cell.id == "step:1" => format!("{} ", "█".repeat(30)),
        _ => String::new(),
    }
}

/// Writes the people behind a cell as a table.
pub fn people(people: &diptych_engine::ask::People, limit: usize) -> String {
    let mut table = table(&["person", "when", "events"]);
    for unit in people.units.iter().take(limit) {
        let when = unit.rows.first().map(|(time_us, _)| format_instant(*time_us)).unwrap_or_default();
        let names: Vec<&str> = unit.rows.iter().map(|(_, name)| name.as_str()).take(8).collect();
        table.add_row([unit.actor.clone(), when, names.join(" → ")]);
    }
    let more = if people.units.len() > limit { format!("{} in all; --limit shows more\n", people.units.len()) } else { String::new() };
    format!("{} ({}): {} people\n{table}\n{more}", people.cell.id, people.cell.label, thousands(people.cell.people))
}
