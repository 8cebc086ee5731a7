//! The commands and their options; those of operators are made from the operators' parameters.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};
use diptych_engine::OPERATORS;

use crate::{business, params};

/// Makes the whole command line.
pub fn cli() -> Command {
    Command::new("diptych")
        .version(env!("CARGO_PKG_VERSION"))
        .about("User journeys, customer journeys, and the hinge between them")
        .after_help(
            "Start: `diptych` opens the app; or `diptych demo`, or `diptych init shop --from orders.csv` and `diptych import shop`.",
        )
        .subcommand(
            Command::new("demo")
                .about("Simulate a business, import it, print the report, and open the web app")
                .arg(Arg::new("business").value_parser(business::NAMES).default_value("bakery").help("Which business"))
                .arg(
                    Arg::new("output")
                        .short('o')
                        .long("output")
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("Folder for the workspace; demo-BUSINESS unless given"),
                )
                .arg(customers())
                .arg(number("seed", "1", "Seed of the simulation"))
                .arg(Arg::new("print").long("print").action(ArgAction::SetTrue).help("Only print; do not open the web app")),
        )
        .subcommand(
            Command::new("serve")
                .about("Serve the web app and the HTTP API of a workspace")
                .arg(dir())
                .arg(
                    Arg::new("listen")
                        .long("listen")
                        .value_name("ADDRESS")
                        .value_parser(value_parser!(SocketAddr))
                        .default_value("127.0.0.1:7070")
                        .help("Where to listen; port 0 takes a free one"),
                )
                .arg(
                    Arg::new("token")
                        .long("token")
                        .value_name("TOKEN")
                        .help("What callers must show; made up and printed where the address is not of this machine alone"),
                )
                .arg(Arg::new("open").long("open").action(ArgAction::SetTrue).help("Open the app in the browser")),
        )
        .subcommand(
            Command::new("init")
                .about("Make a workspace; with --from, look at files and write a first diptych.yaml")
                .arg(dir())
                .arg(
                    Arg::new("from")
                        .long("from")
                        .value_name("FILE")
                        .num_args(1..)
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(PathBuf))
                        .help("Files to look at"),
                )
                .arg(
                    Arg::new("shards")
                        .long("shards")
                        .value_name("N")
                        .value_parser(value_parser!(u32).range(1..))
                        .help("Shards of the timelines, whatever the number of rows; never changes an answer")
                        .hide(true),
                ),
        )
        .subcommand(
            Command::new("import")
                .about("Import files: CSV, TSV, JSON Lines, Parquet, XLSX; plain, .gz or .zst")
                .arg(dir())
                .arg(
                    Arg::new("files")
                        .value_name("FILE")
                        .num_args(0..)
                        .value_parser(value_parser!(PathBuf))
                        .help("The files; those that the spec names unless given"),
                )
                .arg(Arg::new("source").long("source").value_name("NAME").help("Source of the files; told by their names unless given"))
                .arg(format(&["text", "json"])),
        )
        .subcommand(
            Command::new("quarantine")
                .about("List, export or retry rejected rows")
                .arg(dir())
                .subcommand_required(true)
                .subcommand(
                    Command::new("list")
                        .about("List rejected rows with their reasons")
                        .arg(source())
                        .arg(format(&["table", "json", "csv"]))
                        .arg(number("limit", "50", "Rows shown")),
                )
                .subcommand(
                    Command::new("export")
                        .about("Write rejected rows of a source as CSV; correct them and import the file")
                        .arg(source().required(true))
                        .arg(
                            Arg::new("output")
                                .short('o')
                                .long("output")
                                .required(true)
                                .value_name("FILE")
                                .value_parser(value_parser!(PathBuf))
                                .help("The file to write"),
                        ),
                )
                .subcommand(Command::new("retry").about("Import rejected rows again, after a correction of diptych.yaml")),
        )
        .subcommand(Command::new("rebuild").about("Make everything that is derived anew from the log").arg(dir()))
        .subcommand(
            Command::new("check")
                .about("Compare the spec with the data: unknown events, tasks never started, stages nobody enters")
                .arg(dir())
                .arg(format(&["text", "json"])),
        )
        .subcommand(
            Command::new("report")
                .about("Both panels and the hinge between them on one page")
                .arg(dir())
                .arg(format(&["text", "json", "html", "pdf"]))
                .arg(output()),
        )
        .subcommand(
            Command::new("map")
                .about("Draw the customer journey map, the flow of a task, or the ways of all users")
                .arg(dir())
                .arg(Arg::new("what").value_parser(["customer", "task", "flow"]).default_value("customer").help("Which map"))
                .arg(
                    Arg::new("task")
                        .long("task")
                        .value_name("NAME")
                        .help("The task, for the flow of a task; the first of the spec unless given"),
                )
                .args(picture())
                .arg(output().required(true).help("The file to write; its ending says how: svg, png, pdf, html, md, json")),
        )
        .subcommand(Command::new("list").about("List the operators with the question each answers").arg(format(&["table", "json"])))
        .subcommand(with_operators(
            Command::new("ask").about("Ask a question: an operator, its parameters and the modifiers").arg(dir()),
            |operator| operator.arg(format(&["table", "json", "csv", "svg", "png"])).args(picture()).arg(output()).arg(timing()),
        ))
        .subcommand(with_operators(Command::new("who").about("List the people behind one number of an answer").arg(dir()), |operator| {
            operator
                .arg(Arg::new("cell").long("cell").required(true).value_name("CELL").help("Id of the cell, as in --format json or csv"))
                .arg(Arg::new("group").long("group").value_name("VALUE").help("Group of --by that the cell is in"))
                .arg(number("limit", "50", "Units shown"))
                .arg(format(&["table", "json", "csv"]))
        }))
        .subcommand(
            Command::new("sql")
                .about("Query the workspace's tables (events, users, sessions, accounts, stages and more); read-only")
                .arg(dir())
                .arg(Arg::new("query").value_name("SELECT").required(true).allow_hyphen_values(true).help("The query"))
                .arg(format(&["table", "json", "csv"])),
        )
        .subcommand(
            Command::new("schema")
                .about("Print a JSON Schema: of diptych.yaml, or of answers")
                .arg(Arg::new("what").value_parser(["spec", "answer"]).default_value("spec").help("Which one")),
        )
        .subcommand(
            Command::new("simulate")
                .about("Write the files of a simulated business, or a large event log")
                .arg(Arg::new("what").required(true).value_parser(["bakery", "saas", "streaming", "load"]).help("What to simulate"))
                .arg(
                    Arg::new("output")
                        .short('o')
                        .long("output")
                        .required(true)
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("Folder to write"),
                )
                .arg(customers())
                .arg(number("events", "1000000", "Events of a load"))
                .arg(number("users", "0", "Users of a load; a 50th of the events unless given"))
                .arg(number("names", "5000", "Event names of a load"))
                .arg(number("seed", "1", "Seed")),
        )
}

