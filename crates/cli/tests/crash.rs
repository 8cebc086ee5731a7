//! Kill at any moment: what was reported stays, the rest is finished by the next command.

mod common;

use std::path::Path;
use std::time::Duration;

use common::*;

/// Rows of the quick run; the slow one has enough for three commits.
const N_ROWS: u64 = 200_000;
const N_ROWS_SLOW: u64 = 1_200_000;

fn rows(n_rows: u64) -> String {
    let mut text = String::from("id,at,who,what,device,price,size\n");
    for n in 0..n_rows {
        let minute = n % 50_000;
        let what = ["view", "view", "cart", "buy"][(n.wrapping_mul(2_654_435_761) >> 7) as usize % 4];
        text.push_str(&format!("{n},{},p{},{what},phone,,{}\n", 1_709_000_000_000 + minute * 60_000 + n, n % 4_999, n % 7));
    }
    text
}

fn spec() -> String {
    SHOP.replace("    each:", "    time_format: epoch_ms\n    each:")
}

fn all_answers(dir: &Path) -> Vec<serde_json::Value> {
    let funnel = ["--step", "view", "--step", "cart", "--step", "buy"];
    vec![
        ask(dir, "sessions", &[]),
        ask(dir, "funnel", &funnel),
        ask(dir, "transitions", &[]),
        ask(dir, "retention", &[]),
        sql(dir, "select count(*) as n, count(distinct event_id) as ids from events"),
    ]
}

#[test]
fn an_import_that_is_killed_is_finished_by_the_next() {
    // The long run is `make verify`; RUN_SLOW_TESTS=30 kills thirty times.
    let slow: Option<u64> = std::env::var("RUN_SLOW_TESTS").ok().and_then(|n| n.parse().ok());
    let n_kills = slow.unwrap_or(4);
    let undisturbed = workspace(&spec());
    let text = rows(if slow.is_some() { N_ROWS_SLOW } else { N_ROWS });
    let path = file(undisturbed.path(), "web.csv", &text);
    let started = std::time::Instant::now();
    ok(&["import", undisturbed.path().to_str().unwrap(), &path]);
    let whole = started.elapsed();
    let expected = all_answers(undisturbed.path());

    let dir = workspace(&spec());
    let root = dir.path().to_str().unwrap();
    let path = file(dir.path(), "web.csv", &text);
    for kill in 0..n_kills {
        // A new workspace every third time, so that kills meet early and late moments alike.
        if kill % 3 == 0 {
            let _ = std::fs::remove_dir_all(dir.path().join("store"));
        }
        let mut import = diptych().args(["import", root, &path]).stdout(std::process::Stdio::null()).spawn().unwrap();
        let share = (kill.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / f64::from(1 << 24);
        std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * share));
        import.kill().unwrap();
        import.wait().unwrap();
        // A reader in between sees a whole state or none, never a half one.
        let output = diptych().args(["sql", root, "select count(*) as n from events", "--format", "json"]).output().unwrap();
        assert!(output.status.success() || self::text(&output).contains("nothing was imported"), "{}", self::text(&output));
    }
    ok(&["import", root, &path]);
    assert_eq!(all_answers(dir.path()), expected);
    ok(&["rebuild", root]);
    assert_eq!(all_answers(dir.path()), expected);
}

#[test]
fn what_is_derived_and_damaged_is_made_again() {
    let dir = workspace(&spec());
    let root = dir.path().to_str().unwrap();
    let n_rows = 5_000;
    let text = rows(n_rows);
    ok(&["import", root, &file(dir.path(), "web.csv", &text)]);
    let expected = all_answers(dir.path());
    // The same rows in another file are told from new ones, also when the index of ids is not what it was.
    let store = dir.path().join("store");
    let runs = || std::fs::read_dir(store.join("ids")).unwrap().map(|entry| entry.unwrap().path());
    let (header, mut rows) = text.split_once('\n').map(|(header, rows)| (header, rows.lines().collect::<Vec<_>>())).unwrap();
    let damages: [fn(&mut Vec<u8>); 3] = [|bytes| bytes[8..16].fill(255), |bytes| bytes.truncate(40), Vec::clear];
    for damage in damages {
        for path in runs().filter(|path| path.extension().is_some_and(|extension| extension == "run")) {
            let mut bytes = std::fs::read(&path).unwrap();
            damage(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
        }
        rows.rotate_left(1);
        let again = file(dir.path(), "again.csv", format!("{header}\n{}\n", rows.join("\n")));
        let said = ok(&["import", root, &again]);
        assert!(said.contains("5,000 duplicates"), "{said}");
    }
    assert_eq!(all_answers(dir.path()), expected);
    // Timelines whose card says something else are not read, and the error says what to do.
    let card = store.join("timelines/card.json");
    let mut said: serde_json::Value = serde_json::from_slice(&std::fs::read(&card).unwrap()).unwrap();
    said["segments"][0]["spans"] = serde_json::json!([]);
    std::fs::write(&card, said.to_string()).unwrap();
    let output = diptych().args(["ask", root, "sessions"]).output().unwrap();
    assert!(!output.status.success());
    assert!(self::text(&output).contains("diptych rebuild"), "{}", self::text(&output));
    ok(&["rebuild", root]);
    assert_eq!(all_answers(dir.path()), expected);
}
