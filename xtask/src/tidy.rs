//! What keeps the repository in shape, as tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use diptych_engine::OPERATORS;
use serde_json::Value;

use crate::root;

/// Crate, level, and the crates of this workspace that it may use. ARCHITECTURE.md has the same table for people.
const ARROWS: &[(&str, &[&str])] = &[
    ("diptych-event", &[]),
    ("diptych-journey", &["diptych-event"]),
    ("diptych-intake", &["diptych-event"]),
    ("diptych-store", &["diptych-event"]),
    ("diptych-simulate", &["diptych-event"]),
    ("diptych-testkit", &["diptych-event"]),
    ("diptych-engine", &["diptych-event", "diptych-intake", "diptych-journey", "diptych-picture", "diptych-store"]),
    ("diptych-picture", &["diptych-event", "diptych-journey"]),
    ("diptych-server", &["diptych-engine", "diptych-event"]),
    ("diptych-cli", &["diptych-engine", "diptych-event", "diptych-server", "diptych-simulate"]),
    ("xtask", &["diptych-engine", "diptych-server"]),
];

/// Crates that take minutes to build, and where they may be used.
const HEAVY: &[(&str, &[&str])] = &[("datafusion", &["diptych-engine"]), ("deltalake-core", &["diptych-store"])];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// Returns each crate with its dependencies that are not only for tests.
fn dependencies() -> Vec<(String, Vec<String>, Vec<String>)> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("there are packages");
    let names = |package: &Value, dev: bool| -> Vec<String> {
        let all = package["dependencies"].as_array().expect("a list").iter();
        all.filter(|dependency| (dependency["kind"] == "dev") == dev)
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), names(package, false), names(package, true))).collect()
}

#[test]
fn arrows_point_down() {
    let found = dependencies();
    for (name, normal, _) in &found {
        let (_, allowed) = ARROWS.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name} is not in the table of arrows"));
        for dependency in normal.iter().filter(|dependency| found.iter().any(|(known, ..)| known == *dependency)) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not use {dependency}; see ARCHITECTURE.md");
        }
        for (heavy, places) in HEAVY {
            assert!(!normal.contains(&(*heavy).to_owned()) || places.contains(&name.as_str()), "{name} must not use {heavy}");
        }
    }
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (name, _) in ARROWS {
        let short = name.trim_start_matches("diptych-");
        assert!(architecture.contains(&format!("| {short} |")), "ARCHITECTURE.md does not have {short}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let listed: BTreeSet<&str> =
        reasons.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).flat_map(|names| names.split(", ")).collect();
    for (name, normal, dev) in dependencies() {
        for dependency in normal.iter().chain(&dev).filter(|dependency| !dependency.starts_with("diptych-")) {
            assert!(listed.contains(dependency.as_str()), "{name} uses {dependency}, which docs/dependencies.md does not explain");
        }
    }
}

#[test]
fn every_operator_folder_is_registered_and_complete() {
    let ops = root().join("crates/journey/src/ops");
    let folders: BTreeSet<String> = fs::read_dir(&ops)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|folder| folder != "testing")
        .collect();
    let registered: BTreeSet<String> = OPERATORS.iter().map(|operator| operator.about().id.to_owned()).collect();
    assert_eq!(folders, registered, "a folder under ops/ and a line in OPERATORS belong together");
    for operator in OPERATORS {
        let about = operator.about();
        let text = [about.title, about.question, about.anchor, about.counting, about.spec];
        assert!(text.iter().all(|text| !text.trim().is_empty()) && !about.sources.is_empty(), "{} has an empty index card", about.id);
        for heading in ["## How it counts", "## Edge cases", "## Sources", "```example"] {
            assert!(about.spec.contains(heading), "{}/spec.md has no {heading}", about.id);
        }
        // The arithmetic is in kernel.rs, or in `derive` where account timelines need it too.
        for file in ["mod.rs", "spec.md", "tests.rs"] {
            assert!(ops.join(about.id).join(file).exists(), "{} has no {file}", about.id);
        }
        let schema = serde_json::to_value(operator.schema()).unwrap();
        for (parameter, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "parameter {parameter} of {} says nothing about itself", about.id);
        }
    }
}

#[test]
fn journey_is_pure() {
    for path in sources(&root().join("crates/journey/src")) {
        let text = fs::read_to_string(&path).unwrap();
        for banned in
            ["std::fs", "std::net", "std::thread", "std::env", "Instant::now", "SystemTime", "HashMap", "async fn", "println!", "rand::"]
        {
            assert!(!text.contains(banned), "{} has {banned}; journey is pure, see crates/journey/clippy.toml", path.display());
        }
    }
}

#[test]
fn partials_hold_no_floating_point_numbers() {
    for path in sources(&root().join("crates/journey/src/ops")) {
        let text = fs::read_to_string(&path).unwrap();
        let Some(start) = text.find("pub struct Partial") else { continue };
        let body = &text[start..start + text[start..].find("\n}").unwrap_or(text.len() - start)];
        assert!(!body.contains("f64") && !body.contains("f32"), "{}: partials are exact, docs/decisions/0004-the-seam.md", path.display());
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for folder in ["crates", "xtask"] {
        for path in sources(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.trim_start().starts_with("//!"), "{} does not open with //!", path.display());
        }
    }
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    let tracked = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    let own = root().join("xtask/src/tidy.rs");
    for path in String::from_utf8_lossy(&tracked.stdout).lines().map(|line| root().join(line)) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path == own || path.ends_with("Cargo.lock") {
            continue;
        }
        for banned in ["/work/", "/root/", "/home/", "TODO", "FIXME", "XXX"] {
            assert!(!text.contains(banned), "{} has {banned}", path.display());
        }
        let names_set_up = path.ends_with("Makefile");
        assert!(names_set_up || !text.contains("../shared"), "{} names a folder outside of the repository", path.display());
    }
}

/// Lists the Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
