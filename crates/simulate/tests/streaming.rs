//! The music service's files hold what `truth.json` says: a recount that reads the files and the spec only.

mod accounts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use accounts::{Event, Row, accepted, check, check_effects, local_ms, members, midnight_ms, read_lines, read_table, utc_ms};
use diptych_event::spec::Spec;
use diptych_simulate::{BusinessTruth, STREAMING_SPEC, StreamingFriction, StreamingOptions, write_streaming};

const FILES: [&str; 6] = ["app.jsonl", "subscriptions.csv", "ads.csv", "memberships.csv", "profiles.csv", "truth.json"];

#[test]
fn same_seed_gives_the_same_bytes() {
    let write = |seed| {
        let dir = tempfile::tempdir().unwrap();
        write_streaming(&StreamingOptions { seed, ..StreamingOptions::small() }, dir.path()).unwrap();
        FILES.map(|name| fs::read(dir.path().join(name)).unwrap())
    };
    let (first, again, other) = (write(11), write(11), write(12));
    assert_eq!(first, again);
    for (file, other) in first.iter().zip(&other) {
        assert_ne!(file, other);
    }
}

#[test]
fn files_hold_what_the_truth_says() {
    for options in [StreamingOptions::small(), StreamingOptions { listeners: 900, seed: 5, ..StreamingOptions::default() }] {
        let dir = tempfile::tempdir().unwrap();
        let truth = write_streaming(&options, dir.path()).unwrap();
        let read: BusinessTruth = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        assert_eq!(read, truth);
        recount(&truth, dir.path());
    }
}

fn recount(truth: &BusinessTruth, dir: &Path) {
    let mut events: Vec<Event> = Vec::new();
    let text = |row: &Row, column: &str| row.get(column).cloned().unwrap_or_default();

    let rows = read_lines(dir, "app.jsonl");
    let app = accepted(
        &truth.files["app.jsonl"],
        &rows,
        |row| row["id"].clone(),
        |row| {
            if row.contains_key("broken_line") {
                return Err("broken_line");
            }
            let time_ms = utc_ms(&row["ts"]).ok_or("unparsable_time")?;
            if text(row, "listener").is_empty() { Err("missing_actor") } else { Ok((row["event"].clone(), time_ms)) }
        },
    );
    for (row, time_ms) in app {
        assert_eq!(row.contains_key("advertiser"), row["event"] == "ad_impression");
        let (name, user, account) = (row["event"].clone(), row["listener"].clone(), text(row, "advertiser"));
        events.push(Event { time_ms, name, user, account, ..Event::default() });
    }
    check_impressions(&mut events);

    for (name, delimiter, pattern, [id, time, event, account]) in [
        ("subscriptions.csv", b',', "%Y-%m-%d %H:%M", ["id", "at", "event", "account"]),
        ("ads.csv", b';', "%d.%m.%Y %H:%M", ["number", "date", "kind", "advertiser"]),
    ] {
        let rows = read_table(dir, name, delimiter);
        let cents = |row: &Row| row["amount"].replace([',', '.'], "").parse::<i64>();
        let kept = accepted(
            &truth.files[name],
            &rows,
            |row| row[id].clone(),
            |row| {
                let time_ms = local_ms(&row[time], pattern).ok_or("unparsable_time")?;
                if !row["amount"].is_empty() {
                    cents(row).map_err(|_| "bad_amount")?;
                }
                if row[account].is_empty() { Err("missing_actor") } else { Ok((row[event].clone(), time_ms)) }
            },
        );
        let by_id: BTreeMap<&str, (&Row, i64)> = kept.iter().map(|(row, ms)| (row[id].as_str(), (*row, *ms))).collect();
        for (row, time_ms) in &kept {
            let back = row.get("refund_of").or(row.get("credit_for")).unwrap();
            if let Some((paid, paid_ms)) = (!back.is_empty()).then(|| by_id[back.as_str()]) {
                assert_eq!((&paid[account], &paid["currency"]), (&row[account], &row["currency"]));
                assert!(paid_ms < *time_ms && cents(row).unwrap() < 0 && -cents(row).unwrap() <= cents(paid).unwrap());
            }
            let money = cents(row).ok().map(|cents| (cents, row["currency"].clone()));
            events.push(Event { time_ms: *time_ms, name: row[event].clone(), account: row[account].clone(), money, ..Event::default() });
        }
    }

    let rows = read_table(dir, "memberships.csv", b',');
    let households = accepted(
        &truth.files["memberships.csv"],
        &rows,
        |row| format!("{}{}", row["record"], row["withdrawn"]),
        |row| {
            let since_ms = midnight_ms(&row["since"]).ok_or("unparsable_time")?;
            let written_ms = since_ms + if row["withdrawn"] == "yes" { 10 * accounts::DAY_MS } else { 0 };
            if row["listener"].is_empty() { Err("missing_actor") } else { Ok(("membership".to_owned(), written_ms)) }
        },
    );
    let members = members(&households, "listener", "household");
    assert_eq!(truth.relations.n_memberships - truth.relations.n_memberships_withdrawn, members.len() as u64);

    let rows = read_table(dir, "profiles.csv", b',');
    accepted(
        &truth.files["profiles.csv"],
        &rows,
        |row| row.values().cloned().collect::<Vec<_>>().join("\t"),
        |row| {
            let since_ms = if row["since"].is_empty() { Some(accounts::YEAR_MS[0]) } else { midnight_ms(&row["since"]) };
            if row["subject"].is_empty() { Err("missing_actor") } else { Ok(("profile".to_owned(), since_ms.ok_or("unparsable_time")?)) }
        },
    );
    check(truth, &Spec::parse(STREAMING_SPEC).unwrap(), events, &members, &BTreeMap::new());
}

