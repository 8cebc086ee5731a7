//! The report for a terminal.

use comfy_table::{ContentArrangement, Table, presets};

use super::{Fact, Report};

/// Writes the page.
pub fn write(report: &Report) -> String {
    let window = &report.window;
    let mut text = format!("{}\n{} to {}, days of {}\n", report.name, window.observed_from, window.observed_until, window.zone);
    section(&mut text, "What to do first", &report.first);
    let facts = |facts: &[Fact]| facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join("\n");
    let mut panels = Table::new();
    panels.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    panels.set_header(["", "user journey", "customer journey"]);
    for aspect in &report.panels {
        panels.add_row(vec![aspect.aspect.to_owned(), facts(&aspect.user), facts(&aspect.customer)]);
    }
    text.push_str(&format!("\n{panels}\n"));
    let users: Vec<String> = report.users_customers.iter().map(|fact| fact.text.clone()).collect();
    section(&mut text, "The hinge: who uses and who pays", &users);
    for drop in &report.drop_offs {
        let owner = drop.owner.as_ref().map_or(String::new(), |owner| format!(" ({owner})"));
        section(&mut text, &format!("The hinge: {} → {}{owner}", drop.stage, drop.next), &drop.sentences());
    }
    section(&mut text, "What the data cannot say", &report.cannot_say);
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        text.push_str(&format!("\n{title}\n"));
        lines.iter().for_each(|line| text.push_str(&format!("  - {line}\n")));
    }
}
