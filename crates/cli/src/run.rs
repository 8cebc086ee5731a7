//! What each command does.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::ArgMatches;
use diptych_engine::ask::Limits;
use diptych_engine::drawn;
use diptych_engine::import::{self, Imported, Options};
use diptych_engine::{Answer, Modifiers, OPERATORS, Question, Spec, Workbench, init, numbers};
use diptych_simulate::load;

use crate::business::Business;
use crate::progress::{ImportBar, QuestionBar, rows_bar};
use crate::{demo, params, render, serve};

/// Runs the command that was given.
pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some((name, matches)) = matches.subcommand() else { return serve::open_app() };
    let bench = || Workbench::open(dir(matches));
    match name {
        "serve" => serve::run(matches),
        "demo" => demo::run(matches),
        "init" => init_workspace(matches),
        "import" => import_files(&bench()?, matches),
        "quarantine" => quarantine(&bench()?, matches),
        "rebuild" => rebuild(&bench()?),
        "report" => report(&bench()?, matches),
        "map" => map(&bench()?, matches),
        "check" => check(&bench()?, matches),
        "list" => list(matches),
        "ask" => ask(&bench()?, matches),
        "who" => who(&bench()?, matches),
        "sql" => sql(&bench()?, matches),
        "schema" => schema(matches),
        "simulate" => simulate(matches),
        other => unreachable!("the command {other} is not known to clap"),
    }
}

/// Returns the folder of the workspace.
pub fn dir(matches: &ArgMatches) -> &Path {
    matches.get_one::<PathBuf>("dir").expect("a folder is required")
}

/// Writes a result; a reader that goes away is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn format(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("format").expect("it has a default")
}

fn number(matches: &ArgMatches, name: &str) -> u64 {
    *matches.get_one::<u64>(name).expect("it has a default")
}

/// Returns the time of this command; the only place that looks at the clock.
pub fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

fn init_workspace(matches: &ArgMatches) -> anyhow::Result<()> {
    let files: Vec<PathBuf> = matches.get_many("from").map(|files| files.cloned().collect()).unwrap_or_default();
    let made = init::init(dir(matches), &files, matches.get_one::<u32>("shards").copied())?;
    print(&made.report)
}

fn import_files(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let mut files: Vec<PathBuf> = matches.get_many("files").map(|files| files.cloned().collect()).unwrap_or_default();
    if files.is_empty() {
        files = import::files_of_spec(bench)?;
        anyhow::ensure!(!files.is_empty(), "no files: name some, or write them under `files:` of a source in diptych.yaml");
    }
    let options = Options { source: matches.get_one::<String>("source").cloned(), now_us: now_us() };
    let mut bar = ImportBar::new();
    let imported = import::import(bench, &files, &options, &mut |progress| bar.show(progress));
    bar.clear();
    report_import(&imported?, format(matches))
}

/// Writes what became of files.
pub fn report_import(imported: &[Imported], format: &str) -> anyhow::Result<()> {
    if format == "json" {
        return print(&serde_json::to_string_pretty(imported)?);
    }
    let mut text = String::new();
    for file in imported {
        if file.known_file {
            text.push_str(&format!("{}: imported before, nothing to do\n", file.file));
            continue;
        }
        let count = numbers::thousands;
        text.push_str(&format!(
            "{} as {}: {} rows, {} events accepted, {} duplicates, {} rejected, {} skipped\n",
            file.file,
            file.source,
            count(file.rows),
            count(file.accepted),
            count(file.duplicates),
            count(file.rejected),
            count(file.skipped)
        ));
        if file.resumed_after_rows > 0 {
            text.push_str(&format!("  went on after {} rows of an import that was interrupted\n", count(file.resumed_after_rows)));
        }
        for (reason, n) in &file.reasons {
            text.push_str(&format!("  rejected {}: {reason}\n", count(*n)));
        }
        for note in &file.notes {
            text.push_str(&format!("  note: {note}\n"));
        }
    }
    if imported.iter().any(|file| file.rejected > 0) {
        text.push_str("`diptych quarantine DIR list` shows the rejected rows; `export` writes them for correction\n");
    }
    print(&text)
}

