//! `diptych demo`: a simulated business, imported, and one page of answers.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ArgMatches;
use diptych_engine::ask::Limits;
use diptych_engine::import::{self, Options};
use diptych_engine::watch::Unwatched;
use diptych_engine::{SPEC_FILE, Workbench};

use crate::business::Business;
use crate::progress::ImportBar;
use crate::{run, serve};

/// Runs the command.
pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let business = matches.get_one::<String>("business").expect("it has a default");
    let root = matches.get_one::<PathBuf>("output").cloned().unwrap_or_else(|| PathBuf::from(format!("demo-{business}")));
    let seed = *matches.get_one::<u64>("seed").expect("it has a default");
    let business = Business::new(business, matches.get_one::<u64>("customers").copied(), seed);
    make(&root, &business)?;
    let bench = Workbench::open(&root)?;
    let files = import::files_of_spec(&bench)?;
    let mut bar = ImportBar::new();
    let imported = import::import(&bench, &files, &Options { source: None, now_us: run::now_us() }, &mut |progress| bar.show(progress));
    bar.clear();
    run::print(&format!("{}: a SIMULATED business in {}, made with seed {}\n", bench.spec().name, root.display(), seed))?;
    run::report_import(&imported?, "text")?;
    run::print(&format!("\n{}", bench.report(&Limits::default(), &Unwatched)?.to_text()))?;
    let dir = root.display();
    run::print(&format!(
        "\nTry next:\n\
         \x20 diptych serve {dir} --open\n\
         \x20 diptych report {dir} --format pdf -o report.pdf\n\
         \x20 diptych map {dir} customer -o map.svg\n\
         \x20 diptych list\n\
         \x20 diptych ask {dir} tasks --by device\n\
         \x20 diptych ask {dir} stages\n\
         \x20 diptych who {dir} users_customers --cell pays_only\n\
         \x20 diptych quarantine {dir} list\n\
         \x20 diptych sql {dir} \"select name, count(*) as n from events group by name order by n desc\"\n"
    ))?;
    // In a pipe nobody would end it.
    if std::io::stdout().is_terminal() && !matches.get_flag("print") { serve::open_on(&root) } else { Ok(()) }
}

/// Writes the files and the spec of the business, unless they are there from an earlier run with the same options.
fn make(root: &Path, business: &Business) -> anyhow::Result<()> {
    let data = root.join("data");
    let card = root.join("simulated.txt");
    let made = format!("{}, {} customers, seed {}\n", business.name, business.customers, business.seed);
    if std::fs::read_to_string(&card).is_ok_and(|known| known == made) {
        return Ok(());
    }
    anyhow::ensure!(
        !root.join(SPEC_FILE).exists(),
        "{}: there is another workspace in this folder; choose one with --output",
        root.display()
    );
    std::fs::create_dir_all(&data).with_context(|| format!("{}: cannot be made", data.display()))?;
    business.write(&data).with_context(|| format!("{}: the files cannot be written", data.display()))?;
    std::fs::write(root.join(SPEC_FILE), business.spec()).with_context(|| format!("{}: the spec cannot be written", root.display()))?;
    std::fs::write(&card, made).with_context(|| format!("{}: cannot be written", card.display()))
}
