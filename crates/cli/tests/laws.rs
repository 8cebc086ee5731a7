//! Laws through the real binary: shuffled, split, replayed, on other threads and shards, an answer's JSON is the same.

mod common;

use std::fmt::Write;
use std::path::Path;

use common::*;
use diptych_testkit::{Options, Random, World, generate};
use serde_json::Value;

const SPEC: &str = "format: 1
currency: EUR
properties:
  product: { type: text }
  size: { type: integer }
sources:
  web:
    files: [part*.csv]
    time_format: epoch_us
    each:
      time: time
      event_id: id
      seq: seq
      user: actor
      device: device
      interactive: interactive
      properties: { product: product, size: size }
    events:
      - name: name
";

fn lines(world: &World) -> Vec<String> {
    let rows = world.rows().iter().enumerate();
    rows.map(|(idx, row)| {
        let property = |name: &str| row.properties.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
        format!(
            "e{idx},{},{},{},{},{},{},{},{}",
            row.time_us,
            row.tie,
            row.actor,
            row.name,
            row.interactive,
            property("device"),
            property("product"),
            property("size")
        )
    })
    .collect()
}

/// Imports lines in some files and returns every answer.
fn answers(lines: &[String], n_files: usize, n_shards: &str, threads: &str, replay: bool) -> Vec<String> {
    let per_file = lines.len().div_ceil(n_files).max(1);
    let mut parts: Vec<Vec<String>> = lines.chunks(per_file).map(<[String]>::to_vec).collect();
    if replay {
        // Every row comes again in another file, in another order.
        let again: Vec<String> = lines.iter().rev().cloned().collect();
        parts.extend(again.chunks(per_file + 1).map(<[String]>::to_vec));
    }
    let dir = imported(&parts, n_shards);
    all_answers(dir.path(), threads)
}

/// Writes lines as a file, and returns its path.
fn written(dir: &Path, name: &str, part: &[String]) -> String {
    let mut text = String::from("id,time,seq,actor,name,interactive,device,product,size\n");
    part.iter().for_each(|line| writeln!(text, "{line}").unwrap());
    file(dir, name, text)
}

/// Imports one file after the other into a new workspace.
fn imported(parts: &[Vec<String>], n_shards: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    ok(&["init", root, "--shards", n_shards]);
    std::fs::write(dir.path().join("diptych.yaml"), SPEC).unwrap();
    for (idx, part) in parts.iter().enumerate() {
        ok(&["import", root, &written(dir.path(), &format!("part{idx}.csv"), part)]);
    }
    dir
}

fn all_answers(dir: &Path, threads: &str) -> Vec<String> {
    questions().iter().map(|question| answer(dir, question, threads)).collect()
}

fn answer(dir: &Path, (operator, params, modifiers): &(String, String, Vec<&str>), threads: &str) -> String {
    let dir = dir.to_str().unwrap();
    let start = ["ask", dir, operator, "--format", "json", "--threads", threads, "--params", params];
    let output = diptych().args(start).args(modifiers).output().expect("the binary runs");
    // A world may lack an event that a question names: then every variant must lack it in the same words.
    if output.status.success() { String::from_utf8(output.stdout).unwrap() } else { text(&output) }
}

/// Every operator with its sample parameters, plain and with modifiers.
fn questions() -> Vec<(String, String, Vec<&'static str>)> {
    let list: Value = serde_json::from_str(&ok(&["list", "--format", "json"])).unwrap();
    let mut questions = Vec::new();
    for about in list.as_array().unwrap() {
        let id = about["id"].as_str().unwrap().to_owned();
        let samples = about["samples"].as_array().unwrap();
        for (idx, sample) in samples.iter().enumerate() {
            let modifiers = [
                vec![],
                vec!["--by", "device"],
                vec!["--where", "product = 'hat'", "--by", "date_trunc('day', time)"],
                vec!["--versus", "size > 5", "--actors", "n_events > 2"],
                vec!["--by", "substr(actor, 1, 2)"],
            ];
            questions.push((id.clone(), sample.as_str().unwrap().to_owned(), modifiers[idx % modifiers.len()].clone()));
        }
    }
    questions
}