fn quarantine(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let (name, matches) = matches.subcommand().expect("a command is required");
    match name {
        "list" => {
            let rows = bench.quarantine(matches.get_one::<String>("source").map(String::as_str))?;
            match format(matches) {
                "json" => print(&serde_json::to_string_pretty(&rows)?),
                "csv" => {
                    let mut text = String::from("rejection,source,file,line,reason,original\r\n");
                    for row in &rows {
                        let fields = [&row.rejection, &row.source, &row.file, &row.line.to_string(), &row.reason, &row.original];
                        let fields: Vec<String> = fields.iter().map(|field| diptych_engine::answer::quoted(field)).collect();
                        text.push_str(&format!("{}\r\n", fields.join(",")));
                    }
                    print(&text)
                }
                _ => {
                    let limit = number(matches, "limit") as usize;
                    let mut text = format!("{} rejected rows\n", numbers::thousands(rows.len() as u64));
                    for row in rows.iter().take(limit) {
                        let original: String = row.original.chars().take(200).collect();
                        text.push_str(&format!("{}:{} ({}) {}\n    {original}\n", row.file, row.line, row.source, row.reason));
                    }
                    if rows.len() > limit {
                        text.push_str(&format!("{} more; --limit shows them\n", rows.len() - limit));
                    }
                    print(&text)
                }
            }
        }
        "export" => {
            let source = matches.get_one::<String>("source").expect("it is required");
            let to = matches.get_one::<PathBuf>("output").expect("it is required");
            let n_rows = bench.export_quarantine(source, to)?;
            print(&format!(
                "{n_rows} rows in {}; correct them, keep the first column, and run `diptych import DIR {} --source {source}`",
                to.display(),
                to.display()
            ))
        }
        _ => {
            let mut bar = ImportBar::new();
            let imported = bench.retry_quarantine(&Options { source: None, now_us: now_us() }, &mut |progress| bar.show(progress));
            bar.clear();
            report_import(&imported?, "text")
        }
    }
}

fn rebuild(bench: &Workbench) -> anyhow::Result<()> {
    let bar = rows_bar("timelines");
    let n_rows = bench.rebuild(&mut |rows, rows_total| {
        bar.set_length(rows_total);
        bar.set_position(rows);
    });
    bar.finish_and_clear();
    print(&format!("timelines of {} events made anew", numbers::thousands(n_rows?)))
}

fn report(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let bar = QuestionBar::new();
    let report = bench.report(&Limits::default(), &bar);
    bar.clear();
    let report = report?;
    let bytes = match format(matches) {
        "json" => report.to_json().into_bytes(),
        "html" => report.to_html().into_bytes(),
        "pdf" => report.to_pdf()?,
        _ => report.to_text().into_bytes(),
    };
    deliver(matches, &bytes)
}

/// Answers a question so many times in this process, and says on the error output how long each answer took.
fn timed(bench: &Workbench, question: &Question, n_times: u64) -> anyhow::Result<Answer> {
    let mut answer = None;
    for _ in 0..n_times {
        let started = Instant::now();
        answer = Some(bench.ask(question)?);
        eprintln!("answered in {:.3} ms", started.elapsed().as_secs_f64() * 1e3);
    }
    answer.context("the number of times is at least 1")
}

/// Writes a result to the file that was named, or to the screen.
fn deliver(matches: &ArgMatches, bytes: &[u8]) -> anyhow::Result<()> {
    let Some(path) = matches.get_one::<PathBuf>("output") else {
        return match std::str::from_utf8(bytes) {
            Ok(text) => print(text),
            Err(_) if std::io::stdout().is_terminal() => anyhow::bail!("this is no text for a terminal; name a file with -o"),
            Err(_) => Ok(std::io::stdout().lock().write_all(bytes)?),
        };
    };
    std::fs::write(path, bytes).with_context(|| format!("{}: cannot be written", path.display()))
}

/// Returns how a picture shall look: its colours and its width in pixels.
fn look(matches: &ArgMatches) -> (drawn::Theme, u32) {
    let theme = match matches.get_one::<String>("theme").map(String::as_str) {
        Some("dark") => drawn::Theme::Dark,
        _ => drawn::Theme::Light,
    };
    (theme, *matches.get_one("width").expect("it has a default"))
}

fn map(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let path = matches.get_one::<PathBuf>("output").expect("it is required");
    let (theme, width) = look(matches);
    let limits = Limits::default();
    let what = matches.get_one::<String>("what").expect("it has a default");
    let (svg, html, markdown, json) = if what == "customer" {
        let map = bench.journey_map(&limits)?;
        (map.to_svg(theme, width), map.to_html(), map.to_markdown(), serde_json::to_string_pretty(&map)?)
    } else {
        let flow = match what.as_str() {
            "task" => bench.task_flow(matches.get_one::<String>("task").map(String::as_str), &limits)?,
            _ => bench.user_flow(&limits)?,
        };
        (flow.to_svg(theme, width), flow.to_html(), flow.to_markdown(), serde_json::to_string_pretty(&flow)?)
    };
    let bytes = match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => svg.into_bytes(),
        Some("png") => drawn::png(&svg, drawn::PIXELS_PER_PIXEL)?,
        Some("pdf") => drawn::pdf(&svg)?,
        Some("html") => html.into_bytes(),
        Some("md") => markdown.into_bytes(),
        Some("json") => json.into_bytes(),
        _ => anyhow::bail!("{}: the ending says how a map is written: svg, png, pdf, html, md or json", path.display()),
    };
    deliver(matches, &bytes)
}

fn check(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let findings = bench.check_spec()?;
    if format(matches) == "json" {
        return print(&serde_json::to_string_pretty(&findings)?);
    }
    if findings.is_empty() {
        return print("the spec and the data fit together");
    }
    findings.iter().try_for_each(|finding| print(&format!("{}: {}", finding.about, finding.what)))
}

