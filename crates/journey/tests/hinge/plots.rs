//! The plots of docs/hinge.md, as plain SVG.

use std::fmt::Write;

use diptych_testkit::HINGE_SIGNALS;

use crate::{Finding, World};

const NAIVE: &str = "#b3412f";
const ADJUSTED: &str = "#1f5f8b";

/// Draws, per signal, where the estimates of 95 % of the null worlds lie: naive and adjusted.
pub fn null(worlds: &[World]) {
    let (width, left, row) = (760.0, 210.0, 46.0);
    let (from, to) = (-0.75, 0.25);
    let x = |share: f64| left + (share - from) / (to - from) * (width - left - 20.0);
    let height = 50.0 + row * HINGE_SIGNALS.len() as f64 + 30.0;
    let mut body = String::new();
    for tick in [-0.7, -0.6, -0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2] {
        let colour = if tick == 0.0 { "#222" } else { "#ddd" };
        line(&mut body, (x(tick), 40.0), (x(tick), height - 30.0), colour, 1.0);
        text(&mut body, (x(tick), height - 12.0), "middle", "#444", &format!("{:.0}", 100.0 * tick));
    }
    text(&mut body, (left, 18.0), "start", NAIVE, "lost among those who ever met it, less all others");
    text(&mut body, (left, 33.0), "start", ADJUSTED, "adjusted difference; points, truth 0");
    for (idx, signal) in HINGE_SIGNALS.iter().enumerate() {
        let y = 62.0 + row * idx as f64;
        text(&mut body, (left - 10.0, y + 8.0), "end", "#222", signal);
        for (shift, colour, of) in
            [(0.0, NAIVE, shares(worlds, idx, |world| &world.naive)), (14.0, ADJUSTED, shares(worlds, idx, |world| &world.adjusted))]
        {
            let at = |p: f64| x(of[((of.len() - 1) as f64 * p).round() as usize]);
            line(&mut body, (at(0.025), y + shift), (at(0.975), y + shift), colour, 4.0);
            let _ = writeln!(body, r#"<circle cx="{:.1}" cy="{:.1}" r="5" fill="{colour}"/>"#, at(0.5), y + shift);
        }
    }
    write(
        "null.svg",
        width,
        height,
        "Estimates in worlds without any effect: the cross-tab is far from 0, the adjusted difference is not",
        &body,
    );
}

/// Returns the estimates of one signal as shares of the accounts that met it, ascending.
fn shares(worlds: &[World], idx: usize, of: fn(&World) -> &Vec<Finding>) -> Vec<f64> {
    let mut shares: Vec<f64> = worlds.iter().map(|world| of(world)[idx].value / world.n_met[idx]).collect();
    shares.sort_by(f64::total_cmp);
    shares
}

/// Draws, for planted frictions, what each world's answer says against what the friction really cost.
pub fn planted(worlds: &[World], n_planted: usize) {
    let (size, left) = (520.0, 60.0);
    let findings = || worlds.iter().flat_map(|world| world.adjusted[..n_planted].iter().enumerate());
    let most = findings().flat_map(|(_, finding)| [finding.truth, finding.value]).fold(0.0, f64::max);
    let top = (most / 20.0).ceil() * 20.0;
    let x = |accounts: f64| left + accounts / top * (size - left - 20.0);
    let y = |accounts: f64| size - 50.0 - accounts / top * (size - 80.0);
    let mut body = String::new();
    for tick in 0..=(top / 20.0) as usize {
        let accounts = 20.0 * tick as f64;
        line(&mut body, (x(accounts), y(0.0)), (x(accounts), y(top)), "#eee", 1.0);
        line(&mut body, (x(0.0), y(accounts)), (x(top), y(accounts)), "#eee", 1.0);
        text(&mut body, (x(accounts), y(0.0) + 16.0), "middle", "#444", &format!("{accounts:.0}"));
        text(&mut body, (x(0.0) - 6.0, y(accounts) + 4.0), "end", "#444", &format!("{accounts:.0}"));
    }
    line(&mut body, (x(0.0), y(0.0)), (x(top), y(top)), "#222", 1.0);
    for (idx, finding) in findings() {
        let colour = [ADJUSTED, "#c98a1b"][idx % 2];
        let (cx, cy) = (x(finding.truth), y(finding.value.max(0.0)));
        let _ = writeln!(body, r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="2.5" fill="{colour}" fill-opacity="0.55"/>"#);
    }
    for (idx, signal) in HINGE_SIGNALS[..n_planted].iter().enumerate() {
        text(&mut body, (x(0.0) + 10.0, y(top) + 16.0 + 16.0 * idx as f64), "start", [ADJUSTED, "#c98a1b"][idx % 2], signal);
    }
    text(&mut body, (size / 2.0, size - 12.0), "middle", "#222", "accounts it really cost (same draws without it)");
    text(&mut body, (left, 16.0), "start", "#222", "accounts lost that the answer associates with it");
    write("planted.svg", size, size, "Estimate against truth for planted frictions, one point per world", &body);
}

fn line(body: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(body, r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{width}"/>"#);
}

fn text(body: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, text: &str) {
    let _ = writeln!(body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="{colour}">{text}</text>"#);
}

fn write(name: &str, width: f64, height: f64, title: &str, body: &str) {
    let path = format!("{}/../../docs/hinge/{name}", env!("CARGO_MANIFEST_DIR"));
    let svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" font-size="12" role="img">
<title>{title}</title>
<rect width="{width}" height="{height}" fill="#fff"/>
{body}</svg>
"##
    );
    std::fs::write(&path, svg).unwrap_or_else(|error| panic!("{path}: {error}"));
}