/// No session begins with an advertisement, so that every session counts for who listens.
fn check_impressions(events: &mut [Event]) {
    events.sort_by(|a, b| (&a.user, a.time_ms).cmp(&(&b.user, b.time_ms)));
    for (idx, event) in events.iter().enumerate().filter(|(_, event)| event.name == "ad_impression") {
        let before = &events[idx - 1];
        assert!(before.user == event.user && event.time_ms - before.time_ms <= accounts::MINUTE_MS);
    }
}

#[test]
fn the_world_is_as_described() {
    let dir = tempfile::tempdir().unwrap();
    let truth = write_streaming(&StreamingOptions::default(), dir.path()).unwrap();
    eprintln!("{}", serde_json::to_string_pretty(&truth).unwrap());
    check_effects(&truth);
    let rate = |n_outcome: u64, n: u64| n_outcome as f64 / n as f64;
    for effect in &truth.effects {
        let ratio = rate(effect.n_met_outcome, effect.n_met) / rate(effect.n_clean_outcome, effect.n_clean);
        assert!(ratio < 0.95, "each looks harmful: {} {ratio}", effect.friction);
        if effect.causal {
            assert!((ratio - effect.planted_ratio).abs() < 0.2, "struck at random: {} {ratio}", effect.friction);
        }
    }

    for stage in &truth.accounts.stages {
        assert!(20 <= stage.n_accounts && 5 <= stage.n_open, "{stage:?}");
    }
    assert!(truth.accounts.stages[..3].iter().all(|stage| 0 < stage.n_lapsed && stage.n_went_on.values().sum::<u64>() > 0));
    assert!(0 < truth.accounts.stages[2].n_left && 0 < truth.accounts.stages[0].n_came_from["lost"]);
    assert!(!truth.accounts.stages[3].n_came_from.contains_key("free"), "only who pays invites");
    assert_eq!(truth.accounts.n_never_in_a_stage, 40, "advertisers and labels are in no stage of listeners");
    let subscribe = &truth.accounts.tasks["subscribe"];
    assert!(0 < subscribe.n_succeeded.min(subscribe.n_abandoned), "{subscribe:?}");
    assert!(0 < truth.accounts.tasks["go_premium"].n_succeeded.min(truth.accounts.tasks["find_music"].n_abandoned));
    assert!(0 < truth.accounts.tasks["go_premium"].n_open);
    let relations = &truth.relations;
    assert!(0 < relations.n_users_in_two_accounts.min(relations.n_memberships_withdrawn), "{relations:?}");
    let money = &truth.accounts.money;
    assert_eq!(money.by_currency.keys().collect::<Vec<_>>(), ["EUR", "USD"]);
    assert_eq!(money.by_currency["EUR"].cents.keys().collect::<Vec<_>>(), ["charge", "recurring", "refund"]);
    let table = &truth.accounts.users_customers;
    assert!(0 < table.n_uses_and_pays.min(table.n_uses_only) && 20 <= table.n_pays_only, "{table:?}");
    assert_eq!(truth.accounts.n_rows_without_account, 0);
    for friction in truth.accounts.frictions.values() {
        assert!(0 < friction.n_episodes && 0 < friction.n_accounts, "{friction:?}");
    }
}

