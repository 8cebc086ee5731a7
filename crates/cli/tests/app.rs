//! The web app in a real browser, over servers of the real binary: `ui/e2e`.
//!
//! Without Node, its packages or Chromium the test says "skipped"; `make test` installs them first.

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{data, diptych, ok};

/// Where Chromium stands on Debian.
const CHROMIUM: &str = "/usr/bin/chromium";

/// A server that ends with the test.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(root: &Path) -> Self {
        let arguments = ["serve", root.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        let mut child = diptych().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split("served at ").nth(1).expect("the server says where it is").trim().trim_end_matches('/').to_owned();
        Self { child, url }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the folder of the app's browser tests when all that they need is here.
fn browser_tests() -> Option<PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    let has_node = Command::new("node").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    for (is_there, what) in [
        (has_node, "Node"),
        (ui.join("node_modules").is_dir() && ui.join("dist/index.html").is_file(), "the built app (make ui)"),
        (Path::new(CHROMIUM).exists(), "Chromium"),
    ] {
        if !is_there {
            println!("skipped: no {what}");
            return None;
        }
    }
    Some(ui)
}

#[test]
fn the_app_works_in_a_browser() {
    let Some(ui) = browser_tests() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bakery = dir.path().join("bakery");
    // As large as `make demo`: the hinge names a friction, whose people the tests follow.
    ok(&["demo", "bakery", "-o", bakery.to_str().unwrap()]);
    // The app begins in a folder that is not there yet.
    let empty = dir.path().join("empty");
    let (served, empty) = (Serving::start(&bakery), Serving::start(&empty));
    let mut tests = Command::new("node");
    tests
        .arg("e2e/run.mjs")
        .current_dir(&ui)
        .env("CHROMIUM", CHROMIUM)
        .env("DIPTYCH_URL", &served.url)
        .env("DIPTYCH_EMPTY_URL", &empty.url);
    if let Some(files) = data("completejourney") {
        tests.env("DIPTYCH_FILES", files);
    }
    if let Some(out) = std::env::var_os("E2E_OUT") {
        tests.env("E2E_OUT", out);
    }
    let output = tests.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().any(|line| line.starts_with("ok ")), "no test was run: {said}");
}