#[test]
fn answers_do_not_depend_on_how_rows_arrive_or_who_counts() {
    // The long run is `make verify`; RUN_SLOW_TESTS says how many worlds.
    let n_worlds: u64 = std::env::var("RUN_SLOW_TESTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    for seed in 0..n_worlds {
        let world = generate(seed, &Options { n_actors: 40, ..Options::varied(seed) });
        let lines = lines(&world);
        let plain = answers(&lines, 1, "64", "1", false);
        let mut shuffled = lines.clone();
        Random::new(seed).shuffle(&mut shuffled);
        for (n_files, n_shards, threads, replay) in [(1, "1", "2", false), (5, "7", "1", true), (3, "64", "2", true)] {
            let other = answers(&shuffled, n_files, n_shards, threads, replay);
            for ((one, other), question) in plain.iter().zip(&other).zip(questions()) {
                assert_eq!(one, other, "world {seed}, {n_files} files, {n_shards} shards, {threads} threads, {question:?}");
            }
        }
    }
}

fn card(dir: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join("store/timelines/card.json")).unwrap()).unwrap()
}

fn segments(dir: &Path) -> Vec<Value> {
    card(dir)["segments"].as_array().unwrap().clone()
}

#[test]
fn a_few_new_rows_leave_the_others_where_they_are_and_count_at_once() {
    let world = generate(5, &Options { n_actors: 40, ..Options::varied(5) });
    let mut lines = lines(&world);
    Random::new(5).shuffle(&mut lines);
    let expected = answers(&lines, 1, "4", "1", false);
    let (first, late) = lines.split_at(lines.len() - 9);
    let mut parts = vec![first.to_vec()];
    parts.extend(late.chunks(3).map(<[String]>::to_vec));
    let dir = imported(&parts, "4");
    let found = segments(dir.path());
    assert!(found.len() > 1, "{found:?}");
    // Actors who did something new stand whole in the new segment, and no more in the old one.
    let n = |segment: &Value, what: &str| segment[what].as_u64().unwrap();
    assert!(n(&found[0], "n_replaced") > 0 && n(&found[0], "n_rows") == first.len() as u64, "{found:?}");
    assert_eq!(found.iter().map(|segment| n(segment, "n_rows") - n(segment, "n_replaced")).sum::<u64>(), lines.len() as u64);
    assert_eq!(all_answers(dir.path(), "2"), expected);
    ok(&["rebuild", dir.path().to_str().unwrap()]);
    assert_eq!(segments(dir.path()).len(), 1);
    assert_eq!(all_answers(dir.path(), "2"), expected);
}

#[test]
fn many_small_imports_make_few_segments() {
    let world = generate(6, &Options { n_actors: 12, n_events: 80, ..Options::varied(6) });
    let lines = lines(&world);
    let (first, late) = lines.split_at(lines.len() - 25);
    let mut parts = vec![first.to_vec()];
    parts.extend(late.chunks(1).map(<[String]>::to_vec));
    let dir = imported(&parts, "2");
    let n_segments = segments(dir.path()).len();
    assert!((2..=5).contains(&n_segments), "{n_segments}");
    let whole = imported(&[lines], "2");
    assert_eq!(all_answers(dir.path(), "1"), all_answers(whole.path(), "1"));
}

