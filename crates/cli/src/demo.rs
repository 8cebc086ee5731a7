//! `diptych demo`: a simulated business, imported, and one page of answers.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ArgMatches;
use diptych_engine::import::{self, Options};
use diptych_engine::{Modifiers, Question, SPEC_FILE, Workbench};
use diptych_simulate::bakery::{BAKERY_SPEC, BakeryOptions, write_bakery};

use crate::progress::ImportBar;
use crate::{render, run};

/// Runs the command.
pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let business = matches.get_one::<String>("business").expect("it has a default");
    let root = matches.get_one::<PathBuf>("output").cloned().unwrap_or_else(|| PathBuf::from(format!("demo-{business}")));
    let number = |name: &str| *matches.get_one::<u64>(name).expect("it has a default");
    let options = BakeryOptions { customers: number("customers") as u32, seed: number("seed"), ..BakeryOptions::default() };
    make(&root, &options)?;
    let bench = Workbench::open(&root)?;
    let files = import::files_of_spec(&bench)?;
    let mut bar = ImportBar::new();
    let imported = import::import(&bench, &files, &Options { source: None, now_us: run::now_us() }, &mut |progress| bar.show(progress));
    bar.clear();
    run::print(&format!("{}: a SIMULATED business in {}, made with seed {}\n", bench.spec().name, root.display(), options.seed))?;
    run::report_import(&imported?, "text")?;
    for (operator, params, filter) in QUESTIONS {
        let question = Question {
            operator: (*operator).into(),
            params: serde_json::from_str(params).expect("the questions of the demo are right"),
            modifiers: Modifiers { filter: filter.map(str::to_owned), ..Modifiers::default() },
            ..Question::default()
        };
        run::print(&format!("\n{}", render::answer(&bench.ask(&question)?)))?;
    }
    let dir = root.display();
    run::print(&format!(
        "\nTry next:\n\
         \x20 diptych ask {dir} funnel --step view_product --step add_to_cart --step order_placed --by device\n\
         \x20 diptych ask {dir} funnel --step begin_checkout --step order_placed --per session --versus \"device = 'phone'\"\n\
         \x20 diptych who {dir} funnel --step begin_checkout --step order_placed --cell stopped:1\n\
         \x20 diptych quarantine {dir} list\n\
         \x20 diptych sql {dir} \"select name, count(*) as n from events group by name order by n desc\"\n"
    ))
}

/// One page of answers: operator, parameters, `--where`.
const QUESTIONS: &[(&str, &str, Option<&str>)] = &[
    ("sessions", r#"{"views": "view_home | view_product", "key": "order_placed"}"#, Some("source = 'web'")),
    ("funnel", r#"{"steps": ["view_product", "add_to_cart", "begin_checkout", "order_placed"], "window": "7d"}"#, None),
    ("transitions", r#"{"top": 12, "after": "begin_checkout"}"#, None),
    ("retention", r#"{"start": "order_placed | purchase", "back": "order_placed | purchase", "period": "month", "periods": 6}"#, None),
];

/// Writes the files and the spec of the business, unless they are there from an earlier run with the same options.
fn make(root: &Path, options: &BakeryOptions) -> anyhow::Result<()> {
    let data = root.join("data");
    let card = root.join("simulated.txt");
    let made = format!("bakery, {} customers, seed {}\n", options.customers, options.seed);
    if std::fs::read_to_string(&card).is_ok_and(|known| known == made) {
        return Ok(());
    }
    anyhow::ensure!(
        !root.join(SPEC_FILE).exists(),
        "{}: there is another workspace in this folder; choose one with --output",
        root.display()
    );
    std::fs::create_dir_all(&data).with_context(|| format!("{}: cannot be made", data.display()))?;
    write_bakery(options, &data).with_context(|| format!("{}: the files cannot be written", data.display()))?;
    std::fs::write(root.join(SPEC_FILE), BAKERY_SPEC).with_context(|| format!("{}: the spec cannot be written", root.display()))?;
    std::fs::write(&card, made).with_context(|| format!("{}: cannot be written", card.display()))
}