fn list(matches: &ArgMatches) -> anyhow::Result<()> {
    let cards: Vec<_> = OPERATORS.iter().map(|operator| operator.about()).collect();
    if format(matches) == "json" {
        return print(&serde_json::to_string_pretty(&cards)?);
    }
    let text: Vec<String> = cards.iter().map(|about| format!("{:<12} {}\n", about.id, about.question)).collect();
    print(&format!("{}\n`diptych ask DIR OPERATOR --help` lists an operator's parameters\n", text.concat()))
}

/// Reads a question from the options of `ask` and `who`.
fn question(matches: &ArgMatches) -> anyhow::Result<(Question, &ArgMatches)> {
    let (id, matches) = matches.subcommand().expect("an operator is required");
    let operator = diptych_engine::ask::operator(id)?;
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let default = Limits::default();
    let question = Question {
        operator: id.to_owned(),
        params: params::read(matches, &operator.schema())?,
        modifiers: Modifiers {
            filter: text("where"),
            actors: text("actors"),
            by: text("by"),
            versus: text("versus"),
            from: text("from"),
            to: text("to"),
            accounts: matches.get_flag("accounts"),
        },
        limits: Limits {
            n_threads: matches.get_one::<u64>("threads").map_or(default.n_threads, |n| *n as usize),
            memory_bytes: (number(matches, "memory") as usize) << 20,
            n_groups: number(matches, "groups") as usize,
        },
    };
    Ok((question, matches))
}

fn ask(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let (question, matches) = question(matches)?;
    let answer = match matches.get_one::<u64>("timing") {
        Some(n_times) => timed(bench, &question, *n_times)?,
        None => {
            let bar = QuestionBar::new();
            let answer = bench.ask_watched(&question, &bar);
            bar.clear();
            answer?
        }
    };
    let (theme, width) = look(matches);
    let currency = bench.spec().currency.as_ref().map_or("", |currency| currency.text.as_str());
    let svg = || answer.to_svg(currency, theme, width);
    let bytes = match format(matches) {
        "json" => answer.to_json().into_bytes(),
        "csv" => answer.to_csv().into_bytes(),
        "svg" => svg().into_bytes(),
        "png" => drawn::png(&svg(), drawn::PIXELS_PER_PIXEL)?,
        _ => render::answer(&answer).into_bytes(),
    };
    deliver(matches, &bytes)
}

fn who(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let (question, matches) = question(matches)?;
    let cell = matches.get_one::<String>("cell").expect("it is required");
    let people = bench.who(&question, cell, matches.get_one::<String>("group").map(String::as_str))?;
    match format(matches) {
        "json" => print(&serde_json::to_string_pretty(&people)?),
        "csv" => print(&people.to_csv()),
        _ => print(&render::people(&people, number(matches, "limit") as usize)),
    }
}

fn sql(bench: &Workbench, matches: &ArgMatches) -> anyhow::Result<()> {
    let rows = bench.sql(matches.get_one::<String>("query").expect("it is required"))?;
    match format(matches) {
        "json" => print(&rows.to_json()?),
        "csv" => print(&rows.to_csv()?),
        _ => {
            let table = arrow::util::pretty::pretty_format_batches_with_schema(rows.schema.clone(), &rows.batches);
            print(&table?.to_string())
        }
    }
}

fn schema(matches: &ArgMatches) -> anyhow::Result<()> {
    let schema = match matches.get_one::<String>("what").map(String::as_str) {
        Some("answer") => Answer::json_schema(),
        _ => Spec::json_schema(),
    };
    print(&serde_json::to_string_pretty(&schema)?)
}

fn simulate(matches: &ArgMatches) -> anyhow::Result<()> {
    let dir = matches.get_one::<PathBuf>("output").expect("it is required");
    std::fs::create_dir_all(dir).with_context(|| format!("{}: cannot be made", dir.display()))?;
    let seed = number(matches, "seed");
    if matches.get_one::<String>("what").map(String::as_str) == Some("load") {
        let events = number(matches, "events");
        let users = match number(matches, "users") {
            0 => (events / 50).max(1),
            users => users,
        };
        let options =
            load::LoadOptions { events, users, names: number(matches, "names") as u32, properties: 6, seed, rows_per_file: 5_000_000 };
        let bar = rows_bar("events");
        bar.set_length(events);
        let truth = load::write_load(&options, dir, &mut |rows| bar.set_position(rows));
        bar.finish_and_clear();
        let truth = truth.with_context(|| format!("{}: the load cannot be written", dir.display()))?;
        let path = dir.join("truth.json");
        std::fs::write(&path, serde_json::to_string_pretty(&truth)?).with_context(|| format!("{}: cannot be written", path.display()))?;
        return print(&format!("{} events in {} and their truth.json (generated)", numbers::thousands(events), dir.display()));
    }
    let name = matches.get_one::<String>("what").expect("it is required");
    let business = Business::new(name, matches.get_one::<u64>("customers").copied(), seed);
    business.write(dir).with_context(|| format!("{}: the files cannot be written", dir.display()))?;
    print(&format!("the files of a simulated {name} and what is true of them (truth.json) are in {}", dir.display()))
}
