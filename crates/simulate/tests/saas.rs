//! The software business's files hold what `truth.json` says: a recount that reads the files and the spec only.

mod accounts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use accounts::{Event, accepted, check, check_effects, local_ms, members, midnight_ms, read_lines, read_table, utc_ms};
use diptych_event::spec::Spec;
use diptych_simulate::{BusinessTruth, SAAS_SPEC, SaasFriction, SaasOptions, write_saas};

const FILES: [&str; 8] =
    ["product.jsonl", "crm.csv", "billing.csv", "support.jsonl", "memberships.csv", "profiles.csv", "merges.csv", "truth.json"];

#[test]
fn same_seed_gives_the_same_bytes() {
    let write = |seed| {
        let dir = tempfile::tempdir().unwrap();
        write_saas(&SaasOptions { seed, ..SaasOptions::small() }, dir.path()).unwrap();
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
    for options in [SaasOptions::small(), SaasOptions { companies: 200, seed: 5, ..SaasOptions::default() }] {
        let dir = tempfile::tempdir().unwrap();
        let truth = write_saas(&options, dir.path()).unwrap();
        let read: BusinessTruth = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        assert_eq!(read, truth);
        recount(&truth, dir.path());
    }
}

fn recount(truth: &BusinessTruth, dir: &Path) {
    let mut events: Vec<Event> = Vec::new();
    let is_empty = |row: &accounts::Row, column: &str| row.get(column).is_none_or(String::is_empty);

    let rows = read_lines(dir, "product.jsonl");
    let product = accepted(
        &truth.files["product.jsonl"],
        &rows,
        |row| row["id"].clone(),
        |row| {
            if row.contains_key("broken_line") {
                return Err("broken_line");
            }
            let time_ms = utc_ms(&row["ts"]).ok_or("unparsable_time")?;
            if is_empty(row, "email") && is_empty(row, "device_id") { Err("missing_actor") } else { Ok((row["event"].clone(), time_ms)) }
        },
    );
    for (row, time_ms) in product {
        assert_eq!(row.contains_key("load_ms"), row["event"] == "page_view");
        let (name, user, device) = (row["event"].clone(), row["email"].clone(), row["device_id"].clone());
        events.push(Event { time_ms, name, user, device, ..Event::default() });
    }

    let rows = read_table(dir, "crm.csv", b',');
    let crm = accepted(
        &truth.files["crm.csv"],
        &rows,
        |row| row["activity_id"].clone(),
        |row| {
            let time_ms = local_ms(&row["at"], "%Y-%m-%d %H:%M").ok_or("unparsable_time")?;
            if row["company"].is_empty() { Err("missing_actor") } else { Ok((row["activity"].clone(), time_ms)) }
        },
    );
    events.extend(crm.into_iter().map(|(row, time_ms)| Event {
        time_ms,
        name: row["activity"].clone(),
        account: row["company"].clone(),
        ..Event::default()
    }));

    let rows = read_table(dir, "billing.csv", b';');
    let cents = |row: &accounts::Row| row["amount"].replace(',', "").parse::<i64>();
    let billing = accepted(
        &truth.files["billing.csv"],
        &rows,
        |row| row["number"].clone(),
        |row| {
            let time_ms = local_ms(&row["date"], "%d.%m.%Y %H:%M").ok_or("unparsable_time")?;
            cents(row).map_err(|_| "bad_amount")?;
            if row["company"].is_empty() { Err("missing_actor") } else { Ok((row["kind"].clone(), time_ms)) }
        },
    );
    let by_number: BTreeMap<&str, (&accounts::Row, i64)> = billing.iter().map(|(row, ms)| (row["number"].as_str(), (*row, *ms))).collect();
    for (row, time_ms) in &billing {
        assert_eq!(row["kind"] == "credit_note", cents(row).unwrap() < 0);
        if row["kind"] == "credit_note" {
            let (invoice, invoice_ms) = by_number[row["credit_for"].as_str()];
            assert_eq!((&invoice["company"], &invoice["currency"]), (&row["company"], &row["currency"]));
            assert!(invoice_ms < *time_ms && -cents(row).unwrap() <= cents(invoice).unwrap());
        }
        let (name, account) = (row["kind"].clone(), row["company"].clone());
        events.push(Event {
            time_ms: *time_ms,
            name,
            account,
            money: Some((cents(row).unwrap(), row["currency"].clone())),
            ..Event::default()
        });
    }

    let rows = read_lines(dir, "support.jsonl");
    let support = accepted(
        &truth.files["support.jsonl"],
        &rows,
        |row| row["id"].clone(),
        |row| {
            let time_ms = row["at"].parse().map_err(|_| "unparsable_time")?;
            if is_empty(row, "company") { Err("missing_actor") } else { Ok(("ticket_opened".to_owned(), time_ms)) }
        },
    );
    events.extend(support.into_iter().map(|(row, time_ms)| Event {
        time_ms,
        name: "ticket_opened".to_owned(),
        account: row["company"].clone(),
        ..Event::default()
    }));

    let rows = read_table(dir, "memberships.csv", b',');
    let since_ms = |text: &str| if text.is_empty() { Some(accounts::YEAR_MS[0]) } else { midnight_ms(text) };
    let staff = accepted(
        &truth.files["memberships.csv"],
        &rows,
        |row| format!("{}{}", row["record"], row["withdrawn"]),
        |row| {
            let since_ms = since_ms(&row["since"]).ok_or("unparsable_time")?;
            let written_ms = since_ms + if row["withdrawn"] == "yes" { 10 * accounts::DAY_MS } else { 0 };
            if row["employee"].is_empty() { Err("missing_actor") } else { Ok(("membership".to_owned(), written_ms)) }
        },
    );
    assert_eq!(truth.relations.n_memberships, staff.iter().filter(|(row, _)| row["withdrawn"].is_empty()).count() as u64);
    let members = members(&staff, "employee", "company");
    assert_eq!(truth.relations.n_memberships - truth.relations.n_memberships_withdrawn, members.len() as u64);

    let rows = read_table(dir, "profiles.csv", b',');
    let text = |row: &accounts::Row| row.values().cloned().collect::<Vec<_>>().join("\t");
    accepted(&truth.files["profiles.csv"], &rows, text, |row| {
        let since_ms = since_ms(&row["since"]).ok_or("unparsable_time")?;
        if row["subject"].is_empty() { Err("missing_actor") } else { Ok(("profile".to_owned(), since_ms)) }
    });

    let mut same: BTreeMap<String, String> = BTreeMap::new();
    let rows = read_table(dir, "merges.csv", b',');
    for row in &rows {
        for (one, other) in [("email", "also_email"), ("also_email", "email")] {
            if row["withdrawn"] == "yes" {
                same.remove(&row[one])
            } else {
                same.insert(row[one].clone(), row[other].clone())
            };
        }
    }
    assert_eq!(truth.relations.n_merges - truth.relations.n_merges_withdrawn, same.len() as u64 / 2);
    check(truth, &Spec::parse(SAAS_SPEC).unwrap(), events, &members, &same);
}

#[test]
fn the_world_is_as_described() {
    let dir = tempfile::tempdir().unwrap();
    let truth = write_saas(&SaasOptions { companies: 900, ..SaasOptions::default() }, dir.path()).unwrap();
    eprintln!("{}", serde_json::to_string_pretty(&truth).unwrap());
    check_effects(&truth);
    let rate = |n_outcome: u64, n: u64| n_outcome as f64 / n as f64;
    let ratio = |name: &str| {
        let effect = truth.effects.iter().find(|effect| effect.friction == name).unwrap();
        rate(effect.n_met_outcome, effect.n_met) / rate(effect.n_clean_outcome, effect.n_clean)
    };
    assert!(ratio("import_error") < 0.65 && ratio("slow_page") < 0.8, "{} {}", ratio("import_error"), ratio("slow_page"));
    assert!(ratio("layout_broken") < 0.9, "looks harmful and is not: {}", ratio("layout_broken"));
    assert!(1.05 < ratio("error_shown"), "looks helpful and is not: {}", ratio("error_shown"));

    for stage in &truth.accounts.stages {
        assert!(20 <= stage.n_accounts && 5 <= stage.n_open, "{stage:?}");
    }
    assert!(truth.accounts.stages[..4].iter().all(|stage| 0 < stage.n_lapsed && stage.n_went_on.values().sum::<u64>() > 0));
    assert!(0 < truth.accounts.stages[3].n_left && 0 < truth.accounts.stages[3].n_came_from["lost"]);
    let import = &truth.accounts.tasks["import_data"];
    assert!(0 < import.n_succeeded.min(import.n_failed).min(import.n_abandoned), "{import:?}");
    let relations = &truth.relations;
    assert!(0 < relations.n_users_in_two_accounts.min(relations.n_users_who_moved).min(relations.n_memberships_withdrawn));
    assert!(1 < relations.n_merges && relations.n_merges_withdrawn == 1);
    assert_eq!(truth.accounts.money.by_currency.keys().collect::<Vec<_>>(), ["EUR", "USD"]);
    let table = &truth.accounts.users_customers;
    assert!(0 < table.n_uses_and_pays.min(table.n_uses_only).min(table.n_neither), "{table:?}");
    assert!(truth.product_joined.n_people < truth.product_as_logged.n_people);
    for friction in truth.accounts.frictions.values() {
        assert!(0 < friction.n_episodes && 0 < friction.n_accounts, "{friction:?}");
    }
    let errors = truth.files["product.jsonl"].events["import_error"];
    assert!(truth.accounts.frictions["import_error"].n_episodes < errors, "some come in quick succession");
    assert!(0 < truth.accounts.n_rows_without_account);
}

#[test]
fn switching_an_effect_off_gives_the_conversions_that_it_cost() {
    let write = |effects_off: &[SaasFriction]| {
        let dir = tempfile::tempdir().unwrap();
        let effects_off: BTreeSet<SaasFriction> = effects_off.iter().copied().collect();
        write_saas(&SaasOptions { companies: 400, effects_off, ..SaasOptions::default() }, dir.path()).unwrap()
    };
    let truth = write(&[]).counterfactual;
    for friction in [SaasFriction::ImportError, SaasFriction::SlowPage] {
        let off = write(&[friction]);
        assert_eq!(off.counterfactual.n_units, truth.n_units);
        assert_eq!(off.counterfactual.n_converted, truth.n_converted_without[friction.name()]);
        assert!(off.effects.iter().all(|effect| effect.friction != friction.name() || !effect.causal));
    }
    let off = write(&[SaasFriction::ImportError, SaasFriction::SlowPage]);
    assert_eq!(off.counterfactual.n_converted, truth.n_converted_without_all);
    assert!(off.effects.iter().all(|effect| effect.n_conversions_lost == 0));
}

#[test]
fn a_friction_changes_only_the_companies_that_it_struck() {
    let write = |effects_off: BTreeSet<SaasFriction>| {
        let dir = tempfile::tempdir().unwrap();
        write_saas(&SaasOptions { effects_off, ..SaasOptions::small() }, dir.path()).unwrap();
        accounts::doings(dir.path(), "product.jsonl", "email")
    };
    let (with, without) = (write(BTreeSet::new()), write([SaasFriction::ImportError].into()));
    let company = |email: &str| email.split_once('@').unwrap().1.to_owned();
    let met = |(_, events): &(&String, &Vec<String>)| events.iter().any(|event| event == "import_error");
    let struck: BTreeSet<String> = with.iter().filter(met).map(|(email, _)| company(email)).collect();
    let people: BTreeSet<&String> = with.keys().chain(without.keys()).collect();
    let changed: BTreeSet<String> =
        people.into_iter().filter(|email| with.get(*email) != without.get(*email)).map(|email| company(email)).collect();
    assert!(!changed.is_empty() && changed.is_subset(&struck), "{changed:?} {struck:?}");
}

#[test]
fn the_smallest_business_works_and_an_impossible_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let truth = write_saas(&SaasOptions { companies: 20, seed: 3, ..SaasOptions::default() }, &dir.path().join("made/for/it")).unwrap();
    assert!(0 < truth.files["product.jsonl"].n_accepted);
    let error = write_saas(&SaasOptions { companies: 0, ..SaasOptions::default() }, dir.path()).unwrap_err();
    assert!(error.to_string().contains("20 to 50,000"));
}