#[test]
fn rows_without_a_text_are_a_group_whichever_segment_they_are_in() {
    let line = |id: u32, device: &str, product: &str| format!("e{id},{},,a{id},view,1,{device},{product},", 1_000_000 * i64::from(id));
    // The first file misses a device and no product, the second one a product and no device; the first one is so much larger
    // that each has a segment.
    let first = (1..=12).map(|id| line(id, if id == 2 { "" } else { "phone" }, if id == 3 { "cap" } else { "hat" }));
    let parts = [first.collect(), vec![line(13, "phone", ""), line(14, "laptop", "hat")]];
    let groups = |n_parts: usize, by: &str| -> Vec<(Option<String>, u64)> {
        let dir = imported(&parts[..n_parts], "2");
        assert_eq!(segments(dir.path()).len(), n_parts);
        let answer = ask(dir.path(), "funnel", &["--params", r#"{"steps":["view"]}"#, "--by", by]);
        let groups = answer["groups"].as_array().unwrap().iter();
        groups.map(|group| (group["group"].as_str().map(str::to_owned), cell(group, "step:1")["people"].as_u64().unwrap())).collect()
    };
    let of = |groups: &[(&str, u64)], missing: u64| -> Vec<(Option<String>, u64)> {
        let mut groups: Vec<_> = groups.iter().map(|(group, n)| (Some((*group).to_owned()), *n)).collect();
        groups.extend((missing > 0).then_some((None, missing)));
        groups
    };
    let sorted = |mut groups: Vec<(Option<String>, u64)>| {
        groups.sort();
        groups
    };
    assert_eq!(sorted(groups(1, "device")), sorted(of(&[("phone", 11)], 1)));
    assert_eq!(sorted(groups(1, "product")), sorted(of(&[("hat", 11), ("cap", 1)], 0)));
    assert_eq!(sorted(groups(2, "device")), sorted(of(&[("phone", 12), ("laptop", 1)], 1)));
    assert_eq!(sorted(groups(2, "product")), sorted(of(&[("hat", 12), ("cap", 1)], 1)));
}

#[test]
fn whole_numbers_are_the_same_however_wide_they_are_held() {
    let line = |(id, size): (usize, &Option<i64>)| {
        let size = size.map(|size| size.to_string()).unwrap_or_default();
        format!("e{id},{},,a{id},view,1,phone,hat,{size}", 1_000_000 * id)
    };
    // A byte holds how far they lie above the least one, with one to spare for a missing one, then two, four, and eight.
    for wide in [&[-5, 249][..], &[-5, 250], &[-5, 65_530], &[-100_000, 4_000_000_000], &[i64::MAX, i64::MIN + 1]] {
        let sizes: Vec<Option<i64>> = (0..12).map(|size| (size != 4).then_some(size)).chain(wide.iter().copied().map(Some)).collect();
        let lines: Vec<String> = sizes.iter().enumerate().map(line).collect();
        // The last ones in a segment of their own, and in one that has all.
        for (n_first, n_segments) in [(12, 2), (3, 1)] {
            let dir = imported(&[lines[..n_first].to_vec(), lines[n_first..].to_vec()], "2");
            assert_eq!(segments(dir.path()).len(), n_segments);
            let people = |condition: &str| {
                let answer = ask(dir.path(), "funnel", &["--params", r#"{"steps":["view"]}"#, "--where", condition]);
                cell(&answer, "step:1")["people"].as_u64().unwrap()
            };
            for bound in sizes.iter().flatten() {
                let count = |holds: &dyn Fn(i64) -> bool| sizes.iter().flatten().filter(|size| holds(**size)).count() as u64;
                assert_eq!(people(&format!("size >= {bound}")), count(&|size| size >= *bound), "{bound} of {wide:?}");
                assert_eq!(people(&format!("size < {bound}")), count(&|size| size < *bound), "{bound} of {wide:?}");
                assert_eq!(people(&format!("abs(size) = abs({bound})")), count(&|size| size.abs() == bound.abs()), "{bound} of {wide:?}");
            }
            assert_eq!(people("size is null"), 1);
        }
    }
}

#[test]
fn names_may_become_more_than_a_byte_holds() {
    let line = |id: i64, actor: String, name: String| format!("e{id},{},,{actor},{name},1,phone,hat,1", 100_000_000 * id);
    let first: Vec<String> = (0..2_000).map(|id| line(id, format!("a{}", id % 40), format!("name{}", id * id % 211))).collect();
    // New names of some of the same actors, whose rows in the first segment are nobody's then, and of another one.
    let of_known = (2_000..2_060).map(|id| line(id, format!("a{}", id % 7), format!("new{id}")));
    let second: Vec<String> = of_known.chain((0..200).map(|n| line(2_060 + n, "b".into(), format!("more{n}")))).collect();
    let apart = imported(&[first.clone(), second.clone()], "2");
    assert_eq!(segments(apart.path()).len(), 2);
    let together = imported(&[[first, second].concat()], "2");
    assert_eq!(segments(together.path()).len(), 1);
    assert_eq!(all_answers(apart.path(), "2"), all_answers(together.path(), "1"));
}

#[test]
fn files_of_one_import_are_as_if_they_came_one_by_one() {
    let world = generate(8, &Options { n_actors: 40, ..Options::varied(8) });
    let first = lines(&world);
    let line = |id: usize, actor: String, name: String, text: String, size: usize| {
        format!("n{id},{},,{actor},{name},1,{text},hat,{size}", 1_700_000_000_000_000_i64 + 40_000_000 * id as i64)
    };
    // Each file has names, texts and actors that the others have not, and the second source is in the last one first.
    let late = |file: usize| -> Vec<String> {
        let of_file = (12 * file..12 * (file + 1))
            .map(|id| line(id, format!("a{}", id % 9), format!("late{}", id % (file + 2)), format!("text{file}"), id));
        of_file.chain([line(1_000 + file, format!("only{file}"), "late0".into(), "phone".into(), 70_000 * file)]).collect()
    };
    let named = |file: usize| format!("{}{file}.csv", if file > 1 { "till" } else { "part" });
    let spec = SPEC.replace(
        "sources:\n",
        &format!("sources:\n{}", SPEC[SPEC.find("  web:").unwrap()..].replace("web:", "till:").replace("part*", "till*")),
    );
    let made = |at_once: bool| {
        let dir = imported(std::slice::from_ref(&first), "4");
        let root = dir.path().to_str().unwrap();
        std::fs::write(dir.path().join("diptych.yaml"), &spec).unwrap();
        let paths: Vec<String> = (1..4).map(|file| written(dir.path(), &named(file), &late(file))).collect();
        let each: Vec<&str> = paths.iter().map(String::as_str).collect();
        for files in each.chunks(if at_once { each.len() } else { 1 }) {
            ok(&[&["import", root][..], files].concat());
        }
        dir
    };
    let (together, apart) = (made(true), made(false));
    assert_eq!(segments(together.path()).len(), 2, "the first rows are left where they are");
    let expected = all_answers(apart.path(), "1");
    assert_eq!(all_answers(together.path(), "2"), expected);
    ok(&["rebuild", together.path().to_str().unwrap()]);
    assert_eq!(all_answers(together.path(), "2"), expected);
}

#[test]
fn timelines_that_outgrow_their_shards_are_made_anew() {
    let world = generate(9, &Options { n_actors: 40, ..Options::varied(9) });
    let lines = lines(&world);
    let (first, late) = lines.split_at(lines.len() - 6);
    let dir = imported(&[first.to_vec()], "2");
    // A workspace is told what millions of rows would ask for: less than four times as many shards, and four times as many.
    for (n_asked, n_shards, late) in [(7, 2, &late[..3]), (8, 8, &late[3..])] {
        let path = dir.path().join("store/workspace.json");
        let mut workspace: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        workspace["n_shards"] = n_asked.into();
        std::fs::write(&path, workspace.to_string()).unwrap();
        ok(&["import", dir.path().to_str().unwrap(), &written(dir.path(), &format!("part-late{n_asked}.csv"), late)]);
        assert_eq!(card(dir.path())["n_shards"], n_shards);
    }
    assert_eq!(segments(dir.path()).len(), 1);
    let whole = imported(&[lines], "3");
    assert_eq!(all_answers(dir.path(), "2"), all_answers(whole.path(), "1"));
}
