//! The report as one HTML file: no script, no font, no picture from elsewhere.

use std::fmt::Write;

use super::{DropOff, Fact, Report};
use crate::numbers;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d8dde4; --soft: #5b6573; --user: #2f6f8f; --customer: #9a5b13; --hinge: #6b3fa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf1; --paper: #14181e; --line: #38414d; --soft: #9aa5b3; --user: #7fc1e0; --customer: #e0ae6a; --hinge: #bd9cf0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { margin: 0 0 .25rem; font-size: 1.6rem; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem; } h3 { margin: 1.2rem 0 .3rem; font-size: 1rem; }
.soft { color: var(--soft); font-size: .9rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border-top: 1px solid var(--line); padding: .5rem .7rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th[scope=row], thead th:first-child { width: 7.5rem; font-weight: 600; } thead th { border-top: 0; } thead th:nth-child(2) { color: var(--user); } thead th:nth-child(3) { color: var(--customer); }
ul { margin: 0; padding-left: 1.1rem; } li + li { margin-top: .15rem; }
.first li { margin-bottom: .5rem; } .hinge { border-left: 4px solid var(--hinge); padding-left: 1rem; }
.named { font-weight: 600; } code { font-size: .85rem; }
@media (max-width: 40rem) { th[scope=row], thead th:first-child { width: 5rem; } body { padding: 1rem; } }
@media print { body { max-width: none; } }
";

pub fn write(report: &Report) -> String {
    let mut page = String::new();
    let title = escape(if report.name.is_empty() { "Report" } else { &report.name });
    let window = &report.window;
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}: user journey, customer journey, and the hinge</title>\n<style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n\
         <p class=\"soft\">{} to {}, days of {}. Shares with 95 % intervals. Known: {} identified anonymous ids, {} merged ids, {} memberships; {} records taken back.</p>\n",
        day(&window.observed_from),
        day(&window.observed_until),
        escape(&window.zone),
        report.knows.identified,
        report.knows.merged,
        report.knows.memberships,
        report.knows.withdrawn
    );
    list(&mut page, "What to do first", "first", &report.first);
    page.push_str("<h2>Two journeys, side by side</h2>\n<table>\n<thead><tr><th></th><th scope=\"col\">User journey</th><th scope=\"col\">Customer journey</th></tr></thead>\n<tbody>\n");
    for aspect in &report.panels {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            aspect.aspect,
            facts(&aspect.user),
            facts(&aspect.customer)
        );
    }
    let _ = write!(
        page,
        "</tbody>\n</table>\n<h2>The hinge</h2>\n<div class=\"hinge\">\n<h3>Who uses and who pays</h3>\n{}\n",
        facts(&report.users_customers)
    );
    report.drop_offs.iter().for_each(|drop| write_drop_off(&mut page, drop));
    page.push_str("</div>\n");
    list(&mut page, "What the data cannot say", "limits", &report.cannot_say);
    page.push_str("</main>\n</html>\n");
    page
}

fn write_drop_off(page: &mut String, drop: &DropOff) {
    let owner = drop.owner.as_ref().map_or(String::new(), |owner| format!(" <span class=\"soft\">{}</span>", escape(owner)));
    let _ = writeln!(
        page,
        "<h3>{} → {}{owner}</h3>\n<ul>\n<li>{} accounts at risk</li>",
        escape(&drop.stage),
        escape(&drop.next),
        drop.at_risk
    );
    for cell in drop.rate.iter().chain(&drop.at_stake) {
        let _ = writeln!(page, "<li>{}: {}</li>", escape(&cell.label), escape(&numbers::with_interval(cell)));
    }
    for signal in &drop.signals {
        let owner = signal.owner.as_ref().map_or(String::new(), |owner| format!(" <span class=\"soft\">{}</span>", escape(owner)));
        let class = if signal.named { " class=\"named\"" } else { "" };
        let told = if signal.named { "" } else { " <span class=\"soft\">Not told from chance on this page.</span>" };
        let money = signal.money.as_ref().filter(|_| signal.named);
        let money = money.map_or(String::new(), |money| format!(" Money associated with it: {}.", escape(&numbers::with_interval(money))));
        let _ = writeln!(page, "<li{class}>{}{money}{told}{owner}</li>", escape(&signal.sentence));
    }
    for text in drop.detectable.iter().chain(&drop.cases) {
        let _ = writeln!(page, "<li class=\"soft\">{}</li>", escape(text));
    }
    page.push_str("</ul>\n");
}

fn list(page: &mut String, title: &str, class: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>{title}</h2>\n<ul class=\"{class}\">");
    for item in items {
        let _ = writeln!(page, "<li>{}</li>", escape(item));
    }
    page.push_str("</ul>\n");
}

fn facts(facts: &[Fact]) -> String {
    let items: String = facts.iter().map(|fact| format!("<li>{}</li>", escape(&fact.text))).collect();
    if items.is_empty() { "–".into() } else { format!("<ul>{items}</ul>") }
}

fn day(instant: &str) -> &str {
    instant.get(..10).unwrap_or(instant)
}

/// Writes a text so that it can stand in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_data_cannot_become_markup() {
        assert_eq!(escape("<b onclick=\"x\">&"), "&lt;b onclick=&quot;x&quot;&gt;&amp;");
    }
}
