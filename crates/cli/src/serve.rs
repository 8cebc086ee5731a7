//! `diptych serve`, and `diptych` alone: the app in the browser.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ArgMatches;
use diptych_engine::{SPEC_FILE, init};
use diptych_server::{Options, Running, start};

use crate::run::{self, print};

/// Serves a workspace.
pub fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let root = run::dir(matches);
    if is_empty(root) {
        init::init(root, &[], None)?;
    }
    anyhow::ensure!(root.join(SPEC_FILE).exists(), "{}: there is no {SPEC_FILE}; make a workspace with `diptych init`", root.display());
    let listen: SocketAddr = *matches.get_one("listen").expect("it has a default");
    let token = matches.get_one::<String>("token").cloned();
    let token = token.or_else(|| (!listen.ip().is_loopback()).then(diptych_server::new_token));
    let options = Options { listen, token, ..Options::new(root.to_owned()) };
    let running = start(options.clone()).with_context(|| format!("{listen}: cannot listen here"))?;
    announce(&running, &options, matches.get_flag("open"))
}

/// Tells whether a folder is not there yet or holds nothing, so that the app may begin in it.
fn is_empty(root: &Path) -> bool {
    std::fs::read_dir(root).map_or_else(|error| error.kind() == ErrorKind::NotFound, |mut entries| entries.next().is_none())
}

/// Opens the app on the current folder if it is a workspace, else on the one in the home folder.
pub fn open_app() -> anyhow::Result<()> {
    let root = match Path::new(SPEC_FILE).exists() {
        true => PathBuf::from("."),
        false => std::env::home_dir().context("there is no home folder; say which workspace: `diptych serve DIR`")?.join("diptych"),
    };
    if !root.join(SPEC_FILE).exists() {
        init::init(&root, &[], None)?;
    }
    open_on(&root)
}

/// Serves a workspace on a free port of this machine, the usual one if it can be had, and opens the browser.
pub fn open_on(root: &Path) -> anyhow::Result<()> {
    let mut options = Options::new(root.to_owned());
    let running = match start(options.clone()) {
        // Another one is served there already.
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            options.listen.set_port(0);
            start(options.clone())
        }
        started => started,
    };
    announce(&running.context("the app cannot be served")?, &options, true)
}

fn announce(running: &Running, options: &Options, open: bool) -> anyhow::Result<()> {
    running.prepare_report();
    let url = running.url(options.token.as_deref());
    // Whoever reads this may go away; the app is served all the same.
    let _ = print(&format!("{} is served at {url}\nCtrl-C ends it.", options.root.display()));
    if open && let Err(error) = open::that_detached(&url) {
        print(&format!("The browser could not be opened ({error}); open the address by hand."))?;
    }
    running.wait();
    Ok(())
}