#[test]
fn switching_an_effect_off_gives_the_conversions_that_it_cost() {
    let write = |effects_off: &[StreamingFriction]| {
        let dir = tempfile::tempdir().unwrap();
        let effects_off: BTreeSet<StreamingFriction> = effects_off.iter().copied().collect();
        write_streaming(&StreamingOptions { listeners: 1_000, effects_off, ..StreamingOptions::default() }, dir.path()).unwrap()
    };
    let truth = write(&[]).counterfactual;
    for friction in [StreamingFriction::PlaybackError, StreamingFriction::PaymentFailed] {
        let off = write(&[friction]);
        assert_eq!(off.counterfactual.n_units, truth.n_units);
        assert_eq!(off.counterfactual.n_converted, truth.n_converted_without[friction.name()]);
    }
    let off = write(&[StreamingFriction::PlaybackError, StreamingFriction::PaymentFailed]);
    assert_eq!(off.counterfactual.n_converted, truth.n_converted_without_all);
    assert!(off.effects.iter().all(|effect| effect.n_conversions_lost == 0 && !effect.causal));
}

#[test]
fn a_friction_changes_only_the_listeners_that_it_struck_and_their_households() {
    let write = |effects_off: BTreeSet<StreamingFriction>| {
        let dir = tempfile::tempdir().unwrap();
        write_streaming(&StreamingOptions { listeners: 600, effects_off, ..StreamingOptions::default() }, dir.path()).unwrap();
        let households = read_table(dir.path(), "memberships.csv", b',');
        (accounts::doings(dir.path(), "app.jsonl", "listener"), households)
    };
    let ((with, here), (without, there)) = (write(BTreeSet::new()), write([StreamingFriction::PlaybackError].into()));
    let met = |(_, events): &(&String, &Vec<String>)| events.iter().any(|event| event == "playback_error");
    let mut struck: BTreeSet<&String> = with.iter().filter(met).map(|(listener, _)| listener).collect();
    for row in here.iter().chain(&there) {
        let head = here.iter().chain(&there).find(|head| head["household"] == row["household"] && head["role"] == "payer");
        if head.is_some_and(|head| struck.contains(&head["listener"])) {
            struck.insert(&row["listener"]);
        }
    }
    let listeners: BTreeSet<&String> = with.keys().chain(without.keys()).collect();
    let changed: BTreeSet<&String> = listeners.into_iter().filter(|listener| with.get(*listener) != without.get(*listener)).collect();
    assert!(!changed.is_empty() && changed.is_subset(&struck), "{:?}", changed.difference(&struck));
}

#[test]
fn the_smallest_service_works_and_an_impossible_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = StreamingOptions { listeners: 50, advertisers: 1, seed: 3, ..StreamingOptions::default() };
    let truth = write_streaming(&options, &dir.path().join("made/for/it")).unwrap();
    assert!(0 < truth.files["app.jsonl"].n_accepted);
    let error = write_streaming(&StreamingOptions { listeners: 0, ..StreamingOptions::default() }, dir.path()).unwrap_err();
    assert!(error.to_string().contains("50 to 400,000"));
}