fn dir() -> Arg {
    Arg::new("dir").value_name("DIR").required(true).value_parser(value_parser!(PathBuf)).help("Folder of the workspace")
}

fn customers() -> Arg {
    let help = "Customers, companies or listeners; as many as usual for the business unless given";
    Arg::new("customers").long("customers").value_name("N").value_parser(value_parser!(u64)).help(help)
}

fn source() -> Arg {
    Arg::new("source").long("source").value_name("NAME").help("One source of the spec")
}

fn format(formats: &'static [&'static str]) -> Arg {
    Arg::new("format").long("format").value_parser(formats.to_vec()).default_value(formats[0]).help("How the result is written")
}

fn output() -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("The file to write; the screen unless given")
}

/// How a picture looks.
fn picture() -> [Arg; 2] {
    [
        Arg::new("theme").long("theme").value_parser(["light", "dark"]).default_value("light").help("Colours of a picture"),
        Arg::new("width")
            .long("width")
            .value_name("PIXELS")
            .value_parser(value_parser!(u32).range(280..=4000))
            .default_value("960")
            .help("How wide a picture is"),
    ]
}

fn number(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u64)).default_value(default).help(help)
}

fn timing() -> Arg {
    let help = "Answer N times in one process and write to stderr how long each took; nothing is kept between them";
    Arg::new("timing").long("timing").value_name("N").value_parser(value_parser!(u64).range(1..)).help(help).help_heading("Limits")
}

/// Adds one subcommand per operator, with its parameters and the modifiers.
fn with_operators(command: Command, finish: impl Fn(Command) -> Command) -> Command {
    let operators = OPERATORS.iter().map(|operator| {
        let about = operator.about();
        let long_about = format!("{}\n\n{}", about.question, about.counting);
        let command = Command::new(about.id).about(about.question).long_about(long_about).after_long_help(format!(
            "A unit is {}; --where, --by, --versus, --from and --to look at that row.\nParameters can also be given together: --params '{{…}}'.",
            about.anchor
        ));
        finish(params::args(&operator.schema()).into_iter().fold(command, Command::arg).args(modifiers()))
    });
    command.subcommand_required(true).subcommand_value_name("OPERATOR").subcommand_help_heading("Operators").subcommands(operators)
}

fn modifiers() -> Vec<Arg> {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).help_heading("Modifiers")
    };
    vec![
        text("where", "SQL", "Count only units whose anchor row meets this condition: \"device = 'phone'\""),
        text("actors", "SQL", "Count only people who meet this condition on actor, first_seen, last_seen, n_events"),
        text("by", "SQL", "Split by this expression: device, date_trunc('month', time)"),
        text("versus", "SQL", "Compare the units that meet this condition with the others"),
        text("from", "DATE", "Only anchors from this day or instant on"),
        text("to", "DATE", "Only anchors before this day or instant"),
        Arg::new("accounts")
            .long("accounts")
            .action(clap::ArgAction::SetTrue)
            .help("Ask about accounts and all that their members did, instead of users")
            .help_heading("Modifiers"),
        text("params", "JSON", "All parameters as one JSON object").help_heading("Limits"),
        text("groups", "N", "Groups of --by shown").value_parser(value_parser!(u64)).default_value("50").help_heading("Limits"),
        text("threads", "N", "Threads; all cores unless given").value_parser(value_parser!(u64)).help_heading("Limits"),
        text("memory", "MIB", "Memory that the counts may take")
            .value_parser(value_parser!(u64))
            .default_value("2048")
            .help_heading("Limits"),
    ]
}
